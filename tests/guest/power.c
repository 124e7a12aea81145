/* SPDX-License-Identifier: Apache-2.0 */
/* power: the guest switches itself off or resets itself. Command line: poweroff (default), reset;
 * typ=N, the SLP_TYP that means off (QEMU's own PC has 0). */

#include "lib/lib.h"

const char test_name[] = "power";

void test_main(void)
{
	bool reset = boot_word("reset");

	print("TEST power EXPECT-END %s\n", reset ? "reset" : "poweroff");
	if (reset)
		outb(0xcf9, 6);
	else
		outw(0x604, (u16)(boot_number("typ=", 5) << 10 | 1 << 13));	/* SLP_TYP as \_S5 has it, SLP_EN */
	delay_us(1000000);
	check(false, "still running after a second");
}
