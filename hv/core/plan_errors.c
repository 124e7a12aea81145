/* SPDX-License-Identifier: Apache-2.0 */
/* The errors of one plan, collected as the lines that the operator reads. */

#include <hv/lib.h>
#include <hv/plan.h>

/* Keys and values come from the file: nothing of it may steer a terminal. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

void plan_errors_init(struct plan_errors *errors, const char *file)
{
	memset(errors, 0, sizeof(*errors));
	str_copy(errors->file, sizeof(errors->file), file);
}

void plan_error_add(struct plan_errors *errors, const char *id, u32 line, const char *key, const char *fmt, ...)
{
	struct plan_error *e;
	va_list ap;
	int used;

	if (errors->count >= PLAN_ERRORS_MAX) {
		errors->lost++;
		return;
	}
	e = &errors->error[errors->count++];
	e->line = line;
	str_copy(e->id, sizeof(e->id), id);
	used = fmt_print(e->text, sizeof(e->text), "error %s: %.60s:%u: %.80s: ", id, errors->file, line, key);
	if (used > 0 && (size_t)used < sizeof(e->text)) {
		va_start(ap, fmt);
		fmt_vprint(e->text + used, sizeof(e->text) - (size_t)used, fmt, ap);
		va_end(ap);
	}
	make_printable(e->text);
}

char *plan_format_memory(char *buf, size_t size, u64 bytes)
{
	bool gib = bytes && IS_ALIGNED(bytes, GiB);

	fmt_print(buf, size, "%lu%s", (unsigned long)(bytes / (gib ? GiB : MiB)), gib ? "GiB" : "MiB");
	return buf;
}
