/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deaffs FOLDER: mount a FUSE file system there that has one file.  When the file is closed, the
 * server does not answer before the kernel asks it to give up; then it answers EINTR.  It says
 * "mounted", and "closing" when a close waits, and ends when the folder is unmounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOT 1
#define FILE_NODE 2

static int device;

static void answer(uint64_t unique, int err, const void *body, size_t size)
{
	struct fuse_out_header head = { (uint32_t)(sizeof(head) + size), -err, unique };
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)body, size } };

	if (writev(device, parts, size > 0 ? 2 : 1) < 0 && errno != ENOENT)
		perror("deaffs: answer");
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){ .ino = node, .nlink = 1,
				   .mode = node == ROOT ? S_IFDIR | 0755 : S_IFREG | 0644 };
}

static void serve(const struct fuse_in_header *head)
{
	static uint64_t unanswered;
	const void *body = head + 1;

	switch (head->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = 31,
					     .max_write = 4096 };

		answer(head->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_LOOKUP: {
		struct fuse_entry_out out = { .nodeid = FILE_NODE, .attr = attributes(FILE_NODE) };

		answer(head->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_GETATTR: {
		struct fuse_attr_out out = { .attr = attributes(head->nodeid) };

		answer(head->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_OPEN: {
		struct fuse_open_out out = { 0 };

		answer(head->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_FLUSH:
		unanswered = head->unique;
		puts("closing");
		fflush(stdout);
		break;
	case FUSE_INTERRUPT:
		answer(((const struct fuse_interrupt_in *)body)->unique, EINTR, NULL, 0);
		if (((const struct fuse_interrupt_in *)body)->unique == unanswered)
			unanswered = 0;
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		break;
	case FUSE_RELEASE:
		answer(head->unique, 0, NULL, 0);
		break;
	default:
		answer(head->unique, ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static union {
		struct fuse_in_header head;
		char bytes[FUSE_MIN_READ_BUFFER + 4096];
	} request;
	char options[80];

	if (argc != 2)
		return 64;
	device = open("/dev/fuse", O_RDWR);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (device == -1 || mount("deaffs", argv[1], "fuse.deaffs", 0, options) != 0) {
		perror("deaffs");
		return 1;
	}
	puts("mounted");
	fflush(stdout);
	for (;;) {
		ssize_t got = read(device, &request, sizeof(request));

		if (got >= (ssize_t)sizeof(request.head))
			serve(&request.head);
		else if (got == -1 && errno == ENODEV)
			return 0;
	}
}
