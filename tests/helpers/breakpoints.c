/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * breakpoints: exit status 0 if breakpoints of perf_event_open(2) are hit on this machine.  In some
 * virtual machines they can be set, and are never hit.
 */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static __attribute__((noinline)) void place(void)
{
	__asm__ volatile("" ::: "memory");
}

int main(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .bp_type = HW_BREAKPOINT_X,
		.bp_addr = (uintptr_t)place, .bp_len = sizeof(long), .exclude_kernel = 1, .exclude_hv = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	uint64_t count = 0;

	for (int i = 0; i < 3; i++)
		place();
	return fd != -1 && read(fd, &count, sizeof(count)) == sizeof(count) && count == 3 ? 0 : 1;
}
