/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "interest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "survey.h"

#define FILES_KNOWN 8192u	/* a program that falls out is read once more */
#define NEEDED_MAX 256u		/* entries of a dynamic section that are read */

struct known_file {
	dev_t device;
	ino_t inode;
	int64_t changed;	/* st_ctim in ns */
	off_t size;
	uint32_t interest;
};

struct interests {
	struct known_file files[FILES_KNOWN];	/* a file has one place, which it takes from another */
};

int interest_init(struct interests **interests)
{
	*interests = mmap(NULL, sizeof(**interests), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return *interests == MAP_FAILED ? fail(ENOMEM, "out of memory") : 0;
}

void interest_forget(struct interests *interests)
{
	memset(interests, 0, sizeof(*interests));
}

static struct known_file key_of(const struct stat *st)
{
	return (struct known_file){ .device = st->st_dev, .inode = st->st_ino, .size = st->st_size,
				    .changed = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec };
}

static size_t place_of(const struct stat *st)
{
	const uint64_t hash = ((uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 40) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(hash >> 40) % FILES_KNOWN;
}

enum interest interest_known(const struct interests *interests, const struct stat *st)
{
	const struct known_file *known = &interests->files[place_of(st)], key = key_of(st);

	return known->device == key.device && known->inode == key.inode && known->changed == key.changed &&
	       known->size == key.size ? (enum interest)known->interest : INTEREST_UNKNOWN;
}

void interest_learn(struct interests *interests, const struct stat *st, enum interest interest)
{
	struct known_file *known = &interests->files[place_of(st)], key = key_of(st);

	/* Nobody takes a half written one for another file. */
	known->interest = INTEREST_UNKNOWN;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*known = key;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	known->interest = interest;
}

/* ---- scripts ---- */

/* The interpreter of a script is looked up, and not opened: it may be held itself. */
static enum interest of_script(const struct interests *interests, const char *line, pid_t pid)
{
	const size_t blank = strspn(line, " \t"), length = strcspn(line + blank, " \t\n");
	char path[PATH_MAX];
	struct stat st;
	enum interest interest;

	(void)snprintf(path, sizeof(path), "/proc/%d/root/%.*s", pid, (int)length, line + blank);
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return INTEREST_NONE;
	interest = interest_known(interests, &st);
	return interest == INTEREST_NONE ? INTEREST_NONE : INTEREST_SCRIPT;
}

/* ---- ELF files ---- */

static int read_fd(const struct bytes *self, uint64_t offset, void *buf, size_t size)
{
	const int *fd = self->ctx;

	return pread(*fd, buf, size, (off_t)offset) == (ssize_t)size ? 0 : -EIO;
}

static bool is_library(const char *name)
{
	return strstr(name, ".so") != NULL;
}

/* These load nothing but each other. */
static bool is_of_libc(const char *name)
{
	static const char *const names[] = { "libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "ld-linux" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

static bool may_load(const struct elf *elf, const struct store *store, const char *needed)
{
	for (size_t i = 0; i < store->count; i++) {
		const struct vzpatch *meta = &store->patches[i].meta;
		const char *name = meta->target.name;

		if (is_library(name) && meta->target.elf_class == elf->elf_class && (!is_of_libc(needed) || survey_is_same_thing(needed, name)))
			return true;
	}
	return false;
}

/* Where in the file an address of it is; 0: nowhere. */
static uint64_t offset_of(const struct elf *elf, uint64_t address)
{
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		const struct elf_phdr *phdr = &elf->phdrs[i];

		if (phdr->type == PT_LOAD && address - phdr->vaddr < phdr->filesz)
			return phdr->offset + (address - phdr->vaddr);
	}
	return 0;
}

/* Whether one of the libraries that a program names (DT_NEEDED) is, or may bring, one that a patch is for. */
static bool needs_patched(const struct elf *elf, const struct store *store, const struct elf_phdr *dynamic, int fd)
{
	const size_t word = arch_class_word(elf->elf_class), size = dynamic->filesz < NEEDED_MAX * 2 * word ?
			    (size_t)dynamic->filesz : NEEDED_MAX * 2 * word;
	uint64_t strings = 0, needed[NEEDED_MAX];
	uint8_t bytes[NEEDED_MAX * 16];
	size_t n_needed = 0;
	char name[128];

	if (pread(fd, bytes, size, (off_t)dynamic->offset) != (ssize_t)size)
		return true;
	for (size_t at = 0; at + 2 * word <= size; at += 2 * word) {
		uint64_t tag = 0, value = 0;

		memcpy(&tag, bytes + at, word);
		memcpy(&value, bytes + at + word, word);
		if (tag == DT_STRTAB)
			strings = offset_of(elf, value);
		else if (tag == DT_NEEDED)
			needed[n_needed++] = value;
	}
	for (size_t i = 0; i < n_needed; i++) {
		ssize_t got = pread(fd, name, sizeof(name) - 1, (off_t)(strings + needed[i]));

		if (got <= 0)
			return true;
		name[got] = '\0';
		if (may_load(elf, store, name))
			return true;
	}
	return false;
}

static enum interest of_elf(const struct elf *elf, const struct store *store, int fd)
{
	const struct elf_phdr *dynamic = NULL;
	bool is_interpreted = false;

	for (size_t i = 0; i < store->count; i++) {
		const struct vz_blob *id = &store->patches[i].meta.target.build_id;

		if (id->size == elf->build_id_size && memcmp(id->data, elf->build_id, elf->build_id_size) == 0)
			return INTEREST_HOLD;
	}
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		if (elf->phdrs[i].type == PT_DYNAMIC)
			dynamic = &elf->phdrs[i];
		is_interpreted = is_interpreted || elf->phdrs[i].type == PT_INTERP;
	}
	/* Static programs load nothing, and the dynamic linker, which is opened like a program, is none. */
	return is_interpreted && dynamic != NULL && needs_patched(elf, store, dynamic, fd) ? INTEREST_TRY : INTEREST_NONE;
}

enum interest interest_of(struct interests *interests, const struct store *store, int fd, pid_t pid, struct stat *st)
{
	char begin[256];
	enum interest interest = INTEREST_NONE;
	struct elf elf;
	ssize_t got;

	if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))
		return INTEREST_NONE;
	interest = interest_known(interests, st);
	if (interest != INTEREST_UNKNOWN && interest != INTEREST_SCRIPT)
		return interest;
	interest = INTEREST_NONE;
	got = pread(fd, begin, sizeof(begin) - 1, 0);
	if (got > 2 && begin[0] == '#' && begin[1] == '!') {
		begin[got] = '\0';
		return of_script(interests, begin + 2, pid);
	}
	if (elf_open_file_headers(&elf, (struct bytes){ read_fd, &fd }) == 0) {
		interest = of_elf(&elf, store, fd);
		elf_deinit(&elf);
	} else {
		msg_forget();
	}
	interest_learn(interests, st, interest);
	return interest;
}
