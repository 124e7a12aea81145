/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The balloon and the console with its ports, under any requests, rings and register accesses. The first byte chooses which. */
#include "virtq_fixture.h"

#include "../../drivers/model/pci/vpci_int.h"

#include <hv/pc.h>

#define NOTIFY 0x3000u
#define PAGES (RAM_SIZE / 4096)
#define REPLIES (DATA + 0x10000)

struct input {
	const u8 *at;
	size_t left;
};

static struct console_ring record[2];
static struct input_ring input[2];

static u32 take(struct input *in, u32 bytes)
{
	u32 val = 0;

	for (; bytes && in->left; bytes--, in->left--)
		val = val << 8 | *in->at++;
	return val;
}

static u64 take_value(struct input *in)
{
	static const u64 some[] = { 0, 1, 2, 3, 4, 6, 7, 8, 12, 16, 128, 4096, 0x80, 0x8000, 0x8080, DATA, DATA + 1, REPLIES, PAGES - 1,
		PAGES, RAM_SIZE - 4, RAM_SIZE - 1, RAM_SIZE, 0xffffffff, 0xffffffffffffffff, 0xfffffffffffff000, 0xc0000000 };
	u32 how = take(in, 1);

	return how < 192 ? some[how % ARRAY_COUNT(some)] : take(in, 4);
}

/* Lists of pages, control messages, text: the first words of memory, then a chain that leads there or anywhere. */
static void put_chain(struct input *in)
{
	struct piece p[5];
	u16 n = (u16)(1 + take(in, 1) % 4);
	u32 how = take(in, 1);

	for (u32 i = 0; i < 4; i++)
		ram_put(DATA + i * 4, take_value(in), 4);
	for (u16 i = 0; i < n; i++) {
		bool good = how >> i & 1;

		p[i] = (struct piece){ good ? DATA + i * 8u : take_value(in), good ? 8 : (u32)take_value(in), (u16)(how >> 4 & 2) };
	}
	drv_queue(take(in, 1) % drv.queues);
	drv_put(p, n, how & 0x80 ? DATA + 0x1000 : 0);
}

static void guest_event(struct input *in)
{
	u32 what = take(in, 1);

	if (what < 128)
		drv.g->balloon_pages = what;
	for (u32 i = 0; i < 2 && what & 1; i++)
		input_ring_put(&input[i], (u8)what);
	pc_event_balloon(drv.g);
	pc_event_input(drv.g);
}

static void event(struct input *in)
{
	u32 what = take(in, 1);

	if (what < 100)
		put_chain(in);
	else if (what < 130)
		ram_put(take(in, 2) % (8 * RING_STEP), take_value(in), 1u << (what & 3));
	else if (what < 150)
		drv_write(take(in, 1) % 0x40, (u8)(1u << (what & 3)), take_value(in));
	else if (what < 155)
		drv_write(0x2000 + take(in, 1) % 0x40, (u8)(1u << (what & 3)), take_value(in));
	else if (what < 160)
		drv_read(take(in, 2) % 0x4000, (u8)(1u << (what & 3)));
	else if (what < 180)
		guest_event(in);
	else
		drv_write(NOTIFY + (what & 15) * 4, 2, what & 15);
	fake.now++;
	pc_run(drv.g, fake.now);
}

static void add_console(struct guest *g)
{
	struct vconsole *c = &g->pc->virtio.console;

	memset(record, 0, sizeof(record));
	memset(input, 0, sizeof(input));
	for (u32 i = 0; i < 2; i++)
		g->port[i] = (struct guest_port){ i ? "agent" : "log", &record[i], &input[i] };
	g->port_count = 2;
	assert_int_equal(vconsole_add(g, c), 0);
	drv.d = &c->d;
	drv.queues = 8;
}

static void add_balloon(struct guest *g)
{
	assert_int_equal(vballoon_add(g, &g->pc->virtio.balloon), 0);
	drv.d = &g->pc->virtio.balloon.d;
	drv.queues = 5;
}

/* Whatever came: after a reset all is well. */
static void works(bool console, u64 features)
{
	const struct piece text = { DATA, 4, 0 };

	assert_int_equal(drv_start(features, 8), 0xf);
	ram_put(DATA, console ? 0x0a6b6f : 0x30, 4);
	drv_queue(console);
	assert_true(drv_serve(&text, 1, 0));
	assert_true(console || drv.g->pc->virtio.balloon.held == 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u32 how = take(&in, 1);
	bool console = how & 1;
	struct guest *g = drv_guest_new(false);
	u64 features = (how & 2 ? BIT(DRV_PACKED) : 0) | (how & 4 ? BIT(DRV_EVENT) : 0) | (how & 8 ? BIT(DRV_INDIRECT) : 0) |
		BIT(DRV_RESET) | (how & 16 ? (console ? BIT(1) : BIT(1) | BIT(5)) : 0);

	if (console)
		add_console(g);
	else
		add_balloon(g);
	pc_reset(g);
	vpci_config_write(&drv.d->f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv_start(features, 1u << (how >> 5));
	while (in.left)
		event(&in);
	assert_true(g->pc->virtio.balloon.held <= PAGES);
	works(console, features);
	drv_guest_free(g);
	return 0;
}
