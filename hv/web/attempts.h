/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Wrong passwords: at which name, from where, and who waits therefore. A name that nobody has is counted like any other, so
 * that no answer tells who is a user; and who guesses from one address shuts out that address. Web fiber. */

#include <hv/types.h>

/* Nobody has failed. */
void attempts_init(void);

/* An address as a number: all of IPv4's, of IPv6's the network, as its owner has all addresses in it. */
u64 attempts_source(const u8 from[16]);

/* TSC before which there is no log-in by this name from there; or from anywhere. */
bool attempts_locked(const char *name, u64 source, u64 now);
bool attempts_locked_everywhere(const char *name, u64 now);

/* Others may be served before this source: it has failed often of late, at whatever name. */
bool attempts_suspect(u64 source, u64 now);

/* One more. Seconds that it costs whoever was there, 0: none yet. */
u64 attempts_failed(const char *name, u64 source, u64 now);

/* The right password came from there; or it is another password now. */
void attempts_forget(const char *name, u64 source);
void attempts_forget_name(const char *name);
