/* SPDX-License-Identifier: Apache-2.0 */
/* `web`: the HTTPS server, and its one-time code. */
#include "hub.h"
#include "shell.h"
#include "sinks.h"

#include <hv/lib.h>
#include <hv/web.h>

static void say(const char *line)
{
	screen_say(line);
	if (hub_port_has_room()) {
		hub_announce(line);
		hub_redraw();
	}
}

void shell_web_init(void)
{
	web_say = say;
}

void shell_web(int argc, char **argv)
{
	const char *why = NULL;

	if (argc > 1 && strcmp(argv[1], "enrol")) {
		shell_line("usage: web [enrol]");
		return;
	}
	if (argc > 1)
		why = web_enrol();
	if (why)
		shell_print("web enrol: %s\n", why);
	else
		web_show(shell_print);
}
