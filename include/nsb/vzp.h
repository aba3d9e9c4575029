/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vzp.h: what the source of a live patch says to nsb-gen.
 *
 * A patch is C code, built as a shared object with -g -fPIC.  Functions that it
 * defines and the target has are replaced.  Global things of the target are
 * declared `extern`, as usual.  Things that the linker does not let out of the
 * target are declared with the macros below:
 *
 *	VZP_FILE("src/queue.c");
 *	VZP_STATIC_VAR_REF(struct queue *, head);
 *	VZP_STATIC_FUNC_REF(int, queue_grow, (struct queue *queue, int by));
 *
 * and are then used by their names.  Each works at file scope and inside
 * functions.  A static variable of a function is declared inside the function of
 * the same name in the patch.  nsb-gen(1) tells all.
 */
#ifndef NSB_VZP_H
#define NSB_VZP_H

/*
 * VZP_FILE(file): what follows in this source file comes from the target's
 * source file `file`: its name, with as many directories as make it unique.
 */
#define VZP_FILE(file) VZP__RECORD(__COUNTER__, "F", file, "", "")

/*
 * VZP_STATIC_VAR_REF(type, name[, file]), VZP_STATIC_FUNC_REF(type, name, (args)[, file]):
 * a variable or function that is static in the target.  An array is
 * VZP_STATIC_VAR_REF(int[8], name).
 */
#define VZP_STATIC_VAR_REF(type, ...) \
	VZP__VARIABLE("V", type, VZP__FIRST(__VA_ARGS__), VZP__SECOND(__VA_ARGS__), )
#define VZP_STATIC_FUNC_REF(type, name, ...) \
	VZP__FUNCTION("U", type, name, VZP__FIRST(__VA_ARGS__), VZP__SECOND(__VA_ARGS__), )
/* The same for one that takes its arguments in registers, see VZP_REGISTER_ARGS. */
#define VZP_REGISTER_FUNC_REF(type, name, ...) \
	VZP__FUNCTION("R", type, name, VZP__FIRST(__VA_ARGS__), VZP__SECOND(__VA_ARGS__), \
		      VZP_REGISTER_ARGS)

/*
 * The same for variables that are thread-local (static __thread) in the target.  One
 * that is not static is declared as usual: extern __thread.
 */
#define VZP_STATIC_TLS_REF(type, ...) \
	VZP__VARIABLE("V", type, VZP__FIRST(__VA_ARGS__), VZP__SECOND(__VA_ARGS__), __thread)

/* The same for global things that the target does not export. */
#define VZP_HIDDEN_VAR_REF(type, name) VZP__VARIABLE("H", type, name, "", )
#define VZP_HIDDEN_FUNC_REF(type, name, args) VZP__FUNCTION("G", type, name, args, "", )
#define VZP_PROTECTED_VAR_REF(type, name) VZP__VARIABLE("H", type, name, "", )
#define VZP_PROTECTED_FUNC_REF(type, name, args) VZP__FUNCTION("G", type, name, args, "", )
#define VZP_INTERNAL_VAR_REF(type, name) VZP__VARIABLE("H", type, name, "", )
#define VZP_INTERNAL_FUNC_REF(type, name, args) VZP__FUNCTION("G", type, name, args, "", )

/*
 * VZP_STATIC_SYM_ALIAS(patch_name, target_name): what the patch calls
 * patch_name, a function that it defines or anything it refers to, is called
 * target_name in the target.  For two statics of one name.
 */
#define VZP_STATIC_SYM_ALIAS(patch_name, target_name) \
	VZP__RECORD(__COUNTER__, "A", #patch_name, #target_name, "")

/*
 * VZP_NEW(name): the static variable `name` of the patch is a new one, though the target has
 * one of that name there; or the function `name` is new, though its name is nearly one of
 * the target's.
 */
#define VZP_NEW(name) VZP__RECORD(__COUNTER__, "N", #name, "", "")

/* VZP_COMMENT("CVE-2026-1234: ..."): kept in the patch, shown by nsb info. */
#define VZP_COMMENT(text) VZP__RECORD(__COUNTER__, "C", text, "", "")

/*
 * What a host is asked for later: VZP_CVE("CVE-2026-1234"), which may stand several times, the
 * package and the version that the patch is for, who made it, how bad the hole is, where to read
 * of it.  nsb info, list and status show them.
 */
#define VZP_CVE(text) VZP__RECORD(__COUNTER__, "C", text, "cve", "")
#define VZP_PACKAGE(text) VZP__RECORD(__COUNTER__, "C", text, "package", "")
#define VZP_VERSION(text) VZP__RECORD(__COUNTER__, "C", text, "version", "")
#define VZP_AUTHOR(text) VZP__RECORD(__COUNTER__, "C", text, "author", "")
#define VZP_SEVERITY(text) VZP__RECORD(__COUNTER__, "C", text, "severity", "")
#define VZP_URL(text) VZP__RECORD(__COUNTER__, "C", text, "url", "")

/*
 * VZP_ALLOW_ACTIVE(func): apply the patch even where threads are inside the old
 * func; they finish there.  Only where old and new code can run side by side.
 */
#define VZP_ALLOW_ACTIVE(func) VZP__RECORD(__COUNTER__, "O", #func, "", "")

/*
 * VZP_CALLERS_CHECKED(func): you have looked at the target's code, and what calls func in the
 * source and is not replaced has no inlined copy of the old func, and tests its result in
 * full.  A compiler that saw the old func may have dropped such tests; nsb-gen tells where it
 * cannot know.
 */
#define VZP_CALLERS_CHECKED(func) VZP__RECORD(__COUNTER__, "K", #func, "", "")

/*
 * VZP_ARGUMENTS_CHECKED(name): you have looked at the target's code of the static function `name`,
 * to which the patch refers, and it tests its arguments in full, whatever its callers there pass.
 */
#define VZP_ARGUMENTS_CHECKED(name) VZP__RECORD(__COUNTER__, "P", #name, "", "")

/*
 * Functions of the patch that the process runs in the same stop in which nsb switches, while all of its threads
 * stand outside of the functions that are replaced: so they can walk and repair data that nobody is
 * using.  Each macro stands behind the function's definition.
 *
 * VZP_PRE_APPLY(f): int f(void), before anything is changed.  If it returns something other than 0,
 * nothing is, and nsb tells the number.  So it had better look at things, and change none.
 * VZP_POST_APPLY(f): void f(void), when calls lead to the new functions.
 * VZP_PRE_REVERT(f): int f(void), before the patch is taken out; not 0 forbids that.
 * VZP_POST_REVERT(f): void f(void), when calls lead to the old functions again.
 *
 * As all other threads stand, f may wait for nobody: no locks, no malloc, no stdio.  nsb-gen follows its
 * calls, and refuses those that leave the patch, but for functions that it can follow, too, and VZP_HOOK_CALLS(g):
 * you have looked at the target's function g, and it waits for nobody, whatever another thread was about when it was
 * stopped.  f has 20 ms; VZP_HOOK_LIMIT(f, ms) gives it more, up to 1000.  If it takes longer, or
 * faults, nsb undoes what it has changed itself; data that f has changed stay so.  If nsb is killed
 * meanwhile, f may be run again by the next one.
 *
 * VZP_NOT_ACTIVE(g): no thread may be in the target's function g either when hooks run, though it
 * is not replaced.
 */
#define VZP_PRE_APPLY(f) VZP__HOOK("1", int, f)
#define VZP_POST_APPLY(f) VZP__HOOK("2", void, f)
#define VZP_PRE_REVERT(f) VZP__HOOK("3", int, f)
#define VZP_POST_REVERT(f) VZP__HOOK("4", void, f)
#define VZP_HOOK_LIMIT(f, ms) VZP__RECORD(__COUNTER__, "T", #f, VZP__TEXT(ms), "")
#define VZP_HOOK_CALLS(g) VZP__RECORD(__COUNTER__, "W", #g, "", "")
#define VZP_NOT_ACTIVE(g) VZP__RECORD(__COUNTER__, "Q", #g, "", "")

/*
 * VZP_ONCE(f): void f(void), behind its definition.  It runs once in the process, before the first call of any function that
 * the patch replaces gets to the new code: in the thread that makes this call, while all others go on.  So it may call
 * anything.  Threads that call a replaced function meanwhile wait until it has returned; f itself may call them.  A child of
 * fork that begins when f has run has it behind it, too; in a child that another thread has forked meanwhile, f runs anew.  f
 * runs again if its thread has ended in the middle of it.  If f takes locks that callers of replaced functions may hold, they
 * wait for ever: it must not.  It must return, and not by longjmp or an exception.
 *
 * A patch has one VZP_ONCE, and may replace VZP_ONCE_FUNCTIONS functions then, 64 if you do not define it.
 */
#define VZP_ONCE(f) VZP__ONCE(f)
#ifndef VZP_ONCE_FUNCTIONS
#define VZP_ONCE_FUNCTIONS 64
#endif

/*
 * VZP_LAYOUT(struct conn, convert): the structure changes its layout, and the hook `convert` (VZP_POST_APPLY or VZP_PRE_APPLY)
 * finds all of them that there are, and makes them what the new code expects.  That is your word.  nsb-gen sees to the rest:
 * all functions that depend on the layout are replaced, as builds of the program show (--as-built, --fixed), none of them is active, and
 * a hook converts back when the patch is taken out, or forbids that.
 */
#define VZP_LAYOUT(type, convert) VZP__RECORD(__COUNTER__, "Y", #type, #convert, "")

/*
 * VZP_STATE(type, name): behind the definition of a variable of the patch's own.  When a newer patch that has a
 * VZP_STATE of the same name and type takes the place of this one by nsb patch --replace, it goes on with the value.
 */
#define VZP_STATE(type, name) \
	VZP__KEEP_WHOLE(name) \
	VZP__IS_OF_TYPE(type, name) \
	VZP__RECORD(__COUNTER__, "S", #name, "", "")

/*
 * VZP_STATE_WAS(type, name, pointer): at the start of a hook (VZP_POST_APPLY): the older patch has a VZP_STATE of that name,
 * with another type.  `pointer` is what it is, or NULL if no such patch is replaced.  The hook makes of it what the new code
 * expects.  The type may be one that the hook defines, by the name that it has in the older patch.
 *
 *	static void widen(void)
 *	{
 *		struct counts { int calls; };
 *		VZP_STATE_WAS(struct counts, counts, was);
 *
 *		if (was != NULL)
 *			counts.calls = was->calls;
 *	}
 *	VZP_POST_APPLY(widen)
 */
#define VZP_STATE_WAS(type, name, pointer) VZP__STATE_WAS(__COUNTER__, type, name, pointer)
#define VZP__STATE_WAS(id, type, name, pointer) VZP__STATE_WAS_(id, type, name, pointer)
#define VZP__STATE_WAS_(id, type, name, pointer) \
	static struct { \
		__typeof__(type) value; \
		unsigned char is_there;		/* nsb sets it */ \
	} vzp__was_##id; \
	VZP__RECORD(__COUNTER__, "B", #name, "vzp__was_" #id, "") \
	__asm__("" : "+m"(vzp__was_##id)); \
	const __typeof__(type) *pointer = vzp__was_##id.is_there ? &vzp__was_##id.value : NULL;

/*
 * VZP_RESUME(loop, callee, go_on): a thread that is in the target's function `loop`, which never returns, at a call of
 * `callee` goes on in `go_on`, a static function of the patch, when that call has returned.  go_on gets what callee has
 * returned, and what go_on returns is what the caller of loop gets.  It stands behind the definition of go_on; the patch
 * replaces loop, too, for whoever calls it later (main() nobody calls again).
 *
 * VZP_LOCAL(type, name): at the start of go_on, a variable of the old activation of loop: a new variable of that name and
 * with its value.  An array or a structure stays where it is, and `name` is a pointer to it.
 * VZP_LOCAL_AT(type, name): the same for one to which something else has a pointer: `name` is a pointer to it.
 *
 *	static int serve_on(int ready)
 *	{
 *		VZP_LOCAL(struct server *, server);
 *		VZP_LOCAL(struct pollfd[16], fds);
 *		...
 *	}
 *	VZP_RESUME(serve, poll, serve_on);
 *
 * In C only.  The patch can be applied while each thread that is in loop is at such a call.
 */
#define VZP_RESUME(loop, callee, go_on) VZP__RESUME(loop, callee, go_on)
#define VZP_LOCAL(type, name) VZP__LOCAL(__COUNTER__, type, name)
#define VZP_LOCAL_AT(type, name) VZP__LOCAL_AT(__COUNTER__, type, name)

/*
 * What a new function has to be declared with where the target's compiler, knowing
 * the old one, had its callers rely on more than usual; nsb-gen tells where it is so.
 *
 * VZP_KEEPS_REGISTERS: it brings back all registers, and aligns the stack.  It cannot
 * use floating point, nor inline functions that may; it can call one that does.
 * VZP_ALIGNS_STACK: it aligns the stack.
 * VZP_REGISTER_ARGS: gcc's static functions on i386 take the first three words of
 * their arguments in registers.  Elsewhere it means nothing.
 */
#define VZP_KEEPS_REGISTERS \
	__attribute__((no_caller_saved_registers, VZP__GENERAL_ONLY force_align_arg_pointer))
#define VZP_ALIGNS_STACK __attribute__((force_align_arg_pointer))
#ifndef __LP64__
#define VZP_REGISTER_ARGS __attribute__((regparm(3)))
#else
#define VZP_REGISTER_ARGS
#endif

/*
 * Two source files of one patch that refer to different statics of one name
 * need different names for VZP_UNIT, defined before this header is included.
 */
#ifndef VZP_UNIT
#define VZP_UNIT
#endif

/*
 * From here on: how it is done.  A reference is an undefined symbol NAME.vzp, so
 * that the code reaches it through the global offset table and there is no copy
 * of it.  A record, a string in the section .vzp, tells what the symbol means;
 * where it was written, its file, line and function, nsb-gen takes from the debug
 * info of the record itself.
 */
#define VZP__FIRST_(first, ...) first
#define VZP__SECOND_(first, second, ...) second
#define VZP__FIRST(...) VZP__FIRST_(__VA_ARGS__, )
#define VZP__SECOND(...) VZP__SECOND_(__VA_ARGS__, "", )
#define VZP__TEXT_(x) #x
#define VZP__TEXT(x) VZP__TEXT_(x)

/*
 * gcc's assembler text can say that .vzp is not to be loaded.  clang's cannot, so
 * the linker must be kept from dropping it.
 */
#if defined(__clang__)
#define VZP__STORED used, retain, aligned(1), section(".vzp")
#define VZP__GENERAL_ONLY
#else
#define VZP__GENERAL_ONLY target("general-regs-only"),
#define VZP__STORED used, aligned(1), section(".vzp,\"\",@progbits#")
#endif

/*
 * Each macro ends in a semicolon of its own, so it needs none behind it, and takes one: gcc and
 * clang let a lone semicolon stand (of which -Wpedantic warns).
 */
#define VZP__RECORD_(id, kind, a, b, c) \
	static const char vzp__record_##id[] __attribute__((VZP__STORED)) = \
		kind a "\0" b "\0" c;
#define VZP__RECORD(id, kind, a, b, c) VZP__RECORD_(id, kind, a, b, c)

/*
 * That of a reference tells its type as well, for nsb-gen to compare: clang has no
 * debug info of what is only declared.  The pointer takes no room.
 */
#define VZP__TYPED_RECORD_(id, kind, a, b, c, thing) \
	__extension__ static const struct __attribute__((packed)) { \
		__typeof__(thing) *type[0]; \
		char text[sizeof(kind a "\0" b "\0" c)]; \
	} vzp__record_##id __attribute__((VZP__STORED)) = { .text = kind a "\0" b "\0" c };
#define VZP__TYPED_RECORD(id, kind, a, b, c, thing) VZP__TYPED_RECORD_(id, kind, a, b, c, thing)

#ifndef __cplusplus
#define VZP__IS_OF_TYPE(type, name) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(name), __typeof__(type)), \
		       "VZP_STATE tells the type of the variable " #name);
#else
#define VZP__IS_OF_TYPE(type, name)
#endif

/* A hook is called by nobody in the patch, so the compiler must be kept from dropping it. */
#ifndef __cplusplus
#define VZP__HAS_TYPE(type, f) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(f), type (void)), \
		       "a hook is declared " #type " " #f "(void)");
#else
#define VZP__HAS_TYPE(type, f)
#endif
/* clang takes no attribute behind the definition, but what a second name is used for it keeps. */
#if defined(__clang__) && !defined(__cplusplus)
#define VZP__KEEP__(id, f) static __typeof__(f) vzp__hook_##id __attribute__((alias(#f), used));
#define VZP__KEEP_(id, f) VZP__KEEP__(id, f)
#define VZP__KEEP(f) VZP__KEEP_(__COUNTER__, f)
#else
#define VZP__KEEP(f) extern __typeof__(f) f __attribute__((used));
#endif
/* clang makes several variables of the members of one that nobody else can see. */
#if defined(__clang__) && !defined(__cplusplus)
#define VZP__KEEP_WHOLE__(id, name) static __typeof__(name) vzp__whole_##id __attribute__((alias(#name), used));
#define VZP__KEEP_WHOLE_(id, name) VZP__KEEP_WHOLE__(id, name)
#define VZP__KEEP_WHOLE(name) VZP__KEEP_WHOLE_(__COUNTER__, name)
#else
#define VZP__KEEP_WHOLE(name)
#endif
#define VZP__HOOK(kind, type, f) \
	VZP__KEEP(f) \
	VZP__HAS_TYPE(type, f) \
	VZP__RECORD(__COUNTER__, kind, #f, "", "")

/*
 * VZP_ONCE.  The jump of each replaced function leads to a slot of its own, whose last instruction jumps to the new code;
 * nsb-gen writes where that is.  As long as f has not run, a slot calls the gate, which keeps all registers, and
 * calls vzp__once_enter().
 */
struct vzp__once {
	unsigned char is_done;		/* the slots look at it; f has run */
	unsigned word;			/* the same for futex(2) */
	unsigned long long runner __attribute__((aligned(8)));	/* process id << 32 | thread id of who runs f; 0: nobody */
	unsigned long self;		/* its thread pointer, which its copy in a forked child has, too */
};

#ifdef __LP64__
static inline __attribute__((unused)) long vzp__call(long number, unsigned long a, unsigned long b, unsigned long c,
						     unsigned long d)
{
	register unsigned long fourth __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}
#define VZP__SELF(self) __asm__("movq %%fs:0, %0" : "=r"(self))
#define VZP__GETPID 39
#define VZP__GETTID 186
#define VZP__FUTEX 202
#define VZP__TGKILL 234
#else
static inline __attribute__((unused)) long vzp__call(long number, unsigned long a, unsigned long b, unsigned long c,
						     unsigned long d)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return result;
}
#define VZP__SELF(self) __asm__("movl %%gs:0, %0" : "=r"(self))
#define VZP__GETPID 20
#define VZP__GETTID 224
#define VZP__FUTEX 240
#define VZP__TGKILL 270
#endif

/* Is the thread that runs f still there?  Only then it will return from f. */
static inline __attribute__((unused)) int vzp__is_alive(unsigned long long runner, unsigned long pid)
{
	return runner >> 32 == pid && vzp__call(VZP__TGKILL, pid, (unsigned)runner, 0, 0) != -3;	/* ESRCH */
}

static inline __attribute__((unused)) void vzp__run_once(struct vzp__once *once, void (*f)(void))
{
	unsigned long pid = (unsigned long)vzp__call(VZP__GETPID, 0, 0, 0, 0), self;
	unsigned long long me = (unsigned long long)pid << 32 | (unsigned)vzp__call(VZP__GETTID, 0, 0, 0, 0);
	const long pause[2] = { 0, 10000000 };

	VZP__SELF(self);
	while (!__atomic_load_n(&once->is_done, __ATOMIC_ACQUIRE)) {
		unsigned long long runner = __atomic_load_n(&once->runner, __ATOMIC_ACQUIRE);

		/* f has called a replaced function itself. */
		if (runner == me || (runner != 0 && runner >> 32 != pid && once->self == self))
			return;
		if (runner != 0 && vzp__is_alive(runner, pid)) {
			vzp__call(VZP__FUTEX, (unsigned long)&once->word, 0, 0, (unsigned long)pause);
			continue;
		}
		if (!__atomic_compare_exchange_n(&once->runner, &runner, me, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		once->self = self;
		f();
		__atomic_store_n(&once->is_done, 1, __ATOMIC_RELEASE);
		__atomic_store_n(&once->word, 1, __ATOMIC_RELEASE);
		vzp__call(VZP__FUTEX, (unsigned long)&once->word, 1, 0x7fffffff, 0);
	}
}

#define VZP__ONCE(f) \
	VZP__HAS_TYPE(void, f) \
	VZP__RECORD(__COUNTER__, "E", #f, VZP__SLOT_LAYOUT " " VZP__TEXT(VZP_ONCE_FUNCTIONS), "") \
	static __attribute__((used)) struct vzp__once vzp__once_state __asm__("vzp__once_state"); \
	static __attribute__((used)) void vzp__once_enter(void) __asm__("vzp__once_enter"); \
	static __attribute__((used)) void vzp__once_enter(void) { vzp__run_once(&vzp__once_state, f); } \
	__asm__(".pushsection .text.vzp__once_slots, \"ax\", @progbits\n" \
		"\t.p2align 4\n" \
		"\t.type vzp__once_slots, @function\n" \
		"vzp__once_slots:\n" \
		"\t.cfi_startproc\n" \
		"\t.rept " VZP__TEXT(VZP_ONCE_FUNCTIONS) "\n" \
		VZP__SLOT \
		"\t.byte 0xe9\n\t.long 0\n" \
		"\t.p2align 3, 0xcc\n" \
		"\t.endr\n" \
		"\t.cfi_endproc\n" \
		".Lvzp__once_gate:\n" \
		"\t.cfi_startproc\n" \
		VZP__GATE("vzp__once_enter") \
		"\t.cfi_endproc\n" \
		"\t.size vzp__once_slots, . - vzp__once_slots\n" \
		".popsection\n");

/*
 * The gate brings back every register, vectors and floating point, too: arguments may be in them, and callers may rely on
 * more than the ABI says.  What the processor's xsave has to keep, and how large that is, it asks cpuid; without
 * xsave there is fxsave.  Tiles (bits 17 and 18) are kept by nobody's caller.
 */
#ifdef __LP64__
#define VZP__SLOT_LAYOUT "24 19"
#define VZP__SLOT \
	"\tendbr64\n\tcmpb $0, vzp__once_state(%rip)\n\tjne 771f\n\tcall .Lvzp__once_gate\n771:\n"
#define VZP__GATE(enter) \
	"\tpushq %rbp\n\t.cfi_def_cfa_offset 16\n\t.cfi_offset rbp, -16\n" \
	"\tmovq %rsp, %rbp\n\t.cfi_def_cfa_register rbp\n" \
	"\tpushq %rbx\n\t.cfi_offset rbx, -24\n" \
	"\tpushq %rax\n\tpushq %rcx\n\tpushq %rdx\n\tpushq %rsi\n\tpushq %rdi\n" \
	"\tpushq %r8\n\tpushq %r9\n\tpushq %r10\n\tpushq %r11\n" \
	"\tsubq $16, %rsp\n" \
	"\tmovl $1, %eax\n\txorl %ecx, %ecx\n\tcpuid\n" \
	"\tmovl $512, %r8d\n\txorl %r9d, %r9d\n" \
	"\tbtl $27, %ecx\n\tjnc 774f\n" \
	"\tincl %r9d\n\txorl %ecx, %ecx\n\txgetbv\n\tandl $0xfff9ffff, %eax\n" \
	"\tmovl %eax, -96(%rbp)\n\tmovl %edx, -92(%rbp)\n" \
	"\tmovl $576, %r8d\n\tmovl $2, %r10d\n" \
	"772:\n\tbtl %r10d, -96(%rbp)\n\tjnc 773f\n" \
	"\tmovl $13, %eax\n\tmovl %r10d, %ecx\n\tcpuid\n\taddl %ebx, %eax\n" \
	"\tcmpl %r8d, %eax\n\tcmoval %eax, %r8d\n" \
	"773:\n\tincl %r10d\n\tcmpl $63, %r10d\n\tjb 772b\n" \
	"774:\n\tmovl %r9d, -88(%rbp)\n\tsubq %r8, %rsp\n\tandq $-64, %rsp\n" \
	"\ttestl %r9d, %r9d\n\tjz 775f\n" \
	"\txorl %eax, %eax\n" \
	"\tmovq %rax, 512(%rsp)\n\tmovq %rax, 520(%rsp)\n\tmovq %rax, 528(%rsp)\n\tmovq %rax, 536(%rsp)\n" \
	"\tmovq %rax, 544(%rsp)\n\tmovq %rax, 552(%rsp)\n\tmovq %rax, 560(%rsp)\n\tmovq %rax, 568(%rsp)\n" \
	"\tmovl -96(%rbp), %eax\n\tmovl -92(%rbp), %edx\n\txsave64 (%rsp)\n\tjmp 776f\n" \
	"775:\n\tfxsave64 (%rsp)\n" \
	"776:\n\tcall " enter "\n" \
	"\tcmpl $0, -88(%rbp)\n\tje 777f\n" \
	"\tmovl -96(%rbp), %eax\n\tmovl -92(%rbp), %edx\n\txrstor64 (%rsp)\n\tjmp 778f\n" \
	"777:\n\tfxrstor64 (%rsp)\n" \
	"778:\n\tleaq -80(%rbp), %rsp\n" \
	"\tpopq %r11\n\tpopq %r10\n\tpopq %r9\n\tpopq %r8\n" \
	"\tpopq %rdi\n\tpopq %rsi\n\tpopq %rdx\n\tpopq %rcx\n\tpopq %rax\n\tpopq %rbx\n" \
	"\tpopq %rbp\n\t.cfi_def_cfa rsp, 8\n\tret\n"
#else
#define VZP__SLOT_LAYOUT "16 10"
#define VZP__SLOT "\tendbr32\n\tcall .Lvzp__once_gate\n"
#define VZP__GATE(enter) \
	"\tpushl %eax\n\t.cfi_def_cfa_offset 8\n" \
	"\tcall 771f\n\t.cfi_adjust_cfa_offset 4\n771:\n\tpopl %eax\n\t.cfi_adjust_cfa_offset -4\n" \
	"\tcmpb $0, vzp__once_state - 771b(%eax)\n" \
	"\tpopl %eax\n\t.cfi_def_cfa_offset 4\n\tje 772f\n\tret\n772:\n" \
	"\tpushl %ebp\n\t.cfi_def_cfa_offset 8\n\t.cfi_offset ebp, -8\n" \
	"\tmovl %esp, %ebp\n\t.cfi_def_cfa_register ebp\n" \
	"\tpushl %ebx\n\t.cfi_offset ebx, -12\n\tpushl %esi\n\t.cfi_offset esi, -16\n\tpushl %edi\n\t.cfi_offset edi, -20\n" \
	"\tpushl %eax\n\tpushl %ecx\n\tpushl %edx\n" \
	"\tsubl $16, %esp\n" \
	"\tmovl $1, %eax\n\txorl %ecx, %ecx\n\tcpuid\n" \
	"\tandl $0x01000000, %edx\n\tmovl %edx, -28(%ebp)\n" \
	"\txorl %edi, %edi\n\tbtl $27, %ecx\n\tjnc 774f\n" \
	"\txorl %ecx, %ecx\n\txgetbv\n\tandl $0xfff9ffff, %eax\n" \
	"\tmovl %eax, -40(%ebp)\n\tmovl %edx, -36(%ebp)\n" \
	"\tmovl $576, %edi\n\tmovl $2, %esi\n" \
	"772:\n\tbtl %esi, -40(%ebp)\n\tjnc 773f\n" \
	"\tmovl $13, %eax\n\tmovl %esi, %ecx\n\tcpuid\n\taddl %ebx, %eax\n" \
	"\tcmpl %edi, %eax\n\tjbe 773f\n\tmovl %eax, %edi\n" \
	"773:\n\tincl %esi\n\tcmpl $63, %esi\n\tjb 772b\n" \
	"774:\n\tmovl %edi, -32(%ebp)\n\tsubl %edi, %esp\n\tsubl $512, %esp\n\tandl $-64, %esp\n" \
	"\ttestl %edi, %edi\n\tjz 775f\n" \
	"\txorl %eax, %eax\n\tleal 512(%esp), %edi\n\tmovl $16, %ecx\n\tcld\n\trep stosl\n" \
	"\tmovl -40(%ebp), %eax\n\tmovl -36(%ebp), %edx\n\txsave (%esp)\n\tjmp 776f\n" \
	"775:\n\tcmpl $0, -28(%ebp)\n\tje 776f\n\tfxsave (%esp)\n" \
	"776:\n\tcall " enter "\n" \
	"\tcmpl $0, -32(%ebp)\n\tje 777f\n" \
	"\tmovl -40(%ebp), %eax\n\tmovl -36(%ebp), %edx\n\txrstor (%esp)\n\tjmp 778f\n" \
	"777:\n\tcmpl $0, -28(%ebp)\n\tje 778f\n\tfxrstor (%esp)\n" \
	"778:\n\tleal -24(%ebp), %esp\n" \
	"\tpopl %edx\n\tpopl %ecx\n\tpopl %eax\n\tpopl %edi\n\tpopl %esi\n\tpopl %ebx\n" \
	"\tpopl %ebp\n\t.cfi_def_cfa esp, 4\n\tret\n"
#endif

#define VZP__LABEL(name) VZP__TEXT(name) ".vzp" VZP__TEXT(VZP_UNIT)
#define VZP__EXTERN(name) \
	__asm__(VZP__LABEL(name)) __attribute__((unused, visibility("default")))

#define VZP__VARIABLE(kind, type, name, file, storage) \
	extern storage __typeof__(type) name VZP__EXTERN(name); \
	VZP__TYPED_RECORD(__COUNTER__, kind, VZP__TEXT(name), VZP__LABEL(name), file, name)
#define VZP__FUNCTION(kind, type, name, args, file, convention) \
	extern convention __typeof__(type) name args VZP__EXTERN(name); \
	VZP__TYPED_RECORD(__COUNTER__, kind, VZP__TEXT(name), VZP__LABEL(name), file, name)

/*
 * VZP_RESUME.  nsb puts a jump where the call of callee returns to, as it does at the start of a function that is replaced.
 * So whoever comes back from callee comes to the stub below, with the registers and the stack of the old activation.  The stub
 * keeps all of that in a struct vzp__frame, and calls go_on.  nsb-gen has written into the table where the variables are, and
 * where the old activation keeps what its caller's registers have to be.  One stub serves several calls in a loop: each has
 * an entry of its own, which tells its number, the `site`.
 */
#ifndef __cplusplus
#define VZP__ENTRIES 96

/* A line of the table.  Of one with kind 0 nothing is known: it is behind the last one. */
struct vzp__entry {
	unsigned id;		/* __COUNTER__ of a VZP_LOCAL; of what is brought back its index in `back` */
	unsigned char site, kind, base, unused;	/* base: DWARF's number of a register, or VZP__FROM_CFA */
	long long value;
};

enum vzp__kind {
	VZP__MEMORY = 1,	/* at base + value */
	VZP__REGISTER,		/* in the register `base` */
	VZP__POINTED,		/* at the address that is at base + value */
	VZP__COMPUTED,		/* it is base + value */
	VZP__CONSTANT,		/* it is value */
	VZP__CFA,		/* of the frame: base + value */
	VZP__CFA_POINTED,	/* the same, and the CFA is what is there */
	VZP__BACK,		/* of the frame: a register of the caller's, at base + value */
};
#define VZP__FROM_CFA 0xff

#ifdef __LP64__
#define VZP__REGISTERS 16
#define VZP__STACK_POINTER 7
#define VZP__BEHIND 0			/* bytes of arguments on the stack of go_on */
#define VZP__KEPT(at) ((at) == 1 ? 3 : (at) == 2 ? 6 : 9 + (at))		/* rbx, rbp, r12 to r15 */
#define VZP__N_KEPT 6
#else
#define VZP__REGISTERS 8
#define VZP__STACK_POINTER 4
#define VZP__BEHIND 8
#define VZP__KEPT(at) ((at) == 1 ? 3 : 3 + (at))		/* ebx, ebp, esi, edi */
#define VZP__N_KEPT 4
#endif

struct vzp__frame {
	unsigned long back[7];			/* the CFA of the old frame, and the caller's registers VZP__KEPT */
	const struct vzp__entry *table;
	void (*go_on)(void);			/* whatever its type is in fact */
	unsigned long unused;
	unsigned long reg[VZP__REGISTERS];	/* of the old activation, by DWARF's numbers */
	unsigned long site;
};

static inline __attribute__((unused)) unsigned long vzp__place(const struct vzp__frame *frame, const struct vzp__entry *entry)
{
	return (entry->base == VZP__FROM_CFA ? frame->back[0] : frame->reg[entry->base]) + (unsigned long)entry->value;
}

/* Find out what the caller of the old activation gets back.  The lines of the CFA come before the others of their site. */
static inline __attribute__((unused)) void vzp__prepare(struct vzp__frame *frame, const struct vzp__entry *table,
							void (*go_on)(void))
{
	frame->table = table;
	frame->go_on = go_on;
	frame->reg[VZP__STACK_POINTER] = (unsigned long)(&frame->site + 1);
	for (unsigned i = 1; i <= VZP__N_KEPT; i++)
		frame->back[i] = frame->reg[VZP__KEPT(i)];
	for (const struct vzp__entry *entry = table; entry->kind != 0; entry++) {
		if (entry->site != frame->site)
			continue;
		if (entry->kind == VZP__CFA)
			frame->back[0] = vzp__place(frame, entry);
		else if (entry->kind == VZP__CFA_POINTED)
			frame->back[0] = *(const unsigned long *)vzp__place(frame, entry);
		else if (entry->kind == VZP__BACK)
			frame->back[entry->id] = *(const unsigned long *)vzp__place(frame, entry);
	}
}

/* What is written as a word, and read as what the variable is. */
typedef unsigned long __attribute__((may_alias)) vzp__word;

/* The address of a variable of the old activation; *made is room for one that is nowhere. */
static inline __attribute__((unused)) void *vzp__find(void *cfa, unsigned id, vzp__word *made)
{
	struct vzp__frame *frame = *(struct vzp__frame **)((char *)cfa + VZP__BEHIND);
	const struct vzp__entry *entry = frame->table;

	while (entry->kind >= VZP__CFA || entry->id != id || entry->site != frame->site)
		entry++;
	if (entry->kind == VZP__REGISTER)
		return &frame->reg[entry->base];
	*made = entry->kind == VZP__CONSTANT ? (unsigned long)entry->value : vzp__place(frame, entry);
	if (entry->kind == VZP__CONSTANT || entry->kind == VZP__COMPUTED)
		return made;
	return entry->kind == VZP__POINTED ? *(void **)*made : (void *)*made;
}

#define VZP__IS_STRUCTURE(type) \
	(__builtin_classify_type(*(__typeof__(type) *)0) == 12 || __builtin_classify_type(*(__typeof__(type) *)0) == 13)
#define VZP__FIND(id, kind, type, name) \
	VZP__TYPED_RECORD(id, kind, VZP__TEXT(name), "", "", *(__typeof__(type) *)0) \
	vzp__word vzp__made_##id; \
	__typeof__(type) *vzp__at_##id = vzp__find(__builtin_dwarf_cfa(), id, &vzp__made_##id);
#define VZP__LOCAL_(id, type, name) \
	VZP__FIND(id, "L", type, name) \
	__auto_type name = __builtin_choose_expr(VZP__IS_STRUCTURE(type), vzp__at_##id, *vzp__at_##id)
#define VZP__LOCAL(id, type, name) VZP__LOCAL_(id, type, name)
#define VZP__LOCAL_AT_(id, type, name) \
	VZP__FIND(id, "M", type, name) \
	__typeof__(type) *name = vzp__at_##id
#define VZP__LOCAL_AT(id, type, name) VZP__LOCAL_AT_(id, type, name)

#define VZP__RESUME(loop, callee, go_on) \
	VZP__TYPED_RECORD(__COUNTER__, "J", VZP__TEXT(loop), VZP__TEXT(callee), VZP__TEXT(go_on), callee) \
	extern const struct vzp__entry vzp__table_##go_on[] __asm__("vzp.table." VZP__TEXT(go_on)) \
		__attribute__((visibility("hidden"))); \
	static __attribute__((used)) void vzp__prepare_##go_on(struct vzp__frame *frame) \
	{ \
		vzp__prepare(frame, vzp__table_##go_on, (void (*)(void))go_on); \
	} \
	__asm__(".pushsection .text\n" \
		"\t.p2align 8\n" \
		"\t.type vzp.resume." VZP__TEXT(go_on) ", @function\n" \
		"vzp.resume." VZP__TEXT(go_on) ":\n" \
		"\t.irp site, 0, 1, 2, 3, 4, 5, 6, 7\n" \
		"\t.p2align 8, 0xcc\n" \
		"\t.cfi_startproc\n" \
		VZP__ENTER("vzp__prepare_" VZP__TEXT(go_on), ".Lvzp_resume_" VZP__TEXT(go_on)) \
		"\t.cfi_escape 0x2e, 0\n" \
		"\t.cfi_endproc\n" \
		"\t.endr\n" \
		"\t.p2align 8, 0xcc\n" \
		".Lvzp_resume_" VZP__TEXT(go_on) ":\n" \
		VZP__STUB \
		"\t.size vzp.resume." VZP__TEXT(go_on) ", . - vzp.resume." VZP__TEXT(go_on) "\n" \
		"\t.p2align 3\n" \
		"\t.type vzp.table." VZP__TEXT(go_on) ", @object\n" \
		"vzp.table." VZP__TEXT(go_on) ":\n" \
		"\t.fill 16 * " VZP__TEXT(VZP__ENTRIES) ", 1, 0\n" \
		"\t.size vzp.table." VZP__TEXT(go_on) ", . - vzp.table." VZP__TEXT(go_on) "\n" \
		".popsection\n");

/*
 * Entries have 256 bytes each.  Until the frame is complete, an unwinder that comes here (a signal's handler is cancelled, or
 * takes a backtrace) has to find the caller of the old activation as it was found in the old function.  That nsb-gen knows: it
 * writes the rules into the three rooms of the entry's unwind table.  What is behind the last one keeps the linker from
 * cutting that off.
 */
#define VZP__ROOM "\t.rept 64\n\t.cfi_escape 0\n\t.endr\n"

/* From there on the stub's table passes over the old frame: CFA and registers are those that are in `back`. */
#ifdef __LP64__
#define VZP__ENTER(prepare, common) \
	VZP__ROOM "\tleaq -216(%rsp), %rsp\n" \
	VZP__ROOM "\tmovq %rbp, 128(%rsp)\n\tmovq %rsp, %rbp\n" VZP__ROOM \
	"\tmovq %rax, 80(%rbp)\n\tmovq %rdx, 88(%rbp)\n\tmovq %rcx, 96(%rbp)\n\tmovq %rbx, 104(%rbp)\n" \
	"\tmovq %rsi, 112(%rbp)\n\tmovq %rdi, 120(%rbp)\n" \
	"\tmovq %r8, 144(%rbp)\n\tmovq %r9, 152(%rbp)\n\tmovq %r10, 160(%rbp)\n\tmovq %r11, 168(%rbp)\n" \
	"\tmovq %r12, 176(%rbp)\n\tmovq %r13, 184(%rbp)\n\tmovq %r14, 192(%rbp)\n\tmovq %r15, 200(%rbp)\n" \
	"\tmovq $\\site, 208(%rbp)\n" \
	"\tandq $-16, %rsp\n\tsubq $16, %rsp\n\tmovq %rbp, (%rsp)\n\tmovq %rbp, %rdi\n\tcall " prepare "\n\tjmp " common "\n"
#define VZP__STUB \
	"\t.cfi_startproc\n" \
	"\t.cfi_escape 0x0f, 3, 0x76, 0, 0x06\n"	/* DW_CFA_def_cfa_expression: DW_OP_breg6 0, DW_OP_deref */ \
	"\t.cfi_escape 0x10, 3, 2, 0x76, 8\n"		/* DW_CFA_expression of rbx: DW_OP_breg6 8 */ \
	"\t.cfi_escape 0x10, 6, 2, 0x76, 16\n\t.cfi_escape 0x10, 12, 2, 0x76, 24\n\t.cfi_escape 0x10, 13, 2, 0x76, 32\n" \
	"\t.cfi_escape 0x10, 14, 2, 0x76, 40\n\t.cfi_escape 0x10, 15, 2, 0x76, 48\n" \
	"\tmovq 80(%rbp), %rdi\n\tcall *64(%rbp)\n" \
	"\tmovq 8(%rbp), %rbx\n\tmovq 24(%rbp), %r12\n\tmovq 32(%rbp), %r13\n\tmovq 40(%rbp), %r14\n\tmovq 48(%rbp), %r15\n" \
	"\tmovq (%rbp), %rcx\n\tmovq 16(%rbp), %rbp\n" \
	"\t.cfi_def_cfa rcx, 0\n\t.cfi_restore rbx\n\t.cfi_restore rbp\n\t.cfi_restore r12\n\t.cfi_restore r13\n" \
	"\t.cfi_restore r14\n\t.cfi_restore r15\n" \
	"\tleaq -8(%rcx), %rsp\n\t.cfi_def_cfa rsp, 8\n\tret\n" \
	"\t.cfi_endproc\n"
#else
#define VZP__ENTER(prepare, common) \
	VZP__ROOM "\tleal -76(%esp), %esp\n" \
	VZP__ROOM "\tmovl %ebp, 60(%esp)\n\tmovl %esp, %ebp\n" VZP__ROOM \
	"\tmovl %eax, 40(%ebp)\n\tmovl %ecx, 44(%ebp)\n\tmovl %edx, 48(%ebp)\n\tmovl %ebx, 52(%ebp)\n" \
	"\tmovl %esi, 64(%ebp)\n\tmovl %edi, 68(%ebp)\n" \
	"\tmovl $\\site, 72(%ebp)\n" \
	"\tandl $-16, %esp\n\tsubl $16, %esp\n\tmovl %ebp, (%esp)\n\tcall " prepare "\n\tjmp " common "\n"
#define VZP__STUB \
	"\t.cfi_startproc\n" \
	"\t.cfi_escape 0x0f, 3, 0x75, 0, 0x06\n"	/* the same with ebp, number 5 */ \
	"\t.cfi_escape 0x10, 3, 2, 0x75, 4\n\t.cfi_escape 0x10, 5, 2, 0x75, 8\n\t.cfi_escape 0x10, 6, 2, 0x75, 12\n" \
	"\t.cfi_escape 0x10, 7, 2, 0x75, 16\n" \
	"\tmovl 40(%ebp), %eax\n\tmovl %eax, (%esp)\n\tmovl 48(%ebp), %eax\n\tmovl %eax, 4(%esp)\n\tmovl %ebp, 8(%esp)\n" \
	"\tcall *32(%ebp)\n" \
	"\tmovl 4(%ebp), %ebx\n\tmovl 12(%ebp), %esi\n\tmovl 16(%ebp), %edi\n\tmovl (%ebp), %ecx\n\tmovl 8(%ebp), %ebp\n" \
	"\t.cfi_def_cfa ecx, 0\n\t.cfi_restore ebx\n\t.cfi_restore ebp\n\t.cfi_restore esi\n\t.cfi_restore edi\n" \
	"\tleal -4(%ecx), %esp\n\t.cfi_def_cfa esp, 4\n\tret\n" \
	"\t.cfi_endproc\n"
#endif
#endif

#endif
