/* SPDX-License-Identifier: Apache-2.0 */
#include "json_plan.h"

#include <hv/lib.h>

#include <yyjson.h>

/* Nothing of a plan is deeper than net = [{ address = [..] }]. */
#define DEPTH_MAX 6u

static const char *put_value(struct json_plan *p, struct out *o, yyjson_val *v, u32 depth);

/* A string of TOML: whatever stands in it, it stays one. */
static void put_string(struct out *o, const char *text, size_t n)
{
	out_text(o, "\"");
	for (size_t i = 0; i < n; i++) {
		u8 c = (u8)text[i];

		if (c == '"' || c == '\\')
			out_print(o, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			out_print(o, "\\u%04x", c);
		else
			out_bytes(o, &text[i], 1);
	}
	out_text(o, "\"");
}

static bool is_key(const char *key, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = key[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return n > 0 && n < 40;
}

static const char *put_pair(struct json_plan *p, struct out *o, yyjson_val *key, u32 depth)
{
	const char *name = yyjson_get_str(key);
	size_t n = yyjson_get_len(key);

	if (!name)
		return "there is no such key";
	if (!depth)
		fmt_print(p->member, sizeof(p->member), "%.*s", (int)MIN(n, (size_t)40), name);
	if (!is_key(name, n))
		return "there is no such key";
	out_bytes(o, name, n);
	out_text(o, " = ");
	return put_value(p, o, yyjson_obj_iter_get_val(key), depth + 1);
}

static const char *put_list(struct json_plan *p, struct out *o, yyjson_val *v, u32 depth)
{
	yyjson_arr_iter each;
	const char *why = NULL;
	yyjson_val *one;
	bool comma = false;

	out_text(o, "[");
	yyjson_arr_iter_init(v, &each);
	while (!why && (one = yyjson_arr_iter_next(&each))) {
		out_text(o, comma ? ", " : "");
		comma = true;
		why = put_value(p, o, one, depth + 1);
	}
	out_text(o, "]");
	return why;
}

static const char *put_table(struct json_plan *p, struct out *o, yyjson_val *v, u32 depth)
{
	yyjson_obj_iter each;
	const char *why = NULL;
	yyjson_val *key;
	bool comma = false;

	out_text(o, "{ ");
	yyjson_obj_iter_init(v, &each);
	while (!why && (key = yyjson_obj_iter_next(&each))) {
		out_text(o, comma ? ", " : "");
		comma = true;
		why = put_pair(p, o, key, depth);
	}
	out_text(o, " }");
	return why;
}

/* One of a plan's kinds. */
static const char *put_value(struct json_plan *p, struct out *o, yyjson_val *v, u32 depth)
{
	if (depth > DEPTH_MAX)
		return "it is nested too deep";
	if (yyjson_is_str(v))
		put_string(o, yyjson_get_str(v), yyjson_get_len(v));
	else if (yyjson_is_uint(v))
		out_print(o, "%lu", yyjson_get_uint(v));
	else if (yyjson_is_sint(v))
		out_print(o, "-%lu", 0ul - (u64)yyjson_get_sint(v));
	else if (yyjson_is_bool(v))
		out_text(o, yyjson_get_bool(v) ? "true" : "false");
	else if (yyjson_is_arr(v))
		return put_list(p, o, v, depth);
	else if (yyjson_is_obj(v))
		return put_table(p, o, v, depth);
	else
		return "text, a whole number, true or false, a list or an object is wanted";
	return NULL;
}

/* Which guest it is. */
static const char *take_name(struct json_plan *p, yyjson_val *root, const char *name)
{
	yyjson_val *v = yyjson_obj_get(root, "name");
	const char *text = v ? yyjson_get_str(v) : name;

	str_copy(p->member, sizeof(p->member), "name");
	if (!text || (v && strlen(text) != yyjson_get_len(v)) || strlen(text) >= sizeof(p->name) || !plan_is_name(text, false))
		return "a guest name of 1 to 31 characters a-z, 0-9, '-' and '_'";
	if (name && strcmp(name, text))
		return "a guest keeps its name";
	str_copy(p->name, sizeof(p->name), text);
	p->member[0] = 0;
	return NULL;
}

static const char *put_guest(struct json_plan *p, struct out *o, yyjson_val *root, const char *name)
{
	const char *why = take_name(p, root, name);
	yyjson_obj_iter each;
	yyjson_val *key;
	u32 names = 0;

	out_print(o, "[guest.%s]\n", p->name);
	yyjson_obj_iter_init(root, &each);
	while (!why && (key = yyjson_obj_iter_next(&each))) {
		if (yyjson_equals_str(key, "name")) {
			str_copy(p->member, sizeof(p->member), "name");
			why = names++ ? "it is there twice" : NULL;
			continue;
		}
		why = put_pair(p, o, key, 0);
		out_text(o, "\n");
	}
	return why;
}

const char *json_to_plan(const void *bytes, size_t n, const char *name, struct json_plan *p, struct out *o, void *room,
			 size_t room_size)
{
	yyjson_val *root;
	yyjson_doc *doc;
	yyjson_alc alc;
	const char *why;

	memset(p, 0, sizeof(*p));
	if (!yyjson_alc_pool_init(&alc, room, room_size))
		return "no memory";
	doc = yyjson_read_opts((char *)(size_t)bytes, n, YYJSON_READ_NOFLAG, &alc, NULL);
	root = yyjson_doc_get_root(doc);
	if (!yyjson_is_obj(root))
		return doc ? "an object { } is wanted" : "this is no JSON";
	why = put_guest(p, o, root, name);
	if (!why && o->cut) {
		p->member[0] = 0;
		why = "that is too long for a guest";
	}
	return why;
}

/* --- back ---------------------------------------------------------------------------------------------------- */

static void put_integer(struct out *o, const char *key, s64 v)
{
	if (v >= 0)
		json_u64(o, key, (u64)v);
	else
		json_null(o, key);	/* no plan has one */
}

/* Into depth and out again by the tree's own links. */
void json_node(struct out *o, const char *key, const struct toml_node *top)
{
	const struct toml_node *n = top;

	for (;;) {
		const char *name = n == top ? key : n->parent->type == TOML_TABLE ? n->key : NULL;
		bool opens = n->type == TOML_TABLE || n->type == TOML_ARRAY;

		if (opens)
			json_open(o, name, n->type == TOML_TABLE ? '{' : '[');
		else if (n->type == TOML_STRING)
			json_text_n(o, name, n->text, n->length);
		else if (n->type == TOML_INTEGER)
			put_integer(o, name, n->integer);
		else
			json_bool(o, name, n->type == TOML_BOOLEAN && n->boolean);
		if (opens && n->first) {
			n = n->first;
			continue;
		}
		if (opens)
			json_close(o, n->type == TOML_TABLE ? '}' : ']');
		while (n != top && !n->next) {
			n = n->parent;
			json_close(o, n->type == TOML_TABLE ? '}' : ']');
		}
		if (n == top)
			return;
		n = n->next;
	}
}
