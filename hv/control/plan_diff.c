/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_diff.h"

#include <hv/lib.h>

struct text {
	const char *at, *end;
	char table[64];			/* that the line stands in */
	const char *key, *value;	/* the present pair's */
	u32 key_size, value_size;
};

static const char *line_end(const char *at, const char *end)
{
	while (at < end && *at != '\n')
		at++;
	return at;
}

/* The next line that is no continuation, with those behind it that are. */
static const char *pair_end(const char *at, const char *end)
{
	at = line_end(at, end);
	while (at + 1 < end && at[1] == '\t')
		at = line_end(at + 1, end);
	return at;
}

static void take_header(struct text *t, const char *end)
{
	u32 n = (u32)(end - t->at) < 2 ? 0 : (u32)(end - t->at) - 2;

	n = MIN(n, (u32)sizeof(t->table) - 1);
	memcpy(t->table, t->at + 1, n);
	t->table[n] = 0;
}

/* The next "key = value". false: there are no more. */
static bool next_pair(struct text *t)
{
	while (t->at < t->end) {
		const char *end = pair_end(t->at, t->end), *equals = t->at;

		if (*t->at == '[')
			take_header(t, end);
		while (equals < end && *equals != '=')
			equals++;
		if (*t->at == '[' || *t->at == '#' || equals == end || equals == t->at || equals + 2 > end) {
			t->at = MIN(end + 1, t->end);
			continue;
		}
		t->key = t->at;
		t->key_size = (u32)(equals - t->at) - 1;
		t->value = equals + 2;
		t->value_size = end > t->value ? (u32)(end - t->value) : 0;
		t->at = MIN(end + 1, t->end);
		return true;
	}
	return false;
}

static bool is_wanted(const struct text *t, const char *table)
{
	return table ? !strcmp(t->table, table) : strncmp(t->table, "guest.", 6) != 0;
}

static bool find_pair(struct text *in, const struct text *like)
{
	while (next_pair(in))
		if (!strcmp(in->table, like->table) && in->key_size == like->key_size && !memcmp(in->key, like->key, in->key_size))
			return true;
	return false;
}

static void say(plan_change_fn *tell, void *arg, const struct text *at, const struct text *from, const struct text *to)
{
	struct plan_change c = { .what = "change" };

	if (!tell)
		return;
	str_copy(c.table, sizeof(c.table), at->table);
	fmt_print(c.key, sizeof(c.key), "%.*s", (int)MIN(at->key_size, 31u), at->key);
	if (from) {
		c.from = from->value;
		c.from_size = from->value_size;
	}
	if (to) {
		c.to = to->value;
		c.to_size = to->value_size;
	}
	tell(arg, &c);
}

u32 plan_diff(const char *from, u32 from_size, const char *to, u32 to_size, const char *table, plan_change_fn *tell, void *arg)
{
	struct text a = { .at = from, .end = from + from_size }, b = { .at = to, .end = to + to_size }, other;
	u32 n = 0;

	while (next_pair(&a)) {
		other = (struct text){ .at = to, .end = to + to_size };
		if (!is_wanted(&a, table))
			continue;
		if (!find_pair(&other, &a)) {
			n++;
			say(tell, arg, &a, &a, NULL);
		} else if (other.value_size != a.value_size || memcmp(other.value, a.value, a.value_size)) {
			n++;
			say(tell, arg, &a, &a, &other);
		}
	}
	while (next_pair(&b)) {
		other = (struct text){ .at = from, .end = from + from_size };
		if (is_wanted(&b, table) && !find_pair(&other, &b)) {
			n++;
			say(tell, arg, &b, NULL, &b);
		}
	}
	return n;
}
