/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

VZP_FILE("guide.c");

int pace(int turn);

/* worker() never returns, and take_turn() sleeps. What they call once in each turn is replaced. */
int pace(int turn)
{
	return turn > 0 ? 2 : 0;
}
