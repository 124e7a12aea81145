/* SPDX-License-Identifier: Apache-2.0 */
/* Which drives a channel has. ATA-6 "Software reset protocol", "Signature and persistence", "PIO data-in command protocol". */
#include <hv/lib.h>
#include <hv/port.h>

#include "ide.h"

#define RESET_HOLD_US 10u
#define RESET_US 2000u
#define READY_US 1000000u		/* a disk that firmware has used turns already */
#define STEP_US 20u
#define NOTHING 0xffu			/* no drive pulls the lines */

void ide_select(const struct ide_channel *c, u32 number, u8 bits)
{
	port_out8((u16)(c->command + IDE_DEVICE), (u8)(0xa0 | number << 4 | bits));
	ide_settle(c);
}

u8 ide_settle(const struct ide_channel *c)
{
	for (u32 i = 0; i < 4; i++)
		port_in8(c->control);
	return port_in8(c->control);
}

/* false: still busy at the end. */
static bool wait_ready(const struct ide_channel *c, u32 us)
{
	for (u32 at = 0; port_in8(c->control) & IDE_BSY; at += STEP_US) {
		if (at >= us)
			return false;
		wait_us(STEP_US);
	}
	return true;
}

/* What firmware may have left under way ends here. */
static bool reset(const struct ide_channel *c)
{
	port_out8((u16)(c->master + BM_COMMAND), 0);
	ide_select(c, 0, 0);
	if (port_in8((u16)(c->command + IDE_STATUS)) == NOTHING)
		return false;
	port_out8(c->control, IDE_SRST);
	wait_us(RESET_HOLD_US);
	port_out8(c->control, 0);
	wait_us(RESET_US);
	return wait_ready(c, READY_US);
}

static bool ask(const struct ide_channel *c, u8 command, u16 words[IDE_WORDS])
{
	u8 status;

	port_out8((u16)(c->command + IDE_COMMAND), command);
	if (!ide_settle(c) || !wait_ready(c, READY_US))
		return false;
	status = port_in8((u16)(c->command + IDE_STATUS));
	if (status == NOTHING || status & (IDE_ERR | IDE_FAULT) || !(status & IDE_DRQ))
		return false;
	for (u32 i = 0; i < IDE_WORDS; i++)
		words[i] = port_in16((u16)(c->command + IDE_DATA));
	return true;
}

static bool is_packet(const struct ide_channel *c)
{
	return port_in8((u16)(c->command + IDE_LBA_MID)) == 0x14 && port_in8((u16)(c->command + IDE_LBA_HIGH)) == 0xeb;
}

static void set_mode(struct ide_drive *d)
{
	const struct ide_channel *c = d->channel;

	port_out8((u16)(c->command + IDE_FEATURES), 3);		/* "set transfer mode" */
	port_out8((u16)(c->command + IDE_COUNT), d->set_mode);
	port_out8((u16)(c->command + IDE_COMMAND), IDE_CMD_SET_FEATURES);
	ide_settle(c);
	if (wait_ready(c, READY_US) && !(port_in8((u16)(c->command + IDE_STATUS)) & IDE_ERR))
		return;
	d->kind = IDE_REFUSED;
	d->why = "it takes no DMA mode";
}

/* A drive that speaks packets refuses IDENTIFY and shows its signature. */
static void find_drive(struct ide_drive *d)
{
	const struct ide_channel *c = d->channel;
	u16 words[IDE_WORDS];

	ide_select(c, d->number, 0);
	if (!wait_ready(c, READY_US))
		return;
	if (ask(c, IDE_CMD_IDENTIFY, words)) {
		ide_identify(d, words);
		if (d->kind == IDE_DISK && d->set_mode)
			set_mode(d);
	} else if (is_packet(c) && ask(c, IDE_CMD_IDENTIFY_PACKET, words)) {
		ide_identify_packet(d, words);
	}
}

u32 ide_open_channel(struct ide_channel *c)
{
	u32 found = 0;

	if (!reset(c))
		return 0;
	for (u32 i = 0; i < 2; i++) {
		c->drive[i].channel = c;
		c->drive[i].number = (u8)i;
		find_drive(&c->drive[i]);
		found += c->drive[i].kind != IDE_NOTHING;
	}
	ide_select(c, 0, 0);
	port_in8((u16)(c->command + IDE_STATUS));	/* takes its interrupt back */
	return found;
}
