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
 * VZP_STATE(type, name): behind the definition of a variable of the patch's own.  When a newer patch that has a
 * VZP_STATE of the same name and type takes the place of this one by nsb patch --replace, it goes on with the value.
 */
#define VZP_STATE(type, name) \
	VZP__IS_OF_TYPE(type, name) \
	VZP__RECORD(__COUNTER__, "S", #name, "", "")

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
#define VZP__HOOK(kind, type, f) \
	VZP__KEEP(f) \
	VZP__HAS_TYPE(type, f) \
	VZP__RECORD(__COUNTER__, kind, #f, "", "")

#define VZP__LABEL(name) VZP__TEXT(name) ".vzp" VZP__TEXT(VZP_UNIT)
#define VZP__EXTERN(name) \
	__asm__(VZP__LABEL(name)) __attribute__((unused, visibility("default")))

#define VZP__VARIABLE(kind, type, name, file, storage) \
	extern storage __typeof__(type) name VZP__EXTERN(name); \
	VZP__TYPED_RECORD(__COUNTER__, kind, VZP__TEXT(name), VZP__LABEL(name), file, name)
#define VZP__FUNCTION(kind, type, name, args, file, convention) \
	extern convention __typeof__(type) name args VZP__EXTERN(name); \
	VZP__TYPED_RECORD(__COUNTER__, kind, VZP__TEXT(name), VZP__LABEL(name), file, name)

#endif
