/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/web/web_fake.c hv/web/accounts.c hv/web/answer.c hv/web/api.c hv/web/api_accounts.c hv/web/api_guests.c hv/web/api_machine.c hv/web/api_describe.c hv/web/api_life.c hv/web/json_plan.c hv/web/ticket.c hv/control/requests.c hv/core/plan_show.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_schema.c hv/core/plan_errors.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/lib/toml.c hv/lib/toml_value.c hv/web/api_events.c hv/web/api_page.c hv/web/api_console.c hv/web/websocket.c hv/web/audit.c hv/web/facts.c hv/web/heap.c hv/web/http.c hv/web/json_in.c hv/web/mbedtls_port.c hv/web/out.c hv/web/server.c hv/web/sessions.c hv/web/tls.c hv/web/wire.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c hv/lib/net_text.c tests/unit/hv/control/fake_machine.c web */
/* Consoles by WebSocket and events, over TLS; WebSocket's frames alone. */
#define _GNU_SOURCE
#include "web_fake.h"

#include "hv/web/websocket.h"

#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"	\
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static struct web_client client, second;
static char token[2][160];		/* operator, viewer */

static int setup(void **state)
{
	static const enum role role[] = { ROLE_OPERATOR, ROLE_VIEWER };
	char secret[ACCOUNT_SECRET + 1];
	u16 status;

	web_fake_begin();
	for (u32 i = 0; i < 2; i++) {
		assert_null(accounts_add_token(i ? "see" : "do", role[i], 0, "root", 0, secret, &status));
		snprintf(token[i], sizeof(token[i]), "Authorization: Bearer %s\r\n", secret);
	}
	return 0;
}

static int teardown(void **state)
{
	web_client_close(&client);
	web_client_close(&second);
	memset(&client, 0, sizeof(client));
	memset(&second, 0, sizeof(second));
	web_fake_end();
	return 0;
}

static void say(struct guest *g, const char *text)
{
	for (; *text; text++)
		console_ring_put(g->console, (u8)*text, web_fake_now);
}

static int open_port(struct web_client *c, u32 who, const char *target, const char *more)
{
	char headers[600];

	snprintf(headers, sizeof(headers), "%s" UPGRADE "%s", token[who], more);
	assert_true(web_client_open(c, (u8)(1 + who), 0));
	return web_client_ask(c, target, headers, NULL);
}

static int open_console(struct web_client *c, u32 who, const char *more)
{
	return open_port(c, who, "GET /v1/guests/web/console", more);
}

/* A frame from the client, masked. */
static void send_frame(struct web_client *c, u8 first, const char *text, u32 n)
{
	static const u8 mask[4] = { 1, 2, 3, 4 };
	u8 frame[300] = { first, (u8)(0x80 | n) };

	assert_true(n < 126);
	memcpy(frame + 2, mask, 4);
	for (u32 i = 0; i < n; i++)
		frame[6 + i] = (u8)text[i] ^ mask[i % 4];
	web_client_send(c, frame, 6 + n);
}

static const char *receive(struct web_client *c)
{
	c->length = web_client_receive(c, c->text, sizeof(c->text) - 1);
	c->text[c->length] = 0;
	return c->text;
}

static void typed(const char *text)
{
	for (; *text; text++)
		assert_int_equal(input_ring_get(guests[0]->input), (u8)*text);
	assert_int_equal(input_ring_get(guests[0]->input), -1);
}

static void a_console(void **state)
{
	static const char answer[] = "\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x82\x05hello";

	guests[0]->state = GUEST_RUNNING;
	say(guests[0], "hello");
	assert_int_equal(open_console(&client, 0, ""), 101);
	assert_non_null(memmem(client.text, client.length, answer, sizeof(answer) - 1));	/* the record first; RFC 6455's own key */
	say(guests[0], " world");
	receive(&client);
	assert_int_equal(client.length, 8);
	assert_memory_equal(client.text, "\x82\x06 world", 8);
	send_frame(&client, 0x81, "ls\r", 3);
	typed("ls\r");
	assert_true(fake_requests[0][0] & REQ_EVENTS);
	send_frame(&client, 0x02, "in ", 3);		/* in pieces */
	send_frame(&client, 0x89, "ping", 4);
	send_frame(&client, 0x80, "two", 3);
	typed("in two");
	assert_memory_equal(receive(&client), "\x8a\x04ping", 6);
	send_frame(&client, 0x88, "\x03\xe8", 2);
	assert_memory_equal(receive(&client), "\x88\x02\x03\xe8", 4);
	web_fake_turns(3);
	assert_int_equal(client.conn->state, CONN_FREE);
}

static void one_types_at_a_time(void **state)
{
	guests[0]->state = GUEST_RUNNING;
	assert_int_equal(open_console(&client, 0, ""), 101);
	assert_int_equal(open_console(&second, 1, ""), 101);
	send_frame(&second, 0x82, "x", 1);		/* a viewer */
	typed("");
	assert_non_null(strstr(receive(&second), "needs the role operator"));
	web_client_close(&second);
	assert_true(web_client_open(&second, 7, 0));
	{
		char headers[600];

		snprintf(headers, sizeof(headers), "%s" UPGRADE, token[0]);
		assert_int_equal(web_client_ask(&second, "GET /v1/guests/web/console", headers, NULL), 101);
	}
	send_frame(&client, 0x82, "a", 1);
	send_frame(&second, 0x82, "b", 1);
	typed("a");
	assert_non_null(strstr(receive(&second), "somebody else is typing"));
	web_fake_now += 11 * HZ;
	send_frame(&second, 0x82, "b", 1);
	typed("b");
}

/* More than the guest takes waits, and is not lost; a guest that is off takes nothing, and holds nothing up. */
static void a_slow_guest(void **state)
{
	char text[120];

	guests[0]->state = GUEST_RUNNING;
	assert_int_equal(open_console(&client, 0, ""), 101);
	for (u32 i = 0; i < 5; i++) {
		memset(text, 'a' + (int)i, sizeof(text));
		send_frame(&client, 0x82, text, sizeof(text));
	}
	for (u32 i = 0; i < 600; i++) {
		int byte = input_ring_get(guests[0]->input);

		if (byte < 0) {
			web_fake_turns(2);
			byte = input_ring_get(guests[0]->input);
		}
		if (byte != 'a' + (int)(i / 120))
			fail_msg("byte %u is %d", i, byte);
	}
	guests[0]->state = GUEST_OFF;
	send_frame(&client, 0x82, text, sizeof(text));
	typed("");
	say(guests[0], "still here");
	assert_non_null(memmem(receive(&client), 12, "still here", 10));
}

/* Who asks for answers and reads none gets no memory for them. */
static void pings_without_reading(void **state)
{
	u8 frame[131] = { 0x89, 0x80 | 125 };

	assert_int_equal(open_console(&client, 1, ""), 101);
	for (u32 i = 0; i < 200; i++)
		assert_true(mbedtls_ssl_write(&client.ssl, frame, sizeof(frame)) == sizeof(frame));
	web_fake_turns(20);
	assert_true(wire_room(&client.conn->wire) == 0);
	assert_true(client.conn->out_length - client.conn->out_at <= 4096);
	assert_true(client.conn->out_size <= 8192);
	receive(&client);
	assert_int_equal(client.length, 200 * 127);
}

/* The guest is changed while its console is looked at: the port is no more. */
static void a_port_that_goes(void **state)
{
	static struct console_ring ring;

	guests[0]->port[0] = (struct guest_port){ "log", &ring, guests[0]->input };
	guests[0]->port_count = 1;
	for (const char *c = "port"; *c; c++)
		console_ring_put(&ring, (u8)*c, web_fake_now);
	assert_int_equal(open_port(&client, 0, "GET /v1/guests/web/console?port=1", ""), 101);
	assert_non_null(memmem(client.text, client.length, "\x82\x04port", 6));
	guests[0]->port_count = 0;
	guests[0]->port[0] = (struct guest_port){ 0 };
	web_fake_turns(2);
	assert_memory_equal(receive(&client), "\x88\x02\x03\xf0", 4);
	web_fake_turns(2);
	assert_int_equal(client.conn->state, CONN_FREE);
}

static void who_may_no_longer(void **state)
{
	u16 status;

	assert_int_equal(open_console(&client, 0, ""), 101);
	assert_null(accounts_remove_token("do", &status));
	web_fake_turns(2);
	assert_memory_equal(receive(&client), "\x88\x02\x03\xf0", 4);
	web_fake_turns(2);
	assert_int_equal(client.conn->state, CONN_FREE);
	/* A client that has gone without a word. */
	assert_int_equal(open_console(&second, 1, ""), 101);
	for (u32 i = 0; i < 4; i++) {
		web_fake_now += 19 * HZ;
		web_fake_turns(2);
		receive(&second);
	}
	web_fake_turns(2);
	assert_int_equal(second.conn->state, CONN_FREE);
}

static void what_is_no_handshake(void **state)
{
	assert_int_equal(open_console(&client, 0, "Origin: https://evil.example\r\n"), 403);
	web_client_close(&client);
	assert_int_equal(open_console(&client, 0, "Sec-WebSocket-Version: 13\r\n"), 400);
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web/console", token[0], NULL), 426);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web/console?port=1", token[0], NULL), 404);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/none/console", token[0], NULL), 404);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web/console", UPGRADE, NULL), 401);
}

static void events(void **state)
{
	char headers[300], id[80] = "";
	const char *at;

	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/events", token[1], NULL), 200);
	assert_non_null(strstr(client.text, "content-type: text/event-stream"));
	guests[0]->state = GUEST_RUNNING;
	log_notice("one\nline with \"quotes\"");
	receive(&client);
	assert_non_null(strstr(client.text, "event: guest\ndata: {\"name\":\"web\",\"state\":\"running\""));
	assert_non_null(strstr(client.text, "event: log\ndata: {\"level\":\"notice\",\"text\":\"one\\u000aline with \\\"quotes\\\"\""));
	for (at = client.text; (at = strstr(at, "id: ")); at += 4)
		snprintf(id, sizeof(id), "Last-Event-ID: %.*s\r\n", (int)strcspn(at + 4, "\n"), at + 4);
	web_fake_now += 16 * HZ;
	assert_string_equal(receive(&client), ": alive\n\n");
	web_client_close(&client);
	/* What was missed comes after, nothing twice. */
	guests[0]->state = GUEST_OFF;
	log_notice("two");
	web_fake_turns(2);
	assert_true(web_client_open(&client, 1, 0));
	snprintf(headers, sizeof(headers), "%s%s", token[1], id);
	web_client_ask(&client, "GET /v1/events", headers, NULL);
	assert_non_null(strstr(client.text, "\"state\":\"off\""));
	assert_non_null(strstr(client.text, "\"text\":\"two\""));
	assert_null(strstr(client.text, "running"));
	assert_null(strstr(client.text, "quotes"));
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	snprintf(headers, sizeof(headers), "%sLast-Event-ID: 9999999999-9999999999\r\n", token[1]);
	assert_int_equal(web_client_ask(&client, "GET /v1/events", headers, NULL), 200);
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static u8 got[70000];
static u32 got_length, controls;

static u32 keep(void *arg, const u8 *bytes, u32 n)
{
	memcpy(got + got_length, bytes, n);
	got_length += n;
	return n;
}

static void count(void *arg, enum ws_opcode opcode, const u8 *bytes, u32 n)
{
	controls++;
}

static u16 reads(const void *bytes, u32 n)
{
	static const struct ws_user user = { keep, count };
	static u8 copy[70000];
	struct ws_reader w = { 0 };

	got_length = controls = 0;
	memcpy(copy, bytes, n);
	for (u32 i = 0; i < n && !w.error; i++)
		assert_true(ws_read(&w, copy + i, 1, &user, NULL) == 1 || w.error);
	return w.error;
}

static void frames(void **state)
{
	static u8 large[70000] = { 0x82, 0x80 | 126, 0x01, 0x00, 0, 0, 0, 0 };

	assert_int_equal(reads("\x81\x82\x01\x02\x03\x04\x60\x60", 8), 0);
	assert_memory_equal(got, "ab", 2);
	assert_int_equal(reads(large, 8 + 256), 0);
	assert_int_equal(got_length, 256);
	assert_int_equal(reads("\x89\x80" "aaaa" "\x8a\x80" "aaaa", 12), 0);
	assert_int_equal(controls, 2);
	assert_int_equal(reads("\x81\x02" "ab", 4), WS_PROTOCOL);		/* not masked */
	assert_int_equal(reads("\xc1\x80", 2), WS_PROTOCOL);			/* reserved bit */
	assert_int_equal(reads("\x83\x80", 2), WS_PROTOCOL);			/* no such opcode */
	assert_int_equal(reads("\x8b\x80", 2), WS_PROTOCOL);
	assert_int_equal(reads("\x09\x80", 2), WS_PROTOCOL);			/* control in pieces */
	assert_int_equal(reads("\x89\xfe\x00\x7e", 4), WS_PROTOCOL);		/* control too long */
	assert_int_equal(reads("\x80\x80", 2), WS_PROTOCOL);			/* goes on with nothing */
	assert_int_equal(reads("\x01\x80" "aaaa" "\x81\x80", 8), WS_PROTOCOL);	/* begins in the middle */
	assert_int_equal(reads("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x01" "aaaa", 14), WS_TOO_BIG);
	assert_int_equal(reads("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" "aaaa", 14), WS_TOO_BIG);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_console), TEST(one_types_at_a_time), TEST(a_slow_guest), TEST(pings_without_reading), TEST(a_port_that_goes), TEST(who_may_no_longer), TEST(what_is_no_handshake),
		TEST(events), cmocka_unit_test(frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
