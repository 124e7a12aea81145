/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a table of the plan by a list of rules: unknown keys, types, parts that are not there yet. */

#include <hv/lib.h>

#include "plan_schema.h"

#define GUESS_MAX 24		/* longer names are not guessed at */

void plan_bad_key(struct plan_reader *r, const char *id, const struct toml_node *n, const char *key, const char *fmt,
		  ...)
{
	const struct toml_node *child = key ? toml_get(n, key) : NULL;	/* it is there and should not be */
	char path[PLAN_PATH_SIZE], words[200];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(words, sizeof(words), fmt, ap);
	va_end(ap);
	toml_path(n, key, path, sizeof(path));
	plan_error_add(r->errors, id, child ? child->line : n->line, path, "%s", words);
}

void plan_require(struct plan_reader *r, const struct toml_node *table, const char *key, const char *words)
{
	if (!r->broken && !toml_get(table, key))
		plan_bad_key(r, "PLAN-MISSING-KEY", table, key, "%s", words);
}

bool plan_check_type(struct plan_reader *r, const struct toml_node *n, u32 types)
{
	static const char *const words[] = {
		[TOML_TABLE] = "a table",	[TOML_ARRAY] = "a list in [ ]",	[TOML_STRING] = "text in quotes",
		[TOML_INTEGER] = "a number",	[TOML_BOOLEAN] = "true or false",
	};
	char text[80] = "";
	size_t used = 0;

	if (n->type == TOML_NOTHING)
		return false;
	if (types & BIT32(n->type))
		return true;
	for (u32 i = TOML_TABLE; i <= TOML_BOOLEAN; i++)
		if (types & BIT32(i))
			used += (size_t)fmt_print(text + used, sizeof(text) - used, "%s%s", used ? " or " : "",
						  words[i]);
	plan_bad(r, "PLAN-TYPE", n, "%s, not %s", text, words[n->type]);
	return false;
}

int plan_read_word(struct plan_reader *r, const struct toml_node *n, const char *const *words, u32 count)
{
	char list[100];
	size_t used = 0;

	for (u32 i = 0; i < count; i++) {
		if (strcmp(n->text, words[i]) == 0)
			return (int)i;
		if (used < sizeof(list))
			used += (size_t)fmt_print(list + used, sizeof(list) - used, "%s\"%s\"", i ? ", " : "",
						  words[i]);
	}
	plan_bad(r, "PLAN-VALUE", n, "one of %s, not \"%.40s\"", list, n->text);
	return -1;
}

static u32 min3(u32 a, u32 b, u32 c)
{
	return MIN(a, MIN(b, c));
}

/* How many letters must be put in, left out, changed or swapped with their neighbour to make b of a. */
static u32 edit_distance(const char *a, const char *b)
{
	u32 row[3][GUESS_MAX + 1], *above2 = row[0], *above = row[1], *now = row[2], *t;
	u32 width = (u32)strlen(b);

	for (u32 j = 0; j <= width; j++)
		above[j] = j;
	for (u32 i = 1; a[i - 1]; i++) {
		now[0] = i;
		for (u32 j = 1; j <= width; j++) {
			u32 change = above[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = min3(above[j] + 1, now[j - 1] + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = MIN(now[j], above2[j - 2] + 1);
		}
		t = above2;
		above2 = above;
		above = now;
		now = t;
	}
	return above[width];
}

/* The rule whose name is nearest to what was written, or null when none is near. */
static const struct plan_rule *guess_rule(const char *name, const struct plan_rule *rule, u32 count)
{
	const struct plan_rule *best = NULL;
	size_t length = strlen(name);
	u32 best_distance = 3;

	if (length > GUESS_MAX)
		return NULL;
	for (u32 i = 0; i < count; i++) {
		u32 d = edit_distance(name, rule[i].name);

		if (d < best_distance && d < strlen(rule[i].name) - 1 && d < length) {
			best_distance = d;
			best = &rule[i];
		}
	}
	return best;
}

static void report_unknown(struct plan_reader *r, const struct toml_node *n, const struct plan_rule *rule, u32 count)
{
	const struct plan_rule *guess = guess_rule(n->key, rule, count);
	char list[160] = "";
	size_t used = 0;

	if (guess) {
		plan_bad(r, "PLAN-UNKNOWN-KEY", n, "a known key; did you mean %s?", guess->name);
		return;
	}
	for (u32 i = 0; i < count && used < sizeof(list); i++)
		used += (size_t)fmt_print(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", rule[i].name);
	plan_bad(r, "PLAN-UNKNOWN-KEY", n, "one of %s", list);
}

static void read_key(struct plan_reader *r, const struct toml_node *n, const struct plan_rule *rule, void *object,
		     u32 *line)
{
	if (line && rule->key)
		line[rule->key] = n->line;
	if (!plan_check_type(r, n, rule->types))
		return;
	if (rule->read)
		rule->read(r, object, n);
	if (rule->part)
		plan_bad(r, "PLAN-NOT-YET", n, "no such key: this version has no %s yet", rule->part);
}

void plan_read_table(struct plan_reader *r, const struct toml_node *table, const struct plan_rule *rule, u32 count,
		     void *object, u32 *line)
{
	for (const struct toml_node *n = table->first; n; n = n->next) {
		u32 i = 0;

		while (i < count && strcmp(n->key, rule[i].name) != 0)
			i++;
		if (i < count)
			read_key(r, n, &rule[i], object, line);
		else
			report_unknown(r, n, rule, count);
	}
}

static bool is_name_char(char c, bool capitals)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       (capitals && ((c >= 'A' && c <= 'Z') || c == '.'));
}

bool plan_is_name(const char *s, bool capitals)
{
	size_t length = strlen(s);

	for (size_t i = 0; i < length; i++)
		if (!is_name_char(s[i], capitals))
			return false;
	return length > 0 && length < PLAN_NAME_SIZE;
}
