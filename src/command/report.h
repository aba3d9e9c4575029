/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report: tells what a survey has found, in lines for people, for a monitor, for Prometheus, or in JSON.
 */
#ifndef NSB_REPORT_H
#define NSB_REPORT_H

#include "survey.h"

/*
 * Print what was found.  The result is 0 if all is patched; -ENOENT: something is not; -ECANCELED: some could
 * not be read; -EPERM, with a message: nsb may not look at some.
 */
int report_status(const struct survey *survey);
/* Print one line and return 0, -EINVAL, -ENOENT or -EBUSY, which are the statuses 0 to 3 of a monitor's plugin. */
int report_check(const struct survey *survey);
void report_prometheus(const struct survey *survey);

/* list --object: print the builds of an object, with their processes and patches. */
int report_objects(const struct survey *survey);

/* How many processes stand so with a patch, SIZE_MAX: with any. */
size_t report_count(const struct survey *survey, size_t patch, enum standing standing);

#endif
