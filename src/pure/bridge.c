/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bridge.h"

#include <errno.h>
#include <string.h>

#include "page.h"

/* How many bytes at `at`, where the jump of the function begins, may change: up to jump_size. */
static size_t changeable_size(const struct arch *arch, const struct vz_func *func, uint64_t at, unsigned skip)
{
	size_t size = arch->jump_size;

	if (func->flags & VZ_FUNC_SHORT && func->room - skip < size)
		size = (size_t)(func->room - skip);
	if (PAGE - at % PAGE < size)
		size = PAGE - (size_t)(at % PAGE);
	return size;
}

/*
 * Where a jump leads whose displacement has `fill` in each byte that may change, `before` with
 * the operation, and the function's old bytes behind them: with 0 the lowest address, with 0xff
 * the highest.
 */
static uint64_t extreme(const struct arch *arch, uint64_t at, const uint8_t *old, size_t before, uint8_t fill)
{
	uint8_t jump[JUMP_MAX];

	/* The first byte is the operation; the displacement follows, little-endian. */
	(void)arch->jump(at, at, jump);
	memset(jump + 1, fill, before - 1);
	memcpy(jump + before, old + before, arch->jump_size - before);
	return arch->jump_leads(at, jump);
}

void bridge_find(struct bridge *bridge, const struct arch *arch, uint64_t target_bias,
		 const struct patchfile *patch)
{
	*bridge = (struct bridge){ 0 };
	for (size_t i = 0; arch->has_bridge && i < patch->meta.n_funcs && !bridge->is_needed; i++) {
		const struct vz_func *func = &patch->meta.funcs[i];
		size_t size = (size_t)func->first.size;
		unsigned skip = arch->landing(func->first.data, size);
		uint64_t at = arch_address(arch, func->target_addr + target_bias + skip);

		if (size < skip + arch->jump_size || (func->flags & VZ_FUNC_SHORT && func->room <= skip))
			continue;
		size_t before = changeable_size(arch, func, at, skip);
		if (before == arch->jump_size)
			continue;
		*bridge = (struct bridge){
			.is_needed = true, .func = i,
			.lo = extreme(arch, at, func->first.data + skip, before, 0),
			.hi = extreme(arch, at, func->first.data + skip, before, 0xff),
		};
	}
}

uint64_t bridge_size(const struct bridge *bridge, const struct arch *arch, uint64_t page)
{
	uint64_t end = bridge->lo % page + arch->jump_size;

	return bridge->is_needed ? page_up(end, page) : 0;
}

void bridge_bound(const struct bridge *bridge, uint64_t page, uint64_t offset, uint64_t *first, uint64_t *last)
{
	uint64_t lo = page_down(bridge->lo, page), hi = page_down(bridge->hi, page);

	*first = lo > offset ? lo - offset : 0;
	*last = hi - offset;
	/* The range would go round the end of the address space, or begin before its start. */
	if (hi < lo || hi < offset) {
		*first = 1;
		*last = 0;
	}
}

int bridge_lay(struct bridge *bridge, const struct arch *arch, const struct patchfile *patch,
	       struct link_image *image)
{
	const uint64_t start = image->size;
	uint64_t to;
	int err;

	if (!bridge->is_needed)
		return 0;
	err = link_extend(image, bridge_size(bridge, arch, image->page));
	if (err != 0)
		return err;
	bridge->address = image->base + start;
	if (bridge->address < bridge->lo)
		bridge->address = bridge->lo;
	to = vzpatch_entry(&patch->meta, bridge->func) + image->bias;
	err = arch->jump(bridge->address, to, image->bytes + (bridge->address - image->base));
	return err == 0 ? 0 : fail(ENOEXEC, "%s: its new code lies outside of the patch",
				   patch->meta.funcs[bridge->func].name);
}
