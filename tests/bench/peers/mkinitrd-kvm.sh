#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-kvm.sh KERNELDIR VERSION OUT : initramfs with busybox, kvm modules,
# kvmmini and exitbench.elf.  KERNELDIR holds lib/modules/VERSION (dpkg -x).
set -e
here=$(cd "$(dirname "$0")" && pwd); root=$1; k=$2; out=$3
t=$(mktemp -d); mkdir -p $t/bin $t/dev $t/proc $t/sys $t/m
cp /bin/busybox $t/bin/; cp ${KVMMINI:-$HOME/peers-work/kvmmini} $t/bin/kvmmini
cp $here/../../../build/guest/exitbench.elf $t/
for m in irqbypass rng-core ccp kvm kvm-intel kvm-amd; do
	f=$(find $root/lib/modules/$k -name $m.ko 2>/dev/null || true); [ -z "$f" ] || cp $f $t/m/
done
cat > $t/init <<'I'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
echo 1 > /proc/sys/kernel/printk
mark() { echo "MARK $1" > /dev/kmsg; kvmmini -t | sed "s/^VMM/HOST mark $1/"; echo "HOST mark $1 uptime,idle: $(cat /proc/uptime)"; dmesg | grep "MARK $1" | sed 's/^/HOST dmesg /'; }
mark init
grep -E '^(MemTotal|MemFree|MemAvailable)' /proc/meminfo | sed 's/^/HOST before modules /'
arg() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
for m in irqbypass rng-core ccp kvm; do [ -f /m/$m.ko ] && insmod /m/$m.ko; done
if grep -qw vmx /proc/cpuinfo; then P=intel; else P=amd; fi
[ -f /m/kvm-$P.ko ] && insmod /m/kvm-$P.ko $(arg mopt | tr , " ")
echo "HOST kernel $(uname -r) cmdline $(cat /proc/cmdline)"
dmesg | grep -iE 'kvm|tsc: (Det|Ref)|Memory:|Mitigation|Vulnerable|feat_ctl|VMX|SVM' | sed 's/^/HOST dmesg /'
grep -H . /sys/module/kvm_$P/parameters/* /sys/module/kvm/parameters/* /sys/devices/system/cpu/vulnerabilities/* 2>/dev/null | sed 's/^/HOST /'
grep -E '^(MemTotal|MemFree|MemAvailable|Slab|Percpu|KernelStack|PageTables)' /proc/meminfo | sed 's/^/HOST before guest /'
cat /sys/kernel/mm/transparent_hugepage/enabled | sed 's/^/HOST thp /'
cat /sys/devices/system/clocksource/clocksource0/current_clocksource | sed 's/^/HOST clocksource /'
vm=$(arg vmm | tr , ' '); guest=$(arg gopt | tr , ' ')
mark run
echo "HOST run: kvmmini $vm exitbench.elf $guest"
kvmmini $vm /exitbench.elf $guest
for v in $(arg again | tr / ' '); do v2=$(echo $v | tr , ' '); echo "HOST again: kvmmini $v2"; kvmmini $v2 /exitbench.elf only=touch4k_first; done
sleep 1
kvmmini -x /nothing
poweroff -f
I
chmod 755 $t/init
(cd $t && find . | cpio -o -H newc -R 0:0 2>/dev/null) | gzip -9 > $out
rm -rf $t; ls -la $out
