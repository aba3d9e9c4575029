/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * foreign HOW PROGRAM - - ARGUMENT...: map a static program, not PIE, beside this one.
 *
 * HOW is "only": nothing runs it, as if this were an emulator that executes translations of its
 * code; or "run": jump to it, as a loader does; or "shared": the same, its code is mapped
 * MAP_SHARED.  The arguments begin with the program's name.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FLAG(flags, elf, prot) ((flags) & (elf) ? (prot) : 0)

static ElfW(Ehdr) header;
static ElfW(Phdr) phdrs[32];

static int code_sharing = MAP_PRIVATE;

static int map_segment(int fd, const ElfW(Phdr) *ph)
{
	uintptr_t start = ph->p_vaddr & ~(uintptr_t)4095, end = (ph->p_vaddr + ph->p_memsz + 4095) & ~(uintptr_t)4095;
	uintptr_t file_end = ph->p_vaddr + ph->p_filesz, of_file = (file_end + 4095) & ~(uintptr_t)4095;
	int prot = FLAG(ph->p_flags, PF_R, PROT_READ) | FLAG(ph->p_flags, PF_W, PROT_WRITE) |
		   FLAG(ph->p_flags, PF_X, PROT_EXEC);

	if (mmap((void *)start, of_file - start, prot, (prot & PROT_EXEC ? code_sharing : MAP_PRIVATE) | MAP_FIXED, fd,
		 (off_t)(ph->p_offset & ~(uintptr_t)4095)) == MAP_FAILED)
		return -1;
	if (prot & PROT_WRITE)
		memset((void *)file_end, 0, of_file - file_end);
	return end > of_file && mmap((void *)of_file, end - of_file, prot,
				     MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

/* Jump to the program, with this one's stack from the words in front of its arguments on. */
static void run(char **argv, char **envp, long count)
{
	ElfW(auxv_t) *aux;

	while (*envp != NULL)
		envp++;
	for (aux = (ElfW(auxv_t) *)(envp + 1); aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_PHDR)
			aux->a_un.a_val = phdrs[0].p_vaddr - phdrs[0].p_offset + header.e_phoff;
		else if (aux->a_type == AT_PHNUM)
			aux->a_un.a_val = header.e_phnum;
		else if (aux->a_type == AT_ENTRY)
			aux->a_un.a_val = header.e_entry;
	}
	argv[3] = (char *)count;
#ifdef __x86_64__
	__asm__ volatile("mov %0, %%rsp; xor %%edx, %%edx; jmp *%1" : : "r"(&argv[3]), "r"(header.e_entry) : "memory");
#else
	__asm__ volatile("mov %0, %%esp; xor %%edx, %%edx; jmp *%1" : : "r"(&argv[3]), "c"(header.e_entry) : "memory");
#endif
	__builtin_unreachable();
}

int main(int argc, char **argv, char **envp)
{
	int fd = argc < 6 ? -1 : open(argv[2], O_RDONLY | O_CLOEXEC);

	if (fd == -1 || read(fd, &header, sizeof(header)) != (ssize_t)sizeof(header) || header.e_type != ET_EXEC ||
	    header.e_phnum > sizeof(phdrs) / sizeof(phdrs[0]) ||
	    pread(fd, phdrs, header.e_phnum * sizeof(phdrs[0]), (off_t)header.e_phoff) !=
		    (ssize_t)(header.e_phnum * sizeof(phdrs[0])))
		return 1;
	if (strcmp(argv[1], "shared") == 0)
		code_sharing = MAP_SHARED;
	for (int i = 0; i < header.e_phnum; i++) {
		if (phdrs[i].p_type == PT_LOAD && map_segment(fd, &phdrs[i]) != 0)
			return 1;
	}
	for (int i = 0; i < header.e_phnum; i++) {
		if (phdrs[i].p_type == PT_LOAD) {
			phdrs[0] = phdrs[i];
			break;
		}
	}
	if (strcmp(argv[1], "only") != 0)
		run(argv, envp, argc - 4);
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}
