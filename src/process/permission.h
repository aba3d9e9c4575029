/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * permission: says why the kernel does not let nsb trace or read a process (ptrace(2), "Ptrace
 * access mode checking"; capabilities(7)).
 */
#ifndef NSB_PERMISSION_H
#define NSB_PERMISSION_H

#include <sys/types.h>

#include "msg.h"

/*
 * Keep a message that says which of the kernel's rules does not permit `what`, and what would
 * help.  `name` is the name of the process in the message.  Returns -EPERM.
 */
int permission_refuse(pid_t pid, const char *name, const char *what) MUST_CHECK;

#endif
