/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both of two static functions of one name are replaced. */
#include <nsb/vzp.h>

VZP_FILE("server.c");
VZP_STATIC_SYM_ALIAS(first_twin, twin);
int first_twin(void);

int first_twin(void)
{
	return 1000;
}

VZP_FILE("server2.c");
VZP_STATIC_SYM_ALIAS(second_twin, twin);
int second_twin(void);

int second_twin(void)
{
	return 200;
}
