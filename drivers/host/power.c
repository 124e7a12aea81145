/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/paging.h>
#include <hv/port.h>

/* ACPI 6.4 "PM1 Status Registers", "PM1 Control Registers" (4.8.3). */
#define PM1_PWRBTN BIT32(8)
#define PM1_SCI_EN BIT32(0)
#define PM1_SLP_EN BIT32(13)
#define PM1_SLP_TYP(t) ((u32)((t) & 7u) << 10)
#define GAS_MEMORY 0
#define GAS_PORT 1

#define PORT_DELAY 0x80		/* a write to the POST port takes about 1 us on every PC */
#define PORT_RESET_CONTROL 0xcf9
#define PORT_KEYBOARD_STATUS 0x64
#define PORT_KEYBOARD_COMMAND 0x64
#define KEYBOARD_FULL 0x02
#define KEYBOARD_PULSE_RESET 0xfe

static struct boot_acpi acpi;
static volatile u8 *reset_mmio;		/* of a reset register in memory */

static void delay_us(u32 us)
{
	while (us--)
		port_out8(PORT_DELAY, 0);
}

/* ACPI 6.4 "ACPI mode": SCI_EN tells that firmware handed the fixed hardware over. */
static bool acpi_mode_on(void)
{
	if (!acpi.pm1a_cnt)
		return false;
	if (port_in16((u16)acpi.pm1a_cnt) & PM1_SCI_EN)
		return true;
	if (!acpi.smi_cmd || !acpi.acpi_enable)
		return false;
	port_out8((u16)acpi.smi_cmd, acpi.acpi_enable);
	for (u32 i = 0; i < 300; i++) {
		if (port_in16((u16)acpi.pm1a_cnt) & PM1_SCI_EN)
			return true;
		delay_us(1000);
	}
	return false;
}

/* The button is polled. Some machines (QEMU's are such) only note it while its event is enabled; the interrupt that this
 * raises ends at the masked interrupt controllers. */
static void button_prepare(u32 event_block)
{
	u16 enable = (u16)(event_block + acpi.pm1_evt_len / 2);

	if (!event_block || acpi.pm1_evt_len < 4)
		return;
	port_out16(enable, PM1_PWRBTN);
	port_out16((u16)event_block, PM1_PWRBTN);
}

void power_init(const struct boot_info *info)
{
	const struct boot_gas *reset = &info->acpi.reset_reg;

	acpi = info->acpi;
	if (reset->address && reset->space == GAS_MEMORY)
		reset_mmio = mmio_map(HPA(reset->address), 1, CACHE_UNCACHED);
	if (!acpi.rsdp || acpi.hw_reduced)
		return;
	if (!acpi_mode_on())
		log_notice("power: ACPI mode cannot be switched on: no power button, and power-off may fail");
	button_prepare(acpi.pm1a_evt);
	button_prepare(acpi.pm1b_evt);
}

static bool button_take(u32 event_block)
{
	u16 status;

	if (!event_block || acpi.hw_reduced)
		return false;
	status = port_in16((u16)event_block);
	if (status == 0xffff || !(status & PM1_PWRBTN))
		return false;
	port_out16((u16)event_block, PM1_PWRBTN);	/* write 1 to clear */
	return true;
}

bool power_button_pressed(void)
{
	bool a = button_take(acpi.pm1a_evt);
	bool b = button_take(acpi.pm1b_evt);

	return a || b;
}

static void sleep_type_write(u32 control, u8 type)
{
	u32 value;

	if (!control)
		return;
	value = port_in16((u16)control) & ~(PM1_SLP_TYP(7) | PM1_SLP_EN);
	port_out16((u16)control, (u16)(value | PM1_SLP_TYP(type)));
	port_out16((u16)control, (u16)(value | PM1_SLP_TYP(type) | PM1_SLP_EN));
}

/* Without ACPI tables this is QEMU without firmware's help, or Bochs. */
static void poweroff_emulators(void)
{
	const char *word = "Shutdown";

	port_out16(0x604, 0x2000);
	port_out16(0xb004, 0x2000);
	while (*word)
		port_out8(0x8900, (u8)*word++);
}

void machine_poweroff(void)
{
	if (acpi.s5_valid && !acpi.hw_reduced && acpi.pm1a_cnt) {
		sleep_type_write(acpi.pm1a_cnt, acpi.slp_typa);
		sleep_type_write(acpi.pm1b_cnt, acpi.slp_typb);
		delay_us(500000);
	}
	if (!acpi.rsdp) {
		poweroff_emulators();
		delay_us(100000);
	}
}

static void reset_by_acpi(void)
{
	if (reset_mmio)
		*reset_mmio = acpi.reset_value;
	else if (acpi.reset_reg.space == GAS_PORT && acpi.reset_reg.address)
		port_out8((u16)acpi.reset_reg.address, acpi.reset_value);
	else
		return;
	delay_us(100000);
}

static void reset_by_keyboard_controller(void)
{
	for (u32 i = 0; i < 10000 && (port_in8(PORT_KEYBOARD_STATUS) & KEYBOARD_FULL); i++)
		delay_us(1);
	port_out8(PORT_KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
	delay_us(100000);
}

void machine_reboot(void)
{
	reset_by_acpi();
	port_out8(PORT_RESET_CONTROL, 0x02);	/* full reset, then the edge that does it */
	delay_us(50);
	port_out8(PORT_RESET_CONTROL, 0x06);
	delay_us(100000);
	reset_by_keyboard_controller();
	machine_triple_fault();
}
