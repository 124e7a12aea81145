/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/guest_call.c hv/core/window.c hv/control/work.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* Queues that the control core serves: lent and taken back, notified seldom, interrupted seldom, broken, reset, ended. The device
 * is a toy with two queues that gives every request back. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"
#include "../../../../../drivers/model/virtio/virtio_remote.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define TESTS 28u
#define VECTOR 0x41u
#define GAP_NS 100000u
#define LAZY_NS 300000u
#define NS(n) ((n) * (FAKE_TSC_HZ / 1000000) / 1000)
#define CLOSE_LOOK_NS 100000u
#define NEEDS_RESET 0x40u

struct toy {
	struct virtio_device d;
	struct virtio_remote r;
	u32 looks[2];
	u32 served, taken, dropped;
	bool busy;			/* its memory is in use */
	bool asleep;			/* queue 1 is left alone */
};

static struct toy *toys, *t;		/* control_work_add() is for ever: a new one each time */
static u32 toy_count;

static bool serve(struct virtio_device *d, u32 queue)
{
	struct virtq *q = &d->queue[queue];
	struct virtq_chain c;
	int got = virtq_take(q, &c);

	t->looks[queue]++;
	if (got < 0)
		virtio_remote_fail(&t->r, queue);
	if (!got && queue == 1 && t->asleep)
		virtio_remote_rest(&t->r, queue);
	if (got <= 0)
		return false;
	t->served++;
	virtq_give(q, &c, 7);
	virtio_remote_flush(&t->r, queue);
	return true;
}

static void taken(struct virtio_device *d, u32 queue)
{
	t->taken++;
}

static bool drop(struct virtio_device *d, u32 queue)
{
	t->dropped += !t->busy;
	return !t->busy;
}

static void local_kick(struct virtio_device *d, u32 queue)
{
	fail();
}

static const struct virtio_remote_kind remote_kind = { .name = "toy", .serve = serve, .taken = taken, .drop = drop,
	.gap_ns = GAP_NS, .gap_max_ns = 4 * GAP_NS, .lazy_ns = LAZY_NS };
static const struct virtio_kind kind = { .pci = VIRTIO_PCI_DESC("toy", 1, 0x020000u, 3), .kicked = local_kick };

static int setup(void **state)
{
	struct guest *g = drv_guest_new(false);

	*state = g;
	g->window = g->ram;
	g->range_count = 1;
	g->range[0] = (struct ram_range){ 0, HPA(8 * MiB), RAM_SIZE };
	if (!toys)
		toys = calloc(TESTS, sizeof(*toys));
	assert_in_range(toy_count, 0, TESTS - 1);
	t = &toys[toy_count++];
	assert_int_equal(virtio_remote_init(&t->r, g, &t->d, &remote_kind, 3), 0);
	t->r.eager = BIT32(1);
	assert_int_equal(virtio_add(g, &t->d, &kind, 0, 2, 5), 0);
	g->pc->virtio.net[g->pc->virtio.nets++] = &t->d;
	pc_reset(g);
	timebase.tsc_hz = FAKE_TSC_HZ;
	vpci_config_write(&t->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv.d = &t->d;
	drv.queues = 2;
	return 0;
}

static int teardown(void **state)
{
	t->busy = false;
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

/* What vcpu 0's core does for its calls. true: it was called at all. */
static bool guest_core(void)
{
	bool called = drv.g->vcpu[0].requests & REQ_CALLS;

	drv.g->vcpu[0].requests &= ~(u32)REQ_CALLS;
	if (called)
		guest_take_calls(drv.g, &drv.g->vcpu[0].calls);
	return called;
}

static void put(void)
{
	struct piece p = { DATA, 64, D_WRITE };

	drv_put(&p, 1, 0);
}

static bool came(void)
{
	u32 len;
	bool got = drv_get(&len);

	if (got)
		drv_took(1);
	return got;
}

/* Entry of the MSI-X table for queue 0: to vcpu. */
static void aim(u32 vcpu, u32 masked)
{
	u32 words[] = { 0xfee00000u | vcpu << 12, 0, VECTOR, masked };

	drv_write(0x16, 2, 0);
	drv_write(0x1a, 2, 0);
	for (u32 i = 0; i < 4; i++) {
		struct io io = { .off = i * 4, .size = 4, .val = words[i], .write = true };

		vpci_msix_io(&t->d.f, &io);
	}
}

static void stop(void)
{
	drv_write(0x14, 1, 0);
	control();
	guest_core();
	assert_int_equal(drv_read(0x14, 1), 0);
}

static void start(u64 features)
{
	stop();
	vpci_config_write(&t->d.f, t->d.f.msix_cap + 2u, 2, 0x8000);
	assert_int_equal(drv_start(features, 8), 0xf);
	aim(1, 0);
	drv_queue(0);
	control();
}

static bool posted(u32 vcpu)
{
	u64 *word = &drv.g->vcpu[vcpu].posted[VECTOR / 64], was = *word;

	*word = 0;
	return was >> VECTOR % 64 & 1;
}

static bool notifies(void)
{
	return drv.features >> DRV_EVENT & 1 || !(ram16(RING_DEVICE) & 1);
}

static void test_served(void **state)
{
	static const u64 modes[] = { 0, BIT(DRV_EVENT), BIT(DRV_PACKED), BIT(DRV_PACKED) | BIT(DRV_EVENT) };

	for (u32 i = 0; i < ARRAY_COUNT(modes); i++) {
		start(modes[i]);
		assert_int_equal(t->taken, 2 * (i + 1));
		for (u32 n = 0; n < 20; n++) {
			put();
			assert_false(came());
			drv_kick();
			assert_false(came());		/* not on this core */
			control();
			assert_true(came());
		}
		assert_int_equal(t->served, 20 * (i + 1));
		assert_int_equal(t->d.queue[0].kicks, 20);
		assert_true(t->d.queue[0].base == drv.g->window);
	}
}

/* As long as the control core is awake nobody needs to notify; when it halts, somebody does. */
static void test_silence(void **state)
{
	start(0);
	assert_true(notifies());
	put();
	drv_kick();
	assert_true(control_work_poll(fake.now));
	assert_false(notifies());
	put();						/* without a word */
	assert_true(control_work_poll(fake.now));
	assert_int_equal(t->served, 2);
	assert_false(control_work_poll(fake.now));
	put();						/* after the last look */
	assert_true(control_work_listen());
	assert_true(control_work_poll(fake.now));
	assert_false(control_work_poll(fake.now));
	assert_false(control_work_listen());
	assert_true(notifies());
}

/* Where nothing waits only the eager ones are served. */
static void test_eager(void **state)
{
	start(0);
	virtio_remote_wake(&t->r, 0);
	virtio_remote_wake(&t->r, 1);
	t->looks[0] = t->looks[1] = 0;
	assert_false(control_work_poll(fake.now));
	assert_int_equal(t->looks[0], 0);
	assert_int_equal(t->looks[1], 1);
	put();
	assert_true(control_work_poll(fake.now));
	assert_true(t->looks[0] == 1 && t->looks[1] == 2);
}

/* A notification by its port: without the device lock while the queue is lent, with it else. */
static void test_ring(void **state)
{
	start(0);
	put();
	drv.g->device_lock.held = 99;			/* another vcpu of the guest */
	virtio_pci_ring(&t->d, 0);
	drv.g->device_lock.held = 0;
	assert_int_equal(t->d.queue[0].kicks, 1);
	control();
	assert_int_equal(t->served, 1);
	drv_write(0x14, 1, 0);
	control();
	virtio_pci_ring(&t->d, 0);			/* asked back */
	virtio_pci_ring(&t->d, 2);			/* not one of those that are lent, nor started */
	virtio_pci_ring(&t->d, 0xffffffffffffc000);	/* its ports were moved meanwhile */
	assert_int_equal(t->d.ignored, 3);
	assert_int_equal(drv.g->device_lock.held, 0);
	start(0);
	control();
	assert_int_equal(t->served, 1);
}

/* A queue whose driver need not speak: it is not looked at until it is woken, or a word comes all the same. */
static void test_left_alone(void **state)
{
	t->asleep = true;
	start(0);
	drv_queue(1);
	assert_true(ram16(RING_DEVICE + RING_STEP) & 1);
	put();
	control();
	assert_int_equal(t->served, 0);
	virtio_remote_wake(&t->r, 1);
	control();
	assert_int_equal(t->served, 1);
	put();
	drv_kick();
	control();
	assert_int_equal(t->served, 2);
}

/* Nothing is the guest's again before the control core has said so; nothing is looked at from then on. */
static void test_reset(void **state)
{
	start(0);
	put();
	drv_kick();
	t->busy = true;
	drv_write(0x14, 1, 0);
	assert_int_equal(drv_read(0x14, 1), 0xf);
	drv_write(0x14, 1, 1);				/* not before it is over */
	control_work_poll(fake.now);
	assert_false(guest_core());
	assert_int_equal(drv_read(0x14, 1), 0xf);
	assert_int_equal(t->served, 0);
	control();
	control_work_poll(fake.now);
	assert_true(control_work_deadline() <= fake.now + NS(CLOSE_LOOK_NS));	/* it is looked at again, whoever sleeps */
	t->busy = false;
	control();
	assert_true(guest_core());
	assert_int_equal(drv_read(0x14, 1), 0);
	assert_int_equal(t->dropped, 2);
	drv_kick();
	control();
	assert_int_equal(t->served, 0);
	assert_int_equal(t->r.lent, 0);
	start(0);
	put();
	drv_kick();
	control();
	assert_true(came());
}

static void test_queue_reset(void **state)
{
	start(BIT(DRV_RESET));
	drv_write(0x16, 2, 0);
	drv_write(0x3a, 2, 1);
	assert_int_equal(drv_read(0x3a, 2), 1);
	control();
	assert_true(guest_core());
	assert_int_equal(drv_read(0x3a, 2), 0);
	assert_int_equal(drv_read(0x1c, 2), 0);
	assert_int_equal(t->r.lent, 2);
	memset(ram(RING_DESC), 0, RING_STEP);
	drv.next = drv.avail = drv.used = 0;
	drv_write(0x18, 2, 8);
	drv_write(0x20, 8, RING_DESC);
	drv_write(0x28, 8, RING_DRIVER);
	drv_write(0x30, 8, RING_DEVICE);
	drv_write(0x1c, 2, 1);
	control();
	put();
	drv_kick();
	control();
	assert_true(came());
}

/* Lent and recalled before the control core has looked: it says so, and has touched nothing. */
static void test_reset_unseen(void **state)
{
	assert_int_equal(drv_start(0, 8), 0xf);
	drv_write(0x14, 1, 0);
	control();
	assert_true(guest_core());
	assert_int_equal(drv_read(0x14, 1), 0);
	assert_int_equal(t->taken, 0);
}

static void test_broken(void **state)
{
	struct piece p = { RAM_SIZE - 8, 100, D_WRITE };

	start(0);
	drv_put(&p, 1, 0);
	drv_kick();
	control();
	assert_false(virtio_remote_has(&t->r, 0) || virtio_remote_has(&t->r, 1));
	drv_queue(1);
	put();
	drv_kick();
	control();					/* before the guest's core knows */
	assert_int_equal(t->served, 0);
	assert_true(guest_core());
	assert_int_equal(drv_read(0x14, 1), 0xf | NEEDS_RESET);
	control();
	assert_int_equal(t->r.lent, 0);
	start(0);
	put();
	drv_kick();
	control();
	assert_true(came());
}

/* A failure that the guest has not heard of when it resets is forgotten. */
static void test_broken_and_reset(void **state)
{
	struct piece p = { RAM_SIZE - 8, 100, D_WRITE };

	start(0);
	drv_put(&p, 1, 0);
	drv_kick();
	control();
	drv_write(0x14, 1, 0);
	control();
	virtio_settle(&t->d);
	assert_int_equal(drv_read(0x14, 1), 0);
	guest_core();
	assert_int_equal(drv_read(0x14, 1), 0);
}

/* The guest's cores are parked with everything lent: nothing is touched after let_go() was true. */
static void test_end(void **state)
{
	struct guest *g = *state;

	start(0);
	put();
	drv_kick();
	t->busy = true;
	assert_false(guest_let_go(g));
	assert_false(control_work_poll(fake.now));
	assert_int_equal(t->served, 0);
	t->busy = false;
	assert_true(guest_let_go(g));
	memset(g->ram, 0xff, RAM_SIZE);
	control();
	assert_int_equal(t->served, 0);
	pc_reset(g);
	vpci_config_write(&t->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	start(0);
	put();
	drv_kick();
	control();
	assert_true(came());
}

static void test_bus_master(void **state)
{
	start(0);
	vpci_config_write(&t->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY);
	put();
	drv_kick();
	control();
	assert_int_equal(t->served, 0);
	vpci_config_write(&t->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	control();
	assert_int_equal(t->served, 1);
}

static void test_interrupts(void **state)
{
	start(0);
	fake.now += FAKE_MS;
	control();
	put();
	drv_kick();
	control();
	assert_true(posted(1));
	assert_int_equal(drv.g->vcpu[0].requests, 0);	/* nobody else */
	put();
	drv_kick();
	control();
	assert_false(posted(1));			/* too soon for a vcpu that runs */
	assert_true(control_work_deadline() == fake.now + NS(GAP_NS));
	fake.now += NS(GAP_NS);
	control();
	assert_true(posted(1));
	drv.g->vcpu[1].halted_since = 1;
	put();
	drv_kick();
	control();
	assert_true(posted(1));				/* it waits for it */
	ram_put(RING_DRIVER, 1, 2);			/* does not want any */
	fake.now += FAKE_MS;
	put();
	drv_kick();
	control();
	assert_false(posted(1));
	assert_int_equal(t->d.queue[0].interrupts, 3);
}

/* While one waits for a vcpu that runs, the driver moves its message to one that halts. */
static void test_moved_meanwhile(void **state)
{
	start(0);
	for (u32 i = 0; i < 2; i++) {
		put();
		drv_kick();
		control();
		assert_int_equal(posted(1), !i);
	}
	drv.g->vcpu[2].halted_since = 1;
	aim(2, 0);
	control();
	assert_true(posted(2));
	assert_false(posted(1));
}

/* What the driver has seen by itself while the interrupt waited is not told. */
static void test_seen_meanwhile(void **state)
{
	start(BIT(DRV_EVENT));
	for (u32 i = 1; i <= 2; i++) {
		put();
		drv_kick();
		control();
		assert_int_equal(posted(1), i == 1);
		ram_put(RING_DRIVER + 4 + 2 * 8, i, 2);
	}
	fake.now += FAKE_MS;
	control();
	assert_false(posted(1));
	assert_int_equal(t->r.wanted, 0);
}

static void put_many(u32 n)
{
	for (u32 i = 0; i < n; i++)
		put();
	drv_kick();
	control();
}

/* A queue of 64 places. */
static void start_large(void)
{
	start(0);
	stop();
	vpci_config_write(&t->d.f, t->d.f.msix_cap + 2u, 2, 0x8000);
	assert_int_equal(drv_start(0, 64), 0xf);
	aim(1, 0);
	drv_queue(0);
	control();
}

/* How long after an interrupt the next one comes for n buffers, in steps. */
static u32 steps_until_told(u32 n)
{
	u32 steps = 0;

	for (put_many(n); !posted(1); steps++) {
		assert_in_range(steps, 0, 100);
		fake.now += NS(GAP_NS);
		control();
	}
	return steps;
}

/* Much at once, again and again: ever fewer interrupts, to a limit; not where the queue runs full, nor once it is little, nor
 * for who halts. */
static void test_bulk(void **state)
{
	start_large();
	assert_int_equal(steps_until_told(1), 0);
	assert_int_equal(steps_until_told(16), 1);
	assert_int_equal(steps_until_told(16), 2);
	assert_int_equal(steps_until_told(16), 4);
	assert_int_equal(steps_until_told(16), 4);
	assert_int_equal(steps_until_told(32), 1);
	assert_int_equal(steps_until_told(15), 4);
	assert_int_equal(steps_until_told(15), 1);
	assert_int_equal(steps_until_told(16), 1);
	drv.g->vcpu[1].halted_since = 1;
	assert_int_equal(steps_until_told(16), 0);
	drv.g->vcpu[1].halted_since = 0;
	assert_int_equal(steps_until_told(1), 1);
}

/* What is little at first is told sooner when the queue runs half full; of much that who halts was told nothing follows. */
static void test_bulk_gathers(void **state)
{
	start_large();
	while (steps_until_told(16) < 4)
		;
	put_many(16);
	fake.now += NS(GAP_NS);
	control();
	assert_false(posted(1));
	put_many(15);
	assert_false(posted(1));
	put_many(1);
	assert_true(posted(1));
	drv.g->vcpu[1].halted_since = 1;
	t->d.bytes += 1 << 20;
	assert_int_equal(steps_until_told(1), 0);
	drv.g->vcpu[1].halted_since = 0;
	assert_int_equal(steps_until_told(1), 1);
}

/* The first vcpu is one as any other. */
static void test_first_vcpu(void **state)
{
	start(0);
	aim(0, 0);
	put_many(1);
	assert_true(posted(0));
	put_many(1);
	assert_false(posted(0));
	drv.g->vcpu[0].halted_since = 1;
	control();
	assert_true(posted(0));
	drv.g->vcpu[0].halted_since = 0;
}

/* The same where few buffers are given back while much passes the device. */
static void test_bulk_of_others(void **state)
{
	start(0);
	assert_int_equal(steps_until_told(1), 0);
	assert_int_equal(steps_until_told(1), 1);
	t->d.bytes += 65536;
	assert_int_equal(steps_until_told(1), 1);
	t->d.bytes += 65535;
	assert_int_equal(steps_until_told(1), 2);
	assert_int_equal(steps_until_told(1), 1);
}

/* Things sent by a vcpu that runs: it looks by itself when it sends, so later than one that halts, and not for few. */
static void test_lazy_runs(void **state)
{
	t->r.lazy = 1;
	start(0);
	put_many(1);
	fake.now += NS(LAZY_NS);
	control();
	assert_false(posted(1));
	fake.now += NS(4 * GAP_NS - LAZY_NS) - 1;
	control();
	assert_false(posted(1));
	fake.now++;
	control();
	assert_true(posted(1));
	put_many(1);
	fake.now += NS(LAZY_NS);
	drv.g->vcpu[1].halted_since = 1;
	control();
	assert_true(posted(1));
}

/* It owns its local APIC, so that nobody sees it halt: as one that halts. Of one that runs half a queue may gather. */
static void test_lazy_owner(void **state)
{
	const u64 *told = &t->d.queue[0].interrupts;

	t->r.lazy = 1;
	start_large();
	put_many(31);
	assert_int_equal(*told, 0);
	put_many(1);
	assert_int_equal(*told, 1);
	drv.g->vcpu[1].apic_enabled |= VLAPIC_PUB_OWNED;
	fake.now += FAKE_MS;
	put_many(1);
	fake.now += NS(LAZY_NS) - 1;
	control();
	assert_int_equal(*told, 1);
	fake.now++;
	control();
	assert_int_equal(*told, 2);
	drv.g->vcpu[1].apic_enabled = 0;
}

/* Work, so many ns after the last and with so many bytes: for how long the core is awake for more. */
static bool lingers_for(u64 after, u64 bytes, u64 until)
{
	fake.now += NS(after);
	t->d.bytes += bytes;
	put();
	drv_kick();
	control();
	assert_true(came());
	return (!until || control_work_lingers(fake.now + NS(until) - 1)) && !control_work_lingers(fake.now + NS(until));
}

/* Work that comes again soon is waited for, longer where much came with it. */
static void test_lingers(void **state)
{
	start(0);
	drv.g->vcpu[1].halted_since = 1;		/* told at once */
	fake.now += 100 * FAKE_MS;
	assert_true(lingers_for(0, 1 << 20, 0));	/* once is not again */
	assert_true(lingers_for(499999, 16383, 500000));
	assert_true(lingers_for(499999, 16384, 2000000));
	assert_true(lingers_for(1999999, 16384, 2000000));
	assert_true(lingers_for(2000000, 16384, 0));
	assert_true(lingers_for(500000, 16383, 0));
}

/* A queue of things sent: told late, whoever runs or halts, or when much of it has gathered. */
static void test_lazy(void **state)
{
	t->r.lazy = 1;
	start(0);
	drv.g->vcpu[1].halted_since = 1;
	put();
	drv_kick();
	control();
	assert_false(posted(1));
	assert_true(control_work_deadline() == fake.now + NS(LAZY_NS));
	fake.now += NS(LAZY_NS) - 1;
	control();
	assert_false(posted(1));
	fake.now++;
	control();
	assert_true(posted(1));
	put();				/* and as late the next time */
	drv_kick();
	fake.now += NS(LAZY_NS);
	control();
	assert_false(posted(1));
	fake.now += NS(LAZY_NS);
	control();
	assert_true(posted(1));
	t->r.lazy = 0;
	stop();
	t->r.lazy = 1;
	assert_int_equal(drv_start(0, 32), 0xf);
	drv_queue(0);
	control();
	aim(1, 0);
	for (u32 i = 0; i < 16; i++) {
		assert_false(posted(1));
		put();
		drv_kick();
		control();
	}
	assert_true(posted(1));
}

/* Masked, off, moved: by the guest's core, which knows, or to where it goes now. */
static void test_routes(void **state)
{
	start(0);
	aim(1, 1);
	put();
	drv_kick();
	control();
	assert_false(posted(1));
	assert_true(guest_core());
	assert_false(posted(1));
	aim(2, 0);
	assert_true(posted(2));				/* was pending */
	fake.now += FAKE_MS;
	put();
	drv_kick();
	control();
	assert_true(posted(2));
	drv_write(0x16, 2, 0);
	drv_write(0x1a, 2, 0xffff);
	fake.now += FAKE_MS;
	put();
	drv_kick();
	control();
	assert_false(guest_core() || posted(2));
	vpci_config_write(&t->d.f, t->d.f.msix_cap + 2u, 2, 0);
	fake.now += FAKE_MS;
	put();
	drv_kick();
	control();
	assert_true(guest_core());
	assert_int_equal(drv_read(0x1000, 1), 1);	/* INTx */
}

static void move_away(u32 vcpu)
{
	fake.requested = NULL;
	aim(2, 0);
}

/* The message is moved between the look at it and its arrival: it goes to the new place too. */
static void test_route_moves(void **state)
{
	start(0);
	fake.requested = move_away;
	put();
	drv_kick();
	control();
	assert_true(posted(1) && posted(2));
	assert_null(fake.requested);
}

/* Nothing is lent before DRIVER_OK. */
static void test_not_before(void **state)
{
	stop();
	drv_write(0x14, 1, 3);
	drv_write(0x08, 4, 1);
	drv_write(0x0c, 4, 1);
	drv_write(0x14, 1, 0xb);
	drv_write(0x16, 2, 0);
	drv_write(0x18, 2, 8);
	drv_write(0x20, 8, RING_DESC);
	drv_write(0x28, 8, RING_DRIVER);
	drv_write(0x30, 8, RING_DEVICE);
	drv_write(0x1c, 2, 1);
	control();
	assert_int_equal(t->taken, 0);
	drv_write(0x14, 1, 0xf);
	control();
	assert_int_equal(t->taken, 1);
}

static void test_config(void **state)
{
	u64 before;

	start(0);
	before = drv_read(0x15, 1);
	virtio_remote_config_changed(&t->r);
	assert_true(guest_core());
	assert_int_equal(drv_read(0x15, 1), before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_served), T(test_silence), T(test_ring), T(test_eager), T(test_left_alone), T(test_reset), T(test_queue_reset),
		T(test_reset_unseen), T(test_broken), T(test_broken_and_reset), T(test_end), T(test_bus_master), T(test_interrupts), T(test_moved_meanwhile),
		T(test_seen_meanwhile), T(test_bulk), T(test_bulk_gathers), T(test_first_vcpu),
		T(test_bulk_of_others), T(test_lazy_runs), T(test_lazy), T(test_lazy_owner), T(test_lingers), T(test_routes), T(test_route_moves),
		T(test_not_before), T(test_config) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
