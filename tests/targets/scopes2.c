/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other half of scopes.c. */
#include "scopes.h"

volatile int hidden_value = 10, protected_value = 20, internal_value = 30;
static volatile int total = 2;

static KEEP int helper(int n)
{
	return n * total;
}

KEEP int hidden_step(int n)
{
	return n + hidden_value;
}

KEEP int protected_step(int n)
{
	return n + protected_value;
}

KEEP int internal_step(int n)
{
	return n + internal_value;
}

KEEP int other_sum(int n)
{
	return helper(n) + 1;
}
