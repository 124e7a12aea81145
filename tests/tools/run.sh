#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run a disk image live on this terminal: run.sh qemu|bochs|qemu-gdb IMAGE [PLAN_FOLDER]. The console is the machine's COM1.
# CORES (5) and MEMORY (MiB; what the plan needs, at least 1536) say how large the machine is; SCREEN=1 shows its screen
# where there is a display. DISK=file is the disk that lasts (default: IMAGE's name with .disk; DISK=none: no such disk), FRESH=1 makes
# it anew, VOLUME=n (MiB, 256) is the size of each volume on it. PIDFILE: where the emulator's process id is (default: a file of
# this run's own beside IMAGE, as several may run side by side).
# The image itself is not changed.
set -eu
emulator=$1 image=$2

# Guests' RAM, the files of the plan (they are read into RAM, disks stay there) with some room, and 640 MiB for the rest.
plan_memory() {
	local files ram=0 n unit
	files=$(du -smL --apparent-size "${1:-/nowhere}" 2>/dev/null | cut -f 1)
	while read -r n unit; do
		ram=$((ram + (unit == 1 ? n * 1024 : n)))
	done < <(sed -nE 's/^memory *= *"([0-9]+)(M|G)iB".*/\1 \2/p' "${1:-/nowhere}/bulkhead.toml" 2>/dev/null | sed 's/M$/0/; s/G$/1/')
	n=$((ram + ${files:-0} * 5 / 4 + 640))
	echo $((n > 1536 ? n : 1536))
}
cores=${CORES:-5} memory=${MEMORY:-$(plan_memory "${3:-}")}
here=$(dirname "$0")
pid=${PIDFILE:-$(dirname "$image")/run-$$.pid}

# /dev/kvm may be there and useless for guests of guests: ask for the capability, not for the file.
kvm_nests() {
	[ -w /dev/kvm ] && grep -qsE '^[1Y]' /sys/module/kvm_intel/parameters/nested /sys/module/kvm_amd/parameters/nested &&
		grep -qE '\b(vmx|svm)\b' /proc/cpuinfo
}

hint() {
	cat <<-END
	run: $1, $cores cores, $memory MiB. This terminal is the machine's serial console:
	run: Ctrl-A 1, Ctrl-A 2 guests' consoles; Ctrl-A 0 shell (try help, guests); poweroff in the shell ends it
	run: should it hang: kill \$(cat $pid) in another terminal
	END
}

# Is a TCP port of this machine free, and no other run's that has just chosen it? It is ours while this process lives.
take_port() {	# PORT
	local lock
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 1
	exec {lock}>"$(dirname "$image")/port-$1.lock"
	flock -n "$lock" || { exec {lock}>&-; return 1; }
}

forward() {	# PROTOCOL PORT THERE
	fwd+=",hostfwd=$1:127.0.0.1:$2-:$3"
	net+=(--forward "$1:$2:$3")
}

# The plan's forwards, where the port is free on this machine.
forwards() {	# PLAN_FOLDER
	local port proto
	while IFS=: read -r port _ proto; do
		[[ $port =~ ^[0-9]+$ ]] || continue
		[[ $proto == */udp ]] && proto=udp || proto=tcp
		if [ $proto = tcp ] && ! take_port "$port"; then
			echo "run: port $port is in use here: not forwarded" >&2
			continue
		fi
		echo "run: 127.0.0.1:$port ($proto) leads to port $port of the hypervisor" >&2
		forward "$proto" "$port" "$port"
	done < <(sed 's/^[[:space:]]*#.*//' "$1/bulkhead.toml" 2>/dev/null | tr '\n\t' '  ' | grep -oE '\<forward *= *\[[^]]*\]' |
		sed 's/.*\[//; s/\]//' | tr -d '" ' | tr ',' '\n')
}

# How to log in, for the guests whose port is forwarded: another machine may have the port of the others.
ssh_hints() {	# CONFIG FORWARDS
	local word value host=
	while read -r word value; do
		[ "$word" != Host ] || host=$value
		[[ $word == Port && $2 == *":127.0.0.1:$value-:"* ]] || continue
		echo "run: ssh -F $(realpath --relative-to=. "$1") $host" >&2
	done <"$1"
}

# The API: https://127.0.0.1:8443, or the next free port.
forward_api() {	# PLAN_FOLDER
	local port
	! grep -qsE '^(https|port) *=.*\<(port *= *)?0\>' "$1/bulkhead.toml" || return 0
	for port in $(seq 8443 8453); do
		take_port "$port" || continue
		forward tcp "$port" 443
		echo "run: https://127.0.0.1:$port is the hypervisor's API; the console shows fingerprint and enrolment code" >&2
		return
	done
	echo "run: ports 8443 to 8453 are in use here: nothing leads to the hypervisor's API" >&2
}

# A network card on the emulator's user network (10.0.2.0/24): the hypervisor gets an address, guests behind NAT reach the
# outside. Ports that the plan forwards are reached on this machine under the same numbers.
network() {	# PLAN_FOLDER
	local fwd="" config=$1/.ssh/config
	net=(--net)
	forwards "$1"
	forward_api "$1"
	card=(-netdev "user,id=net0$fwd" -device virtio-net-pci,netdev=net0)
	[ ! -s "$config" ] || ssh_hints "$config" "$fwd"
}
card=() net=()
[ $# -lt 3 ] || network "$3"

# A disk that lasts, when the plan names volumes: they are its partitions (disk.sh), and it has the serial number that the plan
# calls it by. Bochs chooses numbers by itself.
lasting_disk() {	# PLAN_FOLDER
	local serial file=${DISK:-${image%.img}.disk}
	[ "$file" != none ] || return 0
	[ "${FRESH:-0}" != 1 ] || rm -f "$file"
	serial=$(CHECK_PLAN=${CHECK_PLAN:-$(dirname "$image")/host/check-plan} "$here/disk.sh" "$file" "$1") || exit 1
	[ -n "$serial" ] || return 0
	echo "run: what lasts is in $file ($(du -m "$file" | cut -f 1) MiB in use; FRESH=1 makes it anew)" >&2
	disk=(-drive "file=$file,format=raw,if=none,id=lasting,discard=unmap" -device "nvme,drive=lasting,serial=$serial")
	bochs_disk=(--disk "$file")
}
disk=() bochs_disk=()
[ $# -lt 3 ] || lasting_disk "$3"

# TCG says a line for each feature of the CPU model that it lacks, once a core: nothing that we use.
qemu() {
	local accel=(-accel tcg -cpu EPYC,+svm,+npt) display=(-display none)
	kvm_nests && accel=(-accel kvm -cpu host)
	[ "${SCREEN:-0}" = 1 ] && display=()
	qemu-system-x86_64 -nodefaults -machine q35 "${accel[@]}" -smp "$cores" -m "$memory" "${display[@]}" -vga std \
		-bios /usr/share/ovmf/OVMF.fd -drive file="$image",format=raw,if=ide,snapshot=on -pidfile "$pid" \
		-monitor none -serial chardev:con "${card[@]}" "${disk[@]}" "$@" 2> >(grep -v "TCG doesn't support requested feature" >&2)
}

run_qemu() {
	hint "QEMU, $(kvm_nests && echo nested KVM || echo TCG)"
	tty=$(stty -g 2>/dev/null) || tty=""
	trap '[ -z "$tty" ] || stty "$tty"; rm -f "$pid"' EXIT
	[ -z "$tty" ] || stty raw -echo
	qemu -chardev stdio,id=con,mux=off,signal=off
}

# gdb has this terminal, so the console goes to a file and a socket.
debug_qemu() {
	local build
	build=$(dirname "$image")
	command -v gdb >/dev/null || { echo "debug: gdb is not installed (apt-get install gdb)" >&2; exit 1; }
	rm -f "$build/debug.sock"
	qemu -s -S -chardev socket,id=con,path="$build/debug.sock",server=on,wait=off,logfile="$build/debug.txt" &
	trap 'kill "$(cat "$pid")" 2>/dev/null || true; wait' EXIT
	echo "debug: the console is in $build/debug.txt and on the socket $build/debug.sock; leaving gdb ends the machine"
	gdb -q "$build/hv.elf" -ex 'set pagination off' -ex 'set tcp connect-timeout 20' -ex 'target remote :1234' \
		-ex 'hbreak hv_main' -ex continue
}

case $emulator in
qemu) run_qemu ;;
qemu-gdb) debug_qemu ;;
bochs)
	hint "Bochs (VMX; a minute and a half until the guests' shells)"
	exec python3 "$here/../boot/bochs.py" --live --cores "$cores" --memory "$memory" --pid "$pid" "${net[@]}" "${bochs_disk[@]}" "$image" ;;
*) echo "run: unknown emulator $emulator: qemu or bochs" >&2; exit 2 ;;
esac
