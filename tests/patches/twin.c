/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second one of two static functions that use static variables of one name. */
#include <nsb/vzp.h>

#ifdef BY_SYMBOL
VZP_STATIC_VAR_REF(int, same, "server2.c");
int other_twin(void);

int other_twin(void)
{
	return same * 21;
}
#else
VZP_FILE("tests/targets/server2.c");
VZP_STATIC_VAR_REF(int, same);
int other_twin(void);

int other_twin(void)
{
	return same * 20;
}
#endif
