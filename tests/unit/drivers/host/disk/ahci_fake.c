/* SPDX-License-Identifier: Apache-2.0 */
#include "ahci_fake.h"

struct hc hc;
struct ahci *ahci;

enum { DHRS = 1, SDBS = 8, PCS = 0x40, PRCS = 0x400000, TFES = 0x40000000 };
enum { ST = 1, FRE = 0x10, FR = 0x4000, CR = 0x8000 };

static void text(u16 *to, const char *s, u32 words)
{
	for (u32 i = 0; i < 2 * words; i++) {
		u8 c = *s ? (u8)*s++ : ' ';

		to[i / 2] |= (u16)(i & 1 ? c : c << 8);
	}
}

static void make_identify(struct hc_port *p)
{
	u16 *w = p->identify;

	memset(w, 0, sizeof(p->identify));
	text(w + 10, "  SN-1", 10);
	text(w + 23, "FW1", 4);
	text(w + 27, p->kind == HC_DISK ? "Some disk" : "Some drive", 20);
	w[0] = p->kind == HC_OPTICAL ? 0x8580 : 0;
	w[49] = 0x300;
	w[75] = 31;
	w[76] = 0x100;
	w[82] = 1;
	w[83] = 0x4000 | 0x2400;
	w[84] = 0x4040;
	w[85] = 0x21;
	w[86] = 0x2400;
	w[87] = 0x4040;
	w[100] = HC_SECTORS;
	w[106] = 0x6003;
	w[169] = 1;
	w[217] = 1;
}

int ahci_fake_init(void **state)
{
	fake_disk_init();
	memset(&hc, 0, sizeof(hc));
	ahci = NULL;
	hc.cap = 0xc0001f00 | (HC_PORTS - 1);
	hc.pi = BIT32(HC_PORTS) - 1;
	for (u32 i = 0; i < HC_PORTS; i++) {
		hc.port[i].bad_lba = ~0ul;
		hc.port[i].tfd = 0x7f;
	}
	hc_plug(0, HC_DISK);
	hc_plug(1, HC_OPTICAL);
	fake_wait = hc_run;
	return 0;
}

void ahci_fake_probe(void)
{
	assert_int_equal(ahci_driver.probe(&fake_function), 0);
	ahci = fake_function.state;
	ahci_driver.start(&fake_function);
	now = tsc_now();
	turns(40, 10);		/* its wait_us() takes no time: probe() may have looked too soon */
}

static void link_up(struct hc_port *p)
{
	p->ssts = p->kind == HC_NONE ? 0 : 0x123;
	if (p->kind == HC_NONE)
		return;
	p->serr |= 0x04010000;
	p->is |= PCS | PRCS;
	p->tfd = p->busy ? 0x80 : 0x50;
	p->sig = p->kind == HC_DISK ? 0x101 : p->kind == HC_OPTICAL ? 0xeb140101 : 0x96690101;
}

void hc_plug(u32 port, enum hc_kind kind)
{
	hc.port[port].kind = kind;
	make_identify(&hc.port[port]);
	link_up(&hc.port[port]);
}

void hc_unplug(u32 port)
{
	struct hc_port *p = &hc.port[port];

	p->kind = HC_NONE;
	p->ssts = 0;
	p->serr |= 0x04010000;
	p->is |= PCS | PRCS;
	p->tfd = 0x7f;
}

static struct ahci_header *header_of(const struct hc_port *p, u32 slot)
{
	return (struct ahci_header *)(p->clb | (u64)p->clbu << 32) + slot;
}

static struct ahci_table *table_of(const struct hc_port *p, u32 slot)
{
	const struct ahci_header *h = header_of(p, slot);

	assert_int_equal(h->table & 127, 0);
	return (struct ahci_table *)(h->table | (u64)h->table_high << 32);
}

static void transfer(struct hc_port *p, u32 slot, void *data, u64 bytes, bool to_data)
{
	struct ahci_header *h = header_of(p, slot);
	struct ahci_table *t = table_of(p, slot);
	u8 *at = data;
	u64 all = bytes;

	assert_true(fake_master);
	for (u32 i = 0; i < h->flags >> 16 && bytes; i++) {
		u64 n = (t->prd[i].bytes & 0x3fffff) + 1, use = MIN(n, bytes);
		void *memory = (void *)(t->prd[i].base | (u64)t->prd[i].base_high << 32);

		assert_true(!(n & 1) && !((u64)memory & 1));
		if (to_data)
			memcpy(at, memory, use);
		else
			memcpy(memory, at, use);
		at += use;
		bytes -= use;
	}
	assert_true(hc.lax || !bytes);
	assert_true(hc.lax || !!(h->flags & 0x40) == to_data);
	h->bytes = (u32)all - (p->short_read ? 512 : 0);
}

static void refuse(struct hc_port *p, u32 slot, bool queued, u8 error)
{
	p->tfd = 0x51 | (u32)error << 8;
	p->is |= TFES;
	p->halted = true;
	memset(p->log, 0, sizeof(p->log));
	p->log[0] = (u8)slot;
	p->log[2] = 0x51;
	p->log[3] = error;
	if (queued)
		p->ci &= ~BIT32(slot);
}

static void complete(struct hc_port *p, u32 slot, bool queued)
{
	p->ci &= ~BIT32(slot);
	if (queued)
		p->sact &= ~BIT32(slot);
	p->is |= queued ? SDBS : DHRS;
	p->tfd = 0x50;
}

static void packet(struct hc_port *p, u32 slot, const u8 *c)
{
	u8 sense[18] = { 0x70, 0, 6 }, capacity[8] = { 0, 0, 3, 0xff, 0, 0, 8, 0 };
	u32 lba = (u32)c[2] << 24 | (u32)c[3] << 16 | (u32)c[4] << 8 | c[5], count = (u32)c[7] << 8 | c[8];

	if (c[0] == 3) {
		sense[2] = p->open ? 2 : p->attention ? 6 : 0;
		p->attention -= p->attention != 0;
		transfer(p, slot, sense, sizeof(sense), false);
		complete(p, slot, false);
	} else if (p->attention || p->open) {
		refuse(p, slot, false, p->attention ? 0x60 : 0x20);
	} else if (c[0] == 0x25) {
		transfer(p, slot, capacity, sizeof(capacity), false);
		complete(p, slot, false);
	} else {
		assert_int_equal(c[0], 0x28);
		if (hc.lax && (lba + count) * 4 > HC_SECTORS) {
			complete(p, slot, false);
			return;
		}
		assert_true((lba + count) * 4 <= HC_SECTORS);
		if (p->bad_lba != ~0ul && lba <= p->bad_lba && p->bad_lba < lba + count && p->bad_count && p->bad_count--) {
			refuse(p, slot, false, p->bad_error);
			return;
		}
		transfer(p, slot, p->media + lba * 2048, count * 2048, false);
		complete(p, slot, false);
	}
}

static void data(struct hc_port *p, u32 slot, const u8 *f, bool queued, bool write)
{
	u64 lba = f[4] | (u64)f[5] << 8 | (u64)f[6] << 16 | (u64)f[8] << 24 | (u64)f[9] << 32 | (u64)f[10] << 40;
	u64 count = queued ? f[3] | (u64)f[11] << 8 : f[12] | (u64)f[13] << 8;
	u32 size = p->identify[106] & 0x1000 ? 4096 : 512;

	if (queued)
		assert_int_equal(f[12], slot << 3);
	hc.port[0].fua += queued ? f[7] >> 7 : f[2] == 0x3d;
	if (p->bad_lba != ~0ul && lba <= p->bad_lba && p->bad_lba < lba + count && p->bad_count && p->bad_count--) {
		refuse(p, slot, queued, p->bad_error);
		return;
	}
	if (hc.lax && (lba + count) * size > sizeof(p->media)) {
		complete(p, slot, queued);
		return;
	}
	assert_true((lba + count) * size <= sizeof(p->media));
	transfer(p, slot, p->media + lba * size, count * size, write);
	complete(p, slot, queued);
}

static void trim(struct hc_port *p, u32 slot)
{
	u64 entry[64] = { 0 };

	transfer(p, slot, entry, 512, true);
	for (u32 i = 0; i < 64 && entry[i] && !hc.lax; i++)
		memset(p->media + (entry[i] & 0xffffffffffff) * 512, 0, (entry[i] >> 48) * 512);
	complete(p, slot, false);
}

static void smart(struct hc_port *p, u32 slot, const u8 *f)
{
	u8 page[512] = { 0 }, *fis, sum = 0;
	static const u8 attribute[] = { 9, 0, 0, 99, 99, 0x10, 0x27, 0, 0, 0, 0, 0, 194, 0, 0, 60, 60, 37, 0, 0, 0, 0, 0, 0,
		187, 0, 0, 1, 1, 5, 0, 0, 0, 0, 0, 0 };

	assert_true(f[5] == 0x4f && f[6] == 0xc2);
	fis = p->clb + (u8 *)((u64)p->clbu << 32) + offsetof(struct ahci_memory, fis) + 0x40;
	if (f[3] == 0xda) {
		fis[5] = p->smart_failing ? 0xf4 : 0x4f;
		fis[6] = p->smart_failing ? 0x2c : 0xc2;
	} else {
		memcpy(page + 2, attribute, sizeof(attribute));
		for (u32 i = 0; i < 511; i++)
			sum = (u8)(sum + page[i]);
		page[511] = (u8)-sum;
		transfer(p, slot, page, 512, false);
	}
	complete(p, slot, false);
}

static void execute(struct hc_port *p, u32 slot)
{
	const u8 *f = table_of(p, slot)->fis;
	bool queued = f[2] == 0x60 || f[2] == 0x61, write = f[2] == 0x35 || f[2] == 0x3d || f[2] == 0x61;

	p->commands[f[2]]++;
	if (p->wild) {
		complete(p, slot, queued);
		return;
	}
	assert_true(f[0] == 0x27 && f[1] == 0x80);
	assert_int_equal(header_of(p, slot)->flags & 31, 5);
	assert_true(hc.lax || (p->sact >> slot & 1) == queued);
	assert_true(hc.lax || queued || (p->ci == BIT32(slot) && !p->sact));	/* alone */
	switch (f[2]) {
	case 0xec: case 0xa1:
		transfer(p, slot, p->identify, 512, false);
		complete(p, slot, false);
		break;
	case 0x2f:
		if (p->no_log) {
			refuse(p, slot, false, 4);
			break;
		}
		transfer(p, slot, p->log, 512, false);
		complete(p, slot, false);
		break;
	case 0xb0:
		smart(p, slot, f);
		break;
	case 0x06:
		trim(p, slot);
		break;
	case 0xa0:
		packet(p, slot, table_of(p, slot)->packet);
		break;
	case 0xe0: case 0xe7: case 0xea:
		complete(p, slot, false);
		break;
	default:
		data(p, slot, f, queued, write);
		break;
	}
}

static bool is_data(const struct hc_port *p, u32 slot)
{
	u8 command = table_of(p, slot)->fis[2];

	return command == 0x25 || command == 0x35 || command == 0x3d || command == 0x60 || command == 0x61;
}

void hc_release(u32 port, u32 slot)
{
	execute(&hc.port[port], slot);
}

void hc_run(void)
{
	for (u32 i = 0; i < HC_PORTS; i++) {
		struct hc_port *p = &hc.port[i];

		p->most_at_once = MAX(p->most_at_once, (u32)__builtin_popcount(p->ci | p->sact));
		for (u32 slot = 0; slot < 32 && p->ci; slot++)
			if (p->cmd & CR && !p->silent && !p->halted && p->kind != HC_NONE && fake_master &&
			    (p->ci >> slot & 1) && !(p->hold && is_data(p, slot)))
				execute(p, slot);
	}
}

static u32 *port_register(struct hc_port *p, u32 off)
{
	switch (off) {
	case 0x00: return &p->clb;
	case 0x04: return &p->clbu;
	case 0x08: return &p->fb;
	case 0x10: return &p->is;
	case 0x14: return &p->ie;
	case 0x18: return &p->cmd;
	case 0x20: return &p->tfd;
	case 0x24: return &p->sig;
	case 0x28: return &p->ssts;
	case 0x2c: return &p->sctl;
	case 0x30: return &p->serr;
	case 0x34: return &p->sact;
	case 0x38: return &p->ci;
	default:   return NULL;
	}
}

u32 ahci_read(const volatile u8 *base, u32 off)
{
	u64 at = (u64)(base - fake_registers) + off;
	u32 *reg;

	if (hc.gone)
		return ~0u;
	for (u32 i = 0; i < HC_PORTS; i++)
		hc.is |= (hc.port[i].is & hc.port[i].ie ? 1u : 0) << i;
	switch (at) {
	case 0x00: return hc.cap;
	case 0x04: return hc.ghc;
	case 0x08: return hc.is;
	case 0x0c: return hc.pi;
	case 0x24: return 0;
	}
	assert_true(at >= 0x100 && at < 0x100 + 0x80 * HC_PORTS);
	reg = port_register(&hc.port[(at - 0x100) / 0x80], at & 0x7f);
	assert_non_null(reg);
	return *reg;
}

static void hba_reset(void)
{
	hc.resets++;
	hc.is = 0;
	for (u32 i = 0; i < HC_PORTS; i++) {
		struct hc_port *p = &hc.port[i];

		p->clb = p->clbu = p->fb = p->is = p->ie = p->cmd = p->sctl = p->serr = p->sact = p->ci = 0;
		p->halted = false;
		link_up(p);
	}
}

static void write_command(struct hc_port *p, u32 val)
{
	u32 running = p->cmd & (CR | FR);

	if (val & ST && !(p->cmd & ST)) {
		assert_true(hc.lax || ((p->ssts & 15) == 3 && !(p->tfd & 0x88) && val & FRE));
		running |= CR;
	}
	if (!(val & ST) && !p->stuck) {
		running &= ~(u32)CR;
		p->ci = p->sact = 0;
		p->halted = false;
	}
	running = val & FRE ? running | FR : running & CR ? running : 0;
	p->cmd = (val & ~(u32)(CR | FR)) | running;
}

static void write_port(struct hc_port *p, u32 off, u32 val)
{
	switch (off) {
	case 0x10:
		p->is &= ~val | (p->serr & 0x04000000 ? PCS : 0) | (p->serr & 0x00010000 ? PRCS : 0);
		break;
	case 0x18:
		write_command(p, val);
		break;
	case 0x2c:
		if ((p->sctl & 15) == 1 && !(val & 15)) {
			p->resets++;
			link_up(p);
		} else if ((val & 15) == 1) {
			assert_false(p->cmd & CR);
			p->ssts = 0;
			p->tfd = 0x7f;
		}
		p->sctl = val;
		break;
	case 0x30:
		p->serr &= ~val;
		p->is &= ~(u32)((p->serr & 0x04000000 ? 0 : PCS) | (p->serr & 0x00010000 ? 0 : PRCS));
		break;
	case 0x34:
		assert_true(p->cmd & ST);
		p->sact |= val;
		break;
	case 0x38:
		assert_true(p->cmd & ST && !(p->ci & val) && fake_master);
		p->ci |= val;
		break;
	case 0x00: case 0x08:
		assert_false(p->cmd & (CR | FR));
		*port_register(p, off) = val;
		break;
	default:
		if (port_register(p, off))
			*port_register(p, off) = val;
		break;
	}
}

void ahci_write(volatile u8 *base, u32 off, u32 val)
{
	u64 at = (u64)(base - fake_registers) + off;

	if (hc.gone)
		return;
	if (at == 0x04) {
		hc.ghc = val & 0x80000002;
		if (val & 1 && hc.never_resets)
			hc.ghc |= 1;
		else if (val & 1)
			hba_reset();
	} else if (at == 0x08) {
		hc.is &= ~val;
	} else if (at >= 0x100) {
		assert_true(at < 0x100 + 0x80 * HC_PORTS);
		write_port(&hc.port[(at - 0x100) / 0x80], at & 0x7f, val);
	}
}

void turn(u64 ms)
{
	now += ms * MS;
	ahci_turn(ahci, now);
	hc_run();
}

void turns(u32 n, u64 ms)
{
	while (n--)
		turn(ms);
}
