/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json: OpenAPI 3.0, made of the table of functions and of the one by which the plan is read. */
#include "answer.h"
#include "api_schema.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/machine.h>

static const char *const parts[ANSWER_PARAMETERS] = { "name", "file" };	/* what a * is called, the first, the second */

/* "/v1/guests/{name}/start" */
static void path_text(const char *path, char *to, size_t size)
{
	size_t at = 0;
	u32 n = 0;

	for (; *path && at + 8 < size; path++)
		if (*path == '*')
			at += (size_t)fmt_print(to + at, size - at, "{%s}", parts[n++]);
		else
			to[at++] = *path;
	to[at] = 0;
}

static void put_body(struct out *o, const char *names)
{
	bool any = false;

	json_open(o, "requestBody", '{');
	json_bool(o, "required", strchr(names, '!') != NULL);
	out_text(o,
		",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"additionalProperties\":false,"
		    "\"properties\":{");
	for (u32 pass = 0; pass < 2; pass++) {
		any = false;
		for (const char *at = names, *end; *at; at = *end ? end + 1 : end) {
			bool required = *at == '!';

			end = strchr(at, ' ');
			end = end ? end : at + strlen(at);
			if (pass && !required)
				continue;
			out_print(o, "%s\"%.*s\"%s", any ? "," : pass ? ",\"required\":[" : "",
				(int)(end - at - required), at + required,
				  pass ? "" : ":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"},{\"type\":\"boolean\"}]}");
			any = true;
		}
		out_text(o, pass ? any ? "]" : "" : "}");
	}
	out_text(o, "}}}");
	json_close(o, '}');
}

static void put_types(struct out *o, u32 types)
{
	static const char *const schema[] = {
		[TOML_TABLE] = "{\"type\":\"object\"}", [TOML_ARRAY] = "{\"type\":\"array\",\"items\":{}}",
		[TOML_STRING] = "{\"type\":\"string\"}", [TOML_INTEGER] = "{\"type\":\"integer\"}",
		[TOML_BOOLEAN] = "{\"type\":\"boolean\"}" };
	bool several = types & (types - 1), any = false;

	out_text(o, several ? "{\"anyOf\":[" : "");
	for (u32 i = TOML_TABLE; i <= TOML_BOOLEAN; i++)
		if (types & BIT32(i)) {
			out_print(o, "%s%s", any ? "," : "", schema[i]);
			any = true;
		}
	out_text(o, several ? "]}" : "");
}

/* The keys of [guest.NAME], from the table by which the plan is read. */
static void put_guest_schema(struct out *o)
{
	const char *name;
	bool required;
	u32 types;

	out_text(o, ",\"Guest\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
		    "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9_-]{1,31}$\"}");
	for (u32 i = 0; (name = plan_guest_key(i, &types, &required)); i++) {
		out_print(o, ",\"%s\":", name);
		put_types(o, types);
	}
	out_text(o, "},\"required\":[");
	for (u32 i = 0; (name = plan_guest_key(i, &types, &required)) && required; i++)
		out_print(o, "%s\"%s\"", i ? "," : "", name);
	out_text(o, "]}");
}

static void put_parameter(struct out *o, const char *name, size_t n, const char *in, bool must, const char *type)
{
	json_open(o, NULL, '{');
	json_text_n(o, "name", name, n);
	json_text(o, "in", in);
	json_bool(o, "required", must);
	out_text(o, ",\"schema\":");
	schema_put_type(o, type);
	json_close(o, '}');
}

/* What is in the path, and "name:type" of the query; "h": of the head; "!" before what must be there. */
static void put_parameters(struct out *o, const struct api_route *r)
{
	const char *end;
	u32 n = 0;

	json_open(o, "parameters", '[');
	for (const char *star = r->path; (star = strchr(star, '*')); star++, n++)
		put_parameter(o, parts[n], strlen(parts[n]), "path", true, "s");
	for (const char *at = r->parameters ? r->parameters : ""; *at; at = end + (*end == ' ')) {
		const char *colon = strchr(at, ':');
		bool must = *at == '!', head = colon[1] == 'h';

		end = colon + 2;
		at += must;
		put_parameter(o, at, (size_t)(colon - at), head ? "header" : "query", must, head ? "s" : colon + 1);
	}
	json_close(o, ']');
}

static void put_content(struct out *o, const char *type, const char *schema)
{
	out_print(o, "\"content\":{\"%s\":{\"schema\":%s}}", type, schema);
}

static void put_request(struct out *o, const char *body)
{
	if (!strcmp(body, BODY_FILE) || !strcmp(body, BODY_PLAN) || !strcmp(body, BODY_GUEST)) {
		json_open(o, "requestBody", '{');
		json_bool(o, "required", true);
		out_text(o, ",");
		if (body[1] == 'f')
			put_content(o, "application/octet-stream", "{\"type\":\"string\",\"format\":\"binary\"}");
		else if (body[1] == 'p')
			put_content(o, "application/toml", "{\"type\":\"string\"}");
		else
			put_content(o, "application/json", "{\"$ref\":\"#/components/schemas/Guest\"}");
		json_close(o, '}');
	} else if (*body) {
		put_body(o, body);
	}
}

static const char *word_end(const char *at)
{
	while (*at && *at != ' ')
		at++;
	return at;
}

/* "201 File 202 File": each a status, and a schema or a media type. */
static void put_answers(struct out *o, const char *answers)
{
	json_open(o, "responses", '{');
	for (const char *at = answers, *end; *at; at = end + (*end == ' ')) {
		char status[8], type[48];

		end = word_end(at);
		fmt_print(status, sizeof(status), "%.*s", (int)(end - at), at);
		json_open(o, status, '{');
		json_text(o, "description", http_reason((u32)(at[0] - '0') * 100 + (u32)(at[1] - '0') * 10 + (u32)(at[2] - '0')));
		if (*end && (end[1] < '0' || end[1] > '9')) {
			at = end + 1;
			end = word_end(at);
			fmt_print(type, sizeof(type), "%.*s", (int)(end - at), at);
			if (strchr(type, '/')) {
				out_text(o, ",");
				put_content(o, type, "{}");
			} else {
				out_text(o, ",\"content\":{\"application/json\":{\"schema\":");
				schema_put_type(o, type);
				out_text(o, "}}");
			}
		}
		json_close(o, '}');
	}
	out_text(o, ",\"default\":{\"description\":\"what is wrong\",");
	put_content(o, "application/problem+json", "{\"$ref\":\"#/components/schemas/Problem\"}");
	out_text(o, "}");
	json_close(o, '}');
}

static void put_function(struct out *o, const struct api_route *r)
{
	char method[8];

	str_copy(method, sizeof(method), http_method_str(r->method));
	for (char *c = method; *c; c++)
		*c = (char)(*c + 32);
	json_open(o, method, '{');
	json_text(o, "summary", r->summary);
	json_text(o, "x-role", role_word[r->role]);
	put_parameters(o, r);
	if (r->body)
		put_request(o, r->body);
	if (r->role == ROLE_NONE)
		out_text(o, ",\"security\":[]");
	put_answers(o, r->answers);
	json_close(o, '}');
}

static bool is_first_of_path(u32 i)
{
	for (u32 k = 0; k < i; k++)
		if (!strcmp(api_route[k].path, api_route[i].path))
			return false;
	return true;
}

void api_openapi(struct answer *a)
{
	struct out *o = &a->body;
	char path[80];

	json_open(o, NULL, '{');
	json_text(o, "openapi", "3.0.3");
	out_print(o, ",\"info\":{\"title\":\"Bulkhead\",\"version\":\"%s\"},"
		  "\"security\":[{\"token\":[]},{\"session\":[]}],\"components\":{\"securitySchemes\":{"
		  "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
		  "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-session\"}},", build_version);
	out_text(o, "\"schemas\":{");
	schema_put_all(o);
	put_guest_schema(o);
	out_text(o, "}}");
	json_open(o, "paths", '{');
	for (u32 i = 0; i < api_route_count; i++) {
		if (!is_first_of_path(i))
			continue;
		path_text(api_route[i].path, path, sizeof(path));
		json_open(o, path, '{');
		for (u32 k = i; k < api_route_count; k++)
			if (!strcmp(api_route[k].path, api_route[i].path))
				put_function(o, &api_route[k]);
		json_close(o, '}');
	}
	json_close(o, '}');
	json_close(o, '}');
}
