/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that the linker does not let out. */
#include <nsb/vzp.h>

VZP_HIDDEN_VAR_REF(int, hidden_variable);
VZP_PROTECTED_VAR_REF(int, protected_variable);
VZP_INTERNAL_VAR_REF(int, internal_variable);
VZP_HIDDEN_FUNC_REF(int, hidden_function, (int n));
VZP_PROTECTED_FUNC_REF(int, protected_function, (int n));
VZP_INTERNAL_FUNC_REF(int, internal_function, (int n));
int all_limited(int n);

int all_limited(int n)
{
	return hidden_function(n) + protected_function(n) + internal_function(n) +
	       10 * (hidden_variable + protected_variable + internal_variable);
}
