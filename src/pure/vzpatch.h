/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vzpatch: the format of the patch metadata, and the codec of its records.
 *
 * The section "vzpatch" of a patch tells nsb what the patch replaces and what
 * it needs of the target.  docs/vzpatch.5 describes every byte.  One static
 * table per record type drives encoder, decoder and both printers (text and
 * JSON); nsb and nsb-gen link this same object.
 *
 * The decoder trusts nothing: no length, no count, no index, no string.
 * All addresses are link-time addresses of the file meant (p_vaddr space), so
 * run-time address = address + load bias.
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

/* A byte string inside the decoded section (owned by struct vzpatch). */
struct vz_blob {
	const uint8_t *data;
	uint64_t size;
};

/* How a reference or relocation computes its value: see link.h. */
enum vz_place_kind {
	VZ_PLACE_ABS = 1,	/* S + A */
	VZ_PLACE_PCREL = 2,	/* S + A - P */
	VZ_PLACE_GOTREL = 3,	/* S + A - address of the patch's GOT (i386 GOTOFF) */
	/* Of a thread-local variable, whose offset in the target's TLS block target_addr is: */
	VZ_PLACE_DTPOFF = 4,	/* offset in the block + A */
	VZ_PLACE_TPOFF = 5,	/* distance from the thread pointer + A */
};

enum vz_func_flags {
	VZ_FUNC_GLOBAL = 1 << 0,	/* not local to a compile unit of the target */
	VZ_FUNC_ALLOW_ACTIVE = 1 << 1,	/* old activations may finish in the old body */
	VZ_FUNC_ADDRESS_TAKEN = 1 << 2,	/* the patch may hand out the new function's address */
};

/* Identity of the patch file or of the target file. */
struct vz_object {
	struct vz_blob build_id;
	const char *name;	/* file name without directory */
	uint64_t elf_class;	/* ELFCLASS32, ELFCLASS64 */
	uint64_t machine;	/* EM_386, EM_X86_64 */
	uint64_t type;		/* ET_EXEC, ET_DYN */
};

/* One function that is replaced: a jump from the target's to the patch's. */
struct vz_func {
	const char *name;
	const char *file;	/* source file in the target, "" when global */
	uint64_t target_addr;
	uint64_t target_size;
	uint64_t patch_addr;
	uint64_t patch_size;
	uint64_t flags;		/* enum vz_func_flags */
	uint64_t room;		/* bytes that may be overwritten at target_addr: size + padding */
	struct vz_blob first;	/* the target's first bytes: min(room, FIRST_BYTES_MAX) */
};

/* A further range (.cold, .part) of the target that belongs to function no. `func`. */
struct vz_range {
	uint64_t func;		/* index into funcs */
	uint64_t addr;
	uint64_t size;
};

/* Dynamic symbol no. `symbol` of the patch is the target's address `target_addr`. */
struct vz_dynref {
	uint64_t symbol;	/* index into the patch's .dynsym */
	uint64_t target_addr;
	uint64_t size;		/* of the thing referred to, 0 if unknown */
	const char *name;	/* as the target calls it */
};

/* `width` bytes at patch_addr refer to target_addr + addend, by `kind`. */
struct vz_place {
	uint64_t patch_addr;
	uint64_t width;		/* 4 or 8 */
	uint64_t kind;		/* enum vz_place_kind */
	uint64_t target_addr;
	int64_t addend;
};

/* What the author wants to tell: key "comment", "cve", "description"... */
struct vz_comment {
	const char *key;
	const char *text;
};

struct vzpatch {
	struct vz_object patch;
	struct vz_object target;
	const char *generator;	/* "nsb-gen 0.1" */
	const char *mode;	/* "manual" or "auto" */
	uint64_t load_crc;	/* CRC-32 of all that is loaded: patchfile.h */
	struct vz_func *funcs;
	struct vz_range *ranges;
	struct vz_dynref *dynrefs;
	struct vz_place *places;
	struct vz_comment *comments;
	size_t n_funcs, n_ranges, n_dynrefs, n_places, n_comments;
	uint8_t *bytes;		/* what strings and blobs of a decoded one point into; owned */
};

/*
 * Decode `size` bytes of a section.  On success *out owns its memory, until
 * vzpatch_deinit().  Errors: -ENOEXEC with a message that names the offset
 * (damaged, truncated, newer version, unknown required record), -ENOMEM.
 */
int vzpatch_decode(const uint8_t *bytes, size_t size, struct vzpatch *out) MUST_CHECK;

/* Encode; *bytes is malloced, the caller frees it.  Errors: -ENOMEM, -EINVAL. */
int vzpatch_encode(const struct vzpatch *patch, uint8_t **bytes, size_t *size) MUST_CHECK;

/* Frees what vzpatch_decode allocated.  Harmless on a zeroed struct. */
void vzpatch_deinit(struct vzpatch *patch);

/* Readable text, and one JSON object (no newline at its end). */
void vzpatch_print(const struct vzpatch *patch, FILE *out);
void vzpatch_print_json(const struct vzpatch *patch, FILE *out);

/* CRC-32 as in ISO 3309 and zlib's crc32(): start with crc 0, chain calls. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t size);

/* Hexadecimal text of a build-id; `out` holds 2 * BUILD_ID_MAX + 1 bytes. */
void build_id_format(const uint8_t *id, size_t size, char *out);
/* The reverse; -EINVAL for odd length, a non-digit or too many bytes. */
int build_id_parse(const char *text, uint8_t *id, size_t *size) MUST_CHECK;

/* Write text as a JSON string with its quotes, escaping what must be. */
void json_string(FILE *out, const char *text);
/* Write text for a terminal: what is no text as \xNN, nothing as "-". */
void text_string(FILE *out, const char *text);

#endif
