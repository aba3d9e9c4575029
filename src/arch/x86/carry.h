/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carry: moves the instructions that functions begin with to another address.
 *
 * Source: Intel SDM vol. 2, chapter 2 and the instructions named.
 */
#ifndef NSB_CARRY_H
#define NSB_CARRY_H

#include "arch.h"

/*
 * The carry of each ABI (arch.h).  It moves the instructions that compilers begin functions
 * with: pushes, and moves and sums of registers and of memory at a distance from a register.
 * On i386 it moves a call too, since position-independent code calls a thunk that reads its
 * return address (__x86.get_pc_thunk.bx).
 */
size_t amd64_carry(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
		   uint8_t *out, size_t *carried);
size_t i386_carry(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
		  uint8_t *out, size_t *carried);

#endif
