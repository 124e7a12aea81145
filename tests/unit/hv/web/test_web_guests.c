/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/web/web_fake.c hv/web/accounts.c hv/web/accounts_kept.c hv/web/answer.c hv/web/answer_range.c hv/web/api_kept.c hv/web/api.c hv/web/api_accounts.c hv/web/api_guests.c hv/web/api_machine.c hv/web/api_metrics.c hv/web/api_describe.c hv/web/api_schema.c hv/core/files.c hv/web/api_plan.c hv/web/upload.c hv/web/api_storage.c hv/web/api_switches.c hv/web/api_life.c hv/web/json_plan.c hv/web/ticket.c hv/control/requests.c hv/core/plan_show.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_schema.c hv/core/plan_errors.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/lib/toml.c hv/lib/toml_value.c hv/web/api_events.c hv/web/api_page.c hv/web/api_console.c hv/web/websocket.c hv/web/audit.c hv/web/facts.c hv/web/heap.c hv/web/http.c hv/web/json_in.c hv/web/mbedtls_port.c hv/web/out.c hv/web/conns.c hv/web/server.c hv/web/sessions.c hv/web/tls.c hv/web/wire.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c hv/lib/net_text.c tests/unit/hv/control/fake_machine.c hv/web/api_screen.c hv/web/ws_stream.c hv/web/rfb.c hv/web/rfb_frame.c hv/web/rfb_tile.c hv/web/rfb_keys.c hv/lib/deflate.c hv/control/guest_input.c hv/web/attempts.c hv/web/places.c web */
/* Guests made, changed and deleted through the API: what JSON becomes, which errors come back, who is locked, two at once. The test is
 * the layer below: admission. */
#define _GNU_SOURCE
#include "web_fake.h"

#include "hv/control/plan_apply.h"
#include "hv/control/plan_store.h"

#include <hv/change.h>
#include <hv/files.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/storage.h>

#define KEYS "\"cores\":1,\"memory\":\"64MiB\",\"boot\":{\"type\":\"elf\",\"file\":\"k\"}"

static struct web_client client, second;
static char admin[160], operator[160];
static struct guest made;
static struct plan_guest made_plan, wanted;
static const char *refuse_with;
static u32 adds, sets, drops, changes;
static bool held;			/* admission answers nothing: requests stay in the queue */

struct guest *change_add(const struct plan_guest *g, struct plan_errors *errors)
{
	wanted = *g;
	if (refuse_with) {
		plan_error_add(errors, "PLAN-MEMORY", 1, "guest.new.memory", "%s", refuse_with);
		plan_error_add(errors, "PLAN-CORES", 1, "guest.new", "other cores");
		return NULL;
	}
	adds++;
	made_plan = *g;
	made = (struct guest){ .index = 2, .vcpu_count = 1, .console = fake_guest[0].console, .input = fake_guest[0].input,
			       .plan = &made_plan, .name = made_plan.name };
	made.core_of[0] = 4;
	guests[2] = &made;
	guest_count = 3;
	return &made;
}

int change_may_set(const struct guest *g, const struct plan_guest *as, struct plan_errors *errors)
{
	wanted = *as;
	return 0;
}

struct guest *change_set_end(struct guest *g, const struct plan_guest *as, struct plan_errors *errors)
{
	sets++;
	if (refuse_with) {
		plan_error_add(errors, "HV-NO-MEMORY", 1, "guest.web", "room for %s", refuse_with);
		guests[g->index] = NULL;
		return NULL;
	}
	*(struct plan_guest *)g->plan = *as;
	return g;
}

void change_drop_end(struct guest *g)
{
	drops++;
	guests[g->index] = NULL;
}

void plan_store_changed(void)
{
	changes++;
}

bool plan_store_lasts(void)
{
	return changes > 1;
}

/* Cores do at once what they are asked. */
static void loop(void)
{
	struct message m;

	life_tick(web_fake_now);
	for (u32 core = 1; core < core_count && !held; core++)
		while (fake_core_get(core, &m))
			if (m.type == MSG_ZERO || m.type == MSG_RELOAD)
				fake_core_put(core, m.type == MSG_ZERO ? MSG_ZEROED : MSG_RELOADED, (struct guest *)m.arg[0], m.arg[1]);
	for (u32 core = 1; core < core_count; core++)
		while (message_get(&core_table[core].from_core, &m))
			life_message(&m, web_fake_now);
}

static char plan_text[100];
static bool plan_dry, plan_comes;

bool plan_apply_busy(void) { return plan_comes; }

const char *plan_apply_text(const char *text, u32 size, bool dry, struct plan_errors *errors, plan_change_fn *tell, void *arg)
{
	struct plan_change c = { .what = "change", .table = "guest.web", .key = "memory", .from = "12", .from_size = 1 };

	snprintf(plan_text, sizeof(plan_text), "%.*s", (int)size, text);
	plan_dry = dry;
	tell(arg, &c);
	if (!strcmp(plan_text, "bad"))
		plan_error_add(errors, "PLAN-TYPE", 3, "guest.web.memory", "words");
	return !strcmp(plan_text, "bad") ? "it does not hold" : !strcmp(plan_text, "runs") ? "guest web runs" : NULL;
}

static void make_token(const char *name, enum role role, char to[160])
{
	char secret[ACCOUNT_SECRET + 1];
	u16 status;

	assert_null(accounts_add_token(name, (struct account_rights){ role, "" }, 0, "root", 0, secret, &status));
	snprintf(to, 160, "Authorization: Bearer %s\r\n", secret);
}

static int setup(void **state)
{
	web_fake_begin();
	web_fake_loop = loop;
	make_token("boss", ROLE_ADMIN, admin);
	make_token("hand", ROLE_OPERATOR, operator);
	refuse_with = NULL;
	held = false;
	adds = sets = drops = changes = 0;
	for (u32 i = 0; i < 2; i++) {
		struct plan_guest *p = (struct plan_guest *)fake_guest[i].plan;

		p->cores.count = 2;
		str_copy(p->boot.kernel, sizeof(p->boot.kernel), "vmlinuz");
		str_copy(p->boot.cmdline, sizeof(p->boot.cmdline), "console=ttyS0 \"x\\y\"");
	}
	assert_true(web_client_open(&client, 1, 0));
	return 0;
}

static int teardown(void **state)
{
	web_client_close(&client);
	if (second.conn)
		web_client_close(&second);
	memset(&second, 0, sizeof(second));
	web_fake_turns(20);
	web_fake_end();
	return 0;
}

static int ask(const char *line, const char *more, const char *body)
{
	char headers[400];

	snprintf(headers, sizeof(headers), "%s%s", admin, more);
	return web_client_ask(&client, line, headers, body);
}

static void has(const char *part)
{
	if (!strstr(client.text, part))
		fail_msg("no %s in:\n%s", part, client.text);
}

static u32 times(const char *part)
{
	u32 n = 0;

	for (const char *at = client.text; (at = strstr(at, part)); at++)
		n++;
	return n;
}

static void creating(void **state)
{
	assert_int_equal(web_client_ask(&client, "POST /v1/guests", operator, "{}"), 403);
	assert_int_equal(ask("POST /v1/guests", "", "{\"name\":\"new\",\"autostart\":false,\"cores\":[3,4],\"memory\":\"64MiB\","
			     "\"boot\":{\"type\":\"linux\",\"kernel\":\"k/b\",\"cmdline\":\"say=\\\"hi\\\"\"},"
			     "\"net\":[{\"switch\":\"lan\",\"vlan\":7,\"address\":[\"10.0.0.2\"]}]}"), 201);
	has("\r\nlocation: /v1/guests/new\r\n");
	has("\r\netag: \"");
	has("{\"name\":\"new\",\"state\":\"off\",\"lasting\":false}");
	assert_int_equal(adds, 1);
	assert_string_equal(wanted.name, "new");
	assert_string_equal(wanted.boot.kernel, "k/b");
	assert_string_equal(wanted.boot.cmdline, "say=\"hi\"");
	assert_true(wanted.cores.is_list && wanted.cores.count == 2 && wanted.cores.index[1] == 4 && !wanted.autostart);
	assert_true(wanted.net_count == 1 && wanted.net[0].vlan == 7 && wanted.net[0].address[0].ip4 == 0x0a000002);
	assert_int_equal(ask("POST /v1/guests", "", "{\"name\":\"new\"," KEYS "}"), 409);
	has("\"key\":\"name\"");
	assert_int_equal(ask("GET /v1/guests", "", NULL), 200);
	has("\"name\":\"new\"");
}

/* Each names the member, and nothing was made. */
static void wrong_bodies(void **state)
{
	static const struct { const char *body; int status; const char *part; } wrong[] = {
		{ "{\"name\":\"new\"," KEYS ",\"colour\":1}", 422, "\"key\":\"colour\"" },
		{ "{\"name\":\"new\"," KEYS ",\"cores\":1}", 422, "\"key\":\"cores\"" },
		{ "{\"name\":\"new\",\"cores\":1,\"memory\":\"64MiB\"}", 422, "\"key\":\"boot\"" },
		{ "{\"name\":\"new\",\"cores\":true,\"memory\":\"64MiB\",\"boot\":{\"type\":\"elf\",\"file\":\"k\"}}", 422,
		  "\"detail\":\"a list in [ ] or a number, not true or false\"" },
		{ "{\"name\":\"new\",\"cores\":1,\"memory\":\"1MiB\",\"boot\":{\"type\":\"elf\",\"fill\":\"k\"}}", 422,
		  "\"key\":\"boot.fill\"" },
		{ "{\"name\":\"new\",\"cores\":1.5}", 422, "\"key\":\"cores\"" },
		{ "{\"name\":\"new\",\"cores\":null}", 422, "\"key\":\"cores\"" },
		{ "{\"name\":\"new\",\"cores\":-1,\"memory\":\"64MiB\",\"boot\":{\"type\":\"elf\",\"file\":\"k\"}}", 422, "not -1" },
		{ "{\"name\":\"new\",\"a]\\n[x\":1}", 422, "no such key" },
		{ "{\"name\":\"new\",\"boot\":{\"a b\":1}}", 422, "\"key\":\"boot\"" },
		{ "{\"name\":\"n]\\n[guest.x\"," KEYS "}", 422, "\"key\":\"name\"" },
		{ "{\"name\":\"new\\u0000\"," KEYS "}", 422, "\"key\":\"name\"" },
		{ "{\"name\":\"new\",\"name\":\"two\"," KEYS "}", 422, "\"key\":\"name\"" },
		{ "{" KEYS "}", 422, "\"key\":\"name\"" },
		{ "{\"name\":\"new\",\"memory\":\"64MiB\\u0000\"}", 422, "NUL" },
		{ "{\"name\":\"new\",\"net\":[[[[[[[[1]]]]]]]]}", 422, "too deep" },
		{ "[]", 400, "object" }, { "{", 400, "JSON" }, { "", 400, "JSON" },
	};

	for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
		int status = ask("POST /v1/guests", "", wrong[i].body);

		if (status != wrong[i].status)
			fail_msg("%s: %s", wrong[i].body, client.text);
		has(wrong[i].part);
	}
	assert_int_equal(adds, 0);
	refuse_with = "at most 32MiB";
	assert_int_equal(ask("POST /v1/guests", "", "{\"name\":\"new\"," KEYS "}"), 422);
	has("\"detail\":\"at most 32MiB\",\"key\":\"memory\",\"errors\":[{\"id\":\"PLAN-MEMORY\",\"key\":\"memory\","
	    "\"detail\":\"at most 32MiB\"},{\"id\":\"PLAN-CORES\",\"key\":\"\",\"detail\":\"other cores\"}]}");
	assert_int_equal(adds + changes, 0);
	assert_int_equal(ask("POST /v1/guests", "Content-Length: 9000\r\n", NULL), 413);
}

static void cut_tag(char to[80])
{
	const char *at = strstr(client.text, "etag: ");

	assert_non_null(at);
	snprintf(to, 80, "If-Match: %.18s\r\n", at + 6);
}

/* What GET shows is what PUT takes; whoever has not seen the last version changes nothing. */
static void changing(void **state)
{
	static const char plan[] = "{\"cores\":2,\"memory\":\"512MiB\",\"boot\":{\"type\":\"linux\",\"kernel\":\"vmlinuz\","
		"\"cmdline\":\"console=ttyS0 \\\"x\\\\y\\\"\"},\"autostart\":true,\"restart\":\"on-failure\",\"test_device\":false,"
		"\"hyperv\":false,\"apic\":\"virtual\"}";
	char tag[80], other[80], body[500];

	assert_int_equal(ask("GET /v1/guests/web", "", NULL), 200);
	cut_tag(tag);
	str_copy(body, sizeof(body), strstr(client.text, "\"plan\":") + 7);
	*strrchr(body, '}') = 0;
	assert_string_equal(body, "{\"cores\":2,\"memory\":\"512MiB\",\"boot\":{\"type\":\"linux\",\"kernel\":\"vmlinuz\","
			    "\"cmdline\":\"console=ttyS0 \\\"x\\\\y\\\"\"},\"autostart\":true,\"restart\":\"on-failure\",\"test_device\":false,"
			    "\"hyperv\":false,\"apic\":\"auto\"}");
	str_copy(body, sizeof(body), plan);
	assert_int_equal(ask("PUT /v1/guests/web", "", body), 428);
	assert_int_equal(ask("PUT /v1/guests/web", "If-Match: \"0000000000000000\"\r\n", body), 412);
	assert_int_equal(ask("PUT /v1/guests/web", "If-Match: x\r\n", body), 412);
	assert_int_equal(sets, 0);
	assert_int_equal(ask("PUT /v1/guests/web", tag, body), 200);
	has("{\"name\":\"web\",\"state\":\"off\",\"lasting\":false}");
	assert_int_equal(sets, 1);
	assert_int_equal(ask("GET /v1/guests/web", "", NULL), 200);
	has(plan);
	cut_tag(other);
	assert_string_not_equal(tag, other);
	assert_int_equal(ask("PUT /v1/guests/web", tag, body), 412);
	assert_int_equal(ask("PUT /v1/guests/web", other, "{\"cores\":1}"), 422);
	assert_int_equal(ask("PUT /v1/guests/web", other, "{\"name\":\"x\"," KEYS "}"), 422);
	assert_int_equal(sets, 1);
	assert_int_equal(ask("PUT /v1/guests/web", "If-Match: *\r\n", "{\"name\":\"web\"," KEYS "}"), 200);
	assert_int_equal(sets, 2);
	has("\"lasting\":true");
	assert_int_equal(wanted.boot.cmdline[0], 0);
	assert_int_equal(ask("PUT /v1/guests/none", "If-Match: *\r\n", "{" KEYS "}"), 404);
	assert_int_equal(ask("POST /v1/guests/web/start", "", NULL), 202);
	assert_int_equal(ask("PUT /v1/guests/web", "If-Match: *\r\n", "{" KEYS "}"), 409);
	has("it runs");
}

/* It could be made neither anew nor as it was: that is no mistake of the client's, and no answer says that nothing happened. */
static void losing(void **state)
{
	struct guest *was = guests[0];

	refuse_with = "it";
	assert_int_equal(ask("PUT /v1/guests/web", "If-Match: *\r\n", "{" KEYS "}"), 500);
	has("\"detail\":\"guest web is lost: ");
	has("\"errors\":[{\"id\":\"HV-NO-MEMORY\",\"key\":\"\",\"detail\":\"room for it\"}]}");
	assert_int_equal(times("nothing was changed"), 0);
	assert_int_equal(ask("GET /v1/guests/web", "", NULL), 404);
	guests[0] = was;
	life_add(was);
}

/* Both have read the same; both ask before either is served. */
static void two_at_once(void **state)
{
	char tag[80], request[700];

	assert_int_equal(ask("GET /v1/guests/web", "", NULL), 200);
	cut_tag(tag);
	assert_true(web_client_open(&second, 2, 0));
	held = true;
	assert_int_equal(ask("PUT /v1/guests/web", tag, "{" KEYS "}"), 0);
	snprintf(request, sizeof(request), "PUT /v1/guests/web HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n%s%s"
		 "Content-Length: %zu\r\n\r\n{" KEYS ",\"hyperv\":true}GET / HTTP/1.1\r\nHost: box\r\n\r\n", admin, tag,
		 strlen("{" KEYS ",\"hyperv\":true}"));
	assert_true(web_client_send(&second, request, strlen(request)));
	assert_int_equal(web_client_receive(&second, second.text, 1000), 0);
	held = false;
	web_fake_turns(10);
	second.text[web_client_receive(&second, second.text, sizeof(second.text) - 1)] = 0;
	assert_non_null(strstr(second.text, "HTTP/1.1 412 "));
	assert_non_null(strstr(second.text, "changed meanwhile"));
	assert_non_null(strstr(second.text, "an index"));	/* what was sent behind it waited */
	client.text[web_client_receive(&client, client.text, sizeof(client.text) - 1)] = 0;
	has("HTTP/1.1 200 OK");
	assert_int_equal(sets, 1);
	assert_false(fake_guest[0].plan->hyperv);
}

static void deleting(void **state)
{
	assert_int_equal(ask("DELETE /v1/guests/database", "If-Match: \"0123456789abcdef\"\r\n", NULL), 412);
	assert_int_equal(ask("DELETE /v1/guests/database", "", NULL), 200);
	has("{\"name\":\"database\",\"state\":\"deleted\"");
	assert_int_equal(drops, 1);
	assert_int_equal(ask("DELETE /v1/guests/database", "", NULL), 404);
	/* The client goes before it is answered: it is done all the same, and the ticket is free again. */
	for (u32 i = 0; i < 20; i++) {
		guests[1] = &fake_guest[1];
		life_add(guests[1]);
		held = true;
		ask("DELETE /v1/guests/database", "", NULL);
		web_client_close(&client);
		held = false;
		web_fake_turns(6);
		assert_null(guests[1]);
		assert_true(web_client_open(&client, 1, 0));
	}
	assert_int_equal(drops, 21);
	assert_int_equal(ask("GET /v1/guests", "", NULL), 200);
}

/* More wait than there is room for: who comes too late is told so. */
static void a_queue(void **state)
{
	held = true;
	assert_int_equal(ask("DELETE /v1/guests/database", "", NULL), 0);
	for (u32 i = 0; i < 12; i++) {
		web_client_close(&client);
		assert_true(web_client_open(&client, 1, 0));
		if (ask("DELETE /v1/guests/web", "", NULL) == 503)
			return;
	}
	fail_msg("all were taken");
}

static void locked(void **state)
{
	((struct plan_guest *)fake_guest[0].plan)->locked = true;
	web_client_close(&client);
	web_fake_now += 30 * HZ;	/* so many refusals are not told at once */
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(ask("POST /v1/guests/web/start", "", NULL), 403);
	has("it is locked");
	assert_int_equal(ask("POST /v1/guests/web/pause", "", NULL), 403);
	assert_int_equal(ask("DELETE /v1/guests/web", "", NULL), 403);
	assert_int_equal(ask("PUT /v1/guests/web", "If-Match: *\r\n", "{" KEYS "}"), 403);
	assert_int_equal(fake_guest[0].state, GUEST_OFF);
	assert_int_equal(ask("GET /v1/audit", "", NULL), 200);
	has("\"what\":\"DELETE /v1/guests/web\",\"result\":\"refused\",\"status\":403");
	assert_int_equal(ask("GET /v1/log", "", NULL), 200);
	has("delete by the API (boss) was refused: it is locked");
	assert_int_equal(ask("POST /v1/guests/database/resume", "", NULL), 409);
	has("it is not paused");
}

/* --- files --------------------------------------------------------------------------------------------------- */

static u8 bytes[70000];

static int put(const char *name, const char *more, u32 announced, u32 from, u32 n)
{
	static char request[90000];
	int head = snprintf(request, sizeof(request), "PUT /v1/files/%s HTTP/1.1\r\nHost: box\r\n%s%sContent-Length: %u\r\n\r\n",
			    name, admin, more, announced);

	memcpy(request + head, bytes + from, n);
	if (!web_client_send(&client, request, (size_t)head + n))
		return -1;
	client.length = web_client_receive(&client, client.text, sizeof(client.text) - 1);
	client.text[client.length] = 0;
	return client.length > 12 ? atoi(client.text + 9) : 0;
}

static void again(void)
{
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
}

static void whole_files(void **state)
{
	const u8 *at;
	u64 size;

	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 7 + i / 256);
	assert_int_equal(put("k.elf", "", 70000, 0, 70000), 201);
	at = file_bytes("k.elf", &size);
	assert_true(at && size == 70000 && !memcmp(at, bytes, 70000));
	for (u32 i = 70000; i < ALIGN_UP(70000, 4096); i++)
		assert_int_equal(at[i], 0);
	assert_int_equal(ask("GET /v1/files", "", NULL), 200);
	has("{\"name\":\"k.elf\",\"bytes\":70000,\"received\":70000,\"whole\":true,\"loaded\":false}");
	assert_int_equal(put("k.elf", "", 10, 0, 0), 409);
	again();
	assert_int_equal(put(".x", "", 10, 0, 0), 422);
	again();
	assert_int_equal(put("zero", "", 0, 0, 0), 400);
	assert_int_equal(put("huge", "", 3000000000u, 0, 0), 507);
	again();
	assert_int_equal(web_client_ask(&client, "PUT /v1/files/a", operator, "x"), 403);
	again();
	assert_int_equal(put("a", "Transfer-Encoding: chunked\r\n", 10, 0, 0), 400);
	again();
	plan_comes = true;			/* a guest of it may be about to need the file, or the RAM */
	assert_int_equal(ask("DELETE /v1/files/k.elf", "", NULL), 503);
	assert_int_equal(put("b", "", 10, 0, 0), 503);
	again();
	plan_comes = false;
	assert_int_equal(ask("DELETE /v1/files/k.elf", "", NULL), 204);
	assert_int_equal(ask("DELETE /v1/files/k.elf", "", NULL), 404);
	assert_null(file_bytes("k.elf", &size));
	assert_int_equal(web_fake_files, 0);
	assert_int_equal(put("k.elf", "Expect: 100-continue\r\n", 100, 0, 0), 100);
	assert_true(web_client_send(&client, bytes, 100));
	client.text[web_client_receive(&client, client.text, sizeof(client.text) - 1)] = 0;
	has("HTTP/1.1 201 ");
}

/* bytes[0..n) as chunks of `piece`; the head of the answer is in client.text. */
static int put_chunks(const char *name, u32 n, u32 piece, bool whole)
{
	static char request[200000];
	int at = snprintf(request, sizeof(request), "PUT /v1/files/%s HTTP/1.1\r\nHost: box\r\n%sTransfer-Encoding: chunked\r\n\r\n", name, admin);

	for (u32 from = 0; from < n; from += piece) {
		u32 part = MIN(piece, n - from);

		at += sprintf(request + at, "%x\r\n", part);
		memcpy(request + at, bytes + from % sizeof(bytes), part);
		at += (int)part;
		at += sprintf(request + at, "\r\n");
		if (at > 100000) {
			if (!web_client_send(&client, request, (size_t)at))
				break;
			at = 0;
		}
	}
	at += whole ? sprintf(request + at, "0\r\n\r\n") : 0;
	web_client_send(&client, request, (size_t)at);
	client.length = web_client_receive(&client, client.text, sizeof(client.text) - 1);
	client.text[client.length] = 0;
	return client.length > 12 ? atoi(client.text + 9) : 0;
}

/* Files whose length nobody has announced: they move to larger places, and have what they need in the end. */
static void files_in_chunks(void **state)
{
	const u8 *at;
	u64 size, given;

	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 7 + i / 256);
	assert_int_equal(put_chunks("c.elf", 10000, 999, true), 201);
	at = file_bytes("c.elf", &size);
	assert_true(at && size == 10000 && !memcmp(at, bytes, 10000));
	assert_int_equal(file_find("c.elf")->room, 2 * MiB);
	/* Two moves, and what is too much in the end goes back; each piece is the same. */
	given = web_fake_given;
	assert_int_equal(put_chunks("d.elf", 5600000, 70000, true), 201);
	assert_int_equal(web_fake_given - given, (2 + 4 + 2) * MiB);
	at = file_bytes("d.elf", &size);
	assert_true(at && size == 5600000);
	for (u32 i = 0; i < size; i += 70000)
		assert_memory_equal(at + i, bytes, 70000);
	assert_int_equal(file_find("d.elf")->room, 6 * MiB);
	assert_int_equal(web_fake_files, 2);
	/* Longer than any piece of RAM; cut; empty; in pieces. */
	assert_int_equal(put_chunks("e.elf", 9100000, 70000, true), 507);
	again();
	web_fake_turns(3);
	assert_null(file_find("e.elf"));
	assert_int_equal(put_chunks("e.elf", 70000, 7000, false), 0);
	assert_non_null(file_find("e.elf"));
	again();
	web_fake_turns(3);
	assert_null(file_find("e.elf"));
	assert_int_equal(put_chunks("e.elf", 0, 1, true), 400);
	again();
	web_fake_turns(3);
	assert_null(file_find("e.elf"));
	assert_int_equal(web_client_ask(&client, "PUT /v1/files/e.elf", operator, NULL), 403);
	again();
	assert_int_equal(web_fake_files, 2);
}

static void cut_files(void **state)
{
	assert_int_equal(put("a", "", 70000, 0, 30000), 0);
	assert_non_null(file_find("a"));
	again();
	web_fake_turns(3);
	assert_null(file_find("a"));
	/* Pieces stay, go on where they ended, and are given up when nobody goes on. */
	assert_int_equal(put("a", "Content-Range: bytes 0-29999/70000\r\n", 30000, 0, 30000), 202);
	assert_int_equal(put("a", "Content-Range: bytes 40000-69999/70000\r\n", 30000, 0, 0), 416);
	again();
	assert_int_equal(put("a", "Content-Range: bytes 30000-69999/70001\r\n", 40000, 0, 0), 416);
	again();
	assert_int_equal(put("a", "Content-Range: bytes 30000-69999/70000\r\n", 40000, 30000, 10000), 0);
	again();
	web_fake_turns(3);
	assert_int_equal(file_find("a")->size, 40000);
	assert_int_equal(put("a", "Content-Range: bytes 40000-69999/70000\r\n", 30000, 40000, 30000), 201);
	assert_int_equal(put("b", "Content-Range: bytes 0-8/5\r\n", 9, 0, 0), 400);
	again();
	assert_int_equal(put("b", "Content-Range: bytes 0-7/10\r\n", 8, 0, 8), 202);
	files_tick(web_fake_now + (FILE_PATIENCE_S + 1) * HZ);
	assert_null(file_find("b"));
	assert_non_null(file_find("a"));
	assert_int_equal(web_fake_files, 1);
}

/* A disk that is slow to erase. */
static volume_ended_fn *erased;
static void *erased_arg;

struct storage_disk *storage_disk_named(const char *word) { return strcmp(word, "toy") ? NULL : (struct storage_disk *)&erased; }

const struct disk *storage_disk_hardware(const struct storage_disk *s)
{
	static const struct disk toy = { .name = "toy" };

	return &toy;
}

const char *volume_create(struct storage_disk *s, const char *name, u64 bytes, enum volume_type type, volume_ended_fn *ended,
			  void *arg)
{
	erased = ended;
	erased_arg = arg;
	return !strcmp(name, "full") ? "no gap on the disk is large enough" : NULL;
}

/* It is answered when it has begun, not when hours of erasing are over; what comes of it is seen, and said. */
static void long_volumes(void **state)
{
	u64 from = log_end();

	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"y z\",\"size\":\"16MiB\",\"disk\":\"toy\"}"), 202);
	has("\r\nlocation: /v1/volumes/y%20z\r\n");
	has("{\"name\":\"y z\"}");
	assert_int_equal(ask("GET /v1/volumes/young", "", NULL), 200);
	has("{\"name\":\"young\",\"kind\":\"new\",\"bytes\":16777216,\"disk\":\"toy\",\"guid\":\"\",\"in_use\":false,\"written\":false,"
	    "\"filled_bytes\":3145728,\"fill_bytes\":16777216}");
	assert_int_equal(ask("GET /v1/volumes", "", NULL), 200);
	has("[{\"name\":\"young\",\"kind\":\"new\"");
	assert_int_equal(ask("GET /v1/volumes/data", "", NULL), 200);
	has("{\"name\":\"\",\"kind\":\"partition\"");
	assert_int_equal(ask("GET /v1/volumes/none", "", NULL), 404);
	assert_false(fake_logged(from, "volume y z: creation"));
	erased(erased_arg, NULL);
	assert_true(fake_logged(from, "volume y z: creation by the API (boss): done"));
	/* As many as there can be at once, and not one that holds its place for ever. */
	for (u32 i = 0; i < 3 * VOLUMES_COMING_MAX; i++)
		assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"full\",\"size\":\"1MiB\",\"disk\":\"toy\"}"), 409);
	for (u32 i = 0; i < VOLUMES_COMING_MAX; i++)
		assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"size\":\"1MiB\",\"disk\":\"toy\"}"), 202);
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"size\":\"1MiB\",\"disk\":\"toy\"}"), 503);
	erased(erased_arg, "the disk failed");
	assert_true(fake_logged(from, "volume x: creation by the API (boss): failed: the disk failed"));
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"size\":\"1MiB\",\"disk\":\"toy\"}"), 202);
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"size\":\"1MiB\",\"disk\":\"none\"}"), 422);
	/* What would be left out is refused. */
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"file\":\"f\",\"of\":\"data\"}"), 422);
	has("\"key\":\"file\"");
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"file\":\"f\",\"size\":\"1MiB\"}"), 422);
	has("\"key\":\"size\"");
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"of\":\"data\",\"size\":\"1MiB\"}"), 422);
	has("\"key\":\"size\"");
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"size\":\"1MiB\",\"cow\":true}"), 422);
	has("\"key\":\"cow\"");
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\",\"of\":\"data\",\"cow\":true,\"disk\":\"toy\"}"), 422);
	has("\"key\":\"disk\"");
	/* Nor do they take the places of those who wait. */
	assert_int_equal(ask("DELETE /v1/volumes/data", "", NULL), 200);
	assert_int_equal(ask("DELETE /v1/guests/database", "", NULL), 200);
}

static void volumes(void **state)
{
	assert_int_equal(ask("DELETE /v1/volumes/none", "", NULL), 404);
	assert_int_equal(ask("DELETE /v1/volumes/data", "", NULL), 200);
	assert_int_equal(ask("DELETE /v1/volumes/data-whose-name-is-as-long-as-can-be", "", NULL), 200);
	has("{\"name\":\"data-whose-name-is-as-long-as-can-be\"}");
	assert_int_equal(ask("POST /v1/volumes/data/grow", "", "{\"size\":\"1GiB\"}"), 202);
	assert_int_equal(ask("POST /v1/volumes/data/grow", "", "{\"size\":\"2GiB\"}"), 409);
	has("too much");
	assert_int_equal(ask("POST /v1/volumes/data/grow", "", "{\"size\":\"1GB\"}"), 422);
	has("\"key\":\"size\"");
	assert_int_equal(ask("POST /v1/volumes", "", "{\"name\":\"x\"}"), 422);
	assert_int_equal(ask("GET /v1/volumes", "", NULL), 200);
	assert_int_equal(ask("GET /v1/switches", "", NULL), 200);
	assert_int_equal(ask("GET /v1/disks", "", NULL), 200);
	assert_int_equal(ask("GET /v1/datastore", "", NULL), 200);
	assert_int_equal(size_of_words("512MiB"), 512 * MiB);
	assert_int_equal(size_of_words("3TiB"), 3072 * GiB);
	for (u32 i = 0; i < 6; i++)
		assert_int_equal(size_of_words(((const char *const[]){ "", "0MiB", "1", "MiB", "5000TiB", "1MiBx" })[i]), 0);
}

/* The text of a plan goes to the plan's own reader; who has not seen the last version only looks. */
static void whole_plan(void **state)
{
	static const struct plan plan;
	static struct resolved_plan resolved;
	char tag[80];

	machine_plan = &plan;
	machine_resolved = &resolved;
	assert_int_equal(ask("GET /v1/plan", "", NULL), 200);
	cut_tag(tag);
	assert_int_equal(ask("PUT /v1/plan", "", "x"), 428);
	assert_int_equal(ask("PUT /v1/plan", "If-Match: \"0000000000000000\"\r\n", "x"), 412);
	resolved.free_count = 1;			/* how much RAM is left is no part of the version */
	resolved.free[0].size = 64 * MiB;
	assert_int_equal(ask("PUT /v1/plan", tag, "x"), 202);
	assert_string_equal(plan_text, "x");
	assert_false(plan_dry);
	has("{\"dry_run\":false,\"lasting\":false,\"changes\":[{\"guest\":\"web\",\"what\":\"change\",\"key\":\"memory\","
	    "\"from\":\"1\",\"to\":null}]}");
	resolved.control = 1;				/* but what is in force is */
	assert_int_equal(ask("PUT /v1/plan", tag, "x"), 412);
	assert_int_equal(ask("PUT /v1/plan?dry_run", "", "[guest.x]"), 200);
	assert_true(plan_dry);
	/* Whoever asks for a look gets no more, wherever it stands. */
	for (u32 i = 0; i < 4; i++) {
		static const char *const query[] = { "dry_run&x=1", "x=1&dry_run", "dry_run=yes", "x&dry_run=true&y" };
		char line[80];

		plan_dry = false;
		snprintf(line, sizeof(line), "PUT /v1/plan?%s", query[i]);
		assert_int_equal(ask(line, "If-Match: *\r\n", "[guest.x]"), 200);
		assert_true(plan_dry);
	}
	assert_int_equal(ask("PUT /v1/plan?dry_run=0", "", "x"), 428);
	assert_int_equal(ask("PUT /v1/plan?x=1&dry_run=false&dry_runs", "", "x"), 428);
	assert_int_equal(ask("PUT /v1/plan?dry_run=1", "", "bad"), 422);
	has("\"detail\":\"words\",\"key\":\"guest.web.memory\",\"errors\":[{\"id\":\"PLAN-TYPE\",\"key\":\"guest.web.memory\","
	    "\"line\":3,\"detail\":\"words\"}]}");
	assert_int_equal(ask("PUT /v1/plan?dry_run", "", "runs"), 409);
	assert_int_equal(web_client_ask(&client, "PUT /v1/plan?dry_run", operator, "x"), 403);
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	/* Of these the audit log has what changed something and who may not: not the three looks. */
	assert_int_equal(ask("GET /v1/audit", "", NULL), 200);
	assert_int_equal(times("\"what\":\"PUT /v1/plan\",\"result\":\"done\""), 1);
	assert_int_equal(times("\"what\":\"PUT /v1/plan\",\"result\":\"failed\""), 5);
	assert_int_equal(times("\"what\":\"PUT /v1/plan\",\"result\":\"refused\""), 1);
	assert_int_equal(ask("PUT /v1/plan?dry_run", "Content-Length: 70000\r\n", NULL), 413);
	machine_plan = NULL;
	machine_resolved = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(creating, setup, teardown),
		cmocka_unit_test_setup_teardown(files_in_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(changing, setup, teardown),
		cmocka_unit_test_setup_teardown(losing, setup, teardown),
		cmocka_unit_test_setup_teardown(two_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(deleting, setup, teardown),
		cmocka_unit_test_setup_teardown(a_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(locked, setup, teardown),
		cmocka_unit_test_setup_teardown(whole_files, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_files, setup, teardown),
		cmocka_unit_test_setup_teardown(volumes, setup, teardown),
		cmocka_unit_test_setup_teardown(whole_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(long_volumes, setup, teardown),	/* fills the audit log */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
