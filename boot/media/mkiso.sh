#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mkiso.sh OUT.iso FOLDER EFI: an ISO that UEFI boots from a CD (El Torito) and, written to a stick, as a disk: both
# lead to the same EFI system partition behind the ISO's own files.
set -euo pipefail
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1700000000
[ $# = 3 ] || { echo "usage: $0 OUT.iso FOLDER EFI" >&2; exit 2; }
command -v xorriso >/dev/null || { echo "error MEDIA-TOOLS: xorriso is not installed (make setup)" >&2; exit 1; }
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/mkesp.sh" "$work/esp.img" 0 "$2" "$3" >/dev/null
mkdir "$work/tree"
cp -L "$2/bulkhead.toml" "$work/tree/"

# A load size of 1: firmware then takes the partition to reach to the end of the medium. The catalog's own field ends
# at 32 MiB (UEFI 2.10 "ISO-9660 and El Torito", 13.3.2).
xorriso -as mkisofs -quiet -o "$1" -V BULKHEAD -r -J -partition_offset 16 \
	-append_partition 2 0xef "$work/esp.img" -appended_part_as_gpt \
	-e --interval:appended_partition_2:all:: -no-emul-boot -boot-load-size 1 "$work/tree" \
	>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
