/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state PID: all of a process that a patcher must leave as it was, as text, one
 * fact per line, so that diff(1) tells what became different: mappings, signal
 * masks, pending signals, tracer, threads, open files, and a checksum of every
 * executable mapping.
 *
 * Left out is what a process changes by itself while it idles: the lower end of
 * the stack, which grows, and whether a thread runs or sleeps.  And the memory of
 * patches that were reverted, as far as nsb's record there says that it stays.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *pid;

static FILE *open_proc(const char *name)
{
	char path[600];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	file = fopen(path, "r");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	return file;
}

/* FNV-1a over what the process sees there. */
static uint64_t checksum(int mem, uint64_t start, uint64_t end)
{
	uint64_t sum = 0xcbf29ce484222325;
	static unsigned char buffer[65536];

	while (start < end) {
		size_t want = end - start < sizeof(buffer) ? (size_t)(end - start) : sizeof(buffer);
		ssize_t got = pread(mem, buffer, want, (off_t)start);

		if (got <= 0)
			return 0;
		for (ssize_t i = 0; i < got; i++)
			sum = (sum ^ buffer[i]) * 0x100000001b3;
		start += (uint64_t)got;
	}
	return sum;
}

#define PAGE 4096
#define KEPT 4			/* RECORD_KEPT of src/patch/record.h */
#define KEPT_MAX 512

/* The beginning of struct record_head there. */
struct head {
	char magic[8];
	uint32_t version, state;
	uint64_t sequence;
	uint32_t hook, reserved, crc, size;
	uint64_t applied_at, address, mapped;
};

static struct { uint64_t start, end; } kept[KEPT_MAX];
static int n_kept;

/* Find the memory of reverted patches that stays: a record is at the start of a page that can be read only. */
static void find_kept(int mem)
{
	char line[4400], perms[8];
	FILE *maps = open_proc("maps");

	while (fgets(line, sizeof(line), maps) != NULL) {
		uint64_t start, end, inode;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %" SCNu64, &start, &end, perms, &inode) != 4 ||
		    strcmp(perms, "r--p") != 0 || inode != 0)
			continue;
		for (; start < end; start += PAGE) {
			struct head head;

			if (pread(mem, &head, sizeof(head), (off_t)start) != (ssize_t)sizeof(head) ||
			    memcmp(head.magic, "NSBpatch", 8) != 0 || head.address != start ||
			    head.state != KEPT || n_kept == KEPT_MAX)
				continue;
			kept[n_kept].start = start;
			kept[n_kept++].end = start + head.mapped;
		}
	}
	fclose(maps);
}

/* Take what stays of patches off a mapping; false: nothing of it is left. */
static bool cut_kept(uint64_t *start, uint64_t *end)
{
	for (int i = 0; i < n_kept; i++) {
		if (kept[i].start <= *start && *start < kept[i].end)
			*start = kept[i].end < *end ? kept[i].end : *end;
		if (kept[i].start < *end && *end <= kept[i].end && kept[i].start >= *start)
			*end = kept[i].start;
	}
	return *start < *end;
}

static void print_mappings(void)
{
	char line[4400], perms[8], path[600];
	FILE *maps = open_proc("maps");
	int mem;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY);
	find_kept(mem);
	while (fgets(line, sizeof(line), maps) != NULL) {
		uint64_t start, end;
		bool vsyscall = strstr(line, "[vsyscall]") != NULL;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, perms) != 3)
			continue;
		if (n_kept > 0 && strstr(line, " 00:00 0 ") != NULL && strstr(line, "[") == NULL) {
			if (!cut_kept(&start, &end))
				continue;
			printf("map %08" PRIx64 "-%08" PRIx64 "%s", start, end, strchr(line, ' '));
		} else if (strstr(line, "[stack]") != NULL)
			printf("map -%s", strchr(line, '-') + 1);
		else
			printf("map %s", line);
		if (perms[2] == 'x' && !vsyscall)
			printf("code %" PRIx64 " %016" PRIx64 "\n", start,
			       checksum(mem, start, end));
	}
	close(mem);
	fclose(maps);
}

static void print_status(const char *where, bool whole)
{
	static const char *const of_process[] = { "TracerPid", "Threads", "ShdPnd", "SigIgn", "SigCgt",
						  "Seccomp", "NoNewPrivs", "Uid", "Gid", NULL };
	static const char *const of_thread[] = { "Name", "TracerPid", "SigPnd", "SigBlk", "Seccomp",
						 NULL };
	char name[300], line[1000];
	FILE *status;

	snprintf(name, sizeof(name), "%s/status", where);
	status = open_proc(name);
	while (fgets(line, sizeof(line), status) != NULL) {
		size_t length = strcspn(line, ":");

		/* Asleep or running is all one; stopped, traced or dead is not. */
		if (strncmp(line, "State:", 6) == 0)
			printf("%s state %s\n", where, strchr("RSDI", line[7]) ? "goes" : line + 7);
		for (const char *const *field = whole ? of_process : of_thread; *field; field++) {
			if (strlen(*field) == length && strncmp(line, *field, length) == 0)
				printf("%s %s", where, line);
		}
	}
	fclose(status);
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

static int is_number(const struct dirent *entry)
{
	return entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
}

static void for_each_number(const char *folder, void (*print)(const char *name))
{
	struct dirent **entries;
	char path[600];
	int count;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, folder);
	count = scandir(path, &entries, is_number, by_number);
	/* What the kernel does not let us read is nothing that a test could compare. */
	if (count < 0)
		return;
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%.20s", folder, entries[i]->d_name);
		print(path);
		free(entries[i]);
	}
	free(entries);
}

static void print_thread(const char *name)
{
	print_status(name, false);
}

static void print_file(const char *name)
{
	char path[600], link[4096];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	length = readlink(path, link, sizeof(link));
	printf("%s -> %.*s\n", name, length < 0 ? 0 : (int)length, link);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 64;
	pid = argv[1];
	print_mappings();
	print_status(".", true);
	for_each_number("task", print_thread);
	for_each_number("fd", print_file);
	return fflush(stdout) == 0 ? 0 : 1;
}
