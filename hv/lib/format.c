/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/lib.h>

/* Where text goes; what does not fit is only counted. */
struct out {
	char *to;
	size_t size;
	size_t length;
};

enum length { LENGTH_INT, LENGTH_CHAR, LENGTH_SHORT, LENGTH_LONG };

/* One conversion, as C11 7.21.6.1 "The fprintf function" names its parts. */
struct spec {
	bool left, zero, plus, space, alt;
	size_t width;
	bool has_precision;
	size_t precision;
	enum length length;
	char conv;
};

#define DIGITS_MAX 20	/* of 2^64 - 1 in decimal */

static void out_char(struct out *o, char c)
{
	if (o->length + 1 < o->size)
		o->to[o->length] = c;
	o->length++;
}

static void out_text(struct out *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out_char(o, s[i]);
}

static void out_repeat(struct out *o, char c, size_t n)
{
	while (n--)
		out_char(o, c);
}

static void out_padded(struct out *o, const struct spec *s, const char *text, size_t n)
{
	size_t pad = s->width > n ? s->width - n : 0;

	out_repeat(o, ' ', s->left ? 0 : pad);
	out_text(o, text, n);
	out_repeat(o, ' ', s->left ? pad : 0);
}

/* Digits of value, most significant first, at the end of buf; returns their count. */
static size_t digits_of(char *buf, u64 value, unsigned int base, bool upper)
{
	const char *digit = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	size_t n = 0;

	while (value) {
		buf[DIGITS_MAX - ++n] = digit[value % base];
		value /= base;
	}
	return n;
}

static void out_number(struct out *o, const struct spec *s, const char *prefix, u64 value)
{
	bool hex = s->conv == 'x' || s->conv == 'X' || s->conv == 'p';
	char buf[DIGITS_MAX];
	size_t n = digits_of(buf, value, hex ? 16 : 10, s->conv == 'X');
	size_t want = s->has_precision ? s->precision : 1;
	size_t zeros = want > n ? want - n : 0;
	size_t body = strlen(prefix) + zeros + n;
	size_t pad = s->width > body ? s->width - body : 0;

	if (s->zero && !s->left && !s->has_precision) {
		zeros += pad;
		pad = 0;
	}
	out_repeat(o, ' ', s->left ? 0 : pad);
	out_text(o, prefix, strlen(prefix));
	out_repeat(o, '0', zeros);
	out_text(o, buf + DIGITS_MAX - n, n);
	out_repeat(o, ' ', s->left ? pad : 0);
}

static void out_signed(struct out *o, const struct spec *s, s64 value)
{
	const char *prefix = value < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

	out_number(o, s, prefix, value < 0 ? 0 - (u64)value : (u64)value);
}

static void out_unsigned(struct out *o, const struct spec *s, u64 value)
{
	const char *prefix = "";

	if (s->conv == 'p')
		prefix = "0x";
	else if (s->alt && value && s->conv != 'u')
		prefix = s->conv == 'X' ? "0X" : "0x";
	out_number(o, s, prefix, value);
}

static void out_string(struct out *o, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	out_padded(o, s, text, s->has_precision ? strnlen(text, s->precision) : strlen(text));
}

static const char *read_count(const char *f, size_t *count)
{
	*count = 0;
	while (*f >= '0' && *f <= '9')
		*count = *count * 10 + (size_t)(*f++ - '0');
	return f;
}

static const char *read_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-':	s->left = true;		break;
		case '0':	s->zero = true;		break;
		case '+':	s->plus = true;		break;
		case ' ':	s->space = true;	break;
		case '#':	s->alt = true;		break;
		default:	return f;
		}
	}
}

static const char *read_length(const char *f, struct spec *s)
{
	if (f[0] == 'h') {
		s->length = f[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
		return f + (f[1] == 'h' ? 2 : 1);
	}
	if (f[0] == 'l' || f[0] == 'z' || f[0] == 'j' || f[0] == 't') {
		s->length = LENGTH_LONG;
		return f + (f[0] == 'l' && f[1] == 'l' ? 2 : 1);
	}
	return f;
}

/* va_list is an array type on this machine: a struct lets it travel through functions. */
struct args {
	va_list ap;
};

static const char *read_spec(const char *f, struct spec *s, struct args *a)
{
	int n;

	f = read_flags(f, s);
	if (*f == '*') {
		n = va_arg(a->ap, int);
		s->left |= n < 0;
		s->width = n < 0 ? 0 - (size_t)n : (size_t)n;
		f++;
	} else {
		f = read_count(f, &s->width);
	}
	if (*f == '.') {
		s->has_precision = true;
		if (*++f == '*') {
			n = va_arg(a->ap, int);
			s->has_precision = n >= 0;
			s->precision = n < 0 ? 0 : (size_t)n;
			f++;
		} else {
			f = read_count(f, &s->precision);
		}
	}
	f = read_length(f, s);
	s->conv = *f;
	return *f ? f + 1 : f;
}

static s64 arg_signed(const struct spec *s, struct args *a)
{
	switch (s->length) {
	case LENGTH_CHAR:	return (s8)va_arg(a->ap, int);
	case LENGTH_SHORT:	return (s16)va_arg(a->ap, int);
	case LENGTH_LONG:	return va_arg(a->ap, s64);
	default:		return va_arg(a->ap, int);
	}
}

static u64 arg_unsigned(const struct spec *s, struct args *a)
{
	switch (s->length) {
	case LENGTH_CHAR:	return (u8)va_arg(a->ap, unsigned int);
	case LENGTH_SHORT:	return (u16)va_arg(a->ap, unsigned int);
	case LENGTH_LONG:	return va_arg(a->ap, u64);
	default:		return va_arg(a->ap, unsigned int);
	}
}

static void out_conversion(struct out *o, const struct spec *s, struct args *a)
{
	char c;

	switch (s->conv) {
	case 'd':
	case 'i':
		out_signed(o, s, arg_signed(s, a));
		break;
	case 'u':
	case 'x':
	case 'X':
		out_unsigned(o, s, arg_unsigned(s, a));
		break;
	case 'p':
		out_unsigned(o, s, (u64)va_arg(a->ap, void *));
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		out_padded(o, s, &c, 1);
		break;
	case 's':
		out_string(o, s, va_arg(a->ap, const char *));
		break;
	case '%':
		out_char(o, '%');
		break;
	default:	/* the compiler checks formats: only a format made at run time comes here, shown as it is */
		out_char(o, '%');
		if (s->conv)
			out_char(o, s->conv);
	}
}

int fmt_vprint(char *to, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .to = to, .size = size };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		struct spec s = { .width = 0 };

		if (*fmt != '%') {
			out_char(&o, *fmt++);
			continue;
		}
		fmt = read_spec(fmt + 1, &s, &a);
		out_conversion(&o, &s, &a);
	}
	va_end(a.ap);
	if (size)
		to[MIN(o.length, size - 1)] = 0;
	return (int)MIN(o.length, (size_t)0x7fffffff);
}

int fmt_print(char *to, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vprint(to, size, fmt, ap);
	va_end(ap);
	return n;
}

/* One decimal where it says something: "1.5 GiB", but "4 GiB", and "512 KiB" rather than "0.5 MiB". */
char *fmt_bytes(char *to, size_t size, u64 bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int i = 0;
	u64 tenths, whole = bytes, rest = 0;

	while (whole >= 1024 && i + 1 < ARRAY_COUNT(unit)) {
		rest = whole % 1024;
		whole /= 1024;
		i++;
	}
	tenths = rest * 10 / 1024;
	if (tenths)
		fmt_print(to, size, "%lu.%lu %s", whole, tenths, unit[i]);
	else
		fmt_print(to, size, "%lu %s", whole, unit[i]);
	return to;
}

u64 size_of_words(const char *words)
{
	static const char letter[] = "KMGT";
	u64 value = 0;
	u32 unit = 0;

	for (; *words >= '0' && *words <= '9'; words++) {
		value = value * 10 + (u64)(*words - '0');
		if (value >= BIT(42))
			return 0;
	}
	while (letter[unit] && letter[unit] != *words)
		unit++;
	if (!letter[unit] || strcmp(words + 1, "iB") || value >> (42 - 10 * unit))
		return 0;
	return value << (10 * (unit + 1));
}
