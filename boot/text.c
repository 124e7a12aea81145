/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdbool.h>

struct sink {
	char *out;
	size_t size, used;
};

static void sink_put(struct sink *s, char c)
{
	if (s->used + 1 < s->size)
		s->out[s->used++] = c;
}

static void sink_text(struct sink *s, const char *text)
{
	for (text = text ? text : "(none)"; *text; text++)
		sink_put(s, *text);
}

static void sink_number(struct sink *s, uint64_t value, unsigned int base, unsigned int width, char pad)
{
	char digits[20];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (; width > count; width--)
		sink_put(s, pad);
	while (count)
		sink_put(s, digits[--count]);
}

/* One conversion; `f` stands behind the '%'. Returns where the format goes on. */
static const char *sink_convert(struct sink *s, const char *f, va_list *args)
{
	char pad = ' ';
	unsigned int width = 0;
	bool wide = false;

	if (*f == '0')
		pad = *f++;
	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + (unsigned int)(*f - '0');
	if (*f == 'l') {
		wide = true;
		f++;
	}
	switch (*f) {
	case 's':	sink_text(s, va_arg(*args, const char *));	break;
	case 'c':	sink_put(s, (char)va_arg(*args, int));		break;
	case 'u':
	case 'x':
		sink_number(s, wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int),
			    *f == 'u' ? 10 : 16, width, pad);
		break;
	case '\0':	return f;
	default:	sink_put(s, *f);				break;
	}
	return f + 1;
}

size_t text_format_list(char *out, size_t size, const char *format, va_list args)
{
	struct sink s = { out, size, 0 };
	va_list copy;

	if (!size)
		return 0;
	va_copy(copy, args);
	while (*format) {
		if (*format != '%')
			sink_put(&s, *format++);
		else
			format = sink_convert(&s, format + 1, &copy);
	}
	va_end(copy);
	out[s.used] = '\0';
	return s.used;
}

size_t text_format(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t used;

	va_start(args, format);
	used = text_format_list(out, size, format, args);
	va_end(args);
	return used;
}

void text_copy(char *out, size_t size, const char *from)
{
	struct sink s = { out, size, 0 };

	if (!size)
		return;
	sink_text(&s, from);
	out[s.used] = '\0';
}

size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int text_equal_nocase(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

int text_ends_nocase(const char *s, const char *end)
{
	size_t n = text_length(s), m = text_length(end);

	return n >= m && text_equal_nocase(s + n - m, end);
}

int text_from_ucs2(char *out, size_t size, const uint16_t *from, size_t count)
{
	struct sink s = { out, size, 0 };

	if (!size)
		return -1;
	for (size_t i = 0; i < count && from[i]; i++) {
		if (from[i] < 0x20 || from[i] > 0x7e) {
			out[0] = '\0';
			return -1;
		}
		sink_put(&s, (char)from[i]);
	}
	out[s.used] = '\0';
	return 0;
}

/* One character of UTF-8. Returns its bytes, 0 when malformed or not in the basic plane. */
static unsigned int utf8_decode(const unsigned char *p, uint16_t *c)
{
	if (p[0] < 0x80) {
		*c = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] < 0xe0 && (p[1] & 0xc0) == 0x80) {
		*c = (uint16_t)((p[0] & 0x1f) << 6 | (p[1] & 0x3f));
		return 2;
	}
	if ((p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
		*c = (uint16_t)((p[0] & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f));
		return *c < 0x800 || (*c >= 0xd800 && *c < 0xe000) ? 0 : 3;
	}
	return 0;
}

int text_to_ucs2(uint16_t *out, size_t count, const char *from)
{
	const unsigned char *p = (const unsigned char *)from;
	size_t used = 0;

	while (*p) {
		uint16_t c;
		unsigned int bytes = utf8_decode(p, &c);

		if (!bytes || used + 1 >= count)
			return -1;
		out[used++] = c;
		p += bytes;
	}
	if (used >= count)
		return -1;
	out[used] = 0;
	return 0;
}
