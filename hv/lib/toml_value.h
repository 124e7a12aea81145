/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between toml.c and toml_value.c only. */

#include <hv/toml.h>

/* Report a fault at the current line. Always false. */
bool toml_fail(struct toml *t, enum toml_fault fault, u32 other_line, const char *words);

/* Append one byte to the text arena. False: it is full, reported. */
bool toml_put(struct toml *t, u8 byte);

/* At a quote: read "basic" or 'literal' into the text arena. */
bool toml_read_string(struct toml *t, const char **text, size_t *length);

/* A string, integer or boolean into node. */
bool toml_read_scalar(struct toml *t, struct toml_node *node);
