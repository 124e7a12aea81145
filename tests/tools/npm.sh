#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch what a package-lock.json names: npm.sh FROM DIR
# FROM holds package.json and package-lock.json; DIR gets them and node_modules. Versions and checksums (integrity) are those
# of the lock, and nothing of the packages is run. The registry is npm's own setting; what was fetched stays in a cache
# outside the tree, so a second time needs no network.
set -eu
[ $# -eq 2 ] || { echo "usage: npm.sh FROM DIR" >&2; exit 2; }
CACHE=${BULKHEAD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/bulkhead}
command -v npm >/dev/null || { echo "npm.sh: npm is missing (make setup installs it)" >&2; exit 1; }
mkdir -p "$2" "$CACHE/npm"
cp "$1/package.json" "$1/package-lock.json" "$2"
log=$2/npm.log
(cd "$2" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --prefer-offline --cache "$CACHE/npm") >"$log" 2>&1 || {
	echo "npm.sh: the packages of $1/package-lock.json cannot be had:" >&2
	tail -n 8 "$log" >&2
	exit 1
}
