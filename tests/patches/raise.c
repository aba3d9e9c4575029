/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code that exceptions come out of, with a cleanup on the way (-fexceptions). */
int relay(int (*f)(int), int n);
int label(void);

extern int left;
extern int refuse(int n);

static void leave(int *n)
{
	left += *n;
}

int relay(int (*f)(int), int n)
{
	int one __attribute__((cleanup(leave))) = 1;

	return f(n) + 201;
}

int label(void)
{
	int ten __attribute__((cleanup(leave))) = 10;

	return refuse(7);
}
