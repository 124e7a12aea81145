/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own, so that unit tests can link another clock. */
#include <hv/vlapic.h>

#include <hv/time.h>

u64 vlapic_now(void)
{
	return tsc_now();
}
