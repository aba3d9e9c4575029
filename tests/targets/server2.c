/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's other half: names that the linker does not let out, and doubles. */
#include "server.h"

int hidden_variable = 100;
int protected_variable = 200;
int internal_variable = 300;
static int same = 2;

KEEP int hidden_function(int n)
{
	return hidden_variable + n;
}

KEEP int protected_function(int n)
{
	return protected_variable + n;
}

KEEP int internal_function(int n)
{
	return internal_variable + n;
}

static KEEP int twin(void)
{
	return same;
}

KEEP int other_twin(void)
{
	return twin() * 10;
}

void other_set(int n)
{
	same = n + 20;
}
