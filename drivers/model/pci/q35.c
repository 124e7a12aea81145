/* SPDX-License-Identifier: Apache-2.0 */
#include "q35.h"

#include <hv/guest.h>
#include <hv/lib.h>

#include "../acpi.h"
#include "../models.h"

#define INTEL 0x8086
#define SUBVENDOR 0x1af4		/* kernels leave the quirks of real chips out then */
#define SUBDEVICE 0x1100

#define PCIEXBAR 0x60u
#define PCIEXBAR_ENABLE 1u
#define PCIEXBAR_LENGTH 6u
#define PIRQ_A 0x60u
#define PIRQ_E 0x68u
#define PIRQ_OFF 0x80u

static const struct vpci_reg host_reg[] = {
	{ PCIEXBAR, 4, 0, 0xf0000000 | 0x0c000000 | PCIEXBAR_LENGTH | PCIEXBAR_ENABLE },
	{ PCIEXBAR + 4, 4, 0, 0x0000000f },
	{ 0x90, 4, 0, 0x33333330 },		/* PAM: the area below 1 MiB is RAM, whatever they say */
	{ 0x94, 2, 0, 0x3333 },
	{ 0x96, 1, 0, 0x33 },
};

/* ACPI_CNTL 44H: the PM block is on, SCI is interrupt 9. SERIRQ 64H, decode ranges 80H: kept, without effect. */
static const struct vpci_reg lpc_reg[] = {
	{ VPCI_COMMAND, 1, VPCI_CMD_IO | VPCI_CMD_MEMORY, 0 },	/* it decodes, always: OVMF asks before it looks for a UART */
	{ 0x40, 4, ACPI_PM1A_EVT | 1, 0 },
	{ 0x44, 1, 0x80, 0x80 },
	{ PIRQ_A, 4, 0x80808080, 0x8f8f8f8f },
	{ 0x64, 1, 0x10, 0xff },
	{ PIRQ_E, 4, 0x80808080, 0x8f8f8f8f },
	{ 0x80, 4, 0, 0x3f0f1377 },
	{ 0xf0, 4, 0, 0xffffc001 },		/* RCBA: nothing is behind it */
};

/* PCIEXBAR's length: 256, 128 or 64 buses of 1 MiB; 3 is reserved, and nothing answers then. */
static void host_config(struct vpci_function *f, u32 off, u32 size, bool write)
{
	u64 value = vpci_config_get(f, PCIEXBAR, 4) | (u64)vpci_config_get(f, PCIEXBAR + 4, 4) << 32;
	u32 length = (value & PCIEXBAR_LENGTH) >> 1;
	u64 bytes = 256 * MiB >> length;

	if (!write || off >= PCIEXBAR + 8 || off + size <= PCIEXBAR)
		return;
	vpci_move_ecam(f->g, ALIGN_DOWN(value, bytes), (value & PCIEXBAR_ENABLE) && length < 3 ? bytes : 0);
}

static void lpc_route(struct vpci_function *f)
{
	for (u32 i = 0; i < 4; i++) {
		irq_route_pirq(f->g, i, f->config[PIRQ_A + i]);
		irq_route_pirq(f->g, 4 + i, f->config[PIRQ_E + i]);
	}
}

static void lpc_config(struct vpci_function *f, u32 off, u32 size, bool write)
{
	if (write && off < PIRQ_E + 4 && off + size > PIRQ_A)
		lpc_route(f);
}

static const struct vpci_desc host_desc = {
	.name = "host-bridge", .vendor = INTEL, .device = 0x29c0, .subvendor = SUBVENDOR, .subdevice = SUBDEVICE,
	.class_rev = 0x06000002, .reg = host_reg, .reg_count = ARRAY_COUNT(host_reg), .config = host_config,
};

static const struct vpci_desc lpc_desc = {
	.name = "isa-bridge", .vendor = INTEL, .device = 0x2918, .subvendor = SUBVENDOR, .subdevice = SUBDEVICE,
	.class_rev = 0x06010002, .reg = lpc_reg, .reg_count = ARRAY_COUNT(lpc_reg), .config = lpc_config,
};

int q35_build(struct guest *g)
{
	struct q35 *q = &g->pc->q35;
	int err = vpci_add(g, &q->host, &host_desc, q, 0);

	return err ? err : vpci_add(g, &q->lpc, &lpc_desc, q, Q35_LPC_SLOT);
}

void q35_reset(struct guest *g)
{
	vpci_move_ecam(g, 0, 0);
	lpc_route(&g->pc->q35.lpc);
}

void q35_assign(struct guest *g)
{
	struct q35 *q = &g->pc->q35;

	vpci_config_set(&q->host, PCIEXBAR, 4, VPCI_ECAM | PCIEXBAR_ENABLE);
	vpci_move_ecam(g, VPCI_ECAM, VPCI_ECAM_SIZE);
	vpci_config_set(&q->lpc, PIRQ_A, 4, 0x0b0b0a0a);
	vpci_config_set(&q->lpc, PIRQ_E, 4, 0x0b0b0a0a);
	lpc_route(&q->lpc);
}
