/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attacks of the target "hostile" by objects, threads and mappings: much of what nsb looks at one by one. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- objects ---- */

/* The first page of a file that says to be an object. */
struct fake {
	ElfW(Ehdr) header;
	ElfW(Phdr) load, other;
	char names[16];			/* DT_STRTAB */
	ElfW(Dyn) dynamic[160];
};

/* An object of `memory` bytes, with one program header beside its PT_LOAD, and a dynamic section if that is its. */
static void fake(struct fake *fake, size_t memory, uint32_t type, uint64_t address, uint64_t size)
{
	*fake = (struct fake){
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_DYN, .e_machine = sizeof(void *) == 8 ? EM_X86_64 : EM_386,
			.e_version = EV_CURRENT, .e_phoff = sizeof(ElfW(Ehdr)), .e_ehsize = sizeof(ElfW(Ehdr)),
			.e_phentsize = sizeof(ElfW(Phdr)), .e_phnum = 2,
		},
		.load = { .p_type = PT_LOAD, .p_flags = PF_R, .p_align = PAGE_SIZE,
			  .p_filesz = (ElfW(Word))PAGE_SIZE, .p_memsz = memory },
		.other = { .p_type = type, .p_flags = PF_R, .p_vaddr = (ElfW(Addr))address,
			   .p_filesz = (ElfW(Word))size, .p_memsz = (ElfW(Word))size },
		.names = "\0libc.so.6",
	};
}

/* A file of this page, or -1. */
static int file_of(const struct fake *fake)
{
	int fd = memfd_create("object", 0);

	if (fd != -1 && (ftruncate(fd, (off_t)PAGE_SIZE) != 0 ||
			 pwrite(fd, fake, sizeof(*fake), 0) != (ssize_t)sizeof(*fake))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* 600 objects, each with its own 16 MiB of a table that is not there. */
int fake_tables(void)
{
	const size_t step = 16 * MIB + 64 * PAGE_SIZE;
	uint8_t *at = reserve(600 * step, PROT_READ);

	for (size_t i = 0; at != NULL && i < 600; i++, at += step) {
		struct fake page;
		int fd;

		fake(&page, PAGE_SIZE, PT_GNU_EH_FRAME, 64 * PAGE_SIZE, PAGE_SIZE);
		fd = file_of(&page);
		if (fd == -1 || mmap(at, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
			return -1;
		close(fd);
	}
	return at == NULL ? -1 : 0;
}

/* 4000 objects that the program needs, as their names say, and that need one another. */
int fake_needs(void)
{
	const size_t step = 2 * PAGE_SIZE;
	uint8_t *at = reserve(4000 * step, PROT_NONE);
	struct fake page;
	size_t n = 0;
	int fd;

	fake(&page, PAGE_SIZE, PT_DYNAMIC, offsetof(struct fake, dynamic), sizeof(page.dynamic));
	page.dynamic[n++] = (ElfW(Dyn)){ DT_STRTAB, { offsetof(struct fake, names) } };
	page.dynamic[n++] = (ElfW(Dyn)){ DT_STRSZ, { sizeof(page.names) } };
	page.dynamic[n++] = (ElfW(Dyn)){ DT_SONAME, { 1 } };
	while (n < sizeof(page.dynamic) / sizeof(page.dynamic[0]) - 1)
		page.dynamic[n++] = (ElfW(Dyn)){ DT_NEEDED, { 2 } };
	fd = file_of(&page);
	for (size_t i = 0; fd != -1 && at != NULL && i < 4000; i++, at += step) {
		if (mmap(at, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
			return -1;
	}
	return at == NULL || fd == -1 ? -1 : 0;
}

/* An object whose hash table says to have 2^31 buckets. */
int fake_hash(void)
{
	const uint32_t head[4] = { (uint32_t)1 << 31, 1, 1, 0 };
	const size_t memory = (size_t)((uint64_t)9 << 30 & SIZE_MAX), table = 2 * PAGE_SIZE;
	uint8_t *at = reserve(memory, PROT_READ | PROT_WRITE);
	struct fake page;
	int fd;

	if (at == NULL)
		return -1;
	fake(&page, memory, PT_DYNAMIC, offsetof(struct fake, dynamic), sizeof(page.dynamic));
	page.dynamic[0] = (ElfW(Dyn)){ DT_STRTAB, { offsetof(struct fake, names) } };
	page.dynamic[1] = (ElfW(Dyn)){ DT_STRSZ, { sizeof(page.names) } };
	page.dynamic[2] = (ElfW(Dyn)){ DT_SYMTAB, { PAGE_SIZE } };
	page.dynamic[3] = (ElfW(Dyn)){ DT_GNU_HASH, { (ElfW(Addr))table } };
	memcpy(at + table, head, sizeof(head));
	fd = file_of(&page);
	return fd == -1 || mmap(at, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED ? -1 : 0;
}

/* ---- mappings ---- */

/* 8 million words that look like the self-reference of a suspended context (ucontext_t of amd64: 224, 424). */
int forge_contexts(void)
{
	const size_t count = 64 * MIB / sizeof(uint64_t);
	uint64_t *words = reserve(64 * MIB, PROT_READ | PROT_WRITE);

	for (size_t i = 0; words != NULL && i < count; i++)
		words[i] = (uintptr_t)&words[i] + 200;
	return words == NULL ? -1 : 0;
}

/* 32000 mappings of the program's first page. */
int map_much(void)
{
	uint8_t *at = reserve(64000 * PAGE_SIZE, PROT_NONE);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; at != NULL && fd != -1 && i < 32000; i++) {
		if (mmap(at + 2 * i * PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
			break;
	}
	return at == NULL || fd == -1 ? -1 : 0;
}

/* Code in the file that is descriptor 9, which is never read to an end: tests/helpers/unserved.c. */
int map_unserved(void)
{
	return mmap(NULL, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 9, 0) == MAP_FAILED ? -1 : 0;
}

/* ---- threads ---- */

/* Two children stop and continue it all the time. */
int flood(void)
{
	pid_t me = getpid();

	for (int i = 0; i < 2; i++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == me && kill(me, SIGSTOP) == 0 && kill(me, SIGCONT) == 0)
			;
		_exit(0);
	}
	return 0;
}

static void *hop(void *arg)
{
	pthread_attr_t attr;
	pthread_t next;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while (pthread_create(&next, &attr, hop, arg) != 0)
		usleep(100);
	return NULL;
}

/* Threads that end as soon as they have a successor. */
int churn(void)
{
	for (int i = 0; i < 300; i++)
		hop(NULL);
	return 0;
}

/* Threads of that function, with little memory. */
static int start_many(size_t count, void *(*run)(void *arg))
{
	pthread_attr_t attr;
	pthread_t thread;

	if (pthread_attr_init(&attr) != 0 || pthread_attr_setstacksize(&attr, 65536) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (pthread_create(&thread, &attr, run, NULL) != 0)
			return -1;
	}
	return 0;
}

#ifdef __x86_64__
static char *region;
static void (*wait_here)(void *stack);

static void *wait_in_code(void *arg)
{
	wait_here(region + 65536);
	return arg;
}

/* 1000 threads that wait in code without unwind tables, with 255 MiB of stack above them. */
int scan_deep(void)
{
	/* mov %rdi, %rsp; 1: mov $34, %eax (pause); syscall; jmp 1b */
	static const uint8_t code[] = { 0x48, 0x89, 0xfc, 0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7 };
	uint8_t *page = reserve(PAGE_SIZE, PROT_READ | PROT_WRITE);

	region = reserve(255 * MIB, PROT_READ | PROT_WRITE);
	if (page == NULL || region == NULL)
		return -1;
	memcpy(page, code, sizeof(code));
	memcpy(&wait_here, &page, sizeof(page));
	return mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC) != 0 ? -1 : start_many(1000, wait_in_code);
}

/* Sleep for ever in a call that the parasite makes: ppoll of nothing. */
static void *sleep_in_parasite(void *arg)
{
	static const uint64_t call[] = { 0, 0, 0, 0, SYS_ppoll };

	__asm__ volatile("mov %0, %%rsp; jmp *%1" : : "r"(call), "r"(_start) : "memory");
	return arg;
}

/* nsb's parasite stands over the entry point, as if an nsb had died, and 2000 threads are in it. */
int stay_in_parasite(void)
{
	static const uint8_t code[] = { 0x41, 0x5a, 0x5a, 0x5e, 0x5f, 0x58, 0x0f, 0x05, 0x50, 0x59, 0xeb, 0xf4,
					0xf4, 0xf4, 0xf4, 0xf4 };
	struct {
		uint8_t code[16];
		uint64_t address;
		uint32_t pages, check;
	} parasite = { .check = 1 };
	uint8_t *page = (uint8_t *)((uintptr_t)_start & ~(PAGE_SIZE - 1));

	memcpy(parasite.code, code, sizeof(code));
	if (mprotect(page, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		return -1;
	memcpy(_start, &parasite, sizeof(parasite));
	if (mprotect(page, 2 * PAGE_SIZE, PROT_READ | PROT_EXEC) != 0)
		return -1;
	return start_many(2000, sleep_in_parasite);
}
#else
int scan_deep(void)
{
	errno = ENOSYS;
	return -1;
}

int stay_in_parasite(void)
{
	errno = ENOSYS;
	return -1;
}
#endif
