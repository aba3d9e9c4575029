/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proc: what /proc tells of a process, read once into a struct (proc(5)).
 */
#ifndef NSB_PROC_H
#define NSB_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

/* /proc/PID/status of a process, or of a thread (pid = tid). */
struct proc_status {
	pid_t tgid, tracer;
	uid_t uid, euid;
	uint64_t permitted, effective;	/* capabilities, capabilities(7) */
	char state;		/* R S D T t Z X */
	int seccomp;		/* 0 none, 1 strict, 2 filter */
	uint64_t pending, shared_pending, blocked, caught;	/* signal sets, bit 0 is signal 1 */
};

int proc_read_status(pid_t tid, struct proc_status *status) MUST_CHECK;
/* State letter of /proc/PID/task/TID/stat; 0 if the thread is gone. */
char proc_thread_state(pid_t pid, pid_t tid);
/* Flags of /proc/PID/stat (PF_KTHREAD...); 0 if it is gone. */
unsigned long proc_flags(pid_t pid);
/* Name of a process, "?" if it cannot be had. */
void proc_comm(pid_t pid, char *name, size_t size);

/* Sysctl kernel.yama.ptrace_scope, 0 where the kernel has none. */
int proc_ptrace_scope(void);

/* The process or thread number that was given last (/proc/loadavg); 0 if it cannot be had. */
pid_t proc_newest_pid(void);

/* Process ids of the host, ascending; *pids is malloced. */
int proc_list(pid_t **pids, size_t *count) MUST_CHECK;

#endif
