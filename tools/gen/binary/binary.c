/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "binary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cursor.h"

#define DEBUG_ROOT "/usr/lib/debug"

static bool has_debug_info(const struct elffile *file)
{
	GElf_Shdr shdr;

	return elffile_section(file, ".debug_info", &shdr) != NULL && shdr.sh_type != SHT_NOBITS;
}

static bool has_old_compression(const struct elffile *file)
{
	GElf_Shdr shdr;

	return elffile_section(file, ".zdebug_info", &shdr) != NULL;
}

static bool has_same_id(const struct elffile *file, const struct elffile *debug)
{
	return file->build_id_size == debug->build_id_size &&
	       memcmp(file->build_id, debug->build_id, file->build_id_size) == 0;
}

static int check_build_id(const struct elffile *file, const struct elffile *debug, const struct elffile *alike)
{
	char wanted[2 * BUILD_ID_MAX + 1], have[2 * BUILD_ID_MAX + 1];

	if (has_same_id(file, debug) || (alike != NULL && has_same_id(alike, debug)))
		return 0;
	build_id_format(file->build_id, file->build_id_size, wanted);
	build_id_format(debug->build_id, debug->build_id_size, have);
	return fail(EINVAL, "%s is not the debug file of %s: its build-id is %s, not %s",
		    debug->path, file->path, *have != '\0' ? have : "missing",
		    *wanted != '\0' ? wanted : "missing");
}

/* The folder of a file, with the slash behind it, after all symbolic links.  The caller frees it; NULL with a message. */
static char *folder_of(const struct elffile *file)
{
	char *real = realpath(file->path, NULL);

	if (real == NULL)
		fail(errno, "%s: %s", file->path, strerror(errno));
	else
		strrchr(real, '/')[1] = '\0';
	return real;
}

/* Is a path in a folder that debug info is looked for in?  Each of `folders` ends with a slash, or is NULL. */
static bool is_known_place(const char *path, char *const folders[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (folders[i] != NULL && strncmp(path, folders[i], strlen(folders[i])) == 0)
			return true;
	return false;
}

/* Cut "a/b/../c" to "a/c", as if no folder were a symbolic link.  The path is absolute. */
static void drop_parents(char *path)
{
	char *to = path;

	for (const char *from = path; *from != '\0';) {
		size_t length;

		from += strspn(from, "/");
		length = strcspn(from, "/");
		if (length == 2 && strncmp(from, "..", 2) == 0) {
			while (to > path && *--to != '/')
				continue;
		} else if (length != 0 && !(length == 1 && *from == '.')) {
			*to++ = '/';
			memmove(to, from, length);
			to += length;
		}
		from += length;
	}
	*to = '\0';
}

/*
 * Open a file whose path is written in `file`, or follows from what is written there.  Somebody
 * else may have made `file`, so nsb-gen follows the path only into the folders of the target and
 * of its debug file, and below /usr/lib/debug.  For example, a debug file in /home/eve that names
 * /dev/watchdog, or /home/eve/link, which leads there, is refused.  The path is looked at before
 * the file system is asked, and once more when symbolic links are followed.  It is freed.
 * -ENOENT without a message: there is no such file.
 */
static int open_if_there(const struct binary *binary, const struct elffile *file, char *path, struct elffile *out)
{
	char *folders[4] = { strdup(DEBUG_ROOT "/"), NULL, folder_of(&binary->file),
			     binary->debug_file.path != NULL ? folder_of(&binary->debug_file) : NULL };
	char *real = NULL, *plain = path != NULL ? strdup(path) : NULL, *root = realpath(DEBUG_ROOT, NULL);
	bool is_known;
	int err = 0;

	if (root != NULL && asprintf(&folders[1], "%s/", root) < 0)
		folders[1] = NULL;
	if (plain == NULL || folders[0] == NULL || folders[2] == NULL) {
		err = fail(ENOMEM, "out of memory");
		goto out;
	}
	drop_parents(plain);
	is_known = is_known_place(plain, folders, 4);
	if (is_known) {
		real = realpath(path, NULL);
		if (real == NULL || access(real, R_OK) != 0) {
			err = -ENOENT;
			goto out;
		}
		is_known = is_known_place(real, folders, 4);
	}
	err = is_known ? elffile_open(out, real) :
	      fail(EACCES, "%s: it names %s, which is not opened: debug info is looked for only beside the target and "
		   "its debug file, and below " DEBUG_ROOT, file->path, path);
out:
	for (size_t i = 0; i < 4; i++)
		free(folders[i]);
	free(root);
	free(plain);
	free(real);
	free(path);
	return err;
}

static char *format_path(const char *before, const char *middle, const char *after)
{
	char *path;

	return asprintf(&path, "%s%s%s", before, middle, after) < 0 ? NULL : path;
}

static int open_by_build_id(const struct binary *binary, struct elffile *out)
{
	const struct elffile *file = &binary->file;
	char id[2 * BUILD_ID_MAX + 1], *path;

	if (file->build_id_size < 2)
		return -ENOENT;
	build_id_format(file->build_id, file->build_id_size, id);
	if (asprintf(&path, DEBUG_ROOT "/.build-id/%.2s/%s.debug", id, id + 2) < 0)
		path = NULL;
	return open_if_there(binary, file, path, out);
}

/* gdb's manual says where a .gnu_debuglink is looked for. */
static int open_by_link(const struct binary *binary, struct elffile *out)
{
	const struct elffile *file = &binary->file;
	struct dwarf_bytes link;
	char *folder;
	int err = elffile_bytes(file, ".gnu_debuglink", &link);

	if (err != 0)
		return err;
	if (link.size == 0 || memchr(link.data, 0, link.size) == NULL)
		return -ENOENT;
	const char *name = base_name((const char *)link.data);
	folder = folder_of(file);
	if (folder == NULL)
		return -EIO;
	err = open_if_there(binary, file, format_path(folder, "", name), out);
	if (err == -ENOENT)
		err = open_if_there(binary, file, format_path(folder, ".debug/", name), out);
	if (err == -ENOENT)
		err = open_if_there(binary, file, format_path(DEBUG_ROOT, folder, name), out);
	free(folder);
	return err;
}

/* Let debuginfod-find(1) print the path of a debug file that it has fetched.  The caller frees it; NULL: none. */
static char *run_debuginfod_find(const char *id)
{
	char command[64 + 2 * BUILD_ID_MAX], *line = NULL;
	size_t size = 0;

	snprintf(command, sizeof(command), "debuginfod-find debuginfo %s 2>/dev/null", id);
	FILE *in = popen(command, "re");
	ssize_t length = in != NULL ? getline(&line, &size, in) : -1;
	if (in == NULL || pclose(in) != 0 || length <= 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/* Fetch the debug file from the servers that the user has named, if debuginfod-find is installed. */
static int open_by_debuginfod(const struct binary *binary, struct elffile *out)
{
	const char *servers = getenv("DEBUGINFOD_URLS");
	char id[2 * BUILD_ID_MAX + 1];

	if (servers == NULL || *servers == '\0' || binary->file.build_id_size < 2)
		return -ENOENT;
	build_id_format(binary->file.build_id, binary->file.build_id_size, id);
	say("debuginfod-find looks for the debug info of %s at %s", binary->file.path, servers);
	char *path = run_debuginfod_find(id);
	int err = path != NULL ? elffile_open(out, path) : -ENOENT;

	free(path);
	return err;
}

/* Say where debug info can be had from. */
static int refuse_without_debug_info(const struct binary *binary)
{
	char id[2 * BUILD_ID_MAX + 1];

	build_id_format(binary->file.build_id, binary->file.build_id_size, id);
	return fail(ENOENT, "%s: no debug info (build with -g, name the file with --debugfile, or install its debug "
		    "package: NAME-dbgsym of Debian and Ubuntu, NAME-debuginfo of Fedora and SUSE; with DEBUGINFOD_URLS "
		    "set and debuginfod-find installed it is fetched by build-id %s)", binary->file.path,
		    *id != '\0' ? id : "- this file has none");
}

static int open_debug_file(struct binary *binary, const char *debug_path, const struct elffile *alike)
{
	struct elffile *out = &binary->debug_file;
	int err;

	if (debug_path != NULL)
		err = elffile_open(out, debug_path);
	else if (has_debug_info(&binary->file) || has_old_compression(&binary->file))
		return 0;
	else {
		err = open_by_build_id(binary, out);
		if (err == -ENOENT)
			err = open_by_link(binary, out);
		if (err == -ENOENT && alike != NULL && has_debug_info(alike))
			err = elffile_open(out, alike->path);
		if (err == -ENOENT)
			err = open_by_debuginfod(binary, out);
		if (err == -ENOENT)
			return refuse_without_debug_info(binary);
	}
	if (err == 0)
		err = check_build_id(&binary->file, out, alike);
	if (err == 0)
		say("debug info of %s is in %s", binary->file.path, out->path);
	return err;
}

/* The other file with a part of the debug info, which several debug files share (dwz). */
struct link {
	const char *section;
	const char *name;		/* a path, perhaps relative to the file that has it; NULL: none */
	const uint8_t *id;
	size_t id_size;
};

/* .gnu_debugaltlink has the name and the build-id of the other file. */
static int read_gnu_link(const struct elffile *file, struct link *link)
{
	struct dwarf_bytes bytes;
	struct cursor at;
	int err = elffile_bytes(file, link->section = ".gnu_debugaltlink", &bytes);

	if (err != 0 || bytes.size == 0)
		return err;
	cursor_init(&at, bytes.data, bytes.size);
	link->name = cursor_string(&at);
	link->id = at.p;
	link->id_size = (size_t)(at.end - at.p);
	return at.bad ? fail(ENOEXEC, "%s: section %s is damaged", file->path, link->section) : 0;
}

/* Both files have a .debug_sup (DWARF 5, section 7.3.6), with the same checksum. */
static int read_standard_link(const struct elffile *file, struct link *link)
{
	struct dwarf_bytes bytes;
	struct cursor at;
	int err = elffile_bytes(file, link->section = ".debug_sup", &bytes);

	if (err != 0 || bytes.size == 0)
		return err;
	cursor_init(&at, bytes.data, bytes.size);
	cursor_skip(&at, 2 + 1);	/* the version, and which of the two files this is */
	link->name = cursor_string(&at);
	uint64_t size = cursor_uleb(&at);
	link->id = at.p;
	link->id_size = (size_t)(at.end - at.p);
	if (at.bad || size > link->id_size)
		return fail(ENOEXEC, "%s: section %s is damaged", file->path, link->section);
	link->id_size = (size_t)size;
	return 0;
}

static char *path_beside(const struct elffile *file, const char *name)
{
	if (*name == '/')
		return strdup(name);
	char *folder = folder_of(file), *joined;
	if (folder == NULL)
		return NULL;
	joined = format_path(folder, "", name);
	free(folder);
	return joined;
}

static int check_supplement(const struct elffile *debug, const struct link *wanted,
			    const struct elffile *have, bool is_standard)
{
	struct link own = { .id = have->build_id, .id_size = have->build_id_size };
	int err = is_standard ? read_standard_link(have, &own) : 0;

	if (err != 0 || (wanted->id_size == own.id_size && own.id != NULL &&
		    memcmp(wanted->id, own.id, own.id_size) == 0))
		return err;
	return fail(EINVAL, "%s is of another build than %s, which refers to it", have->path,
		    debug->path);
}

static int open_supplement(struct binary *binary, const struct elffile *debug)
{
	struct link link = { 0 };
	int err = read_gnu_link(debug, &link);
	bool is_standard = err == 0 && link.name == NULL;

	if (is_standard)
		err = read_standard_link(debug, &link);
	if (err != 0 || link.name == NULL)
		return err;
	err = open_if_there(binary, debug, path_beside(debug, link.name), &binary->supplement_file);
	/* Both files may have been taken out of their packages, and laid into one folder. */
	if (err == -ENOENT)
		err = open_if_there(binary, debug, path_beside(debug, base_name(link.name)), &binary->supplement_file);
	if (err == -ENOENT)
		return fail(ENOENT, "%s: part of the debug info is in a file made by dwz, %s, which "
			    "is not there (install it with the debug package, or lay it beside the debug file)", debug->path,
			    link.name);
	if (err != 0)
		return err;
	return check_supplement(debug, &link, &binary->supplement_file, is_standard);
}

static int read_sections(const struct elffile *file, struct dwarf_input *input)
{
	int err = 0;

	*input = (struct dwarf_input){ .name = file->path };
	if (has_old_compression(file))
		return fail(ENOTSUP, "%s: debug info is compressed in the old way, .zdebug_info "
			    "(objcopy --decompress-debug-sections)", file->path);
	for (int i = 0; err == 0 && i < DWARF_N_SECTIONS; i++)
		err = elffile_bytes(file, dwarf_section_names[i], &input->sections[i]);
	if (err == 0 && input->sections[DWARF_INFO].size == 0)
		return fail(ENOENT, "%s: no debug info (build with -g)", file->path);
	return err;
}

static int index_debug_info(struct binary *binary)
{
	const struct elffile *debug =
		binary->debug_file.path != NULL ? &binary->debug_file : &binary->file;
	struct dwarf_input input, supplement;
	int err = read_sections(debug, &input);

	if (err == 0)
		err = open_supplement(binary, debug);
	if (err == 0 && binary->supplement_file.path != NULL)
		err = read_sections(&binary->supplement_file, &supplement);
	if (err == 0)
		err = dwarf_init(&binary->dwarf, &input,
				 binary->supplement_file.path != NULL ? &supplement : NULL);
	for (uint32_t i = 0; err == 0 && i < binary->dwarf.n_units; i++) {
		const struct dwarf_unit *unit = &binary->dwarf.units[i];

		if (unit->dwo_name != NULL)
			err = fail(ENOTSUP, "%s: debug info of %s is split off to %s, which is not "
				   "read (build without -gsplit-dwarf)", debug->path,
				   unit->name != NULL ? unit->name : "a unit", unit->dwo_name);
	}
	return err;
}

/* binary->file is open, or err tells why it is not. */
static int open_rest(struct binary *binary, const char *path, const char *debug_path, const struct elffile *alike,
		     int err)
{
	if (err == 0)
		err = open_debug_file(binary, debug_path, alike);
	if (err == 0)
		err = index_debug_info(binary);
	if (err != 0) {
		binary_close(binary);
		return err;
	}
	binary->symbols = &binary->file.symtab;
	if (binary->symbols->count == 0 && binary->debug_file.path != NULL)
		binary->symbols = &binary->debug_file.symtab;
	say("%s: %u functions, %u variables, %u inlined instances in %u units", path,
	    binary->dwarf.n_functions, binary->dwarf.n_variables, binary->dwarf.n_inlined,
	    binary->dwarf.n_units);
	return 0;
}

int binary_open(struct binary *binary, const char *path, const char *debug_path)
{
	*binary = (struct binary){ 0 };
	return open_rest(binary, path, debug_path, NULL, elffile_open(&binary->file, path));
}

int binary_open_alike(struct binary *binary, const char *path, const char *debug_path, const struct elffile *alike)
{
	*binary = (struct binary){ 0 };
	return open_rest(binary, path, debug_path, alike, elffile_open(&binary->file, path));
}

int binary_open_patch(struct binary *binary, const char *path)
{
	*binary = (struct binary){ 0 };
	return open_rest(binary, path, NULL, NULL, elffile_open_kept(&binary->file, path));
}

void binary_close(struct binary *binary)
{
	dwarf_deinit(&binary->dwarf);
	elffile_close(&binary->supplement_file);
	elffile_close(&binary->debug_file);
	elffile_close(&binary->file);
}

const struct symbol *binary_function_symbol(const struct binary *binary, uint64_t addr,
					    const char *name)
{
	const struct symbol *found = NULL;

	for (size_t i = 0; i < binary->symbols->count; i++) {
		const struct symbol *symbol = &binary->symbols->table[i];

		if (symbol->value != addr || symbol->section == SHN_UNDEF ||
		    (symbol->type != STT_FUNC && symbol->type != STT_GNU_IFUNC))
			continue;
		if (name != NULL && strcmp(symbol->name, name) == 0)
			return symbol;
		if (found == NULL)
			found = symbol;
	}
	return found;
}

struct dwarf_range entry_range(const struct binary *binary, const struct dwarf_function *function)
{
	bool is_split = function->n_ranges > 1 && function->name != NULL;

	for (uint32_t i = 0; is_split && i < function->n_ranges; i++) {
		struct dwarf_range range = binary->dwarf.ranges[function->first_range + i];
		const struct symbol *symbol =
			binary_function_symbol(binary, range.lo, function->name);

		if (symbol != NULL && strcmp(symbol->name, function->name) == 0)
			return range;
	}
	return (struct dwarf_range){ function->lo, function->hi };
}

/* What follows the function's own name in that of a clone, as ".isra.0"; NULL if it is none of it. */
static const char *clone_suffix(const char *symbol, const char *own)
{
	size_t size = own != NULL ? strlen(own) : 0;

	return size != 0 && strncmp(symbol, own, size) == 0 && symbol[size] == '.' ? symbol + size : NULL;
}

const char *clone_name(const struct binary *binary, const struct dwarf_function *function)
{
	if (function->name == NULL)
		return NULL;
	const struct symbol *symbol =
		binary_function_symbol(binary, entry_range(binary, function).lo, function->name);
	if (symbol == NULL)
		return NULL;
	const char *suffix = clone_suffix(symbol->name, function->name);
	if (suffix == NULL)
		suffix = clone_suffix(symbol->name, function->linkage_name);
	/* Link-time optimisation renames a static function whose name is global in another unit; it is no clone. */
	return suffix != NULL && strncmp(suffix, ".lto_priv.", 10) != 0 ? symbol->name : NULL;
}

/*
 * Go back by one component of a path: *end becomes its end, the answer is its start, and NULL
 * means that there is none.  "." is skipped, and so is "x/..".
 */
static const char *component_before(const char *path, const char **end)
{
	const char *at = *end;
	unsigned int up = 0;

	for (;;) {
		while (at > path && at[-1] == '/')
			at--;
		const char *last = at;
		while (at > path && at[-1] != '/')
			at--;
		size_t size = (size_t)(last - at);
		if (size == 0)
			return NULL;
		if (size == 1 && *at == '.')
			continue;
		if (size == 2 && at[0] == '.' && at[1] == '.') {
			up++;
			continue;
		}
		if (up != 0) {
			up--;
			continue;
		}
		*end = last;
		return at;
	}
}

bool path_has_suffix(const char *path, const char *suffix)
{
	const char *a_end = path + strlen(path), *b_end = suffix + strlen(suffix);

	for (bool any = false; ; any = true) {
		const char *a = component_before(path, &a_end);
		const char *b = component_before(suffix, &b_end);

		if (b == NULL)
			return any && (*suffix != '/' || a == NULL);
		if (a == NULL || a_end - a != b_end - b || memcmp(a, b, (size_t)(b_end - b)) != 0)
			return false;
		a_end = a;
		b_end = b;
	}
}

bool unit_matches_file(const struct dwarf_unit *unit, const char *file)
{
	char *path = dwarf_unit_path(unit);
	bool matches = path != NULL && path_has_suffix(path, file);

	free(path);
	return matches;
}
