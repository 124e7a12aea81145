/* SPDX-License-Identifier: Apache-2.0 */
#include "restart.h"

#include <hv/lib.h>

/* 1, 2, 4 ... 60 seconds for the first, second, third failure in a row. */
static u32 back_off(u32 failures)
{
	return failures > 6 ? RESTART_DELAY_MAX : MIN(1u << (failures - 1), RESTART_DELAY_MAX);
}

static u32 judge_reboot(struct restart *r, u64 seconds)
{
	r->quick_reboots = seconds < RESTART_QUICK_SECONDS ? r->quick_reboots + 1 : 0;
	if (r->quick_reboots <= RESTART_QUICK_FREE)
		return 0;
	r->quick_reboots = MIN(r->quick_reboots, RESTART_QUICK_FREE + 7);
	return back_off(r->quick_reboots - RESTART_QUICK_FREE);
}

static bool is_load_failure(const struct guest_end_record *record)
{
	return !strcmp(record->id, "GUEST-LOAD") || !strncmp(record->id, "IMAGE-", 6);
}

static bool is_failure(const struct guest_end_record *record)
{
	return record->end == END_KILLED || (record->end == END_RESULT && record->result != 0);
}

u32 restart_judge(struct restart *r, enum plan_restart policy, const struct guest_end_record *record, u64 seconds)
{
	if (seconds >= RESTART_HEALTHY_SECONDS)
		r->failures = 0;
	if (record->end == END_REBOOT)
		return judge_reboot(r, seconds);
	r->quick_reboots = 0;
	if (policy == PLAN_RESTART_NEVER || is_load_failure(record))
		return RESTART_NEVER;
	if (policy == PLAN_RESTART_ON_FAILURE && !is_failure(record))
		return RESTART_NEVER;
	r->failures = MIN(r->failures + 1, 7u);
	return back_off(r->failures);
}
