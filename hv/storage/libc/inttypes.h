/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What littlefs takes for the C library's <inttypes.h>: its messages, which use more of it, are left out. */
#include <stdint.h>
