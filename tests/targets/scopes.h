/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two halves of scopes.c know of each other. */
#ifndef SCOPES_H
#define SCOPES_H

#include "target.h"

extern __attribute__((visibility("hidden"))) volatile int hidden_value;
extern __attribute__((visibility("protected"))) volatile int protected_value;
extern __attribute__((visibility("internal"))) volatile int internal_value;
__attribute__((visibility("hidden"))) int hidden_step(int n);
__attribute__((visibility("protected"))) int protected_step(int n);
__attribute__((visibility("internal"))) int internal_step(int n);
int other_sum(int n);

#endif
