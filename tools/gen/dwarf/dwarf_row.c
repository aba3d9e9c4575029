/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dwarf_row_at(): the rows of a line table (DWARF 5, section 6.2.5). */
#include "dwarf.h"

#include "cursor.h"

enum {
	STANDARD_COPY = 1, STANDARD_ADVANCE_PC, STANDARD_ADVANCE_LINE, STANDARD_SET_FILE, STANDARD_SET_COLUMN,
	STANDARD_NEGATE_STMT, STANDARD_BASIC_BLOCK, STANDARD_CONST_ADD_PC, STANDARD_FIXED_ADVANCE_PC,
	EXTENDED_END = 1, EXTENDED_SET_ADDRESS = 2,
};

/* The header's numbers that the program needs. */
struct line_header {
	uint8_t least_step, line_range, opcode_base;
	int8_t line_base;
	uint8_t lengths[255];	/* arguments of the standard opcodes, from 1 on */
};

struct line_machine {
	struct dwarf_row row;
	uint64_t wanted;
	struct dwarf_row last;	/* the row before, if it is of the same sequence */
	bool has_last, is_found;
};

/* Read the header up to the tables of files, and let *at go on with the program. */
static bool read_header(const struct dwarf_bytes *bytes, uint64_t offset, struct line_header *header, struct cursor *at)
{
	uint8_t word = 4;

	cursor_init(at, bytes->data, bytes->size);
	cursor_skip(at, offset);
	uint64_t length = cursor_uint(at, 4);
	if (length == UINT32_MAX) {
		word = 8;
		length = cursor_uint(at, 8);
	}
	if (at->bad || length > (uint64_t)(at->end - at->p))
		return false;
	at->end = at->p + length;
	uint64_t version = cursor_uint(at, 2);
	if (version < 2 || version > 5)
		return false;
	if (version >= 5)
		cursor_skip(at, 2);
	uint64_t header_length = cursor_uint(at, word);
	struct cursor program = *at;
	cursor_skip(&program, header_length);
	header->least_step = cursor_u8(at);
	if (version >= 4)
		cursor_skip(at, 1);		/* operations of one instruction: 1 on x86 */
	cursor_skip(at, 1);
	header->line_base = (int8_t)cursor_u8(at);
	header->line_range = cursor_u8(at);
	header->opcode_base = cursor_u8(at);
	for (unsigned i = 1; i < header->opcode_base; i++)
		header->lengths[i - 1] = cursor_u8(at);
	bool is_good = !at->bad && !program.bad && header->line_range != 0 && header->opcode_base != 0;
	*at = program;
	return is_good;
}

/* A row begins at row.addr, so the one before goes up to there. */
static void add_row(struct line_machine *machine)
{
	if (machine->has_last && machine->last.addr <= machine->wanted && machine->wanted < machine->row.addr)
		machine->is_found = true;
	else
		machine->last = machine->row;
	machine->has_last = true;
}

static void restart(struct line_machine *machine)
{
	machine->row = (struct dwarf_row){ .file = 1, .line = 1 };
	machine->has_last = false;
}

static void extended(struct line_machine *machine, struct cursor *at)
{
	uint64_t size = cursor_uleb(at);
	struct cursor in = *at;

	cursor_skip(at, size);
	if (at->bad || size == 0)
		return;
	in.end = at->p;
	uint8_t opcode = cursor_u8(&in);
	if (opcode == EXTENDED_SET_ADDRESS && size <= 9) {
		machine->row.addr = cursor_uint(&in, size - 1);
	} else if (opcode == EXTENDED_END) {
		add_row(machine);
		if (!machine->is_found)
			restart(machine);
	}
}

static void advance(struct line_machine *machine, const struct line_header *header, uint8_t special)
{
	unsigned adjusted = (unsigned)special - header->opcode_base;

	machine->row.addr += (uint64_t)(adjusted / header->line_range) * header->least_step;
}

static void standard(struct line_machine *machine, const struct line_header *header, uint8_t opcode, struct cursor *at)
{
	switch (opcode) {
	case STANDARD_COPY:
		add_row(machine);
		break;
	case STANDARD_ADVANCE_PC:
		machine->row.addr += cursor_uleb(at) * header->least_step;
		break;
	case STANDARD_ADVANCE_LINE:
		machine->row.line = (uint32_t)(machine->row.line + (uint64_t)cursor_sleb(at));
		break;
	case STANDARD_SET_FILE:
		machine->row.file = (uint32_t)cursor_uleb(at);
		break;
	case STANDARD_CONST_ADD_PC:
		advance(machine, header, 255);
		break;
	case STANDARD_FIXED_ADVANCE_PC:
		machine->row.addr += cursor_uint(at, 2);
		break;
	default:
		for (unsigned i = 0; i < header->lengths[opcode - 1]; i++)
			cursor_uleb(at);
	}
}

bool dwarf_row_at(const struct dwarf *dwarf, uint32_t unit_index, uint64_t addr, struct dwarf_row *out)
{
	const struct dwarf_unit *unit = &dwarf->units[unit_index];
	struct line_machine machine = { .wanted = addr };
	struct line_header header = { .least_step = 0 };
	struct cursor at;

	if (!unit->has_stmt_list ||
	    !read_header(&dwarf->inputs[unit->input].sections[DWARF_LINE], unit->stmt_list, &header, &at))
		return false;
	restart(&machine);
	while (at.p < at.end && !at.bad && !machine.is_found) {
		uint8_t opcode = cursor_u8(&at);

		if (opcode == 0) {
			extended(&machine, &at);
		} else if (opcode < header.opcode_base) {
			standard(&machine, &header, opcode, &at);
		} else {
			advance(&machine, &header, opcode);
			machine.row.line += (uint32_t)(header.line_base + (opcode - header.opcode_base) % header.line_range);
			add_row(&machine);
		}
	}
	*out = machine.last;
	return machine.is_found;
}
