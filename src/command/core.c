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
#define STACK_MAX 65536u	/* so many bytes of the stack are searched for return addresses */

/* A core dump: PT_LOADs are its memory, and notes tell of its threads, that which failed first (elf(5), core(5)). */
struct core {
	const struct options *options;
	int fd;
	uint64_t size;		/* of the file */
	struct elf elf;
	const struct arch *arch;
	pid_t pid;
	uint64_t pc, sp;	/* of the thread that failed; 0 if it is not known */
	uint64_t headers;	/* AT_PHDR: where the program's ELF headers are; 0 if that is not known */
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

/* Copy memory of the process, as much of the `size` bytes at an address as the dump has in one piece. */
static size_t get_memory(const struct core *core, uint64_t address, void *buf, size_t size)
{
	for (size_t i = 0; i < core->elf.n_phdrs; i++) {
		const struct elf_phdr *phdr = &core->elf.phdrs[i];
		const uint64_t at = address - phdr->vaddr;
		ssize_t got;

		if (phdr->type != PT_LOAD || at >= phdr->filesz)
			continue;
		got = pread(core->fd, buf, size < phdr->filesz - at ? size : (size_t)(phdr->filesz - at), (off_t)(phdr->offset + at));
		return got > 0 ? (size_t)got : 0;
	}
	return 0;
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
	core->sp = regs_get(core->arch, &regs, REG_SP);
}

static void read_auxv(struct core *core, const uint8_t *bytes, uint32_t size)
{
	const size_t word = core->arch->word;
	uint64_t type = 0, value = 0;

	for (size_t at = 0; at + 2 * word <= size; at += 2 * word) {
		memcpy(&type, bytes + at, word);
		memcpy(&value, bytes + at + word, word);
		if (type == AT_PHDR)
			core->headers = value;
	}
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
			if (note.n_namesz == 5 && memcmp(bytes + name, "CORE", 5) == 0) {
				if (note.n_type == NT_PRSTATUS)
					read_prstatus(core, bytes + desc, note.n_descsz);
				else if (note.n_type == NT_AUXV)
					read_auxv(core, bytes + desc, note.n_descsz);
			}
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

/* The patch in whose memory this address is, and the function; NULL if it is in none. */
static const struct record *find_patch(const struct core *core, uint64_t address, const char **func)
{
	*func = NULL;
	for (size_t i = 0; i < core->n_records; i++) {
		const struct record *record = &core->records[i];

		if (address - record->head->address >= record->head->mapped)
			continue;
		for (uint32_t k = 0; k < record->head->n_funcs; k++) {
			if (address - record->funcs[k].patch < record->funcs[k].patch_size)
				*func = record_string(record, record->funcs[k].name);
		}
		return record;
	}
	return NULL;
}

/*
 * The function of a patch that may have called what failed, as abort(3) in it does: its address is on the stack.  There
 * may also be what a call left that is over.
 */
static const struct record *find_caller(const struct core *core, const char **func)
{
	const size_t word = core->arch->word;
	uint8_t *stack = malloc(STACK_MAX);
	const size_t size = stack != NULL ? get_memory(core, core->sp, stack, STACK_MAX) : 0;
	const struct record *found = NULL;

	*func = NULL;
	for (size_t at = 0; at + word <= size && *func == NULL; at += word) {
		uint64_t value = 0;

		memcpy(&value, stack + at, word);
		/* The last instruction of a function may be a call that never returns. */
		found = find_patch(core, value - 1, func);
	}
	free(stack);
	return *func != NULL ? found : NULL;
}

static void print_place(const struct record *record, const char *func)
{
	text_string(stdout, func != NULL ? func : "no function");
	fputs(" of ", stdout);
	text_string(stdout, record_string(record, record->head->patch_name));
}

static const char *name_of(const struct record *record)
{
	return record == NULL ? NULL : record_string(record, record->head->patch_name);
}

static void tell(const struct core *core)
{
	const char *func, *calling;
	const struct record *failed = find_patch(core, core->pc, &func);
	const struct record *caller = find_caller(core, &calling);
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
		json_text("failed_in", name_of(failed));
		json_text("function", func);
		json_text("on_stack", name_of(caller));
		json_text("caller", calling);
		json_number("status", EXIT_DONE);
		json_end();
	} else if (!core->options->quiet && !core->options->perf_map) {
		printf("%d: the thread that failed was in ", core->pid);
		if (failed == NULL)
			fputs("no patch", stdout);
		else
			print_place(failed, func);
		printf(" (0x%" PRIx64 ")", core->pc);
		if (failed == NULL && caller != NULL) {
			fputs(", perhaps called by ", stdout);
			print_place(caller, calling);
		}
		putchar('\n');
	}
}

/* --exe: whether the dump is of this program.  The first page of it, which the kernel dumps as well, has its build-id. */
static int check_program(const struct core *core)
{
	const char *path = core->options->exe;
	uint8_t page[PAGE];
	const size_t size = get_memory(core, page_down(core->headers, PAGE), page, sizeof(page));
	struct stat st;
	struct elf elf;
	int fd, err = file_open(path, &fd, &st);

	if (err != 0)
		return err == -EACCES ? err : -ENOEXEC;
	err = elf_open_file_headers(&elf, (struct bytes){ read_at, &fd });
	if (err == 0 && elf.build_id_size == 0)
		err = fail(ENOEXEC, "%s: has no build-id, so that nobody can tell whether the dump is of it", path);
	else if (err == 0 && size == 0)
		err = fail(EINVAL, "%s: has no headers of the program (see core(5), coredump_filter): whether it is of %s cannot be told",
			   core->options->core, path);
	else if (err == 0 && memmem(page, size, elf.build_id, elf.build_id_size) == NULL)
		err = fail(ESTALE, "%s: is not of %s, or of another build of it", core->options->core, path);
	elf_deinit(&elf);
	(void)close(fd);
	return err;
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
	if (err == 0 && options->exe != NULL)
		err = check_program(&core);
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
