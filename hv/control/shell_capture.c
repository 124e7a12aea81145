/* SPDX-License-Identifier: Apache-2.0 */
/* `net capture PORT serial`: what passes at a port, as a pcap file in lines of base64 on the console. Between the marks stands the
 * file itself, so that tests/tools/pcap.py needs to know nothing of networks. */
#include "shell.h"

#include <hv/lib.h>
#include <hv/net_text.h>
#include <hv/png.h>

#include "../net/capture.h"
#include "../net/switch.h"

#define BYTES_A_LINE 57u		/* 76 characters */
#define SNAP_DEFAULT 256u		/* the serial port is slow */

static char name[sizeof(((struct net_port *)0)->name)];
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

void shell_net_capture(int argc, char **argv)
{
	struct capture_filter w = { .snap = SNAP_DEFAULT };
	struct port_state *st;
	int err;

	if (argc < 4 || !parse_filter(argc, argv, &w)) {
		shell_line("usage: net capture PORT serial [mac ADDRESS] [port NUMBER] [snap BYTES] [count FRAMES]");
		shell_line("Ctrl-C ends it");
		return;
	}
	st = shell_find_port(argv[2]);
	if (!st)
		return;
	if (strcmp(argv[3], "serial") != 0) {
		shell_print("\"%s\": captures go to the console only (\"serial\"), there is no place for files\n", argv[3]);
		return;
	}
	capture_free();			/* Ctrl-C may have ended the last one */
	line_used = 0;
	err = capture_begin(st, &w);
	if (err) {
		shell_line("the hypervisor has no memory left for a capture");
		return;
	}
	str_copy(name, sizeof(name), st->port->name);
	shell_print("-----BEGIN PCAP %s-----\n", name);
	shell_stream(capture_more, 0);
}
