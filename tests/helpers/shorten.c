/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into nsb-gen: the file $SHORTEN becomes empty at the first call of the function
 * $SHORTEN_AT: "pread", while it is read, or "gelf_getehdr", when libelf begins to use it; or
 * at a later one, if $SHORTEN_SKIP is the number of calls before it.
 */
#include <dlfcn.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void shorten(const char *at)
{
	const char *path = getenv("SHORTEN"), *wanted = getenv("SHORTEN_AT"), *skip = getenv("SHORTEN_SKIP");
	static int calls;

	if (path != NULL && wanted != NULL && strcmp(at, wanted) == 0 && calls++ >= (skip != NULL ? atoi(skip) : 0) &&
	    truncate(path, 0) != 0)
		abort();
}

ssize_t pread64(int fd, void *buf, size_t size, off64_t offset)
{
	ssize_t (*const real)(int, void *, size_t, off64_t) =
		(ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");

	/* The headers have been read by then: the rest is read in one call. */
	if (size > 4096)
		shorten("pread");
	return real(fd, buf, size, offset);
}

GElf_Ehdr *gelf_getehdr(Elf *elf, GElf_Ehdr *to)
{
	GElf_Ehdr *(*const real)(Elf *, GElf_Ehdr *) = (GElf_Ehdr *(*)(Elf *, GElf_Ehdr *))dlsym(RTLD_NEXT, "gelf_getehdr");

	shorten("gelf_getehdr");
	return real(elf, to);
}
