/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf: an index of debug info, DWARF 2 to 5, as C compilers write it.
 *
 * It knows no process and no ELF.  Its input is the bytes of the debug sections, which have
 * been linked (relocated) and must stay in place while the index lives.  Its output is arrays
 * of functions, inlined instances and variables, and DIEs (debugging information entries),
 * which are read when somebody asks for them.  Nothing in the input is trusted: every read is
 * bounded, and every walk ends.
 *
 * A DIE is named by its offset.  All offsets are in one space: .debug_info comes first, then
 * .debug_types, then the .debug_info of a supplementary file, which dwz made.
 */
#ifndef NSB_GEN_DWARF_H
#define NSB_GEN_DWARF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

enum dwarf_section_id {
	DWARF_INFO, DWARF_TYPES, DWARF_ABBREV, DWARF_STR, DWARF_LINE_STR, DWARF_STR_OFFSETS,
	DWARF_ADDR, DWARF_RANGES, DWARF_RNGLISTS, DWARF_LINE, DWARF_LOC, DWARF_LOCLISTS,
	DWARF_N_SECTIONS
};

/* ".debug_info" and so on, in the order of the enum. */
extern const char *const dwarf_section_names[DWARF_N_SECTIONS];

/* Bytes that belong to somebody else. */
struct dwarf_bytes {
	const uint8_t *data;
	size_t size;
};

/* The debug sections of one file. */
struct dwarf_input {
	const char *name;	/* the file's, for messages; it must outlive the index */
	struct dwarf_bytes sections[DWARF_N_SECTIONS];
};

#define DWARF_NONE UINT32_MAX	/* there is no index */

/* The tags that users of the index look at (DWARF 5, table 7.3). */
enum dwarf_tag {
	DW_TAG_array_type = 0x01, DW_TAG_class_type = 0x02, DW_TAG_enumeration_type = 0x04,
	DW_TAG_formal_parameter = 0x05, DW_TAG_lexical_block = 0x0b, DW_TAG_member = 0x0d,
	DW_TAG_pointer_type = 0x0f, DW_TAG_reference_type = 0x10, DW_TAG_compile_unit = 0x11,
	DW_TAG_structure_type = 0x13, DW_TAG_subroutine_type = 0x15, DW_TAG_typedef = 0x16,
	DW_TAG_union_type = 0x17, DW_TAG_unspecified_parameters = 0x18,
	DW_TAG_inlined_subroutine = 0x1d, DW_TAG_subrange_type = 0x21, DW_TAG_base_type = 0x24,
	DW_TAG_const_type = 0x26, DW_TAG_enumerator = 0x28, DW_TAG_subprogram = 0x2e,
	DW_TAG_variable = 0x34, DW_TAG_volatile_type = 0x35, DW_TAG_restrict_type = 0x37,
	DW_TAG_namespace = 0x39, DW_TAG_unspecified_type = 0x3b, DW_TAG_partial_unit = 0x3c,
	DW_TAG_rvalue_reference_type = 0x42, DW_TAG_atomic_type = 0x47,
};

/* The attributes of a DIE that are kept. */
enum dwarf_field {
	DWARF_NO_FIELD,
	DWARF_SIBLING, DWARF_LOCATION, DWARF_NAME, DWARF_BYTE_SIZE, DWARF_BIT_OFFSET, DWARF_BIT_SIZE,
	DWARF_STMT_LIST, DWARF_LOW_PC, DWARF_HIGH_PC, DWARF_LANGUAGE, DWARF_COMP_DIR,
	DWARF_CONST_VALUE, DWARF_INLINE, DWARF_PRODUCER, DWARF_PROTOTYPED, DWARF_UPPER_BOUND,
	DWARF_ORIGIN, DWARF_COUNT, DWARF_MEMBER_LOCATION, DWARF_DECL_FILE, DWARF_DECL_LINE,
	DWARF_DECLARATION, DWARF_ENCODING, DWARF_EXTERNAL, DWARF_SPECIFICATION, DWARF_TYPE,
	DWARF_ENTRY_PC, DWARF_RANGES_LIST, DWARF_CALL_FILE, DWARF_CALL_LINE, DWARF_SIGNATURE,
	DWARF_DATA_BIT_OFFSET, DWARF_LINKAGE_NAME, DWARF_STR_OFFSETS_BASE, DWARF_ADDR_BASE,
	DWARF_RNGLISTS_BASE, DWARF_DWO_NAME, DWARF_LOCLISTS_BASE, DWARF_FRAME_BASE,
	DWARF_N_FIELDS
};

/* What the value of an attribute is, and which members of struct dwarf_value have it. */
enum dwarf_kind {
	DWARF_CONSTANT,		/* u: sign-extended if it is negative; a flag is 0 or 1 */
	DWARF_ADDRESS,		/* u */
	DWARF_ADDRESS_INDEX,	/* u: index into .debug_addr */
	DWARF_STRING,		/* data, NUL-terminated */
	DWARF_STRING_INDEX,	/* u: index into .debug_str_offsets */
	DWARF_REFERENCE,	/* u: offset of a DIE */
	DWARF_TYPE_SIGNATURE,	/* u */
	DWARF_BLOCK,		/* data, and u: its size */
	DWARF_OFFSET,		/* u: offset in the section that the attribute means */
	DWARF_LIST_INDEX,	/* u: index of a list of ranges or locations */
	DWARF_ABSENT,		/* it refers to something that is not there */
};

/* The value of an attribute. */
struct dwarf_value {
	enum dwarf_kind kind;
	uint64_t u;		/* of a block it is the size */
	const uint8_t *data;
};

/* How large numbers are in a unit. */
struct dwarf_shape {
	uint8_t version;		/* of DWARF: 2 to 5 */
	uint8_t address_size, offset_size;
};

/* A unit of the debug info: mostly what one compilation made. */
struct dwarf_unit {
	uint64_t offset, dies, end;	/* offsets of the header, of the first DIE, of the end */
	uint32_t input;			/* 0; 1 for the supplementary file */
	struct dwarf_shape shape;
	uint8_t kind;
	uint32_t abbrevs;		/* index of its table of abbreviations */
	uint16_t tag;
	const char *name, *comp_dir, *producer, *dwo_name;	/* NULL: absent */
	uint64_t language, low_pc, stmt_list, addr_base, str_offsets_base, rnglists_base;
	uint64_t loclists_base;
	bool has_stmt_list;
	uint64_t signature, type_die;	/* of a type unit */
};

/* The addresses from lo up to, and without, hi. */
struct dwarf_range {
	uint64_t lo, hi;
};

/* A function: its definition, an instance of it, or a declaration. */
struct dwarf_function {
	const char *name;		/* NULL: it has none */
	const char *linkage_name;	/* NULL: absent */
	uint64_t die;
	uint64_t origin;		/* DIE that it is an instance or definition of; 0: none */
	uint64_t lo, hi;		/* the range with the entry; 0 and 0: it has no code */
	uint32_t first_range, n_ranges;	/* all its ranges, in the array `ranges` */
	uint32_t unit;			/* of its source; its code may be described by another one (gcc -flto) */
	uint32_t file_unit, file, line;	/* its declaration: dwarf_file(file_unit, file); line 0: not known */
	uint32_t next, next_symbol;	/* private: the next of the same hash */
	bool external, declaration, is_inlined;
	bool is_dropped;		/* the linker dropped its code */
};

/* A function's body that stands inside another function's code. */
struct dwarf_inlined {
	uint64_t origin;		/* DIE of the function that was inlined */
	uint32_t function;		/* index of the function that it stands in */
	uint32_t line;			/* of the call */
};

/* A variable with static storage, or a declaration of one. */
struct dwarf_variable {
	const char *name;
	uint64_t die, type;		/* type: offset of its DIE; 0: it has none */
	uint64_t addr;
	uint32_t function;		/* index of the function that it is local to, or DWARF_NONE */
	uint32_t unit, file_unit, file, line;	/* as those of a function */
	uint32_t next;			/* private: the next of the same hash */
	bool external, declaration, has_addr;
	bool is_tls;			/* addr is an offset in the thread's block */
};

/* Which DIE the signature of a type means. */
struct dwarf_type_unit {
	uint64_t signature, die;
};

#define DWARF_ABBREV_HEADS 1024

struct dwarf_names {			/* a hash table from a name to the first index */
	uint32_t *heads;
	uint32_t mask;
};

/* The index.  It is filled by dwarf_init() and does not change afterwards. */
struct dwarf {
	struct dwarf_input inputs[2];
	uint64_t bases[3], ends[3];	/* offsets of .debug_info, .debug_types, supplementary */
	struct dwarf_unit *units;
	struct dwarf_function *functions;
	struct dwarf_inlined *inlined;
	struct dwarf_variable *variables;
	struct dwarf_range *ranges;
	uint32_t n_units, n_functions, n_inlined, n_variables, n_ranges;
	struct dwarf_names function_names, symbol_names, variable_names;
	struct dwarf_abbrevs *abbrevs;	/* private, as everything below */
	uint32_t n_abbrevs;
	uint32_t abbrev_heads[DWARF_ABBREV_HEADS];	/* by a hash of the tables' offsets */
	uint64_t abbrev_bytes;		/* so many were parsed to tables */
	struct dwarf_type_unit *type_units;	/* by signature */
	uint32_t n_type_units;
};

/* An entry with its attributes. */
struct dwarf_die {
	uint64_t offset;
	uint64_t next;			/* offset of what follows its attributes */
	const struct dwarf_unit *unit;
	uint16_t tag;
	bool has_children;
	uint64_t present;		/* a bit for each enum dwarf_field */
	struct dwarf_value values[DWARF_N_FIELDS];
};

/*
 * Index `input`.  `supplement` has the sections of the supplementary file; it may be NULL.
 * Errors: -ENOEXEC with a message that names section and offset, -ENOMEM.  dwarf_deinit() frees
 * the index, and does nothing to a zeroed struct.
 */
int dwarf_init(struct dwarf *dwarf, const struct dwarf_input *input,
	       const struct dwarf_input *supplement) MUST_CHECK;
void dwarf_deinit(struct dwarf *dwarf);

/*
 * The first function or variable of that name whose index is greater than `after`; DWARF_NONE
 * if there is none.  Begin with an `after` of DWARF_NONE.
 */
uint32_t dwarf_find_function(const struct dwarf *dwarf, const char *name, uint32_t after);
uint32_t dwarf_find_variable(const struct dwarf *dwarf, const char *name, uint32_t after);

/* The same of the name that the linker knows a function by. */
uint32_t dwarf_find_symbol(const struct dwarf *dwarf, const char *symbol, uint32_t after);

/* Is the unit's language C++? */
bool dwarf_is_cxx(const struct dwarf_unit *unit);

/* Read the DIE at an offset.  -ENOEXEC if there is none. */
int dwarf_die_read(const struct dwarf *dwarf, uint64_t offset, struct dwarf_die *die) MUST_CHECK;

/*
 * Read the first child, or the next sibling: 1 and *out, 0 if there is none, or -ENOEXEC.
 * `out` may be the DIE that is given.
 */
int dwarf_child(const struct dwarf *dwarf, const struct dwarf_die *die,
		struct dwarf_die *out) MUST_CHECK;
int dwarf_sibling(const struct dwarf *dwarf, const struct dwarf_die *die,
		  struct dwarf_die *out) MUST_CHECK;

/*
 * The value of an attribute.  The answer is false (NULL) if the DIE does not have it, if it is
 * of another kind, or if it leads outside its section.
 */
bool dwarf_has(const struct dwarf_die *die, enum dwarf_field field);
bool dwarf_number(const struct dwarf_die *die, enum dwarf_field field, uint64_t *out);
bool dwarf_address(const struct dwarf *dwarf, const struct dwarf_die *die,
		   enum dwarf_field field, uint64_t *out);
bool dwarf_reference(const struct dwarf *dwarf, const struct dwarf_die *die,
		     enum dwarf_field field, uint64_t *out);
const char *dwarf_text(const struct dwarf *dwarf, const struct dwarf_die *die,
		       enum dwarf_field field);

/* Address no. `index` of the unit's part of .debug_addr. */
bool dwarf_indexed_address(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			   uint64_t index, uint64_t *out);

/*
 * The expression that says where a variable is when the pc is at `pc`; false if it is nowhere,
 * or if that is not known.
 */
bool dwarf_location_at(const struct dwarf *dwarf, const struct dwarf_die *die, uint64_t pc,
		       struct dwarf_bytes *expression);

/*
 * Path of file no. `index` of the unit's line table, with its folder as the compiler recorded
 * it.  The caller frees it.  NULL: not known, or out of memory.
 */
char *dwarf_file(const struct dwarf *dwarf, uint32_t unit, uint32_t index);

/* A row of a line table: the code from addr up to the next row's comes of this line. */
struct dwarf_row {
	uint64_t addr;
	uint32_t line;
	uint32_t file;		/* as dwarf_file() takes it */
	bool is_end;		/* nothing is known of what follows */
};

/*
 * Read the rows of a unit's line table, in its order.  The caller frees *rows, after an error, too.
 * -ENOMEM.  dwarf_rows_have() says whether some code of `from` up to `to` comes of that line.
 */
int dwarf_read_rows(const struct dwarf *dwarf, const struct dwarf_unit *unit, struct dwarf_row **rows,
		    size_t *n_rows) MUST_CHECK;
bool dwarf_rows_have(const struct dwarf_row *rows, size_t n_rows, uint64_t from, uint64_t to, uint32_t line);

/* Path of a unit's source file, with its folder.  The caller frees it.  NULL: out of memory. */
char *dwarf_unit_path(const struct dwarf_unit *unit);

#endif
