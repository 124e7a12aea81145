# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For recipes: Debian packages by apt, kept in ~/.cache/bulkhead/debs. Sourced, not run.
debs=${BULKHEAD_CACHE:-$HOME/.cache/bulkhead}/debs
mkdir -p "$debs"

# deb PACKAGE: print the path of the newest kept .deb; apt is asked only when there is none.
deb() {
	deb_newest "$1" | grep . || {
		(cd "$debs" && apt-get -q -o APT::Sandbox::User= download "$1" >&2) || {
			echo "cannot get the Debian package $1 (is this Debian, and did apt-get update run?)" >&2
			return 1
		}
		deb_newest "$1"
	}
}
deb_newest() { find "$debs" -name "${1}_*.deb" | sort -V | tail -n 1; }

# deb_file PACKAGE PATH OUT: one file of a package.
deb_file() { dpkg-deb --fsys-tarfile "$(deb "$1")" | tar xO "./$2" >"$3"; }

# uefi_firmware OUTDIR: Debian's unmodified OVMF under the names that the plan expects.
uefi_firmware() {
	for part in OVMF_CODE_4M.fd OVMF_VARS_4M.fd; do
		[ -s "$1/$part" ] || deb_file ovmf usr/share/OVMF/$part "$1/$part"
	done
}
