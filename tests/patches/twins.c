/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two static variables of one name, told apart by the aliases of the patch. */
#include <nsb/vzp.h>

VZP_FILE("server.c");
VZP_STATIC_SYM_ALIAS(first_same, same);
VZP_STATIC_VAR_REF(int, first_same);
VZP_STATIC_SYM_ALIAS(first_twin, twin);
int first_twin(void);

int first_twin(void)
{
	return 100 + first_same;
}

VZP_FILE("server2.c");
VZP_STATIC_SYM_ALIAS(second_same, same);
VZP_STATIC_VAR_REF(int, second_same);
VZP_STATIC_SYM_ALIAS(second_twin, twin);
int second_twin(void);

int second_twin(void)
{
	return 200 + second_same;
}
