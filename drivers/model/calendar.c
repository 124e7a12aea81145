/* SPDX-License-Identifier: Apache-2.0 */
#include "calendar.h"

#define DAY_SECONDS 86400
#define DAYS_400_YEARS 146097
#define EPOCH_DAYS 719468	/* from 0000-03-01 to 1970-01-01 */

static s64 floor_div(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

/* Years that begin in March end with the leap day, and their months have 153 days in each five. */
static s64 days_of_month(s64 month_from_march)
{
	return (153 * month_from_march + 2) / 5;
}

static s64 days_of_year(s64 year)
{
	return 365 * year + floor_div(year, 4) - floor_div(year, 100) + floor_div(year, 400);
}

s64 calendar_seconds(const struct date *d)
{
	s64 months = (s64)d->month - 3, year = d->year + floor_div(months, 12);
	s64 days = days_of_year(year) + days_of_month(months - floor_div(months, 12) * 12) + d->day - 1 - EPOCH_DAYS;

	return days * DAY_SECONDS + (s64)d->hour * 3600 + (s64)d->minute * 60 + d->second;
}

/* The year of a day: an estimate that is at most one too high, put right. */
static s64 year_of_day(s64 day)
{
	s64 year = floor_div(day * 400, DAYS_400_YEARS) + 1;

	while (days_of_year(year) > day)
		year--;
	return year;
}

struct date calendar_date(s64 seconds)
{
	s64 days = floor_div(seconds, DAY_SECONDS), rest = seconds - days * DAY_SECONDS;
	s64 day = days + EPOCH_DAYS, year = year_of_day(day), month;

	day -= days_of_year(year);
	month = (5 * day + 2) / 153;
	return (struct date){
		.year = year + (month >= 10),
		.month = (u32)(month + (month < 10 ? 3 : -9)),
		.day = (u32)(day - days_of_month(month) + 1),
		.hour = (u32)(rest / 3600), .minute = (u32)(rest / 60 % 60), .second = (u32)(rest % 60),
		.weekday = (u32)(days + 4 - floor_div(days + 4, 7) * 7) + 1,
	};
}
