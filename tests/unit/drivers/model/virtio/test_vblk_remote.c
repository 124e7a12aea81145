/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/guest_call.c hv/core/window.c hv/control/work.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* A guest's disk whose queues the control core serves: late ends in any order, few exits, resets and broken rings in mid-flight, ends
 * of guests. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"
#include "../../../../../drivers/model/virtio/vblk_int.h"

#include <hv/control_work.h>

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define REQUESTS 64u

static struct guest *kept[32];		/* control_work_add() is for ever */
static u32 keeps;

/* The store: takes all, and ends them when the test says so. */
static struct block_request *taken[REQUESTS];
static u32 count, cancels;
static bool at_once;

static void carry_out(const struct block_request *rq)
{
	u8 *at = drv.image + rq->sector * BLOCK_SECTOR;

	for (u32 i = 0; i < rq->pieces; i++) {
		if (rq->op == BLOCK_READ)
			memcpy(rq->piece[i].at, at, rq->piece[i].len);
		else if (rq->op == BLOCK_WRITE)
			memcpy(at, rq->piece[i].at, rq->piece[i].len);
		at += rq->piece[i].len;
	}
}

static void answer(u32 which)
{
	struct block_request *rq = taken[which];

	carry_out(rq);
	memmove(&taken[which], &taken[which + 1], (--count - which) * sizeof(taken[0]));
	rq->done(rq, BLOCK_OK);
}

static void settle(void)
{
	drv.b->store.settled(&drv.b->store);
}

static void submit(struct block_store *s, struct block_request *rq)
{
	assert_ptr_equal(s, &drv.b->store);
	assert_in_range(count, 0, BLOCK_REMOTE_MAX - 1);
	if (at_once) {
		carry_out(rq);
		rq->done(rq, BLOCK_OK);
		return;
	}
	taken[count++] = rq;
}

static void cancel(struct block_store *s)
{
	cancels++;
}

static const struct block_ops ops = { .submit = submit, .cancel = cancel };

static int setup(void **state)
{
	struct guest *g = drv_guest_new(false);

	timebase.tsc_hz = FAKE_TSC_HZ;
	g->window = g->ram;
	g->range_count = 1;
	g->range[0] = (struct ram_range){ 0, HPA(8 * MiB), RAM_SIZE };
	assert_in_range(keeps, 0, ARRAY_COUNT(kept) - 1);
	*state = kept[keeps++] = g;
	count = cancels = 0;
	at_once = false;
	drv.b->store.ops = &ops;
	drv.b->store.remote = true;
	assert_int_equal(vblk_remote_init(g, drv.b), 0);
	pc_reset(g);
	vpci_config_write(&drv.b->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	return 0;
}

static int teardown(void **state)
{
	while (count)
		answer(0);
	assert_true(guest_let_go(*state));
	return 0;
}

/* As the event loop does; ends where it would halt. */
static void control(void)
{
	while (control_work_poll(fake.now) || control_work_listen())
		;
}

/* What the vcpu's core does for its calls. true: it was called at all. */
static bool guest_core(void)
{
	struct guest *g = drv.g;
	bool called = g->vcpu[0].requests & REQ_CALLS;

	g->vcpu[0].requests = 0;
	if (called)
		guest_take_calls(g, &g->vcpu[0].calls);
	return called;
}

static u64 interrupts(void)
{
	return drv.d->queue[0].interrupts;
}

static void start(u64 features, u16 size)
{
	assert_int_equal(drv_start(features, size), 0xf);
	control();
	guest_core();
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

static void put_reads(u32 n)
{
	for (u32 i = 0; i < n; i++)
		put_read(i);
	drv_kick();
	control();
}

static void end_all(void)
{
	while (count)
		answer(0);
	settle();
	control();
}

static void test_late_and_out_of_order(void **state)
{
	start(0, 32);
	put_reads(3);
	assert_int_equal(count, 3);
	answer(2);
	answer(0);
	assert_int_equal(interrupts(), 0);
	settle();
	assert_int_equal(interrupts(), 1);		/* one for both, and no round of the loop is waited for */
	assert_true(read_came(0) && read_came(2) && !read_came(1));
	end_all();
	assert_int_equal(interrupts(), 2);
	assert_true(read_came(1));
	assert_int_equal(ram16(RING_DEVICE + 2), 3);
	assert_int_equal(ram32(RING_DEVICE + 4), 6);	/* the third chain came first */
}

static void test_rings_the_halted_core_once(void **state)
{
	u32 before;

	start(0, 32);
	before = fake.rings;
	put_read(0);
	drv_kick();
	assert_int_equal(fake.rings, before + 1);
	put_read(1);
	drv_kick();
	assert_int_equal(fake.rings, before + 1);
}

static void test_answered_at_once(void **state)
{
	at_once = true;
	start(0, 32);
	put_reads(8);
	for (u32 i = 0; i < 8; i++)
		assert_true(read_came(i));
	assert_int_equal(interrupts(), 1);
}

static u16 event(u16 size)
{
	return ram16(RING_DEVICE + 4 + 8 * size);
}

/* With event indexes: the driver wants to hear of the next end. */
static void want(u16 size)
{
	ram_put(RING_DRIVER + 4 + 2 * size, ram16(RING_DEVICE + 2), 2);
}

/* One at a time by a guest that thinks long: each is notified of, no end is held back. */
static void test_depth_one(void **state)
{
	start(BIT(DRV_EVENT), 32);
	for (u32 i = 0; i < 20; i++) {
		put_read(i);
		want(32);
		assert_int_equal(event(32), i);		/* it wants to hear of this one */
		drv_kick();
		control();
		answer(0);
		settle();
		assert_int_equal(interrupts(), i + 1);
		assert_false(control_work_lingers(fake.now));
		control();
		assert_true(read_came(i));
		fake.now += FAKE_MS;
	}
}

/* By a guest that asks again at once: the core stays awake for it, so it need not notify; but not for ever. */
static void test_depth_one_brisk(void **state)
{
	start(BIT(DRV_EVENT), 32);
	for (u32 i = 0; i < 20; i++) {
		assert_false(virtio_remote_peek(drv.d->remote));
		put_read(i);
		want(32);
		if (event(32) == i)
			drv_kick();
		else
			assert_true(virtio_remote_peek(drv.d->remote));
		control_work_poll(fake.now);
		assert_int_equal(count, 1);
		assert_false(control_work_lingers(fake.now));	/* while the disk works */
		assert_false(control_work_listen());
		answer(0);
		settle();
		assert_int_equal(interrupts(), i + 1);
		assert_int_equal(control_work_lingers(fake.now), i > 0);
		fake.now += 10 * FAKE_US;
	}
	assert_int_equal(drv.d->queue[0].kicks, 2);
	fake.now += 500 * FAKE_US;
	assert_false(control_work_lingers(fake.now));
	control();
	assert_int_equal(event(32), 20);
}

/* 32 at a time, refilled as they end: exits are notifications that are asked for, and interrupts. */
static void test_depth_32(void **state)
{
	u32 put = 0, exits = 0;

	start(BIT(DRV_EVENT), 128);
	for (; put < 32; put++)
		put_read(put);
	want(128);
	drv_kick();
	exits++;
	for (u32 done = 0, rounds = 0; done < 1600;) {
		u64 told = interrupts();

		assert_in_range(rounds++, 0, 100000);
		control();
		if (count) {
			answer(noise() % count);
			settle();
			done++;
		}
		fake.now += 200;
		control();
		if (interrupts() > told) {
			u32 free = 0, len;

			exits++;
			want(128);
			drv.next = 0;
			while (drv_get(&len)) {
				drv_took(1);
				free++;
			}
			for (; free; free--, put++) {
				drv.next = (u16)(put % 40 * 3);
				put_read(put % 40);
				if ((u16)(drv.avail - event(128) - 1) < 1) {
					drv_kick();
					exits++;
				}
			}
		}
	}
	print_message("1600 requests at depth 32: %u exits\n", exits);
	assert_true(exits < 160);
}

/* Company that does not come is not waited for longer than a moment. */
static void test_ends_are_not_held_for_ever(void **state)
{
	start(0, 32);
	put_reads(10);
	answer(3);
	settle();
	control();
	assert_int_equal(interrupts(), 0);
	assert_true(control_work_deadline() == fake.now + 20 * FAKE_US);
	fake.now += 20 * FAKE_US;
	control();
	assert_int_equal(interrupts(), 1);
	assert_true(read_came(3));
}

/* More than there are slots: the rest follows when some are free, without another notification. */
static void test_more_than_slots(void **state)
{
	start(0, 128);
	put_reads(40);
	assert_int_equal(count, VBLK_SLOTS);
	for (u32 i = 0; i < 8; i++)
		answer(0);
	settle();
	control();
	assert_int_equal(count, VBLK_SLOTS);
	end_all();
	fake.now += FAKE_MS;
	control();
	for (u32 i = 0; i < 40; i++)
		assert_true(read_came(i));
	assert_int_equal(drv.d->queue[0].kicks, 1);
}

/* The driver resets the device while the disk works: nothing is answered afterwards, and then it is reset. */
static void test_reset_waits(void **state)
{
	start(0, 32);
	put_reads(3);
	drv_write(0x14, 1, 0);
	control();
	assert_int_not_equal(drv_read(0x14, 1), 0);
	assert_int_equal(cancels > 0, 1);
	answer(1);
	answer(1);
	settle();
	control();
	assert_false(guest_core());
	answer(0);
	settle();
	control();
	assert_true(guest_core());
	assert_int_equal(drv_read(0x14, 1), 0);
	assert_false(read_came(0));		/* its data did, its status did not */
	assert_int_equal(ram16(RING_DEVICE + 2), 0);
	assert_int_equal(interrupts(), 0);
	start(0, 32);
	put_read(7);
	drv_kick();
	control();
	end_all();
	assert_true(read_came(7));
}

/* The ring is broken while requests are under way: the device stops, their ends are told to nobody, a reset heals it. */
static void test_broken_in_mid_flight(void **state)
{
	start(0, 32);
	put_reads(2);
	ram_put(RING_DRIVER + 2, 0x4000, 2);	/* a jump of the available index */
	drv_kick();
	control();
	assert_true(guest_core());
	assert_int_equal(drv_read(0x14, 1) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
	answer(0);
	settle();
	control();
	assert_false(read_came(0));
	drv_write(0x14, 1, 0);
	control();
	assert_int_not_equal(drv_read(0x14, 1), 0);
	end_all();
	guest_core();
	assert_int_equal(drv_read(0x14, 1), 0);
	start(0, 32);
	put_reads(1);
	end_all();
	assert_true(read_came(0));
}

/* The guest ends: what is under way is waited for, then all begins anew. */
static void test_end_of_the_guest(void **state)
{
	struct guest *g = *state;

	start(0, 32);
	put_reads(5);
	assert_false(guest_let_go(g));
	assert_int_equal(cancels, 1);
	while (count > 1)
		answer(0);
	settle();
	assert_false(guest_let_go(g));
	answer(0);
	settle();
	assert_true(guest_let_go(g));
	control();
	assert_int_equal(count, 0);
	assert_int_equal(ram16(RING_DEVICE + 2), 0);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		g->vcpu[i].requests = (u32)(g->vcpu[i].calls = 0);
	pc_reset(g);					/* the next start */
	vpci_config_write(&drv.b->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	assert_int_equal(drv.b->in_flight, 0);
	start(0, 64);
	put_reads(20);
	assert_int_equal(count, 20);
	end_all();
	for (u32 i = 0; i < 20; i++)
		assert_true(read_came(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_late_and_out_of_order), T(test_rings_the_halted_core_once), T(test_answered_at_once),
		T(test_depth_one), T(test_depth_one_brisk), T(test_depth_32), T(test_ends_are_not_held_for_ever),
		T(test_more_than_slots), T(test_reset_waits), T(test_broken_in_mid_flight), T(test_end_of_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
