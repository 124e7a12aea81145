/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/out.c hv/web/json_in.c hv/lib/format.c hv/lib/string.c web */
/* JSON in and out: bodies that are right, wrong, deep, doubled; text of guests that is made safe. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/web/json_in.h"
#include "hv/web/out.h"

#include <hv/lib.h>

void *web_calloc(size_t count, size_t size) { return calloc(count, size); }
void web_free(void *p) { free(p); }
int web_snprintf(char *to, size_t size, const char *format, ...) { return 0; }

static struct json_body body;
static char member[24];
static u8 room[256 * KiB] __attribute__((aligned(16)));

static const char *reads(const char *text)
{
	return json_read(text, strlen(text), "!name role days", &body, member, room, sizeof(room));
}

static void bodies(void **state)
{
	assert_null(reads("{\"name\":\"a\\u00e4\\n\",\"days\":7,\"role\":true}"));
	assert_string_equal(json_get(&body, "name"), "a\xc3\xa4\n");
	assert_string_equal(json_get(&body, "days"), "7");
	assert_string_equal(json_get(&body, "role"), "true");
	assert_string_equal(json_get(&body, "none"), "");
	for (u32 i = 0; i < sizeof(room); i++)
		assert_int_equal(room[i], 0);
}

static void is_wrong(const char *text, const char *name, const char *words)
{
	const char *why = reads(text);

	if (!why || !strstr(why, words) || strcmp(member, name))
		fail_msg("%s: %s, %s", text, member, why);
}

static void wrong_bodies(void **state)
{
	static char deep[8000];

	is_wrong("", "", "no JSON");
	is_wrong("{", "", "no JSON");
	is_wrong("{\"name\":\"a\"}x", "", "no JSON");
	is_wrong("{\"name\":\"a\",}", "", "no JSON");
	is_wrong("{'name':'a'}", "", "no JSON");
	is_wrong("{\"name\":\"\xff\"}", "", "no JSON");
	is_wrong("[]", "", "object");
	is_wrong("7", "", "object");
	is_wrong("{}", "name", "must be there");
	is_wrong("{\"name\":\"\"}", "name", "must be there");
	is_wrong("{\"name\":\"a\",\"name\":\"b\"}", "name", "twice");
	is_wrong("{\"name\":\"a\",\"nme\":1}", "nme", "no such member");
	is_wrong("{\"nam\":1}", "nam", "no such member");
	is_wrong("{\"!name\":1}", "!name", "no such member");
	is_wrong("{\"\":1}", "", "no such member");
	is_wrong("{\"name\":null}", "name", "text");
	is_wrong("{\"name\":-1}", "name", "text");
	is_wrong("{\"name\":1.5}", "name", "text");
	is_wrong("{\"name\":{\"a\":1}}", "name", "text");
	is_wrong("{\"name\":\"a\\u0000b\"}", "name", "NUL");
	memset(deep, '[', sizeof(deep) - 1);
	is_wrong(deep, "", "no JSON");
	memset(deep, '1', sizeof(deep) - 1);
	memcpy(deep, "{\"name\":\"", 9);
	strcpy(deep + 5000, "\"}");
	is_wrong(deep, "name", "too long");
}

static char text[4096];

static const char *quoted(const char *value)
{
	struct out o;

	out_init(&o, text, sizeof(text) - 1);
	json_text(&o, NULL, value);
	text[o.at] = 0;
	return text;
}

static void out(void **state)
{
	struct out o;

	out_init(&o, text, sizeof(text) - 1);
	json_open(&o, NULL, '{');
	json_text(&o, "a", "x");
	json_open(&o, "b", '[');
	json_u64(&o, NULL, ~0ul);
	json_bool(&o, NULL, true);
	json_open(&o, NULL, '{');
	json_close(&o, '}');
	json_close(&o, ']');
	json_null(&o, "c");
	json_close(&o, '}');
	text[o.at] = 0;
	assert_string_equal(text, "{\"a\":\"x\",\"b\":[18446744073709551615,true,{}],\"c\":null}");
	assert_string_equal(quoted("\"\\\n\t\x1b<script>\x7f"), "\"\\\"\\\\\\u000a\\u0009\\u001b\\u003cscript>\\u007f\"");
	assert_string_equal(quoted("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* Overlong, surrogates, beyond the last, cut. Unicode "Well-Formed UTF-8 Byte Sequences" */
	assert_string_equal(quoted("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string_equal(quoted("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string_equal(quoted("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string_equal(quoted("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void what_does_not_fit(void **state)
{
	char small[8];
	struct out o;

	out_init(&o, small, sizeof(small));
	out_text(&o, "12345678");
	assert_false(o.cut);
	out_text(&o, "9");
	assert_true(o.cut && o.at == 8);
	out_init(&o, small, sizeof(small));
	out_print(&o, "%s", "1234567");
	assert_true(!o.cut && o.at == 7);
	out_print(&o, "%u", 12);
	assert_true(o.cut && o.at == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies), cmocka_unit_test(wrong_bodies), cmocka_unit_test(out), cmocka_unit_test(what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
