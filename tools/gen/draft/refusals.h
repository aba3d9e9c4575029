/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusals: all reasons to refuse a patch, so that one run of nsb-gen tells them all.
 *
 * A check that looks at one function or variable after another hands what it finds to
 * refuse_later(), and goes on with the next.  The stages of a mode that build upon one another
 * end where something was refused: what follows would be told as consequences.
 */
#ifndef NSB_GEN_REFUSALS_H
#define NSB_GEN_REFUSALS_H

#include "draft.h"

/*
 * If `err` is a refusal (-EINVAL), keep its message for the end; the answer is 0.  Every other
 * error is handed back, and ends the work.  What end_if_refused() said is kept already.
 */
int refuse_later(const struct draft *draft, int err) MUST_CHECK;

/*
 * The same of a function whose callers rely on something.  They are told of once, though several
 * checks find something: is_refused of struct replaced.
 */
int refuse_callers_later(const struct draft *draft, struct replaced *replaced, int err) MUST_CHECK;

/* Was something refused with this in its message?  Types that have a changed type in them differ by it, too. */
bool is_refused_for(const struct draft *draft, const char *why);

/* `err`, or -EINVAL without a message if something was refused. */
int end_if_refused(const struct draft *draft, int err) MUST_CHECK;

/*
 * The end of the work, which came to `err`: print the message of each refusal but that of the
 * last, which becomes the one that is kept.  The answer is `err`, or -EINVAL if something was refused.
 */
int tell_refusals(const struct draft *draft, int err) MUST_CHECK;

#endif
