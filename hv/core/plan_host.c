/* SPDX-License-Identifier: Apache-2.0 */
/* net = { ... } of [machine]: the hypervisor's own address. */

#include <hv/lib.h>
#include <hv/net_text.h>

#include "plan_schema.h"

#define VLAN_LAST 4094
#define SYSLOG_PORT 514

static void read_switch(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_host_net *h = object;

	if (!n->length || n->length >= sizeof(h->sw))
		plan_bad(r, "PLAN-VALUE", n, "the name of a switch");
	else
		str_copy(h->sw, sizeof(h->sw), n->text);
}

static void read_vlan(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->integer >= 1 && n->integer <= VLAN_LAST)
		((struct plan_host_net *)object)->vlan = (u16)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "a VLAN from 1 to %d, not %ld", VLAN_LAST, (long)n->integer);
}

/* Not the network's own address, nor its broadcast. */
static bool is_host(u32 address, u8 prefix)
{
	u32 host = prefix < 32 ? address & (0xffffffffu >> prefix) : 1;

	return address >> 24 && address >> 24 != 127 && address >> 28 < 14 && prefix >= 1 &&
	       (prefix >= 31 || (host && host != 0xffffffffu >> prefix));
}

static void read_address(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_host_net *h = object;

	if (!strcmp(n->text, "dhcp"))
		h->how = HOST_NET_DHCP;
	else if (!strcmp(n->text, "off"))
		h->how = HOST_NET_OFF;
	else if (ip4_parse_prefix(n->text, &h->address, &h->prefix) && is_host(h->address, h->prefix))
		h->how = HOST_NET_STATIC;
	else
		plan_bad(r, "PLAN-VALUE", n, "\"dhcp\", \"off\" or an address with its prefix such as \"192.0.2.5/24\", "
			 "not \"%.40s\"", n->text);
}

static void read_gateway(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_host_net *h = object;

	h->line_gateway = n->line;
	if (!ip4_parse(n->text, &h->gateway) || !is_host(h->gateway, 32))
		plan_bad(r, "PLAN-VALUE", n, "an IPv4 address such as \"192.0.2.1\", not \"%.40s\"", n->text);
}

static bool parse_address(const char *text, struct plan_address *a)
{
	*a = (struct plan_address){ 0 };
	if (ip4_parse(text, &a->ip4))
		return is_host(a->ip4, 32);
	a->v6 = true;
	return ip6_parse(text, a->ip6) && a->ip6[0] != 0xff && a->ip6[0] != 0;
}

static void read_dns(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_host_net *h = object;

	if (n->count > PLAN_SERVERS_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d name servers", PLAN_SERVERS_MAX);
		return;
	}
	for (const struct toml_node *e = n->first; e; e = e->next) {
		if (!plan_check_type(r, e, TYPE(STRING)))
			continue;
		if (parse_address(e->text, &h->dns[h->dns_count]))
			h->dns_count++;
		else
			plan_bad(r, "PLAN-VALUE", e, "an IPv4 or IPv6 address, not \"%.50s\"", e->text);
	}
}

static void read_ipv6(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_host_net *h = object;

	if (!strcmp(n->text, "auto"))
		h->ipv6 = HOST_IPV6_AUTO;
	else if (!strcmp(n->text, "off"))
		h->ipv6 = HOST_IPV6_OFF;
	else if (ip6_parse_prefix(n->text, h->address6, &h->prefix6) && h->prefix6 == 64 && h->address6[0] != 0xff &&
		 h->address6[0])
		h->ipv6 = HOST_IPV6_STATIC;
	else
		plan_bad(r, "PLAN-VALUE", n, "\"auto\", \"off\" or an address with a prefix of 64 such as \"2001:db8::5/64\", "
			 "not \"%.50s\"", n->text);
}

static bool is_server_name(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-' ||
		      s[i] == '.' || s[i] == ':'))
			return false;
	return n && n < PLAN_SERVER_SIZE;
}

static void read_ntp(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_host_net *h = object;

	h->ntp_given = true;
	if (n->count > PLAN_SERVERS_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d time servers", PLAN_SERVERS_MAX);
		return;
	}
	for (const struct toml_node *e = n->first; e; e = e->next) {
		if (!plan_check_type(r, e, TYPE(STRING)))
			continue;
		if (is_server_name(e->text))
			str_copy(h->ntp[h->ntp_count++], PLAN_SERVER_SIZE, e->text);
		else
			plan_bad(r, "PLAN-VALUE", e, "the name or the address of a time server, not \"%.50s\"", e->text);
	}
}

/* "udp:192.0.2.9:514", "tcp:[2001:db8::9]:601", the port may be left out. */
static bool parse_syslog(const char *text, struct plan_host_net *h)
{
	bool brackets = text[0] && text[4] == '[';
	char address[IP6_TEXT] = "";
	const char *at, *end;
	u32 port = SYSLOG_PORT;

	if (strncmp(text, "udp:", 4) && strncmp(text, "tcp:", 4))
		return false;
	h->syslog_tcp = text[0] == 't';
	at = text + 4 + brackets;
	end = strchr(at, brackets ? ']' : ':');
	if ((brackets && !end) || (end ? (size_t)(end - at) : strlen(at)) >= sizeof(address))
		return false;
	memcpy(address, at, end ? (size_t)(end - at) : strlen(at));
	if (end) {
		end += brackets;
		if (*end == ':' && (end++, !number_parse(&end, 65535, &port) || !port))
			return false;
		if (*end)
			return false;
	}
	h->syslog_port = (u16)port;
	return parse_address(address, &h->syslog) && h->syslog.v6 == brackets;
}

static void read_syslog(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_host_net *h = object;

	h->syslog_given = n->length >= 5 && parse_syslog(n->text, h);
	if (!h->syslog_given)
		plan_bad(r, "PLAN-VALUE", n, "\"udp:192.0.2.9:514\" or \"tcp:[2001:db8::9]:601\", not \"%.50s\"", n->text);
}

static void read_syslog_consoles(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_host_net *)object)->syslog_consoles = n->boolean;
}

static const struct plan_rule rules[] = {
	{ "switch",          TYPE(STRING),  read_switch,          0, NULL },
	{ "vlan",            TYPE(INTEGER), read_vlan,            0, NULL },
	{ "address",         TYPE(STRING),  read_address,         0, NULL },
	{ "gateway",         TYPE(STRING),  read_gateway,         0, NULL },
	{ "dns",             TYPE(ARRAY),   read_dns,             0, NULL },
	{ "ipv6",            TYPE(STRING),  read_ipv6,            0, NULL },
	{ "ntp",             TYPE(ARRAY),   read_ntp,             0, NULL },
	{ "syslog",          TYPE(STRING),  read_syslog,          0, NULL },
	{ "syslog_consoles", TYPE(BOOLEAN), read_syslog_consoles, 0, NULL },
};

void plan_read_host_net(struct plan_reader *r, void *machine, const struct toml_node *n)
{
	struct plan_host_net *h = &((struct plan_machine *)machine)->net;
	u32 mask;

	h->line = n->line;
	plan_read_table(r, n, rules, ARRAY_COUNT(rules), h, NULL);
	mask = h->prefix ? 0xffffffffu << (32 - h->prefix) : 0;
	if (h->gateway && (h->how != HOST_NET_STATIC || (h->gateway ^ h->address) & mask || h->gateway == h->address))
		plan_bad_key(r, "PLAN-VALUE", n, "gateway", "another address of the network of `address`, which is given, too");
	if (h->syslog_consoles && !h->syslog_given)
		plan_bad_key(r, "PLAN-VALUE", n, "syslog_consoles", "syslog, where they are to be sent");
}
