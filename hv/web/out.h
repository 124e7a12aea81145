/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Text that grows in a buffer: what does not fit is dropped and remembered. JSON on top of it: commas come by
 * themselves. Pure. */

#include <stdarg.h>

#include <hv/types.h>

struct out {
	char *to;
	size_t size, at;
	bool cut;			/* something did not fit */
	bool comma;			/* JSON: a value was written on this level */
};

void out_init(struct out *o, char *to, size_t size);
void out_bytes(struct out *o, const void *bytes, size_t n);
void out_text(struct out *o, const char *text);
void out_print(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Values; key is null inside of an array. Text may hold anything: what is no UTF-8 becomes U+FFFD. RFC 8259 */
void json_open(struct out *o, const char *key, char bracket);	/* '{' or '[' */
void json_close(struct out *o, char bracket);			/* '}' or ']' */
void json_text(struct out *o, const char *key, const char *text);
void json_text_n(struct out *o, const char *key, const void *text, size_t n);
void json_u64(struct out *o, const char *key, u64 value);
void json_bool(struct out *o, const char *key, bool value);
void json_null(struct out *o, const char *key);
