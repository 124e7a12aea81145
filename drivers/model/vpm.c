/* SPDX-License-Identifier: Apache-2.0 */
#include "vpm.h"

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/time.h>

#include "acpi.h"
#include "models.h"

#define NEVER UINT64_MAX

#define OFF_CONTROL (ACPI_PM1A_CNT - ACPI_PM1A_EVT)
#define OFF_TIMER (ACPI_PM_TIMER - ACPI_PM1A_EVT)

#define STS_TIMER 0x0001
#define STS_BUTTON 0x0100
#define ENABLE_MASK 0x0521	/* timer, global lock, power button, RTC */
#define CONTROL_SCI_ENABLE 0x0001
#define CONTROL_MASK 0x1c06	/* sleep type, bus-master reload, global release */
#define CONTROL_SLEEP 0x2000

#define TIMER_MASK 0xffffffu	/* 24 bits: the FADT does not claim 32 */
#define TIMER_TOP 23

/* SCI_EN is always on: there is no SMI to hand events to, so there is no other mode (FADT.SMI_CMD is 0). */
void vpm_reset(struct vpm *m, u64 now)
{
	m->status = m->enable = 0;
	m->control = CONTROL_SCI_ENABLE;
	m->carries = mul_div(now, VPM_TIMER_HZ, timebase.tsc_hz) >> TIMER_TOP;
	m->due = NEVER;
}

static u64 timer_clocks(u64 now)
{
	return mul_div(now, VPM_TIMER_HZ, timebase.tsc_hz);
}

/* TMR_STS is set when the top bit changes, in either direction. */
static u16 vpm_status(const struct vpm *m, u64 now)
{
	return m->status | (timer_clocks(now) >> TIMER_TOP != m->carries ? STS_TIMER : 0);
}

/* The line follows the registers; a carry needs a timer only while it could raise it. */
static void vpm_update(struct vpm *m, u64 now)
{
	u16 status = vpm_status(m, now);

	m->due = NEVER;
	if ((m->enable & STS_TIMER) && !(status & STS_TIMER))
		m->due = mul_div((m->carries + 1) << TIMER_TOP, timebase.tsc_hz, VPM_TIMER_HZ) + 1;
	irq_set(m->g, IRQ_SCI, (status & m->enable) != 0);
}

void vpm_run(struct vpm *m, u64 now)
{
	if (now >= m->due)
		vpm_update(m, now);
}

void vpm_press_button(struct vpm *m, u64 now)
{
	m->status |= STS_BUTTON;
	vpm_update(m, now);
}

/* bits and mask stand where they are in the 32 bits of PM1_STS and PM1_EN. Status bits are cleared by ones. */
static void write_event(struct vpm *m, u32 bits, u32 mask)
{
	u64 now = pc_now();
	u16 clear = (u16)(bits & mask);

	m->status &= (u16)~clear;
	if (clear & STS_TIMER)
		m->carries = timer_clocks(now) >> TIMER_TOP;
	m->enable = (u16)((m->enable & ~(mask >> 16)) | ((bits & mask) >> 16 & ENABLE_MASK));
	vpm_update(m, now);
	pc_rearm(m->g);
}

/* S5 is the only sleeping state that the DSDT offers; a guest that asks for another one is left as it is. OVMF switches off
 * without looking at tables, by the number that QEMU takes for it. */
static bool is_off(const struct vpm *m)
{
	u32 type = m->control >> 10 & 7;

	return type == ACPI_SLP_TYP_S5 || (type == 0 && m->g->plan->boot.type == BOOT_UEFI);
}

static void write_control(struct vpm *m, u32 bits, u32 mask)
{
	m->control = (u16)((m->control & ~(mask & CONTROL_MASK)) | (bits & mask & CONTROL_MASK) | CONTROL_SCI_ENABLE);
	if ((bits & mask & CONTROL_SLEEP) && is_off(m))
		guest_end(m->g, &this_core()->vcpu, END_POWEROFF, 0);
}

static u32 vpm_read(const struct vpm *m, u64 reg)
{
	u64 now = pc_now();

	if (reg == OFF_CONTROL)
		return m->control;
	if (reg == OFF_TIMER)
		return (u32)timer_clocks(now) & TIMER_MASK;
	return vpm_status(m, now) | (u32)m->enable << 16;
}

enum io_result vpm_io(void *self, struct io *io)
{
	struct vpm *m = self;
	u64 reg = io->off & ~3ul;
	u32 shift = (io->off & 3) * 8, mask;

	if ((io->off & 3) + io->size > 4)
		return IO_REFUSED;
	if (!io->write) {
		io->val = vpm_read(m, reg) >> shift;
		return IO_DONE;
	}
	mask = (io->size == 4 ? ~0u : BIT32(io->size * 8u) - 1) << shift;
	if (reg == OFF_CONTROL)
		write_control(m, (u32)io->val << shift, mask);
	else if (reg != OFF_TIMER)
		write_event(m, (u32)io->val << shift, mask);
	return IO_DONE;
}
