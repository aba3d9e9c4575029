/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "abi.h"

#include <limits.h>
#include <string.h>

struct regset argument_registers(const struct gen_arch *gen, unsigned n_general, unsigned n_vector)
{
	unsigned vectors = n_vector < gen->n_vector_arguments ? n_vector : gen->n_vector_arguments;
	struct regset set = { 0, VECTOR_BITS((UINT32_C(1) << vectors) - 1) };

	for (unsigned i = 0; i < n_general && i < gen->n_arguments; i++)
		set.general |= register_bits(gen, gen->arguments[i]);
	return set;
}

/* ---- types ---- */

/*
 * Read the DIE of the owner's type, below typedefs and qualifiers; false for void and for what
 * cannot be read.
 */
static bool read_type(const struct dwarf *dwarf, const struct dwarf_die *owner,
		      struct dwarf_die *die)
{
	const struct dwarf_die *at = owner;
	uint64_t type;

	for (int i = 0; i < 32 && dwarf_reference(dwarf, at, DWARF_TYPE, &type); i++) {
		if (dwarf_die_read(dwarf, type, die) != 0) {
			msg_forget();
			return false;
		}
		if (die->tag != DW_TAG_typedef && die->tag != DW_TAG_const_type &&
		    die->tag != DW_TAG_volatile_type && die->tag != DW_TAG_restrict_type &&
		    die->tag != DW_TAG_atomic_type)
			return true;
		at = die;
	}
	return false;
}

enum { ENCODING_COMPLEX = 3, ENCODING_FLOAT = 4 };

/* Does a value of the type have a number in it that a vector register would hold? */
static bool has_float(const struct dwarf *dwarf, const struct dwarf_die *type, unsigned depth)
{
	struct dwarf_die die, inner;
	uint64_t encoding;

	if (dwarf_number(type, DWARF_ENCODING, &encoding))
		return encoding == ENCODING_FLOAT || encoding == ENCODING_COMPLEX;
	if (type->tag == DW_TAG_array_type)
		return depth < 8 && read_type(dwarf, type, &inner) &&
			has_float(dwarf, &inner, depth + 1);
	int more = depth < 8 ? dwarf_child(dwarf, type, &die) : 0;
	for (; more > 0; more = dwarf_sibling(dwarf, &die, &die))
		if (die.tag == DW_TAG_member && read_type(dwarf, &die, &inner) &&
		    has_float(dwarf, &inner, depth + 1))
			return true;
	if (more < 0)
		msg_forget();
	return false;
}

static bool is_aggregate(const struct dwarf_die *type)
{
	return type->tag == DW_TAG_structure_type || type->tag == DW_TAG_union_type ||
		type->tag == DW_TAG_class_type || type->tag == DW_TAG_array_type;
}

static bool is_one_word(const struct dwarf_die *type)
{
	return type->tag == DW_TAG_pointer_type || type->tag == DW_TAG_reference_type ||
		type->tag == DW_TAG_rvalue_reference_type || type->tag == DW_TAG_base_type ||
		type->tag == DW_TAG_enumeration_type || is_aggregate(type);
}

/*
 * Count the registers of each kind that a value of the type takes at most.  Only vectors are passed
 * as arrays.  C++ passes a class that has a constructor by its address, and a pointer to a member
 * takes two words.
 */
static void count_registers(const struct dwarf *dwarf, const struct dwarf_die *type,
			    unsigned *n_general, unsigned *n_vector)
{
	uint64_t size = 8;
	bool is_float = has_float(dwarf, type, 0), is_vector = type->tag == DW_TAG_array_type;

	if (!dwarf_number(type, DWARF_BYTE_SIZE, &size))
		size = is_one_word(type) ? 8 : 16;
	unsigned words = size > 8 ? 2 : 1;

	if (size <= 16 && (is_aggregate(type) || !is_float))
		*n_general += words;
	else if (type->tag == DW_TAG_class_type || type->tag == DW_TAG_structure_type || type->tag == DW_TAG_union_type)
		*n_general += dwarf_is_cxx(type->unit);
	if (is_float || is_vector)
		*n_vector += words;
}

/* ---- prototypes ---- */

/* Read the DIE with the prototype.  An instance or a definition of a function refers to it. */
static bool read_prototype(const struct dwarf *dwarf, uint64_t function, struct dwarf_die *die)
{
	int err = dwarf_die_read(dwarf, function, die);
	uint64_t origin;

	for (int i = 0; err == 0 && i < 8; i++) {
		if (!dwarf_reference(dwarf, die, DWARF_ORIGIN, &origin) &&
		    !dwarf_reference(dwarf, die, DWARF_SPECIFICATION, &origin))
			break;
		err = dwarf_die_read(dwarf, origin, die);
	}
	if (err != 0)
		msg_forget();
	return err == 0;
}

enum arguments_known prototype_arguments(const struct dwarf *dwarf, uint64_t function, const struct gen_arch *gen,
					 struct regset *set)
{
	enum arguments_known known = ARGUMENTS_ALL;
	unsigned n_general = 0, n_vector = 0;
	struct dwarf_die die, type;

	*set = (struct regset){ 0 };
	/* C++ has no functions without a prototype, and its compilers do not say that there is one. */
	if (!read_prototype(dwarf, function, &die) ||
	    (!dwarf_has(&die, DWARF_PROTOTYPED) && !dwarf_is_cxx(die.unit)))
		return ARGUMENTS_UNKNOWN;
	if (read_type(dwarf, &die, &type) && is_aggregate(&type))
		n_general++;		/* the address where the result goes */
	int more = dwarf_child(dwarf, &die, &die);
	for (; more > 0; more = dwarf_sibling(dwarf, &die, &die)) {
		if (die.tag == DW_TAG_unspecified_parameters)
			known = ARGUMENTS_NAMED;
		if (die.tag != DW_TAG_formal_parameter)
			continue;
		if (read_type(dwarf, &die, &type))
			count_registers(dwarf, &type, &n_general, &n_vector);
		else
			more = -1;
		if (more < 0)
			break;
	}
	if (more < 0) {
		msg_forget();
		return ARGUMENTS_UNKNOWN;
	}
	*set = argument_registers(gen, n_general, n_vector);
	return known;
}

static const struct library_function library[] = {
	{ "__stack_chk_fail", 0, -1 }, { "__stack_chk_fail_local", 0, -1 }, { "abort", 0, -1 },
	{ "memcpy", 3, -1 }, { "memmove", 3, -1 }, { "memset", 3, -1 }, { "memcmp", 3, -1 },
	{ "memchr", 3, -1 }, { "strlen", 1, -1 }, { "strcmp", 2, -1 }, { "strncmp", 3, -1 },
	{ "strcpy", 2, -1 }, { "stpcpy", 2, -1 }, { "strchr", 2, -1 }, { "puts", 1, -1 },
	{ "putchar", 1, -1 }, { "fputc", 2, -1 }, { "fputs", 2, -1 }, { "fwrite", 4, -1 },
	{ "free", 1, -1 }, { "malloc", 1, -1 }, { "calloc", 2, -1 }, { "realloc", 2, -1 },
	{ "exit", 1, -1 }, { "_exit", 1, -1 }, { "__errno_location", 0, -1 }, { "__tls_get_addr", 1, -1 },
	{ "_Unwind_Resume", 1, -1 }, { "__cxa_begin_catch", 1, -1 }, { "__cxa_end_catch", 0, -1 },
	{ "__cxa_rethrow", 0, -1 }, { "__cxa_throw", 3, -1 }, { "__cxa_allocate_exception", 1, -1 },
	{ "__cxa_free_exception", 1, -1 }, { "__cxa_guard_acquire", 1, -1 }, { "__cxa_guard_release", 1, -1 },
	{ "__cxa_guard_abort", 1, -1 }, { "__cxa_atexit", 3, -1 },
	{ "_Znwm", 1, -1 }, { "_Znam", 1, -1 }, { "_ZdlPv", 1, -1 }, { "_ZdaPv", 1, -1 },
	{ "_ZdlPvm", 2, -1 }, { "_ZdaPvm", 2, -1 },
	{ "printf", 1, 0 }, { "fprintf", 2, 1 }, { "dprintf", 2, 1 }, { "sprintf", 2, 1 },
	{ "snprintf", 3, 2 }, { "asprintf", 2, 1 }, { "syslog", 2, 1 }, { "err", 2, 1 }, { "errx", 2, 1 },
	{ "warn", 1, 0 }, { "warnx", 1, 0 }, { "error", 3, 2 },
	{ "__printf_chk", 2, 1 }, { "__fprintf_chk", 3, 2 }, { "__dprintf_chk", 3, 2 },
	{ "__sprintf_chk", 4, 3 }, { "__snprintf_chk", 5, 4 }, { "__asprintf_chk", 3, 2 },
	{ "__syslog_chk", 3, 2 },
};

const struct library_function *find_library_function(const char *name)
{
	for (size_t i = 0; i < sizeof(library) / sizeof(library[0]); i++)
		if (strcmp(library[i].name, name) == 0)
			return &library[i];
	return NULL;
}

unsigned format_arguments(const char *format)
{
	unsigned count = 0;

	for (const char *p = strchr(format, '%'); p != NULL; p = strchr(p, '%')) {
		size_t size = strspn(++p, "-+ #0'I*.123456789$");

		if (*p == '%') {
			p++;
			continue;
		}
		for (size_t i = 0; i < size; i++) {
			if (p[i] == '$')
				return UINT_MAX;	/* numbered arguments come in any order */
			count += p[i] == '*';
		}
		count++;
		p += size;
	}
	return count;
}

struct regset possible_arguments(const struct gen_arch *gen, struct regset defined)
{
	unsigned n_general = 0, n_vector = 0;

	while (n_general < gen->n_arguments && (defined.general & register_bits(gen, gen->arguments[n_general])) != 0)
		n_general++;
	while (n_vector < gen->n_vector_arguments && (defined.vector & VECTOR_LOW(1) << n_vector) != 0)
		n_vector++;
	return argument_registers(gen, n_general, n_vector);
}

struct regset result_registers(const struct dwarf *dwarf, uint64_t function, const struct gen_arch *gen)
{
	unsigned n_general = 0, n_vector = 0;
	struct dwarf_die die, type;

	if (!read_prototype(dwarf, function, &die) || !read_type(dwarf, &die, &type))
		return (struct regset){ 0 };
	count_registers(dwarf, &type, &n_general, &n_vector);
	/* The address of a result in memory is returned, too. */
	if (is_aggregate(&type) && n_general == 0)
		n_general = 1;
	if (!gen->returns_vectors) {
		uint64_t size;

		n_general = dwarf_number(&type, DWARF_BYTE_SIZE, &size) && size > gen->word ? 2 : 1;
		n_vector = 0;
	}
	return (struct regset){
		(n_general != 0 ? register_bits(gen, gen->result) : 0) | (n_general > 1 ? register_bits(gen, gen->result_high) : 0),
		n_vector != 0 ? VECTOR_BITS(n_vector > 1 ? 3 : 1) : 0,
	};
}
