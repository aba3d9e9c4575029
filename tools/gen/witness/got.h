/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * got: where code of i386 has the address of the global offset table.
 *
 * Such code finds its pc by a call, adds the distance of the table, and finds its variables by
 * their distances from that.  Whether a displacement is such a distance depends on the register
 * that it is added to.
 */
#ifndef NSB_GEN_GOT_H
#define NSB_GEN_GOT_H

#include "image.h"
#include "insn.h"

/* What is known of a function. */
struct got {
	const struct image *image;
	uint64_t lo, hi;
	uint8_t *holds;		/* by offset: a bit for each register that may have the address before the instruction */
};

/*
 * Look through the code of a spot, whose bytes are `code`.  On amd64, and in a file without the
 * table, it finds nothing and allocates nothing.  -ENOMEM.
 */
int got_init(struct got *got, const struct image *image, uint32_t spot, const uint8_t *code) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void got_deinit(struct got *got);

/* May one of the registers, -1 for none, hold the address before the instruction at `addr`? */
bool got_holds(const struct got *got, uint64_t addr, int base, int index);

/* The register into which a call at `addr` finds its return address; -1: it is no such call. */
int got_pc_register(const struct image *image, uint64_t addr, const uint8_t *insn, const struct shape *shape);

#endif
