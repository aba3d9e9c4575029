/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thread-local variables of the target, an exported and a static one. */
#include <nsb/vzp.h>

VZP_FILE("tls.c");
VZP_STATIC_TLS_REF(int, tls_static);
extern __thread int tls_global;

int bump(int n);

int bump(int n)
{
	tls_global += 2 * n;
	tls_static++;
	return 100000 + tls_global * 100 + tls_static;
}
VZP_CALLERS_CHECKED(bump);	/* they hand it on, or print it */
