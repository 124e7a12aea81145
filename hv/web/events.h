/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What happens to guests, for who listens. Web fiber. */

#include <hv/types.h>

/* Look what has changed since the last call. A round of the server. */
void events_look(void);

/* Number of the next event. */
u64 events_end(void);
