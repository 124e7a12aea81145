/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/power.c hv/lib/string.c hv/lib/format.c */
/* Switching off, resetting and the power button, on fake ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/paging.h>
#include <hv/port.h>

#define PM1A_EVT 0x600
#define PM1A_CNT 0x604
#define SMI 0xb2

static struct { u16 port; u32 value; } written[64];
static u32 written_count;
static u16 pm1_status, pm1_control;
static bool smi_works;
static u8 reset_byte;
static int triple_faults;
static struct boot_info info;

__attribute__((weak)) void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	abort();
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	assert_int_equal(base.v, 0xfed00010);
	return &reset_byte;
}

void machine_triple_fault(void)
{
	triple_faults++;
}

static void note(u16 port, u32 value)
{
	if (port == 0x80)
		return;
	assert_true(written_count < ARRAY_COUNT(written));
	written[written_count].port = port;
	written[written_count++].value = value;
}

u8 port_in8(u16 port)
{
	return port == 0x64 ? 0x02 : 0xff;	/* a keyboard controller that is never ready */
}

u16 port_in16(u16 port)
{
	return port == PM1A_EVT ? pm1_status : port == PM1A_CNT ? pm1_control : 0xffff;
}

u32 port_in32(u16 port)
{
	return ~0u;
}

void port_out8(u16 port, u8 value)
{
	note(port, value);
	if (port == SMI && value == 0xa0 && smi_works)
		pm1_control |= 1;
}

void port_out16(u16 port, u16 value)
{
	note(port, value);
	if (port == PM1A_EVT)
		pm1_status &= (u16)~value;
	if (port == PM1A_CNT)
		pm1_control = value;
}

void port_out32(u16 port, u32 value)
{
	note(port, value);
}

static bool wrote(u16 port, u32 value)
{
	for (u32 i = 0; i < written_count; i++) {
		if (written[i].port == port && written[i].value == value)
			return true;
	}
	return false;
}

static int setup(void **state)
{
	written_count = 0;
	pm1_status = pm1_control = 0;
	smi_works = true;
	reset_byte = 0;
	triple_faults = 0;
	info = (struct boot_info){ .acpi = { .rsdp = 0xe0000, .s5_valid = 1, .slp_typa = 5, .smi_cmd = SMI,
		.acpi_enable = 0xa0, .pm1a_evt = PM1A_EVT, .pm1_evt_len = 4, .pm1a_cnt = PM1A_CNT,
		.reset_reg = { .space = 1, .address = 0xcf9 }, .reset_value = 0x0f } };
	return 0;
}

static void test_acpi_mode(void **state)
{
	power_init(&info);
	assert_true(wrote(SMI, 0xa0));
	assert_true(wrote(PM1A_EVT + 2, 0x0100));	/* nothing but the button */
	written_count = 0;
	power_init(&info);
	assert_false(wrote(SMI, 0xa0));			/* it is on already */
	setup(NULL);
	smi_works = false;
	power_init(&info);				/* returns all the same */
}

static void test_button(void **state)
{
	pm1_status = 0x0100;
	power_init(&info);
	assert_false(power_button_pressed());		/* what was before us does not count */
	pm1_status = 0x0111;
	assert_true(power_button_pressed());
	assert_int_equal(pm1_status, 0x0011);		/* only our bit was cleared */
	assert_false(power_button_pressed());
	pm1_status = 0xffff;
	assert_false(power_button_pressed());		/* nobody is there */
	info.acpi = (struct boot_acpi){ .rsdp = 0 };
	power_init(&info);
	written_count = 0;
	assert_false(power_button_pressed());
	assert_int_equal(written_count, 0);
}

static void test_poweroff(void **state)
{
	pm1_control = 7u << 10 | 1;	/* of the last sleep */
	power_init(&info);
	written_count = 0;
	machine_poweroff();
	assert_true(wrote(PM1A_CNT, 5u << 10 | 1 << 13 | 1));
	assert_false(wrote(0x604, 0x2000));
	assert_false(wrote(0x8900, 'S'));
}

/* Only a machine without ACPI tables gets the emulators' ports. */
static void test_poweroff_without_acpi(void **state)
{
	info.acpi = (struct boot_acpi){ .rsdp = 0 };
	power_init(&info);
	machine_poweroff();
	assert_true(wrote(0x604, 0x2000));
	assert_true(wrote(0xb004, 0x2000));
	assert_true(wrote(0x8900, 'S'));
}

static void test_poweroff_without_s5(void **state)
{
	info.acpi.s5_valid = 0;
	power_init(&info);
	written_count = 0;
	machine_poweroff();
	assert_int_equal(written_count, 0);
}

static void test_reboot_order(void **state)
{
	power_init(&info);
	written_count = 0;
	machine_reboot();
	assert_int_equal(written[0].port, 0xcf9);
	assert_int_equal(written[0].value, 0x0f);
	assert_int_equal(written[1].value, 0x02);
	assert_int_equal(written[2].value, 0x06);
	assert_true(wrote(0x64, 0xfe));
	assert_int_equal(triple_faults, 1);
}

static void test_reset_register_in_memory(void **state)
{
	info.acpi.reset_reg = (struct boot_gas){ .space = 0, .address = 0xfed00010 };
	power_init(&info);
	machine_reboot();
	assert_int_equal(reset_byte, 0x0f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_acpi_mode, setup),
		cmocka_unit_test_setup(test_button, setup),
		cmocka_unit_test_setup(test_poweroff, setup),
		cmocka_unit_test_setup(test_poweroff_without_acpi, setup),
		cmocka_unit_test_setup(test_poweroff_without_s5, setup),
		cmocka_unit_test_setup(test_reboot_order, setup),
		cmocka_unit_test_setup(test_reset_register_in_memory, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
