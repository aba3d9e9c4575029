/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link: patches are built with the system's compiler and linked to a small
 * program, which maps the image where it was linked for and calls it.  What the
 * code then returns is the proof.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "link.h"
#include "page.h"
#include "tap.h"

#define TARGET_BIAS 0x3000	/* the metadata's target addresses are run-time ones minus this */

struct abi {
	const char *flag;
	uint8_t elf_class;
	uint16_t machine;
	uint64_t base;		/* on i386 more than 2 GiB away from the program: distances wrap */
	uint32_t reloc_abs, reloc_copy, reloc_slot, reloc_tls;
};

static const struct abi abis[] = {
	{ "-m64", ELFCLASS64, EM_X86_64, 0x60000000, R_X86_64_64, R_X86_64_COPY,
	  R_X86_64_GLOB_DAT, R_X86_64_DTPMOD64 },
	{ "-m32", ELFCLASS32, EM_386, 0xa0000000, R_386_32, R_386_COPY, R_386_GLOB_DAT,
	  R_386_TLS_DTPMOD32 },
};

/* The program: maps IMAGE at BASE, protects, prints what ENTRY(0), ENTRY(1)... return. */
static const char runner_source[] =
	"#include <stdio.h>\n#include <stdlib.h>\n#include <sys/mman.h>\n"
	"int target_counter = 41;\n"
	"int target_add(int a, int b) { return a + b; }\n"
	"int target_by_ref(int x) { return x * 10; }\n"
	"int target_replaced(int x) { return x + 1; }\n"
	"int target_far(void) { return 77; }\n"
	"int main(int argc, char **argv) {\n"
	"	if (argc < 4) return 0;\n"
	"	char *base = (char *)strtoul(argv[2], 0, 16);\n"
	"	int (*entry)(int) = (int (*)(int))strtoul(argv[3], 0, 16);\n"
	"	FILE *file = fopen(argv[1], \"r\");\n"
	"	for (int i = 4; i < argc; i++) {\n"
	"		unsigned long offset, size; int prot;\n"
	"		sscanf(argv[i], \"%lx:%lx:%d\", &offset, &size, &prot);\n"
	"		char *p = mmap(base + offset, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |\n"
	"			MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);\n"
	"		if (p != base + offset || fread(p, size, 1, file) != 1 ||\n"
	"		    mprotect(p, size, prot) != 0) { perror(\"map\"); return 1; }\n"
	"	}\n"
	"	for (int n = 0; n < 16; n++) { printf(\"%d \", entry(n)); fflush(stdout); }\n"
	"	return 0;\n"
	"}\n";

static const char patch_source[] =
	"extern int target_counter;\n"
	"extern int target_add(int, int);\n"
	"extern int by_ref(int);\n"
	"extern int maybe(void) __attribute__((weak));\n"
	"extern int puts(const char *);\n"
	"extern char _GLOBAL_OFFSET_TABLE_[] __attribute__((visibility(\"hidden\")));\n"
	"int own = 7;\n"
	"static int zeros[5000];\n"
	"static int twice(int x) { return 2 * x; }\n"
	"static int thrice(int x) { return 3 * x; }\n"
	"static int (*const table[])(int) = { twice, thrice };\n"
	"const char *const names[] = { \"zero\", \"one\", \"two\" };\n"
	"int (*pointer)(int, int) = target_add;\n"
	"int *second = &target_counter + 1;\n"
	"int replaced(int x) { return x + 1000; }\n"
	"int (*handler)(int) = replaced;\n"
	"int *place_abs = (int *)4;\n"
	"long place_gotrel = 4;\n"
	"extern int size_of_own;\n"
	"__asm__(\".data\\n.globl size_of_own\\nsize_of_own: .long own@SIZE\\n\"\n"
	"	\".text\\n.globl far_call, far_place\\n.type far_call,@function\\nfar_call:\\n\"\n"
	"	\".byte 0xe8\\nfar_place: .long 0\\nret\\n\");\n"
	"extern int far_call(void);\n"
	"int entry(int n) {\n"
	"	switch (n) {\n"
	"	case 0: return target_counter;\n"
	"	case 1: return target_add(2, 3);\n"
	"	case 2: return pointer(4, 5);\n"
	"	case 3: return names[2][1];\n"
	"	case 4: return table[1](7);\n"
	"	case 5: return maybe ? maybe() : -1;\n"
	"	case 6: return by_ref(6);\n"
	"	case 7: return handler(1);\n"
	"	case 8: for (int i = 0; i < 5000; i++) if (zeros[i] != 0) return i + 1;\n"
	"		zeros[4999] = 1; return 0;\n"
	"	case 9: return ++own;\n"
	"	case 10: return far_call();\n"
	"	case 11: return *place_abs;\n"
	"	case 12: return *(int *)(_GLOBAL_OFFSET_TABLE_ + place_gotrel);\n"
	"	case 13: return second - &target_counter;\n"
	"	case 14: return size_of_own;\n"
	"	}\n"
	"	return n < 16 ? 99 : puts(\"never\");\n"
	"}\n";

static const struct {
	int value;
	const char *sentence;
} expected[] = {
	{ 41, "a variable of the target through the GOT" },
	{ 5, "a function of the target through the PLT or GOT" },
	{ 9, "a function of the target through a pointer in data" },
	{ 'w', "a string through a table of pointers" },
	{ 21, "a function of its own through a static table" },
	{ -1, "a weak function that nobody has" },
	{ 60, "a symbol that the metadata names" },
	{ 2, "a pointer to a function that it replaces: the target's" },
	{ 0, "its .bss, which is zero" },
	{ 8, "its .data, which is writable" },
	{ 77, "a relative place of the metadata, in code" },
	{ 41, "an absolute place of the metadata" },
	{ 41, "a GOT-relative place of the metadata" },
	{ 1, "a variable of the target with an addend" },
	{ 4, "the size of a symbol" },
	{ 99, "plain code" },
};

/* ---- building ---- */

static bool write_file(const char *name, const void *bytes, size_t size)
{
	char path[128];
	FILE *file;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	file = fopen(path, "w");
	if (file == NULL)
		return false;
	good = fwrite(bytes, size, 1, file) == 1;
	return fclose(file) == 0 && good;
}

/* NAME from `source`; quiet, because a compiler may lack a flag. */
static bool build(const struct abi *abi, const char *flags, const char *source, const char *name)
{
	return write_file("source.c", source, strlen(source)) &&
	       shell("gcc %s -w -g %s -Wl,--build-id -o %s source.c", abi->flag, flags, name);
}

static bool open_built(const struct abi *abi, const char *flags, const char *source,
		       struct patchfile *file)
{
	char path[128], all[256];

	snprintf(path, sizeof(path), "%s/patch.so", scratch());
	snprintf(all, sizeof(all), "-shared -fPIC %s", flags);
	msg_forget();
	if (!build(abi, all, source, "patch.so"))
		return false;
	if (patchfile_open_plain(file, path) == 0)
		return true;
	note("%s", msg_kept());
	return false;
}

/* ---- the target ---- */

static struct {
	const char *name;
	uint64_t address;
	unsigned asked;
} target_symbols[] = {
	{ "target_counter", 0, 0 }, { "target_add", 0, 0 }, { "target_by_ref", 0, 0 },
	{ "target_replaced", 0, 0 }, { "target_far", 0, 0 },
};
#define N_TARGET_SYMBOLS (sizeof(target_symbols) / sizeof(target_symbols[0]))

/* What the resolver was asked. */
static bool saw_version, saw_weak;

static bool read_target_symbols(void)
{
	char command[128], line[256], name[128];
	size_t found = 0;
	uint64_t address;
	FILE *nm;

	snprintf(command, sizeof(command), "nm %s/runner", scratch());
	nm = popen(command, "r");
	while (nm != NULL && fgets(line, sizeof(line), nm) != NULL) {
		if (sscanf(line, "%" SCNx64 " %*c %127s", &address, name) != 2)
			continue;
		for (size_t i = 0; i < N_TARGET_SYMBOLS; i++) {
			if (strcmp(name, target_symbols[i].name) == 0) {
				target_symbols[i].address = address;
				found++;
			}
		}
	}
	return nm != NULL && pclose(nm) == 0 && found == N_TARGET_SYMBOLS;
}

static uint64_t address_of(const char *name)
{
	for (size_t i = 0; i < N_TARGET_SYMBOLS; i++) {
		if (strcmp(name, target_symbols[i].name) == 0) {
			target_symbols[i].asked++;
			return target_symbols[i].address;
		}
	}
	return 0;
}

static int find(const struct link_symbol *symbol, uint64_t *address, void *ctx)
{
	(void)ctx;
	*address = address_of(symbol->name);
	if (strcmp(symbol->name, "puts") == 0) {
		saw_version = strncmp(symbol->version, "GLIBC_2.", 8) == 0 && !symbol->weak;
		*address = address_of("target_far");
	}
	if (strstr(symbol->name, "tls_get_addr") != NULL)
		*address = address_of("target_far");
	if (strcmp(symbol->name, "maybe") == 0)
		saw_weak = symbol->version[0] == '\0' && symbol->weak;
	if (*address == 0 && !symbol->weak)
		return fail(ESTALE, "nobody has %s", symbol->name);
	return 0;
}

static struct link_tls tls_answer;

static int find_tls(const struct link_symbol *symbol, uint64_t offset, struct link_tls *tls,
		    void *ctx)
{
	(void)ctx;
	*tls = tls_answer;
	tls->offset += offset;
	return symbol != NULL && strcmp(symbol->name, "tls") == 0 ? 0 : fail(ESTALE, "nobody has it");
}

static const struct link_resolver resolver = { .find = find, .find_tls = find_tls };

/* ---- metadata by hand ---- */

static uint64_t value_of(const struct patchfile *file, const char *name)
{
	struct elf_sym sym;
	uint32_t index;

	return elf_lookup(&file->elf, name, NULL, &index, &sym) == 0 ? sym.value : 0;
}

static uint32_t undefined_index(const struct patchfile *file, const char *wanted)
{
	char name[256];
	struct elf_sym sym;

	for (uint32_t i = 1; i < file->elf.n_dynsyms; i++) {
		if (elf_dynsym(&file->elf, i, &sym) == 0 &&
		    elf_dynstr(&file->elf, sym.name, name, sizeof(name)) == 0 &&
		    strcmp(name, wanted) == 0)
			return i;
	}
	return 0;
}

static struct vz_func funcs[3];
static struct vz_dynref dynrefs[1];
static struct vz_place places[3];

static void fill_meta(const struct abi *abi, struct patchfile *file)
{
	uint64_t word = abi->elf_class == ELFCLASS64 ? 8 : 4;

	/* Not in order of patch_addr. */
	funcs[0] = (struct vz_func){ .name = "other", .patch_addr = UINT32_MAX };
	funcs[1] = (struct vz_func){ .name = "another", .patch_addr = UINT32_MAX - 1 };
	funcs[2] = (struct vz_func){ .name = "replaced", .patch_addr = value_of(file, "replaced"),
				     .target_addr = address_of("target_replaced") - TARGET_BIAS };
	dynrefs[0] = (struct vz_dynref){ .symbol = undefined_index(file, "by_ref"), .name = "by_ref",
					 .target_addr = address_of("target_by_ref") - TARGET_BIAS };
	places[0] = (struct vz_place){ value_of(file, "far_place"), 4, VZ_PLACE_PCREL,
				       address_of("target_far") - TARGET_BIAS, -4 };
	places[1] = (struct vz_place){ value_of(file, "place_abs"), word, VZ_PLACE_ABS,
				       address_of("target_counter") - TARGET_BIAS - 8, 8 };
	places[2] = (struct vz_place){ value_of(file, "place_gotrel"), word, VZ_PLACE_GOTREL,
				       address_of("target_counter") - TARGET_BIAS, 0 };
	file->meta.funcs = funcs;
	file->meta.n_funcs = 3;
	file->meta.dynrefs = dynrefs;
	file->meta.n_dynrefs = 1;
	file->meta.places = places;
	file->meta.n_places = 3;
}

/* What fill_meta() hung in is not the file's to free. */
static void close_file(struct patchfile *file)
{
	file->meta = (struct vzpatch){ 0 };
	patchfile_deinit(file);
}

/* ---- images that work ---- */

static const struct link_segment *segment_of(const struct link_image *image, uint64_t addr)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		if (addr + image->bias - image->base - image->segments[i].offset <
		    image->segments[i].size)
			return &image->segments[i];
	}
	return NULL;
}

static bool has_prot(const struct patchfile *file, const struct link_image *image,
		     const char *symbol, int prot)
{
	const struct link_segment *segment = segment_of(image, value_of(file, symbol));

	return segment != NULL && segment->prot == prot;
}

static void check_segments(const struct patchfile *file, const struct link_image *image,
			   const char *title)
{
	uint64_t at = 0;
	bool good = true;

	for (size_t i = 0; i < image->n_segments; i++) {
		const struct link_segment *segment = &image->segments[i];

		good &= segment->offset == at && segment->size > 0 && segment->size % image->page == 0 && segment->offset % image->page == 0 &&
			(segment->prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC);
		at += segment->size;
	}
	ok(good && at == image->size && at == link_size(file, image->page),
	   "%s: segments follow each other without holes, none is rwx", title);
	ok(has_prot(file, image, "entry", PROT_READ | PROT_EXEC) &&
	   has_prot(file, image, "own", PROT_READ | PROT_WRITE) &&
	   has_prot(file, image, "names", PROT_READ),
	   "%s: text is r-x, data rw-, RELRO r--", title);
}

/* Let the program map and call it; `results` gets what it printed. */
static bool call_image(const struct patchfile *file, const struct link_image *image,
		       char *results, size_t size)
{
	char command[1024];
	int at = snprintf(command, sizeof(command), "cd %s && ./runner image %" PRIx64 " %" PRIx64,
			  scratch(), image->base, value_of(file, "entry") + image->bias);
	FILE *output;
	size_t got;

	for (size_t i = 0; i < image->n_segments && at < 900; i++)
		at += snprintf(command + at, sizeof(command) - (size_t)at,
			       " %" PRIx64 ":%" PRIx64 ":%d", image->segments[i].offset,
			       image->segments[i].size, image->segments[i].prot);
	if (!write_file("image", image->bytes, (size_t)image->size))
		return false;
	output = popen(command, "r");
	if (output == NULL)
		return false;
	got = fread(results, 1, size - 1, output);
	results[got] = '\0';
	return pclose(output) == 0;
}

static void check_calls(const struct patchfile *file, const struct link_image *image,
			const char *title)
{
	char results[1024] = "", *next = results, *end;

	ok(call_image(file, image, results, sizeof(results)), "%s: the program runs the patch", title);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		long value = strtol(next, &end, 10);

		ok(end != next && value == expected[i].value, "%s: reaches %s", title,
		   expected[i].sentence);
		if (end == next || value != expected[i].value)
			note("expected %d, got \"%.20s\"", expected[i].value, next);
		next = end;
	}
}

static void check_variant(const struct abi *abi, const char *flags)
{
	const struct arch *arch = arch_find(abi->elf_class, abi->machine);
	struct patchfile file;
	struct link_image image;
	const char *page = strstr(flags, "max-page-size=");
	char title[128];
	int err;

	snprintf(title, sizeof(title), "%s %s", abi->flag, flags);
	if (!open_built(abi, flags, patch_source, &file)) {
		skip(title, "the compiler or the linker does not do this");
		return;
	}
	fill_meta(abi, &file);
	for (size_t i = 0; i < N_TARGET_SYMBOLS; i++)
		target_symbols[i].asked = 0;
	saw_version = saw_weak = false;
	err = link_image(&file, arch, page == NULL ? PAGE : strtoul(page + strlen("max-page-size="), NULL, 10), abi->base, TARGET_BIAS,
			 &resolver, &image);
	if (ok(err == 0 && image.base == abi->base, "%s: links", title)) {
		ok(target_symbols[0].asked == 1 && target_symbols[1].asked == 1,
		   "%s: asks for each symbol once", title);
		ok(saw_version && saw_weak, "%s: asks with version and binding", title);
		check_segments(&file, &image, title);
		if (runs("runner", "image"))
			check_calls(&file, &image, title);
		else
			skip(title, "this kernel runs no such programs");
		link_image_deinit(&image);
	} else {
		note("%s", msg_kept());
	}
	close_file(&file);
}

/* ---- images that are refused ---- */

/* Link `file` for pages of this size; it has to fail so, with `word` in the message. */
static void refuses_by(const struct abi *abi, const struct patchfile *file, uint64_t page, uint64_t base, int error,
		       const char *word, const char *sentence)
{
	struct link_image image;
	int err;

	msg_forget();
	err = link_image(file, arch_find(abi->elf_class, abi->machine), page, base, TARGET_BIAS, &resolver,
			 &image);
	ok(err == -error && strstr(msg_kept(), word) != NULL && image.bytes == NULL &&
	   image.segments == NULL, "%s: refuses %s", abi->flag, sentence);
	if (err != -error || strstr(msg_kept(), word) == NULL)
		note("%d: %s", err, msg_kept());
	if (err == 0)
		link_image_deinit(&image);
}

static void refuses(const struct abi *abi, const struct patchfile *file, uint64_t base, int error,
		    const char *word, const char *sentence)
{
	refuses_by(abi, file, PAGE, base, error, word, sentence);
}

static void refuses_source(const struct abi *abi, const char *source, const char *word,
			   const char *sentence)
{
	struct patchfile file;

	if (!open_built(abi, "", source, &file)) {
		ok(false, "%s: builds what is to be refused: %s", abi->flag, sentence);
		return;
	}
	refuses(abi, &file, abi->base, ENOEXEC, word, sentence);
	close_file(&file);
}

/* Where the first relocation of this type stands in file->image. */
static uint8_t *find_reloc(const struct abi *abi, struct patchfile *file, uint32_t type)
{
	bool is_64 = abi->elf_class == ELFCLASS64;
	size_t step = is_64 ? sizeof(Elf64_Rela) : sizeof(Elf32_Rel);

	for (uint64_t at = 0; at < file->elf.dyn.relsz; at += step) {
		uint8_t *bytes = file->image + (file->elf.dyn.rel - file->image_lo) + at;
		uint64_t info = 0;

		memcpy(&info, bytes + (is_64 ? 8 : 4), is_64 ? 8 : 4);
		if ((is_64 ? info & UINT32_MAX : info & 0xff) == type)
			return bytes;
	}
	return NULL;
}

/* The type, and the symbol's number, in place of those of a relocation. */
static void forge(const struct abi *abi, uint8_t *reloc, uint32_t type, int64_t symbol)
{
	if (abi->elf_class == ELFCLASS64) {
		memcpy(reloc + 8, &type, 4);
		if (symbol >= 0)
			memcpy(reloc + 12, &symbol, 4);
	} else {
		memcpy(reloc + 4, &type, 1);
		if (symbol >= 0)
			memcpy(reloc + 5, &symbol, 3);
	}
}

static const char small_source[] =
	"extern int target_counter;\nint *pointer = &target_counter;\n"
	"int get(void) { return target_counter; }\n";

static void check_forged(const struct abi *abi, struct patchfile *file)
{
	uint8_t *reloc = find_reloc(abi, file, abi->reloc_abs), kept[24];
	size_t word = abi->elf_class == ELFCLASS64 ? 8 : 4;
	size_t size = word == 8 ? sizeof(Elf64_Rela) : sizeof(Elf32_Rel);
	uint64_t last = file->image_lo + file->image_size - word + 1;

	if (!ok(reloc != NULL, "%s: the patch has a relocation to forge", abi->flag))
		return;
	memcpy(kept, reloc, size);
	forge(abi, reloc, abi->reloc_copy, -1);
	refuses(abi, file, abi->base, ENOEXEC, "target_counter", "COPY, and names the symbol");
	forge(abi, reloc, 200, -1);
	refuses(abi, file, abi->base, ENOEXEC, "type 200", "an unknown type, and names its number");
	if (word == 8) {
		int64_t addend = INT64_C(0x100000000);

		forge(abi, reloc, R_X86_64_32, -1);
		memcpy(reloc + 16, &addend, 8);
		refuses(abi, file, abi->base, ERANGE, "R_X86_64_32 ", "R_X86_64_32 beyond 32 bits");
		memcpy(reloc, kept, size);
		forge(abi, reloc, R_X86_64_PC32, -1);
		refuses(abi, file, UINT64_C(1) << 40, ERANGE, "target_counter",
			"R_X86_64_PC32 out of reach, and names the symbol");
	}
	forge(abi, reloc, abi->reloc_abs, 0xffffff);
	refuses(abi, file, abi->base, ENOEXEC, "16777215", "a symbol that is not there");
	memcpy(reloc, kept, size);
	memcpy(reloc, &last, word);
	refuses(abi, file, abi->base, ENOEXEC, "outside", "a place across the end of the patch");
	last = 0x7ffff000;
	memcpy(reloc, &last, word);
	refuses(abi, file, abi->base, ENOEXEC, "outside", "a place outside the patch");
	memcpy(reloc, kept, size);
}

static void check_bad_meta(const struct abi *abi, struct patchfile *file)
{
	uint64_t pointer = value_of(file, "pointer");

	file->meta.places = places;
	file->meta.n_places = 1;
	places[0] = (struct vz_place){ 0x7ffff000, 4, VZ_PLACE_ABS, 0, 0 };
	refuses(abi, file, abi->base, ENOEXEC, "0x7ffff000", "a reference from outside the patch");
	places[0] = (struct vz_place){ pointer, 3, VZ_PLACE_ABS, 0, 0 };
	refuses(abi, file, abi->base, ENOEXEC, "3 bytes", "a reference of 3 bytes");
	places[0] = (struct vz_place){ pointer, 4, 77, 0, 0 };
	refuses(abi, file, abi->base, ENOEXEC, "kind 77 ", "a reference of unknown kind");
	places[0] = (struct vz_place){ pointer, 4, 0, 0, 0 };
	refuses(abi, file, abi->base, ENOEXEC, "kind 0 ", "a reference of no kind");
	if (abi->elf_class == ELFCLASS64) {
		places[0] = (struct vz_place){ pointer, 4, VZ_PLACE_PCREL, UINT64_C(1) << 40, 0 };
		refuses(abi, file, abi->base, ERANGE, "out of reach", "a reference out of reach");
		places[0] = (struct vz_place){ pointer, 4, VZ_PLACE_ABS, 0x80000000 - TARGET_BIAS, 0 };
		refuses(abi, file, abi->base, ERANGE, "out of reach",
			"4 absolute bytes that a sign extension would change");
	} else {
		places[0] = (struct vz_place){ pointer, 8, VZ_PLACE_ABS, 0, 0 };
		refuses(abi, file, abi->base, ENOEXEC, "8 bytes", "a reference of 8 bytes");
	}
	file->meta.n_places = 0;
	file->meta.dynrefs = dynrefs;
	file->meta.n_dynrefs = 1;
	dynrefs[0] = (struct vz_dynref){ .symbol = file->elf.n_dynsyms, .name = "beyond" };
	refuses(abi, file, abi->base, ENOEXEC, "beyond", "metadata of a symbol that is not there");
	file->meta.n_dynrefs = 0;
}

/* Fields of a made-up instruction: no. 1 has the number of the page in its upper three bytes, no. 2 fits nothing. */
static bool put_made_up(unsigned field, uint64_t value, uint64_t at, uint8_t *bytes)
{
	const uint32_t pages = (uint32_t)((value >> 12) - (at >> 12)) << 8;

	for (size_t i = 1; i < 4 && field == 1; i++)
		bytes[i] = (uint8_t)(pages >> 8 * i);
	return field == 1;
}

static void check_fields(const struct abi *abi, struct patchfile *file)
{
	const struct arch *arch = arch_find(abi->elf_class, abi->machine);
	const uint64_t pointer = value_of(file, "far_place");
	struct arch made = *arch;
	struct link_image image;

	file->meta.places = places;
	file->meta.n_places = 1;
	places[0] = (struct vz_place){ pointer, 4, VZ_PLACE_ABS + VZ_PLACE_FIELD, 0x5000, 0 };
	refuses(abi, file, abi->base, ENOEXEC, "kind 257 ", "a field of an instruction, as this ABI has none");
	made.put_field = put_made_up;
	msg_forget();
	if (ok(link_image(file, &made, PAGE, abi->base, TARGET_BIAS, &resolver, &image) == 0, "%s: and takes it where it has some", abi->flag)) {
		const uint64_t at = pointer + image.bias;
		const uint32_t pages = (uint32_t)(((TARGET_BIAS + 0x5000) >> 12) - (at >> 12)) << 8;
		const uint8_t *bytes = image.bytes + (at - image.base);

		ok(bytes[0] == file->image[pointer - file->image_lo] && bytes[1] == (uint8_t)(pages >> 8) &&
		   bytes[2] == (uint8_t)(pages >> 16) && bytes[3] == (uint8_t)(pages >> 24), "%s: the other bits stay", abi->flag);
		link_image_deinit(&image);
	}
	places[0].kind += VZ_PLACE_FIELD;
	ok(link_image(file, &made, PAGE, abi->base, TARGET_BIAS, &resolver, &image) == -ERANGE, "%s: refuses what does not fit", abi->flag);
	places[0].kind = VZ_PLACE_ABS + 257 * VZ_PLACE_FIELD;
	ok(link_image(file, &made, PAGE, abi->base, TARGET_BIAS, &resolver, &image) == -ENOEXEC, "%s: and a field of a large number", abi->flag);
	file->meta.n_places = 0;
	msg_forget();
}

/* RELRO that ends within a page leaves that page writable; one that lies elsewhere is refused. */
static void check_relro(const struct abi *abi, struct patchfile *file)
{
	const struct arch *arch = arch_find(abi->elf_class, abi->machine);
	struct elf_phdr *relro = NULL;
	struct link_image image;

	for (size_t i = 0; i < file->elf.n_phdrs; i++) {
		if (file->elf.phdrs[i].type == PT_GNU_RELRO)
			relro = &file->elf.phdrs[i];
	}
	if (!ok(relro != NULL, "%s: the patch has RELRO", abi->flag))
		return;
	relro->memsz -= 4;
	if (ok(link_image(file, arch, PAGE, abi->base, TARGET_BIAS, &resolver, &image) == 0,
	       "%s: links with a RELRO that ends within a page", abi->flag)) {
		const struct link_segment *segment = segment_of(&image, relro->vaddr);

		ok(segment != NULL && segment->prot == (PROT_READ | PROT_WRITE),
		   "%s: that page stays writable", abi->flag);
		link_image_deinit(&image);
	}
	relro->memsz += 4;
	relro->vaddr += UINT64_C(1) << 20;
	refuses(abi, file, abi->base, ENOEXEC, "program header", "RELRO outside the patch");
	relro->vaddr -= UINT64_C(1) << 20;
}

static const char tls_source[] =
	"extern __thread int tls; int get(void) { return tls; }";

/* The words that the first relocation of a type has made, in a linked image. */
static bool made(const struct abi *abi, const struct patchfile *file, const uint8_t *reloc,
		 uint64_t first, uint64_t second)
{
	size_t word = abi->elf_class == ELFCLASS64 ? 8 : 4;
	struct link_image image;
	uint64_t offset = 0, words[2] = { 0, 0 };

	msg_forget();
	if (reloc == NULL || link_image(file, arch_find(abi->elf_class, abi->machine), PAGE, abi->base,
					TARGET_BIAS, &resolver, &image) != 0) {
		note("%s", msg_kept());
		return false;
	}
	memcpy(&offset, reloc, word);
	memcpy(&words[0], image.bytes + (offset + image.bias - image.base), word);
	memcpy(&words[1], image.bytes + (offset + image.bias - image.base) + word, word);
	if (first == 0)	/* the address of a stub: that it can be run */
		first = words[0] >= image.base + image.size - 4096 ? words[0] : 0;
	link_image_deinit(&image);
	return words[0] == first && words[1] == (word == 8 ? second : (uint32_t)second);
}

static void check_tls(const struct abi *abi)
{
	uint32_t descriptor = abi->elf_class == ELFCLASS64 ? R_X86_64_TLSDESC : R_386_TLS_DESC;
	struct patchfile file;
	uint8_t *reloc;

	if (!ok(open_built(abi, "", tls_source, &file), "%s: builds a patch with a TLS variable",
		abi->flag))
		return;
	reloc = find_reloc(abi, &file, abi->reloc_tls);
	tls_answer = (struct link_tls){ .module = 7, .offset = 16 };
	ok(made(abi, &file, reloc, 7, 16), "%s: a module's number and an offset", abi->flag);
	tls_answer = (struct link_tls){ .offset = 16 };
	refuses(abi, &file, abi->base, ESTALE, "tls has no fixed distance", "a module without number");
	if (ok(reloc != NULL, "%s: finds that relocation", abi->flag)) {
		forge(abi, reloc, abi->reloc_tls, 0);
		refuses(abi, &file, abi->base, ENOEXEC, "dynamic symbol 0", "a module without symbol");
		forge(abi, reloc, abi->reloc_abs, undefined_index(&file, "tls"));
		refuses(abi, &file, abi->base, ENOEXEC, "tls is a TLS variable",
			"the address of a TLS variable, and names it");
	}
	close_file(&file);
	if (!ok(open_built(abi, "-mtls-dialect=gnu2", tls_source, &file), "%s: and with a descriptor",
		abi->flag))
		return;
	refuses(abi, &file, abi->base, ESTALE, "tls has no fixed distance", "a descriptor of no fixed place");
	tls_answer = (struct link_tls){ .from_pointer = (uint64_t)-48, .is_static = true };
	/* The linker may have put it into DT_JMPREL. */
	reloc = find_reloc(abi, &file, descriptor);
	if (reloc == NULL) {
		struct patchfile lazy = file;

		lazy.elf.dyn.rel = file.elf.dyn.jmprel;
		lazy.elf.dyn.relsz = file.elf.dyn.jmprelsz;
		reloc = find_reloc(abi, &lazy, descriptor);
	}
	ok(made(abi, &file, reloc, 0, (uint64_t)-48), "%s: a descriptor", abi->flag);
	close_file(&file);
}

/* A segment that is shorter than what is written into it. */
static void check_short_segment(const struct abi *abi, struct patchfile *file)
{
	uint8_t *reloc = find_reloc(abi, file, abi->reloc_abs);
	struct elf_phdr *last = NULL;
	uint64_t memsz;

	for (size_t i = 0; i < file->elf.n_phdrs; i++) {
		if (file->elf.phdrs[i].type == PT_LOAD)
			last = &file->elf.phdrs[i];
	}
	if (!ok(reloc != NULL && last != NULL, "%s: finds the last segment", abi->flag))
		return;
	memcpy(reloc, &last->vaddr, abi->elf_class == ELFCLASS64 ? 8 : 4);
	memsz = last->memsz;
	last->memsz = 3;
	refuses(abi, file, abi->base, ENOEXEC, "outside", "a segment of 3 bytes as a place");
	last->memsz = memsz;
}

static void check_refusals(const struct abi *abi)
{
	const struct abi *other = &abis[abi == &abis[0]];
	struct patchfile file;

	check_tls(abi);
	refuses_source(abi, "static int one(void) { return 1; }\n"
		       "static void *choose(void) { return one; }\n"
		       "int pick(void) __attribute__((ifunc(\"choose\")));\n"
		       "int (*pointer)(void) = pick;\n", "pick", "its own IFUNC, and names it");
	refuses_source(abi, "static int one(void) { return 1; }\n"
		       "static void *choose(void) { return one; }\n"
		       "static int pick(void) __attribute__((ifunc(\"choose\")));\n"
		       "int get(void) { return pick(); }\n", "IFUNC", "a static IFUNC");
	if (!ok(open_built(abi, "", small_source, &file), "%s: builds a small patch", abi->flag))
		return;
	check_forged(abi, &file);
	check_bad_meta(abi, &file);
	check_fields(abi, &file);
	check_relro(abi, &file);
	refuses(abi, &file, abi->base + 8, ERANGE, "0x", "a base that is no page");
	refuses(abi, &file, abi->elf_class == ELFCLASS64 ? ~UINT64_C(0xfff) : 0xfffff000, ERANGE, "0x",
		"a base without room behind it");
	if (arch_find(other->elf_class, other->machine) != NULL)
		refuses(other, &file, abi->base, ENOEXEC, "is a patch for", "a patch of the other ABI");
	refuses_by(abi, &file, PAGE_MAX, abi->base, ENOEXEC, "two of its segments share a page of 65536 bytes",
		   "a patch that was linked for smaller pages");
	check_short_segment(abi, &file);
	close_file(&file);
}

static void check_missing(const struct abi *abi)
{
	struct patchfile file;

	if (!ok(open_built(abi, "", "extern int nowhere; int *pointer = &nowhere;\n", &file),
		"%s: builds a patch that needs what nobody has", abi->flag))
		return;
	refuses(abi, &file, abi->base, ESTALE, "nobody has nowhere",
		"what the resolver does not find, in its words");
	close_file(&file);
}

/* A slot holds S: what stood there before, or an addend, does not count. */
static void check_slot(const struct abi *abi)
{
	const struct arch *arch = arch_find(abi->elf_class, abi->machine);
	uint64_t where = 0, value = 0, junk = 0x11;
	struct link_image image;
	struct patchfile file;
	uint8_t *reloc;

	if (!ok(open_built(abi, "", small_source, &file), "%s: builds a patch with a slot", abi->flag))
		return;
	reloc = find_reloc(abi, &file, abi->reloc_slot);
	for (uint32_t i = undefined_index(&file, "target_counter"); reloc != NULL;
	     reloc += 2 * arch->word + (arch->word == 8 ? 8 : 0)) {
		uint64_t info = 0;

		memcpy(&info, reloc + arch->word, arch->word);
		if ((arch->word == 8 ? info >> 32 : info >> 8) == i)
			break;
	}
	if (ok(reloc != NULL, "%s: finds the slot", abi->flag)) {
		memcpy(&where, reloc, arch->word);
		if (arch->word == 8)
			memcpy(reloc + 16, &junk, 8);
		memcpy(file.image + (where - file.image_lo), &junk, arch->word);
		if (ok(link_image(&file, arch, PAGE, abi->base, TARGET_BIAS, &resolver, &image) == 0,
		       "%s: links it", abi->flag)) {
			memcpy(&value, image.bytes + where + image.bias - image.base, arch->word);
			ok(value == address_of("target_counter"), "%s: a slot ignores addends",
			   abi->flag);
			link_image_deinit(&image);
		}
	}
	close_file(&file);
}

static void check_abi(const struct abi *abi)
{
	static const char *const variants[] = {
		"-O0", "-O2", "-O2 -Wl,-Bsymbolic", "-O2 -fno-plt -Wl,-z,now",
		"-O2 -Wl,-z,pack-relative-relocs", "-O2 -Wl,-z,noseparate-code -fcf-protection",
		"-O2 -Wl,-Bsymbolic -Wl,-z,pack-relative-relocs", "-O2 -Wl,--hash-style=sysv",
		"-O2 -Wl,-z,max-page-size=16384", "-O2 -Wl,-Bsymbolic -Wl,-z,max-page-size=65536",
		"-O2 -fuse-ld=lld", "-O2 -Wl,-Ttext-segment=0x10000",
	};

	if (!build(abi, "-O1 -no-pie -fno-pic -Wl,-z,norelro", runner_source, "runner") ||
	    !read_target_symbols()) {
		skip(abi->flag, "the compiler does not do this (gcc-multilib?)");
		return;
	}
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		check_variant(abi, variants[i]);
	check_refusals(abi);
	check_missing(abi);
	check_slot(abi);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		if (arch_find(abis[i].elf_class, abis[i].machine) == NULL)
			skip(abis[i].flag, "not in this build");
		else
			check_abi(&abis[i]);
	}
	return done();
}
