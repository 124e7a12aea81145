/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c tests/unit/hv/net/files_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/capture_file.c hv/net/frame.c hv/core/sync.c hv/lib/string.c hv/lib/format.c */
#include <string.h>

#include <hv/log.h>

#include "files_fake.h"
#include "switch_fake.h"

#include "../../../../hv/net/capture_file.h"
#include "../../../../hv/net/switch.h"

static struct net_switch *sw;
static struct fake_port *a;
static u8 frame[FRAME_BYTES];
static char log_text[200];
static const struct capture_filter all = { .snap = 2000 };

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	fmt_vprint(log_text, sizeof(log_text), fmt, ap);
	va_end(ap);
}

static int setup(void **state)
{
	(void)state;
	capture_file_stop();
	fake_files_reset(DATASTORE_READY);
	for (u32 i = 0; i < 200; i++)
		capture_file_poll(1);
	capture_free();
	fake_files_reset(DATASTORE_READY);
	fake_net_reset();
	sw = switch_create("lan");
	a = fake_port_new(sw, NET_PORT_GUEST, 1, NULL);
	fake_port_new(sw, NET_PORT_GUEST, 2, NULL);
	*log_text = 0;
	return 0;
}

static const char *begin(const char *name)
{
	return capture_file_begin(state_of(&a->port), &all, name);
}

static void send(u32 n)
{
	while (n--)
		send_plain(a, frame, make_tcp4(frame, 2, 1, 1000));
}

static void turns(u32 n)
{
	while (n--) {
		fake_net_wait(FAKE_HZ / 100);
		capture_file_poll(switch_now);
	}
}

/* 16 bytes and 1054 each, behind a header of 24: whole records only. */
static u32 records(void)
{
	assert_int_equal(files.count, 1);
	assert_int_equal((files.file[0].size - 24) % 1070, 0);
	return (files.file[0].size - 24) / 1070;
}

static void frames_go_into_the_file(void **state)
{
	u8 head[4];

	(void)state;
	assert_null(begin("a.pcap"));
	assert_string_equal(capture_file_running(), "a.pcap");
	for (u32 i = 0; i < 100; i++) {
		send(2);
		turns(1);
	}
	/* Gathered: not a write for each. */
	assert_in_range(files.appends, 2, 40);
	assert_true(capture_file_stop());
	turns(40);
	assert_null(capture_file_running());
	assert_int_equal(records(), 200);
	assert_string_equal(files.file[0].path, "capture/a.pcap");
	assert_string_equal(log_text, "capture a.pcap: 200 frames, 0 lost, 214024 bytes");
	assert_int_equal(capture_file_read("a.pcap", 0, head, 4), 4);
	assert_memory_equal(head, "\x4d\x3c\xb2\xa1", 4);
	assert_false(capture_file_stop());
	assert_non_null(begin("a.pcap"));
	assert_null(capture_file_delete("a.pcap"));
	assert_int_equal(files.count, 0);
	assert_non_null(capture_file_delete("a.pcap"));
}

static void it_ends_when_it_is_full(void **state)
{
	(void)state;
	assert_null(begin("full"));
	for (u32 i = 0; i < 1000; i++) {
		send(1);
		turns(1);
	}
	turns(20);
	assert_null(capture_file_running());
	assert_in_range(files.file[0].size, CAPTURE_FILE_MAX - 1070, CAPTURE_FILE_MAX);
	assert_int_equal(records(), (CAPTURE_FILE_MAX - 24) / 1070);
}

/* All of them together are bounded, too; other files do not count. */
static void all_files_are_bounded(void **state)
{
	static u8 bytes[CAPTURE_FILES_MAX];

	(void)state;
	datastore_append("log/0", bytes, CAPTURE_FILES_MAX);
	datastore_append("capture/x", bytes, CAPTURE_FILES_MAX - 3000);
	assert_null(begin("y"));
	send(5);
	turns(100);
	assert_null(capture_file_running());
	assert_int_equal(files.file[2].size, 24 + 2 * 1070);
	assert_non_null(begin("z"));
}

static void a_datastore_that_waits_or_fails(void **state)
{
	(void)state;
	files.state = DATASTORE_NONE;
	assert_non_null(begin("a"));
	files.state = DATASTORE_READY;
	assert_null(begin("a"));
	assert_non_null(begin("b"));
	assert_non_null(capture_file_delete("a"));
	files.error = -E_BUSY;
	send(100);
	turns(60);
	assert_int_equal(files.count, 0);
	files.error = 0;
	turns(100);
	assert_int_equal(records(), 100);
	files.error = -E_NOSPC;
	send(10);
	turns(60);
	assert_null(capture_file_running());
	assert_non_null(strstr(log_text, "the datastore is full"));
	files.error = 0;
	assert_null(begin("b"));
	files.error = -E_BUSY;
	files.state = DATASTORE_LOST;
	send(10);
	turns(60);
	assert_null(capture_file_running());
	assert_false(capture_running());
}

static void names(void **state)
{
	(void)state;
	assert_true(capture_file_name_ok("Web-1_x.pcap"));
	assert_true(capture_file_name_ok("1234567890123456789012345678901"));
	assert_false(capture_file_name_ok("12345678901234567890123456789012"));
	assert_false(capture_file_name_ok(""));
	assert_false(capture_file_name_ok("../vars"));
	assert_false(capture_file_name_ok("a/b"));
	assert_false(capture_file_name_ok("a b"));
}

#define ROW(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { ROW(frames_go_into_the_file), ROW(it_ends_when_it_is_full), ROW(all_files_are_bounded),
		ROW(a_datastore_that_waits_or_fails), ROW(names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
