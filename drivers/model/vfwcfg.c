/* SPDX-License-Identifier: Apache-2.0 */
#include "vfwcfg.h"

#include <hv/gmem.h>
#include <hv/lib.h>

#include "smbios.h"
#include "virtio/virtio.h"

enum fwcfg_key { KEY_SIGNATURE = 0x00, KEY_ID = 0x01, KEY_UUID = 0x02, KEY_RAM_SIZE = 0x03, KEY_NOGRAPHIC = 0x04,
	KEY_CPUS = 0x05, KEY_MENU = 0x0e, KEY_CPUS_MAX = 0x0f, KEY_DIR = 0x19, KEY_FILES = 0x20 };

#define ID_BYTES 1		/* by port, byte by byte */
#define ID_DMA 2
#define DMA_SIGNATURE 0x51454d5520434647ul	/* "QEMU CFG", read at the DMA register */

enum dma_control { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

/* More than all items together: whoever asks for more at once wants to keep us busy. */
#define DMA_LENGTH_MAX (1 * MiB)

static struct vfwcfg_item item_of(const struct vfwcfg *f, u32 key)
{
	switch (key) {
	case KEY_SIGNATURE:	return (struct vfwcfg_item){ "QEMU", 4 };
	case KEY_ID:		return (struct vfwcfg_item){ &f->said.id, 4 };
	case KEY_UUID:		return (struct vfwcfg_item){ f->said.uuid, 16 };
	case KEY_RAM_SIZE:	return (struct vfwcfg_item){ &f->said.ram, 8 };
	case KEY_NOGRAPHIC:	return (struct vfwcfg_item){ &f->said.nographic, 2 };
	case KEY_CPUS:		return (struct vfwcfg_item){ &f->said.cpus, 2 };
	case KEY_MENU:		return (struct vfwcfg_item){ &f->said.menu, 2 };
	case KEY_CPUS_MAX:	return (struct vfwcfg_item){ &f->said.cpus_max, 2 };
	case KEY_DIR:		return (struct vfwcfg_item){ &f->dir, 4 + f->file_count * (u32)sizeof(f->dir.file[0]) };
	default:
		if (key - KEY_FILES < f->file_count)
			return f->file[key - KEY_FILES];
		return (struct vfwcfg_item){ NULL, 0 };
	}
}

static u32 add_file(struct vfwcfg *f, const char *name, const void *data, u32 size)
{
	u32 i = f->file_count++;

	assert(i < VFWCFG_FILES_MAX);
	f->file[i] = (struct vfwcfg_item){ data, size };
	f->dir.file[i] = (struct vfwcfg_file){ .size = __builtin_bswap32(size),
		.select = __builtin_bswap16((u16)(KEY_FILES + i)) };
	fmt_print(f->dir.file[i].name, sizeof(f->dir.file[i].name), "%s", name);
	f->dir.count = __builtin_bswap32(f->file_count);
	return i;
}

/* The tables, and what firmware has to do with them. */

#define ACPI_FILE "etc/acpi/tables"
#define RSDP_FILE "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

enum loader_command { LOADER_ALLOCATE = 1, LOADER_POINTER = 2, LOADER_SUM = 3 };
enum loader_zone { ZONE_HIGH = 1, ZONE_F_SEGMENT = 2 };

struct loader_allocate { char file[56]; u32 align; u8 zone; } PACKED;
struct loader_pointer { char to[56], from[56]; u32 at; u8 size; } PACKED;
struct loader_sum { char file[56]; u32 at, from, size; } PACKED;

static struct vfwcfg_step *add_step(struct vfwcfg *f, u32 *n, enum loader_command command, const void *body, size_t size)
{
	struct vfwcfg_step *s = &f->loader[(*n)++];

	assert(*n <= VFWCFG_LOADER_STEPS);
	s->command = command;
	memcpy(s->body, body, size);
	return s;
}

static void add_allocate(struct vfwcfg *f, u32 *n, const char *file, u32 align, enum loader_zone zone)
{
	struct loader_allocate a = { .align = align, .zone = (u8)zone };

	fmt_print(a.file, sizeof(a.file), "%s", file);
	add_step(f, n, LOADER_ALLOCATE, &a, sizeof(a));
}

/* The RSDP is built as the beginning of the tables, and handed over as a file of its own. */
static const char *file_of(u64 at)
{
	return at < ACPI_RSDP_SIZE ? RSDP_FILE : ACPI_FILE;
}

static void build_loader(struct vfwcfg *f, const struct acpi_places *p)
{
	struct acpi_patch patch[ACPI_PATCHES_MAX];
	struct acpi_sum sum[ACPI_SUMS_MAX];
	u32 patches = acpi_file_pointers(p, patch), sums = acpi_file_sums(p, sum), n = 0;

	memset(f->loader, 0, sizeof(f->loader));
	add_allocate(f, &n, RSDP_FILE, 16, ZONE_F_SEGMENT);
	add_allocate(f, &n, ACPI_FILE, 64, ZONE_HIGH);
	for (u32 i = 0; i < patches; i++) {
		struct loader_pointer l = { .at = (u32)patch[i].at, .size = (u8)patch[i].size };

		fmt_print(l.to, sizeof(l.to), "%s", file_of(patch[i].at));
		fmt_print(l.from, sizeof(l.from), "%s", ACPI_FILE);
		add_step(f, &n, LOADER_POINTER, &l, sizeof(l));
	}
	for (u32 i = 0; i < sums; i++) {
		struct loader_sum l = { .at = (u32)sum[i].at, .from = (u32)sum[i].from, .size = sum[i].size };

		fmt_print(l.file, sizeof(l.file), "%s", file_of(sum[i].at));
		add_step(f, &n, LOADER_SUM, &l, sizeof(l));
	}
}

static bool is_acpi(const struct vfwcfg *f, u32 key)
{
	const void *data = item_of(f, key).data;

	return data == f->acpi || data == f->rsdp || data == f->loader;
}

/* The tables say where BARs and the ECAM window are: built when firmware asks, which it does after it has placed them. */
static void build_acpi(struct vfwcfg *f)
{
	struct acpi_places p;

	acpi_build_file(f->g, f->acpi, sizeof(f->acpi), &p);
	memcpy(f->rsdp, f->acpi, sizeof(f->rsdp));
	build_loader(f, &p);
}

/* Registers. */

static void select_item(struct vfwcfg *f, u32 key)
{
	f->select = (u16)key;
	f->offset = 0;
	if (is_acpi(f, f->select))
		build_acpi(f);
}

/* Behind the end of an item, and for items that do not exist, zeros are read. */
static u8 next_byte(struct vfwcfg *f)
{
	struct vfwcfg_item item = item_of(f, f->select);

	f->reads++;
	return f->offset < item.size ? ((const u8 *)item.data)[f->offset++] : 0;
}

/* Copy up to length bytes of the item, then zeros. false: not all of it is RAM, and nothing was written. */
static bool copy_out(struct vfwcfg *f, u64 to, u32 length)
{
	struct vfwcfg_item item = item_of(f, f->select);
	u32 n = MIN(length, item.size - MIN(f->offset, item.size));

	if (length > DMA_LENGTH_MAX || (length && !gmem_ptr(f->g, GPA(to), length)))
		return false;
	if (n)
		gmem_write(f->g, GPA(to), (const u8 *)item.data + f->offset, n);
	if (length > n)
		gmem_zero(f->g, GPA(to + n), length - n);
	f->offset += n;
	return true;
}

static bool dma_carry_out(struct vfwcfg *f, u32 control, u32 length, u64 address)
{
	struct vfwcfg_item item;

	if (control & DMA_SELECT)
		select_item(f, control >> 16);
	if (control & DMA_READ)
		return copy_out(f, address, length);
	if (control & DMA_WRITE)
		return length == 0;
	item = item_of(f, f->select);
	if (control & DMA_SKIP)
		f->offset += MIN(length, item.size - MIN(f->offset, item.size));
	return true;
}

/* The request is read once; its control word is written back as 0, or with the error bit alone. */
static void dma_run(struct vfwcfg *f, u64 at)
{
	struct { u32 control, length; u64 address; } PACKED r;
	u32 answer = 0;

	f->transfers++;
	if (!gmem_read(f->g, GPA(at), &r, sizeof(r)) || !gmem_ptr(f->g, GPA(at), sizeof(r)))
		return;
	if (!dma_carry_out(f, __builtin_bswap32(r.control), __builtin_bswap32(r.length), __builtin_bswap64(r.address)))
		answer = __builtin_bswap32(DMA_ERROR);
	gmem_write(f->g, GPA(at), &answer, sizeof(answer));
}

/* Big endian; the write of the lower half starts the transfer, as does one of all eight bytes where there is one. */
static enum io_result dma_io(struct vfwcfg *f, struct io *io, u32 off)
{
	u32 half = __builtin_bswap32((u32)io->val);

	if (io->size != 4)
		return IO_REFUSED;
	if (!io->write) {
		io->val = __builtin_bswap32((u32)(off ? DMA_SIGNATURE : DMA_SIGNATURE >> 32));
	} else if (!off) {
		f->dma = (u64)half << 32;
	} else {
		u64 at = f->dma | half;

		f->dma = 0;
		dma_run(f, at);
	}
	return IO_DONE;
}

enum io_result vfwcfg_io(void *self, struct io *io)
{
	struct vfwcfg *f = self;

	if (io->off == 0 && io->size == 2) {
		if (io->write)
			select_item(f, (u16)io->val);
		else
			io->val = f->select;
		return IO_DONE;
	}
	if (io->off == 1 && io->size == 1) {
		if (!io->write)
			io->val = next_byte(f);
		return IO_DONE;		/* items are read-only: a write is taken and forgotten */
	}
	if (io->off == 4 || io->off == 8)
		return dma_io(f, io, io->off == 8);
	return IO_REFUSED;
}

/* Power-on. */

static void say_memory(struct vfwcfg *f)
{
	const struct guest *g = f->g;
	u32 n = 0;

	f->said.ram = g->ram_low + g->ram_high;
	f->said.e820[n].base = 0;
	f->said.e820[n].size = g->ram_low;
	f->said.e820[n++].type = E820_USABLE;
	if (g->ram_high) {
		f->said.e820[n].base = 4 * GiB;
		f->said.e820[n].size = g->ram_high;
		f->said.e820[n++].type = E820_USABLE;
	}
	f->said.e820_count = n;
}

/* What to boot from: the disks in the order of the plan, the CD-ROM last. Lines are OpenFirmware paths as QEMU writes them
 * for virtio-blk (slot in hexadecimal); firmware refuses the file unless a NUL ends it. No disks: no file. */
static void say_boot_order(struct vfwcfg *f)
{
	size_t n = 0;

	for (u32 i = 0; i < f->g->disk_count; i++)
		n += (size_t)fmt_print(f->boot_order + n, sizeof(f->boot_order) - n, "%s/pci@i0cf8/scsi@%x/disk@0,0",
				       i ? "\n" : "", VIRTIO_SLOT_DISK + i);
	assert(n < sizeof(f->boot_order));
	if (n)
		add_file(f, "bootorder", f->boot_order, (u32)n + 1);
}

void vfwcfg_reset(struct guest *g, struct vfwcfg *f)
{
	static const u8 states[6] = { 0x80, 0, 0, 1, 0, 0x80 };	/* S0 and S5; S3 and S4 not supported */

	memset(f, 0, sizeof(*f));
	f->g = g;
	f->said.id = ID_BYTES | ID_DMA;
	f->said.cpus = f->said.cpus_max = (u16)g->vcpu_count;
	f->said.nographic = 1;
	f->said.wait = UINT32_MAX;
	memcpy(f->said.states, states, sizeof(states));
	say_memory(f);
	smbios_uuid(g->name, f->said.uuid);
	f->smbios_size = smbios_build(g, f->smbios, sizeof(f->smbios), f->said.anchor);
	add_file(f, "etc/e820", f->said.e820, f->said.e820_count * (u32)sizeof(f->said.e820[0]));
	add_file(f, "etc/system-states", f->said.states, sizeof(f->said.states));
	add_file(f, "etc/boot-fail-wait", &f->said.wait, sizeof(f->said.wait));
	add_file(f, "etc/smbios/smbios-anchor", f->said.anchor, SMBIOS_ANCHOR_SIZE);
	add_file(f, "etc/smbios/smbios-tables", f->smbios, f->smbios_size);
	add_file(f, RSDP_FILE, f->rsdp, sizeof(f->rsdp));
	add_file(f, ACPI_FILE, f->acpi, sizeof(f->acpi));
	add_file(f, LOADER_FILE, f->loader, sizeof(f->loader));
	say_boot_order(f);
}
