/* SPDX-License-Identifier: Apache-2.0 */
/* stack.c with the clock of net_fake.c. */
#include "net_fake.h"

#define tsc_now tsc_of_the_build_host
#include <hv/time.h>
#undef tsc_now
#define tsc_now() (net_fake_now)

#include "../../../../hv/net/stack.c"
