/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/support.c tests/unit/hv/web/web_fake.c hv/web/accounts.c hv/web/accounts_kept.c hv/web/answer.c hv/web/answer_range.c hv/web/api_kept.c hv/web/api.c hv/web/api_accounts.c hv/web/api_guests.c hv/web/api_machine.c hv/web/api_metrics.c hv/web/api_describe.c hv/web/api_schema.c hv/core/files.c hv/web/api_plan.c hv/web/api_storage.c hv/web/api_switches.c hv/web/upload.c hv/web/api_life.c hv/web/json_plan.c hv/web/ticket.c hv/control/requests.c hv/core/plan_show.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_schema.c hv/core/plan_errors.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/lib/toml.c hv/lib/toml_value.c hv/web/api_events.c hv/web/api_page.c hv/web/api_console.c hv/web/attempts.c hv/web/api_screen.c hv/web/ws_stream.c hv/web/rfb.c hv/web/rfb_frame.c hv/web/rfb_tile.c hv/web/rfb_keys.c hv/lib/deflate.c hv/control/guest_input.c hv/web/websocket.c hv/web/audit.c hv/web/facts.c hv/web/heap.c hv/web/http.c hv/web/json_in.c hv/web/mbedtls_port.c hv/web/out.c hv/web/places.c hv/web/conns.c hv/web/server.c hv/web/sessions.c hv/web/tls.c hv/web/wire.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/net_text.c tests/unit/hv/control/fake_machine.c web */
/* Decrypted bytes of a client into the HTTP parser, the router and every function of the API, with a table of guests, as nobody,
 * viewer, operator and admin; into consoles and events, when one of them begins. In pieces of any size. What is answered is
 * HTTP; nobody without an account changes anything; no memory is lost. */
#include "support.h"

#include "../unit/hv/web/web_fake.h"

#include "hv/control/requests.h"
#include "hv/web/accounts_int.h"
#include "hv/web/answer.h"
#include "hv/web/ticket.h"

#include <hv/change.h>
#include <hv/lib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static char token[ROLES][ACCOUNT_SECRET + 1];

struct guest *change_add(const struct plan_guest *g, struct plan_errors *errors)
{
	plan_error_add(errors, "PLAN-MEMORY", 1, "guest.new.memory", "there is none");
	return NULL;
}

int change_may_set(const struct guest *g, const struct plan_guest *as, struct plan_errors *errors) { return 0; }
struct guest *change_set_end(struct guest *g, const struct plan_guest *as, struct plan_errors *errors) { return g; }
void change_drop_end(struct guest *g) { }
void plan_store_changed(void) { }
bool plan_store_lasts(void) { return false; }

static void begin(void)
{
	u16 status;

	web_fake_begin();
	for (u32 r = ROLE_VIEWER; r < ROLES; r++)
		must(!accounts_add_token(role_word[r], (struct account_rights){ (enum role)r, "" }, 0, "root", 0, token[r], &status));
	must(!accounts_add_user("root", "correct horse", (struct account_rights){ ROLE_ADMIN, "" }, &status));
}

/* What is to go out, which nobody reads. */
static void drop_output(struct web_conn *c, bool http)
{
	must(!http || !c->out_length || (c->out_length > 12 && !memcmp(c->out, "HTTP/1.1 ", 9)));
	c->out_at = c->out_length = 0;
}

static void answer(struct web_conn *c, enum role role)
{
	u32 changes = accounts_changes();

	if (role != ROLE_NONE && !c->request.authorization[0])
		memcpy(c->request.authorization, "Bearer ", 8), strcat(c->request.authorization, token[role]);
	accounts.slow[0].left = accounts.slow[1].left = 4;
	must(answer_request(c));
	if (c->ticket) {
		struct ticket *t = c->ticket;

		while (!t->done && requests_serve())
			;
		if (t->done)
			must(answer_late(c));
		else
			ticket_leave(t);
		c->ticket = NULL;
	}
	must(role == ROLE_ADMIN || changes == accounts_changes());
	drop_output(c, true);
}

static void stream(struct web_conn *c, u8 *bytes, u32 n)
{
	for (u32 turn = 0; turn < 8; turn++) {
		u32 used = c->stream->take && n ? c->stream->take(c, bytes, n) : n;

		must(used <= n);
		bytes += used;
		n -= used;
		if (!c->stream->more(c, web_fake_now += HZ))
			break;
		drop_output(c, false);
		guests[turn % 2]->state = turn & 2 ? GUEST_RUNNING : GUEST_OFF;
	}
	if (c->stream->end)
		c->stream->end(c);
	c->stream = NULL;
}

static void client(struct web_conn *c, const u8 *data, size_t size, u32 piece, enum role role)
{
	static u8 copy[65536];

	http_begin(&c->request);
	while (size) {
		size_t part = MIN(size, (size_t)piece), used = http_feed(&c->request, data, part);

		must(used <= part);
		data += used;
		size -= used;
		if (!c->request.complete && !c->request.status) {
			must(used == part);
			continue;
		}
		answer(c, role);
		if (c->stream) {
			memcpy(copy, data, MIN(size, sizeof(copy)));
			stream(c, copy, (u32)MIN(size, sizeof(copy)));
			return;
		}
		if (c->request.status || !c->request.keep_alive)
			return;
		http_begin(&c->request);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool begun;
	struct web_conn *c;
	u64 before;

	if (!begun)
		begin();
	begun = true;
	if (size < 2)
		return 0;
	c = server_conn(0) ? server_conn(0) : server_accept((const u8[16]){ 1 });
	must(c);
	memset(c, 0, sizeof(*c));
	c->state = CONN_HTTP;
	before = heap_use.used;
	client(c, data + 2, size - 2, 1 + data[1] * 4u, (enum role)(data[0] % ROLES));
	heap_free(c->out);
	must(heap_use.used == before && heap_is_sound());
	web_fake_now += HZ;
	return 0;
}
