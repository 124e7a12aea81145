#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the plan, the Xen hypervisor of Debian, and for its first domain the kernel of Debian's installer (the
# cloud kernel cannot be one) with the initrd of guests/linux, in OUTDIR (docs/guests.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
. "$here/../lib/debs.sh"
"$here/../linux/images.sh" "$here/bulkhead.toml" "$out/linux"
cp "$here/bulkhead.toml" "$out/"
cp "$out/linux/initrd.img" "$out/initrd.img"
rm -rf "$out/linux"
xen=$(deb xen-hypervisor-4.17-amd64)
kernel=$(deb debian-installer-12-netboot-amd64)
versions=$(basename -a "$xen" "$kernel")
[ "$(cat "$out/versions.txt" 2>/dev/null)" != "$versions" ] || exit 0
deb_file xen-hypervisor-4.17-amd64 boot/xen-4.17-amd64.gz "$out/xen.gz"
gunzip -f "$out/xen.gz"
deb_file debian-installer-12-netboot-amd64 \
	usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/linux "$out/dom0-vmlinuz"
echo "$versions" >"$out/versions.txt"
