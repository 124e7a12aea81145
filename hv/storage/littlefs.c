/* SPDX-License-Identifier: Apache-2.0 */
/* littlefs 2 (BSD licence), fetched by tests/tools/fetch.sh: see third_party.mk. */
#include "littlefs_port.h"

#include <lfs2_util.c>
#include <lfs2.c>
