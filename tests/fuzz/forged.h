/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forged: a process for fuzzers.  Its memory, its mappings and its auxiliary vector are made from
 * the input, as its owner could have made them, and there is no process behind it.
 */
#ifndef NSB_FUZZ_FORGED_H
#define NSB_FUZZ_FORGED_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "target.h"

#define FORGED_BASE UINT64_C(0x7e0000000000)
#define FORGED_PAGE 4096u
#define FORGED_PAGES 32u
#define FORGED_SIZE (FORGED_PAGES * FORGED_PAGE)
#define FORGED_READS 2000000ul	/* one input may not make nsb read more often: it would not end */

/* The input, taken piece by piece.  Behind its end there are zeros. */
struct feed {
	const uint8_t *data;
	size_t size;
};

static inline uint8_t feed_byte(struct feed *feed)
{
	if (feed->size == 0)
		return 0;
	feed->size--;
	return *feed->data++;
}

static inline void feed_bytes(struct feed *feed, void *to, size_t size)
{
	size_t got = size < feed->size ? size : feed->size;

	memset(to, 0, size);
	if (got != 0)
		memcpy(to, feed->data, got);
	feed->data += got;
	feed->size -= got;
}

static inline uint32_t feed_below(struct feed *feed, uint32_t end)
{
	uint32_t value = feed_byte(feed);

	if (end > 256)
		value |= (uint32_t)feed_byte(feed) << 8;
	return end == 0 ? 0 : value % end;
}

/* A number that nsb may meet: mostly an address of the process, or small, or at the edge of what fits. */
static inline uint64_t feed_number(struct feed *feed)
{
	static const uint64_t edges[] = { 0, 1, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, UINT64_MAX, UINT64_MAX - 4095,
					  FORGED_BASE - 1, FORGED_BASE + FORGED_SIZE, UINT64_C(1) << 63 };
	uint64_t value;

	switch (feed_byte(feed) % 8) {
	case 0:
		return edges[feed_below(feed, sizeof(edges) / sizeof(edges[0]))];
	case 1:
		feed_bytes(feed, &value, sizeof(value));
		return value;
	case 2:
	case 3:
		return feed_byte(feed);
	default:
		return FORGED_BASE + feed_below(feed, 65536) * 8u % FORGED_SIZE;
	}
}

struct forged {
	uint8_t *memory;	/* FORGED_SIZE bytes */
	unsigned long *reads;	/* how often nsb has read it */
	struct target target;
};

static inline int forged_read(const struct bytes *self, uint64_t address, void *buf, size_t size)
{
	const struct forged *forged = self->ctx;
	uint64_t at = address - FORGED_BASE;

	if (++*forged->reads > FORGED_READS)
		abort();
	if (at > FORGED_SIZE || size > FORGED_SIZE - at)
		return -EIO;
	memcpy(buf, forged->memory + at, size);
	return 0;
}

/* A process without mappings.  forged_map() adds them, from the lowest to the highest. */
static inline void forged_init(struct forged *forged, const struct arch *arch)
{
	*forged = (struct forged){ .memory = calloc(1, FORGED_SIZE), .reads = calloc(1, sizeof(*forged->reads)) };
	if (forged->memory == NULL || forged->reads == NULL)
		abort();
	forged->target = (struct target){ .pid = 1 << 30, .living = 1 << 30, .mem_fd = -1, .task_fd = -1,
					  .arch = arch, .exe_type = 3, .memory = { forged_read, forged } };
}

static inline void forged_map(struct forged *forged, uint32_t page, uint32_t n_pages, int prot, uint64_t inode)
{
	struct maps *maps = &forged->target.maps;
	uint64_t start = FORGED_BASE + page * FORGED_PAGE;

	maps->all = realloc(maps->all, (maps->count + 1) * sizeof(*maps->all));
	if (maps->all == NULL)
		abort();
	maps->all[maps->count++] = (struct mapping){
		.start = start, .end = start + n_pages * FORGED_PAGE, .prot = prot, .is_private = true,
		.inode = inode, .path = strdup(inode != 0 ? "/usr/lib/libforged.so.1" : ""),
	};
}

static inline void forged_deinit(struct forged *forged)
{
	maps_deinit(&forged->target.maps);
	free(forged->memory);
	free(forged->reads);
}

#endif
