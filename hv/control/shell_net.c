/* SPDX-License-Identifier: Apache-2.0 */
/* `net`: the switches, their ports, and copies of what passes there. */
#include "shell.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/net_text.h>

#include "../net/switch.h"

#define ADDRESSES_SHOWN 32u

static u64 dropped(const struct net_port_stats *s)
{
	u64 n = 0;

	for (u32 i = 0; i < NET_DROPS; i++)
		n += s->drop_in[i] + s->drop_out[i];
	return n;
}

struct port_state *shell_find_port(const char *name)
{
	for (u32 i = 0; i < net_switch_count(); i++) {
		struct net_switch *s = net_switch_at(i);

		for (u32 k = 0; k < s->ports; k++)
			if (strcmp(s->port[k].port->name, name) == 0)
				return &s->port[k];
	}
	shell_print("no port is called \"%s\"; `net` lists them\n", name);
	return NULL;
}

/* All of it. */

static const char *vlan_words(char *to, size_t size, const struct net_port *p)
{
	if (p->trunk)
		fmt_print(to, size, "trunk");
	else
		fmt_print(to, size, p->vlan ? "%u" : "-", p->vlan);
	return to;
}

static void port_line(const struct port_state *st)
{
	const struct net_port *p = st->port;
	char vlan[8], mac[MAC_TEXT], in[16], out[16];

	if (port_is_nobody(st))
		return;
	shell_print("  %-18s %-5s %-5s %-17s %10lu %8s/s %10lu %8s/s %8lu\n", p->name, p->up ? "up" : "down",
		vlan_words(vlan, sizeof(vlan), p), p->kind == NET_PORT_UPLINK ? "-" : mac_format(mac, p->mac), p->stats.in_frames,
		fmt_bytes(in, sizeof(in), st->second_in), p->stats.out_frames, fmt_bytes(out, sizeof(out), st->second_out),
		dropped(&p->stats));
}

static u32 addresses_learnt(const struct net_switch *s)
{
	struct mac_entry e;
	u32 cursor = 0, n = 0;

	while (mac_table_next(&s->macs, &cursor, &e))
		n += !e.fixed && switch_second - e.seen <= MAC_AGE_SECONDS;
	return n;
}

static void switch_line(const struct net_switch *s)
{
	char mac[MAC_TEXT];

	shell_print("switch %s: ", s->name);
	if (s->card)
		shell_print("uplink %s, a %s at %02x:%02x.%u with %s, ", s->card->name, s->card->kind, s->card->bdf >> 8,
			s->card->bdf >> 3 & 31, s->card->bdf & 7, mac_format(mac, s->card->mac));
	else
		shell_print("%s, ", s->plan && s->plan->nat ? "NAT" : "private");
	shell_print("%u addresses learnt; %lu frames to all, %lu of them for an unknown address\n", addresses_learnt(s), s->flooded,
		s->unknown);
	shell_print("  %-18s %-5s %-5s %-17s %10s %10s %10s %10s %8s\n", "port", "link", "VLAN", "address", "frames in", "bytes",
		"out", "bytes", "dropped");
}

/* Cursor: switch << 16 | line; line 0 is its head. */
static bool net_more(u64 *cursor)
{
	u32 index = (u32)(*cursor >> 16), line = (u32)(*cursor & 0xffff);
	struct net_switch *s;

	if (index >= net_switch_count())
		return false;
	s = net_switch_at(index);
	if (!line)
		switch_line(s);
	else
		port_line(&s->port[line - 1]);
	*cursor = line < s->ports ? *cursor + 1 : (u64)(index + 1) << 16;
	return true;
}

/* One port. */

static void print_drops(const char *way, const u64 *drop)
{
	for (u32 i = 0; i < NET_DROPS; i++)
		if (drop[i])
			shell_print("  dropped %s: %lu %s\n", way, drop[i], net_drop_words((enum net_drop)i));
}

static void print_bound(const struct guard *g)
{
	char text[IP6_TEXT];

	for (u32 i = 0; i < g->ip4_count; i++)
		shell_print("  its own address: %s\n", ip4_format(text, g->ip4[i]));
	for (u32 i = 0; i < g->ip6_count; i++)
		shell_print("  its own address: %s\n", ip6_format(text, g->ip6[i]));
	if (g->leased)
		shell_print("  its own address: %s, leased by DHCP\n", ip4_format(text, g->leased));
}

static void print_learnt(const struct port_state *st)
{
	const struct mac_table *t = &st->port->sw->macs;
	u32 cursor = 0, shown = 0;
	struct mac_entry e;
	mac_key key;

	while ((key = mac_table_next(t, &cursor, &e))) {
		char mac[MAC_TEXT], age[24] = "for good", vlan[16] = "";
		u8 bytes[8];

		if (e.port != st->index || (!e.fixed && switch_second - e.seen > MAC_AGE_SECONDS))
			continue;
		if (shown++ >= ADDRESSES_SHOWN)
			continue;
		memcpy(bytes, &key, sizeof(bytes));
		if (!e.fixed)
			fmt_print(age, sizeof(age), "heard %u s ago", switch_second - e.seen);
		if (key >> 48)
			fmt_print(vlan, sizeof(vlan), " in VLAN %u", (u32)(key >> 48));
		shell_print("  %s%s, %s\n", mac_format(mac, bytes), vlan, age);
	}
	if (shown > ADDRESSES_SHOWN)
		shell_print("  and %u more addresses\n", shown - ADDRESSES_SHOWN);
}

static void print_trunk(const struct net_port *p)
{
	u32 named = 0;

	shell_print(p->vlan_ids ? ", trunk of VLANs" : ", trunk of all VLANs");
	for (u32 id = 1; p->vlan_ids && id < 4095; id++)
		if (p->vlan_ids[id / 64] & BIT(id % 64))
			shell_print("%s %u", named++ ? "," : "", id);
}

static void print_settings(const struct port_state *st)
{
	const struct net_port *p = st->port;

	shell_print("  MTU %u", p->mtu);
	if (p->trunk)
		print_trunk(p);
	if (p->vlan)
		shell_print(", %s VLAN %u", p->trunk ? "untagged is" : "in", p->vlan);
	if (p->kind == NET_PORT_GUEST)
		shell_print("%s%s", p->guard ? ", guarded" : ", not guarded", p->isolated ? ", isolated" : "");
	if (p->rate_bytes)
		shell_print(", at most %lu kbit/s", p->rate_bytes / 125);
	if (p->storm_frames)
		shell_print(", %lu frames/s to many", p->storm_frames);
	if (st->mirror)
		shell_print(", copied to %s", st->mirror->port->name);
	if (st->capture)
		shell_print(", captured");
	shell_print("\n");
}

static void print_port(const struct port_state *st)
{
	const struct net_port_stats *s = &st->port->stats;
	char in[16], out[16];

	shell_print("port %s of switch %s: %s\n", st->port->name, st->port->sw->name, st->port->up ? "up" : "down");
	print_settings(st);
	shell_print("  in:  %lu frames, %lu bytes, now %s/s\n  out: %lu frames, %lu bytes, now %s/s\n", s->in_frames, s->in_bytes,
		fmt_bytes(in, sizeof(in), st->second_in), s->out_frames, s->out_bytes, fmt_bytes(out, sizeof(out), st->second_out));
	print_drops("coming in", s->drop_in);
	print_drops("going out", s->drop_out);
	print_bound(&st->guard);
	print_learnt(st);
}

/* Copies. */

static void net_mirror(int argc, char **argv)
{
	struct port_state *from, *to;

	if (argc < 4 || (strcmp(argv[3], "off") != 0 && (argc < 5 || strcmp(argv[3], "to") != 0))) {
		shell_line("usage: net mirror PORT to PORT, or net mirror PORT off");
		return;
	}
	from = shell_find_port(argv[2]);
	if (!from)
		return;
	if (strcmp(argv[3], "off") == 0) {
		switch_mirror(from, NULL);
		shell_print("nothing of %s is copied any more\n", argv[2]);
		return;
	}
	to = shell_find_port(argv[4]);
	if (!to)
		return;
	if (to == from || to->port->sw != from->port->sw || to->port->kind != NET_PORT_GUEST) {
		shell_line("copies go to another port of the same switch, and to a guest");
		return;
	}
	switch_mirror(from, to);
	shell_print("what passes at %s goes to %s as well\n", argv[2], argv[4]);
}

/* A card that hangs in a way that its driver does not see, or whose settings somebody wants anew. */
static void net_reset(int argc, char **argv)
{
	const struct port_state *st;
	struct netdev *card;

	if (argc != 3) {
		shell_line("usage: net reset PORT");
		return;
	}
	st = shell_find_port(argv[2]);
	if (!st)
		return;
	card = st->port->kind == NET_PORT_UPLINK ? net_switch_card(st->port->sw) : NULL;
	if (!card || !card->ops->reset) {
		shell_line("only network cards of the machine are reset");
		return;
	}
	card->ops->reset(card);
	shell_print("%s is being reset\n", argv[2]);
}

/* What the hypervisor has there itself, and the port that it has it by. */
static void print_own(const char *name)
{
	for (u32 i = 0; i < net_switch_count(); i++)
		for (u32 k = 0; k < net_switch_at(i)->ports; k++)
			if (strcmp(net_switch_at(i)->port[k].port->name, name) == 0)
				print_port(&net_switch_at(i)->port[k]);
}

static void net_host(int argc, char **argv)
{
	(void)argc;
	shell_net_host();
	print_own(argv[1]);
}

static void net_nat(int argc, char **argv)
{
	(void)argc;
	shell_net_nat();
	print_own(argv[1]);
}

static const struct {
	const char *word;
	void (*run)(int argc, char **argv);
} subcommand[] = {
	{ "capture", shell_net_capture },
	{ "mirror", net_mirror },
	{ "reset", net_reset },
	{ "host", net_host },
	{ "nat", net_nat },
};

void shell_net(int argc, char **argv)
{
	struct port_state *st;

	if (argc == 1) {
		if (!net_switch_count())
			shell_line("there is no switch: the plan has none, and no network card is driven");
		shell_stream(net_more, 0);
		return;
	}
	for (u32 i = 0; i < ARRAY_COUNT(subcommand); i++)
		if (strcmp(argv[1], subcommand[i].word) == 0) {
			subcommand[i].run(argc, argv);
			return;
		}
	st = shell_find_port(argv[1]);
	if (st)
		print_port(st);
}
