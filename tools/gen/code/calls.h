/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calls: which code of a binary calls an address, or jumps to it, directly.
 *
 * Code that is not understood is taken to hold a call wherever its bytes might be one.
 */
#ifndef NSB_GEN_CALLS_H
#define NSB_GEN_CALLS_H

#include "binary.h"

/* Visits a call: by function no. `caller`, or by code without debug info if that is DWARF_NONE. */
typedef int (*call_visitor)(void *ctx, uint32_t caller, uint64_t at);

/*
 * Visit every call and jump to `addr` from outside the code that begins there, until the visitor
 * answers something other than 0, which becomes the answer.  `at` is the address of the operand.
 */
int each_call(const struct binary *binary, uint64_t addr, call_visitor visit, void *ctx) MUST_CHECK;

/*
 * Might anything but a direct call or jump lead to this address?  If nothing proves the
 * contrary, the answer is yes.
 */
bool is_address_taken(const struct binary *target, uint64_t addr);

/* The name of the function that an address is in, by debug info or symbols; NULL if none tells. */
const char *name_at(const struct binary *binary, uint64_t addr);

#endif
