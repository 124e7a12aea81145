/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* lwIP as the hypervisor uses it: no threads, callbacks only, all memory in pools of fixed size, what is not needed left
 * out. Each number bounds what a stranger on the network can make us keep. */

/* --- one caller, no threads: the control core's event loop */
#define NO_SYS				1
#define LWIP_NO_UNISTD_H		1	/* arch.h would include the build host's */
#define LWIP_NO_INTTYPES_H		1
#define SYS_LIGHTWEIGHT_PROT		0
#define LWIP_SOCKET			0
#define LWIP_NETCONN			0
#define LWIP_TIMERS			1

/* --- memory: 8 KiB pieces at most; the heap holds what is on its way out */
#define MEM_ALIGNMENT			8
#define MEM_LIBC_MALLOC			0
#define MEMP_MEM_MALLOC			0
#define MEM_SIZE			(256 * 1024)
#define MEMP_NUM_PBUF			768	/* heads of what lies in rings on its way: 8 KiB of each client's */
#define PBUF_POOL_SIZE			32	/* received frames have buffers of their own: host_port.c */
#define PBUF_POOL_BUFSIZE		1600
#define MEMP_NUM_RAW_PCB		4
#define MEMP_NUM_UDP_PCB		24
#define MEMP_NUM_TCP_PCB		416	/* 108 clients of the API, 240 on their way, some that end: hv/web/wire_tcp.c */
#define MEMP_NUM_TCP_PCB_LISTEN		8
#define MEMP_NUM_TCP_SEG		1024
#define MEMP_NUM_ARP_QUEUE		256
#define MEMP_NUM_SYS_TIMEOUT		(LWIP_NUM_SYS_TIMEOUT_INTERNAL + 16)

/* --- frames */
#define ETH_PAD_SIZE			0
#define LWIP_ARP			1
#define ARP_TABLE_SIZE			320	/* more than a /24 has: who asks for what nobody has pushes nobody out */
#define ARP_QUEUEING			1	/* NAT's first packets wait there for their next hop, too */
#define ARP_QUEUE_LEN			4
#define ETHARP_SUPPORT_STATIC_ENTRIES	1
#define ETHARP_TABLE_MATCH_NETIF	1	/* a guest cannot answer for a neighbour on the LAN */
#define LWIP_ETHERNET			1
#define LWIP_NETIF_HOSTNAME		1
#define LWIP_NETIF_STATUS_CALLBACK	1
#define LWIP_NETIF_LINK_CALLBACK	1
#define LWIP_NETIF_EXT_STATUS_CALLBACK	1	/* mDNS announces anew when an address changes */
#define LWIP_NUM_NETIF_CLIENT_DATA	1	/* mDNS */
#define LWIP_NETIF_HWADDRHINT		0
#define LWIP_CHECKSUM_CTRL_PER_NETIF	1	/* what another guest or the card has checked is not checked again */
#define LWIP_NETIF_TX_SINGLE_PBUF	0

/* --- IPv4 */
#define LWIP_IPV4			1
#define IP_FORWARD			0	/* NAT has a path of its own, past lwIP */
#define IP_OPTIONS_ALLOWED		1	/* IGMP's router alert; source routes change nothing without forwarding */
#define IP_REASSEMBLY			1
#define IP_REASS_MAX_PBUFS		16	/* at most 24 KB of fragments are kept */
#define IP_REASS_MAXAGE			8
#define IP_FRAG				1
#define LWIP_BROADCAST_PING		0	/* RFC 1122 allows silence: nobody can use us to amplify */
#define LWIP_MULTICAST_PING		0
#define LWIP_IGMP			1	/* mDNS */
#define LWIP_DHCP			1
#define LWIP_DHCP_GET_NTP_SRV		1
#define LWIP_DHCP_MAX_NTP_SERVERS	2
#define LWIP_DHCP_MAX_DNS_SERVERS	3
#define LWIP_DHCP_DOES_ACD_CHECK	0	/* probing takes seconds at every start; DHCP servers probe what they give */
#define LWIP_ACD			0
#define LWIP_AUTOIP			0

/* --- IPv6 */
#define LWIP_IPV6			1
#define IPV6_FRAG_COPYHEADER		1	/* pointers have 64 bits: without it the reassembly timer asserts */
#define LWIP_IPV6_MLD			1
#define LWIP_IPV6_FORWARD		0
#define LWIP_IPV6_REASS			1
#define LWIP_IPV6_AUTOCONFIG		1
#define LWIP_IPV6_DHCP6			0
#define LWIP_IPV6_NUM_ADDRESSES		4	/* link-local, plan's or SLAAC's, two more prefixes */
#define LWIP_ND6_NUM_NEIGHBORS		32
#define LWIP_ND6_NUM_DESTINATIONS	32
#define LWIP_ND6_NUM_PREFIXES		5
#define LWIP_ND6_NUM_ROUTERS		3
#define LWIP_ND6_QUEUEING		1
#define MEMP_NUM_ND6_QUEUE		16
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS	2
#define LWIP_IPV6_SCOPES		1

/* --- TCP: windows that fill 1 Gbit/s at 2 ms, no scaling: what is served is a page and logs */
#define LWIP_TCP			1
#define TCP_MSS				1460
#define TCP_WND				(22 * TCP_MSS)
#define TCP_SND_BUF			(22 * TCP_MSS)
#define TCP_SND_QUEUELEN		64
#define TCP_QUEUE_OOSEQ			1
#define TCP_OOSEQ_MAX_BYTES		TCP_WND
#define TCP_OOSEQ_MAX_PBUFS		24
#define TCP_LISTEN_BACKLOG		1
#define TCP_DEFAULT_LISTEN_BACKLOG	16
#define LWIP_TCP_KEEPALIVE		1
#define LWIP_TCP_TIMESTAMPS		0
#define LWIP_TCP_SACK_OUT		1
/* Nobody may foretell the first sequence number. RFC 6528 */
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) bulkhead_tcp_isn()
/* A flood of half-open connections pushes out its own oldest ones, a port that is used again is no old connection's any more:
 * hv/net/stack.c. */
struct tcp_pcb;
struct tcp_hdr;
struct pbuf;
int bulkhead_tcp_input(struct tcp_pcb *pcb, struct tcp_hdr *head, struct pbuf *p);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, head, length, first, second, p) ((err_t)bulkhead_tcp_input(pcb, head, p))
/* Ports of our own connections are lwIP's usual ones, C000H and up; NAT gives out 8000H to BFFFH (hv/net/nat.h). */
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

/* --- UDP, names, time */
#define LWIP_UDP			1
#define LWIP_RAW			1	/* ping */
#define LWIP_DNS			1
#define DNS_TABLE_SIZE			8
#define DNS_MAX_SERVERS			3
#define DNS_MAX_NAME_LENGTH		256
#define LWIP_DNS_SECURE			7	/* random ids, random ports, no second query for the same name */
#define LWIP_DNS_SUPPORT_MDNS_QUERIES	1
#define LWIP_MDNS_RESPONDER		1
#define MDNS_MAX_SERVICES		1
#define MDNS_RESP_USENETIF_EXTCALLBACK	1
#define SNTP_SERVER_DNS			1
#define SNTP_GET_SERVERS_FROM_DHCP	2
#define SNTP_MAX_SERVERS		4
#define SNTP_CHECK_RESPONSE		4	/* server's address, its own transmit time, the time of our request, the delay */
#define SNTP_COMP_ROUNDTRIP		1
#define SNTP_SUPPRESS_DELAY_CHECK	1	/* host_time.c never asks more often than every 64 s */
#define SNTP_UPDATE_DELAY		bulkhead_sntp_delay()
#define SNTP_GET_SYSTEM_TIME(sec, us)	bulkhead_sntp_get(&(sec), &(us))
#define SNTP_SET_SYSTEM_TIME_US(sec, us) bulkhead_sntp_set(sec, us)

/* --- counters that `net host` shows; no text in the image but of assertions */
#define LWIP_STATS			1
#define LWIP_STATS_DISPLAY		0
#define LWIP_STATS_LARGE		1
#define LWIP_DBG_TYPES_ON		0

/* What is for an address of another of our networks is not for us: guests behind NAT and the LAN see one address each. */
struct pbuf;
struct netif;
int bulkhead_ip4_input(struct pbuf *p, struct netif *in);
#define LWIP_HOOK_IP4_INPUT(p, in)	bulkhead_ip4_input(p, in)
