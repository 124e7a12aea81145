/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's own place on the network: its address, name, time, syslog, ping; and the NAT networks. Control core. */

#include <hv/net.h>
#include <hv/plan.h>

/* Make the ports and begin; nothing waits. After net_build(), before the seal. -E_NOMEM. Boot core. */
int host_net_build(const struct plan *plan, const struct resolved_plan *rp);

/* A guest is made while others run (its ports are on their switches), or goes (they still are): its name, and its addresses
 * where it is behind NAT. Control core, out of the event loop's turn. */
struct guest;
void host_net_add_guest(struct guest *g);
void host_net_drop_guest(struct guest *g);

/* What `net host` and `net nat` print, line by line. */
void host_net_show(void (*print)(const char *fmt, ...) PRINTF_LIKE(1, 2));
void host_nat_show(void (*print)(const char *fmt, ...) PRINTF_LIKE(1, 2));

/* Ping a host by name or address; what happens comes through say(), a line each, done() after the last. -E_BUSY: one is under
 * way; -E_NOENT: the hypervisor has no network. count 1 to 100. */
struct ping_user {
	void (*say)(const char *text);
	void (*done)(void);
};
int host_ping(const char *host, u32 count, const struct ping_user *user);
void host_ping_stop(void);
