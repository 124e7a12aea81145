/* SPDX-License-Identifier: Apache-2.0 */
#include "nvme_fake.h"

struct hc hc;
struct nvme *nvme;

enum { CAP = 0, VS = 8, CC = 0x14, CSTS = 0x1c, ASQ = 0x28, ACQ = 0x30, BELL = 0x1000 };

static void put(u8 *at, u64 val, u32 bytes)
{
	memcpy(at, &val, bytes);
}

void hc_power_on(void)
{
	memset(fake_registers, 0, sizeof(fake_registers));
	memset(hc.queue, 0, sizeof(hc.queue));
	memset(hc.bell, 0, sizeof(hc.bell));
	hc.held_count = 0;
	fake_set(CAP, 1 << 24 | 0xff);		/* ready within a second */
	fake_set(CAP + 4, 1 << 5);
	fake_set(VS, 0x10400);
}

int nvme_fake_init(void **state)
{
	fake_disk_init();
	memset(&hc, 0, sizeof(hc));
	nvme = NULL;
	hc_power_on();
	hc.fail_opcode = ~0u;
	hc.fail_sector = ~0ul;
	hc.admin_fail = ~0u;
	memcpy(hc.identify + 4, "  SER\1AL             ", 20);
	memcpy(hc.identify + 24, "A model of its own                      ", 40);
	memcpy(hc.identify + 64, "1.0     ", 8);
	hc.identify[77] = 5;
	put(hc.identify + 92, 0x100, 4);
	hc.identify[512] = 0x66;
	put(hc.identify + 516, HC_NAMESPACES, 4);
	put(hc.identify + 520, 4 | 8, 2);
	hc.identify[525] = 1;
	hc.ns[1].blocks = HC_SECTORS;
	hc.ns[1].format = 9;
	fake_wait = hc_run;
	return 0;
}

void nvme_fake_probe(void)
{
	assert_int_equal(nvme_driver.probe(&fake_function), 0);
	nvme = fake_function.state;
	nvme_driver.start(&fake_function);
	now = tsc_now();
	assert_true(hc.never_ready || nvme->state == NVME_DEAD || nvme->step == STEP_DISABLE);
	turns(40, 1);
	hc.resets = 0;
}

void hc_post(u32 queue, u32 id, u32 status, u32 result)
{
	struct hc_queue *q = &hc.queue[queue];
	struct nvme_completion *c = (struct nvme_completion *)q->cq + q->tail;

	assert_true(fake_master && q->cq);
	c->result = result;
	c->sq_head = (u16)q->head;
	c->sq_id = (u16)queue;
	c->end = id | (status << 1 | q->phase) << 16;
	if (++q->tail == q->size) {
		q->tail = 0;
		q->phase ^= 1;
	}
}

static void identify(const struct nvme_command *c)
{
	u8 *to = (u8 *)c->prp1, *p;
	u32 what = c->cdw10 & 0xff, n = 0;

	if (what == 1)
		memcpy(to, hc.identify, 4096);
	for (u32 i = 1; what == 2 && i <= HC_NAMESPACES; i++)
		if (hc.ns[i].blocks)
			put(to + 4 * n++, i, 4);
	if (what || c->nsid > HC_NAMESPACES)
		return;
	p = to;
	put(p, hc.ns[c->nsid].blocks, 8);
	p[26] = 1;
	p[99] = hc.ns[c->nsid].write_protected;
	put(p + 128 + 4, hc.ns[c->nsid].metadata | (u32)hc.ns[c->nsid].format << 16, 4);
}

static void create(const struct nvme_command *c, bool submissions)
{
	u32 id = c->cdw10 & 0xffff;
	struct hc_queue *q = &hc.queue[id];

	assert_true(id >= 1 && id <= 4);
	if (submissions) {
		assert_int_equal(c->cdw11, 1 | id << 16);
		assert_true(q->cq);
		q->sq = c->prp1;
	} else {
		assert_int_equal(c->cdw11, 3);
		*q = (struct hc_queue){ .cq = c->prp1, .size = (c->cdw10 >> 16) + 1, .phase = 1 };
	}
}

static void admin(const struct nvme_command *c)
{
	u32 opcode = c->cdw0 & 0xff, id = c->cdw0 >> 16, status = 0, result = 0;

	hc.admin[opcode]++;
	if (opcode == hc.admin_fail) {
		hc_post(0, id, 6, 0);
		return;
	}
	if (opcode == 6 && c->cdw10 == 2 && hc.no_list)
		status = 2;
	else if (opcode == 6)
		identify(c);
	else if (opcode == 1 || opcode == 5)
		create(c, opcode == 1);
	else if (opcode == 2 && (c->cdw10 & 0xff) == 2)
		memcpy((u8 *)c->prp1, hc.health, 512);
	else if (opcode == 9)
		hc.features[c->cdw10 & 15] = c->cdw11;
	if (opcode == 9 && c->cdw10 == 7)
		result = hc.short_of_queues ? 0 : 0x30003;
	if (opcode == 12) {
		hc.event_asked = true;
		hc.event_id = (u16)id;
		return;
	}
	if (opcode == 8) {
		if (hc.silent_abort)
			return;
		for (u32 i = 0; i < hc.held_count; i++)
			if (hc.held[i].queue == (c->cdw10 & 0xffff) && hc.held[i].c.cdw0 >> 16 == c->cdw10 >> 16) {
				hc_release(i, 7);
				break;
			}
	}
	hc_post(0, id, status, result);
}

void hc_event(u32 result)
{
	assert_true(hc.event_asked);
	hc.event_asked = false;
	hc_post(0, hc.event_id, 0, result);
}

/* Data by the two PRPs; the shape of the second is told by how much is left. */
static void transfer(const struct nvme_command *c, u8 *media, u64 bytes, bool to_media)
{
	u64 at = c->prp1, first = MIN(bytes, 4096 - (at & 4095)), pages = (bytes - first + 4095) / 4096;
	u64 one = c->prp2, *list = pages > 1 ? (u64 *)c->prp2 : &one;

	assert_false(at & 3);
	hc.last_prp2_list = pages > 1 ? (u32)pages : 0;
	for (u64 i = 0, n = first; bytes; i++, n = MIN(bytes, 4096)) {
		if (to_media)
			memcpy(media, (u8 *)at, n);
		else
			memcpy((u8 *)at, media, n);
		media += n;
		bytes -= n;
		if (!bytes)
			break;
		at = list[i];
		assert_false(at & 4095);
	}
}

static u32 execute(const struct nvme_command *c)
{
	u32 opcode = c->cdw0 & 0xff, shift = hc.ns[c->nsid % (HC_NAMESPACES + 1)].format;
	u64 first = c->cdw10 | (u64)c->cdw11 << 32, blocks = (c->cdw12 & 0xffff) + 1;

	if (hc.wild)
		return 0;
	if (!c->nsid || c->nsid > HC_NAMESPACES || !hc.ns[c->nsid].blocks)
		return 0x400b;
	if (opcode == 9) {
		const u32 *range = (u32 *)c->prp1;

		assert_int_equal(c->cdw10, 0);
		assert_int_equal(c->cdw11, 4);
		first = range[2];
		blocks = range[1];
	}
	if (opcode == 0)
		return 0;
	if (first + blocks > hc.ns[c->nsid].blocks)
		return 0x4080;
	if (first <= hc.fail_sector && hc.fail_sector < first + blocks)
		return 0x4281;
	if (c->nsid > 1)
		return 0;
	if (opcode == 1 || opcode == 2)
		transfer(c, hc.media + (first << shift), blocks << shift, opcode == 1);
	else
		memset(hc.media + (first << shift), 0, blocks << shift);
	return 0;
}

void hc_release(u32 i, u32 status)
{
	struct nvme_command c = hc.held[i].c;
	u32 queue = hc.held[i].queue;

	hc.held[i] = hc.held[--hc.held_count];
	hc_post(queue, c.cdw0 >> 16, status ? status : execute(&c), 0);
}

static void command(u32 queue, const struct nvme_command *c)
{
	u32 opcode = c->cdw0 & 0xff, status = 0;

	hc.last = *c;
	hc.commands[opcode]++;
	if (hc.silent_io)
		return;
	if (hc.hold) {
		assert_true(hc.held_count < HC_HELD);
		hc.held[hc.held_count].queue = queue;
		hc.held[hc.held_count++].c = *c;
		return;
	}
	if (opcode == hc.fail_opcode && hc.fail_count) {
		hc.fail_count--;
		status = hc.fail_status;
	}
	hc_post(queue, c->cdw0 >> 16, status ? status : execute(c), 0);
}

static void bells(void)
{
	for (u32 id = 0; id < 5; id++) {
		struct hc_queue *q = &hc.queue[id];
		u32 tail = fake_u32(BELL + 8 * id);

		if (!q->sq)
			continue;
		if (tail != hc.bell[2 * id]) {
			hc.doorbells++;
			hc.bell[2 * id] = tail;
		}
		assert_true(tail < q->size);
		while (q->head != tail && q->sq) {
			struct nvme_command c = ((struct nvme_command *)q->sq)[q->head];

			q->head = (q->head + 1) % q->size;
			if (id)
				command(id, &c);
			else
				admin(&c);
		}
	}
}

void hc_run(void)
{
	u32 config = fake_u32(CC), status = fake_u32(CSTS);

	if (status == ~0u)
		return;
	if (!(config & 1)) {
		if (hc.never_stops)
			return;
		if (status & 1)
			hc.resets++;
		fake_set(CSTS, 0);
		memset(hc.queue, 0, sizeof(hc.queue));
		memset(hc.bell, 0, sizeof(hc.bell));
		memset(fake_registers + BELL, 0, 0x1000);
		hc.held_count = 0;
		hc.event_asked = false;
		return;
	}
	if (!(status & 1)) {
		if (hc.never_ready)
			return;
		assert_int_equal(config >> 16, 0x46);
		assert_false(config & 0xc000);
		hc.queue[0] = (struct hc_queue){ .sq = fake_u32(ASQ) | (u64)fake_u32(ASQ + 4) << 32,
			.cq = fake_u32(ACQ) | (u64)fake_u32(ACQ + 4) << 32, .size = 64, .phase = 1 };
		fake_set(CSTS, 1);
	}
	if (config & 0xc000 && !hc.silent)
		fake_set(CSTS, fake_u32(CSTS) | 8);
	if (!hc.silent && fake_master)
		bells();
}

void turn(u64 ms)
{
	now += ms * MS;
	nvme_turn(nvme, now);
	hc_run();
}

void turns(u32 n, u64 ms)
{
	while (n--)
		turn(ms);
}
