#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the plan, the kernel of Debian's installer (the cloud kernel has no driver for Intel's cards), and the
# initrd of the Linux example with that kernel's drivers for network cards in /lib/net.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
. "$here/../lib/debs.sh"
"$here/../linux/images.sh" "$here/bulkhead.toml" "$out/.base"
cp "$here/bulkhead.toml" "$out/"
package=$(deb debian-installer-12-netboot-amd64)
stamp=$(cat "$here/recipe.sh" "$out/.base/.stamp" <(basename "$package") | sha256sum)
[ "$(cat "$out/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
images=./usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
mkdir -p "$work/modules" "$work/root/lib/net"
dpkg-deb --fsys-tarfile "$package" | tar x -C "$work" $images/linux $images/initrd.gz
(cd "$work/modules" && zcat "$work/$images/initrd.gz" | cpio -id --quiet '*/e1000e.ko' '*/e1000.ko' '*/virtio_net.ko' \
	'*/net_failover.ko' '*/failover.ko' '*/virtio.ko' '*/virtio_ring.ko' '*/virtio_pci*.ko')
find "$work/modules" -name '*.ko' -exec cp {} "$work/root/lib/net" \;
# A second archive behind the first: the kernel unpacks both.
(cd "$work/root" && find lib/net | sort | cpio -o -H newc -R 0:0 --reproducible --quiet | gzip -9n) >"$work/more.gz"
cat "$out/.base/initrd.img" "$work/more.gz" >"$out/initrd.img"
cp "$work/$images/linux" "$out/linux"

basename "$package" >"$out/versions.txt"
echo "$stamp" >"$out/.stamp"
