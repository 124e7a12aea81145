/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The virtio devices of one guest; in struct pc. */

#include <hv/plan.h>

#include "vballoon.h"
#include "vblk.h"
#include "vconsole.h"
#include "vrng.h"

struct virtio_set {
	u64 due;			/* a device wants to be continued at this TSC; U64_MAX: none does */
	u32 disks, nets;
	struct vrng rng;
	struct vconsole console;
	struct vballoon balloon;
	struct vblk disk[PLAN_DISKS_MAX + 1];	/* the last one: of the CD-ROM */
	struct virtio_device *net[PLAN_NETS_MAX];	/* net_set's */
};

/* Those that the plan asks for, on the bus. Control core, when the guest is built. */
int virtio_build(struct guest *g);

/* Power-on state of all; after vpci_reset(). One of the guest's cores, device lock held. */
void virtio_reset(struct guest *g);

/* Go on where a turn ended. vcpu 0's core, device lock held. */
void virtio_run(struct guest *g, u64 now);
