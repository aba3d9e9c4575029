/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "refusals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

#define TOLD_MAX 50		/* more lines than that nobody reads */

int refuse_later(const struct draft *draft, int err)
{
	struct refusals *refusals = draft->refusals;

	if (err != -EINVAL)
		return err;
	if (*msg_kept() == '\0')
		return refusals->count != 0 ? 0 : err;
	for (size_t i = 0; i < refusals->count; i++)
		if (strcmp(refusals->table[i], msg_kept()) == 0) {
			msg_forget();
			return 0;
		}
	/* Without memory this one is told alone. */
	if (ARRAY_GROW(&refusals->table, refusals->count, 1) != 0)
		return err;
	char *text = strdup(msg_kept());
	if (text == NULL)
		return err;
	refusals->table[refusals->count++] = text;
	msg_forget();
	return 0;
}

int refuse_callers_later(const struct draft *draft, struct replaced *replaced, int err)
{
	replaced->is_refused |= err == -EINVAL;
	return refuse_later(draft, err);
}

bool is_refused_for(const struct draft *draft, const char *why)
{
	for (size_t i = 0; *why != '\0' && i < draft->refusals->count; i++)
		if (strstr(draft->refusals->table[i], why) != NULL)
			return true;
	return false;
}

int end_if_refused(const struct draft *draft, int err)
{
	return err == 0 && draft->refusals->count != 0 ? -EINVAL : err;
}

int tell_refusals(const struct draft *draft, int err)
{
	const struct refusals *refusals = draft->refusals;

	if (refusals == NULL || refusals->count == 0)
		return err;
	/* What ended the work comes last, if it is something else. */
	size_t last = *msg_kept() == '\0' ? refusals->count - 1 : refusals->count;
	for (size_t i = 0; i < last; i++) {
		if (i == TOLD_MAX) {
			warn("%zu more refusals are not printed", last - i);
			break;
		}
		warn("%s", refusals->table[i]);
	}
	if (last < refusals->count)
		return fail(EINVAL, "%s", refusals->table[last]);
	return err != 0 ? err : -EINVAL;
}
