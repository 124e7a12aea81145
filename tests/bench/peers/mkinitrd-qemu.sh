#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-qemu.sh ROOT VERSION OUT [extra files]: KVM host initramfs whose
# monitor is this machine's own qemu-system-x86_64.
set -e
here=$(cd "$(dirname "$0")" && pwd); root=$(realpath $1); k=$2; out=$3; shift 3
t=$(mktemp -d); mkdir -p $t/bin $t/dev $t/proc $t/sys $t/m $t/lib/x86_64-linux-gnu $t/lib64 $t/tmp $t/usr/bin $t/usr/share/qemu
cp /bin/busybox $t/bin/; cp ${KVMMINI:-$HOME/peers-work/kvmmini} $t/bin/kvmmini
cp /usr/bin/qemu-system-x86_64 $t/usr/bin/
ldd /usr/bin/qemu-system-x86_64 | awk '$3 ~ /^\//{print $3}' | while read f; do cp -L $f $t/lib/x86_64-linux-gnu/; done
cp -L /lib64/ld-linux-x86-64.so.2 $t/lib64/
for f in multiboot_dma.bin linuxboot_dma.bin kvmvapic.bin; do cp -L /usr/share/qemu/$f $t/usr/share/qemu/; done
for f in bios-256k.bin bios-microvm.bin; do cp -L /usr/share/seabios/$f $t/usr/share/qemu/; done
for f in /usr/share/qemu/keymaps; do :; done
cp $here/../../../build/guest/exitbench.elf "$@" $t/
for m in irqbypass rng-core ccp kvm kvm-intel kvm-amd; do
	f=$(find $root/lib/modules/$k -name $m.ko); [ -n "$f" ] && cp $f $t/m/
done
cat > $t/init <<'I'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin LD_LIBRARY_PATH=/lib/x86_64-linux-gnu
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev; mount -t tmpfs none /tmp
echo 1 > /proc/sys/kernel/printk
mark() { echo "MARK $1" > /dev/kmsg; kvmmini -t | sed "s/^VMM/HOST mark $1/"; echo "HOST mark $1 uptime,idle: $(cat /proc/uptime)"; dmesg | grep "MARK $1" | sed 's/^/HOST dmesg /'; }
mark init
arg() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
for m in irqbypass rng-core ccp kvm; do [ -f /m/$m.ko ] && insmod /m/$m.ko; done
if grep -qw vmx /proc/cpuinfo; then insmod /m/kvm-intel.ko; else insmod /m/kvm-amd.ko; fi
grep -E '^(MemTotal|MemFree|MemAvailable)' /proc/meminfo | sed 's/^/HOST before qemu /'
kvmmini -t
Q="qemu-system-x86_64 -L /usr/share/qemu -accel kvm -cpu host -nodefaults -display none -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 -no-reboot"
run() { $Q "$@" < /dev/null; echo "HOST qemu rc $?"; }
M=$(arg mach); case " $(arg tests | tr , ' ') " in *" eb "*)
mark run; echo "HOST qemu -M $M exitbench"; run -M $M -m 128 -kernel /exitbench.elf -append n=1000;; esac
case " $(arg tests | tr , ' ') " in *" extra "*)
for f in /*.flat; do echo "HOST qemu extra $f"; run -M pc -m 128 -device pc-testdev -kernel $f -append "$(arg kopt | tr , ' ')"; done;; esac
case " $(arg tests | tr , ' ') " in *" rss "*)	# again, sampling QEMU's size; its figures do not count
$Q -M $M -m 128 -kernel /exitbench.elf < /dev/null > /tmp/out & p=$!
while [ -d /proc/$p ]; do grep -E 'VmRSS|RssAnon|RssFile' /proc/$p/status > /tmp/r1 2>/dev/null && [ -s /tmp/r1 ] && { grep -E '^MemFree' /proc/meminfo; cat /tmp/r1; } > /tmp/rss; kill -0 $p 2>/dev/null || break; grep -q zombie /proc/$p/status && break; usleep 20000; done
sed 's/^/HOST qemu size /' /tmp/rss; tail -1 /tmp/out;; esac
kvmmini -t
sleep 1
kvmmini -x
poweroff -f
I
chmod 755 $t/init
(cd $t && find . | cpio -o -H newc -R 0:0 2>/dev/null) | gzip -6 > $out
du -sk $t | sed 's/^/unpacked KiB /'; rm -rf $t; ls -la $out
