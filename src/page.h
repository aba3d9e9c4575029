/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page: memory is mapped in pages.  Their size is the kernel's, and each process is told it: struct target has it.
 * What is only looked at piece by piece, or must not be written across an end of a page, is cut into pieces of PAGE bytes,
 * whatever the size: all sizes are multiples of that.
 */
#ifndef NSB_PAGE_H
#define NSB_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u		/* the smallest size */
#define PAGE_MAX 65536u		/* and the largest one that nsb takes */

/* Is this a size that pages have? */
static inline bool is_page_size(uint64_t size)
{
	return size >= PAGE && size <= PAGE_MAX && (size & (size - 1)) == 0;
}

/* The page that an address is in, and the end of the page that the byte before it is in; `page` is the size. */
static inline uint64_t page_down(uint64_t address, uint64_t page)
{
	return address & ~(page - 1);
}

static inline uint64_t page_up(uint64_t address, uint64_t page)
{
	return page_down(address + page - 1, page);
}

static inline bool lies_across_pages(uint64_t address, size_t size)
{
	return page_down(address, PAGE) != page_down(address + size - 1, PAGE);
}

#endif
