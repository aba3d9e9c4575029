/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target of the benchmark, an ordinary program:
 * meter FILE THREADS FRAMES NAP_US LIBRARIES FOLDER
 *
 * Its main thread does nothing but look at the clock, and remembers the longest gap
 * between two looks.  With NAP_US it sleeps that long between them: then it is told how
 * long a sleeping thread is held, by how much too late it woke.  THREADS others sleep,
 * with about FRAMES frames on their stacks.  LIBRARIES are loaded from FOLDER.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "meter.h"

#define STACK_SIZE (64 * 1024)
#define NOIPA __attribute__((noipa))
/* The thread's start in libc has two frames, doze(), climb(0) and the system call one each. */
#define OTHER_FRAMES 5

/* What the patches replace; functions.c has it, and its like. */
int function_0(int n);

static unsigned arrived, climbs;
static volatile int over;	/* never; that it could be keeps the frames */

static NOIPA int climb(unsigned n)
{
	if (n > 0) {
		volatile int height = climb(n - 1);

		return height + 1;
	}
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (!over)
		pause();
	return 0;
}

static NOIPA void *doze(void *arg)
{
	(void)arg;
	climb(climbs);
	return NULL;
}

static void start_threads(unsigned count)
{
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_SIZE);
	for (unsigned i = 0; i < count; i++) {
		pthread_t thread;
		int err = pthread_create(&thread, &small, doze, NULL);

		if (err != 0) {
			fprintf(stderr, "meter: cannot start thread %u: error %d\n", i, err);
			exit(1);
		}
	}
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < count)
		usleep(1000);
}

static void load_libraries(unsigned count, const char *folder)
{
	for (unsigned i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/lib%u.so", folder, i);
		if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL) {
			fprintf(stderr, "meter: %s\n", dlerror());
			exit(1);
		}
	}
}

struct watch {
	uint64_t before, longest, looks;
};

static void look(struct watch *watch)
{
	uint64_t now = now_ns();

	if (now - watch->before > watch->longest)
		watch->longest = now - watch->before;
	watch->before = now;
	watch->looks++;
}

static void watch_the_clock(struct meter *meter, long nap_us)
{
	const struct timespec nap = { .tv_nsec = nap_us * 1000 };
	const uint64_t nap_ns = (uint64_t)nap.tv_nsec;
	struct watch watch = { .before = now_ns() };
	uint32_t window = 0;

	for (;;) {
		uint32_t wanted;

		if (nap_us > 0)
			nanosleep(&nap, NULL);
		look(&watch);
		wanted = __atomic_load_n(&meter->window, __ATOMIC_ACQUIRE);
		if (wanted == window)
			continue;
		/* It may have stood since its last look. */
		look(&watch);
		window = wanted;
		meter->gap_ns = watch.longest > nap_ns ? watch.longest - nap_ns : 0;
		meter->looks = watch.looks;
		meter->answer = (uint32_t)function_0(1);
		watch = (struct watch){ .before = now_ns() };
		__atomic_store_n(&meter->seen, window, __ATOMIC_RELEASE);
	}
}

int main(int argc, char **argv)
{
	struct meter *meter;
	unsigned frames;
	int fd;

	if (argc != 7) {
		fprintf(stderr, "usage: meter FILE THREADS FRAMES NAP_US LIBRARIES FOLDER\n");
		return 64;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	meter = mmap(NULL, sizeof(*meter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || meter == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	close(fd);
	frames = (unsigned)atoi(argv[3]);
	climbs = frames > OTHER_FRAMES ? frames - OTHER_FRAMES : 0;
	load_libraries((unsigned)atoi(argv[5]), argv[6]);
	start_threads((unsigned)atoi(argv[2]));
	__atomic_store_n(&meter->ready, 1, __ATOMIC_RELEASE);
	watch_the_clock(meter, atol(argv[4]));
}
