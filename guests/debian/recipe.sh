#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the plan and debian.img, a bootable GPT disk with a stock Debian 12, in OUTDIR (docs/guests.md).
# debootstrap takes some minutes; its result stays in ~/.cache/bulkhead until one of the files here changes.
# SSH_KEY=file.pub lets that key log in as root; FIO=no leaves out fio and its libraries (a third of the disk).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
cache=${BULKHEAD_CACHE:-$HOME/.cache/bulkhead}/debian
key=${SSH_KEY:-/dev/null}
[ -r "$key" ] || { echo "recipe.sh: SSH_KEY=$key: a readable public key was expected" >&2; exit 1; }
"$here/../../tests/tools/setup.sh" debian
. "$here/../lib/debs.sh"
uefi_firmware "$out"

stamp=$(cat "$here/build.sh" "$here"/files/* "$key" <(echo "${FIO:-yes}") | sha256sum | cut -c 1-16)
disk=$cache/disk-$stamp.img
cp "$here/bulkhead.toml" "$out/"
if [ ! -s "$disk" ]; then
	echo "debian: building a disk with debootstrap; some minutes, then it is in $cache"
	mkdir -p "$cache/debs"
	sudo=""
	[ "$(id -u)" = 0 ] || sudo=$(command -v sudo) || { echo "debian: debootstrap needs root or sudo" >&2; exit 1; }
	$sudo nice "$here/build.sh" "$disk.new" "$cache/debs" "$key" "${FIO:-yes}" >"$cache/build.log" 2>&1 || {
		tail -n 20 "$cache/build.log" >&2
		echo "debian: the disk could not be made; all of its log: $cache/build.log" >&2
		exit 1
	}
	[ -z "$sudo" ] || $sudo chown "$(id -u):$(id -g)" "$disk.new" "$disk.new.versions"
	find "$cache" -maxdepth 1 -name 'disk-*' ! -name '*.new*' -delete
	mv "$disk.new.versions" "$disk.versions"
	mv "$disk.new" "$disk"
fi
if [ "$(cat "$out/.stamp" 2>/dev/null)" != "$stamp" ] || [ ! -s "$out/debian.img" ]; then
	cp --sparse=always --reflink=auto "$disk" "$out/debian.img"
	cp "$disk.versions" "$out/versions.txt"
	echo "$stamp" >"$out/.stamp"
fi
