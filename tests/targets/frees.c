/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects that are freed in many ways, by functions that begin with different instructions.  The next object is made at
 * the same address.
 */
#include "target.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __LP64__
#define REG_PC REG_RIP
#else
#define REG_PC REG_EIP
#endif
#define TRAP_FLAG 0x100

struct object {
	int is_in;
	int filler[9];
};

static struct object *object;
int dropped;
int *counted = &dropped;

KEEP const char *login(struct object *at, int password)
{
	at->is_in = password == 42;
	return at->is_in ? "welcome" : "wrong";
}

KEEP void note(void)
{
	dropped++;
}

/* It begins with a branch. */
KEEP void drop_branch(struct object *at)
{
	if (at == NULL)
		return;
	note();
	free(at);
}

/* With a jump. */
KEEP void drop_jump(struct object *at)
{
	free(at);
}

/* With a call. */
KEEP int drop_call(struct object *at)
{
	note();
	free(at);
	return dropped;
}

/* With an address that counts from the instruction; on i386 with a call that finds the pc. */
KEEP int drop_data(struct object *at)
{
	(*counted)++;
	free(at);
	return dropped;
}

/* The object is on the stack on both ABIs. */
KEEP long drop_last(long a, long b, long c, long d, long e, long f, struct object *at, long g)
{
	note();
	free(at);
	return a + b + c + d + e + f + g;
}

/* A convention of the compiler's own on i386, and a value of floating point before the object. */
static __attribute__((noinline)) int drop_static(double by, struct object *at)
{
	note();
	free(at);
	return (int)by + dropped;
}

/* Its code comes back to its start. */
KEEP __attribute__((naked)) void drop_again(__attribute__((unused)) struct object *at)
{
	__asm__("771: dec %eax; jo 771b; jmp drop_jump");
}

/* It begins with a call, and somebody is told when it is left. */
static void tidy(int *p)
{
	dropped += *p;
}
KEEP void drop_cleaning(struct object *at)
{
	__attribute__((cleanup(tidy))) int one = 1;

	note();
	free(at);
}

/* There is a copy of it in reply(). */
static inline __attribute__((always_inline)) void drop_inlined(struct object *at)
{
	note();
	free(at);
}

static pthread_t threads[4];

static void drop(const char *way)
{
	double by = (double)strlen(way) / 2;

	if (strcmp(way, "branch") == 0)
		drop_branch(object);
	else if (strcmp(way, "jump") == 0)
		drop_jump(object);
	else if (strcmp(way, "call") == 0)
		drop_call(object);
	else if (strcmp(way, "data") == 0)
		drop_data(object);
	else if (strcmp(way, "last") == 0 && drop_last(1, 2, 3, 4, 5, 6, object, 7) != 28)
		abort();
	else if (strcmp(way, "static") == 0 && drop_static(by, object) != (int)by + dropped)
		abort();
	else if (strcmp(way, "again") == 0)
		drop_again(object);
	else if (strcmp(way, "inlined") == 0)
		drop_inlined(object);
	else if (strcmp(way, "free") == 0)
		free(object);
}

static volatile int steps, lost;	/* instructions in no file; from so many no backtrace comes home */
static char *home;			/* where reply() returns to */

/* Code of i386 finds its address by a call of a mov and a ret, which gcc gives no unwind table, in no program. */
static int finds_pc(const unsigned char *code)
{
	static const unsigned char move = 0x8b, stack = 0x24, ret = 0xc3;

	return (code[0] == move && code[2] == stack && code[3] == ret) || (code[0] == ret && code[-3] == move && code[-1] == stack);
}

/* SIGUSR1: from now on its thread takes a SIGTRAP behind each instruction; SIGUSR2: no more. */
static void step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	void *pc = (void *)at->uc_mcontext.gregs[REG_PC], *frames[64];
	Dl_info nothing;
	int is_home = 0;

	(void)info;
	if (signal != SIGTRAP)
		at->uc_mcontext.gregs[REG_EFL] ^= TRAP_FLAG;
	if (signal != SIGTRAP || dladdr(pc, &nothing) != 0 || finds_pc(pc))
		return;
	int count = backtrace(frames, 64);
	for (int i = 0; i < count; i++)
		is_home |= (char *)frames[i] == home;
	steps++;
	lost += !is_home;
}

static void walk(const char *way)
{
	struct sigaction action = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };

	void *here;

	backtrace(&here, 1);		/* it loads the unwinder, of which nsb tells */
	steps = lost = 0;
	if (sigaction(SIGUSR1, &action, NULL) != 0 || sigaction(SIGUSR2, &action, NULL) != 0 || sigaction(SIGTRAP, &action, NULL) != 0)
		abort();
	raise(SIGUSR1);
	drop(way);
	raise(SIGUSR2);
	object = NULL;
}

static volatile int goes_on, rounds, faults, children;

/* New objects are nobody's old ones: who has just begun is not locked out. */
static void *churn(void *arg)
{
	unsigned turn = 0;

	while (goes_on) {
		struct object *at = malloc(sizeof(*at));

		if (at == NULL)
			abort();
		for (int i = 0; i < 3; i++)
			if (strcmp(login(at, 1), "wrong") != 0)
				__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
		login(at, 1);
		if (turn++ % 2 == 0)
			drop_call(at);
		else
			drop_data(at);
		__atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

/* Children free an object while threads of their parent do. */
static void *breed(void *arg)
{
	while (goes_on) {
		struct object *at = malloc(sizeof(*at));
		int status = 1;
		pid_t child = at == NULL ? -1 : fork();

		if (child == 0) {
			alarm(20);
			login(at, 1);
			drop_call(at);
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
			__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
		drop_data(at);
		children++;
	}
	return arg;
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "", way[32] = "";
	int password = 0;

	sscanf(question, "%31s %d", what, &password);
	home = __builtin_return_address(0);
	if (object == NULL)
		object = malloc(sizeof(*object));
	if (object == NULL)
		abort();
	if (sscanf(question, "drop %31s", way) == 1) {
		drop_branch(NULL);
		drop(way);
		object = NULL;
		snprintf(answer, size, "dropped");
	} else if (sscanf(question, "walk %31s", way) == 1) {
		walk(way);
		snprintf(answer, size, "steps %s lost %d", steps > 20 ? "many" : steps > 0 ? "few" : "none", lost);
	} else if (strcmp(what, "churn") == 0) {
		goes_on = 1;
		for (int i = 0; i < 4; i++)
			if (pthread_create(&threads[i], NULL, i == 3 ? breed : churn, NULL) != 0)
				abort();
		snprintf(answer, size, "begun");
	} else if (strcmp(what, "end") == 0) {
		while (rounds < 1000 || children < 10)
			usleep(1000);
		goes_on = 0;
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		snprintf(answer, size, "faults %d", faults);
	} else if (strcmp(what, "login") == 0) {
		snprintf(answer, size, "%s", login(object, password));
	}
}
