/* SPDX-License-Identifier: Apache-2.0 */
/* `net capture`: what passes at a port, as a pcap file: into the datastore, or in lines of base64 on the console. Between the marks
 * stands the file itself, so that tests/tools/pcap.py needs to know nothing of networks. */
#include "shell.h"

#include <hv/lib.h>
#include <hv/net_text.h>
#include <hv/png.h>

#include "../net/capture_file.h"
#include "../net/switch.h"

#define BYTES_A_LINE 57u		/* 76 characters */
#define SNAP_DEFAULT 256u		/* the serial port is slow, the datastore small */

static char name[MAX(sizeof(((struct net_port *)0)->name), CAPTURE_FILE_NAME)];
static u8 line[BYTES_A_LINE];
static u32 line_used;

static void print_line(void)
{
	char text[4 * BYTES_A_LINE / 3 + 8];

	base64_write(text, line, line_used);
	shell_line(text);
	line_used = 0;
}

static bool capture_more(u64 *cursor)
{
	u32 n = capture_read(line + line_used, BYTES_A_LINE - line_used);
	bool ended = !n && !capture_running();
	u64 taken, lost;

	(void)cursor;
	line_used += n;
	if (line_used == BYTES_A_LINE)
		print_line();
	if (!ended)
		return true;
	if (line_used)
		print_line();
	capture_counts(&taken, &lost);
	shell_print("-----END PCAP %s frames=%lu lost=%lu-----\n", name, taken, lost);
	capture_free();
	return false;
}

/* "mac ADDRESS", "port NUMBER", "snap BYTES", "count FRAMES", in any order. */
static bool parse_filter(int argc, char **argv, struct capture_filter *w)
{
	u64 value;

	for (int i = 4; i < argc; i += 2) {
		const char *word = argv[i], *arg = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(word, "mac") && mac_parse(arg, w->mac))
			w->by_mac = true;
		else if (!strcmp(word, "port") && shell_number(arg, 65535, &value) && value)
			w->by_port = true, w->port = (u16)value;
		else if (!strcmp(word, "snap") && shell_number(arg, CAPTURE_SNAP_MAX, &value) && value >= CAPTURE_SNAP_MIN)
			w->snap = (u32)value;
		else if (!strcmp(word, "count") && shell_number(arg, 1000000000, &value) && value)
			w->frames = value;
		else
			return false;
	}
	return true;
}

static void usage(void)
{
	shell_line("usage: net capture PORT serial|FILE [mac ADDRESS] [port NUMBER] [snap BYTES] [count FRAMES]");
	shell_line("       net capture stop    net capture get FILE    net capture delete FILE");
	shell_line("Ctrl-C ends one to the serial port");
}

static void to_serial(struct port_state *st, const struct capture_filter *w)
{
	capture_free();			/* Ctrl-C may have ended the last one */
	line_used = 0;
	if (capture_begin(st, w)) {
		shell_line("the hypervisor has no memory left for a capture");
		return;
	}
	str_copy(name, sizeof(name), st->port->name);
	shell_print("-----BEGIN PCAP %s-----\n", name);
	shell_stream(capture_more, 0);
}

static void to_file(struct port_state *st, const struct capture_filter *w, const char *to)
{
	const char *why = "a name of 1-31 letters, digits, - _ . was expected";

	capture_free();
	if (capture_file_name_ok(to))
		why = capture_file_begin(st, w, to);
	if (why)
		shell_print("%s: %s\n", to, why);
	else
		shell_print("what passes at %s goes to the datastore's capture/%s; `net capture stop` ends it\n",
			    st->port->name, to);
}

static void begin(int argc, char **argv)
{
	struct capture_filter w = { .snap = SNAP_DEFAULT };
	struct port_state *st;

	if (argc < 4 || !parse_filter(argc, argv, &w)) {
		usage();
		return;
	}
	st = shell_find_port(argv[2]);
	if (!st)
		return;
	if (capture_file_running())
		shell_print("a capture to %s is under way: `net capture stop` ends it\n", capture_file_running());
	else if (!strcmp(argv[3], "serial"))
		to_serial(st, &w);
	else
		to_file(st, &w, argv[3]);
}

static bool file_more(u64 *cursor)
{
	int n = capture_file_read(name, (u32)*cursor, line, BYTES_A_LINE);

	if (n > 0) {
		line_used = (u32)n;
		print_line();
		*cursor += (u64)n;
		return true;
	}
	shell_print("-----END PCAP %s-----\n", name);
	return false;
}

static void get(const char *file)
{
	if (!capture_file_name_ok(file) || capture_file_read(file, 0, line, 1) != 1) {
		shell_print("%s: there is no such capture (`datastore` lists them)\n", file);
		return;
	}
	str_copy(name, sizeof(name), file);
	shell_print("-----BEGIN PCAP %s-----\n", name);
	shell_stream(file_more, 0);
}

static void delete(const char *file)
{
	const char *why = capture_file_name_ok(file) ? capture_file_delete(file) : "there is no such capture";

	shell_print("%s: %s\n", file, why ? why : "deleted");
}

void shell_net_capture(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[2], "stop"))
		shell_line(capture_file_stop() ? "capture: it ends, the log says when" : "no capture to a file is under way");
	else if (argc == 4 && !strcmp(argv[2], "get"))
		get(argv[3]);
	else if (argc == 4 && !strcmp(argv[2], "delete"))
		delete(argv[3]);
	else
		begin(argc, argv);
}
