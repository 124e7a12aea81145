/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What single cases of the emulator begin with. */
#include "x86_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define DEV_VA 0x40000000ul

static inline int setup(void **state)
{
	world_reset();
	return 0;
}

static inline int setup_strings(void **state)
{
	world_reset();
	world_map(DEV_VA, DEVICE_GPA, 3);
	world_map(DEV_VA + PAGE_SIZE, DEVICE_GPA + PAGE_SIZE, 3);
	return 0;
}

static inline enum verdict emulate(const char *code, u32 len, u64 gpa)
{
	world_code(0x4000, code, len, VMEXIT_MMIO);
	w->v.exit.mmio.gpa = GPA(gpa);
	return emulate_mmio(&w->v);
}
