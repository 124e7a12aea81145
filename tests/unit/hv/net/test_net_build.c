/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/admission_devices.c hv/core/resolved_plan.c hv/core/plan_show.c hv/core/plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_switch.c hv/core/plan_host.c hv/core/plan_https.c hv/core/plan_errors.c hv/core/plan_schema.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/string.c hv/lib/net_text.c hv/lib/format.c tests/unit/hv/net/switch_fake.c tests/unit/hv/net/files_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/capture_file.c hv/net/frame.c hv/core/sync.c hv/net/build.c hv/net/uplink.c hv/net/netdev.c */
/* From the text of a plan to switches that forward: cards, guests' ports, mirrors, the outside. */
#include "switch_fake.h"

#include <hv/control_work.h>
#include <hv/guest.h>
#include <hv/machine.h>
#include <hv/pc.h>

#include "../../../../hv/net/switch.h"

#define GUEST(name) "[guest." name "]\ncores = 1\nmemory = \"16MiB\"\nboot = { type = \"elf\", file = \"k\" }\n"

static struct plan plan;
static struct plan_work work;
static struct plan_errors errors;
static struct machine_facts facts;
static struct resolved_plan resolved;
static struct guest two_guests[2];
static struct net_port guest_port[2][PLAN_NETS_MAX];
static u8 got[2][PLAN_NETS_MAX][2000];
static u32 got_len[2][PLAN_NETS_MAX];
static struct control_work turn;

struct guest *guests[PLAN_GUESTS_MAX] = { &two_guests[0], &two_guests[1] };

static enum net_verdict guest_deliver(struct net_port *p, struct net_frame *f)
{
	u32 i = (u32)(p - guest_port[0]);

	got_len[i / PLAN_NETS_MAX][i % PLAN_NETS_MAX] = net_copy(f, 0, got[i / PLAN_NETS_MAX][i % PLAN_NETS_MAX], 2000);
	return NET_TAKEN;
}

static u32 announced;			/* a bit each: guest * PLAN_NETS_MAX + device */

static bool mute;			/* the driver cannot announce anything */

static bool guest_announce(struct net_port *p)
{
	announced |= BIT32(p - guest_port[0]);
	return !mute;
}

static const struct net_port_ops guest_ops = { .deliver = guest_deliver, .announce = guest_announce };

struct net_port *pc_net_port(struct guest *g, u32 index)
{
	struct net_port *p = &guest_port[g - two_guests][index];

	p->up |= !p->ops;
	p->ops = &guest_ops;
	return p;
}

int control_work_add(const struct control_work *w)
{
	turn = *w;
	return 0;
}

/* Two cards. */

static struct netdev card[2];
static u32 sent, kicked, promiscuous;
static u8 sent_bytes[2000];
static u32 sent_len;
static u16 sent_tag;

static enum net_verdict card_send(struct netdev *n, struct net_frame *f)
{
	(void)n;
	sent++;
	sent_len = net_copy(f, 0, sent_bytes, sizeof(sent_bytes));
	sent_tag = f->tagged ? f->vlan : 0;
	return NET_TAKEN;
}

static void card_kick(struct netdev *n)
{
	(void)n;
	kicked++;
}

static void card_promiscuous(struct netdev *n, bool on)
{
	(void)n;
	promiscuous += on;
}

static const struct netdev_ops card_ops = { .send = card_send, .kick = card_kick, .promiscuous = card_promiscuous };

/* The cards are registered once, as at boot; each test admits and builds anew. */
static int setup(void **state)
{
	(void)state;
	fake_net_reset();
	memset(guest_port, 0, sizeof(guest_port));
	memset(got_len, 0, sizeof(got_len));
	sent = kicked = promiscuous = 0;
	memset(&facts, 0, sizeof(facts));
	for (u32 i = 0; i < 2; i++) {
		bool first = !card[i].ops;

		card[i] = (struct netdev){ .ops = &card_ops, .kind = "a card", .vendor = 0x8086, .device = 0x10d3, .bdf = (u16)(0x18 + 8 * i),
			.mtu_max = 1500, .can_vlan = i, .link = true };
		put_mac(card[i].mac, 200 + i);
		if (first)
			assert_int_equal(netdev_add(&card[i]), 0);
		fmt_print(card[i].name, sizeof(card[i].name), "net%u", i);
		facts.card[i] = (struct facts_card){ .bdf = card[i].bdf, .vendor = 0x8086, .device = 0x10d3, .mtu_max = 1500 };
		memcpy(facts.card[i].mac, card[i].mac, 6);
	}
	facts.card_count = 2;
	facts.core_count = 4;
	for (u32 i = 0; i < 4; i++)
		facts.core_usable[i] = true;
	facts.ram[facts.ram_count++] = (struct facts_ram){ HPA(64 * MiB), GiB };
	facts.image[facts.image_count++] = (struct facts_image){ "k", IMAGE_WHOLE, KiB, "bytes" };
	return 0;
}

static void build(const char *text)
{
	plan_errors_init(&errors, "p.toml");
	if (plan_read(&plan, text, strlen(text), &work, &errors) || plan_admit(&plan, &facts, &resolved, &errors))
		fail_msg("%s", errors.error[0].text);
	assert_int_equal(net_build(&resolved), 0);
}

static void input(struct net_port *p, const u8 *bytes, u32 len)
{
	struct net_piece piece = { bytes, 0, len };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = len };

	switch_input(p, &f);
}

static void test_all(void **state)
{
	const struct net_port *p = &guest_port[0][0];
	static u8 f[2000];
	u32 len;

	(void)state;
	build(GUEST("a") "net = [{ switch = \"lan\", vlan = 10, mac = \"52:54:00:00:00:01\", rate = \"8Mbit\", address = [\"10.0.0.1\", \"2001:db8::1\"] },\n"
		"{ switch = \"inside\", trunk = [7], isolated = true, guard = false, mtu = 1400 }]\n"
		GUEST("b") "net = [{ switch = \"lan\", vlan = 10, mac = \"52:54:00:00:00:02\" }]\n"
		"[switch.lan]\nuplink = \"00:04.0\"\nstorm = 77\nmirror = \"uplink:b.0\"\n[switch.inside]\n[switch.nat]\nnat = true\n");
	assert_int_equal(net_switch_count(), 4);
	assert_ptr_equal(net_outside(), net_switch_by_name("outside"));
	assert_ptr_equal(net_switch_card(net_outside()), &card[0]);
	assert_ptr_equal(net_switch_card(net_switch_by_name("lan")), &card[1]);
	assert_null(net_switch_card(net_switch_by_name("inside")));
	assert_ptr_equal(net_nat_outside(net_switch_by_name("nat")), net_outside());
	assert_null(net_switch_plan(net_outside()));
	assert_true(net_switch_plan(net_switch_by_name("nat"))->nat);
	assert_int_equal(promiscuous, 2);
	assert_string_equal(p->name, "a.0");
	assert_true(p->kind == NET_PORT_GUEST && p->guard && !p->trunk && p->vlan == 10 && p->mtu == 1500);
	assert_int_equal(p->rate_bytes, 1000000);
	assert_int_equal(p->storm_frames, 77);
	assert_int_equal(state_of(p)->guard.ip4[0], 0x0a000001);
	assert_int_equal(state_of(p)->guard.ip6_count, 1);
	p = &guest_port[0][1];
	assert_true(p->trunk && p->isolated && !p->guard && p->mtu == 1400 && p->storm_frames == SWITCH_STORM_GUEST);
	assert_true(port_in_vlan(p, 7) && port_in_vlan(p, 0) && !port_in_vlan(p, 8));
	/* Out by the card with its tag beside, and a copy to b. */
	assert_string_equal(turn.name, "switch");
	turn.poll(NULL, 5 * FAKE_HZ);
	len = make_ether(f, 50, 1, 0x88b5, 100);
	input(&guest_port[0][0], f, len);
	assert_int_equal(sent, 1);
	assert_int_equal(sent_tag, 10);
	assert_int_equal(sent_len, len);
	assert_int_equal(got_len[1][0], len);
	assert_int_equal(kicked, 0);
	turn.poll(NULL, 6 * FAKE_HZ);
	assert_int_equal(kicked, 1);
	/* In. */
	make_ether(f, 1, 50, 0x88b5, 100);
	{
		struct net_piece piece = { f, 0, len };
		struct net_frame in = { .piece = &piece, .pieces = 1, .len = len, .tagged = true, .vlan = 10 };

		card[1].receive(&card[1], &in);
		assert_int_equal(got_len[0][0], len);
		/* The link goes and comes. */
		card[1].link = false;
		card[1].link_changed(&card[1]);
		got_len[0][0] = 0;
		card[1].receive(&card[1], &in);
		assert_int_equal(got_len[0][0], 0);
		make_ether(f, 50, 1, 0x88b5, 100);
		input(&guest_port[0][0], f, len);
		assert_int_equal(sent, 1);
		assert_int_equal(announced, 0);
		card[1].link = true;
		card[1].link_changed(&card[1]);
		assert_int_equal(announced, BIT32(0) | BIT32(PLAN_NETS_MAX));	/* who is on that switch */
		input(&guest_port[0][0], f, len);
		assert_int_equal(sent, 2);
	}
}

/* A guest goes on after a pause: its cards say where they are, or a frame of ours does, with their address, in their VLAN. */
static void test_announced_again(void **state)
{
	static const u8 empty[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x90 };

	(void)state;
	facts.card_count = 2;
	build(GUEST("a") "net = [{ switch = \"lan\", vlan = 10 }]\n" GUEST("b") "net = [{ switch = \"lan\", vlan = 10 }]\n"
	      "[switch.lan]\nuplink = \"00:04.0\"\n");
	two_guests[0].pc = two_guests[1].pc = (void *)&two_guests[0];
	two_guests[0].net_count = two_guests[1].net_count = 1;
	mute = false;
	announced = sent = 0;
	net_announce_guest(&two_guests[0]);
	assert_int_equal(announced, BIT32(0));
	assert_int_equal(sent, 0);
	mute = true;
	got_len[1][0] = 0;
	net_announce_guest(&two_guests[0]);
	assert_true(sent == 1 && sent_tag == 10 && sent_len == sizeof(empty) && got_len[1][0] == sizeof(empty));
	assert_memory_equal(sent_bytes, empty, 6);
	assert_memory_equal(sent_bytes + 6, guest_port[0][0].mac, NET_MAC);
	assert_memory_equal(sent_bytes + 12, empty + 12, sizeof(empty) - 12);
	guest_port[0][0].up = false;
	announced = 0;
	net_announce_guest(&two_guests[0]);
	assert_true(sent == 1 && !announced);
	mute = false;
	two_guests[0].pc = two_guests[1].pc = NULL;
}

static void test_without_cards(void **state)
{
	(void)state;
	facts.card_count = 0;
	build(GUEST("a") "net = [{ switch = \"nat\" }]\n[switch.nat]\nnat = true\n");
	assert_int_equal(net_switch_count(), 1);
	assert_null(net_nat_outside(net_switch_at(0)));
	assert_null(net_outside());
	fake_net_reset();
	build(GUEST("a"));
	assert_int_equal(net_switch_count(), 0);
}

#define ROW(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { ROW(test_all), ROW(test_announced_again), ROW(test_without_cards) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
