/* SPDX-License-Identifier: Apache-2.0 */
#include "json_in.h"

#include <hv/lib.h>

#include <yyjson.h>

/* Is name in the list? required: it stands with "!". */
static bool is_listed(const char *names, const char *name, size_t n, bool *required)
{
	for (const char *at = names; *at;) {
		const char *end = strchr(at, ' ');
		size_t len;

		end = end ? end : at + strlen(at);
		*required = *at == '!';
		at += *required;
		len = (size_t)(end - at);
		if (len == n && !memcmp(at, name, n))
			return true;
		at = *end ? end + 1 : end;
	}
	return false;
}

static const char *take_value(struct json_member *m, yyjson_val *v)
{
	size_t n;

	if (yyjson_is_str(v)) {
		n = yyjson_get_len(v);
		if (n >= sizeof(m->text))
			return "too long";
		memcpy(m->text, yyjson_get_str(v), n);
		m->text[n] = 0;
		return strlen(m->text) == n ? NULL : "there is a NUL in it";
	}
	if (yyjson_is_uint(v))
		fmt_print(m->text, sizeof(m->text), "%lu", yyjson_get_uint(v));
	else if (yyjson_is_bool(v))
		str_copy(m->text, sizeof(m->text), yyjson_get_bool(v) ? "true" : "false");
	else
		return "text, a whole number or true or false is wanted";
	return NULL;
}

static const char *take_member(struct json_body *b, const char *names, yyjson_val *key, yyjson_val *v, char member[24])
{
	const char *name = yyjson_get_str(key);
	size_t n = yyjson_get_len(key);
	struct json_member *m = &b->member[b->count];
	bool required;

	fmt_print(member, 24, "%.*s", (int)MIN(n, (size_t)23), name);
	if (!is_listed(names, name, n, &required) || b->count == JSON_MEMBERS || n >= sizeof(m->name))
		return "there is no such member";
	str_copy(m->name, sizeof(m->name), member);
	for (u32 i = 0; i < b->count; i++)
		if (!strcmp(b->member[i].name, m->name))
			return "it is there twice";
	b->count++;
	return take_value(m, v);
}

static const char *find_missing(const struct json_body *b, const char *names, char member[24])
{
	for (const char *at = names; *at;) {
		const char *end = strchr(at, ' ');
		bool required = *at == '!';

		end = end ? end : at + strlen(at);
		at += required;
		fmt_print(member, 24, "%.*s", (int)MIN((size_t)(end - at), (size_t)23), at);
		if (required && !*json_get(b, member))
			return "it must be there";
		at = *end ? end + 1 : end;
	}
	member[0] = 0;
	return NULL;
}

const char *json_read(const void *bytes, size_t n, const char *names, struct json_body *body, char member[24],
	void *room, size_t size)
{
	const char *why = NULL;
	yyjson_val *root, *key;
	yyjson_obj_iter each;
	yyjson_doc *doc;
	yyjson_alc alc;

	body->count = 0;
	member[0] = 0;
	if (!yyjson_alc_pool_init(&alc, room, size))
		return "no memory";
	doc = yyjson_read_opts((char *)(size_t)bytes, n, YYJSON_READ_NOFLAG, &alc, NULL);
	root = yyjson_doc_get_root(doc);
	if (!yyjson_is_obj(root))
		why = doc ? "an object { } is wanted" : "this is no JSON";
	yyjson_obj_iter_init(root, &each);	/* of nothing, where it is none */
	while (!why && (key = yyjson_obj_iter_next(&each)))
		why = take_member(body, names, key, yyjson_obj_iter_get_val(key), member);
	if (!why)
		why = find_missing(body, names, member);
	memset(room, 0, size);		/* there was a password in it */
	return why;
}

const char *json_get(const struct json_body *body, const char *name)
{
	for (u32 i = 0; i < body->count; i++)
		if (!strcmp(body->member[i].name, name))
			return body->member[i].text;
	return "";
}
