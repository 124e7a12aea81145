/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/host.h>

/* Stop everything that firmware left running, but devices that it uses for good: those are noted in d. Boot core, once,
 * before any RAM is reused. */
void quiesce_devices(struct host_dma *d);
