/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that somebody forged with a right checksum are refused. */
#include "../fuzz/forged.h"
#include "record.h"
#include "tap.h"

/* A process with a record of this sequence that has one detour, of this size.  How many records does nsb take? */
static size_t taken(uint64_t sequence, uint32_t detour_size, bool is_code)
{
	size_t sealed = offsetof(struct record_head, crc) + sizeof(uint32_t), count;
	struct records records;
	struct forged forged;

	forged_init(&forged, &(struct feed){ .size = 0 });
	struct record_head *head = (void *)forged.memory;
	struct record_detour *detour = (void *)(head + 1);
	*head = (struct record_head){
		.version = RECORD_VERSION, .state = RECORD_APPLIED, .sequence = sequence,
		.size = sizeof(*head) + sizeof(*detour) + 8, .address = forged.base, .mapped = FORGED_PAGE,
		.n_detours = 1, .strings_size = 8, .patch_id_size = 20, .object_id_size = 20,
	};
	memcpy(head->magic, RECORD_MAGIC, sizeof(head->magic));
	*detour = (struct record_detour){ .place = forged.base, .size = detour_size, .is_code = is_code };
	head->crc = crc32_update(0, (uint8_t *)head + sealed, head->size - sealed);
	forged_map(&forged, 0, 1, PROT_READ, 0);
	count = records_read(&records, &forged.target) == 0 ? records.count : 0;
	if (count != 0)
		records_deinit(&records);
	msg_forget();
	forged_deinit(&forged);
	return count;
}

/* What is wrong with a record that has one function. */
enum wrong { NOTHING, SUM, VERSION, STRINGS, NAME, JUMP };

static size_t taken_with(enum wrong wrong)
{
	const size_t sealed = offsetof(struct record_head, crc) + sizeof(uint32_t), size = sizeof(struct record_head) + sizeof(struct record_func) + 8;
	struct records records;
	struct forged forged;
	size_t count;

	forged_init(&forged, &(struct feed){ .size = 0 });
	struct record_head *head = (void *)forged.memory;
	struct record_func *func = (void *)(head + 1);
	char *strings = (void *)(func + 1);
	*head = (struct record_head){
		.version = RECORD_VERSION + (wrong == VERSION), .state = RECORD_APPLIED, .sequence = 1,
		.size = (uint32_t)size, .address = forged.base, .mapped = FORGED_PAGE,
		.n_funcs = 1, .strings_size = 8, .patch_id_size = 20, .object_id_size = 20,
	};
	memcpy(head->magic, RECORD_MAGIC, sizeof(head->magic));
	memcpy(strings, wrong == STRINGS ? "abcdefgh" : "abcdefg", 8);
	*func = (struct record_func){ .name = wrong == NAME ? 8 : 1, .jump_offset = wrong == JUMP ? JUMP_MAX + 1 : 0 };
	head->crc = crc32_update(0, (uint8_t *)head + sealed, head->size - sealed) ^ (wrong == SUM);
	forged_map(&forged, 0, 1, PROT_READ, 0);
	count = records_read(&records, &forged.target) == 0 ? records.count : 0;
	if (count != 0)
		records_deinit(&records);
	else if (wrong == VERSION && strstr(msg_kept(), "another version of nsb") == NULL)
		count = SIZE_MAX;
	msg_forget();
	forged_deinit(&forged);
	return count;
}

int main(void)
{
	ok(taken(1, 8, false) == 1, "a word of 8 bytes");
	ok(taken(1, 5, true) == 1, "a jump of 5 bytes");
	ok(taken(1, 16, false) == 0 && taken(1, 4, false) == 0, "a word of 16 or 4 bytes is refused");
	ok(taken(1, 16, true) == 0 && taken(1, 8, true) == 0 && taken(1, 0, true) == 0, "a jump of another size is refused");
	ok(taken(UINT64_MAX, 8, false) == 0, "a number in the order behind which there is none is refused");
	ok(taken_with(NOTHING) == 1, "a record of one function");
	ok(taken_with(SUM) == 0, "one with another checksum is refused");
	ok(taken_with(VERSION) == 0, "one of another version of nsb is, and told as that");
	ok(taken_with(STRINGS) == 0, "one whose last string does not end is");
	ok(taken_with(NAME) == 0, "one with a name behind its end is");
	ok(taken_with(JUMP) == 0, "one whose jump lies far behind its function is");
	return done();
}
