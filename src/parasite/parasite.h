/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parasite: what nsb runs inside a target.
 *
 * One flat image per ABI, its entry at offset 0.  It lives in the first page
 * of the memory that is mapped for a patch, until that page becomes the state
 * record:
 *
 *	0		enter the kernel (number and arguments are in the registers)
 *	following	rt_sigreturn: restores the thread from the signal frame on
 *			its stack, should the tracer have died meanwhile
 */
#ifndef NSB_PARASITE_H
#define NSB_PARASITE_H

#define PARASITE_MAX_BYTES 64

#endif
