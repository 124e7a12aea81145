/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The files of the web page, mostly compressed, in the hypervisor's own image. Made from hv/web/page when building. */

#include <hv/types.h>

struct page_file {
	const char *name;		/* "app.js" */
	const char *type;		/* Content-Type */
	const char *etag;		/* with its quotation marks; another one for other bytes */
	const u8 *bytes;
	u32 length;
	bool packed;			/* bytes are gzip, RFC 1952 */
};
extern const struct page_file page_files[];	/* the first is what / is */
extern const u32 page_file_count;
