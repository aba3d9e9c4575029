/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trial.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "clock.h"
#include "spawn.h"
#include "stage.h"

enum { PATIENCE = 60 };	/* seconds */

static const char host_source[] =
	"#include <dlfcn.h>\n"
	"#include <stdio.h>\n"
	"#include <unistd.h>\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	if (argc < 2 || !dlopen(argv[1], RTLD_LAZY | RTLD_GLOBAL)) {\n"
	"		fprintf(stderr, \"%s\\n\", dlerror());\n"
	"		return 1;\n"
	"	}\n"
	"	if (write(1, \"ready\\n\", 6) != 6)\n"
	"		return 1;\n"
	"	for (;;)\n"
	"		pause();\n"
	"}\n";

static void wait_a_little(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

/* The child's side: start the program.  What it says while its libraries are loaded goes to the log. */
static _Noreturn void run(const char *path, const char *argument, const char *library_path, const char *log, bool is_traced)
{
	int null = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	if (library_path != NULL && setenv("LD_LIBRARY_PATH", library_path, 1) != 0)
		_exit(126);
	if (is_traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(126);
	execl(path, path, argument, (char *)NULL);
	warn("cannot run %s: %s", path, strerror(errno));
	_exit(127);
}

/* AT_ENTRY of a process. */
static uint64_t find_entry(pid_t pid, unsigned word)
{
	size_t size = 0;
	uint8_t bytes[4096];
	int fd = open(text("/proc/%d/auxv", (int)pid), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, bytes + size, sizeof(bytes) - size)) > 0)
		size += (size_t)n;
	if (fd >= 0)
		close(fd);
	for (size_t at = 0; at + 2 * word <= size; at += 2 * word) {
		uint64_t type = 0, value = 0;

		memcpy(&type, bytes + at, word);
		memcpy(&value, bytes + at + word, word);
		if (type == AT_ENTRY)
			return value;
	}
	return 0;
}

/* A jump to itself in place of the program's first instruction. */
static int write_circle(pid_t pid, const struct arch *arch, uint64_t entry)
{
	uint8_t jump[16];
	int fd = open(text("/proc/%d/mem", (int)pid), O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 && arch->jump(entry, entry, jump) == 0 &&
			  pwrite(fd, jump, arch->jump_size, (off_t)entry) == (ssize_t)arch->jump_size;

	if (fd >= 0)
		close(fd);
	return is_written ? 0 : fail(EIO, "cannot write into process %d", (int)pid);
}

/* Has it come to its entry?  It is looked at as a tracer does, and let go at once. */
static bool is_at(pid_t pid, const struct arch *arch, uint64_t entry)
{
	struct regs regs = { .size = 0 };
	struct iovec vector = { .iov_base = regs.bytes, .iov_len = sizeof(regs.bytes) };
	int status;
	bool is_there;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0)
		return false;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	is_there = ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &vector) == 0 &&
		   regs_get(arch, &regs, REG_PC) == entry;
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return is_there;
}

/* A process that has ended, or waits to be waited for. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

static pid_t start_program(const struct arch *arch, const char *path, const char *library_path, const char *log)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		{
		(void)fail(errno, "cannot start %s: %s", path, strerror(errno));
		return 0;
	}
	if (pid == 0)
		run(path, NULL, library_path, log, true);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
		(void)fail(ENOEXEC, "%s cannot be started here (log: %s)", path, log);
		return 0;
	}
	uint64_t entry = find_entry(pid, arch->word), until = now_ns() + PATIENCE * 1000000000ull;
	int err = entry == 0 ? fail(EIO, "process %d: its entry is not known", (int)pid) : write_circle(pid, arch, entry);
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	while (err == 0 && !is_at(pid, arch, entry)) {
		if (has_ended(pid))
			err = fail(ENOEXEC, "%s ends before it has begun: a library may be missing (log: %s)", path, log);
		else if (now_ns() > until)
			err = fail(ETIMEDOUT, "%s does not begin within %d s", path, PATIENCE);
		wait_a_little();
	}
	if (err != 0)
		trial_end(pid);
	return err == 0 ? pid : 0;
}

static pid_t start_host(const char *path, const char *compiler, const struct words *options, const char *library_path,
			const char *work, const char *log)
{
	char *source = text("%s/host.c", work), *host = text("%s/host", work), *said = text("%s/host.said", work), *bytes = NULL;
	struct words argv = { .n = 0 };
	FILE *file = fopen(source, "we");

	if (file == NULL || fputs(host_source, file) < 0 || fclose(file) != 0)
		stop(STAGE_OTHER, "%s: %s", source, strerror(errno));
	words_add(&argv, compiler);
	words_append(&argv, options);
	words_add_all(&argv, "-o", host, source, "-ldl", NULL);
	if (spawn(&(struct spawn){ .argv = &argv, .output = log }) != 0) {
		(void)fail(ENOEXEC, "cannot compile a program that loads %s (log: %s)", path, log);
		return 0;
	}
	(void)unlink(said);
	pid_t pid = fork();
	if (pid < 0) {
		(void)fail(errno, "cannot start %s: %s", host, strerror(errno));
		return 0;
	}
	if (pid == 0)
		run(host, path, library_path, said, false);
	for (uint64_t until = now_ns() + PATIENCE * 1000000000ull;; wait_a_little()) {
		free(bytes);
		bytes = slurp(said, NULL);
		if (bytes != NULL && strstr(bytes, "ready\n") != NULL)
			return pid;
		if (has_ended(pid) || now_ns() > until)
			break;
	}
	(void)fail(ENOEXEC, "%s cannot be loaded: %.*s", path, bytes != NULL ? (int)strcspn(bytes, "\n") : 0, bytes != NULL ? bytes : "");
	trial_end(pid);
	return 0;
}

pid_t trial_start(const struct elffile *target, const char *path, const char *compiler, const struct words *options,
		  const char *library_path, const char *work, const char *log)
{
	const struct arch *arch = arch_find(target->elf_class, target->machine);
	bool is_program = target->type == ET_EXEC || target->is_static;

	if (arch == NULL) {
		(void)fail(ENOEXEC, "%s: nothing is known of this machine", path);
		return 0;
	}
	for (size_t i = 0; i < target->n_phdrs; i++)
		is_program |= target->phdrs[i].p_type == PT_INTERP;
	/* Some libraries can be run, libc for one, and have no entry that is theirs. */
	return is_program ? start_program(arch, path, library_path, log) :
			    start_host(path, compiler, options, library_path, work, log);
}

void trial_end(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int call_nsb(const char *nsb, const char *command, pid_t pid, const char *patch, const char *work)
{
	char *said = text("%s/nsb.said", work), *bytes;
	struct words argv = { .n = 0 };

	(void)unlink(said);
	/* The patch lies in a folder of nsb-build's own, wherever TMPDIR is. */
	words_add_all(&argv, nsb, command, "--insecure-file", "-p", text("%d", (int)pid), "-f", patch, NULL);
	int status = spawn(&(struct spawn){ .argv = &argv, .errors = said });
	if (status == 0)
		return 0;
	bytes = slurp(said, NULL);
	return fail(EIO, "nsb %s ends with status %d: %.*s", command, status, bytes != NULL ? (int)strcspn(bytes, "\n") : 0,
		    bytes != NULL ? bytes : "");
}

int trial_patch(pid_t pid, const char *nsb, const char *patch, const char *work)
{
	int err = call_nsb(nsb, "patch", pid, patch, work);

	if (err == 0)
		err = call_nsb(nsb, "check", pid, patch, work);
	if (err == 0)
		err = call_nsb(nsb, "revert", pid, patch, work);
	if (err == 0 && has_ended(pid))
		err = fail(EIO, "the process has ended");
	return err;
}
