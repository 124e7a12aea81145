/* SPDX-License-Identifier: Apache-2.0 */
/* wildfetch: jumps to where nothing is. The guest is expected to be killed; reaching the end is the failure. */

#include "lib/lib.h"

const char test_name[] = "wildfetch";

void test_main(void)
{
	print("TEST wildfetch EXPECT-KILL fetch from d0000000\n");
	((void (*)(void))0xd0000000ul)();
	check(false, "came back");
}
