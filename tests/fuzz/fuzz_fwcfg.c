/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c tests/unit/drivers/model/uefi_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models drivers/model/acpi.c drivers/model/acpi_pci.c drivers/model/aml.c */
/* The firmware configuration device under any sequence of port accesses and transfers, with requests anywhere in RAM and
 * beyond its end: items stay what they are, nothing outside of RAM is touched (ASan). */
#include "../unit/drivers/model/uefi_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Put a request into RAM as the input says, and start it. */
static void transfer(struct guest *g, const uint8_t d[8])
{
	u32 at = (u32)(d[0] | d[1] << 8) * 33 % (UEFI_RAM + 64), length = (u32)d[2] << (d[3] & 31);
	u64 to = d[4] & 0x80 ? ~(u64)d[5] : (u64)(d[5] | d[6] << 8) * 37 % (UEFI_RAM + 4096);
	const struct { u32 control, length; u64 address; } r = {
		__builtin_bswap32((u32)(d[7] & 0x3f) << 16 | (d[4] & 0x1f)), __builtin_bswap32(length), __builtin_bswap64(to) };

	if (at + sizeof(r) <= UEFI_RAM)
		memcpy(g->ram + at, &r, sizeof(r));
	out(g, VFWCFG_PORT + 4, d[4] & 0x40 ? 0xffffffff : 0, 4);
	out(g, VFWCFG_PORT + 8, __builtin_bswap32(at), 4);
}

static void check(struct guest *g)
{
	const struct vfwcfg *f = &g->pc->fwcfg;
	char signature[4];

	assert_ptr_equal(f->g, g);
	assert_true(f->file_count <= VFWCFG_FILES_MAX);
	out(g, VFWCFG_PORT, 0, 2);
	for (u32 i = 0; i < 4; i++)
		signature[i] = (char)inb(g, VFWCFG_PORT + 1);
	assert_memory_equal(signature, "QEMU", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest *g;

	if (!g)
		g = uefi_guest_new();
	pc_reset(g);
	for (; size >= 9; data += 9, size -= 9) {
		const uint8_t *d = data + 1;
		u32 port = VFWCFG_PORT + d[0] % VFWCFG_PORTS;
		u8 bytes = (u8)(1 << (d[1] % 3));

		if (data[0] & 1)
			transfer(g, d);
		else if (data[0] & 2)
			out(g, port, d[2] | (u32)d[3] << 8 | (u32)d[4] << 24, bytes);
		else
			in(g, port, bytes);
	}
	check(g);
	return 0;
}
