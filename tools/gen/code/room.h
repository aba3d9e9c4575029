/* SPDX-License-Identifier: GPL-2.0-or-later */
/* room: how many bytes at the start of a target's function may be overwritten. */
#ifndef NSB_GEN_ROOM_H
#define NSB_GEN_ROOM_H

#include "binary.h"

/*
 * The room for a jump at the function `name`, in bytes: its size and the padding behind it, up
 * to the next symbol or function.  The answer is -EINVAL with a message if that is too small
 * for the jump, or if the file has no code there.
 */
int measure_room(const struct binary *target, const char *name, uint64_t addr, uint64_t size,
		 uint64_t *room) MUST_CHECK;

/* Bytes of padding at the start of `code`: nops in all their forms, int3, zeros. */
size_t padding_size(const uint8_t *code, size_t size);

#endif
