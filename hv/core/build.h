/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/boot_info.h>

/* Read the plan, admit it on this machine, build every guest of it. 0; else everything that is wrong was said on all
 * consoles and no guest exists. Boot core, other cores up. */
int machine_build(const struct boot_info *info);
