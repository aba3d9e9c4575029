#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run by root, nsb takes a patch only from where nobody else may write.

. "${0%/*}/lib.sh"
[ "$(id -u)" = 0 ] || skip_all 'needs root'
insecure=

# A folder that root alone may write to, whatever TMPDIR is; removed with the test's processes.
place_of_trust() {
	trusted=$(mktemp -d /tmp/nsb-trust-XXXXXX) && chmod 755 "$trusted" && trap 'rm -rf "$trusted"; end_processes' EXIT &&
	target server && patch_from greet.c && mv greet.so "$trusted/fix.so" && chmod 644 "$trusted/fix.so" && snapshot
}

# What snapshot left is in the test's own folder.
same() {
	(cd "$place" && unharmed)
}

# refuses REGEX FILE: it is not taken, for that reason; but by --insecure-file it is.
refuses() {
	fails_with 1 "refused, as others may change it: .*$1" nsb patch -p "$pid" -f "$2" &&
	fails_with 1 "refused, as others may change it: .*$1" nsb check -p "$pid" -f "$2" && says hello greet && same &&
	nsb info -f "$2" >/dev/null && nsb patch --insecure-file -p "$pid" -f "$2" && says goodbye greet &&
	nsb revert -p "$pid" -f "$2" && says hello greet && same
}

takes() {
	nsb patch -p "$pid" -f "$1" && says goodbye greet && nsb revert -p "$pid" -f "$1" && says hello greet && same
}

t 'a file of root'"'"'s in a folder of root'"'"'s' '
	place_of_trust && takes $trusted/fix.so && cd $trusted && takes fix.so && takes ./../${trusted##*/}//fix.so
'
t 'a file that others may write to, or that is theirs' '
	place_of_trust && cd $trusted && chmod 664 fix.so && refuses "fix.so is writable by its group" fix.so &&
	chmod 646 fix.so && refuses "fix.so is writable" $trusted/fix.so && chmod 644 fix.so && chown 65534 fix.so &&
	refuses "fix.so belongs to user 65534" fix.so && chown 0:65534 fix.so && takes fix.so
'
t 'a folder above it' '
	place_of_trust && mkdir -p $trusted/a/b && mv $trusted/fix.so $trusted/a/b && chmod 775 $trusted/a &&
	refuses "/a is writable by" $trusted/a/b/fix.so && cd $trusted/a/b && refuses "/a is writable by" fix.so && chmod 755 .. &&
	takes fix.so && chown 65534 .. && refuses "/a belongs to user 65534" fix.so && refuses "/a belongs to" ../b/fix.so
'
t 'a sticky folder is good for what root owns in it' '
	place_of_trust && mkdir $trusted/all && mv $trusted/fix.so $trusted/all && chmod 777 $trusted/all && refuses "/all is writable" $trusted/all/fix.so &&
	chmod 1777 $trusted/all && takes $trusted/all/fix.so && chown 65534 $trusted/all/fix.so &&
	refuses "belongs to user 65534" $trusted/all/fix.so
'
t 'symbolic links: whose they are, and where they lead' '
	place_of_trust && cd $trusted && mkdir good bad all && mv fix.so good && chmod 1777 all && ln -s good/fix.so a.so && ln -s ../a.so all/b.so && ln -s $PWD/all folder &&
	takes a.so && takes all/b.so && takes folder/b.so && chown -h 65534 all/b.so && refuses "all/b.so belongs to user 65534" folder/b.so &&
	cp good/fix.so bad && chmod 777 bad && ln -s ../bad/fix.so good/c.so && refuses "/bad is writable" good/c.so &&
	ln -s loop loop && fails_with 7 "Too many levels" nsb info -f loop && fails_with 7 "Too many levels" nsb patch -p $pid -f loop && same
'
t 'what is no file, or not there, is told as before' '
	place_of_trust && cd $trusted && fails_with 7 "nothing.so: cannot open: No such file" nsb patch -p $pid -f nothing.so &&
	fails_with 7 "cannot open" nsb patch -p $pid -f fix.so/x && fails_with 7 "no regular file" nsb patch -p $pid -f $trusted &&
	mkfifo fifo && fails_with 7 "no regular file" nsb patch -p $pid -f fifo && fails_with 7 "cannot open" nsb patch -p $pid -f "" && same
'
t 'the file is opened once' '
	place_of_trust && strace -qq -e trace=openat,open -o "$place/opened" "$NSB" patch -p $pid -f $trusted/fix.so && [ "$(grep -c fix.so opened)" = 1 ] && says goodbye greet
'
t 'who is not root decides for himself' '
	place_of_trust && cp $program $NSB $trusted && chmod 666 $trusted/fix.so && chmod 777 $trusted && chown -R 65534 $trusted &&
	setpriv --reuid 65534 --regid 65534 --clear-groups $trusted/nsb info -f $trusted/fix.so >said &&
	fails_with 4 "not permitted" setpriv --reuid 65534 --regid 65534 --clear-groups $trusted/nsb patch -p $pid -f $trusted/fix.so && same
'

done_testing
