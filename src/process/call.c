/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"

#include <fcntl.h>
#include <sys/socket.h>

#define TCSBRK_REQUEST 0x5409	/* asm-generic/ioctls.h: with an argument other than 0 it is tcdrain(3) */
#define PIPE_WHOLE 4096		/* PIPE_BUF: such a write is done as a whole, or not at all (pipe(7)) */
#define VECTOR_MAX 1024		/* UIO_MAXIOV */

#define ERESTARTNOHAND 514	/* linux/errno.h */

enum call_state call_find(const struct arch *arch, const struct regs *regs, const struct proc_call *before,
			  struct proc_call *made)
{
	const uint64_t pc = regs_get(arch, regs, REG_PC), sp = regs_get(arch, regs, REG_SP);

	if (!arch->forgets_calls) {
		*made = (struct proc_call){ .number = regs_get(arch, regs, REG_CALL), .sp = sp, .pc = pc };
		for (unsigned i = 0; i < 6; i++)
			made->args[i] = regs_get(arch, regs, (enum reg)(REG_ARG0 + i));
		return regs_in_call(arch, regs) ? CALL_BACK : CALL_NONE;
	}
	/* The thread may have run since, and be in another call, or in none. */
	if (before == NULL || before->sp != sp || regs_get(arch, regs, REG_NUMBER) != before->number)
		return CALL_NONE;
	*made = *before;
	return pc == before->pc ? CALL_BACK : pc == before->pc - arch->syscall_insn_size ? CALL_PENDING : CALL_NONE;
}

/*
 * The kernel makes a call again, but turns that into EINTR if a handler runs first, as without nsb: so no signal is missed,
 * however late it comes.  Where it has forgotten the call, a handler runs as if it had run before the call.
 */
void call_make_again(const struct arch *arch, struct regs *regs, const struct proc_call *made)
{
	if (!arch->forgets_calls) {
		regs_set(arch, regs, REG_RESULT, (uint64_t)-ERESTARTNOHAND);
		return;
	}
	regs_set(arch, regs, REG_PC, made->pc - arch->syscall_insn_size);
	regs_set(arch, regs, REG_NUMBER, made->number);
	regs_set(arch, regs, REG_ARG0, made->args[0]);
}

/* What the table says of a call; *args are its arguments, wherever they are.  NULL: nothing. */
static const struct system_call *look_up(const struct arch *arch, const struct bytes *memory,
				  const struct proc_call *made, uint64_t args[6])
{
	bool in_memory;
	const struct system_call *call = arch->find_call(made->number, made->args[0], &in_memory);

	for (unsigned i = 0; i < 6; i++) {
		args[i] = in_memory ? 0 : made->args[i];
		if (in_memory && memory->read(memory, made->args[1] + i * arch->word, &args[i],
					      arch->word) != 0)
			args[i] = 0;
	}
	return call;
}

bool call_is_repeatable(const struct arch *arch, const struct bytes *memory, const struct proc_call *made)
{
	uint64_t args[6];
	const struct system_call *call = look_up(arch, memory, made, args);

	if (call == NULL)
		return false;
	switch (call->again) {
	case CALL_LEFT:
		return false;
	case CALL_AGAIN:
		return true;
	case CALL_AGAIN_NO_EXCL:
		return (args[call->flags] & O_EXCL) == 0;
	case CALL_AGAIN_DRAIN:
		return args[1] == TCSBRK_REQUEST && args[2] != 0;
	}
	return false;
}

/* The sum of the lengths in an array of struct iovec; 0 if it cannot be read. */
static uint64_t sum_vector(const struct arch *arch, const struct bytes *memory, uint64_t address,
			   uint64_t count)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count && i < VECTOR_MAX; i++) {
		uint64_t length = 0;

		if (memory->read(memory, address + (2 * i + 1) * arch->word, &length, arch->word) != 0)
			return 0;
		sum += length;
	}
	return sum;
}

/* How many bytes a call was asked to move; 0 if that is not known. */
static uint64_t amount(const struct arch *arch, const struct bytes *memory, const struct system_call *call,
		       const uint64_t args[6])
{
	uint64_t vector = 0, count = 0;

	switch (call->amount) {
	case CALL_NO_AMOUNT:
		return 0;
	case CALL_BYTES:
	case CALL_ITEMS:
		return args[call->asked];
	case CALL_VECTOR:
		return sum_vector(arch, memory, args[call->asked], args[call->asked + 1]);
	case CALL_MESSAGE:
		/* struct msghdr: name, its length, the vector, its length (sys/socket.h). */
		if (memory->read(memory, args[call->asked] + 2 * arch->word, &vector, arch->word) != 0 ||
		    memory->read(memory, args[call->asked] + 3 * arch->word, &count, arch->word) != 0)
			return 0;
		return sum_vector(arch, memory, vector, count);
	}
	return 0;
}

/* Whether a call moves all that it is asked to, as long as nothing interrupts it. */
static bool moves_all(const struct system_call *call, const uint64_t args[6])
{
	const uint64_t flags = call->flags == CALL_NO_FLAGS ? 0 : args[call->flags];

	return call->is_frail && (!call->is_whole_by_flag || (flags & MSG_WAITALL) != 0) &&
	       (flags & (MSG_DONTWAIT | MSG_WAITFORONE)) == 0;
}

bool call_is_frail(const struct arch *arch, const struct bytes *memory, pid_t pid,
		   const struct proc_call *made)
{
	uint64_t args[6], asked;
	const struct system_call *call = look_up(arch, memory, made, args);

	if (call == NULL || !moves_all(call, args))
		return false;
	asked = amount(arch, memory, call, args);
	return call->amount == CALL_NO_AMOUNT || asked > PIPE_WHOLE ||
	       (asked > 1 && (call->amount == CALL_ITEMS || !proc_is_pipe(pid, args[0])));
}

static void enter(struct call_loss *loss, const char *name, pid_t tid, uint64_t done, uint64_t asked)
{
	if (loss->count == 0)
		*loss = (struct call_loss){ .name = name, .tid = tid, .done = done, .asked = asked };
	loss->count++;
}

void call_note_result(const struct arch *arch, const struct bytes *memory, pid_t pid, pid_t tid,
		      const struct proc_call *made, uint64_t result, struct call_loss *loss)
{
	uint64_t args[6], asked;
	const struct system_call *call = look_up(arch, memory, made, args);

	if (call == NULL || call->amount == CALL_NO_AMOUNT || call->amount == CALL_ITEMS ||
	    !moves_all(call, args))
		return;
	asked = amount(arch, memory, call, args);
	if (result == 0 || result >= asked)
		return;
	/* A file that does not wait may take or give less at any time.  getrandom(2) has no file. */
	if ((call->amount == CALL_BYTES && call->asked == 1) || proc_is_blocking(pid, args[0]))
		enter(loss, call->name, tid, result, asked);
}

void call_note_lost(const struct arch *arch, pid_t tid, const struct proc_call *made,
		    struct call_loss *loss)
{
	bool in_memory;
	const struct system_call *call = arch->find_call(made->number, made->args[0], &in_memory);

	if (call != NULL && call->is_frail)
		enter(loss, call->name, tid, 0, 0);
}
