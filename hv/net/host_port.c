/* SPDX-License-Identifier: Apache-2.0 */
/* Between switches and lwIP. A frame for NAT is rewritten and goes on at once, without a copy; one for the hypervisor itself is
 * copied once, into a buffer that lwIP then works in and gives back. lwIP gets it on the next turn of the loop and never from
 * deliver(), which lwIP's own sending may have caused. */
#include "host_port.h"

#include "inet.h"
#include "nat_port.h"
#include "stack.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/net_build.h>

#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/mld6.h>
#include <lwip/priv/tcp_priv.h>
#include <netif/ethernet.h>

#define BUFFERS 256u
#define BUFFERS_EACH 192u		/* of one port: all clients of the API at once, but no flood of one starves the others */
#define BUFFERS_KEPT 64u		/* that lwIP may keep: more are segments whose predecessors somebody holds back */
#define BUFFER_BYTES 1536u
#define ARP_BYTES 42u
#define HOST_MTU 1500
#define TURN_FRAMES 32u
#define PIECES_OUT 20u			/* lwIP's chains are short, and stacks are small */

struct buffer {
	struct pbuf_custom custom;	/* first: lwIP gives it back by this */
	struct host_port *owner;
	bool used;
	u8 bytes[BUFFER_BYTES];
};

struct host_port host_ports[HOST_PORTS_MAX];
u32 host_port_count;

static struct buffer buffers[BUFFERS];
static u16 waiting[BUFFERS];		/* in the order of arrival */
static u32 waiting_head, waiting_tail;	/* free running */
static u32 used_by[HOST_PORTS_MAX];
static bool sent;

static void buffer_free(struct pbuf *p)
{
	struct buffer *b = (struct buffer *)p;

	b->used = false;
	used_by[b->owner - host_ports]--;
}

static struct buffer *buffer_get(struct host_port *hp)
{
	static u32 next;
	u32 *mine = &used_by[hp - host_ports];

	for (u32 i = 0; i < BUFFERS && *mine < BUFFERS_EACH; i++) {
		struct buffer *b = &buffers[next++ % BUFFERS];

		if (b->used)
			continue;
		b->used = true;
		b->owner = hp;
		++*mine;
		return b;
	}
	hp->no_buffer++;
	return NULL;
}

/* From the switch. */

static enum net_verdict keep(struct host_port *hp, const struct net_frame *f)
{
	struct buffer *b;

	if (f->len > ETHER_HEADER + HOST_MTU || f->len > BUFFER_BYTES)
		return NET_TOO_LONG;
	b = buffer_get(hp);
	if (!b)
		return NET_NO_ROOM;
	b->custom.custom_free_function = buffer_free;
	net_copy(f, 0, b->bytes, f->len);
	pbuf_alloced_custom(PBUF_RAW, (u16_t)f->len, PBUF_REF, &b->custom, b->bytes, BUFFER_BYTES);
	waiting[waiting_head++ % BUFFERS] = (u16)(b - buffers);
	return NET_TAKEN;
}

static void keep_segment(void *arg, struct net_frame *f)
{
	keep(arg, f);
}

/* What is there for lwIP at all: the rest of a busy LAN's broadcasts costs no buffer. lwIP does not look whether all of an ARP
 * frame is there. */
static bool wanted(const struct host_port *hp, const u8 *frame, u32 n)
{
	u16 type = n >= ETHER_HEADER ? get16(frame + 12) : 0;

	if (type == ETHER_ARP)
		return n >= ARP_BYTES && (hp->address == 0 || get32(frame + 38) == hp->address ||
					  get32(frame + 28) == hp->address || get32(frame + 28) == get32(frame + 38));
	return type == ETHER_IP4 || (type == ETHER_IP6 && !hp->inside);
}

static enum net_verdict deliver(struct net_port *p, struct net_frame *f)
{
	struct host_port *hp = p->owner;
	u8 head[HOST_HEADERS];
	u32 n = net_copy(f, 0, head, sizeof(head));
	enum net_verdict v = NET_TAKEN;

	if (f->tagged || n < ETHER_HEADER)
		return NET_REFUSED;
	if (nat_port_take(hp, f, head, n, &v))
		return v;
	if (!wanted(hp, head, n)) {
		hp->ignored++;
		return NET_TAKEN;
	}
	hp->received++;
	if (!f->offload.checksum && f->offload.gso == NET_GSO_NONE)
		return keep(hp, f);
	return net_offload(f, true, keep_segment, hp) ? NET_TAKEN : NET_REFUSED;
}

static const struct net_port_ops port_ops = { .deliver = deliver };

/* To the switch. */

static err_t output(struct netif *netif, struct pbuf *p)
{
	struct host_port *hp = netif->state;
	struct net_piece piece[PIECES_OUT];
	struct net_frame f = { .piece = piece };

	for (; p; p = p->next) {
		if (f.pieces == PIECES_OUT)
			return ERR_BUF;
		if (!p->len)
			continue;
		piece[f.pieces++] = (struct net_piece){ .at = p->payload, .len = p->len };
		f.len += p->len;
	}
	hp->sent++;
	switch_input(&hp->port, &f);
	sent = true;
	return ERR_OK;
}

void host_sent(void)
{
	sent = true;
}

static err_t interface(struct netif *netif)
{
	struct host_port *hp = netif->state;

	netif->name[0] = hp->inside ? 'n' : 'h';
	netif->name[1] = (char)('0' + hp->network);
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = output;
	netif->mtu = HOST_MTU;
	netif->hwaddr_len = NET_MAC;
	memcpy(netif->hwaddr, hp->port.mac, NET_MAC);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	netif_set_hostname(netif, hp->hostname);
	return ERR_OK;
}

struct host_port *host_port_add(struct net_switch *sw, const char *name, const u8 mac[6], u16 vlan, bool inside)
{
	struct host_port *hp = &host_ports[host_port_count];

	if (host_port_count == HOST_PORTS_MAX)
		return NULL;
	memset(hp, 0, sizeof(*hp));
	hp->inside = inside;
	hp->port = (struct net_port){ .ops = &port_ops, .owner = hp, .kind = inside ? NET_PORT_NAT : NET_PORT_HOST, .up = true,
				      .vlan = vlan, .mtu = HOST_MTU, .takes_checksum = true, .takes_gso4 = true,
				      .takes_gso_udp = true };
	str_copy(hp->port.name, sizeof(hp->port.name), name);
	memcpy(hp->port.mac, mac, NET_MAC);
	if (switch_attach(sw, &hp->port))
		return NULL;
	host_port_count++;
	return hp;
}

void host_port_up(struct host_port *hp)
{
	memset(&hp->netif, 0, sizeof(hp->netif));
	hp->address = hp->mask = hp->gateway = 0;
	netif_add(&hp->netif, NULL, NULL, NULL, hp, interface, ethernet_input);
	netif_set_up(&hp->netif);
}

void host_ports_reset(void)
{
	memset(buffers, 0, sizeof(buffers));
	memset(used_by, 0, sizeof(used_by));
	waiting_head = waiting_tail = 0;
}

static u32 buffers_kept(void)
{
	u32 n = 0;

	for (u32 i = 0; i < host_port_count; i++)
		n += used_by[i];
	return n - (waiting_head - waiting_tail);
}

/* What came out of order waits in lwIP for what is missing, in our buffers. A few peers that leave gaps on purpose would have
 * all of them; whoever lost a segment sends again what is dropped here (RFC 2018 "Data Receiver Reneging"). */
static void drop_out_of_order(void)
{
	for (struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next)
		tcp_free_ooseq(p);
}

static void give(void *arg)
{
	u32 n = *(u32 *)arg;

	for (; n && waiting_tail != waiting_head; n--) {
		struct buffer *b = &buffers[waiting[waiting_tail++ % BUFFERS]];

		if (b->owner->netif.input(&b->custom.pbuf, &b->owner->netif) != ERR_OK)
			pbuf_free(&b->custom.pbuf);
	}
	if (buffers_kept() > BUFFERS_KEPT)
		drop_out_of_order();
}

bool host_ports_poll(void)
{
	u32 n = TURN_FRAMES;
	bool any = waiting_tail != waiting_head || sent;

	if (waiting_tail != waiting_head)
		stack_run(give, &n);
	if (sent) {
		sent = false;
		switch_flush();
	}
	return any;
}

static void link(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < host_port_count; i++) {
		struct host_port *hp = &host_ports[i];
		struct netdev *card = net_switch_card(hp->port.sw);
		bool up = hp->port.up && (!card || card->link);

		if (up && !netif_is_link_up(&hp->netif))
			netif_set_link_up(&hp->netif);
		else if (!up && netif_is_link_up(&hp->netif))
			netif_set_link_down(&hp->netif);
	}
}

void host_ports_link(void)
{
	stack_run(link, NULL);
}

const char *host_address_format(char buf[IP6_TEXT], const ip_addr_t *a)
{
	if (IP_IS_V6(a))
		return ip6_format(buf, (const u8 *)ip_2_ip6(a)->addr);
	return ip4_format(buf, lwip_ntohl(ip_2_ip4(a)->addr));
}
