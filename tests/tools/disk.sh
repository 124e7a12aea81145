#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# disk.sh FILE PLAN_FOLDER: the disk of an emulated machine that lasts. Makes FILE, or leaves what is in it and adds what the plan
# needs: a GPT with a partition for each volume that the plan names (VOLUME MiB each, 256) and one for the datastore. Prints the
# serial number that the plan calls the disk by. Nothing is printed and made where the plan names no volume.
# CHECK_PLAN: the program that reads plans, build/host/check-plan.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
file=$1 plan=$2
TYPE=B01CEAD0-766F-4C75-8D65-00000000000	# + 1: volume, 2: datastore (docs/storage.md)
UNIT=$((16 * 63 * 512))			# whole cylinders: Bochs wants them
DATASTORE=16 VOLUME=${VOLUME:-256}

lasting=$("${CHECK_PLAN:-build/host/check-plan}" "$plan" --lasting)
mapfile -t volumes < <(sed -n 's/^volume //p' <<<"$lasting" | grep -vE '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')
[ ${#volumes[@]} -gt 0 ] || exit 0

# gpt FILE ARGUMENTS: sgdisk, which talks only when something is wrong
gpt() {
	local said
	said=$(sgdisk "${@:2}" "$1" 2>&1) || { printf '%s\n' "disk: $1: $said" >&2; exit 1; }
}

# grow FILE MIB: that much more room at its end
grow() {
	local size
	size=$(stat -c %s "$1" 2>/dev/null || echo 0)
	truncate -s $(((size + $2 * 1048576 + UNIT - 1) / UNIT * UNIT)) "$1"
}

names() {
	local n
	for n in $(sgdisk -p "$file" | sed -nE 's/^ +([0-9]+) .*/\1/p'); do
		sgdisk -i "$n" "$file" | sed -n "s/^Partition name: '\(.*\)'$/\1/p"
	done
}

if [ ! -s "$file" ]; then
	mkdir -p "$(dirname "$file")"
	rm -f "$file.new"
	grow "$file.new" $((DATASTORE + 4))
	gpt "$file.new" -o -n "0:0:+${DATASTORE}M" -t "0:${TYPE}2" -c 0:bulkhead-datastore
	mv "$file.new" "$file"
fi
have=$(names)
for v in "${volumes[@]}"; do
	grep -qxF -- "$v" <<<"$have" && continue
	grow "$file" $((VOLUME + 1))
	gpt "$file" -e
	gpt "$file" -n "0:0:+${VOLUME}M" -t "0:${TYPE}1" -c "0:$v"
	have+=$'\n'$v
done
sed -n 's/^disk //p' <<<"$lasting" | head -n 1
