/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks.h"

#include <hv/control.h>
#include <hv/log.h>
#include <hv/paging.h>
#include <hv/screen.h>
#include <hv/time.h>
#include <hv/uart.h>

#define LEGACY_BAUD 115200u
#define DRAW_CELLS 8u
#define FRAME_NS 40000000ul
#define DRAW_NS 500000ul	/* a turn of the event loop: a FIFO of 16 bytes fills in 1.4 ms at 115200 baud */

static struct uart serial;
static struct screen screen;
static struct boot_screen screen_info;
static u64 frame_next;		/* TSC: when a picture is looked at again */
static struct {
	u64 next;		/* lines below this were looked at */
	u64 lost;
} place[SINKS];

/* Firmware has set the rate of the ports that it describes; what answers at the PC's own ports may never have been. */
static void serial_find(const struct boot_info *info)
{
	for (u32 i = 0; i < MIN(info->uart_count, BOOT_UARTS_MAX); i++) {
		const struct boot_uart *where = &info->uarts[i];

		if (!uart_open(&serial, where, where->source == BOOT_UART_LEGACY ? LEGACY_BAUD : 0))
			return;
	}
	memset(&serial, 0, sizeof(serial));
}

static void screen_find(const struct boot_info *info)
{
	void *pixels;

	memset(&screen, 0, sizeof(screen));
	screen_info = info->screen;
	if (screen_check(&screen_info))
		return;
	pixels = mmio_map(HPA(screen_info.base), (u64)screen_info.pitch * screen_info.height, CACHE_COMBINING);
	if (pixels)
		screen_open(&screen, &screen_info, pixels);
}

/* Lines of the stable forms "guest NAME: ..." and "error ID: ..." stand as they are: scripts look for them. */
static void console_form(char *to, size_t size, const char *text)
{
	bool whole = !strncmp(text, "guest ", 6) || !strncmp(text, "error ", 6);

	fmt_print(to, size, "%s%s", whole ? "" : "bulkhead: ", text);
}

bool sinks_next_log(enum sink sink, char *to, size_t size)
{
	struct log_line line;

	for (;; place[sink].next++) {
		int status = log_read(place[sink].next, &line);

		if (status == -E_NOENT)
			return false;
		if (status)
			place[sink].lost++;
		else if (line.level <= LOG_NOTICE)
			break;
	}
	if (place[sink].lost) {
		fmt_print(to, size, "bulkhead: %lu lines of the log were lost here", place[sink].lost);
		place[sink].lost = 0;
		return true;
	}
	place[sink].next++;
	console_form(to, size, line.text);
	return true;
}

/* Boot writes to both at once. */
static void log_to_sinks(void)
{
	char line[LOG_TEXT_MAX + 16];

	while (sinks_next_log(SINK_SERIAL, line, sizeof(line)))
		sink_line(line);
	place[SINK_SCREEN] = place[SINK_SERIAL];
}

void sinks_init(const struct boot_info *info)
{
	char words[64];

	serial_find(info);
	screen_find(info);
	log_set_cores_known();
	log_set_console(log_to_sinks);
	sinks_describe_serial(words, sizeof(words));
	log_info("sinks: serial %s", words);
	sinks_describe_screen(words, sizeof(words));
	log_info("sinks: screen %s", words);
	log_to_sinks();
}

void sinks_configure(const struct plan_machine *machine)
{
	struct boot_uart where = serial.where;
	bool rate_given = machine->line[PLAN_KEY_SERIAL_BAUD] != 0;

	if (!machine->screen)
		screen.pixels = NULL;
	if (machine->serial == PLAN_SERIAL_NONE) {
		serial.alive = false;
		return;
	}
	if (machine->serial == PLAN_SERIAL_AUTO && !(rate_given && serial.alive))
		return;
	if (machine->serial != PLAN_SERIAL_AUTO)
		where = (struct boot_uart){ .base = machine->serial == PLAN_SERIAL_COM1 ? 0x3f8 : 0x2f8, .stride = 1,
					    .source = BOOT_UART_LEGACY };
	serial_flush();
	if (uart_open(&serial, &where, machine->serial_baud))
		log_error("sinks: the plan's serial port does not answer: the console has no serial port");
}

static void serial_write_now(const char *text, size_t n)
{
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n')
			continue;
		uart_write_now(&serial, text + from, i - from);
		uart_write_now(&serial, "\r\n", 2);
		from = i + 1;
	}
	uart_write_now(&serial, text + from, n - from);
}

void sink_write(const char *text, size_t n)
{
	serial_write_now(text, n);
	screen_write(&screen, text, n);
	screen_draw(&screen, SCREEN_COLS_MAX * SCREEN_ROWS_MAX);
}

void sink_line(const char *text)
{
	sink_write(text, strlen(text));
	sink_write("\n", 1);
}

void panic_write(const char *text)
{
	sink_write(text, strlen(text));
}

bool serial_alive(void)
{
	return serial.alive;
}

u32 serial_room(void)
{
	return uart_room(&serial);
}

u32 serial_waiting(void)
{
	return serial.alive ? uart_waiting(&serial) : 0;
}

bool serial_put(u8 byte)
{
	return uart_put(&serial, byte);
}

bool serial_poll(void)
{
	return uart_poll(&serial) != 0;
}

int serial_get(void)
{
	return uart_get(&serial);
}

void serial_flush(void)
{
	while (serial.alive && uart_waiting(&serial) && !serial.stalls) {
		char byte = (char)serial.queue[serial.tail++ % UART_QUEUE_BYTES];

		uart_write_now(&serial, &byte, 1);
	}
}

void serial_say_now(const char *line)
{
	serial_flush();
	serial_write_now(line, strlen(line));
	serial_write_now("\n", 1);
}

void screen_say(const char *line)
{
	screen_line(&screen, line);
}

void screen_put(const u8 *bytes, size_t n)
{
	screen_write(&screen, (const char *)bytes, n);
}

bool screen_alive(void)
{
	return screen.pixels != NULL;
}

u32 screen_lines(void)
{
	return screen.rows;
}

/* Framebuffers of servers' management chips take some MiB a second: time is what is bounded, not cells. */
bool screen_poll(void)
{
	u64 until = tsc_now() + ns_to_ticks(DRAW_NS);
	bool more;

	do
		more = screen_draw(&screen, DRAW_CELLS);
	while (more && tsc_now() < until);
	return more;
}

bool screen_show(const struct picture *p, u64 now)
{
	bool more;

	if (!screen.pixels || now < frame_next)
		return false;
	more = screen_picture(&screen, p, tsc_now() + ns_to_ticks(DRAW_NS));
	if (!more)
		frame_next = now + ns_to_ticks(FRAME_NS);
	return more;
}

void screen_anew(void)
{
	frame_next = 0;
	screen_refresh(&screen);
}

void sinks_describe_serial(char *to, size_t size)
{
	if (!serial.alive)
		str_copy(to, size, "none");
	else
		fmt_print(to, size, "%s 0x%lx, %s", serial.where.mmio ? "at" : "port", serial.where.base,
			  serial.fifo ? "16550A with FIFO" : "8250 or 16450");
}

void sinks_describe_screen(char *to, size_t size)
{
	if (!screen.pixels)
		str_copy(to, size, screen_info.base ? "present, not used" : "none");
	else
		fmt_print(to, size, "%u x %u pixels, %u x %u characters", screen_info.width, screen_info.height,
			  screen.cols, screen.rows);
}
