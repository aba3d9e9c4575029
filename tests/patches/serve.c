/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: functions that never return. */
int serving(void);
void serve(void);
int serve_counting(int n);

int serving(void)
{
	return 2;
}

void serve(void)
{
}

int serve_counting(int n)
{
	return n;
}
