#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the plan and GNU Mach, the microkernel of the Hurd, as Debian packages it, in OUTDIR (docs/guests.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
. "$here/../lib/debs.sh"
cp "$here/bulkhead.toml" "$out/"
package=$(deb gnumach-image-1.8-486)
[ "$(cat "$out/versions.txt" 2>/dev/null)" != "$(basename "$package")" ] || exit 0
deb_file gnumach-image-1.8-486 boot/gnumach-1.8-486.gz "$out/gnumach.gz"
gunzip -f "$out/gnumach.gz"
basename "$package" >"$out/versions.txt"
