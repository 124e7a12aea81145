/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/disk/ide_work.c drivers/host/disk/ide_open.c drivers/host/disk/ide_identify.c hv/lib/string.c hv/lib/format.c */
/* A channel in memory, with drives that answer as ATA says, hang, err, vanish, or say anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/host/disk/ide.h>
#include <hv/log.h>
#include <hv/port.h>
#include <hv/time.h>

#define COMMAND 0x1f0
#define CONTROL 0x3f6
#define MASTER 0xc000
#define SECTORS (1ul << 29)
#define HIGH 0x40000000ul		/* what memory[] is for the drives */
#define S NS_PER_S

struct timebase timebase = { .tsc_hz = 1000000000 };

static struct {
	bool there[2], packet[2], silent, absent, stuck_in_reset, noisy;
	u8 selected, control, status, error, feature, master_command, master_status;
	u8 count[2], low[2], mid[2], high[2];
	u32 table;
	u16 words[2][IDE_WORDS];
	u32 word_at;
	bool reading;			/* IDENTIFY under way */
	u8 fail_error;			/* the next command ends with this in the error register */
	bool fail_master;		/* or with an error of the controller */
	bool fault, keeps_drq, keeps_active;
	u32 resets, commands[256];
	u64 sector, sectors;		/* of the last command */
	bool pending;			/* a transfer or a flush that ends when asked for */
	u8 disk[64][512];
} hw;
static u8 memory[1 << 20];		/* at HIGH */
static struct ide_prd table[IDE_PRDS];
static struct ide_channel ch;
static u64 now;
static u32 gone;

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	return (u64)((unsigned __int128)ticks * num / den);
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

void wait_us(u32 us)
{
	now += us * 1000ul;
}

void disk_gone(struct disk *d)
{
	assert_true(d->gone);
	gone++;
}

/* --- the machine ---------------------------------------------------------------------------------------------------- */

static void transfer(bool to_memory)
{
	u64 at = 0;

	for (u32 i = 0; i < IDE_PRDS; i++) {
		u32 len = table[i].count ? table[i].count : 0x10000;

		assert_false(table[i].address & 1 || len & 1);
		assert_true((table[i].address & 0xffff) + len <= 0x10000);
		assert_true(table[i].address >= HIGH && table[i].address + len <= HIGH + sizeof(memory));
		assert_true(at + len <= hw.sectors * 512);
		for (u32 n = 0; n < len && to_memory; n++, at++)
			memory[table[i].address - HIGH + n] = hw.disk[(hw.sector + at / 512) % 64][at % 512];
		for (u32 n = 0; n < len && !to_memory; n++, at++)
			hw.disk[(hw.sector + at / 512) % 64][at % 512] = memory[table[i].address - HIGH + n];
		if (table[i].last & IDE_PRD_LAST)
			break;
	}
	assert_int_equal(at, hw.sectors * 512);
}

static void take_address(bool wide)
{
	u8 device = hw.selected;

	assert_true(device & 0x40);
	hw.sector = hw.low[0] | hw.mid[0] << 8 | (u64)hw.high[0] << 16;
	hw.sector |= wide ? (u64)hw.low[1] << 24 | (u64)hw.mid[1] << 32 | (u64)hw.high[1] << 40 : (u64)(device & 15) << 24;
	hw.sectors = wide ? hw.count[1] << 8 | hw.count[0] : hw.count[0] ? hw.count[0] : 256;
}

static u32 drive_at(void)
{
	return hw.selected >> 4 & 1;
}

static void end_command(void)
{
	u8 command_error = hw.fail_error;

	hw.pending = false;
	hw.status = IDE_READY;
	if (command_error) {
		hw.status |= IDE_ERR;
		hw.error = command_error;
		hw.fail_error = 0;
	} else if (hw.fail_master) {
		hw.master_status |= BM_ERROR;
		hw.fail_master = false;
	} else if (hw.master_command & BM_START) {
		transfer(hw.master_command & BM_TO_MEMORY);
	}
	hw.status |= (u8)((hw.fault ? IDE_FAULT : 0) | (hw.keeps_drq ? IDE_DRQ : 0));
	hw.master_status = (u8)((hw.master_status & ~BM_ACTIVE) | BM_INTERRUPT | (hw.keeps_active ? BM_ACTIVE : 0));
}

static void take_command(u8 cmd)
{
	hw.commands[cmd]++;
	if (!hw.there[drive_at()])
		return;
	hw.status = IDE_READY;
	switch (cmd) {
	case IDE_CMD_IDENTIFY:
	case IDE_CMD_IDENTIFY_PACKET:
		if (hw.packet[drive_at()] != (cmd == IDE_CMD_IDENTIFY_PACKET)) {
			hw.status |= IDE_ERR;
			hw.mid[0] = 0x14;
			hw.high[0] = 0xeb;
			break;
		}
		hw.status |= IDE_DRQ;
		hw.word_at = 0;
		break;
	case IDE_CMD_SET_FEATURES:
		assert_int_equal(hw.feature, 3);
		break;
	case IDE_CMD_READ_EXT:
	case IDE_CMD_WRITE_EXT:
	case IDE_CMD_READ:
	case IDE_CMD_WRITE:
		take_address(cmd == IDE_CMD_READ_EXT || cmd == IDE_CMD_WRITE_EXT);
		/* fall through */
	default:
		hw.status = IDE_BSY;
		hw.pending = true;
	}
}

static u8 status_now(void)
{
	if (hw.absent)
		return 0xff;
	if (hw.noisy)
		return (u8)rand();
	if (hw.control & IDE_SRST || hw.stuck_in_reset)
		return IDE_BSY;
	return hw.there[drive_at()] ? hw.status : 0;
}

u8 port_in8(u16 port)
{
	if (port == CONTROL || port == COMMAND + IDE_STATUS)
		return status_now();
	if (hw.absent || hw.noisy)
		return hw.absent ? 0xff : (u8)rand();
	switch (port) {
	case COMMAND + IDE_ERROR:	return hw.error;
	case COMMAND + IDE_LBA_MID:	return hw.mid[0];
	case COMMAND + IDE_LBA_HIGH:	return hw.high[0];
	case MASTER + BM_STATUS:	return hw.master_status;
	case MASTER + BM_COMMAND:	return hw.master_command;
	}
	fail_msg("port %x read", port);
	return 0;
}

u16 port_in16(u16 port)
{
	assert_int_equal(port, COMMAND);
	assert_true(hw.word_at < IDE_WORDS);
	if (hw.word_at == IDE_WORDS - 1)
		hw.status &= (u8)~IDE_DRQ;
	return hw.words[drive_at()][hw.word_at++];
}

static void push(u8 *fifo, u8 value)
{
	fifo[1] = fifo[0];
	fifo[0] = value;
}

void port_out8(u16 port, u8 value)
{
	switch (port) {
	case CONTROL:
		if (hw.control & IDE_SRST && !(value & IDE_SRST)) {
			hw.resets++;
			hw.status = IDE_READY;
			hw.pending = false;
		}
		hw.control = value;
		break;
	case COMMAND + IDE_FEATURES:	hw.feature = value; break;
	case COMMAND + IDE_COUNT:	push(hw.count, value); break;
	case COMMAND + IDE_LBA_LOW:	push(hw.low, value); break;
	case COMMAND + IDE_LBA_MID:	push(hw.mid, value); break;
	case COMMAND + IDE_LBA_HIGH:	push(hw.high, value); break;
	case COMMAND + IDE_DEVICE:	hw.selected = value; break;
	case COMMAND + IDE_COMMAND:	take_command(value); break;
	case MASTER + BM_COMMAND:
		hw.master_command = value;
		hw.master_status = (u8)((hw.master_status & ~BM_ACTIVE) | (value & BM_START ? BM_ACTIVE : 0));
		break;
	case MASTER + BM_STATUS:	hw.master_status &= (u8)~(value & (BM_ERROR | BM_INTERRUPT)); break;
	default:			fail_msg("port %x written", port);
	}
}

void port_out32(u16 port, u32 value)
{
	assert_int_equal(port, MASTER + BM_TABLE);
	hw.table = value;
}

/* --- the tests ------------------------------------------------------------------------------------------------------ */

static void put_text(u16 *words, const char *text, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		char a = *text ? *text++ : ' ', b = *text ? *text++ : ' ';

		words[i] = (u16)((u8)a << 8 | (u8)b);
	}
}

static void describe_drive(u16 *words)
{
	put_text(words + 10, "  SER 1", 10);
	put_text(words + 23, "1.0", 4);
	put_text(words + 27, "TEST \x01 DISK", 20);
	words[49] = 0x300;
	words[60] = 0xffff;
	words[61] = 0x0fff;
	words[63] = 0x407;
	words[83] = 0x7400;
	words[85] = 0x20;
	words[100] = (u16)SECTORS;
	words[101] = (u16)(SECTORS >> 16);
}

static int fresh(void **state)
{
	memset(&hw, 0, sizeof(hw));
	memset(&ch, 0, sizeof(ch));
	memset(memory, 0, sizeof(memory));
	now = tsc_now();
	gone = 0;
	hw.status = IDE_READY;
	hw.there[0] = hw.there[1] = true;
	describe_drive(hw.words[0]);
	describe_drive(hw.words[1]);
	ch = (struct ide_channel){ .command = COMMAND, .control = CONTROL, .master = MASTER, .prd = table, .prd_hpa = 0x1000 };
	assert_int_equal(ide_open_channel(&ch), 2);
	for (u32 i = 0; i < 2; i++) {
		ch.drive[i].disk.ops = &ide_disk_ops;
		ch.drive[i].disk.driver = &ch.drive[i];
	}
	return 0;
}

struct asked {
	struct disk_request rq;
	struct dma_piece piece[DISK_PIECES_MAX];
	u32 answers;
	enum disk_result result;
	bool in_submit;
};
static bool in_submit;

static void heard(struct disk_request *rq, enum disk_result result)
{
	struct asked *a = container_of(rq, struct asked, rq);

	assert_false(in_submit);
	a->answers++;
	a->result = result;
}

static struct asked request(enum block_op op, u64 sector, u64 sectors, u64 at)
{
	struct asked a = { .rq = { .op = op, .sector = sector, .sectors = sectors, .pieces = sectors ? 1 : 0, .done = heard } };

	a.piece[0] = (struct dma_piece){ HIGH + at, (u32)(sectors * 512) };
	return a;
}

static int submit(u32 drive, struct asked *a)
{
	int r;

	a->rq.piece = a->piece;
	in_submit = true;
	r = ide_disk_ops.submit(&ch.drive[drive].disk, &a->rq);
	in_submit = false;
	return r;
}

static void turn(void)
{
	now += 1000000;
	ide_poll_channel(&ch, now);
}

static void drives_are_found(void **state)
{
	const struct disk *d = &ch.drive[0].disk;

	assert_int_equal(ch.drive[0].kind, IDE_DISK);
	assert_string_equal(d->serial, "SER 1");
	assert_string_equal(d->model, "TEST ? DISK");
	assert_string_equal(d->firmware, "1.0");
	assert_int_equal(d->sectors, SECTORS);
	assert_int_equal(d->sector_size, 512);
	assert_true(d->write_cache);
	assert_int_equal(ch.drive[0].flush, IDE_CMD_FLUSH_EXT);
	assert_int_equal(hw.commands[IDE_CMD_SET_FEATURES], 0);	/* a mode is on */
	assert_int_equal(hw.resets, 1);
}

static void empty_places_and_cds(void **state)
{
	memset(&ch.drive, 0, sizeof(ch.drive));
	hw.there[0] = true;
	hw.packet[0] = true;
	hw.there[1] = false;
	assert_int_equal(ide_open_channel(&ch), 1);
	assert_int_equal(ch.drive[0].kind, IDE_PACKET);
	assert_string_equal(ch.drive[0].disk.model, "TEST ? DISK");
	assert_int_equal(ch.drive[1].kind, IDE_NOTHING);
	hw.absent = true;
	assert_int_equal(ide_open_channel(&ch), 0);
	hw.absent = false;
	hw.stuck_in_reset = true;
	assert_int_equal(ide_open_channel(&ch), 0);
}

static void what_a_drive_says_is_judged(void **state)
{
	static const struct { u32 word; u16 value; const char *why; } bad[] = {
		{ 49, 0x100, "it has no block addresses" }, { 49, 0x200, "it has no DMA" },
		{ 106, 0x5000, "its sectors are longer than 512 bytes" }, { 128, 4, "it is locked by a password" },
	};
	struct ide_drive d;
	u16 words[IDE_WORDS];

	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		memset(&d, 0, sizeof(d));
		memset(words, 0, sizeof(words));
		describe_drive(words);
		words[bad[i].word] = bad[i].value;
		ide_identify(&d, words);
		assert_int_equal(d.kind, IDE_REFUSED);
		assert_string_equal(d.why, bad[i].why);
	}
	memset(words, 0, sizeof(words));
	describe_drive(words);
	words[106] = 0x6003;
	words[63] = 7;			/* no mode is on */
	ide_identify(&d, words);
	assert_int_equal(d.disk.physical_size, 4096);
	assert_int_equal(d.set_mode, 0x22);
	words[103] = 1;			/* 2^48 sectors: more than can be addressed */
	words[83] = 0x7400;
	ide_identify(&d, words);
	assert_int_equal(d.kind, IDE_REFUSED);
	words[83] = 0x5000;		/* no 48-bit addresses */
	ide_identify(&d, words);
	assert_int_equal(d.disk.sectors, (1ul << 28) - 1);
	assert_int_equal(d.flush, IDE_CMD_FLUSH);
	memset(words, 0xff, sizeof(words));
	ide_identify(&d, words);	/* whatever it makes of that, it is text and numbers in range */
	assert_true(strlen(d.disk.model) <= 40 && strlen(d.disk.serial) <= 20 && strlen(d.disk.firmware) <= 8);
}

static void data_goes_both_ways(void **state)
{
	struct asked w = request(BLOCK_WRITE, 5, 3, 0), r = request(BLOCK_READ, 5, 3, 0x10000);

	for (u32 i = 0; i < 1536; i++)
		memory[i] = (u8)(i * 7);
	assert_int_equal(submit(0, &w), 0);
	turn();
	assert_int_equal(w.answers, 0);
	end_command();
	turn();
	assert_int_equal(w.answers, 1);
	assert_int_equal(w.result, DISK_OK);
	assert_int_equal(hw.commands[IDE_CMD_WRITE], 1);
	assert_int_equal(submit(0, &r), 0);
	end_command();
	turn();
	assert_int_equal(r.result, DISK_OK);
	assert_memory_equal(memory, memory + 0x10000, 1536);
	assert_int_equal(hw.master_status & (BM_INTERRUPT | BM_ERROR | BM_ACTIVE), 0);
}

static void pieces_are_cut_at_64_kib(void **state)
{
	struct asked r = request(BLOCK_READ, 0, 256, 0x8000);

	r.rq.pieces = 3;
	r.piece[0] = (struct dma_piece){ HIGH + 0xfffc, 8 };
	r.piece[1] = (struct dma_piece){ HIGH + 0x20000, 0x10000 };
	r.piece[2] = (struct dma_piece){ HIGH + 0x38000, 0x10000 - 8 };
	assert_int_equal(submit(0, &r), 0);
	end_command();			/* checks each entry and the sum */
	turn();
	assert_int_equal(r.result, DISK_OK);
	assert_int_equal(hw.sectors, 256);
}

static void high_addresses(void **state)
{
	struct asked a = request(BLOCK_READ, (1ul << 28) - 4, 4, 0), b = request(BLOCK_READ, (1ul << 28) - 3, 4, 0);

	assert_int_equal(submit(1, &a), 0);
	end_command();
	assert_int_equal(hw.sector, (1ul << 28) - 4);
	turn();
	assert_int_equal(hw.commands[IDE_CMD_READ], 1);
	assert_int_equal(submit(1, &b), 0);
	end_command();
	turn();
	assert_int_equal(hw.commands[IDE_CMD_READ_EXT], 1);
	assert_int_equal(hw.sector, (1ul << 28) - 3);
	assert_int_equal(hw.sectors, 4);
	assert_int_equal(drive_at(), 1);
	assert_int_equal(b.result, DISK_OK);
}

static void wrong_requests(void **state)
{
	struct asked a[] = { request(BLOCK_READ, SECTORS - 1, 2, 0), request(BLOCK_READ, 0, 1, 2), request(BLOCK_READ, 0, 257, 0),
		request(BLOCK_READ, 0, 1, 4 * GiB), request(BLOCK_DISCARD, 0, 1, 0), request(BLOCK_READ, 0, 2, 0) };

	a[5].piece[0].len = 512;	/* less than the sectors */
	for (u32 i = 0; i < ARRAY_COUNT(a); i++) {
		assert_int_equal(submit(0, &a[i]), 0);
		assert_int_equal(a[i].answers, 0);
		turn();
		assert_int_equal(a[i].answers, 1);
		assert_int_equal(a[i].result, i == 4 ? DISK_UNSUPPORTED : DISK_FAILED);
	}
	assert_int_equal(hw.commands[IDE_CMD_READ], 0);
}

static void drives_take_turns(void **state)
{
	struct asked a = request(BLOCK_READ, 0, 1, 0), b = request(BLOCK_READ, 1, 1, 0), more = request(BLOCK_FLUSH, 0, 0, 0);

	assert_int_equal(submit(0, &a), 0);
	assert_int_equal(submit(0, &more), -E_AGAIN);
	assert_int_equal(submit(1, &b), 0);
	end_command();
	turn();
	assert_int_equal(a.answers, 1);
	assert_int_equal(submit(0, &more), 0);
	assert_int_equal(drive_at(), 1);
	assert_int_equal(b.answers, 0);
	end_command();
	turn();
	assert_int_equal(b.answers, 1);
	assert_int_equal(hw.commands[IDE_CMD_FLUSH_EXT], 1);
	end_command();
	turn();
	assert_int_equal(more.result, DISK_OK);
}

static void errors_are_told(void **state)
{
	static const struct { u8 error; enum disk_result result; u32 commands; } row[] = {
		{ IDE_UNC, DISK_MEDIUM, 1 }, { IDE_IDNF | IDE_ABRT, DISK_MEDIUM, 1 }, { IDE_ABRT, DISK_FAILED, 1 },
	};

	for (u32 i = 0; i < ARRAY_COUNT(row); i++) {
		struct asked a = request(BLOCK_READ, 9, 1, 0);

		fresh(state);
		hw.fail_error = row[i].error;
		submit(0, &a);
		end_command();
		turn();
		assert_int_equal(a.answers, 1);
		assert_int_equal(a.result, row[i].result);
		assert_int_equal(ch.drive[0].disk.errors, 1);
	}
}

static void a_bad_cable_is_tried_again(void **state)
{
	struct asked a = request(BLOCK_READ, 9, 1, 0), b = request(BLOCK_WRITE, 9, 1, 0);

	hw.fail_error = IDE_ICRC | IDE_ABRT;
	submit(0, &a);
	end_command();
	turn();
	assert_int_equal(a.answers, 0);
	end_command();
	turn();
	assert_int_equal(a.result, DISK_OK);
	submit(0, &b);
	for (u32 i = 0; i < IDE_TRIES; i++) {
		hw.fail_master = true;
		end_command();
		turn();
	}
	assert_int_equal(b.answers, 1);
	assert_int_equal(b.result, DISK_FAILED);
	assert_int_equal(hw.commands[IDE_CMD_WRITE], IDE_TRIES);
}

static void wrong_ends(void **state)
{
	struct asked a = request(BLOCK_READ, 9, 1, 0), b = request(BLOCK_READ, 9, 1, 0), c = request(BLOCK_READ, 9, 1, 0);

	hw.fault = true;
	submit(0, &a);
	end_command();
	turn();
	assert_int_equal(a.result, DISK_FAILED);
	hw.fault = false;
	hw.keeps_drq = true;		/* "done", and wants more data */
	submit(0, &b);
	end_command();
	turn();
	assert_int_equal(b.answers, 0);
	assert_int_equal(ch.step, IDE_RESET_HELD);
	hw.keeps_drq = false;
	turn();
	turn();
	assert_int_equal(ch.step, IDE_WORKS);
	end_command();
	turn();
	assert_int_equal(b.result, DISK_OK);
	submit(0, &c);
	hw.status = IDE_READY;		/* less data than asked for: the controller still waits */
	hw.master_status |= BM_INTERRUPT;
	turn();
	assert_int_equal(c.answers, 1);
	assert_int_equal(c.result, DISK_FAILED);
	assert_false(hw.master_command & BM_START);
}

static void a_lost_interrupt(void **state)
{
	struct asked a = request(BLOCK_READ, 9, 1, 0);

	submit(0, &a);
	end_command();
	hw.master_status &= (u8)~BM_INTERRUPT;
	turn();
	assert_int_equal(a.result, DISK_OK);
}

static void a_drive_that_hangs(void **state)
{
	struct asked a = request(BLOCK_WRITE, 9, 1, 0), b = request(BLOCK_READ, 1, 1, 0);

	submit(0, &a);
	submit(1, &b);
	for (u32 i = 0; i < IDE_TRIES; i++) {
		for (u32 n = 0; n < 9 && (drive_at() != 0 || !hw.pending); n++)
			turn();
		assert_int_equal(a.answers, 0);
		now += 11 * S;
		turn();			/* times out */
		turn();
		turn();
		if (hw.pending && drive_at() == 1)
			end_command();
		turn();
	}
	turn();
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.result, DISK_TIMEOUT);
	assert_int_equal(b.answers, 1);
	assert_int_equal(b.result, DISK_OK);
	assert_int_equal(ch.drive[0].disk.timeouts, IDE_TRIES);
	assert_int_equal(ch.drive[0].disk.resets, IDE_TRIES);
	assert_false(ch.drive[0].disk.gone);
}

static void a_channel_that_does_not_come_back(void **state)
{
	struct asked a = request(BLOCK_READ, 9, 1, 0), b = request(BLOCK_READ, 9, 1, 0), c = request(BLOCK_READ, 9, 1, 0);

	submit(0, &a);
	submit(1, &b);
	hw.stuck_in_reset = true;
	now += 11 * S;
	turn();
	turn();
	assert_int_equal(a.answers, 0);
	now += 32 * S;
	turn();
	assert_int_equal(a.result, DISK_GONE);
	assert_int_equal(b.result, DISK_GONE);
	assert_int_equal(a.answers + b.answers, 2);
	assert_int_equal(gone, 2);
	assert_int_equal(submit(0, &c), 0);
	turn();
	assert_int_equal(c.result, DISK_GONE);
	turn();
	assert_int_equal(gone, 2);
}

static void a_controller_that_vanishes(void **state)
{
	struct asked a = request(BLOCK_READ, 9, 1, 0);

	submit(0, &a);
	hw.absent = true;
	turn();
	assert_int_equal(a.result, DISK_GONE);
	assert_int_equal(gone, 2);
}

static void a_drive_that_says_anything(void **state)
{
	struct asked a = { .answers = 1 };

	srand(1);
	for (u32 i = 0; i < 20000; i++) {
		if (ch.step == IDE_DEAD)
			fresh(state);
		hw.noisy = true;
		if (!ch.drive[0].request) {
			assert_int_equal(a.answers, 1);
			a = request(i % 3 ? BLOCK_READ : BLOCK_FLUSH, 1, i % 3 ? 1 : 0, 0);
			submit(0, &a);
		}
		turn();
		now += (u64)rand() % 10 * S;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(drives_are_found, fresh), cmocka_unit_test_setup(empty_places_and_cds, fresh),
		cmocka_unit_test_setup(what_a_drive_says_is_judged, fresh), cmocka_unit_test_setup(data_goes_both_ways, fresh),
		cmocka_unit_test_setup(pieces_are_cut_at_64_kib, fresh), cmocka_unit_test_setup(high_addresses, fresh),
		cmocka_unit_test_setup(wrong_requests, fresh), cmocka_unit_test_setup(drives_take_turns, fresh),
		cmocka_unit_test_setup(errors_are_told, fresh), cmocka_unit_test_setup(a_bad_cable_is_tried_again, fresh),
		cmocka_unit_test_setup(wrong_ends, fresh), cmocka_unit_test_setup(a_lost_interrupt, fresh),
		cmocka_unit_test_setup(a_drive_that_hangs, fresh),
		cmocka_unit_test_setup(a_channel_that_does_not_come_back, fresh),
		cmocka_unit_test_setup(a_controller_that_vanishes, fresh), cmocka_unit_test_setup(a_drive_that_says_anything, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
