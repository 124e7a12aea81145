#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run a disk image live on this terminal: run.sh qemu|bochs|qemu-gdb IMAGE. The console is the machine's COM1.
# CORES (5) and MEMORY (2048, MiB) say how large the machine is; SCREEN=1 shows its screen where there is a display.
set -eu
emulator=$1 image=$2
cores=${CORES:-5} memory=${MEMORY:-1536}
here=$(dirname "$0")

# /dev/kvm may be there and useless for guests of guests: ask for the capability, not for the file.
kvm_nests() {
	[ -w /dev/kvm ] && grep -qsE '^[1Y]' /sys/module/kvm_intel/parameters/nested /sys/module/kvm_amd/parameters/nested &&
		grep -qE '\b(vmx|svm)\b' /proc/cpuinfo
}

run_qemu() {
	local accel=(-accel tcg -cpu EPYC,+svm,+npt) display=(-display none)
	kvm_nests && accel=(-accel kvm -cpu host)
	[ "${SCREEN:-0}" = 1 ] && display=()
	echo "run: QEMU, ${accel[1]}, $cores cores, $memory MiB; Ctrl-A ? in the console for help, 'poweroff' in the shell ends it"
	local tty=""
	[ -t 0 ] && { tty=$(stty -g); trap 'stty "$tty"' EXIT; stty raw -echo; }
	qemu-system-x86_64 -machine q35 "${accel[@]}" -smp "$cores" -m "$memory" "${display[@]}" -vga std -nic none \
		-bios /usr/share/ovmf/OVMF.fd -drive file="$image",format=raw,if=ide \
		-chardev stdio,id=con,mux=off,signal=off -serial chardev:con -monitor none -no-reboot "$@"
}

case $emulator in
qemu) run_qemu ;;
qemu-gdb)
	echo "debug: gdb build/hv.elf -ex 'target remote :1234' -ex 'hbreak hv_main' -ex c"
	run_qemu -s -S ;;
bochs) exec python3 "$here/../boot/bochs.py" --live --cores "$cores" --memory "$memory" "$image" ;;
*) echo "run: unknown emulator $emulator: qemu or bochs" >&2; exit 2 ;;
esac
