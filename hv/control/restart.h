/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whether and when a guest that ended starts again. Pure. */

#include <hv/guest.h>

#define RESTART_NEVER UINT32_MAX
#define RESTART_DELAY_MAX 60u		/* seconds */
#define RESTART_HEALTHY_SECONDS 60u	/* a run of this length forgives all failures before */
#define RESTART_QUICK_SECONDS 10u	/* reboots after shorter runs are counted */
#define RESTART_QUICK_FREE 3u		/* so many of them in a row cost nothing */

struct restart {
	u32 failures;			/* ends in a row that the policy answered with a restart */
	u32 quick_reboots;		/* in a row */
};

/* Judge the end of a run of seconds: the delay in seconds until the next start, or RESTART_NEVER. A guest that asks for
 * a reboot gets it under every policy; one whose image cannot be loaded is not tried again. */
u32 restart_judge(struct restart *r, enum plan_restart policy, const struct guest_end_record *record, u64 seconds);
