/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data, .bss, strings, pointers and functions of the patch's own. */
static int times;
static const char *const french[] = { "zero", "un", "deux", "trois" };
static char line[64];
int new_times = 40;
const char *word(int n);
void new_append(char **to, const char *text);

__attribute__((noinline)) void new_append(char **to, const char *text)
{
	while (*text != '\0')
		*(*to)++ = *text++;
	**to = '\0';
}

const char *word(int n)
{
	char *to = line, digits[] = " 0";

	times++;
	new_times++;
	digits[1] = (char)('0' + new_times - 40);
	new_append(&to, french[n & 3]);
	new_append(&to, times + 40 == new_times ? digits : "?");
	return line;
}
