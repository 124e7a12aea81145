/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine's switches, as the resolved plan has them: made at boot, there for good; guests' ports come and go with their
 * guests. Boot core until the event loop begins, then control core. */

#include <hv/net.h>
#include <hv/plan.h>

struct guest;

/* Make the switches of the plan with their uplinks and the guests' ports. Cards have been probed, guests are built, memory
 * can still be had. Without cards or switches there is little to do. -E_NOMEM. */
int net_build(const struct resolved_plan *rp);

/* The ports of a guest that is made while others run, and of one that goes or could not be made. -E_NOMEM. */
struct resolved_guest;
int net_add_guest(struct guest *g, const struct resolved_plan *rp, const struct resolved_guest *rg);
void net_drop_guest(struct guest *g);

/* The guest was silent for a while: switches outside may have forgotten where its addresses are, and are told again. */
void net_announce_guest(struct guest *g);

/* In the order of the plan, the implicit one last. */
u32 net_switch_count(void);
struct net_switch *net_switch_at(u32 index);

/* null: none is called so. */
struct net_switch *net_switch_by_name(const char *name);

/* Where the hypervisor's own port attaches when the plan does not say: the switch "outside" (implicit, on the first card
 * that no switch of the plan has; or the plan's own of that name), else the first switch with an uplink, else null. */
struct net_switch *net_outside(void);

/* Where a switch with nat = true has its outside: its key `outside`, else net_outside(); null: it has none. */
struct net_switch *net_nat_outside(const struct net_switch *nat);

/* What the plan says of it (NAT, forwards, network of the guests); null: the implicit one. */
const struct plan_switch *net_switch_plan(const struct net_switch *s);
const char *net_switch_name(const struct net_switch *s);

/* The card of its uplink; null: a private switch. A hypervisor's port on such a switch best has the card's own address. */
struct netdev *net_switch_card(const struct net_switch *s);

/* --- what the switch offers beside hv/net.h ------------------------------------------------------------------------ */

/* A switch of its own, empty. name is copied. null: no memory, or NET_SWITCHES_MAX are there. */
struct net_switch *switch_create(const char *name);

/* Where the frame came from that is being delivered at this moment, and in which VLAN (0: untagged); null: nothing is.
 * During deliver() only. */
struct net_port *switch_source(void);
u32 switch_source_vlan(void);

/* The port behind which an address is, as far as the switch knows; null: unknown. */
struct net_port *switch_find(struct net_switch *s, const u8 mac[NET_MAC], u32 vlan);

/* Ports in the order in which they attached; null: there are no more. */
struct net_port *switch_port_at(struct net_switch *s, u32 index);

/* This port owns an IP address: guests elsewhere on the switch cannot use it, and a guarded port uses what is bound to it
 * and nothing else (of that version). The switch binds what it sees a DHCP server on an uplink, the hypervisor's or NAT's
 * port give to a guarded port, and what the plan says. address in host order; IPv6 as on the wire. -E_NOMEM: SWITCH_BOUND_MAX. */
#define SWITCH_BOUND_MAX 4
int switch_bind_ip4(struct net_port *p, u32 address);
int switch_bind_ip6(struct net_port *p, const u8 address[16]);
void switch_unbind_ip4(struct net_port *p, u32 address);
void switch_unbind_ip6(struct net_port *p, const u8 address[16]);

/* "addressed to a VLAN that the port is not in" and the like. */
const char *net_drop_words(enum net_drop why);

/* Software for what a receiver does not take; also for ports outside of a switch. Pure. Segments of a GSO frame, or the
 * frame with its checksum filled in, each through emit(): f lives during the call only, nothing may hold it. false: what
 * the offload says is not in the frame (DROP_OFFLOAD); nothing or a part was emitted. do_checksum: emit() takes no partial
 * sums. */
typedef void net_emit_fn(void *arg, struct net_frame *f);
bool net_offload(const struct net_frame *f, bool do_checksum, net_emit_fn *emit, void *arg);
