/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* ACPI tables as firmware has them. Every table lies in an allocation of its own exact size, so that the address sanitizer sees any
 * byte read too far. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../boot/acpi.h"

extern struct acpi_facts facts;			/* what was read last */
extern const struct acpi_memory view;		/* physical memory: tables at addresses that we choose */

/* Zeroed memory at base; a little-endian number; the byte at `at` that makes the sum of all zero. */
uint8_t *place(uint64_t base, uint32_t size);
void put(uint8_t *p, uint64_t value, unsigned int bytes);
void fix_sum(uint8_t *p, uint32_t size, uint32_t at);

/* A table with its header, but for the sum; which close_table() makes. */
uint8_t *table(uint64_t base, const char *signature, uint32_t size);
void close_table(uint8_t *p);

/* The root: RSDP at 0x1000, XSDT at 0x2000. And: one of a single table, read into facts. */
void make_rsdp(uint64_t xsdt, uint32_t rsdt);
uint8_t *make_xsdt(unsigned int count, const uint64_t *entries);
void read_one(uint64_t address);

/* MADT at 0x10000 with room for entries behind byte 44; an entry at e, returns where the next one goes. */
uint8_t *make_madt(uint32_t entry_bytes);
uint8_t *add_core(uint8_t *e, uint8_t apic_id, uint32_t flags);
uint8_t *add_x2core(uint8_t *e, uint32_t apic_id, uint32_t flags);

/* FADT at 0x20000; DSDT with code behind its header; code that says how to turn off (_S5). */
uint8_t *make_fadt(uint32_t size);
void make_dsdt(const uint8_t *code, uint32_t size);
#define S5_CODE 14
extern const uint8_t s5_code[S5_CODE];

/* The one that was placed first; without them all. */
uint8_t *first_table(void);
void forget_tables(void);
int teardown(void **state);
