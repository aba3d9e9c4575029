/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge: where a jump can lead of which only the bytes before the end of a page
 * change, where its image may lie, and the search for such a place.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>

#include "bridge.h"
#include "maps.h"
#include "page.h"
#include "tap.h"

/* The bridge of a function at `at`, whose first bytes are `code`. */
static struct bridge bridge_at(const struct arch *arch, uint64_t at, const char *code, size_t size)
{
	struct vz_func func = { .name = "f", .target_addr = at,
				.first = { (const uint8_t *)code, size } };
	struct patchfile patch = { .meta = { .funcs = &func, .n_funcs = 1 } };
	struct bridge bridge;

	bridge_find(&bridge, arch, 0, &patch);
	return bridge;
}

#define AT(arch, at, code) bridge_at(arch, at, code, sizeof(code) - 1)

static bool leads(struct bridge bridge, uint64_t lo, uint64_t hi)
{
	return bridge.is_needed && bridge.lo == lo && bridge.hi == hi;
}

static void check_amd64(const struct arch *arch)
{
	struct bridge bridge;
	uint64_t first, last;

	ok(!AT(arch, 0x400ffb, "12345678").is_needed && !AT(arch, 0x401000, "12345678").is_needed,
	   "amd64: a jump that ends with a page, or begins with one, needs none");
	ok(!AT(arch, 0x400ff7, "\xf3\x0f\x1e\xfa" "12345").is_needed &&
	   AT(arch, 0x400ff8, "\xf3\x0f\x1e\xfa" "12345").is_needed,
	   "amd64: it stands behind a landing pad");
	ok(leads(AT(arch, 0x400ffc, "\xb9\x44\x33\x22\x01"), 0x1401001, 0x2401000),
	   "amd64: one byte behind the end says 16 MiB");
	ok(leads(AT(arch, 0x400fff, "\xb9\x44\x33\x22\x01"), 0x401004 + 0x1223344, 0x401004 + 0x1223344),
	   "amd64: four say a byte");
	ok(leads(AT(arch, 0x40000ffe, "\xb9\x44\x33\x22\xf1"), 0x40001003 - 0xeddcd00,
		 0x40001003 - 0xeddcd00 + 0xff), "amd64: and backwards");
	bridge = AT(arch, 0x400ffc, "\xb9\x44\x33\x22\x01");
	bridge_bound(&bridge, PAGE, 0x3000, &first, &last);
	ok(first == 0x13fe000 && last == 0x23fe000, "the image begins before its bridge");
	bridge = AT(arch, 0x400ffe, "\xb9\x44\x33\xff\xff");
	bridge_bound(&bridge, PAGE, 0x400000, &first, &last);
	ok(first > last, "and not before address 0");
	bridge = AT(arch, 0x400ffe, "\xb9\x44\x33\x00\x80");
	bridge_bound(&bridge, PAGE, 0x3000, &first, &last);
	ok(bridge.lo > UINT64_MAX / 2 && last > UINT64_MAX / 2, "what is below 0 is far above all");
	bridge = AT(arch, 0x400ffc, "\xb9\x44\x33\x22\xff");
	bridge_bound(&bridge, PAGE, 0x3000, &first, &last);
	ok(bridge.lo > bridge.hi && first > last, "nor around it");
	bridge = (struct bridge){ .is_needed = true, .lo = 0x10ffe };
	ok(bridge_size(&bridge, arch, PAGE) == 2 * PAGE, "a bridge may lie across pages itself");
}

/* The same for a function of which only `room` bytes may change. */
static struct bridge short_bridge_at(const struct arch *arch, uint64_t at, uint64_t room, const char *code, size_t size)
{
	struct vz_func func = { .name = "f", .target_addr = at, .room = room, .flags = VZ_FUNC_SHORT,
				.first = { (const uint8_t *)code, size } };
	struct patchfile patch = { .meta = { .funcs = &func, .n_funcs = 1 } };
	struct bridge bridge;

	bridge_find(&bridge, arch, 0, &patch);
	return bridge;
}

#define SHORT_AT(arch, at, room, code) short_bridge_at(arch, at, room, code, sizeof(code) - 1)

static void check_short(const struct arch *arch)
{
	ok(leads(SHORT_AT(arch, 0x401000, 4, "\x90\x90\x90\xc3\x01"), 0x1401005, 0x2401004),
	   "amd64: a function of four bytes: what lies behind it says 16 MiB");
	ok(leads(SHORT_AT(arch, 0x401000, 1, "\xc3\x44\x33\x22\x01"), 0x401005 + 0x1223344, 0x401005 + 0x1223344),
	   "amd64: one of one byte: a byte");
	ok(leads(SHORT_AT(arch, 0x401000, 8, "\xf3\x0f\x1e\xfa" "\x90\x90\x90\xc3\x01"), 0x1401009, 0x2401008),
	   "amd64: behind a landing pad");
	ok(!SHORT_AT(arch, 0x401000, 4, "\xf3\x0f\x1e\xfa" "\x90\x90\x90\xc3\x01").is_needed,
	   "amd64: nothing but a landing pad: none can be");
	ok(leads(SHORT_AT(arch, 0x400ffe, 4, "\xb9\x44\x33\x22\xf1"), 0x401003 - UINT64_C(0xeddcd00),
		 0x401003 - UINT64_C(0xeddcd00) + 0xff), "amd64: and across the end of a page: what comes first");
}

static void check_i386(const struct arch *arch)
{
	ok(leads(AT(arch, 0x8048ffd, "\x55\x89\xe5\x83\xec"), 0xf4879002, 0xf4889001), "i386: two bytes behind the end say 64 KiB");
	ok(leads(AT(arch, 0xf7f00fff, "\xb9\x44\x33\x22\x11"), 0x9124348, 0x9124348),
	   "i386: around the end of the address space");
}

static void check_hole(void)
{
	struct mapping all[] = { { .start = 0x400000, .end = 0x500000, .path = "" },
				 { .start = 0x800000, .end = 0x900000, .path = "" } };
	struct maps maps = { .all = all, .count = 2 };
	struct hole hole = { .page = PAGE, .size = 0x3000, .near_lo = 0x400000, .near_hi = 0x500000,
			     .top = (uint64_t)1 << 47, .last = UINT64_MAX };
	uint64_t address;

	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x3fc000, "anywhere: as near as can be");
	hole.first = hole.last = 0x654000;
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x654000, "at one address");
	hole.first = hole.last = 0x7fc000;
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x7fc000,
	   "up to a page before what is there");
	hole.first = hole.last = 0x7fd000;
	ok(maps_find_hole(&maps, &hole, &address) == -ENOSPC, "and no nearer");
	hole.first = 0x7fd000;
	hole.last = 0x901000;
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x901000, "the last that may be");
	hole.first = 1;
	hole.last = 0;
	ok(maps_find_hole(&maps, &hole, &address) == -ENOSPC, "none at all");
	msg_forget();
}

/* What grows is kept out of the way of. */
static void check_growth(void)
{
	struct mapping all[] = { { .start = 0x10000, .end = 0x500000, .path = "" },
				 { .start = 0x500000, .end = 0x600000, .path = "[heap]" },
				 { .start = 0x40000000, .end = 0x40100000, .path = "" },
				 { .start = 0x60000000, .end = 0x60100000, .path = "[stack]" } };
	struct maps maps = { .all = all, .count = 4 };
	struct hole hole = { .page = PAGE, .size = 0x3000, .near_lo = 0x10000, .near_hi = 0x500000,
			     .top = 0x70000000, .last = UINT64_MAX };
	uint64_t address;

	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x60101000, "not behind a heap, not below a stack");
	hole.last = 0x5fffd000;
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x3fffc000, "as far from the heap as can be");
	hole.last = 0x3fffd000;
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x3fffc000, "up to the next mapping");
	hole.near_lo = hole.near_hi = 0x40000000;
	hole.first = 0x40000000;
	hole.last = 0x60000000;
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x40101000, "far from the stack");
	hole.first = 0x5f000000;
	ok(maps_find_hole(&maps, &hole, &address) == -ENOSPC, "never next to it");
	msg_forget();
	all[1] = (struct mapping){ .start = 0x600000, .end = 0x601000, .path = "" };
	maps.brk = 0x540000;
	hole = (struct hole){ .page = PAGE, .size = 0x3000, .near_lo = 0x10000, .near_hi = 0x500000, .top = 0x70000000,
			      .last = UINT64_MAX };
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x501000, "before a heap that has not begun");
	maps.brk = 0x502000;
	ok(maps_find_hole(&maps, &hole, &address) == 0 && address == 0x602000, "or elsewhere");
}

int main(void)
{
	msg_init("u-bridge");
	check_amd64(arch_find(ELFCLASS64, EM_X86_64));
	check_short(arch_find(ELFCLASS64, EM_X86_64));
	check_i386(arch_find(ELFCLASS32, EM_386));
	check_hole();
	check_growth();
	return done();
}
