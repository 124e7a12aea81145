/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/net/intel.c drivers/host/net/intel_open.c drivers/host/net/intel_link.c drivers/host/net/intel_rx.c drivers/host/net/intel_tx.c drivers/host/net/intel_desc.c drivers/host/net/nic.c drivers/host/net/nic_gso.c hv/net/frame.c hv/lib/format.c */
/* An Intel card that writes anything into descriptors and registers, while frames with any offloads are sent through it.
 * nic_fake.h's receiver checks what comes up; held frames must come back, each once. */
#include <stdio.h>

#include <tests/unit/drivers/host/net/intel_device.h>

#define FRAMES 16

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

size_t str_copy(char *to, size_t size, const char *s)
{
	snprintf(to, size, "%s", s);
	return strlen(s);
}

static u8 bytes[NET_GSO_MAX + 64];
static struct net_frame frame[FRAMES];
static struct net_piece piece[FRAMES][3];
static bool out[FRAMES];

static void is_done(struct net_frame *f)
{
	assert(out[f - frame]);
	out[f - frame] = false;
}

static void send_any(u32 i, const u8 *p)
{
	struct net_frame *f = &frame[i];
	u32 len = 14 + (p[0] | (u32)p[1] << 8), cut = len * p[2] / 256;

	if (out[i])
		return;
	len = MIN(len, NET_GSO_MAX);
	cut = MIN(cut, len);
	memcpy(bytes, p, 40);
	piece[i][0] = (struct net_piece){ bytes, p[3] & 1 ? 0 : (u64)bytes, cut };
	piece[i][1] = (struct net_piece){ bytes + cut, p[3] & 2 ? 0 : (u64)bytes + cut, len - cut };
	*f = (struct net_frame){ .piece = piece[i], .pieces = 2, .len = len, .done = p[3] & 4 ? NULL : is_done,
		.tagged = p[3] & 8, .vlan = p[4], .offload = { .checksum = p[3] & 16, .gso = p[5] & 7, .header = p[6],
		.gso_size = (u16)(p[7] << 4), .csum_start = (u16)(p[8] | (p[3] & 32) << 4), .csum_offset = p[9] } };
	out[i] = f->done;
	if (card.c->net.ops->send(&card.c->net, f) != NET_HELD)
		out[i] = false;
	card.c->net.ops->kick(&card.c->net);
}

static void write_any(const u8 *p)
{
	static const u16 at[] = { REG_STATUS, REG_CTRL, REG_ICR, REG_RXDCTL, REG_TXDCTL, REG_RDT, REG_TDT, REG_MPC };
	struct intel_desc *d;

	switch (p[0] & 3) {
	case 0:
		memcpy(&card.c->rx.desc[(card.c->rx.at + p[1] % 4) % INTEL_RX], p + 2, 16);
		break;
	case 1:
		d = &card.c->tx.desc[(card.c->tx.clean + p[1] % 8) % INTEL_TX];
		d->high ^= p[2] & 1;
		break;
	case 2:
		set_reg(at[p[1] % ARRAY_COUNT(at)], p[2] & 1 ? ~0u : (u32)p[3] << (p[4] & 24));
		break;
	default:
		now += (u64)p[1] * 20 * MS;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u16 each[] = { 0x100e, 0x10d3, 0x10c9 };

	if (size < 1 || card_open(each[data[0] % 3]))
		return 0;
	memset(out, 0, sizeof(out));
	turn(1);
	for (size_t at = 1; at + 64 <= size && at < 64 * 100; at += 64) {
		const u8 *p = data + at;

		if (p[0] & 1)
			send_any(p[1] % FRAMES, p + 2);
		else
			write_any(p + 1);
		write_any(p + 44);
		turn(p[63] & 7);
	}
	card.stuck = card.no_queues = false;
	set_reg(REG_STATUS, 0x82);
	for (u32 i = 0; i < 40 && card.c->state != INTEL_DEAD; i++)
		turn(1000);
	for (u32 i = 0; i < FRAMES; i++)
		assert(!out[i]);
	return 0;
}
