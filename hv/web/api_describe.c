/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json: OpenAPI 3.0, made of the table of functions and of the one by which the plan is read. */
#include "answer.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/machine.h>

/* "/v1/guests/{name}/start": a * is a name. */
static void path_text(const char *path, char *to, size_t size)
{
	size_t at = 0;

	for (; *path && at + 8 < size; path++)
		at += (size_t)fmt_print(to + at, size - at, *path == '*' ? "{name}" : "%c", *path);
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
				  pass ? "" : ":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}");
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

static void put_function(struct out *o, const struct api_route *r)
{
	char method[8];

	str_copy(method, sizeof(method), http_method_str(r->method));
	for (char *c = method; *c; c++)
		*c = (char)(*c + 32);
	json_open(o, method, '{');
	json_text(o, "summary", r->summary);
	json_text(o, "x-role", role_word[r->role]);
	if (strchr(r->path, '*'))
		out_text(o,
			",\"parameters\":[{\"name\":\"name\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}]");
	if (r->body && !strcmp(r->body, BODY_FILE))
		out_text(o, ",\"requestBody\":{\"required\":true,\"content\":{\"application/octet-stream\":{\"schema\":{"
			    "\"type\":\"string\",\"format\":\"binary\"}}}}");
	else if (r->body && !strcmp(r->body, BODY_PLAN))
		out_text(o, ",\"requestBody\":{\"required\":true,\"content\":{\"application/toml\":{\"schema\":{"
			    "\"type\":\"string\"}}}}");
	else if (r->body && !strcmp(r->body, BODY_GUEST))
		out_text(o, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
			    "\"$ref\":\"#/components/schemas/Guest\"}}}}");
	else if (r->body && *r->body)
		put_body(o, r->body);
	if (r->role == ROLE_NONE)
		out_text(o, ",\"security\":[]");
	out_text(o,
		",\"responses\":{\"200\":{\"description\":\"done\"},\"default\":{\"description\":\"what is wrong\","
		    "\"content\":{"
		    "\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}");
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
	out_text(o, "\"schemas\":{\"Problem\":{\"type\":\"object\",\"required\":[\"title\",\"status\",\"detail\"],"
		    "\"properties\":{\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
		    "\"detail\":{\"type\":\"string\"},\"key\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\","
		    "\"items\":{\"type\":\"object\"}}}}");
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
