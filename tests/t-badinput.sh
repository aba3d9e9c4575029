#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is wrong is refused: with its exit status, one line that says why, and
# nothing changed.

. "${0%/*}/lib.sh"
by_lot

# refused STATUS REGEX FILE: by patch, by a dry run and by check.
refused() {
	fails_with "$1" "$2" patch "$3" && fails_with "$1" "$2" patch "$3" --dry-run && unharmed
}

# bad_patch FILE REGEX: is refused by all that read a patch file.
bad_patch() {
	refused 7 "$2" "$1" && fails_with 7 "$2" nsb info -f "$1" &&
	fails_with 7 "$2" nsb check -p "$pid" -f "$1" &&
	fails_with 7 "$2" revert "$1" && unharmed
}

# ---- the process ----

gone() {
	starts true && wait "$started"
}

t 'no such process' '
	target server && patch_from greet.c && gone &&
	fails_with 5 "$started.*no such process" nsb patch -p $started -f greet.so &&
	fails_with 5 "$started.*no such process" nsb list -p $started &&
	fails_with 5 "$started.*no such process" nsb revert -p $started -f greet.so &&
	fails_with 5 "$started.*no such process" nsb check -p $started -f greet.so
'
t 'a zombie' '
	target server && patch_from greet.c && starts_saying $(helper zombie) &&
	fails_with 5 "$said" nsb patch -p $said -f greet.so
'
t 'a kernel thread' '
	kernel=$(ps -o pid= --ppid 2 2>/dev/null | head -n 1 | tr -d " ")
	[ -n "$kernel" ] || skip "no kernel thread in sight"
	target server && patch_from greet.c &&
	fails_with 1 "$kernel.*kernel" nsb patch -p $kernel -f greet.so
'
t 'a process of another user' '
	[ "$(id -u)" = 0 ] || skip "needs root to become someone else"
	target server && patch_from greet.c && snapshot && chmod 755 . .. ../.. ../../.. && cp $NSB nsb &&
	(cd / && fails_with 4 "$pid.*(not permitted|denied|root)" \
		setpriv --reuid nobody --regid nogroup --clear-groups $place/nsb patch -p $pid -f $place/greet.so) &&
	unharmed
' 
t 'a process that is being traced: the tracer is named' '
	target server && patch_from greet.c && starts_saying $(helper tracer) $pid &&
	[ "$said" = tracing ] && snapshot &&
	fails_with 6 "$pid.*$started.*tracer" patch greet.so &&
	fails_with 6 "$pid.*$started.*tracer" patch greet.so --dry-run && unharmed
'
t 'a process under gdb' '
	target server && patch_from greet.c &&
	starts gdb -q -batch -p $pid -ex "shell touch attached" -ex "shell while [ -e attached ]; do sleep 0.1; done" \
		>gdb.log 2>&1 &&
	wait_until test -e attached && snapshot && fails_with 6 "$pid.*gdb" patch greet.so && unharmed &&
	rm attached && wait $started && says hello greet && patch greet.so && says goodbye greet
'
t 'an address space that is shared with another process' '
	target server && patch_from greet.c && starts_saying $(helper share $(mflag)) &&
	ends_with_test "$(pgrep -P $said)" &&
	fails_with 1 "$said.*(shares|address space)" nsb patch -p $said -f greet.so
'
t 'nsb itself' '
	target server && patch_from greet.c && snapshot &&
	! (exec $NSB patch -p $BASHPID -f greet.so 2>said) && [ "$(wc -l <said)" = 1 ] && unharmed
'

# ---- the patch file ----

t 'no such file' 'target server && snapshot && bad_patch missing.so "missing.so.*No such file"'
t 'a folder' 'target server && snapshot && mkdir folder && bad_patch folder folder'
t 'a device' 'target server && snapshot && bad_patch /dev/zero /dev/zero'
t 'a named pipe' 'target server && snapshot && mkfifo pipe && bad_patch pipe pipe'
t 'an empty file' 'target server && snapshot && : >empty.so && bad_patch empty.so empty.so'
t 'a file that is no ELF' 'target server && snapshot && seq 1000 >text.so && bad_patch text.so ELF'
t 'a script' 'target server && snapshot && bad_patch $tests/run "ELF"'
t 'a program instead of a shared object' 'target server && snapshot && bad_patch $program "shared|vzpatch"'
t 'an object file' '
	target server && snapshot && gcc $(mflag) -I"$root/include" -c -o greet.o $tests/patches/greet.c && bad_patch greet.o "object file"
'
t 'a core file' '
	target server && snapshot && cp /bin/true core.so &&
	printf "\4" | dd of=core.so bs=1 seek=16 conv=notrunc status=none && bad_patch core.so "core.so"
'
t 'no vzpatch section' '
	target server && snapshot && patch_object greet.c && bad_patch greet.so "vzpatch.*nsb-gen"
'
t 'no build-id' '
	target server && snapshot && patch_object greet.c -Wl,--build-id=none &&
	fails_with 1 "build-id" generate && bad_patch greet.so "vzpatch|build-id"
'
t 'a build-id removed afterwards' '
	target server && snapshot && patch_from greet.c && objcopy --remove-section .note.gnu.build-id greet.so bad.so &&
	bad_patch bad.so "bad.so"
'
t 'cut off' '
	target server && snapshot && patch_from greet.c && for size in 1 15 16 52 64 100 500 1000 4096 8000 12000; do
		head -c $size greet.so >cut.so && bad_patch cut.so cut.so || exit 1
	done
'

# section_place FILE SECTION: its offset and size, decimal.
section_place() {
	readelf -SW "$1" | sed 's/^ *\[ *[0-9]*\] *//' |
		awk -v name="$2" '$1 == name { print "0x" $4, "0x" $5 }' | while read -r offset size; do
			echo $((offset)) $((size))
		done
}

t 'a damaged vzpatch section: every byte of it' '
	target server && snapshot && patch_from scale.c && read -r at size <<<"$(section_place scale.so vzpatch)" &&
	[ "$size" -gt 50 ] && for ((i = 0; i < size; i++)); do
		cp scale.so bad.so && byte=$(od -An -tu1 -j $((at + i)) -N 1 scale.so) &&
		printf "\\$(printf %o $((byte ^ 64)))" | dd of=bad.so bs=1 seek=$((at + i)) conv=notrunc status=none &&
		! cmp -s scale.so bad.so && fails_with 7 bad.so nsb info -f bad.so || exit 1
	done && bad_patch bad.so bad.so
'
t 'of a newer version of the format' '
	target server && snapshot && patch_from greet.c && read -r at size <<<"$(section_place greet.so vzpatch)" &&
	printf "\377" | dd of=greet.so bs=1 seek=$((at + 4)) conv=notrunc status=none &&
	bad_patch greet.so "version|newer|vzpatch"
'
t 'changed code' '
	target server && snapshot && patch_from greet.c && read -r at size <<<"$(section_place greet.so .text)" &&
	printf "\314" | dd of=greet.so bs=1 seek=$at conv=notrunc status=none && bad_patch greet.so greet.so
'
t 'with thread-local variables' '
	target server && snapshot && cat >tls.c <<-"END" &&
		static __thread int mine;
		int visit(int by);
		int visit(int by) { return mine += by; }
	END
	patch_object tls.c && { generate || :; } 2>said && { grep -i "thread-local" said || bad_patch tls.so "thread-local|TLS"; }
'
t 'with a constructor' '
	target server && snapshot && cat >make.c <<-"END" &&
		int visit(int by);
		int visit(int by) { return by; }
		static __attribute__((constructor)) void begin(void) { visit(1); }
	END
	patch_object make.c && { generate || :; } 2>said &&
	{ grep -i constructor said || bad_patch make.so "constructor"; }
'

# ---- the patch and the process ----

t 'made for another build of the program' '
	target server && snapshot && build server nopie && patch_from greet.c &&
	id=$("$NSB_GEN" buildid "$object") && refused 8 "$pid.*$id" greet.so &&
	fails_with 2 "" nsb revert -p $pid -f greet.so && says hello greet
'
t 'made for another machine' '
	target server && snapshot && { [ $abi = amd64 ] && abi=i386 || abi=amd64; } &&
	build server pie && patch_from greet.c && refused 8 "i386|amd64|x86" greet.so && says hello greet
'
t 'a program without a build-id' '
	debian_ldflags=-Wl,--build-id=none; build server && patch_object greet.c && fails_with 1 build-id generate
'
t 'applied already' '
	target server && patch_from greet.c && patch greet.so && snapshot &&
	fails_with 9 "$pid.*greet.so.*applied already" patch greet.so && unharmed && listed greet.so &&
	says goodbye greet && revert greet.so && says hello greet
'
t 'not applied' '
	target server && patch_from greet.c && snapshot && fails_with 2 "$pid.*not applied" revert greet.so &&
	nsb check -p $pid -f greet.so; [ $? = 2 ] && unharmed
'
t 'code that is not what the file says: a breakpoint, another patcher' '
	target server && patch_from greet.c && gdb -q -batch -p $pid -ex "set var *(char *)greet = 0xcc" >gdb.log 2>&1 &&
	snapshot && refused 8 "$pid.*greet" greet.so && listed
'
t 'the code of the jump was overwritten: revert refuses' '
	target server && patch_from greet.c && patch greet.so &&
	gdb -q -batch -p $pid -ex "set var *(char *)greet = 0xcc" >gdb.log 2>&1 && snapshot &&
	! revert greet.so 2>said && [ "$(wc -l <said)" = 1 ] && grep greet said && unharmed && listed greet.so
'
t 'a symbol that the process lacks' '
	target server && snapshot && cat >lacks.c <<-"END" &&
		int nowhere_to_be_found(int n);
		int visit(int by);
		int visit(int by) { return nowhere_to_be_found(by); }
	END
	patch_object lacks.c && { { generate 2>said || grep nowhere_to_be_found said; } &&
	{ [ -s said ] || refused 8 nowhere_to_be_found lacks.so; }; }
'

# ---- the machine ----

t 'no memory left to the process: RLIMIT_AS' '
	target server && patch_from greet.c && prlimit --pid $pid --as=1000: && snapshot &&
	fails_with 1 "$pid.*(memory|map)" patch greet.so && unharmed && says hello greet &&
	prlimit --pid $pid --as=unlimited: && patch greet.so && says goodbye greet
'
t 'no descriptor left to the process' '
	target server && patch_from greet.c && prlimit --pid $pid --nofile=3:3 && snapshot &&
	patch greet.so && says goodbye greet && revert greet.so && unharmed
'
t 'a full disk under standard output' '
	[ -e /dev/full ] || skip "no /dev/full"
	target server && patch_from greet.c && ! $NSB info -f greet.so >/dev/full 2>said && [ "$(wc -l <said)" = 1 ]
'
t 'nsb with few descriptors' '
	target server && patch_from greet.c && snapshot && (ulimit -n 16 && patch greet.so && listed greet.so && revert greet.so) && unharmed
'

# ---- the command line ----

t 'usage errors' '
	target server && patch_from greet.c && snapshot &&
	for words in "" "patch" "patch -p" "patch -p $pid" "patch -f greet.so" "frobnicate -p 1" \
		"patch -p x -f greet.so" "patch -p -1 -f greet.so" "patch -p 0 -f greet.so" \
		"patch -p 99999999999 -f greet.so" "patch -p 1x -f greet.so" "patch -p $pid -f greet.so more" \
		"patch -p $pid -f greet.so --nonsense" "patch -p $pid -f greet.so --timeout" \
		"patch -p $pid -f greet.so --timeout never" "patch -p $pid -f greet.so --timeout -1" \
		"patch -p $pid -f greet.so --retries many" "patch -p $pid -f greet.so -v many" \
		"revert -p $pid" "revert -p $pid --id xyz" "revert -p $pid --id 123" "info" "check -p $pid"; do
		fails_with 64 "^nsb: .*" nsb $words || exit 1
	done && unharmed && listed
'

done_testing
