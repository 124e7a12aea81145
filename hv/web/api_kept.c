/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/datastore/FOLDER/FILE: captures, the log, records of kills and plans, as they lie in the datastore. In pieces, as
 * they may be larger than an answer. Keys, accounts and guests' firmware variables are not shown to anybody. */
#include "answer.h"
#include "web_int.h"

#include <hv/datastore.h>
#include <hv/lib.h>

#define PIECE 4096u
#define FILES_MOST 512u

enum { AT_NOW, AT_END };		/* stream_at[] */

static bool is_open(const char *folder)
{
	static const char *const open[] = { "capture", "log", "crash", "plan" };

	for (u32 i = 0; i < ARRAY_COUNT(open); i++)
		if (!strcmp(open[i], folder))
			return true;
	return false;
}

/* false: there is no such file. */
static bool find(const char *path, struct datastore_file *f)
{
	for (u32 i = 0; i < FILES_MOST && datastore_file(i, f); i++)
		if (!strcmp(f->path, path))
			return true;
	return false;
}

/* A file that is gone or shorter meanwhile ends the connection before the length that was promised. */
static bool more(struct web_conn *c, u64 now)
{
	u32 n = (u32)MIN(c->stream_at[AT_END] - c->stream_at[AT_NOW], (u64)PIECE);
	u8 bytes[PIECE];

	if (!n || !accounts_valid(&c->who, now) || datastore_read(c->stream_path, (u32)c->stream_at[AT_NOW], bytes, n) != (int)n ||
	    !conn_room(c, n))
		return false;
	conn_put(c, bytes, n);
	c->stream_at[AT_NOW] += n;
	c->eager = true;
	return true;
}

static const struct stream_ops ops = { .more = more };

static u64 tag_of(const struct datastore_file *f)
{
	struct datastore_use use = { 0 };

	datastore_use(&use);		/* what is added to a file is written */
	return (u64)f->size << 40 ^ use.written;
}

void api_datastore_file(struct answer *a)
{
	struct datastore_file f;
	char path[sizeof(a->param[0]) * 2], status[48];
	u64 first, n;

	fmt_print(path, sizeof(path), "%s/%s", a->param[0], a->param[1]);
	if (!is_open(a->param[0]) || strlen(path) >= sizeof(a->c->stream_path) || !find(path, &f)) {
		answer_problem(a, 404, NULL, "there is no such file: GET /v1/datastore lists them");
		return;
	}
	answer_tag(a, tag_of(&f));
	if (!answer_part(a, f.size, &first, &n))
		return;
	a->type = "application/octet-stream";
	if (a->r->method == HTTP_HEAD || !n) {
		a->file = (const u8 *)"";
		a->file_length = (u32)n;
		return;
	}
	str_copy(a->c->stream_path, sizeof(a->c->stream_path), path);
	a->c->stream_at[AT_NOW] = first;
	a->c->stream_at[AT_END] = first + n;
	out_print(&a->head, "content-length: %lu\r\n", n);
	fmt_print(status, sizeof(status), "%u %s", a->status, http_reason(a->status));
	answer_begin_stream(a, &ops, status, a->type);
}
