/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The sinks as the rest of the control core uses them; see hv/control.h for those that boot uses. */

#include <hv/picture.h>
#include <hv/types.h>

/* The serial port's queue: bytes it takes, bytes that wait, one more (false: full, or there is no port). */
bool serial_alive(void);
u32 serial_room(void);
u32 serial_waiting(void);
bool serial_put(u8 byte);

/* Move queued bytes to the port; true when some moved. A received byte, or -1. Send all that waits, bounded. */
bool serial_poll(void);
int serial_get(void);
void serial_flush(void);

/* A line past the queue, after what waits there; bounded. */
void serial_say_now(const char *line);

/* Add to the screen's shadow: a line of its own, or bytes of a view as they come. */
void screen_say(const char *line);
void screen_put(const u8 *bytes, size_t n);

/* Is there one; its lines. Draw some of what changed: true when more is left. */
bool screen_alive(void);
u32 screen_lines(void);
bool screen_poll(void);

/* A guest's picture instead of text, some of it a turn, some 25 times a second; true when more is to be drawn at once.
 * Whoever changes between text and pictures, or between pictures, says screen_anew(). */
bool screen_show(const struct picture *p, u64 now);
void screen_anew(void);

/* The next recorded line that an operator must see at once, in its console form; each sink has its own place in the log,
 * so that one that is slow neither loses lines nor delays the other. Lines that were overwritten meanwhile are counted in
 * a line. false: none. */
enum sink { SINK_SERIAL, SINK_SCREEN, SINKS };
bool sinks_next_log(enum sink sink, char *to, size_t size);

/* "port 0x3f8, 16550A with FIFO", "1024 x 768 pixels, 128 x 48 characters", "none". */
void sinks_describe_serial(char *to, size_t size);
void sinks_describe_screen(char *to, size_t size);
