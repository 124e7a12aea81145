/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/snap_store.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_gate.c hv/storage/snap_change.c hv/storage/snap_rollback.c hv/lib/format.c hv/lib/string.c */
/* Guests write to a volume and to clones while the operator takes, clones, deletes, rolls back, and the disk fails at times and
 * has too little room: nothing stops, every request ends, and a snapshot that is there is what it was when it was taken. */
#include "snap_fixture.h"

#define SECTORS (12u * 2048)		/* of "web": more than its store has room for */
#define NAMES 6u
#define ASKS 12u
#define ROUNDS 40u
#define STEPS 60u

static struct storage_client guest, copies[2];
static struct ask asks[ASKS];
static bool asked[ASKS];
static struct { char name[8]; struct storage_guid guid; u32 *was; } kept[NAMES];
static u32 got[SECTORS], number;

static void heard(void *arg, const char *why)
{
	(void)arg, (void)why;
}

static struct storage_client *any_client(void)
{
	struct storage_client *c = noise() % 3 ? &guest : &copies[noise() % 2];

	return c->open ? c : &guest;
}

static void write_some(void)
{
	static const enum block_op kinds[] = { BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_ZERO, BLOCK_DISCARD, BLOCK_FLUSH,
		BLOCK_READ };
	u32 i = noise() % ASKS, at = noise() % SECTORS, n = 1 + noise() % (noise() % 4 ? 40 : 700);
	enum block_op op = kinds[noise() % ARRAY_COUNT(kinds)];
	struct storage_client *c = any_client();

	if (asked[i] && !asks[i].ended)
		return;
	if (asked[i])
		ask_end(&asks[i]);
	asked[i] = c->open;
	if (asked[i])
		ask_begin(&asks[i], c, op, op == BLOCK_FLUSH ? 0 : at, op == BLOCK_FLUSH ? 0 : MIN(n, SECTORS - at), ++number);
}

static struct volume *any_layer(void)
{
	char name[8];

	snprintf(name, sizeof(name), "%c%u", noise() % 2 ? 's' : 'c', noise() % NAMES);
	return vol(name);
}

static void operate(void)
{
	struct volume *v = any_layer(), *web = vol("web");
	char name[8];

	snprintf(name, sizeof(name), "%c%u", 's', noise() % NAMES);
	switch (noise() % 6) {
	case 0:
	case 1:
		if (web)
			volume_snapshot(web, name, 0, heard, NULL);
		break;
	case 2:
		name[0] = 'c';
		if (v)
			volume_clone_cow(v, name, heard, NULL);
		break;
	case 3:
		if (v)
			volume_delete(v, heard, NULL);
		break;
	case 4:
		if (v && web && !guest.open)
			volume_rollback(web, v, heard, NULL);
		break;
	default:
		if (web && !guest.open)
			volume_open(&guest, web);
		else if (guest.open && !(noise() % 4))
			volume_close(&guest);
	}
}

static void open_copies(void)
{
	struct storage_client *c = &copies[noise() % 2];
	struct volume *v = any_layer();

	if (c->open)
		volume_close(c);
	else if (v && v->type == VOLUME_CLONE)
		volume_open(c, v);
}

static void break_something(void)
{
	static const enum disk_result results[] = { DISK_MEDIUM, DISK_MEDIUM, DISK_FAILED, DISK_TIMEOUT };
	const struct storage_disk *s = place();

	memset(&fake.fail, 0, sizeof(fake.fail));
	if (noise() % 3 || !s)
		return;
	fake.fail.op = noise() % 2 ? BLOCK_READ : BLOCK_WRITE;
	fake.fail.from = noise() % fake.d.sectors;
	fake.fail.to = fake.fail.from + 4096;
	fake.fail.times = 1 + noise() % 3;
	fake.fail.result = results[noise() % ARRAY_COUNT(results)];
}

static void step(void)
{
	u32 what = noise() % 20;

	if (what < 12)
		write_some();
	else if (what < 17)
		operate();
	else if (what < 19)
		open_copies();
	else
		break_something();
	for (u32 n = noise() % 12; n; n--)
		if (!storage_poll(n))
			fake_answer();
}

static void forget(u32 i)
{
	free(kept[i].was);
	kept[i].was = NULL;
}

/* All that are there, read anew; those that were there before are the same. */
static void compare(u32 i)
{
	struct volume *v = vol(kept[i].name);

	if (!v || v->type != VOLUME_SNAPSHOT) {
		forget(i);
		return;
	}
	read_volume(kept[i].name, got, SECTORS);
	if (kept[i].was && !memcmp(&kept[i].guid, &v->guid, sizeof(v->guid))) {
		for (u32 k = 0; k < SECTORS; k++)
			if (got[k] != kept[i].was[k])
				fail_msg("%s: sector %u is %u, was %u", kept[i].name, k, got[k], kept[i].was[k]);
		return;
	}
	forget(i);
	kept[i].was = malloc(sizeof(got));
	kept[i].guid = v->guid;
	memcpy(kept[i].was, got, sizeof(got));
}

static void calm(void)
{
	memset(&fake.fail, 0, sizeof(fake.fail));
	settle();
	for (u32 i = 0; i < ASKS; i++) {
		if (asked[i])
			ask_end(&asks[i]);
		asked[i] = false;
	}
	for (u32 i = 0; i < 2; i++)
		if (copies[i].open)
			assert_int_equal(volume_close(&copies[i]), 0);
	settle();
}

static void restart(void)
{
	if (guest.open)
		assert_int_equal(volume_close(&guest), 0);
	unplug();
	settle();
	plug();
	settle();
}

static void storm(u64 seed)
{
	noise_state = seed;
	make_disk(SECTORS * 512ul);
	guest = (struct storage_client){ .name = "web.0" };
	copies[0] = (struct storage_client){ .name = "c.0" };
	copies[1] = (struct storage_client){ .name = "c.1" };
	assert_int_equal(volume_open(&guest, vol("web")), 0);
	WELL(snapshot("web", "s0", 8 * MiB));
	for (u32 i = 0; i < NAMES; i++)
		snprintf(kept[i].name, sizeof(kept[i].name), "s%u", i);
	for (u32 round = 0; round < ROUNDS; round++) {
		for (u32 n = 0; n < STEPS; n++)
			step();
		calm();
		if (!(noise() % 5))
			restart();
		for (u32 i = 0; i < NAMES; i++)
			compare(i);
	}
	for (u32 i = 0; i < NAMES; i++)
		forget(i);
	if (guest.open)
		assert_int_equal(volume_close(&guest), 0);
	unplug();
	settle();
}

static void test_storms(void **state)
{
	u32 storms = getenv("STORMS") ? (u32)atoi(getenv("STORMS")) : 3;
	u32 first = getenv("FIRST") ? (u32)atoi(getenv("FIRST")) : 100;

	(void)state;
	for (u32 i = first; i < first + storms; i++) {
		if (getenv("SHOW_SEED"))
			fprintf(stderr, "seed %u\n", i);
		storm(i * 7919ul);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_storms) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
