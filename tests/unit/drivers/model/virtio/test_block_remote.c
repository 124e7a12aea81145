/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/block_remote.c hv/core/guest_call.c hv/core/window.c hv/control/work.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* A guest's disk whose backend is on the control core: late answers in any order, few calls, few exits, ends of guests. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"

#include <hv/block_remote.h>
#include <hv/control_work.h>

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define REQUESTS 64u

static struct block_remote remote[16];
static u32 remotes;
static struct block_remote *r;

/* The backend: takes as many as it has room for, and answers when the test says so. */
static struct block_request *taken[REQUESTS];
static u32 count, room, cancels;
static bool at_once;

static void answer(u32 which)
{
	struct block_request *rq = taken[which];
	u8 *at = drv.image + rq->sector * BLOCK_SECTOR;

	for (u32 i = 0; i < rq->pieces; i++) {
		u8 *p = block_remote_ptr(r, &rq->piece[i]);

		assert_non_null(p);
		if (rq->op == BLOCK_READ)
			memcpy(p, at, rq->piece[i].len);
		else if (rq->op == BLOCK_WRITE)
			memcpy(at, p, rq->piece[i].len);
		at += rq->piece[i].len;
	}
	memmove(&taken[which], &taken[which + 1], (--count - which) * sizeof(taken[0]));
	block_remote_done(r, rq, BLOCK_OK);
}

static bool serve(struct block_remote *which, struct block_request *rq)
{
	assert_ptr_equal(which, r);
	if (count == room)
		return false;
	taken[count++] = rq;
	if (at_once)
		answer(count - 1);
	return true;
}

static void cancel(struct block_remote *which)
{
	cancels++;
}

static const struct block_backend backend = { serve, cancel };

static int setup(void **state)
{
	struct guest *g = drv_guest_new(false);

	g->window = g->ram;
	g->range_count = 2;
	g->range[0] = (struct ram_range){ 0, HPA(8 * MiB), RAM_SIZE / 2 };
	g->range[1] = (struct ram_range){ RAM_SIZE / 2, HPA(64 * MiB), RAM_SIZE / 2 };
	r = &remote[remotes++];		/* control_work_add() is for ever */
	count = cancels = 0;
	room = REQUESTS;
	at_once = false;
	assert_int_equal(block_remote_init(r, g, &drv.b->store, &backend, NULL), 0);
	timebase.tsc_hz = FAKE_TSC_HZ;
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	while (count)
		answer(0);
	assert_true(guest_let_go(*state));
	drv_guest_free(*state);
	return 0;
}

/* As the event loop does; ends where it would halt. */
static void control(void)
{
	while (control_work_poll(fake.now) || control_work_listen())
		;
}

/* What the vcpu's core does for its calls. true: it was called at all. */
static bool guest_core(u32 vcpu)
{
	struct guest *g = drv.g;
	bool called = g->vcpu[vcpu].requests & REQ_CALLS;

	g->vcpu[vcpu].requests = 0;
	core_private.vcpu.index = vcpu;
	if (called)
		guest_take_calls(g, &g->vcpu[vcpu].calls);
	core_private.vcpu.index = 0;
	return called;
}

static void put_read(u32 nr)
{
	const struct piece p[] = { { DATA + nr * 0x20, 16, 0 }, { DATA + 0x4000 + nr * 512, 512, D_WRITE },
		{ DATA + nr * 0x20 + 16, 1, D_WRITE } };

	ram_put(DATA + nr * 0x20, BLK_IN, 8);
	ram_put(DATA + nr * 0x20 + 8, nr, 8);
	*ram(DATA + nr * 0x20 + 16) = 0xff;
	drv_put(p, 3, 0);
}

static bool read_came(u32 nr)
{
	return *ram(DATA + nr * 0x20 + 16) == 0 && *ram(DATA + 0x4000 + nr * 512 + 511) == (u8)(nr + 1);
}

static void test_late_and_out_of_order(void **state)
{
	drv_start(0, 32);
	for (u32 i = 0; i < 3; i++)
		put_read(i);
	drv_kick();
	assert_int_equal(fake.rings, 0);		/* it is awake */
	assert_false(drv.b->store.ops->idle(&drv.b->store));
	control();
	assert_int_equal(count, 3);
	assert_false(guest_core(0));
	answer(2);
	answer(0);
	control();
	assert_true(guest_core(0));
	assert_true(read_came(0) && read_came(2) && !read_came(1));
	assert_int_equal(drv.b->d.queue[0].interrupts, 1);	/* one for both */
	answer(0);
	control();
	assert_true(guest_core(0));
	assert_true(read_came(1));
	assert_true(drv.b->store.ops->idle(&drv.b->store));
	assert_int_equal(r->calls, 2);
	assert_int_equal(ram16(RING_DEVICE + 2), 3);
	assert_int_equal(ram32(RING_DEVICE + 4), 6);	/* the third chain came first */
}

static void test_rings_the_halted_core_once(void **state)
{
	drv_start(0, 32);
	control();
	put_read(0);
	drv_kick();
	assert_int_equal(fake.rings, 1);
	put_read(1);
	drv_kick();
	assert_int_equal(fake.rings, 1);
}

static void test_answered_at_once(void **state)
{
	at_once = true;
	drv_start(0, 32);
	for (u32 i = 0; i < 8; i++)
		put_read(i);
	drv_kick();
	control();
	assert_true(guest_core(0));
	for (u32 i = 0; i < 8; i++)
		assert_true(read_came(i));
	assert_int_equal(r->calls, 1);
}

static void test_the_one_who_asked_is_called(void **state)
{
	drv_start(0, 32);
	core_private.vcpu.index = 2;
	put_read(0);
	drv_kick();
	control();
	answer(0);
	control();
	assert_false(guest_core(0));
	assert_true(guest_core(2));
	assert_true(read_came(0));
}

/* One at a time: no waiting for company, and each is notified of. */
static void test_depth_one(void **state)
{
	drv_start(BIT(DRV_EVENT), 32);
	for (u32 i = 0; i < 20; i++) {
		put_read(i);
		assert_int_equal(ram16(RING_DEVICE + 4 + 8 * 32), i);	/* it wants to hear of this one */
		drv_kick();
		control();
		answer(0);
		control();
		assert_true(guest_core(0));
		assert_true(read_came(i));
	}
	assert_int_equal(drv.b->d.queue[0].kicks, 20);
	assert_int_equal(r->calls, 20);
}

/* 32 at a time, refilled as they end: exits are notifications that are asked for, and calls. */
static void test_depth_32(void **state)
{
	u32 put = 0, exits = 0, seed;

	drv_start(BIT(DRV_EVENT), 128);
	for (; put < 32; put++)
		put_read(put);
	drv_kick();
	exits++;
	for (u32 done = 0; done < 1600;) {
		u64 announced = drv.b->d.queue[0].requests;

		control();
		seed = noise();
		if (count) {
			answer(seed % count);
			done++;
		}
		fake.now += 200;
		control();
		if (guest_core(0)) {
			u32 free = 0, len;

			exits++;
			drv.next = 0;
			while (drv_get(&len)) {
				drv_took(1);
				free++;
			}
			for (; free; free--, put++) {
				u16 event = ram16(RING_DEVICE + 4 + 8 * 128);

				drv.next = (u16)(put % 40 * 3);
				put_read(put % 40);
				if ((u16)(drv.avail - event - 1) < 1) {
					drv_kick();
					exits++;
				}
			}
		}
		assert_true(drv.b->d.queue[0].requests >= announced);
	}
	print_message("1600 requests at depth 32: %u exits\n", exits);
	assert_true(exits < 160);
}

/* Company that does not come is not waited for longer than a moment. */
static void test_answers_are_not_held_for_ever(void **state)
{
	drv_start(0, 32);
	for (u32 i = 0; i < 10; i++)
		put_read(i);
	drv_kick();
	control();
	answer(3);
	control();
	assert_false(guest_core(0));
	assert_true(control_work_deadline() == fake.now + 20 * FAKE_US);
	fake.now += 20 * FAKE_US;
	control();
	assert_true(guest_core(0));
	assert_true(read_came(3));
}

static void test_full_backend(void **state)
{
	room = 2;
	drv_start(0, 32);
	for (u32 i = 0; i < 5; i++)
		put_read(i);
	drv_kick();
	control();
	assert_int_equal(count, 2);
	assert_int_equal(r->in_flight, 2);
	answer(0);
	control();
	assert_int_equal(count, 2);
	for (u32 i = 0; i < 4; i++) {
		answer(0);
		control();
		fake.now += FAKE_MS;
	}
	control();
	guest_core(0);
	for (u32 i = 0; i < 5; i++)
		assert_true(read_came(i));
}

/* The driver resets the device while the disk works: nothing is touched afterwards, and then it is reset. */
static void test_reset_waits(void **state)
{
	drv_start(0, 32);
	for (u32 i = 0; i < 3; i++)
		put_read(i);
	drv_kick();
	control();
	drv_write(0x14, 1, 0);
	assert_int_not_equal(drv_read(0x14, 1), 0);
	answer(1);
	answer(1);
	answer(0);
	control();
	assert_true(guest_core(0));
	assert_int_equal(drv_read(0x14, 1), 0);
	assert_int_equal(drv_start(0, 32), 0xf);
	put_read(7);
	drv_kick();
	control();
	answer(0);
	control();
	guest_core(0);
	assert_true(read_came(7));
}

/* The guest ends: what was not begun is dropped, what was is waited for, then all begins anew. */
static void test_end_of_the_guest(void **state)
{
	struct guest *g = *state;

	room = 2;
	drv_start(0, 32);
	for (u32 i = 0; i < 5; i++)
		put_read(i);
	drv_kick();
	control();
	assert_false(guest_let_go(g));
	assert_false(guest_let_go(g));
	assert_int_equal(cancels, 1);
	answer(0);
	assert_false(guest_let_go(g));
	answer(0);
	assert_true(guest_let_go(g));
	control();
	assert_int_equal(count, 0);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		g->vcpu[i].requests = (u32)(g->vcpu[i].calls = 0);
	pc_reset(g);					/* the next start */
	vpci_config_write(&drv.b->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	assert_int_equal(drv.b->in_flight, 0);
	room = REQUESTS;
	drv_start(0, 64);
	for (u32 i = 0; i < 20; i++)
		put_read(i);
	drv_kick();
	control();
	assert_int_equal(count, 20);
	while (count)
		answer(0);
	control();
	guest_core(0);
	for (u32 i = 0; i < 20; i++)
		assert_true(read_came(i));
}

static void test_pieces_for_devices(void **state)
{
	struct gmem_piece p[] = { { ram(0x1000), 512 }, { ram(0x1200), 512 }, { ram(RAM_SIZE / 2 - 256), 512 } };
	struct block_request rq = { .op = BLOCK_READ, .sectors = 3, .piece = p, .pieces = 3 };
	struct dma_piece to[4];

	assert_int_equal(block_remote_dma(r, &rq, to, 4), 3);
	assert_true(to[0].hpa == 8 * MiB + 0x1000 && to[0].len == 1024);
	assert_true(to[1].hpa == 8 * MiB + RAM_SIZE / 2 - 256 && to[1].len == 256);
	assert_true(to[2].hpa == 64 * MiB && to[2].len == 256);
	assert_int_equal(block_remote_dma(r, &rq, to, 2), 0);
	rq.pieces = 2;
	assert_int_equal(block_remote_dma(r, &rq, to, 1), 1);
	p[1].at = ram(0) + RAM_SIZE - 100;
	assert_int_equal(block_remote_dma(r, &rq, to, 4), 0);
	assert_null(block_remote_ptr(r, &p[1]));
	p[1].at = ram(0) - 1;
	assert_null(block_remote_ptr(r, &p[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_late_and_out_of_order), T(test_rings_the_halted_core_once), T(test_answered_at_once),
		T(test_the_one_who_asked_is_called), T(test_depth_one), T(test_depth_32),
		T(test_answers_are_not_held_for_ever), T(test_full_backend), T(test_reset_waits),
		T(test_end_of_the_guest), T(test_pieces_for_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
