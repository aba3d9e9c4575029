#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/fuzz/seeds.sh FOLDER: what compilers write, small, for fuzzers to begin with:
# FOLDER/f-dwarf.corpus, its input being told in f-dwarf.c, FOLDER/f-elffile.corpus, and
# FOLDER/f-witness.corpus, whose input f-witness.c tells.

set -eu

mkdir -p "$1/f-dwarf.corpus" "$1/f-elffile.corpus" "$1/f-witness.corpus"
to=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >a.c <<'END'
struct s { int a; struct s *b; char c : 3; };
enum e { X = 1, Y = -2 };
static volatile int v;
__thread int t;
int g[3] = { 1 };
__attribute__((noinline, cold)) static void slow(int n) { v = n; }
static inline int in(struct s *s) { static int z; return s->a + z++; }
int f(struct s *s, enum e e, ...) { static int w; if (e > 9) slow(t); return in(s) + in(s->b) + w++; }
int (*p)(struct s *, enum e, ...) = f;
END
echo 'int h(const volatile char *x) { return *x; }' >b.c

# The order of enum dwarf_section_id.
sections='info types abbrev str line_str str_offsets addr ranges rnglists line'

# sections_of FILE: the length of each section in two bytes, then all of them.
# $more, 128 for once, in the first of them says that a supplement follows.
sections_of() {
	local section size
	rm -f part.*
	for section in $sections; do
		objcopy --dump-section ".debug_$section=part.$section" "$1" /dev/null 2>/dev/null || true
		[ -e "part.$section" ] || : >"part.$section"
		size=$(stat -c %s "part.$section")
		# shellcheck disable=SC2059 # the format is made of the number
		printf "$(printf '\\x%02x\\x%02x' $((size & 255)) $((size >> 8 | more)))" >>header
		more=0
		cat "part.$section" >>bodies
	done
}

# seed NAME FILE [SUPPLEMENT]
seed() {
	local name=$1 more=0
	shift
	[ $# = 1 ] || more=128
	: >header
	: >bodies
	for file; do
		sections_of "$file"
	done
	cat header bodies >"$to/f-dwarf.corpus/$name"
}

number=0
for cc in gcc clang; do
	for flags in '-gdwarf-2' '-gdwarf-3' '-gdwarf-4' '-gdwarf-5' '-gdwarf-4 -fdebug-types-section' \
		'-gdwarf-5 -fdebug-types-section' '-gdwarf-5 -m32' '-gdwarf-4 -gsplit-dwarf' \
		'-gdwarf-5 -gsplit-dwarf' '-gdwarf-5 -gdwarf64' '-gdwarf-5 -flto'; do
		# shellcheck disable=SC2086 # words
		$cc -O2 $flags -fPIC -shared -nostdlib -Wl,-z,noseparate-code -Wl,--build-id \
			-o a.so a.c b.c 2>/dev/null || continue
		number=$((number + 1))
		seed "$number" a.so
		strip -o stripped a.so && cp stripped "$to/f-elffile.corpus/$number-stripped"
		cp a.so "$to/f-elffile.corpus/$number"
	done
	$cc -g -O2 -fPIC -shared -nostdlib -o a.so a.c
	$cc -g -O2 -fPIC -shared -nostdlib -o b.so a.c b.c
	if dwz -m shared a.so b.so 2>/dev/null; then
		seed "$cc-dwz" a.so shared
	fi
done

# Two builds of a program each: everything moved, and a little changed.
cat >w.c <<'END'
static int calls;
static __thread int own = 1;
static const char *const words[] = { "one", "two" };
static const int numbers[] = { 3, 1, 4, N };
extern int elsewhere(const char *word);
#ifdef N2
int more(int n) { return elsewhere("more") + n; }
#endif
static __attribute__((noinline)) int in(int n) { return numbers[n & 3] + own++ + N; }
int out(int n)
{
	switch (n) { case 1: return in(3); case 2: return elsewhere(words[n & 1]); case 3: return calls++; case 4: return 7; case 5: return in(n); }
	return n * 1.5 > 4 ? in(calls) : elsewhere("three");
}
END
number=0
for flags in '-fPIC -shared' '-fno-pie -no-pie -Wl,-e,out' '-fPIE -pie -Wl,-e,out' '-fPIC -shared -m32' '-fno-pie -no-pie -m32 -Wl,-e,out' \
	'-fPIC -shared -fuse-ld=lld -Wl,--pack-dyn-relocs=relr'; do
	# shellcheck disable=SC2086 # words
	gcc -O2 -g $flags -nostdlib -Wl,-z,noseparate-code,--unresolved-symbols=ignore-all -DN=5 -o w1 w.c 2>/dev/null &&
	gcc -O2 -g $flags -nostdlib -Wl,-z,noseparate-code,--unresolved-symbols=ignore-all -DN=6 -DN2 -o w2 w.c 2>/dev/null || continue
	number=$((number + 1))
	size=$(stat -c %s w1)
	# shellcheck disable=SC2059 # the format is made of the number
	{ printf "$(printf '\\x%02x' $((size & 255)) $((size >> 8 & 255)) $((size >> 16 & 255)) $((size >> 24)))"; cat w1 w2; } >"$to/f-witness.corpus/$number"
done
