/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names FILE COMMAND...: run COMMAND on a kernel that seems to give memory names (prctl(2), PR_SET_VMA_ANON_NAME): each such
 * call of it and its children is told in FILE as "PID ADDRESS SIZE NAME".  One for no memory returns 0, others EPERM.
 * By a seccomp filter that asks this process (seccomp_unotify(2)).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PR_SET_VMA_NUMBER 0x53564d41

static int install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 157, 2, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 172, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_VMA_NUMBER, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void tell(int out, const struct seccomp_notif *call)
{
	char path[40], name[81] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%u/mem", call->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || (call->data.args[4] != 0 && pread(fd, name, sizeof(name) - 1, (off_t)call->data.args[4]) == -1))
		(void)snprintf(name, sizeof(name), "?");
	if (fd != -1)
		(void)close(fd);
	(void)dprintf(out, "%u %llx %llx %s\n", call->pid, (unsigned long long)call->data.args[2], (unsigned long long)call->data.args[3], name);
}

/* Answer until nobody is left who has the filter. */
static void serve(int out, int listener)
{
	struct pollfd wait = { .fd = listener, .events = POLLIN };

	while (poll(&wait, 1, -1) >= 0 && (wait.revents & POLLIN) != 0) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { 0 };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
			continue;
		tell(out, &call);
		answer.id = call.id;
		answer.error = call.data.args[2] != 0 ? -EPERM : 0;
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

/* The listener is handed over by its number in the child, which waits until it is taken. */
int main(int argc, char **argv)
{
	int ends[2], listener, status, out = argc > 2 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
	pid_t pid;
	char byte = 0;

	if (out == -1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return 125;
	pid = fork();
	if (pid == 0) {
		listener = install();
		if (listener == -1 || write(ends[1], &listener, sizeof(listener)) != sizeof(listener) || read(ends[1], &byte, 1) != 1)
			_exit(125);
		execvp(argv[2], argv + 2);
		_exit(126);
	}
	(void)close(ends[1]);
	if (pid == -1 || read(ends[0], &listener, sizeof(listener)) != sizeof(listener))
		return 125;
	status = (int)syscall(SYS_pidfd_open, pid, 0);
	listener = (int)syscall(SYS_pidfd_getfd, status, listener, 0);
	if (listener == -1 || write(ends[0], &byte, 1) != 1)
		return 125;
	if (fork() == 0) {
		serve(out, listener);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
