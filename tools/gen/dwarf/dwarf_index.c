/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_index.h"

#include <string.h>

#include "cursor.h"
#include "dwarf_abbrev.h"
#include "dwarf_die.h"
#include "dwarf_range.h"
#include "dwarf_section.h"
#include "dwarf_unit.h"
#include "dwarf_value.h"

#define DEPTH_MAX 512		/* nesting of DIEs; compilers stay below 60 */
#define CHAIN_MAX 16		/* DIEs from an instance to its origin, to the specification of that, and so on */

enum { OP_ADDR = 0x03, OP_CONST4U = 0x0c, OP_CONST8U = 0x0e, OP_PLUS_UCONST = 0x23,
       OP_FORM_TLS_ADDRESS = 0x9b, OP_ADDRX = 0xa1, OP_CONSTX = 0xa2,
       OP_GNU_PUSH_TLS_ADDRESS = 0xe0, OP_GNU_ADDR_INDEX = 0xfb, OP_GNU_CONST_INDEX = 0xfc };

struct scope {
	uint32_t function;	/* the innermost one, or DWARF_NONE */
	bool inlined;		/* inside an inlined instance, whose things are not the function's own */
};

static uint32_t number32(const struct dwarf_die *die, enum dwarf_field field)
{
	uint64_t value = 0;

	return dwarf_number(die, field, &value) && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static uint32_t unit_index(const struct dwarf *dwarf, const struct dwarf_die *die)
{
	return (uint32_t)(die->unit - dwarf->units);
}

static uint32_t file_number(const struct dwarf_die *die)
{
	return dwarf_has(die, DWARF_DECL_FILE) ? number32(die, DWARF_DECL_FILE) : DWARF_NONE;
}

static uint64_t origin_of(const struct dwarf *dwarf, const struct dwarf_die *die)
{
	uint64_t origin;

	if (dwarf_reference(dwarf, die, DWARF_ORIGIN, &origin) ||
	    dwarf_reference(dwarf, die, DWARF_SPECIFICATION, &origin))
		return origin;
	return 0;
}

static int index_function(struct dwarf *dwarf, const struct dwarf_die *die, struct scope *scope)
{
	int err = DWARF_GROW(&dwarf->functions, dwarf->n_functions);
	uint64_t inlined = 0;

	if (err != 0)
		return err;
	dwarf_number(die, DWARF_INLINE, &inlined);
	struct dwarf_function *function = &dwarf->functions[dwarf->n_functions];
	*function = (struct dwarf_function){
		.name = dwarf_text(dwarf, die, DWARF_NAME),
		.linkage_name = dwarf_text(dwarf, die, DWARF_LINKAGE_NAME),
		.die = die->offset,
		.origin = origin_of(dwarf, die),
		.unit = unit_index(dwarf, die),
		.file_unit = unit_index(dwarf, die),
		.file = file_number(die),
		.line = number32(die, DWARF_DECL_LINE),
		.next = DWARF_NONE,
		.external = number32(die, DWARF_EXTERNAL) != 0,
		.declaration = number32(die, DWARF_DECLARATION) != 0,
		.is_inlined = inlined == 1 || inlined == 3,
	};
	err = dwarf_read_code(dwarf, die, function);
	*scope = (struct scope){ dwarf->n_functions++, false };
	return err;
}

static int index_inlined(struct dwarf *dwarf, const struct dwarf_die *die, struct scope *scope)
{
	uint64_t origin = origin_of(dwarf, die);

	scope->inlined = true;
	if (origin == 0 || scope->function == DWARF_NONE || dwarf->functions[scope->function].hi == 0)
		return 0;
	int err = DWARF_GROW(&dwarf->inlined, dwarf->n_inlined);
	if (err == 0)
		dwarf->inlined[dwarf->n_inlined++] = (struct dwarf_inlined){
			origin, scope->function, number32(die, DWARF_CALL_LINE) };
	return err;
}

/*
 * Read where a variable is, if it has static storage.  Its location is then DW_OP_addr or
 * DW_OP_addrx and nothing more, except an offset into an object that the compiler merged
 * several variables into.  Or it is a constant, the offset in the thread's block, and
 * DW_OP_form_tls_address.
 */
static void read_location(const struct dwarf *dwarf, const struct dwarf_die *die,
			  struct dwarf_variable *variable)
{
	const struct dwarf_value *value = &die->values[DWARF_LOCATION];
	const struct dwarf_unit *unit = die->unit;
	struct cursor at;
	uint64_t addr = 0;
	bool known = true, addr_known = true;

	if (!dwarf_has(die, DWARF_LOCATION) || value->kind != DWARF_BLOCK)
		return;
	cursor_init(&at, value->data, value->u);
	switch (cursor_u8(&at)) {
	case OP_ADDR:
		addr = cursor_uint(&at, unit->shape.address_size);
		break;
	case OP_ADDRX: case OP_GNU_ADDR_INDEX:
		known = dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &addr);
		break;
	case OP_CONST4U:
		addr = cursor_uint(&at, 4);
		known = false;
		break;
	case OP_CONST8U:
		addr = cursor_uint(&at, 8);
		known = false;
		break;
	case OP_CONSTX: case OP_GNU_CONST_INDEX:
		known = false;
		addr_known = dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &addr);
		break;
	default:
		return;
	}
	while (!at.bad && at.p < at.end) {
		uint8_t op = cursor_u8(&at);

		if (op == OP_GNU_PUSH_TLS_ADDRESS || op == OP_FORM_TLS_ADDRESS) {
			variable->is_tls = addr_known;
			known = false;
		} else if (op == OP_PLUS_UCONST) {
			addr += cursor_uleb(&at);
		} else {
			known = false;
			break;
		}
	}
	variable->has_addr = known && !at.bad;
	variable->addr = variable->has_addr || variable->is_tls ? addr : 0;
}

static int index_variable(struct dwarf *dwarf, const struct dwarf_die *die,
			  const struct scope *scope)
{
	struct dwarf_variable variable = {
		.name = dwarf_text(dwarf, die, DWARF_NAME),
		.die = die->offset,
		.function = scope->function,
		.unit = unit_index(dwarf, die),
		.file_unit = unit_index(dwarf, die),
		.file = file_number(die),
		.line = number32(die, DWARF_DECL_LINE),
		.next = DWARF_NONE,
		.external = number32(die, DWARF_EXTERNAL) != 0,
		.declaration = number32(die, DWARF_DECLARATION) != 0,
	};
	uint64_t type;

	if (dwarf_reference(dwarf, die, DWARF_TYPE, &type))
		variable.type = type;
	read_location(dwarf, die, &variable);
	/* Of what stands in a function, only static variables and extern declarations matter. */
	if (scope->function != DWARF_NONE && (scope->inlined || (!variable.has_addr &&
	    !variable.is_tls && !variable.declaration)))
		return 0;
	int err = DWARF_GROW(&dwarf->variables, dwarf->n_variables);
	if (err == 0)
		dwarf->variables[dwarf->n_variables++] = variable;
	return err;
}

static bool is_c(const struct dwarf_unit *unit)
{
	/* DW_LANG_C89, C, C99, C11 and Mips_Assembler have no code inside a type. */
	return unit->language == 1 || unit->language == 2 || unit->language == 0xc ||
	       unit->language == 0x1d || unit->language == 0x8001;
}

/* May a function, an inlined instance or a static variable be below a DIE of this tag? */
static bool may_hold_code(const struct dwarf_unit *unit, uint16_t tag)
{
	switch (tag) {
	case DW_TAG_compile_unit: case DW_TAG_partial_unit: case DW_TAG_subprogram:
	case DW_TAG_lexical_block: case DW_TAG_inlined_subroutine: case DW_TAG_namespace:
		return true;
	case DW_TAG_structure_type: case DW_TAG_class_type: case DW_TAG_union_type:
		return !is_c(unit);
	default:
		return false;
	}
}

static int index_entry(struct dwarf *dwarf, const struct dwarf_unit *unit,
		       const struct dwarf_abbrev *abbrev, struct cursor *at, uint64_t offset,
		       struct scope *scope)
{
	struct dwarf_die die;
	uint16_t tag = abbrev->tag;

	if (tag != DW_TAG_subprogram && tag != DW_TAG_variable && tag != DW_TAG_inlined_subroutine)
		return dwarf_skip_attributes(dwarf, unit, abbrev, at, offset);
	die.offset = offset;
	int err = dwarf_read_attributes(dwarf, unit, abbrev, at, &die);
	if (err != 0)
		return err;
	if (tag == DW_TAG_subprogram)
		return index_function(dwarf, &die, scope);
	if (tag == DW_TAG_inlined_subroutine)
		return index_inlined(dwarf, &die, scope);
	return index_variable(dwarf, &die, scope);
}

/* Skip the children of a DIE, if its DW_AT_sibling says how far that is. */
static bool skip_children(const struct dwarf_unit *unit, const struct dwarf_abbrev *abbrev,
			  const uint8_t *attributes, struct cursor *at)
{
	struct cursor sibling;

	if (abbrev->sibling_at < 0)
		return false;
	cursor_init(&sibling, attributes, (uint64_t)(at->end - attributes));
	cursor_skip(&sibling, (uint64_t)abbrev->sibling_at);
	uint64_t target = unit->offset + cursor_uint(&sibling, 4);
	uint64_t here = unit->dies + (uint64_t)(at->p - at->start);
	if (sibling.bad || target <= here || target > unit->end)
		return false;
	cursor_skip(at, target - here);
	return true;
}

static int index_unit(struct dwarf *dwarf, uint32_t index)
{
	const struct dwarf_unit *unit = &dwarf->units[index];
	struct scope scopes[DEPTH_MAX];
	unsigned int depth = 0;
	struct cursor at;
	int err = dwarf_unit_cursor(dwarf, unit, unit->dies, &at);

	if (err != 0)
		return err;
	scopes[0] = (struct scope){ DWARF_NONE, false };
	while (at.p < at.end) {
		uint64_t offset = unit->dies + (uint64_t)(at.p - at.start);
		uint64_t code = cursor_uleb(&at);

		if (code == 0 && !at.bad) {
			if (depth <= 1)
				return 0;
			depth--;
			continue;
		}
		const struct dwarf_abbrev *abbrev =
			at.bad ? NULL : dwarf_find_abbrev(&dwarf->abbrevs[unit->abbrevs], code);
		if (abbrev == NULL)
			return dwarf_damaged(dwarf, offset, "unknown abbreviation");
		const uint8_t *attributes = at.p;
		struct scope scope = scopes[depth];
		err = index_entry(dwarf, unit, abbrev, &at, offset, &scope);
		if (err != 0)
			return err;
		if (!abbrev->has_children)
			continue;
		if (!may_hold_code(unit, abbrev->tag) && skip_children(unit, abbrev, attributes, &at))
			continue;
		if (++depth >= DEPTH_MAX)
			return dwarf_damaged(dwarf, offset, "too deeply nested entries");
		scopes[depth] = scope;
	}
	return 0;
}

/*
 * With dwz or link-time optimisation the origin may be of another unit, which has file numbers
 * of its own.
 */
static void inherit_place(const struct dwarf *dwarf, const struct dwarf_die *origin,
			  uint32_t *file_unit, uint32_t *file, uint32_t *line)
{
	if (*file == DWARF_NONE) {
		*file_unit = unit_index(dwarf, origin);
		*file = file_number(origin);
	}
	if (*line == 0)
		*line = number32(origin, DWARF_DECL_LINE);
}

/*
 * gcc's link-time optimisation puts code and data into units of its own, "<artificial>", which
 * refer to those of the source files.  These are the units that a function or variable belongs to.
 */
static void inherit_unit(const struct dwarf *dwarf, const struct dwarf_die *origin, uint32_t *unit)
{
	const char *own = dwarf->units[*unit].name, *name = origin->unit->name;

	if (own != NULL && strcmp(own, "<artificial>") == 0 && name != NULL && origin->unit->tag == DW_TAG_compile_unit)
		*unit = unit_index(dwarf, origin);
}

/* An instance does not repeat what the DIE says that it is an instance of. */
static int inherit_function(const struct dwarf *dwarf, struct dwarf_function *function)
{
	struct dwarf_die die;
	uint64_t origin = function->origin;

	for (int i = 0; origin != 0 && i < CHAIN_MAX; i++) {
		int err = dwarf_die_read(dwarf, origin, &die);
		if (err != 0)
			return err;
		if (function->name == NULL)
			function->name = dwarf_text(dwarf, &die, DWARF_NAME);
		if (function->linkage_name == NULL)
			function->linkage_name = dwarf_text(dwarf, &die, DWARF_LINKAGE_NAME);
		inherit_place(dwarf, &die, &function->file_unit, &function->file, &function->line);
		inherit_unit(dwarf, &die, &function->unit);
		if (number32(&die, DWARF_EXTERNAL) != 0)
			function->external = true;
		origin = origin_of(dwarf, &die);
	}
	return 0;
}

static int inherit_variable(const struct dwarf *dwarf, struct dwarf_variable *variable)
{
	struct dwarf_die die;

	if (variable->name != NULL && variable->type != 0)
		return 0;
	int err = dwarf_die_read(dwarf, variable->die, &die);
	for (int i = 0; err == 0 && i < CHAIN_MAX; i++) {
		uint64_t type, origin = origin_of(dwarf, &die);

		if (origin == 0)
			return 0;
		err = dwarf_die_read(dwarf, origin, &die);
		if (err != 0)
			return err;
		if (variable->name == NULL)
			variable->name = dwarf_text(dwarf, &die, DWARF_NAME);
		if (variable->type == 0 && dwarf_reference(dwarf, &die, DWARF_TYPE, &type))
			variable->type = type;
		inherit_place(dwarf, &die, &variable->file_unit, &variable->file, &variable->line);
		inherit_unit(dwarf, &die, &variable->unit);
		if (number32(&die, DWARF_EXTERNAL) != 0)
			variable->external = true;
	}
	return err;
}

int dwarf_index_entries(struct dwarf *dwarf)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < dwarf->n_units; i++)
		if (dwarf_is_indexed(&dwarf->units[i]))
			err = index_unit(dwarf, i);
	for (uint32_t i = 0; err == 0 && i < dwarf->n_functions; i++)
		err = inherit_function(dwarf, &dwarf->functions[i]);
	for (uint32_t i = 0; err == 0 && i < dwarf->n_variables; i++)
		err = inherit_variable(dwarf, &dwarf->variables[i]);
	return err;
}
