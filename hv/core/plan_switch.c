/* SPDX-License-Identifier: Apache-2.0 */
/* [switch.NAME]: a virtual switch. */

#include <hv/lib.h>
#include <hv/net_text.h>

#include "plan_schema.h"

#define STORM_MAX 10000000

/* count hex digits exactly. */
static bool take_hex(const char **text, u32 count, u32 *value)
{
	u32 v = 0;

	for (u32 i = 0; i < count; i++) {
		char c = *(*text)++;

		if (c >= '0' && c <= '9')
			v = v << 4 | (u32)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | (u32)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	*value = v;
	return true;
}

/* "8086:10d3" */
static bool parse_id(const char *text, struct plan_uplink *u)
{
	u32 vendor, device;

	if (!take_hex(&text, 4, &vendor) || *text++ != ':' || !take_hex(&text, 4, &device) || *text)
		return false;
	u->vendor = (u16)vendor;
	u->device = (u16)device;
	return true;
}

/* "00:03.0" */
static bool parse_slot(const char *text, struct plan_uplink *u)
{
	u32 bus, device, function;

	if (!take_hex(&text, 2, &bus) || *text++ != ':' || !take_hex(&text, 2, &device) || *text++ != '.' ||
	    !take_hex(&text, 1, &function) || *text || device > 31 || function > 7)
		return false;
	u->bdf = (u16)(bus << 8 | device << 3 | function);
	return true;
}

static void read_uplink(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_uplink *u = &((struct plan_switch *)object)->uplink;

	u->line = n->line;
	if (parse_id(n->text, u))
		u->by = UPLINK_ID;
	else if (parse_slot(n->text, u))
		u->by = UPLINK_SLOT;
	else if (mac_parse(n->text, u->mac))
		u->by = UPLINK_MAC;
	else
		plan_bad(r, "PLAN-VALUE", n, "a network card: its id \"8086:10d3\", its address \"52:54:00:12:34:56\" or its "
			 "place \"00:03.0\", not \"%.40s\"", n->text);
}

static void read_nat(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_switch *s = object;

	(void)r;
	s->nat = n->boolean;
	s->line_nat = n->line;
}

static void read_outside(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_switch *s = object;

	s->line_outside = n->line;
	str_copy(s->outside, sizeof(s->outside), n->text);
	if (!n->length || n->length >= sizeof(s->outside))
		plan_bad(r, "PLAN-VALUE", n, "the name of a switch");
}

/* The hypervisor's own address in the guests' network: private or not, but with room for guests. */
static void read_address(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_switch *s = object;
	u32 host;

	s->line_address = n->line;
	s->address_given = true;
	if (ip4_parse_prefix(n->text, &s->address, &s->prefix) && s->prefix >= 16 && s->prefix <= 28 &&
	    s->address >> 24 && s->address >> 28 < 14) {
		host = s->address & (0xffffffffu >> s->prefix);
		if (host && host != 0xffffffffu >> s->prefix)
			return;
	}
	plan_bad(r, "PLAN-VALUE", n, "an address with its prefix of 16 to 28 bits, such as \"10.77.0.1/24\", not \"%.40s\"",
		 n->text);
}

static void read_storm(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_switch *s = object;

	s->storm_given = true;
	if (n->integer >= 0 && n->integer <= STORM_MAX)
		s->storm = (u32)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "0 (no limit) to %d frames a second, not %ld", STORM_MAX, (long)n->integer);
}

/* "web.0:ids.0": the ports' names have no colon. */
static void read_mirror(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_switch *s = object;
	const char *colon = strchr(n->text, ':');
	size_t from = colon ? (size_t)(colon - n->text) : 0, to = colon ? strlen(colon + 1) : 0;

	s->line_mirror = n->line;
	if (!from || from >= sizeof(s->mirror_from) || !to || to >= sizeof(s->mirror_to)) {
		plan_bad(r, "PLAN-VALUE", n, "two ports, \"FROM:TO\", such as \"web.0:monitor.0\", not \"%.60s\"", n->text);
		return;
	}
	memcpy(s->mirror_from, n->text, from);
	s->mirror_from[from] = 0;
	str_copy(s->mirror_to, sizeof(s->mirror_to), colon + 1);
}

static bool is_port(u32 port)
{
	return port >= 1;
}

/* "2201:web:22" or "5353:dns:53/udp". */
static bool parse_forward(const char *text, struct plan_forward *f)
{
	u32 port, guest_port;
	size_t n = 0;

	if (!number_parse(&text, 65535, &port) || !is_port(port) || *text++ != ':')
		return false;
	while (text[n] && text[n] != ':')
		n++;
	if (!n || n >= sizeof(f->guest) || text[n] != ':')
		return false;
	memcpy(f->guest, text, n);
	text += n + 1;
	if (!number_parse(&text, 65535, &guest_port) || !is_port(guest_port))
		return false;
	f->port = (u16)port;
	f->guest_port = (u16)guest_port;
	f->udp = strcmp(text, "/udp") == 0;
	return f->udp || !*text || strcmp(text, "/tcp") == 0;
}

static void read_forwards(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_switch *s = object;

	for (const struct toml_node *e = n->first; e; e = e->next) {
		struct plan_forward f = { .line = e->line };

		if (!plan_check_type(r, e, TYPE(STRING)))
			continue;
		if (s->forward_count == PLAN_FORWARDS_MAX) {
			plan_bad(r, "PLAN-VALUE", e, "at most %d forwards", PLAN_FORWARDS_MAX);
			return;
		}
		if (parse_forward(e->text, &f))
			s->forward[s->forward_count++] = f;
		else
			plan_bad(r, "PLAN-VALUE", e, "\"PORT:GUEST:PORT\", then \"/udp\" where it is not TCP, "
				 "such as \"2201:web:22\", not \"%.50s\"", e->text);
	}
}

static const struct plan_rule switch_rules[] = {
	{ "uplink",  TYPE(STRING),  read_uplink,   0, NULL },
	{ "nat",     TYPE(BOOLEAN), read_nat,      0, NULL },
	{ "outside", TYPE(STRING),  read_outside,  0, NULL },
	{ "address", TYPE(STRING),  read_address,  0, NULL },
	{ "forward", TYPE(ARRAY),   read_forwards, 0, NULL },
	{ "storm",   TYPE(INTEGER), read_storm,    0, NULL },
	{ "mirror",  TYPE(STRING),  read_mirror,   0, NULL },
};

/* Keys that speak of NAT alone, and one that does not go with it. */
static void check_nat(struct plan_reader *r, const struct plan_switch *s, const struct toml_node *n)
{
	static const char *const nat_only[] = { "outside", "address", "forward" };

	if (s->nat && s->uplink.line)
		plan_bad_key(r, "PLAN-VALUE", n, "uplink",
			     "no uplink at a switch with nat = true: `outside` names the switch behind it");
	for (u32 i = 0; i < ARRAY_COUNT(nat_only) && !s->nat; i++)
		if (toml_get(n, nat_only[i]))
			plan_bad_key(r, "PLAN-VALUE", n, nat_only[i], "nat = true beside it, or no such key");
}

static void read_one(struct plan_reader *r, struct plan *plan, const struct toml_node *n)
{
	struct plan_switch *s;

	if (!plan_check_type(r, n, TYPE(TABLE)))
		return;
	if (!plan_is_name(n->key, false))
		plan_bad(r, "PLAN-VALUE", n, "a switch's name of 1 to 31 characters a-z, 0-9, '-' and '_'");
	if (plan->switch_count == PLAN_SWITCHES_MAX) {
		plan_bad(r, "PLAN-LIMIT", n, "at most %d switches", PLAN_SWITCHES_MAX);
		return;
	}
	s = &plan->sw[plan->switch_count++];
	str_copy(s->name, sizeof(s->name), n->key);
	s->line = n->line;
	plan_read_table(r, n, switch_rules, ARRAY_COUNT(switch_rules), s, NULL);
	check_nat(r, s, n);
}

void plan_read_switches(struct plan_reader *r, void *plan, const struct toml_node *n)
{
	for (const struct toml_node *s = n->first; s; s = s->next)
		read_one(r, plan, s);
}
