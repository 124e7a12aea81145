#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the plan and memtest.img, a disk that starts memtest86+ by UEFI, in OUTDIR (docs/guests.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
"$here/../../tests/tools/setup.sh" installer
. "$here/../lib/debs.sh"
cp "$here/bulkhead.toml" "$out/"
uefi_firmware "$out"
package=$(deb memtest86+)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/files"
deb_file memtest86+ boot/memtest86+x64.efi "$work/files/memtest.efi"
"$here/../lib/espdisk.sh" "$out/memtest.img" "$work/files" "$here/grub.cfg"
basename "$package" >"$out/versions.txt"
