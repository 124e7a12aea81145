/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "text.h"

#define OPTION_MAX 256u

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != ' ')
		n++;
	return n;
}

static const char *skip_blanks(const char *s)
{
	while (*s == ' ')
		s++;
	return s;
}

static void take_word(char *out, size_t size, const char *s)
{
	size_t n = word_length(s);

	text_copy(out, n + 1 < size ? n + 1 : size, s);
}

void options_read(char *out, size_t size, const void *options, size_t bytes)
{
	uint16_t units[OPTION_MAX];
	char all[OPTION_MAX], word[OPTION_MAX];
	const unsigned char *p = options;
	size_t count = bytes / 2 < OPTION_MAX ? bytes / 2 : OPTION_MAX;
	const char *rest = all;

	for (size_t i = 0; i < count; i++)	/* firmware need not align them */
		units[i] = (uint16_t)(p[2 * i] | p[2 * i + 1] << 8);
	if (text_from_ucs2(all, sizeof(all), units, count))
		all[0] = '\0';
	rest = skip_blanks(rest);
	take_word(word, sizeof(word), rest);
	if (text_ends_nocase(word, ".efi"))
		rest = skip_blanks(rest + text_length(word));
	text_copy(out, size, rest);
}

void options_plan_word(char *out, size_t size, const char *options)
{
	take_word(out, size, options);
	if (size && text_equal_nocase(out, "check"))
		out[0] = '\0';
}

int options_is_file_word(const char *word)
{
	if (text_ends_nocase(word, ".toml"))
		return 1;
	for (; *word; word++)
		if (*word == '/' || *word == '\\')
			return 1;
	return 0;
}

void options_cut_to_folder(char *path)
{
	size_t n = text_length(path);

	while (n && path[n - 1] != '\\' && path[n - 1] != '/')
		n--;
	path[n] = '\0';
}
