/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unwind-native.h"

#include <errno.h>
#include <libunwind.h>
#include <stdlib.h>
#include <string.h>

#define CACHED_STATES 1024	/* libunwind's cache of decoded register rules */
#define KNOWN_PCS 1024	/* a power of two */

/* libunwind exports this for users of its remote interface, but none of its headers declares it. */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t pc,
					      unw_dyn_info_t *table, unw_proc_info_t *info,
					      int need_unwind_info, void *arg);

/* What our evaluator says of an address in the code.  libunwind tells none of this. */
struct known_pc {
	uint64_t pc;		/* that address; 0: this element is unused */
	bool covered, signal, bottom;
};

struct native {
	const struct arch *arch;
	const struct bytes *bytes;
	native_find *find;
	void *ctx;
	const struct regs *regs;
	unw_addr_space_t space;
	unw_cursor_t cursor;
	bool missed;		/* libunwind asked for unwind information that does not exist */
	struct known_pc known[KNOWN_PCS];
};

/* ---- what libunwind asks ---- */

static int find_proc_info(unw_addr_space_t space, unw_word_t pc, unw_proc_info_t *info,
			  int need_unwind_info, void *arg)
{
	struct native *native = arg;
	const struct cfi_table *table = native->find(native->ctx, pc);
	struct cfi_header header;
	unw_dyn_info_t remote = { .format = UNW_INFO_FORMAT_REMOTE_TABLE };
	int err = -UNW_ENOINFO;

	if (table != NULL && table->hdr != 0 &&
	    cfi_header(native->arch, table, native->bytes, &header) == 0 && header.n_rows != 0) {
		remote.start_ip = (unw_word_t)table->start;
		remote.end_ip = (unw_word_t)table->end;
		remote.u.rti.segbase = (unw_word_t)table->hdr;
		remote.u.rti.table_data = (unw_word_t)header.rows;
		remote.u.rti.table_len = (unw_word_t)(header.n_rows * 8 / sizeof(unw_word_t));
		err = UNW_OBJ(dwarf_search_unwind_table)(space, pc, &remote, info,
							 need_unwind_info, arg);
	}
	if (err < 0)
		native->missed = true;
	return err;
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
	(void)space;
	(void)info;
	(void)arg;
}

static int get_dyn_info_list_addr(unw_addr_space_t space, unw_word_t *addr, void *arg)
{
	(void)space;
	(void)addr;
	(void)arg;
	return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t space, unw_word_t addr, unw_word_t *value, int write,
		      void *arg)
{
	struct native *native = arg;

	(void)space;
	if (write || native->bytes->read(native->bytes, addr, value, sizeof(*value)) != 0)
		return -UNW_EINVAL;
	return 0;
}

/* The DWARF number of a register that libunwind numbers in its own way. */
static unsigned dwarf_number(const struct native *native, unw_regnum_t number)
{
	if (number < 0 || (unsigned)number >= native->arch->n_dwarf_regs)
		return DWARF_REGS_MAX;
	if (native->arch->unw_to_dwarf != NULL)
		return native->arch->unw_to_dwarf[number];
	return (unsigned)number;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write,
		      void *arg)
{
	struct native *native = arg;
	unsigned dwarf = dwarf_number(native, number);

	(void)space;
	if (write || !regs_has_dwarf(native->arch, dwarf))
		return -UNW_EBADREG;
	*value = (unw_word_t)regs_get_dwarf(native->arch, native->regs, dwarf);
	return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write,
			void *arg)
{
	(void)space;
	(void)number;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t pc, char *name, size_t size,
			 unw_word_t *offset, void *arg)
{
	(void)space;
	(void)pc;
	(void)name;
	(void)size;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

/* ---- stepping ---- */

int native_create(struct native **out, const struct arch *arch, const struct bytes *bytes,
		  native_find *find, void *ctx)
{
	static unw_accessors_t accessors = {
		.find_proc_info = find_proc_info, .put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = get_dyn_info_list_addr, .access_mem = access_mem,
		.access_reg = access_reg, .access_fpreg = access_fpreg, .resume = resume,
		.get_proc_name = get_proc_name,
	};
	struct native *native = calloc(1, sizeof(*native));

	*out = NULL;
	if (native == NULL)
		return fail(ENOMEM, "out of memory for libunwind");
	native->arch = arch;
	native->bytes = bytes;
	native->find = find;
	native->ctx = ctx;
	native->space = unw_create_addr_space(&accessors, 0);
	if (native->space == NULL) {
		free(native);
		return fail(ENOMEM, "libunwind cannot make an address space");
	}
	/* If libunwind refuses this, its answers are the same and take longer. */
	(void)unw_set_caching_policy(native->space, UNW_CACHE_GLOBAL);
	(void)unw_set_cache_size(native->space, CACHED_STATES, 0);
	*out = native;
	return 0;
}

void native_destroy(struct native *native)
{
	if (native == NULL)
		return;
	unw_destroy_addr_space(native->space);
	free(native);
}

bool native_start(struct native *native, const struct regs *regs)
{
	native->regs = regs;
	return unw_init_remote(&native->cursor, native->space, native) == 0;
}

/*
 * Ask our evaluator to step from pc without any registers.  It cannot make the step, but it
 * finds the rules, and tells whether there are any, whether they are those of a signal frame,
 * and whether the return address is undefined.
 */
static const struct known_pc *look_up_pc(struct native *native, const struct cfi_table *table,
					 uint64_t pc)
{
	struct known_pc *known = &native->known[(pc ^ (pc >> 10)) % KNOWN_PCS];
	struct cfi_frame frame = { .pc = pc, .exact = true };
	enum cfi_result result;

	if (known->pc == pc)
		return known;
	result = cfi_step(native->arch, table, native->bytes, &frame);
	known->pc = pc;
	known->covered = result != CFI_NONE;
	known->bottom = result == CFI_BOTTOM;
	known->signal = frame.signal;
	return known;
}

static uint64_t place_of(const struct cfi_frame *frame)
{
	return frame->exact ? frame->pc : frame->pc - 1;
}

bool native_serves(struct native *native, const struct cfi_table *table,
		   const struct cfi_frame *frame)
{
	return table != NULL && table->hdr != 0 && table->index == NULL &&
		look_up_pc(native, table, place_of(frame))->covered;
}

enum cfi_result native_step(struct native *native, const struct cfi_table *table,
			    struct cfi_frame *frame)
{
	const struct known_pc *known = look_up_pc(native, table, place_of(frame));
	unw_cursor_t before;
	unw_word_t pc, sp;

	frame->signal = known->signal;
	if (known->bottom)
		return CFI_BOTTOM;
	native->missed = false;
	/*
	 * unw_step() returns 0 for an end of the stack, which is no proof.  Where it finds no
	 * information it guesses, and moves the cursor: we move it back.
	 */
	before = native->cursor;
	if (unw_step(&native->cursor) <= 0 || native->missed ||
	    unw_get_reg(&native->cursor, UNW_REG_IP, &pc) != 0 ||
	    unw_get_reg(&native->cursor, UNW_REG_SP, &sp) != 0) {
		native->cursor = before;
		return CFI_BAD;
	}
	frame->pc = pc;
	frame->reg[native->arch->dwarf_sp] = sp;
	frame->exact = known->signal;
	return CFI_STEPPED;
}

void native_registers(struct native *native, struct cfi_frame *frame)
{
	frame->known = 0;
	for (unsigned i = 0; i < native->arch->n_dwarf_regs; i++) {
		unsigned dwarf = dwarf_number(native, (unw_regnum_t)i);
		unw_word_t value;

		if (dwarf < DWARF_REGS_MAX &&
		    unw_get_reg(&native->cursor, (unw_regnum_t)i, &value) == 0) {
			frame->reg[dwarf] = value;
			frame->known |= CFI_REG(dwarf);
		}
	}
}
