/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For fuzz targets: support.c; web_support.c for those that link the libraries of hv/web without its heap and its random numbers. */

#include <hv/types.h>

/* Ends the program, which libFuzzer calls a finding. */
void must(bool right);
