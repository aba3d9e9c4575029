/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holes between mappings at the ends of the address space. */
#include <stdlib.h>
#include <string.h>

#include "maps.h"
#include "page.h"
#include "tap.h"

#define SIZE (16u * PAGE)
#define TOP UINT64_C(0xffffe000)

/* The mapping of this line is the only one.  Where is the hole that is nearest to it?  0: there is none. */
static uint64_t hole_by(const char *text, uint64_t page)
{
	char line[128];
	struct mapping m;
	struct hole hole = { .size = SIZE, .page = page, .last = UINT64_MAX, .top = TOP };
	uint64_t address = 0;

	(void)snprintf(line, sizeof(line), "%s", text);
	if (maps_parse_line(line, &m) != 0)
		return 1;
	hole.near_lo = m.start;
	hole.near_hi = m.end;
	if (maps_find_hole(&(struct maps){ .all = &m, .count = 1 }, &hole, &address) != 0) {
		address = 0;
		msg_forget();
	}
	free(m.path);
	return address;
}

static uint64_t hole_beside(const char *text)
{
	return hole_by(text, PAGE);
}

int main(void)
{
	const uint64_t large = hole_by("400000-410000 r-xp 00000000 08:01 1 /a", PAGE_MAX);

	ok(hole_beside("400000-401000 r-xp 00000000 08:01 1 /a") == 0x400000 - PAGE - SIZE ||
	   hole_beside("400000-401000 r-xp 00000000 08:01 1 /a") == 0x401000 + PAGE, "beside a program");
	ok(hole_beside("0-fffffffffffff000 r-xp 00000000 00:00 0 ") == 0, "none beside what takes all");
	ok(hole_beside("0-fffffffffffff000 rw-p 00000000 00:00 0 [stack]") == 0, "nor below a stack at the lowest address");
	ok(hole_beside("0-fffffffffffff000 rw-p 00000000 00:00 0 [heap]") == 0, "nor above a heap at the highest");
	ok(hole_beside("1000-2000 rw-p 00000000 00:00 0 [stack]") == 0x10000, "the lowest is above vm.mmap_min_addr");
	ok(large == 0x400000 - PAGE_MAX - SIZE || large == 0x410000 + PAGE_MAX, "with a large page between them, where pages are large");
	ok(hole_by("10000-401000 r-xp 00000000 08:01 1 /a", PAGE_MAX) == 0x420000, "and at the start of one");
	return done();
}
