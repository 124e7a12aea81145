/* SPDX-License-Identifier: Apache-2.0 */
/* Who changed what, when, from where, and what came of it. The last ones are kept here for the API; each is a line of
 * the log, too,
 * which the datastore keeps. Refusals are told at a rate at which nobody can drown the log. */
#include "answer.h"
#include "fiber.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/net_text.h>
#include <hv/time.h>

#define RECORDS 128u
#define REFUSALS_BURST 10u

static struct record {
	u64 tsc;
	char who[ACCOUNT_NAME + 8], from[48], what[96];
	const char *result;
	u16 status;
} record[RECORDS];
static u64 count;
static u64 refusals_at, refusals_left = REFUSALS_BURST, refusals_unsaid;

void web_address_text(const u8 from[16], char to[48])
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	u32 ip4;

	if (memcmp(from, mapped, sizeof(mapped))) {
		ip6_format(to, from);
		return;
	}
	ip4 = (u32)from[12] << 24 | (u32)from[13] << 16 | (u32)from[14] << 8 | from[15];
	ip4_format(to, ip4);
}

/* One refusal more may be told each second. */
static bool may_tell(u64 now)
{
	u64 gained = ticks_to_ns(now - refusals_at) / NS_PER_S;

	if (gained) {
		refusals_left = MIN(refusals_left + gained, (u64)REFUSALS_BURST);
		refusals_at = now;
	}
	if (!refusals_left) {
		refusals_unsaid++;
		return false;
	}
	refusals_left--;
	return true;
}

void audit_add(const struct answer *a, const char *result)
{
	struct record *r = &record[count % RECORDS];
	size_t path = 0;

	if (a->status >= 300 && !may_tell(a->now))
		return;
	count++;
	*r = (struct record){ .tsc = a->now, .result = result, .status = a->status };
	fmt_print(r->who, sizeof(r->who), "%s%s", a->who.kind == BY_TOKEN ? "token " : "",
		a->who.name[0] ? a->who.name : "-");
	web_address_text(a->c->wire.from, r->from);
	while (a->r->target[path] && a->r->target[path] != '?')
		path++;
	fmt_print(r->what, sizeof(r->what), "%s %.*s", http_method_str(a->r->method), (int)MIN(path, (size_t)80),
		a->r->target);
	for (char *c = r->what; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (refusals_unsaid)
		log_notice("audit: %lu more refusals were not told one by one", refusals_unsaid);
	refusals_unsaid = 0;
	log_info("audit: %s from %s: %s: %s (%u)", r->who, r->from, r->what, result, a->status);
}

void audit_show(struct out *o, u64 from)
{
	u64 first = count > RECORDS ? count - RECORDS : 0;
	char when[WALL_TEXT];

	for (u64 i = MAX(first, from); i < count; i++) {
		const struct record *r = &record[i % RECORDS];

		fiber_breathe();
		json_open(o, NULL, '{');
		json_u64(o, "number", i);
		json_text(o, "time", wall_format(when, wall_ns(r->tsc)));
		json_text(o, "who", r->who);
		json_text(o, "from", r->from);
		json_text(o, "what", r->what);
		json_text(o, "result", r->result);
		json_u64(o, "status", r->status);
		json_close(o, '}');
	}
}
