#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Signals: none is lost, none is made, and what is stopped stays stopped.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi

is_traced() {
	grep -q "TracerPid:.*[1-9]" /proc/"$pid"/status
}

# nsb lets go a thread, and the kernel has it stop again as soon as it gets a processor: it runs no code of its own between.
t 'a process stopped by SIGSTOP stays stopped' '
	target signals && patch_from work.c && says "work 2" work &&
	kill -STOP $pid && wait_until is_stopped && snapshot &&
	patch work.so && wait_until is_stopped && listed work.so && revert work.so && wait_until is_stopped && unharmed &&
	patch work.so && kill -CONT $pid && says "work 3" work
'
t 'a stopped process of several threads' '
	target threads && patch_from work.c && ask start sleepers 5 && ask start recurse 2 &&
	says "wrong 0" wrong && kill -STOP $pid && wait_until is_stopped && snapshot &&
	patch work.so && wait_until is_stopped && revert work.so && unharmed && patch work.so &&
	kill -CONT $pid && says "work 6" work 2 && says "wrong 0" wrong
'
t 'SIGTSTP, SIGTTIN, SIGTTOU: the same' '
	target signals && patch_from work.c && for signal in TSTP TTIN TTOU; do
		kill -$signal $pid && wait_until is_stopped && patch work.so && wait_until is_stopped &&
		kill -CONT $pid && says "work 3" work && revert work.so && says "work 2" work || exit 1
	done
'
t 'pending signals stay pending and arrive once' '
	target signals && patch_from work.c && ask install && ask block &&
	kill -USR1 $pid && for i in 3 1 2; do $(helper queue) $pid $i; done && snapshot &&
	patch work.so && says "work 3" work && revert work.so && unharmed &&
	says "plain 0, queued 0: 0" got && ask unblock && says "plain 1, queued 3: 312" got
'
t 'signals sent meanwhile arrive, in order' '
	target signals && patch_from work.c && ask install && snapshot &&
	for i in 1 2 3 4 5 6 7 8 9; do
		starts $NSB patch -q -p $pid -f work.so && $(helper queue) $pid $i && wait $started &&
		says "work 3" work && revert work.so -q || exit 1
	done && says "plain 0, queued 9: 123456789" got && says "work 2" work && unharmed
'
t 'a storm of signals, whose handler calls the patched function' '
	target signals && patch_from work.c && ask install && ask storm &&
	for ((i = 0; i < ${NSB_LONG:+10}20; i++)); do
		patch work.so -q && says "work 3" work && revert work.so -q && says "work 2" work || exit 1
	done && says "disturbed 0" disturbed
'
t 'children end all the time: each SIGCHLD arrives, each status is there' '
	target signals && patch_from work.c && says done children &&
	for ((i = 0; i < ${NSB_LONG:+10}20 || $(ask born) <= 100; i++)); do
		patch work.so -q && says "work 3" work && revert work.so -q && says "work 2" work || exit 1
	done && says done "no children" && says all buried
'

for signal in INT TERM HUP PIPE; do
	for command in patch revert; do
		t "SIG$signal to nsb at any moment of a $command" "
			watch_target sleepers && sweep before:$(kill -l $signal) any $command $(some 12) &&
			sweep after:$(kill -l $signal) ptrace $command $(some 4)
		"
	done
done
t 'SIGTERM to an nsb that waits for a safe point' '
	target threads && patch_from hold.c && ask start spin && says "inside 1" inside 1 && snapshot &&
	starts $NSB patch -p $pid -f hold.so --timeout 50 2>said && wait_until is_traced &&
	kill -TERM $started && { wait $started; [ $? = 12 ]; } && [ "$(wc -l <said)" = 1 ] &&
	grep "ended by SIGTERM: nothing was changed" said && unharmed && listed &&
	says released release
'
t 'nohup holds for nsb' '
	target threads && patch_from hold.c && ask start spin && says "inside 1" inside 1 &&
	starts nohup $NSB patch -p $pid -f hold.so --timeout 50 && wait_until is_traced &&
	kill -HUP $started && says released release && wait $started && listed hold.so
'
for kind in alone busy; do
	for command in patch revert; do
		t "the process is killed, exits or calls exec in the middle of a $command, $kind" "
			sweep_end 9 'ended|no such process' $kind $command $(some 6) &&
			sweep_end 10 'ended|no such process' $kind $command $(some 5) &&
			sweep_end 12 'ended|no such process' $kind $command $(some 5)
		"
	done
done
t 'threads are born and end all the time, the process is stopped and continued' '
	target threads && patch_from work.c && ask start churn 3 && ask start sleepers 3 &&
	starts sh -c "while kill -STOP $pid && sleep 0.01 && kill -CONT $pid; do sleep 0.02; done" &&
	for ((i = 0; i < ${NSB_LONG:+10}10; i++)); do
		patch work.so -q && revert work.so -q || exit 1
	done && kill -KILL $started && { wait $started; kill -CONT $pid; } && says "work 10" work 5 &&
	says "wrong 0" wrong && listed
'
t '3000 queued signals arrive in order while nsb works' '
	target signals && patch_from work.c && ask install && snapshot &&
	starts $(helper queue) $pid 1 3000 &&
	for ((i = 0; i < 10; i++)); do patch work.so -q && revert work.so -q || exit 1; done &&
	wait $started && wait_until says "queued 3000 in order" order && says "work 2" work && unharmed
'

tell_sum
done_testing
