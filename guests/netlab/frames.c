// SPDX-License-Identifier: Apache-2.0
// frames KIND DEVICE COUNT [RATE]: frames that no driver of Linux' own would send, from a guest, to try the switch with. RATE: a
// second; without it as fast as it goes. KIND: storm (broadcasts), unknown (to addresses that nobody has), arp (requests),
// arpspoof (answers: 10.99.0.11 is here), mac (a foreign source address), ip (10.99.0.11 as source), syn (TCP SYNs to
// 10.99.0.1), dhcp (DISCOVERs of ever new clients), ra (router advertisements), vlan (tags inside of tags). Prints how many were
// taken.
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ETHER = 14, IP = 20, ROUTER = 0x0a630001, NEIGHBOUR = 0x0a63000b };
static unsigned char frame[1514], mac[6];

static void put16(unsigned char *p, unsigned v) { p[0] = (unsigned char)(v >> 8); p[1] = (unsigned char)v; }
static void put32(unsigned char *p, unsigned v) { put16(p, v >> 16); put16(p + 2, v & 0xffff); }

static unsigned sum(const unsigned char *p, unsigned n, unsigned s)
{
	for (unsigned i = 0; i + 1 < n; i += 2)
		s += (unsigned)(p[i] << 8 | p[i + 1]);
	if (n & 1)
		s += (unsigned)p[n - 1] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void ether(unsigned type, int broadcast)
{
	memset(frame, 0, sizeof(frame));
	memset(frame, broadcast ? 0xff : 0x52, 6);
	memcpy(frame + 6, mac, 6);
	put16(frame + 12, type);
}

static unsigned ip(unsigned proto, unsigned from, unsigned to, unsigned payload)
{
	unsigned char *p = frame + ETHER;

	p[0] = 0x45;
	put16(p + 2, IP + payload);
	p[8] = 64;
	p[9] = (unsigned char)proto;
	put32(p + 12, from);
	put32(p + 16, to);
	put16(p + 10, ~sum(p, IP, 0) & 0xffff);
	return ETHER + IP + payload;
}

static unsigned arp(unsigned op, unsigned sender, unsigned target)
{
	unsigned char *p = frame + ETHER;

	ether(0x0806, 1);
	memcpy(p, "\0\1\10\0\6\4", 6);
	put16(p + 6, op);
	memcpy(p + 8, mac, 6);
	put32(p + 14, sender);
	put32(p + 24, target);
	return 60;
}

static unsigned udp(unsigned from, unsigned to, unsigned sport, unsigned dport, unsigned payload)
{
	unsigned char *p = frame + ETHER + IP;

	put16(p, sport);
	put16(p + 2, dport);
	put16(p + 4, 8 + payload);
	return ip(17, from, to, 8 + payload);
}

static unsigned syn(unsigned i)
{
	unsigned char *p = frame + ETHER + IP, pseudo[12] = { 0 };

	ether(0x0800, 1);
	put16(p, 1024 + i % 60000);
	put16(p + 2, 80 + i % 7);
	put32(p + 4, i * 2654435761u);
	p[12] = 0x50;
	p[13] = 2;
	put16(p + 14, 65535);
	put32(pseudo, ROUTER + 9);
	put32(pseudo + 4, ROUTER);
	pseudo[9] = 6;
	pseudo[11] = 20;
	put16(p + 16, ~sum(p, 20, sum(pseudo, 12, 0)) & 0xffff);
	return ip(6, ROUTER + 9, ROUTER, 20);
}

static unsigned dhcp(unsigned i)
{
	unsigned char *p = frame + ETHER + IP + 8;

	ether(0x0800, 1);
	memcpy(p, "\1\1\6", 3);
	put32(p + 4, i);
	put32(p + 28, 0x52540000u);
	put16(p + 32, i & 0xffff);
	memcpy(p + 236, "\x63\x82\x53\x63\x35\1\1\xff", 8);
	return udp(0, ~0u, 68, 67, 300);
}

static unsigned ra(void)
{
	unsigned char *p = frame + ETHER, *icmp = p + 40, pseudo[40] = { 0 };

	ether(0x86dd, 0);
	memcpy(frame, "\x33\x33\0\0\0\1", 6);
	p[0] = 0x60;
	put16(p + 4, 16);
	p[6] = 58;
	p[7] = 255;
	memcpy(p + 8, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x66", 16);
	memcpy(p + 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	icmp[0] = 134;
	put16(icmp + 6, 1800);
	memcpy(pseudo, p + 8, 32);
	pseudo[35] = 16;
	pseudo[39] = 58;
	put16(icmp + 2, ~sum(icmp, 16, sum(pseudo, 40, 0)) & 0xffff);
	return ETHER + 56;
}

static unsigned make(const char *kind, unsigned i)
{
	if (!strcmp(kind, "arp"))
		return arp(1, ROUTER + 9, ROUTER + 1 + i % 250);
	if (!strcmp(kind, "arpspoof"))
		return arp(2, NEIGHBOUR, ROUTER);
	if (!strcmp(kind, "syn"))
		return syn(i);
	if (!strcmp(kind, "dhcp"))
		return dhcp(i);
	if (!strcmp(kind, "ra"))
		return ra();
	ether(0x88b5, !strcmp(kind, "storm"));
	if (!strcmp(kind, "mac"))
		memcpy(frame + 6, "\x52\x54\0\0\0\x77", 6);
	if (!strcmp(kind, "unknown"))
		put32(frame + 2, i);
	if (!strcmp(kind, "vlan")) {
		put16(frame + 12, 0x8100);
		put16(frame + 14, 10);
		put16(frame + 16, 0x8100);
		put16(frame + 18, 20);
	}
	if (!strcmp(kind, "ip")) {
		put16(frame + 12, 0x0800);
		return udp(NEIGHBOUR, ROUTER, 9, 9, 100);
	}
	return 1000;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(3) };
	unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 0, rate = argc > 4 ? (unsigned)atoi(argv[4]) : 0, sent = 0;
	struct ifreq r = { 0 };
	int s = socket(AF_PACKET, SOCK_RAW, htons(3));
	struct timespec begin, now;

	if (argc < 4 || s < 0) {
		fprintf(stderr, "usage: frames KIND DEVICE COUNT [RATE]\n");
		return 2;
	}
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", argv[2]);
	if (ioctl(s, SIOCGIFINDEX, &r))
		return 1;
	to.sll_ifindex = r.ifr_ifindex;
	if (ioctl(s, SIOCGIFHWADDR, &r) || bind(s, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned i = 0; i < count; i++) {
		unsigned n = make(argv[1], i);

		if (write(s, frame, n) == (ssize_t)n)
			sent++;
		for (clock_gettime(CLOCK_MONOTONIC, &now); rate; clock_gettime(CLOCK_MONOTONIC, &now)) {
			double passed = (double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9;

			if (passed * rate >= i)
				break;
			usleep(500);
		}
	}
	printf("FRAMES %s %u sent\n", argv[1], sent);
	return 0;
}
