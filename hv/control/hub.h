/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The console hub: serial port and screen show one view at a time, the shell's or a guest's; Ctrl-A switches. Every view
 * has a record that goes on while another one is shown; port and screen read it each at its own pace. Control core. */

#include <hv/guest.h>

#define VIEW_SHELL 0u		/* guests follow: index + 1 */

void hub_init(void);

/* A guest has been made; goes: nobody looks at it any more. */
void hub_add(struct guest *g);
void hub_drop(const struct guest *g);

/* One byte typed on the serial port. */
void hub_input(u8 byte);

/* Move the view's record to the serial port as far as its queue should be filled, and typed bytes that a guest could
 * not take yet to the guest. Returns whether more could be done when the port has sent. */
bool hub_output(void);

/* Show another view: a header line, then its last screenful. A view that does not exist is refused in words. port: of the
 * guest's virtio console, 0 its console. */
void hub_switch(u32 view, u32 port);
u32 hub_view(void);

/* Move some of the view's record to the screen, which shows the same view. Returns whether there is more. */
bool hub_show(u64 now);

/* The guest whose screen is shown instead of its console, and which the machine's keyboard types into; null: text. */
struct guest *hub_screen_guest(void);

/* A key for that guest's own keyboard. */
void hub_key(u16 key, bool down);

/* A move of the mouse, likewise. false: that guest has no room now, try again later. */
bool hub_mouse(const struct mouse_event *event);

/* A line that must be seen at once on the serial port, whatever the view; only while there is room for it (also without
 * a port: false). Afterwards, and after lines for the screen alone, the shell's line is shown again. */
bool hub_port_has_room(void);
void hub_announce(const char *line);
void hub_redraw(void);

/* The shell's output, recorded like a guest's. backlog: bytes that the operator, looking at it, has not got yet. */
void hub_shell_write(const char *text, size_t n);
u64 hub_shell_backlog(void);
