/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The beginning of patches of the ledger, to which a test adds a hook. */
#include <nsb/vzp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	int amount;
};

VZP_FILE("ledger.c");
VZP_STATIC_VAR_REF(struct entry *, head);
extern int hook_calls;
int seek(int amount);
int locked_total(void);
int parent(void);
int total(void);

int total(void)
{
	return head->amount == 1 ? 110 : -1;
}
