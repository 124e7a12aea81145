/* SPDX-License-Identifier: Apache-2.0 */
#include "rate.h"

#include <stdbool.h>

#include "text.h"

uint64_t rate_from_ns(uint64_t ticks, uint64_t ns)
{
	while (ns >> 33) {	/* so that the remainder times 10^9 stays below 2^64 */
		ns >>= 1;
		ticks >>= 1;
	}
	return ns ? ticks / ns * 1000000000ull + ticks % ns * 1000000000ull / ns : 0;
}

int rate_agree(uint64_t a, uint64_t b)
{
	uint64_t low = a < b ? a : b, high = a < b ? b : a;

	return low && high - low <= high / 100;
}

void rate_choose(struct boot_clock *clock, const struct rate_reading *r, size_t count)
{
	const struct rate_reading *best = NULL;
	bool others = false;

	clock->tsc_hz = 0;
	text_copy(clock->method, sizeof(clock->method), "none");
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			if (!rate_agree(r[i].hz, r[j].hz))
				continue;
			clock->tsc_hz = r[i].hz;
			text_format(clock->method, sizeof(clock->method), "%s+%s", r[i].name, r[j].name);
			return;
		}
		others = others || (best && r[i].hz);
		if (!best && r[i].hz)
			best = &r[i];
	}
	if (!best)
		return;
	clock->tsc_hz = best->hz;
	text_format(clock->method, sizeof(clock->method), others ? "%s, others disagree" : "%s alone", best->name);
}

static bool is_leap(unsigned int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

uint64_t rate_date_seconds(const struct rate_date *d)
{
	static const unsigned short before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	uint64_t days = 0;
	int64_t seconds;

	if (d->year < 1970 || d->year > 9999 || d->month < 1 || d->month > 12 || d->day < 1 || d->day > 31 ||
	    d->hour > 23 || d->minute > 59 || d->second > 59 || d->zone < -1440 || d->zone > 1440)
		return 0;
	for (unsigned int y = 1970; y < d->year; y++)
		days += is_leap(y) ? 366 : 365;
	days += before[d->month - 1] + d->day - 1u;
	if (d->month > 2 && is_leap(d->year))
		days++;
	seconds = (int64_t)(days * 86400 + d->hour * 3600 + d->minute * 60 + d->second) + (int64_t)d->zone * 60;
	return seconds > 0 ? (uint64_t)seconds : 0;
}
