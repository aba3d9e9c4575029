/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "status.h"

#include <errno.h>
#include <stddef.h>

/* Every errno that is not in this table means EXIT_REFUSED. */
static const struct {
	int err;
	enum exit_status status;
} statuses[] = {
	{ 0, EXIT_DONE },
	{ ENOENT, EXIT_NOT_APPLIED },
	{ EBUSY, EXIT_BUSY },
	{ EPERM, EXIT_NOT_PERMITTED },
	{ EACCES, EXIT_NOT_PERMITTED },
	{ ESRCH, EXIT_NO_PROCESS },
	{ EALREADY, EXIT_TRACED },
	{ ENOEXEC, EXIT_BAD_PATCH },
	{ ESTALE, EXIT_NO_FIT },
	{ EEXIST, EXIT_APPLIED },
	{ ECANCELED, EXIT_PARTIAL },
	{ EUCLEAN, EXIT_DAMAGED },
	{ ELIBEXEC, EXIT_CANNOT_RUN },	/* run.h tells what these two mean */
	{ ELIBACC, EXIT_NO_PROGRAM },
	{ EINTR, EXIT_INTERRUPTED },
};

static const char *const names[] = {
	[EXIT_DONE] = "done",
	[EXIT_REFUSED] = "refused",
	[EXIT_NOT_APPLIED] = "not applied",
	[EXIT_BUSY] = "busy",
	[EXIT_NOT_PERMITTED] = "not permitted",
	[EXIT_NO_PROCESS] = "no such process",
	[EXIT_TRACED] = "traced",
	[EXIT_BAD_PATCH] = "bad patch",
	[EXIT_NO_FIT] = "does not fit",
	[EXIT_APPLIED] = "applied already",
	[EXIT_PARTIAL] = "partial",
	[EXIT_DAMAGED] = "damaged",
	[EXIT_INTERRUPTED] = "interrupted",
	[EXIT_USAGE] = "usage",
};

enum exit_status status_of(int err)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].err == -err)
			return statuses[i].status;
	}
	return EXIT_REFUSED;
}

const char *status_name(enum exit_status status)
{
	size_t i = status;

	return i < sizeof(names) / sizeof(names[0]) && names[i] != NULL ? names[i] : "refused";
}
