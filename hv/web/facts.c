/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include <hv/lib.h>
#include <hv/net_build.h>
#include <hv/storage.h>

u64 facts_exits(const struct guest *g, u32 kind)
{
	u64 count = 0;

	for (u32 v = 0; v < g->vcpu_count; v++)
		count += load_relaxed(&g->vcpu[v].stat[kind].count);
	return count;
}

/* "web.0" belongs to web: the part before the last dot. */
static bool is_port_of(const char *port, const char *guest)
{
	size_t n = strlen(guest);

	return !strncmp(port, guest, n) && port[n] == '.' && !strchr(port + n + 1, '.');
}

static void add_ports(const struct guest *g, struct guest_facts *f)
{
	for (u32 s = 0; s < net_switch_count(); s++) {
		const struct net_port *p;

		for (u32 i = 0; (p = switch_port_at(net_switch_at(s), i)); i++) {
			if (p->kind != NET_PORT_GUEST || !is_port_of(p->name, g->name))
				continue;
			f->net_out += p->stats.in_bytes;	/* into the switch is out of the guest */
			f->net_in += p->stats.out_bytes;
		}
	}
}

void facts_of(const struct guest *g, u64 now, struct guest_facts *f)
{
	*f = (struct guest_facts){ 0 };
	for (u32 v = 0; v < g->vcpu_count; v++) {
		const struct vcpu_public *p = &g->vcpu[v];
		u64 since = load_acquire(&p->halted_since);

		f->owned_apics += !!(load_relaxed(&p->apic_enabled) & VLAPIC_PUB_OWNED);
		f->interrupts += load_relaxed(&p->injected);
		f->halted += load_relaxed(&p->halted_cycles) + (since && now > since ? now - since : 0);
	}
	for (u32 k = 0; k < VMEXIT_KINDS; k++)
		f->exits += facts_exits(g, k);
	add_ports(g, f);
	guest_volumes_bytes(g, &f->disk_read, &f->disk_written);
}
