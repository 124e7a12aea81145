#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mkimage.sh OUT.img FOLDER EFI: a bootable disk (USB stick, virtual disk, Bochs): an MBR with one EFI system
# partition at 1 MiB. FOLDER holds bulkhead.toml and the files that it names.
set -euo pipefail
[ $# = 3 ] || { echo "usage: $0 OUT.img FOLDER EFI" >&2; exit 2; }
here=$(dirname "$0")
new=$1.new
trap 'rm -f "$new"' EXIT
sectors=$("$here/mkesp.sh" "$new" 1 "$2" "$3")

# Four bytes, lowest first, for printf.
little() {
	printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

# One entry: active, type EF (EFI system partition), cylinder fields "see the sector numbers" (FE FF FF).
entry='\x80\xfe\xff\xff\xef\xfe\xff\xff'$(little 2048)$(little "$sectors")
# shellcheck disable=SC2059
{
	printf "$(little 0x424b4844)\0\0$entry" | dd of="$new" bs=1 seek=440 conv=notrunc status=none
	printf '\x55\xaa' | dd of="$new" bs=1 seek=510 conv=notrunc status=none
}
mv "$new" "$1"
