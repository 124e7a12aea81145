/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* littlefs as we build it: no heap, no messages, no call into libgcc (popcount). Its assertions
 * also fail for what a broken or hostile disk holds: they leave it by littlefs_failed(), and the datastore is not readable. */

#include <stdint.h>

#define LFS2_NO_MALLOC
#define LFS2_NO_DEBUG
#define LFS2_NO_WARN
#define LFS2_NO_ERROR
#define LFS2_NAME_MAX 63

_Noreturn void littlefs_failed(int line);
#define LFS2_ASSERT(test) ((test) ? (void)0 : littlefs_failed(__LINE__))

static inline int littlefs_popcount(uint32_t a)
{
	int n = 0;

	for (; a; a &= a - 1)
		n++;
	return n;
}

#define __builtin_popcount littlefs_popcount
#include <lfs2.h>
#include <lfs2_util.h>
#undef __builtin_popcount
