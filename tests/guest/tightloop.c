/* SPDX-License-Identifier: Apache-2.0 */
/* tightloop: one instruction for ever, interrupts off: the guest never leaves by itself. */

#include "lib/lib.h"

const char test_name[] = "tightloop";

void test_main(void)
{
	print("TEST tightloop RUNNING\n");
	cli();
	for (;;)
		__asm__ volatile("1: jmp 1b");
}
