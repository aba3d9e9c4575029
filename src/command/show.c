/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hooks.h"
#include "json.h"
#include "status.h"

/* ---- colour ---- */

#define PLAIN ""
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RED "\033[31m"

/* Colours are for a terminal only, and not if NO_COLOR is set (no-color.org). */
static bool use_colour(void)
{
	static int use = -1;

	if (use == -1) {
		const char *term = getenv("TERM"), *refused = getenv("NO_COLOR");

		use = isatty(STDOUT_FILENO) && (refused == NULL || refused[0] == '\0') &&
		      term != NULL && strcmp(term, "dumb") != 0;
	}
	return use == 1;
}

void show_begin(void)
{
	(void)use_colour();
}

static void print_coloured(const char *colour, const char *text)
{
	if (colour[0] != '\0' && use_colour())
		printf("%s%s\033[0m", colour, text);
	else
		printf("%s", text);
}

/* Print a name that others chose, so its bytes have to be escaped. */
static void print_name(const char *before, const char *name)
{
	printf("%s", before);
	text_string(stdout, name);
}

void show_count(size_t count, const char *what, bool is_bad)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "%zu %s", count, what);
	print_coloured(is_bad && count > 0 ? RED : PLAIN, text);
}

void show_bad(const char *text, bool is_bad)
{
	print_coloured(is_bad ? RED : PLAIN, text);
}

void show_fields(const struct vzpatch *meta)
{
	static const char *const keys[] = { "cve", "package", "version", "author", "severity", "url" };

	json_open("fields", '{');
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		json_open(keys[k], '[');
		for (size_t i = 0; i < meta->n_comments; i++) {
			if (strcmp(meta->comments[i].key, keys[k]) == 0)
				json_text(NULL, meta->comments[i].text);
		}
		json_close(']');
	}
	json_close('}');
}

/* ---- what became of a process ---- */

static void add_outcome(const struct options *options, const struct outcome *outcome)
{
	const struct safepoint_report *report = &outcome->report;
	enum exit_status status = status_of(outcome->err);

	json_number("pid", (uint64_t)outcome->pid);
	json_text("process", outcome->comm);
	json_text("patch", outcome->patch);
	json_number("status", status);
	json_text("result", status_name(status));
	if (outcome->err == 0 || outcome->answers)
		json_text(outcome->is_check ? "answer" : "action", outcome->done);
	json_text("reason", outcome->reason[0] == '\0' ? NULL : outcome->reason);
	json_bool("dry_run", options->dry_run);
	if (!outcome->changed)
		return;
	json_number("threads", report->threads);
	json_number("frames", report->frames);
	json_number("attempts", report->attempts);
	json_number("runner_ns", outcome->runner_ns);
	json_number("held_ns", outcome->held_ns);
}

void show_outcome(const struct options *options, const struct outcome *outcome)
{
	if (options->json) {
		add_outcome(options, outcome);
		return;
	}
	if (options->quiet || (outcome->err != 0 && outcome->err != -EEXIST && !outcome->answers))
		return;
	if (outcome->err == -EEXIST && !options->many)
		return;
	printf("%d", outcome->pid);
	if (options->many)
		printf(" (%s)", outcome->comm);
	print_name(": ", outcome->patch);
	if (outcome->is_check)
		printf(":");
	printf(" %s", options->dry_run && outcome->err == 0 ? "can be " : "");
	if (outcome->err == -EEXIST)
		printf("was applied already");
	else
		print_coloured(outcome->err == 0 ? GREEN : YELLOW, outcome->done);
	if (outcome->answers && outcome->reason[0] != '\0')
		printf(": %s", outcome->reason);
	printf("\n");
}

/* ---- patches of a process ---- */

static const struct state {
	const char *name, *colour;
} loading = { "half applied", RED },
  reverting = { "half reverted", RED },
  applied = { "applied", GREEN },
  kept = { "reverted, memory kept", PLAIN },
  gone = { "target gone", YELLOW },
  forged = { "forged", RED };

static const struct state *state_of(const struct record *record)
{
	if (record->untrue != NULL)
		return &forged;
	if (record->is_gone && record->head->state != RECORD_KEPT)
		return &gone;
	switch (record->head->state) {
	case RECORD_APPLIED:
		return &applied;
	case RECORD_LOADING:
		return &loading;
	case RECORD_REVERTING:
		return &reverting;
	default:
		return &kept;
	}
}

/*
 * gmtime_r would bring the code that reads time zones, and scanf and strtod with it: 140 KB.
 * This counts in eras of 400 years, whose years begin in March, so that a leap day is the last
 * day of its year.
 */
void show_format_time(uint64_t seconds, char *text)
{
	uint64_t days = seconds / 86400 + 719468;	/* since March 1 of the year 0 */
	unsigned day = (unsigned)(days % 146097), in_day = (unsigned)(seconds % 86400);
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	(void)snprintf(text, SHOW_TIME_BYTES, "%04" PRIu64 "-%02u-%02uT%02u:%02u:%02uZ",
		       days / 146097 * 400 + year + (month >= 10), month < 10 ? month + 3 : month - 9,
		       day + 1, in_day / 3600, in_day / 60 % 60, in_day % 60);
}

/* Print lines for /tmp/perf-PID.map, where perf(1) looks up the names of code that is in no file. */
static void print_perf_map(const struct record *record)
{
	const char *patch = record_string(record, record->head->patch_name);

	for (uint32_t i = 0; record->untrue == NULL && i < record->head->n_funcs; i++) {
		const struct record_func *func = &record->funcs[i];

		printf("%" PRIx64 " %" PRIx64, func->patch, func->patch_size);
		print_name(" ", record_string(record, func->name));
		print_name(" [", patch);
		printf("]\n");
	}
}

static void print_record(pid_t pid, const struct record *record, const char *file)
{
	const struct record_head *head = record->head;
	const char *name = record_string(record, head->patch_name);
	const char *description = record_string(record, head->description);
	const struct state *state = state_of(record);
	char id[2 * BUILD_ID_MAX + 1], when[SHOW_TIME_BYTES];

	build_id_format(head->patch_id, head->patch_id_size, id);
	show_format_time(head->applied_at, when);
	printf("%d: %" PRIu64 " %s ", pid, head->sequence, id);
	text_string(stdout, name);
	print_name(" -> ", record_string(record, head->object_name));
	printf(" %s ", when);
	print_coloured(state->colour, state->name);
	if (state == &kept)
		printf(" (%" PRIu64 " bytes)", record->stays);
	printf(":");
	for (uint32_t i = 0; i < head->n_funcs; i++) {
		print_name(" ", record_string(record, record->funcs[i].name));
		if (record->funcs[i].flags & VZ_FUNC_ALLOW_ACTIVE)
			fputs("(allow-active)", stdout);
	}
	for (uint32_t i = 0; i < head->n_hooks; i++) {
		print_name(i == 0 ? ", hooks: " : " ", record_string(record, record->hooks[i].name));
		printf("(%s)", hooks_name(record->hooks[i].kind));
	}
	if (hooks_begun(record) != 0)
		printf(", %s hooks were begun", hooks_name(hooks_begun(record)));
	if (description[0] != '\0') {
		print_name(" (", description);
		printf(")");
	}
	printf("\n");
	if (msg_verbosity > 0) {
		print_name("    gdb: add-symbol-file ", file != NULL ? file : name);
		printf(" -o 0x%" PRIx64 "\n", head->patch_bias);
	}
}

static void add_record(pid_t pid, const struct record *record)
{
	const struct record_head *head = record->head;
	char when[SHOW_TIME_BYTES];

	show_format_time(head->applied_at, when);
	json_open(NULL, '{');
	json_number("pid", (uint64_t)pid);
	json_number("order", head->sequence);
	json_bytes("build_id", head->patch_id, head->patch_id_size);
	json_text("patch", record_string(record, head->patch_name));
	json_text("object", record_string(record, head->object_name));
	json_bytes("object_build_id", head->object_id, head->object_id_size);
	json_text("state", state_of(record)->name);
	json_text("applied_at", when);
	json_address("address", head->address);
	json_number("mapped", head->state == RECORD_KEPT ? record->stays : head->mapped);
	json_address("offset", head->patch_bias);
	json_text("description", record_string(record, head->description));
	json_open("functions", '[');
	for (uint32_t i = 0; i < head->n_funcs; i++) {
		json_open(NULL, '{');
		json_text("name", record_string(record, record->funcs[i].name));
		json_address("target", record->funcs[i].target);
		json_address("patch", record->funcs[i].patch);
		json_number("size", record->funcs[i].patch_size);
		json_bool("allow_active", record->funcs[i].flags & VZ_FUNC_ALLOW_ACTIVE);
		json_close('}');
	}
	json_close(']');
	json_open("hooks", '[');
	for (uint32_t i = 0; i < head->n_hooks; i++) {
		json_open(NULL, '{');
		json_text("name", record_string(record, record->hooks[i].name));
		json_text("kind", hooks_name(record->hooks[i].kind));
		json_number("limit_ms", record->hooks[i].limit_ms);
		json_close('}');
	}
	json_close(']');
	json_text("hooks_begun", hooks_begun(record) == 0 ? NULL : hooks_name(hooks_begun(record)));
	json_close('}');
}

void show_record(const struct options *options, pid_t pid, const struct record *record,
		 const char *file)
{
	if (options->perf_map)
		print_perf_map(record);
	else if (options->json)
		add_record(pid, record);
	else
		print_record(pid, record, file);
}

void show_unpatched(const struct options *options, pid_t pid, const char *comm)
{
	if (options->json) {
		json_open(NULL, '{');
		json_number("pid", (uint64_t)pid);
		json_text("process", comm);
		json_close('}');
	} else if (!options->perf_map) {
		printf("%d: ", pid);
		print_coloured(YELLOW, "not patched");
		printf(" (%s)\n", comm);
	}
}

/* ---- a patch file ---- */

static void print_object(const char *what, const struct vz_object *object)
{
	char id[2 * BUILD_ID_MAX + 1];

	build_id_format(object->build_id.data, (size_t)object->build_id.size, id);
	print_name(what, object->name);
	printf(", build-id %s\n", id);
}

static void print_func(const struct vz_func *func)
{
	print_name("  ", func->name);
	if (func->file[0] != '\0')
		print_name(" of ", func->file);
	printf(": %" PRIu64 " bytes, new %" PRIu64 "%s%s%s\n", func->target_size, func->patch_size,
	       func->flags & VZ_FUNC_ALLOW_ACTIVE ? "; old calls of it may go on" : "",
	       func->flags & VZ_FUNC_PASSES ? "; goes on in the old code" : "",
	       func->flags & VZ_FUNC_ADDRESS_TAKEN ? "; stays in memory after a revert" : "");
}

static bool is_reference(const struct vzpatch *meta, uint32_t symbol)
{
	for (size_t i = 0; i < meta->n_dynrefs; i++) {
		if (meta->dynrefs[i].symbol == symbol)
			return true;
	}
	return false;
}

/* Is it among what the code that runs needs?  A patch of whole units refers to more. */
static bool is_needed(const struct vzpatch *meta, const char *name)
{
	bool is_known = false;

	for (size_t i = 0; i < meta->n_comments; i++) {
		if (strcmp(meta->comments[i].key, NEEDS_KEY) != 0)
			continue;
		if (strcmp(meta->comments[i].text, name) == 0)
			return true;
		is_known = true;
	}
	return !is_known;
}

/* Print what is reached by an address in the patch alone, and by no symbol. */
static void print_needed_places(const struct patchfile *patch)
{
	const struct vzpatch *meta = &patch->meta;
	char name[256];
	struct elf_sym symbol;

	for (size_t i = 0; i < meta->n_comments; i++) {
		const struct vz_comment *comment = &meta->comments[i];
		bool is_printed = strcmp(comment->key, NEEDS_KEY) != 0 || comment->text[0] == '\0';

		for (size_t k = 0; !is_printed && k < meta->n_dynrefs; k++)
			is_printed = strcmp(meta->dynrefs[k].name, comment->text) == 0;
		for (uint32_t k = 1; !is_printed && k < patch->elf.n_dynsyms; k++)
			is_printed = elf_dynsym(&patch->elf, k, &symbol) == 0 && symbol.shndx == SHN_UNDEF &&
				elf_dynstr(&patch->elf, symbol.name, name, sizeof(name)) == 0 &&
				strcmp(name, comment->text) == 0;
		if (is_printed)
			continue;
		print_name("  ", comment->text);
		printf(" of the target\n");
	}
}

/* Print what the patch refers to: first what the target does not export, then what its libraries export. */
static void print_needs(const struct patchfile *patch)
{
	const struct vzpatch *meta = &patch->meta;
	char name[256], version[64];
	struct elf_sym symbol;
	bool weak;

	for (size_t i = 0; i < meta->n_dynrefs; i++) {
		if (!is_needed(meta, meta->dynrefs[i].name))
			continue;
		print_name("  ", meta->dynrefs[i].name);
		printf(" of the target, 0x%" PRIx64 "\n", meta->dynrefs[i].target_addr);
	}
	print_needed_places(patch);
	for (uint32_t i = 1; i < patch->elf.n_dynsyms; i++) {
		if (elf_dynsym(&patch->elf, i, &symbol) != 0 || symbol.shndx != SHN_UNDEF ||
		    symbol.bind == STB_WEAK || is_reference(meta, i) ||
		    elf_dynstr(&patch->elf, symbol.name, name, sizeof(name)) != 0 ||
		    elf_symbol_version(&patch->elf, i, version, sizeof(version), &weak) != 0 || !is_needed(meta, name))
			continue;
		print_name("  ", name);
		if (version[0] != '\0')
			print_name("@", version);
		printf("\n");
	}
	msg_forget();
}

void show_patch(const struct options *options, const struct patchfile *patch)
{
	const struct vzpatch *meta = &patch->meta;

	if (options->json) {
		vzpatch_print_json(meta, stdout);
		printf("\n");
		return;
	}
	print_object("patch: ", &meta->patch);
	print_object("for: ", &meta->target);
	print_name("made by: ", meta->generator);
	print_name(", mode ", meta->mode);
	printf("\n");
	for (size_t i = 0; i < meta->n_comments; i++) {
		if (strcmp(meta->comments[i].key, NEEDS_KEY) == 0)
			continue;
		print_name("", meta->comments[i].key);
		print_name(": ", meta->comments[i].text);
		printf("\n");
	}
	printf("replaces:\n");
	for (size_t i = 0; i < meta->n_funcs; i++)
		print_func(&meta->funcs[i]);
	for (size_t i = 0; i < meta->n_hooks; i++) {
		print_name(i == 0 ? "hooks, which the process runs while all of its threads stand:\n  " : "  ",
			   meta->hooks[i].name);
		printf(": %s, %" PRIu64 " ms at most\n", hooks_name((uint32_t)meta->hooks[i].kind), meta->hooks[i].limit_ms);
	}
	for (size_t i = 0; i < meta->n_quiets; i++)
		if (i == 0 || strcmp(meta->quiets[i].name, meta->quiets[i - 1].name) != 0)
			print_name(i == 0 ? "and no thread may be in: " : ", ", meta->quiets[i].name);
	if (meta->n_quiets > 0)
		printf("\n");
	for (size_t i = 0; i < meta->n_states; i++) {
		print_name(i == 0 ? "state that goes from an older patch to a newer one: " : ", ", meta->states[i].name);
		print_name(" (", meta->states[i].type);
		printf(")%s", i + 1 < meta->n_states ? "" : "\n");
	}
	printf("needs:\n");
	print_needs(patch);
}
