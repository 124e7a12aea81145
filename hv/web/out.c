/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include <hv/lib.h>

void out_init(struct out *o, char *to, size_t size)
{
	*o = (struct out){ .to = to, .size = size };
}

void out_bytes(struct out *o, const void *bytes, size_t n)
{
	if (n > o->size - o->at) {
		o->cut = true;
		return;
	}
	memcpy(o->to + o->at, bytes, n);
	o->at += n;
}

void out_text(struct out *o, const char *text)
{
	out_bytes(o, text, strlen(text));
}

void out_print(struct out *o, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = (size_t)fmt_vprint(o->to + o->at, o->size - o->at, fmt, ap);
	va_end(ap);
	if (n < o->size - o->at)	/* room for the NUL, too, which the next one overwrites */
		o->at += n;
	else
		o->cut = true;
}

/* --- JSON ---------------------------------------------------------------------------------------------------- */

/* Bytes of the well-formed UTF-8 sequence at s, 0: it is none. Unicode "Well-Formed UTF-8 Byte Sequences" */
static size_t utf8_length(const u8 *s, size_t n)
{
	u8 low = 0x80, high = 0xbf;
	size_t need;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (n < need || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return need;
}

/* How many bytes from s on stand for themselves in a JSON string. '<' does not: harmless inside of a page, too. */
static size_t plain_length(const u8 *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\' && s[i] != '<')
		i++;
	return i;
}

static void quoted(struct out *o, const u8 *s, size_t n)
{
	size_t part;

	out_text(o, "\"");
	for (size_t i = 0; i < n; i += part) {
		part = plain_length(s + i, n - i);
		if (part) {
			out_bytes(o, s + i, part);
			continue;
		}
		part = utf8_length(s + i, n - i);
		if (!part) {
			out_text(o, "\xef\xbf\xbd");
			part = 1;
		} else if (s[i] == '"' || s[i] == '\\') {
			out_print(o, "\\%c", s[i]);
		} else if (part == 1) {
			out_print(o, "\\u%04x", s[i]);
		} else {
			out_bytes(o, s + i, part);
		}
	}
	out_text(o, "\"");
}

static void begin(struct out *o, const char *key)
{
	if (o->comma)
		out_text(o, ",");
	o->comma = true;
	if (key) {
		quoted(o, (const u8 *)key, strlen(key));
		out_text(o, ":");
	}
}

void json_open(struct out *o, const char *key, char bracket)
{
	begin(o, key);
	out_bytes(o, &bracket, 1);
	o->comma = false;
}

void json_close(struct out *o, char bracket)
{
	out_bytes(o, &bracket, 1);
	o->comma = true;
}

void json_text_n(struct out *o, const char *key, const void *text, size_t n)
{
	begin(o, key);
	quoted(o, text, n);
}

void json_text(struct out *o, const char *key, const char *text)
{
	json_text_n(o, key, text, strlen(text));
}

void json_u64(struct out *o, const char *key, u64 value)
{
	char text[20];			/* of 2^64 - 1 */
	size_t at = sizeof(text);

	begin(o, key);
	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	out_bytes(o, text + at, sizeof(text) - at);
}

void json_bool(struct out *o, const char *key, bool value)
{
	begin(o, key);
	out_text(o, value ? "true" : "false");
}

void json_null(struct out *o, const char *key)
{
	begin(o, key);
	out_text(o, "null");
}
