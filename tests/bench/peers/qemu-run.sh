#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# qemu-run.sh SERIAL-OUT TIMEOUT CPUEXTRA qemu-args... : deterministic TCG, 1 insn = 1 ns
out=$1; to=$2; ex=$3; shift 3
exec timeout $to qemu-system-x86_64 -accel tcg -cpu EPYC,+svm,+npt$ex -icount shift=0,sleep=off -rtc base=2026-01-01,clock=vm -seed 1 -m 1024 -smp 1 \
 -display none -vga std -nic none -serial file:$out -monitor none -device isa-debug-exit,iobase=0xf4,iosize=4 -no-reboot "$@" 2>$out.err
