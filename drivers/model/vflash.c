/* SPDX-License-Identifier: Apache-2.0 */
#include "models.h"

#include <hv/datastore.h>
#include <hv/guest.h>
#include <hv/lib.h>

#define STATUS_READY 0x80
#define STATUS_ERASE_ERROR 0x20
#define STATUS_PROGRAM_ERROR 0x10

enum command { CMD_PROGRAM_ALT = 0x10, CMD_ERASE = 0x20, CMD_PROGRAM = 0x40, CMD_CLEAR_STATUS = 0x50, CMD_STATUS = 0x70,
	CMD_ID = 0x90, CMD_QUERY = 0x98, CMD_CONFIRM = 0xd0, CMD_ARRAY = 0xff };

#define ID_MAKER 0x89
#define ID_DEVICE 0x18

static const struct device_ram *flash_ram(const struct vflash *f)
{
	return guest_device_ram(f->g, DEVICE_RAM_FLASH);
}

static u64 little_endian(const u8 *from, u32 size)
{
	u64 val = 0;

	memcpy(&val, from, size);
	return val;
}

/* The same byte in every lane. */
static u64 in_lanes(u8 byte)
{
	return byte * 0x0101010101010101ul;
}

/* The guest reads and executes the variables' memory itself while they show their contents. PROGRAM is entered for one
 * write only, and read in it are status bytes that firmware asks for afterwards in any case: what is mapped follows
 * when the mode is left. */
static void mode_set(struct vflash *f, enum vflash_mode mode)
{
	const struct device_ram *m = flash_ram(f);
	bool was = f->mode == VFLASH_ARRAY, now = mode == VFLASH_ARRAY;

	f->mode = (u8)mode;
	if (was != now)
		bus_back(&f->g->bus, f->vars_claim, &(struct device_ram){ m->at, m->hpa, f->vars_size },
			 now ? BUS_READ | BUS_EXEC : 0);
}

static void program(struct vflash *f, const struct io *io)
{
	memcpy(flash_ram(f)->at + io->off, &io->val, io->size);
	f->status |= STATUS_READY;
	store_release(&f->programs, f->programs + 1);	/* behind what it counts: flash_vars_changes() */
	mode_set(f, VFLASH_STATUS);
}

/* Anything but the confirmation is a wrong sequence: both error bits, as the manual has it. */
static void erase(struct vflash *f, const struct io *io)
{
	u64 block = ALIGN_DOWN(io->off, VFLASH_BLOCK);

	if ((u8)io->val == CMD_CONFIRM) {
		memset(flash_ram(f)->at + block, 0xff, VFLASH_BLOCK);
		store_release(&f->erases, f->erases + 1);
	} else {
		f->status |= STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR;
	}
	f->status |= STATUS_READY;
	mode_set(f, VFLASH_STATUS);
}

/* Firmware finds out what it has by CLEAR_STATUS, then STATUS, which must read 0 then; clearing goes back to reading. */
static void command(struct vflash *f, u8 cmd)
{
	switch (cmd) {
	case CMD_PROGRAM:
	case CMD_PROGRAM_ALT:
		mode_set(f, VFLASH_PROGRAM);
		break;
	case CMD_ERASE:
		mode_set(f, VFLASH_ERASE);
		break;
	case CMD_STATUS:
		mode_set(f, VFLASH_STATUS);
		break;
	case CMD_ID:
		mode_set(f, VFLASH_ID);
		break;
	case CMD_QUERY:
		mode_set(f, VFLASH_QUERY);
		break;
	case CMD_CLEAR_STATUS:
		f->status = 0;
		mode_set(f, VFLASH_ARRAY);
		break;
	default:		/* CMD_ARRAY, and what this chip does not have */
		mode_set(f, VFLASH_ARRAY);
		break;
	}
}

/* One byte of the answer to a query. JEDEC JEP137, JESD68.01 "Common Flash Interface": a chip of bytes with Intel's commands,
 * no buffer for writes, one region of blocks of one size. */
static u8 query_byte(const struct vflash *f, u8 at)
{
	static const u8 table[] = { [0x10] = 'Q', 'R', 'Y', 1, 0, 0x31, 0, 0, 0, 0, 0, 0x45, 0x55, 0, 0, 7, 0, 10, 0, 4, 0, 4, 0,
		[0x2c] = 1, [0x31] = 'P', 'R', 'I', '1', '0' };
	u64 blocks = f->vars_size / VFLASH_BLOCK - 1, bits = 64 - (u64)__builtin_clzl(f->vars_size - 1);

	switch (at) {
	case 0x27:	return (u8)bits;	/* its size is 2 to the power of this at most */
	case 0x2d:	return (u8)blocks;
	case 0x2e:	return (u8)(blocks >> 8);
	case 0x2f:	return (u8)(VFLASH_BLOCK / 256);
	case 0x30:	return (u8)(VFLASH_BLOCK / 256 >> 8);
	default:	return at < sizeof(table) ? table[at] : 0;
	}
}

static u64 query(const struct vflash *f, const struct io *io)
{
	u64 val = 0;

	for (u32 i = 0; i < io->size; i++)
		val |= (u64)query_byte(f, (u8)(io->off + i)) << i * 8;
	return val;
}

static u64 vars_read(const struct vflash *f, const struct io *io)
{
	switch (f->mode) {
	case VFLASH_ARRAY:
		return little_endian(flash_ram(f)->at + io->off, io->size);
	case VFLASH_ID:
		return in_lanes((io->off & 0xff) == 0 ? ID_MAKER : (io->off & 0xff) == 1 ? ID_DEVICE : 0);
	case VFLASH_QUERY:
		return query(f, io);
	default:
		return in_lanes(f->status);
	}
}

enum io_result vflash_vars_io(void *self, struct io *io)
{
	struct vflash *f = self;

	if (!io->write)
		io->val = vars_read(f, io);
	else if (f->mode == VFLASH_PROGRAM)
		program(f, io);
	else if (f->mode == VFLASH_ERASE)
		erase(f, io);
	else
		command(f, (u8)io->val);
	return IO_DONE;
}

/* Write-protected: nothing that is written there does anything. */
enum io_result vflash_code_io(void *self, struct io *io)
{
	const struct vflash *f = self;

	if (!io->write)
		io->val = little_endian(flash_ram(f)->at + f->vars_size + io->off, io->size);
	return IO_DONE;
}

static int claim_part(struct vflash *f, u64 base, u64 size, io_fn *fn, const char *name)
{
	struct bus *bus = &f->g->bus;
	int err = bus_claim(bus, (struct bus_range){ BUS_MEMORY, base, size }, fn, f, name);

	return err ? err : (int)(bus->claim_count - 1);
}

int vflash_build(struct guest *g, struct vflash *f)
{
	const struct device_ram *m = guest_device_ram(g, DEVICE_RAM_FLASH);
	u64 code;
	int nr;

	f->g = g;
	if (!m->size)
		return 0;
	f->vars_size = g->initrd.size;
	f->code_size = g->kernel.size;
	assert(f->vars_size + f->code_size <= m->size);
	code = 4 * GiB - f->code_size;
	nr = claim_part(f, code - f->vars_size, f->vars_size, vflash_vars_io, "flash-vars");
	if (nr < 0)
		return nr;
	f->vars_claim = (u32)nr;
	nr = bus_back(&g->bus, f->vars_claim, &(struct device_ram){ m->at, m->hpa, f->vars_size }, BUS_READ | BUS_EXEC);
	if (nr)
		return nr;
	nr = claim_part(f, code, f->code_size, vflash_code_io, "flash-code");
	if (nr < 0)
		return nr;
	return bus_back(&g->bus, (u32)nr, &(struct device_ram){ m->at + f->vars_size, HPA(m->hpa.v + f->vars_size),
			f->code_size }, BUS_READ | BUS_EXEC);
}

void vflash_reset(struct vflash *f)
{
	const struct device_ram *m = flash_ram(f);

	f->status = STATUS_READY;
	if (!m->size)
		return;
	mode_set(f, VFLASH_ARRAY);
	memcpy(m->at + f->vars_size, f->g->kernel.bytes, f->code_size);
	if (!f->loaded)
		memcpy(m->at, f->g->initrd.bytes, f->vars_size);
	f->loaded = true;
}

/* For the datastore, on the control core. */

u64 flash_vars_size(const struct guest *g)
{
	return g->pc->flash.vars_size;
}

u64 flash_vars_changes(const struct guest *g)
{
	return load_acquire(&g->pc->flash.programs) + load_acquire(&g->pc->flash.erases);
}

const u8 *flash_vars(const struct guest *g)
{
	return flash_ram(&g->pc->flash)->at;
}

bool flash_vars_untouched(const struct guest *g)
{
	return !load_acquire(&g->pc->flash.loaded);
}

u8 *flash_vars_restore(struct guest *g)
{
	const struct device_ram *m = flash_ram(&g->pc->flash);

	memset(m->at, 0, m->size);
	store_release(&g->pc->flash.loaded, true);
	return m->at;
}
