/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The smallest patch: one global function, one string. */
const char *greet(void);

const char *greet(void)
{
	return "goodbye";
}
