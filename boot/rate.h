/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Arithmetic of the clocks: frequencies, which clocks to believe, the calendar. Pure; boot core or host. */

#include <hv/boot_info.h>
#include <stddef.h>

struct rate_reading {
	const char *name;
	uint64_t hz;		/* 0: this clock gave nothing */
};

/* Ticks a second, when `ticks` passed in `ns` nanoseconds; 0 when ns is 0. */
uint64_t rate_from_ns(uint64_t ticks, uint64_t ns);

/* Whether two rates differ by at most 1 %, neither 0. */
int rate_agree(uint64_t a, uint64_t b);

/* The readings come best first. Two that agree are taken ("hpet+pm"); else the best one, and the words say so. */
void rate_choose(struct boot_clock *clock, const struct rate_reading *r, size_t count);

struct rate_date {
	unsigned int year, month, day, hour, minute, second;
	int zone;		/* minutes to add for UTC */
};

/* Seconds of UTC since 1970; 0 when the date is none. */
uint64_t rate_date_seconds(const struct rate_date *d);
