/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* littlefs asks for it, and asserts by littlefs_port.h's own LFS2_ASSERT(). */
