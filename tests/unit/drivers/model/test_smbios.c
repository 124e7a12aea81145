/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/smbios.c hv/lib/format.c */
/* SMBIOS: a chain that ends, sums, name and UUID, memory of all sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../drivers/model/smbios.h"

#include <hv/guest.h>

static u8 table[1024], anchor[SMBIOS_ANCHOR_SIZE];

void assert_failed(const char *what, const char *file, int line_nr)
{
	fprintf(stderr, "assertion %s in %s:%d\n", what, file, line_nr);
	abort();
}

static u32 build(const char *name, u64 low, u64 high, u32 vcpus)
{
	struct guest *g = calloc(1, sizeof(*g));
	u32 used;

	g->name = name;
	g->ram_low = low;
	g->ram_high = high;
	g->vcpu_count = vcpus;
	used = smbios_build(g, table, sizeof(table), anchor);
	free(g);
	return used;
}

/* The structure behind t. */
static u8 *next(u8 *t)
{
	t += t[1];
	while (t[0] || t[1])
		t++;
	return t + 2;
}

static u8 *find(u8 type, u32 nr)
{
	for (u8 *t = table; t[0] != 127; t = next(t))
		if (t[0] == type && !nr--)
			return t;
	return NULL;
}

static const char *text(u8 *t, u8 nr)
{
	const char *s = (const char *)t + t[1];

	while (--nr)
		s += strlen(s) + 1;
	return s;
}

static void test_chain(void **state)
{
	u32 used = build("web", 2 * GiB, 5 * GiB, 4), handles = 0;
	u8 sum = 0, *t = table;

	for (; t[0] != 127; t = next(t)) {
		assert_true(t + t[1] < table + used);
		for (u8 *o = next(t); o[0] != 127; o = next(o))
			assert_memory_not_equal(t + 2, o + 2, 2);
		handles++;
	}
	assert_ptr_equal(next(t), table + used);
	assert_true(handles >= 7);
	assert_memory_equal(anchor, "_SM3_", 5);
	for (u32 i = 0; i < sizeof(anchor); i++)
		sum = (u8)(sum + anchor[i]);
	assert_int_equal(sum, 0);
	assert_memory_equal(anchor + 12, &used, 4);
	assert_int_equal(find(4, 0)[0x23], 4);
}

static void test_name_and_uuid(void **state)
{
	u8 uuid[16], other[16];

	build("web", GiB, 0, 1);
	assert_string_equal(text(find(1, 0), find(1, 0)[7]), "web");
	smbios_uuid("web", uuid);
	assert_memory_equal(find(1, 0) + 8, uuid, 16);
	assert_int_equal(uuid[7] >> 4, 8);
	assert_int_equal(uuid[8] >> 6, 2);
	for (u32 i = 0; i < 1000; i++) {
		char name[8];

		snprintf(name, sizeof(name), "w%u", i);
		smbios_uuid(name, other);
		assert_memory_not_equal(uuid, other, 16);
	}
	/* On every machine the same: these bytes are in licence files and dhcp tables of users. */
	smbios_uuid("", uuid);
	smbios_uuid("", other);
	assert_memory_equal(uuid, other, 16);
}

static void test_memory(void **state)
{
	u32 v;
	u16 size;

	build("a", 64 * MiB, 0, 1);
	assert_null(find(19, 1));
	memcpy(&size, find(17, 0) + 0x0c, 2);
	assert_int_equal(size, 64);
	memcpy(&v, find(19, 0) + 8, 4);
	assert_int_equal(v, 64 * 1024 - 1);
	build("a", 2 * GiB, 6 * 1024 * GiB, 1);
	memcpy(&size, find(17, 0) + 0x0c, 2);
	assert_int_equal(size, 0x7fff);
	memcpy(&v, find(17, 0) + 0x1c, 4);
	assert_int_equal(v, (6 * 1024 + 2) * 1024);
	memcpy(&v, find(19, 1) + 4, 4);
	assert_int_equal(v, 0xffffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain), cmocka_unit_test(test_name_and_uuid), cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
