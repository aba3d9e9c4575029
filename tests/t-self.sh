#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The test harness finds what it is there to find.

. "${0%/*}/lib.sh"

# tested BODY: what `tests/run` makes of a file of one test; its output is in
# $place/ran, its last line is set as $sums.
tested() {
	mkdir -p tree/tests && cp "$tests"/lib.sh "$tests"/run tree/tests &&
	ln -s "$tests/helpers" "$tests/targets" "$tests/patches" tree/tests &&
	ln -s "$root/include" tree/ && {
		echo '. "${0%/*}/lib.sh"'
		printf '%s\n' "$@"
	} >tree/tests/t-one.sh
	NSB_BUILD=$NSB_BUILD tree/tests/run t-one >ran 2>&1
	status=$?
	sums=$(tail -n 1 ran)
}

# ends_as STATUS SUMS REGEX
ends_as() {
	cat ran
	[ "$status" = "$1" ] && [ "$sums" = "$2" ] && grep -qE "$3" ran
}

t 'a test that passes' '
	tested "t right true" done_testing && ends_as 0 "1 passed, 0 failed, 0 skipped" .
'
t 'a test that fails: body and output are shown' '
	tested "t wrong \"echo 4711 && false\"" done_testing &&
	ends_as 1 "0 passed, 1 failed, 0 skipped" "# echo 4711 && false" && grep -qx "t-one: # 4711" ran
'
t 'a skipped test; none that passed is no success' '
	tested "t missing \"skip no moon\"" done_testing &&
	ends_as 1 "0 passed, 0 failed, 1 skipped" "SKIP no moon"
'
t 'a file that ends early' '
	tested "t right true" "exit 0" && ends_as 1 "1 passed, 1 failed, 0 skipped" "ended early"
'
t 'a file that dies' '
	tested "t right true" "kill -9 \$\$" done_testing &&
	ends_as 1 "1 passed, 1 failed, 0 skipped" "ended early"
'
t 'a file that fails after its plan' '
	tested "t right true" done_testing "exit 3" && ends_as 1 "1 passed, 1 failed, 0 skipped" "exit status 3"
'
t 'a process that is left behind' '
	tested "t right \"setsid sleep 77 &\"" done_testing &&
	ends_as 1 "1 passed, 1 failed, 0 skipped" "left behind: .*sleep 77" && ! pgrep -f "^sleep 77"
'
t 'a test that hangs' '
	tested "body_patience=1" "t long \"starts sleep 78; sleep 3\"" done_testing &&
	ends_as 1 "0 passed, 1 failed, 0 skipped" "not done after 1 s" && ! pgrep -f "^sleep 78"
'
t 'no test at all' '
	tested "t right true" done_testing && tree/tests/run no-such-file >ran 2>&1
	status=$? sums=$(tail -n 1 ran)
	ends_as 1 "0 passed, 0 failed, 0 skipped" .
'
t 'says, fails_with and listed fail when they have to' '
	target server && says hello greet && ! says goodbye greet && ! listed greet.so &&
	fails_with 1 moon sh -c "echo no moon >&2; exit 1" &&
	! fails_with 1 sun sh -c "echo no moon >&2; exit 1" &&
	! fails_with 2 moon sh -c "echo no moon >&2; exit 1" &&
	! fails_with 1 moon sh -c "echo no moon >&2; echo >&2; exit 1" &&
	! fails_with 1 moon sh -c "echo no moon; exit 1" &&
	! fails_with 139 moon sh -c "echo no moon >&2; kill -SEGV \$\$"
'
t 'unharmed sees a changed byte of code' '
	target server && snapshot && unharmed &&
	gdb -q -batch -p $pid -ex "set var *(char *)greet = 0xcc" >log 2>&1 && ! unharmed
'
t 'unharmed sees a new mapping' '
	target large && snapshot && unharmed && [ "$(ask mappings 2)" = "has 2" ] && ! unharmed
'
t 'unharmed sees a tracer' '
	target server && snapshot && starts_saying $(helper tracer) $pid && ! unharmed
'
t 'unharmed sees a stop, a pending signal, a new file' '
	target signals && snapshot && kill -STOP $pid &&
	wait_until is_stopped && ! unharmed && snapshot && kill -USR1 $pid && ! unharmed
'
t 'threads that compute hold their registers in a loop' '
	for abi in amd64 i386; do
		build registers && objdump -d $program >code && sed -n "/<hold_spinning>:/,/ret/p" code | grep "jne.*<hold_spinning" || exit 1
	done
'
t 'the registers target sees a changed register' '
	target registers && ask start && says fine check && spoil=$(helper spoil) && thread=$(ls /proc/$pid/task | tail -n 1) &&
	until [[ $(ask check) == "thread "* ]]; do	# it holds nothing in its registers now and then
		$spoil $thread || exit 1
	done
'

# small_house: a program that is called nsb, its tests, and tests/mutants.py.  t-says comes to no end if the program says
# "break", and waits if it says "wait".
small_house() {
	mkdir -p house/{src,build,tests/{mutants,unit}} && git init -q house && echo build >house/.gitignore &&
	cp "$tests"/{lib.sh,run,mutants.py} house/tests && echo "= src/one.c" >house/tests/mutants/one.txt &&
	cat >house/src/one.c <<-'END' && cat >house/tests/unit/u-one.c <<-'END' && cat >house/Makefile <<-'END' &&
		#include <stdio.h>
		const char *word = "yes";
		int number = 1;
		int main(void)
		{
			puts(word);
			return number - 1;
		}
	END
		#include <stdio.h>
		extern int number;
		int main(void)
		{
			puts(number == 1 ? "1..1\nok 1 - the number" : "1..1\nnot ok 1 - the number");
			return 0;
		}
	END
		top := build$(if $(SANITIZE),/sanitize)
		all: $(top)/nsb
		$(top)/nsb: src/one.c ; mkdir -p $(@D) && gcc $(CFLAGS) -o $@ $<
		build/one.o: src/one.c ; gcc $(CFLAGS) -Dmain=its_main -c -o $@ $<
		build/unit/u-one: tests/unit/u-one.c build/one.o ; mkdir -p $(@D) && gcc -o $@ $^
	END
	cat >house/tests/t-says.sh <<-'END' && cat >house/tests/t-also.sh <<-'END' &&
		. "${0%/*}/lib.sh"
		t 'it says yes' '
			said=$("$NSB")
			[ "$said" != break ] || kill -KILL $(ps -o sid= -p $$)
			[ "$said" != wait ] || { : >"$BEGUN" && sleep 79; }
			[ "$said" = yes ]
		'
		done_testing
	END
		. "${0%/*}/lib.sh"
		t 'it says yes, too' '[ "$("$NSB")" = yes ]'
		t 'its status' '"$NSB"'
		done_testing
	END
	make -C house CFLAGS="-Os -g" all build/unit/u-one >made.log
}

# mutant SENTENCE LINE WHAT-IT-BECOMES TEST
mutant() {
	printf "%s\n- %s\n+ %s\n@ %s\n\n" "$@" >>house/tests/mutants/one.txt
}

t 'mutants.py: what is seen, what is not, and what nobody can tell' '
	small_house &&
	mutant "another word" "const char *word = \"yes\";" "const char *word = \"no\";" t-says &&
	mutant "another status" "return number - 1;" "return number;" "t-also: it says" &&
	mutant "another number" "int number = 1;" "int number = 2;" u-one &&
	mutant "no other program" "puts(word);" "puts(&word[0]);" t-says &&
	mutant "no program" "puts(word);" "puts(words);" t-says &&
	mutant "an end of the tests" "const char *word = \"yes\";" "const char *word = \"break\";" t-says &&
	! SANITIZE=1 NSB=/bin/false python3 house/tests/mutants.py >tried && cat tried && cut -d "(" -f 1 tried >short &&
	grep "^ok - src/one.c: another word: seen by t-says," tried && grep -x "not ok - src/one.c: another status: survives " short &&
	grep "^ok - src/one.c: another number: seen by u-one," tried &&
	grep -x "not ok - src/one.c: no other program: leaves the programs as they are " short &&
	grep -x "not ok - src/one.c: no program: cannot be built " short &&
	grep -x "not ok - src/one.c: an end of the tests: its tests come to no end " short &&
	grep "^6 mutants: 2 seen, 1 survives, 1 cannot be built, 1 leaves" tried
'
t 'mutants.py that is ended says nothing of the mutant that it is at' '
	small_house && mutant "a long wait" "const char *word = \"yes\";" "const char *word = \"wait\";" t-says && export BEGUN=$place/begun &&
	{ starts python3 house/tests/mutants.py >tried; } && wait_until test -e begun && pgrep -f "^sleep 79" &&
	kill -TERM $started && ! wait $started && cat tried && ! [ -s tried ] && ! pgrep -f "^sleep 79"
'

done_testing
