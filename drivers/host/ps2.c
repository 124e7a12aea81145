/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's keyboard controller (8042), polled, and the keyboard and the mouse behind it. IBM PS/2 Hardware Interface Technical
 * Reference "Keyboard and Auxiliary Device Controller", "Mouse". Firmware may imitate all of this for USB devices. */
#include <hv/keys.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mouse.h>
#include <hv/pci.h>
#include <hv/port.h>

#define PORT_DATA 0x60
#define PORT_COMMAND 0x64
#define STATUS_OUT 0x01u
#define STATUS_IN 0x02u
#define STATUS_MOUSE 0x20u
#define STATUS_GONE 0xffu	/* what a bus without device reads */
#define CONFIG_INTERRUPTS 0x03u
#define CONFIG_KBD_OFF 0x10u
#define CONFIG_MOUSE_OFF 0x20u
#define CONFIG_TRANSLATE 0x40u
#define ACK 0xfau
#define WAIT_STEP_US 50u
#define WAIT_STEPS 400u		/* 20 ms */
#define POLL_BYTES 32u

enum { READ_CONFIG = 0x20, WRITE_CONFIG = 0x60, MOUSE_OFF = 0xa7, MOUSE_ON = 0xa8, KBD_OFF = 0xad, KBD_ON = 0xae, TO_MOUSE = 0xd4,
	KBD_SCAN = 0xf4, MOUSE_DEFAULTS = 0xf6, MOUSE_REPORT = 0xf4 };

/* First byte of a packet. */
enum { PACKET_BUTTONS = 7, PACKET_FIRST = 8, PACKET_LEFT = 0x10, PACKET_DOWN = 0x20, PACKET_OVERFLOW = 0xc0 };

static struct {
	bool controller, answered, mouse;
	u8 packet[3], packet_bytes;	/* of the mouse, as far as it came */
	u8 prefix;		/* E0H, E1H: seen */
	u8 skip;		/* bytes of the pause key left */
} ps2;

static bool wait_status(u8 bit, bool set)
{
	for (u32 i = 0; i < WAIT_STEPS; i++) {
		u8 status = port_in8(PORT_COMMAND);

		if (status == STATUS_GONE)
			return false;
		if (!!(status & bit) == set)
			return true;
		wait_us(WAIT_STEP_US);
	}
	return false;
}

static bool send(u16 port, u8 byte)
{
	if (!wait_status(STATUS_IN, false))
		return false;
	port_out8(port, byte);
	return true;
}

/* The answer to a command; -1: none came. */
static int answer(void)
{
	return wait_status(STATUS_OUT, true) ? port_in8(PORT_DATA) : -1;
}

static void drop_waiting(void)
{
	for (u32 i = 0; i < POLL_BYTES && port_in8(PORT_COMMAND) & STATUS_OUT; i++)
		port_in8(PORT_DATA);
}

/* Both devices off while the controller is asked; interrupts off, scan codes translated to set 1. */
static bool controller_set(void)
{
	int config;

	if (port_in8(PORT_COMMAND) == STATUS_GONE || !send(PORT_COMMAND, KBD_OFF) || !send(PORT_COMMAND, MOUSE_OFF))
		return false;
	drop_waiting();
	if (!send(PORT_COMMAND, READ_CONFIG))
		return false;
	config = answer();
	if (config < 0)
		return false;
	config = (config & ~(int)(CONFIG_INTERRUPTS | CONFIG_KBD_OFF)) | (int)(CONFIG_TRANSLATE | CONFIG_MOUSE_OFF);
	return send(PORT_COMMAND, WRITE_CONFIG) && send(PORT_DATA, (u8)config) && send(PORT_COMMAND, KBD_ON);
}

static void take_byte(u8 byte);

/* What the mouse answers; keys that come in between are typed. */
static int mouse_answer(void)
{
	for (u32 i = 0; i < POLL_BYTES && wait_status(STATUS_OUT, true); i++) {
		bool from_mouse = port_in8(PORT_COMMAND) & STATUS_MOUSE;
		u8 byte = port_in8(PORT_DATA);

		if (from_mouse)
			return byte;
		take_byte(byte);
	}
	return -1;
}

/* Until it says that it is one nothing is believed of it: many controllers have no port for a mouse. */
static bool mouse_command(u8 byte)
{
	return send(PORT_COMMAND, TO_MOUSE) && send(PORT_DATA, byte) && mouse_answer() == (int)ACK;
}

static void mouse_find(void)
{
	ps2.mouse = send(PORT_COMMAND, MOUSE_ON) && mouse_command(MOUSE_DEFAULTS) && mouse_command(MOUSE_REPORT);
	if (!ps2.mouse) {
		send(PORT_COMMAND, MOUSE_OFF);
		drop_waiting();
	}
}

void ps2_init(void)
{
	memset(&ps2, 0, sizeof(ps2));
	ps2.controller = controller_set();
	if (ps2.controller && send(PORT_DATA, KBD_SCAN))
		ps2.answered = answer() == (int)ACK;
	if (ps2.controller)
		mouse_find();
	log_info("ps2: %s%s", !ps2.controller ? "no controller" : ps2.answered ? "keyboard" : "controller, no keyboard yet",
		 ps2.mouse ? ", mouse" : "");
}

/* Left out: shifts that the keyboard makes up around its cursor keys (E02AH, E036H), the pause key (E1H and two bytes),
 * and answers to commands, which are no keys in any table. */
static void take_byte(u8 byte)
{
	u8 prefix = ps2.prefix;

	if (ps2.skip) {
		ps2.skip--;
		return;
	}
	ps2.prefix = 0;
	if (byte == 0xe0) {
		ps2.prefix = byte;
	} else if (byte == 0xe1) {
		ps2.skip = 2;
	} else if (prefix && ((byte & 0x7f) == 0x2a || (byte & 0x7f) == 0x36)) {
		return;
	} else {
		ps2.answered = true;
		keys_put((u16)(prefix << 8 | (byte & 0x7f)), !(byte & 0x80));
	}
}

/* Packets of three bytes; who is out of step finds back by the bit that is set in each first one. */
static void take_mouse_byte(u8 byte)
{
	const u8 *p = ps2.packet;

	if (!ps2.packet_bytes && !(byte & PACKET_FIRST))
		return;
	ps2.packet[ps2.packet_bytes++] = byte;
	if (ps2.packet_bytes < sizeof(ps2.packet))
		return;
	ps2.packet_bytes = 0;
	if (!(p[0] & PACKET_OVERFLOW))
		mouse_put(p[1] - (p[0] & PACKET_LEFT ? 256 : 0), p[2] - (p[0] & PACKET_DOWN ? 256 : 0), p[0] & PACKET_BUTTONS);
}

void ps2_poll(void)
{
	for (u32 i = 0; i < POLL_BYTES && ps2.controller; i++) {
		u8 status = port_in8(PORT_COMMAND), byte;

		if (status == STATUS_GONE)
			ps2.controller = false;
		if (status == STATUS_GONE || !(status & STATUS_OUT))
			return;
		byte = port_in8(PORT_DATA);
		if (!(status & STATUS_MOUSE))
			take_byte(byte);
		else if (ps2.mouse)
			take_mouse_byte(byte);
	}
}

void ps2_describe(char *to, size_t size)
{
	fmt_print(to, size, "%s%s", !ps2.controller ? "none" : ps2.answered ? "at the PS/2 controller" :
		  "controller, no keyboard has answered", ps2.mouse ? "; mouse there too" : "");
}
