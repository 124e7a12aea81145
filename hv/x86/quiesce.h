/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Stop everything that firmware left running. Boot core, once, before any RAM is reused. */
void quiesce_devices(void);
