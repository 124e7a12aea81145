/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The virtio console with a little driver: one port, several ports, and control messages that make no sense. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"

#include <hv/pc.h>

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define NEEDS_RESET 0x40u
#define MULTIPORT BIT(1)
#define REPLY (DATA + 0x8000)
#define REPLY_SIZE 0x100u

enum { READY = 0, ADD = 1, REMOVE = 2, PORT_READY = 3, CONSOLE = 4, RESIZE = 5, OPEN = 6, NAME = 7 };
enum { IN0, OUT0, CONTROL_IN, CONTROL_OUT, IN1, OUT1, IN2, OUT2 };

static struct vconsole *c;
static struct console_ring record[3];
static struct input_ring input[3];

static int setup_ports(void **state, u32 ports)
{
	struct guest *g = drv_guest_new(false);

	*state = g;
	c = &g->pc->virtio.console;
	memset(record, 0, sizeof(record));
	memset(input, 0, sizeof(input));
	free(g->console);
	free(g->input);
	g->console = &record[0];
	g->input = &input[0];
	g->port[0] = (struct guest_port){ "log", &record[1], &input[1] };
	g->port[1] = (struct guest_port){ "agent.0", &record[2], &input[2] };
	g->port_count = ports;
	assert_int_equal(vconsole_add(g, c), 0);
	pc_reset(g);
	vpci_config_write(&c->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv.d = &c->d;
	drv.queues = ports ? 8 : 2;
	return 0;
}

static int setup(void **state)
{
	return setup_ports(state, 2);
}

static int setup_one(void **state)
{
	return setup_ports(state, 0);
}

static int teardown(void **state)
{
	drv.g->console = NULL;
	drv.g->input = NULL;
	drv_guest_free(*state);
	return 0;
}

static bool broken(void)
{
	return drv_read(0x14, 1) & NEEDS_RESET;
}

static void say(u32 queue, const char *text)
{
	struct piece p = { DATA, (u32)strlen(text), 0 };

	memcpy(ram(DATA), text, strlen(text));
	drv_queue(queue);
	assert_true(drv_serve(&p, 1, 0));
}

static bool control(u32 id, u16 event, u16 value)
{
	struct piece p = { DATA, 8, 0 };

	ram_put(DATA, id, 4);
	ram_put(DATA + 4, event, 2);
	ram_put(DATA + 6, value, 2);
	drv_queue(CONTROL_OUT);
	return drv_serve(&p, 1, 0);
}

/* Buffers for what the device tells; then what came, one after another. */
static void put_buffers(u32 n, u32 size)
{
	drv_queue(CONTROL_IN);
	for (u32 i = 0; i < n; i++) {
		struct piece p = { REPLY + i * REPLY_SIZE, size, D_WRITE };

		drv_put(&p, 1, 0);
	}
	drv_kick();
}

static void expect(u32 n, u32 id, u16 event, const char *name)
{
	u64 at = REPLY + n * REPLY_SIZE;
	u32 len = 0;

	drv_queue(CONTROL_IN);
	assert_int_equal(drv_get(&len), 1);
	drv_took(1);
	if (!(drv.features >> DRV_PACKED & 1))
		assert_int_equal(len, 8 + strlen(name));
	assert_int_equal(ram32(at), id);
	assert_int_equal(ram16(at + 4), event);
	assert_int_equal(ram16(at + 6), 1);
	assert_memory_equal(ram(at + 8), name, strlen(name));
}

static void expect_none(void)
{
	u32 len;

	drv_queue(CONTROL_IN);
	assert_int_equal(drv_get(&len), 0);
}

static bool said(const struct console_ring *r, const char *text)
{
	return r->head == strlen(text) && !memcmp(r->data, text, r->head);
}

static void type(u32 port, const char *text)
{
	while (*text)
		assert_true(input_ring_put(&input[port], (u8)*text++));
	pc_event_input(drv.g);
}

static void test_one_port(void **state)
{
	struct piece p = { REPLY, 16, D_WRITE };
	u32 len;

	drv_write(0x00, 4, 0);
	assert_int_equal(drv_read(0x04, 4) & MULTIPORT, 0);
	assert_int_equal(drv_read(0x12, 2), 2);
	assert_int_equal(drv_start(MULTIPORT, 8), 0x3);
	assert_int_equal(drv_start(0, 8), 0xf);
	say(OUT0, "hello\n");
	assert_true(said(&record[0], "hello\n"));
	drv_queue(IN0);
	drv_put(&p, 1, 0);
	drv_kick();
	type(0, "ls\r");
	drv_queue(IN0);
	assert_int_equal(drv_get(&len), 1);
	assert_memory_equal(ram(REPLY), "ls\r", 3);
}

/* Both rings: what Linux does, step by step. */
static void test_ports_come_up(void **state)
{
	for (u32 mode = 0; mode < 4; mode++) {
		u64 features = MULTIPORT | (mode & 1 ? BIT(DRV_PACKED) : 0) | (mode & 2 ? BIT(DRV_EVENT) : 0);

		assert_int_equal(drv_start(features, 16), 0xf);
		assert_int_equal(drv_read(0x2004, 4), 3);
		put_buffers(10, 64);
		expect_none();
		assert_true(control(0xffffffff, READY, 1));
		for (u32 i = 0; i < 3; i++)
			expect(i, i, ADD, "");
		expect_none();
		assert_true(control(1, PORT_READY, 1));
		expect(3, 1, NAME, "log");
		expect(4, 1, OPEN, "");
		assert_true(control(0, PORT_READY, 1));
		expect(5, 0, CONSOLE, "");
		expect(6, 0, OPEN, "");
		assert_true(control(2, PORT_READY, 1));
		expect(7, 2, NAME, "agent.0");
		expect(8, 2, OPEN, "");
		assert_true(control(1, OPEN, 1));
		assert_true(c->port[1].open && !c->port[2].open);
		assert_true(control(1, OPEN, 0));
		assert_false(c->port[1].open);
		expect_none();
		assert_int_equal(c->bad_messages, 0);
		assert_false(broken());
		record[0].head = record[1].head = record[2].head = 0;
		say(OUT1, "to the log\n");
		say(OUT2, "agent");
		say(OUT0, "console");
		assert_true(said(&record[1], "to the log\n") && said(&record[2], "agent") && said(&record[0], "console"));
	}
}

/* What is typed waits until the guest opens the port; then for its buffers. */
static void test_typed(void **state)
{
	struct piece p = { REPLY, 4, D_WRITE }, more = { REPLY + 0x40, 16, D_WRITE };
	u32 len;

	drv_start(MULTIPORT, 8);
	drv_queue(IN2);
	drv_put(&p, 1, 0);
	drv_kick();
	type(2, "abcdefg");
	drv_queue(IN2);
	assert_int_equal(drv_get(&len), 0);
	assert_true(control(2, OPEN, 1));
	drv_queue(IN2);
	assert_int_equal(drv_get(&len), 1);
	drv_took(1);
	assert_int_equal(len, 4);
	assert_memory_equal(ram(REPLY), "abcd", 4);
	assert_int_equal(drv_get(&len), 0);
	drv_put(&more, 1, 0);
	drv_kick();
	assert_int_equal(drv_get(&len), 1);
	assert_memory_equal(ram(REPLY + 0x40), "efg", 3);
	drv_write(0x14, 1, 0);			/* a reset closes it */
	assert_false(c->port[2].open);
}

/* Messages wait for buffers, each once, however often they are asked for. */
static void test_late_buffers(void **state)
{
	drv_start(MULTIPORT, 64);
	for (u32 i = 0; i < 50; i++) {
		assert_true(control(0, READY, 1));
		assert_true(control(1, PORT_READY, 1));
	}
	put_buffers(1, 64);
	expect(0, 0, ADD, "");
	put_buffers(8, 64);
	expect(0, 1, ADD, "");
	expect(1, 1, NAME, "log");
	expect(2, 1, OPEN, "");
	expect(3, 2, ADD, "");
	expect_none();
	put_buffers(1, 0);			/* without room */
	control(2, READY, 1);
	assert_false(broken());
}

static void test_bad_messages(void **state)
{
	static const struct { u32 id; u16 event, value; } bad[] = {
		{ 3, PORT_READY, 1 }, { 0xffffffff, PORT_READY, 1 }, { 0x80000001, OPEN, 1 }, { 1, ADD, 1 }, { 1, REMOVE, 1 },
		{ 1, CONSOLE, 1 }, { 1, RESIZE, 1 }, { 1, NAME, 1 }, { 1, 2, 0 }, { 1, 0xffff, 0 }, { 1, OPEN, 2 },
		{ 1, PORT_READY, 0xffff }, { 0, READY, 2 },
	};
	struct piece p[3] = { { DATA, 3, 0 }, { DATA + 0x10, 4, 0 }, { DATA + 0x20, 1, 0 } };

	drv_start(MULTIPORT, 16);
	put_buffers(8, 64);
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_true(control(bad[i].id, bad[i].event, bad[i].value));
		assert_int_equal(c->bad_messages, i + 1);
		expect_none();
	}
	drv_queue(CONTROL_OUT);
	assert_true(drv_serve(p, 1, 0));		/* short ones */
	assert_true(drv_serve(p, 2, 0));
	assert_int_equal(c->bad_messages, ARRAY_COUNT(bad) + 2);
	memset(ram(DATA), 0, 0x30);
	*ram(DATA + 0x13) = 1;				/* in pieces: id 0, event 0, value 1 */
	assert_true(drv_serve(p, 3, 0));
	assert_int_equal(c->bad_messages, ARRAY_COUNT(bad) + 2);
	expect(0, 0, ADD, "");
	assert_false(broken());
	assert_false(c->port[1].open || c->port[2].open);
	p[0] = (struct piece){ RAM_SIZE - 4, 8, 0 };
	drv_queue(CONTROL_OUT);
	assert_false(drv_serve(p, 1, 0));
	assert_true(broken());
}

/* A driver that does not know of ports has the first one, and nothing else. */
static void test_old_driver(void **state)
{
	struct piece p = { DATA, 8, 0 };

	drv_start(0, 8);
	say(OUT0, "x");
	ram_put(DATA, 0, 8);
	*ram(DATA + 6) = 1;
	for (u32 queue = CONTROL_IN; queue <= OUT2; queue++) {
		drv_queue(queue);
		assert_false(drv_serve(&p, 1, 0));
	}
	assert_true(said(&record[0], "x") && !record[1].head && !record[2].head);
	assert_int_equal(c->messages, 0);
	type(1, "y");
	assert_false(broken());
}

static void test_described(void **state)
{
	char text[512];

	drv_start(MULTIPORT, 8);
	control(2, OPEN, 1);
	say(OUT1, "four");
	c->d.kind->describe(&c->d, text, sizeof(text));
	assert_string_equal(text, "console: 0 bytes written, 0 typed\nport 1 \"log\": closed, 4 bytes written, 0 typed\n"
			    "port 2 \"agent.0\": open, 0 bytes written, 0 typed\n1 control messages, 0 of them wrong");
	for (u32 size = 1; size < 160; size++) {
		memset(text, 0x55, sizeof(text));
		c->d.kind->describe(&c->d, text, size);
		assert_int_equal(text[size], 0x55);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_port, setup_one, teardown),
		T(test_ports_come_up),
		T(test_typed),
		T(test_late_buffers),
		T(test_bad_messages),
		T(test_old_driver),
		T(test_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
