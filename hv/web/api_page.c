/* SPDX-License-Identifier: Apache-2.0 */
/* The web page: / and what it loads. Every browser takes gzip, so what is larger than a packet is kept that way only. */
#include "answer.h"
#include "page.h"
#include "web_int.h"

#include <hv/lib.h>

/* If-None-Match may name several. RFC 9110 "If-None-Match" */
static bool names(const char *match, const char *etag)
{
	for (; *match; match++)
		if (!strncmp(match, etag, strlen(etag)))
			return true;
	return false;
}

static void put_file(struct answer *a, const struct page_file *f)
{
	out_print(&a->head, "etag: %s\r\n", f->etag);
	a->type = f->type;
	a->is_file = true;
	a->ranges = true;
	str_copy(a->etag, sizeof(a->etag), f->etag);
	if (names(a->r->match, f->etag)) {
		a->status = 304;
		return;
	}
	if (f->packed)
		out_text(&a->head, "content-encoding: gzip\r\n");
	a->file = f->bytes;
	a->file_length = f->length;
}

void api_root(struct answer *a)
{
	put_file(a, &page_files[0]);
}

void api_page(struct answer *a)
{
	for (u32 i = 1; i < page_file_count; i++)
		if (!strcmp(page_files[i].name, a->param[0])) {
			put_file(a, &page_files[i]);
			return;
		}
	answer_problem(a, 404, NULL, "the page has no such file");
}
