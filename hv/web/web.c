/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the server: it waits until it is known whether there is a datastore, takes its key and accounts from there or
 * makes them, listens. All that may take long runs in the web fiber, a slice a round of the event loop. */
#include <hv/web.h>

#include "accounts.h"
#include "answer.h"
#include "entropy.h"
#include "fiber.h"
#include "heap.h"
#include "server.h"
#include "tls.h"
#include "web_int.h"
#include "wire.h"

#include "hv/net/host_port.h"
#include "hv/net/host_services.h"

#include <hv/control_work.h>
#include <hv/datastore.h>
#include <hv/files.h>
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>
#include <hv/time.h>

#define HEAP_BYTES (512 * KiB)		/* from the beginning, and what it grows by: TLS takes 24 KiB a connection */
#define HEAP_BLOCKS 11u
#define TIDY_NS 1000000000ul
#define SLICE_NS 150000ul
#define BEAT_NS 20000000ul		/* while there are streams */
#define IDLE_NS 250000000ul
#define FILE_TLS "web/tls"
#define FILE_ACCOUNTS "web/accounts"

enum web_phase { WEB_OFF, WEB_WAITING, WEB_PREPARING, WEB_SERVING, WEB_FAILED };

void (*web_say)(const char *line);

static struct {
	enum web_phase phase;
	const struct plan_https *plan;
	const char *name;
	char why[160];
	const char *from;		/* where its certificate comes from */
	u64 next;			/* TSC at which the fiber is to look again */
	u64 tidy_at;			/* TSC at which memory that nobody uses goes back */
	bool busy;			/* it was left in the middle of something */
	bool said;			/* address and fingerprint, for this address */
	bool want_code;			/* the operator asked for one while the fiber was at work */
	u32 kept;			/* accounts_changes() of what the datastore was given */
} web;

u64 web_now(void)
{
	return tsc_now();
}

static void fail(const char *why)
{
	str_copy(web.why, sizeof(web.why), why);
	web.phase = WEB_FAILED;
	log_error("error WEB-OFF: the HTTPS server does not run: %s", why);
}

/* --- key, certificate, accounts: in the fiber ---------------------------------------------------------------- */

static const struct boot_file *find_file(const char *name)
{
	for (u32 i = 1; i < boot_info->file_count; i++)
		if (!strcmp(boot_info->files[i].name, name))
			return &boot_info->files[i];
	return NULL;
}

static const char *use_files(void)
{
	const struct boot_file *cert = find_file(web.plan->certificate), *key = find_file(web.plan->key);

	if (!cert || !key)
		return "certificate or key was not loaded";
	web.from = "the plan's files";
	return tls_use_files(host_file_ptr(cert->base), cert->size, host_file_ptr(key->base), key->size);
}

static const char *use_own(void)
{
	static struct tls_keep keep;
	const char *why = NULL;

	web.from = "the datastore";
	if (datastore_read(FILE_TLS, 0, &keep, sizeof(keep)) != sizeof(keep) || tls_use(&keep)) {
		why = tls_mint(web.name, &keep);
		why = why ? why : tls_use(&keep);
		web.from = datastore_state() == DATASTORE_READY ? "made now" :
			"made now, for this start of the machine only";
		if (!why)
			datastore_keep(FILE_TLS, &keep, sizeof(keep));
	}
	memset(&keep, 0, sizeof(keep));
	return why;
}

static void restore_accounts(void)
{
	static u8 kept[DATASTORE_KEEP_MAX];
	int n = datastore_read(FILE_ACCOUNTS, 0, kept, sizeof(kept));

	accounts_init();
	if (n > 0 && !accounts_restore(kept, (size_t)n))
		log_error("error WEB-ACCOUNTS: the kept accounts cannot be read: nobody is known; "
			  "the console's code makes an administrator");
	web.kept = accounts_changes();
}

static void prepare(void)
{
	const char *why = entropy_init();

	why = why ? why : tls_init();
	if (!why)
		why = *web.plan->certificate ? use_files() : use_own();
	if (why) {
		fail(why);
		return;
	}
	restore_accounts();
	log_info("web: randomness from %s; certificate: %s", entropy_words(), web.from);
	web.phase = WEB_SERVING;
}

static void keep_accounts(void)
{
	const void *bytes;
	size_t n;

	if (web.kept == accounts_changes())
		return;
	web.kept = accounts_changes();
	bytes = accounts_keep(&n);
	_Static_assert(DATASTORE_KEEP_MAX >= 16384, "accounts fit");
	if (!datastore_keep(FILE_ACCOUNTS, bytes, (u32)n))
		log_error("error WEB-ACCOUNTS: there is no room to keep the accounts: they are gone with the next start");
}

/* --- memory that comes and goes ------------------------------------------------------------------------------ */

static void *more_heap(u64 size)
{
	u32 arena = pool_arena(0);
	void *p = pool_alloc(size / PAGE_SIZE, POOL_OTHER);

	pool_arena(arena);
	return p;
}

static void less_heap(void *base, u64 size)
{
	pool_free(base, size / PAGE_SIZE);
}

static void tidy(u64 now)
{
	if (now < web.tidy_at)
		return;
	web.tidy_at = now + ns_to_ticks(TIDY_NS);
	heap_give_back();
}

static void in_fiber(void)
{
	if (web.phase == WEB_PREPARING) {
		prepare();
		return;
	}
	web.next = server_step(web_now());
	tidy(web_now());
	files_tick(web_now());
	keep_accounts();
}

/* --- the event loop's part ----------------------------------------------------------------------------------- */

static void say_code(void)
{
	char text[160];

	if (!web_say || !accounts_code()[0])
		return;
	fmt_print(text, sizeof(text), "web: enrolment code %s (once, for the first administrator: POST /v1/enrol)",
		accounts_code());
	web_say(text);
}

static void greet(void)
{
	const struct host_port *host = host_own_port();
	char port[8] = "";
	u32 a = host ? host->address : 0;

	if (!a) {
		web.said = false;
		return;
	}
	if (web.said)
		return;
	web.said = true;
	if (web.plan->port != 443)
		fmt_print(port, sizeof(port), ":%u", web.plan->port);
	log_notice("web: https://%u.%u.%u.%u%s (%s.local)", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, port,
		web.name);
	log_notice("web: certificate's SHA-256 %s", tls_fingerprint());
	say_code();
}

static void run_fiber(void)
{
	web.busy = !fiber_run(in_fiber, ns_to_ticks(SLICE_NS));
}

static bool serve(u64 now)
{
	bool any;

	wire_tcp_listen(web.plan->port);
	if (web.want_code && !web.busy) {
		web.want_code = false;
		accounts_new_code();
		say_code();
	}
	if (web.busy || server_is_awake() || now >= web.next) {
		run_fiber();
		if (server_counts.streams)
			web.next = MIN(web.next, now + ns_to_ticks(BEAT_NS));
		web.next = MIN(web.next, now + ns_to_ticks(IDLE_NS));
		greet();
	}
	any = wire_tcp_poll();
	control_work_by(web.next);
	return any || web.busy || server_is_awake();
}

static bool poll(void *arg, u64 now)
{
	(void)arg;
	switch (web.phase) {
	case WEB_WAITING:
		if (!datastore_decided())
			return false;
		web.phase = WEB_PREPARING;
		return true;
	case WEB_PREPARING:
		run_fiber();
		return true;
	case WEB_SERVING:
		return serve(now);
	default:
		return false;
	}
}

int web_build(const struct plan *plan)
{
	static const struct control_work work = { .name = "web", .poll = poll };
	void *heap;

	memset(&web, 0, sizeof(web));
	web.plan = &plan->machine.https;
	if (!web.plan->port || !host_own_port())
		return 0;
	web.name = host_name();
	heap = pool_alloc(HEAP_BYTES / PAGE_SIZE, POOL_OTHER);
	if (!heap || fiber_init() || server_init())
		return -E_NOMEM;
	heap_init(heap, HEAP_BYTES);
	heap_grow_by(HEAP_BYTES, HEAP_BLOCKS, more_heap, less_heap);
	web.phase = WEB_WAITING;
	host_listen = wire_tcp_begin;
	files_breathe = fiber_breathe;
	return control_work_add(&work);
}

/* --- for the operator ---------------------------------------------------------------------------------------- */

void web_show(void (*print)(const char *fmt, ...) PRINTF_LIKE(1, 2))
{
	static const char *const word[] = { [WEB_OFF] = "off", [WEB_WAITING] = "waits for the datastore",
		[WEB_PREPARING] = "prepares",
		[WEB_SERVING] = "serves", [WEB_FAILED] = "off" };
	const struct server_counts *s = &server_counts;
	char used[24], most[24], size[24], held[24];
	u64 stack, stack_used;

	print("https: %s%s%s\n", word[web.phase], web.why[0] ? ": " : "", web.why);
	if (web.phase != WEB_SERVING)
		return;
	print("  port %u, certificate: %s\n  SHA-256 %s\n", web.plan->port, web.from, tls_fingerprint());
	if (accounts_code()[0])
		print("  enrolment code %s\n", accounts_code());
	print("  %u users; %u connections, %u of them streams\n", accounts_user_count(), s->open, s->streams);
	print("  accepted %lu, refused %lu, pushed out %lu, timed out %lu\n", s->accepted, s->refused, s->pushed_out,
		s->timeouts);
	print("  handshakes %lu, failed %lu; requests %lu; no memory %lu times\n", s->handshakes, s->handshake_errors,
	      s->requests, s->no_memory);
	stack_used = fiber_stack_used(&stack);
	print("  memory %s of %s held, at most %s, may grow to %s; stack %lu of %lu bytes\n",
	      fmt_bytes(used, sizeof(used), heap_use.used), fmt_bytes(held, sizeof(held), heap_use.held),
	      fmt_bytes(most, sizeof(most), heap_use.most), fmt_bytes(size, sizeof(size), heap_use.size), stack_used, stack);
}

const char *web_enrol(void)
{
	if (web.phase != WEB_SERVING)
		return "the server does not run";
	web.want_code = web.busy;
	if (web.busy)
		return "the server is at work: the code follows";
	accounts_new_code();
	return NULL;
}
