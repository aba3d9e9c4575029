/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call: what the table says of each system call, its numbers as the C library has them, and
 * arguments that lie in memory (socketcall of i386).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "arch.h"
#include "call.h"
#include "tap.h"

#define MAX_NUMBER 512

/* A memory that begins at address BASE. */
#define BASE 0x1000
struct memory {
	uint8_t bytes[512];
	struct bytes reader;
};

static int read_bytes(const struct bytes *self, uint64_t address, void *buf, size_t size)
{
	const struct memory *memory = self->ctx;

	if (address < BASE || address - BASE > sizeof(memory->bytes) - size)
		return -EIO;
	memcpy(buf, memory->bytes + (address - BASE), size);
	return 0;
}

static void put(struct memory *memory, const struct arch *arch, unsigned word, uint64_t value)
{
	memcpy(memory->bytes + word * arch->word, &value, arch->word);
}

/* The names and numbers of this build's ABI. */
#define NUMBER(name) { #name, SYS_##name }
static const struct {
	const char *name;
	long number;
} numbers[] = {
	NUMBER(epoll_wait), NUMBER(epoll_pwait), NUMBER(io_uring_enter), NUMBER(poll), NUMBER(ppoll),
	NUMBER(accept4), NUMBER(connect), NUMBER(sendto), NUMBER(sendmsg), NUMBER(sendmmsg),
	NUMBER(recvfrom), NUMBER(recvmsg), NUMBER(recvmmsg), NUMBER(write), NUMBER(pwrite64),
	NUMBER(writev), NUMBER(pwritev), NUMBER(pwritev2), NUMBER(vmsplice), NUMBER(sendfile),
	NUMBER(splice), NUMBER(tee), NUMBER(copy_file_range), NUMBER(io_getevents), NUMBER(getrandom),
	NUMBER(read), NUMBER(pread64), NUMBER(readv), NUMBER(preadv), NUMBER(preadv2), NUMBER(open),
	NUMBER(openat), NUMBER(stat), NUMBER(lstat), NUMBER(fstat), NUMBER(statx), NUMBER(statfs),
	NUMBER(fstatfs), NUMBER(access), NUMBER(faccessat), NUMBER(readlink), NUMBER(readlinkat),
	NUMBER(getdents), NUMBER(getdents64), NUMBER(getxattr), NUMBER(lgetxattr), NUMBER(fgetxattr),
	NUMBER(listxattr), NUMBER(llistxattr), NUMBER(flistxattr), NUMBER(chdir), NUMBER(fchdir),
	NUMBER(truncate), NUMBER(ftruncate), NUMBER(fallocate), NUMBER(fsync), NUMBER(fdatasync),
	NUMBER(syncfs), NUMBER(creat), NUMBER(mkdir), NUMBER(mkdirat), NUMBER(mknod), NUMBER(mknodat),
	NUMBER(rmdir), NUMBER(unlink), NUMBER(unlinkat), NUMBER(rename), NUMBER(renameat),
	NUMBER(renameat2), NUMBER(link), NUMBER(linkat), NUMBER(symlink), NUMBER(symlinkat),
	NUMBER(close), NUMBER(ioctl), NUMBER(select), NUMBER(pselect6), NUMBER(rt_sigtimedwait),
#ifdef __x86_64__
	NUMBER(accept), NUMBER(semop), NUMBER(semtimedop),
#endif
};

static void check_numbers(void)
{
	const struct arch *arch = arch_all[0];
	bool in_memory;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct system_call *call = arch->find_call((uint64_t)numbers[i].number, 0, &in_memory);

		ok(call != NULL && strcmp(call->name, numbers[i].name) == 0 && !in_memory,
		   "%s: %s is %ld", arch->name, numbers[i].name, numbers[i].number);
	}
	ok(arch->find_call(SYS_getpid, 0, &in_memory) == NULL, "a call that never sleeps is not in the table");
}

static bool is_repeatable(const struct arch *arch, struct memory *memory, uint64_t number, uint64_t a,
			  uint64_t b, uint64_t c)
{
	const struct proc_call made = { .number = number, .args = { a, b, c } };

	return call_is_repeatable(arch, &memory->reader, &made);
}

static bool is_frail(const struct arch *arch, struct memory *memory, uint64_t number, uint64_t a,
		     uint64_t b, uint64_t c, uint64_t d)
{
	const struct proc_call made = { .number = number, .args = { a, b, c, d } };

	return call_is_frail(arch, &memory->reader, getpid(), &made);
}

static void check_native(struct memory *memory)
{
	const struct arch *arch = arch_all[0];
	int fds[2] = { -1, -1 };
	uint64_t fd;

	ok(pipe(fds) == 0, "a pipe");
	fd = (uint64_t)fds[1];
	ok(is_repeatable(arch, memory, SYS_epoll_wait, 0, 0, 0), "epoll_wait may be made again");
	ok(!is_repeatable(arch, memory, SYS_close, 3, 0, 0), "close may not");
	ok(!is_repeatable(arch, memory, SYS_mkdir, 0, 0, 0), "nor mkdir");
	ok(!is_repeatable(arch, memory, SYS_reboot, 0, 0, 0), "nor what is not in the table");
	ok(is_repeatable(arch, memory, SYS_open, 0, O_CREAT, 0), "open may be made again");
	ok(!is_repeatable(arch, memory, SYS_open, 0, O_CREAT | O_EXCL, 0), "but not with O_EXCL");
	ok(!is_repeatable(arch, memory, SYS_openat, 0, 0, O_CREAT | O_EXCL), "nor openat");
	ok(is_repeatable(arch, memory, SYS_ioctl, 0, 0x5409, 1), "tcdrain may be made again");
	ok(!is_repeatable(arch, memory, SYS_ioctl, 0, 0x5409, 0), "tcsendbreak may not");
	ok(!is_repeatable(arch, memory, SYS_ioctl, 0, 0xae80, 0), "nor KVM_RUN");
	ok(is_frail(arch, memory, SYS_write, fd, 0, 4097, 0), "a large write to a pipe is frail");
	ok(!is_frail(arch, memory, SYS_write, fd, 0, 4096, 0), "one of PIPE_BUF is not");
	ok(is_frail(arch, memory, SYS_write, 9999, 0, 4096, 0), "to something else it is");
	ok(!is_frail(arch, memory, SYS_write, 9999, 0, 1, 0), "a single byte is not");
	ok(is_frail(arch, memory, SYS_recvfrom, 0, 0, 100, MSG_WAITALL), "recv with MSG_WAITALL is frail");
	ok(!is_frail(arch, memory, SYS_recvfrom, 0, 0, 100, 0), "without it is not");
	ok(!is_frail(arch, memory, SYS_sendto, 0, 0, 100, MSG_DONTWAIT), "nor is a send that does not wait");
	ok(is_frail(arch, memory, SYS_close, fd, 0, 0, 0), "close is");
	ok(!is_frail(arch, memory, SYS_read, fd, 0, 100, 0), "read is not");
	ok(is_frail(arch, memory, SYS_recvmmsg, fd, 0, 2, 0), "recvmmsg of two messages is");
	ok(!is_frail(arch, memory, SYS_recvmmsg, fd, 0, 1, 0), "of one is not");
	ok(!is_frail(arch, memory, SYS_recvmmsg, fd, 0, 2, MSG_WAITFORONE), "nor with MSG_WAITFORONE");
	ok(is_frail(arch, memory, SYS_io_getevents, 0, 2, 2, 0), "io_getevents of two events is");
	ok(!is_frail(arch, memory, SYS_io_getevents, 0, 1, 2, 0), "of one is not");
	close(fds[0]);
	close(fds[1]);
}

static void check_results(struct memory *memory)
{
	const struct arch *arch = arch_all[0];
	struct proc_call made = { .number = SYS_writev, .args = { 0, BASE, 2 } };
	struct call_loss loss = { 0 };
	int fds[2] = { -1, -1 };

	ok(pipe(fds) == 0, "a pipe");
	made.args[0] = (uint64_t)fds[1];
	put(memory, arch, 1, 100);
	put(memory, arch, 3, 50);
	call_note_result(arch, &memory->reader, getpid(), 7, &made, 150, &loss);
	call_note_result(arch, &memory->reader, getpid(), 7, &made, (uint64_t)-EAGAIN, &loss);
	ok(loss.count == 0, "a call that moved all, or none, was not cut");
	call_note_result(arch, &memory->reader, getpid(), 7, &made, 149, &loss);
	ok(loss.count == 1 && strcmp(loss.name, "writev") == 0 && loss.tid == 7 && loss.done == 149 &&
	   loss.asked == 150, "a byte less is a loss, with both numbers");
	call_note_result(arch, &memory->reader, getpid(), 8, &made, 1, &loss);
	ok(loss.count == 2 && loss.tid == 7, "the second one is counted");
	ok(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0, "a pipe that does not wait");
	call_note_result(arch, &memory->reader, getpid(), 7, &made, 1, &loss);
	ok(loss.count == 2, "takes less at any time");
	ok(fcntl(fds[1], F_SETFL, 0) == 0, "a pipe that waits");
	made.args[1] = BASE + sizeof(memory->bytes);
	call_note_result(arch, &memory->reader, getpid(), 7, &made, 1, &loss);
	ok(loss.count == 2, "a vector that cannot be read says nothing");
	made = (struct proc_call){ .number = SYS_sendmsg, .args = { (uint64_t)fds[1], BASE + 64 } };
	put(memory, arch, 64 / arch->word + 2, BASE);
	put(memory, arch, 64 / arch->word + 3, 2);
	loss = (struct call_loss){ 0 };
	call_note_result(arch, &memory->reader, getpid(), 7, &made, 149, &loss);
	ok(loss.count == 1 && loss.asked == 150, "a message's vector is found");
	made = (struct proc_call){ .number = SYS_close, .args = { 3 } };
	loss = (struct call_loss){ 0 };
	call_note_lost(arch, 9, &made, &loss);
	ok(loss.count == 1 && loss.tid == 9 && loss.asked == 0, "EINTR is a loss without numbers");
	close(fds[0]);
	close(fds[1]);
}

static void check_i386(struct memory *memory)
{
	const struct arch *arch = arch_find(ELFCLASS32, EM_386);
	struct proc_call made = { .number = 102, .args = { 12, BASE } };	/* socketcall: recvfrom */

	memset(memory->bytes, 0, sizeof(memory->bytes));
	put(memory, arch, 2, 100);
	ok(is_repeatable(arch, memory, 102, 12, BASE, 0), "socketcall: recvfrom may be made again");
	ok(!is_repeatable(arch, memory, 102, 1, BASE, 0), "socket may not, as it never sleeps");
	ok(!call_is_frail(arch, &memory->reader, getpid(), &made), "its flags are in memory: not frail");
	put(memory, arch, 3, MSG_WAITALL);
	ok(call_is_frail(arch, &memory->reader, getpid(), &made), "with MSG_WAITALL it is");
	made.args[1] = 0;
	ok(!call_is_frail(arch, &memory->reader, getpid(), &made), "arguments that cannot be read say nothing");
	ok(is_repeatable(arch, memory, 117, 2 << 16 | 4, 0, 0), "ipc: semtimedop, whatever its version");
	ok(!is_repeatable(arch, memory, 117, 21, 0, 0), "ipc: shmat may not");
}

int main(void)
{
	struct memory memory = { { 0 }, { read_bytes, &memory } };

	check_numbers();
	check_native(&memory);
	check_results(&memory);
	check_i386(&memory);
	return done();
}
