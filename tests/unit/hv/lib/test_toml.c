/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/lib/toml.c hv/lib/toml_value.c hv/lib/string.c hv/lib/format.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/toml.h>

#define NODES 256

struct seen {
	u32 count;
	struct toml_error first;
	char path[128];
	u32 lines[TOML_FAULTS_MAX];
};

static struct toml_node nodes[NODES];
static char text_arena[4096];
static struct seen seen;
static struct toml toml;

static void note(void *context, const struct toml_error *e)
{
	struct seen *s = context;

	assert_true(s->count < TOML_FAULTS_MAX);
	if (s->count == 0) {
		s->first = *e;
		toml_path(e->table, e->key, s->path, sizeof(s->path));
	}
	s->lines[s->count++] = e->line;
}

static int read_bytes(const void *bytes, size_t size)
{
	memset(&seen, 0, sizeof(seen));
	toml = (struct toml){ .node = nodes, .node_max = NODES, .text = text_arena, .text_max = sizeof(text_arena),
			      .on_error = note, .context = &seen };
	return toml_read(&toml, bytes, size);
}

static const struct toml_node *read_good(const char *s)
{
	int err = read_bytes(s, strlen(s));

	if (err)
		fail_msg("line %u: %s", seen.first.line, seen.first.words);
	return toml.root;
}

static void test_scalars(void **state)
{
	const struct toml_node *r = read_good(
		"s = \"a\\tb\\u00e9\\U0001F600\\\\\\\"\"\nl = 'C:\\dir'\ne = \"\"\n"
		"i = -9223372036854775808\nj = 9_223_372_036_854_775_807\nh = 0xFf\no = 0o17\nb = 0b1_01\nz = -0\n"
		"t = true\nf = false");

	(void)state;
	assert_int_equal(r->count, 11);
	assert_string_equal(toml_get(r, "s")->text, "a\tb\xc3\xa9\xf0\x9f\x98\x80\\\"");
	assert_int_equal(toml_get(r, "s")->length, 11);
	assert_string_equal(toml_get(r, "l")->text, "C:\\dir");
	assert_string_equal(toml_get(r, "e")->text, "");
	assert_true(toml_get(r, "i")->integer == INT64_MIN);
	assert_true(toml_get(r, "j")->integer == INT64_MAX);
	assert_int_equal(toml_get(r, "h")->integer, 255);
	assert_int_equal(toml_get(r, "o")->integer, 15);
	assert_int_equal(toml_get(r, "b")->integer, 5);
	assert_int_equal(toml_get(r, "z")->integer, 0);
	assert_true(toml_get(r, "t")->boolean);
	assert_false(toml_get(r, "f")->boolean);
	assert_int_equal(toml_get(r, "f")->line, 11);
	assert_null(toml_get(r, "x"));
	assert_null(toml_get(toml_get(r, "i"), "x"));
}

static void test_containers(void **state)
{
	const struct toml_node *r = read_good(
		"a = [1, # one\r\n\t[2, 'x'],\n]\nt = { k = { n = [] }, 'q r' = 1 }\nn = {}\n"), *n;

	(void)state;
	n = toml_get(r, "a");
	assert_int_equal(n->type, TOML_ARRAY);
	assert_int_equal(n->count, 2);
	assert_int_equal(n->last->type, TOML_ARRAY);
	assert_int_equal(n->last->line, 2);
	assert_string_equal(n->last->last->text, "x");
	n = toml_get(toml_get(toml_get(r, "t"), "k"), "n");
	assert_int_equal(n->count, 0);
	assert_int_equal(n->line, 4);
	assert_int_equal(toml_get(toml_get(r, "t"), "q r")->integer, 1);
	assert_int_equal(toml_get(r, "n")->type, TOML_TABLE);
}

static void test_headers(void **state)
{
	const struct toml_node *r = read_good("[guest.web]\na = 1\n[ guest . \"b c\" ]\n[guest]\nz = 2\n");
	const struct toml_node *guest = toml_get(r, "guest");
	char path[32], cut[8];

	(void)state;
	assert_int_equal(guest->count, 3);
	assert_int_equal(guest->line, 4);
	assert_int_equal(toml_get(toml_get(guest, "web"), "a")->integer, 1);
	assert_int_equal(toml_get(guest, "z")->integer, 2);
	toml_path(toml_get(toml_get(guest, "web"), "a"), NULL, path, sizeof(path));
	assert_string_equal(path, "guest.web.a");
	toml_path(guest, "x", path, sizeof(path));
	assert_string_equal(path, "guest.x");
	toml_path(toml_get(guest, "web"), NULL, cut, sizeof(cut));
	assert_string_equal(cut, "guest.w");
	toml_path(NULL, "", path, sizeof(path));
	assert_string_equal(path, "");
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(read_good("")->count, 0);
	assert_int_equal(read_good("# c")->count, 0);
	assert_int_equal(read_good("\r\n \t\n")->count, 0);
}

static const struct {
	const char *text;
	enum toml_fault fault;
	u32 line, other_line;
	const char *path, *words;
} bad[] = {
	{ "a = 1.5", TOML_BAD_SYNTAX, 1, 0, "a", "floats" },
	{ "\na = 1e5", TOML_BAD_SYNTAX, 2, 0, "a", "floats" },
	{ "a = inf", TOML_BAD_SYNTAX, 1, 0, "a", "floats" },
	{ "a = +nan", TOML_BAD_SYNTAX, 1, 0, "a", "floats" },
	{ "a = 1979-05-27", TOML_BAD_SYNTAX, 1, 0, "a", "dates" },
	{ "a = 07:32:00", TOML_BAD_SYNTAX, 1, 0, "a", "dates" },
	{ "a = 01", TOML_BAD_SYNTAX, 1, 0, "a", "zeros" },
	{ "a = 1__0", TOML_BAD_SYNTAX, 1, 0, "a", "'_'" },
	{ "a = 0x", TOML_BAD_SYNTAX, 1, 0, "a", "digits" },
	{ "a = 0b2", TOML_BAD_SYNTAX, 1, 0, "a", "digits" },
	{ "a = +0x1", TOML_BAD_SYNTAX, 1, 0, "a", "end of the line" },
	{ "a = 9223372036854775808", TOML_BAD_SYNTAX, 1, 0, "a", "64 bits" },
	{ "a = -9223372036854775809", TOML_BAD_SYNTAX, 1, 0, "a", "64 bits" },
	{ "a = 0xffffffffffffffff", TOML_BAD_SYNTAX, 1, 0, "a", "64 bits" },
	{ "a = tru", TOML_BAD_SYNTAX, 1, 0, "a", "true or false" },
	{ "a = yes", TOML_BAD_SYNTAX, 1, 0, "a", "a value" },
	{ "a =", TOML_BAD_SYNTAX, 1, 0, "a", "a value" },
	{ "a", TOML_BAD_SYNTAX, 1, 0, "a", "'='" },
	{ "= 1", TOML_BAD_SYNTAX, 1, 0, "", "a key" },
	{ "a.b = 1", TOML_BAD_SYNTAX, 1, 0, "a", "dotted" },
	{ "a = 1 b = 2", TOML_BAD_SYNTAX, 1, 0, "a", "end of the line" },
	{ "a = \"x", TOML_BAD_SYNTAX, 1, 0, "a", "closing quote" },
	{ "a = \"x\ny\"", TOML_BAD_SYNTAX, 1, 0, "a", "closing quote" },
	{ "a = \"\"\"x\"\"\"", TOML_BAD_SYNTAX, 1, 0, "a", "multi-line" },
	{ "a = '''x'''", TOML_BAD_SYNTAX, 1, 0, "a", "multi-line" },
	{ "a = \"\\x41\"", TOML_BAD_SYNTAX, 1, 0, "a", "one of \\b" },
	{ "a = \"\\u00g0\"", TOML_BAD_SYNTAX, 1, 0, "a", "hexadecimal" },
	{ "a = \"\\ud800\"", TOML_BAD_SYNTAX, 1, 0, "a", "surrogate" },
	{ "a = \"\\U00110000\"", TOML_BAD_SYNTAX, 1, 0, "a", "surrogate" },
	{ "a = \"\\u0000\"", TOML_BAD_SYNTAX, 1, 0, "a", "NUL" },
	{ "a = [1 2]", TOML_BAD_SYNTAX, 1, 0, "a", "','" },
	{ "a = [1,\n2", TOML_BAD_SYNTAX, 2, 0, "a", "','" },
	{ "a = [1,\n", TOML_BAD_SYNTAX, 2, 0, "a", "']'" },
	{ "a = [,]", TOML_BAD_SYNTAX, 1, 0, "a", "a value" },
	{ "a = { b = 1, }", TOML_BAD_SYNTAX, 1, 0, "a", "a key" },
	{ "a = { b = 1\n}", TOML_BAD_SYNTAX, 1, 0, "a.b", "same line" },
	{ "t = { a = { b = 5. } }", TOML_BAD_SYNTAX, 1, 0, "t.a.b", "floats" },
	{ "[[a]]", TOML_BAD_SYNTAX, 1, 0, "", "[[ ]]" },
	{ "[a", TOML_BAD_SYNTAX, 1, 0, "", "']'" },
	{ "[]", TOML_BAD_SYNTAX, 1, 0, "", "a key" },
	{ "[a.]", TOML_BAD_SYNTAX, 1, 0, "a", "a key" },
	{ "[a] b = 1", TOML_BAD_SYNTAX, 1, 0, "a", "end of the line" },
	{ "a = 1\nb = 2\na = 3", TOML_BAD_DUPLICATE, 3, 1, "a", "once" },
	{ "a = { b = 1, b = 2 }", TOML_BAD_DUPLICATE, 1, 1, "a.b", "once" },
	{ "[g.a]\n[g.a]", TOML_BAD_DUPLICATE, 2, 1, "g.a", "once" },
	{ "g = 1\n[g.a]", TOML_BAD_DUPLICATE, 2, 1, "g", "value already" },
	{ "g = { }\n[g.a]", TOML_BAD_DUPLICATE, 2, 1, "g", "value already" },
	{ "[g.a]\n[g]\na = 1", TOML_BAD_DUPLICATE, 3, 1, "g.a", "once" },
	{ "a = [[[[[[[[1]]]]]]]]", TOML_BAD_LIMIT, 1, 0, "a", "at most 8" },
	{ "[a.b.c.d.e.f.g.h.i]", TOML_BAD_LIMIT, 1, 0, "a.b.c.d.e.f.g.h", "at most 8" },
	{ "a = 1\n# \x01", TOML_BAD_TEXT, 2, 0, "", "control" },
	{ "a = 1\rb = 2", TOML_BAD_TEXT, 1, 0, "", "CR alone" },
	{ "\xef\xbb\xbf" "a = 1", TOML_BAD_TEXT, 1, 0, "", "byte order mark" },
	{ "# \x7f", TOML_BAD_TEXT, 1, 0, "", "control" },
	{ "# \xc0\x80", TOML_BAD_TEXT, 1, 0, "", "UTF-8" },
	{ "# \xe0\x9f\xbf", TOML_BAD_TEXT, 1, 0, "", "UTF-8" },
	{ "# \xed\xa0\x80", TOML_BAD_TEXT, 1, 0, "", "UTF-8" },
	{ "# \xf4\x90\x80\x80", TOML_BAD_TEXT, 1, 0, "", "UTF-8" },
	{ "# \xe2\x82", TOML_BAD_TEXT, 1, 0, "", "UTF-8" },
};

static bool has_text(const char *s, const char *part)
{
	for (; *s; s++)
		if (strncmp(s, part, strlen(part)) == 0)
			return true;
	return false;
}

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		int err = read_bytes(bad[i].text, strlen(bad[i].text));

		if (err != -E_INVAL || seen.count < 1 || seen.first.fault != bad[i].fault ||
		    seen.first.line != bad[i].line || seen.first.other_line != bad[i].other_line ||
		    !has_text(seen.first.words, bad[i].words) || (*bad[i].path && strcmp(seen.path, bad[i].path) != 0))
			fail_msg("%s: %d, fault %d, line %u/%u, %s: %s", bad[i].text, err, seen.first.fault,
				 seen.first.line, seen.first.other_line, seen.path,
				 seen.first.words ? seen.first.words : "-");
	}
}

static void test_nul_byte(void **state)
{
	static const char text[] = "a = 1\n\0b = 2\n";

	(void)state;
	assert_int_equal(read_bytes(text, sizeof(text) - 1), -E_INVAL);
	assert_int_equal(seen.first.fault, TOML_BAD_TEXT);
	assert_int_equal(seen.first.line, 2);
	assert_null(toml.root);
}

static void test_goes_on_after_faults(void **state)
{
	static const char text[] = "a = 1.5\nb = [1,\n  2 3,\n  4,\n]\nc = 2\nc = 3\n[t\nx = 1\n[u]\ny = 7\nz\n";
	const u32 lines[] = { 1, 3, 7, 8, 12 };

	(void)state;
	assert_int_equal(read_bytes(text, strlen(text)), -E_INVAL);
	assert_int_equal(seen.count, ARRAY_COUNT(lines));
	for (u32 i = 0; i < seen.count; i++)
		assert_int_equal(seen.lines[i], lines[i]);
	assert_int_equal(toml_get(toml.root, "c")->integer, 2);
	assert_int_equal(toml_get(toml.root, "a")->type, TOML_NOTHING);
	assert_int_equal(toml_get(toml_get(toml.root, "u"), "y")->integer, 7);
}

static void test_fault_count_is_bounded(void **state)
{
	char text[3 * 1000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 3)
		memcpy(text + i, "a=\n", 3);
	assert_int_equal(read_bytes(text, sizeof(text)), -E_INVAL);
	assert_int_equal(toml.faults, TOML_FAULTS_MAX);
}

static void test_full_arenas(void **state)
{
	static const char text[] = "[a]\nb = [1, 2, 3]\nc = \"long text\"\n";

	(void)state;
	for (u32 n = 0; n < 12; n++)
		for (size_t t = 0; t < 24; t++) {
			struct toml_node *node = calloc(n ? n : 1, sizeof(*node));
			char *arena = malloc(t ? t : 1);
			struct toml small = { .node = node, .node_max = n, .text = arena, .text_max = t };
			int err = toml_read(&small, text, strlen(text));

			/* root, a, b, 1, 2, 3, c; "a" "b" "c" with NUL and the text with NUL */
			assert_int_equal(err, n >= 7 && t >= 16 ? 0 : -E_INVAL);
			free(arena);
			free(node);
		}
}

static void test_every_prefix(void **state)
{
	static const char text[] =
		"[a.b]\n\"k\\u00e9\" = [ 1, { x = 'y', z = [\n] } ] # c\xc3\xa9\r\nn = -0x1\nm = 0b1_0\n";

	(void)state;
	for (size_t size = 0; size < sizeof(text); size++) {
		char *copy = malloc(size ? size : 1);

		memcpy(copy, text, size);
		read_bytes(copy, size);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_goes_on_after_faults),
		cmocka_unit_test(test_fault_count_is_bounded),
		cmocka_unit_test(test_full_arenas),
		cmocka_unit_test(test_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
