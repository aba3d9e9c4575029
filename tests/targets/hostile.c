/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that looks like all others of its program until it is told to be hostile.
 * "attack NAME [ARGUMENT]" prepares what a line of the table below says, and is answered by "attacks".
 */
#include "hostile.h"
#include "target.h"

#include <errno.h>
#include <grp.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "record.h"	/* the layout of what is forged */
#include "slack.h"	/* what nsb leaves a note in */

extern uint8_t __ehdr_start[] __attribute__((visibility("hidden")));

static atomic_long refused, escaped;
static volatile int resolver_stays, resolver_faults, resolver_becomes;
static char argument[64];	/* of "attack NAME" */

KEEP const char *greet(void)
{
	return "hello";
}

/* Become the program that descriptor 7 is. */
static void become(void)
{
	char *words[] = { (char *)"became", NULL };

	execv("/proc/self/fd/7", words);
	_exit(1);
}

/* A function that is chosen when it is linked; only a patch names it. */
static int first_choice(void)
{
	return 1;
}

static KEEP int (*choose(void))(void)
{
	while (resolver_stays)
		;
	if (resolver_faults)
		__builtin_trap();
	if (resolver_becomes)
		become();
	return first_choice;
}

KEEP int chosen(void) __attribute__((ifunc("choose")));

void *reserve(size_t size, int prot)
{
	void *at = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void start(void *(*run)(void *arg))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL) != 0)
		abort();
}

static void *pause_forever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* ---- forged records ---- */

/* The checksum of zip and PNG. */
static uint32_t checksum(const uint8_t *bytes, size_t size)
{
	static uint32_t table[256];
	uint32_t sum = UINT32_MAX;

	for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	for (size_t i = 0; i < size; i++)
		sum = sum >> 8 ^ table[(sum ^ bytes[i]) & 255];
	return ~sum;
}

static void seal(struct record_head *head)
{
	const size_t summed = offsetof(struct record_head, crc) + sizeof(uint32_t);

	head->crc = checksum((const uint8_t *)head + summed, head->size - summed);
}

/* Write a record of `size` bytes without functions, of a patch with this name, at `at`. */
static void forge(uint8_t *at, size_t size, enum record_state state, const char *name)
{
	struct record_head *head = (void *)at;

	*head = (struct record_head){
		.version = RECORD_VERSION, .state = state, .sequence = 1, .size = (uint32_t)size,
		.address = (uintptr_t)at, .mapped = (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1),
		.object_base = (uintptr_t)__ehdr_start, .object_bias = (uintptr_t)__ehdr_start,
		.patch_name = 1, .object_name = 1, .patch_id_size = 20, .object_id_size = 20,
		.strings_size = (uint32_t)(size - sizeof(*head)),
	};
	memcpy(head->magic, RECORD_MAGIC, sizeof(head->magic));
	strcpy((char *)(head + 1) + 1, name);
	seal(head);
}

/* A record in each page of 64, each of which reaches 4 MiB far: all lie in one another. */
static int overlap(void)
{
	const size_t size = 4 * MIB;
	uint8_t *at = reserve(size + 64 * PAGE_SIZE, PROT_READ | PROT_WRITE);

	if (at == NULL)
		return -1;
	for (size_t page = 64; page-- > 0;)
		forge(at + page * PAGE_SIZE, size, RECORD_APPLIED, "inside");
	return mprotect(at, size + 64 * PAGE_SIZE, PROT_READ);
}

/* 64 MiB of records, in mappings that the page behind each keeps apart. */
static int fill(void)
{
	for (int i = 0; i < 16; i++) {
		uint8_t *at = reserve(4 * MIB + PAGE_SIZE, PROT_READ | PROT_WRITE);

		if (at == NULL)
			return -1;
		forge(at, 4 * MIB, RECORD_APPLIED, "behind");
		if (mprotect(at, 4 * MIB, PROT_READ) != 0)
			return -1;
	}
	return 0;
}

/* The 20 bytes of this object's build-id in its memory. */
static uint8_t *find_build_id(void)
{
	uint8_t *at = __ehdr_start;

	for (size_t i = sizeof(ElfW(Ehdr)); i + 36 <= PAGE_SIZE; i += 4) {
		if (memcmp(at + i, "\4\0\0\0\24\0\0\0\3\0\0\0GNU", 16) == 0)
			return at + i + 16;
	}
	return NULL;
}

/*
 * A record of the patch whose build-id is the argument: it is said to replace greet(), or nothing.
 * `old` are the bytes that greet() is said to have begun with, NULL: those it has.
 */
static int claim(enum record_state state, bool replaces, const uint8_t *old)
{
	const uint8_t *code = (const uint8_t *)(uintptr_t)greet, *own_id = find_build_id();
	uint8_t *at = reserve(2 * PAGE_SIZE, PROT_READ | PROT_WRITE);
	struct record_head *head = (void *)at;
	struct record_func *func = (void *)(head + 1);
	unsigned byte, landing = memcmp(code, "\xf3\x0f\x1e", 3) == 0 ? 4 : 0;

	if (at == NULL || own_id == NULL)
		return -1;
	forge(at, sizeof(*head) + (replaces ? sizeof(*func) : 0) + 64, state, "");
	if (replaces) {
		*func = (struct record_func){
			.target = (uintptr_t)greet, .target_size = 16, .patch = (uintptr_t)at + PAGE_SIZE,
			.via = (uintptr_t)at + PAGE_SIZE, .patch_size = 16, .jump_offset = landing, .name = 10,
		};
		memcpy(func->target_old, old != NULL ? old : code + landing, 5);
	}
	head->n_funcs = replaces;
	head->mapped = 2 * PAGE_SIZE;
	head->strings_size = 64;
	memcpy((uint8_t *)head + head->size - 64, "\0greet.so\0greet", 16);
	memcpy(head->object_id, own_id, sizeof(head->object_id));
	for (size_t i = 0; i < 20 && sscanf(argument + 2 * i, "%2x", &byte) == 1; i++)
		head->patch_id[i] = (uint8_t)byte;
	seal(head);
	if (mprotect(at, PAGE_SIZE, PROT_READ) != 0)
		return -1;
	return mprotect(at + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_EXEC);
}

static int claim_applied(void)
{
	return claim(RECORD_APPLIED, true, NULL);
}

static int claim_other(void)
{
	return claim(RECORD_APPLIED, true, (const uint8_t *)"what?");
}

static int claim_nothing(void)
{
	return claim(RECORD_APPLIED, false, NULL);
}

static int claim_begun(void)
{
	return claim(RECORD_LOADING, true, (const uint8_t *)"what?");
}

/* A name with CSI as one character, U+009B, which terminals take for "ESC [". */
static int colour(void)
{
	uint8_t *at = reserve(PAGE_SIZE, PROT_READ | PROT_WRITE);

	if (at == NULL)
		return -1;
	forge(at, 1024, RECORD_REVERTING, "one\302\23331mtwo");
	return mprotect(at, PAGE_SIZE, PROT_READ);
}

/* ---- memory ---- */

/* Readable memory that has no pages, where records could be; no two of these mappings are merged. */
static int be_empty(void)
{
	const size_t step = 16 * MIB + PAGE_SIZE;
	uint8_t *all = reserve(2000 * step, PROT_NONE);

	for (size_t i = 0; all != NULL && i < 2000; i++) {
		if (mprotect(all + i * step, 16 * MIB, PROT_READ) != 0)
			return -1;
	}
	return all == NULL ? -1 : 0;
}

/* Writable memory that has no pages, where suspended contexts could be. */
static int be_large(void)
{
	return reserve((size_t)256 << 30, PROT_READ | PROT_WRITE) == NULL ? -1 : 0;
}

/* Its program says to be of another build, in a private copy of the page. */
static int disguise(void)
{
	uint8_t *at = __ehdr_start, *id = find_build_id();

	if (id == NULL || mprotect(at, PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
		return -1;
	memset(id, 'x', 20);
	return mprotect(at, PAGE_SIZE, PROT_READ);
}

/* Its headers are gone, in a private copy of the page. */
static int destroy(void)
{
	uint8_t *at = __ehdr_start;

	if (mprotect(at, PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
		return -1;
	memset(at, 'x', PAGE_SIZE);
	return mprotect(at, PAGE_SIZE, PROT_READ);
}

/* ---- threads and calls ---- */

static int keep_resolver(void)
{
	resolver_stays = 1;
	return 0;
}

static int exec_in_resolver(void)
{
	resolver_becomes = 1;
	return 0;
}

static int break_resolver(void)
{
	resolver_faults = 1;
	return 0;
}

static int filter(unsigned number, unsigned action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -1 :
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* Try what the filter forbids, over and over. */
static void *probe(void *arg)
{
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (fd == -1) {
			refused++;
		} else {
			escaped++;
			close(fd);
		}
	}
	return arg;
}

static int be_sandboxed(void)
{
	if (filter(SYS_socket, SECCOMP_RET_ERRNO | EPERM) != 0)
		return -1;
	start(probe);
	return 0;
}

/* In so many groups that the line Seccomp: stands far down in /proc/PID/status. */
static int join_groups(void)
{
	gid_t groups[2000];

	for (size_t i = 0; i < 2000; i++)
		groups[i] = 200000 + (gid_t)i;
	return setgroups(2000, groups) != 0 ? -1 : filter(SYS_mmap, SECCOMP_RET_KILL_PROCESS);
}

/* The parent of a child by vfork sleeps uninterruptibly until the child has ended. */
static int wait_for_child(void)
{
	pid_t parent = getpid();

	if (write(1, "attacks\n", 8) != 8)
		abort();
	if (syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	return 0;
}

/* The words at which nsb begins the note in each place that it may take for its code, and what they are without it. */
static const volatile uint64_t *notes[16];
static uint64_t without[16];
static size_t n_notes;

static int find_notes(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], prot[5];
	unsigned long end;

	if (maps == NULL)
		return -1;
	while (fgets(line, sizeof(line), maps) != NULL && n_notes < 16) {
		if (sscanf(line, "%*x-%lx %4s", &end, prot) != 2 || strcmp(prot, "r-xp") != 0)
			continue;
		notes[n_notes] = (const void *)(end - sizeof(struct slack_note));
		without[n_notes] = *notes[n_notes];
		n_notes++;
	}
	return fclose(maps) == 0 && n_notes > 0 ? 0 : -1;
}

/* Become the program that descriptor 7 is, as soon as nsb has code in this process. */
static void *watch_notes(void *arg)
{
	for (size_t i = 0; *notes[i] == without[i]; i = (i + 1) % n_notes)
		;
	become();
	return arg;
}

static int exec_later(void)
{
	if (find_notes() != 0)
		return -1;
	start(pause_forever);
	start(watch_notes);
	return 0;
}

static const struct attack {
	const char *name;
	int (*prepare)(void);
} attacks[] = {
	{ "overlap", overlap }, { "fill", fill }, { "colour", colour }, { "empty", be_empty },
	{ "large", be_large }, { "disguise", disguise }, { "destroy", destroy }, { "resolver", keep_resolver },
	{ "fault", break_resolver }, { "become", exec_in_resolver },
	{ "sandbox", be_sandboxed }, { "groups", join_groups }, { "vfork", wait_for_child },
	{ "exec", exec_later }, { "claim", claim_applied }, { "claim-other", claim_other },
	{ "tables", fake_tables }, { "needs", fake_needs }, { "hash", fake_hash }, { "contexts", forge_contexts },
	{ "much", map_much }, { "unserved", map_unserved }, { "flood", flood }, { "churn", churn }, { "deep", scan_deep },
	{ "parasite", stay_in_parasite },
	{ "claim-nothing", claim_nothing }, { "claim-begun", claim_begun },
};

void reply(const char *question, char *answer, size_t size)
{
	static ucontext_t here, there;
	char name[32] = "";

	if (strcmp(question, "greet") == 0) {
		snprintf(answer, size, "%s", greet());
	} else if (strcmp(question, "escaped") == 0) {
		/* Not before it was tried. */
		while (refused + escaped < 10)
			sched_yield();
		snprintf(answer, size, "escaped %ld", (long)escaped);
	} else if (strcmp(question, "switch") == 0) {
		swapcontext(&here, &there);
	}
	sscanf(question, "attack %31s %63s", name, argument);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		if (strcmp(attacks[i].name, name) == 0)
			snprintf(answer, size, attacks[i].prepare() == 0 ? "attacks" : "cannot: %s",
				 strerror(errno));
	}
}
