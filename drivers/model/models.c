/* SPDX-License-Identifier: Apache-2.0 */
/* Every model of a guest's PC, in one list, and what concerns them all: power-on, timers, events from outside. */
#include "models.h"

#include <hv/core.h>
#include <hv/lib.h>

#include "acpi.h"
#include "vdebug.h"
#include "vpanic.h"
#include "vreset.h"
#include "vtest.h"

#define NEVER UINT64_MAX

enum model_when { ALWAYS, TEST_DEVICE, KEYBOARD, NO_KEYBOARD, FIRMWARE };

struct model {
	const char *name;
	u64 base, size;
	io_fn *fn;
	size_t state;		/* where its state is in struct pc; WHOLE_GUEST: it gets the guest */
	enum bus_space space;
	enum model_when when;
};

#define WHOLE_GUEST SIZE_MAX

/* POST codes and I/O delays: written for the time that it takes. */
static enum io_result sink_io(void *self, struct io *io)
{
	(void)self;
	if (!io->write)
		io->val = ~0ul;
	return IO_DONE;
}

static const struct model model[] = {
	{ "pic-master",	0x20,		2,	vpic_master_io,	offsetof(struct pc, pic),	BUS_PORT, ALWAYS },
	{ "pic-slave",	0xa0,		2,	vpic_slave_io,	offsetof(struct pc, pic),	BUS_PORT, ALWAYS },
	{ "pic-elcr",	0x4d0,		2,	vpic_elcr_io,	offsetof(struct pc, pic),	BUS_PORT, ALWAYS },
	{ "pit",	0x40,		4,	vpit_io,	offsetof(struct pc, pit),	BUS_PORT, ALWAYS },
	{ "speaker",	0x61,		1,	vpit_speaker_io, offsetof(struct pc, pit),	BUS_PORT, ALWAYS },
	{ "rtc",	0x70,		2,	vrtc_io,	offsetof(struct pc, rtc),	BUS_PORT, ALWAYS },
	{ "uart",	0x3f8,		8,	vuart_io,	offsetof(struct pc, uart),	BUS_PORT, ALWAYS },
	{ "pm",		ACPI_PM1A_EVT,	12,	vpm_io,		offsetof(struct pc, pm),	BUS_PORT, ALWAYS },
	{ "fast-reset",	0x92,		1,	vreset_fast_io,	WHOLE_GUEST,			BUS_PORT, ALWAYS },
	{ "kbd-reset",	0x64,		1,	vreset_kbd_io,	WHOLE_GUEST,			BUS_PORT, NO_KEYBOARD },
	{ "kbd-data",	0x60,		1,	vi8042_data_io,	offsetof(struct pc, kbd),	BUS_PORT, KEYBOARD },
	{ "kbd-command", 0x64,		1,	vi8042_command_io, offsetof(struct pc, kbd),	BUS_PORT, KEYBOARD },
	{ "post",	0x80,		1,	sink_io,	WHOLE_GUEST,			BUS_PORT, ALWAYS },
	{ "delay",	0xed,		1,	sink_io,	WHOLE_GUEST,			BUS_PORT, ALWAYS },
	{ "panic",	VPANIC_PORT,	1,	vpanic_io,	WHOLE_GUEST,			BUS_PORT, ALWAYS },
	{ "test",	0xf4,		4,	vtest_io,	WHOLE_GUEST,			BUS_PORT, TEST_DEVICE },
	{ "firmware-log", VDEBUG_PORT,	1,	vdebug_io,	WHOLE_GUEST,			BUS_PORT, FIRMWARE },
	{ "firmware-config", VFWCFG_PORT, VFWCFG_PORTS, vfwcfg_io, offsetof(struct pc, fwcfg),	BUS_PORT, FIRMWARE },
	{ "ioapic",	VIOAPIC_ADDRESS, 0x1000, vioapic_io,	offsetof(struct pc, ioapic),	BUS_MEMORY, ALWAYS },
	{ "hpet",	VHPET_ADDRESS,	VHPET_SIZE, vhpet_io,	offsetof(struct pc, hpet),	BUS_MEMORY, ALWAYS },
};

size_t pc_size(void)
{
	return sizeof(struct pc);
}

/* All functions of the guest's PCI bus. Fixed claims come before: where BARs are put over them, they win. */
static int pci_build(struct guest *g)
{
	int err = vpci_build(g);

	err = err ? err : q35_build(g);
	err = err ? err : vdisplay_build(g, &g->pc->display);
	err = err ? err : virtio_build(g);
	return err ? err : net_set_build(g);
}

static bool is_wanted(const struct guest *g, enum model_when when)
{
	switch (when) {
	case TEST_DEVICE:	return g->plan->test_device;
	case KEYBOARD:		return vi8042_wanted(g);
	case NO_KEYBOARD:	return !vi8042_wanted(g);
	case FIRMWARE:		return g->plan->boot.type == BOOT_UEFI;
	default:		return true;
	}
}

int pc_build(struct guest *g, struct pc *pc)
{
	int err;

	g->pc = pc;
	g->device_deadline = NEVER;
	pc->pic.g = pc->ioapic.g = pc->pit.g = pc->rtc.g = pc->hpet.g = pc->pm.g = pc->uart.g = pc->kbd.g = g;
	for (u32 i = 0; i < ARRAY_COUNT(model); i++) {
		const struct model *m = &model[i];
		void *state = m->state == WHOLE_GUEST ? (void *)g : (char *)pc + m->state;

		if (!is_wanted(g, m->when))
			continue;
		err = bus_claim(&g->bus, (struct bus_range){ m->space, m->base, m->size }, m->fn, state, m->name);
		if (err)
			return err;
	}
	err = vflash_build(g, &pc->flash);
	return err ? err : pci_build(g);
}

void pc_reset(struct guest *g)
{
	struct pc *pc = g->pc;
	u64 now = pc_now();

	pc->lines = pc->pirqs = pc->hpet_lines = pc->pic_wires = 0;
	vpic_reset(&pc->pic);
	vioapic_reset(&pc->ioapic);
	vpit_reset(&pc->pit);
	vrtc_reset(&pc->rtc, now);
	vpm_reset(&pc->pm, now);
	vhpet_reset(&pc->hpet);
	vuart_reset(&pc->uart);
	vi8042_reset(&pc->kbd);
	vflash_reset(&pc->flash);
	if (g->plan->boot.type == BOOT_UEFI)
		vfwcfg_reset(g, &pc->fwcfg);
	vdisplay_reset(&pc->display);
	vpci_reset(g);
	q35_reset(g);
	virtio_reset(g);
	net_set_reset(g);
	if (g->plan->boot.type != BOOT_UEFI) {
		vpci_assign(g);
		q35_assign(g);
	}
	store_relaxed(&g->device_deadline, NEVER);
	pc_rearm(g);
}

void pc_rearm(struct guest *g)
{
	const struct pc *pc = g->pc;
	u64 due = MIN(pc->pit.due, MIN(pc->rtc.due, MIN(pc->pm.due, MIN(pc->hpet.due, pc->virtio.due)))), was = g->device_deadline;
	struct vcpu *v = &this_core()->vcpu;

	if (due == was)
		return;
	store_relaxed(&g->device_deadline, due);
	if (due > was)
		return;		/* vcpu 0 comes back too early once, and finds the later one */
	if (v->index == 0)
		v->deadline = MIN(v->deadline, due);
	else
		vcpu_request(g, 0, REQ_DEADLINE);
}

void pc_run(struct guest *g, u64 now)
{
	struct pc *pc = g->pc;

	vpit_run(&pc->pit, now);
	vrtc_run(&pc->rtc, now);
	vpm_run(&pc->pm, now);
	vhpet_run(&pc->hpet, now);
	virtio_run(g, now);
	pc_rearm(g);
}

void pc_event_input(struct guest *g)
{
	vuart_receive(&g->pc->uart);
	vconsole_receive(&g->pc->virtio.console);
}

void pc_event_keys(struct guest *g)
{
	struct mouse_event move;
	u16 event;

	while (key_ring_get(&g->keys, &event))
		vi8042_key(&g->pc->kbd, (u16)(event & ~KEY_RING_UP & 0xffffu), !(event & KEY_RING_UP));
	while (mouse_ring_get(&g->mouse, &move))
		vi8042_mouse(&g->pc->kbd, move.dx, move.dy, move.buttons);
}

void pc_event_balloon(struct guest *g)
{
	vballoon_event(&g->pc->virtio.balloon);
}

bool pc_picture(const struct guest *g, struct picture *p)
{
	return vdisplay_wanted(g) && vdisplay_picture(&g->pc->display, p);
}

void pc_event_power_button(struct guest *g)
{
	vpm_press_button(&g->pc->pm, pc_now());
}

bool pc_pic_output(const struct guest *g)
{
	return vpic_output(&g->pc->pic);
}

u8 pc_pic_acknowledge(struct guest *g)
{
	return vpic_acknowledge(&g->pc->pic);
}

void pc_list(const struct guest *g, void (*line)(const char *text))
{
	vpci_list(g, line);
}

int pc_firmware_tables(struct guest *g)
{
	gpa_t rsdp;

	if (g->plan->boot.type == BOOT_UEFI)
		return 0;	/* its firmware asks for them: vfwcfg.c */
	return acpi_build(g, &rsdp);
}
