#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ovmf.sh NAME qemu-args...: OVMF to a UEFI application on a virtio-blk (or other) disk, QEMU 10 icount.
# $T: root of a Debian 13 with qemu-system-x86 and ovmf; $W: work directory with efi/disk.img
# (an EFI system partition holding tscapp.c as EFI/BOOT/BOOTX64.EFI) and icmark4.so (-DAPI=4)
W=${W:-$HOME/io-work}; T=${T:?Debian 13 root}; n=$1; shift; mkdir -p $T/tmp/io $W/r
cp $W/efi/disk.img $W/icmark4.so $T/tmp/io/; cp $T/usr/share/OVMF/OVMF_VARS_4M.fd $T/tmp/io/vars-$n.fd
time timeout ${TO:-240} chroot $T qemu-system-x86_64 -accel tcg -cpu ${CPU:-max} ${ICOUNT--icount shift=0,sleep=off} -rtc base=2026-01-01,clock=vm -seed 1 \
 -M ${M:-q35} -m ${MEM:-1024} -smp ${SMP:-1} -plugin /tmp/io/icmark4.so,out=/tmp/io/$n.ic -nodefaults -display none -serial file:/tmp/io/$n.txt -monitor none -no-reboot \
 -drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd -drive if=pflash,format=raw,unit=1,file=/tmp/io/vars-$n.fd \
 -drive file=/tmp/io/disk.img,format=raw,if=none,id=d,snapshot=on "$@" 2> $W/r/$n.err
cp $T/tmp/io/$n.txt $T/tmp/io/$n.ic $W/r/; cat $W/r/$n.ic; tail -c 200 $W/r/$n.txt; cat $W/r/$n.err
