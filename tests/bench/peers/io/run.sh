#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh NAME TIMEOUT INITRD "kernel words" qemu-args...: QEMU 7.2 TCG with the icmark plugin.
# $W: work directory (iobench, icmark.so, initramfs, logs r/NAME.*); $K: the kernel; $ICOUNT, $CPU, $MEM to change the machine
W=${W:-$HOME/io-work}; K=${K:?kernel image}; n=$1; to=$2; ird=$3; ap=$4; shift 4; mkdir -p $W/r
time timeout $to qemu-system-x86_64 -accel tcg -cpu ${CPU:-EPYC,+svm,+npt} ${ICOUNT--icount shift=0,sleep=on} -rtc base=2026-01-01,clock=vm -seed 1 -m ${MEM:-1024} -smp 1 \
 -plugin $W/icmark.so,out=$W/r/$n.ic -display none -vga none -nic none -serial file:$W/r/$n.txt -monitor none -no-reboot \
 -kernel $K -initrd $W/$ird -append "console=ttyS0,115200 quiet nokaslr $ap" "$@" 2> $W/r/$n.err
