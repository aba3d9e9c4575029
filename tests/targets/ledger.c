/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ledger: a list of entries that threads add up all the time, for patches that have to change data along with
 * the code.  The amounts are in units; the patch tests/patches/ledger.c counts in tenths.
 */
#include "target.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct entry {
	struct entry *next;
	int amount;
};

static struct entry entries[] = { { NULL, 1 }, { NULL, 2 }, { NULL, 3 }, { NULL, 4 } };
static struct entry *head;
int hook_calls;				/* the hooks that count count here */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int wrong, stop, adders;
static atomic_long rounds;

/* The sum in units: -1 if it is not one that the ledger can have. */
KEEP int total(void)
{
	int sum = 0;

	for (const struct entry *entry = head; entry != NULL; entry = entry->next)
		sum += entry->amount;
	return sum == 10 ? sum : -sum;
}

/* Nobody replaces it.  A thread in it sees amounts twice, which must be the same. */
KEEP int audit(void)
{
	struct timespec pause = { .tv_nsec = 3000000 };
	int first = entries[0].amount;

	nanosleep(&pause, NULL);
	return first == entries[0].amount;
}

KEEP int seek(int amount)
{
	const struct entry *entry = head;

	while (entry != NULL && entry->amount != amount)
		entry = entry->next;
	return entry != NULL;
}

/* What must not be called by a hook: another thread may have the lock. */
KEEP int locked_total(void)
{
	pthread_mutex_lock(&lock);
	int sum = total();
	pthread_mutex_unlock(&lock);
	return sum;
}

/* One system call, for hooks that are said to make one. */
KEEP int parent(void)
{
	return (int)getppid();
}

/* From now on getppid(2) is forbidden, and returns -1. */
static void forbid(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		abort();
}

static void *add_up(void *arg)
{
	(void)arg;
	adders++;
	while (!stop) {
		if (total() != 10)
			wrong++;
		rounds++;
	}
	return NULL;
}

static void *audit_on(void *arg)
{
	(void)arg;
	adders++;
	while (!stop) {
		if (!audit())
			wrong++;
		rounds++;
	}
	return NULL;
}

static void *sleep_on(void *arg)
{
	struct timespec pause = { .tv_sec = 1000 };

	(void)arg;
	adders++;
	while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
		;
	return NULL;
}

static void start(void *work(void *), int count)
{
	pthread_t thread;
	int before = adders;

	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, work, NULL) != 0)
			abort();
	while (adders < before + count)
		usleep(1000);
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "";
	int n = 0;

	if (head == NULL) {
		for (size_t i = 0; i + 1 < sizeof(entries) / sizeof(entries[0]); i++)
			entries[i].next = &entries[i + 1];
		head = entries;
	}
	sscanf(question, "%31s %d", what, &n);
	if (strcmp(what, "add") == 0)
		start(add_up, n);
	else if (strcmp(what, "audit") == 0)
		start(audit_on, n);
	else if (strcmp(what, "sleep") == 0)
		start(sleep_on, n);
	else if (strcmp(what, "forbid") == 0)
		forbid();
	else if (strcmp(what, "total") == 0)
		snprintf(answer, size, "total %d", total());
	else if (strcmp(what, "seek") == 0)
		snprintf(answer, size, "seek %d", seek(n));
	else if (strcmp(what, "amounts") == 0)
		snprintf(answer, size, "amounts %d %d", entries[0].amount, entries[3].amount);
	else if (strcmp(what, "calls") == 0)
		snprintf(answer, size, "calls %d", hook_calls);
	else if (strcmp(what, "locked") == 0)
		snprintf(answer, size, "locked %d %d", locked_total(), parent() > 0);
	else if (strcmp(what, "check") == 0)
		snprintf(answer, size, "%s %d", rounds > 0 || adders == 0 ? "fine" : "idle", (int)wrong);
}
