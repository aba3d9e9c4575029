#!/bin/bash
. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi
for n in 1 2 3 4 5 6; do
t "busy $n" "watch_target busy && sweep fail ptrace patch 1"
t "sleepers $n" "watch_target sleepers && sweep fail ptrace patch 1"
done
done_testing
