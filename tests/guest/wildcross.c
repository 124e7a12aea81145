/* SPDX-License-Identifier: Apache-2.0 */
/* wildcross: one read that is half RAM and half nothing. Split as a bus would, or the guest is killed for it with a
 * recorded reason (GUEST-EMULATE); a wrong value is the failure. */

#include "lib/lib.h"

const char test_name[] = "wildcross";

void test_main(void)
{
	u64 end = boot_ram_end(), value;

	*(volatile u32 *)window_map(end - 4) = 0x12345678;
	print("TEST wildcross EXPECT-KILL or a split read at %lx\n", end - 4);
	value = *(volatile u64 *)window_map(end - 4);
	check(!under_hypervisor() || value == 0xffffffff12345678, "read %lx", value);
}
