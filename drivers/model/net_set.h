/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The network devices of one guest; in struct pc. Those of a kind that a guest does not have take no memory. */

#include <hv/plan.h>

struct guest;
struct ve1000e;
struct vnet;

struct net_set {
	struct ve1000e *e1000e[PLAN_NETS_MAX];	/* null: another model, or none */
	struct vnet *vnet[PLAN_NETS_MAX];	/* the same */
};

/* Those that the plan asks for, on the bus in its order. Control core, when the guest is built. */
int net_set_build(struct guest *g);

/* Power-on state of all; after vpci_reset(). One of the guest's cores, device lock held. */
void net_set_reset(struct guest *g);
