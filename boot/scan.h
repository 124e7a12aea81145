/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Finds strings in a plan's text (TOML comments, "..." and '...') without understanding the plan: boot/ loads every
 * string that happens to name a file, the hypervisor judges. Pure, no state; boot core or host. */

#include <stddef.h>

struct scan {
	const char *text;
	size_t size, at;
};

/* Takes the next string of the text into `out`, escapes resolved. Strings that are empty, hold control characters,
 * a wrong escape or do not fit are passed over. Returns 1, or 0 at the end. */
int scan_next_string(struct scan *s, char *out, size_t size);

/* Whether a string may be opened as a file beside the plan: relative, no `..`, nothing that FAT forbids. */
int scan_is_file_name(const char *name);
