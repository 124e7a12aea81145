/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own, so that unit tests can link another clock. */
#include "models.h"

#include <hv/time.h>

u64 pc_now(void)
{
	return tsc_now();
}
