/* SPDX-License-Identifier: Apache-2.0 */
/* `ping`, and what `net host` and `net nat` show. */
#include "shell.h"

#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/time.h>

#define PINGS 4u
#define PINGS_MAX 100u

static bool pinging;
static u64 watched_at;			/* TSC: somebody still looks */

/* Ctrl-C ends the looking; what comes then is of no use to anybody. */
static bool is_watched(void)
{
	return tsc_now() - watched_at < timebase.tsc_hz;
}

static void say(const char *text)
{
	if (pinging && is_watched())
		shell_line(text);
	else
		host_ping_stop();
}

static void done(void)
{
	pinging = false;
}

static bool watch(u64 *cursor)
{
	(void)cursor;
	watched_at = tsc_now();
	return pinging;
}

void shell_ping(int argc, char **argv)
{
	static const struct ping_user user = { say, done };
	u64 count = PINGS;
	int err;

	if (argc < 2 || (argc > 2 && (!shell_number(argv[2], PINGS_MAX, &count) || !count))) {
		shell_print("usage: ping HOST [1 to %u]\n", PINGS_MAX);
		return;
	}
	if (pinging && !is_watched())
		host_ping_stop();
	pinging = true;
	watched_at = tsc_now();
	err = host_ping(argv[1], (u32)count, &user);
	if (!err) {
		shell_stream(watch, 0);
		return;
	}
	pinging = false;
	shell_line(err == -E_BUSY ? "a ping is under way" : "the hypervisor has no network");
}

void shell_net_host(void)
{
	host_net_show(shell_print);
}

void shell_net_nat(void)
{
	host_nat_show(shell_print);
}
