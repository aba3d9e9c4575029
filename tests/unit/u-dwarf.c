/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index of debug info: what compilers write, in every version, and damaged bytes. */
#include "tap.h"

#include <errno.h>

#include "binary.h"
#include "cursor.h"
#include "type.h"

static const char *const source =
	"struct pair { int a; char b; };\n"
	"static volatile int counter = 3;\n"
	"int shared[4] = { 1 };\n"
	"static inline __attribute__((always_inline)) int inlined(int x) { return x + counter; }\n"
	"__attribute__((NOIPA)) static int step(struct pair *p, long by)\n"
	"{\n"
	"	static volatile int calls = 1;\n"
	"	{ static volatile int inner = 2; inner += (int)by; }\n"
	"	return p->a + inlined(calls++) + shared[by & 3];\n"
	"}\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	struct pair p = { argc, (char)argv[0][0] };\n"
	"	return step(&p, argc);\n"
	"}\n";

static bool write_source(void)
{
	char path[128];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/dir", scratch());
	if (!shell("mkdir -p dir"))
		return false;
	(void)snprintf(path, sizeof(path), "%s/dir/a.c", scratch());
	out = fopen(path, "we");
	if (!out || fputs(source, out) < 0)
		return false;
	return fclose(out) == 0;
}

static const struct dwarf_variable *variable(const struct dwarf *dwarf, const char *name)
{
	uint32_t i = dwarf_find_variable(dwarf, name, DWARF_NONE);

	return i == DWARF_NONE ? NULL : &dwarf->variables[i];
}

static const struct dwarf_function *with_code(const struct dwarf *dwarf, const char *name)
{
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, name, i)) != DWARF_NONE)
		if (dwarf->functions[i].hi)
			return &dwarf->functions[i];
	return NULL;
}

static uint64_t symbol_value(const struct binary *binary, const char *name)
{
	for (size_t i = 0; i < binary->symbols->count; i++)
		if (!strcmp(binary->symbols->table[i].name, name))
			return binary->symbols->table[i].value;
	return 0;
}

static bool is_local_of(const struct dwarf *dwarf, const char *name, const char *function)
{
	const struct dwarf_variable *it = variable(dwarf, name);

	return it && it->has_addr && it->function != DWARF_NONE &&
		!strcmp(dwarf->functions[it->function].name, function);
}

static bool has_inlined(const struct dwarf *dwarf, const char *name)
{
	for (uint32_t i = 0; i < dwarf->n_inlined; i++) {
		uint32_t k = DWARF_NONE;

		while ((k = dwarf_find_function(dwarf, name, k)) != DWARF_NONE)
			if (dwarf->functions[k].die == dwarf->inlined[i].origin)
				return true;
	}
	return false;
}

static bool file_is(const struct dwarf *dwarf, const struct dwarf_function *function,
		    const char *suffix)
{
	char *path = dwarf_file(dwarf, function->file_unit, function->file);
	bool same = path && path_has_suffix(path, suffix) && *path == '/';

	free(path);
	return same;
}

static void check_content(const struct binary *binary, const char *how)
{
	const struct dwarf *dwarf = &binary->dwarf;
	const struct dwarf_function *step = with_code(dwarf, "step");
	const struct dwarf_variable *counter = variable(dwarf, "counter");
	const struct dwarf_variable *shared = variable(dwarf, "shared");

	ok(step && step->lo == symbol_value(binary, "step") && !step->external && step->hi > step->lo,
	   "%s: step, a static function, is where its symbol is", how);
	ok(step && step->line == 5 && file_is(dwarf, step, "dir/a.c"),
	   "%s: it was declared in line 5 of dir/a.c", how);
	ok(with_code(dwarf, "main") && with_code(dwarf, "main")->external, "%s: main is global", how);
	ok(counter && counter->has_addr && counter->addr == symbol_value(binary, "counter") &&
	   !counter->external && counter->function == DWARF_NONE, "%s: counter is static", how);
	ok(shared && shared->has_addr && shared->addr == symbol_value(binary, "shared") &&
	   shared->external, "%s: shared is global", how);
	ok(is_local_of(dwarf, "calls", "step") && is_local_of(dwarf, "inner", "step"),
	   "%s: calls, and inner in a block, are static variables of step", how);
	ok(has_inlined(dwarf, "inlined"), "%s: there is an inlined instance", how);
	ok(!variable(dwarf, "argc") && !variable(dwarf, "p"), "%s: parameters and locals are no "
	   "static variables", how);
}

static void test_compilers(void)
{
	static const char *const compilers[] = { "gcc", "clang" };
	static const char *const options[] = {
		"-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5", "-gdwarf-4 -fdebug-types-section",
		"-gdwarf-5 -fdebug-types-section", "-g -gz=zlib", "-g -m32", "-gdwarf-4 -m32",
		"-g -ffunction-sections -Wl,--gc-sections", "-g -O0",
	};
	char path[128], how[128];

	(void)snprintf(path, sizeof(path), "%s/prog", scratch());
	for (size_t c = 0; c < 2; c++) {
		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
			struct binary binary;

			(void)snprintf(how, sizeof(how), "%s %s", compilers[c], options[i]);
			if (!shell("%s -O2 -DNOIPA=%s %s -o prog dir/a.c", compilers[c],
				   c ? "noinline" : "noipa", options[i])) {
				skip(how, "the compiler cannot");
				continue;
			}
			if (ok(binary_open(&binary, path, NULL) == 0, "%s: is read", how)) {
				check_content(&binary, how);
				binary_close(&binary);
			} else {
				note("%s", msg_kept());
				msg_forget();
			}
		}
	}
}

/* Built below a folder whose name is left out: the compilation's own one is relative, too. */
static void test_relative_folder(const char *compiler)
{
	char path[128];
	struct binary binary;

	(void)snprintf(path, sizeof(path), "%s/prog", scratch());
	if (!ok(shell("cd dir && %s -gdwarf-5 -O2 -DNOIPA=noinline -ffile-prefix-map=\"${PWD%%/*}\"=. -o ../prog a.c",
		      compiler) && binary_open(&binary, path, NULL) == 0, "a program of ./dir by %s", compiler))
		return;
	const struct dwarf_function *step = with_code(&binary.dwarf, "step");
	char *file = step ? dwarf_file(&binary.dwarf, step->file_unit, step->file) : NULL;
	char *unit = step ? dwarf_unit_path(&binary.dwarf.units[step->unit]) : NULL;
	if (!ok(file && strcmp(file, "./dir/a.c") == 0, "%s: the file of a function is ./dir/a.c", compiler))
		note("it is %s", file ? file : "missing");
	if (!ok(unit && strcmp(unit, "./dir/a.c") == 0, "%s: and so is its unit's", compiler))
		note("it is %s", unit ? unit : "missing");
	free(file);
	free(unit);
	binary_close(&binary);
}

static void test_types(void)
{
	struct dwarf_die die, child;
	struct binary binary;
	char path[128];
	uint64_t type = 0, size = 0;

	(void)snprintf(path, sizeof(path), "%s/prog", scratch());
	if (!ok(shell("gcc -g -O2 -DNOIPA=noipa -o prog dir/a.c") && !binary_open(&binary, path, NULL),
		"a program to look at types in"))
		return;
	const struct dwarf_variable *counter = variable(&binary.dwarf, "counter");
	ok(counter && !dwarf_die_read(&binary.dwarf, counter->type, &die) &&
	   die.tag == DW_TAG_volatile_type && dwarf_reference(&binary.dwarf, &die, DWARF_TYPE, &type) &&
	   !dwarf_die_read(&binary.dwarf, type, &die) && die.tag == DW_TAG_base_type &&
	   dwarf_number(&die, DWARF_BYTE_SIZE, &size) && size == 4,
	   "counter is a volatile of four bytes");
	const struct dwarf_variable *shared = variable(&binary.dwarf, "shared");
	ok(shared && !dwarf_die_read(&binary.dwarf, shared->type, &die) &&
	   die.tag == DW_TAG_array_type && dwarf_child(&binary.dwarf, &die, &child) == 1 &&
	   child.tag == DW_TAG_subrange_type && dwarf_sibling(&binary.dwarf, &child, &child) == 0,
	   "shared is an array of one dimension");
	const struct dwarf_function *step = with_code(&binary.dwarf, "step");
	ok(step && binary_function_symbol(&binary, step->lo, NULL) ==
	   binary_function_symbol(&binary, step->lo, "step"), "a function without a name has a symbol");
	fails(dwarf_die_read(&binary.dwarf, UINT64_MAX - 1, &die), -ENOEXEC, "reference to no entry",
	      "no entry is read beyond the end");
	fails(dwarf_die_read(&binary.dwarf, 1, &die), -ENOEXEC, "reference to no entry",
	      "none inside a header");
	binary_close(&binary);
}

/* Index a copy of the sections, with one of them changed; what came out is walked. */
static unsigned int locations_sum;

/* Read where the parameters of a function are; 0 or whatever the bytes add up to. */
static unsigned int read_locations(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	struct dwarf_bytes expression;
	struct dwarf_die die;
	unsigned int sum = 0;
	int more = dwarf_die_read(dwarf, function->die, &die) ? 0 : dwarf_child(dwarf, &die, &die);

	for (; more > 0; more = dwarf_sibling(dwarf, &die, &die))
		if (dwarf_location_at(dwarf, &die, function->lo, &expression))
			for (size_t i = 0; i < expression.size; i++)
				sum += expression.data[i];
	return sum;
}

static void index_copy(const struct dwarf_input *input, int which, const uint8_t *bytes, size_t size)
{
	struct dwarf_input copy = *input;
	struct dwarf dwarf;

	copy.sections[which] = (struct dwarf_bytes){ bytes, size };
	if (!dwarf_init(&dwarf, &copy, NULL)) {
		for (uint32_t i = 0; i < dwarf.n_functions; i++) {
			free(dwarf_file(&dwarf, dwarf.functions[i].file_unit, dwarf.functions[i].file));
			locations_sum += read_locations(&dwarf, &dwarf.functions[i]);
		}
		dwarf_deinit(&dwarf);
	}
	msg_forget();
}

static void test_damage(const char *compiler)
{
	char path[128];
	struct binary binary;
	size_t tries = 0;

	(void)snprintf(path, sizeof(path), "%s/prog", scratch());
	if (!ok(shell("%s -g -O2 -DNOIPA=noinline -o prog dir/a.c", compiler) && !binary_open(&binary, path, NULL),
		"a program by %s to damage", compiler))
		return;
	struct dwarf_input input = binary.dwarf.inputs[0];
	for (int which = 0; which < DWARF_N_SECTIONS; which++) {
		size_t size = input.sections[which].size;
		/* Exactly as large as it is: the sanitizer sees a read beyond. */
		uint8_t *bytes = malloc(size ? size : 1);

		for (size_t at = 0; bytes && at < size && at < 700; at++) {
			static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
			uint8_t *cut = malloc(at ? at : 1);

			if (!cut)
				break;
			memcpy(cut, input.sections[which].data, at);
			index_copy(&input, which, cut, at);
			free(cut);
			memcpy(bytes, input.sections[which].data, size);
			for (size_t v = 0; v < sizeof(values); v++) {
				bytes[at] = values[v];
				index_copy(&input, which, bytes, size);
				tries++;
			}
		}
		free(bytes);
	}
	ok(locations_sum > 0, "locations of parameters are among what is read");
	ok(tries > 1000, "%s: thousands of damaged copies are refused or read, none crashes", compiler);
	uint8_t *bytes = malloc(input.sections[DWARF_INFO].size);
	if (bytes) {
		struct dwarf_input copy = input;
		struct dwarf dwarf;

		memcpy(bytes, input.sections[DWARF_INFO].data, input.sections[DWARF_INFO].size);
		bytes[0] = 0xf0, bytes[3] = 0x7f;
		copy.sections[DWARF_INFO].data = bytes;
		fails(dwarf_init(&dwarf, &copy, NULL), -ENOEXEC,
		      "unit of wrong length at .debug_info+0x0", "a wrong length is named with its place");
		memcpy(bytes, input.sections[DWARF_INFO].data, input.sections[DWARF_INFO].size);
		bytes[4] = 9;
		fails(dwarf_init(&dwarf, &copy, NULL), -ENOEXEC, "DWARF version 9",
		      "an unknown version is named");
		free(bytes);
	}
	binary_close(&binary);
}

/* A function that takes 15 of itself: no walk over it may go all the 15^24 ways. */
static void test_endless_type(void)
{
	enum { HEADER = 11, FUNCTION = HEADER + 1, PARAMETERS = 15 };
	static const uint8_t abbrevs[] = {
		1, DW_TAG_compile_unit, 1, 0, 0,
		2, DW_TAG_subroutine_type, 1, 0, 0,
		3, DW_TAG_formal_parameter, 0, 0x49, 0x13, 0, 0,	/* DW_AT_type, DW_FORM_ref4 */
		0,
	};
	static const uint8_t parameter[] = { 3, FUNCTION, 0, 0, 0 };
	uint8_t info[FUNCTION + 1 + PARAMETERS * sizeof(parameter) + 2] = {
		sizeof(info) - 4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8, 1, 2,
	};
	char name[TYPE_NAME_MAX], why[TYPE_WHY_MAX];
	struct dwarf_input input = { .name = "endless" };
	struct dwarf dwarf;

	for (size_t i = 0; i < PARAMETERS; i++)
		memcpy(info + FUNCTION + 1 + i * sizeof(parameter), parameter, sizeof(parameter));
	input.sections[DWARF_INFO] = (struct dwarf_bytes){ info, sizeof(info) };
	input.sections[DWARF_ABBREV] = (struct dwarf_bytes){ abbrevs, sizeof(abbrevs) };
	if (!ok(dwarf_init(&dwarf, &input, NULL) == 0, "a function type that consists of itself"))
		return;
	struct type type = { &dwarf, FUNCTION };
	type_name(type, name);
	ok(!strncmp(name, "void (void (", 12) && strlen(name) == TYPE_NAME_MAX - 1,
	   "its name is cut off");
	fails(type_equal(type, type, why), -ENOEXEC, "a type consists of itself",
	      "it is not compared without end");
	dwarf_deinit(&dwarf);
}

/* Small sections that would become an index of any size. */
static void test_amplification(void)
{
	enum { N = 60, HEADER = 11 };
	static const uint8_t abbrevs[] = {
		1, DW_TAG_compile_unit, 1, 0, 0,
		2, DW_TAG_subprogram, 0, 0x55, 0x17, 0, 0,	/* DW_AT_ranges, DW_FORM_sec_offset */
		0,
	};
	struct dwarf_input input = { .name = "amplified" };
	uint8_t info[HEADER + 1 + 5 * N + 1] = {
		(sizeof(info) - 4) & 0xff, (sizeof(info) - 4) >> 8, 0, 0, 4, 0, 0, 0, 0, 0, 8, 1,
	};
	uint64_t ranges[2 * N + 2] = { 0 };
	uint8_t units[N * 40 * (HEADER + 1)], tables[N * 40 + 1];
	struct dwarf dwarf;

	for (size_t i = 0; i < N; i++) {
		info[HEADER + 1 + 5 * i] = 2;
		ranges[2 * i] = 0x1000 + 16 * i;
		ranges[2 * i + 1] = ranges[2 * i] + 8;
	}
	input.sections[DWARF_INFO] = (struct dwarf_bytes){ info, sizeof(info) };
	input.sections[DWARF_ABBREV] = (struct dwarf_bytes){ abbrevs, sizeof(abbrevs) };
	input.sections[DWARF_RANGES] = (struct dwarf_bytes){ (uint8_t *)ranges, sizeof(ranges) };
	fails(dwarf_init(&dwarf, &input, NULL), -ENOEXEC, "functions share lists of ranges",
	      "a list of ranges is not multiplied by functions");
	/* Entries of five bytes: code, tag, children, and the end of the attributes. */
	memset(tables, 1, sizeof(tables));
	for (size_t i = 0; i + 5 <= sizeof(tables); i += 5)
		tables[i + 3] = tables[i + 4] = 0;
	tables[sizeof(tables) - 1] = 0;
	for (size_t i = 0; i < sizeof(units); i += HEADER + 1) {
		size_t table = i / (HEADER + 1) / 5 * 5;
		const uint8_t unit[HEADER + 1] = { HEADER + 1 - 4, 0, 0, 0, 4, 0, table & 0xff,
						   (uint8_t)(table >> 8), 0, 0, 8, 0 };

		memcpy(units + i, unit, sizeof(unit));
	}
	input.sections[DWARF_INFO] = (struct dwarf_bytes){ units, sizeof(units) };
	input.sections[DWARF_ABBREV] = (struct dwarf_bytes){ tables, sizeof(tables) };
	fails(dwarf_init(&dwarf, &input, NULL), -ENOEXEC, "abbreviation table inside of others",
	      "nor a table of abbreviations by units");
}

static void test_cursor(void)
{
	static const uint8_t numbers[] = { 0xe5, 0x8e, 0x26, 0x7f, 0x80, 0x01, 0xff };
	struct cursor at;

	cursor_init(&at, numbers, sizeof(numbers));
	ok(cursor_uleb(&at) == 624485, "an unsigned LEB128");
	ok(cursor_sleb(&at) == -1, "a signed one");
	ok(cursor_uint(&at, 2) == 0x180 && !at.bad, "two bytes, little-endian");
	ok(cursor_uleb(&at) == 0x7f && at.bad && at.p == at.end, "one that does not end is bad");
	cursor_init(&at, numbers, 3);
	ok(cursor_uint(&at, 4) == 0 && at.bad, "four bytes out of three are bad");
	cursor_init(&at, numbers, 3);
	cursor_skip(&at, UINT64_MAX);
	ok(at.bad && at.p == at.end, "a skip beyond the end stops there");
	cursor_init(&at, (const uint8_t *)"ab", 2);
	ok(!cursor_string(&at) && at.bad, "a string without its NUL is bad");
	cursor_init(&at, NULL, 0);
	ok(cursor_u8(&at) == 0 && at.bad, "nothing is read out of nothing");
}

static void test_paths(void)
{
	ok(path_has_suffix("/src/dir/a.c", "a.c"), "a.c is a.c of any folder");
	ok(path_has_suffix("/src/dir/a.c", "dir/a.c"), "dir/a.c is it too");
	ok(!path_has_suffix("/src/dir/ba.c", "a.c"), "ba.c is not a.c");
	ok(!path_has_suffix("/src/dir/a.c", "other/a.c"), "nor is a.c of another folder");
	ok(path_has_suffix("/src/./x/../dir/a.c", "src/dir/a.c"), "dots are looked through");
	ok(path_has_suffix("/a.c", "/a.c") && !path_has_suffix("/b/a.c", "/a.c"),
	   "an absolute name is the whole name");
	ok(!path_has_suffix("a.c", "dir/a.c"), "a shorter name does not match");
}

int main(void)
{
	msg_init("u-dwarf");
	if (!ok(write_source(), "a source file"))
		return done();
	test_cursor();
	test_paths();
	test_compilers();
	test_relative_folder("gcc");
	test_relative_folder("clang");
	test_types();
	test_endless_type();
	test_amplification();
	test_damage("gcc");
	test_damage("clang");
	return done();
}
