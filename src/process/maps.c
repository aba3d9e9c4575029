/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "array.h"
#include "budget.h"
#include "page.h"

#define LOWEST_ADDRESS 0x10000u		/* the usual value of vm.mmap_min_addr */
#define HEAP_ROOM ((uint64_t)256 << 20)	/* brk(2) can grow the heap by so much before a patch is in its way */
#define STACK_ROOM ((uint64_t)1 << 20)		/* the kernel's stack guard gap: 256 pages */

/* Parse a number that the character `end` follows, and move *at behind that. */
static bool parse_field(char **at, int base, char end, uint64_t *value)
{
	char *stop;

	*value = strtoull(*at, &stop, base);
	if (stop == *at || *stop != end)
		return false;
	*at = stop + 1;
	return true;
}

/* A line is: start-end perms offset major:minor inode path. */
int maps_parse_line(char *line, struct mapping *m)
{
	uint64_t major, minor;
	char *at = line;

	*m = (struct mapping){ 0 };
	if (!parse_field(&at, 16, '-', &m->start) || !parse_field(&at, 16, ' ', &m->end) ||
	    strlen(at) < 5)
		return -EIO;
	m->prot = (at[0] == 'r' ? PROT_READ : 0) | (at[1] == 'w' ? PROT_WRITE : 0) |
		  (at[2] == 'x' ? PROT_EXEC : 0);
	m->is_private = at[3] == 'p';
	at += 5;
	if (!parse_field(&at, 16, ' ', &m->offset) || !parse_field(&at, 16, ':', &major) ||
	    !parse_field(&at, 16, ' ', &minor) || !parse_field(&at, 10, ' ', &m->inode))
		return -EIO;
	m->device = major << 32 | minor;
	at += strspn(at, " ");
	at[strcspn(at, "\n")] = '\0';
	m->path = strdup(at);
	return m->path == NULL ? -ENOMEM : 0;
}

static int append(struct maps *maps, const struct mapping *m)
{
	int err = maps->count == BUDGET_MAPPINGS ? -EFBIG : ARRAY_GROW(&maps->all, maps->count, 1);

	if (err == 0)
		maps->all[maps->count++] = *m;
	return err;
}

int maps_read(struct maps *maps, pid_t pid)
{
	char name[40];
	char *line = NULL;
	size_t line_size = 0;
	FILE *file;
	int err = 0;

	*maps = (struct maps){ 0 };
	(void)snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	file = fopen(name, "re");
	if (file == NULL) {
		err = errno;
		return fail(err, "%d: cannot open %s: %s", pid, name, strerror(err));
	}
	errno = 0;
	while (getline(&line, &line_size, file) != -1) {
		struct mapping m;

		err = maps_parse_line(line, &m);
		if (err == 0) {
			err = append(maps, &m);
			if (err != 0)
				free(m.path);
		}
		if (err != 0)
			break;
		errno = 0;
	}
	if (err == 0 && errno != 0)
		err = -errno;
	free(line);
	(void)fclose(file);
	if (err != 0) {
		maps_deinit(maps);
		return fail(-err, "%d: cannot read %s: %s", pid, name, strerror(-err));
	}
	return 0;
}

void maps_deinit(struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		free(maps->all[i].path);
	free(maps->all);
	*maps = (struct maps){ 0 };
}

int maps_open_file(pid_t pid, const struct mapping *m)
{
	char path[80];
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, m->start, m->end);
	if (stat(path, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd == -1 ? -errno : fd;
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
	size_t i = ARRAY_UPTO(maps->all, maps->count, end, address);

	return i < maps->count && maps->all[i].start <= address ? &maps->all[i] : NULL;
}

/* A gap between mappings, without the part that the heap or the stack may grow into. */
struct gap {
	uint64_t start, end;
};

static bool is_stack_like(const struct mapping *m)
{
	/* /proc/PID/maps does not tell of other mappings that are MAP_GROWSDOWN. */
	return strncmp(m->path, "[stack", 6) == 0;
}

static struct gap gap_before(const struct maps *maps, size_t i, uint64_t top)
{
	const struct mapping *below = i == 0 ? NULL : &maps->all[i - 1];
	const struct mapping *above = i == maps->count ? NULL : &maps->all[i];
	struct gap gap = { LOWEST_ADDRESS, top };

	if (below != NULL)
		gap.start = below->end + (strcmp(below->path, "[heap]") == 0 ? HEAP_ROOM : PAGE);
	if (above != NULL && above->start < top)
		gap.end = above->start - (is_stack_like(above) ? STACK_ROOM : 0);
	gap.end = gap.end < PAGE ? 0 : gap.end - PAGE;
	return gap;
}

int maps_find_hole(const struct maps *maps, const struct hole *hole, uint64_t *address)
{
	const uint64_t size = hole->size, lo = hole->near_lo;
	uint64_t first = LOWEST_ADDRESS, end = hole->top - PAGE, best = UINT64_MAX;

	if (hole->reach != 0) {
		if (hole->near_hi > hole->reach)
			first = page_up(hole->near_hi - hole->reach);
		if (hole->reach < end && lo < end - hole->reach)
			end = lo + hole->reach;
	}
	if (hole->first > first)
		first = page_up(hole->first);
	if (hole->last < end && size < end - hole->last)
		end = hole->last + size;
	for (size_t i = 0; i <= maps->count; i++) {
		struct gap gap = gap_before(maps, i, hole->top);
		uint64_t place, distance;

		if (gap.start < first)
			gap.start = first;
		if (gap.end > end)
			gap.end = end;
		gap.end = page_down(gap.end);
		if (gap.end <= gap.start || gap.end - gap.start < size)
			continue;
		/* Take the nearest end of the gap: the low end of a gap above lo, the high end of one below. */
		place = gap.start >= lo ? gap.start : gap.end - size;
		distance = place > lo ? place - lo : lo - place;
		if (best == UINT64_MAX || distance < (best > lo ? best - lo : lo - best))
			best = place;
	}
	if (best == UINT64_MAX)
		return fail(ENOSPC, "no room for %" PRIu64 " bytes within reach of 0x%" PRIx64
			    " in the address space", size, lo);
	*address = best;
	return 0;
}

int maps_reserve(struct maps *maps, uint64_t address, uint64_t size)
{
	struct mapping mapping = { .start = address, .end = address + size, .path = strdup("") };
	size_t at = 0;

	if (mapping.path == NULL || append(maps, &mapping) != 0) {
		free(mapping.path);
		return fail(ENOMEM, "out of memory");
	}
	while (at < maps->count - 1 && maps->all[at].start < address)
		at++;
	memmove(&maps->all[at + 1], &maps->all[at], (maps->count - 1 - at) * sizeof(mapping));
	maps->all[at] = mapping;
	return 0;
}
