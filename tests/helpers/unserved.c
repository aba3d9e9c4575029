/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unserved FOLDER COMMAND...: run COMMAND with a file as descriptor 9 that can be opened and
 * mapped, and whose contents never come: the file system behind it, FUSE, does not answer who
 * reads.  It is mounted over FOLDER in a mount namespace of COMMAND's own, and goes with it.
 * Needs root and /dev/fuse; exit status 77: there is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NODE 2

static int device;

static void answer(uint64_t unique, int error, const void *body, size_t size)
{
	struct {
		struct fuse_out_header head;
		char body[256];
	} reply = { .head = { (uint32_t)(sizeof(struct fuse_out_header) + size), error, unique } };

	memcpy(reply.body, body, size);
	if (write(device, &reply, reply.head.len) < 0)
		_exit(1);
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr attr = { .ino = node, .size = 65536, .blocks = 128, .nlink = 1, .blksize = 4096 };

	attr.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0755;
	return attr;
}

/* COMMAND has perhaps less rights by now, so its end is no signal for us (PR_SET_PDEATHSIG). */
static void serve(pid_t parent)
{
	static _Alignas(8) char request[1 << 17];
	struct pollfd ready = { .fd = device, .events = POLLIN };

	while (getppid() == parent) {
		const struct fuse_in_header *in = (const void *)request;
		struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 65536 };
		struct fuse_entry_out entry = { .nodeid = FILE_NODE, .attr = attributes(FILE_NODE) };
		struct fuse_attr_out attr = { .attr = attributes(in->nodeid) };
		struct fuse_open_out opened = { .fh = 1 };

		if (poll(&ready, 1, 50) <= 0)
			continue;
		if (read(device, request, sizeof(request)) < (ssize_t)sizeof(*in)) {
			if (errno == ENODEV)
				return;
			continue;
		}
		attr.attr = attributes(in->nodeid);
		switch (in->opcode) {
		case FUSE_INIT:
			answer(in->unique, 0, &init, sizeof(init));
			break;
		case FUSE_LOOKUP:
			answer(in->unique, 0, &entry, sizeof(entry));
			break;
		case FUSE_GETATTR:
			answer(in->unique, 0, &attr, sizeof(attr));
			break;
		case FUSE_OPEN:
		case FUSE_OPENDIR:
			answer(in->unique, 0, &opened, sizeof(opened));
			break;
		case FUSE_READ:
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
			break;
		case FUSE_RELEASE:
		case FUSE_RELEASEDIR:
		case FUSE_FLUSH:
		case FUSE_ACCESS:
			answer(in->unique, 0, "", 0);
			break;
		default:
			answer(in->unique, -ENOSYS, "", 0);
		}
	}
}

int main(int argc, char **argv)
{
	char options[100], path[4096];
	pid_t parent;
	int fd;

	device = argc < 3 ? -1 : open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device == -1 || unshare(CLONE_NEWNS) != 0 || mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) != 0)
		return 77;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other", device);
	if (mount("unserved", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) != 0)
		return 77;
	parent = getpid();
	if (fork() == 0) {
		serve(parent);
		_exit(0);
	}
	close(device);
	snprintf(path, sizeof(path), "%s/file", argv[1]);
	fd = open(path, O_RDONLY);
	if (fd == -1 || dup2(fd, 9) == -1)
		return 77;
	if (fd != 9)
		close(fd);
	execvp(argv[2], argv + 2);
	return 1;
}
