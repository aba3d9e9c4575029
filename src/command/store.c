/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "clock.h"
#include "commands.h"
#include "interrupt.h"
#include "job.h"
#include "json.h"
#include "status.h"
#include "trust.h"

static const char unfinished[] = ".nsb-install";	/* see put_file() */

static const char *folder_of(const struct options *options)
{
	return options->store != NULL ? options->store : STORE_FOLDER;
}

const char *store_field(const struct vzpatch *meta, const char *key)
{
	for (size_t i = 0; i < meta->n_comments; i++) {
		if (strcmp(meta->comments[i].key, key) == 0)
			return meta->comments[i].text;
	}
	return NULL;
}

static bool is_same_id(const struct vz_blob *a, const struct vz_blob *b)
{
	return a->size == b->size && memcmp(a->data, b->data, (size_t)a->size) == 0;
}

void store_move(struct store *store, size_t from, size_t to)
{
	store->patches[to] = store->patches[from];
	store->patches[to].elf.bytes.ctx = &store->patches[to];
}

/* ---- reading ---- */

/* Another nsb may be at work for as long as its --timeout says for each process.  This one waits for its own. */
static int take_lock(const struct options *options, int fd)
{
	const uint64_t until = now_ns() + options->limits.timeout_ms * UINT64_C(1000000);
	const struct timespec tick = { .tv_nsec = 20000000 };

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int err = errno == EWOULDBLOCK ? interrupt_check() : -errno;

		if (err != 0)
			return fail(-err, "%s: cannot be locked: %s", folder_of(options), strerror(-err));
		if (now_ns() >= until)
			return fail(EBUSY, "%s: another nsb is at work on the store (try again later)", folder_of(options));
		(void)nanosleep(&tick, NULL);
	}
	return 0;
}

bool store_is_free(const struct options *options)
{
	int fd = open(folder_of(options), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (fd != -1)
		(void)close(fd);
	return false;
}

static int open_folder(struct store *store, const struct options *options, bool enters)
{
	const char *folder = folder_of(options);
	struct stat st;
	int err = trust_open(folder, enters && !options->insecure_file, &store->lock);

	if (err != 0)
		store->lock = -1;
	if (err == 0 && (fstat(store->lock, &st) != 0 || !S_ISDIR(st.st_mode)))
		err = fail(ENOEXEC, "%s: is no folder", folder);
	return err == 0 || err == -EACCES || err == -EPERM || err == -EKEYREJECTED ? err : -ENOEXEC;
}

static bool is_patch_name(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 3 && strcmp(name + length - 3, ".so") == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(const char *folder, char ***names, size_t *count)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int err = 0;

	if (dir == NULL)
		return fail(ENOEXEC, "%s: cannot open: %s", folder, strerror(errno));
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		if (!is_patch_name(entry->d_name))
			continue;
		err = ARRAY_GROW(names, *count, 1);
		if (err == 0) {
			(*names)[*count] = strdup(entry->d_name);
			err = (*names)[*count] == NULL ? fail(ENOMEM, "out of memory") : 0;
			*count += err == 0;
		}
	}
	(void)closedir(dir);
	if (*count > 0)
		qsort(*names, *count, sizeof(**names), compare_names);
	return err;
}

/* Leave out patches of which another one is for the same build, and say so. */
static void drop_rivals(struct store *store)
{
	bool *rival = calloc(store->count + 1, sizeof(bool));
	size_t kept = 0;

	for (size_t i = 0; rival != NULL && i < store->count; i++) {
		for (size_t k = 0; k < store->count; k++) {
			const struct patchfile *one = &store->patches[i], *other = &store->patches[k];

			if (i == k || !is_same_id(&one->meta.target.build_id, &other->meta.target.build_id))
				continue;
			rival[i] = true;
			if (i < k)
				warn("%s: left out, as %s is for the same build of %s (remove one of them)", one->path,
				     other->path, one->meta.target.name);
		}
	}
	for (size_t i = 0; rival != NULL && i < store->count; i++) {
		if (rival[i]) {
			patchfile_deinit(&store->patches[i]);
			store->n_bad++;
		} else {
			store_move(store, i, kept++);
		}
	}
	store->count = rival != NULL ? kept : store->count;
	free(rival);
}

int store_read(struct store *store, const struct options *options, bool enters, bool alone)
{
	const char *folder = folder_of(options);
	char **names = NULL, path[PATH_MAX];
	size_t n_names = 0;
	int err;

	*store = (struct store){ .lock = -1 };
	err = open_folder(store, options, enters);
	if (err == 0 && alone)
		err = take_lock(options, store->lock);
	/* What an nsb that was killed has left; on a file system that is read-only it stays. */
	if (err == 0 && alone)
		(void)unlinkat(store->lock, unfinished, 0);
	if (err == 0)
		err = list_names(folder, &names, &n_names);
	store->patches = calloc(n_names + 1, sizeof(*store->patches));
	if (err == 0 && store->patches == NULL)
		err = fail(ENOMEM, "out of memory");
	for (size_t i = 0; i < n_names; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		free(names[i]);
		if (err != 0)
			continue;
		if (job_read_patch(options, path, enters, &store->patches[store->count]) == 0) {
			store->count++;
			continue;
		}
		patchfile_deinit(&store->patches[store->count]);
		store->n_bad++;
		warn("%s", msg_kept());
		msg_forget();
	}
	free(names);
	if (err == 0)
		drop_rivals(store);
	return err;
}

void store_deinit(struct store *store)
{
	for (size_t i = 0; i < store->count; i++)
		patchfile_deinit(&store->patches[i]);
	free(store->patches);
	if (store->lock != -1)
		(void)close(store->lock);
	*store = (struct store){ .lock = -1 };
}

int store_read_given(struct store *store, const struct options *options, bool enters)
{
	int err = 0;

	if (options->n_files == 0)
		return store_read(store, options, enters, false);
	*store = (struct store){ .lock = -1, .patches = calloc(options->n_files, sizeof(*store->patches)) };
	if (store->patches == NULL)
		return fail(ENOMEM, "out of memory");
	for (size_t i = 0; i < options->n_files && err == 0; i++) {
		err = job_read_patch(options, options->files[i], enters, &store->patches[i]);
		store->count++;
	}
	return err;
}

/* ---- install ---- */

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = write(fd, bytes + done, size - done);

		if (got == -1 && errno != EINTR)
			return -errno;
		done += got > 0 ? (size_t)got : 0;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/*
 * Put a file into the folder, in place of one of that name.  Until it is whole and on the disk it has a name that nobody
 * takes for a patch, always the same one: what an nsb that was killed has left is found by the next one.
 */
static int put_file(int folder, const char *name, const uint8_t *bytes, size_t size)
{
	int err, fd = openat(folder, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd == -1)
		return -errno;
	err = fchmod(fd, 0644) == 0 ? write_all(fd, bytes, size) : -errno;
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err == 0 && renameat(folder, unfinished, folder, name) != 0)
		err = -errno;
	if (err != 0)
		(void)unlinkat(folder, unfinished, 0);
	else if (fsync(folder) != 0)
		err = -errno;
	return err;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static void tell_stored(const struct options *options, const struct patchfile *patch, const char *name, const char *done)
{
	const struct vzpatch *meta = &patch->meta;
	char id[2 * BUILD_ID_MAX + 1];

	build_id_format(meta->target.build_id.data, (size_t)meta->target.build_id.size, id);
	if (options->json) {
		json_begin(strcmp(done, "removed") == 0 ? "remove" : "install");
		json_text("patch", meta->patch.name);
		json_bytes("build_id", meta->patch.build_id.data, (size_t)meta->patch.build_id.size);
		json_text("object", meta->target.name);
		json_text("object_build_id", id);
		json_text("file", name);
		json_text("action", done);
		json_number("status", EXIT_DONE);
		json_text("result", status_name(EXIT_DONE));
		json_end();
	} else if (!options->quiet) {
		text_string(stdout, meta->patch.name);
		printf(": %s, for ", done);
		text_string(stdout, meta->target.name);
		printf(" with build-id %s\n", id);
	}
}

static int install_one(const struct options *options, const struct store *store, const char *file)
{
	struct patchfile patch = { 0 };
	const struct vzpatch *meta = &patch.meta;
	char name[NAME_MAX + 1], id[2 * BUILD_ID_MAX + 1];
	const char *done = "installed";
	int err = job_read_patch(options, file, true, &patch);

	if (err != 0)
		return err;
	build_id_format(meta->target.build_id.data, (size_t)meta->target.build_id.size, id);
	(void)snprintf(name, sizeof(name), "%.100s-%s.so", meta->target.name, id);
	for (size_t i = 0; i < store->count; i++) {
		const struct patchfile *old = &store->patches[i];

		if (!is_same_id(&old->meta.target.build_id, &meta->target.build_id))
			continue;
		(void)snprintf(name, sizeof(name), "%s", base_of(old->path));
		done = is_same_id(&old->meta.patch.build_id, &meta->patch.build_id) ? "installed already" :
		       "installed in place of an older one";
	}
	if (!options->dry_run && strcmp(done, "installed already") != 0) {
		err = put_file(store->lock, name, patch.bytes, patch.size);
		if (err != 0)
			err = fail(-err, "%s/%s: cannot be written: %s", folder_of(options), name, strerror(-err));
	}
	if (err == 0)
		tell_stored(options, &patch, name, done);
	patchfile_deinit(&patch);
	return err;
}

int command_install(const struct options *options)
{
	struct store store = { .lock = -1 };
	int err = 0;

	/* ENOENT would be the status of a patch that is not there. */
	if (mkdir(folder_of(options), 0755) != 0 && errno != EEXIST)
		return fail(errno == ENOENT ? ENOTDIR : errno, "%s: cannot be made: %s", folder_of(options), strerror(errno));
	err = store_read(&store, options, true, true);
	if (err == 0)
		err = install_one(options, &store, options->arguments[0]);
	store_deinit(&store);
	return err;
}

/* ---- remove ---- */

static bool is_meant(const struct patchfile *patch, const char *word, const uint8_t *id, size_t id_size)
{
	const struct vz_blob *own = &patch->meta.patch.build_id;

	return strcmp(base_of(patch->path), word) == 0 || strcmp(patch->meta.patch.name, word) == 0 ||
	       (id_size >= 4 && id_size <= own->size && memcmp(own->data, id, id_size) == 0);
}

int command_remove(const struct options *options)
{
	const char *word = options->arguments[0];
	struct store store = { .lock = -1 };
	const struct patchfile *found = NULL;
	uint8_t id[BUILD_ID_MAX];
	size_t id_size = 0, n_found = 0;
	int err = store_read(&store, options, true, true);

	/* It may be a name as well. */
	if (err == 0 && build_id_parse(word, id, &id_size) != 0) {
		id_size = 0;
		msg_forget();
	}
	for (size_t i = 0; err == 0 && i < store.count; i++) {
		if (is_meant(&store.patches[i], word, id, id_size)) {
			found = &store.patches[i];
			n_found++;
		}
	}
	if (err == 0 && n_found > 1)
		err = fail(EINVAL, "%s: %zu patches of the store are called so (give the file name, or more of the build-id)",
			   word, n_found);
	/* What is no patch, or one of two rivals, is taken away by its file name. */
	if (err == 0 && n_found == 0 && (strchr(word, '/') != NULL || !is_patch_name(word)))
		err = fail(ENOENT, "%s: no such patch in %s", word, folder_of(options));
	if (err == 0 && !options->dry_run &&
	    (unlinkat(store.lock, found != NULL ? base_of(found->path) : word, 0) != 0 || fsync(store.lock) != 0))
		err = fail(errno, "%s: cannot be removed from %s: %s", word, folder_of(options), strerror(errno));
	if (err == 0 && found != NULL)
		tell_stored(options, found, base_of(found->path), "removed");
	store_deinit(&store);
	return err;
}
