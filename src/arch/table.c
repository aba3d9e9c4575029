/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of this build.  An amd64 build has both folders, an i386 build this one alone. */
#include "i386.h"

#ifdef __x86_64__
#include "amd64.h"
#endif

const struct arch *const arch_all[] = {
#ifdef __x86_64__
	&arch_amd64,
#endif
	&arch_i386,
	NULL,
};
