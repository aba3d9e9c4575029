/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The architectures of this build: an amd64 nsb patches processes of both, an i386 nsb of one. */
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
