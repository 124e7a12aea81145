/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"

#include "heap.h"
#include "web_int.h"

#include "hv/control/plan_apply.h"
#include "hv/control/plan_store.h"
#include "hv/control/requests.h"

#include <hv/files.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/storage.h>

/* --- the text of a plan -------------------------------------------------------------------------------------- */

static bool take_text(struct http_request *r, const void *bytes, size_t n)
{
	struct web_conn *c = r->sink_of;

	if (n > c->text_room - c->text_size) {
		r->status = 413;
		return false;
	}
	memcpy(c->text + c->text_size, bytes, n);
	c->text_size += (u32)n;
	return true;
}

void upload_begin_text(struct answer *a)
{
	struct web_conn *c = a->c;

	if (a->r->length > PLAN_STORE_TEXT) {
		answer_problem(a, 413, NULL, "a plan has at most %lu bytes", PLAN_STORE_TEXT);
		return;
	}
	c->text_room = (u32)(a->r->has_length ? a->r->length : PLAN_STORE_TEXT);
	c->text_size = 0;
	c->text = heap_alloc(c->text_room);
	if (!c->text) {
		answer_problem(a, 503, NULL, "no memory for it now: try again");
		return;
	}
	c->request.sink = take_text;
	c->request.sink_of = c;
}

/* --- files --------------------------------------------------------------------------------------------------- */

static bool take_file(struct http_request *r, const void *bytes, size_t n)
{
	struct web_conn *c = r->sink_of;

	if (c->upload && file_append(c->upload, bytes, n, web_now()))
		return true;
	if (c->upload && !c->upload->total)
		r->status = 507;	/* it was not said how long it is, and now there is no room for it */
	return false;
}

static const char *number(const char *at, u64 *v)
{
	const char *begin = at;

	for (*v = 0; *at >= '0' && *at <= '9' && *v < BIT(52); at++)
		*v = *v * 10 + (u64)(*at - '0');
	return at > begin && at - begin < 16 ? at : NULL;
}

/* "bytes 0-99/200". RFC 9110 "Content-Range" */
static bool read_range(const char *text, u64 *first, u64 *last, u64 *total)
{
	const char *at = strncmp(text, "bytes ", 6) ? NULL : number(text + 6, first);

	at = at && *at == '-' ? number(at + 1, last) : NULL;
	at = at && *at == '/' ? number(at + 1, total) : NULL;
	return at && !*at && *first <= *last && *last < *total;
}

/* Neither files nor RAM may go: also between the guests of a plan that is being taken up, some of which are about to come. */
static bool plan_changes(void)
{
	return requests_under_way() || plan_apply_busy();
}

/* The piece goes on where the last one ended, or is the first. */
static struct stored_file *go_on(struct answer *a, u64 first, u64 total)
{
	struct stored_file *f = file_find(a->param[0]);

	if (!f || f->whole || f->open || f->total != total || f->size != first) {
		answer_problem(a, first ? 416 : 409, NULL, f ? "%lu of %lu bytes are there%s" :
			       "nothing of this file is there", f ? f->size : 0, f ? f->total : 0, f && f->open ?
			       ", and another one is sending it" : "");
		return NULL;
	}
	f->open = true;
	return f;
}

void upload_begin_file(struct answer *a)
{
	u64 first = 0, last = 0, total = a->r->length;
	struct web_conn *c = a->c;
	const char *why;
	u16 status;

	c->in_pieces = a->r->range[0];
	if (c->in_pieces && !a->r->has_length) {
		answer_problem(a, 411, NULL, "the length of a piece must be known: send Content-Length");
		return;
	}
	if (c->in_pieces && (!read_range(a->r->range, &first, &last, &total) || last - first + 1 != a->r->length)) {
		answer_problem(a, 400, NULL, "Content-Range: bytes FIRST-LAST/SIZE, with as many bytes as Content-Length says");
		return;
	}
	if (plan_changes()) {
		answer_problem(a, 503, NULL, "a change of the plan is under way: try again");
		return;
	}
	if (first) {
		c->upload = go_on(a, first, total);
	} else {
		c->upload = a->r->has_length ? file_begin(a->param[0], total, a->now, &why, &status) :
			file_begin_open(a->param[0], a->now, &why, &status);
		if (!c->upload)
			answer_problem(a, status, NULL, "%s", why);
	}
	c->request.sink = take_file;
	c->request.sink_of = c;
}

void upload_end(struct web_conn *c)
{
	if (c->upload) {
		c->upload->open = false;
		if (!c->in_pieces || !c->upload->size)
			file_drop(c->upload);
	}
	c->upload = NULL;
	heap_free(c->text);
	c->text = NULL;
}

/* All of the body came. */
void api_file_put(struct answer *a)
{
	struct stored_file *f = a->c->upload;

	if (!f || !f->size) {
		answer_problem(a, 400, NULL, "a file has at least one byte");
		return;
	}
	if (!f->total)
		file_close(f);
	if (f->size == f->total && !file_end(f)) {
		answer_problem(a, 507, NULL, "there are too many files");
		return;
	}
	f->open = false;
	a->c->upload = NULL;		/* it stays */
	answer_json(a, f->whole ? 201 : 202);
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "name", f->name);
	json_u64(&a->body, "bytes", f->total);
	json_u64(&a->body, "received", f->size);
	json_bool(&a->body, "whole", f->whole);
	json_close(&a->body, '}');
	if (f->whole)
		out_print(&a->head, "location: /v1/files/%s\r\n", f->name);
}

/* --- what there is ------------------------------------------------------------------------------------------- */

static void put_file(struct out *o, const char *name, u64 bytes, u64 received, bool whole, bool loaded, const char *user)
{
	json_open(o, NULL, '{');
	json_text(o, "name", name);
	json_u64(o, "bytes", bytes);
	json_u64(o, "received", received);
	json_bool(o, "whole", whole);
	json_bool(o, "loaded", loaded);	/* when the machine started: it cannot be deleted */
	if (user)
		json_text(o, "used_by", user);
	json_close(o, '}');
}

static void put_stored(struct out *o, const struct stored_file *f)
{
	put_file(o, f->name, f->total, f->size, f->whole, false, file_user(f));
}

void api_files(struct answer *a)
{
	json_open(&a->body, NULL, '[');
	for (u32 i = 1; i < boot_info->file_count; i++) {
		const struct boot_file *f = &boot_info->files[i];

		if (!f->status)
			put_file(&a->body, f->name, f->size, f->size, true, true, NULL);
	}
	for (u32 i = 0; i < FILES_MAX; i++)
		if (file_at(i))
			put_stored(&a->body, file_at(i));
	json_close(&a->body, ']');
}

static struct stored_file *find(struct answer *a)
{
	struct stored_file *f = file_find(a->param[0]);

	if (!f)
		answer_problem(a, 404, NULL, "no file of this name was uploaded");
	return f;
}

void api_file(struct answer *a)
{
	struct stored_file *f = find(a);

	if (f)
		put_stored(&a->body, f);
}

void api_file_delete(struct answer *a)
{
	struct stored_file *f = find(a);
	u64 size;

	if (!f)
		return;
	if (f->open)
		answer_problem(a, 409, NULL, "it is being sent");
	else if (plan_changes())
		answer_problem(a, 503, NULL, "a change of the plan is under way: try again");
	else if (file_user(f))
		answer_problem(a, 409, NULL, "guest %s uses it", file_user(f));
	else if (f->whole && volume_imports(file_bytes(f->name, &size)))
		answer_problem(a, 409, NULL, "a volume is being filled with it");
	else
		file_drop(f), a->status = 204;
}
