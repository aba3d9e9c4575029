/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parasite: what nsb puts into a target to run a system call there.
 *
 * It stands over the entry point of the program (AT_ENTRY), which ran once,
 * when the program began, and never again; the bytes that belong there come
 * back as soon as the calls are made.  Its parts:
 *
 *	0	code, one flat image per ABI: enter the kernel (number and
 *		arguments are in the registers), then rt_sigreturn, which gives
 *		the thread all its registers back from the signal frame on its
 *		stack, should nsb have died meanwhile
 *	16	where memory is about to be mapped: address and size, so that the
 *		next nsb can clean up behind one that died
 */
#ifndef NSB_PARASITE_H
#define NSB_PARASITE_H

#include <stdint.h>

#define PARASITE_CODE_BYTES 16

struct parasite {
	uint8_t code[PARASITE_CODE_BYTES];
	uint64_t address, size;		/* 0, 0: no memory is being mapped */
};

_Static_assert(sizeof(struct parasite) == 32, "the same for both sides");

#endif
