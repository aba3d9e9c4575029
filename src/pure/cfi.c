/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "budget.h"
#include "interrupt.h"

#define REMEMBER_MAX 16		/* DW_CFA_remember_state can be nested; compilers use one level */
#define EXPRESSION_STACK 64
#define EXPRESSION_STEPS 1024	/* a DW_OP_skip may go backwards, and so go on for ever */
#define ENTRIES_MAX (1u << 24)	/* no linker has made an .eh_frame with so many records */

/* Pointer encodings: LSB 5.0, table 10.5 and those that follow. */
enum {
	PE_OMIT = 0xff, PE_FORMAT = 0x0f, PE_APPLICATION = 0x70, PE_INDIRECT = 0x80,
	PE_PCREL = 0x10, PE_DATAREL = 0x30, PE_ALIGNED = 0x50,
	PE_ULEB = 0x01, PE_SDATA4 = 0x0b, PE_SLEB = 0x09,
};

/* What all readers of unwind tables need: the ABI, the table, and a way to read it. */
struct source {
	const struct arch *arch;
	const struct cfi_table *table;
	const struct bytes *bytes;
};

/* A reader of [at, end).  After the first failure `bad` is set, and every value that it reads is 0. */
struct cfi_cursor {
	const struct source *source;
	uint64_t at, end;
	uint64_t window_at;
	size_t window_size;
	bool bad;
	uint8_t window[96];
};

struct cie {
	uint64_t code_align;
	int64_t data_align;
	uint64_t insns, insns_end;
	unsigned return_column;
	uint8_t fde_encoding;
	bool has_augmentation;	/* "z": the FDEs have augmentation data, with its length */
	bool signal;
};

struct fde {
	uint64_t start, end;
	uint64_t insns, insns_end;
	struct cie cie;
};

/* One record of .eh_frame, of which only the first two words have been read. */
struct entry {
	uint64_t body, end;	/* the record's bytes behind the CIE pointer */
	uint64_t cie;		/* address of its CIE; 0: it is a CIE itself */
};

static uint64_t truncate_word(const struct arch *arch, uint64_t value)
{
	return arch->word == 4 ? (uint32_t)value : value;
}

static int64_t sign_extend(const struct arch *arch, uint64_t value)
{
	return arch->word == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
}

/* Read a word of the ABI.  Every ABI that nsb knows is little-endian. */
static int read_word(const struct arch *arch, const struct bytes *bytes, uint64_t addr,
		     uint64_t *value)
{
	*value = 0;
	return bytes->read(bytes, addr, value, arch->word);
}

static int source_read(const struct source *source, uint64_t addr, void *buf, size_t size)
{
	const struct cfi_table *table = source->table;

	if (table->eh_frame_bytes != NULL && addr >= table->eh_frame &&
	    size <= table->eh_frame_size &&
	    addr - table->eh_frame <= table->eh_frame_size - size) {
		memcpy(buf, table->eh_frame_bytes + (addr - table->eh_frame), size);
		return 0;
	}
	return source->bytes->read(source->bytes, addr, buf, size);
}

static void cursor_init(struct cfi_cursor *cursor, const struct source *source, uint64_t at,
			uint64_t end)
{
	cursor->source = source;
	cursor->at = at;
	cursor->end = end;
	cursor->window_at = 0;
	cursor->window_size = 0;
	cursor->bad = end < at;
}

/* Read the next bytes into the window, but none past `end`: there may be no memory behind a table. */
static bool cursor_fill(struct cfi_cursor *cursor)
{
	uint64_t left = cursor->end - cursor->at;
	size_t size = left < sizeof(cursor->window) ? (size_t)left : sizeof(cursor->window);

	if (cursor->bad || cursor->at >= cursor->end ||
	    source_read(cursor->source, cursor->at, cursor->window, size) != 0) {
		cursor->bad = true;
		return false;
	}
	cursor->window_at = cursor->at;
	cursor->window_size = size;
	return true;
}

static uint8_t take_u8(struct cfi_cursor *cursor)
{
	if (cursor->at - cursor->window_at >= cursor->window_size && !cursor_fill(cursor))
		return 0;
	return cursor->window[cursor->at++ - cursor->window_at];
}

static uint64_t take_unsigned(struct cfi_cursor *cursor, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)take_u8(cursor) << (8 * i);
	return cursor->bad ? 0 : value;
}

static int64_t take_signed(struct cfi_cursor *cursor, unsigned size)
{
	uint64_t value = take_unsigned(cursor, size);
	uint64_t sign = (uint64_t)1 << (8 * size - 1);

	return (int64_t)((value ^ sign) - sign);
}

/* Read a LEB128 number.  Bits beyond the 64th are dropped: no number here means anything with them. */
static uint64_t take_leb(struct cfi_cursor *cursor, bool is_signed)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = take_u8(cursor);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) != 0 && shift < 140);
	if ((byte & 0x80) != 0)
		cursor->bad = true;
	if (is_signed && shift < 64 && (byte & 0x40) != 0)
		value |= ~(uint64_t)0 << shift;
	return cursor->bad ? 0 : value;
}

static uint64_t take_uleb(struct cfi_cursor *cursor)
{
	return take_leb(cursor, false);
}

static int64_t take_sleb(struct cfi_cursor *cursor)
{
	return (int64_t)take_leb(cursor, true);
}

static void skip(struct cfi_cursor *cursor, uint64_t size)
{
	if (cursor->bad || size > cursor->end - cursor->at)
		cursor->bad = true;
	else
		cursor->at += size;
}

/* How many bytes a value of this format takes: 0 for LEB128, -1 if the format is not known. */
static int format_size(const struct arch *arch, uint8_t format)
{
	static const int8_t sizes[16] = {
		-2, 0, 2, 4, 8, -1, -1, -1, -2, 0, 2, 4, 8, -1, -1, -1
	};
	int size = sizes[format];

	return size == -2 ? (int)arch->word : size;
}

/* Read a pointer that is encoded by `encoding`.  DW_EH_PE_datarel adds data_base, 0 if that is unknown. */
static uint64_t take_pointer(struct cfi_cursor *cursor, uint8_t encoding, uint64_t data_base)
{
	const struct arch *arch = cursor->source->arch;
	uint8_t format = encoding & PE_FORMAT, application = encoding & PE_APPLICATION;
	int size = format_size(arch, format);
	uint64_t field, value;

	if (encoding == PE_OMIT)
		return 0;
	if (application == PE_ALIGNED)
		skip(cursor, -cursor->at & (arch->word - 1));
	field = cursor->at;
	if (size < 0) {
		cursor->bad = true;
		return 0;
	}
	if (size == 0)
		value = take_leb(cursor, format == PE_SLEB);
	else if ((format & 0x08) != 0)
		value = (uint64_t)take_signed(cursor, (unsigned)size);
	else
		value = take_unsigned(cursor, (unsigned)size);

	if (application == PE_PCREL)
		value += field;
	else if (application == PE_DATAREL && data_base != 0)
		value += data_base;
	else if (application != 0 && application != PE_ALIGNED)
		cursor->bad = true;
	value = truncate_word(arch, value);
	if ((encoding & PE_INDIRECT) != 0 && !cursor->bad &&
	    read_word(arch, cursor->source->bytes, value, &value) != 0)
		cursor->bad = true;
	return cursor->bad ? 0 : value;
}

/*
 * Read the start of the record at `at`.  False: the section ends here, or this is no record,
 * for example since it would reach past `limit`.
 */
static bool read_entry(const struct source *source, uint64_t at, uint64_t limit,
		       struct entry *entry)
{
	struct cfi_cursor cursor;
	uint64_t length, back;

	if (limit < at || limit - at < 8)
		return false;
	cursor_init(&cursor, source, at, at + 4);
	length = take_unsigned(&cursor, 4);
	if (length == 0xffffffff && limit - at >= 16) {
		cursor.end = at + 12;
		length = take_unsigned(&cursor, 8);
	}
	if (cursor.bad || length < 4 || length > limit - cursor.at)
		return false;
	entry->end = cursor.at + length;
	entry->body = cursor.at + 4;
	cursor.end = entry->body;
	back = take_unsigned(&cursor, 4);
	entry->cie = back == 0 ? 0 : truncate_word(source->arch, entry->body - 4 - back);
	return !cursor.bad && (back == 0 || back <= entry->body - 4);
}

/* Read the augmentation data, in which each of the letters behind "z" announces something. */
static bool read_augmentation(struct cfi_cursor *cursor, const char *letters, struct cie *cie)
{
	uint64_t size = take_uleb(cursor);
	uint64_t end = cursor->at + size;

	if (cursor->bad || size > cursor->end - cursor->at)
		return false;
	for (; *letters != '\0'; letters++) {
		if (*letters == 'R') {
			cie->fde_encoding = take_u8(cursor);
		} else if (*letters == 'L') {
			(void)take_u8(cursor);
		} else if (*letters == 'P') {
			/* nsb does not call the personality routine, so it follows no indirect pointer to it. */
			uint8_t encoding = take_u8(cursor) & (uint8_t)~PE_INDIRECT;

			(void)take_pointer(cursor, encoding, 1);
		} else if (*letters == 'S') {
			cie->signal = true;
		} else if (*letters != 'B') {
			return false;
		}
	}
	if (cursor->bad || cursor->at > end)
		return false;
	cursor->at = end;
	return true;
}

static bool read_cie(const struct source *source, uint64_t at, uint64_t limit, struct cie *cie)
{
	struct cfi_cursor cursor;
	struct entry entry;
	char letters[8];
	size_t n = 0;
	uint8_t version;

	memset(cie, 0, sizeof(*cie));
	if (!read_entry(source, at, limit, &entry) || entry.cie != 0)
		return false;
	cursor_init(&cursor, source, entry.body, entry.end);
	version = take_u8(&cursor);
	do {
		letters[n] = (char)take_u8(&cursor);
	} while (letters[n] != '\0' && ++n < sizeof(letters));
	if (cursor.bad || n == sizeof(letters) || (version != 1 && version != 3 && version != 4))
		return false;
	if (version == 4 && (take_u8(&cursor) != source->arch->word || take_u8(&cursor) != 0))
		return false;
	cie->code_align = take_uleb(&cursor);
	cie->data_align = take_sleb(&cursor);
	cie->return_column = version == 1 ? take_u8(&cursor) :
		(unsigned)(take_uleb(&cursor) & 0xffffffff);
	if (cie->return_column >= source->arch->n_dwarf_regs)
		return false;
	cie->has_augmentation = letters[0] == 'z';
	if (cie->has_augmentation) {
		if (!read_augmentation(&cursor, letters + 1, cie))
			return false;
	} else if (letters[0] != '\0') {
		return false;
	}
	cie->insns = cursor.at;
	cie->insns_end = entry.end;
	return !cursor.bad;
}

/* Read the FDE of a record.  If its CIE is the one at *cie_at, fde->cie holds that CIE already. */
static bool read_fde(const struct source *source, const struct entry *entry, uint64_t limit,
		     uint64_t *cie_at, struct fde *fde)
{
	struct cfi_cursor cursor;
	uint64_t size;

	if (entry->cie == 0)
		return false;
	if (*cie_at != entry->cie && !read_cie(source, entry->cie, limit, &fde->cie)) {
		*cie_at = 0;
		return false;
	}
	*cie_at = entry->cie;
	cursor_init(&cursor, source, entry->body, entry->end);
	fde->start = take_pointer(&cursor, fde->cie.fde_encoding, 0);
	size = take_pointer(&cursor, fde->cie.fde_encoding & PE_FORMAT, 0);
	fde->end = fde->start + size;
	if (fde->cie.has_augmentation)
		skip(&cursor, take_uleb(&cursor));
	fde->insns = cursor.at;
	fde->insns_end = entry->end;
	return !cursor.bad && fde->end >= fde->start;
}

static enum cfi_result read_fde_at(const struct source *source, uint64_t at, uint64_t pc,
				   struct fde *fde)
{
	struct entry entry;
	uint64_t cie_at = 0;

	if (!read_entry(source, at, UINT64_MAX, &entry) ||
	    !read_fde(source, &entry, UINT64_MAX, &cie_at, fde))
		return CFI_BAD;
	return pc >= fde->start && pc < fde->end ? CFI_STEPPED : CFI_NONE;
}

static bool read_header(const struct source *source, struct cfi_header *header)
{
	const struct cfi_table *table = source->table;
	uint64_t size = table->hdr_size != 0 ? table->hdr_size : 64;
	uint8_t frame_encoding, count_encoding, table_encoding;
	struct cfi_cursor cursor;

	if (size > UINT64_MAX - table->hdr)
		return false;
	cursor_init(&cursor, source, table->hdr, table->hdr + (size < 64 ? size : 64));
	if (take_u8(&cursor) != 1)
		return false;
	frame_encoding = take_u8(&cursor);
	count_encoding = take_u8(&cursor);
	table_encoding = take_u8(&cursor);
	header->eh_frame = take_pointer(&cursor, frame_encoding, table->hdr);
	header->n_rows = take_pointer(&cursor, count_encoding, table->hdr);
	header->rows = cursor.at;
	if (cursor.bad)
		return false;
	if (count_encoding == PE_OMIT || table_encoding != (PE_DATAREL | PE_SDATA4) ||
	    header->n_rows > (size - (header->rows - table->hdr)) / 8)
		header->n_rows = 0;
	return true;
}

static bool read_header_row(const struct source *source, const struct cfi_header *header,
			    uint64_t index, uint64_t *start, uint64_t *fde)
{
	int32_t row[2];

	if (source_read(source, header->rows + index * 8, row, sizeof(row)) != 0)
		return false;
	*start = truncate_word(source->arch, source->table->hdr + (uint64_t)(int64_t)row[0]);
	*fde = truncate_word(source->arch, source->table->hdr + (uint64_t)(int64_t)row[1]);
	return true;
}

/* Find the last row of the search table whose start is not above pc, and read its FDE. */
static enum cfi_result search_header(const struct source *source, const struct cfi_header *header,
				     uint64_t pc, struct fde *fde)
{
	uint64_t low = 0, high = header->n_rows, start, at = 0;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2, candidate;

		if (!read_header_row(source, header, middle, &start, &candidate))
			return CFI_BAD;
		if (start <= pc) {
			at = candidate;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return at == 0 ? CFI_NONE : read_fde_at(source, at, pc, fde);
}

static enum cfi_result search_index(const struct source *source, uint64_t pc, struct fde *fde)
{
	const struct cfi_index_entry *index = source->table->index;
	size_t n = ARRAY_UPTO(index, source->table->n_index, start, pc);

	return n == 0 ? CFI_NONE : read_fde_at(source, index[n - 1].fde, pc, fde);
}

/*
 * Find .eh_frame.  If only a header names its start, its end is not known: a record of length
 * 0 ends it.
 */
static bool find_section(const struct source *source, uint64_t *start, uint64_t *end)
{
	const struct cfi_table *table = source->table;
	struct cfi_header header;

	*start = table->eh_frame;
	if (table->eh_frame == 0) {
		if (table->hdr == 0 || !read_header(source, &header))
			return false;
		*start = header.eh_frame;
	}
	*end = UINT64_MAX;
	if (table->eh_frame_size != 0 && table->eh_frame_size <= UINT64_MAX - *start)
		*end = *start + table->eh_frame_size;
	return *start != 0;
}

/* A walk through the records of .eh_frame. */
struct fde_walk {
	uint64_t at, end;
	unsigned left;		/* so many records are read at most: the section may be damaged */
	uint64_t cie_at;	/* the CIE that was read last */
	uint64_t fde_at;	/* the FDE that was found */
};

/*
 * Find the next FDE that can be read.  A record that cannot be read is skipped; addresses that
 * it would have covered have no unwind information then.
 */
static bool next_fde(const struct source *source, struct fde_walk *walk, struct fde *fde)
{
	struct entry entry;

	for (; walk->left > 0 && !interrupt_is_over() && read_entry(source, walk->at, walk->end, &entry); walk->left--) {
		walk->fde_at = walk->at;
		walk->at = entry.end;
		if (read_fde(source, &entry, walk->end, &walk->cie_at, fde))
			return true;
	}
	return false;
}

static enum cfi_result search_section(const struct source *source, uint64_t pc, struct fde *fde)
{
	struct fde_walk walk = { .left = ENTRIES_MAX };

	if (!find_section(source, &walk.at, &walk.end))
		return CFI_NONE;
	while (next_fde(source, &walk, fde)) {
		if (pc >= fde->start && pc < fde->end)
			return CFI_STEPPED;
	}
	return CFI_NONE;
}

/* Find the FDE that covers pc.  CFI_STEPPED: there is one. */
static enum cfi_result find_fde(const struct source *source, uint64_t pc, struct fde *fde)
{
	struct cfi_header header;

	if (source->table->index != NULL)
		return search_index(source, pc, fde);
	if (source->table->hdr != 0 && read_header(source, &header) && header.n_rows != 0)
		return search_header(source, &header, pc, fde);
	return search_section(source, pc, fde);
}

int cfi_header(const struct arch *arch, const struct cfi_table *table,
	       const struct bytes *bytes, struct cfi_header *header)
{
	struct source source = { arch, table, bytes };

	return table->hdr != 0 && read_header(&source, header) ? 0 : -ENOENT;
}

int cfi_index_create(const struct arch *arch, const struct cfi_table *table,
		     const struct bytes *bytes, struct cfi_index_entry **index, size_t *count)
{
	struct source source = { arch, table, bytes };
	struct fde_walk walk = { .left = ENTRIES_MAX };
	struct cfi_index_entry *all = NULL;
	size_t n = 0;
	struct fde fde;

	*index = NULL;
	*count = 0;
	if (!find_section(&source, &walk.at, &walk.end))
		return -ENOENT;
	while (n < BUDGET_INDEX && next_fde(&source, &walk, &fde)) {
		if (ARRAY_GROW(&all, n, 1) != 0) {
			free(all);
			return -ENOMEM;
		}
		/* If the linker dropped a function, its FDE may be left behind, with address 0. */
		if (fde.start != 0 && fde.start < fde.end)
			all[n++] = (struct cfi_index_entry){ fde.start, walk.fde_at };
	}
	if (n == 0) {
		free(all);
		return -ENOENT;
	}
	ARRAY_SORT(all, n, start);
	*index = all;
	*count = n;
	return 0;
}

/* An interpreter of the instructions of a CIE or an FDE, which build the rules for pc. */
struct cfi_program {
	const struct source *source;
	const struct cie *cie;
	uint64_t location;	/* the rules are valid from here on, up to the next advance */
	uint64_t pc;		/* the rules are wanted for this address */
	bool done;
	struct cfi_rules *rules;
	const struct cfi_rules *initial;	/* the rules that the CIE's instructions made */
	struct cfi_rules *remembered;
	unsigned n_remembered;
};

/* The kinds of operands that instructions have: DWARF 5 table 7.29; the GNU ones: LSB 5.0 table 10.7. */
enum operand {
	NO_OPERAND, ULEB, SLEB, ULEB_FACTORED, SLEB_FACTORED, ULEB_NEGATED, BLOCK, ADDRESS,
	DELTA1, DELTA2, DELTA4
};

enum action {
	UNKNOWN, NOTHING, SIGN_RETURN, SET_LOCATION, ADVANCE, SET_RULE, RESTORE, REMEMBER, RESTORE_STATE,
	SET_CFA, SET_CFA_REGISTER, SET_CFA_OFFSET, SET_CFA_EXPRESSION
};

struct instruction {
	enum action action;
	enum operand operands[2];
	enum cfi_rule_kind rule;
};

static const struct instruction instructions[0x40] = {
	[0x00] = { NOTHING, { NO_OPERAND }, 0 },
	[0x01] = { SET_LOCATION, { ADDRESS }, 0 },
	[0x02] = { ADVANCE, { DELTA1 }, 0 },
	[0x03] = { ADVANCE, { DELTA2 }, 0 },
	[0x04] = { ADVANCE, { DELTA4 }, 0 },
	[0x05] = { SET_RULE, { ULEB, ULEB_FACTORED }, RULE_OFFSET },
	[0x06] = { RESTORE, { ULEB }, 0 },
	[0x07] = { SET_RULE, { ULEB }, RULE_UNDEFINED },
	[0x08] = { SET_RULE, { ULEB }, RULE_SAME },
	[0x09] = { SET_RULE, { ULEB, ULEB }, RULE_REGISTER },
	[0x0a] = { REMEMBER, { NO_OPERAND }, 0 },
	[0x0b] = { RESTORE_STATE, { NO_OPERAND }, 0 },
	[0x0c] = { SET_CFA, { ULEB, ULEB }, 0 },
	[0x0d] = { SET_CFA_REGISTER, { ULEB }, 0 },
	[0x0e] = { SET_CFA_OFFSET, { NO_OPERAND, ULEB }, 0 },
	[0x0f] = { SET_CFA_EXPRESSION, { NO_OPERAND, BLOCK }, 0 },
	[0x10] = { SET_RULE, { ULEB, BLOCK }, RULE_EXPRESSION },
	[0x11] = { SET_RULE, { ULEB, SLEB_FACTORED }, RULE_OFFSET },
	[0x12] = { SET_CFA, { ULEB, SLEB_FACTORED }, 0 },
	[0x13] = { SET_CFA_OFFSET, { NO_OPERAND, SLEB_FACTORED }, 0 },
	[0x14] = { SET_RULE, { ULEB, ULEB_FACTORED }, RULE_VAL_OFFSET },
	[0x15] = { SET_RULE, { ULEB, SLEB_FACTORED }, RULE_VAL_OFFSET },
	[0x16] = { SET_RULE, { ULEB, BLOCK }, RULE_VAL_EXPRESSION },
	[0x2d] = { SIGN_RETURN, { NO_OPERAND }, 0 },	/* DW_CFA_AARCH64_negate_ra_state: see return_bits */
	[0x2e] = { NOTHING, { ULEB }, 0 },	/* DW_CFA_GNU_args_size: for landing pads */
	[0x2f] = { SET_RULE, { ULEB, ULEB_NEGATED }, RULE_OFFSET },
};

/* Read an operand.  The value of a BLOCK is its address, and *size its size. */
static uint64_t take_operand(struct cfi_cursor *cursor, const struct cfi_program *program,
			     enum operand kind, uint32_t *size)
{
	uint64_t align = (uint64_t)program->cie->data_align, value, length;

	switch (kind) {
	case NO_OPERAND:
		return 0;
	case ULEB:
		return take_uleb(cursor);
	case SLEB:
		return (uint64_t)take_sleb(cursor);
	case ULEB_FACTORED:
		return take_uleb(cursor) * align;
	case SLEB_FACTORED:
		return (uint64_t)take_sleb(cursor) * align;
	case ULEB_NEGATED:
		return -(take_uleb(cursor) * align);
	case BLOCK:
		length = take_uleb(cursor);
		value = cursor->at;
		skip(cursor, length);
		if (length > UINT32_MAX)
			cursor->bad = true;
		*size = (uint32_t)length;
		return value;
	case ADDRESS:
		return take_pointer(cursor, program->cie->fde_encoding, 0);
	case DELTA1:
		return take_unsigned(cursor, 1);
	case DELTA2:
		return take_unsigned(cursor, 2);
	case DELTA4:
		return take_unsigned(cursor, 4);
	}
	return 0;
}

static void advance_to(struct cfi_program *program, uint64_t location)
{
	if (location > program->pc)
		program->done = true;
	else
		program->location = location;
}

static bool remember(struct cfi_program *program)
{
	if (program->n_remembered == REMEMBER_MAX)
		return false;
	program->remembered[program->n_remembered++] = *program->rules;
	return true;
}

static bool recall(struct cfi_program *program)
{
	if (program->n_remembered == 0)
		return false;
	*program->rules = program->remembered[--program->n_remembered];
	return true;
}

/* Carry out an instruction with its two operands; size is that of a block. */
static bool perform(struct cfi_program *program, const struct instruction *instruction, uint64_t first,
		    uint64_t second, uint32_t size)
{
	const struct arch *arch = program->source->arch;
	struct cfi_rules *rules = program->rules;

	switch (instruction->action) {
	case UNKNOWN:
		return false;
	case NOTHING:
		return true;
	case SIGN_RETURN:
		return arch->dwarf_link != NO_LINK;
	case SET_LOCATION:
		advance_to(program, first);
		return true;
	case ADVANCE:
		advance_to(program, truncate_word(arch, program->location +
						  first * program->cie->code_align));
		return true;
	case SET_RULE:
		/* A rule for a vector or floating point register is not needed to unwind. */
		if (first < arch->n_dwarf_regs)
			rules->rules[first] = (struct cfi_rule){ instruction->rule, size, second };
		return true;
	case RESTORE:
		if (first < arch->n_dwarf_regs && program->initial != NULL)
			rules->rules[first] = program->initial->rules[first];
		return program->initial != NULL;
	case REMEMBER:
		return remember(program);
	case RESTORE_STATE:
		return recall(program);
	case SET_CFA:
		rules->cfa_register = first;
		rules->cfa = (struct cfi_rule){ RULE_OFFSET, 0, second };
		return true;
	case SET_CFA_REGISTER:
		rules->cfa_register = first;
		return rules->cfa.kind == RULE_OFFSET;
	case SET_CFA_OFFSET:
		rules->cfa.value = second;
		return rules->cfa.kind == RULE_OFFSET;
	case SET_CFA_EXPRESSION:
		rules->cfa = (struct cfi_rule){ RULE_EXPRESSION, size, second };
		return true;
	}
	return false;
}

static bool run_program(struct cfi_program *program, uint64_t at, uint64_t end)
{
	struct cfi_cursor cursor;

	cursor_init(&cursor, program->source, at, end);
	while (!cursor.bad && cursor.at < cursor.end && !program->done) {
		static const struct instruction advance = { ADVANCE, { NO_OPERAND }, 0 };
		static const struct instruction offset = {
			SET_RULE, { NO_OPERAND, ULEB_FACTORED }, RULE_OFFSET
		};
		static const struct instruction restore = { RESTORE, { NO_OPERAND }, 0 };
		const struct instruction *const packed[4] = { NULL, &advance, &offset, &restore };
		const struct instruction *instruction;
		uint8_t opcode = take_u8(&cursor);
		uint64_t first = opcode & 0x3f, second;
		uint32_t size = 0;

		instruction = packed[opcode >> 6];
		if (instruction == NULL) {
			instruction = &instructions[opcode];
			first = take_operand(&cursor, program, instruction->operands[0], &size);
		}
		second = take_operand(&cursor, program, instruction->operands[1], &size);
		if (cursor.bad || !perform(program, instruction, first, second, size))
			return false;
	}
	return !cursor.bad;
}

/* Find the rules that are valid at pc. */
static bool read_rules(const struct source *source, const struct fde *fde, uint64_t pc,
		       struct cfi_rules *rules)
{
	struct cfi_rules initial, remembered[REMEMBER_MAX];
	struct cfi_program program = {
		.source = source, .cie = &fde->cie, .location = fde->start, .pc = pc,
		.rules = rules, .remembered = remembered,
	};

	if (!run_program(&program, fde->cie.insns, fde->cie.insns_end))
		return false;
	initial = *rules;
	program.initial = &initial;
	program.location = fde->start;
	program.done = false;
	return run_program(&program, fde->insns, fde->insns_end);
}

/* The stack machine that evaluates DWARF expressions: DWARF 5 section 2.5. */
struct machine {
	const struct source *source;
	const struct cfi_frame *frame;
	uint64_t stack[EXPRESSION_STACK];
	unsigned depth;
	bool bad;
};

static void push(struct machine *machine, uint64_t value)
{
	if (machine->depth == EXPRESSION_STACK)
		machine->bad = true;
	else
		machine->stack[machine->depth++] = truncate_word(machine->source->arch, value);
}

static uint64_t pop(struct machine *machine)
{
	if (machine->depth == 0) {
		machine->bad = true;
		return 0;
	}
	return machine->stack[--machine->depth];
}

/* The value that lies `index` elements below the top of the machine's stack. */
static uint64_t peek(struct machine *machine, uint64_t index)
{
	if (index >= machine->depth) {
		machine->bad = true;
		return 0;
	}
	return machine->stack[machine->depth - 1 - index];
}

static void push_register(struct machine *machine, uint64_t number, int64_t offset)
{
	const struct cfi_frame *frame = machine->frame;

	if (number >= DWARF_REGS_MAX || (frame->known & CFI_REG(number)) == 0)
		machine->bad = true;
	else
		push(machine, frame->reg[number] + (uint64_t)offset);
}

static void push_memory(struct machine *machine, unsigned size)
{
	const struct bytes *bytes = machine->source->bytes;
	uint64_t addr = pop(machine), value = 0;

	if (machine->bad || size == 0 || size > machine->source->arch->word ||
	    bytes->read(bytes, addr, &value, size) != 0)
		machine->bad = true;
	else
		push(machine, value);
}

enum {
	OP_ADDR = 0x03, OP_DEREF = 0x06, OP_CONST1U = 0x08, OP_CONST8S = 0x0f, OP_CONSTU = 0x10,
	OP_CONSTS, OP_DUP, OP_DROP, OP_OVER, OP_PICK, OP_SWAP, OP_ROT,
	OP_ABS = 0x19, OP_AND, OP_DIV, OP_MINUS, OP_MOD, OP_MUL, OP_NEG, OP_NOT, OP_OR, OP_PLUS,
	OP_PLUS_UCONST, OP_SHL, OP_SHR, OP_SHRA, OP_XOR, OP_BRA, OP_EQ, OP_GE, OP_GT, OP_LE, OP_LT,
	OP_NE, OP_SKIP, OP_LIT0, OP_LIT31 = 0x4f, OP_BREG0 = 0x70, OP_BREG31 = 0x8f,
	OP_BREGX = 0x92, OP_DEREF_SIZE = 0x94, OP_NOP = 0x96,
};

/* Compute left OP right.  If that is not defined, the result is 0 and the machine is bad. */
static uint64_t calculate(struct machine *machine, uint8_t op, uint64_t left, uint64_t right)
{
	const struct arch *arch = machine->source->arch;
	int64_t a = sign_extend(arch, left), b = sign_extend(arch, right);
	unsigned bits = arch->word * 8;

	switch (op) {
	case OP_AND:
		return left & right;
	case OP_OR:
		return left | right;
	case OP_XOR:
		return left ^ right;
	case OP_PLUS:
		return left + right;
	case OP_MINUS:
		return left - right;
	case OP_MUL:
		return left * right;
	case OP_DIV:
		if (b == 0)
			break;
		return b == -1 ? -left : (uint64_t)(a / b);
	case OP_MOD:
		if (right == 0)
			break;
		return left % right;
	case OP_SHL:
		return right < bits ? left << right : 0;
	case OP_SHR:
		return right < bits ? left >> right : 0;
	case OP_SHRA:
		return (uint64_t)(a >> (right < bits ? right : bits - 1));
	case OP_EQ:
		return a == b;
	case OP_GE:
		return a >= b;
	case OP_GT:
		return a > b;
	case OP_LE:
		return a <= b;
	case OP_LT:
		return a < b;
	case OP_NE:
		return a != b;
	default:
		break;
	}
	machine->bad = true;
	return 0;
}

/* Carry out operations on constants, registers, memory and the order of the stack.  False: it is another one. */
static bool operate_on_stack(struct machine *machine, struct cfi_cursor *cursor, uint8_t op)
{
	uint64_t top, second, third;

	if (op >= OP_LIT0 && op <= OP_LIT31) {
		push(machine, (uint64_t)op - OP_LIT0);
	} else if (op >= OP_BREG0 && op <= OP_BREG31) {
		push_register(machine, (uint64_t)op - OP_BREG0, take_sleb(cursor));
	} else if (op >= OP_CONST1U && op <= OP_CONST8S) {
		unsigned size = 1u << ((op - OP_CONST1U) / 2);

		push(machine, (op & 1) == 0 ? take_unsigned(cursor, size) :
		     (uint64_t)take_signed(cursor, size));
	} else if (op == OP_BREGX) {
		uint64_t number = take_uleb(cursor);

		push_register(machine, number, take_sleb(cursor));
	} else if (op == OP_ADDR) {
		push(machine, take_unsigned(cursor, machine->source->arch->word));
	} else if (op == OP_CONSTU) {
		push(machine, take_uleb(cursor));
	} else if (op == OP_CONSTS) {
		push(machine, (uint64_t)take_sleb(cursor));
	} else if (op == OP_DEREF) {
		push_memory(machine, machine->source->arch->word);
	} else if (op == OP_DEREF_SIZE) {
		push_memory(machine, take_u8(cursor));
	} else if (op == OP_DUP || op == OP_OVER) {
		push(machine, peek(machine, op == OP_OVER));
	} else if (op == OP_PICK) {
		push(machine, peek(machine, take_u8(cursor)));
	} else if (op == OP_DROP) {
		(void)pop(machine);
	} else if (op == OP_SWAP) {
		top = pop(machine);
		second = pop(machine);
		push(machine, top);
		push(machine, second);
	} else if (op == OP_ROT) {
		top = pop(machine);
		second = pop(machine);
		third = pop(machine);
		push(machine, top);
		push(machine, third);
		push(machine, second);
	} else {
		return false;
	}
	return true;
}

/* Carry out any operation: those of operate_on_stack(), arithmetic and branches. */
static void operate(struct machine *machine, struct cfi_cursor *cursor, uint64_t start, uint8_t op)
{
	uint64_t top;
	int64_t distance;

	if (op == OP_SKIP || op == OP_BRA) {
		distance = take_signed(cursor, 2);
		if (op == OP_SKIP || pop(machine) != 0) {
			cursor->at += (uint64_t)distance;
			if (cursor->at < start || cursor->at > cursor->end)
				cursor->bad = true;
			cursor->window_size = 0;
		}
	} else if (op == OP_PLUS_UCONST) {
		top = pop(machine);
		push(machine, top + take_uleb(cursor));
	} else if (op == OP_ABS) {
		top = pop(machine);
		push(machine, sign_extend(machine->source->arch, top) < 0 ? -top : top);
	} else if (op == OP_NEG) {
		push(machine, -pop(machine));
	} else if (op == OP_NOT) {
		push(machine, ~pop(machine));
	} else if (op != OP_NOP) {
		top = pop(machine);
		push(machine, calculate(machine, op, pop(machine), top));
	}
}

/* Evaluate an expression.  If `cfa` is not NULL, it is pushed before the expression begins. */
static bool evaluate(const struct source *source, const struct cfi_frame *frame,
		     const struct cfi_rule *expression, const uint64_t *cfa, uint64_t *value)
{
	struct machine machine = { .source = source, .frame = frame, .depth = 0, .bad = false };
	struct cfi_cursor cursor;

	cursor_init(&cursor, source, expression->value, expression->value + expression->size);
	if (cfa != NULL)
		push(&machine, *cfa);
	for (unsigned steps = 0; cursor.at < cursor.end; steps++) {
		uint8_t op = take_u8(&cursor);

		if (!operate_on_stack(&machine, &cursor, op))
			operate(&machine, &cursor, expression->value, op);
		if (cursor.bad || machine.bad || steps == EXPRESSION_STEPS)
			return false;
	}
	*value = pop(&machine);
	return !machine.bad && !cursor.bad;
}

static bool register_known(const struct cfi_frame *frame, uint64_t number)
{
	return number < DWARF_REGS_MAX && (frame->known & CFI_REG(number)) != 0;
}

static bool find_cfa(const struct source *source, const struct cfi_frame *frame,
		     const struct cfi_rules *rules, uint64_t *cfa)
{
	if (rules->cfa.kind == RULE_EXPRESSION)
		return evaluate(source, frame, &rules->cfa, NULL, cfa);
	if (rules->cfa.kind != RULE_OFFSET || !register_known(frame, rules->cfa_register))
		return false;
	*cfa = truncate_word(source->arch, frame->reg[rules->cfa_register] + rules->cfa.value);
	return true;
}

/* Find the value that a register has in the caller.  False: it is not known. */
static bool recover(const struct source *source, const struct cfi_frame *frame,
		    const struct cfi_rule *rule, unsigned number, uint64_t cfa, uint64_t *value)
{
	const struct arch *arch = source->arch;
	uint64_t addr;

	switch (rule->kind) {
	case RULE_UNSET:
		/* By definition the CFA is the caller's stack pointer. */
		if (number == arch->dwarf_sp) {
			*value = cfa;
			return true;
		}
		/* fall through */
	case RULE_SAME:
		*value = frame->reg[number];
		return register_known(frame, number);
	case RULE_UNDEFINED:
		return false;
	case RULE_OFFSET:
		addr = truncate_word(arch, cfa + rule->value);
		return read_word(arch, source->bytes, addr, value) == 0;
	case RULE_VAL_OFFSET:
		*value = truncate_word(arch, cfa + rule->value);
		return true;
	case RULE_REGISTER:
		if (!register_known(frame, rule->value))
			return false;
		*value = frame->reg[rule->value];
		return true;
	case RULE_EXPRESSION:
		return evaluate(source, frame, rule, &cfa, &addr) &&
			read_word(arch, source->bytes, addr, value) == 0;
	case RULE_VAL_EXPRESSION:
		return evaluate(source, frame, rule, &cfa, value);
	}
	return false;
}

void cfi_start(const struct arch *arch, const struct regs *regs, struct cfi_frame *frame)
{
	memset(frame, 0, sizeof(*frame));
	for (unsigned i = 0; i < arch->n_dwarf_regs; i++) {
		if (regs_has_dwarf(arch, i)) {
			frame->reg[i] = regs_get_dwarf(arch, regs, i);
			frame->known |= CFI_REG(i);
		}
	}
	frame->pc = regs_get(arch, regs, REG_PC);
	frame->exact = true;
}

void cfi_find_rules(const struct arch *arch, const struct cfi_table *table,
		    const struct bytes *bytes, uint64_t pc, struct cfi_rules *rules)
{
	struct source source = { arch, table, bytes };
	struct fde fde;

	*rules = (struct cfi_rules){ .result = find_fde(&source, pc, &fde) };
	if (rules->result != CFI_STEPPED)
		return;
	rules->signal = fde.cie.signal;
	rules->return_column = fde.cie.return_column;
	if (!read_rules(&source, &fde, pc, rules))
		rules->result = CFI_BAD;
	else if (rules->rules[rules->return_column].kind == RULE_UNDEFINED)
		rules->result = CFI_BOTTOM;
}

enum cfi_result cfi_apply(const struct arch *arch, const struct cfi_table *table,
			  const struct bytes *bytes, const struct cfi_rules *rules,
			  struct cfi_frame *frame)
{
	struct source source = { arch, table, bytes };
	struct cfi_frame caller = { .exact = rules->signal, .signal = rules->signal };
	enum cfi_rule_kind return_rule = rules->rules[rules->return_column].kind;
	uint64_t cfa;

	frame->signal = rules->signal;
	if (rules->result != CFI_STEPPED)
		return rules->result;
	/*
	 * If the return address had no rule, or the rule "same", the step would lead back to this pc, unless a leaf has it
	 * in a register.
	 */
	if (((return_rule == RULE_UNSET || return_rule == RULE_SAME) && (int)rules->return_column != arch->dwarf_link) ||
	    !find_cfa(&source, frame, rules, &cfa))
		return CFI_BAD;
	for (unsigned i = 0; i < arch->n_dwarf_regs; i++) {
		if (recover(&source, frame, &rules->rules[i], i, cfa, &caller.reg[i]))
			caller.known |= CFI_REG(i);
	}
	if (!register_known(&caller, rules->return_column) ||
	    !register_known(&caller, arch->dwarf_sp))
		return CFI_BAD;
	caller.pc = caller.reg[rules->return_column] & arch->return_bits;
	*frame = caller;
	return CFI_STEPPED;
}

enum cfi_result cfi_step(const struct arch *arch, const struct cfi_table *table,
			 const struct bytes *bytes, struct cfi_frame *frame)
{
	struct cfi_rules rules;

	cfi_find_rules(arch, table, bytes, frame->exact ? frame->pc : frame->pc - 1, &rules);
	return cfi_apply(arch, table, bytes, &rules, frame);
}

int cfi_function(const struct arch *arch, const struct cfi_table *table,
		 const struct bytes *bytes, uint64_t pc, struct cfi_function *function)
{
	struct source source = { arch, table, bytes };
	struct fde fde;

	if (find_fde(&source, pc, &fde) != CFI_STEPPED)
		return -ENOENT;
	*function = (struct cfi_function){ fde.start, fde.end, fde.cie.signal };
	return 0;
}
