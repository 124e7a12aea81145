#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the plan, debian-installer.iso (Debian's own network installer behind GRUB, for UEFI from a CD or a
# disk) and an empty disk to install to, in OUTDIR (docs/guests.md).
set -euo pipefail
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1700000000
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
"$here/../../tests/tools/setup.sh" installer
. "$here/../lib/debs.sh"
cp "$here/bulkhead.toml" "$out/"
uefi_firmware "$out"
package=$(deb debian-installer-12-netboot-amd64)
stamp=$(cat "$here/recipe.sh" "$here/grub.cfg" "$here/../lib/espdisk.sh" <(basename "$package") | sha256sum)
[ "$(cat "$out/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
images=./usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
mkdir -p "$work/tree/install" "$work/esp"
dpkg-deb --fsys-tarfile "$package" | tar x -C "$work" $images/linux $images/initrd.gz
mv "$work/$images/linux" "$work/$images/initrd.gz" "$work/tree/install/"
"$here/../lib/espdisk.sh" -p "$work/esp.img" "$work/esp" "$here/grub.cfg"
# As boot/media/mkiso.sh: one EFI system partition that El Torito and the GPT both lead to.
xorriso -as mkisofs -quiet -o "$out/debian-installer.iso" -V DEBIAN-INSTALLER -r -J -partition_offset 16 \
	-append_partition 2 0xef "$work/esp.img" -appended_part_as_gpt \
	-e --interval:appended_partition_2:all:: -no-emul-boot -boot-load-size 1 "$work/tree" \
	>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
rm -f "$out/empty.img"
truncate -s 64M "$out/empty.img"
basename "$package" >"$out/versions.txt"
echo "$stamp" >"$out/.stamp"
