#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# References of every kind from every scope, and patches of any optimisation level.

. "${0%/*}/lib.sh"
by_lot

# patched FLAGS...: p.c of this folder, or what is given, becomes the patch p.so.
patched() {
	patch_object p.c "$@" && generate
}

# three_beats OLD NEW WORDS...
three_beats() {
	local old=$1 new=$2
	shift 2
	snapshot && says "$old" "$@" && patch "$made" && says "$new" "$@" &&
	revert "$made" && says "$old" "$@" && listed && unharmed
}

t 'two VZP_FILE in one source, functions of one name by aliases' '
	target scopes && cat >p.c <<-"END" &&
		#include <nsb/vzp.h>
		VZP_FILE("scopes.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		VZP_STATIC_SYM_ALIAS(first_helper, helper);
		int first_helper(int n) { return n + total * 10; }
		VZP_FILE("scopes2.c");
		VZP_STATIC_VAR_REF(volatile int, other_total);
		VZP_STATIC_SYM_ALIAS(other_total, total);
		VZP_STATIC_SYM_ALIAS(other_helper, helper);
		int other_helper(int n) { return n * other_total * 100; }
	END
	patched && three_beats 9 18 sum 3 && three_beats 7 601 other 3
'
t 'symbols that the linker defines are those of the target' '
	target scopes && cat >p.c <<-"END" &&
		#include <nsb/vzp.h>
		VZP_FILE("scopes.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		VZP_STATIC_SYM_ALIAS(first_helper, helper);
		extern char etext[], _end[];
		int first_helper(int n) { return (char *)&total > etext && (char *)&total < _end ? n + total * 10 : -1; }
	END
	patched && three_beats 9 18 sum 3
'
t 'two sources of one patch, each with its own file and its own meaning of a name' '
	target scopes && cat >p.c <<-"END" && cat >q.c <<-"END" &&
		#define VZP_UNIT p
		#include <nsb/vzp.h>
		VZP_FILE("scopes.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		__attribute__((used)) static int helper(int n) { return n + total * 10; }
	END
		#define VZP_UNIT q
		#include <nsb/vzp.h>
		VZP_FILE("scopes2.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		__attribute__((used)) static int helper(int n) { return n * total * 100; }
	END
	patched q.c && three_beats 9 18 sum 3 && three_beats 7 601 other 3
'
t 'two sources of one patch onto one file of the target' '
	target scopes && cat >p.c <<-"END" && cat >q.c <<-"END" &&
		#include <nsb/vzp.h>
		VZP_FILE("scopes.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		__attribute__((used)) static int helper(int n) { return n + total * 10; }
	END
		#include <nsb/vzp.h>
		VZP_FILE("scopes.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		VZP_STATIC_FUNC_REF(int, helper, (int n));
		VZP_ARGUMENTS_CHECKED(helper);
		int sum(int n) { return helper(n) + total * 1000; }
	END
	patched q.c && three_beats 9 1013 sum 3
'
t 'the same without VZP_UNIT, where a name has two meanings: refused with the line' '
	target scopes && cat >p.c <<-"END" && cat >q.c <<-"END" &&
		#include <nsb/vzp.h>
		VZP_FILE("scopes.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		int sum(int n) { return n + total; }
	END
		#include <nsb/vzp.h>
		VZP_FILE("scopes2.c");
		VZP_STATIC_VAR_REF(volatile int, total);
		int other_sum(int n) { return n + total; }
	END
	patch_object p.c q.c && fails_with 1 "[pq].c:3: .total. means another thing here .* or set VZP_UNIT" generate
'

# The static variables of two functions and of blocks; how the compiler calls those of the blocks.
cat >"$folder/functions.c" <<'END'
#include <nsb/vzp.h>
VZP_FILE("scopes.c");
int first(void);
int second(void);
int first(void)
{
	VZP_STATIC_VAR_REF(volatile int, first_calls);
	VZP_STATIC_SYM_ALIAS(first_calls, calls);
	first_calls += 10;
	return first_calls;
}
int second(void)
{
	for (;;) {
		VZP_STATIC_VAR_REF(volatile int, second_calls, "scopes.c");
		VZP_STATIC_SYM_ALIAS(second_calls, calls);
		second_calls += 20;
		return second_calls;
	}
}
END
t 'static variables of one name in two functions' '
	target scopes && cp "$folder/functions.c" p.c && patched && says 101 first && says 201 second &&
	snapshot && patch p.so && says 111 first && says 221 second && revert p.so &&
	says 112 first && says 222 second && unharmed
'
t 'a static variable of a block, by its name alone' '
	target scopes && cat >p.c <<-"END" &&
		#include <nsb/vzp.h>
		int blocks(int n) { if (n) { VZP_STATIC_VAR_REF(volatile int, inner); return inner + n; } return 0; }
	END
	patched && says 902 blocks 1 && snapshot && patch p.so && says 502 blocks 1 && revert p.so &&
	says 904 blocks 1 && unharmed
'
# outer_calls: the symbol of the variable calls that begins with 300.
outer_calls() {
	local name
	for name in $(readelf -sW "$object" | awk '$4 == "OBJECT" && $8 ~ /calls/ { print $8 }'); do
		if [ "$(gdb -batch -ex "output (int)'$name'" "$object" 2>/dev/null)" = 300 ]; then
			echo "$name"
		fi
	done
}
for cc in gcc clang; do
	t "static variables of one name in two blocks of one function, $cc" "
		CC=$cc target scopes && cat >p.c <<-'END' &&
			#include <nsb/vzp.h>
			int blocks(int n) { VZP_STATIC_VAR_REF(volatile int, calls); return calls + n; }
			VZP_CALLERS_CHECKED(blocks);
		END
		patch_object p.c && fails_with 1 'p.c:2: .blocks. of .* has more than one static variable .calls., whose symbols are .*: tell which, as in VZP_STATIC_SYM_ALIAS\\(calls, [a-z.]*calls.?[0-9]*\\)' generate &&
		outer=\$(outer_calls) &&
		[ -n \"\$outer\" ] && sed -i \"s/VAR_REF(volatile int, calls);/VAR_REF(volatile int, calls); VZP_STATIC_SYM_ALIAS(calls, \$outer);/\" p.c &&
		patched && says 301 blocks 0 && snapshot && patch p.so && says 308 blocks 7 && revert p.so &&
		says 302 blocks 0 && unharmed
	"
done
t 'HIDDEN, PROTECTED and INTERNAL references inside functions' '
	target scopes && cat >p.c <<-"END" &&
		#include <nsb/vzp.h>
		int limited(int n)
		{
			VZP_HIDDEN_VAR_REF(volatile int, hidden_value);
			VZP_PROTECTED_VAR_REF(volatile int, protected_value);
			VZP_INTERNAL_VAR_REF(volatile int, internal_value);
			if (n > 1) {
				VZP_HIDDEN_FUNC_REF(int, hidden_step, (int n));
				VZP_PROTECTED_FUNC_REF(int, protected_step, (int n));
				VZP_INTERNAL_FUNC_REF(int, internal_step, (int n));
				return hidden_step(n) + protected_step(n) + internal_step(n) + 1000;
			}
			return hidden_value + protected_value * 100 + internal_value * 10000;
		}
	END
	patched && three_beats 123 302010 limited 1 && three_beats 126 1066 limited 2
'
t 'a file for each reference, of a variable and of a function, in functions' '
	target scopes && cat >p.c <<-"END" &&
		#include <nsb/vzp.h>
		int sum(int n)
		{
			VZP_STATIC_VAR_REF(volatile int, total, "scopes2.c");
			VZP_STATIC_FUNC_REF(int, helper, (int n), "scopes2.c");
			VZP_ARGUMENTS_CHECKED(helper);
			return helper(n) + total * 100;
		}
	END
	patched && three_beats 9 206 sum 3
'

# Everything at once, for compilers and levels.
cat >"$folder/whole.c" <<'END'
#include <nsb/vzp.h>
VZP_FILE("scopes.c");
VZP_STATIC_VAR_REF(volatile int, total);
VZP_STATIC_VAR_REF(volatile int, only);
VZP_STATIC_VAR_REF(volatile int, other_total, "scopes2.c");
VZP_STATIC_SYM_ALIAS(other_total, total);
VZP_HIDDEN_FUNC_REF(int, hidden_step, (int n));
extern int printed(int n);
static int doubled(int n) { return n * 2; }
int printed(int n) { return doubled(n) + hidden_step(n); }
__attribute__((used, noinline)) static int helper(int n) { return n + total + other_total; }
int sum(int n)
{
	static int times;
	times++;
	return helper(n) * 1000 + only * 100 + printed(n) + (times > 5);
}
END
for cc in gcc clang; do
	for level in -O0 -O1 -O2 -O3 -Os; do
		t "a patch by $cc $level" "
			target scopes && cp '$folder/whole.c' p.c && PATCH_CC=$cc patched $level &&
			three_beats 9 6519 sum 3
		"
	done
done

# refused REGEX LINE...: a patch of these lines, the first of which is line 2.
refused() {
	build scopes && printf "%s\n" "#include <nsb/vzp.h>" "${@:2}" "int sum(int n) { return n; }" >p.c &&
	patch_object p.c && fails_with 1 "$1" generate
}
t 'errors name file and line' '
	refused "p.c:2: .*scopes has no variable .absent." "VZP_HIDDEN_VAR_REF(int, absent);" &&
	refused "p.c:2: .*scopes has no function .absent." "VZP_INTERNAL_FUNC_REF(int, absent, (void));" &&
	refused "p.c:3: .*scopes has no function .absent." "" "VZP_STATIC_FUNC_REF(int, absent, (void));" &&
	refused "p.c:2: .*scopes has no variable .nothing." "VZP_STATIC_VAR_REF(int, mine); VZP_STATIC_SYM_ALIAS(mine, nothing);" &&
	refused "p.c:2: .*scopes has no variable .calls.99." "VZP_STATIC_VAR_REF(int, mine); VZP_STATIC_SYM_ALIAS(mine, calls.99);" &&
	refused "p.c:2: no source file of .*scopes is called .scopes3.c." "VZP_STATIC_VAR_REF(int, total, \"scopes3.c\");" &&
	refused "p.c:2: .only. is in .*scopes.c of .*scopes, not in scopes2.c" "VZP_STATIC_VAR_REF(int, only, \"scopes2.c\");" &&
	refused "p.c:4: .*more than one static variable .total., in .*scopes.c, .*scopes2.c" "int first(void) {" "" \
		"VZP_STATIC_VAR_REF(int, total); return total; }" &&
	refused "p.c:2: .hidden_value. is declared .long long int., but in .*scopes2.c it is .volatile int." \
		"VZP_HIDDEN_VAR_REF(long long, hidden_value);" &&
	refused "p.c:2: .hidden_step. has not the prototype" "VZP_HIDDEN_FUNC_REF(int, hidden_step, (int n, int m));"
'

done_testing
