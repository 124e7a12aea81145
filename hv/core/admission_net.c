/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of networks: switches get their cards, guests' devices their switch and their address. */

#include <hv/lib.h>
#include <hv/net_text.h>

#include "admission.h"

const char *admission_switch_key(char *buf, size_t size, const struct plan_switch *s, const char *key)
{
	fmt_print(buf, size, "switch.%s%s%s", s->name, *key ? "." : "", key);
	return buf;
}

static void bad_net(struct admission *a, const char *id, const struct plan_guest *g, const struct plan_net *n,
		    const char *words, const char *what)
{
	char key[64];

	plan_error_add(a->errors, id, n->line, admission_key(key, sizeof(key), g, "net"), words, what);
}

/* Cards. */

static bool card_fits(const struct plan_uplink *u, const struct facts_card *c)
{
	switch (u->by) {
	case UPLINK_ID:		return u->vendor == c->vendor && u->device == c->device;
	case UPLINK_MAC:	return memcmp(u->mac, c->mac, 6) == 0;
	case UPLINK_SLOT:	return u->bdf == c->bdf;
	default:		return false;
	}
}

static bool card_used(const struct resolved_plan *rp, u32 card)
{
	for (u32 i = 0; i < rp->switch_count; i++)
		if (rp->sw[i].card == card)
			return true;
	return false;
}

/* "net0 8086:10d3 at 00:03.0 with 52:54:00:12:34:56" for each; they help whoever misspelt one. */
static void list_cards(const struct machine_facts *f, char *buf, size_t size)
{
	char mac[MAC_TEXT];
	size_t used = 0;

	str_copy(buf, size, "none that is driven");
	for (u32 i = 0; i < f->card_count && used < size; i++) {
		const struct facts_card *c = &f->card[i];

		used += (size_t)fmt_print(buf + used, size - used, "%s%04x:%04x at %02x:%02x.%u with %s", i ? ", " : "",
					  c->vendor, c->device, c->bdf >> 8, c->bdf >> 3 & 31, c->bdf & 7,
					  mac_format(mac, c->mac));
	}
}

static void admit_uplink(struct admission *a, u32 index)
{
	const struct plan_switch *s = &a->plan->sw[index];
	bool there = false;
	char key[64], list[120];

	if (a->facts->any_card) {
		a->resolved->sw[index].card = ANY_CARD;
		return;
	}
	for (u32 i = 0; i < a->facts->card_count; i++) {
		if (!card_fits(&s->uplink, &a->facts->card[i]))
			continue;
		there = true;
		if (card_used(a->resolved, i))
			continue;
		a->resolved->sw[index].card = i;
		return;
	}
	admission_switch_key(key, sizeof(key), s, "uplink");
	list_cards(a->facts, list, sizeof(list));
	if (there)
		plan_error_add(a->errors, "PLAN-UPLINK", s->uplink.line, key,
			       "a card of its own: the one that fits is another switch's uplink already");
	else
		plan_error_add(a->errors, "PLAN-UPLINK", s->uplink.line, key, "a network card of this machine: it has %s", list);
}

/* Those that are named exactly choose before those that take any of a kind. */
static void admit_uplinks(struct admission *a)
{
	for (u32 i = 0; i < a->plan->switch_count; i++) {
		a->resolved->sw[i] = (struct resolved_switch){ .plan = &a->plan->sw[i], .card = NO_CARD, .outside = NO_CARD };
		a->resolved->switch_count++;
	}
	for (u32 i = 0; i < a->plan->switch_count; i++)
		if (a->plan->sw[i].uplink.by == UPLINK_MAC || a->plan->sw[i].uplink.by == UPLINK_SLOT)
			admit_uplink(a, i);
	for (u32 i = 0; i < a->plan->switch_count; i++)
		if (a->plan->sw[i].uplink.by == UPLINK_ID)
			admit_uplink(a, i);
}

u32 admission_find_switch(const struct resolved_plan *rp, const char *name)
{
	for (u32 i = 0; i < rp->switch_count; i++)
		if (strcmp(resolved_switch_name(&rp->sw[i]), name) == 0)
			return i;
	return NO_CARD;
}

/* The implicit switch, and which one is the outside. */
static void admit_outside(struct admission *a)
{
	struct resolved_plan *rp = a->resolved;
	u32 card = a->facts->any_card ? ANY_CARD : NO_CARD;

	for (u32 i = a->facts->card_count; i-- > 0;)
		if (!card_used(rp, i))
			card = i;
	rp->outside = admission_find_switch(rp, PLAN_OUTSIDE);
	if (rp->outside == NO_CARD && card != NO_CARD) {
		rp->outside = rp->switch_count++;
		rp->sw[rp->outside] = (struct resolved_switch){ .card = card, .outside = NO_CARD };
	}
	for (u32 i = 0; i < rp->switch_count && rp->outside == NO_CARD; i++)
		if (rp->sw[i].card != NO_CARD)
			rp->outside = i;
}

/* The hypervisor's own port. */
static void admit_host(struct admission *a)
{
	const struct plan_host_net *h = &a->plan->machine.net;
	const struct resolved_switch *s;

	a->resolved->host = NO_CARD;
	if (h->how == HOST_NET_OFF && h->ipv6 != HOST_IPV6_STATIC)
		return;
	a->resolved->host = *h->sw ? admission_find_switch(a->resolved, h->sw) : a->resolved->outside;
	if (a->resolved->host == NO_CARD) {
		if (*h->sw)
			plan_error_add(a->errors, "PLAN-SWITCH", h->line, "machine.net.switch",
				       "a switch of this plan, [switch.NAME]; there is no \"%.31s\"", h->sw);
		return;
	}
	s = &a->resolved->sw[a->resolved->host];
	if (s->plan && s->plan->nat) {
		if (*h->sw)
			plan_error_add(a->errors, "PLAN-SWITCH", h->line, "machine.net.switch",
				       "a switch without nat: on \"%.31s\" the hypervisor is the gateway already", h->sw);
		a->resolved->host = NO_CARD;
	}
}

/* Mirrors: "web.0" is a guest's first device, "uplink" the switch's card. */

static bool is_port_of(const struct admission *a, const struct plan_switch *s, const char *port)
{
	char name[40];

	for (u32 i = 0; i < a->plan->guest_count; i++) {
		const struct plan_guest *g = &a->plan->guest[i];

		for (u32 k = 0; k < g->net_count; k++) {
			fmt_print(name, sizeof(name), "%s.%u", g->name, k);
			if (strcmp(name, port) == 0)
				return strcmp(g->net[k].sw, s->name) == 0;
		}
	}
	return false;
}

static void admit_mirror(struct admission *a, const struct plan_switch *s)
{
	bool from = is_port_of(a, s, s->mirror_from) || (s->uplink.by && strcmp(s->mirror_from, "uplink") == 0);
	char key[64];

	if (!s->line_mirror || (from && is_port_of(a, s, s->mirror_to) && strcmp(s->mirror_from, s->mirror_to) != 0))
		return;
	plan_error_add(a->errors, "PLAN-SWITCH", s->line_mirror, admission_switch_key(key, sizeof(key), s, "mirror"),
		       "two ports of this switch: a guest's, such as \"web.0\", or \"uplink\", and another guest's for the copies");
}

/* Guests. */

static bool mac_taken(const struct admission *a, const u8 mac[6])
{
	for (u32 i = 0; i < a->facts->card_count; i++)
		if (memcmp(a->facts->card[i].mac, mac, 6) == 0)
			return true;
	for (u32 i = 0; i < a->plan->guest_count; i++)
		for (u32 k = 0; k < a->plan->guest[i].net_count; k++)
			if (memcmp(a->resolved->guest[i].net[k].mac, mac, 6) == 0)
				return true;
	return false;
}

/* FNV-1a with a last stir. The same names give the same address on every machine of that name. */
static u64 hash_names(const char *machine, const char *guest, u32 index)
{
	const char *text[] = { machine, "/", guest };
	u64 h = 0xcbf29ce484222325ul;

	for (u32 t = 0; t < ARRAY_COUNT(text); t++)
		for (const char *c = text[t]; *c; c++)
			h = (h ^ (u8)*c) * 0x100000001b3ul;
	h = (h ^ index) * 0x100000001b3ul;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ul;
	return h ^ h >> 32;
}

/* 0x42: local, unicast. Another of the same is stepped over, in the order of the plan. */
static void make_mac(const struct admission *a, u32 guest, u32 index, u8 mac[6])
{
	u64 h = hash_names(a->plan->machine.name, a->plan->guest[guest].name, index);

	do {
		mac[0] = 0x42;
		for (u32 i = 1; i < 6; i++)
			mac[i] = (u8)(h >> (i - 1) * 8);
		h++;
	} while (mac_taken(a, mac));
}

/* The addresses of those that are there stay as they are. */
static void keep_macs(struct admission *a)
{
	for (u32 i = 0; i < a->plan->guest_count; i++) {
		const struct resolved_guest *kept = admission_kept(a, i);

		for (u32 k = 0; kept && k < a->plan->guest[i].net_count; k++)
			memcpy(a->resolved->guest[i].net[k].mac, kept->net[k].mac, 6);
	}
}

static void admit_macs(struct admission *a)
{
	static const u8 none[6];
	u8 mac[6];

	keep_macs(a);
	for (u32 i = 0; i < a->plan->guest_count; i++)
		for (u32 k = 0; k < a->plan->guest[i].net_count; k++) {
			const struct plan_net *n = &a->plan->guest[i].net[k];

			if (memcmp(n->mac, none, 6) == 0 || admission_kept(a, i))
				continue;
			if (mac_taken(a, n->mac))
				bad_net(a, "PLAN-MAC", &a->plan->guest[i], n,
					"a MAC address of its own: another device or card has %s", "the same");
			memcpy(a->resolved->guest[i].net[k].mac, n->mac, 6);
		}
	for (u32 i = 0; i < a->plan->guest_count; i++)
		for (u32 k = 0; k < a->plan->guest[i].net_count; k++) {
			if (memcmp(a->plan->guest[i].net[k].mac, none, 6) != 0 || admission_kept(a, i))
				continue;
			make_mac(a, i, k, mac);
			memcpy(a->resolved->guest[i].net[k].mac, mac, 6);
		}
}

static void admit_net(struct admission *a, u32 guest, u32 index)
{
	const struct plan_guest *g = &a->plan->guest[guest];
	const struct plan_net *n = &g->net[index];
	struct resolved_net *rn = &a->resolved->guest[guest].net[index];
	const struct resolved_switch *s;

	rn->sw = admission_find_switch(a->resolved, n->sw);
	if (rn->sw == NO_CARD) {
		rn->sw = 0;
		bad_net(a, "PLAN-SWITCH", g, n, "a switch of this plan, [switch.NAME]; there is no \"%.31s\"", n->sw);
		return;
	}
	s = &a->resolved->sw[rn->sw];
	if (s->plan && s->plan->nat && (n->vlan || n->trunk))
		bad_net(a, "PLAN-SWITCH", g, n, "neither vlan nor trunk on \"%.31s\", which has nat: NAT is untagged", n->sw);
	if (s->plan && s->plan->nat && n->address_count)
		bad_net(a, "PLAN-SWITCH", g, n, "no `address` on \"%.31s\", which has nat: each device has its own there, by DHCP",
			n->sw);
	if (s->card < a->facts->card_count && n->mtu > a->facts->card[s->card].mtu_max)
		bad_net(a, "PLAN-MTU", g, n, "an mtu that the uplink's card can carry: %.12s cannot",
			a->facts->card[s->card].name);
}

void admit_nets(struct admission *a)
{
	admit_uplinks(a);
	admit_outside(a);
	admit_host(a);
	admit_nats(a);
	admit_macs(a);
	for (u32 i = 0; i < a->plan->switch_count; i++)
		admit_mirror(a, &a->plan->sw[i]);
	for (u32 i = 0; i < a->plan->guest_count; i++)
		for (u32 k = 0; k < a->plan->guest[i].net_count; k++)
			admit_net(a, i, k);
}
