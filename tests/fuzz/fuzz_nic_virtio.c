/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/net/vionet.c drivers/host/net/vionet_rx.c drivers/host/net/vionet_tx.c drivers/host/net/nic.c drivers/host/virtio/vio_ring.c hv/net/frame.c hv/lib/format.c */
/* A virtio network card that answers with any id, length and header, writes anything into its rings, and changes its config,
 * while frames are sent through it. nic_fake.h's receiver checks what comes up; held frames must come back, each once. */
#include <stdio.h>

#include <tests/unit/drivers/host/net/vionet_device.h>

#define FRAMES 16
#define ALL (BIT(NET_F_CSUM) | BIT(NET_F_MRG_RXBUF) | BIT(NET_F_HOST_TSO4) | BIT(NET_F_STATUS) | BIT(NET_F_CTRL_VQ) | \
	BIT(NET_F_CTRL_RX) | BIT(NET_F_MQ) | VIO_F_EVENT_IDX | VIO_F_INDIRECT)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 bytes[NET_GSO_MAX + 64];
static struct net_frame frame[FRAMES];
static struct net_piece piece[FRAMES][3];
static bool out[FRAMES];

size_t str_copy(char *to, size_t size, const char *s)
{
	snprintf(to, size, "%s", s);
	return strlen(s);
}

static void is_done(struct net_frame *f)
{
	assert(out[f - frame]);
	out[f - frame] = false;
}

static void send_any(u32 i, const u8 *p)
{
	struct net_frame *f = &frame[i];
	u32 len = MIN(14 + (p[0] | (u32)p[1] << 8), NET_GSO_MAX), cut = len * p[2] / 256;

	if (out[i])
		return;
	piece[i][0] = (struct net_piece){ bytes, p[3] & 1 ? 0 : (u64)bytes, cut };
	piece[i][1] = (struct net_piece){ bytes + cut, p[3] & 2 ? 0 : (u64)bytes + cut, len - cut };
	*f = (struct net_frame){ .piece = piece[i], .pieces = 2, .len = len, .done = p[3] & 4 ? NULL : is_done,
		.offload = { .checksum = p[3] & 16, .gso = p[5] & 7, .header = p[6], .gso_size = p[7],
			     .csum_start = p[8], .csum_offset = p[9] } };
	out[i] = f->done;
	if (dev.c->net.ops->send(&dev.c->net, f) != NET_HELD)
		out[i] = false;
	dev.c->net.ops->kick(&dev.c->net);
}

static void answer_any(struct vio_queue *q, const u8 *p)
{
	struct vionet_header h = { .flags = p[1], .gso = p[2] & 1, .csum_start = p[3], .csum_offset = p[4], .buffers = p[5] & 7 };
	u32 id = q->avail[2 + (u16)(q->avail[1] - 1 - p[6] % 4) % q->size] % q->size;

	if (!fake_master)
		return;
	if (!(q->index & 1) && q != &dev.c->control && q->chain[id].token)
		memcpy(q->chain[id].token, &h, sizeof(h));
	device_give(q, p[0] & 1 ? p[7] : id, p[8] | (u32)p[9] << 8);
	if (p[0] & 2 && p[0] & 4 && p[0] & 8)
		*(u16 *)(void *)(q->used + 2) = p[10];
	if (p[0] & 16 && p[0] & 32)
		memcpy(&q->desc[p[11] % q->size], p, 16);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size < 2 || dev_open_config(data[0] & 1 ? ALL : data[0] & 2 ? BIT(NET_F_MRG_RXBUF) : 0, data[1] & 1 ? 256 : 4, data[1] >> 4))
		return 0;
	memset(out, 0, sizeof(out));
	turn(1);
	for (size_t at = 2; at + 48 <= size && at < 48 * 100; at += 48) {
		const u8 *p = data + at;
		struct vionet_pair *pair = &dev.c->pair[p[44] % dev.c->pairs];
		struct vio_queue *q[] = { &pair->rx, &dev.c->pair->rx, &pair->tx, &dev.c->control };

		if (p[0] & 1)
			send_any(p[1] % FRAMES, p + 2);
		if (q[p[0] >> 1 & 3]->v)
			answer_any(q[p[0] >> 1 & 3], p + 16);
		answer_any(&pair->rx, p + 30);
		dev.config[6] = p[45] & 1;
		dev.health = p[46] == 1 ? VIO_NEEDS_RESET : VIO_WELL;
		if (p[0] & 128)
			fake_work.listen(fake_work.arg);
		turn(p[47]);
	}
	dev.health = VIO_WELL;
	for (u32 i = 0; i < 40; i++)
		turn(1000);
	for (u32 i = 0; i < FRAMES; i++)
		assert(!out[i]);
	return 0;
}
