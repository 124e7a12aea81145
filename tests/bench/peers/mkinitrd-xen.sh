#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-xen.sh ROOT VERSION OUT : dom0 initramfs with xl, xenstored and
# exitbench.elf (ROOT = dpkg -x of the Xen and kernel packages)
set -e
here=$(cd "$(dirname "$0")" && pwd); root=$(realpath $1); k=$2; out=$3
t=$(mktemp -d); mkdir -p $t/bin $t/dev $t/proc $t/sys $t/m $t/lib/x86_64-linux-gnu $t/lib64 $t/run $t/tmp $t/var/log/xen $t/var/lib/xen $t/etc/xen $t/usr/lib/xen-4.17/bin
ln -s ../run $t/var/run; mkdir -p $t/run/xenstored $t/run/xen $t/var/lock $t/run/lock
cp /bin/busybox $t/bin/
for b in xl xenstored xenconsoled xen-init-dom0 xentrace_setsize libxl-save-helper; do cp $root/usr/lib/xen-4.17/bin/$b $t/usr/lib/xen-4.17/bin/; done
L=$root/usr/lib/x86_64-linux-gnu
for b in $t/usr/lib/xen-4.17/bin/*; do LD_LIBRARY_PATH=$L ldd $b | awk '$3 ~ /^\//{print $3}' ; done | sort -u | while read f; do cp -L $f $t/lib/x86_64-linux-gnu/; done
cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 $t/lib/x86_64-linux-gnu/; : > $t/etc/xen/xl.conf
cp -L /lib64/ld-linux-x86-64.so.2 $t/lib64/
cp $here/../../../build/guest/exitbench.elf $t/
for m in xen-privcmd xen-gntdev xen-gntalloc xen-evtchn xenfs; do f=$(find $root/lib/modules/$k -name $m.ko); [ -n "$f" ] && cp $f $t/m/; done
cp ${KVMMINI:-$HOME/peers-work/kvmmini} $t/bin/kvmmini
cat > $t/init <<'I'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/lib/xen-4.17/bin LD_LIBRARY_PATH=/lib/x86_64-linux-gnu
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
mkdir -p /dev/pts; mount -t devpts none /dev/pts
mark() { echo "MARK $1" > /dev/kmsg; kvmmini -t | sed "s/^VMM/HOST mark $1/"; echo "HOST mark $1 uptime,idle: $(cat /proc/uptime)"; dmesg | grep "MARK $1" | sed 's/^/HOST dmesg /'; }
mark init
for m in xen-privcmd xenfs xen-gntdev xen-gntalloc xen-evtchn; do [ -f /m/$m.ko ] && insmod /m/$m.ko; done
mount -t xenfs none /proc/xen
ls /dev/xen
arg() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
xenstored --pid-file /run/xenstored.pid 2>&1
sleep 1
xen-init-dom0
xenconsoled --pid-file=/run/xenconsoled.pid
cat > /g.cfg <<C
name = "eb"
type = "pvh"
kernel = "/exitbench.elf"
cmdline = "$(arg gopt | tr , ' ')"
memory = 128
vcpus = 1
on_poweroff = "destroy"
on_crash = "destroy"
$(arg gcfg | tr ';' '\n' | tr '%' ' ')
C
cat /g.cfg
grep -E '^(MemTotal|MemFree|MemAvailable)' /proc/meminfo | sed 's/^/HOST dom0 /'
xl info | grep -E 'memory|version|caps|scheduler|commandline|free|virt' | sed 's/^/HOST xl /'
mark create
echo "HOST creating the domain"
xl create -p /g.cfg > /tmp/xl.out 2>&1; echo "HOST xl rc $?"; tail -30 /tmp/xl.out | sed 's/^/HOST xlout /'
ps -o pid,rss,comm | grep xen | sed 's/^/HOST ps /'
xl list | sed 's/^/HOST xl /'
xl info | grep -E 'free_memory' | sed 's/^/HOST xl after create /'
grep -E '^(MemTotal|MemFree|MemAvailable)' /proc/meminfo | sed 's/^/HOST dom0 after create /'
mark unpause; xl unpause eb
i=0; while [ $i -lt 60 ]; do sleep 1; xl list | grep -q '^eb' || break; xl list eb | grep -q -- '--[-s]*[sc]' && break; i=$((i+1)); done
xl list | sed 's/^/HOST xl end /'
sleep 1
kvmmini -x
poweroff -f
I
chmod 755 $t/init
(cd $t && find . | cpio -o -H newc -R 0:0 2>/dev/null) | gzip -9 > $out
rm -rf $t; ls -la $out
