/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <hv/lib.h>

#include <stddef.h>

struct field {
	const char *name;
	u32 offset, size;		/* size 0: only that it comes once */
};

#define FIELD(name, member) { name, offsetof(struct http_request, member), sizeof(((struct http_request *)0)->member) }
static const struct field fields[] = {
	FIELD("host", host), FIELD("authorization", authorization), FIELD("cookie", cookie), FIELD("content-type",
		type),
	FIELD("x-csrf-token", csrf), FIELD("origin", origin), FIELD("upgrade", upgrade), FIELD("sec-websocket-key",
		ws_key),
	FIELD("sec-websocket-version", ws_version), FIELD("if-none-match", match), FIELD("last-event-id", last_event),
	FIELD("accept", accept), { "content-length", 0, 0 }, FIELD("transfer-encoding", coding), { "content-encoding", 0,
		0 },
	{ "expect", 0, 0 }, FIELD("if-match", if_match), FIELD("content-range", range),
	FIELD("sec-websocket-protocol", ws_protocol), FIELD("range", want_range), FIELD("if-range", if_range),
};
enum { FIELD_ACCEPT = 11, FIELD_CONTENT_ENCODING = 14, FIELD_EXPECT = 15 };

static struct http_request *of(http_parser *p)
{
	return p->data;
}

/* The parser stops: what it was given is not used any further. */
static int refuse(struct http_request *r, u16 status)
{
	if (!r->status)
		r->status = status;
	return -1;
}

static int on_target(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = of(p);

	if (n > HTTP_TARGET_MAX - r->target_length)
		return refuse(r, 414);
	memcpy(r->target + r->target_length, at, n);
	r->target_length += (u32)n;
	r->target[r->target_length] = 0;
	return 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int find_field(const struct http_request *r)
{
	for (u32 i = 0; i < ARRAY_COUNT(fields); i++)
		if (r->name_length == strlen(fields[i].name) && !memcmp(r->name, fields[i].name, r->name_length))
			return (int)i;
	return -1;
}

static int count_bytes(struct http_request *r, size_t n)
{
	r->head_bytes += (u32)n;
	return r->head_bytes > HTTP_HEAD_MAX ? refuse(r, 431) : 0;
}

static int on_name(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = of(p);

	if (r->head_done)
		return refuse(r, 400);	/* trailers: nobody here asked for them */
	if (r->in_value || !r->headers) {
		r->in_value = false;
		r->name_length = 0;
		if (++r->headers > HTTP_HEADERS_MAX)
			return refuse(r, 431);
	}
	for (size_t i = 0; i < n; i++, r->name_length++)
		if (r->name_length < sizeof(r->name))
			r->name[r->name_length] = lower(at[i]);
	return count_bytes(r, n);
}

/* The first piece of a value: which header is it? An empty value comes as a piece of no bytes. */
static int begin_value(struct http_request *r)
{
	r->in_value = true;
	r->value_length = 0;
	r->field = r->name_length <= sizeof(r->name) ? find_field(r) : -1;
	if (r->field < 0)
		return 0;
	if (r->seen & BIT32(r->field))
		return r->field == FIELD_ACCEPT ? (r->field = -1, 0) : refuse(r, 400);
	r->seen |= BIT32(r->field);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = of(p);
	const struct field *f;

	if ((!r->in_value && begin_value(r)) || count_bytes(r, n))
		return -1;
	if (r->field < 0 || !fields[r->field].size)
		return 0;
	f = &fields[r->field];
	if (n >= f->size - r->value_length) {
		if (r->field != FIELD_ACCEPT)
			return refuse(r, 431);
		n = 0;
	}
	memcpy((char *)r + f->offset + r->value_length, at, n);
	r->value_length += (u32)n;
	return 0;
}

static bool is_chunked(const struct http_request *r)
{
	static const char word[] = "chunked";
	u32 i = 0;

	while (word[i] && lower(r->coding[i]) == word[i])
		i++;
	return !word[i] && !r->coding[i];
}

/* RFC 9112 "Message Body Length": both lengths, or a coding that we do not have, are somebody's trick. */
static int on_head(http_parser *p)
{
	struct http_request *r = of(p);

	r->method = (enum http_method)p->method;
	r->head_done = true;
	r->wants_upgrade = p->upgrade;
	r->expects_more = (r->seen & BIT32(FIELD_EXPECT)) != 0;
	if (p->http_major != 1 || p->http_minor > 1)
		return refuse(r, 505);
	if (!r->host[0])
		return refuse(r, 400);
	if (r->seen & BIT32(FIELD_CONTENT_ENCODING))
		return refuse(r, 415);
	if (r->coding[0] && (!(p->flags & F_CHUNKED) || p->flags & F_CONTENTLENGTH))
		return refuse(r, 400);
	if (r->coding[0] && !is_chunked(r))
		return refuse(r, 501);
	r->has_length = p->flags & F_CONTENTLENGTH;
	r->length = r->has_length ? p->content_length : 0;
	if (r->stop_at_head && (r->length || r->coding[0]) && r->method != HTTP_CONNECT) {
		http_parser_pause(p, 1);
		return 0;
	}
	if (r->length > HTTP_BODY_MAX)
		return refuse(r, 413);
	if (r->method == HTTP_CONNECT)
		return refuse(r, 405);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = of(p);

	if (r->sink)
		return r->sink(r, at, n) ? 0 : refuse(r, 400);
	if (n > HTTP_BODY_MAX - r->body_length)
		return refuse(r, 413);
	memcpy(r->body + r->body_length, at, n);
	r->body_length += (u32)n;
	return 0;
}

static int on_complete(http_parser *p)
{
	struct http_request *r = of(p);

	r->complete = true;
	r->keep_alive = http_should_keep_alive(p);
	http_parser_pause(p, 1);
	return 0;
}

static const struct http_parser_settings settings = {
	.on_url = on_target, .on_header_field = on_name, .on_header_value = on_value, .on_headers_complete = on_head,
	.on_body = on_body, .on_message_complete = on_complete,
};

void http_begin(struct http_request *r)
{
	memset(r, 0, offsetof(struct http_request, body));
	memset(&r->target_length, 0, sizeof(*r) - offsetof(struct http_request, target_length));
	http_parser_init(&r->parser, HTTP_REQUEST);
	r->parser.data = r;
}

size_t http_feed(struct http_request *r, const void *bytes, size_t n)
{
	size_t used;

	if (r->complete || r->status || !n || http_is_stopped(r))
		return 0;
	used = http_parser_execute(&r->parser, &settings, bytes, n);
	switch (HTTP_PARSER_ERRNO(&r->parser)) {
	case HPE_OK:
	case HPE_PAUSED:
		break;
	case HPE_HEADER_OVERFLOW:
		refuse(r, 431);
		break;
	case HPE_INVALID_METHOD:
		refuse(r, 501);
		break;
	case HPE_INVALID_VERSION:
		refuse(r, 505);
		break;
	default:
		refuse(r, 400);
	}
	return MIN(used, n);
}

bool http_is_stopped(const struct http_request *r)
{
	return r->stop_at_head && r->head_done && !r->judged && !r->complete && !r->status &&
	       HTTP_PARSER_ERRNO(&r->parser) == HPE_PAUSED;
}

void http_go_on(struct http_request *r)
{
	r->judged = true;
	if (!r->sink && r->length > HTTP_BODY_MAX)
		refuse(r, 413);
	else
		http_parser_pause(&r->parser, 0);
}

bool http_has_begun(const struct http_request *r)
{
	return r->parser.nread || r->head_done || r->target_length;
}

const char *http_reason(u32 status)
{
	static const struct { u16 status; const char *text; } reasons[] = {
		{ 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 206, "Partial Content" },
		{ 304, "Not Modified" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404,
			"Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
		{ 411, "Length Required" }, { 412, "Precondition Failed" }, { 416, "Range Not Satisfiable" },
		{ 428, "Precondition Required" }, { 507, "Insufficient Storage" }, { 413,
			"Content Too Large" },
		{ 414, "URI Too Long" }, { 415, "Unsupported Media Type" }, { 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" }, { 426, "Upgrade Required" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" }, { 501,
			"Not Implemented" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
	};

	for (u32 i = 0; i < ARRAY_COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

bool http_cookie(const struct http_request *r, const char *name, char *to, size_t size)
{
	size_t n = strlen(name);
	u32 found = 0;

	for (const char *at = r->cookie, *end; *at; at = *end ? end + 1 : end) {
		while (*at == ' ')
			at++;
		end = strchr(at, ';');
		end = end ? end : at + strlen(at);
		if ((size_t)(end - at) <= n || strncmp(at, name, n) || at[n] != '=')
			continue;
		if ((size_t)(end - at) - n - 1 >= size)
			return false;
		memcpy(to, at + n + 1, (size_t)(end - at) - n - 1);
		to[(size_t)(end - at) - n - 1] = 0;
		found++;
	}
	return found == 1;
}

static int hex_digit(char c)
{
	c = lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_path(const struct http_request *r, char *to, size_t size)
{
	size_t at = 0;

	if (r->target[0] != '/')
		return false;
	for (const char *s = r->target; *s && *s != '?'; s++) {
		int c = (u8)*s;

		if (c == '%') {
			int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);

			if (low < 0)
				return false;
			c = high << 4 | low;
			s += 2;
			if (c == '/')
				return false;
		}
		if (c < ' ' || c >= 0x7f || c == '#' || c == '\\' || at + 1 >= size || (c == '/' && at &&
			to[at - 1] == '/'))
			return false;
		to[at++] = (char)c;
	}
	to[at] = 0;
	for (const char *s = to; (s = strchr(s, '/')); s++)
		if (s[1] == '.' && (!s[2] || s[2] == '/' || (s[2] == '.' && (!s[3] || s[3] == '/'))))
			return false;
	return true;
}

bool http_query_number(const struct http_request *r, const char *name, u64 max, u64 *value)
{
	const char *at = strchr(r->target, '?');
	size_t n = strlen(name);
	u64 v = 0;

	for (; at; at = strchr(at + 1, '&')) {
		const char *digit = at + 1 + n + 1;

		if (strncmp(at + 1, name, n) || at[1 + n] != '=')
			continue;
		if (*digit < '0' || *digit > '9')
			return false;
		for (; *digit >= '0' && *digit <= '9'; digit++) {
			v = v * 10 + (u64)(*digit - '0');
			if (v > max)
				return false;
		}
		if (*digit && *digit != '&')
			return false;
		*value = v;
		return true;
	}
	return true;
}
