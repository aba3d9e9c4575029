#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/authors.md: what it shows is what is tested here.

. "${0%/*}/lib.sh"

# The blocks of C in the document, each behind the name of its file.
quoted() {
	awk -v want="tests/patches/$1" '
		/^```c$/ { inside = is = file == want; next }
		/^```$/ { inside = 0; next }
		inside { print }
		/^`tests\/patches\/.*`:$/ { file = $0; gsub(/[`:]/, "", file) }' "$root/docs/authors.md"
}
t 'the document shows the patches as they are' '
	for patch in "$tests"/patches/guide-*.c; do
		quoted "${patch##*/}" >shown && sed 1d "$patch" | diff - shown || exit 1
	done
'

for_each_abi

# begin PATCH: the target runs, and has the patch ready.
begin() {
	target guide && says 'turns go on' turns && says 'session 1' open && says 'session 2' open && says 'session 3' open &&
		patch_from "guide-$1.c"
}
t 'something has to run once' '
	begin once && echo 20 >limit && says "allowed 1" allowed 50 && snapshot && patch guide-once.so &&
	says "allowed 0" allowed 50 && says "allowed 1" allowed 20 && revert guide-once.so &&
	says "what?" limit 100 && says "allowed 1" allowed 50 && listed "" && unharmed
'
t 'a list has to be repaired' '
	begin list && says "admins 1" admins && snapshot && patch guide-list.so && says "admins 0" admins &&
	says "session 4" open && says "session 5" open && says "session 6" open && says "admins 0" admins &&
	revert guide-list.so && says "session 7" open && says "session 8" open && says "session 9" open &&
	says "admins 1" admins && listed "" && unharmed
'
t 'one more field' '
	begin field && says wrong try 1 && snapshot && patch guide-field.so && says wrong try 1 && says wrong try 1 &&
	says wrong try 1 && says locked try 42 && says closed close && says user try 42 && revert guide-field.so &&
	says wrong try 1 && says wrong try 1 && says wrong try 1 && says user try 42 && listed "" && unharmed
'
t 'one more field, and the function that frees stays' '
	begin freed && says wrong try 1 && snapshot && patch guide-freed.so && says wrong try 1 && says wrong try 1 &&
	says wrong try 1 && says locked try 42 && says closed close && says user try 42 && revert guide-freed.so &&
	says wrong try 1 && says wrong try 1 && says wrong try 1 && says user try 42 && listed "" && unharmed
'
t 'a flag for the process' '
	begin flag && says "allowed 1" allowed 5 && snapshot && patch guide-flag.so && says "allowed 1" allowed 5 &&
	says "what?" limit -1 && says "allowed 0" allowed 5 && says "what?" limit 7 && says "allowed 1" allowed 5 &&
	says "allowed 0" allowed 8 && revert guide-flag.so && says "what?" limit -1 && says "allowed 0" allowed 5 &&
	says "what?" limit 100 && says "allowed 1" allowed 5 && listed "" && unharmed
'
t 'another initial value' '
	begin initial && says "allowed 1" allowed 50 && snapshot && patch guide-initial.so && says "allowed 0" allowed 50 &&
	says "allowed 1" allowed 10 && revert guide-initial.so && says "allowed 1" allowed 50 && listed "" && unharmed
'
t 'a table that grew' '
	begin table && says "command 1" command set && says "command -1" command delete && snapshot && patch guide-table.so &&
	says "command 1" command set && says "command 2" command delete && revert guide-table.so &&
	says "command -1" command delete && listed "" && unharmed
'
t 'a static that was renamed' '
	begin renamed && says "number 6" number && snapshot && patch guide-renamed.so && says "number 8" number &&
	says "number 10" number && revert guide-renamed.so && says "number 11" number && listed "" && unharmed
'
t 'a prototype that changed' '
	begin prototype && says "name 12" name twelve-chars && snapshot && patch guide-prototype.so &&
	says "name 7" name twelve-chars && revert guide-prototype.so && says "name 12" name twelve-chars && listed "" && unharmed
'
t 'main and loops without an end' '
	begin loop && says "what?" work && says "what?" work && snapshot && patch guide-loop.so && says "turns go on" turns &&
	revert guide-loop.so && says "turns go on" turns && listed "" && unharmed
'
t 'a loop that goes on in its new form' '
	begin resume && says "what?" work && says "what?" work && says "turns go on" turns && says "longest unknown" longest 0 &&
	patch guide-resume.so --dry-run 2>told && grep -c "would go on in worker_on" told | grep -qx 2 &&
	says "longest unknown" longest 0 && patch guide-resume.so && says "longest known" longest 1 &&
	fails_with 3 "is in" revert guide-resume.so --timeout 0.1 && says "turns go on" turns && listed guide-resume.so
'
t 'memory that somebody else owns now' '
	begin owner && says "title untitled" title && snapshot && patch guide-owner.so && says "title one" title one &&
	says "title two" title two && says "title two" title && revert guide-owner.so && says "title three" title three &&
	listed "" && unharmed
'

done_testing
