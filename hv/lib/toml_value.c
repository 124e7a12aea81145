/* SPDX-License-Identifier: Apache-2.0 */
/* The leaves of TOML: text, strings with their escapes, integers, booleans. */

#include <hv/lib.h>

#include "toml_value.h"

static bool expected(struct toml *t, const char *words)
{
	return toml_fail(t, TOML_BAD_SYNTAX, 0, words);
}

static u8 peek(const struct toml *t)
{
	return t->at < t->end ? *t->at : 0;
}

/* Bytes of the UTF-8 character at p, 0 when it is none. Unicode "Well-Formed UTF-8 Byte Sequences" (table 3-7):
 * no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t utf8_length(const u8 *p, size_t left)
{
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	u8 low = 0x80, high = 0xbf;

	if (length == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || length > left)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++) {
		if (p[i] < low || p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

const char *toml_check_text(const u8 *bytes, size_t size, u32 *line)
{
	size_t length;

	*line = 1;
	if (size >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf)
		return "UTF-8 without a byte order mark at the start of the file";
	for (size_t i = 0; i < size; i += length) {
		u8 c = bytes[i];

		length = utf8_length(bytes + i, size - i);
		if (!length)
			return "text in UTF-8";
		if (c == 0)
			return "text without NUL bytes";
		if (c == '\n')
			(*line)++;
		if (c == '\r' && (i + 1 == size || bytes[i + 1] != '\n'))
			return "lines that end with LF or CR LF, not with CR alone";
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return "text without control characters";
	}
	return NULL;
}

bool toml_put(struct toml *t, u8 byte)
{
	if (t->text_used >= t->text_max) {
		t->stop = true;
		return toml_fail(t, TOML_BAD_LIMIT, 0, "less text in keys and strings in one file");
	}
	t->text[t->text_used++] = (char)byte;
	return true;
}

static bool put_utf8(struct toml *t, u32 c)
{
	if (c < 0x80)
		return toml_put(t, (u8)c);
	if (c < 0x800)
		return toml_put(t, (u8)(0xc0 | c >> 6)) && toml_put(t, (u8)(0x80 | (c & 0x3f)));
	if (c < 0x10000)
		return toml_put(t, (u8)(0xe0 | c >> 12)) && toml_put(t, (u8)(0x80 | (c >> 6 & 0x3f))) &&
		       toml_put(t, (u8)(0x80 | (c & 0x3f)));
	return toml_put(t, (u8)(0xf0 | c >> 18)) && toml_put(t, (u8)(0x80 | (c >> 12 & 0x3f))) &&
	       toml_put(t, (u8)(0x80 | (c >> 6 & 0x3f))) && toml_put(t, (u8)(0x80 | (c & 0x3f)));
}

/* 0-15; 16: c is no digit of any radix here */
static u32 digit_value(u8 c)
{
	if (c >= '0' && c <= '9')
		return (u32)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (u32)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (u32)(c - 'A' + 10);
	return 16;
}

static bool read_unicode(struct toml *t, u32 digits)
{
	u32 c = 0;

	for (u32 i = 0; i < digits; i++, t->at++) {
		u32 d = digit_value(peek(t));

		if (d > 15)
			return expected(t, "4 hexadecimal digits after \\u, 8 after \\U");
		c = c << 4 | d;
	}
	if (c == 0)
		return expected(t, "a string without NUL (\\u0000)");
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return expected(t, "a Unicode character after \\u, no surrogate");
	return put_utf8(t, c);
}

static bool read_escape(struct toml *t)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	u8 c = peek(t);

	if (c == 'u' || c == 'U') {
		t->at++;
		return read_unicode(t, c == 'u' ? 4 : 8);
	}
	for (u32 i = 0; names[i]; i++)
		if (c == (u8)names[i]) {
			t->at++;
			return toml_put(t, (u8)values[i]);
		}
	return expected(t, "one of \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX (or 'single quotes')");
}

bool toml_read_string(struct toml *t, const char **text, size_t *length)
{
	size_t start = t->text_used;
	u8 quote = *t->at++;

	if (t->end - t->at >= 2 && t->at[0] == quote && t->at[1] == quote)
		return expected(t, "a string on one line: multi-line strings are not part of the plan's language");
	while (peek(t) != quote) {
		if (t->at == t->end || *t->at == '\n' || *t->at == '\r')
			return expected(t, "a closing quote on the same line");
		if (quote == '"' && *t->at == '\\') {
			t->at++;
			if (!read_escape(t))
				return false;
		} else if (!toml_put(t, *t->at++)) {
			return false;
		}
	}
	t->at++;
	*text = t->text + start;
	*length = t->text_used - start;
	return toml_put(t, 0);
}

/* 16, 8 or 2 when a prefix stands here, which is then passed; else 10. */
static u32 read_radix(struct toml *t)
{
	u32 radix = 10;

	if (t->end - t->at < 2 || t->at[0] != '0')
		return 10;
	if (t->at[1] == 'x')
		radix = 16;
	if (t->at[1] == 'o')
		radix = 8;
	if (t->at[1] == 'b')
		radix = 2;
	if (radix != 10)
		t->at += 2;
	return radix;
}

/* What follows the digits tells what the writer meant. */
static bool check_number_end(struct toml *t)
{
	switch (peek(t)) {
	case '.':
	case 'e':
	case 'E':
		return expected(t, "an integer: floats are not part of the plan's language");
	case ':':
	case '-':
		return expected(t, "an integer: dates and times are not part of the plan's language");
	case '_':
		return expected(t, "'_' only between two digits");
	default:
		return true;
	}
}

/* digit (_? digit)*, up to limit. */
static bool read_digits(struct toml *t, u32 radix, u64 limit, u64 *value)
{
	u64 v = 0;
	u32 d = digit_value(peek(t));

	if (d >= radix)
		return expected(t, "digits of a number");
	do {
		if (v > (limit - d) / radix)
			return expected(t, "an integer of 64 bits with sign");
		v = v * radix + d;
		t->at++;
		if (t->end - t->at >= 2 && t->at[0] == '_' && digit_value(t->at[1]) < radix)
			t->at++;
		d = digit_value(peek(t));
	} while (d < radix);
	*value = v;
	return check_number_end(t);
}

static bool read_integer(struct toml *t, struct toml_node *node)
{
	bool negative = peek(t) == '-', has_sign = negative || peek(t) == '+';
	const u8 *start;
	u64 value = 0;
	u32 radix;

	t->at += has_sign;
	if (peek(t) == 'i' || peek(t) == 'n')
		return expected(t, "an integer: floats are not part of the plan's language");
	radix = has_sign ? 10 : read_radix(t);
	start = t->at;
	if (!read_digits(t, radix, (u64)INT64_MAX + negative, &value))
		return false;
	if (radix == 10 && *start == '0' && t->at - start > 1)
		return expected(t, "a number without zeros in front");
	node->type = TOML_INTEGER;
	node->integer = negative ? (s64)(0 - value) : (s64)value;
	return true;
}

static bool read_boolean(struct toml *t, struct toml_node *node)
{
	const char *word = peek(t) == 't' ? "true" : "false";
	size_t length = strlen(word);

	if ((size_t)(t->end - t->at) < length || memcmp(t->at, word, length) != 0)
		return expected(t, "true or false, or text in quotes");
	t->at += length;
	node->type = TOML_BOOLEAN;
	node->boolean = *word == 't';
	return true;
}

bool toml_read_scalar(struct toml *t, struct toml_node *node)
{
	u8 c = peek(t);

	if (c == '"' || c == '\'') {
		node->type = TOML_STRING;
		return toml_read_string(t, &node->text, &node->length);
	}
	if (c == 't' || c == 'f')
		return read_boolean(t, node);
	if ((c >= '0' && c <= '9') || c == '+' || c == '-')
		return read_integer(t, node);
	if (c == 'i' || c == 'n')
		return expected(t, "an integer or text in quotes: floats are not part of the plan's language");
	return expected(t, "a value: \"text\", a number, true, false, [list] or { table }");
}
