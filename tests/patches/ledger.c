/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Amounts are counted in tenths from now on: those that are there are converted while nobody looks, and back again
 * when the patch is taken out.  The flags say what a hook does beyond that.
 */
#include <nsb/vzp.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	int amount;
};

VZP_FILE("ledger.c");
VZP_STATIC_VAR_REF(struct entry *, head);
extern int hook_calls;

int total(void);

int total(void)
{
	int sum = 0;

	for (const struct entry *entry = head; entry != NULL; entry = entry->next)
		sum += entry->amount;
	return sum == 100 ? sum / 10 : -sum;
}


/* All amounts have to be such that they can be converted. */
static int look(void)
{
	hook_calls++;
#ifdef VETO
	return VETO;
#endif
	for (const struct entry *entry = head; entry != NULL; entry = entry->next)
		if (entry->amount > 1000)
			return entry->amount;
	return 0;
}
VZP_PRE_APPLY(look)

#ifdef DEEP
static __attribute__((noipa)) int sink(int n)
{
	volatile int more[256];

	more[0] = more[255] = 0;
	return n == 0 ? more[0] : 1 + sink(n - 1) + more[255];
}
#endif

static void to_tenths(void)
{
	struct entry copy;

	hook_calls++;
	for (struct entry *entry = head; entry != NULL; entry = entry->next) {
		memcpy(&copy, entry, sizeof(copy));
		copy.amount *= 10;
		memcpy(entry, &copy, sizeof(copy));
	}
#ifdef FAULT
	*(volatile int *)(size_t)FAULT = 1;
#endif
#ifdef LOOP
	for (;;)
		__asm__ volatile("" ::: "memory");
#endif
#ifdef DEEP
	hook_calls += sink(DEEP) - DEEP;
#endif
#ifdef SLOW
	for (volatile long i = 0; i < SLOW; i++)
		;
#endif
}
VZP_POST_APPLY(to_tenths)

static int look_back(void)
{
	hook_calls++;
#ifdef VETO_BACK
	return VETO_BACK;
#endif
	return 0;
}
VZP_PRE_REVERT(look_back)

static void to_units(void)
{
	hook_calls++;
	for (struct entry *entry = head; entry != NULL; entry = entry->next)
		entry->amount /= 10;
#ifdef FAULT_BACK
	*(volatile int *)(size_t)FAULT_BACK = 1;
#endif
}
VZP_POST_REVERT(to_units)

#ifdef QUIET
VZP_NOT_ACTIVE(audit)
#endif
#ifdef LIMIT
VZP_HOOK_LIMIT(to_tenths, LIMIT)
#endif
