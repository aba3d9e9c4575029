/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does nothing, and does it well.  Can a program like this one be run here at all? */
int main(void)
{
	return 0;
}
