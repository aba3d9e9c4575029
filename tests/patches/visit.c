/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A global variable, by a plain extern. */
extern int visits;
int visit(int by);

int visit(int by)
{
	visits += by < 0 ? 0 : by * 3;
	return visits;
}
