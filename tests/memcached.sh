# shellcheck shell=bash disable=SC2154 # lib.sh's variables
# SPDX-License-Identifier: GPL-2.0-or-later
#
# memcached, built from Debian's source as Debian builds it, and patches for it.  Sourced after
# lib.sh.  Sets $source and $object; skips the file where it cannot be had.

make_it='
	eval "$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --export=sh)" &&
	./configure && make -j2 memcached
'
source=$NSB_BUILD/tests/memcached-$(md5sum <<<"$make_it" | cut -c 1-12)
object=$source/memcached

[[ " $NSB_ABIS " == *" $abi "* ]] || skip_all "no $abi here"
command -v python3 >/dev/null || skip_all 'python3 is missing'
if ! [ -x "$object" ]; then
	why=$("$tests/source.sh" memcached "$source.$$" 2>&1) || skip_all "$why"
	(cd "$source.$$" && eval "$make_it") >"$folder/making" 2>&1 && mv -T "$source.$$" "$source"
	rm -rf "$source.$$"
fi

# taken FILE NAME: the text of a function; a static one that nothing calls is kept.
taken() {
	sed -n "/^[a-z].*\<$2(.*{\$/,/^}/p" "$source/$1" |
		sed '1s/\(inline \)\?static/__attribute__((used, noipa)) static/'
}

# fix NAME FILE: what is read as a patch for that file.
fix() {
	{
		printf '%s\n' '#include "memcached.h"' '#include "proto_text.h"' '#include "storage.h"' \
			'#include <nsb/vzp.h>' '#include <stdlib.h>' '#include <string.h>' \
			"VZP_FILE(\"$2\");"
		cat
	} >"$1.c" &&
	patch_from "$1.c" -DHAVE_CONFIG_H -I"$source"
}

# A global function through which every answer goes.
fix_version() {
	taken memcached.c out_string |
		sed 's/^    size_t len;/&\n    if (strcmp(str, "VERSION " VERSION) == 0) str = "VERSION fixed";/' |
		fix version memcached.c
}
