/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* http-parser's own invariants are looked at in unit tests and under the fuzzer, on the build host. Here a broken one
 * must not stop a
 * machine: the parser keeps no memory, and our callbacks bound what it tells them. */
#undef assert
#define assert(x) ((void)sizeof(x))
