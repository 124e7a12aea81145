/* SPDX-License-Identifier: Apache-2.0 */
/* storm: leaves the guest as often as it can, by CPUID. n= rounds of 65,536; 0 or nothing: for ever. */

#include "lib/lib.h"

const char test_name[] = "storm";

void test_main(void)
{
	u64 rounds = boot_number("n=", 0);
	u32 r[4];

	print("TEST storm RUNNING\n");
	for (u64 i = 0; !rounds || i < rounds; i++)
		for (u32 k = 0; k < 65536; k++)
			cpuid(0, 0, r);
	check(true, "%lu exits", rounds * 65536);
}
