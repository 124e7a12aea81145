#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch third-party sources by name: fetch.sh NAME DIR
# Unpacks the pinned version of NAME into DIR. Tarballs are Debian's "orig" files, kept in a cache outside the tree and
# trusted by their sha256 alone. Where a pin names a folder, that folder alone is unpacked. Needs apt, tar, sha256sum and
# a configured Debian mirror on first use; no root.
set -eu

# name         section of the archive's pool    file                          sha256, folder (without the first part of its path)
PINS='
zydis          z/zydis                          zydis_4.1.1.orig.tar.gz       dcc31180a31e7f568d79d55f8181bd961981559a5666bf6fac43a69ad8b406bf
zycore-c       z/zycore-c                       zycore-c_1.5.2.orig.tar.gz    828f2e2e502c4a339c53162b865afd13de80fdfa068a9ba18032e743243027ea
lwip           l/lwip                           lwip_2.2.1+dfsg1.orig.tar.xz  83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1
micropython    m/micropython                    micropython_1.25.0+ds.orig.tar.xz  7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea lib/littlefs
mbedtls        m/mbedtls                        mbedtls_3.6.6.orig.tar.bz2    8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a
http-parser    h/http-parser                    http-parser_2.9.4.orig.tar.gz 467b9e30fd0979ee301065e70f637d525c28193449e1b13fbcb1b1fab3ad224f
yyjson         y/yyjson                         yyjson_0.10.0+ds.orig.tar.xz  ae6fde69a193e10afab426ef13f113d6903446405f9db9ee98bfb572bd6c961a
'
SUITE=trixie
CACHE=${BULKHEAD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/bulkhead}

fail() {
	echo "fetch.sh: $*" >&2
	exit 1
}

good() {	# FILE SHA256
	[ -f "$1" ] && echo "$2  $1" | sha256sum -c --quiet >/dev/null 2>&1
}

# The machine's own Debian mirrors, best first: deb822 *.sources and one-line *.list files are both read.
mirrors() {
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] || continue
		awk '/^URIs:/ { sub(/^URIs:[ \t]*/, ""); uri = $1 }
		     /^Suites:/ { suites = $0 }
		     /^[ \t]*$/ { if (uri != "" && suites !~ /security/) print uri; uri = ""; suites = "" }
		     END { if (uri != "" && suites !~ /security/) print uri }' "$f"
	done | grep '/debian/*$' || true
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$f" ] || continue
		sed -n 's/^deb\(-src\)\{0,1\}[ \t]*\(\[[^]]*\]\)\{0,1\}[ \t]*\([^ \t]*\)[ \t].*/\3/p' "$f"
	done | grep '/debian/*$' || true
}

# The pool holds a file as long as any suite names it, whatever the Debian revision is by now.
fetch_from_pool() {	# MIRROR SECTION FILE TO
	[ -x /usr/lib/apt/apt-helper ] || return 1
	/usr/lib/apt/apt-helper -o Acquire::Retries=3 -o APT::Sandbox::User= \
		download-file "${1%/}/pool/main/$2/$3" "$4" >/dev/null 2>&1
}

# Through apt's signed index, with private state: for mirrors that are more than a plain address.
fetch_by_apt() {	# MIRROR NAME FILE TO
	s=$CACHE/apt
	mkdir -p "$s/lists/partial" "$s/cache/archives/partial" "$s/get"
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	{
		printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n' "$1" "$SUITE"
		[ ! -f "$key" ] || echo "Signed-By: $key"
	} >"$s/own.sources"
	: >"$s/status"
	set -- "$@" -q -o "Dir::Etc::sourcelist=$s/own.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$s/lists" \
		-o "Dir::State::status=$s/status" -o "Dir::Cache=$s/cache" -o Acquire::Retries=3 -o APT::Sandbox::User=
	name=$2 file=$3 to=$4
	shift 4
	apt-get "$@" update >/dev/null 2>&1 || return 1
	(cd "$s/get" && apt-get "$@" source --download-only --tar-only "$name" >/dev/null 2>&1) || return 1
	[ -f "$s/get/$file" ] && mv "$s/get/$file" "$to"
}

fetch() {	# NAME SECTION FILE SHA256
	part=$CACHE/$3.part.$$
	for how in fetch_from_pool fetch_by_apt; do
		for uri in $(mirrors); do
			arg=$2
			[ $how = fetch_from_pool ] || arg=$1
			if $how "$uri" "$arg" "$3" "$part" && good "$part" "$4"; then
				mv "$part" "$CACHE/$3"
				return 0
			fi
			rm -f "$part"
		done
	done
	fail "$3 (sha256 $4) cannot be had from this machine's Debian mirrors; put the file into $CACHE by hand"
}

[ $# -eq 2 ] || fail "usage: fetch.sh NAME DIR"
dir=$2
# shellcheck disable=SC2046 # the table's columns are words
set -- $(echo "$PINS" | awk -v n="$1" '$1 == n')
[ $# -eq 4 ] || [ $# -eq 5 ] || fail "no such third-party source (see PINS in fetch.sh)"
mkdir -p "$CACHE"
good "$CACHE/$3" "$4" || fetch "$@"

rm -rf "$dir.new"
mkdir -p "$dir.new"
if [ $# -eq 5 ]; then
	parts=$(echo "$5/" | tr -cd / | wc -c)
	tar xf "$CACHE/$3" -C "$dir.new" --strip-components=$((parts + 1)) --wildcards "*/$5"
else
	tar xf "$CACHE/$3" -C "$dir.new" --strip-components=1
fi
rm -rf "$dir"
mv "$dir.new" "$dir"
