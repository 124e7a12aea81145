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
