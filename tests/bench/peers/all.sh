#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# all.sh [get|build|images|run NAME...|table]   work directory: $W ($HOME/peers-work)
# Everything needed to repeat the peer measurements; see README.md.
set -e
here=$(cd "$(dirname "$0")" && pwd); export W=${W:-$HOME/peers-work}; mkdir -p $W/dl $W/root $W/r; cd $W
KC=6.1.0-56-cloud-amd64; KG=6.1.0-56-amd64
export KVMMINI=$W/kvmmini GRUBDIR=$W/root/usr/lib/grub/i386-pc
EB=$here/../../../build/guest/exitbench.elf	# of make test-guests
q() { n=$1; shift; [ -f r/$n.txt ] && rm r/$n.txt; ( time $here/qemu-run.sh r/$n.txt "$@" ) 2> r/$n.time || true; }
b() { n=$1; to=$2; img=$3; cpu=${4:-corei7_skylake_x}; cp $img r/$n.img; ( time $here/bochs-run.sh r/$n.img r/$n.d $to 1024 400000000 $cpu ) 2> r/$n.time || true; cp r/$n.d/com1.txt r/$n.txt; rm -f r/$n.img*; }
CT="console=ttyS0,115200 quiet nokaslr"; TSC="tsc_early_khz=400000"	# Bochs: CPUID 0x15/0x16 lie, LAPIC counts ticks
AG="vmm=-m,128 again=-m,128,-s/-m,128,-s,-p"
XB="console=com1 com1=115200 loglvl=warning guest_loglvl=all dom0_mem=512M,max:512M dom0_max_vcpus=1 noreboot cpuidle=off vga=text-80x25"
case ${1:-help} in
get)	cd dl
	for p in linux-image-$KC linux-image-$KG xen-hypervisor-4.17-amd64 xen-utils-4.17 xen-utils-common libxenmisc4.17 libxencall1 \
	 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4 libxentoollog1 libxentoolcore1 \
	 libyajl2 grub-pc-bin linux-source-6.1; do apt-get download $p; done
	for f in *.deb; do dpkg -x $f ../root/; done;;
build)	make -C $here/../../.. test-guests; gcc -O2 -Wall -Wextra -static -s -o kvmmini $here/kvmmini.c
	gzip -dc root/boot/xen-4.17-amd64.gz > xen.elf;;
tiny)	mkdir -p ksrc; [ -f ksrc/Makefile ] || tar -xf root/usr/src/linux-source-6.1.tar.xz -C ksrc --strip-components=1
	cd ksrc; make tinyconfig; cp .config .config.tiny
	scripts/kconfig/merge_config.sh -m .config.tiny $here/tiny-kvm.config; make olddefconfig; make -j$(nproc) bzImage;;
images)	$here/mkinitrd-kvm.sh root $KC kvm.cpio.gz; $here/mkinitrd-kvm.sh none none kvmnomod.cpio.gz
	$here/mkinitrd-qemu.sh root $KC qk.cpio.gz $(ls $W/extra/*.flat 2>/dev/null || true); $here/mkinitrd-xen.sh root $KG xen.cpio.gz
	K=root/boot/vmlinuz-$KC=vmlinuz; G=root/boot/vmlinuz-$KG=vmlinuz
	$here/mkiso.sh eb.iso "multiboot /boot/exitbench.elf n=1000" $EB
	$here/mkiso.sh kvm-def.iso "linux /boot/vmlinuz $CT $TSC $AG
initrd /boot/kvm.cpio.gz" $K kvm.cpio.gz
	$here/mkiso.sh kvm-off.iso "linux /boot/vmlinuz $CT $TSC $AG mitigations=off
initrd /boot/kvm.cpio.gz" $K kvm.cpio.gz
	$here/mkiso.sh kvm-noflex.iso "linux /boot/vmlinuz $CT $TSC vmm=-m,128 mitigations=off mopt=flexpriority=0
initrd /boot/kvm.cpio.gz" $K kvm.cpio.gz
	$here/mkiso.sh qk.iso "linux /boot/vmlinuz $CT $TSC mach=pc tests=eb,extra,rss
initrd /boot/qk.cpio.gz" $K qk.cpio.gz
	[ -f ksrc/arch/x86/boot/bzImage ] && $here/mkiso.sh tiny.iso "linux /boot/bzImage $CT $TSC $AG
initrd /boot/kvmnomod.cpio.gz" ksrc/arch/x86/boot/bzImage kvmnomod.cpio.gz
	for v in def off; do
		xo=; [ $v = off ] && xo="spec-ctrl=no xpti=no pv-l1tf=no" && mo=mitigations=off
		$here/mkiso.sh xen-$v.iso "multiboot2 /boot/xen $XB $xo
module2 /boot/vmlinuz console=hvc0 quiet gopt=n=1000 gcfg=tsc_mode=2 $mo
module2 /boot/xen.cpio.gz" xen.elf=xen $G xen.cpio.gz
	done;;
run)	shift
	V=root/boot/vmlinuz-$KC
	for n in "$@"; do date; echo $n; case $n in
	svm-plain) q $n 60 "" -kernel $EB -append n=1000;;
	svm-plain-iso) q $n 60 "" -drive file=eb.iso,format=raw,if=ide;;
	svm-kvm-def) q $n 300 "" -kernel $V -initrd kvm.cpio.gz -append "$CT $AG";;
	svm-kvm-off) q $n 300 "" -kernel $V -initrd kvm.cpio.gz -append "$CT $AG mitigations=off";;
	svm-qk) q $n 300 "" -kernel $V -initrd qk.cpio.gz -append "$CT mach=pc tests=eb,extra,rss";;
	svm-tiny) q $n 300 "" -kernel ksrc/arch/x86/boot/bzImage -initrd kvmnomod.cpio.gz -append "$CT $AG";;
	svm-xen-def) q $n 400 ,-smap -drive file=xen-def.iso,format=raw,if=ide;;
	svm-xen-off) q $n 400 ,-smap -drive file=xen-off.iso,format=raw,if=ide;;
	vmx-plain) b $n 75 eb.iso;;
	vmx-kvm-def) b $n 400 kvm-def.iso;;
	vmx-kvm-off) b $n 400 kvm-off.iso;;
	vmx-kvm-noflex) b $n 400 kvm-noflex.iso;;
	vmx-qk) b $n 500 qk.iso;;
	vmx-tiny) b $n 400 tiny.iso;;
	vmx-xen-def) b $n 590 xen-def.iso;;
	vmx-xen-off) b $n 590 xen-off.iso;;
	zam-plain) b $n 75 eb.iso zambezi;;
	zam-kvm-def) b $n 400 kvm-def.iso zambezi;;
	zam-kvm-off) b $n 400 kvm-off.iso zambezi;;
	zam-tiny) b $n 400 tiny.iso zambezi;;
	zam-xen-def) b $n 590 xen-def.iso zambezi;;
	*) echo "unknown $n";; esac; done;;
table)	shift; python3 $here/table.py "$@";;
*)	sed -n 3,4p $0;;
esac
