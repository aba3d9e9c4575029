#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Make a Debian package: MAINTAINER=... packaging/deb.sh ARCH VERSION STAGE OUT.deb
# STAGE/root is what `make install` put there with PREFIX=/usr.
set -eu
here=${0%/*} maintainer=${MAINTAINER:-nsb maintainers <nsb@localhost.localdomain>} arch=$1 version=$2 stage=$3 out=$4
root=$stage/root
doc=$root/usr/share/doc/nsb

# The same tree makes the same package.
date=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$here/changelog")}
umask 022
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root"/usr/bin/*
mkdir -p "$root/DEBIAN" "$doc" "$root/usr/share/lintian/overrides"
find "$root/usr/share/man" -type f -name '*.[1-9]' -exec gzip -9n {} +
sed -e "s/@VERSION@/$version/" -e "s/@MAINTAINER@/$maintainer/" -e "s/@DATE@/$(LC_ALL=C date -u -d "@$date" '+%a, %d %b %Y %T +0000')/" \
	"$here/changelog" | gzip -9n >"$doc/changelog.gz"
install -m 644 "$here/copyright" "$doc/copyright"
install -m 644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/nsb"

# dpkg-shlibdeps wants a source package around it.
mkdir -p "$stage/debian"
printf 'Source: nsb\n\nPackage: nsb\nArchitecture: any\n' >"$stage/debian/control"
depends=$(cd "$stage" && dpkg-shlibdeps -O -eroot/usr/bin/nsb-gen -eroot/usr/bin/nsb-build 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
cat >"$root/DEBIAN/control" <<END
Package: nsb
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f 1)
Depends: $depends
Suggests: patch
Section: admin
Priority: optional
Description: change the code of running programs
 nsb applies live patches to running processes: a daemon with a security hole
 gets its fix without a restart and without a lost connection. nsb-gen makes
 the patches from C code and the debug information of the program, nsb-build
 from a source diff and the command that builds it.
 .
 nsb itself is one static binary that can be copied to rescue systems and into
 containers.
END
# Whatever package brings a patch, or takes it away.
echo 'interest-noawait /var/lib/nsb' >"$root/DEBIAN/triggers"
cat >"$root/DEBIAN/postinst" <<'END'
#!/bin/sh
# Patches have come or gone: make the processes of the host what the store says.
set -e
case $1 in
configure|triggered)
	if [ -d "$DPKG_ROOT/var/lib/nsb" ]; then
		# What could not be patched nsb has told; that is no reason to leave packages half installed.
		"$DPKG_ROOT/usr/bin/nsb" sync -q --store "$DPKG_ROOT/var/lib/nsb" || :
	fi
	;;
esac
END
chmod 755 "$root/DEBIAN/postinst"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$root" -newermt "@$date" -print0 | xargs -0r touch -h -d "@$date"
SOURCE_DATE_EPOCH=$date dpkg-deb --root-owner-group --build "$root" "$out" >/dev/null
