#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkiso.sh OUT.iso "grub menu body" file...   (BIOS GRUB from grub-pc-bin)
out=$1; body=$2; shift 2; g=${GRUBDIR:-$HOME/peers-work/root/usr/lib/grub/i386-pc}
t=$(mktemp -d); mkdir -p $t/boot/grub
for f in "$@"; do cp -L "${f%%=*}" "$t/boot/$(basename ${f##*=})"; done
printf 'set gfxpayload=text\nset timeout=0\nmenuentry x {\n%s\n}\n' "$body" > $t/boot/grub/grub.cfg
grub-mkrescue -d $g -o $out $t --install-modules="linux multiboot multiboot2 iso9660 biosdisk part_msdos part_gpt normal serial minicmd gzio" --fonts= --themes= --locales= >/dev/null 2>&1
rm -rf $t; ls -la $out
