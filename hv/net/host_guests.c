/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that come and go, as the hypervisor's own network sees them. */
#include <hv/host_net.h>

#include <hv/guest.h>
#include <hv/pc.h>

#include "host_port.h"
#include "host_services.h"
#include "nat_services.h"

/* The gateway on the switch of that card; null: there is no NAT, or the card is on no switch. */
static const struct host_port *gateway_of(struct guest *g, u32 card)
{
	const struct net_port *p = pc_net_port(g, card);

	for (u32 i = 0; p && p->sw && i < host_port_count; i++)
		if (host_ports[i].inside && host_ports[i].port.sw == p->sw)
			return &host_ports[i];
	return NULL;
}

void host_net_add_guest(struct guest *g)
{
	for (u32 i = 0; i < g->net_count; i++) {
		const struct host_port *hp = gateway_of(g, i);

		if (hp)
			nat_add_card(hp->network, g->net[i].mac, g->name);
	}
}

void host_net_drop_guest(struct guest *g)
{
	for (u32 i = 0; g->pc && i < g->net_count; i++) {
		const struct host_port *hp = gateway_of(g, i);

		if (hp)
			nat_drop_card(hp->network, g->net[i].mac);
	}
	syslog_forget(g->index);
}
