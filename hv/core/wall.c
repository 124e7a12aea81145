/* SPDX-License-Identifier: Apache-2.0 */
/* UTC: the machine's clock as boot read it, the TSC since then, and what time servers have added. */
#include <hv/lib.h>
#include <hv/time.h>

u64 wall_ns(u64 tsc)
{
	u64 since = tsc > timebase.wall_tsc ? ticks_to_ns(tsc - timebase.wall_tsc) : 0;
	s64 offset = wall_offset();

	return timebase.wall_seconds || offset ? timebase.wall_seconds * NS_PER_S + since + (u64)offset : 0;
}

void wall_step(s64 ns)
{
	if (timebase.wall_offset)
		__atomic_store_n(timebase.wall_offset, wall_offset() + ns, __ATOMIC_RELAXED);
}

/* Days since 1970 to a date of the Gregorian calendar, counted in years that begin in March. */
static void date_of(u64 days, u32 *year, u32 *month, u32 *day)
{
	u64 d = days + 719468, era = d / 146097, of_era = d % 146097;
	u64 y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	u64 of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

	*day = (u32)(of_year - (153 * m + 2) / 5 + 1);
	*month = (u32)(m < 10 ? m + 3 : m - 9);
	*year = (u32)(y + era * 400 + (*month <= 2));
}

char *wall_format(char to[WALL_TEXT], u64 ns)
{
	u64 s = ns / NS_PER_S, ms = ns / 1000000 % 1000;
	u32 year, month, day;

	if (!ns)
		return str_copy(to, WALL_TEXT, "-"), to;
	date_of(s / 86400, &year, &month, &day);
	fmt_print(to, WALL_TEXT, "%04u-%02u-%02uT%02lu:%02lu:%02lu.%03luZ", year, month, day, s / 3600 % 24, s / 60 % 60,
		  s % 60, ms);
	return to;
}
