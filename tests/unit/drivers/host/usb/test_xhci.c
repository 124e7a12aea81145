/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/usb/xhci_device.c drivers/host/usb/xhci_port.c drivers/host/usb/xhci_hub.c drivers/host/usb/xhci_ring.c drivers/host/usb/hid.c drivers/host/keys.c drivers/host/mouse.c hv/lib/string.c */
/* A controller in memory that answers commands and transfers, and one that answers anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/host/usb/xhci.h>
#include <hv/keys.h>
#include <hv/log.h>
#include <hv/mouse.h>
#include <hv/pool.h>
#include <hv/time.h>

#define MS 1000000ul

struct timebase timebase = { .tsc_hz = 1000000000 };
static struct xhci x;
static u8 registers[0x2000] __attribute__((aligned(4096)));
static u8 memory[64][4096] __attribute__((aligned(4096)));
static u64 now;

/* The controller's side. */
static struct {
	u32 command_at, command_cycle, event_at, event_cycle;
	u32 control_at[9], control_cycle[9];
	u32 next_slot;
	bool silent;			/* answers nothing */
	u8 fail_type;			/* a command type that fails */
	u8 stall_request;		/* a control request that stalls */
	u8 packet;			/* of endpoint 0, as the device says */
	u8 config[512];
	u32 commands[64];		/* how many of each type */
	u8 requests[32];		/* control requests in order */
	u32 request_count;
	u32 port[5];			/* what the port registers show, whatever is written */
	u8 hub_slot, hub_ports;		/* the device in this slot is a hub */
	u32 hub_port[16];		/* status and change of its ports */
	bool hub_dead;			/* stalls whatever is asked */
} hc;

static const u8 keyboard[] = { 9, 2, 34, 0, 1, 1, 0, 0xa0, 50, 9, 4, 0, 0, 1, 3, 1, 1, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0,
			       7, 5, 0x81, 3, 8, 0, 10 };

hpa_t pool_hpa(const void *p)
{
	return HPA((u64)p);
}

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	return (u64)((unsigned __int128)ticks * num / den);
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

static volatile u32 *portsc(u32 port)
{
	return (volatile u32 *)(volatile void *)(x.op + OP_PORTSC(port));
}

static void set_port(u32 port, u32 val)
{
	hc.port[port] = val;
	*portsc(port) = val;
}

static int fresh(void **state)
{
	struct key_event e;
	struct mouse_event m;

	memset(&x, 0, sizeof(x));
	memset(&hc, 0, sizeof(hc));
	memset(registers, 0, sizeof(registers));
	memset(memory, 0, sizeof(memory));
	x.cap = registers;
	x.op = registers + 0x20;
	x.run = registers + 0x1000;
	x.bell = registers + 0x1800;
	x.ports = 4;
	x.slots = 8;
	x.context_size = 32;
	x.event = (struct xhci_trb *)(void *)memory[0];
	x.event_hpa = (u64)memory[0];
	x.event_cycle = hc.event_cycle = hc.command_cycle = 1;
	x.base_array = (u64 *)(void *)memory[1];
	xhci_ring_init(&x.command, (struct xhci_trb *)(void *)memory[2]);
	for (u32 i = 1; i <= 8; i++) {
		struct xhci_device *d = &x.device[i];
		u32 page = 3 + 5 * (i - 1);

		d->context = memory[page];
		d->input = memory[page + 1];
		d->data = memory[page + 2];
		d->control.trb = (struct xhci_trb *)(void *)memory[page + 3];
		d->in.trb = (struct xhci_trb *)(void *)memory[page + 4];
	}
	hc.next_slot = 1;
	hc.packet = 8;
	memcpy(hc.config, keyboard, sizeof(keyboard));
	now = MS;
	while (keys_get(&e))
		;
	while (mouse_peek(&m))
		mouse_drop();
	return 0;
}

static void post(u64 parameter, u32 code, u32 left, u32 type, u32 slot, u32 dci)
{
	struct xhci_trb *t = &x.event[hc.event_at];

	t->parameter = parameter;
	t->status = code << 24 | left;
	t->control = slot << 24 | dci << 16 | type << 10 | hc.event_cycle;
	if (++hc.event_at == XHCI_RING) {
		hc.event_at = 0;
		hc.event_cycle ^= 1;
	}
}

static void run_commands(void)
{
	for (;;) {
		struct xhci_trb *t = &x.command.trb[hc.command_at];
		u32 type = t->control >> 10 & 63, slot = t->control >> 24;

		if ((t->control & 1) != hc.command_cycle)
			return;
		if (type == TRB_LINK) {
			assert_int_equal(t->parameter, x.command.hpa);
			hc.command_at = 0;
			hc.command_cycle ^= 1;
			continue;
		}
		hc.commands[type]++;
		hc.command_at++;
		if (type == TRB_ENABLE_SLOT)
			slot = hc.next_slot;
		if (type == TRB_ADDRESS_DEVICE) {
			hc.control_at[slot] = 0;
			hc.control_cycle[slot] = 1;
			assert_int_equal(x.base_array[slot], (u64)x.device[slot].context);
		}
		post((u64)t, type == hc.fail_type ? 5 : DONE_SUCCESS, 0, TRB_COMMAND_EVENT, slot, 0);
	}
}

/* Requests to a hub and its ports. */
static void run_hub(struct xhci_device *d, u64 setup)
{
	u8 type = (u8)setup, request = (u8)(setup >> 8);
	u16 value = (u16)(setup >> 16), port = (u16)(setup >> 32);

	if (type == 0xa0)
		d->data[2] = hc.hub_ports;
	if (type != 0x23 && type != 0xa3)
		return;
	assert_in_range(port, 1, hc.hub_ports);
	if (type == 0xa3)
		memcpy(d->data, &hc.hub_port[port], 4);
	else if (request == 3 && value == 4)
		hc.hub_port[port] |= hc.hub_port[port] & 1 ? 0x100002 : 0;
	else if (request == 1)
		hc.hub_port[port] &= ~(1u << value);
}

/* The next one of endpoint 0, behind the link if there is one. */
static struct xhci_trb *control_next(u32 slot)
{
	struct xhci_trb *t = &x.device[slot].control.trb[hc.control_at[slot]++];

	if ((t->control >> 10 & 63) != TRB_LINK || (t->control & 1) != hc.control_cycle[slot])
		return t;
	hc.control_at[slot] = 1;
	hc.control_cycle[slot] ^= 1;
	return x.device[slot].control.trb;
}

static void run_control(u32 slot)
{
	struct xhci_device *d = &x.device[slot];
	u32 at = hc.control_at[slot], cycle = hc.control_cycle[slot];
	struct xhci_trb *t = control_next(slot), *status;
	u8 request = (u8)(t->parameter >> 8), descriptor = (u8)(t->parameter >> 24);
	u32 length = (u32)(t->parameter >> 48);

	if (!d->port || (t->control & 1) != hc.control_cycle[slot]) {
		hc.control_at[slot] = at;
		hc.control_cycle[slot] = cycle;
		return;
	}
	assert_int_equal(t->control >> 10 & 63, TRB_SETUP);
	hc.requests[hc.request_count++ % 32] = request;
	if (length) {
		assert_ptr_equal(control_next(slot)->parameter, d->data);
		assert_true(length <= XHCI_DATA_BYTES);
		if (descriptor == 2) {
			memcpy(d->data, hc.config, length);
			if (slot == hc.hub_slot)
				d->data[14] = 9;
		} else {
			d->data[7] = hc.packet;
		}
	}
	status = control_next(slot);
	assert_int_equal(status->control >> 10 & 63, TRB_STATUS);
	if (slot == hc.hub_slot)
		run_hub(d, t->parameter);
	if ((hc.stall_request && request == hc.stall_request) || (hc.hub_dead && slot == hc.hub_slot))
		post((u64)t, DONE_STALL, 0, TRB_TRANSFER_EVENT, slot, 1);
	else
		post((u64)status, DONE_SUCCESS, 0, TRB_TRANSFER_EVENT, slot, 1);
}

static void turn(u64 ms)
{
	struct xhci_trb e;
	u32 n = 0;

	now += ms * MS;
	while (n++ < 64 && xhci_event_get(&x, &e))
		xhci_event(&x, &e, now);
	xhci_event_done(&x);
	xhci_turn(&x, now);
	for (u32 port = 1; port <= x.ports; port++)
		set_port(port, hc.port[port] | (*portsc(port) & PORT_RESET ? PORT_ENABLED : 0));
	if (hc.silent)
		return;
	run_commands();
	for (u32 i = 1; i <= 8; i++)
		run_control(i);
}

static void turns(u32 n)
{
	while (n--)
		turn(20);
}

static void plug(u32 port, u32 speed)
{
	set_port(port, PORT_CONNECTED | speed << 10);
}

static void report(u32 slot, u8 usage, u32 left)
{
	struct xhci_device *d = &x.device[slot];
	static u32 at[9];

	if (!d->in.cycle || x.reports == 0)
		at[slot] = 0;
	memset(d->data + 1024 + at[slot] * 8, 0, 8);
	d->data[1024 + at[slot] * 8 + 2] = usage;
	post(d->in.hpa + at[slot] * 16, left ? DONE_SHORT : DONE_SUCCESS, left, TRB_TRANSFER_EVENT, slot, d->dci);
	at[slot] = (at[slot] + 1) % (XHCI_RING - 1);
}

static void a_keyboard_comes_up(void **state)
{
	static const u8 requests[] = { 6, 6, 9, 11, 10 };
	struct key_event e;
	u32 *slot_context;

	plug(2, 1);
	turns(40);
	assert_int_equal(x.port[2].state, PORT_KEYBOARD);
	assert_int_equal(x.keyboards, 1);
	assert_int_equal(hc.request_count, 5);
	assert_memory_equal(hc.requests, requests, 5);
	assert_int_equal(hc.commands[TRB_EVALUATE_CONTEXT], 0);
	assert_int_equal(x.device[1].dci, 3);
	slot_context = (u32 *)(void *)(x.device[1].input + 32);
	assert_int_equal(slot_context[0], 3u << 27 | 1u << 20);
	assert_int_equal(slot_context[1], 2u << 16);
	report(1, 4, 0);
	turn(1);
	assert_true(keys_get(&e) && e.key == 0x1e && e.down);
	report(1, 0, 0);
	turn(1);
	assert_true(keys_get(&e) && e.key == 0x1e && !e.down);
	report(1, 5, 4);			/* short: no report */
	turn(1);
	assert_false(keys_get(&e));
}

static void packet_size_is_learnt(void **state)
{
	hc.packet = 64;
	plug(1, 1);
	turns(40);
	assert_int_equal(x.port[1].state, PORT_KEYBOARD);
	assert_int_equal(hc.commands[TRB_EVALUATE_CONTEXT], 1);
}

static void pulled_out(void **state)
{
	struct key_event e;

	plug(3, 3);
	turns(40);
	report(1, 4, 0);
	turn(1);
	assert_true(keys_get(&e) && e.down);
	set_port(3, 0);
	turns(10);
	assert_true(keys_get(&e) && !e.down);	/* what it held is let go */
	assert_int_equal(x.port[3].state, PORT_EMPTY);
	assert_int_equal(x.keyboards, 0);
	assert_int_equal(hc.commands[TRB_DISABLE_SLOT], 1);
	assert_int_equal(x.base_array[1], 0);
	post(x.device[1].in.hpa, DONE_SUCCESS, 0, TRB_TRANSFER_EVENT, 1, 3);	/* a late one */
	turn(1);
	assert_false(keys_get(&e));
	plug(3, 3);
	turns(40);
	assert_int_equal(x.port[3].state, PORT_KEYBOARD);
}

static void two_at_once(void **state)
{
	plug(1, 1);
	plug(4, 3);
	for (u32 i = 0; i < 60; i++) {
		turn(20);
		hc.next_slot = x.device[1].port ? 2 : 1;
	}
	assert_int_equal(x.keyboards, 2);
	assert_int_equal(x.port[1].state, PORT_KEYBOARD);
	assert_int_equal(x.port[4].state, PORT_KEYBOARD);
}

static void no_keyboard(void **state)
{
	hc.config[16] = 0;
	plug(1, 1);
	turns(40);
	assert_int_equal(x.port[1].state, PORT_OTHER);
	assert_int_equal(hc.commands[TRB_DISABLE_SLOT], 1);
	hc.config[14] = 9;
	set_port(1, 0);
	turns(4);
	plug(1, 1);
	turns(40);
	assert_int_equal(x.port[1].state, PORT_OTHER);		/* a hub without ports */
	turns(100);
	assert_int_equal(hc.commands[TRB_ENABLE_SLOT], 2);
}

static void a_mouse(void **state)
{
	struct mouse_event m;

	hc.config[16] = 2;
	hc.config[31] = 4;		/* bytes of a packet */
	plug(2, 1);
	turns(40);
	assert_int_equal(x.port[2].state, PORT_MOUSE);
	assert_int_equal(x.mice, 1);
	memcpy(x.device[1].data + 1024, "\x01\x05\xfe", 3);
	post(x.device[1].in.hpa, DONE_SHORT, 4, TRB_TRANSFER_EVENT, 1, 3);
	turn(1);
	assert_true(mouse_peek(&m) && m.dx == 5 && m.dy == 2 && m.buttons == 1);
	mouse_drop();
	set_port(2, 0);
	turns(10);
	assert_true(mouse_peek(&m) && !m.dx && !m.buttons);	/* its button is let go */
	assert_int_equal(x.mice, 0);
	assert_int_equal(x.port[2].state, PORT_EMPTY);
}

/* Next free slot, as a controller gives them. */
static void hub_turns(u32 n)
{
	while (n--) {
		hc.next_slot = 1;
		while (x.device[hc.next_slot].port)
			hc.next_slot++;
		turn(20);
	}
}

static u32 hub_up(u32 speed)
{
	hc.hub_slot = 1;
	hc.hub_ports = 4;
	plug(3, speed);
	hub_turns(60);
	assert_int_equal(x.port[3].state, PORT_HUB);
	assert_int_equal(x.hubs, 1);
	return XHCI_CHILD;
}

static void behind_a_hub(void **state)
{
	u32 first = hub_up(SPEED_HIGH), *slot;
	struct key_event e;

	slot = (u32 *)(void *)(x.device[1].input + 32);
	assert_int_equal(slot[0], 1u << 27 | 1u << 26 | 3u << 20);
	assert_int_equal(slot[1], 4u << 24 | 3u << 16);
	hub_turns(50);
	assert_int_equal(hc.commands[TRB_ENABLE_SLOT], 1);
	hc.hub_port[2] = 1 | 0x200 | 0x10000;		/* low speed, has changed */
	hub_turns(100);
	assert_int_equal(x.port[first + 1].state, PORT_KEYBOARD);
	assert_int_equal(x.port[first + 1].slot, 2);
	slot = (u32 *)(void *)(x.device[2].input + 32);
	assert_int_equal(slot[0], 3u << 27 | 2u << 20 | 2);	/* route 2 */
	assert_int_equal(slot[1], 3u << 16);
	assert_int_equal(slot[2], 1 | 2u << 8);			/* its hub translates */
	report(2, 4, 0);
	turn(1);
	assert_true(keys_get(&e) && e.key == 0x1e && e.down);
	hc.hub_port[2] = 0x10000;				/* pulled out there */
	hub_turns(60);
	assert_true(keys_get(&e) && e.key == 0x1e && !e.down);
	assert_int_equal(x.port[first + 1].state, PORT_EMPTY);
	assert_int_equal(x.keyboards, 0);
	hc.hub_port[4] = 1 | 0x10000;
	hub_turns(100);
	assert_int_equal(x.port[first + 3].state, PORT_KEYBOARD);
	hc.hub_port[4] = 1 | 0x10000;				/* another in its place, between two looks */
	hub_turns(100);
	assert_int_equal(x.keyboards, 1);
	assert_int_equal(x.port[first + 3].state, PORT_KEYBOARD);
	set_port(3, 0);						/* the hub, with all that is behind it */
	hub_turns(60);
	assert_int_equal(x.keyboards + x.hubs, 0);
	assert_int_equal(x.port[first].hub, 0);
	assert_int_equal(x.device[1].port + x.device[2].port, 0);
	memset(hc.hub_port, 0, sizeof(hc.hub_port));
	hub_up(SPEED_FULL);
	hc.hub_port[1] = 1;
	hub_turns(100);
	assert_int_equal(x.port[first].state, PORT_KEYBOARD);
	assert_int_equal(((u32 *)(void *)(x.device[2].input + 32))[2], 0);	/* nothing to translate */
}

static void hubs_that_fail(void **state)
{
	u32 first = hub_up(SPEED_HIGH);

	hc.hub_port[2] = 1;
	hub_turns(100);
	assert_int_equal(x.keyboards, 1);
	hc.hub_dead = true;
	hub_turns(400);
	assert_int_equal(x.port[3].state, PORT_FAILED);		/* after some tries */
	assert_int_equal(x.keyboards + x.hubs, 0);
	assert_int_equal(x.up.step, STEP_NONE);
	assert_int_equal(x.port[first].hub, 0);
	set_port(3, 0);
	hub_turns(10);
	hc.hub_dead = false;
	hc.hub_ports = 200;					/* more than there can be */
	plug(3, SPEED_HIGH);
	hub_turns(100);
	assert_int_equal(x.port[3].state, PORT_HUB);
	assert_int_equal(x.device[1].ports, 15);
	fresh(NULL);
	hc.hub_port[1] = 1;
	hub_up(SPEED_HIGH);
	hc.silent = true;
	hub_turns(3000);
	assert_int_equal(x.up.step, STEP_NONE);
}

static void failures_end(void **state)
{
	static const u8 types[] = { TRB_ENABLE_SLOT, TRB_ADDRESS_DEVICE, TRB_CONFIGURE_ENDPOINT };

	for (u32 i = 0; i < sizeof(types); i++) {
		fresh(NULL);
		hc.fail_type = types[i];
		plug(1, 1);
		turns(200);
		assert_int_equal(x.port[1].state, PORT_FAILED);
		assert_int_equal(hc.commands[types[i]], 3);	/* tries */
		assert_int_equal(x.up.step, STEP_NONE);
		assert_int_equal(x.device[1].port, 0);
	}
}

static void stalls(void **state)
{
	hc.stall_request = 10;			/* SET_IDLE may be refused */
	plug(1, 1);
	turns(40);
	assert_int_equal(x.port[1].state, PORT_KEYBOARD);
	fresh(NULL);
	hc.stall_request = 11;
	plug(1, 1);
	turns(200);
	assert_int_equal(x.port[1].state, PORT_FAILED);
}

static void silence(void **state)
{
	hc.silent = true;
	plug(1, 1);
	turns(1000);
	assert_int_equal(x.port[1].state, PORT_FAILED);
	assert_int_equal(x.up.step, STEP_NONE);
}

static void slots_that_are_none(void **state)
{
	static const u32 slots[] = { 0, 9, 255 };

	for (u32 i = 0; i < 3; i++) {
		fresh(NULL);
		hc.next_slot = slots[i];
		plug(1, 1);
		turns(200);
		assert_int_equal(x.port[1].state, PORT_FAILED);
	}
}

static void rings_wrap(void **state)
{
	struct key_event e;

	plug(2, 1);
	turns(40);
	for (u32 i = 0; i < 1000; i++) {
		report(1, i & 1 ? 0 : 4, 0);
		turn(1);
		assert_true(keys_get(&e));
		assert_int_equal(e.down, !(i & 1));
	}
	for (u32 i = 0; i < 200; i++) {		/* of the command ring */
		set_port(2, 0);
		turns(4);
		plug(2, 1);
		turns(30);
		assert_int_equal(x.port[2].state, PORT_KEYBOARD);
	}
}

static void a_controller_that_dies(void **state)
{
	plug(2, 1);
	turns(40);
	memset(registers, 0xff, sizeof(registers));
	xhci_turn(&x, now + 1000 * MS);
	assert_true(x.dead);
}

/* Events of any kind, at any moment, while ports come and go: nothing breaks, and what is left works. */
static void events_at_random(void **state)
{
	struct key_event e;

	srand(7);
	for (u32 i = 0; i < 100000; i++) {
		u32 r = (u32)rand();

		if (r % 3 == 0)
			post(r & 8 ? (u64)&x.command.trb[(u32)rand() % 256] : r & 16 ? x.device[1].in.hpa + (u32)rand() % 8192 :
			     (u64)rand() << 30, (u32)rand() % 20, r & 64 ? (u32)rand() & 0xffffff : 0, 30 + (u32)rand() % 8,
			     (u32)rand() % (r & 128 ? 4 : 256), (u32)rand() % 32);
		if (r % 50 == 1)
			set_port(1 + (u32)rand() % 4, (u32)rand() & ~(u32)PORT_RESET);
		if (r % 70 == 2)
			hc.next_slot = (u32)rand() % 12;
		turn(r % 40);
		while (keys_get(&e))
			;
	}
	for (u32 i = 1; i <= 4; i++)
		set_port(i, 0);
	hc.next_slot = 1;
	turns(300);
	for (u32 i = 1; i <= 8; i++)
		if (!x.device[i].port)
			hc.next_slot = i;
	plug(2, 1);
	turns(100);
	assert_int_equal(x.port[2].state, PORT_KEYBOARD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_keyboard_comes_up, fresh),
		cmocka_unit_test_setup(packet_size_is_learnt, fresh),
		cmocka_unit_test_setup(pulled_out, fresh),
		cmocka_unit_test_setup(two_at_once, fresh),
		cmocka_unit_test_setup(no_keyboard, fresh),
		cmocka_unit_test_setup(a_mouse, fresh),
		cmocka_unit_test_setup(behind_a_hub, fresh),
		cmocka_unit_test_setup(hubs_that_fail, fresh),
		cmocka_unit_test_setup(failures_end, fresh),
		cmocka_unit_test_setup(stalls, fresh),
		cmocka_unit_test_setup(silence, fresh),
		cmocka_unit_test_setup(slots_that_are_none, fresh),
		cmocka_unit_test_setup(rings_wrap, fresh),
		cmocka_unit_test_setup(a_controller_that_dies, fresh),
		cmocka_unit_test_setup(events_at_random, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
