/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Inside of the switch: hv/net/switch*.c, uplink.c, build.c, the shell's view of it. Control core only. */

#include <hv/net.h>
#include <hv/net_build.h>

#include "guard.h"
#include "limit.h"
#include "mac_table.h"

#define NET_SWITCHES_MAX (PLAN_SWITCHES_MAX + 1)
#define SWITCH_PORTS_MAX 72u		/* of one switch: guests' 64, an uplink, the hypervisor's, NAT's, some more */
#define SWITCH_DEPTH_MAX 4u		/* a port that answers out of deliver() forwards inside of the first frame's way */
#define SWITCH_STORM_GUEST 1000u	/* frames to many a second, where the plan says nothing */
#define SWITCH_STORM_UPLINK 20000u

struct capture;

/* What the switch knows of a port. */
struct port_state {
	struct net_port *port;
	u32 index;			/* in its switch */
	mac_key learnt_last;		/* the last address that was learnt here, and when: not looked up again */
	u32 learnt_second;
	bool dirty;			/* got something since the last switch_flush() */
	struct guard guard;
	struct limit rate, storm;
	bool watched;			/* one of the two below is set */
	struct port_state *mirror;	/* gets a copy of everything in and out; null: none */
	struct capture *capture;	/* null: none */
	u64 second_in, second_out, bytes_in, bytes_out;	/* bytes in the last whole second; counters at its begin */
	u32 loop_second;		/* the last one in which a loop was logged */
};

struct net_switch {
	char name[PLAN_NAME_SIZE];
	const struct plan_switch *plan;
	struct netdev *card;
	struct net_switch *outside;
	u32 ports, loud;		/* loud: those that get frames for unknown addresses */
	struct port_state port[SWITCH_PORTS_MAX];
	u64 flooded, unknown;		/* frames to many; of them: to an address that nobody knows */
	struct mac_table macs;
};

/* The clock of the switches: TSC at the begin of this turn of the event loop, and whole seconds. */
extern u64 switch_now;
extern u32 switch_second;
extern u64 switch_second_end;	/* TSC; 0: time has not begun */
void switch_clock(u64 now);

static inline struct port_state *state_of(const struct net_port *p)
{
	return p->switch_state;
}

/* All addresses behind such a port are known: what is for an unknown one is not for it. */
static inline bool port_is_quiet(const struct net_port *p)
{
	return p->kind == NET_PORT_HOST || p->kind == NET_PORT_NAT || (p->kind == NET_PORT_GUEST && p->guard && !p->trunk);
}

/* No switch is there any more: for unit tests. */
void switch_forget_all(void);

/* Is VLAN id one of the port's? */
static inline bool port_in_vlan(const struct net_port *p, u32 vlan)
{
	if (!p->trunk || vlan == p->vlan)
		return p->vlan == vlan;
	return !p->vlan_ids || p->vlan_ids[vlan / 64] >> vlan % 64 & 1;
}

/* One frame on its way through the switch. Its head is stable: nobody changes it between a check and the copy. */
struct passage {
	struct net_switch *sw;
	struct net_port *from;
	struct net_frame *given;	/* the sender's */
	struct net_frame *f;		/* what is delivered, untagged: given, or own */
	struct net_frame own;
	const u8 *head;			/* its first bytes */
	u32 head_len;
	u16 vlan, tci;			/* VLAN; what a tag would say */
	bool copied;			/* own and piece[] are in use, the head is in copy[] */
	bool lease;			/* from a DHCP server, so to be looked at */
	bool watching;			/* a copy for a mirror is under way */
	bool held;			/* somebody holds given */
	void (*done)(struct net_frame *f);	/* given's; taken away while it is forwarded */
	struct net_piece piece[NET_PIECES_MAX + 2];
	u8 copy[GUARD_HEAD_MAX];
};

/* switch_head.c: the head of c->given, without a tag, and its VLAN. NET_DROPS: all is well. */
enum net_drop passage_read(struct passage *c);
/* A frame with bytes [0, n) from head and the rest of f behind skip; into own and piece. false: too many pieces. */
bool frame_replace_head(const struct net_frame *f, u32 skip, const u8 *head, u32 n, struct net_frame *own, struct net_piece *piece);

/* switch_deliver.c: to one port, with everything that it needs done to the frame; VLANs and isolation were looked at. */
void passage_deliver(struct passage *c, struct port_state *to);
/* Copies of a frame that came in from st or goes out there. */
void passage_watch(struct passage *c, struct port_state *st);
/* Tag of c's frame, as to's owner sees it; 0: none. */
u32 passage_tag(const struct passage *c, const struct net_port *to);

/* switch_learn.c: the source address of a port that is not held to its own. NET_DROPS: all is well. */
enum net_drop passage_source(struct passage *c);
/* Is it a DHCP server's answer (of who is not guarded: those may not)? What it leases to to's owner is bound to it. */
bool passage_is_lease(const struct passage *c);
void passage_lease(struct passage *c, struct port_state *to);
/* What c's guarded sender may say. NET_DROPS: all is well. */
enum net_drop passage_guard(struct passage *c);

/* switch_hold.c: a frame that a card may hold, made of c's, tag inside where it is not 0; null: it has to copy. Then it is
 * held until done(), or not at all. */
struct net_frame *passage_hold(struct passage *c, u32 tag);
void passage_let_go(struct net_frame *held);
int switch_hold_init(void);

/* f with a tag inside; head[16] is used. false: too many pieces. */
bool frame_tag(const struct net_frame *f, u32 tci, u8 *head, struct net_frame *own, struct net_piece *piece);

/* Copies of everything in and out at from go to `to` as well; null: no longer. */
void switch_mirror(struct port_state *from, struct port_state *to);

/* Behind `to`, which is up again, nobody may know where the other ports are: let them say so. */
void switch_announce(struct net_port *to);

/* The same of one port: its owner does if it can, else the switch sends a frame from its address that says nothing. */
void switch_announce_port(struct net_port *p);

/* st got something: it is flushed at the end of the burst. And: not any more. No frame is on its way. */
void switch_mark(struct port_state *st);
void switch_unmark(struct port_state *st);

/* In the place of a port that went: always down. Its name is empty. */
bool port_is_nobody(const struct port_state *st);

static inline void port_drop_in(struct net_port *p, enum net_drop why)
{
	p->stats.drop_in[why]++;
}

static inline void port_drop_out(struct net_port *p, enum net_drop why)
{
	p->stats.drop_out[why]++;
}

/* Sum of bytes in one's complement, 16 bits wide once folded; len odd: as if a zero byte followed. RFC 1071. */
u64 net_sum(const u8 *at, u32 len, u64 sum);
u16 net_sum_fold(u64 sum);
