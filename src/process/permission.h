/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * permission: why the kernel does not let nsb at a process (ptrace(2), "Ptrace
 * access mode checking"; capabilities(7)).
 */
#ifndef NSB_PERMISSION_H
#define NSB_PERMISSION_H

#include <sys/types.h>

#include "msg.h"

/*
 * Word the refusal to do `what` to a process, called `name` in messages: which of
 * the kernel's rules it was, and what would help.  Returns -EPERM.
 */
int permission_refuse(pid_t pid, const char *name, const char *what) MUST_CHECK;

#endif
