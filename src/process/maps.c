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
#include "proc.h"

#define LOWEST_ADDRESS 0x10000u		/* the usual value of vm.mmap_min_addr */
#define HEAP_ROOM ((uint64_t)256 << 20)	/* by so much brk(2) can grow the heap in any case */
#define GUARD_ROOM ((uint64_t)1 << 20)		/* the kernel's stack guard gap: 256 pages */
#define STACK_ROOM ((uint64_t)128 << 20)	/* the kernel keeps at least so much below the stack, MIN_GAP in mm/util.c */

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

/*
 * A line is: start-end perms offset major:minor inode path.  The name that private memory of no file was given, "[anon:...]", is
 * not its path: such memory is like any other.
 */
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
	m->path = strdup(m->inode == 0 && strncmp(at, "[anon:", 6) == 0 ? "" : at);
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
	proc_layout(pid, &maps->brk, &maps->stack);
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

/* ---- holes ---- */

/* Room between two mappings. */
struct gap {
	uint64_t start, end;
	bool heap_grows;	/* up from the start of the gap, */
	bool stack_grows;	/* down from its end */
};

/* The best place up to now; of a gap into which something grows only if there is no other one. */
struct pick {
	const struct hole *hole;
	uint64_t first, end;	/* the hole has to lie between them */
	uint64_t place;		/* UINT64_MAX: there is none */
	bool is_in_way;
};

static bool is_stack(const struct mapping *m)
{
	return strncmp(m->path, "[stack", 6) == 0;
}

/* /proc/PID/maps does not tell of mappings that are MAP_GROWSDOWN: any of this kind might be one. */
static bool may_grow_down(const struct mapping *m)
{
	return m->inode == 0 && m->path[0] == '\0' && m->is_private && (m->prot & PROT_WRITE) != 0;
}

static void consider(struct pick *pick, struct gap gap)
{
	const uint64_t size = pick->hole->size, lo = pick->hole->near_lo;
	bool is_in_way = gap.heap_grows || gap.stack_grows;
	uint64_t place, best = pick->place;

	if (gap.start < pick->first)
		gap.start = pick->first;
	if (gap.end > pick->end)
		gap.end = pick->end;
	gap.start = page_up(gap.start, pick->hole->page);
	gap.end = page_down(gap.end, pick->hole->page);
	if (gap.end <= gap.start || gap.end - gap.start < size)
		return;
	/* Far from what grows; else as near as can be: the low end of a gap above lo, the high end of one below. */
	if (is_in_way)
		place = gap.heap_grows ? gap.end - size : gap.start;
	else
		place = gap.start >= lo ? gap.start : gap.end - size;
	if (best != UINT64_MAX && is_in_way && !pick->is_in_way)
		return;
	if (best == UINT64_MAX || (pick->is_in_way && !is_in_way) ||
	    (place > lo ? place - lo : lo - place) < (best > lo ? best - lo : lo - best)) {
		pick->place = place;
		pick->is_in_way = is_in_way;
	}
}

/* Consider the room between two neighbours.  The heap may begin in it, and not have begun yet. */
static void consider_between(struct pick *pick, const struct maps *maps, size_t i)
{
	const struct mapping *below = i == 0 ? NULL : &maps->all[i - 1];
	const struct mapping *above = i == maps->count ? NULL : &maps->all[i];
	uint64_t start = below == NULL ? LOWEST_ADDRESS : below->end;
	uint64_t end = above == NULL || above->start > pick->hole->top ? pick->hole->top : above->start;
	struct gap gap = { .start = start + (below == NULL ? 0 : pick->hole->page), .end = end - pick->hole->page };
	uint64_t heap = below != NULL && strcmp(below->path, "[heap]") == 0 ? start :
			maps->brk >= start && maps->brk < end ? page_up(maps->brk, pick->hole->page) : 0;

	if (end <= start || end < LOWEST_ADDRESS)
		return;
	if (above != NULL && is_stack(above)) {
		gap.stack_grows = true;
		gap.end = end < STACK_ROOM + GUARD_ROOM ? 0 : end - STACK_ROOM - GUARD_ROOM;
	} else if (above != NULL && may_grow_down(above) && end - start > 2 * GUARD_ROOM + pick->hole->size) {
		gap.end = end - GUARD_ROOM;
	}
	if (heap != 0) {
		struct gap before = { .start = gap.start, .end = heap < gap.end ? heap - pick->hole->page : gap.end };

		if (heap > start)
			consider(pick, before);
		gap.start = heap + HEAP_ROOM;
		gap.heap_grows = true;
	}
	consider(pick, gap);
}

int maps_find_hole(const struct maps *maps, const struct hole *hole, uint64_t *address)
{
	struct pick pick = { .hole = hole, .first = LOWEST_ADDRESS, .end = hole->top - hole->page,
				 .place = UINT64_MAX };

	if (hole->reach != 0) {
		if (hole->near_hi > hole->reach && hole->near_hi - hole->reach > pick.first)
			pick.first = page_up(hole->near_hi - hole->reach, hole->page);
		if (hole->reach < pick.end && hole->near_lo < pick.end - hole->reach)
			pick.end = hole->near_lo + hole->reach;
	}
	if (hole->first > pick.first)
		pick.first = page_up(hole->first, hole->page);
	if (hole->last < pick.end && hole->size < pick.end - hole->last)
		pick.end = hole->last + hole->size;
	for (size_t i = 0; i <= maps->count; i++)
		consider_between(&pick, maps, i);
	if (pick.place == UINT64_MAX)
		return fail(ENOSPC, "no room for %" PRIu64 " bytes within reach of 0x%" PRIx64
			    " in the address space", hole->size, hole->near_lo);
	*address = pick.place;
	return 0;
}

/* The first mapping from index i on that counts, or NULL.  *next is the index behind it. */
static const struct mapping *next_mapping(const struct maps *maps, size_t i, bool only_code, size_t *next)
{
	while (i < maps->count && only_code &&
	       (maps->all[i].inode == 0 || (maps->all[i].prot & PROT_EXEC) == 0))
		i++;
	*next = i + 1;
	return i < maps->count ? &maps->all[i] : NULL;
}

bool maps_differ(const struct maps *a, const struct maps *b, bool only_code)
{
	size_t i = 0, k = 0;

	for (;;) {
		const struct mapping *one = next_mapping(a, i, only_code, &i);
		const struct mapping *other = next_mapping(b, k, only_code, &k);

		if (one == NULL || other == NULL)
			return one != other;
		if (one->start != other->start || one->end != other->end || one->prot != other->prot ||
		    one->offset != other->offset || one->inode != other->inode || one->device != other->device)
			return true;
	}
}

int maps_reserve(struct maps *maps, uint64_t address, uint64_t size)
{
	struct mapping mapping = { .start = address, .end = address + size, .is_private = true,
				   .path = strdup("") };
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
