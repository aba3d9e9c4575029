/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings: what the user asked of nsb-build. */
#ifndef NSB_BUILD_SETTINGS_H
#define NSB_BUILD_SETTINGS_H

#include <stdbool.h>

#include "words.h"

struct settings {
	struct words targets;		/* --target */
	const char *pid;		/* NULL: none */
	const char *debian;		/* PACKAGE[=VERSION]; NULL: none */
	const char *former;		/* a patch that is applied already; NULL: none */
	const char *rpm;		/* FILE.src.rpm; NULL: none */
	const char *chroot, *suite;	/* the system to work in, and what it is to be made of; NULL: none */
	const char *source, *output, *built, *test;
	const char *fixed_version;	/* of the package; then `names` choose among its patches.  NULL: none */
	struct words names;
	struct words diffs, command;	/* absolute names; the command that builds */
	const char *again;		/* a shell command that builds what has been built before; NULL: `command` */
	bool quiet, keeps, no_trial, no_cache, accepts_difference, makes_deb;
	char *log, *gen, *nsb;
};

/* Read the command line, or print what it asks for, and end.  Bad usage ends nsb-build. */
void settings_read(int argc, char **argv, struct settings *settings);

#endif
