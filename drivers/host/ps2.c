/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's keyboard controller (8042), polled, and the keyboard behind it. IBM PS/2 Hardware Interface Technical
 * Reference "Keyboard and Auxiliary Device Controller". Firmware may imitate all of this for a USB keyboard. */
#include <hv/keys.h>
#include <hv/lib.h>
#include <hv/log.h>
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

enum { READ_CONFIG = 0x20, WRITE_CONFIG = 0x60, MOUSE_OFF = 0xa7, KBD_OFF = 0xad, KBD_ON = 0xae, KBD_SCAN = 0xf4 };

static struct {
	bool controller, answered;
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

void ps2_init(void)
{
	memset(&ps2, 0, sizeof(ps2));
	ps2.controller = controller_set();
	if (ps2.controller && send(PORT_DATA, KBD_SCAN))
		ps2.answered = answer() == (int)ACK;
	log_info("ps2: %s", !ps2.controller ? "no controller" : ps2.answered ? "keyboard" : "controller, no keyboard yet");
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
	}
}

void ps2_describe(char *to, size_t size)
{
	str_copy(to, size, !ps2.controller ? "none" : ps2.answered ? "at the PS/2 controller" :
		 "controller, no keyboard has answered");
}
