/* SPDX-License-Identifier: Apache-2.0 */
/* One range of an answer, as downloads that go on ask for. RFC 9110 "Range Requests" */
#include "answer.h"

#include <hv/lib.h>

static const char *number(const char *at, u64 *v, bool *any)
{
	*any = false;
	for (*v = 0; *at >= '0' && *at <= '9'; at++) {
		if (*v > ~0ul / 16)
			return NULL;
		*v = *v * 10 + (u64)(*at - '0');
		*any = true;
	}
	return at;
}

enum range_kind range_of(const char *text, u64 length, u64 *first, u64 *n)
{
	u64 from, to;
	bool has_from, has_to;
	const char *at;

	if (strncmp(text, "bytes=", 6))
		return RANGE_WHOLE;
	at = number(text + 6, &from, &has_from);
	at = at && *at == '-' ? number(at + 1, &to, &has_to) : NULL;
	/* Several ranges, or what is none: the whole is a right answer, too. */
	if (!at || *at || (!has_from && !has_to) || (has_from && has_to && to < from))
		return RANGE_WHOLE;
	if (!has_from) {
		*n = MIN(to, length);
		*first = length - *n;
		return *n ? RANGE_PART : RANGE_NONE;
	}
	if (from >= length)
		return RANGE_NONE;
	*first = from;
	*n = (has_to ? MIN(to, length - 1) : length - 1) - from + 1;
	return RANGE_PART;
}

bool answer_part(struct answer *a, u64 length, u64 *first, u64 *n)
{
	const char *same = a->r->if_range;

	*first = 0;
	*n = length;
	out_text(&a->head, "accept-ranges: bytes\r\n");
	if (a->r->method != HTTP_GET || !a->r->want_range[0] || (*same && (!a->etag[0] || strcmp(same, a->etag))))
		return true;
	switch (range_of(a->r->want_range, length, first, n)) {
	case RANGE_WHOLE:
		return true;
	case RANGE_PART:
		a->status = 206;
		out_print(&a->head, "content-range: bytes %lu-%lu/%lu\r\n", *first, *first + *n - 1, length);
		return true;
	default:
		out_print(&a->head, "content-range: bytes */%lu\r\n", length);
		answer_problem(a, 416, NULL, "there are %lu bytes", length);
		return false;
	}
}
