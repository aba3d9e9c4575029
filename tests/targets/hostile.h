/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostile.h: what both parts of the target "hostile" use. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stddef.h>

#define MIB ((size_t)1 << 20)
#define PAGE_SIZE ((size_t)4096)

/* The program's entry point. */
extern char _start[];

/* Address space without pages; NULL if there is none. */
void *reserve(size_t size, int prot);
/* A thread of that function. */
void start(void *(*run)(void *arg));

/* Attacks, by the names that hostile.c gives them.  0, or -1 with errno. */
int fake_tables(void);
int fake_needs(void);
int fake_hash(void);
int forge_contexts(void);
int map_much(void);
int map_unserved(void);
int flood(void);
int churn(void);
int scan_deep(void);
int stay_in_parasite(void);

#endif
