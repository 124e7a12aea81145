/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/admission_devices.c hv/core/resolved_plan.c hv/core/plan_show.c hv/core/plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_switch.c hv/core/plan_host.c hv/core/plan_https.c hv/core/plan_errors.c hv/core/plan_schema.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/string.c hv/lib/net_text.c hv/lib/format.c */
/* Networks in the plan: reading, admission, what the operator is shown. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/net_text.h>
#include <hv/plan.h>

#define NEEDED "cores = 1\nmemory = \"16MiB\"\nboot = { type = \"elf\", file = \"k\" }\n"
#define GUEST(name) "[guest." name "]\n" NEEDED

static struct plan plan;
static struct plan_work work;
static struct plan_errors errors;
static struct machine_facts facts;
static struct resolved_plan resolved;
static char why[120];

static void add_card(const char *name, u16 device, u16 bdf, u8 last)
{
	struct facts_card *c = &facts.card[facts.card_count++];

	*c = (struct facts_card){ .vendor = 0x8086, .device = device, .bdf = bdf, .mtu_max = 1500, .mac = { 0x52, 0x54, 0, 0, 0, last } };
	str_copy(c->name, sizeof(c->name), name);
}

/* Two cards of a kind and another one. */
static int setup(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	facts.core_count = 8;
	for (u32 i = 0; i < 8; i++)
		facts.core_usable[i] = true;
	facts.ram[facts.ram_count++] = (struct facts_ram){ HPA(64 * MiB), GiB };
	facts.image[facts.image_count++] = (struct facts_image){ "k", IMAGE_WHOLE, KiB, "bytes" };
	add_card("net0", 0x10d3, 0x18, 0xc0);
	add_card("net1", 0x10d3, 0x20, 0xc1);
	add_card("net2", 0x100e, 0x108, 0xc2);
	return 0;
}

static void read_text(const char *text)
{
	plan_errors_init(&errors, "p.toml");
	if (plan_read(&plan, text, strlen(text), &work, &errors))
		fail_msg("%s", errors.error[0].text);
}

static void admit_text(const char *text)
{
	read_text(text);
	if (plan_admit(&plan, &facts, &resolved, &errors))
		fail_msg("%s", errors.error[0].text);
}

static bool has_error(const char *expected)
{
	for (u32 i = 0; i < errors.count; i++)
		for (const char *s = errors.error[i].text; *s; s++)
			if (strncmp(s, expected, strlen(expected)) == 0)
				return true;
	return false;
}

/* Reading refuses, or else admission. */
static void refuse_text(const char *text, const char *expected)
{
	plan_errors_init(&errors, "p.toml");
	if (!plan_read(&plan, text, strlen(text), &work, &errors) && !plan_admit(&plan, &facts, &resolved, &errors))
		fail_msg("admitted: %s", text);
	if (!has_error(expected))
		fail_msg("%s\nnot %s", errors.error[0].text, expected);
}

static void test_read_net(void **state)
{
	const struct plan_net *n;

	(void)state;
	read_text(GUEST("a")
		"net = [{ switch = \"lan\", vlan = 10, mac = \"52:54:00:00:00:01\", isolated = true, guard = false, mtu = 9000, rate = \"8Mbit\" },\n"
		" { switch = \"b\", trunk = [1, 4094], address = [\"192.0.2.7\", \"2001:db8::7\"] }, { switch = \"b\", trunk = true, model = \"e1000e\" }, { switch = \"b\", model = \"virtio\" }]\n");
	assert_int_equal(plan.guest[0].net_count, 4);
	n = plan.guest[0].net;
	assert_string_equal(n->sw, "lan");
	assert_int_equal(n->vlan, 10);
	assert_int_equal(n->mac[5], 1);
	assert_true(n->isolated && !n->guard && !n->trunk);
	assert_int_equal(n->model, NET_MODEL_VIRTIO);
	assert_int_equal(n->mtu, 9000);
	assert_int_equal(n->rate, 1000000);
	assert_int_equal(n->line, 5);
	n++;
	assert_true(n->trunk && n->guard && !n->isolated);
	assert_int_equal(n->mtu, 1500);
	assert_int_equal(n->vlan_count, 2);
	assert_int_equal(n->vlans[1], 4094);
	assert_int_equal(n->address_count, 2);
	assert_int_equal(n->address[0].ip4, 0xc0000207);
	assert_true(n->address[1].v6 && n->address[1].ip6[15] == 7);
	assert_int_equal(n->line, 6);
	assert_true(n[1].trunk && n[1].vlan_count == 0);
	assert_int_equal(n[1].model, NET_MODEL_E1000E);
	assert_int_equal(n[2].model, NET_MODEL_VIRTIO);
}

static void test_read_switch(void **state)
{
	const struct plan_switch *s;

	(void)state;
	read_text(GUEST("web")
		"[switch.lan]\nuplink = \"8086:10D3\"\nstorm = 50\nmirror = \"web.0:ids.0\"\n[switch.b]\nuplink = \"01:1f.7\"\n"
		"[switch.c]\nuplink = \"52:54:00:00:00:c0\"\n"
		"[switch.nat]\nnat = true\noutside = \"lan\"\naddress = \"10.9.0.1/16\"\nforward = [\"2201:web:22\", \"53:web:5353/udp\", \"1:web:2/tcp\"]\n");
	assert_int_equal(plan.switch_count, 4);
	s = plan.sw;
	assert_int_equal(s->uplink.by, UPLINK_ID);
	assert_int_equal(s->uplink.device, 0x10d3);
	assert_true(s->storm_given && s->storm == 50);
	assert_string_equal(s->mirror_from, "web.0");
	assert_string_equal(s->mirror_to, "ids.0");
	assert_int_equal(s[1].uplink.by, UPLINK_SLOT);
	assert_int_equal(s[1].uplink.bdf, 0x1ff);
	assert_int_equal(s[2].uplink.by, UPLINK_MAC);
	assert_int_equal(s[2].uplink.mac[5], 0xc0);
	assert_true(s[3].nat);
	assert_string_equal(s[3].outside, "lan");
	assert_int_equal(s[3].address, 0x0a090001);
	assert_int_equal(s[3].prefix, 16);
	assert_int_equal(s[3].forward_count, 3);
	assert_true(s[3].forward[0].port == 2201 && s[3].forward[0].guest_port == 22 && !s[3].forward[0].udp);
	assert_string_equal(s[3].forward[0].guest, "web");
	assert_true(s[3].forward[1].udp && !s[3].forward[2].udp);
}

static const struct { const char *net, *expected; } bad_nets[] = {
	{ "{ switch = 1 }", "PLAN-TYPE: p.toml:5: guest.a.net.switch: " },
	{ "{ switch = \"12345678901234567890123456789012\" }", "PLAN-VALUE: p.toml:5: guest.a.net.switch: " },
	{ "{ vlan = 1 }", "PLAN-MISSING-KEY: p.toml:5: guest.a.net.switch: " },
	{ "{ switch = \"s\", vlan = 0 }", "a VLAN, 1 to 4094, not 0" },
	{ "{ switch = \"s\", vlan = 4095 }", "a VLAN, 1 to 4094, not 4095" },
	{ "{ switch = \"s\", trunk = [] }", "a list of 1 to 16" },
	{ "{ switch = \"s\", trunk = [0] }", "a VLAN, 1 to 4094, not 0" },
	{ "{ switch = \"s\", trunk = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17] }", "a list of 1 to 16" },
	{ "{ switch = \"s\", mac = \"52:54:00\" }", "PLAN-VALUE: p.toml:5: guest.a.net.mac: " },
	{ "{ switch = \"s\", mac = \"53:54:00:00:00:01\" }", "a unicast MAC address" },
	{ "{ switch = \"s\", mac = \"00:00:00:00:00:00\" }", "a unicast MAC address" },
	{ "{ switch = \"s\", mtu = 575 }", "576 to 9000 bytes, not 575" },
	{ "{ switch = \"s\", mtu = 9001 }", "576 to 9000 bytes, not 9001" },
	{ "{ switch = \"s\", rate = \"10\" }", "such as \"100Mbit\"" },
	{ "{ switch = \"s\", rate = \"63kbit\" }", "such as \"100Mbit\"" },
	{ "{ switch = \"s\", rate = \"4000000000Gbit\" }", "such as \"100Mbit\"" },
	{ "{ switch = \"s\", rate = \"401Gbit\" }", "such as \"100Mbit\"" },
	{ "{ switch = \"s\", address = [\"0.0.0.0\"] }", "without its prefix, not \"0.0.0.0\"" },
	{ "{ switch = \"s\", address = [\"192.0.2.7\"], guard = false }", "only with the guard" },
	{ "{ switch = \"s\", address = [\"224.0.0.1\"] }", "without its prefix" },
	{ "{ switch = \"s\", address = [\"10.0.0.1/24\"] }", "without its prefix" },
	{ "{ switch = \"s\", address = [\"ff02::1\"] }", "without its prefix" },
	{ "{ switch = \"s\", address = [\"::\"] }", "without its prefix" },
	{ "{ switch = \"s\", model = \"ne2000\" }", "one of \"virtio\"" },
	{ "{ switch = \"s\", swich = 1 }", "did you mean switch?" },
	{ "{ switch = \"s\" }, { switch = \"s\" }, { switch = \"s\" }, { switch = \"s\" }, { switch = \"s\" }", "at most 4 network devices" },
	{ "{ switch = \"t\" }", "PLAN-SWITCH: p.toml:5: guest.a.net: a switch of this plan, [switch.NAME]; there is no \"t\"" },
	{ "{ switch = \"s\", mac = \"52:54:00:00:00:c1\" }", "PLAN-MAC: p.toml:5: guest.a.net: " },
	{ "{ switch = \"s\", mac = \"52:54:00:00:00:01\" }, { switch = \"s\", mac = \"52:54:00:00:00:01\" }", "PLAN-MAC: p.toml:5: " },
	{ "{ switch = \"s\", mtu = 1501 }", "PLAN-MTU: p.toml:5: guest.a.net: " },
	{ "{ switch = \"n\", vlan = 3 }", "neither vlan nor trunk on \"n\"" },
	{ "{ switch = \"n\", trunk = true }", "neither vlan nor trunk on \"n\"" },
};

static void test_bad_nets(void **state)
{
	char text[600];

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(bad_nets); i++) {
		fmt_print(text, sizeof(text), "%snet = [%s]\n[switch.s]\nuplink = \"8086:10d3\"\n[switch.n]\nnat = true\n", GUEST("a"), bad_nets[i].net);
		refuse_text(text, bad_nets[i].expected);
	}
}

static const struct { const char *keys, *expected; } bad_switches[] = {
	{ "[switch.Lan]", "a switch's name of 1 to 31" },
	{ "[switch]\nx = 1", "PLAN-TYPE: p.toml:7: switch.x: a table" },
	{ "[switch.s]\nuplink = \"8086\"", "PLAN-VALUE: p.toml:7: switch.s.uplink: a network card" },
	{ "[switch.s]\nuplink = \"8086:10d\"", "a network card: " },
	{ "[switch.s]\nuplink = \"8086:10d3x\"", "a network card: " },
	{ "[switch.s]\nuplink = \"00:20.0\"", "a network card: " },
	{ "[switch.s]\nuplink = \"00:1f.8\"", "a network card: " },
	{ "[switch.s]\nuplink = \"8086:1533\"", "PLAN-UPLINK: p.toml:7: switch.s.uplink: a network card of this machine: it has 8086:10d3 at 00:03.0 with 52:54:00:00:00:c0, 8086:10d3" },
	{ "[switch.s]\nuplink = \"01:01.0\"\n[switch.t]\nuplink = \"52:54:00:00:00:c2\"", "PLAN-UPLINK: p.toml:9: switch.t.uplink: a card of its own" },
	{ "[switch.s]\nuplink = \"8086:100e\"\n[switch.t]\nuplink = \"8086:100e\"", "PLAN-UPLINK: p.toml:9: switch.t.uplink: a card of its own" },
	{ "[switch.s]\nstorm = -1", "0 (no limit) to" },
	{ "[switch.s]\nmirror = \"a.0\"", "two ports, \"FROM:TO\"" },
	{ "[switch.s]\nmirror = \"a.0:a.0\"", "PLAN-SWITCH: p.toml:7: switch.s.mirror: two ports of this switch" },
	{ "[switch.s]\nmirror = \"uplink:a.0\"", "two ports of this switch" },
	{ "[switch.s]\nmirror = \"a.0:x.0\"", "two ports of this switch" },
	{ "[switch.s]\nforward = []", "PLAN-VALUE: p.toml:7: switch.s.forward: nat = true beside it" },
	{ "[switch.s]\naddress = \"10.0.0.1/24\"", "switch.s.address: nat = true beside it" },
	{ "[switch.s]\noutside = \"lan\"", "switch.s.outside: nat = true beside it" },
	{ "[switch.s]\nnat = true\nuplink = \"8086:10d3\"", "no uplink at a switch with nat" },
	{ "[switch.s]\nnat = true\naddress = \"10.0.0.1/29\"", "16 to 28 bits" },
	{ "[switch.s]\nnat = true\naddress = \"10.0.0.0/24\"", "an address with its prefix" },
	{ "[switch.s]\nnat = true\naddress = \"10.0.0.255/24\"", "an address with its prefix" },
	{ "[switch.s]\nnat = true\naddress = \"10.0.0.1\"", "an address with its prefix" },
	{ "[switch.s]\nnat = true\noutside = \"s\"", "PLAN-SWITCH: p.toml:8: switch.s.outside: another switch without nat" },
	{ "[switch.s]\nnat = true\noutside = \"x\"", "PLAN-SWITCH: p.toml:8: switch.s.outside: " },
	{ "[switch.s]\nnat = true\naddress = \"10.77.0.9/16\"\n[switch.t]\nnat = true", "PLAN-SWITCH: p.toml:9: switch.t.address: a network of its own: switch.s" },
	{ "[switch.s]\nnat = true\nforward = [\"22\"]", "PORT:GUEST:PORT" },
	{ "[switch.s]\nnat = true\nforward = [\"0:a:1\"]", "PORT:GUEST:PORT" },
	{ "[switch.s]\nnat = true\nforward = [\"1:a:65536\"]", "PORT:GUEST:PORT" },
	{ "[switch.s]\nnat = true\nforward = [\"1::1\"]", "PORT:GUEST:PORT" },
	{ "[switch.s]\nnat = true\nforward = [\"1:a:1/icmp\"]", "PORT:GUEST:PORT" },
	{ "[switch.s]\nnat = true\nforward = [\"1:b:1\"]", "PLAN-FORWARD: p.toml:8: switch.s.forward: a guest with a network device on this switch; \"b\" is no guest" },
	{ "[switch.n]\nnat = true\nforward = [\"1:a:1\"]", "\"a\" is not on it" },
	{ "[switch.s]\nnat = true\nforward = [\"1:a:1\",\n\"1:a:2/udp\",\n\"1:a:3\"]", "PLAN-FORWARD: p.toml:10: switch.s.forward: each port once: TCP port 1 is forwarded in line 8" },
	{ "[switch.s]\nnat = true\nforward = [\"80:a:80\",\n\"443:a:443\"]", "PLAN-FORWARD: p.toml:9: switch.s.forward: another port than 443, which is the API's" },
	{ "[machine]\nhttps = { port = 80 }\n[switch.s]\nnat = true\nforward = [\"80:a:80\"]", "another port than 80, which is the API's" },
};

static void test_bad_switches(void **state)
{
	char text[600];

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(bad_switches); i++) {
		fmt_print(text, sizeof(text), "%snet = [{ switch = \"s\" }]\n%s\n", GUEST("a"), bad_switches[i].keys);
		refuse_text(text, bad_switches[i].expected);
	}
}

static void test_cards(void **state)
{
	(void)state;
	/* The exact one first, though it stands behind; each id takes the next of its kind. */
	admit_text(GUEST("a") "[switch.x]\nuplink = \"8086:10d3\"\n[switch.y]\nuplink = \"00:03.0\"\n[switch.z]\n");
	assert_int_equal(resolved.switch_count, 4);
	assert_int_equal(resolved.sw[0].card, 1);
	assert_int_equal(resolved.sw[1].card, 0);
	assert_int_equal(resolved.sw[2].card, NO_CARD);
	assert_null(resolved.sw[3].plan);
	assert_int_equal(resolved.sw[3].card, 2);
	assert_int_equal(resolved.outside, 3);
	assert_string_equal(resolved_switch_name(&resolved.sw[3]), "outside");
	/* No card is left: the first switch with an uplink. */
	facts.card_count = 1;
	admit_text(GUEST("a") "[switch.in]\n[switch.y]\nuplink = \"00:03.0\"\n");
	assert_int_equal(resolved.switch_count, 2);
	assert_int_equal(resolved.outside, 1);
	/* The plan's own of that name. */
	admit_text(GUEST("a") "[switch.y]\nuplink = \"00:03.0\"\n[switch.outside]\n");
	assert_int_equal(resolved.switch_count, 2);
	assert_int_equal(resolved.outside, 1);
	facts.card_count = 0;
	admit_text(GUEST("a"));
	assert_int_equal(resolved.switch_count, 0);
	assert_int_equal(resolved.outside, NO_CARD);
	refuse_text(GUEST("a") "[switch.y]\nuplink = \"00:03.0\"\n", "it has none that is driven");
}

static void test_nat(void **state)
{
	(void)state;
	admit_text(GUEST("a") "[switch.n]\nnat = true\n[switch.m]\nnat = true\naddress = \"192.168.7.1/24\"\noutside = \"lan\"\n"
		   "[switch.o]\nnat = true\n[switch.lan]\nuplink = \"00:04.0\"\n");
	assert_int_equal(resolved.sw[0].address, 0x0a4d0001);
	assert_int_equal(resolved.sw[0].prefix, 24);
	assert_int_equal(resolved.sw[0].outside, 4);
	assert_int_equal(resolved.sw[1].address, 0xc0a80701);
	assert_int_equal(resolved.sw[1].outside, 3);
	assert_int_equal(resolved.sw[2].address, 0x0a4d0101);
	/* The API's port: by UDP, where the API has none, and at an address that is not the hypervisor's own one. */
#define ONE_NAT(rest) "net = [{ switch = \"n\" }]\n[switch.n]\nnat = true\n" rest
	admit_text(GUEST("a") ONE_NAT("forward = [\"443:a:443/udp\"]\n"));
	admit_text("[machine]\nhttps = { port = 0 }\n" GUEST("a") ONE_NAT("forward = [\"443:a:443\"]\n"));
	admit_text("[machine]\nhttps = { port = 8443 }\n" GUEST("a") ONE_NAT("forward = [\"443:a:443\"]\n"));
	admit_text(GUEST("a") ONE_NAT("outside = \"lan\"\nforward = [\"443:a:443\"]\n[switch.lan]\nuplink = \"00:04.0\"\n"));
	/* Its address there is DHCP's choice. */
	refuse_text(GUEST("a") "net = [{ switch = \"n\", address = [\"10.77.0.10\"] }]\n[switch.n]\nnat = true\n",
		    "PLAN-SWITCH: p.toml:5: guest.a.net: no `address` on \"n\", which has nat");
	/* Without any card it is a network without an outside. */
	facts.card_count = 0;
	admit_text(GUEST("a") "[switch.n]\nnat = true\n");
	assert_int_equal(resolved.sw[0].outside, NO_CARD);
}

/* What the hypervisor has no place for is refused, not left out. */
static void test_nat_limits(void **state)
{
	static char text[8000];
	size_t n = 0;

	(void)state;
	for (u32 i = 0; i < 5; i++)
		n += (size_t)fmt_print(text + n, sizeof(text) - n, "[switch.n%u]\nnat = true\n", i);
	fmt_print(text + n, sizeof(text) - n, "%s", GUEST("a"));
	refuse_text(text, "switch.n4.nat: at most 4 switches with nat");
	n = 0;
	for (u32 i = 0; i < 4; i++)
		n += (size_t)fmt_print(text + n, sizeof(text) - n, "[switch.o%u]\n[switch.n%u]\nnat = true\noutside = \"o%u\"\n", i, i, i);
	fmt_print(text + n, sizeof(text) - n, "%s", GUEST("a"));
	refuse_text(text, "switch.n3.outside: at most 4 switches outside");	/* the hypervisor is in another one */
	n = 0;
	for (u32 i = 0; i < 9; i++)
		n += (size_t)fmt_print(text + n, sizeof(text) - n,
				       "[guest.g%u]\n" NEEDED "net = [{switch=\"n\"},{switch=\"n\"},{switch=\"n\"},{switch=\"n\"}]\n", i);
	fmt_print(text + n, sizeof(text) - n, "[switch.n]\nnat = true\n");
	refuse_text(text, "at most 32 network devices on a switch with nat, of a prefix of 24; there are 36");
	fmt_print(text, sizeof(text), "%s", GUEST("a") "[switch.n]\nnat = true\naddress = \"10.0.0.1/28\"\n");
	admit_text(text);
	n = 0;
	for (u32 i = 0; i < 3; i++) {
		n += (size_t)fmt_print(text + n, sizeof(text) - n, "[switch.n%u]\nnat = true\nforward = [", i);
		for (u32 k = 0; k < 22; k++)
			n += (size_t)fmt_print(text + n, sizeof(text) - n, "\"%u:a:22\", ", 1000 + 100 * i + k);
		n += (size_t)fmt_print(text + n, sizeof(text) - n, "]\n");
	}
	fmt_print(text + n, sizeof(text) - n, "%snet = [{switch=\"n0\"},{switch=\"n1\"},{switch=\"n2\"}]\n", GUEST("a"));
	refuse_text(text, "switch.n2.forward: at most 64 forwards in all");
}

static void test_macs(void **state)
{
	static const char text[] = GUEST("a") "net = [{ switch = \"s\" }, { switch = \"s\" }]\n" GUEST("b") "net = [{ switch = \"s\" }]\n[switch.s]\n";
	char named[400], clash[400], mac[MAC_TEXT];
	u8 first[3][6];

	(void)state;
	admit_text(text);
	memcpy(first[0], resolved.guest[0].net[0].mac, 6);
	memcpy(first[1], resolved.guest[0].net[1].mac, 6);
	memcpy(first[2], resolved.guest[1].net[0].mac, 6);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(first[i][0], 0x42);
		assert_memory_not_equal(first[i], first[(i + 1) % 3], 6);
	}
	/* Stable, also when others come and go; of the machine's name. */
	admit_text(GUEST("b") "net = [{ switch = \"s\" }]\n[switch.s]\n");
	assert_memory_equal(resolved.guest[0].net[0].mac, first[2], 6);
	fmt_print(named, sizeof(named), "[machine]\nname = \"r\"\n%s", text);
	admit_text(named);
	assert_memory_not_equal(resolved.guest[0].net[0].mac, first[0], 6);
	/* One that somebody has by hand is stepped over. */
	fmt_print(clash, sizeof(clash), "%snet = [{ switch = \"s\" }]\n%snet = [{ switch = \"s\", mac = \"%s\" }]\n[switch.s]\n", GUEST("a"),
		  GUEST("b"), mac_format(mac, first[0]));
	admit_text(clash);
	assert_memory_not_equal(resolved.guest[0].net[0].mac, first[0], 6);
	assert_memory_equal(resolved.guest[1].net[0].mac, first[0], 6);
}

static void test_verify(void **state)
{
	(void)state;
	admit_text(GUEST("a") "net = [{ switch = \"s\" }, { switch = \"s\" }]\n[switch.s]\nuplink = \"8086:10d3\"\n[switch.t]\nuplink = \"8086:10d3\"\n");
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), 0);
	resolved.guest[0].net[1].mac[0] ^= 1;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
	memcpy(resolved.guest[0].net[1].mac, resolved.guest[0].net[0].mac, 6);
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
	resolved.guest[0].net[1].mac[5] ^= 1;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), 0);
	resolved.guest[0].net[0].sw = 1;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
	resolved.guest[0].net[0].sw = 0;
	resolved.sw[1].card = resolved.sw[0].card;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
	resolved.sw[1].card = 3;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
	resolved.sw[1].card = ANY_CARD;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
}

static char shown[8192];

static void collect(void *context, const char *text)
{
	(void)context;
	assert_true(strlen(shown) + strlen(text) < sizeof(shown));
	memcpy(shown + strlen(shown), text, strlen(text) + 1);
}

/* What is shown is a plan again, with the same meaning; only the addresses are written out now. */
static void test_shown_plan(void **state)
{
	static struct resolved_plan first;
	static char again[8192];

	(void)state;
	admit_text(GUEST("web") "net = [{ switch = \"nat\", rate = \"100Mbit\" }, { switch = \"lan\", trunk = [7, 9], "
		   "address = [\"192.0.2.7\", \"2001:db8::7\"] }, { switch = \"lan\", vlan = 7, isolated = true, mtu = 1400, guard = false }]\n"
		   "[switch.nat]\nnat = true\nforward = [\"2201:web:22\", \"53:web:53/udp\"]\n"
		   "[switch.lan]\nuplink = \"00:03.0\"\nstorm = 0\nmirror = \"web.1:web.2\"\n[switch.two]\nuplink = \"52:54:00:00:00:c1\"\n");
	first = resolved;
	shown[0] = 0;
	resolved_plan_show(&plan, &resolved, collect, NULL);
	memcpy(again, shown, sizeof(again));
	admit_text(again);
	for (u32 i = 0; i < 3; i++)
		assert_memory_equal(first.guest[0].net[i].mac, resolved.guest[0].net[i].mac, 6);
	assert_int_equal(plan.guest[0].net[1].vlan_count, 2);
	assert_int_equal(plan.guest[0].net[1].address_count, 2);
	assert_int_equal(plan.guest[0].net[0].rate, 12500000);
	assert_true(plan.guest[0].net[2].isolated && plan.guest[0].net[2].mtu == 1400 && plan.guest[0].net[2].vlan == 7);
	assert_true(plan.guest[0].net[1].guard && !plan.guest[0].net[2].guard);
	assert_true(plan.sw[1].storm_given);
	assert_int_equal(plan.sw[0].forward_count, 2);
	assert_int_equal(resolved.sw[2].card, 1);
	shown[0] = 0;
	resolved_plan_show(&plan, &resolved, collect, NULL);
	/* RAM and everything stay, so the second text is the first. */
	assert_string_equal(shown, again);
}

/* `check-plan` knows no machine: every card is there. */
static void test_imagined(void **state)
{
	(void)state;
	facts.card_count = 0;
	facts.any_card = true;
	admit_text(GUEST("a") "net = [{ switch = \"s\" }]\n[switch.s]\nuplink = \"8086:1533\"\n[switch.t]\nuplink = \"00:09.0\"\n[switch.nat]\nnat = true\n");
	assert_int_equal(resolved.sw[0].card, ANY_CARD);
	assert_int_equal(resolved.sw[2].outside, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_read_net, setup),
		cmocka_unit_test_setup(test_read_switch, setup),
		cmocka_unit_test_setup(test_bad_nets, setup),
		cmocka_unit_test_setup(test_bad_switches, setup),
		cmocka_unit_test_setup(test_cards, setup),
		cmocka_unit_test_setup(test_nat, setup),
		cmocka_unit_test_setup(test_nat_limits, setup),
		cmocka_unit_test_setup(test_macs, setup),
		cmocka_unit_test_setup(test_verify, setup),
		cmocka_unit_test_setup(test_shown_plan, setup),
		cmocka_unit_test_setup(test_imagined, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
