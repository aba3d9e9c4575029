/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confines itself when it is told how, by words, and from then on only reads and
 * writes: "hello" is answered by greet().  A second thread sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

KEEP const char *greet(void)
{
	return "hello";
}

/* Only what a thread in strict mode may do. */
static void serve(void)
{
	char question[64];

	while (read(0, question, sizeof(question)) > 0) {
		const char *answer = strncmp(question, "check", 5) == 0 ? "fine 0" : greet();

		if (write(1, answer, strlen(answer)) < 0 || write(1, "\n", 1) < 0)
			break;
	}
	syscall(SYS_exit, 0);
}

/* Numbers that stand for "none" where an ABI lacks the call. */
#ifndef SYS_mmap2
#define SYS_mmap2 SYS_mmap
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define ON(number, what) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), RETURN(what)

static void filter(struct sock_filter *code, size_t size)
{
	struct sock_fprog program = { (unsigned short)(size / sizeof(*code)), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		abort();
}

/* Against all that a tool like nsb might try. */
static void deny(unsigned how)
{
	struct sock_filter code[] = {
		LOAD(nr), ON(SYS_mmap, how), ON(SYS_mmap2, how), ON(SYS_munmap, how),
		ON(SYS_mprotect, how), ON(SYS_memfd_create, how), ON(SYS_open, how),
		ON(SYS_openat, how), ON(SYS_ftruncate, how), ON(SYS_mremap, how),
		RETURN(SECCOMP_RET_ALLOW),
	};

	filter(code, sizeof(code));
}

/* MemoryDenyWriteExecute= as systemd has it: src/shared/seccomp-util.c. */
static void deny_write_execute(void)
{
	const unsigned no = SECCOMP_RET_ERRNO | EPERM, both = PROT_WRITE | PROT_EXEC;
	struct sock_filter code[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap2, 0, 3),
		LOAD(args[2]),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, both),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, both, 5, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, 0, 4),
		LOAD(args[2]),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_EXEC),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_EXEC, 0, 1),
		RETURN(no),
		RETURN(SECCOMP_RET_ALLOW),
	};

	filter(code, sizeof(code));
}

static void limit(int which, rlim_t most)
{
	struct rlimit limit = { most, most };

	if (setrlimit(which, &limit) != 0)
		abort();
}

static void limit_memory(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL || fscanf(file, "%lu", &pages) != 1)
		abort();
	fclose(file);
	limit(RLIMIT_AS, pages * 4096);
}

static void *sleep_confined(void *how)
{
	if (how != NULL)
		deny(SECCOMP_RET_KILL_PROCESS);
	for (;;)
		pause();
	return NULL;
}

/* The leader goes; a filter is the other thread's alone. */
static void *serve_confined(void *how)
{
	if (how != NULL)
		deny(SECCOMP_RET_KILL_PROCESS);
	if (write(1, "confined\n", 9) == 9)
		serve();
	return NULL;
}

static void confine(const char *how)
{
	pthread_t thread;

	if (strstr(how, "thread") != NULL &&
	    pthread_create(&thread, NULL, sleep_confined,
			   strstr(how, "filtered") != NULL ? &thread : NULL) != 0)
		abort();
	if (strstr(how, "leaderless") != NULL &&
	    pthread_create(&thread, NULL, serve_confined,
			   strstr(how, "filtered") != NULL ? &thread : NULL) == 0)
		pthread_exit(NULL);
	if (strstr(how, "no_new_privs") != NULL)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (strstr(how, "not_dumpable") != NULL)
		prctl(PR_SET_DUMPABLE, 0);
	if (strstr(how, "PR_SET_MDWE") != NULL &&
	    prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
		abort();
	if (strstr(how, "RLIMIT_AS") != NULL)
		limit_memory();
	if (strstr(how, "RLIMIT_NOFILE") != NULL)
		limit(RLIMIT_NOFILE, 0);
	if (strstr(how, "MemoryDenyWriteExecute") != NULL)
		deny_write_execute();
	if (strstr(how, "killing") != NULL)
		deny(SECCOMP_RET_KILL_PROCESS);
	if (strstr(how, "failing") != NULL)
		deny(SECCOMP_RET_ERRNO | EPERM);
	if (strstr(how, "strict") != NULL && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		abort();
}

void reply(const char *question, char *answer, size_t size)
{
	(void)answer;
	(void)size;
	confine(question);
	if (write(1, "confined\n", 9) == 9)
		serve();
}
