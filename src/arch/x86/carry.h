/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carry: the instructions that functions begin with, moved elsewhere.  In the folder
 * that both builds have.
 *
 * Source: Intel SDM vol. 2, chapter 2 and the instructions named.
 */
#ifndef NSB_CARRY_H
#define NSB_CARRY_H

#include "arch.h"

/*
 * struct arch's carry.  Moved are the instructions that compilers begin functions with:
 * pushes, and moves and sums of registers and of what lies at a distance from one;
 * on i386 also a call, as that of a thunk that reads its return address.
 */
size_t amd64_carry(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
		   uint8_t *out, size_t *carried);
size_t i386_carry(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
		  uint8_t *out, size_t *carried);

#endif
