/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syscalls: the system calls that a stop may do something to, for both x86 ABIs.
 *
 * Source: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl for the numbers;
 * where a signal ends a sleep, in the files that docs/syscalls.md names, for the rest.
 */
#ifndef NSB_SYSCALLS_H
#define NSB_SYSCALLS_H

#include "arch.h"

/* The find_call of the two ABIs (arch.h). */
const struct system_call *amd64_find_call(uint64_t number, uint64_t first, bool *in_memory);
const struct system_call *i386_find_call(uint64_t number, uint64_t first, bool *in_memory);

#endif
