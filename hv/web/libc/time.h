/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* mbedTLS names the type; the hypervisor's clock is hv/time.h's. */
typedef long time_t;
