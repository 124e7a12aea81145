/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/web/web_fake.c hv/web/accounts.c hv/web/accounts_kept.c hv/web/answer.c hv/web/answer_range.c hv/web/api_kept.c hv/web/api.c hv/web/api_accounts.c hv/web/api_guests.c hv/web/api_machine.c hv/web/api_metrics.c hv/web/api_describe.c hv/web/api_schema.c hv/core/files.c hv/web/api_plan.c hv/web/upload.c hv/web/api_storage.c hv/web/api_switches.c hv/web/api_life.c hv/web/json_plan.c hv/web/ticket.c hv/control/requests.c hv/core/plan_show.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_schema.c hv/core/plan_errors.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/lib/toml.c hv/lib/toml_value.c hv/web/api_events.c hv/web/api_page.c hv/web/api_console.c hv/web/websocket.c hv/web/audit.c hv/web/facts.c hv/web/heap.c hv/web/http.c hv/web/json_in.c hv/web/mbedtls_port.c hv/web/out.c hv/web/conns.c hv/web/server.c hv/web/sessions.c hv/web/tls.c hv/web/wire.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c hv/lib/net_text.c tests/unit/hv/control/fake_machine.c hv/web/api_screen.c hv/web/ws_stream.c hv/web/rfb.c hv/web/rfb_frame.c hv/web/rfb_tile.c hv/web/rfb_keys.c hv/lib/deflate.c hv/control/guest_input.c hv/web/attempts.c hv/web/places.c web */
/* The server as clients see it: TLS, enrolment, log-in, roles, the API, limits. mbedTLS's own client is at the other end. */
#define _GNU_SOURCE
#include "web_fake.h"

#include "hv/web/accounts_int.h"
#include "hv/web/answer.h"

#include <hv/datastore.h>

#include <yyjson.h>

#define PASSWORD "correct horse"

static struct web_client client, other;
static char cookie[200], csrf[80];

static int setup(void **state)
{
	web_fake_begin();
	return 0;
}

static int teardown(void **state)
{
	web_fake_end();
	return 0;
}

/* Part of the text between two others. */
static void cut_out(char *to, size_t size, const char *before, char after)
{
	const char *at = strstr(client.text, before), *end;

	assert_non_null(at);
	at += strlen(before);
	end = strchr(at, after);
	assert_true(end && (size_t)(end - at) < size);
	memcpy(to, at, (size_t)(end - at));
	to[end - at] = 0;
}

static int enrol(const char *code, const char *name)
{
	char body[200];

	snprintf(body, sizeof(body), "{\"code\":\"%s\",\"user\":\"%s\",\"password\":\"" PASSWORD "\"}", code, name);
	return web_client_ask(&client, "POST /v1/enrol", "", body);
}

static int login(const char *name, const char *password)
{
	char body[300];
	int status;

	snprintf(body, sizeof(body), "{\"user\":\"%s\",\"password\":\"%s\"}", name, password);
	status = web_client_ask(&client, "POST /v1/login", "", body);
	if (status == 200) {
		strcpy(cookie, "Cookie: __Host-session=");
		cut_out(cookie + strlen(cookie), 100, "__Host-session=", ';');
		strcpy(csrf, "X-CSRF-Token: ");
		cut_out(csrf + strlen(csrf), 60, "\"csrf\":\"", '"');
		strcat(cookie, "\r\n");
		strcat(csrf, "\r\n");
	}
	return status;
}

static int as_admin(void)
{
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(enrol(accounts_code(), "root"), 201);
	return login("root", PASSWORD);
}

static int ask(const char *line, const char *body)
{
	char headers[400];

	snprintf(headers, sizeof(headers), "%s%s", cookie, csrf);
	return web_client_ask(&client, line, headers, body);
}

static void both_versions(void **state)
{
	assert_true(web_client_open(&client, 1, MBEDTLS_SSL_VERSION_TLS1_2));
	assert_string_equal(mbedtls_ssl_get_version(&client.ssl), "TLSv1.2");
	assert_int_equal(web_client_ask(&client, "GET /", "", NULL), 200);
	assert_non_null(strstr(client.text, "strict-transport-security"));
	assert_non_null(strstr(client.text, "\r\naccept-ranges: bytes\r\n\r\nan index"));
	assert_int_equal(web_client_ask(&client, "HEAD /", "", NULL), 200);
	assert_null(strstr(client.text, "an index"));
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	assert_string_equal(mbedtls_ssl_get_version(&client.ssl), "TLSv1.3");
	assert_int_equal(web_client_ask(&client, "GET /openapi.json", "", NULL), 200);
	assert_int_equal(web_client_ask(&client, "GET /nothing", "", NULL), 404);
	assert_int_equal(web_client_ask(&client, "POST /", "", "{}"), 405);
	assert_non_null(strstr(client.text, "\r\nallow: GET\r\n\r\n"));
	assert_int_equal(web_client_ask(&client, "GET /..", "", NULL), 400);
	web_client_close(&client);
	assert_int_equal(heap_is_sound(), 1);
}

static void page(void **state)
{
	const char *body;

	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /page/app.js", "", NULL), 200);
	assert_non_null(strstr(client.text, "\r\ncontent-type: text/javascript\r\ncontent-length: 100000\r\n"));
	assert_non_null(strstr(client.text, "\r\ncache-control: no-cache\r\n"));
	assert_non_null(strstr(client.text, "\r\netag: \"4567\"\r\n"));
	body = strstr(client.text, "\r\n\r\n") + 4;
	assert_int_equal(client.length - (size_t)(body - client.text), 100000);
	assert_true(!memcmp(body, "\x1f\x8bp", 3) && body[99999] == 'q');
	/* The connection goes on; a browser that has it gets the head only. */
	assert_int_equal(web_client_ask(&client, "GET /page/app.js", "If-None-Match: W/\"1\", \"4567\"\r\n", NULL), 304);
	assert_null(strstr(client.text, "content-length"));
	assert_int_equal(web_client_ask(&client, "HEAD /page/app.js", "If-None-Match: \"0123\"\r\n", NULL), 200);
	assert_string_equal(strstr(client.text, "\r\n\r\n"), "\r\n\r\n");
	assert_int_equal(web_client_ask(&client, "GET /page/index.html", "", NULL), 404);
	assert_int_equal(web_client_ask(&client, "GET /page/a/b", "", NULL), 404);
	assert_non_null(strstr(client.text, "\r\ncache-control: no-store\r\n"));
	web_client_close(&client);
}

static void enrolment(void **state)
{
	char code[ENROL_CODE];

	strcpy(code, accounts_code());
	assert_int_equal(strlen(code), 19);
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(enrol("AAAA-AAAA-AAAA-AAAA", "root"), 403);
	assert_int_equal(enrol("", "root"), 422);
	assert_int_equal(enrol(code, "bad name"), 422);
	assert_int_equal(enrol(code, "root"), 201);
	assert_string_equal(accounts_code(), "");
	assert_int_equal(enrol(code, "second"), 403);
	assert_int_equal(accounts_user_count(), 1);
	/* The console's operator has lost the password: a new code, the same user. */
	accounts_new_code();
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(enrol("AAAA-AAAA-AAAA-AAAA", "root"), 403);
	/* Wrong ones have to wait, the right one is taken: who sends wrong ones keeps nobody out. */
	assert_int_equal(enrol("AAAA-AAAA-AAAA-AAAA", "root"), 429);
	strcpy(code, accounts_code());
	web_client_close(&client);
	assert_true(web_client_open(&client, 3, 0));
	assert_false(server_is_admin_from(client.conn));
	assert_int_equal(enrol(code, "root"), 201);
	assert_true(server_is_admin_from(client.conn));
	assert_int_equal(accounts_user_count(), 1);
}

static void sessions(void **state)
{
	assert_int_equal(as_admin(), 200);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", "", NULL), 401);
	assert_non_null(strstr(client.text, "www-authenticate: Bearer"));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", cookie, NULL), 200);
	assert_non_null(strstr(client.text, "{\"name\":\"web\",\"state\":\"off\",\"cores\":[1,2]"));
	/* What changes something needs the session's own token, and no foreign page. */
	assert_int_equal(web_client_ask(&client, "POST /v1/guests/web/start", cookie, NULL), 403);
	assert_int_equal(web_client_ask(&client, "POST /v1/guests/web/start", csrf, NULL), 401);
	assert_int_equal(ask("POST /v1/guests/web/start", NULL), 202);
	assert_int_equal(guests[0]->state, GUEST_STARTING);
	assert_int_equal(ask("POST /v1/guests/web/start", NULL), 409);
	assert_non_null(strstr(client.text, "it runs already"));
	assert_int_equal(ask("POST /v1/guests/none/start", NULL), 404);
	strcat(csrf, "Origin: https://evil.example\r\n");
	assert_int_equal(ask("POST /v1/guests/web/kill", NULL), 403);
	strstr(csrf, "Origin")[0] = 0;
	strcat(csrf, "Origin: https://box\r\n");
	assert_int_equal(ask("POST /v1/guests/web/kill", NULL), 202);
	assert_int_equal(ask("POST /v1/logout", NULL), 204);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", cookie, NULL), 401);
	/* Half an hour without a request. */
	assert_int_equal(login("root", PASSWORD), 200);
	web_client_close(&client);
	web_fake_now += 29 * 60 * HZ;
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", cookie, NULL), 200);
	web_client_close(&client);
	web_fake_now += 31 * 60 * HZ;
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", cookie, NULL), 401);
}

static void roles(void **state)
{
	char token[120];

	assert_int_equal(as_admin(), 200);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"ci\",\"role\":\"viewer\"}"), 201);
	strcpy(token, "Authorization: Bearer ");
	cut_out(token + strlen(token), 80, "\"token\":\"", '"');
	strcat(token, "\r\n");
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"ci\",\"role\":\"viewer\"}"), 409);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"c2\",\"role\":\"king\"}"), 422);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"c2\",\"role\":\"viewer\",\"days\":3651}"), 422);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", token, NULL), 200);
	assert_int_equal(web_client_ask(&client, "POST /v1/guests/web/start", token, NULL), 403);
	assert_int_equal(web_client_ask(&client, "GET /v1/users", token, NULL), 403);
	token[40] ^= 1;
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", token, NULL), 401);
	token[40] ^= 1;
	assert_int_equal(ask("DELETE /v1/tokens/ci", NULL), 204);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", token, NULL), 401);
	/* An operator starts guests and makes no users. The last administrator stays. */
	assert_int_equal(ask("POST /v1/users", "{\"name\":\"op\",\"password\":\"" PASSWORD "\",\"role\":\"operator\"}"), 201);
	assert_int_equal(ask("POST /v1/users", "{\"name\":\"op\",\"password\":\"short\",\"role\":\"operator\"}"), 422);
	assert_int_equal(ask("DELETE /v1/users/root", NULL), 409);
	assert_int_equal(login("op", PASSWORD), 200);
	assert_int_equal(ask("POST /v1/guests/web/start", NULL), 202);
	assert_int_equal(ask("GET /v1/users", NULL), 403);
	assert_int_equal(ask("PUT /v1/users/root/password", "{\"password\":\"" PASSWORD "!\"}"), 403);
	assert_int_equal(ask("PUT /v1/users/op/password", "{\"password\":\"" PASSWORD "!\",\"old\":\"wrong password\"}"), 403);
	assert_int_equal(ask("PUT /v1/users/op/password", "{\"password\":\"" PASSWORD "!\",\"old\":\"" PASSWORD "\"}"), 204);
	assert_int_equal(ask("GET /v1/guests", NULL), 401);
	assert_int_equal(login("op", PASSWORD), 401);
	assert_int_equal(login("op", PASSWORD "!"), 200);
	/* Who is removed has no session any more. */
	web_fake_now += 30 * HZ;	/* so many refusals are not told at once */
	assert_int_equal(login("root", PASSWORD), 200);
	assert_int_equal(ask("DELETE /v1/users/op", NULL), 204);
	assert_int_equal(login("op", PASSWORD "!"), 401);
	assert_int_equal(ask("GET /v1/audit", NULL), 200);
	assert_non_null(strstr(client.text, "\"who\":\"root\",\"from\":\"192.0.2.1\",\"what\":\"DELETE /v1/users/op\",\"result\":\"done\""));
	assert_non_null(strstr(client.text, "\"who\":\"(op)\""));
}

static void take_token(char *header)
{
	strcpy(header, "Authorization: Bearer ");
	cut_out(header + strlen(header), 80, "\"token\":\"", '"');
	strcat(header, "\r\n");
}

/* Who is limited to some guests has those, themselves, and nothing else. */
static void some_guests(void **state)
{
	static const char *const wrong[] = { "a b c d/e", "../web", "   ",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccccccccccc ddddddddddddddddddddddddddddddd e" };
	static const char *const closed[] = { "GET /v1/plan", "GET /v1/machine", "GET /v1/log", "GET /v1/switches", "GET /v1/volumes",
		"GET /v1/files", "GET /metrics", "GET /v1/datastore", "GET /v1/guests/database", "GET /v1/guests/none", "GET /v1/guests/we",
		"GET /v1/guests/webb", "GET /v1/guests/database/record", "POST /v1/guests/database/start", "GET /v1/users", "POST /v1/guests" };
	char body[300], token[120];

	assert_int_equal(as_admin(), 200);
	assert_non_null(strstr(client.text, "\"guests\":\"\""));
	for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
		snprintf(body, sizeof(body), "{\"name\":\"t\",\"role\":\"operator\",\"guests\":\"%s\"}", wrong[i]);
		if (ask("POST /v1/tokens", body) != 422)
			fail_msg("guests: %s was taken", wrong[i]);
	}
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"t\",\"role\":\"admin\",\"guests\":\"web\"}"), 422);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"t\",\"role\":\"operator\",\"guests\":\" later,  web\"}"), 201);
	take_token(token);
	assert_int_equal(ask("GET /v1/tokens", NULL), 200);
	assert_non_null(strstr(client.text, "\"guests\":\"later web\""));
	assert_int_equal(ask("GET /v1/guests", NULL), 200);
	assert_non_null(strstr(client.text, "database"));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", token, NULL), 200);
	assert_non_null(strstr(client.text, "\"name\":\"web\""));
	assert_null(strstr(client.text, "database"));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web", token, NULL), 200);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/later", token, NULL), 404);
	assert_int_equal(web_client_ask(&client, "POST /v1/guests/web/start", token, NULL), 202);
	assert_int_equal(web_client_ask(&client, "DELETE /v1/guests/web", token, NULL), 403);
	assert_int_equal(web_client_ask(&client, "GET /openapi.json", token, NULL), 200);
	for (u32 i = 0; i < ARRAY_COUNT(closed); i++)
		if (web_client_ask(&client, closed[i], token, NULL) != 403)
			fail_msg("%s is open", closed[i]);
	assert_int_equal(ask("POST /v1/users",
		"{\"name\":\"ann\",\"password\":\"" PASSWORD "\",\"role\":\"viewer\",\"guests\":\"database\"}"), 201);
	assert_int_equal(login("ann", PASSWORD), 200);
	assert_non_null(strstr(client.text, "\"guests\":\"database\""));
	assert_int_equal(ask("GET /v1/session", NULL), 200);
	assert_non_null(strstr(client.text, "\"guests\":\"database\""));
	assert_int_equal(ask("GET /v1/guests/database", NULL), 200);
	assert_int_equal(ask("GET /v1/guests/web", NULL), 403);
	assert_int_equal(ask("PUT /v1/users/ann/password", "{\"password\":\"" PASSWORD "!\",\"old\":\"" PASSWORD "\"}"), 204);
	assert_int_equal(login("ann", PASSWORD "!"), 200);
	/* Whoever has the console makes her an administrator, of all. */
	accounts_new_code();
	assert_int_equal(enrol(accounts_code(), "ann"), 201);
	assert_int_equal(login("ann", PASSWORD), 200);
	assert_int_equal(ask("GET /v1/machine", NULL), 200);
}

/* Other rights hold at once, for sessions, tokens and streams; nobody gets or keeps more than was meant. */
static void other_rights(void **state)
{
	struct identity stream = { .kind = BY_NOTHING };
	char wide[120], narrow[120];
	u64 first;

	assert_int_equal(as_admin(), 200);
	assert_int_equal(ask("POST /v1/users", "{\"name\":\"ann\",\"password\":\"" PASSWORD "\",\"role\":\"admin\"}"), 201);
	assert_int_equal(login("ann", PASSWORD), 200);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"wide\",\"role\":\"operator\"}"), 201);
	take_token(wide);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"narrow\",\"role\":\"viewer\",\"guests\":\"web\"}"), 201);
	take_token(narrow);
	assert_int_equal(ask("PUT /v1/tokens/narrow", "{\"role\":\"operator\"}"), 422);
	assert_int_equal(ask("PUT /v1/tokens/narrow", "{\"guests\":\"web\"}"), 422);
	assert_int_equal(ask("PUT /v1/tokens/narrow", "{\"role\":\"admin\",\"guests\":\"web\"}"), 422);
	assert_non_null(strstr(client.text, "\"detail\":\"guests: an administrator's are all\",\"key\":\"guests\"}"));
	assert_int_equal(ask("PUT /v1/tokens/none", "{\"role\":\"operator\",\"guests\":\"web\"}"), 404);
	assert_null(strstr(client.text, "\"key\""));
	assert_int_equal(login("root", "a wrong password"), 401);
	assert_null(strstr(client.text, "\"key\""));
	assert_int_equal(login("ann", PASSWORD), 200);
	assert_int_equal(web_client_ask(&client, "POST /v1/guests/web/start", narrow, NULL), 403);
	stream = (struct identity){ .kind = BY_TOKEN, .index = 1, .serial = accounts.kept.tokens[1].serial };
	assert_true(accounts_valid(&stream, web_fake_now));
	assert_int_equal(ask("PUT /v1/tokens/narrow", "{\"role\":\"operator\",\"guests\":\"web database\"}"), 204);
	assert_false(accounts_valid(&stream, web_fake_now));
	assert_int_equal(web_client_ask(&client, "POST /v1/guests/web/start", narrow, NULL), 202);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/database", narrow, NULL), 200);
	/* She looks after two guests from now on: her session is over, and what could do more. */
	first = accounts_changes();
	assert_int_equal(ask("PUT /v1/users/ann", "{\"role\":\"operator\",\"guests\":\"database, web\"}"), 204);
	assert_true(accounts_changes() > first);
	assert_int_equal(ask("GET /v1/session", NULL), 401);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", wide, NULL), 401);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/database", narrow, NULL), 200);
	assert_int_equal(login("ann", PASSWORD), 200);
	assert_int_equal(ask("GET /v1/machine", NULL), 403);
	assert_int_equal(ask("GET /v1/guests/web", NULL), 200);
	assert_int_equal(ask("PUT /v1/users/ann", "{\"role\":\"admin\",\"guests\":\"\"}"), 403);
	web_fake_now += 30 * HZ;
	assert_int_equal(login("root", PASSWORD), 200);
	assert_int_equal(ask("PUT /v1/tokens/narrow", "{\"role\":\"viewer\",\"guests\":\"\"}"), 409);
	assert_int_equal(ask("PUT /v1/tokens/narrow", "{\"role\":\"viewer\",\"guests\":\"web else\"}"), 409);
	assert_int_equal(ask("PUT /v1/users/ann", "{\"role\":\"viewer\",\"guests\":\"web\"}"), 204);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web", narrow, NULL), 401);
	assert_int_equal(ask("PUT /v1/users/none", "{\"role\":\"viewer\",\"guests\":\"web\"}"), 404);
	assert_int_equal(ask("PUT /v1/users/root", "{\"role\":\"viewer\",\"guests\":\"\"}"), 409);
	assert_int_equal(ask("PUT /v1/users/root", "{\"role\":\"admin\",\"guests\":\"\"}"), 204);
}

/* A token that was made by means of a token goes with the user, too. */
static void tokens_of_tokens(void **state)
{
	char first[120], second[120];

	assert_int_equal(as_admin(), 200);
	assert_int_equal(ask("POST /v1/users", "{\"name\":\"two\",\"password\":\"" PASSWORD "\",\"role\":\"admin\"}"), 201);
	assert_int_equal(login("two", PASSWORD), 200);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"a\",\"role\":\"admin\"}"), 201);
	take_token(first);
	assert_int_equal(web_client_ask(&client, "POST /v1/tokens", first, "{\"name\":\"b\",\"role\":\"admin\"}"), 201);
	take_token(second);
	assert_int_equal(web_client_ask(&client, "GET /v1/users", second, NULL), 200);
	assert_int_equal(login("root", PASSWORD), 200);
	assert_int_equal(ask("GET /v1/audit", NULL), 200);
	assert_non_null(strstr(client.text, "\"who\":\"token a\""));
	assert_int_equal(ask("DELETE /v1/users/two", NULL), 204);
	assert_int_equal(web_client_ask(&client, "GET /v1/users", first, NULL), 401);
	assert_int_equal(web_client_ask(&client, "GET /v1/users", second, NULL), 401);
}

/* Nobody logs others out by logging in. */
static void sessions_of_one(void **state)
{
	char admin[200];

	assert_int_equal(as_admin(), 200);
	strcpy(admin, cookie);
	assert_int_equal(ask("POST /v1/users", "{\"name\":\"op\",\"password\":\"" PASSWORD "\",\"role\":\"operator\"}"), 201);
	for (u32 i = 0; i < ACCOUNT_SESSIONS + 2; i++) {
		web_fake_now += HZ;
		assert_int_equal(login("op", PASSWORD), 200);
	}
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", cookie, NULL), 200);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", admin, NULL), 200);
}

static int guess(u8 from, const char *name)
{
	char body[120];
	int status;

	snprintf(body, sizeof(body), "{\"user\":\"%s\",\"password\":\"wrong password\"}", name);
	assert_true(web_client_open(&other, from, 0));
	status = web_client_ask(&other, "POST /v1/login", "", body);
	web_client_close(&other);
	return status;
}

/* Who guesses from one address keeps out that address; a name that nobody has is locked like one that somebody has. */
static void guesses(void **state)
{
	static const char right[] = "{\"user\":\"root\",\"password\":\"" PASSWORD "\"}";

	assert_int_equal(as_admin(), 200);
	for (u32 i = 0; i < 5; i++) {
		assert_int_equal(guess(66, "root"), 401);
		assert_int_equal(guess(67, "ghost"), 401);
		web_fake_now += 2 * HZ;
	}
	assert_int_equal(guess(66, "root"), 429);
	assert_int_equal(guess(67, "ghost"), 429);
	assert_true(web_client_open(&other, 70, 0));
	assert_int_equal(web_client_ask(&other, "POST /v1/login", "", right), 200);
	web_client_close(&other);
	/* Who has failed leaves two of the slow hashes to newcomers. */
	server_admin_from(client.conn);
	for (u32 i = 0; i < 30; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%u", i);
		web_fake_now += HZ / 10;
		guess(68, name);
	}
	assert_true(web_client_open(&other, 71, 0));
	assert_int_equal(web_client_ask(&other, "POST /v1/login", "", right), 200);
	web_client_close(&other);
	/* Twenty from everywhere lock a name for strangers; the last administrator's address stays open, at a pace. */
	server_admin_from(client.conn);
	for (u8 i = 0; i < 24; i++)
		guess((u8)(100 + i), "root"), web_fake_now += HZ;
	assert_true(web_client_open(&other, 72, 0));
	assert_int_equal(web_client_ask(&other, "POST /v1/login", "", right), 429);
	web_client_close(&other);
	assert_int_equal(ask("GET /v1/users", NULL), 200);
	assert_non_null(strstr(client.text, "\"name\":\"root\",\"role\":\"admin\",\"locked\":true"));
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(login("root", "wrong password"), 401);
	assert_int_equal(login("root", "wrong password"), 429);
	web_fake_now += 2 * HZ;
	assert_int_equal(login("root", PASSWORD), 200);
}

/* Where a hash takes long, those who guess leave most of the time to others. */
static void guesses_on_a_slow_machine(void **state)
{
	const struct account_caller by = { .source = 67 };
	char secret[ACCOUNT_SECRET + 1], name[8];
	struct identity who;
	u64 before, hashes = 0;
	u16 status;

	before = web_fake_breaths;
	accounts_login("first", PASSWORD, by, web_fake_now, &who, secret, &status);
	assert_int_equal(status, 401);
	assert_true(web_fake_breaths > before);
	web_fake_breath_ticks = 3 * HZ / (web_fake_breaths - before);		/* three seconds a hash */
	web_fake_now += 60 * HZ;
	for (u64 begin = web_fake_now, n = 0; web_fake_now < begin + 400 * HZ; web_fake_now += HZ / 2) {
		snprintf(name, sizeof(name), "m%lu", n++ % 100);
		accounts_login(name, PASSWORD, by, web_fake_now, &who, secret, &status);
		assert_true(status == 401 || status == 429);
		hashes += status == 401;
	}
	assert_true(hashes > 50 && hashes < 75);	/* of the 130 that there is time for */
}

static void brute_force(void **state)
{
	assert_int_equal(as_admin(), 200);
	/* The administrator's own address is not locked out by what others do. */
	assert_true(web_client_open(&other, 66, 0));
	for (u32 i = 0; i < 12; i++) {
		int status = web_client_ask(&other, "POST /v1/login", "", "{\"user\":\"root\",\"password\":\"wrong password\"}");

		assert_true(status == 401 || status == 429);
		assert_true(i < 8 || status == 429);
		web_fake_now += HZ;
	}
	assert_int_equal(web_client_ask(&other, "POST /v1/login", "", "{\"user\":\"root\",\"password\":\"" PASSWORD "\"}"), 429);
	assert_int_equal(login("root", PASSWORD), 200);
	/* A user who is nobody: the same answer. */
	assert_int_equal(login("nobody", PASSWORD), 401);
	assert_non_null(strstr(client.text, "user or password is wrong"));
	web_client_close(&other);
}

/* What is kept comes back, whole or not at all. */
static void accounts_last(void **state)
{
	static u8 kept[DATASTORE_KEEP_MAX];
	const void *bytes;
	size_t n;

	assert_int_equal(as_admin(), 200);
	assert_true(accounts_changes() > 0);
	bytes = accounts_keep(&n);
	assert_true(n <= sizeof(kept));
	memcpy(kept, bytes, n);
	assert_null(memmem(kept, n, PASSWORD, strlen(PASSWORD)));
	accounts_init();
	assert_int_equal(login("root", PASSWORD), 401);
	assert_false(accounts_restore(kept, n - 1));
	kept[n / 2] ^= 1;
	assert_false(accounts_restore(kept, n));
	kept[n / 2] ^= 1;
	assert_int_equal(accounts_user_count(), 0);
	assert_true(accounts_restore(kept, n));
	assert_string_equal(accounts_code(), "");
	assert_int_equal(login("root", PASSWORD), 200);
	/* Whoever writes to the disk can make the sum right. */
	accounts.kept.users[0].role = ROLES;
	assert_false(accounts_restore(accounts_keep(&n), n));
	accounts.kept.users[0].role = ROLE_ADMIN;
	accounts.kept.users[0].rounds = ~0u;
	assert_false(accounts_restore(accounts_keep(&n), n));
	accounts.kept.users[0].rounds = 1;
	memset(accounts.kept.users[1].name, 'a', ACCOUNT_NAME);
	assert_false(accounts_restore(accounts_keep(&n), n));
	memset(&accounts.kept.users[1], 0, sizeof(accounts.kept.users[1]));
	strcpy(accounts.kept.tokens[3].name, "t");
	accounts.kept.tokens[3].role = 17;
	assert_false(accounts_restore(accounts_keep(&n), n));
	accounts.kept.tokens[3].role = ROLE_VIEWER;
	strcpy(accounts.kept.tokens[3].guests, "a  b");
	assert_false(accounts_restore(accounts_keep(&n), n));
	memset(accounts.kept.tokens[3].guests, 'a', ACCOUNT_GUESTS);
	assert_false(accounts_restore(accounts_keep(&n), n));
	memset(accounts.kept.tokens[3].guests, 0, ACCOUNT_GUESTS);
	strcpy(accounts.kept.users[0].guests, "web");		/* of an administrator */
	assert_false(accounts_restore(accounts_keep(&n), n));
	accounts.kept.users[0].guests[0] = 0;
	assert_true(accounts_restore(accounts_keep(&n), n));
}

/* What the first version has kept, which knew no limits to some guests: the same but for those. */
static void accounts_of_before(void **state)
{
	enum { USER = 88, TOKEN = 120, HEAD = 16, SIZE = HEAD + ACCOUNT_USERS * USER + ACCOUNT_TOKENS * TOKEN };
	static u8 old[SIZE];
	u8 sum[32];
	char token[120];

	assert_int_equal(as_admin(), 200);
	assert_int_equal(ask("POST /v1/tokens", "{\"name\":\"ci\",\"role\":\"viewer\"}"), 201);
	take_token(token);
	memcpy(old, "BHACC01", 8);
	for (u32 i = 0; i < ACCOUNT_USERS; i++)
		memcpy(old + HEAD + i * USER, &accounts.kept.users[i], USER);
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++)
		memcpy(old + HEAD + ACCOUNT_USERS * USER + i * TOKEN, &accounts.kept.tokens[i], TOKEN);
	tls_sha256(old + HEAD, SIZE - HEAD, sum);
	memcpy(old + 8, sum, 4);
	accounts_init();
	assert_int_equal(login("root", PASSWORD), 401);
	old[HEAD] ^= 1;
	assert_false(accounts_restore(old, SIZE));
	old[HEAD] ^= 1;
	assert_true(accounts_restore(old, SIZE));
	assert_int_equal(login("root", PASSWORD), 200);
	assert_int_equal(ask("GET /v1/machine", NULL), 200);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", token, NULL), 200);
	assert_non_null(strstr(client.text, "database"));
}

static void which_range(void **state)
{
	static const struct { const char *text; enum range_kind kind; u64 first, n; } of[] = {
		{ "bytes=0-99", RANGE_PART, 0, 100 }, { "bytes=0-0", RANGE_PART, 0, 1 }, { "bytes=999-", RANGE_PART, 999, 1 },
		{ "bytes=1000-", RANGE_NONE, 0, 0 }, { "bytes=990-5000", RANGE_PART, 990, 10 }, { "bytes=-10", RANGE_PART, 990, 10 },
		{ "bytes=-5000", RANGE_PART, 0, 1000 }, { "bytes=-0", RANGE_NONE, 0, 0 }, { "bytes=5-4", RANGE_WHOLE, 0, 0 },
		{ "bytes=0-1,5-6", RANGE_WHOLE, 0, 0 }, { "bytes=", RANGE_WHOLE, 0, 0 }, { "bytes=-", RANGE_WHOLE, 0, 0 },
		{ "lines=0-1", RANGE_WHOLE, 0, 0 }, { "bytes=99999999999999999999-", RANGE_WHOLE, 0, 0 }, { "bytes=1-x", RANGE_WHOLE, 0, 0 },
		{ "bytes=0-18446744073709551615", RANGE_WHOLE, 0, 0 },
	};
	u64 first, n;

	for (u32 i = 0; i < ARRAY_COUNT(of); i++) {
		if (range_of(of[i].text, 1000, &first, &n) != of[i].kind)
			fail_msg("%s", of[i].text);
		if (of[i].kind == RANGE_PART)
			assert_true(first == of[i].first && n == of[i].n);
	}
	assert_int_equal(range_of("bytes=0-", 0, &first, &n), RANGE_NONE);
	assert_int_equal(range_of("bytes=-1", 0, &first, &n), RANGE_NONE);
}

static const char *body(void)
{
	return strstr(client.text, "\r\n\r\n") + 4;
}

/* Of the page, of a console's record: with another version's If-Range the whole; HEAD and mistakes have no part of it. */
static void ranges(void **state)
{
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /", "Range: bytes=3-7\r\n", NULL), 206);
	assert_string_equal(body(), "index");
	assert_non_null(strstr(client.text, "\r\ncontent-range: bytes 3-7/8\r\n"));
	assert_non_null(strstr(client.text, "\r\ncontent-length: 5\r\n"));
	assert_int_equal(web_client_ask(&client, "GET /", "Range: bytes=3-7\r\nIf-Range: \"0123\"\r\n", NULL), 206);
	assert_int_equal(web_client_ask(&client, "GET /", "Range: bytes=3-7\r\nIf-Range: \"4567\"\r\n", NULL), 200);
	assert_string_equal(body(), "an index");
	assert_int_equal(web_client_ask(&client, "HEAD /", "Range: bytes=3-7\r\n", NULL), 200);
	assert_non_null(strstr(client.text, "\r\ncontent-length: 8\r\n"));
	assert_int_equal(web_client_ask(&client, "GET /", "Range: bytes=8-\r\n", NULL), 416);
	assert_non_null(strstr(client.text, "\r\ncontent-range: bytes */8\r\n"));
	assert_non_null(strstr(client.text, "application/problem+json"));
	assert_null(strstr(client.text, "content-encoding"));
	assert_int_equal(web_client_ask(&client, "GET /page/app.js", "Range: bytes=-1\r\n", NULL), 206);
	assert_non_null(strstr(client.text, "\r\ncontent-encoding: gzip\r\n"));
	assert_string_equal(body(), "q");
	assert_int_equal(web_client_ask(&client, "GET /openapi.json", "Range: bytes=0-0\r\n", NULL), 200);
	web_client_close(&client);
}

static struct datastore_file kept[] = { { "capture/lan", 10000 }, { "web/accounts", 100 }, { "log/0", 0 } };
static u32 kept_readable = 10000;

bool datastore_file(u32 n, struct datastore_file *f)
{
	if (n < ARRAY_COUNT(kept))
		*f = kept[n];
	return n < ARRAY_COUNT(kept);
}

int datastore_read(const char *path, u32 offset, void *to, u32 size)
{
	if (strcmp(path, "capture/lan"))
		return -E_NOENT;
	if (offset > kept_readable)
		return 0;
	size = MIN(size, kept_readable - offset);
	for (u32 i = 0; i < size; i++)
		((char *)to)[i] = (char)('a' + (offset + i) % 26);
	return (int)size;
}

/* Files of the datastore go out in pieces, whole or a part; those with secrets do not. */
static void kept_files(void **state)
{
	char headers[300];

	assert_int_equal(as_admin(), 200);
	assert_int_equal(ask("GET /v1/datastore/web/accounts", NULL), 404);
	assert_int_equal(ask("GET /v1/datastore/capture/none", NULL), 404);
	assert_int_equal(ask("GET /v1/datastore/capture/%2e%2e", NULL), 400);
	assert_int_equal(ask("GET /v1/datastore/log/0", NULL), 200);
	assert_string_equal(body(), "");
	assert_int_equal(ask("HEAD /v1/datastore/capture/lan", NULL), 200);
	assert_non_null(strstr(client.text, "\r\ncontent-length: 10000\r\n"));
	snprintf(headers, sizeof(headers), "%sRange: bytes=5000-5003\r\n", cookie);
	assert_int_equal(web_client_ask(&client, "GET /v1/datastore/capture/lan", headers, NULL), 206);
	assert_non_null(strstr(client.text, "content-range: bytes 5000-5003/10000\r\n"));
	assert_memory_equal(body(), "ijkl", 5);
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(ask("GET /v1/datastore/capture/lan", NULL), 200);
	assert_int_equal(strlen(body()), 10000);
	assert_true(body()[9999] == 'a' + 9999 % 26);
	web_client_close(&client);
	/* It gets shorter while it is on its way. */
	kept_readable = 6000;
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(ask("GET /v1/datastore/capture/lan", NULL), 200);
	assert_true(strlen(body()) <= 6000);
	kept_readable = 10000;
	web_client_close(&client);
}

/* tests/boot/webschema.py looks at what it says; here, that it is JSON, and names every function. */
static void the_description(void **state)
{
	yyjson_val *paths;
	yyjson_doc *doc;
	u32 n = 0;

	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /openapi.json", "", NULL), 200);
	doc = yyjson_read(strstr(client.text, "\r\n\r\n") + 4, strlen(strstr(client.text, "\r\n\r\n") + 4), 0);
	if (!doc)
		fail_msg("no JSON: %s", client.text);
	paths = yyjson_obj_get(yyjson_doc_get_root(doc), "paths");
	for (u32 i = 0; i < api_route_count; i++)
		n += !i || strcmp(api_route[i].path, api_route[i - 1].path);
	assert_true(n > 30 && yyjson_obj_size(paths) <= n);
	assert_non_null(yyjson_obj_get(yyjson_obj_get(paths, "/v1/guests/{name}/console"), "get"));
	yyjson_doc_free(doc);
	web_client_close(&client);
}

static void everything_answers(void **state)
{
	static const char *const get[] = { "/v1/guests/web", "/v1/machine", "/v1/log", "/v1/log?from=0", "/metrics", "/v1/session",
		"/v1/users", "/v1/tokens", "/v1/audit?from=1" };
	char line[300];

	assert_int_equal(as_admin(), 200);
	for (u32 i = 0; i < ARRAY_COUNT(get); i++) {
		snprintf(line, sizeof(line), "GET %s", get[i]);
		if (ask(line, NULL) != 200)
			fail_msg("%s: %s", line, client.text);
	}
	assert_int_equal(ask("GET /v1/log?from=x", NULL), 400);
	assert_int_equal(ask("GET /v1/plan", NULL), 404);
	assert_int_equal(ask("GET /metrics", NULL), 200);
	assert_non_null(strstr(client.text, "bulkhead_guest_disk_read_bytes_total{guest=\"web\"} 4096\n"));
	assert_string_equal(client.text + client.length - 6, "# EOF\n");
	assert_non_null(strstr(client.text, "text/plain; version=0.0.4"));
	assert_non_null(strstr(client.text, "\n# TYPE bulkhead_guest_exits_total counter\n"));
	snprintf(line, sizeof(line), "%sAccept: a/b, application/openmetrics-text;q=1\r\n", cookie);
	assert_int_equal(web_client_ask(&client, "GET /metrics", line, NULL), 200);
	assert_non_null(strstr(client.text, "application/openmetrics-text; version=1.0.0"));
	assert_non_null(strstr(client.text, "\n# TYPE bulkhead_guest_exits counter\n"));
	assert_int_equal(ask("POST /v1/guests/web/stop", "{\"seconds\":3601}"), 422);
	assert_int_equal(ask("POST /v1/guests/web/stop", "{\"second\":1}"), 422);
	assert_non_null(strstr(client.text, "\"key\":\"second\""));
	assert_int_equal(ask("POST /v1/guests/web/stop", "{\"seconds\":1}{}"), 400);
	assert_int_equal(web_client_ask(&client, "POST /v1/login", "Content-Type: text/plain\r\n", "{}"), 400);
}

static void chunks_and_pipelines(void **state)
{
	static const char two[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n";
	const char *at;

	assert_true(web_client_open(&client, 1, 0));
	assert_true(web_client_send(&client, two, strlen(two)));
	client.length = web_client_receive(&client, client.text, sizeof(client.text) - 1);
	client.text[client.length] = 0;
	at = strstr(client.text, "an index");
	assert_non_null(at);
	assert_non_null(strstr(at, "HTTP/1.1 200 OK"));
	assert_int_equal(web_client_ask(&client, "POST /v1/login", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", NULL), 0);
	assert_true(web_client_send(&client, "2\r\n{}\r\n0\r\n\r\n", 12));
	client.length = web_client_receive(&client, client.text, sizeof(client.text) - 1);
	client.text[client.length] = 0;
	assert_non_null(strstr(client.text, "422 Unprocessable"));
	/* A request that is wrong is answered, and the connection ends. */
	assert_int_equal(web_client_ask(&client, "GET /", "Host: b\r\n", NULL), 400);
	web_fake_turns(3);
	assert_false(web_client_is_there(&client));
}

static void slow_clients(void **state)
{
	/* Nothing after TCP, half a hand shake, half a request, no request. */
	assert_non_null(server_accept((const u8[16]){ 1 }));
	server_conn(0)->wire.tcp = &other;
	assert_true(web_client_open(&client, 1, 0));
	assert_true(web_client_send(&client, "GET / HT", 8));
	assert_true(web_client_open(&other, 2, 0));
	web_fake_now += 9 * HZ;
	web_fake_turns(3);
	assert_int_equal(server_conn(0)->state, CONN_HANDSHAKE);
	web_fake_now += 2 * HZ;
	web_fake_turns(3);
	assert_null(server_conn(0));
	assert_false(web_client_is_there(&other));
	web_fake_now += 5 * HZ;
	web_fake_turns(3);
	client.length = web_client_receive(&client, client.text, sizeof(client.text) - 1);
	client.text[client.length] = 0;
	assert_non_null(strstr(client.text, "408 Request Timeout"));
	web_fake_turns(3);
	assert_false(web_client_is_there(&client));
}

/* The server was busy with others: what has come meanwhile is no fault of whoever sent it in time; but more of it is late. */
static void late_but_there(void **state)
{
	static const u8 rest[] = "TP/1.1\r\nHost: a\r\n\r\n";

	assert_true(web_client_open(&client, 1, 0));
	assert_true(web_client_send(&client, "GET / HT", 8));
	assert_true(mbedtls_ssl_write(&client.ssl, rest, 4) == 4);
	web_fake_now += 20 * HZ;
	assert_int_equal(wire_waiting(&client.conn->wire), 0);
	web_fake_turns(1);
	client.length = web_client_receive(&client, client.text, sizeof(client.text) - 1);
	client.text[client.length] = 0;
	assert_non_null(strstr(client.text, "408 Request Timeout"));
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	assert_true(web_client_send(&client, "GET / HT", 8));
	web_fake_deaf = true;
	assert_true(mbedtls_ssl_write(&client.ssl, rest, sizeof(rest) - 1) > 0);
	web_fake_deaf = false;
	assert_true(wire_waiting(&client.conn->wire) > 0);
	web_fake_now += 20 * HZ;
	client.length = web_client_receive(&client, client.text, sizeof(client.text) - 1);
	client.text[client.length] = 0;
	assert_non_null(strstr(client.text, "200 OK"));
	web_client_close(&client);
}

/* A flood takes all places; whoever has an account still comes in, and stays. */
static void a_flood(void **state)
{
	static struct web_conn *strangers[500];

	assert_int_equal(as_admin(), 200);
	for (u32 i = 0; i < 500; i++) {
		web_fake_now += HZ / 1000;
		strangers[i] = server_accept((const u8[16]){ 7, (u8)i, (u8)(i >> 8) });
		if (strangers[i])
			strangers[i]->wire.tcp = &other;
		if (i % 3 == 0)
			web_fake_turns(1);
	}
	assert_true(server_counts.pushed_out > 100);
	assert_int_equal(ask("GET /v1/guests", NULL), 200);
	/* From another address, in the middle of it. */
	for (u32 i = 0; i < 60; i++)
		server_accept((const u8[16]){ 8, (u8)i });
	web_fake_turns(2);
	assert_true(web_client_open(&other, 9, 0));
	assert_int_equal(web_client_ask(&other, "GET /v1/guests", cookie, NULL), 200);
	/* All places are held by others who may: the last administrator's address has its own. */
	web_client_close(&client);
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		if (server_conn(i))
			server_conn(i)->known = true;
	while (server_accept((const u8[16]){ 9 }))
		;
	assert_true(server_counts.refused > 0);
	server_admin_from(other.conn);
	assert_true(web_client_open(&client, 9, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", cookie, NULL), 200);
}

/* One address's flood makes room for others, not others for it; streams leave places to administrators. */
static void a_flood_from_one_address(void **state)
{
	static const u8 flood[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	u32 taken = 0;

	assert_int_equal(as_admin(), 200);
	web_client_close(&client);
	server_admin_from(server_accept((const u8[16]){ 1 }));
	assert_true(web_client_open(&client, 50, 0));	/* the oldest of all, a stranger */
	for (u32 i = 0; i < 500; i++) {
		struct web_conn *c;

		web_fake_now += HZ / 1000;
		c = server_accept(flood);
		if (c)
			c->wire.tcp = &other;
		taken += c != NULL;
		if (i % 50 == 0)		/* the server was at work meanwhile */
			web_fake_turns(1);
		assert_true(client.conn->wire.tcp == &client);
	}
	assert_true(taken >= 20 && server_counts.refused > 300);
	assert_true(web_client_open(&other, 51, 0));
	assert_int_equal(web_client_ask(&client, "GET /", "", NULL), 200);
	/* Others' idle connections make room although they have an account, streams and administrators do not. */
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		if (server_conn(i) && (server_conn(i)->state == CONN_HANDSHAKE || server_conn(i)->state == CONN_NEW)) {
			server_conn(i)->known = true;
			server_conn(i)->state = i % 2 ? CONN_STREAM : CONN_HTTP;
			server_conn(i)->role = ROLE_VIEWER;
			server_conn(i)->wire.tcp = NULL;
		}
	client.conn->known = other.conn->known = true;
	client.conn->role = ROLE_ADMIN;
	for (u32 i = 0; server_accept((const u8[16]){ 60, (u8)i }); i++)
		;
	places_keep_spare();
	assert_false(client.conn->wire.abort);
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		assert_false(server_conn(i) && server_conn(i)->state == CONN_STREAM && server_conn(i)->wire.abort);
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		if (server_conn(i))
			server_conn(i)->state = CONN_STREAM, server_conn(i)->role = ROLE_VIEWER;
	assert_false(server_has_stream_place(ROLE_OPERATOR));
	assert_true(server_has_stream_place(ROLE_ADMIN));
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		if (server_conn(i)) {
			server_conn(i)->state = CONN_HTTP;
			server_conn(i)->wire.gone = server_conn(i) != client.conn && server_conn(i) != other.conn;
		}
	web_client_close(&other);
	web_client_close(&client);
}

/* Memory comes with the connection and goes with it; an administrator's is there when there is no other. */
static void memory_of_connections(void **state)
{
	u64 before = fake_pool_used;
	struct web_conn *c;
	u32 n = 0;

	assert_int_equal(as_admin(), 200);
	while (n < 64 && (c = server_accept((const u8[16]){ 40, (u8)n }))) {
		c->wire.gone = true;
		n++;
	}
	assert_true(n == 64 && fake_pool_used >= before + 60 * CONN_PAGES);
	web_fake_turns(2);
	assert_true(fake_pool_used <= before + 8 * CONN_PAGES);	/* some are kept for who comes next */
	fake_pool_empty = true;
	for (n = 0; n < 64 && (c = server_accept((const u8[16]){ 41, (u8)n })); n++)
		c->wire.gone = true;
	assert_true(n < 8 && server_counts.no_memory > 0);
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests", cookie, NULL), 200);
	fake_pool_empty = false;
	web_client_close(&client);
	for (n = 0; n < 40 && (c = server_accept((const u8[16]){ 42, (u8)n })); n++) {
		for (u32 k = 0; k < sizeof(c->plain); k++)
			assert_int_equal(c->plain[k], 0);
		for (u32 k = 0; k < sizeof(c->request); k++)
			assert_int_equal(((u8 *)&c->request)[k], 0);
		c->wire.gone = true;
	}
}

/* The last of the memory is not for large answers to others than administrators. */
static void large_answers(void **state)
{
	void *hog[80];
	u32 n = 0;

	assert_int_equal(as_admin(), 200);
	client.conn->role = ROLE_VIEWER;
	assert_true(conn_room(client.conn, 200 * KiB));
	assert_true(web_client_open(&other, 2, 0));
	while (heap_use.size - heap_use.used > 500 * KiB)
		assert_true(n < ARRAY_COUNT(hog) && (hog[n++] = heap_alloc(50 * KiB)));
	other.conn->role = ROLE_VIEWER;
	assert_false(conn_room(other.conn, 40 * KiB));
	assert_true(conn_room(other.conn, 8 * KiB));
	other.conn->role = ROLE_ADMIN;
	assert_true(conn_room(other.conn, 40 * KiB));
	while (n)
		heap_free(hog[--n]);
	web_client_close(&other);
}

/* Without memory a connection ends; the others go on, nothing is lost. */
static void no_memory(void **state)
{
	static void *hog[16000];
	u32 n = 0;

	assert_int_equal(as_admin(), 200);
	for (u32 leave = 40; leave < 280; leave += 6) {		/* pieces of 256 bytes; the client's part comes from there, too */
		for (; n < ARRAY_COUNT(hog) && (hog[n] = heap_alloc(240)); n++)
			;
		for (u32 i = 0; i < leave && n; i++)
			heap_free(hog[--n]);
		if (web_client_open(&other, 2, leave & 2 ? MBEDTLS_SSL_VERSION_TLS1_2 : 0))
			web_client_ask(&other, "GET /openapi.json", "", NULL);
		web_client_close(&other);
		assert_true(heap_is_sound());
	}
	assert_true(server_counts.no_memory > 0);
	while (n)
		heap_free(hog[--n]);
	assert_true(web_client_open(&other, 2, 0));
	web_client_close(&other);
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(ask("GET /v1/guests", NULL), 200);
}

/* What is no TLS, and TLS that breaks in the middle. */
static void rubbish(void **state)
{
	static u8 bytes[3000];

	for (u32 round = 0; round < 40; round++) {
		struct web_conn *c = server_accept((const u8[16]){ 5 });

		assert_non_null(c);
		c->wire.tcp = &other;
		for (u32 i = 0; i < sizeof(bytes); i++)
			bytes[i] = (u8)rand();
		if (round & 1)
			memcpy(bytes, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
		wire_receive(&c->wire, bytes, sizeof(bytes));
		web_fake_turns(3);
		if (server_conn(0) == c) {
			c->wire.out_tail = c->wire.out_given = c->wire.out_head;
			web_fake_turns(2);
		}
		if (server_conn(0) == c) {
			c->wire.tcp = NULL;
			c->wire.gone = true;
			web_fake_turns(1);
		}
		assert_null(server_conn(0));
	}
	assert_true(web_client_open(&client, 1, 0));
	client.conn->wire.in[client.conn->wire.in_head % WIRE_IN] ^= 1;
	assert_true(wire_receive(&client.conn->wire, bytes, 600));
	web_fake_turns(4);
	assert_true(!web_client_is_there(&client) || client.conn->state == CONN_CLOSING);
	web_client_close(&client);
}

static void certificates(void **state)
{
	static struct tls_keep keep, second;
	char first[TLS_FINGERPRINT];

	assert_null(tls_mint("a", &keep));
	assert_null(tls_mint("b", &second));
	assert_null(tls_use(&keep));
	assert_int_equal(strlen(tls_fingerprint()), 95);
	strcpy(first, tls_fingerprint());
	assert_null(tls_use(&second));
	assert_string_not_equal(first, tls_fingerprint());
	/* The other one's key, a cut one, rubbish: no connection, no crash. */
	assert_non_null(tls_use_files(keep.der + keep.key_length, keep.cert_length, second.der, second.key_length));
	assert_false(web_client_open(&client, 1, 0));
	web_client_close(&client);
	assert_non_null(tls_use_files(keep.der + keep.key_length, keep.cert_length - 1, keep.der, keep.key_length));
	assert_non_null(tls_use_files("-----BEGIN", 10, "", 0));
	assert_null(tls_use_files(keep.der + keep.key_length, keep.cert_length, keep.der, keep.key_length));
	keep.cert_length = ~0u;
	assert_non_null(tls_use(&keep));
	assert_null(tls_use(&second));
	assert_true(web_client_open(&client, 1, 0));
}

/* RFC 7914 "Test Vectors for PBKDF2 with HMAC-SHA-256" has 64 bytes; these are the first 32. */
static void slow_hash(void **state)
{
	static const u8 one[32] = { 0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f, 0xec, 0x16, 0x91, 0xc2, 0x25, 0x44, 0xb6, 0x05,
		0xf9, 0x41, 0x85, 0x21, 0x6d, 0xde, 0x04, 0x65, 0xe6, 0x8b, 0x9d, 0x57, 0xc2, 0x0d, 0xac, 0xbc };
	static const u8 many[32] = { 0x4d, 0xdc, 0xd8, 0xf6, 0x0b, 0x98, 0xbe, 0x21, 0x83, 0x0c, 0xee, 0x5e, 0xf2, 0x27, 0x01, 0xf9,
		0x64, 0x1a, 0x44, 0x18, 0xd0, 0x4c, 0x04, 0x14, 0xae, 0xff, 0x08, 0x87, 0x6b, 0x34, 0xab, 0x56 };
	u64 before = web_fake_breaths;
	u8 hash[32];

	tls_slow_hash("passwd", 6, (const u8 *)"salt", 4, 1, hash);
	assert_memory_equal(hash, one, 32);
	tls_slow_hash("Password", 8, (const u8 *)"NaCl", 4, 80000, hash);
	assert_memory_equal(hash, many, 32);
	assert_true(web_fake_breaths - before > 1000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_versions), TEST(page), TEST(enrolment), TEST(sessions), TEST(roles), TEST(some_guests), TEST(other_rights), TEST(accounts_of_before), TEST(tokens_of_tokens), TEST(sessions_of_one), TEST(guesses), TEST(guesses_on_a_slow_machine), TEST(brute_force), TEST(accounts_last),
		TEST(which_range), TEST(ranges), TEST(kept_files), TEST(the_description), TEST(everything_answers), TEST(chunks_and_pipelines), TEST(slow_clients), TEST(late_but_there), TEST(a_flood), TEST(a_flood_from_one_address), TEST(memory_of_connections), TEST(large_answers), TEST(no_memory), TEST(rubbish),
		TEST(certificates), TEST(slow_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
