#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the files of guests/two-linux with iperf3 and a sender of raw frames in the initrd, for tests of networks.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
. "$here/../lib/debs.sh"
. "$here/../lib/programs.sh"
needs="iperf3 libiperf0 libsctp1 libssl3"
"$here/../two-linux/recipe.sh" "$out/.base"
cp "$here/bulkhead.toml" "$out/"
# shellcheck disable=SC2086
packages=$(program_packages $needs)
stamp=$({ echo "$packages"; cat "$here/recipe.sh" "$here/frames.c" "$here/../lib/programs.sh" "$out/.base/.stamp"; } | sha256sum)
[ "$(cat "$out/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs "$work" "$needs" usr/bin/iperf3
gcc -static -O2 -s -Wall -Wextra -o "$work/bin/frames" "$here/frames.c"
cp "$out/.base/vmlinuz" "$out/vmlinuz"
cp "$out/.base/initrd.img" "$out/initrd.img"
initrd_add "$work" "$out/initrd.img"
printf '%s\n' "$(cat "$out/.base/versions.txt")" "$packages" >"$out/versions.txt"
echo "$stamp" >"$out/.stamp"
