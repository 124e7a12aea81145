/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From a whole request to its answer: who asks, which function of the API it is, may they, and the head around what it
 * says. Web
 * fiber. */

#include "conn.h"

#include <hv/guest.h>

#define ANSWER_PARAMETERS 2u
#define ANSWER_BODY_MAX (256 * KiB)

struct api_route;
struct ticket;

struct answer {
	struct web_conn *c;
	const struct http_request *r;
	const struct api_route *route;
	struct identity who;
	char param[ANSWER_PARAMETERS][72];	/* what stands for * in the path */
	u64 now;
	u16 status;
	const char *type;		/* of the body */
	struct out head, body;		/* head: further header lines */
	const u8 *file;			/* instead of the body: bytes of the image itself */
	u32 file_length;
	bool is_file;			/* a browser may keep it, and asks by its ETag whether it is still right */
	bool ranges;			/* a part of the body may be asked for */
	char etag[48];			/* as answer_tag() has put it, or "" */
	bool raw;			/* the handler has put everything by itself (a stream begins) */
	bool only_looks;		/* nothing could change: no record of the audit log */
	struct ticket *ticket;		/* the answer comes later */
};

/* api_route.body of what is not JSON with known members. */
#define BODY_GUEST "{guest}"		/* JSON with a guest's keys */
#define BODY_FILE "{file}"		/* bytes: web_conn.file */
#define BODY_PLAN "{plan}"		/* TOML: web_conn.text */

/* One function of the API. Handlers fill the body, or call answer_problem(). */
struct api_route {
	enum http_method method;
	const char *path;		/* "/v1/guests/" "*" "/start" */
	enum role role;			/* who may; ROLE_NONE: everybody */
	void (*handle)(struct answer *a);
	const char *summary;		/* for /openapi.json */
	const char *body;		/* names of the body's members, "!" before required ones; null: no body */
	const char *parameters;		/* for /openapi.json, as those of api_schema.c: "from:i", h: of the head; or null */
	const char *answers;		/* for it: "201 File 202 File": status, schema or media type */
	bool audited;
	bool limited;			/* also who is limited to some guests may; those below /v1/guests/NAME they may anyway */
};
extern const struct api_route api_route[];
extern const u32 api_route_count;

/* The request of c is whole, or wrong (its status says so): put the answer. false: no memory for it. */
bool answer_request(struct web_conn *c);

/* The head of c's request is whole, its body is about to come: say where it goes. false: answered instead. */
bool answer_head(struct web_conn *c);

/* RFC 9457 problem details instead of a body; member: which key of the request is wrong, or null. */
void answer_problem(struct answer *a, u16 status, const char *member, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The same without its closing brace: more members may follow. */
void answer_problem_begin(struct answer *a, u16 status, const char *member, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The version of what is answered, as ETag; and the one in an If-Match or If-None-Match: false: it is none of ours. */
void answer_tag(struct answer *a, u64 tag);
bool answer_read_tag(const char *text, u64 *tag);

/* answer_range.c: which bytes of an answer's `length`; text is the header Range. Pure. */
enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_NONE };
enum range_kind range_of(const char *text, u64 length, u64 *first, u64 *n);

/* The part that the request asks for, whole without a Range (or with one of another version, If-Range): status and head say so.
 * false: there is no such part, which is answered (416). */
bool answer_part(struct answer *a, u64 length, u64 *first, u64 *n);

/* The client knows this version already: 304 is answered. */
bool answer_unchanged(struct answer *a, u64 tag);

/* Nothing is answered before t is done: ticket.h. */
void answer_later(struct answer *a, struct ticket *t);

/* The ticket of c is done: put the answer. false: no memory for it. */
bool answer_late(struct web_conn *c);

/* api_life.c: what stands on a ticket that is done. The If-Match of a request onto a ticket; must: there has to be one. */
void answer_finish(struct answer *a, const struct ticket *t);
bool answer_take_match(struct answer *a, bool must, struct ticket *t);

/* 200 (or 202, 201) and a JSON object: what follows goes into a->body. */
void answer_json(struct answer *a, u16 status);

/* Instead of an answer: head lines of status and then a stream. false: no memory. */
bool answer_begin_stream(struct answer *a, const struct stream_ops *ops, const char *status_line, const char *type);

/* The guest that the first parameter names; null: said so. */
struct guest *answer_guest(struct answer *a);

/* The JSON body: a member's text, "" if it is not there; a number. Only names of the route's list may be there, once
 * each. */
bool answer_read_body(struct answer *a);
const char *answer_member(const struct answer *a, const char *name);
bool answer_has_member(const struct answer *a, const char *name);

/* What changed: a line of the audit log, which the log keeps, too. */
void audit_add(const struct answer *a, const char *result);
void audit_show(struct out *o, u64 from);
