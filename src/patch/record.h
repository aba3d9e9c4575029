/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record: what a patch leaves in the target about itself.
 *
 * The first pages of each patch's memory are its record.  list, check and revert need nothing
 * else: no patch file, and no file of the target.  What is read back is checked like a file,
 * since the target may have damaged it.
 *
 * Layout (little-endian, fixed-width, every part 8-byte aligned): struct
 * record_head, then n_funcs struct record_func, n_ranges struct record_range,
 * n_detours struct record_detour, n_hooks struct record_hook,
 * n_states struct record_variable, then the strings.  crc covers all bytes behind itself, up to
 * `size`; in front of it are state, sequence and hook, which change while the patch is applied.
 *
 * The set of records determines the bytes at the start of every patched function (plan.h).  So
 * nsb can take out any patch, also one that was applied before others.
 */
#ifndef NSB_RECORD_H
#define NSB_RECORD_H

#include "bridge.h"
#include "link.h"
#include "target.h"

#define RECORD_MAGIC "NSBpatch"
#define RECORD_VERSION 4
#define RECORD_MAX_BYTES (16u << 20)

enum record_state {
	RECORD_LOADING = 1,	/* it is mapped, and no jump leads to it yet */
	RECORD_APPLIED = 2,
	RECORD_REVERTING = 3,	/* some of its jumps may have been taken out */
	RECORD_KEPT = 4,	/* it is reverted; some or all of its memory stays, as its addresses may be in use */
};

/* What kinds of data the patch has. */
enum record_data {
	/* No address of such data can leave the patch: vz_inside has all segments of this kind. */
	RECORD_CONSTANTS_INSIDE = 1 << 0,
	RECORD_VARIABLES_INSIDE = 1 << 1,
	RECORD_HAS_VARIABLES = 1 << 2,	/* of its own: vz_variable */
};

struct record_head {
	uint8_t magic[8];
	uint32_t version;
	uint32_t state;		/* enum record_state */
	uint64_t sequence;	/* patches are numbered in the order in which they were applied, from 1 */
	uint32_t hook;		/* enum vz_hook_kind: one of these was begun, and nsb has not seen its end; 0: none */
	uint32_t reserved;
	uint32_t crc;		/* of the bytes from here to the end of the record */
	uint32_t size;		/* of the whole record in bytes */
	uint64_t applied_at;	/* seconds since the epoch */
	uint64_t address;	/* of this record, where the patch's memory begins */
	uint64_t mapped;	/* size of the patch's memory */
	uint64_t patch_bias;	/* what is added to a link-time address of the patch */
	uint64_t object_base, object_bias;	/* of the target object */
	uint32_t n_funcs, n_ranges;
	uint32_t patch_name, object_name, description;	/* offsets of strings */
	uint32_t strings_size;
	uint32_t patch_id_size, object_id_size;
	uint32_t n_detours;
	uint32_t data;		/* enum record_data */
	uint32_t n_hooks;
	uint32_t stack;		/* so many bytes at the end of the patch's memory: HOOK_STACK, or 0 without hooks */
	uint32_t variables;	/* offset of a string: the names of the patch's own variables, "a, b and 3 more" */
	uint32_t n_states;
	uint8_t patch_id[BUILD_ID_MAX];
	uint8_t object_id[BUILD_ID_MAX];
};

struct record_func {
	uint64_t target;	/* run-time address of the replaced function */
	uint64_t target_size;
	uint64_t patch;		/* run-time address of the new one */
	uint64_t patch_size;
	uint64_t via;		/* the jump at the replaced function leads here: to `patch`, a bridge, or a gate (VZ_FUNC_GATED) */
	uint64_t jump_offset;	/* of the jump in the replaced function, behind an ENDBR */
	uint64_t patch_jump_offset;	/* of a later patch's jump in the new function */
	uint8_t target_old[JUMP_MAX];	/* the bytes of the target's file at the jump */
	uint8_t patch_old[JUMP_MAX];	/* the bytes of the patch at patch_jump_offset */
	uint32_t name;
	uint32_t flags;		/* enum vz_func_flags */
};

struct record_range {
	uint64_t start, end;	/* run-time addresses of .cold and .part code, */
	uint32_t func;		/* of this function; or RANGE_QUIET: of one that is not replaced (struct vz_quiet) */
	uint32_t name;		/* of the function */
};

#define RANGE_QUIET UINT32_MAX
#define HOOK_GUARD 65536	/* below the stack of hooks is so much that nobody may touch: whole pages of every size, PAGE_MAX */
#define HOOK_STACK (131072 + HOOK_GUARD)

/* A place in the target that leads its unwinder to the patch's guide (guide.h). */
struct record_detour {
	uint64_t place;		/* address of a slot, or of code that is replaced by a jump */
	uint64_t guide;		/* run-time address of struct guide */
	uint64_t own;		/* the last guide leads here, to the target's own function */
	uint8_t was[JUMP_MAX];	/* the bytes of the place without any guide */
	uint32_t size;		/* of the place */
	uint32_t is_code;
};

/* A function of the patch that nsb has the process run. */
struct record_hook {
	uint64_t address;	/* run-time address */
	uint32_t kind;		/* enum vz_hook_kind */
	uint32_t limit_ms;
	uint32_t name;
	uint32_t padding;
};

/* A variable of the patch that a newer one takes over (struct vz_state). */
struct record_variable {
	uint64_t address;	/* run-time address */
	uint64_t size;
	uint32_t name, type;
};

_Static_assert(sizeof(struct record_head) == 8 + 8 + 8 + 8 + 8 + 6 * 8 + 14 * 4 + 2 * BUILD_ID_MAX,
	       "the record's head has no padding");
_Static_assert(sizeof(struct record_func) == 7 * 8 + 2 * JUMP_MAX + 8, "nor has a function's");
_Static_assert(sizeof(struct record_detour) == 3 * 8 + JUMP_MAX + 8, "nor has a detour");
_Static_assert(sizeof(struct record_range) == 24 && sizeof(struct record_hook) == 24 &&
	       sizeof(struct record_variable) == 24, "nor have these");

/* A decoded record.  Its pointers lead into `bytes`. */
struct record {
	uint8_t *bytes;		/* owned */
	const struct record_head *head;
	const struct record_func *funcs;
	const struct record_range *ranges;
	const struct record_detour *detours;
	const struct record_hook *hooks;
	const struct record_variable *states;
	const char *strings;
	uint64_t stays;		/* of a record that is RECORD_KEPT: bytes that are mapped, with the record */
	bool has_left;		/* plan_retire(): a newer patch replaces it */
	bool is_gone;		/* plan_judge(): its object was unloaded */
	const char *untrue;	/* plan_judge(): it is forged, as the code of this function shows ("": it names none) */
};

struct records {
	struct record *all;	/* sorted by sequence */
	size_t count;
	size_t bytes;		/* of all records */
};

/* Where the jump of an older generation of the function leads: to its new code, or the gate before that. */
static inline uint64_t record_entry(const struct record_func *func)
{
	return func->flags & VZ_FUNC_GATED ? func->via : func->patch;
}
const char *record_string(const struct record *record, uint32_t offset);
/* Whether the process runs the patch, after plan_judge(): all its jumps are there. */
bool record_is_in_force(const struct record *record);

/*
 * What the record of a patch is made of.  The patch will be mapped at `address`, and its image at
 * image->base.
 */
struct record_input {
	const struct patchfile *patch;
	const struct link_image *image;
	const struct arch *arch;
	const struct bridge *bridge;
	uint64_t address, mapped, sequence, applied_at;
	uint64_t object_base, object_bias;
	const char *object_name;
	uint32_t stack;
	const struct record_detour *detours;
	size_t n_detours;
};
/* The size of the record of this patch. */
size_t record_size(const struct patchfile *patch, const char *object_name, size_t n_detours);
/* Make a record, of head->size bytes.  The caller frees it by record_deinit().  -ENOMEM, -ESTALE with a message. */
int record_make(const struct record_input *input, struct record *out) MUST_CHECK;
void record_deinit(struct record *record);

/* Check `size` bytes that look like a record.  After success they belong to *out. */
int record_decode(uint8_t *bytes, size_t size, struct record *out) MUST_CHECK;

/* Find all records in a process.  An error, with a message, if one is damaged. */
int records_read(struct records *records, const struct target *target) MUST_CHECK;
void records_deinit(struct records *records);
/*
 * The next record behind `after`, the first one if that is NULL, of the patch with this build-id,
 * if it is applied, or was applied or taken out in part.  NULL if there is none.
 */
const struct record *records_find(const struct records *records, const struct record *after,
				  const uint8_t *id, size_t size);

#endif
