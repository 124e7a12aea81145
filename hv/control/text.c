/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/time.h>

/* Without a known rate of the TSC the shell still runs, and all times are 0. */
static u64 ticks_to_ms(u64 ticks)
{
	return timebase.tsc_hz ? ticks_to_ns(ticks) / 1000000 : 0;
}

char *text_duration(char *to, size_t size, u64 ticks)
{
	u64 s = ticks_to_ms(ticks) / 1000;
	u64 days = s / 86400;

	if (days)
		fmt_print(to, size, "%lud %02lu:%02lu:%02lu", days, s / 3600 % 24, s / 60 % 60, s % 60);
	else
		fmt_print(to, size, "%02lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	return to;
}

char *text_stamp(char *to, size_t size, u64 tsc)
{
	u64 start = boot_info ? boot_info->tsc_at_entry : 0;
	u64 ms = tsc > start ? ticks_to_ms(tsc - start) : 0;

	fmt_print(to, size, "%6lu.%03lu", ms / 1000, ms % 1000);
	return to;
}

char *text_cores(char *to, size_t size, const u16 *core, u32 count)
{
	size_t at = 0;

	to[0] = 0;
	for (u32 i = 0, last; i < count; i = last + 1) {
		for (last = i; last + 1 < count && core[last + 1] == core[last] + 1; last++)
			;
		if (at >= size)
			break;
		at += (size_t)fmt_print(to + at, size - at, "%s%u", i ? "," : "", core[i]);
		if (last > i && at < size)
			at += (size_t)fmt_print(to + at, size - at, "-%u", core[last]);
	}
	return to;
}

/* Bytes of the escape sequence at from[0] == ESC: ECMA-48 "Control sequences" (5.4) and the two-byte kind. */
static size_t escape_length(const u8 *from, size_t n)
{
	size_t i = 2;

	if (n < 2)
		return n;
	if (from[1] != '[')
		return 2;
	while (i < n && from[i] >= 0x20 && from[i] <= 0x3f)
		i++;
	return MIN(i + 1, n);
}

char *text_neutralise(char *to, size_t size, const u8 *from, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n && out + 1 < size; i++) {
		u8 c = from[i];

		if (c == 0x1b)
			i += escape_length(from + i, n - i) - 1;
		else if (c == '\t')
			to[out++] = ' ';
		else if (c == '\n' || (c >= ' ' && c <= '~'))
			to[out++] = (char)c;
		else if (c != '\r')
			to[out++] = '?';
	}
	to[out] = 0;
	return to;
}

u64 text_last_lines(const struct console_ring *r, u32 count)
{
	u64 head = load_acquire(&r->head);
	u64 oldest = head > CONSOLE_RING_BYTES - 1024 ? head - (CONSOLE_RING_BYTES - 1024) : 0;
	u64 at = head;
	u32 ends = 0;

	while (at > oldest) {
		if (r->data[(at - 1) % CONSOLE_RING_BYTES] == '\n' && ++ends >= count)
			return at;
		at--;
	}
	return at;
}
