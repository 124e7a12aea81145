#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: make the folder that `make image PLAN=guests/three-cores` puts on the medium.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../linux/images.sh" "$here/bulkhead.toml" "$1"
