/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record: what a patch leaves in the target about itself.
 *
 * One record stands in the first pages of each patch's memory.  list, check and
 * revert work from it alone: no patch file, whatever became of the target's
 * files.  It is read back as untrusted as a file.
 *
 * Layout (little-endian, fixed-width, every part 8-byte aligned): struct
 * record_head, then n_funcs struct record_func, n_ranges struct record_range,
 * n_hooks struct record_hook, then the strings.  crc covers all of `size` bytes behind itself; the two
 * words that change during a patch's life, state and sequence, stand before it.
 *
 * The bytes of every patched place are a pure function of the set of applied
 * records (plan.h), so taking a patch out of the middle needs no history.
 */
#ifndef NSB_RECORD_H
#define NSB_RECORD_H

#include "bridge.h"
#include "link.h"
#include "target.h"

#define RECORD_MAGIC "NSBpatch"
#define RECORD_VERSION 3
#define RECORD_MAX_BYTES (16u << 20)

enum record_state {
	RECORD_LOADING = 1,	/* mapped, no jump leads here */
	RECORD_APPLIED = 2,
	RECORD_REVERTING = 3,	/* jumps may be partly gone */
	RECORD_KEPT = 4,	/* reverted; the memory stays: its addresses may be in use */
};

struct record_head {
	uint8_t magic[8];
	uint32_t version;
	uint32_t state;		/* enum record_state */
	uint64_t sequence;	/* order of application in this process, from 1 */
	uint32_t crc;		/* of what follows, to the end of the record */
	uint32_t size;		/* of the whole record in bytes */
	uint64_t applied_at;	/* seconds since the epoch */
	uint64_t address;	/* of this record: where the patch's memory begins */
	uint64_t mapped;	/* bytes mapped from there on */
	uint64_t patch_bias;	/* run-time - link-time address of the patch */
	uint64_t object_base, object_bias;	/* of the target object */
	uint32_t n_funcs, n_ranges;
	uint32_t patch_name, object_name, description;	/* offsets of strings */
	uint32_t strings_size;
	uint32_t patch_id_size, object_id_size;
	uint32_t n_hooks, unused;
	uint8_t patch_id[BUILD_ID_MAX];
	uint8_t object_id[BUILD_ID_MAX];
};

struct record_func {
	uint64_t target;	/* run-time address of the replaced function */
	uint64_t target_size;
	uint64_t patch;		/* run-time address of the new one */
	uint64_t patch_size;
	uint64_t via;		/* where the jump at the replaced function leads: `patch` or a bridge */
	uint64_t jump_offset;	/* of the jump in the replaced function (behind ENDBR) */
	uint64_t patch_jump_offset;	/* the same in the new function, for a later patch */
	uint8_t target_old[JUMP_MAX];	/* bytes the target's file has at the jump */
	uint8_t patch_old[JUMP_MAX];	/* bytes the patch has there */
	uint32_t name;
	uint32_t flags;		/* enum vz_func_flags */
};

struct record_range {
	uint64_t start, end;	/* run-time addresses of .cold and .part code */
	uint64_t func;
};

/* A place from which the target's unwinder is led to the patch's guide (guide.h). */
struct record_hook {
	uint64_t place;		/* a word that holds an address, or code that is jumped from */
	uint64_t guide;		/* run-time address of struct guide */
	uint64_t own;		/* what the last guide leads to: the target's own */
	uint8_t was[JUMP_MAX];	/* the place without any guide */
	uint32_t size;		/* of the place */
	uint32_t is_code;
};

_Static_assert(sizeof(struct record_head) == 8 + 8 + 8 + 8 + 6 * 8 + 10 * 4 + 2 * BUILD_ID_MAX,
	       "the record's head has no padding");
_Static_assert(sizeof(struct record_func) == 7 * 8 + 2 * JUMP_MAX + 8, "nor has a function's");
_Static_assert(sizeof(struct record_hook) == 3 * 8 + JUMP_MAX + 8, "nor has a hook");

/* A decoded record; pointers go into `bytes`. */
struct record {
	uint8_t *bytes;		/* owned */
	const struct record_head *head;
	const struct record_func *funcs;
	const struct record_range *ranges;
	const struct record_hook *hooks;
	const char *strings;
	bool has_left;		/* is being taken out in favour of another: plan_retire() */
	bool is_gone;		/* what it patched is not there any more: plan_look_gone() */
};

struct records {
	struct record *all;	/* by sequence, ascending */
	size_t count;
};

const char *record_string(const struct record *record, uint32_t offset);

/*
 * Make the record for a patch that will be mapped at `address`, image at
 * image->base.  *bytes is malloced, its size is head->size.
 */
struct record_input {
	const struct patchfile *patch;
	const struct link_image *image;
	const struct arch *arch;
	const struct bridge *bridge;
	uint64_t address, mapped, sequence, applied_at;
	uint64_t object_base, object_bias;
	const char *object_name;
	const struct record_hook *hooks;
	size_t n_hooks;
};
/* Bytes that the record of this patch takes. */
size_t record_size(const struct patchfile *patch, const char *object_name, size_t n_hooks);
int record_make(const struct record_input *input, struct record *out) MUST_CHECK;
void record_deinit(struct record *record);

/* Check `size` bytes that claim to be a record; takes ownership of them on success. */
int record_decode(uint8_t *bytes, size_t size, struct record *out) MUST_CHECK;

/* Find all records in a process.  Damaged ones are refused with a message. */
int records_read(struct records *records, const struct target *target) MUST_CHECK;
void records_deinit(struct records *records);
/*
 * By the patch's build-id, those that are in force or half-way: the first one
 * behind `after` (NULL: of all); NULL if there is none.
 */
const struct record *records_find(const struct records *records, const struct record *after,
				  const uint8_t *id, size_t size);

#endif
