/* SPDX-License-Identifier: Apache-2.0 */
/* `create`, `set`, `delete`: guests come, change and go. What is typed becomes a piece of a plan; the plan's reader and admission
 * judge it. */
#include "requests.h"
#include "shell.h"

#include <hv/lib.h>
#include <hv/time.h>

static struct request ask;
static bool answered, too_long;

static void on_answer(void *arg, enum request_answer what, const char *text)
{
	(void)arg;
	shell_line(text);
	answered |= what != ANSWER_LINE;
}

static bool wait_more(u64 *cursor)
{
	(void)cursor;
	return !answered;
}

static void put(enum request_op op)
{
	ask.op = op;
	ask.who = "shell";
	ask.answer = on_answer;
	answered = false;
	if (request_put(&ask))
		shell_await(wait_more);
	else
		shell_line("too many requests wait already: try again");
}

static void text_add(const char *text, size_t n)
{
	if (n > sizeof(ask.text) - ask.size) {
		too_long = true;
		return;
	}
	memcpy(ask.text + ask.size, text, n);
	ask.size += (u32)n;
}

static void text_string(const char *text)
{
	text_add(text, strlen(text));
}

static void text_begin(void)
{
	ask.size = 0;
	too_long = false;
}

static void put_text(enum request_op op)
{
	if (too_long)
		shell_print("that is too long: at most %u bytes\n", PLAN_TABLE_SIZE_MAX);
	else
		put(op);
}

/* A table, line by line. */

static void take_line(const char *text)
{
	if (text && strcmp(text, ".")) {
		text_string(text);
		text_string("\n");
		return;
	}
	shell_take_lines(NULL);
	if (text)
		put_text(REQUEST_CREATE);
}

/* KEY=VALUE ..: spaces around '=' are allowed, as are values in quotes, brackets and braces with spaces inside. */

static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static const char *skip_spaces(const char *at)
{
	while (*at == ' ')
		at++;
	return at;
}

/* Behind the quote that ends what begins at at. */
static const char *skip_quoted(const char *at)
{
	char quote = *at++;

	while (*at && *at != quote)
		at += *at == '\\' && quote == '"' && at[1] ? 2 : 1;
	return *at ? at + 1 : at;
}

static const char *skip_value(const char *at)
{
	u32 depth = 0;

	while (*at && (depth || *at != ' ')) {
		if (*at == '"' || *at == '\'') {
			at = skip_quoted(at);
			continue;
		}
		depth += *at == '[' || *at == '{';
		depth -= depth && (*at == ']' || *at == '}');
		at++;
	}
	return at;
}

/* Words need no quotes here. */
static bool is_word(const char *value, size_t n)
{
	bool digits = true;

	for (size_t i = 0; i < n; i++)
		digits = digits && value[i] >= '0' && value[i] <= '9';
	return !strchr("\"'[{", *value) && !digits && !(n == 4 && !strncmp(value, "true", 4)) &&
	       !(n == 5 && !strncmp(value, "false", 5));
}

static void add_pair(const char *key, size_t key_n, const char *value, size_t value_n)
{
	bool word = is_word(value, value_n);

	text_add(key, key_n);
	text_string(word ? " = \"" : " = ");
	text_add(value, value_n);
	text_string(word ? "\"\n" : "\n");
}

/* Those of boot, or the others. false: something is no KEY=VALUE. */
static bool add_pairs(const char *at, bool boot)
{
	while (*(at = skip_spaces(at))) {
		const char *key = at, *value, *end;
		size_t key_n, skip;

		while (is_key_char(*at))
			at++;
		key_n = (size_t)(at - key);
		at = skip_spaces(at);
		value = skip_spaces(at + (*at == '='));
		end = skip_value(value);
		if (!key_n || *at != '=' || end == value)
			return false;
		skip = key_n > 5 && !strncmp(key, "boot.", 5) ? 5 : 0;
		if (boot == (skip != 0))
			add_pair(key + skip, key_n - skip, value, (size_t)(end - value));
		at = end;
	}
	return true;
}

/* Behind so many words of the line: what is different for the guest name. */
static bool text_of_pairs(const char *name, int words)
{
	const char *rest = shell_rest(words);
	bool ok = true;

	text_begin();
	for (u32 boot = 0; boot < 2; boot++) {
		u32 before = ask.size, head;

		text_string("[guest.");
		text_string(name);
		text_string(boot ? ".boot]\n" : "]\n");
		head = ask.size;
		ok = ok && add_pairs(rest, boot);
		if (boot && ask.size == head)
			ask.size = before;
	}
	if (!ok)
		shell_line("KEY=VALUE is expected, as in: memory=512MiB cores=2 boot.cmdline=\"console=ttyS0 quiet\"");
	return ok;
}

static void create_like(int argc, char **argv)
{
	const struct guest *g = shell_find_guest(argv[3]);

	if (!g)
		return;
	str_copy(ask.guest, sizeof(ask.guest), argv[1]);
	str_copy(ask.from, sizeof(ask.from), g->name);
	if (strlen(argv[1]) >= PLAN_NAME_SIZE || !plan_is_name(argv[1], false)) {
		shell_print("\"%.40s\" is no name for a guest: 1 to 31 characters a-z, 0-9, '-' and '_'\n", argv[1]);
		return;
	}
	if (text_of_pairs(ask.guest, 4)) {
		if (argc == 4)
			ask.size = 0;
		put_text(REQUEST_COPY);
	}
}

void shell_create(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[2], "from")) {
		create_like(argc, argv);
	} else if (argc == 1 || (argc == 2 && !strcmp(argv[1], "<<"))) {
		shell_line("[guest.NAME] and its keys, as in the plan; a line with a dot alone ends them, Ctrl-C gives up");
		text_begin();
		shell_take_lines(take_line);
	} else {
		shell_line("usage: create, then lines of a plan; or create NAME from GUEST [KEY=VALUE ..]");
	}
}

void shell_set(int argc, char **argv)
{
	const struct guest *g = shell_find_guest(argv[1]);

	if (!g)
		return;
	if (argc < 3) {
		shell_line("usage: set GUEST KEY=VALUE .., keys of the plan, those of its boot table as boot.KEY");
		return;
	}
	str_copy(ask.guest, sizeof(ask.guest), g->name);
	if (text_of_pairs(g->name, 2))
		put_text(REQUEST_SET);
}

void shell_delete(int argc, char **argv)
{
	const struct guest *g = shell_find_guest(argv[1]);

	(void)argc;
	if (!g)
		return;
	str_copy(ask.guest, sizeof(ask.guest), g->name);
	ask.size = 0;
	put(REQUEST_DELETE);
}

static void at_once(const char *word, enum life_event event)
{
	struct guest *g = shell_find_guest(word);
	const char *why = g ? request_now(g, event, 0, "shell", tsc_now()) : NULL;

	if (why)
		shell_print("guest %s: %s\n", g->name, why);
}

void shell_pause(int argc, char **argv)
{
	(void)argc;
	at_once(argv[1], LIFE_PAUSE);
}

void shell_resume(int argc, char **argv)
{
	(void)argc;
	at_once(argv[1], LIFE_RESUME);
}
