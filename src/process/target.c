/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "cgroup.h"
#include "clock.h"
#include "interrupt.h"
#include "page.h"
#include "permission.h"
#include "proc.h"
#include "sharing.h"

#define PF_KTHREAD 0x00200000UL		/* include/linux/sched.h */
#define END_MS 200
#define SHARING_NS 500000000
#define YIELD_NS 500000		/* a few threads that were woken need less than this */
#define LONG_YIELDS_MAX 8
#define PAGES_AT_ONCE 512
#define PAGE_PRESENT (1ull << 63)	/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGE_SWAPPED (1ull << 62)
#define PAGE_GUARD (1ull << 58)	/* made by MADV_GUARD_INSTALL, and told of from Linux 6.15 on; it counts as swapped */
#define PAGE_OF_FILE (1ull << 61)
#define NSB_TICKS 100		/* of 5 ms: so long is waited for another nsb that traces the process */
#define LEFT_TICKS 2
#define SEIZE_ROUNDS 1000	/* then the process makes threads faster than nsb can list them */

const char *target_name(const struct target *target)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "%d (%s)", target->pid, target->comm);
	return text;
}

/* ---- reading ---- */

static int read_memory(const struct bytes *self, uint64_t address, void *buf, size_t size)
{
	const struct target *target = self->ctx;
	uint8_t *to = buf;

	/* No loop over what a process says lasts longer than the time that it has. */
	if (interrupt_is_over())
		return -EIO;
	while (size > 0) {
		ssize_t got = pread(target->mem_fd, to, size, (off_t)address);

		if (got <= 0)
			return -EIO;
		to += got;
		address += (uint64_t)got;
		size -= (size_t)got;
	}
	return 0;
}

size_t target_peek(pid_t tid, uint64_t address, void *buf, size_t size)
{
	struct iovec local = { buf, size }, remote = { (void *)(uintptr_t)address, size };
	ssize_t got = address <= UINTPTR_MAX ? process_vm_readv(tid, &local, 1, &remote, 1, 0) : 0;

	return got > 0 ? (size_t)got : 0;
}

int target_read(const struct target *target, uint64_t address, void *buf, size_t size)
{
	return target->memory.read(&target->memory, address, buf, size);
}

static size_t pages_at_once(uint64_t start, uint64_t end)
{
	return end - start < PAGES_AT_ONCE * PAGE ? (size_t)((end - start) / PAGE) : PAGES_AT_ONCE;
}

/* What pagemap says of `count` pieces of PAGE bytes from `address` on.  False: it does not say it. */
static bool read_pagemap(const struct target *target, uint64_t address, size_t count, uint64_t *entries)
{
	const uint64_t first = address / target->page;
	const size_t n_pages = (size_t)((address + count * PAGE - 1) / target->page - first) + 1, size = n_pages * sizeof(entries[0]);

	if (target->pagemap_fd <= 0 || interrupt_is_over() ||
	    pread(target->pagemap_fd, entries, size, (off_t)(first * sizeof(entries[0]))) != (ssize_t)size)
		return false;
	/* A larger page is several of them. */
	for (size_t i = target->page == PAGE ? 0 : count; i > 0; i--)
		entries[i - 1] = entries[(address + (i - 1) * PAGE) / target->page - first];
	return true;
}

/*
 * Reading memory that was never touched would make page tables for it, in the process.  Where
 * pagemap cannot be read every page counts as one that exists.
 */
void target_find_pages(const struct target *target, uint64_t address, size_t count, bool *exist)
{
	uint64_t entries[PAGES_AT_ONCE];

	for (size_t done = 0; done < count;) {
		size_t part = count - done < PAGES_AT_ONCE ? count - done : PAGES_AT_ONCE;
		bool is_told = read_pagemap(target, address + done * PAGE, part, entries);

		for (size_t i = 0; i < part; i++)
			exist[done + i] = !is_told ||
					  ((entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0 &&
					   (entries[i] & PAGE_GUARD) == 0);
		done += part;
	}
}

uint64_t target_guard_below(const struct target *target, uint64_t start, uint64_t end)
{
	uint64_t entries[PAGES_AT_ONCE];

	while (end - start >= PAGE) {
		size_t count = pages_at_once(start, end);

		if (!read_pagemap(target, end - count * PAGE, count, entries))
			break;
		for (size_t i = count; i > 0; i--, end -= PAGE) {
			if ((entries[i - 1] & PAGE_GUARD) != 0)
				return end;
		}
	}
	return start;
}

uint64_t target_guard_above(const void *context, uint64_t start, uint64_t end)
{
	const struct target *target = context;
	uint64_t entries[PAGES_AT_ONCE];

	while (end - start >= PAGE) {
		size_t count = pages_at_once(start, end);

		if (!read_pagemap(target, start, count, entries))
			break;
		for (size_t i = 0; i < count; i++, start += PAGE) {
			if ((entries[i] & PAGE_GUARD) != 0)
				return start;
		}
	}
	return end;
}

/* The argument of PAGEMAP_SCAN and what it fills, Documentation/admin-guide/mm/pagemap.rst. */
struct page_scan {
	uint64_t size, flags, start, end, walk_end, regions, n_regions, most_pages;
	uint64_t inverted, all_of, any_of, returned;
};
struct page_region {
	uint64_t start, end, categories;
};

#define SCAN_PAGES _IOWR('f', 16, struct page_scan)
#define SCAN_PRESENT (1u << 3)
#define SCAN_SWAPPED (1u << 4)

uint64_t target_next_page(const struct target *target, uint64_t address, uint64_t end)
{
	struct page_region region = { 0 };
	struct page_scan scan = {
		.size = sizeof(scan), .start = address, .end = end, .regions = (uintptr_t)&region, .n_regions = 1,
		.most_pages = 1, .any_of = SCAN_PRESENT | SCAN_SWAPPED, .returned = SCAN_PRESENT | SCAN_SWAPPED,
	};
	int found = target->pagemap_fd <= 0 ? -1 : ioctl(target->pagemap_fd, SCAN_PAGES, &scan);

	if (found < 0)
		return address;
	return found == 0 ? end : region.start;
}

bool target_has_changed(const struct target *target, const struct mapping *m)
{
	uint64_t entries[PAGES_AT_ONCE];
	size_t count = pages_at_once(m->start, m->end);
	ssize_t got = target->pagemap_fd <= 0 ? -1 :
		      pread(target->pagemap_fd, entries, count * sizeof(entries[0]),
			    (off_t)(m->start / target->page * sizeof(entries[0])));

	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(entries[0]); i++) {
		if ((entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0 && (entries[i] & PAGE_OF_FILE) == 0)
			return true;
	}
	return false;
}

uint64_t target_read_word(const struct target *target, uint64_t address)
{
	uint64_t value = 0;

	return target_read(target, address, &value, target->arch->word) == 0 ? value : 0;
}

int target_read_maps(struct target *target)
{
	maps_deinit(&target->maps);
	return maps_read(&target->maps, target->living);
}

/* ---- opening ---- */

/* Read the status of a process.  Another nsb traces it for a moment only: wait for its end. */
static int read_status(pid_t pid, struct proc_status *status)
{
	const struct timespec tick = { .tv_nsec = 5000000 };
	char tracer[32];
	int err = proc_read_status(pid, status);

	for (int i = 0; err == 0 && i < NSB_TICKS && status->tracer != 0 && status->tracer != getpid() &&
	     !interrupt_is_over() && interrupt_is_noted() == 0; i++) {
		proc_comm(status->tracer, tracer, sizeof(tracer));
		if (strcmp(tracer, "nsb") != 0)
			break;
		(void)nanosleep(&tick, NULL);
		err = proc_read_status(pid, status);
	}
	return err;
}

static int refuse_traced(pid_t pid, const struct proc_status *status)
{
	char tracer[32];

	if (status->tracer == 0 || status->tracer == getpid())
		return 0;
	proc_comm(status->tracer, tracer, sizeof(tracer));
	return fail(EALREADY, "%d: is being traced by process %d (%s): end or detach that one first",
		    pid, status->tracer, tracer);
}

/* Refuse what is no process, and a process that cannot be patched. */
static int check_process(struct target *target, enum target_access access_wanted)
{
	pid_t pid = target->pid;
	struct proc_status status;
	int err;

	if (access("/proc/self/status", R_OK) != 0)
		return fail(EINVAL, "cannot read /proc: %s (is it mounted?)", strerror(errno));
	err = access_wanted == TARGET_VIEW ? proc_read_status(pid, &status) : read_status(pid, &status);
	if (err == -ESRCH)
		return fail(ESRCH, "%d: no such process", pid);
	if (err != 0)
		return fail(-err, "%d: cannot read /proc/%d/status: %s", pid, pid, strerror(-err));
	proc_comm(pid, target->comm, sizeof(target->comm));
	if (pid == getpid())
		return fail(EINVAL, "%d: is nsb itself", pid);
	if (status.tgid != pid)
		return fail(EINVAL, "%d: is a thread of process %d: use -p %d", pid, status.tgid,
			    status.tgid);
	if (proc_flags(pid) & PF_KTHREAD)
		return fail(EINVAL, "%s: is a kernel thread, not a process", target_name(target));
	return access_wanted == TARGET_VIEW ? 0 : refuse_traced(pid, &status);
}

/* The id of a thread that has not ended, 0 if there is none. */
static pid_t find_living(const struct target *target)
{
	int copy = openat(target->task_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	struct dirent *entry;
	pid_t living = 0;

	while (dir != NULL && living == 0 && (entry = readdir(dir)) != NULL) {
		pid_t tid = atoi(entry->d_name);

		if (tid > 0 && strchr("ZX", proc_thread_state(target->pid, tid)) == NULL)
			living = tid;
	}
	if (dir != NULL)
		(void)closedir(dir);
	else if (copy != -1)
		(void)close(copy);
	return living;
}

/* Refuse a zombie.  A leader that has ended while other threads live looks like one, but is none. */
static int check_not_dead(struct target *target)
{
	target->living = target->pid;
	if (proc_thread_state(target->pid, target->pid) != 'Z')
		return 0;
	target->living = find_living(target);
	if (target->living == 0)
		return fail(ESRCH, "%s: is a zombie: it has ended and waits for its parent",
			    target_name(target));
	return 0;
}

static int refuse_access(const struct target *target, int err, const char *what)
{
	if (err == EACCES || err == EPERM)
		return permission_refuse(target->pid, target_name(target), what);
	if (err == ENOENT || err == ESRCH)
		return fail(ESRCH, "%s: has ended", target_name(target));
	return fail(err, "%s: cannot %s: %s", target_name(target), what, strerror(err));
}

static int open_proc(const struct target *target, const char *file, int flags, const char *what,
		     int *fd)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", target->living, file);
	*fd = open(path, flags | O_CLOEXEC);
	return *fd == -1 ? refuse_access(target, errno, what) : 0;
}

int target_open_exe(const struct target *target)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", target->living);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int choose_arch(struct target *target)
{
	struct {
		uint8_t ident[EI_NIDENT];
		uint16_t type, machine;
	} head;
	ssize_t got;
	int fd, err;

	err = open_proc(target, "exe", O_RDONLY, "read its executable", &fd);
	if (err != 0)
		return err;
	got = read(fd, &head, sizeof(head));
	(void)close(fd);
	if (got != (ssize_t)sizeof(head) || memcmp(head.ident, ELFMAG, SELFMAG) != 0)
		return fail(EINVAL, "%s: its executable is no ELF file", target_name(target));
	target->exe_type = head.type;
	target->arch = arch_find(head.ident[EI_CLASS], head.machine);
	if (target->arch == NULL)
		return fail(EINVAL, "%s: is a process for %s, which this nsb (%s) cannot patch",
			    target_name(target),
			    arch_describe(head.ident[EI_CLASS], head.machine), arch_all[0]->name);
	return 0;
}

static int calling_exec(const struct target *target)
{
	return fail(EBUSY, "%s: is calling exec just now (try again)", target_name(target));
}

static int read_auxv(struct target *target)
{
	unsigned word = target->arch->word;
	ssize_t got;
	int fd, err;

	err = open_proc(target, "auxv", O_RDONLY, "read its auxiliary vector", &fd);
	if (err != 0)
		return err;
	got = read(fd, target->auxv, sizeof(target->auxv));
	(void)close(fd);
	target->auxv_size = got > 0 ? (size_t)got : 0;
	for (ssize_t at = 0; at + 2 * (ssize_t)word <= got; at += 2 * (ssize_t)word) {
		uint64_t key = 0, value = 0;

		memcpy(&key, target->auxv + at, word);
		memcpy(&value, target->auxv + at + word, word);
		if (key == AT_PHDR)
			target->auxv_phdr = value;
		else if (key == AT_PHNUM)
			target->auxv_phnum = value;
		else if (key == AT_ENTRY)
			target->auxv_entry = value;
		else if (key == AT_SYSINFO_EHDR)
			target->auxv_vdso = value;
		else if (key == AT_RANDOM)
			target->auxv_random = value;
		else if (key == AT_PAGESZ)
			target->page = value;
	}
	if (target->auxv_entry == 0)
		return calling_exec(target);
	if (!is_page_size(target->page))
		return fail(EINVAL, "%s: has pages of %" PRIu64 " bytes, which nsb does not know", target_name(target),
			    target->page);
	return 0;
}

/*
 * Refuse a target that shares its memory: the other process would run the changed code without being stopped.  A child
 * of vfork(2) or posix_spawn(3) is waited for, as it mostly calls exec soon.
 */
static int refuse_shared_memory(const struct target *target)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	const uint64_t end = now_ns() + SHARING_NS;
	pid_t other;
	int err = sharing_find(target->pid, target->living, &other);

	while (err == 0 && other != 0 && now_ns() < end && !interrupt_is_over() && interrupt_is_noted() == 0) {
		(void)nanosleep(&tick, NULL);
		err = sharing_find(target->pid, target->living, &other);
	}
	if (err != 0)
		return refuse_access(target, -err, "read its executable");
	if (other == 0)
		return 0;
	return fail(EINVAL, "%s: shares its memory with process %d (vfork or CLONE_VM): try again when"
		    " that one has ended or called exec", target_name(target), other);
}

/* Refuse a target that is frozen: none of its threads would stop, nor make a call. */
static int refuse_frozen(const struct target *target)
{
	char group[GROUP_BYTES];

	if (!cgroup_is_frozen(target->living, group, sizeof(group)))
		return 0;
	return fail(EBUSY, "%s: is frozen, with its control group %s (thaw it, or try again when it is"
		    " thawed)", target_name(target), group);
}

int target_open(struct target *target, pid_t pid, enum target_access access_wanted)
{
	int mem_flags = access_wanted == TARGET_VIEW ? O_RDONLY : O_RDWR;
	int err;

	*target = (struct target){ .pid = pid, .living = pid, .mem_fd = -1, .task_fd = -1 };
	target->memory = (struct bytes){ read_memory, target };
	err = check_process(target, access_wanted);
	if (err == 0)
		err = open_proc(target, "task", O_RDONLY | O_DIRECTORY, "list its threads",
				&target->task_fd);
	if (err == 0)
		err = check_not_dead(target);
	if (err == 0)
		err = open_proc(target, "mem", mem_flags, "access its memory", &target->mem_fd);
	if (err == 0) {
		char path[40];

		(void)snprintf(path, sizeof(path), "/proc/%d/pagemap", target->living);
		target->pagemap_fd = open(path, O_RDONLY | O_CLOEXEC);
		err = choose_arch(target);
	}
	if (err == 0)
		err = read_auxv(target);
	if (err == 0 && access_wanted == TARGET_CHANGE)
		err = refuse_frozen(target);
	if (err == 0 && access_wanted == TARGET_CHANGE)
		err = refuse_shared_memory(target);
	if (err == 0)
		err = target_read_maps(target);
	if (err == 0 && access_wanted == TARGET_CHANGE &&
	    maps_find(&target->maps, target->auxv_entry) == NULL)
		err = calling_exec(target);
	if (err != 0 && err != -ESRCH && target->task_fd != -1 && target_has_ended(target)) {
		msg_forget();
		err = fail(ESRCH, "%s: has ended", target_name(target));
	}
	if (err != 0 && target_close(target) != 0)
		return -EUCLEAN;
	return err;
}

/* ---- threads ---- */

int target_count_threads(const struct target *target, size_t *count)
{
	struct stat st;

	if (fstat(target->task_fd, &st) != 0 || st.st_nlink < 2)
		return fail(ESRCH, "%s: has ended", target_name(target));
	*count = (size_t)st.st_nlink - 2;
	return 0;
}

static int compare_threads(const void *a, const void *b)
{
	pid_t left = ((const struct thread *)a)->tid, right = ((const struct thread *)b)->tid;

	return (left > right) - (left < right);
}

/* Add the threads that /proc lists and that are not known, in state THREAD_FOUND. */
static int list_threads(struct target *target, size_t *found)
{
	size_t known = target->n_threads;
	struct dirent *entry;
	int copy = openat(target->task_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	int err = 0;

	*found = 0;
	if (dir == NULL) {
		err = errno;
		if (copy != -1)
			(void)close(copy);
		return refuse_access(target, err, "list its threads");
	}
	while ((entry = readdir(dir)) != NULL) {
		struct thread key = { .tid = atoi(entry->d_name), .trap = NO_TRAP };

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (known > 0 && bsearch(&key, target->threads, known, sizeof(key), compare_threads))
			continue;
		err = ARRAY_GROW(&target->threads, target->n_threads, 1);
		if (err != 0)
			break;
		key.asleep = true;
		if (proc_is_kernel_thread(target->pid, key.tid))
			key.state = THREAD_KERNEL;
		target->threads[target->n_threads++] = key;
		*found += 1;
	}
	(void)closedir(dir);
	if (*found > 0)
		qsort(target->threads, target->n_threads, sizeof(*target->threads),
		      compare_threads);
	return err;
}

static int refuse_seize(const struct target *target, const struct thread *thread, int err)
{
	struct proc_status status;

	if (err != EPERM)
		return fail(err, "%s: cannot trace thread %d: %s", target_name(target), thread->tid,
			    strerror(err));
	if (proc_read_status(thread->tid, &status) == 0) {
		int traced = refuse_traced(target->pid, &status);

		if (traced != 0)
			return traced;
	}
	return permission_refuse(target->pid, target_name(target), "trace it");
}

static int seize_thread(struct target *target, struct thread *thread)
{
	int err = pt_seize(thread->tid);

	if (err == 0) {
		thread->state = THREAD_RUNNING;
		return 0;
	}
	/* The thread has just ended, or it is a leader that ended before: it runs no code any more. */
	if (err == -ESRCH || strchr("ZX", proc_thread_state(target->pid, thread->tid)) != NULL) {
		thread->state = THREAD_GONE;
		return 0;
	}
	return refuse_seize(target, thread, -err);
}

int target_adopt(struct target *target, struct held_thread *held)
{
	int err = ARRAY_GROW(&target->threads, 0, 1);

	if (err != 0)
		return err;
	target->threads[0] = (struct thread){ .tid = target->pid, .state = THREAD_RUNNING, .asleep = true,
					      .held = held, .trap = NO_TRAP };
	if (held != NULL) {
		target->threads[0].state = THREAD_STOPPED;
		target->threads[0].regs = held->regs;
		target->threads[0].group_stop = held->group_stop;
		target->threads[0].since = now_ns();
	}
	target->n_threads = 1;
	target->is_own = true;
	return 0;
}

bool target_is_at_entry(const struct target *target, const struct thread *thread)
{
	return thread->held != NULL && thread->state == THREAD_STOPPED &&
	       regs_get(target->arch, &thread->regs, REG_PC) == target->auxv_entry;
}

int target_rescan(struct target *target, size_t *found)
{
	int err = list_threads(target, found);

	for (size_t i = 0; i < target->n_threads && err == 0; i++) {
		if (target->threads[i].state == THREAD_FOUND)
			err = seize_thread(target, &target->threads[i]);
	}
	return err;
}

int target_seize(struct target *target)
{
	size_t found = 1;
	int err = 0;

	/* What was listed before may have made others before it was traced, so two rounds at least. */
	for (int round = 0; (found > 0 || round < 2) && err == 0; round++) {
		if (round == SEIZE_ROUNDS)
			return fail(EBUSY, "%s: creates threads faster than they can be traced",
				    target_name(target));
		err = target_rescan(target, &found);
	}
	return err;
}

void target_look_asleep(struct target *target)
{
	for (size_t i = 0; i < target->n_threads; i++) {
		struct thread *thread = &target->threads[i];

		if (thread->state == THREAD_RUNNING) {
			char state = proc_thread_state(target->pid, thread->tid);

			thread->asleep = state != 'R';
			thread->is_stuck = state == 'D';
		}
	}
}

uint64_t target_thread_pointer(const struct target *target, const struct thread *thread)
{
	const struct arch *arch = target->arch;
	uint64_t base = 0;

	if (arch->reg[REG_TP].width != 0)
		return regs_get(arch, &thread->regs, REG_TP);
	/* The bits of a selector below its number say who may use it, and which table it is in. */
	if (arch->reg[REG_TP_SELECTOR].width == 0 ||
	    pt_get_thread_area(thread->tid, (unsigned)regs_get(arch, &thread->regs, REG_TP_SELECTOR) >> 3, &base) != 0)
		return 0;
	return base;
}

bool target_is_frail(const struct target *target, const struct thread *thread)
{
	struct proc_call call;

	return thread->state <= THREAD_RUNNING && proc_read_call(target->pid, thread->tid, &call) == 0 &&
	       call_is_frail(target->arch, &target->memory, target->pid, &call);
}

/*
 * Whether a thread that slept in a frail call is in it still.  While it moves bytes it runs, or
 * waits for a processor; it has left the call when it has run code of its own.
 */
static bool is_still_frail(const struct target *target, const struct thread *thread)
{
	struct proc_call call;

	if (thread->state <= THREAD_RUNNING && proc_read_call(target->pid, thread->tid, &call) == -EBUSY)
		return proc_user_time(target->pid, thread->tid) < thread->user_time + LEFT_TICKS;
	return target_is_frail(target, thread);
}

int target_count_frail(struct target *target, bool again, size_t *count)
{
	size_t found;
	int err = again ? 0 : list_threads(target, &found);

	*count = 0;
	for (size_t i = 0; i < target->n_threads; i++) {
		struct thread *thread = &target->threads[i];

		if (again && thread->is_frail)
			thread->is_frail = is_still_frail(target, thread);
		if (!again) {
			thread->is_frail = target_is_frail(target, thread);
			thread->user_time = thread->is_frail ? proc_user_time(target->pid, thread->tid) : 0;
		}
		*count += thread->is_frail;
	}
	return err;
}

struct thread *target_any_stopped(struct target *target)
{
	for (size_t i = 0; i < target->n_threads; i++) {
		if (target->threads[i].state == THREAD_STOPPED)
			return &target->threads[i];
	}
	return NULL;
}

static int thread_failed(const struct target *target, const struct thread *thread, int err,
			 const char *what)
{
	return fail(-err, "%s: cannot %s thread %d: %s", target_name(target), what, thread->tid,
		    strerror(-err));
}

/* -ESRCH for a stopped thread can only mean that it was killed: then it is THREAD_GONE, and no error. */
static int gone_or(struct target *target, struct thread *thread, int err, const char *what)
{
	if (err != -ESRCH)
		return thread_failed(target, thread, err, what);
	thread->state = THREAD_GONE;
	return 0;
}

int target_interrupt(struct target *target, struct thread *thread)
{
	int err;

	if (thread->state != THREAD_RUNNING)
		return 0;
	if (target->arch->forgets_calls)
		thread->had_call = proc_read_call(target->pid, thread->tid, &thread->call) == 0;
	thread->since = now_ns();
	err = pt_interrupt(thread->tid);
	return err == 0 ? 0 : gone_or(target, thread, err, "interrupt");
}

enum call_state target_find_call(const struct target *target, const struct thread *thread, const struct regs *regs,
				 struct proc_call *call)
{
	return call_find(target->arch, regs, thread->had_call ? &thread->call : NULL, call);
}

/*
 * Some system calls return EINTR just because nsb stopped the thread: epoll_wait, sigtimedwait,
 * recv with a timeout, semop (signal(7)).  Where that does no harm nsb lets the thread make the
 * call again.
 */
static int cure_interrupted_call(struct target *target, const struct thread *thread, struct regs *regs)
{
	const struct arch *arch = target->arch;
	const uint64_t mask = arch->word == 8 ? UINT64_MAX : UINT32_MAX;
	const uint64_t result = regs_get(arch, regs, REG_RESULT);
	const pid_t tid = thread->tid;
	struct proc_call call;

	if (target_find_call(target, thread, regs, &call) != CALL_BACK)
		return 0;
	if (result != ((uint64_t)-EINTR & mask)) {
		call_note_result(arch, &target->memory, target->pid, tid, &call, result, &target->loss);
		return 0;
	}
	if (!call_is_repeatable(arch, &target->memory, &call)) {
		call_note_lost(arch, tid, &call, &target->loss);
		return 0;
	}
	call_make_again(arch, regs, &call);
	return pt_restore_regs(arch, tid, regs);
}

/*
 * A traced thread gets signals that it ignores, too, and they end its system calls: cure these
 * before the signal goes on to the thread.
 */
static int cure_at_signal(struct target *target, const struct thread *thread)
{
	struct regs regs;
	int err = pt_get_regs(target->arch, thread->tid, &regs);

	return err != 0 || regs.size != target->arch->regs_size ? err :
	       cure_interrupted_call(target, thread, &regs);
}

/* Let a thread go on from a stop that was not asked for, with the signal that it reported. */
static int let_happen(struct target *target, const struct thread *thread, const struct pt_status *status)
{
	if (status->stop == PT_GROUP_STOP)
		return pt_listen(thread->tid);
	if (status->stop == PT_SIGNAL && !trap_was_hit(&thread->trap, thread->tid, status->signal)) {
		int err = target_may_set(target, thread) ? cure_at_signal(target, thread) : 0;

		return err != 0 ? err : pt_cont(thread->tid, status->signal);
	}
	return pt_cont(thread->tid, 0);
}

int target_await_stop(struct target *target, struct thread *thread)
{
	uint64_t end = now_ns() + STOP_MS * 1000000ull;
	struct pt_status status;
	bool reported;
	int err;

	if (thread->state != THREAD_RUNNING)
		return 0;
	for (;;) {
		err = pt_wait_some(thread->tid, &status, &reported);
		if (err == 0 && !reported && now_ns() > end) {
			char state = proc_thread_state(target->pid, thread->tid);

			/*
			 * A thread in state R stops as soon as it gets a processor, for which many may be
			 * waiting.  In state t it has stopped by now: it was nsb that waited for one.
			 */
			err = interrupt_check();
			if (err != 0 || (state != 'R' && state != 't'))
				return err;
			end += STOP_MS * 1000000ull;
		}
		/* After exec(2) the new program's only thread has the id of a thread that was asked to stop. */
		if (err == 0 && !reported && target_has_ended(target))
			err = pt_interrupt(thread->tid);
		if (err != 0 && err != -ESRCH)
			return thread_failed(target, thread, err, "wait for");
		if (!reported)
			continue;
		if (status.stop == PT_GONE) {
			thread->state = THREAD_GONE;
			return 0;
		}
		if (status.stop == PT_INTERRUPTED || status.stop == PT_GROUP_STOP)
			break;
		/* The thread stopped for another reason.  Let it go on; the stop that was asked for follows. */
		err = let_happen(target, thread, &status);
		if (err != 0 && err != -ESRCH)
			return thread_failed(target, thread, err, "continue");
	}
	thread->group_stop = status.stop == PT_GROUP_STOP;
	thread->state = THREAD_STOPPED;
	err = pt_get_regs(target->arch, thread->tid, &thread->regs);
	/* Try twice: without the registers an interrupted system call cannot be made again. */
	if (err != 0 && err != -ESRCH)
		err = pt_get_regs(target->arch, thread->tid, &thread->regs);
	if (err != 0) {
		/* Without registers nothing can be done with the stopped thread.  Let it go; the undo stops it anew. */
		if (err != -ESRCH && target_continue(target, thread) != 0)
			debug("thread %d stands and cannot be continued", thread->tid);
		return gone_or(target, thread, err, "read the registers of");
	}
	if (thread->regs.size != target->arch->regs_size)
		return fail(EINVAL, "%s: thread %d runs in another mode than %s (%zu bytes of"
			    " registers)", target_name(target), thread->tid, target->arch->name,
			    thread->regs.size);
	err = thread->group_stop || !target_may_set(target, thread) ? 0 :
	      cure_interrupted_call(target, thread, &thread->regs);
	return err == 0 ? 0 : gone_or(target, thread, err, "set the registers of");
}

/* Send a stop signal that was withheld while the thread made calls for nsb. */
static int send_withheld_stop(struct target *target, struct thread *thread)
{
	/* It was for the program that was there then. */
	if (thread->withheld_stop && target_check_same(target) == -ESRCH)
		thread->withheld_stop = false;
	if (thread->withheld_stop) {
		if (syscall(SYS_tgkill, target->pid, thread->tid, SIGSTOP) != 0 && errno != ESRCH)
			return thread_failed(target, thread, -errno, "stop again");
		thread->withheld_stop = false;
	}
	return 0;
}

/* The thread goes on: note how long it stood still. */
static void note_release(struct target *target, const struct thread *thread)
{
	uint64_t stood = now_ns() - thread->since;

	if (stood > target->held_ns)
		target->held_ns = stood;
	if (!thread->asleep && stood > target->runner_ns)
		target->runner_ns = stood;
}

int target_continue(struct target *target, struct thread *thread)
{
	int err;

	if (thread->state != THREAD_STOPPED || target_is_at_entry(target, thread))
		return 0;
	err = send_withheld_stop(target, thread);
	if (err != 0 || thread->state != THREAD_STOPPED)
		return err;
	err = thread->group_stop ? pt_listen(thread->tid) : pt_cont(thread->tid, 0);
	if (err != 0)
		return gone_or(target, thread, err, "continue");
	note_release(target, thread);
	thread->state = THREAD_RUNNING;
	return 0;
}

/* Handle a report of a running thread.  If it has come to its trap, it stays stopped. */
static int serve_stop(struct target *target, struct thread *thread,
		      const struct pt_status *status)
{
	int err;

	if (status->stop == PT_GONE) {
		thread->state = THREAD_GONE;
		return 0;
	}
	if (status->stop == PT_SIGNAL &&
	    trap_was_hit(&thread->trap, thread->tid, status->signal)) {
		thread->group_stop = false;
			thread->state = THREAD_STOPPED;
		thread->since = now_ns();
		trap_disarm(&thread->trap);
		err = pt_get_regs(target->arch, thread->tid, &thread->regs);
		return err == 0 ? 0 : gone_or(target, thread, err, "read the registers of");
	}
	err = let_happen(target, thread, status);
	return err == 0 ? 0 : gone_or(target, thread, err, "continue");
}

/*
 * Take the trap of a stopped thread away.  If the trap was hit just before the thread was
 * stopped for another reason, its signal is pending.  nsb has caused the signal and has to take
 * it away.  To do so, it lets the thread go on; the thread reports the signal before it runs an
 * instruction.
 */
static int forget_trap(struct target *target, struct thread *thread)
{
	const int signal = thread->trap.signal;
	struct proc_status process;
	struct pt_status status = { 0 };
	int err;

	if (thread->trap.fd == -1)
		return 0;
	trap_disarm(&thread->trap);
	err = proc_read_status(thread->tid, &process);
	if (err == 0 && (thread->group_stop ||
			 !((process.pending & ~process.blocked) >> (signal - 1) & 1)))
		return 0;
	if (err == 0)
		err = pt_cont(thread->tid, 0);
	if (err != 0)
		return gone_or(target, thread, err, "continue");
	thread->state = THREAD_RUNNING;
	while (err == 0 && thread->state == THREAD_RUNNING && status.signal != signal) {
		err = pt_wait(thread->tid, &status);
		if (err == 0)
			err = serve_stop(target, thread, &status);
	}
	/* If another had sent the signal, it has been delivered, and the thread runs: stop it again. */
	if (err == 0)
		err = target_interrupt(target, thread);
	return err != 0 ? err : target_await_stop(target, thread);
}

int target_detach(struct target *target, struct thread *thread)
{
	int err;

	/*
	 * Only a stopped thread can be let go.  Where a stop would end a call early, leave it to
	 * the kernel, which lets the thread go when this process of nsb's ends (workers.h).
	 */
	if (thread->state == THREAD_RUNNING && thread->is_frail)
		return 0;
	if (thread->state == THREAD_RUNNING) {
		err = target_interrupt(target, thread);
		if (err == 0)
			err = target_await_stop(target, thread);
		if (err != 0)
			return err;
	}
	if (thread->state != THREAD_STOPPED)
		return 0;
	err = forget_trap(target, thread);
	if (err == 0)
		err = send_withheld_stop(target, thread);
	if (err != 0 || thread->state != THREAD_STOPPED)
		return err;
	if (thread->held != NULL) {
		*thread->held = (struct held_thread){ thread->regs, thread->group_stop };
		return 0;
	}
	/* If the process is in a job-control stop, the kernel keeps the thread stopped (ptrace(2)). */
	err = pt_detach(thread->tid, 0);
	if (err != 0)
		return gone_or(target, thread, err, "detach from");
	note_release(target, thread);
	thread->state = THREAD_FOUND;
	return 0;
}

/* How many yields took long, and how many more threads are let go before the next yield. */
struct pacing {
	unsigned n_long, skip;
};

/*
 * Give the processor to the thread that was let go.  A sleeper wakes up, goes back to its system
 * call and sleeps again; by the yield it does so on nsb's processor.  If all sleepers woke up at
 * once, they would keep the processors from threads that have work to do.  On a busy machine a
 * yield takes some milliseconds, since others use the processor.  After each yield that took
 * long, more threads are let go before the next one.
 */
static void make_way(struct pacing *pacing)
{
	uint64_t before = now_ns();

	if (pacing->n_long == LONG_YIELDS_MAX || pacing->skip > 0) {
		pacing->skip -= pacing->skip > 0;
		return;
	}
	(void)sched_yield();
	if (now_ns() - before > YIELD_NS)
		pacing->skip = 1u << pacing->n_long++;
}

int target_detach_all(struct target *target)
{
	struct thread *leader = NULL;
	struct pacing pacing = { 0 };
	int detached, err = 0;

	for (int asleep = 0; asleep <= 1; asleep++) {
		for (size_t i = 0; i < target->n_threads; i++) {
			struct thread *thread = &target->threads[i];

			/* A leader that runs is stopped when no other thread is traced: target_may_set(). */
			if (thread->tid == target->pid && thread->state == THREAD_RUNNING) {
				leader = thread;
				continue;
			}
			detached = thread->asleep == (asleep == 1) ? target_detach(target, thread) : 0;
			if (err == 0)
				err = detached;
			if (asleep == 1)
				make_way(&pacing);
		}
	}
	detached = leader == NULL ? 0 : target_detach(target, leader);
	return err != 0 ? err : detached;
}

int target_poll_trap(struct target *target, struct thread *thread)
{
	struct pt_status status;
	bool reported = true;
	int err = 0;

	while (err == 0 && reported && thread->state == THREAD_RUNNING) {
		err = pt_poll(thread->tid, &status, &reported);
		if (err != 0)
			err = thread_failed(target, thread, err, "wait for");
		else if (reported)
			err = serve_stop(target, thread, &status);
	}
	return err;
}

/* Handle all reports that there are now.  *trapped is set if a thread has come to its trap. */
static int serve_all(struct target *target, bool *trapped)
{
	for (;;) {
		struct thread key = { 0 }, *thread;
		struct pt_status status;
		int err = pt_poll_any(&key.tid, &status);

		if (err == -ECHILD || (err == 0 && key.tid == 0))
			return 0;
		if (err != 0)
			return fail(-err, "%s: cannot wait for its threads: %s",
				    target_name(target), strerror(-err));
		thread = bsearch(&key, target->threads, target->n_threads, sizeof(key),
				 compare_threads);
		if (thread == NULL)
			continue;
		err = serve_stop(target, thread, &status);
		if (err != 0)
			return err;
		*trapped = *trapped || thread->state == THREAD_STOPPED;
	}
}

int target_serve(struct target *target, unsigned milliseconds)
{
	bool trapped = false;

	for (unsigned passed = 0; passed <= milliseconds && !trapped; passed++) {
		const struct timespec tick = { .tv_nsec = 1000000 };
		int err = serve_all(target, &trapped);

		if (err != 0)
			return err;
		if (passed < milliseconds && !trapped)
			(void)nanosleep(&tick, NULL);
	}
	return 0;
}

/* ---- changing ---- */

static int journal_add(struct target *target, const struct change *change)
{
	int err = ARRAY_GROW(&target->journal, target->n_changes, 1);

	if (err == 0)
		target->journal[target->n_changes++] = *change;
	return err;
}

int target_journal_mapping(struct target *target, uint64_t address, uint64_t size,
			   target_unmap *unmap)
{
	struct change change = { .unmap = unmap, .address = address, .size = size };

	return journal_add(target, &change);
}

void target_journal_keep(struct target *target, uint64_t start, uint64_t end, uint64_t address, const void *bytes,
			 size_t size)
{
	struct change last = { .address = address, .size = size };
	size_t kept = 0;
	bool is_written = false;

	memcpy(last.old, bytes, size);
	/* The first entry is undone last. */
	for (size_t i = 0; i < target->n_changes; i++) {
		struct change change = target->journal[i];
		const bool is_there = change.unmap != NULL && change.address >= start && change.address < end;

		if (!is_there)
			target->journal[kept++] = change;
		else if (!is_written)
			target->journal[kept++] = last;
		is_written |= is_there;
	}
	target->n_changes = kept;
}

/* Write through a stopped thread, by ptrace, if the memory that it has is certainly the target's. */
static int store_by_thread(struct target *target, uint64_t address, const void *bytes, size_t size)
{
	for (size_t i = 0; i < target->n_threads; i++) {
		const struct thread *thread = &target->threads[i];

		if (thread->state == THREAD_STOPPED && target_may_set(target, thread)) {
			int err = target_check_same(target);

			return err != 0 ? err : pt_write(thread->tid, address, bytes, size);
		}
	}
	return -EIO;
}

static int store(struct target *target, uint64_t address, const void *bytes, size_t size)
{
	ssize_t put = pwrite(target->mem_fd, bytes, size, (off_t)address);

	if (put == (ssize_t)size)
		return 0;
	if (put == 0)
		return -ESRCH;	/* the memory is gone, by exec(2) or because the process has ended */
	/* A kernel may forbid to write to read-only memory through /proc/PID/mem (proc_mem.force_override=). */
	return store_by_thread(target, address, bytes, size);
}

int target_write_small(struct target *target, uint64_t address, const void *old,
		       const void *bytes, size_t size)
{
	struct change change = { .address = address, .size = size };
	int err;

	if (size == 0 || size > sizeof(change.old))
		return fail(EINVAL, "a change of %zu bytes is not a small one", size);
	memcpy(change.old, old, size);
	err = journal_add(target, &change);
	if (err != 0)
		return err;
	err = store(target, address, bytes, size);
	if (err != 0)
		return fail(-err, "%s: cannot write to memory at 0x%" PRIx64 ": %s",
			    target_name(target), address, strerror(-err));
	return 0;
}

int target_write_bulk(struct target *target, uint64_t address, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	int err = 0;

	while (size > 0) {
		ssize_t put = pwrite(target->mem_fd, from, size, (off_t)address);

		if (put <= 0) {
			err = put == 0 ? -ESRCH : store_by_thread(target, address, from, size);
			break;
		}
		from += put;
		address += (uint64_t)put;
		size -= (size_t)put;
	}
	if (err != 0)
		return fail(-err, "%s: cannot write to memory at 0x%" PRIx64 ": %s",
			    target_name(target), address, strerror(-err));
	return 0;
}

void target_commit(struct target *target)
{
	target->committed = true;
}

/* ---- undo and close ---- */

static int undo_change(struct target *target, const struct change *change)
{
	uint8_t now[JUMP_MAX];

	if (change->unmap != NULL)
		return change->unmap(target, change->address, change->size);
	if (target_read(target, change->address, now, (size_t)change->size) != 0)
		return -EIO;
	if (memcmp(now, change->old, (size_t)change->size) == 0)
		return 0;
	return store(target, change->address, change->old, (size_t)change->size);
}

/* Whether the process was killed and has not ended yet.  SIGKILL is pending then. */
static bool is_being_killed(const struct target *target)
{
	struct proc_status status;

	return proc_read_status(target->pid, &status) == 0 &&
	       ((status.pending | status.shared_pending) >> (SIGKILL - 1) & 1) != 0;
}

/*
 * Make the error of target_check_same().  That a file of the process cannot be read, for want of
 * a descriptor for example, is no proof that the process has ended.
 */
static int not_same(const struct target *target, ssize_t got, int number, const char *what)
{
	if (got == -1 && number != ESRCH && number != ENOENT)
		return fail(number, "%s: cannot read its %s: %s", target_name(target), what, strerror(number));
	return fail(ESRCH, "%s: has ended or called exec", target_name(target));
}

int target_check_same(const struct target *target)
{
	uint8_t now[AUXV_MAX], byte;
	char path[40];
	ssize_t got;
	int fd, number;

	(void)snprintf(path, sizeof(path), "/proc/%d/auxv", target->living);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd == -1 ? -1 : read(fd, now, sizeof(now));
	number = errno;
	if (fd != -1)
		(void)close(fd);
	/*
	 * After exec the memory that was opened is empty, unless a process outside shares it.
	 * AT_RANDOM, AT_SECURE and the user ids in the auxiliary vector are the new program's.
	 */
	if (got != (ssize_t)target->auxv_size || memcmp(now, target->auxv, target->auxv_size) != 0)
		return not_same(target, got, number, "auxiliary vector");
	got = pread(target->mem_fd, &byte, 1, (off_t)target->auxv_entry);
	return got == 1 ? 0 : not_same(target, got, errno, "memory");
}

bool target_may_set(const struct target *target, const struct thread *thread)
{
	if (thread->tid != target->pid)
		return true;
	for (size_t i = 0; i < target->n_threads; i++) {
		if (target->threads[i].state == THREAD_RUNNING && &target->threads[i] != thread)
			return false;
	}
	return true;
}

bool target_has_ended(const struct target *target)
{
	const struct timespec tick = { .tv_nsec = 1000000 };

	for (int i = 0; i < END_MS; i++) {
		char state = proc_thread_state(target->pid, target->pid);
		struct stat st;
		uint8_t byte;

		/* If the memory is gone, as after exec(2), /proc/PID/mem reads as empty, which proc(5) does not say. */
		if (state == '\0' || state == 'X' ||
		    (target->mem_fd != -1 && pread(target->mem_fd, &byte, 1, 0) == 0) ||
		    (state == 'Z' && target->task_fd != -1 && fstat(target->task_fd, &st) == 0 &&
		     st.st_nlink <= 3))
			return true;
		if (!is_being_killed(target))
			break;
		(void)nanosleep(&tick, NULL);
	}
	return false;
}

int target_close(struct target *target)
{
	size_t left = 0;
	int err = 0, detached;

	if (target->pid == 0)
		return 0;
	/* The undo is made even if a signal came or the deadline is over. */
	interrupt_hold(true);
	if (!target->committed) {
		/*
		 * If it has become another program, exec(2) has taken away all that nsb had
		 * changed.  If nobody can tell, the undo goes on: each of its writes is bound to
		 * the memory, or asks again.
		 */
		if (target->n_changes > 0 && target_check_same(target) == -ESRCH)
			target->n_changes = 0;
		while (target->n_changes > 0) {
			const struct change *change = &target->journal[--target->n_changes];
			int undone = undo_change(target, change);

			/* Memory to which nothing leads harms nobody.  The next nsb finds it, and unmaps it. */
			if (undone != 0 && change->unmap != NULL)
				left += (size_t)change->size;
			else if (err == 0)
				err = undone;
		}
	}
	/* A thread that does not stop now cannot be let go.  The kernel does that when this child ends (workers.h). */
	detached = target_detach_all(target);
	if (err == 0)
		err = detached;
	if (err != 0 && target_has_ended(target))
		err = 0;	/* the process is gone, so the failed undo has left no damage */
	if (err != 0) {
		/* That the undo failed matters more now than the error that made it necessary. */
		msg_forget();
		err = fail(EUCLEAN, "%s: could not undo what was begun: %s (the process may be damaged:"
			   " restart it)", target_name(target), strerror(-err));
	} else if (left > 0 && !target_has_ended(target)) {
		warn("%s: %zu bytes of memory that nsb has mapped stay there; nothing leads to them",
		     target_name(target), left);
	}
	interrupt_hold(false);
	maps_deinit(&target->maps);
	free(target->threads);
	free(target->journal);
	if (target->mem_fd != -1)
		(void)close(target->mem_fd);
	if (target->task_fd != -1)
		(void)close(target->task_fd);
	if (target->pagemap_fd > 0)
		(void)close(target->pagemap_fd);
	*target = (struct target){ .mem_fd = -1, .task_fd = -1 };
	return err;
}
