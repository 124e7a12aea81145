/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/web.c hv/web/heap.c hv/lib/string.c hv/lib/format.c */
/* The server's life: it waits for the datastore, takes or makes key and accounts, serves, keeps what changes; and why it does not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hv/net/host_port.h"
#include "hv/net/host_services.h"
#include "hv/web/accounts.h"
#include "hv/web/entropy.h"
#include "hv/web/fiber.h"
#include "hv/web/heap.h"
#include "hv/web/server.h"
#include "hv/web/tls.h"
#include "hv/web/web_int.h"

#include <hv/control_work.h>
#include <hv/datastore.h>
#include <hv/files.h>
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>
#include <hv/web.h>

#define SECOND 1000000ul		/* soon over, as the clock is the build host's */

struct timebase timebase = { .tsc_hz = SECOND };
static struct boot_info info;
const struct boot_info *boot_info = &info;
struct server_counts server_counts;
void (*host_listen)(void);
void (*files_breathe)(void);
static struct host_port port_of_ours;

static struct plan plan;
static struct control_work work;
static bool on_network, decided, has_kept_key, has_kept_accounts, awake, cut_off, accounts_make_no_sense, pool_is_empty;
static enum datastore_state datastore;
static const char *entropy_why, *tls_why;
static u32 minted, used, listens, steps, changes, users;
static u64 pages;
static char logged[2000], said[300], kept_path[40], code[20], shown[2000];
static u32 kept_size, codes;

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
struct host_port *host_own_port(void) { return on_network ? &port_of_ours : NULL; }
const char *host_name(void) { return "bulkhead-box"; }
const void *host_file_ptr(u64 hpa) { return (const void *)hpa; }
int control_work_add(const struct control_work *w) { work = *w; return 0; }
void control_work_by(u64 tsc) { }
void files_tick(u64 now) { }
u32 pool_arena(u32 arena) { return 0; }
void fiber_breathe(void) { }
int fiber_init(void) { return 0; }
u64 fiber_stack_used(u64 *size) { return *size = 4096, 100; }
int server_init(void) { return pool_is_empty ? -E_NOMEM : 0; }
bool server_is_awake(void) { return awake; }
u64 server_step(u64 now) { steps++; return now + SECOND; }
void wire_tcp_begin(void) { }
void wire_tcp_listen(u16 port) { listens += port == plan.machine.https.port; }
bool wire_tcp_poll(void) { return false; }
const char *entropy_init(void) { return entropy_why; }
const char *entropy_words(void) { return "dice"; }
const char *tls_init(void) { return NULL; }
const char *tls_mint(const char *name, struct tls_keep *keep) { minted++; keep->key_length = 7; return NULL; }
const char *tls_use(const struct tls_keep *keep) { used++; return keep->key_length == 7 ? tls_why : "no key"; }
const char *tls_fingerprint(void) { return "AB:CD"; }
void accounts_init(void) { users = 0; }
u32 accounts_changes(void) { return changes; }
u32 accounts_user_count(void) { return users; }
const char *accounts_code(void) { return code; }
void accounts_new_code(void) { snprintf(code, sizeof(code), "CODE-%u", ++codes); }
bool datastore_decided(void) { return decided; }
enum datastore_state datastore_state(void) { return datastore; }

const char *tls_use_files(const void *cert, size_t cert_length, const void *key, size_t key_length)
{
	return cert_length == 4 && key_length == 3 ? NULL : "they do not belong together";
}

bool fiber_run(void (*fn)(void), u64 slice)
{
	assert_true(slice > 0 && slice < SECOND / 1000);
	if (!cut_off)
		fn();
	return !cut_off;
}

bool accounts_restore(const void *bytes, size_t n)
{
	users = accounts_make_no_sense ? 0 : 3;
	return !accounts_make_no_sense;
}

const void *accounts_keep(size_t *n)
{
	*n = 1234;
	return shown;
}

int datastore_read(const char *path, u32 offset, void *to, u32 size)
{
	if (!strcmp(path, "web/tls") && has_kept_key) {
		((struct tls_keep *)to)->key_length = 7;
		return sizeof(struct tls_keep);
	}
	return !strcmp(path, "web/accounts") && has_kept_accounts ? 100 : -E_NOENT;
}

bool datastore_keep(const char *path, const void *data, u32 n)
{
	str_copy(kept_path, sizeof(kept_path), path);
	kept_size = n;
	return datastore == DATASTORE_READY;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	size_t n = strlen(logged);
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(logged + n, sizeof(logged) - n, fmt, ap);
	va_end(ap);
}

static void print(const char *fmt, ...)
{
	size_t n = strlen(shown);
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(shown + n, sizeof(shown) - n, fmt, ap);
	va_end(ap);
}

static void say(const char *line) { str_copy(said, sizeof(said), line); }

void *pool_alloc(u64 count, enum pool_owner owner)
{
	pages += count;
	return aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
}

void pool_free(void *p, u64 count)
{
	pages -= count;
	free(p);
}

static void look(u32 rounds)
{
	static u64 now;

	now = MAX(now, tsc_now());
	while (rounds--)
		work.poll(work.arg, now += SECOND / 2);
}

static int setup(void **state)
{
	memset(&plan, 0, sizeof(plan));
	memset(&info, 0, sizeof(info));
	memset(&work, 0, sizeof(work));
	plan.machine.https.port = 443;
	on_network = decided = true;
	has_kept_key = has_kept_accounts = awake = cut_off = accounts_make_no_sense = pool_is_empty = false;
	datastore = DATASTORE_READY;
	entropy_why = tls_why = NULL;
	minted = used = listens = steps = changes = codes = 0;
	pages = 0;
	logged[0] = said[0] = kept_path[0] = code[0] = shown[0] = 0;
	port_of_ours.address = 0xc0000205;
	web_say = say;
	return 0;
}

/* --- tests ------------------------------------------------------------------------------------------------------------ */

static void not_wanted(void **state)
{
	plan.machine.https.port = 0;
	assert_int_equal(web_build(&plan), 0);
	assert_null(work.poll);
	plan.machine.https.port = 443;
	on_network = false;
	assert_int_equal(web_build(&plan), 0);
	assert_null(work.poll);
	assert_string_equal(web_enrol(), "the server does not run");
	web_show(print);
	assert_string_equal(shown, "https: off\n");
	assert_int_equal(pages, 0);
	on_network = pool_is_empty = true;
	assert_int_equal(web_build(&plan), -E_NOMEM);
}

static void first_start(void **state)
{
	decided = false;
	accounts_new_code();
	assert_int_equal(web_build(&plan), 0);
	look(5);
	assert_int_equal(listens + steps + minted, 0);
	web_show(print);
	assert_non_null(strstr(shown, "waits for the datastore"));
	decided = true;
	look(3);
	assert_int_equal(minted, 1);
	assert_true(listens > 0 && steps > 0);
	assert_non_null(strstr(logged, "https://192.0.2.5"));
	assert_non_null(strstr(logged, "AB:CD"));
	assert_null(strstr(logged, "CODE-"));		/* on the console, in no log */
	assert_non_null(strstr(said, "CODE-1"));
	assert_string_equal(kept_path, "web/tls");
	/* What changes is kept, once. */
	changes++;
	look(2);
	assert_string_equal(kept_path, "web/accounts");
	assert_int_equal(kept_size, 1234);
	kept_path[0] = 0;
	look(3);
	assert_string_equal(kept_path, "");
	datastore = DATASTORE_LOST;
	changes++;
	look(2);
	assert_non_null(strstr(logged, "WEB-ACCOUNTS"));
	shown[0] = 0;
	web_show(print);
	assert_non_null(strstr(shown, "https: serves"));
}

static void from_the_datastore(void **state)
{
	has_kept_key = has_kept_accounts = true;
	assert_int_equal(web_build(&plan), 0);
	look(3);
	assert_int_equal(minted, 0);
	assert_int_equal(users, 3);
	assert_non_null(strstr(logged, "the datastore"));
	/* Accounts that cannot be read are nobody's. */
	setup(state);
	has_kept_accounts = accounts_make_no_sense = true;
	assert_int_equal(web_build(&plan), 0);
	look(3);
	assert_int_equal(users, 0);
	assert_non_null(strstr(logged, "WEB-ACCOUNTS"));
	/* A key that cannot be used is replaced; without a datastore that is said. */
	setup(state);
	datastore = DATASTORE_NONE;
	assert_int_equal(web_build(&plan), 0);
	look(3);
	assert_non_null(strstr(logged, "for this start of the machine only"));
}

static void why_it_does_not_run(void **state)
{
	entropy_why = "there are too few random numbers";
	assert_int_equal(web_build(&plan), 0);
	look(3);
	assert_non_null(strstr(logged, "WEB-OFF"));
	web_show(print);
	assert_string_equal(shown, "https: off: there are too few random numbers\n");
	assert_int_equal(listens + steps, 0);
	setup(state);
	str_copy(plan.machine.https.certificate, PLAN_PATH_SIZE, "c.pem");
	str_copy(plan.machine.https.key, PLAN_PATH_SIZE, "k.pem");
	assert_int_equal(web_build(&plan), 0);
	look(3);
	assert_non_null(strstr(logged, "was not loaded"));
	setup(state);
	str_copy(plan.machine.https.certificate, PLAN_PATH_SIZE, "c.pem");
	str_copy(plan.machine.https.key, PLAN_PATH_SIZE, "k.pem");
	info.file_count = 3;
	str_copy(info.files[1].name, sizeof(info.files[1].name), "k.pem");
	str_copy(info.files[2].name, sizeof(info.files[2].name), "c.pem");
	info.files[1].size = 3;
	info.files[2].size = 4;
	assert_int_equal(web_build(&plan), 0);
	look(3);
	assert_non_null(strstr(logged, "the plan's files"));
	assert_true(steps > 0);
}

/* The fiber is in the middle of something: a code that is asked for comes when it is done. */
static void a_code_for_the_console(void **state)
{
	assert_int_equal(web_build(&plan), 0);
	look(3);
	said[0] = 0;
	assert_null(web_enrol());
	assert_non_null(strstr(code, "CODE-"));
	cut_off = true;
	look(1);
	assert_non_null(strstr(web_enrol(), "the code follows"));
	said[0] = 0;
	look(3);
	assert_string_equal(said, "");
	cut_off = false;
	look(2);
	assert_non_null(strstr(said, "CODE-2"));
}

/* A new address is told with the certificate. */
static void another_address(void **state)
{
	assert_int_equal(web_build(&plan), 0);
	port_of_ours.address = 0;
	look(3);
	assert_null(strstr(logged, "https://"));
	port_of_ours.address = 0x0a000001;
	plan.machine.https.port = 8443;
	look(2);
	assert_non_null(strstr(logged, "https://10.0.0.1:8443"));
	logged[0] = 0;
	look(3);
	assert_null(strstr(logged, "https://"));
}

/* What the heap takes from the pool while there are many clients goes back. */
static void memory_comes_and_goes(void **state)
{
	void *p[30];
	u64 before;

	assert_int_equal(web_build(&plan), 0);
	look(3);
	before = pages;
	for (u32 i = 0; i < ARRAY_COUNT(p); i++)
		assert_non_null(p[i] = heap_alloc(100 * KiB));
	assert_true(pages > before + 600);
	assert_null(heap_alloc(600 * KiB));
	for (u32 i = 0; i < ARRAY_COUNT(p); i++)
		heap_free(p[i]);
	look(10);
	assert_int_equal(pages, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(not_wanted, setup), cmocka_unit_test_setup(first_start, setup),
		cmocka_unit_test_setup(from_the_datastore, setup), cmocka_unit_test_setup(why_it_does_not_run, setup),
		cmocka_unit_test_setup(a_code_for_the_console, setup), cmocka_unit_test_setup(another_address, setup),
		cmocka_unit_test_setup(memory_comes_and_goes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
