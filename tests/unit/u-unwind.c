/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both engines of unwind on processes whose stacks are known: unwind-target.c,
 * built here for each ABI, dynamic and static.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "object.h"
#include "proc.h"
#include "ptrace.h"
#include "target.h"
#include "unwind.h"
#include "tap.h"

#define FRAMES 256
#define SAMPLES 300
#define ROUNDS 2000

struct build {
	const char *name, *command;
	bool is_32;
	bool bare;		/* the C library has no unwind tables */
	bool whole;		/* every instruction has them: no PLT of a static program, no i386 vDSO */
};

static const struct build builds[] = {
	{ "amd64", "gcc", false, false, true },
	/* The stubs of memcpy and other IFUNCs have no tables in static programs. */
	{ "amd64-static", "gcc -static", false, false, false },
	{ "i386", "gcc -m32", true, false, false },
	{ "i386-static", "gcc -m32 -static", true, false, false },
	{ "musl", "musl-gcc -static", false, true, false },
};

struct scenario {
	const char *name;
	bool proven;		/* the tables lead to the bottom */
	bool has_signal;	/* a signal frame on the way */
	bool sleeps;
	bool in_scan;		/* only the word scan comes to middle() */
	size_t least_frames;
};

static const struct scenario scenarios[] = {
	{ "sleep", true, false, true, false, 6 },
	{ "thread", true, false, true, false, 6 },
	{ "deep", true, false, true, false, 66 },
	{ "qsort", true, false, true, false, 8 },
	{ "handler", true, true, true, false, 8 },
	{ "siginfo", true, true, true, false, 8 },
	{ "altstack", true, true, true, false, 8 },
	{ "notables", false, false, true, true, 4 },
	{ "wrongtables", false, false, true, true, 4 },
	{ "notables-altstack", false, false, true, true, 4 },
};

/* A running target, opened, one of its threads stopped by us. */
struct subject {
	pid_t pid, tid;
	int pipe;
	uint64_t outer, middle, leaf, never;
	struct target target;
	struct objects objects;
	struct cfi_table *tables;
	size_t n_tables;
	struct unwinder *own, *native;
	struct regs regs;
};

static bool build_target(const struct build *build)
{
	char source[sizeof(__FILE__) + 32] = __FILE__, cwd[2048];

	(void)strcpy(strrchr(source, '/') + 1, "unwind-target.c");
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return false;
	return shell("%s -O2 -fomit-frame-pointer -pthread -g -o %s %s%s%s", build->command,
		     build->name, source[0] == '/' ? "" : cwd, source[0] == '/' ? "" : "/", source);
}

static bool start(struct subject *subject, const char *program, const char *scenario)
{
	int fds[2];
	char path[256], line[256] = "";
	size_t fill = 0;

	*subject = (struct subject){ 0 };
	if (pipe(fds) != 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", scratch(), program);
	subject->pid = fork();
	if (subject->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(fds[1], 1);
		(void)execl(path, program, scenario, (char *)NULL);
		_exit(127);
	}
	(void)close(fds[1]);
	while (fill < sizeof(line) - 1 && strchr(line, '\n') == NULL &&
	       read(fds[0], line + fill, 1) == 1)
		fill++;
	subject->pipe = fds[0];
	subject->tid = subject->pid;
	return sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &subject->outer,
		      &subject->middle, &subject->leaf, &subject->never) == 4;
}

/* The youngest thread. */
static pid_t last_thread(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	pid_t tid = pid;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (atoi(entry->d_name) > tid)
			tid = atoi(entry->d_name);
	}
	if (dir != NULL)
		(void)closedir(dir);
	return tid;
}

static int make_unwinder(struct subject *subject, bool own, struct unwinder **out)
{
	struct unwind_setup setup = {
		.arch = subject->target.arch, .memory = subject->target.memory,
		.peek = target_peek, .tables = subject->tables, .n_tables = subject->n_tables,
		.engines = own ? UNWIND_OWN : UNWIND_LIBUNWIND,
	};
	struct unwind_mapping *mappings = calloc(subject->target.maps.count, sizeof(*mappings));
	int err;

	if (mappings == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < subject->target.maps.count; i++) {
		if (subject->target.maps.all[i].prot != 0)
			mappings[setup.n_mappings++] = (struct unwind_mapping){
				.start = subject->target.maps.all[i].start,
				.end = subject->target.maps.all[i].end,
				.executable = (subject->target.maps.all[i].prot & PROT_EXEC) != 0,
			};
	}
	setup.mappings = mappings;
	err = unwinder_create(out, &setup);
	free(mappings);
	return err;
}

static bool stop(struct subject *subject)
{
	struct pt_status status;

	return pt_interrupt(subject->tid) == 0 && pt_wait(subject->tid, &status) == 0 &&
		status.stop == PT_INTERRUPTED && pt_get_regs(subject->target.arch, subject->tid, &subject->regs) == 0;
}

static bool look(struct subject *subject, bool sleeps)
{
	subject->tid = last_thread(subject->pid);
	while (sleeps && proc_thread_state(subject->pid, subject->tid) != 'S')
		(void)sched_yield();
	if (target_open(&subject->target, subject->pid, TARGET_VIEW) != 0 ||
	    objects_read(&subject->objects, &subject->target) != 0 ||
	    objects_cfi_tables(&subject->objects, &subject->target, &subject->tables,
			       &subject->n_tables) != 0)
		return false;
	if (make_unwinder(subject, true, &subject->own) != 0 ||
	    (subject->target.arch == arch_all[0] &&
	     make_unwinder(subject, false, &subject->native) != 0))
		return false;
	return pt_seize(subject->tid) == 0 && stop(subject);
}

static void finish(struct subject *subject)
{
	int status;

	unwinder_destroy(subject->own);
	unwinder_destroy(subject->native);
	free(subject->tables);
	objects_deinit(&subject->objects);
	if (target_close(&subject->target) != 0)
		note("target_close: %s", msg_kept());
	(void)kill(subject->pid, SIGKILL);
	if (subject->tid != subject->pid)
		(void)waitpid(subject->tid, &status, __WALL);
	(void)waitpid(subject->pid, &status, __WALL);
	(void)close(subject->pipe);
}

/* The function at `start` as the tables have it. */
static struct code_range range_of(struct subject *subject, uint64_t start)
{
	struct code_range range = { start, start + 1, "function", false };

	for (size_t i = 0; i < subject->n_tables; i++) {
		const struct cfi_table *table = &subject->tables[i];
		struct cfi_function function = { 0 };

		if (start < table->start || start >= table->end)
			continue;
		if (cfi_function(subject->target.arch, table, &subject->target.memory, start,
				 &function) != 0)
			note("no bounds for %" PRIx64, start);
		range.start = function.start;
		range.end = function.end;
	}
	return range;
}

static struct unwind_verdict check(struct subject *subject, struct unwinder *unwinder,
				   uint64_t function, struct unwind_frame *frames)
{
	struct code_range range = range_of(subject, function);
	struct unwind_verdict verdict;

	if (unwind_check(unwinder, subject->tid, &subject->regs, &range, 1, &verdict, frames,
			 FRAMES) != 0)
		verdict.safe = verdict.proven = false;
	return verdict;
}

static void show(const struct unwind_frame *frames, size_t count)
{
	for (size_t i = 0; i < count && i < FRAMES; i++)
		note("%2zu %" PRIx64 "%s%s", i, frames[i].pc, frames[i].exact ? " exact" : "",
		     frames[i].signal ? " signal" : "");
}

static bool same_frames(struct subject *subject, const struct unwind_frame *frames, size_t count)
{
	struct unwind_frame others[FRAMES] = { 0 };
	struct unwind_verdict verdict = check(subject, subject->native, subject->never, others);
	bool same = verdict.n_frames == count;

	for (size_t i = 0; i < count && i < FRAMES && same; i++)
		same = frames[i].pc == others[i].pc && frames[i].exact == others[i].exact &&
			frames[i].signal == others[i].signal;
	if (!same) {
		note("own:");
		show(frames, count);
		note("libunwind:");
		show(others, verdict.n_frames);
	}
	return same;
}

static uint64_t lookup(const struct unwind_frame *frame)
{
	return frame->exact ? frame->pc : frame->pc - 1;
}

/* The verdict on `function` names the frame that lies in it, and its caller. */
static bool names_frame(struct subject *subject, const struct unwind_verdict *verdict,
			uint64_t function, const struct unwind_frame *frames, size_t count)
{
	struct code_range range = range_of(subject, function);

	for (size_t i = 0; i + 1 < count; i++) {
		if (lookup(&frames[i]) >= range.start && lookup(&frames[i]) < range.end)
			return verdict->hit == frames[i].pc &&
				verdict->hit_return == frames[i + 1].pc && verdict->hit_sp != 0;
	}
	return false;
}

static void test_engine(struct subject *subject, struct unwinder *unwinder, const char *title,
			const struct scenario *scenario)
{
	struct unwind_frame frames[FRAMES] = { 0 };
	struct unwind_verdict verdict = check(subject, unwinder, subject->never, frames);
	size_t count = verdict.n_frames, signals = 0;

	for (size_t i = 0; i < count && i < FRAMES; i++)
		signals += frames[i].signal;
	if (!ok(verdict.safe && verdict.proven == scenario->proven,
		"%s: a function that is not on the stack is safe, %s", title,
		scenario->proven ? "by proof" : "by the scan") ||
	    !ok(count >= scenario->least_frames && (signals != 0) == scenario->has_signal,
		"%s: all frames are seen", title)) {
		note("safe %d proven %d scan %d hit %" PRIx64 " frames %zu", verdict.safe,
		     verdict.proven, verdict.scan_hit, verdict.hit, count);
		show(frames, count);
	}
	verdict = check(subject, unwinder, subject->middle, NULL);
	ok(!verdict.safe && verdict.range != NULL &&
	   (scenario->in_scan ? verdict.scan_hit || !verdict.proven :
	    names_frame(subject, &verdict, subject->middle, frames, count)),
	   "%s: a function in the middle is found", title);
	verdict = check(subject, unwinder, subject->leaf, NULL);
	ok(!verdict.safe && names_frame(subject, &verdict, subject->leaf, frames, count),
	   "%s: a function near the top is found", title);
	if (unwinder == subject->own && subject->native != NULL)
		ok(same_frames(subject, frames, count), "%s: libunwind sees the same frames", title);
}

/* The memory of a process whose objects have been replaced by others: where tables began there is something else. */
static struct bytes honest;
static const struct cfi_table *replaced_tables;
static size_t n_replaced;

static int read_replaced(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	(void)self;
	if (honest.read(&honest, addr, buf, size) != 0)
		return -EIO;
	for (size_t i = 0; i < n_replaced; i++) {
		if (size > 0 && (addr == replaced_tables[i].hdr || addr == replaced_tables[i].eh_frame))
			*(uint8_t *)buf ^= 0xff;
	}
	return 0;
}

static struct unwind_verdict look_for(const struct subject *subject, struct unwinder *unwinder,
				      const struct code_range *range)
{
	struct unwind_verdict verdict;

	if (unwind_check(unwinder, subject->tid, &subject->regs, range, 1, &verdict, NULL, 0) != 0)
		verdict.safe = verdict.proven = false;
	return verdict;
}

static void test_replaced(struct subject *subject, const char *title)
{
	const struct code_range never = range_of(subject, subject->never), middle = range_of(subject, subject->middle);
	struct unwinder *unwinder = NULL;
	struct unwind_verdict verdict;

	honest = subject->target.memory;
	subject->target.memory = (struct bytes){ read_replaced, NULL };
	if (make_unwinder(subject, true, &unwinder) == 0) {
		verdict = look_for(subject, unwinder, &never);
		ok(verdict.proven, "%s: proven by tables that were copied", title);
		replaced_tables = subject->tables;
		n_replaced = subject->n_tables;
		unwinder_look_again(unwinder);
		verdict = look_for(subject, unwinder, &never);
		ok(!verdict.proven, "%s: not proven by tables that are not there any more", title);
		verdict = look_for(subject, unwinder, &middle);
		ok(!verdict.safe, "%s: a function in the middle is found all the same", title);
		n_replaced = 0;
		unwinder_look_again(unwinder);
		verdict = look_for(subject, unwinder, &never);
		ok(verdict.proven, "%s: proven again", title);
	}
	unwinder_destroy(unwinder);
	subject->target.memory = honest;
}

/* Where only the scan can tell, and has to find its way between stacks. */
static void test_bare(struct subject *subject, const char *title)
{
	struct unwind_verdict verdict = check(subject, subject->own, subject->never, NULL);

	ok(verdict.safe && !verdict.proven, "%s: a function that is not on the stack is safe", title);
	verdict = check(subject, subject->own, subject->middle, NULL);
	ok(!verdict.safe && verdict.range != NULL, "%s: a function in the middle is found", title);
	verdict = check(subject, subject->own, subject->leaf, NULL);
	ok(!verdict.safe && verdict.range != NULL, "%s: a function near the top is found", title);
}

static void test_scenario(const struct build *build, const struct scenario *scenario)
{
	struct subject subject;
	char title[100];

	(void)snprintf(title, sizeof(title), "%s %s", build->name, scenario->name);
	if (ok(start(&subject, build->name, scenario->name) && look(&subject, scenario->sleeps),
	       "%s: is stopped", title) && build->bare) {
		test_bare(&subject, title);
	} else if (subject.own != NULL) {
		test_engine(&subject, subject.own, title, scenario);
		if (scenario->proven && build->whole)
			test_replaced(&subject, title);
		(void)snprintf(title, sizeof(title), "%s %s, libunwind", build->name, scenario->name);
		if (subject.native != NULL)
			test_engine(&subject, subject.native, title, scenario);
	} else {
		note("%s", msg_kept());
	}
	finish(&subject);
}

/* Stop it anywhere, often: never safe for middle(), always for never(), engines agree. */
static void test_anywhere(const struct build *build, const char *scenario, bool all_proven)
{
	struct subject subject;
	unsigned missed = 0, proven = 0, unsafe = 0, differing = 0, stopped = 0;

	if (!ok(start(&subject, build->name, scenario) && look(&subject, false),
		"%s %s: is stopped", build->name, scenario)) {
		finish(&subject);
		return;
	}
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct timespec pause = { 0, (long)(50000 + (i * 7919) % 50000) };
		struct unwind_frame frames[FRAMES] = { 0 };
		struct unwind_verdict verdict = check(&subject, subject.own, subject.middle, NULL);

		missed += verdict.safe;
		verdict = check(&subject, subject.own, subject.never, frames);
		proven += verdict.proven;
		unsafe += !verdict.safe;
		if (verdict.proven && subject.native != NULL)
			differing += !same_frames(&subject, frames, verdict.n_frames);
		if (pt_cont(subject.tid, 0) != 0)
			break;
		(void)nanosleep(&pause, NULL);
		if (!stop(&subject))
			break;
		stopped++;
	}
	ok(stopped == SAMPLES, "%s %s: stopped %u times", build->name, scenario, stopped);
	ok(missed == 0, "%s %s: an active function is found wherever the thread stands",
	   build->name, scenario);
	ok(all_proven ? proven == SAMPLES : unsafe == 0, "%s %s: %s wherever it stands (%u proven)",
	   build->name, scenario, all_proven ? "proven" : "the other is safe", proven);
	ok(differing == 0, "%s %s: the engines agree everywhere", build->name, scenario);
	finish(&subject);
}

static double microseconds(struct subject *subject, struct unwinder *unwinder)
{
	struct timespec before, after;
	struct code_range range = range_of(subject, subject->never);
	struct unwind_verdict verdict;

	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (unwind_check(unwinder, subject->tid, &subject->regs, &range, 1, &verdict, NULL,
				 0) != 0)
			return 0;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	return ((double)(after.tv_sec - before.tv_sec) * 1e6 +
		(double)(after.tv_nsec - before.tv_nsec) / 1e3) / ROUNDS;
}

static void measure(const struct build *build, const char *scenario)
{
	struct subject subject;

	if (start(&subject, build->name, scenario) && look(&subject, true)) {
		struct unwind_verdict verdict = check(&subject, subject.own, subject.never, NULL);

		note("%s %s: %zu frames, own engine %.2f us, libunwind %.2f us", build->name,
		     scenario, verdict.n_frames, microseconds(&subject, subject.own),
		     subject.native != NULL ? microseconds(&subject, subject.native) : 0.0);
	}
	finish(&subject);
}

int main(void)
{
	msg_init("u-unwind");
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		const struct build *build = &builds[i];

		if (!build->is_32 && arch_all[0]->word != 8)
			continue;
		if (!build_target(build)) {
			skip(build->name, "the compiler cannot build such programs");
			continue;
		}
		if (!runs(build->name, "never")) {
			skip(build->name, "this kernel runs no such programs");
			continue;
		}
		for (size_t j = 0; j < sizeof(scenarios) / sizeof(scenarios[0]); j++)
			test_scenario(build, &scenarios[j]);
		test_anywhere(build, "sort", build->whole);
		test_anywhere(build, "clock", build->whole);
		measure(build, "sleep");
		measure(build, "qsort");
		measure(build, "deep");
	}
	return done();
}
