#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# recipe.sh OUTDIR: the files of guests/switch with this plan.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/../switch/recipe.sh" "$1"
cp "$here/bulkhead.toml" "$1/bulkhead.toml"
