/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(int, numbers_given);		/* as the new source calls it */
VZP_STATIC_SYM_ALIAS(numbers_given, counter);	/* as the process does */

int next_number(void);

int next_number(void)
{
	numbers_given += 2;
	return numbers_given;
}
