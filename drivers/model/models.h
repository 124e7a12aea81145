/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The minimum PC around a guest's vcpus: the state of all its models. Built once on the control core; afterwards it is
 * touched on the guest's own cores only, under its device lock. The doors that hv/core uses are in hv/pc.h. */

#include <hv/pc.h>

#include "pci/q35.h"
#include "net_set.h"
#include "vdisplay.h"
#include "vflash.h"
#include "vfwcfg.h"
#include "vhpet.h"
#include "vi8042.h"
#include "vioapic.h"
#include "vpic.h"
#include "vpit.h"
#include "vpm.h"
#include "vrtc.h"
#include "virtio/virtio_set.h"
#include "vuart.h"

struct pc {
	u32 lines;		/* level of each interrupt line, bit by line: the wires themselves */
	u32 pirqs;		/* level of each PCI wire */
	u32 hpet_lines;		/* lines that the HPET holds high */
	u32 pic_wires;		/* what the PIC was told last, bit by line */
	u8 pirq_route[VPCI_PIRQS];
	u32 lowest_next;	/* (a) where the search for a lowest-priority target begins */
	struct vpic pic;
	struct vioapic ioapic;
	struct vpit pit;
	struct vrtc rtc;
	struct vpm pm;
	struct vhpet hpet;
	struct vuart uart;
	struct vi8042 kbd;
	struct vpci pci;
	struct q35 q35;
	struct vflash flash;
	struct vfwcfg fwcfg;
	struct vdisplay display;
	struct virtio_set virtio;
	struct net_set net;
};

/* A model's `due` changed: find g->device_deadline again; when it moved earlier vcpu 0 is told. Device lock held. */
void pc_rearm(struct guest *g);

/* The clock of all models, host TSC; unit tests bring their own. */
u64 pc_now(void);
