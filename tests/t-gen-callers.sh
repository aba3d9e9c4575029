#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a call reads, as nsb-gen finds it: a caller may rely on a register that a call behind the
# replaced function takes an argument from.  Only amd64 passes arguments in registers.

. "${0%/*}/lib.sh"

# built COMPILER CODE [FLAGS...]: a program that calls label(), which changes %eax alone.
built() {
	[ "$1" != g++ ] || command -v g++ >/dev/null || skip 'no g++'
	printf '%s\n' '#include <stdio.h>' '#include <stdarg.h>' '#ifdef __cplusplus' 'extern "C"' '#endif' \
		'__attribute__((noipa)) int other(int a, int b, int c, int d) { return a + b + c + d; }' \
		'#ifdef __cplusplus' 'extern "C"' '#endif' \
		'__attribute__((noinline)) int label(int n);' "$2" \
		'int label(int n) { return n * 3; }' >one.cc &&
	"$1" -g -O2 $tells_nothing "${@:3}" -x "$([ "$1" = g++ ] && echo c++ || echo c)" -o prog one.cc &&
	object=prog && echo 'int puts(const char *); int label(int n) { puts("x"); return n * 4; }
		VZP_CALLERS_CHECKED(label)' | sed '1i #include <nsb/vzp.h>' >fix.c && patch_object fix.c
}
relies() {
	fails_with 1 ".show. relies on registers that the old .label. left alone and the new one changes .$1." generate
}
main='int main(int argc, char **argv) { show(argc, 0, 1); return 0; }'

t 'an argument of printf that is kept over the call, one that its format does not ask for' "
	built gcc '__attribute__((noipa)) void show(int a, int b, int c) { printf(\"%d %d\\n\", label(a), c); (void)b; } $main' && relies rdx &&
	built gcc '__attribute__((noipa)) void show(int a, int b, long c) { printf(\"100%% %d\\n\", label(a)); (void)b; (void)c; } $main' && generate
"
t 'a format that nobody knows' "
	built gcc '__attribute__((noipa)) void show(int a, const char *s, long c) { printf(c ? s : \"%d\", label(a)); } $main' && relies 'r.*'
"
t 'an argument of a call through a pointer' "
	built gcc 'int (*volatile op)(int, int) = (int (*)(int, int))other;
		__attribute__((noipa)) void show(int a, int b, long c) { int n = label(a); op(n, b); (void)c; } $main' && relies 'rdx, rsi' &&
	built gcc 'int (*volatile op)(int) = (int (*)(int))other;
		__attribute__((noipa)) void show(int a) { int n = label(a); op(n); }
		int main(int argc, char **argv) { (void)argv; show(argc); return 0; }' && generate
"
t 'a call behind an instruction that is not understood' "
	built gcc '__attribute__((noipa)) int show(int a, int b, long c) {
		if (b) { __asm__ volatile(\".byte 0x0f, 0x04\"); a += label(b); }
		return a + (int)c; } $main' && relies 'r.*'
"
t 'a call behind AVX-512, and a register that is read by it' "
	built gcc '__attribute__((noipa)) int show(int a, int b, long c) {
		if (b) { __asm__ volatile(\"vaddps %%zmm17, %%zmm0, %%zmm16 %{%%k3%}\" ::: \"memory\"); a += label(b); }
		return a + (int)c; } $main' && relies '.*rdx.*' &&
	built gcc 'typedef int v16 __attribute__((vector_size(64))); v16 all;
		__attribute__((noipa)) int show(int a, int b, long c) { (void)c; register v16 kept __asm__(\"xmm17\") = all;
		__asm__ volatile(\"\" : \"+v\"(kept)); a = label(b) + a; __asm__ volatile(\"\" : \"+v\"(kept)); all = kept; return a; } $main' \
		-mavx512f && relies '.*xmm17.*'
"
t 'of an old function with an instruction that is not understood nobody knows what it changes' "
	built gcc '__attribute__((noipa)) int show(int a, int b, long c) {
		if (b) a += label(b);
		return a + (int)c; } $main' && sed -i 's/^int label(int n) {/& __asm__ volatile(\".byte 0x0f, 0x04\" ::: \"rdx\");/' one.cc &&
	gcc -g -O2 $tells_nothing -x c -o prog one.cc &&
	fails_with 1 \"the old function has an instruction that nsb-gen does not know\" generate &&
	sed -i 's/.byte 0x0f, 0x04/xrstor (%%rsp)/; s/ ::: \"rdx\"/ :/' one.cc && gcc -g -O2 $tells_nothing -x c -o prog one.cc && relies '.*rdx.*'
"
t 'C++: prototypes by the name that the linker knows' "
	built g++ 'struct list { int n; void add(int); };
		__attribute__((noipa)) void list::add(int by) { n += by; }
		list all;
		__attribute__((noipa)) void show(int a, int b, long c) { if (c != 7) all.add(label(a)); (void)b; } $main' -fPIC && generate
"
done_testing
