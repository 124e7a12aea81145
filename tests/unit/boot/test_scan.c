/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/scan.c boot/options.c boot/text.c */
/* Which strings of a plan are tried as files, and what a load option means. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../boot/options.h"
#include "../../../boot/scan.h"
#include "../../../boot/text.h"

/* All strings of a text, joined by '|'. The text is put into an allocation without a closing NUL. */
static const char *scan_all(const char *text)
{
	static char all[1024];
	size_t size = strlen(text);
	char *copy = malloc(size ? size : 1), word[32];
	struct scan s = { copy, size, 0 };

	memcpy(copy, text, size);
	all[0] = '\0';
	while (scan_next_string(&s, word, sizeof(word))) {
		strcat(all, word);
		strcat(all, "|");
	}
	free(copy);
	return all;
}

static void test_strings(void **state)
{
	(void)state;
	assert_string_equal(scan_all(""), "");
	assert_string_equal(scan_all("a = \"one\" # \"two\"\nb = ['three', \"four\"]"), "one|three|four|");
	assert_string_equal(scan_all("x = \"with # hash\" # c"), "with # hash|");
	assert_string_equal(scan_all("x = 'C:\\dir'"), "C:\\dir|");
	assert_string_equal(scan_all("x = \"a\\\\b\\\"c\\u00e4\\U000020ac\""), "a\\b\"c\xc3\xa4\xe2\x82\xac|");
	assert_string_equal(scan_all("\"\" '' \"x\""), "x|");
}

static void test_strings_malformed(void **state)
{
	(void)state;
	assert_string_equal(scan_all("a = \"never closed"), "");
	assert_string_equal(scan_all("a = \"line\nb = \"good\""), "good|");
	assert_string_equal(scan_all("a = \"back\\\nb = \"good\""), "good|");
	assert_string_equal(scan_all("a = \"t\\tab\" b = \"good\""), "good|");
	assert_string_equal(scan_all("a = \"\\q\" b = \"good\""), "good|");
	assert_string_equal(scan_all("a = \"\\ud800\" b = \"\\U00110000\" \"\\u12\" \"good\""), "good|");
	assert_string_equal(scan_all("a = \"\\"), "");
	assert_string_equal(scan_all("a = \"\\u00"), "");
	assert_string_equal(scan_all("\"0123456789012345678901234567890\""), "0123456789012345678901234567890|");
	assert_string_equal(scan_all("\"01234567890123456789012345678901\" 'ok'"), "ok|");
	assert_string_equal(scan_all("'nul\x01' 'ok'"), "ok|");
}

static void test_file_names(void **state)
{
	static const char *const good[] = { "vmlinuz", "a/b", "a\\b", "..a", "a..b", ".hidden", "a/.b", "...", "with space" };
	static const char *const bad[] = { "", "/a", "\\a", "..", "../a", "a/..", "a/../b", "a\\..\\b", "..\\a",
					   "c:a", "a*", "a?", "a|b", "<", ">", "\"" };

	(void)state;
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(scan_is_file_name(good[i]));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(scan_is_file_name(bad[i]));
}

static const char *option(const char *ascii, size_t extra_bytes)
{
	static char out[64];
	static uint8_t units[1024];
	size_t n = strlen(ascii) + 1;

	for (size_t i = 0; i < n; i++) {
		units[2 * i + 1] = (uint8_t)ascii[i];	/* from an odd address */
		units[2 * i + 2] = 0;
	}
	options_read(out, sizeof(out), units + 1, 2 * n + extra_bytes);
	return out;
}

static void test_options(void **state)
{
	char word[16];

	(void)state;
	assert_string_equal(option("", 0), "");
	assert_string_equal(option("check", 0), "check");
	assert_string_equal(option("check", 1), "check");
	assert_string_equal(option("fs0:\\bulkhead.efi  check now", 0), "check now");
	assert_string_equal(option("BULKHEAD.EFI", 0), "");
	assert_string_equal(option("bulkhead.efi.toml", 0), "bulkhead.efi.toml");
	options_read(word, sizeof(word), "\xff\x12\x34\x80", 4);
	assert_string_equal(word, "");
	options_read(word, sizeof(word), "", 0);
	assert_string_equal(word, "");

	options_plan_word(word, sizeof(word), "check other.toml");
	assert_string_equal(word, "");
	options_plan_word(word, sizeof(word), "other.toml check");
	assert_string_equal(word, "other.toml");
	assert_true(options_is_file_word("x.TOML"));
	assert_true(options_is_file_word("plans\\x"));
	assert_false(options_is_file_word("quiet"));
	assert_false(options_is_file_word(""));
}

static void test_option_too_long(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(strlen(option(text, 0)), 63);
}

static void test_folder(void **state)
{
	char path[] = "\\EFI\\BOOT\\BOOTX64.EFI", name[] = "name", root[] = "\\x";

	(void)state;
	options_cut_to_folder(path);
	assert_string_equal(path, "\\EFI\\BOOT\\");
	options_cut_to_folder(name);
	assert_string_equal(name, "");
	options_cut_to_folder(root);
	assert_string_equal(root, "\\");
}

static void test_text(void **state)
{
	uint16_t wide[8];
	char out[8];

	(void)state;
	assert_int_equal(text_format(out, sizeof(out), "%s-%u", "abc", 12345u), 7);
	assert_string_equal(out, "abc-123");
	text_format(out, sizeof(out), "%04x%c%%", 0xabu, 'z');
	assert_string_equal(out, "00abz%");
	text_format(out, sizeof(out), "%3lu|", 7ul);
	assert_string_equal(out, "  7|");
	assert_int_equal(text_to_ucs2(wide, 8, "a\xc3\xa4\xe2\x82\xac"), 0);
	assert_int_equal(wide[1], 0xe4);
	assert_int_equal(wide[2], 0x20ac);
	assert_int_equal(wide[3], 0);
	assert_int_equal(text_to_ucs2(wide, 8, "\xc0\x80"), -1);	/* overlong */
	assert_int_equal(text_to_ucs2(wide, 8, "\xe2\x82"), -1);	/* cut */
	assert_int_equal(text_to_ucs2(wide, 8, "\xed\xa0\x80"), -1);	/* surrogate */
	assert_int_equal(text_to_ucs2(wide, 8, "\xf0\x9f\x98\x80"), -1);
	assert_int_equal(text_to_ucs2(wide, 8, "12345678"), -1);
	assert_int_equal(text_to_ucs2(wide, 8, "1234567"), 0);
	assert_true(text_ends_nocase("A.EFI", ".efi"));
	assert_false(text_ends_nocase("efi", ".efi"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strings_malformed),
		cmocka_unit_test(test_file_names),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_option_too_long),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
