/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* IOMMUs that firmware left on. Boot core, once, when no device masters the bus any more and before RAM is reused. */
#include <hv/host.h>

/* Switch every unit off that boot_info describes: translation, interrupt remapping, its own queues and logs in memory,
 * protected memory. Fills d's counts; 0, or -E_TIMEOUT: at least one unit goes on, d says which and why. */
int iommus_switch_off(struct host_dma *d);
