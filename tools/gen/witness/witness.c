/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "linenumbers.h"

/* ---- builds ---- */

int build_open(struct build *build, const char *path, const char *debug_path)
{
	const struct symbols *symbols = &build->file.symtab;
	int err;

	*build = (struct build){ .path = path, .debug_path = debug_path };
	err = elffile_open(&build->file, path);
	if (err == 0 && build->file.symtab.count == 0) {
		const struct binary *binary = build_debug(build);

		if (binary != NULL)
			symbols = binary->symbols;
	}
	if (err == 0)
		err = image_init(&build->image, &build->file, symbols);
	if (err != 0)
		build_close(build);
	return err;
}

int build_take(struct build *build, const struct binary *binary)
{
	*build = (struct build){ .path = binary->file.path, .given = binary };
	return image_init(&build->image, &binary->file, binary->symbols);
}

void build_close(struct build *build)
{
	image_deinit(&build->image);
	if (build->is_debug_sought)
		binary_close(&build->binary);
	elffile_close(&build->file);
	*build = (struct build){ .path = NULL };
}

const struct binary *build_debug(struct build *build)
{
	if (build->given != NULL)
		return build->given;
	if (!build->is_debug_sought) {
		build->is_debug_sought = true;
		if (binary_open(&build->binary, build->path, build->debug_path) != 0) {
			debug("%s", msg_kept());
			msg_forget();
			build->binary = (struct binary){ .symbols = NULL };
		}
	}
	return build->binary.symbols != NULL ? &build->binary : NULL;
}

uint32_t build_unit_of(const struct binary *binary, const struct image_symbol *symbol)
{
	const struct dwarf *dwarf = &binary->dwarf;

	for (uint32_t i = 0; symbol->is_code && i < dwarf->n_functions; i++)
		for (uint32_t k = 0; dwarf->functions[i].hi != 0 && k < dwarf->functions[i].n_ranges; k++)
			if (dwarf->ranges[dwarf->functions[i].first_range + k].lo == symbol->addr)
				return dwarf->functions[i].unit;
	for (uint32_t i = 0; !symbol->is_code && i < dwarf->n_variables; i++)
		if (dwarf->variables[i].has_addr && dwarf->variables[i].addr == symbol->addr &&
		    dwarf->variables[i].is_tls == symbol->is_tls)
			return dwarf->variables[i].unit;
	return DWARF_NONE;
}

const char *build_file_of(struct build *build, const struct image_symbol *symbol)
{
	const struct binary *binary = build_debug(build);
	uint32_t unit = binary != NULL ? build_unit_of(binary, symbol) : DWARF_NONE;
	const char *name = unit != DWARF_NONE ? binary->dwarf.units[unit].name : NULL;

	if (name == NULL && symbol->unit != IMAGE_NONE)
		name = build->image.units[symbol->unit].name;
	return name != NULL && *name != '\0' ? name : NULL;
}

/* ---- comparing ---- */

int witness_compare(struct build *old, struct build *new, struct differences *out)
{
	int err = differences_init(out, &old->image, &new->image);

	for (size_t i = 0; err == 0 && i < out->n_pairs; i++)
		if (out->pairs[i].likeness == LIKE_NUMBERED)
			err = pair_settle(&out->pairs[i], are_line_numbers(old, new, &out->pairs[i].numbers));
	if (err == 0)
		say("%s, %s: %zu functions and %zu variables compared", old->path, new->path, out->n_functions,
		    out->n_data);
	return err;
}

/* ---- telling ---- */

static const char *kind_of(const struct image *image, const struct image_symbol *symbol)
{
	const struct image_section *section = symbol->is_tls ? NULL : image_section_at(image, symbol->addr);

	if (symbol->is_code)
		return "function";
	return section != NULL && section->area == AREA_CONSTANT ? "constant" : "variable";
}

static void print_symbol(struct build *build, const char *before, const struct image_symbol *symbol)
{
	const char *file = build_file_of(build, symbol);

	printf("%s%s %s%s%s%s", before, kind_of(&build->image, symbol), symbol->name, file != NULL ? " (" : "",
	       file != NULL ? file : "", file != NULL ? ")" : "");
}

static bool is_alone(const struct image_symbol *symbol)
{
	return symbol->twin == IMAGE_NONE && !symbol->is_mark;
}

void witness_print(struct build *old, struct build *new, const struct differences *differences, bool *any)
{
	*any = false;
	for (size_t i = 0; i < differences->n_pairs; i++) {
		const struct pair *pair = &differences->pairs[i];
		const struct image_symbol *symbol = &old->image.symbols[pair->old];

		if (pair->likeness == LIKE_SAME || (pair->likeness == LIKE_LINES && msg_verbosity == 0))
			continue;
		*any |= pair->likeness == LIKE_DIFFERENT;
		print_symbol(old, pair->likeness == LIKE_LINES ? "lines: " : "differs: ", symbol);
		if (symbol->is_code)
			printf(", at +0x%" PRIx64, pair->at);
		printf(": %s\n", pair->why);
	}
	for (size_t i = 0; i < old->image.n_symbols; i++)
		if (is_alone(&old->image.symbols[i])) {
			print_symbol(old, "gone: ", &old->image.symbols[i]);
			putchar('\n');
			*any = true;
		}
	for (size_t i = 0; i < new->image.n_symbols; i++)
		if (is_alone(&new->image.symbols[i])) {
			print_symbol(new, "new: ", &new->image.symbols[i]);
			putchar('\n');
			*any = true;
		}
}
