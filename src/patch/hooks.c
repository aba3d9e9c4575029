/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "page.h"
#include "remote.h"

#define WHY_BYTES 200

const char *hooks_name(enum vz_hook_kind kind)
{
	static const char *const names[] = {
		[VZ_HOOK_PRE_APPLY] = "pre-apply", [VZ_HOOK_POST_APPLY] = "post-apply",
		[VZ_HOOK_PRE_REVERT] = "pre-revert", [VZ_HOOK_POST_REVERT] = "post-revert",
	};

	return names[kind];
}

uint32_t hooks_begun(const struct record *record)
{
	const struct record_head *head = record->head;
	return head->state == RECORD_LOADING || head->state == RECORD_REVERTING ? head->hook : 0;
}

bool hooks_has(const struct record *record, enum vz_hook_kind kind)
{
	for (uint32_t i = 0; i < record->head->n_hooks; i++) {
		if (record->hooks[i].kind == kind)
			return true;
	}
	return false;
}

int hooks_mark(struct target *target, const struct record *record, uint32_t kind)
{
	const uint64_t address = record->head->address + offsetof(struct record_head, hook);
	uint32_t old;

	if (target_read(target, address, &old, sizeof(old)) != 0)
		return fail(EIO, "%s: cannot read memory at 0x%" PRIx64, target_name(target), address);
	return target_write_small(target, address, &old, &kind, sizeof(kind));
}

/* What nsb undoes, and what it cannot. */
#define UNDONE "what nsb changed is undone, but data of the program may have been changed"

static int fail_hook(const struct target *target, const char *name, int err)
{
	char why[WHY_BYTES];

	(void)snprintf(why, sizeof(why), "%s", msg_kept());
	msg_forget();
	if (err != -ETIME && err != -EFAULT)
		return fail(EUCLEAN, "hook %s was ended (%s): " UNDONE, name, why);
	return fail(EUCLEAN, "%s: hook %s %s: " UNDONE " (look at them, or restart it)", target_name(target), name, why);
}

static int run(struct target *target, const struct record *record, const struct record_hook *hook,
	       struct hooks_report *report)
{
	const struct record_head *head = record->head;
	const char *name = record_string(record, hook->name);
	const bool may_veto = hook->kind == VZ_HOOK_PRE_APPLY || hook->kind == VZ_HOOK_PRE_REVERT;
	struct remote_function function = {
		.address = hook->address, .limit_ms = hook->limit_ms,
		.stack = head->address + head->mapped - head->stack + HOOK_GUARD, .stack_size = head->stack - HOOK_GUARD,
	};
	int err = remote_run_function(target, &function);

	report->entered += function.was_entered;
	report->is_lost |= function.is_lost;
	if (err == -ESRCH || (err != 0 && !function.was_entered))
		return err;
	if (err != 0)
		return fail_hook(target, name, err);
	say("%s: hook %s (%s) took %.3f ms, and may take %u", target_name(target), name, hooks_name(hook->kind),
	    (double)function.took_ns / 1e6, hook->limit_ms);
	if (!may_veto || (int32_t)function.result == 0)
		return 0;
	report->is_vetoed = true;
	return fail(EINVAL, "%s: hook %s (%s) of %s returned %d: it forbids to %s the patch", target_name(target), name,
		    hooks_name(hook->kind), record_string(record, head->patch_name), (int32_t)function.result,
		    hook->kind == VZ_HOOK_PRE_APPLY ? "apply" : "revert");
}

int hooks_run(struct target *target, const struct record *record, enum vz_hook_kind kind,
	      struct hooks_report *report)
{
	int err = hooks_has(record, kind) ? hooks_mark(target, record, kind) : 0;

	for (uint32_t i = 0; i < record->head->n_hooks && err == 0; i++) {
		if (record->hooks[i].kind == kind)
			err = run(target, record, &record->hooks[i], report);
	}
	return err;
}

int hooks_tell_failure(const struct target *target, const struct hooks_report *report, int err)
{
	char why[WHY_BYTES];

	if (err == 0 || err == -ESRCH || err == -EUCLEAN || report->entered == 0 ||
	    (report->entered == 1 && report->is_vetoed) || target_has_ended(target))
		return err;
	(void)snprintf(why, sizeof(why), "%s", msg_kept());
	msg_forget();
	return fail(EUCLEAN, "%s; hooks had run before: " UNDONE, why);
}
