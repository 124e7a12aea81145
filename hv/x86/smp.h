/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/types.h>

/* Start every core of core_table but this one; page is where the trampoline page is mapped here. Cores that do not
 * answer or refuse virtualisation are left in CORE_FAILED with their reason. Returns how many are up. Boot core, once;
 * bounded to about a second for each dead core. */
u32 smp_start(u64 trampoline, void *page);
