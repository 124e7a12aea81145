/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/net_fake.c tests/unit/hv/net/stack_on_fake_clock.c hv/net/host_net.c hv/net/host_port.c hv/net/nat_port.c hv/net/nat6.c hv/net/nat6_packet.c hv/net/nat6_router.c hv/net/nat6_port.c hv/net/nat_services.c hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c hv/net/dhcp_server.c hv/net/dns_names.c hv/net/frame.c hv/lib/net_text.c hv/lib/format.c lwip */
/* lwIP's own fuzz entry (test/fuzz/fuzz_common.c: several packets an input, echoing TCP and UDP servers, answers out of the same
 * input) with our options and a clock that moves. Frames lie in buffers of their own, as host_port.c has them, so that a read behind
 * one is seen. The corpus in the same folder of lwIP's can be given as one. An assertion of lwIP's is a find. */
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>

#include "../unit/hv/net/net_fake.h"

#include <lwip/altcp.h>
#include <lwip/pbuf.h>

#define LEAST 60		/* as on a wire; ARP is read without a look at its length: host_port.c refuses shorter ones */

/* hv/lib/string.c would take the place of the fuzzer's own memmove. */
size_t str_copy(char *to, size_t size, const char *s)
{
	strncpy(to, s, size - 1);
	to[size - 1] = 0;
	return strlen(s);
}

static void free_own(struct pbuf *p)
{
	free(p);
}

static struct pbuf *alloc_own(pbuf_layer layer, u16_t len, pbuf_type type)
{
	struct pbuf_custom *c = calloc(1, sizeof(*c) + MAX(len, LEAST));

	(void)type;
	c->custom_free_function = free_own;
	return pbuf_alloced_custom(layer, len, PBUF_REF, c, c + 1, len);
}

void snmp_init(void);

#define pbuf_alloc alloc_own
#include <../../test/fuzz/fuzz_common.c>
#undef pbuf_alloc

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Applications that its entry may start and that we do not have. */
void httpd_init(void)
{
}

void *lwiperf_start_tcp_server_default(lwiperf_report_fn report, void *arg)
{
	(void)report;
	return arg;
}

void snmp_init(void)
{
}

/* The servers of its entry, as it sets them up there. */
static void serve(void)
{
	struct altcp_pcb *tcp = altcp_tcp_new_ip_type(IPADDR_TYPE_ANY);
	struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

	if (altcp_bind(tcp, IP_ANY_TYPE, 80) || udp_bind(udp, IP_ANY_TYPE, 161))
		abort();
	altcp_accept(altcp_listen(tcp), tcp_server_accept);
	udp_recv(udp, udp_server_recv, NULL);
}

static struct netif *begin(void)
{
	static struct netif net;
	struct eth_addr mac = ETH_ADDR(0x28, 0, 0, 0x22, 0x2b, 0x38);
	ip4_addr_t address, mask, gateway, remote;

	lwip_init();
	IP4_ADDR(&address, 172, 30, 115, 84);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 172, 30, 115, 1);
	IP4_ADDR(&remote, 172, 30, 115, 37);
	netif_add(&net, &address, &mask, &gateway, &net, testif_init, ethernet_input);
	netif_set_up(&net);
	netif_set_link_up(&net);
	etharp_add_static_entry(&remote, &mac);
	nd6_tmr();
	dns_setserver(0, &net.gw);
	mdns_resp_init();
	mdns_resp_add_netif(&net, "hostname");
	serve();
	return &net;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct netif *net;

	if (!net)
		net = begin();
	if (!size)
		return 0;
	net_fake_now += (u64)data[0] * 20000000;		/* up to five seconds */
	sys_check_timeouts();
	input_pkts(data[0] & 1 ? LWIP_FUZZ_MULTIPACKET : LWIP_FUZZ_SINGLE, net, data + 1, size - 1);
	return 0;
}
