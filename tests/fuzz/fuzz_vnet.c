/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/virtio/vnet.c drivers/model/virtio/vnet_tx.c drivers/model/virtio/vnet_rx.c drivers/model/virtio/vnet_control.c drivers/model/e1000e/frame_ring.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* virtio-net under any contents of its rings, headers and commands, and any frames from the switch: nothing outside of the
 * guest's RAM and of the rings is touched (ASan), and every frame that comes out can be what it says: its offloads lie in it.
 * The little driver is the disk's fuzzer's. */
#define LLVMFuzzerTestOneInput fuzz_virtq_input
#include "fuzz_virtq.c"
#undef LLVMFuzzerTestOneInput

#include "../../drivers/model/virtio/vnet.h"

#include <hv/control_work.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct vnet card;
static u32 sent;
static void (*called)(struct guest *g, void *arg);

int guest_call_add(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg)
{
	called = fn;
	return 0;
}

void guest_call(struct guest *g, u32 vcpu, u32 id)
{
}

void control_work_ring(void)
{
}

u32 net_copy(const struct net_frame *f, u32 skip, void *to, u32 n)
{
	memcpy(to, f->piece[0].at + skip, n);
	return n;
}

bool switch_input(struct net_port *p, struct net_frame *f)
{
	const struct net_offload *o = &f->offload;

	sent++;
	assert_in_range(f->len, 14, NET_GSO_MAX);
	assert_true(!o->checksum || (u32)o->csum_start + o->csum_offset + 2 <= f->len);
	assert_true(o->gso == NET_GSO_NONE || (o->gso_size && o->header < f->len && o->checksum));
	for (u32 i = 0, sum = 0; i < f->len; i++)	/* all of it can be read */
		((volatile u32 *)&sum)[0] += f->piece[0].at[i];
	return false;
}

void switch_flush(void)
{
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
	u32 what = take(in_, 1), queue = what % VNET_QUEUES;

	if (what < 80)
		net_chain(in_, queue);
	else if (what < 110)
		net_fill(in_);
	else if (what < 150)
		net_give(in_);
	else if (what < 170)
		vnet_poll(&card, 0);
	else if (what < 190)
		called(drv.g, &card);
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
	static u8 *rings;
	struct guest *g = drv_guest_new(false);

	if (!rings)
		rings = aligned_alloc(16, 2 * FRAME_RING_BYTES);
	memset(&card, 0, sizeof(card));
	assert_int_equal(vnet_add(g, &card, mac, 1500, rings, VNET_SLOT), 0);
	g->pc->virtio.net[g->pc->virtio.nets++] = &card.d;
	pc_reset(g);
	vpci_config_write(&card.d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv.d = &card.d;
	drv.queues = VNET_QUEUES;
	return g;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct piece one = { DATA, 12 + 60, 0 };
	struct input in_ = { data, size };
	struct guest *g = net_new();
	u64 features = card.d.offered & ~(BIT(DRV_EVENT) | BIT(VNET_F_MRG_RXBUF));
	u32 how = take(&in_, 1);

	features |= (how & 1 ? BIT(DRV_EVENT) : 0) | (how & 2 ? BIT(VNET_F_MRG_RXBUF) : 0);
	drv_start(how & 4 ? features : features & 0xffffffff, 1u << (how >> 4 & 7));
	while (in_.left)
		net_event(&in_);
	/* Whatever came: after a reset all is well. */
	while (vnet_poll(&card, 0))
		;
	sent = 0;
	vpci_config_write(&card.d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	assert_int_equal(drv_start(0, 8), 0xf);
	memset(ram(DATA), 0, 80);
	drv_queue(VNET_TX);
	assert_true(drv_serve(&one, 1, 0));
	vnet_poll(&card, 0);
	assert_int_equal(sent, 1);
	drv_guest_free(g);
	return 0;
}
