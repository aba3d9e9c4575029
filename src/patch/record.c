/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "array.h"
#include "budget.h"
#include "interrupt.h"
#include "page.h"
#include "proc.h"

#define SCAN_PAGES 4096u	/* so many pages of a mapping are searched for records */
#define VARIABLES_TEXT 200
#define CRC_START (offsetof(struct record_head, crc) + sizeof(uint32_t))

const char *record_string(const struct record *record, uint32_t offset)
{
	return record->strings + offset;
}

bool record_is_in_force(const struct record *record)
{
	return record->head->state == RECORD_APPLIED && !record->is_gone && record->untrue == NULL;
}

/* ---- making a record ---- */

/* The line that list shows: the patch's description, or its CVE, or nothing. */
static const char *description(const struct vzpatch *meta)
{
	static const char *const keys[] = { "description", "cve", "comment", "accepted-difference" };

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		for (size_t i = 0; i < meta->n_comments; i++) {
			if (strcmp(meta->comments[i].key, keys[k]) == 0)
				return meta->comments[i].text;
		}
	}
	return "";
}

static bool is_state(const struct vzpatch *meta, uint64_t addr)
{
	for (size_t i = 0; i < meta->n_states; i++) {
		if (meta->states[i].addr == addr)
			return true;
	}
	return false;
}

/* The names of the patch's own variables that no other one takes over, as many as there is room for. */
static void list_variables(const struct vzpatch *meta, char text[VARIABLES_TEXT])
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < meta->n_variables; i++) {
		const char *name = meta->variables[i].name;

		if (is_state(meta, meta->variables[i].addr))
			continue;
		if (at + strlen(name) + sizeof(" and 18446744073709551615 more") > VARIABLES_TEXT) {
			(void)snprintf(text + at, VARIABLES_TEXT - at, "%s%zu more", at > 0 ? " and " : "",
				       meta->n_variables - i);
			return;
		}
		at += (size_t)snprintf(text + at, VARIABLES_TEXT - at, "%s%s", at > 0 ? ", " : "", name);
	}
}

static size_t strings_size(const struct vzpatch *meta, const char *object_name)
{
	char variables[VARIABLES_TEXT];
	size_t size = 1 + strlen(meta->patch.name) + 1 + strlen(object_name) + 1 +
		      strlen(description(meta)) + 1;

	list_variables(meta, variables);
	size += strlen(variables) + 1;

	for (size_t i = 0; i < meta->n_funcs; i++)
		size += strlen(meta->funcs[i].name) + 1;
	for (size_t i = 0; i < meta->n_quiets; i++)
		size += strlen(meta->quiets[i].name) + 1;
	for (size_t i = 0; i < meta->n_hooks; i++)
		size += strlen(meta->hooks[i].name) + 1;
	for (size_t i = 0; i < meta->n_states; i++)
		size += strlen(meta->states[i].name) + 1 + strlen(meta->states[i].type) + 1;
	return (size + 7) & ~(size_t)7;
}

size_t record_size(const struct patchfile *patch, const char *object_name, size_t n_detours)
{
	const struct vzpatch *meta = &patch->meta;

	return sizeof(struct record_head) + meta->n_funcs * sizeof(struct record_func) +
	       (meta->n_ranges + meta->n_quiets) * sizeof(struct record_range) +
	       n_detours * sizeof(struct record_detour) + meta->n_hooks * sizeof(struct record_hook) +
	       meta->n_states * sizeof(struct record_variable) + strings_size(meta, object_name);
}

static uint32_t add_string(char *strings, uint32_t *fill, const char *text)
{
	uint32_t at = *fill;
	size_t size = strlen(text) + 1;

	memcpy(strings + at, text, size);
	*fill += (uint32_t)size;
	return at;
}

static int fill_func(const struct record_input *input, const struct vz_func *vz,
		     struct record_func *func)
{
	const struct arch *arch = input->arch;
	const struct link_image *image = input->image;
	uint64_t entry = vz->patch_addr + image->bias - image->base;
	const uint8_t *code = image->bytes + entry;
	uint64_t skip = arch->landing(vz->first.data, (size_t)vz->first.size);
	bool has_bridge = input->bridge->is_needed && vz == &input->patch->meta.funcs[input->bridge->func];
	uint64_t room;

	if (vz->flags & VZ_FUNC_SHORT && !has_bridge && input->bridge->is_needed)
		return fail(ESTALE, "%s: is too small for a jump, as is %s, and nsb gets around that for one function "
			    "of a patch", vz->name, input->patch->meta.funcs[input->bridge->func].name);
	if ((vz->room < skip + arch->jump_size && !has_bridge) || vz->first.size < skip + arch->jump_size)
		return fail(ESTALE, "%s: is too small for a jump (%" PRIu64 " bytes, %" PRIu64
			    " needed)", vz->name, vz->room, skip + arch->jump_size);
	if (entry >= image->size || image->size - entry < 2 * JUMP_MAX)
		return fail(ENOEXEC, "%s: its new code lies outside of the patch", vz->name);
	room = image->size - entry;
	func->target = arch_address(arch, vz->target_addr + input->object_bias);
	func->target_size = vz->target_size;
	func->patch = arch_address(arch, vz->patch_addr + image->bias);
	func->via = has_bridge ? input->bridge->address :
		arch_address(arch, vzpatch_entry(&input->patch->meta, (size_t)(vz - input->patch->meta.funcs)) + image->bias);
	func->patch_size = vz->patch_size;
	func->flags = (uint32_t)vz->flags;
	func->jump_offset = skip;
	func->patch_jump_offset = arch->landing(code, (size_t)room);
	memcpy(func->target_old, vz->first.data + skip, arch->jump_size);
	memcpy(func->patch_old, code + func->patch_jump_offset, arch->jump_size);
	return 0;
}

static void seal(struct record_head *head)
{
	head->crc = crc32_update(0, (const uint8_t *)head + CRC_START, head->size - CRC_START);
}

static void point_into(struct record *record)
{
	const struct record_head *head = (const void *)record->bytes;

	record->head = head;
	record->funcs = (const void *)(record->bytes + sizeof(*head));
	record->ranges = (const void *)(record->funcs + head->n_funcs);
	record->detours = (const void *)(record->ranges + head->n_ranges);
	record->hooks = (const void *)(record->detours + head->n_detours);
	record->states = (const void *)(record->hooks + head->n_hooks);
	record->strings = (const char *)(record->states + head->n_states);
}

/* Whether the patch's metadata says that no address of the page at `start` can leave the patch. */
static bool is_inside(const struct vzpatch *meta, uint64_t start, uint64_t page)
{
	for (size_t i = 0; i < meta->n_inside; i++) {
		const struct vz_inside *inside = &meta->inside[i];

		if (page_down(inside->addr, page) <= start && start < page_up(inside->addr + inside->size, page))
			return true;
	}
	return false;
}

static uint32_t describe_data(const struct vzpatch *meta, const struct link_image *image)
{
	uint32_t data = RECORD_CONSTANTS_INSIDE | RECORD_VARIABLES_INSIDE |
			(meta->n_variables > 0 ? RECORD_HAS_VARIABLES : 0);

	for (size_t i = 0; i < image->n_segments; i++) {
		const struct link_segment *segment = &image->segments[i];
		const uint64_t start = image->base - image->bias + segment->offset;

		/* The pages of several segments of the file may be one of the image. */
		for (uint64_t at = 0; at < segment->size && !(segment->prot & PROT_EXEC); at += image->page) {
			if (!is_inside(meta, start + at, image->page))
				data &= ~(uint32_t)(segment->prot & PROT_WRITE ?
						      RECORD_VARIABLES_INSIDE : RECORD_CONSTANTS_INSIDE);
		}
	}
	return data;
}

int record_make(const struct record_input *input, struct record *out)
{
	const struct vzpatch *meta = &input->patch->meta;
	size_t size = record_size(input->patch, input->object_name, input->n_detours);
	struct record_head *head = calloc(1, size);
	struct record_func *funcs;
	struct record_range *ranges;
	struct record_detour *detours;
	struct record_hook *hooks;
	struct record_variable *states;
	uint32_t fill = 1;
	char *strings, variables[VARIABLES_TEXT];

	if (head == NULL)
		return fail(ENOMEM, "out of memory");
	funcs = (void *)(head + 1);
	ranges = (void *)(funcs + meta->n_funcs);
	detours = (void *)(ranges + meta->n_ranges + meta->n_quiets);
	hooks = (void *)(detours + input->n_detours);
	states = (void *)(hooks + meta->n_hooks);
	strings = (void *)(states + meta->n_states);
	*head = (struct record_head){
		.version = RECORD_VERSION, .state = RECORD_LOADING, .sequence = input->sequence,
		.size = (uint32_t)size, .applied_at = input->applied_at,
		.address = input->address, .mapped = input->mapped,
		.patch_bias = input->image->bias, .object_base = input->object_base,
		.object_bias = input->object_bias, .n_funcs = (uint32_t)meta->n_funcs,
		.n_ranges = (uint32_t)(meta->n_ranges + meta->n_quiets), .n_hooks = (uint32_t)meta->n_hooks,
		.n_states = (uint32_t)meta->n_states,
		.stack = input->stack, .n_detours = (uint32_t)input->n_detours,
		.data = describe_data(meta, input->image),
		.patch_id_size = (uint32_t)meta->patch.build_id.size,
		.object_id_size = (uint32_t)meta->target.build_id.size,
	};
	memcpy(head->magic, RECORD_MAGIC, sizeof(head->magic));
	memcpy(head->patch_id, meta->patch.build_id.data, (size_t)meta->patch.build_id.size);
	memcpy(head->object_id, meta->target.build_id.data, (size_t)meta->target.build_id.size);
	head->patch_name = add_string(strings, &fill, meta->patch.name);
	head->object_name = add_string(strings, &fill, input->object_name);
	head->description = add_string(strings, &fill, description(meta));
	list_variables(meta, variables);
	head->variables = add_string(strings, &fill, variables);
	for (size_t i = 0; i < meta->n_funcs; i++) {
		int err = fill_func(input, &meta->funcs[i], &funcs[i]);

		if (err != 0) {
			free(head);
			return err;
		}
		funcs[i].name = add_string(strings, &fill, meta->funcs[i].name);
	}
	for (size_t i = 0; i < meta->n_ranges; i++) {
		ranges[i].start = meta->ranges[i].addr + input->object_bias;
		ranges[i].end = ranges[i].start + meta->ranges[i].size;
		ranges[i].func = (uint32_t)meta->ranges[i].func;
		ranges[i].name = funcs[ranges[i].func].name;
	}
	ranges += meta->n_ranges;
	for (size_t i = 0; i < meta->n_quiets; i++) {
		ranges[i].start = arch_address(input->arch, meta->quiets[i].addr + input->object_bias);
		ranges[i].end = ranges[i].start + meta->quiets[i].size;
		ranges[i].func = RANGE_QUIET;
		ranges[i].name = add_string(strings, &fill, meta->quiets[i].name);
	}
	for (size_t i = 0; i < meta->n_hooks; i++) {
		const struct vz_hook *hook = &meta->hooks[i];

		hooks[i].address = arch_address(input->arch, hook->addr + input->image->bias);
		hooks[i].kind = (uint32_t)hook->kind;
		hooks[i].limit_ms = (uint32_t)hook->limit_ms;
		hooks[i].name = add_string(strings, &fill, hook->name);
	}
	for (size_t i = 0; i < meta->n_states; i++) {
		const struct vz_state *state = &meta->states[i];

		states[i].address = arch_address(input->arch, state->addr + input->image->bias);
		states[i].size = state->size;
		states[i].name = add_string(strings, &fill, state->name);
		states[i].type = add_string(strings, &fill, state->type);
	}
	if (input->n_detours > 0)
		memcpy(detours, input->detours, input->n_detours * sizeof(*detours));
	head->strings_size = (uint32_t)strings_size(meta, input->object_name);
	seal(head);
	out->bytes = (uint8_t *)head;
	point_into(out);
	return 0;
}

void record_deinit(struct record *record)
{
	free(record->bytes);
	*record = (struct record){ 0 };
}

/* ---- reading back ---- */

static bool head_is_sound(const struct record_head *head, size_t size)
{
	uint64_t want = sizeof(*head) + (uint64_t)head->n_funcs * sizeof(struct record_func) +
			(uint64_t)head->n_ranges * sizeof(struct record_range) +
			(uint64_t)head->n_detours * sizeof(struct record_detour) +
			(uint64_t)head->n_hooks * sizeof(struct record_hook) +
			(uint64_t)head->n_states * sizeof(struct record_variable) + head->strings_size;

	return head->size == size && want == size && head->strings_size > 0 &&
	       head->state >= RECORD_LOADING && head->state <= RECORD_KEPT &&
	       head->patch_id_size >= 1 && head->patch_id_size <= BUILD_ID_MAX &&
	       head->object_id_size >= 1 && head->object_id_size <= BUILD_ID_MAX &&
	       head->mapped >= size && head->address + head->mapped > head->address &&
	       head->stack <= head->mapped - size && head->stack % PAGE == 0 && head->hook <= VZ_HOOK_POST_REVERT &&
	       head->sequence < UINT64_MAX &&
	       head->crc == crc32_update(0, (const uint8_t *)head + CRC_START, size - CRC_START);
}

static bool body_is_sound(const struct record *record)
{
	const struct record_head *head = record->head;
	uint32_t limit = head->strings_size;

	if (record->strings[limit - 1] != '\0' || head->patch_name >= limit ||
	    head->object_name >= limit || head->description >= limit || head->variables >= limit)
		return false;
	for (uint32_t i = 0; i < head->n_funcs; i++) {
		if (record->funcs[i].name >= limit || record->funcs[i].jump_offset > JUMP_MAX ||
		    record->funcs[i].patch_jump_offset > JUMP_MAX)
			return false;
	}
	for (uint32_t i = 0; i < head->n_ranges; i++) {
		const struct record_range *range = &record->ranges[i];

		if ((range->func >= head->n_funcs && range->func != RANGE_QUIET) || range->name >= limit ||
		    range->end < range->start)
			return false;
	}
	for (uint32_t i = 0; i < head->n_states; i++) {
		const struct record_variable *state = &record->states[i];

		if (state->name >= limit || state->type >= limit || state->size == 0 || state->size > STATE_MAX ||
		    state->address - head->address >= head->mapped ||
		    state->size > head->mapped - (state->address - head->address))
			return false;
	}
	if (head->n_hooks > HOOKS_MAX || (head->n_hooks > 0 && head->stack != HOOK_STACK))
		return false;
	for (uint32_t i = 0; i < head->n_hooks; i++) {
		const struct record_hook *hook = &record->hooks[i];

		if (hook->name >= limit || hook->kind < VZ_HOOK_PRE_APPLY || hook->kind > VZ_HOOK_POST_REVERT ||
		    hook->limit_ms == 0 || hook->limit_ms > HOOK_LIMIT_MS_MAX ||
		    hook->address - head->address >= head->mapped)
			return false;
	}
	for (uint32_t i = 0; i < head->n_detours; i++) {
		if (record->detours[i].size == 0 || record->detours[i].size > JUMP_MAX)
			return false;
	}
	return true;
}

int record_decode(uint8_t *bytes, size_t size, struct record *out)
{
	if (size < sizeof(struct record_head) || size > RECORD_MAX_BYTES ||
	    !head_is_sound((const void *)bytes, size))
		return -ENOEXEC;
	out->bytes = bytes;
	point_into(out);
	return body_is_sound(out) ? 0 : -ENOEXEC;
}

static int add_record(struct records *records, const struct record *record)
{
	int err = ARRAY_GROW(&records->all, records->count, 1);

	if (err == 0) {
		records->all[records->count++] = *record;
		records->bytes += record->head->size;
	}
	return err;
}

/* A detour is a word of the target, or a jump.  Any other size is forged: nsb makes as many bytes as the ABI says. */
static bool detours_fit(const struct record *record, const struct arch *arch)
{
	for (uint32_t i = 0; i < record->head->n_detours; i++) {
		const struct record_detour *detour = &record->detours[i];

		if (detour->size != (detour->is_code != 0 ? arch->jump_size : arch->word))
			return false;
	}
	return true;
}

/* Read the record at `address`, if there is one. */
static int read_record(struct records *records, const struct target *target, uint64_t address)
{
	struct record_head head;
	struct record record = { 0 };
	uint8_t *bytes;
	int err;

	if (target_read(target, address, head.magic, sizeof(head.magic)) != 0 ||
	    memcmp(head.magic, RECORD_MAGIC, sizeof(head.magic)) != 0 ||
	    target_read(target, address, &head, sizeof(head)) != 0 || head.address != address)
		return 0;
	if (head.version != RECORD_VERSION)
		return fail(ESTALE, "%s: the patch at 0x%" PRIx64 " was applied by another version of"
			    " nsb (record version %u, this nsb knows %u): use that one",
			    target_name(target), address, head.version, RECORD_VERSION);
	if (head.size < sizeof(head) || head.size > RECORD_MAX_BYTES)
		return fail(ESTALE, "%s: the state record at 0x%" PRIx64 " is damaged",
			    target_name(target), address);
	if (records->bytes + head.size > BUDGET_RECORDS)
		return fail(ESTALE, "%s: has more than %zu bytes of state records: they are forged",
			    target_name(target), (size_t)BUDGET_RECORDS);
	bytes = malloc(head.size);
	if (bytes == NULL)
		return fail(ENOMEM, "out of memory");
	err = target_read(target, address, bytes, head.size);
	if (err == 0)
		err = record_decode(bytes, head.size, &record);
	/* The process may have changed its head since that was looked at. */
	if (err == 0 && (record.head->address != address || record.head->version != RECORD_VERSION ||
			 !detours_fit(&record, target->arch)))
		err = -ENOEXEC;
	if (err != 0) {
		free(bytes);
		return fail(ESTALE, "%s: the state record at 0x%" PRIx64 " is damaged",
			    target_name(target), address);
	}
	err = add_record(records, &record);
	if (err != 0)
		free(bytes);
	return err;
}

static int compare_records(const void *a, const void *b)
{
	uint64_t left = ((const struct record *)a)->head->sequence;
	uint64_t right = ((const struct record *)b)->head->sequence;

	return (left > right) - (left < right);
}

/* Look at the first pages of a mapping.  No record begins inside another one: that would be forged. */
static int scan_mapping(struct records *records, const struct target *target, const struct mapping *m,
			bool *exist)
{
	uint64_t n_pages = (m->end - m->start) / PAGE;
	int err = interrupt_check();

	if (n_pages > SCAN_PAGES)
		n_pages = SCAN_PAGES;
	target_find_pages(target, m->start, (size_t)n_pages, exist);
	for (uint64_t page = 0; page < n_pages && err == 0;) {
		size_t before = records->count;

		if (exist[page])
			err = read_record(records, target, m->start + page * PAGE);
		page += records->count == before ? 1 : page_up(records->all[before].head->size, PAGE) / PAGE;
	}
	return err;
}

/* How much of a record's memory is mapped, but for what belongs to another record: that is the program's no more. */
static uint64_t count_staying(const struct records *records, const struct record *record,
			      const struct target *target)
{
	const uint64_t first = record->head->address, last = first + record->head->mapped;
	uint64_t sum = 0;

	for (size_t i = 0; i < target->maps.count; i++) {
		const struct mapping *m = &target->maps.all[i];
		const uint64_t lo = m->start > first ? m->start : first, hi = m->end < last ? m->end : last;

		if (lo < hi && m->inode == 0 && m->is_private && m->path[0] == '\0')
			sum += hi - lo;
	}
	for (size_t i = 0; i < records->count; i++) {
		const struct record_head *other = records->all[i].head;

		if (other->address > first && other->address < last && sum >= other->mapped)
			sum -= other->mapped;
	}
	return sum;
}

/* Whether a record may be there: in memory that was mapped to be read only. */
static bool may_hold_records(const struct mapping *m, const struct target *target, int *implies_exec)
{
	if (m->inode != 0 || !m->is_private || m->path[0] != '\0')
		return false;
	if (m->prot == (PROT_READ | PROT_EXEC) && *implies_exec == -1)
		*implies_exec = proc_read_implies_exec(target->living);
	return m->prot == PROT_READ || (m->prot == (PROT_READ | PROT_EXEC) && *implies_exec == 1);
}

int records_read(struct records *records, const struct target *target)
{
	bool *exist = malloc(SCAN_PAGES * sizeof(*exist));
	int implies_exec = -1, err = exist == NULL ? fail(ENOMEM, "out of memory") : 0;

	*records = (struct records){ 0 };
	for (size_t i = 0; i < target->maps.count && err == 0; i++) {
		const struct mapping *m = &target->maps.all[i];

		/* The kernel may merge the pages of several records to one mapping. */
		if (may_hold_records(m, target, &implies_exec))
			err = scan_mapping(records, target, m, exist);
	}
	free(exist);
	if (err != 0) {
		records_deinit(records);
		return err;
	}
	if (records->count > 0)
		qsort(records->all, records->count, sizeof(*records->all), compare_records);
	for (size_t i = 0; i < records->count; i++) {
		if (records->all[i].head->state == RECORD_KEPT)
			records->all[i].stays = count_staying(records, &records->all[i], target);
	}
	return 0;
}

void records_deinit(struct records *records)
{
	for (size_t i = 0; i < records->count; i++)
		record_deinit(&records->all[i]);
	free(records->all);
	*records = (struct records){ 0 };
}

const struct record *records_find(const struct records *records, const struct record *after,
				  const uint8_t *id, size_t size)
{
	for (size_t i = after == NULL ? 0 : (size_t)(after - records->all) + 1; i < records->count;
	     i++) {
		const struct record_head *head = records->all[i].head;

		if (head->state != RECORD_KEPT && head->patch_id_size == size &&
		    memcmp(head->patch_id, id, size) == 0)
			return &records->all[i];
	}
	return NULL;
}
