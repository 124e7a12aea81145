/* SPDX-License-Identifier: Apache-2.0 */
/* The time of day from servers (SNTP, RFC 4330). The first answer sets the clock. Later ones move it gently, 500 us a second at
 * most, so that no second is seen twice; what is off by more than half a second is set at once and said; what is off by more
 * than 1000 s after the clock was right once is not believed. Servers are asked every 64 s at first, then every 17 minutes. */
#include "host_services.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#include <lwip/apps/sntp.h>

#define NS_PER_US 1000
#define STEP_NS 500000000l
#define INSANE_NS (1000 * (s64)NS_PER_S)
#define SLEW_DIVISOR 2000		/* 500 us a second */
#define FIRST_ANSWERS 4u
#define YEAR_2024 1704067200u		/* this source is younger */

struct host_time host_time;

static s64 to_slew;			/* ns that the clock has still to be moved by */
static u64 slewed_at;			/* TSC */

uint32_t bulkhead_sntp_delay(void);
void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us);
void bulkhead_sntp_set(uint32_t seconds, uint32_t us);

uint32_t bulkhead_sntp_delay(void)
{
	return host_time.answers < FIRST_ANSWERS ? 64000 : 1024000;
}

void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us)
{
	u64 ns = wall_ns(tsc_now());

	*seconds = (uint32_t)(ns / NS_PER_S);
	*us = (uint32_t)(ns % NS_PER_S / NS_PER_US);
}

static void step(s64 ns)
{
	char text[WALL_TEXT];

	to_slew = 0;
	wall_step(ns);
	host_time.steps++;
	log_notice("clock set to %s by a time server", wall_format(text, wall_ns(tsc_now())));
}

void bulkhead_sntp_set(uint32_t seconds, uint32_t us)
{
	u64 now = tsc_now();
	s64 off = (s64)(seconds * NS_PER_S + (u64)us * NS_PER_US - wall_ns(now)), size = off < 0 ? -off : off;

	if (seconds < YEAR_2024 || (host_time.known && size > INSANE_NS)) {
		host_time.refused++;
		log_notice("clock: a time server is off by %ld s: not believed", (long)(off / (s64)NS_PER_S));
		return;
	}
	host_time.answers++;
	host_time.last = now;
	host_time.difference = off;
	if (!host_time.known || size > STEP_NS)
		step(off);
	else
		to_slew = off;
	host_time.known = true;
}

void host_time_poll(u64 now)
{
	u64 since = ticks_to_ns(now - slewed_at);
	s64 most = (s64)MIN(since, 1000000000ul) / SLEW_DIVISOR, part = to_slew;

	slewed_at = now;
	if (part > most)
		part = most;
	if (part < -most)
		part = -most;
	if (!part)
		return;
	wall_step(part);
	to_slew -= part;
}

void host_time_begin(const struct plan_machine *m)
{
	const struct plan_host_net *h = &m->net;

	sntp_setoperatingmode(SNTP_OPMODE_POLL);
	sntp_servermode_dhcp(!h->ntp_given);
	for (u32 i = 0; i < h->ntp_count; i++)
		sntp_setservername((u8_t)i, h->ntp[i]);
	if (!h->ntp_given || h->ntp_count)
		sntp_init();
}
