# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For recipes: programs of Debian packages, with the libraries that they need and nothing else, for an initrd. Sourced, not
# run; needs debs.sh.

# program_packages PACKAGE...: the packages and what they depend on, as file names; apt gets what is not kept yet.
program_packages() { local p; for p in "$@"; do basename "$(deb "$p")"; done; }

# program_copy WORK ROOT FILE: FILE of the unpacked packages in WORK, and its libraries, into ROOT.
program_copy() {
	local work=$1 root=$2 file=$3 lib to
	for lib in $(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		[ ! -e "$root/lib/x86_64-linux-gnu/$lib" ] || continue
		to=$(find "$work/lib/x86_64-linux-gnu" "$work/usr/lib/x86_64-linux-gnu" -maxdepth 1 -name "$lib" | head -n 1)
		[ -n "$to" ] || { echo "programs.sh: $(basename "$file") needs $lib, which no package given has" >&2; return 1; }
		install -D -m 755 "$to" "$root/lib/x86_64-linux-gnu/$lib"
		program_copy "$work" "$root" "$to"
	done
}

# programs ROOT "PACKAGE ..." FILE...: ROOT/bin gets the FILEs (usr/sbin/dropbear) of those packages. libc6 is always there.
programs() {
	local root=$1 packages="libc6 $2" work p file
	shift 2
	work=$(mktemp -d)
	mkdir -p "$work/lib/x86_64-linux-gnu" "$work/usr/lib/x86_64-linux-gnu" "$root/bin"
	for p in $packages; do
		dpkg-deb -x "$(deb "$p")" "$work"
	done
	for file in "$@"; do
		cp -L "$work/$file" "$root/bin/"
		program_copy "$work" "$root" "$work/$file"
	done
	install -D -m 755 "$work/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$root/lib64/ld-linux-x86-64.so.2"
	rm -rf "$work"
}

# initrd_add ROOT INITRD: what is in ROOT as one more archive behind the initrd: the kernel unpacks all of them.
initrd_add() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet | gzip -9n) >>"$2"; }
