/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Formats of messages that mbedTLS is built without. */
#include <stdint.h>
#define PRId64 "ld"
#define PRIu64 "lu"
#define PRIx64 "lx"
