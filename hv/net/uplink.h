/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/net.h>

/* From now on all that the card receives goes into the switch; its port is a trunk of all VLANs. storm_frames: to many a
 * second, 0: no limit. -E_NOMEM. */
int uplink_attach(struct net_switch *s, struct netdev *n, u64 storm_frames);
