#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the example guests can be told to do, by name: typed in the shell, or bulkhead.do= on the command line.
case ${0##*/} in
hash)	# every vcpu hashes the same 2 MiB at the same time; on the host: yes bulkhead | head -c 2097152 | sha256sum
	for cpu in $(sed -n 's/^processor[^0-9]*//p' /proc/cpuinfo); do
		(
			sum=$(taskset "$(printf %x $((1 << cpu)))" sh -c 'yes bulkhead | head -c 2097152 | sha256sum')
			echo "HASH cpu$cpu ${sum%% *}"
		) &
	done
	wait
	echo "HASH done" ;;
e820)	# the memory map that firmware handed over; ram: what is backed by memory
	ram=0 usable=0
	for entry in $(ls /sys/firmware/memmap | sort -n); do
		cd "/sys/firmware/memmap/$entry"
		start=$(cat start) end=$(cat end) type=$(cat type)
		size=$((end - start + 1))
		echo "E820 $start $end $type"
		[ "$type" = "System RAM" ] && usable=$((usable + size)) ram=$((ram + size))
		[ "$type" != "System RAM" ] && [ $((start)) -lt 1048576 ] && ram=$((ram + size))
	done
	echo "E820 usable=$usable ram=$ram" ;;
ipi)	# interrupt counts of every vcpu: timer, rescheduling, function calls
	sed -n '1p;/^ *\(LOC\|RES\|CAL\|TLB\):/p' /proc/interrupts | sed 's/^/IPI /'
	echo "IPI done" ;;
pci)	# functions with their BARs; what the kernel has to complain about PCI and ACPI
	for dev in /sys/bus/pci/devices/*; do
		driver=$(readlink "$dev/driver")
		echo "PCI ${dev##*/} $(cat "$dev/vendor"):$(cat "$dev/device") class $(cat "$dev/class") irq $(cat "$dev/irq") ${driver##*/}"
		grep -v '^0x0* 0x0* ' "$dev/resource" | sed 's/^/PCI   /'
	done
	dmesg | grep -iE "(acpi|pci|ecam|mmconfig|hpet).*(error|warn|exception|fail|bug|conflict|can't|cannot|not reserved)" |
		grep -v nocrs | sed 's/^/COMPLAINT /'
	echo "PCI done" ;;
disks)	# virtio disks and random numbers, with the kernel's own drivers; a word to know this run by
	for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk virtio-rng; do
		insmod "/lib/modules/$m.ko" 2>/dev/null
	done
	echo "DISK begin $1"
	for disk in /sys/block/vd*; do
		name=${disk##*/}
		echo "DISK $name serial=$(cat "$disk/serial") sectors=$(cat "$disk/size") ro=$(cat "$disk/ro")" \
			"queues=$(ls "$disk/mq" | wc -l) cache=$(cat "$disk/queue/write_cache")"
		echo "DISK $name holds $(sha256sum < "/dev/$name" | cut -c 1-64)"
		if [ "$(cat "$disk/ro")" = 1 ]; then
			dd if=/dev/zero of="/dev/$name" count=1 conv=fsync 2>/dev/null && echo "DISK $name was written" ||
				echo "DISK $name cannot be written"
			continue
		fi
		for block in 4096 65536 1048576; do
			count=$(($(cat "$disk/size") * 512 / block))
			dd if=/dev/urandom of=/tmp/pattern bs=$block count=$count 2>/dev/null
			dd if=/tmp/pattern of="/dev/$name" bs=$block oflag=direct conv=fsync 2>/dev/null || echo "DISK $name failed"
			echo 3 > /proc/sys/vm/drop_caches
			a=$(sha256sum < /tmp/pattern) b=$(dd if="/dev/$name" bs=$block iflag=direct 2>/dev/null | sha256sum)
			[ "$a" = "$b" ] && echo "DISK $name $block ok" || echo "DISK $name $block differs: $a $b"
		done
		blkdiscard "/dev/$name" 2>/dev/null || echo "DISK $name: no blkdiscard"
		echo 3 > /proc/sys/vm/drop_caches
		echo "DISK $name zeros=$(tr -d '\0' < "/dev/$name" | wc -c)"
		yes bulkhead | head -c 1048576 | dd of="/dev/$name" bs=64k conv=fsync 2>/dev/null
	done
	echo "RNG $(cat /sys/class/misc/hw_random/rng_current) $(dd if=/dev/hwrng bs=64 count=4 2>/dev/null | wc -c) bytes"
	echo "DISK done $1" ;;
ports)	# named ports of the virtio console, under the names that udev gives them
	insmod /lib/modules/virtio_console.ko 2>/dev/null
	mkdir -p /dev/virtio-ports
	for port in /sys/class/virtio-ports/vport*; do
		name=$(cat "$port/name" 2>/dev/null)
		[ -n "$name" ] && ln -sf "../${port##*/}" "/dev/virtio-ports/$name" && echo "PORT ${port##*/} $name"
	done
	echo "PORT done" ;;
blk)	# the drivers of virtio disks, nothing else
	for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
		insmod "/lib/modules/$m.ko" 2>/dev/null
	done ;;
records)	# a journal on the first virtio disk: what it held, then a line for each record that is flushed
	blk
	journal /dev/vda ;;
load)	# writes to /data, again and again
	(while :; do dd if=/dev/urandom of=/data/load bs=16k count=256 conv=fsync; cp /data/load /data/copy; done) >/dev/null 2>&1 & ;;
screen)	# drivers of the screen and of the mouse, where the kernel has them
	for m in drm drm_kms_helper ttm drm_ttm_helper drm_vram_helper bochs psmouse; do
		insmod "/lib/modules/$m.ko" || echo "SCREEN no $m"
	done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		grep -q Mouse /proc/bus/input/devices && break
		sleep 1
	done
	echo "SCREEN $(cat /proc/fb), $(sed -n 's/.*Name="\(.*Mouse\)"/\1/p' /proc/bus/input/devices)"
	echo "SCREEN done" ;;
mice)	# what the mouse tells within some seconds
	timeout "${1:-5}" cat /dev/input/mice | hexdump -v -e '3/1 "%02x " "\n"' | sed 's/^/MICE /'
	echo "MICE done" ;;
panic)
	echo c > /proc/sysrq-trigger ;;
triple)	# Linux' own way to reset by a triple fault
	echo triple > /sys/kernel/reboot/type
	reboot -f ;;
*)
	echo "do: hash vectors e820 ipi pci disks ports blk records load hammer screen mice panic triple ticks SECONDS" ;;
esac
