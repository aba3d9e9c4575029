/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vzpatch: the format of the patch metadata, and the codec of its records.
 *
 * The section "vzpatch" of a patch tells nsb what the patch replaces and what it needs of the
 * target.  docs/vzpatch.5 describes every byte.  There is one table for each type of record,
 * by which the encoder, the decoder and both printers (text and JSON) work.  nsb and nsb-gen
 * use the same code.
 *
 * The decoder checks every length, count, index and string.  All addresses are link-time
 * addresses (p_vaddr) of the file that they are in; the load bias has to be added.
 */
#ifndef NSB_VZPATCH_H
#define NSB_VZPATCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "msg.h"

#define VZPATCH_SECTION "vzpatch"
#define VZPATCH_VERSION 1
#define VZPATCH_MAX_BYTES (64u << 20)	/* a larger section is refused */
#define BUILD_ID_MAX 64			/* bytes */
#define FIRST_BYTES_MAX 16

/* A string of bytes.  In a decoded section the bytes belong to struct vzpatch. */
struct vz_blob {
	const uint8_t *data;
	uint64_t size;
};

#define NEEDS_KEY "needs"	/* of a comment: the name of a thing that the code refers to */

/* How a reference computes its value: S is the target's address, A the addend, P the address that is written. */
enum vz_place_kind {
	VZ_PLACE_ABS = 1,	/* S + A */
	VZ_PLACE_PCREL = 2,	/* S + A - P */
	VZ_PLACE_GOTREL = 3,	/* S + A - address of the patch's GOT (i386 GOTOFF) */
	/* For a thread-local variable: target_addr is its offset in the target's TLS block. */
	VZ_PLACE_DTPOFF = 4,	/* offset in the block + A */
	VZ_PLACE_TPOFF = 5,	/* distance from the thread pointer + A */
	VZ_PLACE_FIELD = 256,	/* added n times: the value goes into field no. n of an instruction (put_field of src/arch.h) */
};

enum vz_func_flags {
	VZ_FUNC_GLOBAL = 1 << 0,	/* the target's function is not static */
	VZ_FUNC_ALLOW_ACTIVE = 1 << 1,	/* threads that are in the old function may finish there */
	VZ_FUNC_ADDRESS_TAKEN = 1 << 2,	/* the patch may hand out the new function's address */
	VZ_FUNC_SHORT = 1 << 3,		/* the jump's last bytes are what lies behind `room`, and stay */
	VZ_FUNC_RESUME = 1 << 4,	/* target_addr is where a call returns to, inside of a function: who comes there goes on in the patch */
	VZ_FUNC_GATED = 1 << 5,		/* there is a struct vz_gate of it */
	VZ_FUNC_PASSES = 1 << 6,	/* the new code goes on in the old one: no other patch may replace it at the same time */
};

/* Identity of the patch file or of the target file. */
struct vz_object {
	struct vz_blob build_id;
	const char *name;	/* file name without directory */
	uint64_t elf_class;	/* as e_ident and e_machine of ELF have them */
	uint64_t machine;
	uint64_t type;		/* ET_EXEC, ET_DYN */
};

/* One function that is replaced: nsb writes a jump from the target's to the patch's. */
struct vz_func {
	const char *name;
	const char *file;	/* the target's source file, "" if the function is global */
	uint64_t target_addr;
	uint64_t target_size;
	uint64_t patch_addr;
	uint64_t patch_size;
	uint64_t flags;		/* enum vz_func_flags */
	uint64_t room;		/* so many bytes at target_addr may be overwritten: code and padding */
	/* The first min(room, FIRST_BYTES_MAX) bytes of the target's function; of a short one all that its jump covers. */
	struct vz_blob first;
};

/* The jump to the new code of function no. `func` leads here, from where the patch goes on to it (VZP_ONCE). */
struct vz_gate {
	uint64_t func;		/* index into funcs */
	uint64_t addr;		/* in the patch */
};

/* Another range of the target's code, such as .cold, that belongs to function no. `func`. */
struct vz_range {
	uint64_t func;		/* index into funcs */
	uint64_t addr;
	uint64_t size;
};

/* Dynamic symbol no. `symbol` of the patch means the target's address `target_addr`. */
struct vz_dynref {
	uint64_t symbol;	/* index into the patch's .dynsym */
	uint64_t target_addr;
	uint64_t size;		/* of what is there, 0 if unknown */
	const char *name;	/* its name in the target */
};

/* The `width` bytes at patch_addr refer to target_addr + addend, in the way of `kind`. */
struct vz_place {
	uint64_t patch_addr;
	uint64_t width;		/* 4 or 8 */
	uint64_t kind;		/* enum vz_place_kind */
	uint64_t target_addr;
	int64_t addend;
};

/* A segment of the patch's data no address of which can leave the patch: revert may unmap it. */
struct vz_inside {
	uint64_t addr;
	uint64_t size;
};

/* A variable of the patch's own, which begins anew in each version of the patch. */
struct vz_variable {
	const char *name;
	uint64_t addr;
};

/* When nsb has the process run a function of the patch, with all other threads stopped. */
enum vz_hook_kind {
	VZ_HOOK_PRE_APPLY = 1,	/* before the jumps are written; what it returns may forbid that */
	VZ_HOOK_POST_APPLY = 2,	/* when they are written */
	VZ_HOOK_PRE_REVERT = 3,	/* before they are taken out; what it returns may forbid that */
	VZ_HOOK_POST_REVERT = 4,	/* when they are taken out */
};

#define HOOKS_MAX 64		/* of one patch */
#define HOOK_LIMIT_MS_MAX 1000

/* A function of the patch that the process runs at such a moment. */
struct vz_hook {
	const char *name;
	uint64_t kind;		/* enum vz_hook_kind */
	uint64_t addr;		/* in the patch */
	uint64_t size;
	uint64_t limit_ms;	/* so long it may take */
};

/* Code of the target that is not replaced, and in which no thread may be when hooks run. */
struct vz_quiet {
	const char *name;	/* of the function */
	uint64_t addr;
	uint64_t size;
};

/* A variable of the patch's own that a newer patch which has one like it takes over from this one. */
struct vz_state {
	const char *name;
	const char *type;	/* two of one text are the same type */
	uint64_t addr;
	uint64_t size;
};

#define STATE_MAX (16u << 20)	/* bytes of one */
#define STATE_WAS "was "	/* so begins the type of room for a state of an older patch, of another type, with a byte behind it */

/* What the author of the patch wants to tell; the key is "comment", "cve", "description"... */
struct vz_comment {
	const char *key;
	const char *text;
};

struct vzpatch {
	struct vz_object patch;
	struct vz_object target;
	const char *generator;	/* "nsb-gen 0.1" */
	const char *mode;	/* "manual" or "auto" */
	uint64_t load_crc;	/* patchfile_load_crc() of the patch */
	struct vz_func *funcs;
	struct vz_range *ranges;
	struct vz_dynref *dynrefs;
	struct vz_place *places;
	struct vz_comment *comments;
	struct vz_inside *inside;
	struct vz_variable *variables;
	struct vz_hook *hooks;
	struct vz_quiet *quiets;
	struct vz_state *states;
	struct vz_gate *gates;
	size_t n_funcs, n_ranges, n_dynrefs, n_places, n_comments, n_inside, n_variables, n_hooks, n_quiets, n_states, n_gates;
	uint8_t *bytes;		/* the section; strings and blobs point into it; owned, NULL if not decoded */
};

/*
 * Decode a section of `size` bytes.  After success the caller frees *out by vzpatch_deinit().
 * -ENOEXEC, with a message that names the offset: it is damaged, truncated, of a newer version,
 * or has a required record that is not known.  -ENOMEM.
 */
int vzpatch_decode(const uint8_t *bytes, size_t size, struct vzpatch *out) MUST_CHECK;

/* Encode a section.  The caller frees *bytes.  Errors: -ENOMEM, -EINVAL. */
int vzpatch_encode(const struct vzpatch *patch, uint8_t **bytes, size_t *size) MUST_CHECK;

/* Where the jump of function no. `func` leads in the patch: to its gate, or to its new code. */
uint64_t vzpatch_entry(const struct vzpatch *patch, size_t func);

/* Free what vzpatch_decode() allocated.  A zeroed struct is no error. */
void vzpatch_deinit(struct vzpatch *patch);

/* Print it as text, and as one JSON object without a newline at its end. */
void vzpatch_print(const struct vzpatch *patch, FILE *out);
void vzpatch_print_json(const struct vzpatch *patch, FILE *out);

/* CRC-32 of ISO 3309, the same as zlib's crc32(): begin with crc 0, go on with the last result. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t size);

/* Write a build-id as hexadecimal text; `out` has 2 * BUILD_ID_MAX + 1 bytes. */
void build_id_format(const uint8_t *id, size_t size, char *out);
/* Read such a text.  -EINVAL: its length is odd, it has another character, or it is too long. */
int build_id_parse(const char *text, uint8_t *id, size_t *size) MUST_CHECK;

/* Write text as a JSON string, in quotes and escaped. */
void json_string(FILE *out, const char *text);
/* Write text for a terminal: bytes that are no text become \xNN, an empty string becomes "-". */
void text_string(FILE *out, const char *text);

#endif
