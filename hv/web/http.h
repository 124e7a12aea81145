/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One HTTP/1.1 request out of a stream of bytes, read by http-parser, kept in a room of fixed size. Whatever does not
 * fit, comes twice
 * or makes no sense is answered with a status of the 4xx and ends the connection. Pure. */

#include <hv/types.h>

#include <http_parser.h>

#define HTTP_TARGET_MAX 1024u
#define HTTP_BODY_MAX 8192u
#define HTTP_HEADERS_MAX 64u
#define HTTP_HEAD_MAX 8192u		/* bytes of all header lines */

struct http_request {
	enum http_method method;
	char target[HTTP_TARGET_MAX + 1];	/* as sent: path and query */
	char host[128], authorization[192], cookie[512], type[64], csrf[80], origin[160];
	char upgrade[16], ws_key[32], ws_version[8], ws_protocol[128], match[80], last_event[24], accept[256], if_match[80];
	char coding[24], range[64], want_range[64], if_range[48];
	u8 body[HTTP_BODY_MAX];
	u32 target_length, body_length;
	u32 headers, head_bytes;
	u32 seen;			/* bit by field of the table: came already */
	u16 status;			/* 0, or the error to answer */
	bool head_done, complete, keep_alive, wants_upgrade;
	bool expects_more;		/* Expect: 100-continue */
	bool stop_at_head;		/* set by whoever begins: before a body comes, it is asked where it goes */
	bool judged;			/* that has been answered: http_go_on() */
	bool has_length;
	u64 length;			/* of the body that is announced */
	/* Where the body goes, instead of body[]: false: it is wrong, status says how. Null: body[]. */
	bool (*sink)(struct http_request *r, const void *bytes, size_t n);
	void *sink_of;

	/* The header that is being read. */
	char name[40];
	u32 name_length, value_length;
	s32 field;			/* index into the table; -1: of no interest */
	bool in_value;

	struct http_parser parser;
};

/* Ready for the next request of a connection. */
void http_begin(struct http_request *r);

/* n bytes more; returns how many were used: all, or fewer when the request is complete or wrong (status). */
size_t http_feed(struct http_request *r, const void *bytes, size_t n);

/* A body is about to come, and nobody has said yet where it goes; it has been said. */
bool http_is_stopped(const struct http_request *r);
void http_go_on(struct http_request *r);

/* Something of a request has come. */
bool http_has_begun(const struct http_request *r);

/* "Not Found" for 404. */
const char *http_reason(u32 status);

/* The value of a cookie into to[size]; false: it is not there, or there more than once. */
bool http_cookie(const struct http_request *r, const char *name, char *to, size_t size);

/* target's path, percent-decoded, into to[size]; false: it is no path that anybody may ask for ("..", NUL, "//",
 * "%2f"). */
bool http_path(const struct http_request *r, char *to, size_t size);

/* A parameter of the query as a number; value stays as it is when it is not there. false: it is no number up to max. */
bool http_query_number(const struct http_request *r, const char *name, u64 max, u64 *value);
