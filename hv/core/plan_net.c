/* SPDX-License-Identifier: Apache-2.0 */
/* net = [{ ... }] of a guest. */

#include <hv/lib.h>
#include <hv/net_text.h>

#include "plan_schema.h"

#define MTU_MIN 576			/* RFC 791: every host takes so much */
#define MTU_MAX 9000
#define RATE_MIN_KBIT 64
#define RATE_MAX_KBIT 400000000u

static void read_switch(struct plan_reader *r, void *object, const struct toml_node *n)
{
	str_copy(((struct plan_net *)object)->sw, PLAN_NAME_SIZE, n->text);
	if (n->length >= PLAN_NAME_SIZE)
		plan_bad(r, "PLAN-VALUE", n, "the name of a switch");
}

static void read_model(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const char *const words[] = { "virtio", "e1000e" };	/* enum plan_net_model */
	int found = plan_read_word(r, n, words, ARRAY_COUNT(words));

	if (found >= 0)
		((struct plan_net *)object)->model = (enum plan_net_model)found;
}

/* A network device's own address: not a group's, not nothing. */
static void read_mac(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const u8 none[6];
	u8 mac[6];

	if (mac_parse(n->text, mac) && !(mac[0] & 1) && memcmp(mac, none, 6) != 0)
		memcpy(((struct plan_net *)object)->mac, mac, 6);
	else
		plan_bad(r, "PLAN-VALUE", n, "a unicast MAC address such as \"52:54:00:12:34:56\", not \"%.40s\"", n->text);
}

static bool is_vlan(struct plan_reader *r, const struct toml_node *n)
{
	if (n->integer >= 1 && n->integer <= 4094)
		return true;
	plan_bad(r, "PLAN-VALUE", n, "a VLAN, 1 to 4094, not %ld", (long)n->integer);
	return false;
}

static void read_vlan(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (is_vlan(r, n))
		((struct plan_net *)object)->vlan = (u16)n->integer;
}

static void read_trunk(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_net *net = object;

	if (n->type == TOML_BOOLEAN) {
		net->trunk = n->boolean;
		return;
	}
	net->trunk = true;
	if (n->count < 1 || n->count > PLAN_VLANS_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "true for all VLANs, or a list of 1 to %d of them", PLAN_VLANS_MAX);
		return;
	}
	for (const struct toml_node *v = n->first; v; v = v->next)
		if (plan_check_type(r, v, TYPE(INTEGER)) && is_vlan(r, v))
			net->vlans[net->vlan_count++] = (u16)v->integer;
}

static void read_isolated(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_net *)object)->isolated = n->boolean;
}

static void read_guard(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_net *)object)->guard = n->boolean;
}

static void read_mtu(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->integer >= MTU_MIN && n->integer <= MTU_MAX)
		((struct plan_net *)object)->mtu = (u16)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "%d to %d bytes, not %ld", MTU_MIN, MTU_MAX, (long)n->integer);
}

/* "100Mbit" */
static void read_rate(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const struct { const char *word; u32 kbit; } unit[] = { { "kbit", 1 }, { "Mbit", 1000 }, { "Gbit", 1000000 } };
	const char *at = n->text;
	u32 value = 0;
	u64 kbit = 0;

	if (number_parse(&at, RATE_MAX_KBIT, &value))
		for (u32 i = 0; i < ARRAY_COUNT(unit); i++)
			if (strcmp(at, unit[i].word) == 0)
				kbit = (u64)value * unit[i].kbit;
	if (kbit >= RATE_MIN_KBIT && kbit <= RATE_MAX_KBIT)
		((struct plan_net *)object)->rate = kbit * 125;
	else
		plan_bad(r, "PLAN-VALUE", n, "\"64kbit\" to \"400Gbit\", such as \"100Mbit\", not \"%.40s\"", n->text);
}

/* Something that a host can have as its own. */
static bool read_one_address(const char *text, struct plan_address *a)
{
	if (ip4_parse(text, &a->ip4))
		return a->ip4 >> 24 && a->ip4 >> 28 < 14;
	a->v6 = true;
	return ip6_parse(text, a->ip6) && a->ip6[0] != 0xff && a->ip6[0] != 0;
}

static void read_addresses(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_net *net = object;

	if (n->count > PLAN_ADDRESSES_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d addresses", PLAN_ADDRESSES_MAX);
		return;
	}
	for (const struct toml_node *e = n->first; e; e = e->next) {
		if (!plan_check_type(r, e, TYPE(STRING)))
			continue;
		net->address[net->address_count] = (struct plan_address){ 0 };
		if (read_one_address(e->text, &net->address[net->address_count]))
			net->address_count++;
		else
			plan_bad(r, "PLAN-VALUE", e, "an IPv4 or IPv6 address without its prefix, not \"%.50s\"", e->text);
	}
}

static const struct plan_rule net_rules[] = {
	{ "switch",   TYPE(STRING),                read_switch,    0, NULL },
	{ "model",    TYPE(STRING),                read_model,     0, NULL },
	{ "mac",      TYPE(STRING),                read_mac,       0, NULL },
	{ "vlan",     TYPE(INTEGER),               read_vlan,      0, NULL },
	{ "trunk",    TYPE(BOOLEAN) | TYPE(ARRAY), read_trunk,     0, NULL },
	{ "isolated", TYPE(BOOLEAN),               read_isolated,  0, NULL },
	{ "guard",    TYPE(BOOLEAN),               read_guard,     0, NULL },
	{ "mtu",      TYPE(INTEGER),               read_mtu,       0, NULL },
	{ "rate",     TYPE(STRING),                read_rate,      0, NULL },
	{ "address",  TYPE(ARRAY),                 read_addresses, 0, NULL },
};

static void read_net(struct plan_reader *r, struct plan_guest *g, const struct toml_node *n)
{
	struct plan_net *net;

	if (!plan_check_type(r, n, TYPE(TABLE)))
		return;
	if (g->net_count == PLAN_NETS_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d network devices", PLAN_NETS_MAX);
		return;
	}
	net = &g->net[g->net_count++];
	net->line = n->line;
	net->guard = true;
	net->mtu = 1500;
	plan_read_table(r, n, net_rules, ARRAY_COUNT(net_rules), net, NULL);
	plan_require(r, n, "switch", "the name of a switch: [switch.NAME] in this plan");
	if (!net->guard && net->address_count)
		plan_bad_key(r, "PLAN-VALUE", n, "address",
			"only with the guard, which allows these alone; here is `guard = false`");
}

void plan_read_nets(struct plan_reader *r, void *guest, const struct toml_node *n)
{
	for (const struct toml_node *e = n->first; e; e = e->next)
		read_net(r, guest, e);
}
