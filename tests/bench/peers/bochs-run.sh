#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bochs-run.sh DISKIMAGE OUTDIR [TIMEOUT s] [MiB] [ips] [cpu model]: legacy-BIOS boot of a
# raw disk image in Debian's Bochs 2.7 (VMX; SVM with model zambezi); COM1 goes to OUTDIR/com1.txt.
img=$(realpath $1); out=$2; to=${3:-600}; mem=${4:-1024}; ips=${5:-1000000000}; model=${6:-corei7_skylake_x}
mkdir -p $out; cd $out; rm -f com1.txt $img.lock
cyl=$(( ($(stat -c %s $img) + 516095) / 516096 ))
truncate -s $((cyl*516096)) $img
cat > bochsrc <<B
config_interface: textconfig
display_library: term
cpu: model=$model, count=1, ips=$ips, reset_on_triple_fault=0
memory: guest=$mem, host=$mem
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
boot: disk
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path=$img, mode=flat, cylinders=$cyl, heads=16, spt=63
log: bochs.log
error: action=report
info: action=ignore
panic: action=fatal
com1: enabled=1, mode=file, dev=com1.txt
port_e9_hack: enabled=1
clock: sync=none, time0=1767225600
pci: enabled=1, chipset=i440fx
vga: extension=none, update_freq=1
speaker: enabled=0
sound: driver=dummy
B
echo c > dbg.rc
timeout $to script -qfc "bochs-bin -q -f bochsrc -rc dbg.rc" /dev/null > screen.txt 2>&1 < /dev/null
