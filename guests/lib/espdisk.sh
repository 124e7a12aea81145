#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# espdisk.sh OUT.img FOLDER GRUB.CFG: a GPT disk with one EFI system partition: Debian's GRUB, its menu GRUB.CFG, and the
# files of FOLDER in the partition's root. No privileges. "-" for OUT.img's partition alone: espdisk.sh -p OUT FOLDER CFG.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin	# mkfs.vfat: Debian's users do not have them in theirs
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1700000000 MTOOLS_SKIP_CHECK=1
alone=no
[ "$1" != -p ] || { alone=yes; shift; }
[ $# = 3 ] || { echo "usage: $0 [-p] OUT.img FOLDER GRUB.CFG" >&2; exit 2; }
out=$1 folder=$2 menu=$3
here=$(cd "$(dirname "$0")" && pwd)
. "$here/debs.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# It looks for EFI/debian/grub.cfg on the partition that it comes from, and there for what is not linked in: multiboot.
modules=./usr/lib/grub/x86_64-efi
dpkg-deb --fsys-tarfile "$(deb grub-efi-amd64-bin)" | tar x -C "$work" --strip-components=5 $modules/monolithic/grubx64.efi \
	$modules/{multiboot,multiboot2,relocator,mmap,video,boot,acpi,net,lsefi}.mod $modules/{command,moddep,fs,partmap,terminal,crypto}.lst
mkdir "$work/x86_64-efi"
mv "$work"/*.mod "$work"/*.lst "$work/x86_64-efi/"
mib=$(($(du -sm --apparent-size "$folder" | cut -f 1) + 6))
[ $mib -ge 36 ] || mib=36
truncate -s ${mib}M "$work/esp"
mkfs.vfat -F 32 -s 1 -n ESP -i b01c4ead "$work/esp" >/dev/null
mmd -i "$work/esp" ::/EFI ::/EFI/BOOT ::/EFI/debian
mcopy -s -i "$work/esp" "$work/x86_64-efi" ::/EFI/debian/
mcopy -i "$work/esp" "$work/monolithic/grubx64.efi" ::/EFI/BOOT/BOOTX64.EFI
mcopy -i "$work/esp" "$menu" ::/EFI/debian/grub.cfg
for f in "$folder"/*; do
	[ ! -e "$f" ] || mcopy -s -i "$work/esp" "$f" ::/
done

if [ $alone = yes ]; then
	mv "$work/esp" "$out"
	exit 0
fi
rm -f "$out"
truncate -s $((mib + 2))M "$out"
sgdisk -a 2048 -U b01c4ead-0000-4000-8000-00000000d15c -n 1:1M:+${mib}M -t 1:ef00 -c 1:ESP \
	-u 1:b01c4ead-0001-4000-8000-00000000d15c "$out" >/dev/null
dd if="$work/esp" of="$out" bs=1M seek=1 conv=notrunc,sparse status=none
