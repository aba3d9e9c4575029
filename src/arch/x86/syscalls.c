/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "syscalls.h"

#define NO_NUMBER (-1)
#define I386_SOCKETCALL 102
#define I386_IPC 117
#define IPC_CALL 0xffff		/* the upper half of ipc(2)'s first argument is a version */

/* The numbers that the first argument of socketcall(2) and of ipc(2) has (linux/net.h, linux/ipc.h). */
#define SOCKET(number) (I386_SOCKETCALL << 16 | (number))
#define IPC(number) (I386_IPC << 16 | (number))

struct numbered_call {
	struct system_call call;
	int on_amd64, on_i386;
	int by_first;		/* SOCKET(n) or IPC(n), or 0 */
};

/* EINTR means that nothing was done, or something that may be done twice. */
#define AGAIN(name, on_amd64, on_i386) \
	{ { name, CALL_AGAIN, false, false, CALL_NO_AMOUNT, 0, CALL_NO_FLAGS }, on_amd64, on_i386, 0 }
#define AGAIN_BY(name, on_amd64, on_i386, by_first) \
	{ { name, CALL_AGAIN, false, false, CALL_NO_AMOUNT, 0, CALL_NO_FLAGS }, on_amd64, on_i386, by_first }
/* It may end when it has moved a part.  With EINTR it has moved nothing. */
#define MOVES(name, on_amd64, on_i386, amount, asked) \
	{ { name, CALL_AGAIN, true, false, amount, asked, CALL_NO_FLAGS }, on_amd64, on_i386, 0 }
#define SENDS(name, on_amd64, on_i386, by_first, amount, asked, flags) \
	{ { name, CALL_AGAIN, true, false, amount, asked, flags }, on_amd64, on_i386, by_first }
#define RECEIVES(name, on_amd64, on_i386, by_first, amount, asked, flags) \
	{ { name, CALL_AGAIN, true, true, amount, asked, flags }, on_amd64, on_i386, by_first }
#define OPENS(name, on_amd64, on_i386, flags) \
	{ { name, CALL_AGAIN_NO_EXCL, false, false, CALL_NO_AMOUNT, 0, flags }, on_amd64, on_i386, 0 }
/* Done twice it may fail, or do harm. */
#define ONCE(name, on_amd64, on_i386) \
	{ { name, CALL_LEFT, true, false, CALL_NO_AMOUNT, 0, CALL_NO_FLAGS }, on_amd64, on_i386, 0 }

static const struct numbered_call calls[] = {
	/* Waiting for events, signals, semaphores: EINTR even if no handler ran (signal(7)). */
	AGAIN("epoll_wait", 232, 256),
	AGAIN("epoll_pwait", 281, 319),
	AGAIN("epoll_pwait2", 441, 441),
	AGAIN("rt_sigtimedwait", 128, 177),
	AGAIN("rt_sigtimedwait", NO_NUMBER, 421),
	AGAIN_BY("semop", 65, NO_NUMBER, IPC(1)),
	AGAIN_BY("semtimedop", 220, 420, IPC(4)),
	AGAIN("io_uring_enter", 426, 426),
	/* If the time that is left cannot be written to the program's memory. */
	AGAIN("select", 23, 142),
	AGAIN("select", NO_NUMBER, 82),
	AGAIN("pselect6", 270, 308),
	AGAIN("pselect6", NO_NUMBER, 413),
	AGAIN("poll", 7, 168),
	AGAIN("ppoll", 271, 309),
	AGAIN("ppoll", NO_NUMBER, 414),
	/* Sockets with SO_RCVTIMEO or SO_SNDTIMEO. */
	AGAIN_BY("accept", 43, NO_NUMBER, SOCKET(5)),
	AGAIN_BY("accept4", 288, 364, SOCKET(18)),
	SENDS("connect", 42, 362, SOCKET(3), CALL_NO_AMOUNT, 0, CALL_NO_FLAGS),
	SENDS("sendto", 44, 369, SOCKET(11), CALL_BYTES, 2, 3),
	SENDS("send", NO_NUMBER, NO_NUMBER, SOCKET(9), CALL_BYTES, 2, 3),
	SENDS("sendmsg", 46, 370, SOCKET(16), CALL_MESSAGE, 1, 2),
	SENDS("sendmmsg", 307, 345, SOCKET(20), CALL_NO_AMOUNT, 0, 3),
	RECEIVES("recvfrom", 45, 371, SOCKET(12), CALL_BYTES, 2, 3),
	RECEIVES("recv", NO_NUMBER, NO_NUMBER, SOCKET(10), CALL_BYTES, 2, 3),
	RECEIVES("recvmsg", 47, 372, SOCKET(17), CALL_MESSAGE, 1, 2),
	SENDS("recvmmsg", 299, 337, SOCKET(19), CALL_ITEMS, 2, 3),
	SENDS("recvmmsg", NO_NUMBER, 417, 0, CALL_ITEMS, 2, 3),
	/* Moving bytes and events. */
	MOVES("write", 1, 4, CALL_BYTES, 2),
	MOVES("pwrite64", 18, 181, CALL_BYTES, 2),
	MOVES("writev", 20, 146, CALL_VECTOR, 1),
	MOVES("pwritev", 296, 334, CALL_VECTOR, 1),
	MOVES("pwritev2", 328, 379, CALL_VECTOR, 1),
	AGAIN("vmsplice", 278, 316),
	MOVES("sendfile", 40, 187, CALL_NO_AMOUNT, 0),
	MOVES("sendfile64", NO_NUMBER, 239, CALL_NO_AMOUNT, 0),
	MOVES("splice", 275, 313, CALL_NO_AMOUNT, 0),
	MOVES("tee", 276, 315, CALL_NO_AMOUNT, 0),
	MOVES("copy_file_range", 326, 377, CALL_NO_AMOUNT, 0),
	MOVES("io_getevents", 208, 247, CALL_ITEMS, 1),
	MOVES("io_pgetevents", 333, 385, CALL_ITEMS, 1),
	MOVES("io_pgetevents", NO_NUMBER, 416, CALL_ITEMS, 1),
	MOVES("getrandom", 318, 355, CALL_BYTES, 1),
	AGAIN("read", 0, 3),
	AGAIN("pread64", 17, 180),
	AGAIN("readv", 19, 145),
	AGAIN("preadv", 295, 333),
	AGAIN("preadv2", 327, 378),
	/* Files of a server (FUSE), which may answer EINTR; shared memory and huge pages (fallocate). */
	OPENS("open", 2, 5, 1),
	OPENS("openat", 257, 295, 2),
	AGAIN("stat", 4, 195),
	AGAIN("stat", NO_NUMBER, 106),
	AGAIN("lstat", 6, 196),
	AGAIN("lstat", NO_NUMBER, 107),
	AGAIN("fstat", 5, 197),
	AGAIN("fstat", NO_NUMBER, 108),
	AGAIN("fstatat", 262, 300),
	AGAIN("statx", 332, 383),
	AGAIN("statfs", 137, 268),
	AGAIN("statfs", NO_NUMBER, 99),
	AGAIN("fstatfs", 138, 269),
	AGAIN("fstatfs", NO_NUMBER, 100),
	AGAIN("access", 21, 33),
	AGAIN("faccessat", 269, 307),
	AGAIN("faccessat2", 439, 439),
	AGAIN("readlink", 89, 85),
	AGAIN("readlinkat", 267, 305),
	AGAIN("getdents", 78, 141),
	AGAIN("getdents64", 217, 220),
	AGAIN("getxattr", 191, 229),
	AGAIN("lgetxattr", 192, 230),
	AGAIN("fgetxattr", 193, 231),
	AGAIN("listxattr", 194, 232),
	AGAIN("llistxattr", 195, 233),
	AGAIN("flistxattr", 196, 234),
	AGAIN("chdir", 80, 12),
	AGAIN("fchdir", 81, 133),
	AGAIN("truncate", 76, 193),
	AGAIN("truncate", NO_NUMBER, 92),
	AGAIN("ftruncate", 77, 194),
	AGAIN("ftruncate", NO_NUMBER, 93),
	AGAIN("fallocate", 285, 324),
	AGAIN("fsync", 74, 118),
	AGAIN("fdatasync", 75, 148),
	AGAIN("syncfs", 306, 344),
	ONCE("creat", 85, 8),
	ONCE("openat2", 437, 437),
	ONCE("mkdir", 83, 39),
	ONCE("mkdirat", 258, 296),
	ONCE("mknod", 133, 14),
	ONCE("mknodat", 259, 297),
	ONCE("rmdir", 84, 40),
	ONCE("unlink", 87, 10),
	ONCE("unlinkat", 263, 301),
	ONCE("rename", 82, 38),
	ONCE("renameat", 264, 302),
	ONCE("renameat2", 316, 353),
	ONCE("link", 86, 9),
	ONCE("linkat", 265, 303),
	ONCE("symlink", 88, 83),
	ONCE("symlinkat", 266, 304),
	/* The descriptor is free before the file is flushed; another thread may have it by now. */
	ONCE("close", 3, 6),
	{ { "ioctl", CALL_AGAIN_DRAIN, false, false, CALL_NO_AMOUNT, 0, CALL_NO_FLAGS }, 16, 54, 0 },
};

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

const struct system_call *amd64_find_call(uint64_t number, uint64_t first, bool *in_memory)
{
	(void)first;
	*in_memory = false;
	for (size_t i = 0; i < N_CALLS; i++) {
		if (calls[i].on_amd64 != NO_NUMBER && (uint64_t)calls[i].on_amd64 == number)
			return &calls[i].call;
	}
	return NULL;
}

const struct system_call *i386_find_call(uint64_t number, uint64_t first, bool *in_memory)
{
	const bool by_first = number == I386_SOCKETCALL || number == I386_IPC;
	const uint64_t wanted = by_first ? number << 16 | (first & IPC_CALL) : number;

	*in_memory = number == I386_SOCKETCALL;
	for (size_t i = 0; i < N_CALLS; i++) {
		const int found = by_first ? calls[i].by_first : calls[i].on_i386;

		if (found > 0 && (uint64_t)found == wanted)
			return &calls[i].call;
	}
	return NULL;
}
