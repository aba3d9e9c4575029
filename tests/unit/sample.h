/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample: a complete patch file, made by the compiler at hand, for tests and
 * fuzzers that need one.
 */
#ifndef NSB_TESTS_SAMPLE_H
#define NSB_TESTS_SAMPLE_H

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "patchfile.h"
#include "tap.h"

static const char *const sample_source =
	"extern int counter;\n"
	"static int own = 3;\n"
	"int *const pointers[2] = { &own, &own };\n"
	"char zeroes[5000];\n"
	"int fixed(int x) { return x + counter + own++ + zeroes[x]; }\n"
	"const char *note(void) { return \"replaced\"; }\n";

/* A file in the scratch folder; the text is valid until the next call. */
static inline const char *sample_path(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	return path;
}

static inline bool sample_write(const char *name, const void *bytes, size_t size)
{
	FILE *out = fopen(sample_path(name), "wb");
	bool good = out != NULL && fwrite(bytes, 1, size, out) == size;

	return out != NULL && fclose(out) == 0 && good;
}

/* The metadata that belongs to this file: one function, one reference, one place. */
static inline void sample_metadata(const struct patchfile *file, struct vzpatch *meta,
				   struct vz_func *func, struct vz_dynref *ref, struct vz_place *place)
{
	static const uint8_t target_id[20] = { 7 }, first[5] = { 0x55 };
	uint32_t index = 0;
	struct elf_sym sym = { .value = 0 };

	if (elf_lookup(&file->elf, "fixed", NULL, &index, &sym) != 0)
		sym.value = 0;
	*func = (struct vz_func){ "fixed", "", 0x401000, 40, sym.value, sym.size, VZ_FUNC_GLOBAL, 48,
				  { first, sizeof(first) } };
	*ref = (struct vz_dynref){ index, 0x404000, 4, "counter" };
	*place = (struct vz_place){ sym.value + 4, 4, VZ_PLACE_PCREL, 0x404000, -4 };
	*meta = (struct vzpatch){
		.patch = { { file->elf.build_id, file->elf.build_id_size }, "patch.so",
			   file->elf.elf_class, file->elf.machine, ET_DYN },
		.target = { { target_id, sizeof(target_id) }, "target", file->elf.elf_class,
			    file->elf.machine, ET_EXEC },
		.generator = "test", .mode = "manual", .load_crc = patchfile_load_crc(file),
		.funcs = func, .n_funcs = 1, .dynrefs = ref, .n_dynrefs = 1,
		.places = place, .n_places = 1,
	};
}

/* Encode `meta` and put it as section vzpatch of plain.so into the file `out`. */
static inline bool sample_add(const struct vzpatch *meta, const char *out)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	bool good = vzpatch_encode(meta, &bytes, &size) == 0 &&
		    sample_write("meta.bin", bytes, size) &&
		    shell("objcopy --add-section vzpatch=meta.bin plain.so %s", out);

	free(bytes);
	return good;
}

/* Compile plain.so with these flags, and make patch.so of it. */
static inline bool sample_build(const char *flags)
{
	struct patchfile file;
	struct vzpatch meta;
	struct vz_func func;
	struct vz_dynref ref;
	struct vz_place place;
	bool good;

	if (!sample_write("patch.c", sample_source, strlen(sample_source)) ||
	    !shell("${CC:-cc} -g -O2 -fPIC -shared -Wl,--build-id %s -o plain.so patch.c", flags) ||
	    patchfile_open_plain(&file, sample_path("plain.so")) != 0)
		return false;
	sample_metadata(&file, &meta, &func, &ref, &place);
	good = sample_add(&meta, "patch.so");
	patchfile_deinit(&file);
	return good;
}

#endif
