#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: make the folder that `make image PLAN=guests/two-linux` puts on the medium: the Linux example, and an ssh
# server. OUTDIR/.ssh has the way in (SSH_KEY=FILE.pub: for a key of your own).
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
. "$here/../lib/debs.sh"
. "$here/../lib/programs.sh"
. "$here/../lib/ssh.sh"
"$here/../linux/images.sh" "$here/bulkhead.toml" "$out/.base"
cp "$here/bulkhead.toml" "$out/"
# shellcheck disable=SC2086
packages=$(program_packages libc6 $ssh_packages)
stamp=$({ echo "$packages"; ssh_keys "$out"; cat "$here/recipe.sh" "$here/../lib/ssh.sh" "$here/../lib/programs.sh" "$out/.base/.stamp"; } | sha256sum)
ssh_config "$out"
[ "$(cat "$out/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ssh_root "$work" "$out"
cp "$out/.base/vmlinuz" "$out/vmlinuz"
cp "$out/.base/initrd.img" "$out/initrd.img"
initrd_add "$work" "$out/initrd.img"
printf '%s\n' "$(cat "$out/.base/versions.txt")" "$packages" >"$out/versions.txt"
echo "$stamp" >"$out/.stamp"
