#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh DISK DEBS KEY FIO: a raw disk with a stock Debian 12, as root. Without loop devices and mounts: it works in a
# container. DEBS: where packages are kept. KEY: root's authorized_keys. FIO: yes or no. DISK.versions: what went in.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
disk=$1 debs=$2 key=$3 fio=$4
here=$(cd "$(dirname "$0")" && pwd)
suite=bookworm
# Fixed, so that GRUB's and the kernel's command lines are, too. Every guest has its own copy of the disk.
root_uuid=b01c4ead-0012-4000-8000-00000000d15c
esp_id=b01c4ead
packages=linux-image-cloud-amd64,systemd-sysv,udev,kmod,dbus,login,passwd,openssh-server,iproute2,iputils-ping,pciutils,zstd
[ "$fio" = no ] || packages+=,fio

# The machine's own mirror: deb822 files and one-line lists are both read.
mirror() {
	{
		sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
		sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
		true
	} 2>/dev/null | grep "/debian/*$" | head -n 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
uri=$(mirror) || { echo "build.sh: apt's sources name no Debian mirror"; exit 1; }
debootstrap --variant=minbase --cache-dir="$(realpath "$debs")" --include="$packages" $suite "$root" "$uri"
umount "$root/proc" "$root/sys" 2>/dev/null || true	# where debootstrap was able to mount them

# Settings. An empty machine-id: one is made at every start, and it does not count as the first.
cp "$here/files/grub.cfg" "$work/grub.cfg"
sed -i "s/@ROOT@/$root_uuid/" "$work/grub.cfg"
install -D -m 644 "$work/grub.cfg" "$root/boot/grub/grub.cfg"
install -D -m 644 "$here/files/dhcp.network" "$root/etc/systemd/network/80-dhcp.network"
install -D -m 644 "$here/files/initramfs.conf" "$root/etc/initramfs-tools/conf.d/bulkhead.conf"
install -D -m 644 "$here/files/nodoc" "$root/etc/dpkg/dpkg.cfg.d/nodoc"
install -D -m 600 "$key" "$root/root/.ssh/authorized_keys"
chmod 700 "$root/root/.ssh"
cat "$here/files/modules" >>"$root/etc/initramfs-tools/modules"
echo "UUID=$root_uuid / ext4 noatime,errors=remount-ro 0 1" >"$root/etc/fstab"
echo debian >"$root/etc/hostname"
printf '127.0.0.1 localhost debian\n::1 localhost\n' >"$root/etc/hosts"
echo LANG=C.UTF-8 >"$root/etc/default/locale"
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
echo root:bulkhead | chroot "$root" chpasswd
systemctl="chroot $root systemctl -q"
$systemctl enable systemd-networkd ssh
$systemctl disable systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap fstrim.timer
chroot "$root" update-initramfs -u
ln -sf "$(cd "$root/boot" && echo vmlinuz-*)" "$root/boot/vmlinuz"
ln -sf "$(cd "$root/boot" && echo initrd.img-*)" "$root/boot/initrd.img"
chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' >"$disk.versions"

rm -rf "$root"/usr/share/{doc,man,locale,info,lintian}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin \
	"$root"/var/cache/apt/archives/*.deb "$root"/var/log/* "$root"/tmp/* "$root/etc/resolv.conf"
mkdir -p "$root/var/log/journal" "$root/usr/share/man/man1"
rmdir "$root/var/log/journal"

# The EFI system partition: GRUB as Debian ships it (it looks for EFI/debian/grub.cfg) under both of its usual names.
(cd "$debs" && apt-get -q -o APT::Sandbox::User= download grub-efi-amd64-bin)
dpkg-deb --fsys-tarfile "$(find "$debs" -name 'grub-efi-amd64-bin_*.deb' | sort -V | tail -n 1)" |
	tar xO ./usr/lib/grub/x86_64-efi/monolithic/grubx64.efi >"$work/grubx64.efi"
printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' $root_uuid >"$work/esp.cfg"
esp_mib=36
truncate -s ${esp_mib}M "$work/esp"
mkfs.vfat -F 32 -s 1 -n ESP -i $esp_id "$work/esp"
mmd -i "$work/esp" ::/EFI ::/EFI/BOOT ::/EFI/debian
mcopy -i "$work/esp" "$work/grubx64.efi" ::/EFI/BOOT/BOOTX64.EFI
mcopy -i "$work/esp" "$work/grubx64.efi" ::/EFI/debian/grubx64.efi
mcopy -i "$work/esp" "$work/esp.cfg" ::/EFI/debian/grub.cfg

# The root: its content, an eighth for ext4's tables and 40 MiB to write to.
root_mib=$(($(du -sm "$root" | cut -f 1) * 9 / 8 + 40))
truncate -s ${root_mib}M "$work/ext4"
mke2fs -q -t ext4 -m 1 -J size=8 -U $root_uuid -L root -d "$root" "$work/ext4"

truncate -s $((1 + esp_mib + root_mib + 1))M "$disk"
sgdisk -a 2048 -n 1:1M:+${esp_mib}M -t 1:ef00 -c 1:ESP -n 2:$((1 + esp_mib))M:+${root_mib}M -t 2:8304 -c 2:root "$disk"
dd if="$work/esp" of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/ext4" of="$disk" bs=1M seek=$((1 + esp_mib)) conv=notrunc,sparse status=none
