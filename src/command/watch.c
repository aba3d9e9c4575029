/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "all.h"
#include "array.h"
#include "clock.h"
#include "file.h"
#include "interest.h"
#include "interrupt.h"
#include "job.h"
#include "launch.h"
#include "mounts.h"
#include "permission.h"
#include "proc.h"
#include "ptrace.h"
#include "store.h"
#include "survey.h"
#include "sync.h"

#define MS UINT64_C(1000000)
#define HOLD_MS 1000u		/* the longest time that an open is held */
#define BLOCKED_MS 2u		/* a child that cannot trace by then waits for what the kernel does not give: see is_blocked() */
#define ALIVE_MS 1000u		/* the watcher is killed when it was not at work for so long */
#define START_MS 3000u		/* who begins is not kept from it for longer, whatever --timeout says */
#define CHILD_MS 5000u		/* the same for a child that patches one who begins */
#define TICK_MS 250		/* it is at work that often, even if nothing happens, */
#define HOLD_TICK_MS 1		/* and while something is held */
#define LOOK_SHARE 20	/* but takes no more than this part of a processor for it */
#define LOOK_MS 5000u		/* so often it looks for what it has missed, and for what else to mark */
#define LATE_MS 50u		/* who may have executed the program already is not waited for longer */
#define HOLDS_MAX 64		/* so many are held at once; what comes on top of that is let go at once */
#define DEATHS_MAX 5		/* a watcher that ends so often within a minute will not do better the next time */

#ifndef FAN_REPORT_TID
#define FAN_REPORT_TID 0x100
#endif
#ifndef FAN_OPEN_EXEC_PERM
#define FAN_OPEN_EXEC_PERM 0x40000	/* Linux 5.0 */
#endif

/* Somebody who is held, and the child that is about to trace him. */
struct hold {
	int event;		/* the opened file, by which the kernel knows it */
	int pipe;		/* the child writes a byte when it begins, and one when it traces */
	pid_t pid, child;
	uint64_t since, asked;	/* when the child has asked the kernel to be his tracer; 0: not yet */
};

/* A child that traces somebody who executes a script: he is not held again for the interpreter. */
struct script {
	pid_t pid, child;
	uint64_t since;
};

struct watch {
	const struct options *options;
	struct store store;
	pid_t pid;		/* the watcher's own */
	int fan, inotify;
	int store_watch;	/* of inotify, for the folder that has the store's name now; -1: there is none */
	_Atomic unsigned *version;	/* of the store; shared with the children, which see by it that theirs is an old one */
	int notify;		/* a socket to systemd; -1: there is none */
	bool is_ready;
	struct stat own;	/* nsb's own file: its children open what they like */
	struct interests *interests;
	struct mounts mounts;
	uint64_t next_tick;
	struct hold holds[HOLDS_MAX];
	size_t n_holds;
	struct script scripts[HOLDS_MAX];
	size_t next_script;
	pid_t looker;
	int look;		/* a pipe from the child that looks at all processes; -1: none does */
	char line[PATH_MAX + 8];	/* what came through it, up to the end of a line */
	size_t line_size;
	uint64_t look_since, next_look;
	unsigned long n_answered, n_missed;
};

/* ---- systemd ---- */

/* sd_notify(3), without a library: a datagram to the socket that NOTIFY_SOCKET names. */
static int connect_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path == NULL ? 0 : strlen(path);
	int fd;

	if (length < 2 || length >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&address,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static void notify(const struct watch *watch, const char *text)
{
	/* If systemd does not take it, that is its affair. */
	if (watch->notify != -1)
		(void)send(watch->notify, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- time ---- */

/* Have the kernel kill this process after a time, though it be stopped; the next call puts that off. */
static int kill_after(unsigned ms)
{
	static timer_t timer;
	static bool has_timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	const struct itimerspec when = { .it_value = { (time_t)(ms / 1000), (long)(ms % 1000 * MS) } };
	static pid_t owner;

	/* A child has not got its parent's timers. */
	if (!has_timer || owner != getpid()) {
		if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
			return fail(errno, "cannot make a timer: %s", strerror(errno));
		has_timer = true;
		owner = getpid();
	}
	return timer_settime(timer, 0, &when, NULL) == 0 ? 0 : fail(errno, "cannot set a timer: %s", strerror(errno));
}

/* ---- children ---- */

/* A child has its limits, and nothing that keeps somebody held when the watcher is dead. */
static void become_child(const struct watch *watch, int kept, bool may_stay)
{
	/* One that works through many processes by the store of now ends with the watcher. */
	if (!may_stay && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != watch->pid))
		_exit(0);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)setsid();
	file_close_others(kept);
}

/* Patch a process in the ordinary way, as soon as it has loaded what a patch is for. */
static void patch_late(const struct watch *watch, pid_t pid)
{
	static const unsigned delays[] = { 1, 5, 20, 100, 500, 1000 };
	const unsigned long since = proc_start_time(pid);
	const unsigned version = *watch->version;
	bool is_done = false;

	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]) && !is_done && since != 0; i++) {
		const struct timespec delay = { (time_t)(delays[i] / 1000), (long)(delays[i] % 1000 * MS) };

		(void)nanosleep(&delay, NULL);
		if (proc_start_time(pid) != since || *watch->version != version)
			return;
		if (sync_some(watch->options, &watch->store, &pid, 1, &is_done) != 0 && msg_kept()[0] != '\0')
			msg_print_kept();
		msg_forget();
		(void)fflush(stdout);
	}
}

static void tell_traced(void *ctx)
{
	const int *fd = ctx;

	(void)!write(*fd, "", 1);
	(void)close(*fd);
}

/* Whether the executable of a process is this file. */
static bool runs_file(pid_t pid, const struct stat *file)
{
	char path[40];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return stat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

/* What was executed has begun: keep in mind whether a patch is for it.  Of a script that is its interpreter. */
static void learn(const struct watch *watch, enum interest interest, pid_t tid, const struct stat *file, size_t n_loaded)
{
	struct stat st = *file;
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	if (interest == INTEREST_SCRIPT && stat(path, &st) != 0)
		return;
	if (interest == INTEREST_TRY || (interest == INTEREST_SCRIPT && interest_known(watch->interests, &st) == INTEREST_TRY))
		interest_learn(watch->interests, &st, n_loaded > 0 ? INTEREST_HOLD : INTEREST_NONE);
}

/* Trace somebody who is held, and patch what he executes. */
static void patch_start(const struct watch *watch, pid_t tid, enum interest interest, const struct stat *file, int fd)
{
	struct options options = *watch->options;
	const uint64_t since = now_ns();
	size_t n_loaded = 0;
	int err;

	become_child(watch, fd, true);
	err = kill_after(CHILD_MS);
	if (err == 0)
		err = permission_keep(permission_to_change);
	(void)!write(fd, "", 1);
	if (err == 0)
		err = pt_seize_own(tid, false);
	if (options.limits.timeout_ms > START_MS)
		options.limits.timeout_ms = START_MS;
	/* Who could be traced only late, and runs the program, has executed it already, see is_blocked(), or does so anew. */
	options.exec_ms = now_ns() - since > BLOCKED_MS * MS / 2 && runs_file(tid, file) ? LATE_MS : HOLD_MS;
	if (err == 0 && launch_patched(tid, &options, watch->store.patches, watch->store.count, tell_traced, &fd, &n_loaded)) {
		learn(watch, interest, tid, file, n_loaded);
		return;
	}
	/* Nobody waits for who cannot be traced. */
	if (err != 0)
		(void)close(fd);
	/* It could not be traced in time, or another thread has executed the program, or it has not. */
	patch_late(watch, tid);
}

static void start_hold(struct watch *watch, const struct fanotify_event_metadata *event, enum interest interest,
		       const struct stat *file)
{
	struct hold *hold = &watch->holds[watch->n_holds];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		hold->child = -1;
		return;
	}
	(void)fflush(stdout);
	*hold = (struct hold){ .event = event->fd, .pipe = ends[0], .pid = event->pid, .since = now_ns(), .child = fork() };
	if (hold->child == 0) {
		patch_start(watch, event->pid, interest, file, ends[1]);
		_exit(0);
	}
	(void)close(ends[1]);
	if (hold->child == -1) {
		(void)close(ends[0]);
		return;
	}
	watch->n_holds++;
	if (interest == INTEREST_SCRIPT)
		watch->scripts[watch->next_script++ % HOLDS_MAX] = (struct script){ event->pid, hold->child, hold->since };
}

/* Whether a child traces him already, and waits for just this: the interpreter of his script. */
static bool is_expected(struct watch *watch, pid_t pid)
{
	for (size_t i = 0; i < HOLDS_MAX; i++) {
		struct script *script = &watch->scripts[i];

		if (script->pid != pid || now_ns() - script->since > CHILD_MS * MS)
			continue;
		script->pid = 0;
		return kill(script->child, 0) == 0;
	}
	return false;
}

/* ---- answers ---- */

static void let_go(const struct watch *watch, int event)
{
	const struct fanotify_response response = { .fd = event, .response = FAN_ALLOW };

	/* If that cannot be told, the kernel lets go when nsb has ended, by the timer at the latest. */
	if (write(watch->fan, &response, sizeof(response)) != sizeof(response))
		warn("cannot let go who is held: %s", strerror(errno));
	(void)close(event);
}

static void tell_missed(struct watch *watch, pid_t pid, const char *why)
{
	char comm[32];

	watch->n_missed++;
	proc_comm(pid, comm, sizeof(comm));
	warn("%d (%s): let go unpatched, %s: it is patched later", pid, comm, why);
}

/*
 * Whether a child has slept since it was begun: a kernel in which exec(2) opens the file while it holds the
 * process's cred_guard_mutex, and any kernel for the interpreter of a script, lets nobody trace it before the exec is done.
 */
static bool is_blocked(const struct hold *hold)
{
	return hold->asked != 0 && now_ns() - hold->asked > BLOCKED_MS * MS &&
	       proc_thread_state(hold->child, hold->child) == 'S';
}

/* Let those go who are traced by now, or were held for long enough. */
static void look_at_holds(struct watch *watch)
{
	for (size_t i = 0; i < watch->n_holds;) {
		struct hold *hold = &watch->holds[i];
		char byte;
		ssize_t got = read(hold->pipe, &byte, 1);
		bool is_traced = got == 1 && hold->asked != 0;

		if (got == 1 && !is_traced) {
			hold->asked = now_ns();
			continue;
		}

		if (got == -1 && errno == EAGAIN && now_ns() - hold->since < HOLD_MS * MS && !is_blocked(hold)) {
			i++;
			continue;
		}
		let_go(watch, hold->event);
		(void)close(hold->pipe);
		if (!is_traced && got == -1 && !is_blocked(hold))
			tell_missed(watch, hold->pid, "as it took too long");
		*hold = watch->holds[--watch->n_holds];
	}
}

/* Somebody has opened a library: that is allowed, and looked at some milliseconds later. */
static void start_late(struct watch *watch, pid_t pid)
{
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		become_child(watch, STDERR_FILENO, false);
		patch_late(watch, pid);
		_exit(0);
	}
	if (child == -1)
		tell_missed(watch, pid, "as no process could be made");
}

/* Somebody executes a file: mostly one that no patch is for, and then he waits for no more than this. */
static void answer_exec(struct watch *watch, const struct fanotify_event_metadata *event)
{
	struct stat st;
	enum interest interest = interest_of(watch->interests, &watch->store, event->fd, event->pid, &st);

	if (interest == INTEREST_NONE || is_expected(watch, event->pid)) {
		let_go(watch, event->fd);
	} else if (watch->n_holds == HOLDS_MAX) {
		let_go(watch, event->fd);
		start_late(watch, event->pid);
	} else {
		start_hold(watch, event, interest, &st);
		if (watch->holds[watch->n_holds].child == -1) {
			let_go(watch, event->fd);
			tell_missed(watch, event->pid, "as no process could be made");
		}
	}
	/* Nobody waits for this one. */
	mounts_see(&watch->mounts, event->pid);
}

static void answer(struct watch *watch, const struct fanotify_event_metadata *event)
{
	if (event->fd < 0)
		return;
	if (event->pid <= 0) {
		let_go(watch, event->fd);
	} else if (!(event->mask & FAN_OPEN_EXEC_PERM)) {
		bool is_ours = runs_file(event->pid, &watch->own);

		let_go(watch, event->fd);
		if (!is_ours)
			start_late(watch, event->pid);
	} else {
		answer_exec(watch, event);
	}
}

static int read_events(struct watch *watch)
{
	_Alignas(struct fanotify_event_metadata) char events[4096];
	int64_t got = read(watch->fan, events, sizeof(events));
	const struct fanotify_event_metadata *event = (const void *)events;

	if (got == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : fail(errno, "cannot read what fanotify has: %s", strerror(errno));
	for (; FAN_EVENT_OK(event, got); event = FAN_EVENT_NEXT(event, got), watch->n_answered++) {
		if (event->vers != FANOTIFY_METADATA_VERSION)
			return fail(ENOSYS, "this kernel's fanotify is another one than nsb knows");
		answer(watch, event);
	}
	return 0;
}

/* ---- marks ---- */

/* E: a program, L: a library; and its path.  N: somebody in a mount namespace.  Programs that are not on a marked file system need E. */
static void mark(struct watch *watch, const char *line)
{
	const uint64_t mask = line[0] == 'E' ? FAN_OPEN_EXEC_PERM : FAN_OPEN_PERM;
	struct stat st;

	if (line[0] == 'N') {
		mounts_see(&watch->mounts, atoi(line + 1));
		return;
	}
	if (line[0] == 'E' && stat(line + 1, &st) == 0 && interest_known(watch->interests, &st) == INTEREST_UNKNOWN)
		interest_learn(watch->interests, &st, INTEREST_TRY);
	if (fanotify_mark(watch->fan, FAN_MARK_ADD, mask, AT_FDCWD, line + 1) == 0)
		debug("marked: %s", line);
	else if (errno != ENOENT && errno != ESRCH && errno != ENOTDIR)
		warn("%s: cannot be watched: %s", line + 1, strerror(errno));
}

static bool is_library(const char *name)
{
	return strstr(name, ".so") != NULL;
}

/* What the child that looks at all processes knows. */
struct mark_search {
	const struct watch *watch;
	int fd;
	pid_t pid;
	bool found;
};

static void say_mark(const struct mark_search *search, char kind, const char *path)
{
	char line[PATH_MAX + 8];
	int length = snprintf(line, sizeof(line), "%c%s\n", kind, path);

	if (length < (int)sizeof(line) && strchr(path, '\n') == NULL)
		(void)!write(search->fd, line, (size_t)length);
}

/* A process has loaded what a patch is for: its program is marked, and the library. */
static void search_object(void *ctx, const struct all_object *object)
{
	struct mark_search *search = ctx;
	const struct store *store = &search->watch->store;
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < store->count; i++) {
		const struct vz_blob *id = &store->patches[i].meta.target.build_id;

		if (id->size != object->build_id_size || memcmp(id->data, object->build_id, object->build_id_size) != 0)
			continue;
		search->found = true;
		(void)snprintf(path, sizeof(path), "/proc/%d/root%s", search->pid, object->path);
		if (is_library(store->patches[i].meta.target.name) && stat(path, &st) == 0 && st.st_ino == object->inode)
			say_mark(search, 'L', path);
	}
}

static void search_folders(const struct mark_search *search)
{
	static const char *const folders[] = {
		"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/lib", "/usr/lib64", "/usr/local/lib",
		"/usr/lib/x86_64-linux-gnu", "/usr/lib/i386-linux-gnu", "/usr/lib32", "/usr/libexec", "/bin", "/sbin", "/lib",
	};
	const struct store *store = &search->watch->store;
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < store->count; i++) {
		const char *name = store->patches[i].meta.target.name;

		for (size_t k = 0; k < sizeof(folders) / sizeof(folders[0]); k++) {
			(void)snprintf(path, sizeof(path), "%s/%s", folders[k], name);
			if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
				say_mark(search, is_library(name) ? 'L' : 'E', path);
		}
	}
}

/* Tell of each mount namespace once. */
static void search_namespace(const struct mark_search *search, uint64_t *seen, size_t *n_seen)
{
	char path[40];
	struct stat st;
	size_t i = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", search->pid);
	if (stat(path, &st) != 0 || *n_seen == VIEWS_MAX)
		return;
	while (i < *n_seen && seen[i] != st.st_ino)
		i++;
	if (i < *n_seen)
		return;
	seen[(*n_seen)++] = st.st_ino;
	(void)snprintf(path, sizeof(path), "%d", search->pid);
	say_mark(search, 'N', path);
}

/* In a child: find what is to be marked, and patch all that is not patched. */
static void look_at_host(const struct watch *watch, int fd)
{
	const struct timespec tick = { .tv_nsec = 50 * (long)MS };
	struct mark_search search = { .watch = watch, .fd = fd };
	struct all_files files = { 0 };
	pid_t *pids = NULL;
	uint64_t seen[VIEWS_MAX];
	size_t n_pids = 0, n_seen = 0;
	bool is_done;
	char path[40];

	search_folders(&search);
	if (job_list_others(&pids, &n_pids) != 0)
		n_pids = 0;
	for (size_t i = 0; i < n_pids; i++) {
		search.pid = pids[i];
		search.found = false;
		search_namespace(&search, seen, &n_seen);
		if (all_each_object(&files, pids[i], search_object, &search) != 0)
			msg_forget();
		(void)snprintf(path, sizeof(path), "/proc/%d/exe", pids[i]);
		if (search.found)
			say_mark(&search, 'E', path);
	}
	all_files_deinit(&files);
	free(pids);
	/* First marked, then patched: who begins in between is held already. */
	(void)!write(fd, "R\n", 2);
	/*
	 * If nsb sync does the same just now, the two would only be in each other's way.  nsb install is done soon, and it
	 * may be because of it that this looks.
	 */
	for (int i = 0; watch->options->n_files == 0 && !store_is_free(watch->options); i++) {
		if (i == 20)
			return;
		(void)nanosleep(&tick, NULL);
	}
	if (sync_some(watch->options, &watch->store, NULL, 0, &is_done) != 0 && msg_kept()[0] != '\0')
		msg_print_kept();
	(void)fflush(stdout);
}

static void be_ready(struct watch *watch)
{
	if (watch->is_ready)
		return;
	watch->is_ready = true;
	notify(watch, "READY=1");
	if (!watch->options->quiet) {
		printf("watching for %zu patches\n", watch->store.count);
		(void)fflush(stdout);
	}
}

static void start_look(struct watch *watch)
{
	int ends[2];
	pid_t child;

	watch->look_since = now_ns();
	watch->next_look = watch->look_since + LOOK_MS * MS;
	if (watch->store.count == 0)
		be_ready(watch);
	if (watch->look != -1 || watch->store.count == 0)
		return;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		become_child(watch, ends[1], false);
		look_at_host(watch, ends[1]);
		_exit(0);
	}
	(void)close(ends[1]);
	watch->looker = child;
	watch->look = ends[0];
	watch->line_size = 0;
	if (child == -1 || fcntl(ends[0], F_SETFL, O_NONBLOCK) == -1) {
		(void)close(ends[0]);
		watch->look = -1;
	}
}

/* Take a line for each file that is to be marked. */
static void read_marks(struct watch *watch)
{
	char byte;
	ssize_t got;

	/* A line at a time: the watcher has to answer, too. */
	for (int i = 0; i < 4096 && (got = read(watch->look, &byte, 1)) == 1; i++) {
		if (byte != '\n' && watch->line_size < sizeof(watch->line) - 1) {
			watch->line[watch->line_size++] = byte;
			continue;
		}
		watch->line[watch->line_size] = '\0';
		watch->line_size = 0;
		if (watch->line[0] == 'R')
			be_ready(watch);
		else
			mark(watch, watch->line);
	}
	if (got == 0) {
		const uint64_t now = now_ns(), earliest = now + LOOK_SHARE * (now - watch->look_since);

		(void)close(watch->look);
		watch->look = -1;
		if (watch->next_look < earliest)
			watch->next_look = earliest;
		be_ready(watch);
	}
}

/* ---- the watcher ---- */

static int open_fanotify(struct watch *watch)
{
	const unsigned flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS;
	const unsigned mode = O_RDONLY | O_LARGEFILE | O_CLOEXEC;

	watch->fan = fanotify_init(flags | FAN_REPORT_TID, mode);
	if (watch->fan == -1 && errno == EINVAL)
		watch->fan = fanotify_init(flags, mode);
	if (watch->fan == -1)
		return fail(errno, "fanotify is not to be had: %s%s", strerror(errno), errno == EPERM ?
			    " (watch needs CAP_SYS_ADMIN of the host, which a container does not have)" : "");
	if (fanotify_mark(watch->fan, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, "/proc/self/exe") != 0)
		return fail(errno, "this kernel holds nobody who executes a file: %s (it needs Linux 5.0 with"
			    " CONFIG_FANOTIFY_ACCESS_PERMISSIONS)", strerror(errno));
	return fanotify_mark(watch->fan, FAN_MARK_REMOVE, FAN_OPEN_EXEC_PERM, AT_FDCWD, "/proc/self/exe") == 0 ? 0 :
	       fail(errno, "cannot take a mark away: %s", strerror(errno));
}

/* Read the patches, also anew when the store has changed. */
static int read_store(struct watch *watch)
{
	struct store store;
	int err = store_read_given(&store, watch->options, true);

	if (err != 0) {
		store_deinit(&store);
		return err;
	}
	store_deinit(&watch->store);
	watch->store = store;
	return 0;
}

/* Have changes of the store told.  Returns whether another folder has its name now than before. */
static bool follow_store(struct watch *watch)
{
	const char *folder = watch->options->store != NULL ? watch->options->store : STORE_FOLDER;
	const int before = watch->store_watch;

	if (watch->inotify == -1 || watch->options->n_files != 0)
		return false;
	/* Of the same folder this is the same number as before. */
	watch->store_watch = inotify_add_watch(watch->inotify, folder, IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE);
	if (watch->store_watch == -1 && before != -1)
		warn("%s: changes are not seen: %s", folder, strerror(errno));
	return watch->store_watch != -1 && watch->store_watch != before;
}

static void reread_store(struct watch *watch, bool has_changed)
{
	char events[4096];

	while (read(watch->inotify, events, sizeof(events)) > 0)
		has_changed = true;
	if (!has_changed)
		return;
	if (read_store(watch) != 0)
		msg_print_kept();
	msg_forget();
	/* Nobody goes on by the old one. */
	(*watch->version)++;
	interest_forget(watch->interests);
	if (watch->look != -1) {
		(void)kill(watch->looker, SIGKILL);
		(void)close(watch->look);
		watch->look = -1;
	}
	watch->next_look = 0;
}

static int watch_once(struct watch *watch)
{
	struct pollfd fds[3 + VIEWS_MAX + HOLDS_MAX] = {
		{ .fd = watch->fan, .events = POLLIN }, { .fd = watch->inotify, .events = POLLIN },
		{ .fd = watch->look, .events = POLLIN },
	};
	int err = 0;

	mounts_poll(&watch->mounts, fds + 3);
	for (size_t i = 0; i < watch->n_holds; i++)
		fds[3 + VIEWS_MAX + i] = (struct pollfd){ .fd = watch->holds[i].pipe, .events = POLLIN };
	(void)poll(fds, 3 + VIEWS_MAX + (nfds_t)watch->n_holds, watch->n_holds > 0 ? HOLD_TICK_MS : TICK_MS);
	mounts_look(&watch->mounts, fds + 3);
	look_at_holds(watch);
	if (fds[0].revents != 0)
		err = read_events(watch);
	if (fds[1].revents != 0)
		reread_store(watch, false);
	if (fds[2].revents != 0 && watch->look == fds[2].fd)
		read_marks(watch);
	if (now_ns() >= watch->next_look)
		start_look(watch);
	if (err != 0 || now_ns() < watch->next_tick)
		return err;
	watch->next_tick = now_ns() + TICK_MS * MS;
	mounts_drop_old(&watch->mounts);
	if (follow_store(watch))
		reread_store(watch, true);
	notify(watch, "WATCHDOG=1");
	return kill_after(ALIVE_MS);
}

static int run_watcher(struct watch *watch)
{
	int err = open_fanotify(watch);

	watch->pid = getpid();
	watch->version = mmap(NULL, sizeof(*watch->version), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (err == 0 && watch->version == MAP_FAILED)
		err = fail(ENOMEM, "out of memory");
	if (err == 0)
		err = interest_init(&watch->interests);
	if (err == 0)
		err = kill_after(ALIVE_MS);
	if (err == 0)
		err = read_store(watch);
	if (err == 0 && stat("/proc/self/exe", &watch->own) != 0)
		err = fail(errno, "/proc/self/exe: %s", strerror(errno));
	if (err != 0)
		return err;
	watch->mounts.fan = watch->fan;
	mounts_see(&watch->mounts, 0);
	watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	(void)follow_store(watch);
	/* The kernel collects the children: nobody asks for their ends. */
	(void)signal(SIGCHLD, SIG_IGN);
	while (err == 0 && interrupt_is_noted() == 0)
		err = watch_once(watch);
	debug("%lu files answered for, %lu missed", watch->n_answered, watch->n_missed);
	return err;
}

/* ---- nsb watch ---- */

/* Wait for the end of the watcher.  It is ended when nsb is.  Its status, or -N if signal N has ended it. */
static int await_watcher(pid_t watcher)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * (long)MS };
	int exit_status = 0;

	while (strchr("ZX", proc_thread_state(watcher, watcher)) == NULL) {
		if (interrupt_is_noted() != 0)
			(void)kill(watcher, SIGTERM);
		(void)nanosleep(&tick, NULL);
	}
	return pt_reap(watcher, &exit_status) == 0 ? exit_status : EAGAIN;
}

static pid_t start_watcher(const struct options *options)
{
	const pid_t parent = getpid(), child = fork();
	struct watch watch = { .options = options, .store.lock = -1, .fan = -1, .inotify = -1, .look = -1 };
	int err;

	if (child != 0)
		return child;
	/* Should nsb be killed, the watcher is, too, and all are let go. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EAGAIN);
	watch.notify = connect_notify();
	err = run_watcher(&watch);
	if (err != 0)
		msg_print_kept();
	_exit(-err);
}

int command_watch(const struct options *given)
{
	struct options options = *given;
	uint64_t deaths[DEATHS_MAX] = { 0 };

	options.is_watch = options.best_effort = true;
	for (size_t n = 0;; n++) {
		const pid_t watcher = start_watcher(&options);
		int exit_status;

		if (watcher == -1)
			return fail(errno, "cannot start a process: %s", strerror(errno));
		exit_status = await_watcher(watcher);
		if (exit_status >= 0 || interrupt_is_noted() != 0)
			return exit_status > 0 ? -exit_status : 0;
		if (deaths[n % DEATHS_MAX] != 0 && now_ns() - deaths[n % DEATHS_MAX] < UINT64_C(60000000000))
			return fail(EAGAIN, "the watcher was ended by signal %d, %d times within a minute", -exit_status,
				    DEATHS_MAX);
		deaths[n % DEATHS_MAX] = now_ns();
		warn("the watcher was ended by signal %d, and all were let go: another one begins", -exit_status);
	}
}
