/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/window.c */
/* The control core's windows and addresses for DMA: in RAM and only there, pieces that end where RAM does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/window.h>

static struct guest g;
static u8 ram[16];
#define HIGH (4 * GiB)

/* 4 MiB in two ranges that are neighbours for the guest alone, then two that are neighbours in the machine too. */
static int setup(void **state)
{
	memset(&g, 0, sizeof(g));
	g.window = ram;
	g.range_count = 4;
	g.range[0] = (struct ram_range){ .gpa = 0, .hpa = HPA(32 * MiB), .size = 2 * MiB };
	g.range[1] = (struct ram_range){ .gpa = 2 * MiB, .hpa = HPA(64 * MiB), .size = 2 * MiB };
	g.range[2] = (struct ram_range){ .gpa = HIGH, .hpa = HPA(8 * GiB), .size = 4 * GiB };
	g.range[3] = (struct ram_range){ .gpa = HIGH + 4 * GiB, .hpa = HPA(12 * GiB), .size = 4 * GiB };
	return 0;
}

static void test_pointers(void **state)
{
	assert_ptr_equal(window_ptr(&g, GPA(0), 1), ram);
	assert_ptr_equal(window_ptr(&g, GPA(3), 4 * MiB - 3), ram + 3);
	assert_null(window_ptr(&g, GPA(3), 4 * MiB - 2));
	assert_null(window_ptr(&g, GPA(4 * MiB), 1));
	assert_null(window_ptr(&g, GPA(5), 0));
	assert_null(window_ptr(&g, GPA(HIGH - 1), 1));
	assert_ptr_equal(window_ptr(&g, GPA(HIGH), 8 * GiB), ram + HIGH);
	assert_null(window_ptr(&g, GPA(HIGH), 8 * GiB + 1));
	assert_null(window_ptr(&g, GPA(HIGH), U64_MAX));
	assert_null(window_ptr(&g, GPA(U64_MAX), 1));
	assert_null(window_ptr(&g, GPA(U64_MAX), U64_MAX));
	g.window = NULL;
	assert_null(window_ptr(&g, GPA(0), 1));
}

static void test_pieces(void **state)
{
	struct dma_piece p[3];

	assert_int_equal(window_dma(&g, GPA(0x1234), 512, p, 1), 1);
	assert_true(p[0].hpa == 32 * MiB + 0x1234 && p[0].len == 512);
	assert_int_equal(window_dma(&g, GPA(2 * MiB - 100), 512, p, 3), 2);
	assert_true(p[0].hpa == 34 * MiB - 100 && p[0].len == 100);
	assert_true(p[1].hpa == 64 * MiB && p[1].len == 412);
	assert_int_equal(window_dma(&g, GPA(2 * MiB - 100), 512, p, 1), 0);
	assert_int_equal(window_dma(&g, GPA(HIGH + 4 * GiB - 100), 512, p, 1), 1);
	assert_true(p[0].hpa == 12 * GiB - 100 && p[0].len == 512);
}

static void test_long_pieces_are_cut(void **state)
{
	struct dma_piece p[3];

	assert_int_equal(window_dma(&g, GPA(HIGH), 8 * GiB, p, 3), 3);
	assert_true((u64)p[0].len + p[1].len + p[2].len == 8 * GiB);
	assert_true(p[0].hpa == 8 * GiB && p[1].hpa == p[0].hpa + p[0].len && p[2].hpa == p[1].hpa + p[1].len);
}

static void test_pieces_outside(void **state)
{
	struct dma_piece p[3];

	assert_int_equal(window_dma(&g, GPA(4 * MiB - 100), 101, p, 3), 0);
	assert_int_equal(window_dma(&g, GPA(HIGH - 1), 1, p, 3), 0);
	assert_int_equal(window_dma(&g, GPA(U64_MAX), 1, p, 3), 0);
	assert_int_equal(window_dma(&g, GPA(HIGH + 8 * GiB - 1), 2, p, 3), 0);
	assert_int_equal(window_dma(&g, GPA(0), 0, p, 3), 0);
	assert_int_equal(window_dma(&g, GPA(0), 1, p, 0), 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pointers), T(test_pieces), T(test_long_pieces_are_cut), T(test_pieces_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
