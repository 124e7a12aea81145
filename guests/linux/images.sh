#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# images.sh PLAN OUTDIR: the plan, a stock Debian kernel and a small initrd (busybox and our /init) in OUTDIR. KERNEL=cloud, or full
# for the one that drives screens and mice, too.
# Packages come through apt and stay in ~/.cache/bulkhead/debs; what was taken is written to OUTDIR/versions.txt.
set -eu
plan=$1
out=$(mkdir -p "$2" && cd "$2" && pwd)
src=$(cd "$(dirname "$0")" && pwd)
debs=${XDG_CACHE_HOME:-$HOME/.cache}/bulkhead/debs
mkdir -p "$debs"
die() { echo "images.sh: $*" >&2; exit 1; }

# newest PATTERN: the newest cached package, if any
newest() { find "$debs" -name "$1" -printf '%f\n' | sort -V | tail -n 1; }

# fetch PACKAGE PATTERN: print the file name of the package, asking apt only when the cache has none
fetch() {
	if [ -z "$(newest "$2")" ]; then
		(cd "$debs" && apt-get -q -o APT::Sandbox::User= download "$1" >&2) ||
			die "cannot get the Debian package $1 (is this Debian, and did apt-get update run?)"
	fi
	newest "$2"
}

case ${KERNEL:-cloud} in
cloud)	meta=linux-image-cloud-amd64 pattern='linux-image-*-cloud-amd64_*.deb' more='*/mousedev.ko' ;;
full)	meta=linux-image-amd64 pattern='linux-image-*[0-9]-amd64_*.deb'
	more='*/psmouse.ko */drm/drm.ko */drm_kms_helper.ko */ttm.ko */drm_ttm_helper.ko */drm_vram_helper.ko */tiny/bochs.ko
	*/fs/ext4/ext4.ko */jbd2.ko */mbcache.ko */crc16.ko */crc32c_generic.ko' ;;
*)	die "KERNEL=$KERNEL: cloud or full was expected" ;;
esac
if [ -z "$(newest "$pattern")" ]; then
	kernel_package=$(apt-cache depends $meta 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$kernel_package" ] || die "apt does not know $meta: run apt-get update"
fi
kernel=$(fetch "${kernel_package-}" "$pattern")
busybox=$(fetch busybox-static 'busybox-static_*_amd64.deb')
# ext4 is made and checked by Debian's own programs; these are all the libraries that they load.
tools=""
for p in e2fsprogs libext2fs2 libcom-err2 libblkid1 libuuid1 libc6; do
	tools="$tools $(fetch "$p" "${p}_*_amd64.deb")"
done

# Made anew only when something that goes in has changed.
# shellcheck disable=SC2086
stamp=$(printf '%s\n' "$kernel" "$busybox" $tools | cat - "$src/images.sh" "$src"/initrd/* | sha256sum)
cp "$plan" "$out/bulkhead.toml"
if [ "$(cat "$out/.stamp" 2>/dev/null)" = "$stamp" ] && [ -s "$out/vmlinuz" ] && [ -s "$out/initrd.img" ]; then
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/bin" "$root/lib/modules" "$root/proc" "$root/sys" "$root/dev" "$root/etc/acpi/PWRF" "$root/tmp"
set -f	# these patterns are tar's
# shellcheck disable=SC2086
dpkg-deb --fsys-tarfile "$debs/$kernel" | tar x -C "$work" --wildcards './boot/vmlinuz-*' '*/evdev.ko' '*/acpi/button.ko' \
	'*/pvpanic.ko' '*/pvpanic-mmio.ko' '*/virtio/virtio*.ko' '*/virtio_blk.ko' '*/virtio-rng.ko' '*/virtio_console.ko' \
	'*/isofs.ko' '*/failover.ko' '*/net_failover.ko' '*/virtio_net.ko' $more
set +f
dpkg-deb --fsys-tarfile "$debs/$busybox" | tar x -C "$work" ./bin/busybox
cp "$work/bin/busybox" "$root/bin/busybox"
mkdir -p "$root/lib64" "$root/lib/x86_64-linux-gnu" "$root/data"
for p in $tools; do
	dpkg-deb --fsys-tarfile "$debs/$p" | tar x -C "$work"
done
for lib in libext2fs.so.2 libe2p.so.2 libcom_err.so.2 libblkid.so.1 libuuid.so.1 libc.so.6; do
	cp -L "$work/lib/x86_64-linux-gnu/$lib" "$root/lib/x86_64-linux-gnu/" 2>/dev/null ||
		cp -L "$work/usr/lib/x86_64-linux-gnu/$lib" "$root/lib/x86_64-linux-gnu/"
done
cp -L "$work/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$root/lib64/"
cp "$work/sbin/mke2fs" "$work/sbin/e2fsck" "$root/lib/"
cp "$work/etc/mke2fs.conf" "$root/etc/"
for applet in $("$root/bin/busybox" --list); do
	[ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
done
find "$work/lib/modules" -name '*.ko' -exec cp {} "$root/lib/modules" \;
cp "$src/initrd/init" "$root/init"
cp "$src/initrd/do.sh" "$root/bin/do"
for action in hash e820 ipi pci disks ports blk records load screen mice panic triple; do
	ln -s do "$root/bin/$action"
done
echo "alias hash=/bin/hash" > "$root/etc/shrc"
# For bulkhead.login=1. The password is "bulkhead".
echo 'root:$1$bulkhead$8te1QCKhDQP9rsFrtxeGj1:0:0:root:/:/bin/sh' >"$root/etc/passwd"
echo 'export ENV=/etc/shrc PS1="$(hostname)# "' >"$root/etc/profile"
cp "$src/initrd/udhcpc" "$root/etc/udhcpc"
cp "$src/initrd/power" "$root/etc/acpi/PWRF/00000080"
for program in ticks vectors journal hammer; do
	gcc -static -Os -s -Wall -Wextra -o "$root/bin/$program" "$src/initrd/$program.c"
done
chmod -R 755 "$root"
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet | gzip -9n) > "$out/initrd.img"
cp "$work"/boot/vmlinuz-* "$out/vmlinuz"
# shellcheck disable=SC2086
printf '%s\n' "$kernel" "$busybox" $tools > "$out/versions.txt"
printf '%s\n' "$stamp" > "$out/.stamp"
