/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the hypervisor does with its address beside answering: time, name, syslog, ping. Between files of hv/net; control
 * core. */

#include "host_port.h"

#include <hv/plan.h>

#include <lwip/ip_addr.h>

/* lwIP is new. Inside of it. host may be null. */
void host_services_begin(const struct plan_machine *m, struct host_port *host, const char *hostname);

/* Some times a second, inside of lwIP. */
void host_services_look(struct host_port *host);

/* ... and outside of it. */
void host_services_poll(u64 now);

struct host_port *host_own_port(void);
const char *host_name(void);		/* "bulkhead-NAME" */

/* lwIP is new: whoever listens begins to. Null: nobody does. Inside of lwIP. */
extern void (*host_listen)(void);
void host_to_lwip(const struct plan_address *from, ip_addr_t *to);

/* host_time.c */
void host_time_begin(const struct plan_machine *m);
void host_time_poll(u64 now);
struct host_time {
	bool known;			/* a server has answered */
	u64 answers, steps, refused;
	u64 last;			/* TSC of the last answer */
	s64 difference;			/* ns that it found */
};
extern struct host_time host_time;

/* syslog.c */
void syslog_begin(const struct plan_machine *m, const char *hostname);
void syslog_look(void);
void syslog_forget(u32 guest);		/* what its console began to say */
struct syslog_state {
	bool on, connected;
	u64 sent, lost;
};
extern struct syslog_state syslog_state;

/* ping.c */
void ping_begin(void);
void ping_look(void);
