#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkesp.sh OUTDIR: build iobench, icmark.so (QEMU <= 8), icmark4.so (QEMU 10) and efi/disk.img (tscapp.c on an
# unpartitioned FAT32 disk). Wants gcc, clang, lld, mtools.
set -e
here=$(cd "$(dirname "$0")" && pwd); mkdir -p $1/efi; cd $1
gcc -O2 -Wall -Wextra -static -s -o iobench $here/iobench.c
gcc -O2 -Wall -Wextra -fPIC -shared -o icmark.so $here/icmark.c
gcc -O2 -Wall -Wextra -fPIC -shared -DAPI=4 -o icmark4.so $here/icmark.c
clang --target=x86_64-unknown-windows -ffreestanding -fno-stack-protector -mno-red-zone -O1 -Wall -c $here/tscapp.c -o efi/tscapp.obj
lld-link /subsystem:efi_application /entry:efi_main /nodefaultlib /out:efi/BOOTX64.EFI efi/tscapp.obj
rm -f efi/disk.img; truncate -s 64M efi/disk.img; mformat -i efi/disk.img -F ::
mmd -i efi/disk.img ::/EFI ::/EFI/BOOT; mcopy -i efi/disk.img efi/BOOTX64.EFI ::/EFI/BOOT/
