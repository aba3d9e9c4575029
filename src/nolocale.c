/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nolocale: stands in for what glibc would link for languages and wide characters, 60 KB.
 *
 * strerror(3) and assert(3) ask gettext for a translation, which brings catalogues of messages and conversions of
 * character sets; what getopt(3) and assert(3) print could go to a wide stream, which brings a second printf.  nsb calls
 * no setlocale(3), and has no wide stream.  A conversion of character sets may be in a library of its own, which brings
 * the dynamic linker.  The names are glibc's own, in the members dcgettext.o, finddomain.o, loadmsgcat.o, fxprintf.o and
 * gconv_dl.o of libc.a: where these are not needed, nothing of this is linked either.
 */
#include <stdarg.h>
#include <stdio.h>

char *__dcgettext(const char *domain, const char *text, int category);
char *dcgettext(const char *domain, const char *text, int category);
__attribute__((weak)) void _nl_finddomain_subfreeres(void);
extern __attribute__((weak)) int _nl_msg_cat_cntr;
__attribute__((weak)) void *__gconv_find_shlib(const char *name);
__attribute__((weak)) void __gconv_release_shlib(void *library);
int __vfxprintf(FILE *file, const char *fmt, va_list args, unsigned mode);
int __fxprintf(FILE *file, const char *fmt, ...);
__attribute__((alias("__fxprintf"))) int __fxprintf_nocancel(FILE *file, const char *fmt, ...);

char *__dcgettext(const char *domain, const char *text, int category)
{
	(void)domain;
	(void)category;
	return (char *)text;
}

char *dcgettext(const char *domain, const char *text, int category)
{
	return __dcgettext(domain, text, category);
}

/*
 * fclose(3) brings the tables of character sets, which free by the first what gettext has loaded, and setlocale(3), which
 * counts by the second what gettext has to load anew.  If the members that have these are linked for another reason,
 * theirs count.
 */
void _nl_finddomain_subfreeres(void)
{
}

int _nl_msg_cat_cntr;

/* There are no such libraries. */
void *__gconv_find_shlib(const char *name)
{
	(void)name;
	return NULL;
}

void __gconv_release_shlib(void *library)
{
	(void)library;
}

int __vfxprintf(FILE *file, const char *fmt, va_list args, unsigned mode)
{
	(void)mode;
	return vfprintf(file == NULL ? stderr : file, fmt, args);
}

int __fxprintf(FILE *file, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = __vfxprintf(file, fmt, args, 0);
	va_end(args);
	return length;
}
