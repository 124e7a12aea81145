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
panic)
	echo c > /proc/sysrq-trigger ;;
triple)	# Linux' own way to reset by a triple fault
	echo triple > /sys/kernel/reboot/type
	reboot -f ;;
*)
	echo "do: hash vectors e820 ipi pci panic triple ticks SECONDS" ;;
esac
