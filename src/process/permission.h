/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * permission: says why the kernel does not let nsb trace or read a process (ptrace(2), "Ptrace
 * access mode checking"; capabilities(7)).
 */
#ifndef NSB_PERMISSION_H
#define NSB_PERMISSION_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

#define PERMISSION_CURE "run nsb as root, or with CAP_SYS_PTRACE and CAP_DAC_OVERRIDE"

/* Whether an error is that nsb may not look at a process; others are those of one that ends, or is a kernel thread. */
static inline bool permission_is_missing(int err)
{
	return err == -EPERM || err == -EACCES;
}

/* Whether nsb has all of that, so that more rights are not what it lacks where it may not look at a process. */
bool permission_is_full(void);

/*
 * Keep a message that says which of the kernel's rules does not permit `what`, and what would
 * help.  `name` is the name of the process in the message.  Returns -EPERM.
 */
int permission_refuse(pid_t pid, const char *name, const char *what) MUST_CHECK;

/*
 * The capabilities that nsb needs to look at processes, or to change them, a bit each
 * (linux/capability.h).  Examples of what each is for:
 *   SYS_PTRACE          processes of others, and their files in /proc
 *   DAC_OVERRIDE        /proc/PID/mem, and executables that only their owner may read
 *   SYS_ADMIN           PTRACE_O_SUSPEND_SECCOMP; /proc/PID/map_files before Linux 5.9
 *   CHECKPOINT_RESTORE  /proc/PID/map_files
 *   PERFMON             breakpoints in threads of others
 *   KILL                a stop signal that was withheld from a thread comes to it later
 */
extern const uint64_t permission_to_view, permission_to_change;
/*
 * Give up all other capabilities, for good.  A process without CAP_SYS_PTRACE keeps all: the
 * kernel lets it trace only those that have no capability which it lacks (security/commoncap.c).
 */
int permission_keep(uint64_t rights) MUST_CHECK;

#endif
