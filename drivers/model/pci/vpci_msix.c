/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts of PCI functions: MSI-X, MSI, INTx. A message that must not go now is pending and goes when its masks
 * are lifted. PCI Local Bus Specification 3.0 "Message Signaled Interrupts". */
#include "vpci_int.h"

#include <hv/guest.h>
#include <hv/irq.h>
#include <hv/lib.h>

#include "../models.h"

#define MSIX_CONTROL 2u
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u
#define ENTRY_MASKED 1u
#define ENTRY_SIZE 16u

#define MSI_CONTROL 2u
#define MSI_ADDRESS 4u
#define MSI_DATA 12u
#define MSI_MASK 16u
#define MSI_PENDING 20u

#define STATUS_INTX 0x08u

#define LOCAL_APICS 0xfeeu		/* their megabyte */
#define ROUTE_ADDRESS 16u

/* Looked at for each interrupt: in one read. */
static u16 msix_control(const struct vpci_function *f)
{
	u16 control;

	__builtin_memcpy(&control, f->config + f->msix_cap + MSIX_CONTROL, sizeof(control));
	return control;
}

bool vpci_msix_enabled(const struct vpci_function *f)
{
	return f->msix_cap && msix_control(f) & MSIX_ENABLE;
}

bool vpci_msi_enabled(const struct vpci_function *f)
{
	return f->msi_cap && (vpci_config_get(f, f->msi_cap + MSI_CONTROL, 2) & 1);
}

/* A message is a write to memory; only the local APICs' megabyte is known, elsewhere it is lost. SDM 3A "Message
 * Signalled Interrupts"; bits 11:5 are KVM's extension of the destination (MSI_EXT_DEST_ID). */
static struct irq_message message_of(u64 address, u32 data)
{
	u8 delivery = data >> 8 & 7;

	return (struct irq_message){
		.dest = (u32)((address >> 12 & 0xff) | (address >> 5 & 0x7f) << 8),
		.logical = address & 4,
		.delivery = delivery,
		.vector = (u8)data,
		.level = (data & 0x8000) && delivery <= DELIVER_LOWEST,
	};
}

static NOINLINE void message_send_any(struct vpci_function *f, u64 address, u32 data)
{
	struct irq_message m = message_of(address, data);

	if (address >> 20 == LOCAL_APICS)
		irq_message_send(f->g, &m);
}

/* The usual one: fixed, by an edge, to one by its id, and that is the vcpu of this core. */
static inline void message_send(struct vpci_function *f, u64 address, u32 data)
{
	f->interrupts++;
	if (UNLIKELY((address & ~0xff000ul) != 0xfee00000ul || data > 0xff) ||
	    !vlapic_post_own(f->g, address >> 12 & 0xff, (u8)data))
		message_send_any(f, address, data);
}

/* MSI-X */

void vpci_msix_reset(struct vpci_function *f)
{
	memset(f->pending, 0, sizeof(f->pending));
	for (u32 i = 0; i < VPCI_MSIX_MAX; i++)
		f->msix[i] = (struct vpci_msix_entry){ .control = ENTRY_MASKED };
}

static bool msix_may_send(const struct vpci_function *f, u32 entry)
{
	return (msix_control(f) & (MSIX_ENABLE | MSIX_MASK_ALL)) == MSIX_ENABLE &&
		!(f->msix[entry].control & ENTRY_MASKED) && vpci_bus_master(f);
}

bool vpci_msix_raise(struct vpci_function *f, u32 entry)
{
	if (!vpci_msix_enabled(f))
		return false;
	if (entry >= f->desc->msix_entries)
		return true;
	if (LIKELY(msix_may_send(f, entry)))
		message_send(f, f->msix[entry].address, f->msix[entry].data);
	else
		f->pending[entry / 64] |= BIT(entry % 64);
	return true;
}

static void msix_flush_entry(struct vpci_function *f, u32 entry)
{
	if (!(f->pending[entry / 64] >> entry % 64 & 1) || !msix_may_send(f, entry))
		return;
	f->pending[entry / 64] &= ~BIT(entry % 64);
	message_send(f, f->msix[entry].address, f->msix[entry].data);
}

u64 vpci_msix_route(const struct vpci_function *f, u32 entry)
{
	const struct vpci_msix_entry *e;

	if (!vpci_msix_enabled(f))
		return 0;
	if (entry >= f->desc->msix_entries)
		return VPCI_ROUTE_KNOWN;
	e = &f->msix[entry];
	if (!msix_may_send(f, entry) || e->address >> 20 != LOCAL_APICS || (e->data >> 8 & 7) > DELIVER_LOWEST)
		return 0;
	return VPCI_ROUTE_SENDS | VPCI_ROUTE_KNOWN | (e->address & 0xfffff) << ROUTE_ADDRESS | (e->data & 0xffff);
}

static struct irq_message route_message(u64 route)
{
	return message_of(route >> ROUTE_ADDRESS & 0xfffff, route & 0xffff);
}

static NOINLINE void route_send_any(struct guest *g, u64 route)
{
	struct irq_message m = route_message(route);

	irq_message_send(g, &m);
}

/* The usual one, as in message_send(), to a vcpu that has its core's own local APIC. */
void vpci_route_send(struct guest *g, u64 route)
{
	u32 address = route >> ROUTE_ADDRESS & 0xfffff, data = route & 0xffff;

	if (!(route & VPCI_ROUTE_SENDS))
		return;
	if ((address & 0xfff) || data > 0xff || !vlapic_post_owner(g, address >> 12, (u8)data))
		route_send_any(g, route);
}

s32 vpci_route_vcpu(const struct guest *g, u64 route)
{
	struct irq_message m;

	if (!(route & VPCI_ROUTE_SENDS))
		return -1;
	m = route_message(route);
	if (!m.logical && m.dest < g->vcpu_count)
		return (s32)m.dest;
	for (u32 i = 0; i < g->vcpu_count; i++)
		if (vlapic_matches(g, i, m.dest, m.logical))
			return (s32)i;
	return -1;
}

static void tell_routes(struct vpci_function *f)
{
	if (f->desc->routes)
		f->desc->routes(f);
}

static u32 entry_read(const struct vpci_msix_entry *e, u32 word)
{
	switch (word) {
	case 0:	 return (u32)e->address;
	case 1:	 return (u32)(e->address >> 32);
	case 2:	 return e->data;
	default: return e->control;
	}
}

static void entry_write(struct vpci_msix_entry *e, u32 word, u32 val)
{
	switch (word) {
	case 0:	 e->address = (e->address & ~0xfffffffful) | (val & ~3u); break;
	case 1:	 e->address = (u32)e->address | (u64)val << 32; break;
	case 2:	 e->data = val; break;
	default: e->control = val & ENTRY_MASKED; break;
	}
}

/* Outside of the table and the pending bits: zero, and nothing to write. */
static u32 msix_read(const struct vpci_function *f, u64 off)
{
	u64 word = (off - VPCI_MSIX_PBA) / 4;

	if (off < f->desc->msix_entries * ENTRY_SIZE)
		return entry_read(&f->msix[off / ENTRY_SIZE], off / 4 & 3);
	if (off >= VPCI_MSIX_PBA && word < (f->desc->msix_entries + 63u) / 64 * 2)
		return (u32)(f->pending[word / 2] >> (word & 1) * 32);
	return 0;
}

static void msix_write(struct vpci_function *f, u64 off, u32 val)
{
	if (off >= f->desc->msix_entries * ENTRY_SIZE)
		return;
	entry_write(&f->msix[off / ENTRY_SIZE], off / 4 & 3, val);
	tell_routes(f);
	msix_flush_entry(f, (u32)(off / ENTRY_SIZE));
}

/* Aligned words of 4 or 8 bytes, nothing else. */
enum io_result vpci_msix_io(void *function, struct io *io)
{
	struct vpci_function *f = function;

	if (io->size < 4 || !IS_ALIGNED(io->off, io->size))
		return IO_REFUSED;
	if (io->write) {
		msix_write(f, io->off, (u32)io->val);
		if (io->size == 8)
			msix_write(f, io->off + 4, (u32)(io->val >> 32));
		return IO_DONE;
	}
	io->val = msix_read(f, io->off);
	if (io->size == 8)
		io->val |= (u64)msix_read(f, io->off + 4) << 32;
	return IO_DONE;
}

/* MSI */

static bool msi_may_send(const struct vpci_function *f)
{
	return vpci_msi_enabled(f) && vpci_bus_master(f) && !(f->config[f->msi_cap + MSI_MASK] & 1);
}

static void msi_send(struct vpci_function *f)
{
	u32 cap = f->msi_cap;
	u64 high = vpci_config_get(f, cap + MSI_ADDRESS + 4, 4);

	message_send(f, vpci_config_get(f, cap + MSI_ADDRESS, 4) | high << 32,
		     vpci_config_get(f, cap + MSI_DATA, 2));
}

void vpci_msi_raise(struct vpci_function *f)
{
	if (!vpci_msi_enabled(f))
		return;
	if (msi_may_send(f))
		msi_send(f);
	else
		f->config[f->msi_cap + MSI_PENDING] = 1;
}

void vpci_message_flush(struct vpci_function *f)
{
	tell_routes(f);
	for (u32 w = 0; f->msix_cap && w < ARRAY_COUNT(f->pending); w++)
		for (u64 left = f->pending[w]; left; left &= left - 1)
			msix_flush_entry(f, w * 64 + (u32)__builtin_ctzl(left));
	if (f->msi_cap && f->config[f->msi_cap + MSI_PENDING] && msi_may_send(f)) {
		f->config[f->msi_cap + MSI_PENDING] = 0;
		msi_send(f);
	}
}

/* INTx */

void vpci_intx_apply(struct vpci_function *f)
{
	u32 pirq = vpci_pirq_of(f->slot), *slots = &f->g->pc->pci.pirq_slots[pirq], was = *slots;
	bool wire = f->intx_level && !(vpci_config_get(f, VPCI_COMMAND, 2) & VPCI_CMD_INTX_OFF) &&
		!vpci_msix_enabled(f) && !vpci_msi_enabled(f);

	f->config[VPCI_STATUS] = (u8)((f->config[VPCI_STATUS] & ~STATUS_INTX) | (f->intx_level ? STATUS_INTX : 0));
	*slots = wire ? was | BIT32(f->slot) : was & ~BIT32(f->slot);
	if (*slots == was)
		return;
	f->interrupts += wire;
	irq_set_pirq(f->g, pirq, *slots != 0);
}

void vpci_intx_set(struct vpci_function *f, bool level)
{
	if (!f->desc->intx || level == f->intx_level)
		return;
	f->intx_level = level;
	vpci_intx_apply(f);
}
