/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes lines of /proc/PID/maps: the kernel writes the numbers, but whoever owns the process
 * decides where its mappings are and how their files are called.  The input is a byte for the kind of
 * hole that is looked for, and lines.
 */
#include <stdlib.h>
#include <string.h>

#include "forged.h"

#define LINES 64
#define LINE 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What maps_read() appends, in whole pages and in the order that the kernel keeps. */
static void add(struct maps *maps, struct mapping *m)
{
	const struct mapping *last = maps->count == 0 ? NULL : &maps->all[maps->count - 1];

	m->start &= ~(uint64_t)(FORGED_PAGE - 1);
	m->end &= ~(uint64_t)(FORGED_PAGE - 1);
	if (m->start >= m->end || (last != NULL && m->start < last->end)) {
		free(m->path);
		return;
	}
	maps->all = realloc(maps->all, (maps->count + 1) * sizeof(*m));
	if (maps->all == NULL)
		abort();
	maps->all[maps->count++] = *m;
}

static void look_for_holes(const struct maps *maps, struct feed *feed)
{
	struct hole hole = {
		.page = FORGED_PAGE, .size = FORGED_PAGE * (1u + feed_byte(feed)), .last = UINT64_MAX,
		.top = (feed_byte(feed) & 1) != 0 ? UINT64_C(1) << 47 : UINT64_C(0xffffe000),
		.reach = (feed_byte(feed) & 1) != 0 ? 0 : UINT64_C(1) << 31,
	};
	uint64_t address;

	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *m = &maps->all[i];

		if (maps_find(maps, m->start) != m || maps_find(maps, m->end - 1) != m)
			abort();
		hole.near_lo = m->start;
		hole.near_hi = m->end;
		if (maps_find_hole(maps, &hole, &address) != 0) {
			msg_forget();
			continue;
		}
		if (address + hole.size < address || address + hole.size > hole.top || maps_find(maps, address) != NULL ||
		    maps_find(maps, address + hole.size - 1) != NULL)
			abort();
		for (size_t k = 0; k < maps->count; k++)
			if (maps->all[k].start >= address && maps->all[k].start < address + hole.size)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = { .data = data, .size = size };
	struct maps maps = { 0 };
	uint8_t kinds[4];

	feed_bytes(&feed, kinds, sizeof(kinds));
	for (unsigned n = 0; n < LINES && feed.size > 0; n++) {
		char line[LINE + 1];
		const uint8_t *end = memchr(feed.data, '\n', feed.size < LINE ? feed.size : LINE);
		size_t length = end != NULL ? (size_t)(end - feed.data) + 1 : feed.size < LINE ? feed.size : LINE;
		struct mapping m;

		feed_bytes(&feed, line, length);
		line[length] = '\0';
		if (maps_parse_line(line, &m) == 0) {
			if (m.path == NULL || strchr(m.path, '\n') != NULL)
				abort();
			add(&maps, &m);
		} else {
			free(m.path);
		}
	}
	/* The heap begins behind one of the mappings, or in it. */
	if (maps.count > 0)
		maps.brk = maps.all[kinds[3] % maps.count].end - (kinds[3] & 0x80);
	feed = (struct feed){ .data = kinds, .size = 3 };
	look_for_holes(&maps, &feed);
	maps_deinit(&maps);
	return 0;
}
