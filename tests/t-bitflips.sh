#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damaged patch files, the same ones in every run: nsb does not crash, and takes
# none but those whose damage means nothing.

. "${0%/*}/lib.sh"
for_each_abi

total=${NSB_LONG:+50}500

# try_damaged FIRST LAST: copies of patch.so, each seen by info and by a dry run;
# what passes these two goes in, works, and comes out.
try_damaged() {
	local - i status taken=0 flip at size
	set +x
	flip=$(helper flip) || return 1
	read -r at size <<<"$(readelf -SW scale.so | sed 's/^ *\[ *[0-9]*\] *//' | awk '$1 == "vzpatch" { print "0x" $4, "0x" $5 }')"
	for ((i = $1; i <= $2; i++)); do
		"$flip" scale.so bad.so "$i" "$at" "$size" || return 1
		nsb info -f bad.so >/dev/null 2>.said
		status=$?
		if [ "$status" != 0 ] && { [ "$status" != 7 ] || [ "$(wc -l <.said)" != 1 ]; }; then
			echo "copy $i: info: status $status:" && cat .said
			return 1
		fi
		patch bad.so --timeout 5 >/dev/null 2>.said
		status=$?
		case $status in
		0)
			taken=$((taken + 1))
			if ! says 'scale 1010' scale 5 || ! revert bad.so >/dev/null || ! says 'scale 10' scale 5; then
				echo "copy $i: was taken, and is not what it was"
				return 1
			fi ;;
		7|8)
			[ "$(wc -l <.said)" = 1 ] || return 1 ;;
		*)
			echo "copy $i: patch: status $status:" && cat .said
			return 1 ;;
		esac
	done
	echo "$taken taken"
	unharmed
}

t "$total damaged copies" "
	target server && patch_from scale.c && snapshot && says 'scale 10' scale 5 && try_damaged 1 $total
"

done_testing
