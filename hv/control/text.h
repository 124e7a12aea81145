/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Small pieces of text that the shell and the life cycle share. Pure, except for the rate of the clock. */

#include <hv/console_ring.h>
#include <hv/types.h>

/* "00:01:02", "3d 04:05:06": TSC ticks as a duration. Returns to, as all here. */
char *text_duration(char *to, size_t size, u64 ticks);

/* "  12.345": seconds since the machine was handed to us. */
char *text_stamp(char *to, size_t size, u64 tsc);

/* "1-3,5": core indexes. */
char *text_cores(char *to, size_t size, const u16 *core, u32 count);

/* Bytes of a guest made safe to show: escape sequences and carriage returns are dropped, tabs become spaces, whatever
 * else is not printable ASCII becomes '?'. Ends at size - 1. */
char *text_neutralise(char *to, size_t size, const u8 *from, size_t n);

/* Where the last count lines of a record begin (the unfinished one counts); at most what the ring still holds. */
u64 text_last_lines(const struct console_ring *r, u32 count);
