/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/virtio/vnet.c drivers/model/virtio/vnet_tx.c drivers/model/virtio/vnet_rx.c drivers/model/virtio/vnet_control.c drivers/model/virtio/vnet_steer.c drivers/model/e1000e/frame_ring.c hv/net/frame.c hv/core/guest_call.c hv/core/window.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c hv/x86/copy_wide.c pc-models */
/* virtio-net under any contents of its rings, headers and commands, resets at any moment, any frames from the switch, and cards that
 * hold frames: nothing outside of the guest's RAM is touched (ASan), nothing at all of a queue that is the guest's again, every
 * frame that comes out can be what it says (its offloads lie in it), rounds end. The little driver is the disk's fuzzer's. */
#define LLVMFuzzerTestOneInput fuzz_virtq_input
#include "fuzz_virtq.c"
#undef LLVMFuzzerTestOneInput

#include "../../drivers/model/virtio/vnet.h"

#include <hv/control_work.h>
#include <hv/copy_wide.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct vnet card;
static u32 sent;
static bool hold;
static struct net_frame *held[VNET_SENT];
static u32 held_count;

bool switch_input(struct net_port *p, struct net_frame *f)
{
	const struct net_offload *o = &f->offload;

	sent++;
	assert_in_range(f->len, 14, NET_GSO_MAX);
	assert_true(!o->checksum || (u32)o->csum_start + o->csum_offset + 2 <= f->len);
	assert_true(o->gso == NET_GSO_NONE || (o->gso_size && o->header < f->len && o->checksum));
	for (u32 i = 0, sum = 0; i < f->pieces; i++)	/* all of it can be read */
		for (u32 k = 0; k < f->piece[i].len; k++)
			((volatile u32 *)&sum)[0] += f->piece[i].at[k];
	if (!hold || !f->done)
		return false;
	assert_true(held_count < VNET_SENT);
	held[held_count++] = f;
	return true;
}

void switch_flush(void)
{
}

static void let_go(void)
{
	if (!held_count)
		return;
	held_count--;
	held[held_count]->done(held[held_count]);
}

/* Rounds until there is nothing left to do: work that repeats itself without end would be the guest's way to keep the core. */
static void control(void)
{
	u32 rounds = 0;

	while (virtio_remote_poll(&card.remote, fake.now) || virtio_remote_listen(&card.remote))
		assert_true(rounds++ < 10000);
	for (u32 i = 0; i < card.d.queue_count; i++)
		assert_true(card.remote.lent >> i & 1 || card.d.queue[i].owner != VIRTQ_LENT);
}

static void guest_core(void)
{
	u32 called = drv.g->vcpu[0].requests & REQ_CALLS;

	drv.g->vcpu[0].requests = 0;
	if (called)
		guest_take_calls(drv.g, &drv.g->vcpu[0].calls);
}

/* A frame of any length with any offloads that the switch could let in. */
static void net_give(struct input *in_)
{
	static u8 bytes[NET_GSO_MAX];
	static const enum net_gso gso[] = { NET_GSO_NONE, NET_GSO_NONE, NET_GSO_TCP4, NET_GSO_TCP6, NET_GSO_UDP };
	u32 how = take(in_, 1), len = take(in_, 2) % (how & 1 ? NET_GSO_MAX : 2000);
	struct net_piece piece = { .at = bytes, .len = len };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = len };

	f.offload = (struct net_offload){ .checksum = how & 2, .valid = how & 4, .gso = gso[how / 8 % 5], .gso_size = 100,
		.csum_start = 34, .header = 54, .ecn = how & 64 };
	memset(bytes, how & 128 ? 0xff : 2, 6);
	bytes[12] = how & 32 ? 0x81 : 8;
	card.port.ops->deliver(&card.port, &f);
	card.port.ops->flush(&card.port);
}

/* A header, a command: small values at its bytes, so that many make sense. */
static void net_fill(struct input *in_)
{
	for (u32 i = 0, n = take(in_, 1) % 24; i < n; i++)
		*ram(DATA + i) = (u8)take(in_, 1);
}

static void net_chain(struct input *in_, u32 queue)
{
	struct piece p[5];
	u32 how = take(in_, 1);
	u16 n = (u16)(1 + how % 5);

	drv_queue(queue);
	for (u16 i = 0; i < n; i++) {
		u32 len = how & 8 ? (u32)take_value(in_) : take(in_, 2) % 0x3000;

		p[i] = (struct piece){ how & 16 ? take_value(in_) : DATA + 0x100u * i, len, queue == VNET_RX ? D_WRITE : 0 };
	}
	if (queue == VNET_CONTROL)
		p[n - 1] = (struct piece){ DATA + 0x800, 1, how & 32 ? 0 : D_WRITE };
	drv_put(p, n, how & 64 ? DATA + 0x4000 : 0);
}

static void net_event(struct input *in_)
{
	u32 what = take(in_, 1), queue = what % 3;

	if (what < 80)
		net_chain(in_, queue);
	else if (what < 110)
		net_fill(in_);
	else if (what < 150)
		net_give(in_);
	else if (what < 170)
		virtio_remote_poll(&card.remote, fake.now);
	else if (what < 180)
		control();
	else if (what < 185)
		guest_core();
	else if (what < 190)
		let_go();
	else if (what < 192)
		hold = !hold;
	else if (what < 200)
		ram_put(RING_DESC + take(in_, 2) % 0xbf00, take_value(in_), 1u << (what & 3));
	else if (what < 210)
		drv_write(take(in_, 1) % 0x40, (u8)(1u << (what & 3)), take_value(in_));
	else
		drv_write(NOTIFY + queue * 4, 2, queue);
	fake.now++;
	pc_run(drv.g, fake.now);
}

static struct guest *net_new(void)
{
	static const u8 mac[NET_MAC] = { 2, 0, 0, 0, 0, 1 };
	static u8 *backlog;
	struct guest *g = drv_guest_new(false);

	g->window = g->ram;
	g->range_count = 1;
	g->range[0] = (struct ram_range){ 0, HPA(8 * MiB), RAM_SIZE };
	if (!backlog)
		backlog = aligned_alloc(16, FRAME_RING_BYTES);
	memset(&card, 0, sizeof(card));
	held_count = 0;
	hold = false;
	assert_int_equal(vnet_add(g, &card, mac, 1500, backlog, VNET_SLOT), 0);
	timebase.tsc_hz = FAKE_TSC_HZ;
	g->pc->virtio.net[g->pc->virtio.nets++] = &card.d;
	pc_reset(g);
	vpci_config_write(&card.d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv.d = &card.d;
	drv.queues = 3;
	return g;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct piece one = { DATA, 12 + 60, 0 };
	struct input in_ = { data, size };
	struct guest *g = net_new();
	u64 features = card.d.offered & ~(BIT(DRV_EVENT) | BIT(VNET_F_MRG_RXBUF) | BIT(DRV_PACKED));
	u32 how = take(&in_, 1);

	copy_wide_begin(!(how & 128));
	features |= (how & 1 ? BIT(DRV_EVENT) : 0) | (how & 2 ? BIT(VNET_F_MRG_RXBUF) : 0) | (how & 8 ? BIT(DRV_PACKED) : 0);
	drv_start(how & 4 ? features : features & ~(BIT(54) | BIT(55) | BIT(56) | BIT(VNET_F_HASH_REPORT)), 1u << (how >> 4 & 7));
	control();
	while (in_.left)
		net_event(&in_);
	/* Whatever came: after a reset all is well, once the cards are done. */
	drv_write(0x14, 1, 0);
	control();
	memset(ram(0), 0x5a, 3 * RING_STEP);
	hold = false;
	while (held_count)
		let_go();
	control();
	for (u32 i = 0; i < 3 * RING_STEP; i++)
		assert_int_equal(*ram(i), 0x5a);
	guest_core();
	virtio_settle(&card.d);
	vpci_config_write(&card.d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	assert_int_equal(drv_start(0, 8), 0xf);
	control();
	sent = 0;
	memset(ram(DATA), 0, 80);
	drv_queue(VNET_TX);
	drv_put(&one, 1, 0);
	drv_kick();
	control();
	assert_int_equal(sent, 1);
	assert_true(guest_let_go(g));
	drv_guest_free(g);
	return 0;
}
