/* SPDX-License-Identifier: Apache-2.0 */
#include "acpi_fake.h"

#define TABLES 64

/* Physical memory: tables at addresses that we choose. */
static struct {
	uint64_t base;
	uint8_t *p;
	uint32_t size;
} memory[TABLES];
static unsigned int memory_count;
struct acpi_facts facts;

static const void *map(void *context, uint64_t address, uint64_t size)
{
	(void)context;
	for (unsigned int i = 0; i < memory_count; i++)
		if (address >= memory[i].base && address - memory[i].base <= memory[i].size &&
		    size <= memory[i].size - (address - memory[i].base))
			return memory[i].p + (address - memory[i].base);
	return NULL;
}

const struct acpi_memory view = { map, NULL };

uint8_t *place(uint64_t base, uint32_t size)
{
	assert_true(memory_count < TABLES);
	memory[memory_count].base = base;
	memory[memory_count].size = size;
	memory[memory_count].p = calloc(1, size);
	return memory[memory_count++].p;
}

void put(uint8_t *p, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

void fix_sum(uint8_t *p, uint32_t size, uint32_t at)
{
	uint8_t sum = 0;

	p[at] = 0;
	for (uint32_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)-sum;
}

uint8_t *table(uint64_t base, const char *signature, uint32_t size)
{
	uint8_t *p = place(base, size);

	memcpy(p, signature, 4);
	put(p + 4, size, 4);
	return p;
}

void close_table(uint8_t *p)
{
	uint32_t size;

	memcpy(&size, p + 4, 4);
	fix_sum(p, size, 9);
}

void make_rsdp(uint64_t xsdt, uint32_t rsdt)
{
	uint8_t *p = place(0x1000, 36);

	memcpy(p, "RSD PTR ", 8);
	p[15] = xsdt ? 2 : 0;
	put(p + 16, rsdt, 4);
	put(p + 20, 36, 4);
	put(p + 24, xsdt, 8);
	fix_sum(p, 20, 8);
	fix_sum(p, 36, 32);
}

uint8_t *make_xsdt(unsigned int count, const uint64_t *entries)
{
	uint8_t *p = table(0x2000, "XSDT", 36 + 8 * count);

	for (unsigned int i = 0; i < count; i++)
		put(p + 36 + 8 * i, entries[i], 8);
	close_table(p);
	return p;
}

void read_one(uint64_t address)
{
	make_rsdp(0x2000, 0);
	make_xsdt(1, &address);
	acpi_read(&facts, &view, 0x1000);
}

uint8_t *make_madt(uint32_t entry_bytes)
{
	return table(0x10000, "APIC", 44 + entry_bytes);
}

uint8_t *add_core(uint8_t *e, uint8_t apic_id, uint32_t flags)
{
	e[0] = 0;
	e[1] = 8;
	e[3] = apic_id;
	put(e + 4, flags, 4);
	return e + 8;
}

uint8_t *add_x2core(uint8_t *e, uint32_t apic_id, uint32_t flags)
{
	e[0] = 9;
	e[1] = 16;
	put(e + 4, apic_id, 4);
	put(e + 8, flags, 4);
	return e + 16;
}

uint8_t *first_table(void)
{
	return memory[0].p;
}

void forget_tables(void)
{
	while (memory_count)
		free(memory[--memory_count].p);
}

int teardown(void **state)
{
	(void)state;
	forget_tables();
	return 0;
}

const uint8_t s5_code[S5_CODE] = { 0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 0x05, 0x0a, 0x07, 0x00, 0x00 };

uint8_t *make_fadt(uint32_t size)
{
	uint8_t *p = table(0x20000, "FACP", size);

	put(p + 40, 0x30000, 4);	/* DSDT */
	put(p + 46, 9, 2);
	put(p + 48, 0xb2, 4);
	p[52] = 0xa0;
	put(p + 56, 0x600, 4);
	put(p + 64, 0x604, 4);
	put(p + 76, 0x608, 4);
	p[88] = 4;
	p[91] = 4;
	return p;
}

void make_dsdt(const uint8_t *code, uint32_t size)
{
	uint8_t *p = table(0x30000, "DSDT", 36 + size);

	memcpy(p + 36, code, size);
	close_table(p);
}
