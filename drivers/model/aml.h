/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Writes ACPI machine language (AML), the few words of it that our DSDT needs. Pure; the caller owns the buffer.
 * ACPI 6.4 "ACPI Machine Language (AML) Specification". */

#include <hv/types.h>

#define AML_DEPTH_MAX 8

struct aml {
	u8 *to;
	size_t size, used;
	bool full;			/* something did not fit: the result is of no use */
	u32 depth;
	size_t open[AML_DEPTH_MAX];	/* where each open package's length goes */
};

void aml_init(struct aml *a, void *to, size_t size);

/* Things with a body: everything until aml_close() is inside. name: a path as ASL spells it, segments of up to 4
 * characters ("\\_SB", "COM1"). */
void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_package(struct aml *a, u8 count);
void aml_method(struct aml *a, const char *name, u8 args);	/* serialized */
void aml_if(struct aml *a);	/* its predicate comes first */
void aml_else(struct aml *a);
void aml_close(struct aml *a);

/* Name (name, ...): what follows is its value. */
void aml_name(struct aml *a, const char *name);

/* Bytes as they are; full is set instead when they do not fit. */
void aml_raw(struct aml *a, const void *from, size_t n);

/* Values: an integer in its shortest form, a string, an EISA id ("PNP0501") as EISAID() packs it. */
void aml_integer(struct aml *a, u64 value);
void aml_string(struct aml *a, const char *text);
void aml_eisa_id(struct aml *a, const char *id);

/* A buffer of n bytes. */
void aml_buffer(struct aml *a, const void *from, size_t n);

/* A resource template as one buffer, at most 48 bytes of descriptors: ports [base, base + count) of each entry and one
 * edge-triggered ISA interrupt (irq -1: none). */
struct aml_ports { u16 base; u8 count; };
void aml_resources(struct aml *a, const struct aml_ports *ports, size_t ports_count, int irq);
