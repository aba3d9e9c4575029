/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A patch that says what it is for. */
#include <nsb/vzp.h>

VZP_COMMENT("CVE-2026-0001: a greeting too short");
const char *greet(void);

const char *greet(void)
{
	return "goodbye";
}
