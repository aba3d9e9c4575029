#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Thread-local variables of the target, in each way to find them.

. "${0%/*}/lib.sh"
for_each_abi

# threads_agree KIND [FLAGS...]: the three beats; each thread has variables of its own.
threads_agree() {
	local kind=$1
	shift
	target tls "$kind" && agree "$@"
}

# agree [FLAGS...]: of the target that runs.
agree() {
	says 'first 508' first 0 && says 'second 608' second 1 &&
	says 'new 708' new 2 && snapshot && patch_from tls.c "$@" && patch tls.so &&
	says 'first 100709' first 1 && says 'second 101009' second 2 &&
	says 'new 100708' new 1 && says 'first 100910' first 1 && listed tls.so &&
	revert tls.so && says 'first 911' first 0 && says 'second 1010' second 0 &&
	says 'new 508' new 0 && unharmed
}

# started_by_linker KIND [FLAGS...]: the same of a program that its dynamic linker has started as a command.
started_by_linker() {
	local kind=$1 linker
	shift
	build tls "$kind" && linker=$(readelf -l "$program" | sed -n 's/.*interpreter: \(.*\)\]/\1/p') && [ -n "$linker" ] &&
	launch "$linker" "$program" && agree "$@"
}

for kind in pie nopie static static-pie so dlopen; do
	t "$kind" "threads_agree $kind"
	t "$kind, clang, a patch by clang" "CC=clang PATCH_CC=clang threads_agree $kind"
done
for kind in pie nopie static so; do
	t "$kind, a patch that is -ftls-model=initial-exec" \
		"threads_agree $kind -ftls-model=initial-exec"
	t "$kind, a patch with descriptors" "threads_agree $kind -mtls-dialect=gnu2"
done
for kind in pie nopie so dlopen; do
	t "$kind, started by the dynamic linker as a command" "started_by_linker $kind"
done
t 'started in this way, a patch that is -ftls-model=initial-exec' \
	'started_by_linker pie -ftls-model=initial-exec'
for model in global-dynamic local-dynamic initial-exec; do
	t "a library that is -ftls-model=$model" "CFLAGS_EXTRA=-ftls-model=$model threads_agree so"
done
t 'a library with descriptors' 'CFLAGS_EXTRA=-mtls-dialect=gnu2 threads_agree so'
t 'a library that is loaded later, with descriptors' \
	'CFLAGS_EXTRA=-mtls-dialect=gnu2 threads_agree dlopen'
t 'a library that is loaded later, and initial-exec' '
	CFLAGS_EXTRA=-ftls-model=initial-exec threads_agree dlopen -ftls-model=initial-exec
'
t 'without a fixed place, where the patch wants one, it is refused' '
	target tls dlopen && says "first 508" first 0 && patch_from tls.c -ftls-model=initial-exec &&
	snapshot && fails_with 8 "tls_.* has no fixed distance from the thread pointer" patch tls.so &&
	patch_from tls.c -mtls-dialect=gnu2 &&
	fails_with 8 "tls_.* has no fixed distance from the thread pointer" patch tls.so && unharmed
'
t 'a variable of another library, which never asks for its module number itself' '
	build tls pie && echo "__thread int there = 3; int there_is(void); int there_is(void) { return there; }" >there.c &&
	gcc $(mflag) -O2 -g -fPIC -shared -ftls-model=initial-exec -o libthere.so there.c &&
	LD_PRELOAD=$PWD/libthere.so launch $program && cat >other.c <<-"END" &&
		extern __thread int there;
		int there_is(void);
		int bump(int n);
		int bump(int n) { there += n; return there_is(); }
	END
	patch_from other.c && patch other.so && says "first 6" first 3 && says "second 7" second 4 &&
	says "first 7" first 1 && says "new 8" new 5 && revert other.so && says "first 508" first 0
'
# A thread that has data of the patch ends when that is gone: its memory is given back by code that is not the patch's.
for kind in pie nopie so; do
	t "data of each thread of the patch's own, $kind" "
		target tls $kind && says 'first 508' first 0 && says 'second 608' second 1 && says 'new 708' new 2 &&
		patch_from tls-own.c && patch tls-own.so && says 'first 3' first 3 && says 'second 7' second 7 && says 'new 4' new 4 &&
		says 'new 5' new 5 && says 'first 13' first 10 && says 'second 8' second 1 && says 'new 1' new 1 && listed tls-own.so &&
		revert tls-own.so && says 'first 509' first 0 && says 'second 609' second 0 && says 'new 508' new 0 && says 'end 1' end 0 &&
		says 'first 510' first 0 && listed ''
	"
done
t 'a thread-local variable of the patch itself is refused' '
	target tls pie && cat >own.c <<-"END" &&
		static __thread int own;
		int bump(int n);
		int bump(int n) { own += n; return own; }
	END
	patch_object own.c && fails_with 1 "own. would be a new thread-local variable.*SHADOW_THREAD of nsb/shadow.h" generate
'
t 'what is thread-local and what is not are not taken for each other' '
	target tls pie && cat >mixed.c <<-"END" &&
		#include <nsb/vzp.h>
		extern int tls_global;
		int bump(int n);
		int bump(int n) { return tls_global + n; }
	END
	patch_object mixed.c && fails_with 1 "tls_global. is a thread-local variable" generate &&
	sed -i "s/^extern int/extern __thread int/; s/tls_global/argument/" mixed.c && patch_object mixed.c &&
	sed -i "/extern/d; s/argument/tls_static/; 1a VZP_STATIC_VAR_REF(int, tls_static);" mixed.c &&
	patch_object mixed.c && fails_with 1 "tls_static. is a thread-local variable.*VZP_STATIC_TLS_REF" generate &&
	sed -i "s/VAR_REF/TLS_REF/; s/tls_static/result/" mixed.c && patch_object mixed.c &&
	fails_with 1 "result. is no thread-local variable" generate
'


# There is a musl-gcc for amd64 only.
for_amd64
for kind in pie static so dlopen; do
	t "$kind, musl" "
		CC=musl-gcc CFLAGS_EXTRA='-U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu' threads_agree $kind
	"
done
for kind in pie so dlopen; do
	t "$kind, musl, started by the dynamic linker as a command" "
		CC=musl-gcc CFLAGS_EXTRA='-U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu' started_by_linker $kind
	"
done
done_testing
