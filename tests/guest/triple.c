/* SPDX-License-Identifier: Apache-2.0 */
/* triple: a triple fault, by an exception without an interrupt table. */

#include "lib/lib.h"

const char test_name[] = "triple";

void test_main(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) none = { 0, 0 };

	print("TEST triple EXPECT-KILL triple fault\n");
	__asm__ volatile("lidt %0; ud2" :: "m"(none));
	check(false, "came back");
}
