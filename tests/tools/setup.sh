#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Install what is missing: setup.sh build|all|test|debian|installer. apt, with sudo when not root; says nothing when all is there.
set -eu
BUILD="gcc make binutils libc6-dev gnu-efi python3 ca-certificates dpkg-dev xz-utils git"
RUN="qemu-system-x86 ovmf openssh-client bochs bochsbios vgabios mtools dosfstools xorriso cpio busybox-static gzip acpica-tools debootstrap libcmocka-dev clang gdisk"
# What some of the rows that only make test-all has look at networks, the web page, TLS and the API with (prometheus: its promtool).
TEST="chromium tshark iperf3 iproute2 util-linux python3-scapy slowhttptest sslscan testssl.sh openapi-specification python3-jsonschema prometheus"
# Only for the plans that build a disk or a CD of their own.
DEBIAN="debootstrap gdisk dosfstools mtools e2fsprogs zstd"
INSTALLER="xorriso mtools gdisk dosfstools"

# The web page's libraries come by npm; a machine may have it from elsewhere.
command -v npm >/dev/null || BUILD="$BUILD nodejs npm"

case ${1:-all} in
all) want="$BUILD $RUN" ;;
test) want="$BUILD $RUN $TEST" ;;
debian) want="$DEBIAN" ;;
installer) want="$INSTALLER" ;;
*) want="$BUILD" ;;
esac
missing=""
for p in $want; do
	dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
echo "setup: installing$missing"
sudo=""
if [ "$(id -u)" != 0 ]; then
	sudo=$(command -v sudo) || { echo "setup: needs root or sudo to install:$missing" >&2; exit 1; }
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q >/dev/null
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >/dev/null
