/* SPDX-License-Identifier: Apache-2.0 */
/* An IOMMU that firmware left on translates by tables that lie in RAM which guests are about to get: it is switched off,
 * or nothing starts. Both vendors' forms; each step is asked for, then waited for, within a bound. */
#include "iommu.h"

#include <hv/log.h>
#include <hv/machine.h>
#include <hv/paging.h>
#include <hv/time.h>

#include "x86.h"

#define WAIT_MS 100		/* a unit that drains what is under way takes microseconds */

/* VT-d "Register Descriptions" (11.4): offsets and bits. */
#define VTD_SIZE PAGE_SIZE
#define VTD_VERSION 0x00
#define VTD_CAP 0x08
#define VTD_CAP_PROTECTED (BIT32(5) | BIT32(6))		/* a low, a high protected range can be had */
#define VTD_COMMAND 0x18
#define VTD_STATUS 0x1c
#define VTD_STATUS_KEPT 0x96ffffffu			/* "Global Command Register": the others act once */
#define VTD_TRANSLATION BIT32(31)
#define VTD_QUEUE BIT32(26)
#define VTD_REMAPPING BIT32(25)				/* of interrupts */
#define VTD_PROTECTED 0x64
#define VTD_QUEUE_HEAD 0x80
#define VTD_QUEUE_TAIL 0x88
#define VTD_PROTECTED_ON BIT32(31)
#define VTD_PROTECTED_STATUS BIT32(0)

/* AMD I/O Virtualization "MMIO Registers" (3.4): offsets and bits. */
#define AMD_SIZE 0x4000ul
#define AMD_CONTROL 0x18
#define AMD_CONTROL_ON BIT32(0)
#define AMD_CONTROL_QUEUES (BIT32(2) | BIT32(3) | BIT32(4) | BIT32(12) | BIT32(13) | BIT32(14) | BIT32(15) | \
	BIT32(28) | BIT32(29))				/* event, command, peripheral page and guest logs, interrupts of all */
#define AMD_STATUS 0x2020
#define AMD_STATUS_RUNS (BIT32(3) | BIT32(4) | BIT32(7) | BIT32(8))	/* event, command, page and guest logs */

/* Wait until of the bits in mask none is set. */
static bool wait_clear(volatile u8 *regs, u32 at, u32 mask)
{
	u64 start = tsc_now(), bound = timebase.tsc_hz / 1000 * WAIT_MS;

	while (mmio_read32(regs + at) & mask)
		if (tsc_now() - start > bound)
			return !(mmio_read32(regs + at) & mask);
	return true;
}

/* One bit at a time, the other enables as they are. VT-d "Global Command Register" (11.4.4). */
static bool vtd_clear(volatile u8 *regs, u32 bit)
{
	u32 status = mmio_read32(regs + VTD_STATUS);

	if (!(status & bit))
		return true;
	mmio_write32(regs + VTD_COMMAND, status & VTD_STATUS_KEPT & ~bit);
	return wait_clear(regs, VTD_STATUS, bit);
}

/* VT-d "Protected Memory Enable Register" (11.4.8): such a range would keep later drivers from their own buffers. */
static bool vtd_unprotect(volatile u8 *regs)
{
	if (!(mmio_read32(regs + VTD_CAP) & VTD_CAP_PROTECTED))
		return true;
	if (!(mmio_read32(regs + VTD_PROTECTED) & (VTD_PROTECTED_ON | VTD_PROTECTED_STATUS)))
		return true;
	mmio_write32(regs + VTD_PROTECTED, mmio_read32(regs + VTD_PROTECTED) & ~VTD_PROTECTED_ON);
	return wait_clear(regs, VTD_PROTECTED, VTD_PROTECTED_STATUS);
}

/* "Queued Invalidation" (6.5.2): what was asked for is done first. One that is stuck is no reason to stop here. */
static bool vtd_stop_queue(volatile u8 *regs)
{
	u64 start = tsc_now(), bound = timebase.tsc_hz / 1000 * WAIT_MS;

	while (mmio_read32(regs + VTD_STATUS) & VTD_QUEUE && tsc_now() - start <= bound)
		if (mmio_read32(regs + VTD_QUEUE_HEAD) == mmio_read32(regs + VTD_QUEUE_TAIL))
			break;
	return vtd_clear(regs, VTD_QUEUE);
}

/* Null, or what goes on. The queue is last: remapping units may still use it to forget what they know. */
static const char *vtd_off(volatile u8 *regs, bool *was_on)
{
	u32 status = mmio_read32(regs + VTD_STATUS);
	bool guarded = mmio_read32(regs + VTD_CAP) & VTD_CAP_PROTECTED &&
		mmio_read32(regs + VTD_PROTECTED) & (VTD_PROTECTED_ON | VTD_PROTECTED_STATUS);

	*was_on = guarded || status & (VTD_TRANSLATION | VTD_REMAPPING | VTD_QUEUE);
	if (!vtd_clear(regs, VTD_TRANSLATION))
		return "DMA translation stays on";
	if (!vtd_clear(regs, VTD_REMAPPING))
		return "interrupt remapping stays on";
	if (!vtd_stop_queue(regs))
		return "its command queue goes on";
	return vtd_unprotect(regs) ? NULL : "protected memory stays on";
}

/* AMD I/O Virtualization "IOMMU Control Register" (3.4.1): first what it reads and writes by itself, then the unit. */
static const char *amd_off(volatile u8 *regs, bool *was_on)
{
	u32 control = mmio_read32(regs + AMD_CONTROL);

	*was_on = control & (AMD_CONTROL_ON | AMD_CONTROL_QUEUES);
	if (!*was_on)
		return NULL;
	mmio_write32(regs + AMD_CONTROL, control & ~AMD_CONTROL_QUEUES);
	if (!wait_clear(regs, AMD_STATUS, AMD_STATUS_RUNS))
		return "its command queue or a log goes on";
	mmio_write32(regs + AMD_CONTROL, control & ~(AMD_CONTROL_QUEUES | AMD_CONTROL_ON));
	return wait_clear(regs, AMD_CONTROL, AMD_CONTROL_ON) ? NULL : "it stays on";
}

/* Tables of firmware may name anything; a write there must not land in memory. */
static bool lies_in_ram(u64 base, u64 size)
{
	for (u32 i = 0; i < boot_info->range_count; i++) {
		const struct boot_range *r = &boot_info->ranges[i];

		if (r->kind != BOOT_MMIO && r->kind != BOOT_RESERVED && base < r->base + r->size && r->base < base + size)
			return true;
	}
	return false;
}

static const char *unit_off(const struct boot_iommu *unit, struct host_dma *d)
{
	bool vtd = unit->kind == BOOT_IOMMU_VTD, was_on = false;
	u64 size = vtd ? VTD_SIZE : AMD_SIZE;
	volatile u8 *regs = lies_in_ram(unit->base, size) ? NULL : mmio_map(HPA(unit->base), size, CACHE_UNCACHED);
	const char *wrong;

	if (!regs)
		return "its registers cannot be reached";
	if (mmio_read32(regs + (vtd ? VTD_VERSION : AMD_CONTROL)) == ~0u) {
		d->silent++;
		log_notice("iommu: nothing answers at 0x%lx, where firmware says that one is", unit->base);
		return NULL;
	}
	wrong = vtd ? vtd_off(regs, &was_on) : amd_off(regs, &was_on);
	if (wrong || !was_on)
		return wrong;
	d->taken++;
	log_notice("iommu: %s at 0x%lx was left on by firmware: switched off", vtd ? "VT-d" : "AMD-Vi", unit->base);
	return NULL;
}

static void refuse(struct host_dma *d, u64 base, const char *why)
{
	if (!d->stubborn++) {
		d->stubborn_base = base;
		d->stubborn_why = why;
	}
}

int iommus_switch_off(struct host_dma *d)
{
	const struct boot_acpi *acpi = &boot_info->acpi;
	u32 count = MIN(acpi->iommu_count, (u32)BOOT_IOMMUS_MAX);

	d->units = acpi->iommu_count + acpi->iommu_lost;
	for (u32 i = 0; i < count; i++) {
		const char *wrong = unit_off(&acpi->iommus[i], d);

		if (wrong)
			refuse(d, acpi->iommus[i].base, wrong);
	}
	if (acpi->iommu_lost)
		refuse(d, 0, "there are more of them than can be looked after");
	if (acpi->iommu_malformed)
		log_notice("iommu: firmware's table of them is malformed: units and memory of devices may be missing");
	log_info("iommu: %u described, %u were on and are off now, %u do not answer", d->units, d->taken, d->silent);
	return d->stubborn ? -E_TIMEOUT : 0;
}
