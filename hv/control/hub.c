/* SPDX-License-Identifier: Apache-2.0 */
#include "hub.h"

#include "guest_input.h"
#include "lifecycle.h"
#include "shell.h"
#include "sinks.h"
#include "text.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/pc.h>
#include <hv/time.h>

#define ESCAPE_KEY 0x01		/* Ctrl-A */
#define SCREENFUL 24u
#define QUEUE_FILL 1024u	/* of a view's bytes at most, so that an announcement is never far behind */
#define ANNOUNCE_ROOM 512u	/* more than the longest line of the log takes */
#define SCREEN_BYTES 2048u	/* of a view's bytes at most in one turn */
#define SCREEN_BEHIND 8192u	/* so far behind the screen skips: nobody could read that */
#define PENDING_BYTES 1024u	/* typed ahead for a guest that does not read */

static struct {
	u32 view;
	u32 port;		/* of the virtio console of the guest in view; 0: its console */
	bool escape;
	bool at_line_start;	/* the last byte queued for the port was a newline */
	bool hinted;		/* about typing to a guest that is off */
	bool picture[PLAN_GUESTS_MAX + 1];	/* of a guest with a screen: show that */
	u64 shown[PLAN_GUESTS_MAX + 1];
	u64 on_screen;		/* of the present view */
	u32 pending_count, pending_at;
	u64 pending_run;	/* of the guest that they were typed for: life.starts */
	u8 pending[PENDING_BYTES];
	struct console_ring shell;
} hub;

void hub_init(void)
{
	memset(&hub, 0, sizeof(hub));
	hub.shell.at_line_start = true;
	hub.at_line_start = true;
	for (struct guest *g = guest_next(NULL); g; g = guest_next(g))
		hub_add(g);
}

/* Nobody looks: it need not ring. */
void hub_add(struct guest *g)
{
	store_release(&g->console->wake, 1u);
	for (u32 p = 0; p < g->port_count; p++)
		store_release(&g->port[p].record->wake, 1u);
}

void hub_drop(const struct guest *g)
{
	u32 view = g->index + 1;

	if (hub.view == view)
		hub_switch(VIEW_SHELL, 0);
	hub.picture[view] = false;
	hub.shown[view] = 0;
}

static struct guest *view_guest(void)
{
	return hub.view == VIEW_SHELL ? NULL : guest_at(hub.view - 1);
}

static const struct guest_port *view_port(void)
{
	return hub.port ? &view_guest()->port[hub.port - 1] : NULL;
}

/* The record and the typed bytes of what is shown. */
static struct console_ring *view_ring(void)
{
	if (hub.view == VIEW_SHELL)
		return &hub.shell;
	return hub.port ? view_port()->record : view_guest()->console;
}

static struct input_ring *view_input(void)
{
	return hub.port ? view_port()->input : view_guest()->input;
}

static void port_write(const char *text)
{
	while (*text) {
		hub.at_line_start = *text == '\n';
		serial_put((u8)*text++);
	}
}

/* A line of ours in the middle of a view's bytes. */
static void port_line(const char *text)
{
	if (!hub.at_line_start)
		port_write("\r\n");
	port_write(text);
	port_write("\r\n");
}

/* A guest may have left the terminal in the middle of a control string, in the other character set or in colours, which
 * would swallow or disguise our lines: cancel, shift in, plain attributes. ECMA-48 "CAN", "SI", "SGR". */
static void port_leave_guest(void)
{
	if (view_guest())
		port_write("\x18\x0f\x1b[0m");
}

bool hub_port_has_room(void)
{
	return serial_alive() && serial_room() >= ANNOUNCE_ROOM;
}

void hub_announce(const char *line)
{
	port_leave_guest();
	port_line(line);
}

void hub_redraw(void)
{
	if (hub.view == VIEW_SHELL)
		shell_redraw();
}

u32 hub_view(void)
{
	return hub.view;
}

static void describe_view(char *to, size_t size)
{
	const char *state = view_guest() ? life_state_word(view_guest()) : "";

	if (!view_guest())
		str_copy(to, size, "--- shell (Ctrl-A ? help) ---");
	else if (hub.port)
		fmt_print(to, size, "--- guest %u: %s, port %s, %s (Ctrl-A p next port, Ctrl-A 0 shell) ---", hub.view,
			  view_guest()->name, view_port()->name, state);
	else
		fmt_print(to, size, "--- guest %u: %s, %s (Ctrl-A 0 shell, Ctrl-A ? help) ---", hub.view,
			  view_guest()->name, state);
}

static u32 guests_there(void)
{
	u32 n = 0;

	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		n++;
	return n;
}

/* The view behind this one, places without a guest left out. */
static u32 next_view(void)
{
	const struct guest *g = guest_next(view_guest());

	return g ? g->index + 1 : VIEW_SHELL;
}

void hub_switch(u32 view, u32 port)
{
	char header[160];

	if (view != VIEW_SHELL && !guest_at(view - 1)) {
		fmt_print(header, sizeof(header), "[no guest %u: there are %u]", view, guests_there());
		port_line(header);
		return;
	}
	if (view != VIEW_SHELL && life_phase(guest_at(view - 1)) == PHASE_DELETING) {
		port_line("[this guest is being deleted]");
		return;
	}
	port_leave_guest();
	if (view_guest())
		store_release(&view_ring()->wake, 1u);
	if (hub.picture[hub.view] || hub.picture[view])
		screen_anew();
	hub.view = view;
	hub.port = port;
	hub.pending_count = hub.pending_at = 0;
	hub.hinted = false;
	describe_view(header, sizeof(header));
	port_line(header);
	screen_say(header);
	hub.shown[view] = text_last_lines(view_ring(), SCREENFUL);
	hub.on_screen = hub.shown[view];
}

struct guest *hub_screen_guest(void)
{
	return hub.picture[hub.view] && screen_alive() ? view_guest() : NULL;
}

void hub_key(u16 key, bool down)
{
	struct guest *g = hub_screen_guest();

	if (g && life_listens(g))
		guest_input_key(g, key, down);
}

bool hub_mouse(const struct mouse_event *event)
{
	struct guest *g = hub_screen_guest();

	return !g || !life_listens(g) || guest_input_mouse(g, event);
}

/* Console or screen of the guest in view. */
static void toggle_picture(void)
{
	struct guest *g = view_guest();
	char line[128];

	if (!g) {
		port_line("[the shell has no screen of its own: Ctrl-A 1..9 shows a guest, then Ctrl-A d]");
	} else if (!g->plan->display) {
		fmt_print(line, sizeof(line), "[guest %s has no screen: display = true in the plan gives it one]", g->name);
		port_line(line);
		screen_say(line);
	} else if (!screen_alive()) {
		port_line("[this machine has no screen; `shot` in the shell takes a picture]");
	} else {
		hub.picture[hub.view] = !hub.picture[hub.view];
		port_line(hub.picture[hub.view] ? "[the machine's screen and keyboard are this guest's; Ctrl-A d: its console]" :
			  "[the machine's screen shows this guest's console]");
		screen_anew();
	}
}

static void hub_help(void)
{
	port_line("Ctrl-A 0       the shell");
	port_line("Ctrl-A 1..9    console of that guest");
	port_line("Ctrl-A n       the next view");
	port_line("Ctrl-A p       the next port of this guest's virtio console");
	port_line("Ctrl-A d       screen or console of the guest in view, on the machine's screen");
	port_line("Ctrl-A Ctrl-A  send one Ctrl-A");
	port_line("Ctrl-A ?       this help");
	hub_redraw();
}

/* The guest takes what its ring has room for; it is told once for all of them. */
static void pending_flush(void)
{
	struct guest *g = view_guest();
	bool any = false;

	/* What one run did not read is not for the next: it may be a password. */
	if (g && life_of(g)->starts != hub.pending_run)
		hub.pending_count = hub.pending_at = 0;
	while (g && hub.pending_at < hub.pending_count && input_ring_put(view_input(), hub.pending[hub.pending_at])) {
		hub.pending_at++;
		any = true;
	}
	if (hub.pending_at == hub.pending_count)
		hub.pending_at = hub.pending_count = 0;
	if (!any)
		return;
	fetch_or(&g->events, (u32)GUEST_EVENT_INPUT);
	vcpu_request(g, 0, REQ_EVENTS);
}

static void deliver(u8 byte)
{
	struct guest *g = view_guest();

	if (!g) {
		shell_input(byte);
		return;
	}
	if (!life_listens(g)) {
		if (!hub.hinted)
			port_line("[this guest does not run: Ctrl-A 0, then start it in the shell]");
		hub.hinted = true;
		return;
	}
	if (!hub.pending_count)
		hub.pending_run = life_of(g)->starts;
	if (hub.pending_count < PENDING_BYTES)
		hub.pending[hub.pending_count++] = byte;
	pending_flush();
}

static void next_port(void)
{
	const struct guest *g = view_guest();

	if (!g || !g->port_count)
		port_line("[no ports here: virtio_console = { ports = [..] } in the plan gives a guest some]");
	else
		hub_switch(hub.view, (hub.port + 1) % (g->port_count + 1));
}

static void escape_command(u8 byte)
{
	if (byte >= '0' && byte <= '9')
		hub_switch((u32)(byte - '0'), 0);
	else if (byte == 'n' || byte == 'N')
		hub_switch(next_view(), 0);
	else if (byte == 'p' || byte == 'P')
		next_port();
	else if (byte == 'd' || byte == 'D')
		toggle_picture();
	else if (byte == ESCAPE_KEY)
		deliver(byte);
	else if (byte == '?' || byte == 'h')
		hub_help();
	else
		port_line("[Ctrl-A ? shows what can follow Ctrl-A]");
}

void hub_input(u8 byte)
{
	if (hub.escape) {
		hub.escape = false;
		escape_command(byte);
	} else if (byte == ESCAPE_KEY) {
		hub.escape = true;
	} else {
		deliver(byte);
	}
}

static void say_skipped(u64 bytes)
{
	char text[96];

	fmt_print(text, sizeof(text), "[%lu bytes came faster than this port; `console NAME log` has the last ones]", bytes);
	port_line(text);
}

/* Bytes pass as they are: whoever watches a guest gets its terminal. */
static size_t view_forward(u32 limit)
{
	u64 *shown = &hub.shown[hub.view];
	u64 before = *shown;
	u8 bytes[256];
	size_t n = console_ring_read(view_ring(), shown, bytes, MIN((size_t)limit, sizeof(bytes)));

	if (*shown - n != before)
		say_skipped(*shown - n - before);
	for (size_t i = 0; i < n; i++)
		serial_put(bytes[i]);
	if (n)
		hub.at_line_start = bytes[n - 1] == '\n';
	return n;
}

bool hub_output(void)
{
	pending_flush();
	if (view_guest())
		exchange(&view_ring()->wake, 0u);	/* before reading: later bytes ring again */
	if (!serial_alive()) {
		hub.shown[hub.view] = load_acquire(&view_ring()->head);
		return false;
	}
	while (serial_waiting() < QUEUE_FILL) {
		if (!view_forward(QUEUE_FILL - serial_waiting()))
			return false;
	}
	return true;
}

/* The guest's screen in place of text. */
static bool show_picture(const struct guest *g, u64 now)
{
	struct picture p;

	return screen_show(pc_picture(g, &p) ? &p : NULL, now);
}

bool hub_show(u64 now)
{
	const struct console_ring *r = view_ring();
	u64 head = load_acquire(&r->head);
	u8 bytes[256];
	size_t n = 1;

	if (!screen_alive())
		return false;
	if (hub_screen_guest())
		return show_picture(hub_screen_guest(), now);
	if (head - hub.on_screen > SCREEN_BEHIND)
		hub.on_screen = MAX(text_last_lines(r, screen_lines()), head - SCREEN_BEHIND / 2);
	for (u32 sent = 0; n && sent < SCREEN_BYTES; sent += (u32)n) {
		n = console_ring_read(r, &hub.on_screen, bytes, sizeof(bytes));
		screen_put(bytes, n);
	}
	return n != 0;
}

void hub_shell_write(const char *text, size_t n)
{
	u64 now = tsc_now();

	for (size_t i = 0; i < n; i++)
		console_ring_put(&hub.shell, (u8)text[i], now);
}

u64 hub_shell_backlog(void)
{
	return hub.view == VIEW_SHELL ? hub.shell.head - hub.shown[VIEW_SHELL] : 0;
}
