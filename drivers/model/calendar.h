/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Seconds since 1970 and dates of the Gregorian calendar, both ways. Pure. */

#include <hv/types.h>

struct date {
	s64 year;
	u32 month, day;			/* from 1 */
	u32 hour, minute, second;
	u32 weekday;			/* 1 is Sunday; not looked at by calendar_seconds() */
};

/* Fields out of their range count on: the 32nd is the 1st of the next month. */
s64 calendar_seconds(const struct date *d);
struct date calendar_date(s64 seconds);
