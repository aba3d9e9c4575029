/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two halves of the server know of each other. */
#ifndef SERVER_H
#define SERVER_H

#include "target.h"

extern __attribute__((visibility("hidden"))) int hidden_variable;
extern __attribute__((visibility("protected"))) int protected_variable;
extern __attribute__((visibility("internal"))) int internal_variable;
__attribute__((visibility("hidden"))) int hidden_function(int n);
__attribute__((visibility("protected"))) int protected_function(int n);
__attribute__((visibility("internal"))) int internal_function(int n);
int other_twin(void);
void other_set(int n);

#endif
