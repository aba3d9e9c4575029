/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "file.h"
#include "json.h"
#include "page.h"
#include "show.h"
#include "status.h"

#define PAGES_MAX 4096u		/* so many pages of a segment are searched for records */
#define NOTES_MAX (16u << 20)	/* a program of 4000 threads has some 10 MB of them */

/* A core dump: PT_LOADs are its memory, and notes tell of its threads, that which failed first (elf(5), core(5)). */
struct core {
	const struct options *options;
	int fd;
	uint64_t size;		/* of the file */
	struct elf elf;
	const struct arch *arch;
	pid_t pid;
	uint64_t pc;		/* of the thread that failed; 0 if it is not known */
	bool is_cut;		/* the file ends before what it says it has */
	struct record *records;
	size_t n_records;
};

static int read_at(const struct bytes *self, uint64_t offset, void *buf, size_t size)
{
	const int *fd = self->ctx;

	return pread(*fd, buf, size, (off_t)offset) == (ssize_t)size ? 0 : -EIO;
}

static bool get(const struct core *core, uint64_t offset, void *buf, size_t size)
{
	return pread(core->fd, buf, size, (off_t)offset) == (ssize_t)size;
}

/* ---- the thread that failed ---- */

/*
 * struct elf_prstatus of the ABI begins with the signal; the process id of the thread is at 24 or 32 in it, and
 * its registers, as ptrace has them, at 72 or 112.
 */
static void read_prstatus(struct core *core, const uint8_t *bytes, uint32_t size)
{
	const bool is_64 = elf_is_64(&core->elf);
	const uint32_t pid_at = is_64 ? 32 : 24, regs_at = is_64 ? 112 : 72;
	struct regs regs = { .size = core->arch->regs_size };
	uint32_t pid;

	if (core->pc != 0 || size < regs_at + regs.size)
		return;
	memcpy(&pid, bytes + pid_at, sizeof(pid));
	memcpy(regs.bytes, bytes + regs_at, regs.size);
	core->pid = (pid_t)pid;
	core->pc = regs_get(core->arch, &regs, REG_PC);
}

static void read_notes(struct core *core, const struct elf_phdr *phdr)
{
	const size_t size = phdr->filesz < NOTES_MAX ? (size_t)phdr->filesz : NOTES_MAX;
	uint8_t *bytes = malloc(size + 1);

	if (bytes != NULL && get(core, phdr->offset, bytes, size)) {
		for (size_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
			Elf64_Nhdr note;
			uint64_t name, desc;

			memcpy(&note, bytes + at, sizeof(note));
			name = at + sizeof(note);
			desc = name + (((uint64_t)note.n_namesz + 3) & ~UINT64_C(3));
			if (desc > size || note.n_descsz > size - desc)
				break;
			if (note.n_type == NT_PRSTATUS && note.n_namesz == 5 && memcmp(bytes + name, "CORE", 5) == 0)
				read_prstatus(core, bytes + desc, note.n_descsz);
			at = (size_t)(desc + (((uint64_t)note.n_descsz + 3) & ~UINT64_C(3)));
			if (at > size)
				break;
		}
	}
	free(bytes);
}

/* ---- patches ---- */

/* Take the record that is at this place of the file, if there is one. */
static int take_record(struct core *core, uint64_t offset, uint64_t address)
{
	struct record record = { 0 };
	struct record_head head;
	uint8_t *bytes;
	size_t at;
	int err;

	if (!get(core, offset, &head, sizeof(head)) || memcmp(head.magic, RECORD_MAGIC, sizeof(head.magic)) != 0 ||
	    head.address != address)
		return 0;
	if (head.version != RECORD_VERSION || head.size < sizeof(head) || head.size > RECORD_MAX_BYTES) {
		warn("%s: the patch at 0x%" PRIx64 " is of another version of nsb, or damaged", core->options->core,
		     address);
		return 0;
	}
	bytes = malloc(head.size);
	if (bytes == NULL)
		return fail(ENOMEM, "out of memory");
	if (!get(core, offset, bytes, head.size) || record_decode(bytes, head.size, &record) != 0) {
		free(bytes);
		warn("%s: the patch at 0x%" PRIx64 " is damaged", core->options->core, address);
		return 0;
	}
	err = ARRAY_GROW(&core->records, core->n_records, 1);
	if (err != 0) {
		record_deinit(&record);
		return err;
	}
	/* In the order in which they were applied. */
	for (at = core->n_records++; at > 0 && core->records[at - 1].head->sequence > record.head->sequence; at--)
		core->records[at] = core->records[at - 1];
	core->records[at] = record;
	return 0;
}

static int search_segment(struct core *core, const struct elf_phdr *phdr)
{
	int err = 0;

	for (uint64_t page = 0; page < PAGES_MAX && page * PAGE + sizeof(struct record_head) <= phdr->filesz && err == 0; page++)
		err = take_record(core, phdr->offset + page * PAGE, phdr->vaddr + page * PAGE);
	return err;
}

static int read_core(struct core *core)
{
	int err = 0;

	for (size_t i = 0; i < core->elf.n_phdrs && err == 0; i++) {
		const struct elf_phdr *phdr = &core->elf.phdrs[i];

		core->is_cut = core->is_cut || phdr->offset > core->size || phdr->filesz > core->size - phdr->offset;
		if (phdr->type == PT_NOTE)
			read_notes(core, phdr);
		else if (phdr->type == PT_LOAD && !(phdr->flags & PF_W))
			err = search_segment(core, phdr);
	}
	return err;
}

/* ---- what is told ---- */

/* The patch in whose memory the thread was that failed, and the function; NULL if it was in none. */
static const struct record *find_failed(const struct core *core, const char **func)
{
	*func = NULL;
	for (size_t i = 0; i < core->n_records; i++) {
		const struct record *record = &core->records[i];

		if (core->pc - record->head->address >= record->head->mapped)
			continue;
		for (uint32_t k = 0; k < record->head->n_funcs; k++) {
			if (core->pc - record->funcs[k].patch < record->funcs[k].patch_size)
				*func = record_string(record, record->funcs[k].name);
		}
		return record;
	}
	return NULL;
}

static void tell(const struct core *core)
{
	const char *func;
	const struct record *failed = find_failed(core, &func);
	const bool json = core->options->json;

	if (json) {
		json_begin("list");
		json_open("patches", '[');
	}
	for (size_t i = 0; i < core->n_records; i++)
		show_record(core->options, core->pid, &core->records[i], NULL);
	if (json) {
		json_close(']');
		json_number("pid", (uint64_t)core->pid);
		json_address("failed_at", core->pc);
		json_text("failed_in", failed == NULL ? NULL : record_string(failed, failed->head->patch_name));
		json_text("function", func);
		json_number("status", EXIT_DONE);
		json_end();
	} else if (!core->options->quiet && !core->options->perf_map) {
		printf("%d: the thread that failed was in ", core->pid);
		if (failed == NULL)
			fputs("no patch", stdout);
		else
			text_string(stdout, func != NULL ? func : "no function");
		if (failed != NULL) {
			fputs(" of ", stdout);
			text_string(stdout, record_string(failed, failed->head->patch_name));
		}
		printf(" (0x%" PRIx64 ")\n", core->pc);
	}
}

int core_list(const struct options *options)
{
	struct core core = { .options = options, .fd = -1 };
	struct stat st;
	int err = file_open(options->core, &core.fd, &st);

	if (err != 0)
		return err == -EACCES ? err : -ENOEXEC;
	core.size = (uint64_t)st.st_size;
	err = elf_open_headers(&core.elf, (struct bytes){ read_at, &core.fd }, 0);
	if (err != 0) {
		(void)close(core.fd);
		return err;
	}
	core.arch = arch_find(core.elf.elf_class, core.elf.machine);
	if (core.elf.type != ET_CORE || core.arch == NULL)
		err = fail(ENOEXEC, "%s: is no core dump of a program that nsb can patch", options->core);
	if (err == 0)
		err = read_core(&core);
	if (err == 0)
		tell(&core);
	if (err == 0 && core.is_cut)
		err = fail(EINVAL, "%s: was cut short: there may have been more patches", options->core);
	for (size_t i = 0; i < core.n_records; i++)
		record_deinit(&core.records[i]);
	free(core.records);
	elf_deinit(&core.elf);
	(void)close(core.fd);
	return err;
}
