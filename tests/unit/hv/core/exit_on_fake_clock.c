/* SPDX-License-Identifier: Apache-2.0 */
/* exit.c with the clock of the fake core: it measures how long handlers take. */
#include "fake/fake_clock.h"

#include "../../../../hv/core/exit.c"
