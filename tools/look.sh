#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Is there what nsb is built from?  What is missing is named in one line, with the
# packages that have it on Debian.  The compiler is asked, so it does not matter how
# things came here.
# usage: look.sh COMPILER [FLAGS...], all that it is told when it compiles and links
set -u

missing=
packages=
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

# lacks THING PACKAGE
lacks() {
	missing="$missing${missing:+, }$1"
	case " $packages " in
	*" $2 "*) ;;
	*) packages="$packages${packages:+ }$2" ;;
	esac
}

is_there() {
	command -v "$1" >/dev/null
}

libraries='gelf.h libelf.a libelf-dev
libunwind-ptrace.h libunwind-ptrace.a libunwind-dev
lzma.h - liblzma-dev
- libz.a zlib1g-dev'

for tool in ld objcopy ar; do
	is_there "$tool" || lacks "$tool" binutils
done
printf '#include <stdlib.h>\nint main(void) { return 0; }\n' >"$folder/look.c"
if ! is_there "$1"; then
	case $1 in
	clang*) lacks "$1" clang ;;
	*) lacks "$1" gcc ;;
	esac
	# There is nobody to ask for the rest.
	packages="$packages libc6-dev libelf-dev libunwind-dev liblzma-dev zlib1g-dev"
else
	if ! "$@" -o "$folder/look" "$folder/look.c" >/dev/null 2>&1; then
		libraries=$(echo "$libraries" | sed 's/ [^ ]*\.a / - /')
		case " $* " in
		*' -m32 '*) lacks 'a C library for 32-bit programs' gcc-multilib ;;
		*' -fsanitize='*) lacks "the C library, or the sanitizers of $1" 'libc6-dev libclang-rt-dev' ;;
		*) lacks 'the C library' libc6-dev ;;
		esac
	fi
	while read -r header archive package; do
		if [ "$header" != - ] && ! echo "#include <$header>" | "$@" -E -x c - >/dev/null 2>&1; then
			lacks "$header" "$package"
		elif [ "$archive" != - ] && ! "$@" -o "$folder/look" "$folder/look.c" "-l:$archive" >/dev/null 2>&1; then
			lacks "$archive" "$package"
		fi
	done <<-END
		$libraries
	END
fi
[ -n "$missing" ] || exit 0
echo "nsb cannot be built here for want of $missing: apt-get install $packages (as root, make deps does it)" >&2
exit 1
