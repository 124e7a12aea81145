/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/pci.h>
#include <hv/time.h>

void wait_us(u32 us)
{
	u64 until = tsc_now() + ns_to_ticks(us * 1000ul);

	while (tsc_now() < until)
		__asm__ volatile("pause");
}
