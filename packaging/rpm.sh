#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Make an RPM: MAINTAINER=... packaging/rpm.sh ARCH VERSION STAGE OUT.rpm
# STAGE/root is what `make install` put there with PREFIX=/usr.
set -eu
here=${0%/*} maintainer=${MAINTAINER:-nsb maintainers <nsb@localhost.localdomain>} version=$2 stage=$3 out=$4
case $1 in
amd64) arch=x86_64 ;;
*) arch=i686 ;;
esac

# The same tree makes the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$here/changelog")}
export SOURCE_DATE_EPOCH
umask 022
strip --strip-unneeded --remove-section=.comment "$stage"/root/usr/bin/*
find "$stage/root/usr/share/man" -type f -name '*.[1-9]' -exec gzip -9n {} +
mkdir -p "$stage/root/usr/share/licenses/nsb"
install -m 644 "$here/copyright" "$stage/root/usr/share/licenses/nsb/copyright"
(cd "$stage/root" && find usr -type f -printf '/%p\n' | LC_ALL=C sort) >"$stage/files"
sed -i -e '/share\/licenses/s/^/%license /' -e '/share\/man/s/^/%doc /' "$stage/files"

cat >"$stage/nsb.spec" <<END
Name: nsb
Version: $version
Release: 1
Summary: Change the code of running programs
License: GPL-2.0-or-later
Packager: $maintainer
Suggests: patch

%description
nsb applies live patches to running processes: a daemon with a security hole
gets its fix without a restart and without a lost connection. nsb-gen makes
the patches from C code and the debug information of the program, nsb-build
from a source diff and the command that builds it.

nsb itself is one static binary that can be copied to rescue systems and into
containers.

%files -f $(realpath "$stage")/files

# Whatever package brings a patch: make the processes of the host what the store says. What could not be patched nsb has
# told; that is no reason for rpm to fail. Lua needs no shell, and rpm has it built in.
%transfiletriggerin -p <lua> -- /var/lib/nsb
rpm.execute("/usr/bin/nsb", "sync", "-q")

%changelog
* $(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y') $maintainer - $version-1
- See the history of the sources.
END
# rpmbuild removes the folder that it is given.
rm -rf "$stage/build" && cp -a "$stage/root" "$stage/build"
rpmbuild -bb --quiet --target "$arch" --buildroot "$(realpath "$stage")/build" --define "_topdir $(realpath "$stage")/top" \
	--define '_build_id_links none' --define '__os_install_post %{nil}' --define 'debug_package %{nil}' \
	--define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' --define '_buildhost localhost' \
	"$stage/nsb.spec" >"$stage/log" 2>&1 || { cat "$stage/log" >&2; exit 1; }
cp "$stage/top/RPMS/$arch/nsb-$version-1.$arch.rpm" "$out"
