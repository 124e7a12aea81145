/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/virtio/vio.c drivers/host/virtio/vio_ring.c drivers/host/pci.c drivers/host/pci_message.c hv/lib/string.c hv/lib/format.c tests/unit/drivers/host/pci_fake.c */
/* The transport against registers in memory, the rings against a device that obeys and one that does not. */
#include <pthread.h>
#include <time.h>

#include <hv/atomic.h>

#include "../pci_fake.h"
#include "vio_device.h"

static struct vio v;
static struct vio_queue q;
static struct host_pci pci;
static struct fake_function *f;

hpa_t pool_hpa(const void *p)
{
	return HPA((u64)p);
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	static u8 pages[64][PAGE_SIZE] PAGE_ALIGNED;
	static u64 next;
	void *p;

	next = next + count > 64 ? 0 : next;
	p = pages[next];
	next += count;
	return p;
}

static u16 *reg16(u32 off)
{
	return (u16 *)(void *)(fake_mmio + off);
}

static void cap(u32 at, u32 next, u32 type, u32 offset, u32 length)
{
	fake_put(f, at, 4, type << 24 | 20u << 16 | next << 8 | 0x09);
	fake_put(f, at + 4, 4, 4);
	fake_put(f, at + 8, 4, offset);
	fake_put(f, at + 12, 4, length);
}

static int fresh(void **state)
{
	fake_pci_init();
	f = fake_add(0x10, 0x1af4, 0x1041, 0x020000);
	pci = (struct host_pci){ .bdf = 0x10, .vendor = 0x1af4, .device = 0x1041 };
	fake_put(f, PCI_STATUS, 2, 0x10);
	fake_put(f, PCI_CAPS, 1, 0x40);
	cap(0x40, 0x54, 1, 0x0000, 0x1000);
	cap(0x54, 0x68, 4, 0x1000, 0x40);
	cap(0x68, 0, 2, 0x2000, 0x100);
	fake_put(f, 0x78, 4, 4);
	fake_bar(f, 4, 0xfe000004, 0xffffc000);
	fake_bar(f, 5, 0, ~0u);
	*reg16(0x04) = 0x21;			/* bits 0, 5, 32, 37: every word of features reads so */
	*reg16(0x18) = 64;
	*reg16(0x1e) = 3;
	memset(&v, 0, sizeof(v));
	device_queue(&v, &q, 8, 0);
	return 0;
}

static void a_device_is_opened_and_restarted(void **state)
{
	assert_int_equal(vio_open(&v, &pci, 0x20), 0);
	assert_true(v.features == (VIO_F_VERSION_1 | 0x20));
	assert_int_equal(fake_mmio[0x14], 11);
	assert_int_equal(*reg16(0x10), 0xffff);
	assert_true(fake_get(f, PCI_COMMAND, 2) & PCI_CMD_MASTER);
	assert_int_equal(vio_queue_open(&v, &q, 2, 256, 0), 0);
	assert_int_equal(q.size, 64);
	assert_int_equal(*reg16(0x16), 2);
	assert_ptr_equal(*(void **)(void *)(fake_mmio + 0x20), q.desc);
	assert_ptr_equal(*(void **)(void *)(fake_mmio + 0x30), q.used);
	assert_int_equal(*reg16(0x1c), 1);
	assert_ptr_equal((u8 *)(uintptr_t)q.bell, fake_mmio + 0x2000 + 12);
	vio_ready(&v);
	assert_int_equal(vio_health(&v), VIO_WELL);
	fake_mmio[0x14] |= 0x40;
	assert_int_equal(vio_health(&v), VIO_NEEDS_RESET);
	vio_reset_begin(&v);
	assert_false(fake_get(f, PCI_COMMAND, 2) & PCI_CMD_MASTER);
	assert_true(vio_reset_done(&v));
	v.broken = "x";
	assert_int_equal(vio_restart(&v), 0);
	assert_null(v.broken);
	assert_int_equal(vio_queue_restart(&q), -E_NODEV);	/* still enabled, as memory does not reset */
	*reg16(0x1c) = 0;
	assert_int_equal(vio_queue_restart(&q), 0);
	*reg16(0x04) = 1;					/* offers less than it did */
	assert_int_equal(vio_restart(&v), -E_NODEV);
	memset(fake_mmio, 0xff, 0x40);
	assert_int_equal(vio_health(&v), VIO_GONE);
}

static void nonsense_is_refused(void **state)
{
	*reg16(0x04) = 0x20 << 1;			/* no VERSION_1 */
	assert_int_equal(vio_open(&v, &pci, 0), -E_NODEV);
	assert_true(strstr(pci.why, "features") != NULL);
	*reg16(0x04) = 1;
	fake_put(f, 0x48, 4, 0x3800);			/* common structure ends beyond the BAR */
	assert_int_equal(vio_open(&v, &pci, 0), -E_NODEV);
	fake_put(f, 0x48, 4, 2);			/* not aligned */
	assert_int_equal(vio_open(&v, &pci, 0), -E_NODEV);
	fake_put(f, 0x48, 4, 0);
	fake_put(f, 0x44, 4, 7);			/* no such BAR */
	assert_int_equal(vio_open(&v, &pci, 0), -E_NODEV);
	fake_put(f, 0x44, 4, 4);
	fake_put(f, 0x41, 1, 0x40);			/* a list that loops */
	assert_int_equal(vio_open(&v, &pci, 0), -E_NODEV);
	fake_put(f, 0x41, 1, 0x54);
	assert_int_equal(vio_open(&v, &pci, 0), 0);
	*reg16(0x18) = 0;
	assert_int_equal(vio_queue_open(&v, &q, 0, 64, 0), -E_NODEV);
	*reg16(0x18) = 48;				/* no power of two */
	assert_int_equal(vio_queue_open(&v, &q, 0, 64, 0), -E_NODEV);
	*reg16(0x18) = 64;
	*reg16(0x1e) = 64;				/* 64 * 4: beyond the doorbells */
	assert_int_equal(vio_queue_open(&v, &q, 0, 64, 0), -E_NODEV);
}

/* As one that comes while the machine runs: its reset takes a while, nothing waits; the memory serves one device after the other,
 * which may have room for less or more than the one before, know tables or not. */
static void a_device_that_comes(void **state)
{
	struct vio_desc *table;
	u16 *avail;

	assert_int_equal(vio_queue_reserve(&q, 32, 3), 0);
	table = q.room_table;
	avail = q.avail;
	assert_non_null(table);
	fake_mmio[0x14] = 4;
	fake_waited_us = 0;
	assert_int_equal(vio_open_begin(&v, &pci, VIO_F_INDIRECT), 0);
	assert_int_equal(fake_mmio[0x14], 0);
	fake_mmio[0x14] = 4;
	assert_false(vio_reset_done(&v));
	fake_mmio[0x14] = 0;
	assert_true(vio_reset_done(&v));
	assert_int_equal(vio_open_end(&v), 0);
	assert_int_equal(vio_queue_setup(&v, &q, 1), 0);
	assert_int_equal(q.size, 32);
	assert_null(q.table);			/* it does not know them */
	assert_int_equal(q.table_pieces, 0);
	*reg16(0x1c) = 0;
	*reg16(0x18) = 16;
	*reg16(0x06) = 1u << 12;
	assert_int_equal(vio_open_begin(&v, &pci, VIO_F_INDIRECT), 0);
	assert_int_equal(vio_open_end(&v), 0);
	assert_int_equal(vio_queue_setup(&v, &q, 1), 0);
	assert_int_equal(q.size, 16);
	assert_ptr_equal(q.table, table);
	assert_int_equal(q.table_pieces, 3);
	assert_ptr_equal(q.avail, avail);
	assert_int_equal(q.free_count, 16);
	*reg16(0x1c) = 0;
	*reg16(0x18) = 24;
	assert_int_equal(vio_queue_setup(&v, &q, 1), -E_NODEV);
	*reg16(0x18) = 256;
	assert_int_equal(vio_queue_setup(&v, &q, 1), 0);
	assert_int_equal(q.size, 32);
	assert_int_equal(fake_waited_us, 0);
	f->gone = true;				/* whatever its registers read as */
	assert_int_equal(vio_health(&v), VIO_GONE);
}

static void config_fields_stay_inside(void **state)
{
	assert_int_equal(vio_open(&v, &pci, 0), 0);
	for (u32 i = 0; i < 64; i++)
		fake_mmio[0x1000 + i] = (u8)i;
	assert_int_equal(vio_config_get(&v, 1, 1), 1);
	assert_int_equal(vio_config_get(&v, 2, 2), 0x0302);
	assert_true(vio_config_get(&v, 8, 8) == 0x0f0e0d0c0b0a0908);
	assert_int_equal(vio_config_get(&v, 63, 1), 63);
	assert_int_equal(vio_config_get(&v, 64, 1), 0);
	assert_int_equal(vio_config_get(&v, 60, 8), 0);
	assert_int_equal(vio_config_get(&v, 1, 4), 0);
}

static void chains_come_back_in_any_order(void **state)
{
	struct dma_piece piece[3] = { { 0x1000, 16 }, { 0x2000, 512 }, { 0x3000, 1 } };
	struct device_chain c[8];
	u32 token[300], len;
	u16 seen = 0;

	for (u32 round = 0; round < 70000; round++) {
		u32 n = 1 + round % 2;

		for (u32 i = 0; i < n; i++)
			assert_int_equal(vio_queue_put(&q, piece, 1, 2, &token[i]), 0);
		assert_int_equal(vio_queue_has_room(&q, 3), n == 1);
		for (u32 i = 0; i < n; i++) {
			assert_true(device_take(&q, &seen, &c[i]));
			assert_int_equal(c[i].out, 1);
			assert_int_equal(c[i].in, 2);
			assert_int_equal(c[i].piece[1].hpa, 0x2000);
			assert_int_equal(c[i].piece[2].len, 1);
		}
		assert_false(device_take(&q, &seen, &c[7]));
		for (u32 i = n; i-- > 0; )
			device_give(&q, c[i].head, 513);
		for (u32 i = n; i-- > 0; ) {
			assert_ptr_equal(vio_queue_get(&q, &len), &token[i]);
			assert_int_equal(len, 513);
		}
		assert_null(vio_queue_get(&q, &len));
		assert_int_equal(q.free_count, 8);
	}
	assert_null(v.broken);
}

static void a_full_ring_says_so(void **state)
{
	struct dma_piece piece[9] = { { 0x1000, 16 } };
	u32 token;

	assert_int_equal(vio_queue_put(&q, piece, 8, 0, &token), 0);
	assert_int_equal(vio_queue_put(&q, piece, 1, 0, &token), -E_NOSPC);
	vio_queue_clear(&q);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(vio_queue_put(&q, piece, 1, 0, &token), 0);
	assert_int_equal(vio_queue_put(&q, piece, 1, 0, &token), -E_NOSPC);
}

static void tables_take_one_entry(void **state)
{
	struct dma_piece piece[4] = { { 0x1000, 16 }, { 0x2000, 512 }, { 0x3000, 1 }, { 0x4000, 2 } };
	struct device_chain c;
	u32 token, len;
	u16 seen = 0;

	device_queue(&v, &q, 8, 4);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(vio_queue_put(&q, piece, 2, 2, &token), 0);
	assert_int_equal(vio_queue_put(&q, piece, 2, 2, &token), -E_NOSPC);
	for (u32 i = 0; i < 8; i++) {
		assert_true(device_take(&q, &seen, &c));
		assert_int_equal(c.out, 2);
		assert_int_equal(c.piece[3].hpa, 0x4000);
		device_give(&q, c.head, 3);
		assert_ptr_equal(vio_queue_get(&q, &len), &token);
	}
	assert_int_equal(q.free_count, 8);
}

static void lie(u32 id, u32 len, u32 times, const char *word)
{
	struct dma_piece piece[2] = { { 0x1000, 16 }, { 0x2000, 512 } };
	u32 token, got;

	v.broken = NULL;
	vio_queue_clear(&q);
	assert_int_equal(vio_queue_put(&q, piece, 1, 1, &token), 0);
	assert_int_equal(vio_queue_put(&q, piece, 1, 1, &token), 0);
	for (u32 i = 0; i < times; i++)
		device_give(&q, id, len);
	while (vio_queue_get(&q, &got))
		;
	assert_non_null(v.broken);
	assert_true(strstr(v.broken, word) != NULL);
	assert_null(vio_queue_get(&q, &got));
}

static void a_device_that_lies_is_broken(void **state)
{
	lie(1, 0, 1, "not given");			/* inside of a chain, not its head */
	lie(5, 0, 1, "not given");			/* free */
	lie(8, 0, 1, "not given");
	lie(~0u, 0, 1, "not given");
	lie(0, 0, 2, "not given");			/* twice */
	lie(0, 513, 1, "room");
	lie(0, ~0u, 1, "room");
	lie(0, 0, 3, "more requests");
}

static void it_is_told_when_it_asked(void **state)
{
	struct dma_piece piece = { 0x1000, 16 };
	u32 token, len;

	vio_queue_kick(&q);
	assert_int_equal(*q.bell, 0xffff);		/* nothing was put */
	vio_queue_put(&q, &piece, 1, 0, &token);
	vio_queue_kick(&q);
	assert_int_equal(*q.bell, q.index);
	*q.bell = 0xffff;
	*(u16 *)(void *)q.used = 1;
	vio_queue_put(&q, &piece, 1, 0, &token);
	vio_queue_kick(&q);
	assert_int_equal(*q.bell, 0xffff);
	v.features = VIO_F_EVENT_IDX;
	*(u16 *)(void *)(q.used + 4 + 8 * q.size) = 3;	/* wants to know of the fourth */
	vio_queue_put(&q, &piece, 1, 0, &token);
	vio_queue_kick(&q);
	assert_int_equal(*q.bell, 0xffff);
	vio_queue_put(&q, &piece, 1, 0, &token);
	vio_queue_kick(&q);
	assert_int_equal(*q.bell, q.index);
	assert_false(vio_queue_listen(&q));
	assert_int_equal(q.avail[2 + q.size], 0);
	device_give(&q, 0, 0);
	assert_true(vio_queue_listen(&q));
	assert_non_null(vio_queue_get(&q, &len));
	vio_queue_quiet(&q);
	assert_int_equal(q.avail[2 + q.size], 0);
	assert_false(vio_queue_listen(&q));
	assert_int_equal(q.avail[2 + q.size], 1);
}

static bool lying;

static void *waver(void *size)
{
	while (load_relaxed(&lying)) {
		store_relaxed((u16 *)size, (u16)64);
		store_relaxed((u16 *)size, (u16)0x8000);
	}
	return NULL;
}

/* Read twice, the size would be one that was never looked at. */
static void a_size_is_read_once(void **state)
{
	pthread_t device;

	assert_int_equal(vio_open(&v, &pci, 0), 0);
	store_relaxed(&lying, true);
	assert_int_equal(pthread_create(&device, NULL, waver, reg16(0x18)), 0);
	for (clock_t end = clock() + CLOCKS_PER_SEC / 2; clock() < end && q.size <= 256; *reg16(0x1c) = 0)
		vio_queue_open(&v, &q, 0, 256, 0);
	store_relaxed(&lying, false);
	pthread_join(device, NULL);
	assert_in_range(q.size, 1, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_device_is_opened_and_restarted, fresh),
		cmocka_unit_test_setup(nonsense_is_refused, fresh),
		cmocka_unit_test_setup(a_device_that_comes, fresh),
		cmocka_unit_test_setup(config_fields_stay_inside, fresh),
		cmocka_unit_test_setup(chains_come_back_in_any_order, fresh),
		cmocka_unit_test_setup(a_full_ring_says_so, fresh),
		cmocka_unit_test_setup(tables_take_one_entry, fresh),
		cmocka_unit_test_setup(a_device_that_lies_is_broken, fresh),
		cmocka_unit_test_setup(it_is_told_when_it_asked, fresh),
		cmocka_unit_test_setup(a_size_is_read_once, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
