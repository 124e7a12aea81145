#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian 13's QEMU 10 (x2APIC under TCG, icount with several cores) in a tree of its own in the cache; needs root once.
set -eu
tree=${BULKHEAD_CACHE:-$HOME/.cache/bulkhead}/qemu10
[ -x "$tree/usr/bin/qemu-system-x86_64" ] && exit 0
uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
[ -n "$uri" ] || uri=$(sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -n 1)
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "setup: fetching QEMU 10 of Debian 13 into $tree"
mkdir -p "$(dirname "$tree")"
$sudo rm -rf "$tree.new"
$sudo debootstrap --variant=minbase --include=qemu-system-x86,ovmf,seabios,ipxe-qemu trixie "$tree.new" "$uri" >"$tree.log" 2>&1
$sudo rm -rf "$tree.new/var/cache/apt" "$tree.new/var/lib/apt"
$sudo chmod -R a+rX "$tree.new/usr"
$sudo mv "$tree.new" "$tree"
