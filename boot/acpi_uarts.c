/* SPDX-License-Identifier: Apache-2.0 */
/* Serial ports that firmware names: SPCR and DBG2. Only the 16550 family is of use. */

#include "acpi_int.h"

#define TYPE_16550 0x00
#define TYPE_16450 0x01
#define TYPE_16550_GAS 0x12
#define DBG2_SERIAL 0x8000

static uint32_t spcr_baud(uint8_t code)
{
	switch (code) {
	case 3:		return 9600;
	case 4:		return 19200;
	case 6:		return 57600;
	case 7:		return 115200;
	default:	return 0;	/* 0: as it is */
	}
}

/* In memory the registers stand as far apart as they are wide: by the access size, else by the bit width. */
static uint8_t gas_stride(const uint8_t *gas)
{
	if (gas[3] >= 2 && gas[3] <= 4)
		return (uint8_t)(1u << (gas[3] - 1));
	return gas[1] == 32 ? 4 : gas[1] == 16 ? 2 : 1;
}

static void uart_add(struct acpi_facts *f, const uint8_t *gas, uint8_t source, uint32_t baud)
{
	struct boot_uart u = { .base = get64(gas + 4), .mmio = gas[0] == 0, .stride = 1, .source = source, .baud = baud };

	if (gas[0] > 1 || !u.base || (!u.mmio && u.base > 0xfff8) || f->uart_count == BOOT_UARTS_MAX)
		return;
	if (u.mmio)
		u.stride = gas_stride(gas);
	for (uint32_t i = 0; i < f->uart_count; i++)
		if (f->uarts[i].base == u.base && f->uarts[i].mmio == u.mmio)
			return;
	f->uarts[f->uart_count++] = u;
}

static bool is_16550(uint32_t type)
{
	return type == TYPE_16550 || type == TYPE_16450 || type == TYPE_16550_GAS;
}

/* "Serial Port Console Redirection Table": interface type at 36, address at 40, rate at 58. */
bool acpi_read_spcr(struct acpi_facts *f, const struct acpi_table *t)
{
	if (t->size < 80)
		return false;
	if (is_16550(t->p[36]))
		uart_add(f, t->p + 40, BOOT_UART_SPCR, spcr_baud(t->p[58]));
	return true;
}

/* One "Debug Device Information" structure at `at`. Returns its length, 0 when malformed. */
static uint32_t dbg2_device(struct acpi_facts *f, const struct acpi_table *t, uint32_t at, bool take)
{
	const uint8_t *d = t->p + at;
	uint32_t length, address;

	if (!table_has(t, at, 22))
		return 0;
	length = get16(d + 1);
	address = get16(d + 18);
	if (length < 22 || !table_has(t, at, length))
		return 0;
	if (take && d[3] >= 1 && get16(d + 12) == DBG2_SERIAL && is_16550(get16(d + 14)) && address + 12 <= length)
		uart_add(f, d + address, BOOT_UART_DBG2, 0);
	return length;
}

/* "Microsoft Debug Port Table 2": checked whole, then taken. */
bool acpi_read_dbg2(struct acpi_facts *f, const struct acpi_table *t)
{
	if (t->size < 44)
		return false;
	for (int take = 0; take < 2; take++) {
		uint32_t at = get32(t->p + 36);

		for (uint32_t i = get32(t->p + 40); i; i--) {
			uint32_t length = dbg2_device(f, t, at, take);

			if (!length)
				return false;
			at += length;
		}
	}
	return true;
}
