#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkio.sh ROOT VERSION IOBENCH OUTDIR: io.cpio.gz (the measured system) and ioq.cpio.gz
# (the same with this machine's QEMU, the kernel and io.cpio.gz inside: a KVM host).
# ROOT = dpkg -x of the kernel package.
set -e
here=$(cd "$(dirname "$0")" && pwd); root=$(realpath $1); k=$2; iob=$(realpath $3); out=$(realpath $4)
t=$(mktemp -d); mkdir -p $t/bin $t/dev $t/proc $t/sys $t/m $t/tmp
cp /bin/busybox $t/bin/; cp $iob $t/bin/iobench; cp $here/init $t/init; chmod 755 $t/init
for m in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk brd configfs null_blk llc stp bridge veth \
	failover net_failover virtio_net tun tap vhost_iotlb vhost vhost_net irqbypass rng-core ccp kvm kvm-intel kvm-amd; do
	f=$(find $root/lib/modules/$k -name $m.ko); [ -z "$f" ] || cp $f $t/m/
done
(cd $t && find . | cpio -o -H newc -R 0:0 2>/dev/null) | gzip -6 > $out/io.cpio.gz
mkdir -p $t/lib/x86_64-linux-gnu $t/lib64 $t/usr/bin $t/usr/share/qemu
cp /usr/bin/qemu-system-x86_64 $t/usr/bin/
ldd /usr/bin/qemu-system-x86_64 | awk '$3 ~ /^\//{print $3}' | while read f; do cp -L $f $t/lib/x86_64-linux-gnu/; done
cp -L /lib64/ld-linux-x86-64.so.2 $t/lib64/
for f in multiboot_dma.bin linuxboot_dma.bin kvmvapic.bin; do cp -L /usr/share/qemu/$f $t/usr/share/qemu/; done
cp -L /usr/share/seabios/bios-256k.bin $t/usr/share/qemu/
cp -L $root/boot/vmlinuz-$k $t/vmlinuz; cp $out/io.cpio.gz $t/
(cd $t && find . | cpio -o -H newc -R 0:0 2>/dev/null) | gzip -1 > $out/ioq.cpio.gz
rm -rf $t; ls -la $out
