/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "patchfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "sample.h"
#include "tap.h"

/* The bytes of a file in the scratch folder; the caller frees them. */
static uint8_t *slurp(const char *name, size_t *size)
{
	FILE *in = fopen(sample_path(name), "rb");
	uint8_t *bytes = malloc(1 << 20);

	if (in == NULL || bytes == NULL)
		abort();
	*size = fread(bytes, 1, 1 << 20, in);
	(void)fclose(in);
	return bytes;
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static bool same_meta(const struct vzpatch *a, const struct vzpatch *b)
{
	uint8_t *left = NULL, *right = NULL;
	size_t left_size = 0, right_size = 0;
	bool same = vzpatch_encode(a, &left, &left_size) == 0 &&
		    vzpatch_encode(b, &right, &right_size) == 0 &&
		    left_size == right_size && memcmp(left, right, left_size) == 0;

	free(left);
	free(right);
	return same;
}

/* All that others use of a patch. */
static bool same_patch(const struct patchfile *a, const struct patchfile *b)
{
	return a->image_lo == b->image_lo && a->image_size == b->image_size &&
	       memcmp(a->image, b->image, (size_t)a->image_size) == 0 &&
	       a->elf.n_dynsyms == b->elf.n_dynsyms && a->elf.entry == b->elf.entry &&
	       memcmp(&a->elf.dyn, &b->elf.dyn, sizeof(a->elf.dyn)) == 0 &&
	       same_meta(&a->meta, &b->meta);
}

struct tally {
	unsigned refused, same, changed, silent;
};

/* Open these bytes as a file: refused with a message, or the same as the original. */
static void try_bytes(const uint8_t *bytes, size_t size, const struct patchfile *original,
		      struct tally *tally)
{
	int fd = memfd_create("damaged", MFD_CLOEXEC);
	struct patchfile file;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	if (patchfile_open(&file, path) != 0) {
		tally->refused++;
		tally->silent += msg_kept()[0] == '\0';
	} else if (same_patch(&file, original)) {
		tally->same++;
		patchfile_deinit(&file);
	} else {
		tally->changed++;
		patchfile_deinit(&file);
	}
	(void)close(fd);
	msg_forget();
}

static void test_damage(const char *what)
{
	struct patchfile original;
	struct tally headers = { 0, 0, 0, 0 }, flips = headers, cuts = headers;
	uint32_t seed = 88172645;
	size_t size, header_size;
	uint8_t *bytes = slurp("patch.so", &size);

	if (!ok(patchfile_open(&original, sample_path("patch.so")) == 0, "%s: the patch opens (%s)",
		what, msg_kept()))
		return;
	header_size = sizeof(Elf64_Ehdr) + original.elf.n_phdrs * sizeof(Elf64_Phdr);
	for (size_t i = 0; i < header_size; i++) {
		static const uint8_t masks[] = { 0x01, 0x80, 0xff };

		for (size_t m = 0; m < sizeof(masks); m++) {
			bytes[i] ^= masks[m];
			try_bytes(bytes, size, &original, &headers);
			bytes[i] ^= masks[m];
		}
	}
	ok(headers.changed == 0 && headers.silent == 0 && headers.refused > headers.same,
	   "%s: of %zu changes of a header byte %u were refused, %u mean nothing", what,
	   3 * header_size, headers.refused, headers.same);
	for (unsigned round = 0; round < 3000; round++) {
		uint32_t bit = next_random(&seed) % (uint32_t)(8 * size);

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		try_bytes(bytes, size, &original, &flips);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok(flips.changed == 0 && flips.silent == 0 && flips.refused > 0 && flips.same > 0,
	   "%s: of 3000 flipped bits %u were refused, %u lie in what is not loaded", what,
	   flips.refused, flips.same);
	for (unsigned round = 0; round < 500; round++)
		try_bytes(bytes, next_random(&seed) % (uint32_t)size, &original, &cuts);
	ok(cuts.refused == 500 && cuts.silent == 0,
	   "%s: 500 files that were cut off are refused", what);
	patchfile_deinit(&original);
	free(bytes);
}

/* Have libelf write work.so anew, with every section where it is. */
static bool rewrite_by_libelf(void)
{
	int fd = open(sample_path("work.so"), O_RDWR | O_CLOEXEC);
	Elf *elf;
	bool good;

	if (fd < 0 || elf_version(EV_CURRENT) == EV_NONE)
		abort();
	elf = elf_begin(fd, ELF_C_RDWR, NULL);
	good = elf != NULL && elf_flagelf(elf, ELF_C_SET, ELF_F_LAYOUT | ELF_F_DIRTY) != 0;
	for (Elf_Scn *scn = NULL; good && (scn = elf_nextscn(elf, scn)) != NULL;)
		good = elf_flagscn(scn, ELF_C_SET, ELF_F_DIRTY) != 0;
	good = good && elf_update(elf, ELF_C_WRITE) > 0;
	(void)elf_end(elf);
	(void)close(fd);
	return good;
}

/* A tool that does not touch what is loaded keeps the patch good. */
static void test_tools(const char *what)
{
	static const char *const commands[] = {
		"strip -g", "strip", "strip --strip-unneeded", "objcopy",
		"objcopy --add-section extra=patch.c", "objcopy --remove-section .comment",
		"objcopy --compress-debug-sections", "eu-strip -g", "llvm-strip -g", "llvm-objcopy",
	};
	struct patchfile before, after;

	if (patchfile_open(&before, sample_path("patch.so")) != 0)
		abort();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char sentence[120];

		(void)snprintf(sentence, sizeof(sentence), "%s: \"%s\" keeps a patch as it is", what,
			       commands[i]);
		if (!shell("cp patch.so work.so && %s work.so", commands[i])) {
			skip(sentence, "the tool is not here");
			continue;
		}
		if (patchfile_open(&after, sample_path("work.so")) != 0) {
			ok(false, "%s (%s)", sentence, msg_kept());
			msg_forget();
			continue;
		}
		ok(same_patch(&before, &after), "%s", sentence);
		patchfile_deinit(&after);
	}
	ok(shell("cp patch.so work.so") && rewrite_by_libelf() &&
	   patchfile_open(&after, sample_path("work.so")) == 0 && same_patch(&before, &after),
	   "%s: libelf keeps a patch as it is (%s)", what, msg_kept());
	patchfile_deinit(&after);
	patchfile_deinit(&before);
}

/* patch.so with metadata that one wrong number makes unfit for it. */
static void test_metadata(void)
{
	enum where { META, FUNC, REF, POS };
#define AT(where, type, member) where, offsetof(type, member)
	static const struct {
		enum where where;
		size_t offset;
		uint64_t value;
		const char *text;
	} cases[] = {
		{ AT(META, struct vzpatch, patch.build_id.size), 19, "the build-ids differ" },
		{ AT(META, struct vzpatch, load_crc), 1, "the checksum of what is loaded" },
		{ AT(FUNC, struct vz_func, patch_addr), 0, "function fixed is not in its code" },
		{ AT(FUNC, struct vz_func, patch_size), 1 << 20, "function fixed is not in its code" },
		{ AT(REF, struct vz_dynref, symbol), 1000, "no dynamic symbol 1000 (counter)" },
		{ AT(POS, struct vz_place, patch_addr), 1 << 24, "the place 0x1000000 is in no segment" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct patchfile plain, file;
		struct vzpatch meta;
		struct vz_func func;
		struct vz_dynref ref;
		struct vz_place place;
		void *const structs[] = { &meta, &func, &ref, &place };

		if (patchfile_open_plain(&plain, sample_path("plain.so")) != 0)
			abort();
		sample_metadata(&plain, &meta, &func, &ref, &place);
		memcpy((char *)structs[cases[i].where] + cases[i].offset, &cases[i].value, 8);
		if (!sample_add(&meta, "wrong.so"))
			abort();
		fails(patchfile_open(&file, sample_path("wrong.so")), -ENOEXEC, cases[i].text,
		      cases[i].text);
		patchfile_deinit(&plain);
	}
}

/* The metadata of one file in another, whose build-id is as long. */
static void test_other_id(void)
{
	static const uint8_t other[BUILD_ID_MAX] = { 0x5a };
	struct patchfile plain, file;
	struct vzpatch meta;
	struct vz_func func;
	struct vz_dynref ref;
	struct vz_place place;

	if (patchfile_open_plain(&plain, sample_path("plain.so")) != 0)
		abort();
	sample_metadata(&plain, &meta, &func, &ref, &place);
	meta.patch.build_id.data = other;
	if (!sample_add(&meta, "wrong.so"))
		abort();
	fails(patchfile_open(&file, sample_path("wrong.so")), -ENOEXEC, "the build-ids differ",
	      "another build-id of the same length");
	patchfile_deinit(&plain);
}

/* What is built in another way than a patch must be. */
static void test_builds(void)
{
	static const char exported[] = "int fixed(void) { return 1; }\n";
	static const char constructor[] = "int x; __attribute__((constructor)) void c(void) { x = 1; }\n";
	static const char destructor[] = "int x; __attribute__((destructor)) void d(void) { x = 1; }\n";
	static const char cpu[] = "int f(void) { return __builtin_cpu_supports(\"avx2\"); }\n";
	static const char nested[] = "int call(int (*f)(int)); int f(int n) { int g(int x) { return x + n; } return call(g); }\n";
	static const char inner[] = "int f(int n) { int g(int x) { return x + n; } return g(1) + g(n); }\n";
	static const char pointers[] = "int a, b; int *list[600] = { [0 ... 500] = &a, &b };\n";
	static const char tls[] = "__thread int mine = 1; int *get(void) { return &mine; }\n";
	static const char uses_tls[] = "extern __thread int theirs; int *get(void) { return &theirs; }\n";
	static const char absolute[] = "int x; __asm__(\".text; .globl f; f: .long x; .long x\");\n";
	static const char program[] = "int main(void) { return 0; }\n";
	static const char both[] = "__attribute__((section(\".interp\"))) const char interp[] = \"/ld.so\"; int fixed(void) { return 1; }\n";
	static const struct {
		const char *what, *source, *flags, *text;	/* text NULL: it is fine */
	} builds[] = {
		{ "a shared object", exported, "-fPIC -shared", NULL },
		{ "without start files", exported, "-fPIC -shared -nostdlib", NULL },
		{ "a use of the target's TLS", uses_tls, "-fPIC -shared", NULL },
		{ "a PIE", program, "-fPIE -pie", "it is a program" },
		{ "a static PIE", program, "-fPIE -static-pie", "it is a program" },
		{ "a library that can be run", both, "-fPIC -shared", "it is a program, no shared object" },
		{ "a fixed program", program, "-no-pie", "no shared object" },
		{ "an object file", exported, "-c", "not linked" },
		{ "no build-id", exported, "-fPIC -shared -Wl,--build-id=none", "-Wl,--build-id" },
		{ "a constructor", constructor, "-fPIC -shared", "constructors, which would never run (c)" },
		{ "a constructor alone", constructor, "-fPIC -shared -nostdlib", "never run (c)" },
		{ "a constructor, 32 bits", constructor, "-m32 -fPIC -shared -nostdlib", "never run (c)" },
		{ "a constructor without a name", constructor, "-fPIC -shared -s -fvisibility=hidden", "which would never run" },
		{ "a destructor", destructor, "-fPIC -shared", "destructors, which would never run (d)" },
		{ "the compiler's own constructor", cpu, "-fPIC -shared", "(__cpu_indicator_init, which __builtin_cpu_supports() brings along" },
		{ "the same, 32 bits", cpu, "-m32 -fPIC -shared", "(__cpu_indicator_init, which" },
		{ "a nested function", nested, "-fPIC -shared", "asks for an executable stack" },
		{ "a nested function that needs no stack to run on", inner, "-fPIC -shared", NULL },
		{ "assembly that says nothing of the stack", exported, "-fPIC -shared -Wl,-z,execstack", "asks for an executable stack" },
		{ "packed relocations of Android", pointers, "-fPIC -shared -fuse-ld=lld -Wl,--pack-dyn-relocs=android", "a dynamic tag 0x600000" },
		{ "the same, 32 bits", pointers, "-m32 -fPIC -shared -fuse-ld=lld -Wl,--pack-dyn-relocs=android", "a dynamic tag 0x600000" },
		{ "packed relative relocations of Android", pointers, "-fPIC -shared -fuse-ld=lld -Wl,--pack-dyn-relocs=relr,--use-android-relr-tags", "a dynamic tag 0x6fffe0" },
		{ "packed relative relocations", pointers, "-fPIC -shared -fuse-ld=lld -Wl,--pack-dyn-relocs=relr", NULL },
		{ "filters, versions, a run path", exported, "-fPIC -shared -Wl,-f,libx.so,-F,liby.so,-rpath,/x,-z,now,-z,initfirst,-z,origin,--default-symver,-z,interpose,-soname,s", NULL },
		{ "TLS of its own", tls, "-fPIC -shared", "thread-local variables" },
		{ "text relocations", absolute, "-m32 -shared -Wl,-z,notext", "compile it with -fPIC" },
		{ "another machine", exported, "-mx32 -fPIC -shared -nostdlib", "ELF machine 62 with 32-bit" },
	};

	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		struct patchfile file;
		int ret;

		if (!sample_write("build.c", builds[i].source, strlen(builds[i].source)) ||
		    !shell("${CC:-cc} %s -o build.so build.c", builds[i].flags)) {
			skip(builds[i].what, "this compiler cannot");
			continue;
		}
		ret = patchfile_open_plain(&file, sample_path("build.so"));
		if (builds[i].text != NULL) {
			fails(ret, -ENOEXEC, builds[i].text, builds[i].what);
			continue;
		}
		ok(ret == 0, "%s is accepted (%s)", builds[i].what, msg_kept());
		if (ret == 0)
			patchfile_deinit(&file);
		msg_forget();
	}
}

static void test_files(void)
{
	struct patchfile file;
	char path[256];

	fails(patchfile_open(&file, sample_path("not-there.so")), -ENOENT, "not-there.so: cannot open",
	      "a file that is not there");
	fails(patchfile_open(&file, scratch()), -ENOEXEC, "no regular file", "a folder");
	if (mkfifo(sample_path("fifo"), 0600) != 0)
		abort();
	fails(patchfile_open(&file, sample_path("fifo")), -ENOEXEC, "no regular file",
	      "a FIFO, without waiting for a writer");
	(void)sample_write("empty", "", 0);
	fails(patchfile_open(&file, sample_path("empty")), -ENOEXEC, "no ELF file", "an empty file");
	(void)shell("truncate -s 257M huge");
	fails(patchfile_open(&file, sample_path("huge")), -ENOEXEC, "larger than 256 MiB", "a huge file");
	(void)sample_write("arm", "\x7f" "ELF\x01\x01\x01", 7);
	fails(patchfile_open(&file, sample_path("arm")), -ENOEXEC, "arm: ELF image", "a header cut off");
	(void)snprintf(path, sizeof(path), "%s", sample_path("plain.so"));
	fails(patchfile_open(&file, path), -ENOEXEC, "run nsb-gen generate",
	      "a shared object without metadata");
	(void)shell("objcopy --add-section vzpatch=patch.c plain.so text.so");
	fails(patchfile_open(&file, sample_path("text.so")), -ENOEXEC, "text.so: vzpatch: ",
	      "other bytes as metadata: the message names the file");
	(void)shell("objcopy --add-section vzpatch=meta.bin --add-section vzpatcH=meta.bin plain.so 2.so "
		    "&& sed -i s/vzpatcH/vzpatch/ 2.so");
	fails(patchfile_open(&file, sample_path("2.so")), -ENOEXEC, "two sections",
	      "metadata twice");
}

/* e_machine of another architecture, and a segment of absurd size: one field changed. */
static void test_fields(void)
{
	struct patchfile file;
	size_t size;
	uint8_t *bytes = slurp("patch.so", &size);
	Elf64_Ehdr header;
	Elf64_Phdr phdr;

	memcpy(&header, bytes, sizeof(header));
	bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_ARM;
	(void)sample_write("field.so", bytes, size);
	fails(patchfile_open(&file, sample_path("field.so")), -ENOEXEC, "made for ELF machine 40",
	      "a patch for ARM");
	memcpy(bytes, &header, sizeof(header));

	for (size_t i = 0; i < header.e_phnum; i++) {
		uint8_t *at = bytes + header.e_phoff + i * sizeof(phdr);

		memcpy(&phdr, at, sizeof(phdr));
		phdr.p_paddr += 4096;
		phdr.p_offset += phdr.p_type == PT_LOAD ? 0 : 8;
		memcpy(at, &phdr, sizeof(phdr));
	}
	(void)sample_write("field.so", bytes, size);
	ok(patchfile_open(&file, sample_path("field.so")) == 0,
	   "fields of program headers that load nothing may differ (%s)", msg_kept());
	patchfile_deinit(&file);
	msg_forget();

	memcpy(&phdr, bytes + header.e_phoff, sizeof(phdr));
	phdr.p_memsz = UINT64_C(1) << 40;
	memcpy(bytes + header.e_phoff, &phdr, sizeof(phdr));
	(void)sample_write("field.so", bytes, size);
	fails(patchfile_open(&file, sample_path("field.so")), -ENOEXEC, "shares a page",
	      "a first segment of a tebibyte");
	phdr.p_memsz = phdr.p_filesz;
	phdr.p_flags = PF_R | PF_W | PF_X;
	memcpy(bytes + header.e_phoff, &phdr, sizeof(phdr));
	(void)sample_write("field.so", bytes, size);
	fails(patchfile_open(&file, sample_path("field.so")), -ENOEXEC, "writable and executable",
	      "a segment that is writable and executable");
	free(bytes);
}

/* The image is what the program headers say, .bss included. */
static void test_image(void)
{
	struct patchfile file;
	struct elf_sym sym;
	uint32_t index;
	bool zero = true;

	if (!ok(patchfile_open(&file, sample_path("patch.so")) == 0, "the patch opens"))
		return;
	ok(elf_lookup(&file.elf, "zeroes", NULL, &index, &sym) == 0 && sym.size == 5000 &&
	   sym.value + sym.size <= file.image_lo + file.image_size, ".bss is part of the image");
	for (uint64_t i = 0; i < sym.size; i++)
		zero = zero && file.image[sym.value - file.image_lo + i] == 0;
	ok(zero, "and zero");
	ok(file.meta.n_funcs == 1 && strcmp(file.meta.funcs[0].name, "fixed") == 0 &&
	   memcmp(file.image + (file.meta.funcs[0].patch_addr - file.image_lo),
		  file.bytes + file.meta.funcs[0].patch_addr, 16) == 0,
	   "code lies where its address says");
	ok(file.meta.load_crc == patchfile_load_crc(&file), "the checksum is that of the metadata");
	patchfile_deinit(&file);
	patchfile_deinit(&file);
	ok(file.bytes == NULL, "patchfile_deinit() leaves a struct it accepts again");
}

int main(void)
{
	if (ok(sample_build("-m64"), "a 64-bit patch is built (%s)", msg_kept())) {
		test_image();
		test_damage("64 bit");
		test_tools("64 bit");
		test_metadata();
		test_other_id();
		test_files();
		test_fields();
	}
	msg_forget();
	test_builds();
	if (shell("echo 'int x;' | ${CC:-cc} -m32 -shared -o /dev/null -x c -") &&
	    ok(sample_build("-m32"), "a 32-bit patch is built (%s)", msg_kept())) {
		test_damage("32 bit");
		test_tools("32 bit");
	}
	msg_forget();
	return done();
}
