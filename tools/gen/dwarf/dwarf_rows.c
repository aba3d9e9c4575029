/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dwarf_read_rows(): the program of a line table (DWARF 5, section 6.2.5). */
#include "dwarf.h"

#include <stdlib.h>

#include "array.h"
#include "cursor.h"

enum { LNS_COPY = 1, LNS_ADVANCE_PC, LNS_ADVANCE_LINE, LNS_SET_FILE, LNS_SET_COLUMN, LNS_NEGATE_STMT,
       LNS_SET_BASIC_BLOCK, LNS_CONST_ADD_PC, LNS_FIXED_ADVANCE_PC };
enum { LNE_END_SEQUENCE = 1, LNE_SET_ADDRESS };

/* What the header says of the program, and the state that the program is in. */
struct line_machine {
	struct cursor at;
	uint8_t opcode_base, line_range, step;
	int8_t line_base;
	uint8_t lengths[256];		/* of a standard opcode: how many LEB128 follow */
	uint64_t addr, line, file;
	struct dwarf_row *rows;
	size_t n_rows;
};

static bool read_header(const struct dwarf *dwarf, const struct dwarf_unit *unit, struct line_machine *machine)
{
	const struct dwarf_bytes *bytes = &dwarf->inputs[unit->input].sections[DWARF_LINE];
	struct cursor *at = &machine->at;
	uint8_t word = 4;

	cursor_init(at, bytes->data, bytes->size);
	cursor_skip(at, unit->stmt_list);
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
		cursor_skip(at, 2);		/* sizes of addresses and segment selectors */
	uint64_t header = cursor_uint(at, word);
	struct cursor program = *at;
	cursor_skip(&program, header);
	machine->step = cursor_u8(at);
	cursor_skip(at, version >= 4 ? 2 : 1);	/* operations of an instruction, default_is_stmt */
	machine->line_base = (int8_t)cursor_u8(at);
	machine->line_range = cursor_u8(at);
	machine->opcode_base = cursor_u8(at);
	for (unsigned i = 1; i < machine->opcode_base; i++)
		machine->lengths[i] = cursor_u8(at);
	bool good = !at->bad && !program.bad && machine->line_range != 0 && machine->opcode_base != 0;
	*at = program;
	return good;
}

static int add_row(struct line_machine *machine, bool is_end)
{
	int err = ARRAY_GROW(&machine->rows, machine->n_rows, 1);

	if (err == 0)
		machine->rows[machine->n_rows++] = (struct dwarf_row){
			machine->addr, (uint32_t)machine->line, (uint32_t)machine->file, is_end };
	return err;
}

static int run_extended(struct line_machine *machine)
{
	struct cursor *at = &machine->at;
	uint64_t size = cursor_uleb(at);
	struct cursor inner = *at;
	int err = 0;

	cursor_skip(at, size);
	if (at->bad || size == 0)
		return 0;
	inner.end = at->p;
	switch (cursor_u8(&inner)) {
	case LNE_END_SEQUENCE:
		err = add_row(machine, true);
		machine->addr = 0;
		machine->line = 1;
		machine->file = 1;
		break;
	case LNE_SET_ADDRESS:
		machine->addr = cursor_uint(&inner, (uint64_t)(inner.end - inner.p));
		break;
	default:
		break;
	}
	return err;
}

static uint64_t special_step(const struct line_machine *machine, uint8_t opcode)
{
	return (uint64_t)((opcode - machine->opcode_base) / machine->line_range) * machine->step;
}

static int run_standard(struct line_machine *machine, uint8_t opcode)
{
	struct cursor *at = &machine->at;

	switch (opcode) {
	case LNS_COPY:
		return add_row(machine, false);
	case LNS_ADVANCE_PC:
		machine->addr += cursor_uleb(at) * machine->step;
		return 0;
	case LNS_ADVANCE_LINE:
		machine->line += (uint64_t)cursor_sleb(at);
		return 0;
	case LNS_SET_FILE:
		machine->file = cursor_uleb(at);
		return 0;
	case LNS_CONST_ADD_PC:
		machine->addr += special_step(machine, 255);
		return 0;
	case LNS_FIXED_ADVANCE_PC:
		machine->addr += cursor_uint(at, 2);
		return 0;
	default:
		for (unsigned i = 0; i < machine->lengths[opcode]; i++)
			cursor_uleb(at);
		return 0;
	}
}

static int run(struct line_machine *machine)
{
	int err = 0;

	while (err == 0 && !machine->at.bad && machine->at.p < machine->at.end) {
		uint8_t opcode = cursor_u8(&machine->at);

		if (opcode == 0) {
			err = run_extended(machine);
		} else if (opcode < machine->opcode_base) {
			err = run_standard(machine, opcode);
		} else {
			machine->addr += special_step(machine, opcode);
			machine->line += (uint64_t)(int64_t)(machine->line_base +
				(opcode - machine->opcode_base) % machine->line_range);
			err = add_row(machine, false);
		}
	}
	return err;
}

int dwarf_read_rows(const struct dwarf *dwarf, const struct dwarf_unit *unit, struct dwarf_row **rows,
		    size_t *n_rows)
{
	struct line_machine machine = { .line = 1, .file = 1 };
	int err = 0;

	if (unit->has_stmt_list && read_header(dwarf, unit, &machine))
		err = run(&machine);
	*rows = machine.rows;
	*n_rows = machine.n_rows;
	return err;
}

bool dwarf_rows_have(const struct dwarf_row *rows, size_t n_rows, uint64_t from, uint64_t to, uint32_t line)
{
	for (size_t i = 0; i < n_rows; i++) {
		uint64_t end = i + 1 < n_rows && rows[i + 1].addr > rows[i].addr ? rows[i + 1].addr :
			rows[i].addr + 1;

		if (!rows[i].is_end && rows[i].line == line && rows[i].addr < to && end > from)
			return true;
	}
	return false;
}
