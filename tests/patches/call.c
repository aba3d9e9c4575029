/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A static function of the target is called by the patch. */
#include <nsb/vzp.h>

VZP_FILE("server.c");
VZP_STATIC_FUNC_REF(int, handle_small, (int n));
VZP_STATIC_FUNC_REF(int, handle_big, (int n));
int by_table(int n);

int by_table(int n)
{
	return 100 + (n < 100 ? handle_small(n) : handle_big(n));
}
