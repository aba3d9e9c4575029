/* SPDX-License-Identifier: GPL-2.0-or-later */
/* page: memory is mapped in pages.  All ABIs that nsb knows have pages of one size. */
#ifndef NSB_PAGE_H
#define NSB_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

static inline uint64_t page_down(uint64_t address)
{
	return address & ~(uint64_t)(PAGE - 1);
}

static inline uint64_t page_up(uint64_t address)
{
	return page_down(address + PAGE - 1);
}

static inline bool lies_across_pages(uint64_t address, size_t size)
{
	return page_down(address) != page_down(address + size - 1);
}

#endif
