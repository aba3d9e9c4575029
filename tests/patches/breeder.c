/* SPDX-License-Identifier: GPL-2.0-or-later */
/* breeder.c: both functions. */
int which(void);
void stay(void);

int which(void)
{
	return 2;
}

void stay(void)
{
}
