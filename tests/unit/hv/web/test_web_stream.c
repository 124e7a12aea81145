/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/web/web_fake.c hv/web/accounts.c hv/web/accounts_kept.c hv/web/answer.c hv/web/answer_range.c hv/web/api_kept.c hv/web/api.c hv/web/api_accounts.c hv/web/api_guests.c hv/web/api_machine.c hv/web/api_metrics.c hv/web/api_describe.c hv/web/api_schema.c hv/core/files.c hv/web/api_plan.c hv/web/upload.c hv/web/api_storage.c hv/web/api_switches.c hv/web/api_life.c hv/web/json_plan.c hv/web/ticket.c hv/control/requests.c hv/core/plan_show.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_schema.c hv/core/plan_errors.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/lib/toml.c hv/lib/toml_value.c hv/web/api_events.c hv/web/api_page.c hv/web/api_console.c hv/web/websocket.c hv/web/audit.c hv/web/facts.c hv/web/heap.c hv/web/http.c hv/web/json_in.c hv/web/mbedtls_port.c hv/web/out.c hv/web/conns.c hv/web/server.c hv/web/sessions.c hv/web/tls.c hv/web/wire.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c hv/lib/net_text.c tests/unit/hv/control/fake_machine.c hv/web/api_screen.c hv/web/ws_stream.c hv/web/rfb.c hv/web/rfb_frame.c hv/web/rfb_tile.c hv/web/rfb_keys.c hv/lib/deflate.c hv/control/guest_input.c hv/web/attempts.c hv/web/places.c web */
/* Consoles and screens by WebSocket, and events, over TLS. */
#define _GNU_SOURCE
#include "web_fake.h"

#include "hv/web/rfb.h"
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
		assert_null(accounts_add_token(i ? "see" : "do", (struct account_rights){ role[i], "" }, 0, "root", 0, secret, &status));
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

static int open_stream(struct web_client *c, const char *what, u32 who, const char *more)
{
	char headers[600], line[100];

	snprintf(headers, sizeof(headers), "%s" UPGRADE "%s", token[who], more);
	snprintf(line, sizeof(line), "GET /v1/guests/web/%s", what);
	assert_true(web_client_open(c, (u8)(1 + who), 0));
	return web_client_ask(c, line, headers, NULL);
}

static int open_console(struct web_client *c, u32 who, const char *more)
{
	return open_stream(c, "console", who, more);
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
	assert_false(web_client_is_there(&client));
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
/* Notes for whoever asks: the record's end, who looks, who types. */
static void people(void **state)
{
	guests[0]->state = GUEST_RUNNING;
	say(guests[0], "hello");
	assert_int_equal(open_stream(&client, "console?notes=1", 0, ""), 101);
	assert_non_null(strstr(strstr(client.text, "hello"), "{\"event\":\"live\"}"));
	assert_non_null(strstr(client.text, "{\"event\":\"people\",\"viewers\":1,\"writer\":\"\",\"you\":false}"));
	assert_int_equal(open_stream(&second, "console?notes=1", 1, ""), 101);
	assert_non_null(strstr(receive(&client), "\"viewers\":2"));
	send_frame(&client, 0x82, "a", 1);
	assert_non_null(strstr(receive(&client), "\"you\":true"));
	assert_non_null(strstr(receive(&second), "\"writer\":\"do\",\"you\":false"));
	send_frame(&client, 0x82, "b", 1);
	assert_null(strstr(receive(&second), "people"));
	web_fake_now += 11 * HZ;
	assert_non_null(strstr(receive(&second), "\"writer\":\"\""));
	web_client_close(&client);
	assert_non_null(strstr(receive(&second), "\"viewers\":1"));
}

static void what_firmware_logs(void **state)
{
	static struct console_ring log;

	guests[0]->state = GUEST_RUNNING;
	assert_int_equal(open_stream(&client, "console?firmware=1", 0, ""), 404);
	web_client_close(&client);
	console_ring_put(&log, 'f', web_fake_now);
	guests[0]->firmware_log = &log;
	assert_int_equal(open_stream(&client, "console?firmware=1", 0, ""), 101);
	assert_memory_equal(client.text + client.length - 3, "\x82\x01" "f", 3);
	send_frame(&client, 0x82, "x", 1);
	assert_non_null(strstr(receive(&client), "only read"));
	typed("");
	guests[0]->firmware_log = NULL;		/* another guest of the same name */
	assert_non_null(strstr(receive(&client), "no such port"));
}

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
	assert_int_equal(open_stream(&client, "console?port=1", 0, ""), 101);
	assert_non_null(memmem(client.text, client.length, "\x82\x04port", 6));
	guests[0]->port_count = 0;
	guests[0]->port[0] = (struct guest_port){ 0 };
	web_fake_turns(2);
	assert_memory_equal(receive(&client) + 2, "\x03\xe9the guest has no such port any more", 37);
	web_fake_turns(2);
	assert_false(web_client_is_there(&client));
}

static void who_may_no_longer(void **state)
{
	u16 status;

	assert_int_equal(open_console(&client, 0, ""), 101);
	assert_null(accounts_remove_token("do", &status));
	web_fake_turns(2);
	assert_memory_equal(receive(&client), "\x88\x17\x03\xf0the session has ended", 25);
	web_fake_turns(2);
	assert_false(web_client_is_there(&client));
	/* A client that has gone without a word. */
	assert_int_equal(open_console(&second, 1, ""), 101);
	for (u32 i = 0; i < 4; i++) {
		web_fake_now += 19 * HZ;
		web_fake_turns(2);
		receive(&second);
	}
	web_fake_turns(2);
	assert_false(web_client_is_there(&second));
}

/* Each close frame is answered by its own code, or by what is wrong with it; a guest that goes says so. */
static void ends(void **state)
{
	static const struct { const char *said; u32 n; const char *answer; } way[] = {
		{ "", 0, "\x88\x02\x03\xe8" }, { "\x03\xe9", 2, "\x88\x02\x03\xe9" }, { "\x0f\xa0why", 5, "\x88\x02\x0f\xa0" },
		{ "\x03", 1, "\x88\x02\x03\xea" }, { "\x03\xed", 2, "\x88\x02\x03\xea" }, { "\x03\xe7", 2, "\x88\x02\x03\xea" },
		{ "\x07\xd0", 2, "\x88\x02\x03\xea" }, { "\xff\xff", 2, "\x88\x02\x03\xea" },
	};

	for (u32 i = 0; i < ARRAY_COUNT(way); i++) {
		assert_int_equal(open_console(&client, 0, ""), 101);
		send_frame(&client, 0x88, way[i].said, way[i].n);
		receive(&client);
		assert_int_equal(client.length, 4);
		assert_memory_equal(client.text, way[i].answer, 4);
		web_fake_turns(2);
		assert_false(web_client_is_there(&client));
		web_client_close(&client);
	}
	assert_int_equal(open_console(&client, 0, ""), 101);
	guests[0]->name = "other";
	web_fake_turns(2);
	assert_memory_equal(receive(&client), "\x88\x16\x03\xe9the guest is no more", 24);
}

static void subprotocols(void **state)
{
	static const char taken[] = "\r\nsec-websocket-protocol: binary\r\n";

	assert_int_equal(open_console(&client, 0, "Sec-WebSocket-Protocol: base64,\tbinary\r\n"), 101);
	assert_non_null(strstr(client.text, taken));
	web_client_close(&client);
	assert_int_equal(open_console(&client, 0, "Sec-WebSocket-Protocol: binary\r\n"), 101);
	assert_non_null(strstr(client.text, taken));
	web_client_close(&client);
	assert_int_equal(open_console(&client, 0, "Sec-WebSocket-Protocol: binary2, bin\r\n"), 101);
	assert_null(strstr(client.text, "sec-websocket-protocol"));
	web_client_close(&client);
	assert_int_equal(open_console(&client, 0, ""), 101);
	assert_null(strstr(client.text, "sec-websocket-protocol"));
}

/* --- screens ------------------------------------------------------------------------------------------------------ */

static u32 pixels[100 * 50];

static void give_screen(bool it)
{
	((struct plan_guest *)(uintptr_t)guests[0]->plan)->display = it;
	fake_picture = (struct picture){ (const u8 *)pixels, 100, 50, 400 };
	fake_has_picture = it;
	guests[0]->state = GUEST_RUNNING;
}

static void open_screen(struct web_client *c, u32 who)
{
	assert_int_equal(open_stream(c, "screen", who, "Sec-WebSocket-Protocol: binary\r\n"), 101);
	assert_non_null(memmem(c->text, c->length, "\r\n\r\n\x82\x0cRFB 003.008\n", 18));
	send_frame(c, 0x82, "RFB 003", 7);
	send_frame(c, 0x82, ".008\n\1\1", 7);
	receive(c);
	assert_memory_equal(c->text + c->length - 7, "\0\0\0\3web", 7);
}

/* Until the update that was asked for has come: its length, without WebSocket's heads. */
static u32 update(struct web_client *c, bool incremental)
{
	u32 n = 0;

	send_frame(c, 0x82, incremental ? "\3\1\0\0\0\0\0\x64\0\x32" : "\3\0\0\0\0\0\0\x64\0\x32", 10);
	for (u32 i = 0; i < 10; i++) {
		web_fake_now += HZ / 10;
		receive(c);
		for (size_t at = 0; at < c->length;) {
			const u8 *head = (const u8 *)c->text + at;
			u32 size = head[1] == 126 ? 4u : 2u, length = head[1] == 126 ? (u32)head[2] << 8 | head[3] : head[1];

			assert_int_equal(head[0], 0x82);
			n += length;
			at += size + length;
			assert_true(at <= c->length);
		}
	}
	return n;
}

static void a_screen(void **state)
{
	give_screen(true);
	open_screen(&client, 1);
	assert_int_equal(update(&client, false), 4 + 2 * 12 + 100 * 50 * 4);
	assert_int_equal(update(&client, true), 0);
	pixels[99] = 7;
	assert_int_equal(update(&client, true), 4 + 12 + 36 * 50 * 4);
	/* Another mode, which this client cannot follow; off; the screen is taken away. */
	fake_picture.width = 50;
	assert_int_equal(update(&client, true), 4 + 12 + 36 * 50 * 4);
	fake_has_picture = false;
	pixels[0] = 1;
	assert_int_equal(update(&client, true), 0);
	fake_has_picture = true;
	assert_int_equal(update(&client, true), 4 + 12 + 64 * 50 * 4);
	give_screen(false);
	web_fake_turns(2);
	assert_memory_equal(receive(&client) + 2, "\x03\xe9the guest has no screen any more", 34);
	web_fake_turns(2);
	assert_false(web_client_is_there(&client));
}

static void no_screen(void **state)
{
	u64 used;

	give_screen(false);
	assert_int_equal(open_stream(&client, "screen", 1, ""), 404);
	assert_non_null(strstr(client.text, "display = true"));
	web_client_close(&client);
	give_screen(true);
	used = heap_use.used;
	assert_int_equal(open_stream(&client, "screen", 1, "Sec-WebSocket-Version: 13\r\n"), 400);
	web_client_close(&client);
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web/screen", token[1], NULL), 426);
	web_client_close(&client);
	open_screen(&client, 1);
	web_client_close(&client);
	assert_int_equal(heap_use.used, used);
	/* What is no RFB, and what we have not. */
	open_screen(&client, 1);
	send_frame(&client, 0x82, "\x63", 1);
	assert_memory_equal(receive(&client) + 2, "\x03\xea", 2);
	web_client_close(&client);
	open_screen(&client, 1);
	send_frame(&client, 0x82, "\0\0\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	assert_memory_equal(receive(&client) + 2, "\x03\xeb", 2);
	web_client_close(&client);
	open_screen(&client, 1);
	send_frame(&client, 0x82, "\6\0\0\0\xff\0\0\0", 8);
	assert_memory_equal(receive(&client) + 2, "\x03\xf1", 2);
}

static void pressed(u16 want)
{
	u16 event = 0;

	key_ring_get(&guests[0]->keys, &event);
	assert_int_equal(event, want);
}

static void keys_of_viewers(void **state)
{
	give_screen(true);
	open_screen(&client, 0);
	open_screen(&second, 1);
	send_frame(&second, 0x82, "\4\1\0\0\0\0\0\x61", 8);		/* a viewer only: a bell */
	assert_memory_equal(receive(&second), "\x82\x01\x02", 3);
	pressed(0);
	send_frame(&client, 0x82, "\4\1\0\0\0\0\0\x61\4\0\0\0\0\0\0\x61", 16);
	pressed(0x1e);
	pressed(0x9e);
	pressed(0);
	assert_true(fake_requests[0][0] & REQ_EVENTS);
	/* A second operator waits ten seconds. */
	web_client_close(&second);
	open_screen(&second, 0);
	send_frame(&second, 0x82, "\4\1\0\0\0\0\0\x62", 8);
	pressed(0);
	send_frame(&client, 0x82, "\4\1\0\0\0\0\xff\xe1\4\1\0\0\0\0\xff\x52", 16);
	pressed(0x2a);
	pressed(0xe048);
	web_fake_now += 11 * HZ;
	send_frame(&second, 0x82, "\4\1\0\0\0\0\0\x62", 8);
	pressed(0x30);
	send_frame(&client, 0x82, "\4\0\0\0\0\0\xff\x52", 8);		/* letting go is always taken */
	pressed(0xe0c8);
	web_client_close(&client);						/* and what it held is let go */
	pressed(0xaa);
	pressed(0);
	guests[0]->state = GUEST_OFF;
	web_fake_turns(1);
	send_frame(&second, 0x82, "\4\1\0\0\0\0\0\x63", 8);
	pressed(0);
}

/* A guest that does not read: nothing that went down stays down. */
static void a_full_keyboard(void **state)
{
	u32 down = 0;
	u16 event;

	give_screen(true);
	open_screen(&client, 0);
	for (u32 i = 0; i < 60; i++)
		send_frame(&client, 0x82, (char[8]){ 4, 1, 0, 0, 0, 0, 0, (char)('a' + i % 20) }, 8);
	web_client_close(&client);
	while (key_ring_get(&guests[0]->keys, &event)) {
		u32 bit = BIT32((event & 0x7f) % 32);

		down = event & KEY_RING_UP ? down & ~bit : down | bit;
	}
	assert_int_equal(down, 0);
}

static void moved(s16 dx, s16 dy, u8 buttons)
{
	struct mouse_event event = { 0x7fff, 0, 0 };

	mouse_ring_get(&guests[0]->mouse, &event);
	assert_int_equal(event.dx, dx);
	assert_int_equal(event.dy, dy);
	assert_int_equal(event.buttons, buttons);
}

static void pointers(void **state)
{
	give_screen(true);
	open_screen(&client, 0);
	send_frame(&client, 0x82, "\5\0\0\x0a\0\x14", 6);
	moved(-198, 98, 0);			/* first into the corner; and only when it is there */
	moved(0x7fff, 0, 0);
	web_fake_now += HZ / 5;
	web_fake_turns(2);
	moved(10, -20, 0);
	send_frame(&client, 0x82, "\5\1\0\x0b\0\x15\5\0\0\x0b\0\x15", 12);
	moved(1, -1, 0);			/* it is there, then the button goes down and up */
	moved(0, 0, 1);
	moved(0, 0, 0);
	send_frame(&client, 0x82, "\5\6\xff\xff\xff\xff", 6);	/* beyond the edge; middle and right */
	moved(88 + 64, -28 - 64, 0);
	moved(0, 0, 6);
	/* Another operator's pointer is left alone while this one types, and clicks ring. */
	open_screen(&second, 0);
	send_frame(&second, 0x82, "\5\0\0\1\0\1", 6);
	moved(0x7fff, 0, 0);
	send_frame(&second, 0x82, "\5\1\0\1\0\1", 6);
	assert_memory_equal(receive(&second), "\x82\x01\x02", 3);
	web_client_close(&client);
	moved(0, 0, 0);				/* its buttons are let go */
	send_frame(&second, 0x82, "\5\0\0\1\0\1", 6);
	moved(-198, 98, 0);
}

/* A guest that does not read its mouse: moves add up, bounded. */
static void a_lazy_mouse(void **state)
{
	struct mouse_event event;
	s32 x = 0;

	give_screen(true);
	open_screen(&client, 0);
	send_frame(&client, 0x82, "\5\0\0\0\0\0", 6);
	web_fake_now += HZ;
	mouse_ring_get(&guests[0]->mouse, &event);
	for (u32 i = 0; i < 50; i++)
		send_frame(&client, 0x82, i % 2 ? "\5\0\0\x0a\0\x14" : "\5\0\0\x3a\0\x14", 6);
	for (u32 i = 0; i < 40; i++) {
		if (mouse_ring_get(&guests[0]->mouse, &event))
			x += event.dx;
		web_fake_turns(2);
	}
	assert_int_equal(x, 10);
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

/* Who is limited to some guests hears of those, and nothing of the log. */
static void events_of_some(void **state)
{
	char secret[ACCOUNT_SECRET + 1], headers[200];
	u16 status;

	assert_null(accounts_add_token("some", (struct account_rights){ ROLE_VIEWER, "other database" }, 0, "root", 0, secret, &status));
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", secret);
	assert_true(web_client_open(&client, 1, 0));
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web/console", UPGRADE, NULL), 401);
	assert_int_equal(web_client_ask(&client, "GET /v1/guests/web/record", headers, NULL), 403);
	assert_int_equal(web_client_ask(&client, "GET /v1/events", headers, NULL), 200);
	log_notice("not for them");
	guests[0]->state = GUEST_RUNNING;
	web_fake_turns(2);
	guests[1]->state = GUEST_RUNNING;
	receive(&client);
	assert_non_null(strstr(client.text, "\"name\":\"database\",\"state\":\"running\""));
	assert_null(strstr(client.text, "web"));
	assert_null(strstr(client.text, "not for them"));
	/* What is not for them is no sign of life. */
	web_fake_now += 16 * HZ;
	log_notice("not for them");
	guests[0]->state = GUEST_OFF;
	assert_string_equal(receive(&client), ": alive\n\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_console), TEST(one_types_at_a_time), TEST(people), TEST(what_firmware_logs), TEST(a_slow_guest), TEST(pings_without_reading),
		TEST(a_port_that_goes), TEST(who_may_no_longer), TEST(what_is_no_handshake),
		TEST(ends), TEST(subprotocols), TEST(a_screen), TEST(no_screen), TEST(keys_of_viewers), TEST(a_full_keyboard), TEST(pointers),
		TEST(a_lazy_mouse), TEST(events), TEST(events_of_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
