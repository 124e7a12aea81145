/* SPDX-License-Identifier: Apache-2.0 */
#include "host_services.h"

#include <hv/lib.h>
#include <hv/log.h>

#include <lwip/apps/mdns.h>

#define NAMES_TRIED 8u

static char local_name[HOST_NAME_SIZE];
static char wanted_name[HOST_NAME_SIZE];
static u32 tries;

void (*host_listen)(void);

/* Somebody else has the name: the next one with a number. RFC 6762 "Conflict Resolution" */
static void named(struct netif *netif, u8_t result, s8_t slot)
{
	if (slot >= 0)
		return;
	if (result == MDNS_PROBING_SUCCESSFUL) {
		log_info("host name %s.local", local_name);
	} else if (++tries < NAMES_TRIED) {
		fmt_print(local_name, sizeof(local_name), "%.40s-%u", wanted_name, tries + 1);
		mdns_resp_rename_netif(netif, local_name);
	} else {
		log_notice("host name %s.local and others like it are taken: not announced", wanted_name);
		mdns_resp_remove_netif(netif);
	}
}

void host_services_begin(const struct plan_machine *m, struct host_port *host, const char *hostname)
{
	if (!host)
		return;
	str_copy(wanted_name, sizeof(wanted_name), hostname);
	str_copy(local_name, sizeof(local_name), hostname);
	tries = 0;
	mdns_resp_init();
	mdns_resp_register_name_result_cb(named);
	mdns_resp_add_netif(&host->netif, local_name);
	host_time_begin(m);
	syslog_begin(m, hostname);
	ping_begin();
	if (host_listen)
		host_listen();
}

void host_services_look(struct host_port *host)
{
	if (!host)
		return;
	syslog_look();
	ping_look();
}

void host_services_poll(u64 now)
{
	host_time_poll(now);
}
