/* SPDX-License-Identifier: Apache-2.0 */
/* What the drivers of network cards share. */
#include <hv/lib.h>
#include <hv/log.h>

#include "nic.h"

#define RESETS_SHIFT_MAX 10u		/* 20 s between resets that do not help */

void nic_describe(const struct netdev *n, const char *messages, char *to, size_t size)
{
	const struct netdev_stats *s = &n->stats;
	const u8 *m = n->mac;
	char link[24] = "no link";

	if (n->link && n->mbit)
		fmt_print(link, sizeof(link), "%u Mbit/s", n->mbit);
	else if (n->link)
		str_copy(link, sizeof(link), "link up");
	fmt_print(to, size, "%s, %s, %02x:%02x:%02x:%02x:%02x:%02x, %s, %s; in %lu, out %lu, no buffer %lu, full %lu, bad %lu and "
		  "%lu, link %lux, resets %lu", n->name, n->kind, m[0], m[1], m[2], m[3], m[4], m[5], link, messages,
		  s->rx_frames, s->tx_frames, s->rx_no_buffer, s->tx_full, s->rx_errors, s->tx_errors, n->link_changes, s->resets);
}

void nic_set_link(struct netdev *n, bool up, u32 mbit)
{
	if (n->link == up && (!up || n->mbit == mbit))
		return;
	n->link = up;
	n->mbit = up ? mbit : 0;
	n->link_changes++;
	if (n->link_changed)
		n->link_changed(n);
}

u32 nic_count_reset(struct netdev *n, u32 *in_row, const char *why)
{
	u32 shift = MIN(*in_row, RESETS_SHIFT_MAX);

	if (shift < 3)
		log_notice("%s: reset: %s", n->name, why);
	++*in_row;
	n->stats.resets++;
	nic_set_link(n, false, 0);
	return shift;
}

void nic_receive(struct netdev *n, struct net_frame *f)
{
	n->stats.rx_frames++;
	n->stats.rx_bytes += f->len;
	if (n->receive)
		n->receive(n, f);
}

bool nic_mac_usable(const u8 *mac)
{
	static const u8 none[NET_MAC];

	return !(mac[0] & 1) && memcmp(mac, none, NET_MAC);
}

u32 nic_bytes_to_copy(const struct net_frame *f, u32 header, u32 room)
{
	u32 at = 0, copy = header;

	if (!f->done || f->len <= NIC_COPY_MAX)
		return f->len;
	for (u32 i = 0; i < f->pieces; i++) {
		at += f->piece[i].len;
		if (!f->piece[i].hpa && f->piece[i].len)
			copy = MAX(copy, at);
	}
	return copy > room ? f->len : copy;
}
