/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

#include <stdbool.h>
#include <stdint.h>

struct word {
	char *out;
	size_t size, used;
	bool bad;		/* cannot be a name: read to its end, then passed over */
};

static void word_put(struct word *w, unsigned char c)
{
	if (c < 0x20 || c == 0x7f || w->used + 1 >= w->size)
		w->bad = true;
	else
		w->out[w->used++] = (char)c;
}

static void word_put_code(struct word *w, uint32_t c)
{
	if (c < 0x80) {
		word_put(w, (unsigned char)c);
	} else if (c < 0x800) {
		word_put(w, (unsigned char)(0xc0 | c >> 6));
		word_put(w, (unsigned char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000 && !(c >= 0xd800 && c < 0xe000)) {
		word_put(w, (unsigned char)(0xe0 | c >> 12));
		word_put(w, (unsigned char)(0x80 | (c >> 6 & 0x3f)));
		word_put(w, (unsigned char)(0x80 | (c & 0x3f)));
	} else {
		w->bad = true;	/* beyond what UCS-2 of firmware can name */
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \uXXXX or \UXXXXXXXX, `at` stands behind the letter. */
static void scan_code(struct scan *s, struct word *w, unsigned int digits)
{
	uint32_t c = 0;

	for (; digits; digits--, s->at++) {
		int d = s->at < s->size ? hex_digit(s->text[s->at]) : -1;

		if (d < 0) {
			w->bad = true;
			return;
		}
		c = c << 4 | (uint32_t)d;
	}
	word_put_code(w, c);
}

/* TOML 1.0 "String": of the escapes only these can be in a name; the others are control characters. */
static void scan_escape(struct scan *s, struct word *w)
{
	char c = s->at < s->size ? s->text[s->at] : '\n';

	if (c == '\n')
		return;		/* the string's end, seen by the caller */
	s->at++;
	if (c == '"' || c == '\\')
		word_put(w, (unsigned char)c);
	else if (c == 'u')
		scan_code(s, w, 4);
	else if (c == 'U')
		scan_code(s, w, 8);
	else
		w->bad = true;
}

/* `at` stands behind the opening quote; a line's end closes a string that nobody closed. */
static void scan_string(struct scan *s, struct word *w, char quote)
{
	while (s->at < s->size && s->text[s->at] != quote) {
		char c = s->text[s->at];

		if (c == '\n') {
			w->bad = true;
			return;
		}
		s->at++;
		if (c == '\\' && quote == '"')
			scan_escape(s, w);
		else
			word_put(w, (unsigned char)c);
	}
	if (s->at == s->size)
		w->bad = true;
	else
		s->at++;
}

int scan_next_string(struct scan *s, char *out, size_t size)
{
	while (s->at < s->size) {
		char c = s->text[s->at++];
		struct word w = { .out = out, .size = size };

		if (c == '#') {
			while (s->at < s->size && s->text[s->at] != '\n')
				s->at++;
			continue;
		}
		if (c != '"' && c != '\'')
			continue;
		scan_string(s, &w, c);
		if (!w.bad && w.used) {
			out[w.used] = '\0';
			return 1;
		}
	}
	return 0;
}

int scan_is_file_name(const char *name)
{
	bool start = true;	/* of a path component */

	if (!*name || *name == '/' || *name == '\\')
		return 0;
	for (const char *p = name; *p; p++) {
		if (start && p[0] == '.' && p[1] == '.' && (!p[2] || p[2] == '/' || p[2] == '\\'))
			return 0;
		for (const char *no = ":*?\"<>|"; *no; no++)
			if (*p == *no)
				return 0;
		start = *p == '/' || *p == '\\';
	}
	return 1;
}
