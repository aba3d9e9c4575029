#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Honest processes that are large: no budget keeps a patch from them.

. "${0%/*}/lib.sh"

# large WHAT N: a process that has so many of them.
large() {
	target large && said=$(ask "$@") || return 1
	[ "$said" = "has $2" ] || skip "this machine does not let a process have $2 $1"
	says hello greet
}

# goes_in_and_out: with --timeout for what takes long in an emulated machine, or sanitized.
goes_in_and_out() {
	snapshot && patch "$@" --timeout $((60 * slow)) && says goodbye greet && nsb check -p "$pid" -f "$1" && revert "$1" --timeout $((60 * slow)) &&
	says hello greet && unharmed
}

t '50,000 mappings' '
	large mappings 50000 && [ "$(wc -l </proc/$pid/maps)" -gt 50000 ] && patch_from greet.c && goes_in_and_out greet.so
'
t '20,000 threads' '
	large threads 20000 && [ "$(ls /proc/$pid/task | wc -l)" = 20001 ] && patch_from greet.c && goes_in_and_out greet.so
'
t '1,000,000 frames' '
	large frames 1000000 && [ "$(awk "/^VmStk|^RssAnon/ { kb += \$2 } END { print kb }" /proc/$pid/status)" -gt 31000 ] && patch_from greet.c &&
	goes_in_and_out greet.so
'

# functions N: 4000 of them, each of which adds N.
functions() {
	seq 0 3999 | sed "s/.*/int add_&(int n); __attribute__((noipa)) int add_&(int n) { return n + $1; }/"
}

# of_many: a process with 4000 functions; "sum" calls all of them.
of_many() {
	cc="gcc $(mflag) $debian_flags $tells_nothing $debian_ldflags -D_GNU_SOURCE -pthread -iquote $tests/targets" object=$PWD/many &&
	{
		echo "#include \"target.h\""
		functions 1
		echo "void reply(const char *question, char *answer, size_t size) { long sum = 0; (void)question;"
		seq 0 3999 | sed 's/.*/sum += add_&(0);/'
		echo 'snprintf(answer, size, "%ld", sum); }'
	} >many.c && (cd "$root" && compile_target "$OLDPWD" pie many "$OLDPWD/many.c") && launch ./many && says 4000 sum
}

t '4000 functions in one patch' '
	of_many && functions 2 >all.c && patch_from all.c && snapshot && patch all.so && says 8000 sum &&
	nsb list --json -p $pid | grep -o "\"name\": \"add_[0-9]*\"" | sort -u >names && [ "$(wc -l <names)" = 4000 ] &&
	nsb check -p $pid -f all.so && revert all.so && says 4000 sum && unharmed
'

done_testing
