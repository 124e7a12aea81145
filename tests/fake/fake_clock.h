/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Include this, then the source under test: its tsc_now() reads the fake core's clock. */

#define tsc_now tsc_of_the_build_host
#include <hv/time.h>
#undef tsc_now
#include "fake_core.h"
#define tsc_now() (fake_core.now)
