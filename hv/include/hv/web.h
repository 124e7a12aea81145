/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The HTTPS server: its memory, its key and accounts, its place in the event loop. docs/web.md */

#include <hv/plan.h>

/* Take memory and a place in the event loop, if the plan wants a server and the hypervisor is on a network. -E_NOMEM. Boot core,
 * after host_net_build(), before the seal. */
int web_build(const struct plan *plan);

/* What `web` prints, line by line. */
void web_show(void (*print)(const char *fmt, ...) PRINTF_LIKE(1, 2));

/* A new one-time code; null, or why not. */
const char *web_enrol(void);

/* Set by the control part: a line for the consoles alone, which no log keeps. */
extern void (*web_say)(const char *line);
