/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a port says and hears, as a file that Wireshark and tcpdump open (pcap, nanoseconds, Ethernet). One capture at a time,
 * in a ring of fixed size: what does not fit until it is taken out is counted, not kept. Control core. */

#include <hv/net.h>

struct port_state;
struct capture;

struct capture_filter {
	bool by_mac, by_port;
	u8 mac[NET_MAC];		/* as source or target */
	u16 port;			/* TCP's or UDP's, either way; IPv4 without fragments, IPv6 without extensions */
	u32 snap;			/* bytes that are kept of a frame */
	u64 frames;			/* stop after so many; 0: no end */
	u64 bytes;			/* stop before the file is larger; 0: no end */
};

#define CAPTURE_SNAP_MIN 64u
#define CAPTURE_SNAP_MAX 65554u
#define CAPTURE_RING (256 * KiB)
#define CAPTURE_PATIENCE 10u		/* seconds that nobody takes anything out: it ends by itself */

/* The one that is; null: none. Its port's. */
struct port_state *capture_port(void);

/* Begin at st: the file's header is in the ring then. -E_BUSY: one is under way; -E_NOMEM. */
int capture_begin(struct port_state *st, const struct capture_filter *filter);

/* No more is taken in; what is in the ring can still be read. capture_free: not even that. */
void capture_stop(void);
void capture_free(void);
bool capture_running(void);

/* The next bytes of the file, up to n; 0: none at the moment. */
u32 capture_read(u8 *to, u32 n);

/* How many frames went in and did not fit. */
void capture_counts(u64 *taken, u64 *lost);

/* The switch's: a frame of the port, its tag (0: none). */
void capture_frame(struct capture *c, const struct net_frame *f, u32 tag);
