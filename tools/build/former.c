/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "former.h"

#include <string.h>

#include "stage.h"

static void read_patch(const char *path, struct elffile *file, struct vzpatch *meta)
{
	struct dwarf_bytes bytes = { .size = 0 };

	if (elffile_open(file, path) != 0 || elffile_bytes(file, VZPATCH_SECTION, &bytes) != 0)
		stop_kept(STAGE_SOURCE);
	if (bytes.size == 0)
		stop(STAGE_SOURCE, "%s is no patch of nsb: it has no section " VZPATCH_SECTION, path);
	if (vzpatch_decode(bytes.data, bytes.size, meta) != 0)
		stop_kept(STAGE_SOURCE);
}

void former_open(struct former *former, const char *path)
{
	former->path = path;
	read_patch(path, &former->file, &former->meta);
}

bool former_is_for(const struct former *former, const struct elffile *target)
{
	const struct vz_blob *id = &former->meta.target.build_id;

	return id->size == target->build_id_size && memcmp(id->data, target->build_id, target->build_id_size) == 0;
}

const char *former_lacks(const struct former *former, const char *patch)
{
	struct elffile file;
	struct vzpatch meta = { .n_funcs = 0 };
	const char *lacking = NULL;

	read_patch(patch, &file, &meta);
	for (size_t i = 0; i < former->meta.n_funcs && lacking == NULL; i++) {
		bool has = false;

		for (size_t j = 0; j < meta.n_funcs; j++)
			has |= meta.funcs[j].target_addr == former->meta.funcs[i].target_addr;
		if (!has)
			lacking = former->meta.funcs[i].name;
	}
	vzpatch_deinit(&meta);
	elffile_close(&file);
	return lacking;
}
