/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* JSON bodies of requests: one flat object whose members are known by name. Read by yyjson in memory of fixed size.
 * Web fiber. */

#include <hv/types.h>

#define JSON_MEMBERS 12u
#define JSON_TEXT 1024u

struct json_member {
	char name[24];
	char text[JSON_TEXT];		/* of numbers and booleans: as digits, "true", "false" */
};

struct json_body {
	u32 count;
	struct json_member member[JSON_MEMBERS];
};

/* names: "!name !password role": allowed ones, "!" before those that must be there. Null when all is well; else what
 * is wrong with
 * member[] (a copy of the name; "": of the whole). room: memory on 16 bytes that yyjson works in; it is cleared. */
const char *json_read(const void *bytes, size_t n, const char *names, struct json_body *body, char member[24],
	void *room, size_t size);

/* "" when it is not there. */
const char *json_get(const struct json_body *body, const char *name);
