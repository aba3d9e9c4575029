/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proc: reads what /proc tells of a process (proc(5)).
 */
#ifndef NSB_PROC_H
#define NSB_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

/* What /proc/PID/status says of a process, or of a thread if PID is its thread id. */
struct proc_status {
	pid_t tgid, tracer;
	uid_t uid, euid;
	uint64_t permitted, effective;	/* capabilities, capabilities(7) */
	char state;		/* R S D T t Z X */
	int seccomp;		/* 0 none, 1 strict, 2 filter */
	bool has_shadow_stack;	/* x86: its returns are compared with a stack that it cannot write to (CET) */
	uint64_t pending, shared_pending, blocked, caught;	/* sets of signals; bit 0 is signal 1 */
};

int proc_read_status(pid_t tid, struct proc_status *status) MUST_CHECK;
/* The letter for the state in /proc/PID/task/TID/stat; 0 if the thread is gone. */
char proc_thread_state(pid_t pid, pid_t tid);
/*
 * Whether a thread of a process is the kernel's: a worker of io_uring, or of vhost.  It runs no
 * code of the process, has no registers of it, and may never stop.
 */
bool proc_is_kernel_thread(pid_t pid, pid_t tid);
/*
 * Where a thread that waits in the kernel goes on, and its stack pointer, by
 * /proc/PID/task/TID/syscall.  -EAGAIN: it runs; or another -errno, without a message.
 */
int proc_thread_pc(pid_t pid, pid_t tid, uint64_t *pc, uint64_t *sp) MUST_CHECK;
/*
 * The system call that a thread sleeps in, and its arguments (/proc/PID/task/TID/syscall).  Without a
 * message: -EBUSY, it runs; -EAGAIN, it sleeps in none; else -errno, as -ENOENT on a kernel without
 * this file.
 */
struct proc_call {
	uint64_t number, args[6];
	uint64_t sp, pc;	/* the pc is behind the instruction that made the call */
};
int proc_read_call(pid_t pid, pid_t tid, struct proc_call *call) MUST_CHECK;
/* How long a thread has run code of its own, in clock ticks (/proc/PID/task/TID/stat); 0 if it is gone. */
unsigned long proc_user_time(pid_t pid, pid_t tid);
/* Whether a descriptor of a process is open without O_NONBLOCK; and whether it is one of a pipe. */
bool proc_is_blocking(pid_t pid, uint64_t fd);
bool proc_is_pipe(pid_t pid, uint64_t fd);
/* When a process began, in clock ticks since boot: another process of its number began later.  0: it is gone, or has ended. */
unsigned long proc_start_time(pid_t pid);
/* The flags in /proc/PID/stat, such as PF_KTHREAD; 0 if the process is gone. */
/* The nanoseconds for which a thread has had a processor; UINT64_MAX: the kernel does not tell. */
uint64_t proc_run_time(pid_t pid, pid_t tid);
unsigned long proc_flags(pid_t pid);
/*
 * Whether all that a process may read it may execute, too (personality(2), READ_IMPLIES_EXEC).  So it is with 32-bit programs
 * that have no PT_GNU_STACK.  False if that may not be read.
 */
bool proc_read_implies_exec(pid_t pid);
/* The parent of a process; 0 if it has none, or is gone. */
pid_t proc_parent(pid_t pid);
/*
 * Where its heap begins, or will begin, and where the stack of its first thread began, below the
 * arguments and the environment (start_brk and startstack of proc(5)); 0 if that may not be read.
 */
void proc_layout(pid_t pid, uint64_t *brk, uint64_t *stack);
/* The name of a process, "?" if it cannot be read. */
void proc_comm(pid_t pid, char *name, size_t size);

/* The sysctl kernel.yama.ptrace_scope; 0 if the kernel does not have it. */
int proc_ptrace_scope(void);

/* The sysctl vm.max_map_count: how many mappings a process may have; 0 if that cannot be read. */
size_t proc_max_map_count(void);

/* The id of the process or thread that was born last (/proc/loadavg); 0 if it cannot be read. */
pid_t proc_newest_pid(void);

/* List the process ids of the host, the smallest first.  The caller frees *pids. */
int proc_list(pid_t **pids, size_t *count) MUST_CHECK;

#endif
