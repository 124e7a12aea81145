/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a file into a tree: text, headers, pairs, arrays, inline tables. Strings and numbers: toml_value.c. */

#include <hv/lib.h>
#include <hv/toml.h>

#include "toml_value.h"

#define NODE_EXPLICIT BIT32(0)	/* opened by a header of its own: a second one is a duplicate */
#define NODE_CLOSED BIT32(1)	/* an inline table: headers may not add to it */

static bool read_value(struct toml *t, struct toml_node *node, u32 depth);

bool toml_fail(struct toml *t, enum toml_fault fault, u32 other_line, const char *words)
{
	struct toml_error e = { .fault = fault, .line = t->line, .other_line = other_line, .table = t->where,
				.key = t->key, .words = words };

	if (t->faults == TOML_FAULTS_MAX)
		return false;
	if (++t->faults == TOML_FAULTS_MAX)
		t->stop = true;
	if (t->on_error)
		t->on_error(t->context, &e);
	return false;
}

static bool expected(struct toml *t, const char *words)
{
	return toml_fail(t, TOML_BAD_SYNTAX, 0, words);
}

static u8 peek(const struct toml *t)
{
	return t->at < t->end ? *t->at : 0;	/* NUL never stands in a checked text */
}

/* Nodes and the tree. */

static struct toml_node *node_new(struct toml *t, const struct toml_node *parent, const char *key)
{
	struct toml_node *n;

	if (t->node_used >= t->node_max) {
		t->stop = true;
		toml_fail(t, TOML_BAD_LIMIT, 0, "fewer keys and values in one file");
		return NULL;
	}
	n = &t->node[t->node_used++];
	memset(n, 0, sizeof(*n));
	n->key = key;
	n->parent = (struct toml_node *)(uintptr_t)parent;
	n->type = TOML_TABLE;
	n->line = t->line;
	return n;
}

static void node_append(struct toml_node *parent, struct toml_node *n)
{
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	parent->count++;
}

const struct toml_node *toml_get(const struct toml_node *table, const char *key)
{
	if (!table || table->type != TOML_TABLE)
		return NULL;
	for (const struct toml_node *n = table->first; n; n = n->next)
		if (strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

void toml_path(const struct toml_node *node, const char *key, char *buf, size_t size)
{
	const char *part[2 * TOML_DEPTH_MAX + 4];
	u32 count = 0;
	size_t used = 0;

	if (key && *key)
		part[count++] = key;
	for (; node && count < ARRAY_COUNT(part); node = node->parent)
		if (*node->key)
			part[count++] = node->key;
	while (count--) {
		for (const char *s = part[count]; *s && used + 1 < size; s++)
			buf[used++] = *s;
		if (count && used + 1 < size)
			buf[used++] = '.';
	}
	if (size)
		buf[used] = 0;
}

/* Space between things. */

static void skip_blank(struct toml *t)
{
	while (peek(t) == ' ' || peek(t) == '\t')
		t->at++;
}

static void skip_to_line_end(struct toml *t)
{
	while (t->at < t->end && *t->at != '\n')
		t->at++;
}

/* Blanks, comments and line ends. False: the file ends here. */
static bool skip_lines(struct toml *t)
{
	for (;;) {
		skip_blank(t);
		switch (peek(t)) {
		case '#':
			skip_to_line_end(t);
			break;
		case '\r':	/* toml_check_text() saw the line feed that follows */
			t->at++;
			break;
		case '\n':
			t->at++;
			t->line++;
			break;
		default:
			return t->at < t->end;
		}
	}
}

static bool read_line_end(struct toml *t)
{
	skip_blank(t);
	if (t->at == t->end || *t->at == '\n' || *t->at == '\r' || *t->at == '#')
		return true;
	return expected(t, "the end of the line after the value");
}

/* Keys. */

static bool is_bare(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool read_key(struct toml *t, const char **key)
{
	size_t length, start = t->text_used;

	if (peek(t) == '"' || peek(t) == '\'')
		return toml_read_string(t, key, &length);
	if (!is_bare(peek(t)))
		return expected(t, "a key of letters, digits, - and _ (or a quoted one)");
	while (is_bare(peek(t)))
		if (!toml_put(t, *t->at++))
			return false;
	*key = t->text + start;
	return toml_put(t, 0);
}

/* key = value, into table. A key that is there already is reported and read all the same, aside. */
static bool read_pair_value(struct toml *t, struct toml_node *table, u32 depth)
{
	const struct toml_node *there;
	struct toml_node *n;

	skip_blank(t);
	if (peek(t) == '.')
		return expected(t, "a [table] or { }: dotted keys are not part of the plan's language");
	if (peek(t) != '=')
		return expected(t, "'=' and a value after the key");
	t->at++;
	skip_blank(t);

	there = toml_get(table, t->key);
	if (there)
		toml_fail(t, TOML_BAD_DUPLICATE, there->line, "each key once");
	n = node_new(t, table, t->key);
	if (!n)
		return false;
	n->type = TOML_NOTHING;
	if (!there)
		node_append(table, n);
	return read_value(t, n, depth);
}

static bool read_pair(struct toml *t, struct toml_node *table, u32 depth)
{
	t->where = table;
	t->key = "";
	return read_key(t, &t->key) && read_pair_value(t, table, depth);
}

/* Values that hold values. */

static bool read_array(struct toml *t, struct toml_node *array, u32 depth)
{
	struct toml_node *n;

	array->type = TOML_ARRAY;
	t->at++;
	while (skip_lines(t) && *t->at != ']') {
		n = node_new(t, array, "");
		if (!n)
			return false;
		n->type = TOML_NOTHING;
		node_append(array, n);
		if (!read_value(t, n, depth + 1))
			return false;
		if (!skip_lines(t) || (*t->at != ',' && *t->at != ']'))
			return expected(t, "',' or ']' in the list");
		if (*t->at == ',')
			t->at++;
	}
	if (t->at == t->end)
		return expected(t, "']' at the end of the list");
	t->at++;
	return true;
}

/* TOML 1.0 "Inline Table": on one line, no comma after the last pair. */
static bool read_inline_table(struct toml *t, struct toml_node *table, u32 depth)
{
	const struct toml_node *where = t->where;
	const char *key = t->key;

	table->type = TOML_TABLE;
	table->flags = NODE_CLOSED;
	t->at++;
	skip_blank(t);
	if (peek(t) == '}') {
		t->at++;
		return true;
	}
	for (;;) {
		skip_blank(t);
		if (!read_pair(t, table, depth + 1))
			return false;
		skip_blank(t);
		if (peek(t) == '}')
			break;
		if (peek(t) != ',')
			return expected(t, "',' or '}' on the same line as '{'");
		t->at++;
	}
	t->at++;
	t->where = where;
	t->key = key;
	return true;
}

static bool read_value(struct toml *t, struct toml_node *node, u32 depth)
{
	u8 c = peek(t);
	bool ok;

	if (depth > TOML_DEPTH_MAX)
		return toml_fail(t, TOML_BAD_LIMIT, 0, "at most 8 lists and tables inside each other");
	if (c == '[')
		ok = read_array(t, node, depth);
	else if (c == '{')
		ok = read_inline_table(t, node, depth);
	else
		ok = toml_read_scalar(t, node);
	if (!ok)
		node->type = TOML_NOTHING;
	return ok;
}

/* Headers. */

/* The table named key in parent, made when it is not there; is_last: the header names this very table. */
static struct toml_node *enter_table(struct toml *t, struct toml_node *parent, const char *key, bool is_last)
{
	struct toml_node *n = (struct toml_node *)(uintptr_t)toml_get(parent, key);

	t->where = parent;
	t->key = key;
	if (!n) {
		n = node_new(t, parent, key);
		if (!n)
			return NULL;
		node_append(parent, n);
	} else if (n->type != TOML_TABLE || (n->flags & NODE_CLOSED)) {
		toml_fail(t, TOML_BAD_DUPLICATE, n->line, "a table, and it has a value already");
		return NULL;
	} else if (is_last && (n->flags & NODE_EXPLICIT)) {
		toml_fail(t, TOML_BAD_DUPLICATE, n->line, "each [table] once");
		return NULL;
	}
	if (is_last) {
		n->flags |= NODE_EXPLICIT;
		n->line = t->line;
	}
	return n;
}

static bool read_header_names(struct toml *t)
{
	struct toml_node *table = t->root;
	const char *key;

	if (peek(t) == '[')
		return expected(t, "a table [name]: [[ ]] is not part of the plan's language");
	for (u32 depth = 1; depth <= TOML_DEPTH_MAX; depth++) {
		skip_blank(t);
		if (!read_key(t, &key))
			return false;
		skip_blank(t);
		if (peek(t) != '.' && peek(t) != ']')
			return expected(t, "'.' or ']' after a name in the header");
		table = enter_table(t, table, key, peek(t) == ']');
		if (!table)
			return false;
		if (*t->at++ == ']') {
			t->table = table;
			return true;
		}
	}
	return toml_fail(t, TOML_BAD_LIMIT, 0, "at most 8 names in a header");
}

/* After a bad header the pairs below it are still read, into a table that hangs nowhere. */
static bool read_header(struct toml *t)
{
	t->at++;
	t->where = t->root;
	t->key = "";
	t->table = NULL;
	if (read_header_names(t))
		return true;
	t->table = t->stop ? NULL : node_new(t, t->where, t->key);
	return false;
}

/* The file. */

static bool read_statement(struct toml *t)
{
	bool ok = *t->at == '[' ? read_header(t) : read_pair(t, t->table, 1);

	return ok && read_line_end(t);
}

/* Does a statement begin here? Lines inside of a broken list are not to be reported one by one. */
static bool at_statement(const struct toml *t)
{
	const u8 *p = t->at;
	bool header;

	while (p < t->end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == t->end || *p == '#' || *p == '\n' || *p == '\r')
		return true;
	header = *p == '[';
	if (header)
		p++;
	while (p < t->end && (is_bare(*p) || *p == ' ' || *p == '\t' || *p == '.' || *p == '"' || *p == '\''))
		p++;
	return p < t->end && *p == (header ? ']' : '=');
}

static void skip_to_statement(struct toml *t)
{
	do {
		skip_to_line_end(t);
		if (t->at == t->end)
			return;
		t->at++;
		t->line++;
	} while (!at_statement(t));
}

static bool check_text(struct toml *t)
{
	u32 line = 1;
	const char *words = toml_check_text(t->at, (size_t)(t->end - t->at), &line);

	if (!words)
		return true;
	t->line = line;
	return toml_fail(t, TOML_BAD_TEXT, 0, words);
}

int toml_read(struct toml *t, const void *bytes, size_t size)
{
	t->root = NULL;
	t->faults = 0;
	t->at = bytes;
	t->end = t->at + size;
	t->line = 1;
	t->node_used = 0;
	t->text_used = 0;
	t->where = NULL;
	t->key = "";
	t->stop = false;
	if (!check_text(t))
		return -E_INVAL;

	t->root = node_new(t, NULL, "");
	t->table = t->root;
	while (!t->stop && skip_lines(t)) {
		t->where = t->table;
		t->key = "";
		if (!read_statement(t))
			skip_to_statement(t);
	}
	return t->faults ? -E_INVAL : 0;
}
