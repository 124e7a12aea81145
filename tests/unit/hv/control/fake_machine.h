/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A machine for tests of the control core: two guests of two vcpus on cores 1..4, core 0 is the control core; a serial
 * port that keeps what it is sent; recorded doorbells and requests. Weak: what a test links for real wins. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/host.h>
#include <hv/keys.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/picture.h>
#include <hv/time.h>

#define HZ 1000000000ul		/* of the fake TSC */

extern struct guest fake_guest[2];
extern u32 fake_announced;		/* how often each was told to announce its cards, 8 bits each */
extern char fake_serial[1 << 20];	/* everything sent, a string */
extern u32 fake_serial_room;		/* bytes that the port's queue takes; UINT32_MAX: no limit */
extern u32 fake_requests[2][2];		/* ORed requests by guest, vcpu */
extern u32 fake_doorbells[8];
extern char fake_screen[1 << 16];	/* everything shown, a string */
extern bool fake_no_serial, fake_volumes_open;
extern char fake_input[4096];		/* what serial_get() hands out */
extern bool fake_button;
extern struct key_event fake_key[64];	/* what keys_get() hands out */
extern u32 fake_keys;
extern bool fake_lends;
extern u32 fake_pictures, fake_black, fake_anew;	/* calls of screen_show() with and without a picture, of screen_anew() */
extern struct picture fake_picture;		/* what a guest's screen shows */
extern bool fake_has_picture;
extern u64 fake_pool_used;			/* pages that were not given back */
extern bool fake_pool_empty;
extern int fake_poweroffs, fake_reboots;
extern jmp_buf fake_halt;		/* machine_halt() jumps here */

void fake_machine_init(void);
void fake_serial_clear(void);
bool fake_has(const char *part);	/* in what was sent */

/* In a line of the log, from that number on. Of tests that link the log. */
static inline bool fake_logged(u64 from, const char *part)
{
	struct log_line line;

	for (u64 i = from; i < log_end(); i++)
		if (!log_read(i, &line) && strstr(line.text, part))
			return true;
	return false;
}

/* Play the core of a vcpu: the next message for it; false: none. Answer with a message. */
bool fake_core_get(u32 core, struct message *m);
void fake_core_put(u32 core, enum message_type type, const struct guest *g, u64 vcpu);
