/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/e1000e/frame_ring.c drivers/model/e1000e/ve1000e.c drivers/model/e1000e/ve1000e_phy.c drivers/model/e1000e/ve1000e_rx.c drivers/model/e1000e/ve1000e_tx.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The 82574L model under any sequence of register writes, ring contents and frames from the switch: nothing outside of the
 * guest's RAM and of the rings is touched (ASan), and every frame that comes out can be what it says: its offloads lie in it. */
#include "../unit/drivers/model/pc_fake.h"

#include "../../drivers/model/e1000e/ve1000e.h"
#include "../../drivers/model/pci/vpci_int.h"

#include <hv/control_work.h>

#define RAM_SIZE (64 * KiB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ve1000e card;
static void (*called)(struct guest *g, void *arg);

int guest_call_add(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg)
{
	called = fn;
	return 0;
}

void guest_call(struct guest *g, u32 vcpu, u32 id)
{
}

void control_work_ring(void)
{
}

u32 net_copy(const struct net_frame *f, u32 skip, void *to, u32 n)
{
	memcpy(to, f->piece[0].at + skip, n);
	return n;
}

bool switch_input(struct net_port *p, struct net_frame *f)
{
	const struct net_offload *o = &f->offload;

	assert_in_range(f->len, 14, NET_GSO_MAX);
	assert_true(!o->checksum || (u32)o->csum_start + o->csum_offset + 2 <= f->len);
	assert_true(o->gso == NET_GSO_NONE || (o->gso_size && o->header < f->len && o->checksum));
	for (u32 i = 0, sum = 0; i < f->len; i++)	/* all of it can be read */
		((volatile u32 *)&sum)[0] += f->piece[0].at[i];
	return false;
}

void switch_flush(void)
{
}

static struct guest *prepare(void)
{
	static u8 *rings;
	static struct guest *g;
	static const u8 mac[NET_MAC] = { 2, 0, 0, 0, 0, 1 };

	if (!g) {
		g = fake_guest_new();
		g->ram = malloc(RAM_SIZE);
		g->ram_low = RAM_SIZE;
		rings = aligned_alloc(16, 2 * FRAME_RING_BYTES);
		assert_int_equal(ve1000e_add(g, &card, mac, rings, VE1000E_SLOT), 0);
	}
	memset(g->ram, 0, RAM_SIZE);
	frame_ring_clear(&card.tx);
	ve1000e_power_on(&card);
	vpci_config_write(&card.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	return g;
}

static void reg_write(u32 off, u32 val)
{
	struct io io = { .off = off, .val = val, .size = 4, .write = true };

	card.f.desc->bar[0].fn(&card, &io);
}

static void give(const uint8_t d[8])
{
	static u8 bytes[NET_FRAME_MAX];
	u32 len = (u32)(d[0] | d[1] << 8) % NET_FRAME_MAX;
	struct net_piece piece = { .at = bytes, .len = len };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = len, .tagged = d[2] & 1, .vlan = d[3] };

	memset(bytes, d[2] & 2 ? 0xff : 2, 6);
	card.port.ops->deliver(&card.port, &f);
	card.port.ops->flush(&card.port);
}

/* Registers that matter come often; the rest of the space too. */
static u32 reg_of(const uint8_t d[8])
{
	static const u16 often[] = { E_TDT, E_TDBAL, E_TDLEN, E_TDH, E_TCTL, E_RDT, E_RDBAL, E_RDLEN, E_RDH, E_RCTL, E_CTRL, E_RFCTL,
		E_PSRCTL, E_TDT + E_QUEUE, E_TDBAL + E_QUEUE, E_TDLEN + E_QUEUE, E_IMS, E_ICS, E_EERD, E_MDIC };

	return d[0] < 240 ? often[d[0] % ARRAY_COUNT(often)] : (u32)(d[1] | d[2] << 8) * 4 % VE1000E_BAR_SIZE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest *g = prepare();

	for (; size >= 17; data += 17, size -= 17) {
		const uint8_t *d = data + 1;
		u32 val;

		memcpy(&val, d + 3, sizeof(val));
		switch (data[0] % 8) {
		case 0:	give(d); break;
		case 1:	ve1000e_poll(&card, 0); break;
		case 2:	called(g, &card); break;
		case 3:
		case 4:	memcpy(g->ram + (u32)data[0] / 8 * 16 % RAM_SIZE, d, 16); break;	/* a descriptor */
		default: reg_write(reg_of(d), data[0] & 64 ? val & 0xffff : val); break;
		}
	}
	return 0;
}
