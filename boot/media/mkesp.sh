#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mkesp.sh OUT OFFSET FOLDER EFI: writes a FAT32 file system of our kind at OFFSET (MiB) of a new file OUT: the .efi
# where firmware looks for it, and the files of FOLDER in the root. Needs mtools, no privileges. The same input gives
# the same bytes. Prints the size of the file system in sectors of 512 bytes.
set -euo pipefail
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1700000000 MTOOLS_SKIP_CHECK=1

[ $# = 4 ] || { echo "usage: $0 OUT OFFSET_MIB FOLDER EFI" >&2; exit 2; }
out=$1 offset=$2 folder=$3 efi=$4
fail() { echo "error $1" >&2; exit 1; }
command -v mformat >/dev/null || fail "MEDIA-TOOLS: mtools is not installed (make setup)"
[ -f "$folder/bulkhead.toml" ] || fail "PLAN-MISSING: $folder/bulkhead.toml: a folder with a plan was expected"
[ -f "$efi" ] || fail "MEDIA-NO-EFI: $efi: the built bulkhead.efi was expected"

# What makes the folder's images is not part of them.
skip=( '(' -name Makefile -o -name 'recipe*' -o -name '*.sh' -o -name 'README*' )
skip+=( -o -name '.*' -not -name . ')' -prune -o )
mapfile -d '' -t dirs < <(cd "$folder" && find -L . "${skip[@]}" -type d -printf '%P\0' | sort -z)
mapfile -d '' -t files < <(cd "$folder" && find -L . "${skip[@]}" -type f -printf '%P\0' | sort -z)

# Guests that boot firmware and do not bring it get Debian's, under the names that are the defaults of the plan.
firmware=()
if grep -qE '"uefi"' "$folder/bulkhead.toml"; then
	for f in OVMF_CODE_4M.fd OVMF_VARS_4M.fd; do
		[ -e "$folder/$f" ] || [ ! -e "${OVMF:-/usr/share/OVMF}/$f" ] || firmware+=( "${OVMF:-/usr/share/OVMF}/$f" )
	done
fi

bytes=$(stat -Lc %s "$efi")
for f in "${firmware[@]}"; do bytes=$((bytes + $(stat -Lc %s "$f") + 8192)); done
for f in "${files[@]}"; do
	size=$(stat -Lc %s "$folder/$f")
	[ "$size" -lt 4294967296 ] || fail "MEDIA-FILE-SIZE: $f: less than 4 GiB was expected, FAT32 holds no larger file"
	bytes=$((bytes + size + 8192))
done

# At least 48 MiB; a tenth more than the content for tables and later changes. In whole Bochs cylinders of 16 heads
# of 63 sectors, counted over the file with its offset.
mib=$((bytes * 11 / 10485760 + 12))
[ $mib -ge 48 ] || mib=48
cylinder=$((16 * 63))
total=$(((offset * 2048 + mib * 2048 + cylinder - 1) / cylinder * cylinder))
sectors=$((total - offset * 2048))

# FAT32 is what it is by having 65525 clusters or more.
cluster=1
while [ $cluster -lt 8 ] && [ $((sectors / (cluster * 2))) -ge 70000 ]; do cluster=$((cluster * 2)); done

rm -f "$out"
truncate -s $((total * 512)) "$out"
image="$out@@${offset}M"
mformat -i "$image" -F -c $cluster -T $sectors -h 16 -s 63 -H $((offset * 2048)) -N 424b4844 -v BULKHEAD ::
mmd -i "$image" ::/EFI ::/EFI/BOOT
mcopy -i "$image" "$efi" ::/EFI/BOOT/BOOTX64.EFI
for d in "${dirs[@]}"; do
	case $d in ''|EFI|EFI/BOOT) ;; *) mmd -i "$image" "::/$d" ;; esac
done
for f in "${files[@]}"; do
	mcopy -o -i "$image" "$folder/$f" "::/$f"
done
for f in "${firmware[@]}"; do
	mcopy -o -i "$image" "$f" "::/${f##*/}"
done
echo $sectors
