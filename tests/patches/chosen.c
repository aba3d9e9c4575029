/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostile.c: needs a function that a resolver of the program chooses. */
int chosen(void);
const char *greet(void);

const char *greet(void)
{
	return chosen() == 1 ? "goodbye" : "farewell";
}
