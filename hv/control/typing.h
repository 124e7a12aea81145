/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From keys of the machine's own keyboard (US layout) to what a terminal would send for them, into the view that is shown.
 * Repetition of a held key is made here, for all keyboards alike. Control core. */

#include <hv/keys.h>

void typing_init(void);

/* One event of a keyboard. */
void typing_key(const struct key_event *event, u64 now);

/* Repeat the held key when it is time. true: a key is held, look again soon. */
bool typing_tick(u64 now);
