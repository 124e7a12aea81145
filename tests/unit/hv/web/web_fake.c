/* SPDX-License-Identifier: Apache-2.0 */
#include "web_fake.h"

#include "hv/web/page.h"
#include "hv/control/hub.h"
#include "hv/core/build.h"
#include "hv/net/switch.h"
#include "hv/control/plan_apply.h"
#include "hv/control/requests.h"
#include "hv/web/accounts_int.h"
#include "hv/web/web_int.h"
#include "hv/web/wire.h"

#include <hv/files.h>
#include <hv/host.h>
#include <hv/net_build.h>
#include <hv/pool.h>
#include <hv/storage.h>
#include <hv/web.h>

#include <psa/crypto.h>

u64 web_fake_now;
u64 web_fake_breaths, web_fake_breath_ticks;
void (*web_fake_loop)(void);
static u8 *arena;

#define WEAK __attribute__((weak))
struct machine_facts web_fake_facts;
const struct machine_facts *machine_facts = &web_fake_facts;
u32 web_fake_files;			/* that have RAM */
static u8 file_room[4][8 * MiB];
u64 web_fake_given;
static bool file_taken[4];

u64 ram_take(u64 size)
{
	u32 i = 0;

	while (i < 4 && file_taken[i])
		i++;
	if (i == 4 || size > sizeof(file_room[0]))
		return 0;
	memset(file_room[i], 0xee, sizeof(file_room[0]));
	file_taken[i] = true;
	web_fake_files++;
	return (u64)file_room[i];
}

/* The rest of a piece may come back before the piece. */
void ram_give(u64 base, u64 size)
{
	web_fake_given += size;
	for (u32 i = 0; i < 4; i++)
		if (base == (u64)file_room[i]) {
			file_taken[i] = false;
			web_fake_files--;
		}
}

int host_map_file(u64 base, u64 size, bool there) { return 0; }
const void *host_file_ptr(u64 hpa) { return (void *)hpa; }
WEAK bool port_is_nobody(const struct port_state *st) { return false; }
static struct volume web_fake_volume;
struct volume *volume_at(u32 index) { return &web_fake_volume; }
WEAK struct volume *volume_find(const char *name, char *why, size_t size)
{
	if (why)
		str_copy(why, size, "no volume is called so");
	return strncmp(name, "data", 4) ? NULL : &web_fake_volume;
}
WEAK bool volume_coming_at(u32 index, struct volume_coming *to)
{
	*to = (struct volume_coming){ .name = "young", .done = 3 * MiB, .bytes = 16 * MiB };
	return index == 2;
}
WEAK bool volume_progress(const struct volume *v, u64 *done, u64 *all) { return false; }
WEAK const char *plan_apply_text(const char *text, u32 size, bool dry, struct plan_errors *errors, plan_change_fn *tell, void *arg)
{
	return "no";
}
WEAK bool plan_apply_busy(void) { return false; }
WEAK bool volume_imports(const void *file) { return false; }
WEAK void storage_disk_describe(const struct storage_disk *s, char *to, size_t size) { *to = 0; }
WEAK bool storage_disk_granted(const struct storage_disk *s) { return true; }
WEAK const struct storage_stats *storage_disk_stats(const struct storage_disk *s) { return NULL; }
WEAK char *storage_guid_words(const struct storage_guid *g, char *to, size_t size) { return *to = 0, to; }
WEAK const char *volume_delete(struct volume *v, volume_ended_fn *ended, void *arg) { return ended(arg, NULL), NULL; }
WEAK const char *volume_rename(struct volume *v, const char *name, volume_ended_fn *ended, void *arg) { return "no"; }
WEAK const char *volume_grow(struct volume *v, u64 bytes, volume_ended_fn *ended, void *arg)
{
	if (bytes == GiB)
		ended(arg, NULL);
	return bytes == GiB ? NULL : "too much";
}
WEAK const char *volume_import(struct storage_disk *s, const char *name, const char *file, volume_ended_fn *ended, void *arg)
{
	return "no";
}
WEAK const char *volume_clone(struct volume *v, struct storage_disk *s, const char *name, volume_ended_fn *ended, void *arg)
{
	return "no";
}
WEAK const char *volume_clone_cow(struct volume *v, const char *name, volume_ended_fn *ended, void *arg) { return "no"; }
WEAK const char *volume_rollback(struct volume *v, struct volume *snapshot, volume_ended_fn *ended, void *arg) { return "no"; }
WEAK const char *volume_snapshot(struct volume *v, const char *name, u64 bytes, volume_ended_fn *ended, void *arg)
{
	return "no";
}
void shell_forget(void);
void loop_forget(const struct guest *g);
WEAK void shell_forget(void) { }
WEAK void loop_forget(const struct guest *g) { }
WEAK void hub_add(struct guest *g) { }
WEAK void hub_drop(const struct guest *g) { }
u64 web_now(void) { return web_fake_now++; }	/* it never stands still */
void fiber_breathe(void)
{
	web_fake_breaths++;
	web_fake_now += web_fake_breath_ticks;
}

u64 wall_ns(u64 tsc) { return 1800000000ul * NS_PER_S + tsc; }
char *wall_format(char to[WALL_TEXT], u64 ns) { fmt_print(to, WALL_TEXT, "T%lu", ns / NS_PER_S); return to; }
u32 net_switch_count(void) { return 0; }
struct net_switch *net_switch_at(u32 index) { return NULL; }
struct net_port *switch_port_at(struct net_switch *s, u32 index) { return NULL; }
void guest_volumes_bytes(const struct guest *g, u64 *read, u64 *written) { *read = 4096; *written = 512; }
u64 pool_pages(enum pool_owner owner) { return 10; }
static const u8 page[100000] = { 0x1f, 0x8b, 'p', [99999] = 'q' };
const struct page_file page_files[] = {
	{ "index.html", "text/html", "\"0123\"", (const u8 *)"an index", 8, false },
	{ "app.js", "text/javascript", "\"4567\"", page, sizeof(page), true },
};
const u32 page_file_count = 2;
u64 pool_total(void) { return 100; }

void entropy_fill(void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((u8 *)to)[i] = (u8)rand();
}

/* --- transport ------------------------------------------------------------------------------------------------------------ */

/* What wire_tcp.c does, without loss and at once. */
static void transport(struct web_conn *c)
{
	struct wire *w = &c->wire;

	if (!w->tcp)
		return;
	w->in_told = w->in_tail;
	if (w->abort || (w->closing && w->out_tail == w->out_head)) {
		w->tcp = NULL;
		w->gone = true;
	}
}

bool web_fake_deaf;

void web_fake_turns(u32 n)
{
	while (n-- && !web_fake_deaf) {
		requests_serve();
		if (web_fake_loop)
			web_fake_loop();
		server_step(web_fake_now);
		for (u32 i = 0; i < WEB_CONNECTIONS; i++)
			if (server_conn(i))
				transport(server_conn(i));
	}
}

bool web_client_is_there(const struct web_client *c)
{
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		if (c->conn && server_conn(i) == c->conn)
			return c->conn->wire.tcp == c;
	return false;
}

static int client_send(void *io, const unsigned char *bytes, size_t n)
{
	struct web_client *c = io;
	u32 part = (u32)MIN(n, (size_t)1000);

	for (u32 i = 0; i < 20 && web_client_is_there(c) && WIRE_IN - wire_waiting(&c->conn->wire) < part; i++)
		web_fake_turns(1);
	/* A server that reads no more has a closed window: whoever waits for it waits for ever. */
	if (!web_client_is_there(c) || WIRE_IN - wire_waiting(&c->conn->wire) < part)
		return MBEDTLS_ERR_SSL_CONN_EOF;
	assert_true(wire_receive(&c->conn->wire, bytes, part));
	web_fake_turns(1);
	return (int)part;
}

static int client_receive(void *io, unsigned char *to, size_t n)
{
	struct web_client *c = io;
	struct wire *w = &c->conn->wire;
	const u8 *bytes;
	u32 part;

	for (u32 i = 0; i < 4 && web_client_is_there(c) && !wire_unsent(w, &bytes); i++)
		web_fake_turns(1);
	part = (u32)MIN(n, (size_t)(web_client_is_there(c) ? wire_unsent(w, &bytes) : 0));
	if (!part)
		return web_client_is_there(c) ? MBEDTLS_ERR_SSL_WANT_READ : 0;
	memcpy(to, bytes, part);
	w->out_given += part;
	w->out_tail += part;
	return (int)part;
}

/* --- clients ---------------------------------------------------------------------------------------------------------------- */

bool web_client_open(struct web_client *c, u8 last, int version)
{
	static const u8 prefix[15] = { [10] = 0xff, 0xff, 192, 0, 2 };
	u8 from[16];

	memset(c, 0, sizeof(*c));
	memcpy(from, prefix, sizeof(prefix));
	from[15] = last;
	c->conn = server_accept(from);
	if (!c->conn)
		return false;
	c->conn->wire.tcp = c;
	mbedtls_ssl_config_init(&c->config);
	mbedtls_ssl_init(&c->ssl);
	if (mbedtls_ssl_config_defaults(&c->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT))
		return false;
	mbedtls_ssl_conf_authmode(&c->config, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_rng(&c->config, tls_random, NULL);
	if (version)
		mbedtls_ssl_conf_max_tls_version(&c->config, version);
	if (mbedtls_ssl_setup(&c->ssl, &c->config))
		return false;
	mbedtls_ssl_set_bio(&c->ssl, c, client_send, client_receive, NULL);
	for (u32 i = 0; i < 200; i++) {
		int err = mbedtls_ssl_handshake(&c->ssl);

		if (!err)
			return true;
		if (err != MBEDTLS_ERR_SSL_WANT_READ && err != MBEDTLS_ERR_SSL_WANT_WRITE)
			return false;
		web_fake_turns(1);
	}
	return false;
}

void web_client_close(struct web_client *c)
{
	mbedtls_ssl_free(&c->ssl);
	mbedtls_ssl_config_free(&c->config);
	if (web_client_is_there(c)) {
		c->conn->wire.tcp = NULL;
		c->conn->wire.gone = true;
	}
	web_fake_turns(1);
	c->conn = NULL;
}

bool web_client_send(struct web_client *c, const void *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		int part = mbedtls_ssl_write(&c->ssl, (const u8 *)bytes + at, n - at);

		if (part <= 0)
			return false;
		at += (size_t)part;
	}
	web_fake_turns(2);
	return true;
}

size_t web_client_receive(struct web_client *c, void *to, size_t size)
{
	size_t at = 0;

	for (u32 idle = 0; at < size && idle < 5;) {
		int n = mbedtls_ssl_read(&c->ssl, (u8 *)to + at, size - at);

		if (n > 0) {
			at += (size_t)n;
			idle = 0;
		} else if (n == MBEDTLS_ERR_SSL_WANT_READ) {
			idle++;
			web_fake_turns(1);
		} else {
			break;
		}
	}
	return at;
}

int web_client_ask(struct web_client *c, const char *line, const char *headers, const char *body)
{
	static char request[20000];
	int n = body ? snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n"
				"Content-Length: %zu\r\n%s\r\n%s", line, strlen(body), headers, body) :
		       snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: box\r\n%s\r\n", line, headers);

	if (!web_client_send(c, request, (size_t)n))
		return -1;
	c->length = web_client_receive(c, c->text, sizeof(c->text) - 1);
	c->text[c->length] = 0;
	return c->length > 12 ? atoi(c->text + 9) : 0;
}

void web_fake_begin(void)
{
	static struct tls_keep keep;

	fake_machine_init();
	life_init();
	requests_init();
	memset(&web_fake_facts, 0, sizeof(web_fake_facts));
	for (u32 i = 0; i < FILES_MAX; i++)
		if (file_at(i))
			file_drop(file_at(i));
	web_fake_files = 0;
	memset(file_taken, 0, sizeof(file_taken));
	web_fake_loop = NULL;
	web_fake_breath_ticks = 0;
	srand(1);
	web_fake_now = 1000 * HZ;
	arena = aligned_alloc(4096, WEB_FAKE_HEAP);
	heap_init(arena, WEB_FAKE_HEAP);
	assert_int_equal(server_init(), 0);
	assert_null(tls_init());
	assert_null(tls_mint("bulkhead-box", &keep));
	assert_null(tls_use(&keep));
	accounts_init();
	accounts_rounds = 2000;		/* the tests are about who may, not about how long it takes */
}

void web_fake_end(void)
{
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		if (server_conn(i)) {
			server_conn(i)->wire.tcp = NULL;
			server_conn(i)->wire.gone = true;
		}
	web_fake_turns(1);
	mbedtls_psa_crypto_free();
	free(arena);
}
