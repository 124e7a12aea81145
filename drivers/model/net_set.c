/* SPDX-License-Identifier: Apache-2.0 */
#include "net_set.h"

#include <hv/control_work.h>
#include <hv/guest.h>
#include <hv/pool.h>

#include "e1000e/ve1000e.h"
#include "models.h"
#include "virtio/vnet.h"

static u64 pages_of(u64 bytes)
{
	return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

static int build_e1000e(struct guest *g, u32 index)
{
	struct ve1000e *n = pool_alloc(pages_of(sizeof(*n)), POOL_GUEST);
	void *rings = pool_alloc(pages_of(2 * FRAME_RING_BYTES), POOL_GUEST);
	struct control_work work = { .name = "e1000e model", .poll = ve1000e_poll, .arg = n };
	int err;

	if (!n || !rings)
		return -E_NOMEM;
	g->pc->net.e1000e[index] = n;
	err = ve1000e_add(g, n, g->net[index].mac, rings, (u8)(VE1000E_SLOT + index));
	return err ? err : control_work_add(&work);
}

static int build_virtio(struct guest *g, u32 index)
{
	struct vnet *n = pool_alloc(pages_of(sizeof(*n)), POOL_GUEST);
	void *backlog = pool_alloc(pages_of(FRAME_RING_BYTES), POOL_GUEST);
	struct virtio_set *s = &g->pc->virtio;

	if (!n || !backlog)
		return -E_NOMEM;
	g->pc->net.vnet[index] = n;
	s->net[s->nets++] = &n->d;
	return vnet_add(g, n, g->net[index].mac, g->net[index].mtu, backlog, (u8)(VNET_SLOT + index));
}

int net_set_build(struct guest *g)
{
	int err = 0;

	for (u32 i = 0; i < g->net_count && !err; i++)
		err = g->plan->net[i].model == NET_MODEL_E1000E ? build_e1000e(g, i) : build_virtio(g, i);
	return err;
}

void net_set_reset(struct guest *g)
{
	for (u32 i = 0; i < g->net_count; i++)
		if (g->pc->net.e1000e[i])
			ve1000e_power_on(g->pc->net.e1000e[i]);
}

struct net_port *pc_net_port(struct guest *g, u32 index)
{
	struct ve1000e *n = g->pc->net.e1000e[index];
	struct vnet *v = g->pc->net.vnet[index];

	if (v)
		return &v->port;
	return n ? &n->port : NULL;
}
