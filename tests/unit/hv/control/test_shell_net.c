/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c tests/unit/hv/net/files_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/capture_file.c hv/net/frame.c hv/core/sync.c hv/lib/string.c hv/lib/format.c hv/lib/png.c hv/lib/deflate.c hv/lib/net_text.c hv/control/shell_net.c hv/control/shell_capture.c */
/* `net` in the shell: what the operator sees of switches and ports; captures as text. */
#include "../net/files_fake.h"
#include "../net/switch_fake.h"

#include <string.h>

#include <hv/plan.h>

#include "../../../../hv/control/shell.h"
#include "../../../../hv/net/capture_file.h"
#include "../../../../hv/net/switch.h"

static char said[65536];
static u32 said_len;
static bool (*more)(u64 *cursor);
static u64 more_cursor;
static struct net_switch *sw;
static struct fake_port *a, *b, *up;
static u8 frame[FRAME_BYTES];

void shell_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	said_len += (u32)fmt_vprint(said + said_len, sizeof(said) - said_len, fmt, ap);
	va_end(ap);
	assert_true(said_len < sizeof(said));
}

void shell_line(const char *text)
{
	shell_print("%s\n", text);
}

void shell_stream(bool (*fn)(u64 *cursor), u64 cursor)
{
	more = fn;
	more_cursor = cursor;
}

bool shell_number(const char *word, u64 max, u64 *value)
{
	char *end;

	*value = strtoull(word, &end, 10);
	return *word >= '0' && *word <= '9' && !*end && *value <= max;
}

void shell_net_host(void)
{
	shell_line("its address");
}

void shell_net_nat(void)
{
	shell_line("its sessions");
}

static void vlan10(struct net_port *p)
{
	p->vlan = 10;
	p->rate_bytes = 125000;
	p->storm_frames = 50;
}

static int setup(void **state)
{
	(void)state;
	capture_free();
	fake_net_reset();
	sw = switch_create("lan");
	a = fake_port_new(sw, NET_PORT_GUEST, 1, NULL);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, vlan10);
	up = fake_port_new(sw, NET_PORT_UPLINK, 9, NULL);
	said[0] = 0;
	said_len = 0;
	more = NULL;
	return 0;
}

/* "net p1 ..."; long output to its end. */
static void run(const char *line)
{
	char text[100], *argv[13] = { NULL }, *save = NULL;
	int argc = 0;

	strcpy(text, line);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	said[0] = 0;
	said_len = 0;
	more = NULL;
	shell_net(argc, argv);
}

static void finish(u32 turns)
{
	for (u32 i = 0; more && i < turns; i++)
		if (!more(&more_cursor))
			more = NULL;
}

static void expect(const char *part)
{
	if (!strstr(said, part))
		fail_msg("%s\nnot %s", said, part);
}

static void test_list(void **state)
{
	(void)state;
	switch_create("inside");
	send_plain(a, frame, make_ether(frame, 255, 1, 0x88b5, 100));
	send_plain(a, frame, make_ether(frame, 255, 3, 0x88b5, 100));
	send_plain(up, frame, make_ether(frame, 1, 50, 0x88b5, 100));
	run("net");
	finish(100);
	assert_null(more);
	expect("switch lan: private, 1 addresses learnt; 1 frames to all");
	expect("  p1                 up    -     52:54:00:00:00:01          2");
	expect("  p9                 up    trunk -                          1");
	expect("switch inside: private, 0 addresses");
	fake_net_reset();
	run("net");
	expect("there is no switch");
	finish(10);
	assert_null(more);
}

static void test_port(void **state)
{
	(void)state;
	send_plain(b, frame, make_ether(frame, 255, 3, 0x88b5, 100));
	switch_bind_ip4(&b->port, 0x0a000005);
	state_of(&a->port)->guard.leased = 0x0a000006;
	b->verdict = NET_NO_ROOM;
	send_bytes(up, frame, make_ether(frame, 2, 50, 0x88b5, 100), 0, NULL, 10, NULL);
	run("net p2");
	expect("port p2 of switch lan: up\n  MTU 1500, in VLAN 10, guarded, at most 1000 kbit/s, 50 frames/s to many\n");
	expect("dropped coming in: 1 from a MAC address that is not its own");
	expect("dropped going out: 1 no room at the receiver");
	expect("its own address: 10.0.0.5\n");
	expect("52:54:00:00:00:02 in VLAN 10, for good");
	run("net p1");
	expect("10.0.0.6, leased by DHCP");
	run("net p9");
	expect("trunk of all VLANs");
	expect("52:54:00:00:00:32 in VLAN 10, heard 0 s ago");
	for (u32 i = 0; i < 60; i++)
		send_plain(up, frame, make_ether(frame, 1, 300 + i, 0x88b5, 100));
	run("net p9");
	expect("and 29 more addresses");
	up->port.vlan_ids = (u64[64]){ BIT(10) | BIT(63), [63] = BIT(62) };
	run("net p9");
	expect("trunk of VLANs 10, 63, 4094");
	up->port.vlan_ids = NULL;
	run("net host");
	expect("its address\n");
	run("net nat");
	expect("its sessions\n");
	run("net web");
	expect("no port is called \"web\"");
}

static void test_mirror(void **state)
{
	struct net_switch *other = switch_create("other");

	(void)state;
	fake_port_new(other, NET_PORT_GUEST, 5, NULL);
	run("net mirror p9 to p1");
	expect("what passes at p9 goes to p1 as well");
	assert_ptr_equal(state_of(&up->port)->mirror, state_of(&a->port));
	run("net p9");
	expect(", copied to p1");
	run("net mirror p9 off");
	assert_null(state_of(&up->port)->mirror);
	run("net mirror p1 to p1");
	expect("copies go to another port");
	run("net mirror p1 to p5");
	expect("copies go to another port of the same switch");
	run("net mirror p1 to p9");
	expect("to a guest");
	run("net mirror p1 to p7");
	expect("no port is called \"p7\"");
	run("net mirror p7 off");
	expect("no port is called \"p7\"");
	run("net mirror p1");
	expect("usage");
	run("net mirror p1 at p2");
	expect("usage");
}

static u32 resets;

static void card_reset(struct netdev *n)
{
	resets++;
}

static void test_reset(void **state)
{
	static const struct netdev_ops can = { .reset = card_reset }, cannot = { .reset = NULL };
	struct netdev card = { .ops = &cannot };

	(void)state;
	sw->card = NULL;
	run("net reset p9");
	expect("only network cards");
	sw->card = &card;
	run("net reset p9");
	expect("only network cards");
	card.ops = &can;
	run("net reset p1");
	expect("only network cards");
	run("net reset");
	expect("usage");
	run("net reset p7");
	expect("no port is called \"p7\"");
	assert_int_equal(resets, 0);
	run("net reset p9");
	expect("p9 is being reset");
	assert_int_equal(resets, 1);
}

static void test_capture(void **state)
{
	(void)state;
	run("net capture p1 serial count 2 mac 52:54:00:00:00:01 snap 64");
	expect("-----BEGIN PCAP p1-----\n");
	finish(5);
	assert_non_null(more);
	send_plain(a, frame, make_ether(frame, 255, 1, 0x88b5, 100));
	send_plain(a, frame, make_ether(frame, 255, 1, 0x88b5, 100));
	send_plain(a, frame, make_ether(frame, 255, 1, 0x88b5, 100));
	finish(100);
	assert_null(more);
	/* magic, version, no zone, snap length, Ethernet; then the rest of 24 + 2 * 80 bytes. */
	expect("TTyyoQIABAAAAAAAAAAAAEAAAAABAAAA");
	expect("-----END PCAP p1 frames=2 lost=0-----\n");
	fake_files_reset(DATASTORE_NONE);
	run("net capture p1 file.pcap");
	expect("file.pcap: there is no datastore to keep it in");
	run("net capture p1 .hidden");
	expect(".hidden: a name of 1-31 letters");
	run("net capture stop");
	expect("no capture to a file is under way");
	run("net capture get nothing");
	expect("nothing: there is no such capture");
	assert_null(more);
	run("net capture p7 serial");
	expect("no port is called");
	run("net capture p1");
	expect("usage");
	run("net capture p1 serial port 0");
	expect("usage");
	run("net capture p1 serial snap 63");
	expect("usage");
	run("net capture p1 serial mac 1");
	expect("usage");
	run("net capture p1 serial count");
	expect("usage");
	assert_null(more);
	/* Ctrl-C tells nobody; the next one begins all the same. */
	run("net capture p1 serial port 80");
	run("net capture p2 serial");
	expect("-----BEGIN PCAP p2-----\n");
	assert_ptr_equal(capture_port(), state_of(&b->port));
	assert_false(state_of(&a->port)->watched);
}

static void test_capture_to_a_file(void **state)
{
	(void)state;
	fake_files_reset(DATASTORE_READY);
	run("net capture p1 web.pcap count 2 snap 64");
	expect("what passes at p1 goes to the datastore's capture/web.pcap");
	run("net capture p2 serial");
	expect("a capture to web.pcap is under way");
	assert_null(more);
	for (u32 i = 0; i < 3; i++)
		send_plain(a, frame, make_tcp4(frame, 2, 1, 10));
	for (u32 i = 0; i < 9; i++)
		capture_file_poll(switch_now + i);
	assert_null(capture_file_running());
	run("net capture get web.pcap");
	while (more(&more_cursor))
		;
	expect("-----BEGIN PCAP web.pcap-----\nTTyyoQIABAAAAAAAAAAAAEAAAAABAAAA");
	expect("\n-----END PCAP web.pcap-----");
	run("net capture get web");
	expect("web: there is no such capture");
	run("net capture delete ../web.pcap");
	expect("no such capture");
	run("net capture delete web.pcap");
	expect("web.pcap: deleted");
	fake_files_reset(DATASTORE_NONE);
}

#define ROW(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { ROW(test_list), ROW(test_port), ROW(test_mirror), ROW(test_reset), ROW(test_capture), ROW(test_capture_to_a_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
