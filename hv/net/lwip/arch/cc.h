/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* lwIP's words for our compiler and for what the port gives it (hv/net/stack.c). */

#include <limits.h>
#include <stdint.h>

/* The same for lwIP's files and for ours: arch.h would guess by what the host's headers define. */
typedef long ssize_t;
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

#define LWIP_PLATFORM_DIAG(x) do { } while (0)
/* An assertion ends the turn of the stack that met it, never the machine. */
_Noreturn void bulkhead_lwip_failed(const char *what, int line);
#define LWIP_PLATFORM_ASSERT(x) bulkhead_lwip_failed(x, __LINE__)

uint32_t bulkhead_random32(void);
#define LWIP_RAND() bulkhead_random32()
uint32_t bulkhead_tcp_isn(void);	/* the first number of a connection */

uint32_t bulkhead_sntp_delay(void);
void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us);
void bulkhead_sntp_set(uint32_t seconds, uint32_t us);
