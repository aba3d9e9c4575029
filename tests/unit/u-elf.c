/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "elf.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/uio.h>

#include "patchfile.h"
#include "tap.h"

/* This process, read as a target is: a bad address is an error, not a crash. */
static int read_self(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	struct iovec local = { buf, size }, remote = { (void *)(uintptr_t)addr, size };

	(void)self;
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}
static const struct bytes myself = { read_self, NULL };

/* An image in memory. */
struct image {
	const uint8_t *data;
	uint64_t size;
	uint64_t start;		/* its first address */
};

static int read_image(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	const struct image *image = self->ctx;

	if (addr - image->start > image->size || size > image->size - (addr - image->start))
		return -EFAULT;
	memcpy(buf, image->data + (addr - image->start), size);
	return 0;
}

/* ---- loaded objects, with the dynamic linker as the witness ---- */

struct tally {
	unsigned objects, wrong_bias, no_symbols, no_header;
};

static bool same_dynamic(const struct elf_dynamic *a, const struct elf_dynamic *b)
{
	struct elf_dynamic left = *a, right = *b;

	left.needed = right.needed = NULL;
	return memcmp(&left, &right, sizeof(left)) == 0 &&
	       (a->n_needed == 0 || memcmp(a->needed, b->needed, a->n_needed * sizeof(*a->needed)) == 0);
}

static int check_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct tally *tally = ctx;
	uint8_t elf_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	struct elf by_phdrs, by_header;

	(void)size;
	tally->objects++;
	if (elf_open_phdrs(&by_phdrs, myself, elf_class, 0, ET_DYN, (uintptr_t)info->dlpi_phdr,
			   info->dlpi_phnum) != 0) {
		tally->wrong_bias++;
		return 0;
	}
	tally->wrong_bias += by_phdrs.bias != info->dlpi_addr;
	tally->no_symbols += by_phdrs.n_dynsyms == 0;
	if (elf_open(&by_header, myself, by_phdrs.lo) != 0) {
		tally->no_header++;
	} else {
		tally->no_header += by_header.bias != by_phdrs.bias || by_header.hi != by_phdrs.hi ||
				    by_header.n_dynsyms != by_phdrs.n_dynsyms ||
				    !same_dynamic(&by_header.dyn, &by_phdrs.dyn);
		elf_deinit(&by_header);
	}
	elf_deinit(&by_phdrs);
	return 0;
}

static void test_loaded(void)
{
	struct tally tally = { 0, 0, 0, 0 };

	(void)dl_iterate_phdr(check_object, &tally);
	ok(tally.objects >= 3, "this process has %u objects", tally.objects);
	ok(tally.wrong_bias == 0, "the load bias of each is what dl_iterate_phdr says");
	ok(tally.no_symbols == 0, "each has dynamic symbols");
	ok(tally.no_header == 0, "from the ELF header the same is found as from the program headers");
	msg_forget();
}

/* Compare every symbol of a loaded library with dlvsym() and dlsym(). */
static void test_library(const char *soname)
{
	void *handle = dlopen(soname, RTLD_NOW);
	struct link_map *map;
	struct elf elf;
	unsigned compared = 0, wrong = 0, plain = 0;

	if (handle == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 ||
	    elf_open(&elf, myself, map->l_addr) != 0) {
		ok(false, "%s opens (%s)", soname, msg_kept());
		msg_forget();
		return;
	}
	for (uint32_t i = 1; i < elf.n_dynsyms; i++) {
		char name[256], version[256];
		struct elf_sym sym, found;
		uint32_t index;
		uint64_t addr;
		bool weak;

		if (elf_dynsym(&elf, i, &sym) != 0 ||
		    elf_dynstr(&elf, sym.name, name, sizeof(name)) != 0 ||
		    elf_symbol_version(&elf, i, version, sizeof(version), &weak) != 0) {
			wrong++;
			continue;
		}
		if (sym.shndx == SHN_UNDEF || sym.shndx == SHN_ABS ||
		    (sym.type != STT_FUNC && sym.type != STT_OBJECT) || version[0] == '\0')
			continue;
		compared++;
		addr = (uint64_t)(uintptr_t)dlvsym(handle, name, version);
		if (addr != elf.bias + sym.value ||
		    elf_lookup(&elf, name, version, &index, &found) != 0 ||
		    elf.bias + found.value != addr) {
			wrong++;
			note("%s@%s", name, version);
		}
		if (elf_lookup(&elf, name, "NO_SUCH_VERSION", &index, &found) != -ENOENT)
			wrong++;
		addr = (uint64_t)(uintptr_t)dlsym(handle, name);
		if (elf_lookup(&elf, name, NULL, &index, &found) == 0 && found.type != STT_GNU_IFUNC) {
			plain++;
			if (elf.bias + found.value != addr) {
				wrong++;
				note("%s without a version", name);
			}
		}
	}
	ok(compared > 100 && plain > 100 && wrong == 0, "%s: the dynamic linker agrees about all of "
	   "%u symbols with their versions, %u without", soname, compared, plain);
	elf_deinit(&elf);
	msg_forget();
	(void)dlclose(handle);
}

static void test_vdso(void)
{
	uint64_t header = getauxval(AT_SYSINFO_EHDR);
	struct elf elf;
	struct elf_sym sym;
	uint32_t index;

	if (header == 0) {
		skip("the vDSO opens", "there is none");
		return;
	}
	if (!ok(elf_open(&elf, myself, header) == 0, "the vDSO opens (%s)", msg_kept()))
		return;
	ok(elf.lo == header && elf.build_id_size > 0, "it has a build-id");
	ok(elf_lookup(&elf, "__vdso_clock_gettime", "LINUX_2.6", &index, &sym) == 0 &&
	   sym.value != 0 && elf.bias + sym.value < elf.hi,
	   "its clock_gettime is found by its version");
	ok(elf_lookup(&elf, "__vdso_clock_gettime", NULL, &index, &sym) == 0, "and without one");
	ok(elf_lookup(&elf, "__vdso_clock_gettime", "LINUX_2.5", &index, &sym) == -ENOENT &&
	   msg_kept()[0] == '\0', "another version is not found, without a word");
	elf_deinit(&elf);
}

/* ---- what linkers make ---- */

static const char *const source =
	"extern int missing_function(int); extern int missing_variable;\n"
	"__attribute__((weak)) extern int maybe(void);\n"
	"int old(void) { return 1; }\n"
	"int new(void) { return 2; }\n"
	"__asm__(\".symver old,which@V1\\n.symver new,which@@V2\");\n"
	"int plain(int x) { return missing_function(x) + (maybe ? maybe() : 0) + missing_variable; }\n"
	"void *table[300] = { plain, &missing_variable, table };\n"
	"__attribute__((visibility(\"hidden\"))) int unseen;\n"
	"int *take(void) { return &unseen; }\n"
	"static void *volatile many[200] = {\n"
#define TEN "&unseen, &unseen, 0, &unseen, &unseen, &unseen, &unseen, &unseen, &unseen, &unseen,\n"
	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
	"}; void *volatile *get(int i) { return many + i; }\n";

static bool write_text(const char *name, const char *text)
{
	char path[256];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	out = fopen(path, "w");
	return out != NULL && fputs(text, out) >= 0 && fclose(out) == 0;
}

/* The sum of all numbers, in this base, that the command prints inside the scratch folder. */
static uint64_t numbers_from(int base, const char *command)
{
	char line[1024];
	uint64_t sum = 0;
	FILE *in;

	(void)snprintf(line, sizeof(line), "cd %s && %s", scratch(), command);
	in = popen(line, "r");
	if (in == NULL)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), in) != NULL)
		sum += strtoull(line, NULL, base);
	return pclose(in) == 0 ? sum : UINT64_MAX;
}

struct relocs {
	uint64_t count, sum;
	unsigned outside;
	const struct elf *elf;
};

static int count_reloc(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	struct relocs *relocs = ctx;

	relocs->count++;
	relocs->sum += rel->offset;
	relocs->outside += rel->offset >= relocs->elf->hi || rel->symbol >= relocs->elf->n_dynsyms;
	if (has_addend != (relocs->elf->elf_class == ELFCLASS64) && rel->type != 8)
		relocs->outside++;
	return 0;
}

static int stop_at_third(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	(void)rel;
	(void)has_addend;
	return ++*(int *)ctx == 3 ? 77 : 0;
}

/*
 * How readelf shows packed relocations, until binutils 2.42 and then:
 *	  96 offsets			... contains 4 entries which relocate 96 locations:
 *	0000000000003e30		0000:  0000000000003e30 0000000000003e30  table
 *	0000000000003e38				        0000000000003e38  table + 0x8
 */
#define COUNT_RELOCS \
	"/R_(X86_64|386)_/ { n++ } /relr/ { relr = 1 } relr && /^ *[0-9]+ offsets$/ { n += $1 } " \
	"/relr/ && / which relocate / { n += $(NF - 1) } END { print n }"
#define RELOC_ADDRESSES \
	"/R_(X86_64|386)_/ || (relr && /^ *[0-9a-f]+( .*)?$/ && !/offsets/) { print $1 } " \
	"relr && /^[0-9a-f]+: / { print $3 } /relr/ { relr = 1 }"

/* One library: what we count against what readelf counts. */
static void check_library(const struct elf *elf, const char *what)
{
	struct relocs relocs = { 0, 0, 0, elf };
	struct elf_sym sym, other;
	uint32_t index;
	int calls = 0, ret = elf_each_reloc(elf, 8, count_reloc, &relocs);
	char version[32], name[32];
	bool weak;

	ok(elf->n_dynsyms ==
	   numbers_from(10, "readelf -W --dyn-syms lib.so | grep -c '^ *[0-9][0-9]*: '"),
	   "%s: as many dynamic symbols as readelf has (%u)", what, elf->n_dynsyms);
	/* R_X86_64_RELATIVE and R_386_RELATIVE are both 8. */
	ok(ret == 0 && relocs.outside == 0 && relocs.count > 90 &&
	   relocs.count == numbers_from(10, "readelf -rW lib.so | awk '" COUNT_RELOCS "'"),
	   "%s: as many relocations as readelf has (%" PRIu64 ")", what, relocs.count);
	ok(relocs.sum == numbers_from(16, "readelf -rW lib.so | awk '" RELOC_ADDRESSES "'"),
	   "%s: at the same addresses", what);
	ok(elf_each_reloc(elf, 8, stop_at_third, &calls) == 77 && calls == 3,
	   "%s: the callback can end the walk", what);
	ok(elf_lookup(elf, "which", NULL, &index, &sym) == 0 &&
	   elf_lookup(elf, "which", "V2", &index, &other) == 0 && sym.value == other.value,
	   "%s: without a version the default one is found", what);
	ok(elf_symbol_version(elf, index, version, sizeof(version), &weak) == 0 &&
	   strcmp(version, "V2") == 0 && elf_dynstr(elf, sym.name, name, sizeof(name)) == 0 &&
	   strcmp(name, "which") == 0, "%s: and knows its name and version", what);
	ok(elf_lookup(elf, "which", "V1", &index, &other) == 0 && sym.value != other.value,
	   "%s: the hidden version is found by its name", what);
	ok(elf_lookup(elf, "which", "V3", &index, &other) == -ENOENT, "%s: another is not", what);
	ok(elf_lookup(elf, "missing_function", NULL, &index, &other) == -ENOENT &&
	   elf_lookup(elf, "unseen", NULL, &index, &other) == -ENOENT &&
	   elf_lookup(elf, "", NULL, &index, &other) == -ENOENT,
	   "%s: undefined, hidden and empty names are not found", what);
	ok(elf_dynsym(elf, elf->n_dynsyms, &sym) == -ENOEXEC &&
	   elf_dynstr(elf, elf->dyn.strsz, name, sizeof(name)) == -ENOEXEC &&
	   elf_dynstr(elf, other.name, name, 3) == -ENOEXEC,
	   "%s: what is outside the tables, or too long, is an error", what);
	msg_forget();
}

static void test_linkers(void)
{
	static const struct { const char *what, *flags; } builds[] = {
		{ "64 bit, GNU hash", "-m64 -Wl,--hash-style=gnu" },
		{ "64 bit, SysV hash", "-m64 -Wl,--hash-style=sysv" },
		{ "64 bit, lld", "-m64 -fuse-ld=lld" },
		{ "64 bit, RELR", "-m64 -Wl,-z,pack-relative-relocs -Wl,--hash-style=gnu" },
		{ "32 bit, GNU hash", "-m32 -Wl,--hash-style=gnu" },
		{ "32 bit, SysV hash", "-m32 -Wl,--hash-style=sysv" },
		{ "32 bit, RELR", "-m32 -Wl,-z,pack-relative-relocs" },
	};

	ok(write_text("lib.c", source) && write_text("lib.map", "V1 { global: *; };\nV2 { } V1;\n"),
	   "the source of a library is written");
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		char path[256];
		struct patchfile file;

		if (!shell("cc -O1 -g -fPIC -shared -nostdlib %s -Wl,--build-id "
			   "-Wl,--version-script=lib.map -o lib.so lib.c", builds[i].flags)) {
			skip(builds[i].what, "this compiler or linker cannot");
			continue;
		}
		(void)snprintf(path, sizeof(path), "%s/lib.so", scratch());
		if (ok(patchfile_open_plain(&file, path) == 0, "%s: opens (%s)", builds[i].what,
		       msg_kept())) {
			check_library(&file.elf, builds[i].what);
			ok((file.elf.dyn.relrsz != 0) == (strstr(builds[i].what, "RELR") != NULL),
			   "%s: has DT_RELR or has not, as was asked for", builds[i].what);
			patchfile_deinit(&file);
		}
		msg_forget();
	}
}

/* A library that defines nothing: its GNU hash has no bucket to count by. */
static void test_nothing_defined(void)
{
	char path[256];
	struct patchfile file;

	(void)write_text("none.c", "extern int a(void), b(void); static int s(void) { return a() + b(); }"
			 "static int (*volatile p)(void) = s;"
			 "__attribute__((visibility(\"hidden\"))) int q(void) { return p(); }");
	(void)snprintf(path, sizeof(path), "%s/lib.so", scratch());
	if (ok(shell("cc -fPIC -shared -nostdlib -Wl,--hash-style=gnu -Wl,--build-id -o lib.so none.c") &&
	       patchfile_open_plain(&file, path) == 0, "a library without exports opens (%s)",
	       msg_kept())) {
		ok(file.elf.n_dynsyms == 3, "its undefined symbols are counted (%u)", file.elf.n_dynsyms);
		patchfile_deinit(&file);
	}
	msg_forget();
}

/* ---- hostile images ---- */

static int ignore_reloc(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	(void)rel;
	(void)has_addend;
	(void)ctx;
	return 0;
}

/* All that can be asked of an image; what it answers does not matter. */
static void ask_everything(const struct elf *elf)
{
	static const char *const names[] = { "which", "plain", "nothing", "" };
	char text[64];
	struct elf_sym sym;
	uint32_t index;
	bool weak;
	int sum = 0;

	for (uint32_t i = 0; i < elf->n_dynsyms && i < 300; i++) {
		if (elf_dynsym(elf, i, &sym) == 0)
			sum += elf_dynstr(elf, sym.name, text, sizeof(text));
		sum += elf_symbol_version(elf, i, text, sizeof(text), &weak);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sum += elf_lookup(elf, names[i], NULL, &index, &sym);
		sum += elf_lookup(elf, names[i], "V1", &index, &sym);
	}
	sum += elf_each_reloc(elf, 8, ignore_reloc, NULL);
	(void)sum;
	msg_forget();
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void test_hostile(const char *flags)
{
	enum { ROUNDS = 20000 };
	uint32_t seed = 2463534242;
	unsigned opened = 0, refused = 0;
	char path[256];
	struct patchfile file;
	uint8_t *copy;

	(void)snprintf(path, sizeof(path), "%s/lib.so", scratch());
	if (!shell("cc -O1 -fPIC -shared -nostdlib %s -Wl,--build-id -Wl,--version-script=lib.map "
		   "-o lib.so lib.c", flags)) {
		skip(flags, "this compiler or linker cannot");
		return;
	}
	if (patchfile_open_plain(&file, path) != 0 ||
	    (copy = malloc((size_t)file.image_size)) == NULL) {
		ok(false, "%s: opens (%s)", flags, msg_kept());
		return;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct image image = { copy, file.image_size, 0 };
		uint64_t dynamic = 0;
		struct elf elf;

		memcpy(copy, file.image, (size_t)file.image_size);
		for (size_t i = 0; i < file.elf.n_phdrs; i++) {
			if (file.elf.phdrs[i].type == PT_DYNAMIC)
				dynamic = file.elf.phdrs[i].vaddr;
		}
		for (unsigned changes = 1 + next_random(&seed) % 4; changes > 0; changes--) {
			uint32_t where = next_random(&seed);
			/* Headers and tables first: that is where a lie matters. */
			uint64_t at = where % 3 == 0 ? dynamic + where / 3 % 400 : where / 3 % 2048;

			copy[at % image.size] = (uint8_t)next_random(&seed);
		}
		if (elf_open(&elf, (struct bytes){ read_image, &image }, 0) == 0) {
			opened++;
			ask_everything(&elf);
			elf_deinit(&elf);
		} else {
			refused += msg_kept()[0] != '\0';
		}
		msg_forget();
	}
	ok(opened > 0 && refused > 0 && opened + refused == ROUNDS, "%s: of %d damaged images %u were "
	   "refused with a message, and no answer of the others did harm", flags, ROUNDS, refused);
	free(copy);
	patchfile_deinit(&file);
}

/* A 64-bit image made by hand; every test changes one thing. */
struct small {
	Elf64_Ehdr header;
	Elf64_Phdr phdrs[3];
	Elf64_Dyn dynamic[6];
	Elf64_Sym symbols[3];
	uint32_t hash[2 + 1 + 3];
	char strings[8], more[96];
	struct { Elf64_Nhdr head; char name[4]; uint8_t id[4]; } note;
};

static void small_init(struct small *s)
{
#define PLACE(member) { .p_offset = offsetof(struct small, member), \
			.p_vaddr = offsetof(struct small, member), \
			.p_filesz = sizeof(s->member), .p_memsz = sizeof(s->member) }
	*s = (struct small){
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_DYN, .e_machine = EM_X86_64, .e_phentsize = sizeof(Elf64_Phdr),
			.e_phoff = offsetof(struct small, phdrs), .e_phnum = 3,
		},
		.phdrs = { { .p_type = PT_LOAD, .p_filesz = sizeof(*s), .p_memsz = sizeof(*s) },
			   PLACE(dynamic), PLACE(note) },
		.dynamic = {
			{ DT_SYMTAB, { offsetof(struct small, symbols) } },
			{ DT_STRTAB, { offsetof(struct small, strings) } },
			{ DT_STRSZ, { sizeof(s->strings) } },
			{ DT_HASH, { offsetof(struct small, hash) } },
			{ DT_SYMENT, { sizeof(Elf64_Sym) } },
		},
		.symbols = { { .st_name = 0 },
			     { .st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 16 },
			     { .st_name = 3, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			       .st_shndx = 1, .st_value = 32 } },
		.hash = { 1, 3, 1, 0, 2, 0 },
		.strings = "\0a\0bc", .more = "",
		.note = { { 4, 4, NT_GNU_BUILD_ID }, "GNU", { 1, 2, 3, 4 } },
	};
	s->phdrs[1].p_type = PT_DYNAMIC;
	s->phdrs[2].p_type = PT_NOTE;
}

static int small_open_at(const struct small *s, uint64_t start, struct elf *elf)
{
	static struct image image;

	image = (struct image){ (const uint8_t *)s, sizeof(*s), start };
	return elf_open(elf, (struct bytes){ read_image, &image }, start);
}

static int small_open(const struct small *s, struct elf *elf)
{
	return small_open_at(s, 0, elf);
}

static void test_small(void)
{
	struct small s;
	struct elf elf;
	struct elf_sym sym;
	uint32_t index;

	small_init(&s);
	ok(small_open(&s, &elf) == 0 && elf.n_dynsyms == 3 && elf.build_id_size == 4 &&
	   elf.build_id[3] == 4, "a small image made by hand opens");
	ok(elf_lookup(&elf, "bc", NULL, &index, &sym) == 0 && index == 2 && sym.value == 32 &&
	   elf_lookup(&elf, "bc", "ANY", &index, &sym) == 0,
	   "without DT_VERSYM a symbol answers to any version");
	ok(elf_lookup(&elf, "a", NULL, &index, &sym) == -ENOENT, "a local symbol is not found");
	elf_deinit(&elf);

	small_init(&s);
	s.symbols[2].st_other = STV_HIDDEN;
	ok(small_open(&s, &elf) == 0 &&
	   elf_lookup(&elf, "bc", NULL, &index, &sym) == -ENOENT, "nor is a hidden one");
	elf_deinit(&elf);

	small_init(&s);
	s.hash[2 + 1 + 2] = 1;
	ok(small_open(&s, &elf) == 0, "a hash chain that bites its tail");
	fails(elf_lookup(&elf, "x", NULL, &index, &sym), -ENOEXEC, "does not end", "is an error");
	elf_deinit(&elf);

	small_init(&s);
	s.symbols[2].st_name = sizeof(s.strings) + 4;
	ok(small_open(&s, &elf) == 0, "a symbol whose name is nowhere");
	fails(elf_lookup(&elf, "bc", NULL, &index, &sym), -ENOEXEC, "outside the string table", "is an error");
	elf_deinit(&elf);

	small_init(&s);
	s.symbols[2].st_name = 1;
	memset(s.strings, 'n', sizeof(s.strings));
	memset(s.more, 'n', sizeof(s.more));
	s.more[sizeof(s.more) - 1] = '\0';
	s.dynamic[2].d_un.d_val = sizeof(s.strings) + sizeof(s.more);
	ok(small_open(&s, &elf) == 0, "a symbol of a long name");
	{
		char name[sizeof(s.strings) + sizeof(s.more)];

		memcpy(name, s.strings + 1, sizeof(name) - 1);
		ok(elf_lookup(&elf, name, NULL, &index, &sym) == 0 && index == 2, "is found by it");
		name[sizeof(name) - 3] = 'm';
		ok(elf_lookup(&elf, name, NULL, &index, &sym) == -ENOENT, "and not by one that ends in another way");
	}
	elf_deinit(&elf);

	small_init(&s);
	s.phdrs[0].p_memsz = 2 * 4096;
	fails(small_open_at(&s, UINT64_MAX - 4095, &elf), -ENOEXEC, "wrap around",
	      "an image that goes round the end of the address space is refused");

	small_init(&s);
	s.note.head.n_descsz = 5;
	ok(small_open(&s, &elf) == 0 && elf.build_id_size == 0, "a build-id beyond its note is none");
	elf_deinit(&elf);
}

static void test_lies(void)
{
	static const struct {
		size_t offset, size;
		uint64_t value;
		const char *text;
	} lies[] = {
#define LIE(member, value, text) { offsetof(struct small, member), sizeof(((struct small *)0)->member), \
				   value, text }
		LIE(header.e_ident[0], 0, "no ELF header"),
		LIE(header.e_ident[EI_CLASS], 3, "neither 32 nor 64"),
		LIE(header.e_ident[EI_DATA], ELFDATA2MSB, "not little-endian"),
		LIE(header.e_ident[EI_VERSION], 2, "version of ELF"),
		LIE(header.e_phentsize, 32, "unknown size"),
		LIE(header.e_phnum, 0, "no program headers"),
		LIE(header.e_phnum, 0xffff, "65535 program headers"),
		LIE(header.e_phoff, UINT64_MAX - 7, "cannot read"),
		LIE(phdrs[0].p_offset, 4096, "no PT_LOAD has"),
		LIE(phdrs[0].p_type, PT_NULL, "no PT_LOAD has"),
		LIE(phdrs[0].p_filesz, UINT64_MAX, "impossible size"),
		LIE(phdrs[0].p_memsz, 1, "impossible size"),
		LIE(phdrs[1].p_vaddr, UINT64_MAX - 7, "PT_DYNAMIC leads outside"),
		LIE(phdrs[1].p_memsz, UINT64_MAX, "PT_DYNAMIC leads outside"),
		LIE(dynamic[0].d_un.d_val, 4096, "points outside the image"),
		LIE(dynamic[2].d_un.d_val, UINT64_MAX, "string table leads outside"),
		LIE(dynamic[4].d_un.d_val, 16, "DT_SYMENT"),
		LIE(hash[1], UINT32_MAX, "more symbols than there is room for"),
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		char sentence[100];
		struct small s;
		struct elf elf;

		small_init(&s);
		memcpy((char *)&s + lies[i].offset, &lies[i].value, lies[i].size);
		(void)snprintf(sentence, sizeof(sentence), "0x%" PRIx64 " at byte %zu is refused",
			       lies[i].value, lies[i].offset);
		fails(small_open(&s, &elf), lies[i].text[0] == 'c' ? -EFAULT : -ENOEXEC, lies[i].text,
		      sentence);
	}
}

int main(void)
{
	test_loaded();
	test_library("libc.so.6");
	test_library("libm.so.6");
	test_vdso();
	test_linkers();
	test_nothing_defined();
	test_hostile("-m64 -Wl,--hash-style=gnu");
	test_hostile("-m64 -Wl,--hash-style=sysv");
	test_hostile("-m32 -Wl,--hash-style=gnu -Wl,-z,pack-relative-relocs");
	test_small();
	test_lies();
	return done();
}
