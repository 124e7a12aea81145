/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/line.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c hv/core/message.c hv/core/log.c */
/* The line editor; a small terminal follows what it emits, so that what the operator sees is judged too. */
#include "fake_machine.h"

#include "../../../../hv/control/line.h"

static struct line line;
static char glass[1024];	/* the terminal's current row */
static u32 at;

/* As much of a VT100 as the editor uses: CR, LF, BS, EL, CUB, printable text. */
static void terminal(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\r')
			at = 0;
		else if (text[i] == '\n')
			memset(glass, 0, sizeof(glass));
		else if (text[i] == '\b')
			at--;
		else if (text[i] == 0x1b) {
			u32 count = 0;

			assert_int_equal(text[++i], '[');
			while (text[++i] >= '0' && text[i] <= '9')
				count = count * 10 + (u32)(text[i] - '0');
			if (text[i] == 'K')
				memset(glass + at, 0, sizeof(glass) - at);
			else if (text[i] == 'D')
				at -= count;
			else
				assert_true(text[i] == 'H' || text[i] == 'J');
		} else {
			glass[at++] = text[i];
		}
		assert_true(at < sizeof(glass));
	}
}

static void check_glass(void)
{
	char want[LINE_BYTES + 8], got[LINE_BYTES + 8];

	snprintf(want, sizeof(want), "> %s", line.text);
	str_copy(got, sizeof(got), glass);
	for (size_t n = strlen(got); n > strlen(want) && got[n - 1] == ' '; n--)
		got[n - 1] = 0;
	for (size_t n = strlen(want); n > strlen(got) && want[n - 1] == ' '; n--)
		want[n - 1] = 0;
	assert_string_equal(got, want);
	assert_int_equal(at, line.cursor + 2);
	assert_int_equal(strlen(line.text), line.length);
	assert_true(line.cursor <= line.length);
}

static enum line_event type(const char *text)
{
	enum line_event e = LINE_MORE;

	for (; *text; text++)
		e = line_input(&line, (u8)*text);
	return e;
}

static int setup(void **state)
{
	memset(glass, 0, sizeof(glass));
	at = 0;
	line_init(&line, "> ", terminal);
	line_begin(&line);
	return 0;
}

static void enter(const char *text)
{
	type(text);
	assert_int_equal(type("\r"), LINE_DONE);
	assert_string_equal(line.text, text);
	line_begin(&line);
}

static void edits_to(const char *keys, const char *want)
{
	setup(NULL);
	type(keys);
	check_glass();
	assert_string_equal(line.text, want);
}

static void test_keys(void **state)
{
	edits_to("help", "help");
	edits_to("helo\x1b[Dp", "helpo");
	edits_to("helo\x02l", "hello");
	edits_to("elp\x1b[Hh", "help");
	edits_to("elp\x01h", "help");
	edits_to("elp\x1b[1~h\x1b[4~!", "help!");
	edits_to("elp\x1bOHh\x1bOF!", "help!");
	edits_to("helpx\x7f", "help");
	edits_to("helpx\b", "help");
	edits_to("hxelp\x1b[D\x1b[D\x1b[D\x7f", "help");
	edits_to("hxelp\x01\x1b[C\x1b[3~", "help");
	edits_to("abc def\x17", "abc ");
	edits_to("abc def  \x17", "abc ");
	edits_to("abc def\x15", "");
	edits_to("abc def\x1b[D\x1b[D\x15", "ef");
	edits_to("abc def\x1b[D\x1b[D\x0b", "abc d");
	edits_to("abc\x01\x06\x06\x04", "ab");
	edits_to("abc\x0c", "abc");
}

static void test_edges(void **state)
{
	edits_to("\x7f\x7f\x1b[D\x1b[3~\x17\x15\x0b", "");
	edits_to("a\x1b[C\x1b[C\x1b[3~", "a");
	edits_to("a\x1b[15~b\x1b[1;5Cc", "abc");	/* keys that we do not know vanish whole */
	edits_to("a\x1bxb", "ab");
	edits_to("a\x80\xff\x07" "b", "ab");
}

static void test_full(void **state)
{
	for (u32 i = 0; i < LINE_BYTES + 20; i++)
		line_input(&line, 'x');
	assert_int_equal(line.length, LINE_BYTES - 1);
	type("\x01y");
	assert_int_equal(line.text[0], 'x');
	check_glass();
}

static void test_return(void **state)
{
	assert_int_equal(type("a\r"), LINE_DONE);
	line_begin(&line);
	assert_int_equal(type("\n"), LINE_MORE);	/* of CR LF */
	assert_int_equal(type("\n"), LINE_DONE);
	line_begin(&line);
	assert_int_equal(type("abc\x1b\r"), LINE_DONE);	/* a lone ESC does not eat the return */
	line_begin(&line);
	assert_int_equal(type("abc\x03"), LINE_CANCELLED);
	assert_int_equal(type("\t"), LINE_TAB);
}

static void test_history(void **state)
{
	enter("one");
	enter("two");
	enter("two");
	enter("");
	type("new\x1b[A");
	assert_string_equal(line.text, "two");
	check_glass();
	type("\x1b[A");
	assert_string_equal(line.text, "one");
	type("\x1b[A");
	assert_string_equal(line.text, "one");
	type("\x10\x0e");
	assert_string_equal(line.text, "two");
	type("\x1b[B");
	assert_string_equal(line.text, "new");
	type("\x1b[B");
	assert_string_equal(line.text, "new");
	check_glass();
}

static void test_history_wraps(void **state)
{
	char text[16];

	for (u32 i = 0; i < LINE_HISTORY + 5; i++) {
		snprintf(text, sizeof(text), "line%u", i);
		enter(text);
	}
	for (u32 i = 0; i < 2 * LINE_HISTORY; i++)
		type("\x1b[A");
	assert_string_equal(line.text, "line5");
}

/* Anything typed leaves a line that is whole, and a terminal that shows it. */
static void test_random(void **state)
{
	static const char *const key[] = { "a", "b ", " ", "\x7f", "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x01", "\x05",
		"\x0b", "\x15", "\x17", "\x1b[3~", "\x1b[H", "\x04", "word", "\x1b[9~" };

	srand(7);
	for (u32 i = 0; i < 50000; i++) {
		if (rand() % 40 == 0) {
			type("\r");
			line_begin(&line);
		} else {
			type(key[(u32)rand() % ARRAY_COUNT(key)]);
		}
		check_glass();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_keys, setup),
		cmocka_unit_test_setup(test_edges, setup),
		cmocka_unit_test_setup(test_full, setup),
		cmocka_unit_test_setup(test_return, setup),
		cmocka_unit_test_setup(test_history, setup),
		cmocka_unit_test_setup(test_history_wraps, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
