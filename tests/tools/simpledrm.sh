#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# simpledrm.sh: no kernel of Debian 12 or 13 has simpledrm, so build one that has, out of Debian's linux-source-6.1 (minutes, once), and
# print its path. Kept in the cache; fetches what it needs besides gcc and make.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../guests/lib/debs.sh"
cache=${BULKHEAD_CACHE:-$HOME/.cache/bulkhead}
source=$(deb linux-source-6.1)
out=$cache/simpledrm-$(cat "$here/simpledrm.config" "$here/simpledrm.sh" | cat - "$source" | sha256sum | cut -c1-16).vmlinuz
if [ ! -s "$out" ]; then
	if ! command -v flex bison bc >/dev/null || [ ! -e /usr/include/gelf.h ]; then
		sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
		$sudo apt-get -q install -y flex bison bc libelf-dev >&2
	fi
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	dpkg-deb --fsys-tarfile "$source" | tar xO ./usr/src/linux-source-6.1.tar.xz | tar xJ -C "$work"
	cd "$work/linux-source-6.1"
	{ make -s tinyconfig; cat "$here/simpledrm.config" >>.config; make -s olddefconfig; make -s -j"$(nproc)" bzImage; } >&2
	grep -q '^CONFIG_DRM_SIMPLEDRM=y' .config
	cp arch/x86/boot/bzImage "$out.$$" && mv "$out.$$" "$out"
fi
echo "$out"
