#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The benchmark itself: that it measures, not what.

. "${0%/*}/lib.sh"

# has_rows CSV COUNT [COLUMN=VALUE...]: so many rows have these values; nothing is missing in any.
has_rows() {
	python3 - "$@" <<-'END'
		import csv, sys
		rows = list(csv.DictReader(open(sys.argv[1], newline="")))
		for row in rows:
		    empty = [key for key, value in row.items() if key is None or value in (None, "")]
		    assert not empty, f"{sys.argv[1]}: nothing in {empty}: {row}"
		wanted = [text.split("=") for text in sys.argv[3:]]
		found = [row for row in rows if all(row[key] == value for key, value in wanted)]
		assert len(found) == int(sys.argv[2]), f"{sys.argv[1:]}: {len(found)} rows"
		zero = [row for row in found if int(row["elapsed_ns"]) <= 0 or int(row.get("gap_ns", 1)) <= 0]
		assert not zero, f"no time has passed: {zero}"
	END
}

# The server's source is fetched and built: that takes longer than all else together.  Hostile processes take all
# processors from other tests, and t-hostile has them already.
sections=()
[ -n "${NSB_LONG:-}" ] || sections=(pause held growth gen witness build watch)
t 'a slice of it has all figures' '
	"$tests/bench/bench.py" --extent slice --nsb "$NSB" --nsb-gen "$NSB_GEN" --out out "${sections[@]}" >report &&
	{ [ "$(id -u)" != 0 ] || { has_rows out/watch.csv 2 watched=0 && has_rows out/watch.csv 2 watched=1; }; } &&
	for abi in amd64 $(runs_i386 && echo i386); do
		for file in pause held; do
			has_rows out/$file.csv 2 abi=$abi what=noise threads=10 &&
			has_rows out/$file.csv 2 abi=$abi what=floor &&
			has_rows out/$file.csv 1 abi=$abi what=patch &&
			has_rows out/$file.csv 1 abi=$abi what=revert || exit 1
		done
		for grows in functions libraries size; do
			has_rows out/growth.csv 1 abi=$abi what=patch grows=$grows &&
			# On i386 nsb-gen cannot show that no address of the data leaves the patch: it stays.
			left=mappings=0
			[ "$abi" = amd64 ] || left=grows=$grows
			has_rows out/growth.csv 1 abi=$abi what=revert grows=$grows "$left" || exit 1
		done
	done &&
	has_rows out/build.csv 1 "what=nsb-build, first fix" && has_rows out/build.csv 1 "what=nsb-build, next fix" &&
	if [ "$(id -u)" = 0 ] && [ -n "${NSB_LONG:-}" ]; then
		for what in alone resting beside among; do
			has_rows out/hostile.csv 1 what=$what patched=20 || exit 1
		done
	fi &&
	if [ -z "${NSB_LONG:-}" ]; then
		! [ -e out/server.csv ] || exit 1
	elif [ -e out/server.csv ]; then
		for what in "no tool" floor nsb; do
			has_rows out/server.csv 1 what="$what" failed=0 || exit 1
		done
	else
		grep "^Nothing is measured of a server: .*# SKIP" report || exit 1
	fi &&
	has_rows out/gen.csv 1 tool=nsb-gen && has_rows out/gen.csv 1 tool=readelf &&
	has_rows out/witness.csv 1 tool=nsb-gen && has_rows out/witness.csv 1 tool=objdump &&
	diff report out/report.md && ! grep -wE "nan|inf|None" report &&
	tables=8 && { [ "$(id -u)" != 0 ] || tables=$((tables + 2)); } && { ! [ -e out/hostile.csv ] || tables=$((tables + 1)); } && { ! [ -e out/server.csv ] || tables=$((tables + 1)); } &&
	[ "$(grep -c "^###" report)" = $tables ]
'
t 'a meter sees that its process is stopped' '
	cat >stop-a-while <<-"END" && chmod +x stop-a-while &&
		#!/bin/sh
		kill -STOP "$1" && sleep 0.3 && kill -CONT "$1"
	END
	gcc -O2 -Wall -Werror -D_GNU_SOURCE -pthread -o gauge "$tests/bench/gauge.c" &&
	echo "int function_0(int n); int function_0(int n) { return n; }" >functions.c &&
	gcc -O2 -Wall -Werror -D_GNU_SOURCE -pthread -o meter "$tests/bench/meter.c" functions.c &&
	for nap in 0 100; do
		truncate -s 32 shared && starts ./meter shared 3 8 $nap 0 . &&
		./gauge shared ./stop-a-while $started >result && cat result &&
		[ "$(sed "s/.*gap_ns\": \([0-9]*\).*/\1/" result)" -ge 290000000 ] && rm shared || exit 1
	done
'

done_testing
