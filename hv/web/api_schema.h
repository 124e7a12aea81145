/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What answers look like, for /openapi.json: a line a schema, "name:type" of each member with a blank between them. "name?": it is
 * not always there. Types: s text, i a whole number, b true or false, o an object, a schema's name; before them "[" a list of,
 * "{" an object all of whose members are, "~" or null. */

struct out;

/* ,"NAME":{...} of all of them. */
void schema_put_all(struct out *o);

/* The schema of one type, up to its end or a blank. */
void schema_put_type(struct out *o, const char *type);
