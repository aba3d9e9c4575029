/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "permission.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"

/* linux/capability.h of Debian 11 knows the two that came with Linux 5.8 and 5.9. */
#define BIT(capability) (1ull << (capability))

const uint64_t permission_to_view = BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_OVERRIDE) |
				    BIT(CAP_SYS_ADMIN) | BIT(CAP_CHECKPOINT_RESTORE);
const uint64_t permission_to_change = BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_OVERRIDE) |
				      BIT(CAP_SYS_ADMIN) | BIT(CAP_CHECKPOINT_RESTORE) |
				      BIT(CAP_PERFMON) | BIT(CAP_KILL);

int permission_keep(uint64_t rights)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) != 0)
		return -errno;
	if (!(data[0].effective & BIT(CAP_SYS_PTRACE)))
		return 0;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(rights >> 32 * i);
		data[i].effective &= (uint32_t)(rights >> 32 * i);
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) == 0 ? 0 : -errno;
}

static bool has(const struct proc_status *status, unsigned capability)
{
	return (status->effective >> capability & 1) != 0;
}

bool permission_is_full(void)
{
	struct proc_status ours;

	return proc_read_status(getpid(), &ours) == 0 && has(&ours, CAP_SYS_PTRACE) && has(&ours, CAP_DAC_OVERRIDE);
}

/* The owner of the files of a process in /proc: root if the process is not dumpable, proc(5). */
static uid_t owner_of_files(pid_t pid, uid_t otherwise)
{
	char path[40];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	return stat(path, &st) == 0 ? st.st_uid : otherwise;
}

/* Say why nsb without CAP_SYS_PTRACE may not trace a process of its own user. */
static int refuse_own(pid_t pid, const char *name, const char *what,
		      const struct proc_status *theirs, const struct proc_status *ours)
{
	char scope[64] = "";

	if (proc_ptrace_scope() > 0)
		(void)snprintf(scope, sizeof(scope), ", and kernel.yama.ptrace_scope is %d",
			       proc_ptrace_scope());
	if ((theirs->permitted & ~ours->effective) != 0)
		return fail(EPERM, "%s: not permitted to %s: it has capabilities that nsb lacks%s (" PERMISSION_CURE
			    ")", name, what, scope);
	if (owner_of_files(pid, theirs->euid) != theirs->euid)
		return fail(EPERM, "%s: not permitted to %s: it is not dumpable: a setuid program, or"
			    " PR_SET_DUMPABLE%s (" PERMISSION_CURE ")", name, what, scope);
	return fail(EPERM, "%s: not permitted to %s%s (" PERMISSION_CURE ")", name, what, scope);
}

int permission_refuse(pid_t pid, const char *name, const char *what)
{
	struct proc_status theirs, ours;

	if (proc_ptrace_scope() == 3)
		return fail(EPERM, "%s: not permitted to %s: kernel.yama.ptrace_scope is 3, nobody may"
			    " trace until the next boot", name, what);
	if (proc_read_status(pid, &theirs) != 0 || proc_read_status(getpid(), &ours) != 0)
		return fail(EPERM, "%s: not permitted to %s", name, what);
	if (has(&ours, CAP_SYS_PTRACE) && !has(&ours, CAP_DAC_OVERRIDE) &&
	    owner_of_files(pid, ours.euid) != ours.euid)
		return fail(EPERM, "%s: not permitted to %s: its files in /proc are another user's ("
			    PERMISSION_CURE ")", name, what);
	if (has(&ours, CAP_SYS_PTRACE))
		return fail(EPERM, "%s: not permitted to %s, in spite of CAP_SYS_PTRACE: it is in another"
			    " user namespace, or a security module forbids it (run nsb as root of the"
			    " host, see the kernel's log)", name, what);
	if (theirs.uid != ours.euid || theirs.euid != ours.euid)
		return fail(EPERM, "%s: not permitted to %s: it runs as user %u, nsb as user %u (" PERMISSION_CURE ")",
			    name, what, theirs.euid, ours.euid);
	return refuse_own(pid, name, what, &theirs, &ours);
}
