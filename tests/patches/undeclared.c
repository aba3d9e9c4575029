/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mistake that the compiler has to find. */
int visit(int by);

int visit(int by)
{
	return handle_small(by);
}
