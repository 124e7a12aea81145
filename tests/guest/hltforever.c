/* SPDX-License-Identifier: Apache-2.0 */
/* hltforever: interrupts off, then HLT: nothing of the guest's can wake it. */

#include "lib/lib.h"

const char test_name[] = "hltforever";

void test_main(void)
{
	print("TEST hltforever RUNNING\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}
