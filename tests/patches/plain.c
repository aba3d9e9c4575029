/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sequence.c */
int plain(int n);

int plain(int n)
{
	return n + 2;
}
