/* SPDX-License-Identifier: Apache-2.0 */
/* Registers, interrupts and the way to the switch. */
#include "ve1000e.h"

#include <hv/control_work.h>
#include <hv/gmem.h>
#include <hv/guest.h>
#include <hv/lib.h>

#define BAR_REGISTERS 0
#define BAR_IO 2
#define BAR_MSIX 3
#define VECTORS 5
#define POLL_FRAMES 64u

#define CTRL_RESET BIT32(26)
#define CTRL_PHY_RESET BIT32(31)
#define CTRL_MASTER_OFF BIT32(2)
#define CTRL_LINK_UP BIT32(6)
#define CTRL_EXT_IAME BIT32(27)
#define CTRL_EXT_EIAME BIT32(24)
#define STATUS_MASTER_ON BIT32(19)
#define STATUS_FIXED 0x00080081u	/* full duplex, 1000 Mb/s */
#define STATUS_LINK 2u
#define ENABLE 2u			/* RCTL, TCTL */
#define IVAR_VALID 8u
#define RAH_VALID BIT32(31)

/* Causes that have no vector of their own come as OTHER. */
#define CAUSES_QUEUES (CAUSE_RXQ0 | CAUSE_RXQ1 | CAUSE_TXQ0 | CAUSE_TXQ1)
#define CAUSES_OTHER (CAUSE_LSC | CAUSE_RXO | CAUSE_MDAC)
#define CAUSES_ALL 0x01f782d7u

void *ve1000e_memory(const struct ve1000e *n, u64 address, u64 len)
{
	return vpci_bus_master(&n->f) && len ? gmem_ptr(n->g, GPA(address), len) : NULL;
}

/* Octet counters have two registers, the others end at all ones. */
void ve1000e_count(struct ve1000e *n, enum ve1000e_stat stat, u64 add)
{
	u32 *low = ve1000e_reg(n, stat);
	bool wide = stat == STAT_GORC || stat == STAT_GOTC;
	u64 sum = (wide ? (u64)low[1] << 32 : 0) + *low + add;

	*low = wide ? (u32)sum : (u32)MIN(sum, UINT32_MAX);
	if (wide)
		low[1] = (u32)(sum >> 32);
}

/* --- interrupts -------------------------------------------------------------------------------------------------- */

/* Messages go out as causes come up or are let through. IVAR names the vector of each; EIAC clears what was sent, IAM
 * masks it. Datasheet "MSI-X and Vectors", "Interrupt Auto Clear". */
static void send_messages(struct ve1000e *n, u32 causes)
{
	static const struct {
		u32 cause;
		u8 shift;
	} vector[] = { { CAUSE_RXQ0, 0 }, { CAUSE_RXQ1, 4 }, { CAUSE_TXQ0, 8 }, { CAUSE_TXQ1, 12 }, { CAUSE_OTHER, 16 } };
	u32 ivar = ve1000e_get(n, E_IVAR);

	for (u32 i = 0; i < ARRAY_COUNT(vector); i++) {
		u32 entry = ivar >> vector[i].shift & 15;

		if (!(causes & vector[i].cause) || !(entry & IVAR_VALID))
			continue;
		*ve1000e_reg(n, E_ICR) &= ~(vector[i].cause & ve1000e_get(n, E_EIAC));
		if (ve1000e_get(n, E_CTRL_EXT) & CTRL_EXT_EIAME)
			*ve1000e_reg(n, E_IMS) &= ~(vector[i].cause & ve1000e_get(n, E_IAM));
		vpci_msix_raise(&n->f, entry & 7);
	}
}

/* news: causes that came up, or that the mask lets through now. */
static void interrupt(struct ve1000e *n, u32 news)
{
	u32 pending = ve1000e_get(n, E_ICR) & ve1000e_get(n, E_IMS);

	if (vpci_msix_enabled(&n->f)) {
		send_messages(n, pending & news);
		return;
	}
	if (pending & news && vpci_msi_enabled(&n->f))
		vpci_msi_raise(&n->f);
	vpci_intx_set(&n->f, pending != 0);
}

void ve1000e_cause(struct ve1000e *n, u32 causes)
{
	if (causes & CAUSES_OTHER)
		causes |= CAUSE_OTHER;
	*ve1000e_reg(n, E_ICR) |= causes;
	interrupt(n, causes);
}

/* Reading acknowledges; with MSI-X and a mask only while something unmasked is pending. */
static u32 icr_read(struct ve1000e *n)
{
	u32 causes = ve1000e_get(n, E_ICR), pending = causes & ve1000e_get(n, E_IMS);
	bool automatic = pending && ve1000e_get(n, E_CTRL_EXT) & CTRL_EXT_IAME;

	/* With MSI-X a read clears while INT_ASSERTED is set; Linux relies on it ("e1000e: Avoid missed interrupts following ICR
	 * read"). */
	if (!vpci_msix_enabled(&n->f) || !ve1000e_get(n, E_IMS) || pending)
		*ve1000e_reg(n, E_ICR) = 0;
	if (automatic)
		*ve1000e_reg(n, E_IMS) &= ~ve1000e_get(n, E_IAM);
	interrupt(n, 0);
	return causes | (pending ? CAUSE_ASSERTED : 0);
}

/* --- registers --------------------------------------------------------------------------------------------------- */

static void link_update(struct ve1000e *n)
{
	u32 *status = ve1000e_reg(n, E_STATUS), was = *status;

	*status = STATUS_FIXED | (ve1000e_get(n, E_CTRL) & CTRL_LINK_UP ? STATUS_LINK : 0) |
		(ve1000e_get(n, E_CTRL) & CTRL_MASTER_OFF ? 0 : STATUS_MASTER_ON);
	if ((was ^ *status) & STATUS_LINK)
		ve1000e_cause(n, CAUSE_LSC);
}

static void live_update(struct ve1000e *n)
{
	store_release(&n->live, (ve1000e_get(n, E_RCTL) | ve1000e_get(n, E_TCTL)) & ENABLE);
}

/* Everything but address, NVM and what belongs to the function. The driver waits for the bit to go: it is gone at once. */
static void card_reset(struct ve1000e *n)
{
	memset(n->reg, 0, sizeof(n->reg));
	memset(n->context, 0, sizeof(n->context));
	*ve1000e_reg(n, E_CTRL) = 0x00000201;		/* full duplex, speed 1000 */
	*ve1000e_reg(n, E_STATUS) = STATUS_FIXED | STATUS_MASTER_ON;
	*ve1000e_reg(n, E_EECD) = 0x00000300;		/* present, read, of 64 words */
	*ve1000e_reg(n, E_EEMNGCTL) = 0x80000000 | BIT32(18);
	*ve1000e_reg(n, E_PBA) = 0x00140014;
	*ve1000e_reg(n, E_LEDCTL) = 0x00078406;
	*ve1000e_reg(n, E_RAL) = (u32)n->nvm[0] | (u32)n->nvm[1] << 16;
	*ve1000e_reg(n, E_RAL + 4) = n->nvm[2] | RAH_VALID;
	store_release(&n->live, 0u);
	store_release(&n->blocked, 0u);
	vpci_intx_set(&n->f, false);
}

static void ctrl_write(struct ve1000e *n, u32 val)
{
	if (val & CTRL_RESET) {
		card_reset(n);
		return;
	}
	if (val & CTRL_PHY_RESET)
		ve1000e_phy_reset(n);
	*ve1000e_reg(n, E_CTRL) = val & ~(CTRL_RESET | CTRL_PHY_RESET);
	link_update(n);
}

static void ims_write(struct ve1000e *n, u32 val)
{
	*ve1000e_reg(n, E_IMS) |= val & CAUSES_ALL;
	interrupt(n, val);
}

static void icr_write(struct ve1000e *n, u32 val)
{
	*ve1000e_reg(n, E_ICR) &= ~val;
	interrupt(n, 0);
}

/* Registers that are one queue's: which, or the count where off is none of theirs. */
static u32 queue_of(u32 off, u32 first)
{
	u32 queue = (off - first) / E_QUEUE;

	return off >= first && (off - first) % E_QUEUE == 0 ? queue : VE1000E_QUEUES;
}

/* What nobody may write; statistics are cleared by reading. */
static bool is_readonly(u32 off)
{
	return off == E_STATUS || off == E_FWSM || (off >= E_STATS && off < E_STATS_END);
}

static void reg_write(struct ve1000e *n, u32 off, u32 val)
{
	switch (off) {
	case E_CTRL:
	case E_CTRL_COPY:	ctrl_write(n, val); return;
	case E_EERD:		ve1000e_eerd_write(n, val); return;
	case E_MDIC:		ve1000e_mdic_write(n, val); return;
	case E_ICR:		icr_write(n, val); return;
	case E_ICS:		ve1000e_cause(n, val & CAUSES_ALL); return;
	case E_IMS:		ims_write(n, val); return;
	case E_IMC:		*ve1000e_reg(n, E_IMS) &= ~val; interrupt(n, 0); return;
	case E_EECD:		return;
	}
	if (is_readonly(off))
		return;
	*ve1000e_reg(n, off) = val;
	if (off == E_RCTL || off == E_TCTL)
		live_update(n);
	if (queue_of(off, E_TDT) < VE1000E_QUEUES)
		ve1000e_send(n, queue_of(off, E_TDT));
	else if (off == E_TCTL)
		ve1000e_send(n, 0);
	else if (off == E_RDT || off == E_RCTL)
		ve1000e_receive(n);
}

static u32 reg_read(struct ve1000e *n, u32 off)
{
	u32 val;

	if (off == E_ICR)
		return icr_read(n);
	if (off == E_IMC || off == E_ICS)
		return 0;
	val = ve1000e_get(n, off == E_CTRL_COPY ? E_CTRL : off);
	if (off >= E_STATS && off < E_STATS_END)
		*ve1000e_reg(n, off) = 0;
	return val;
}

static enum io_result registers_io(void *self, struct io *io)
{
	struct ve1000e *n = self;

	if (io->size != 4 || io->off % 4)
		return IO_REFUSED;
	if (io->off >= VE1000E_REGS_SIZE) {
		n->unknown++;
		io->val = io->write ? io->val : 0;
	} else if (io->write) {
		reg_write(n, (u32)io->off, (u32)io->val);
	} else {
		io->val = reg_read(n, (u32)io->off);
	}
	return IO_DONE;
}

/* IOADDR, IODATA: the same registers by ports. Datasheet "I/O-Mapped Internal Register, Internal Memory, and Flash". */
static enum io_result ports_io(void *self, struct io *io)
{
	struct ve1000e *n = self;
	struct io inner = { .off = n->io_address, .val = io->val, .size = 4, .write = io->write };
	enum io_result result = IO_REFUSED;

	if (io->size != 4)
		return IO_REFUSED;
	if (io->off == 0 && io->write)
		n->io_address = (u32)io->val;
	else if (io->off == 0)
		io->val = n->io_address;
	else if (io->off == 4)
		result = registers_io(n, &inner);
	else
		return IO_REFUSED;
	if (io->off == 4 && result == IO_DONE && !io->write)
		io->val = inner.val;
	return io->off == 4 ? result : IO_DONE;
}

/* --- the control core's side -------------------------------------------------------------------------------------- */

static enum net_verdict deliver(struct net_port *p, struct net_frame *f)
{
	struct ve1000e *n = p->owner;
	u8 *to;

	if (!load_acquire(&n->live))
		return NET_DOWN;
	if (f->len > NET_FRAME_MAX)
		return NET_TOO_LONG;
	to = frame_ring_reserve(&n->rx, f->len);
	if (!to)
		return NET_NO_ROOM;
	net_copy(f, 0, to, f->len);
	frame_ring_commit(&n->rx, &(struct frame_record){ .len = f->len, .tagged = f->tagged, .vlan = f->vlan,
		.offload = f->offload });
	n->dirty = true;
	return NET_TAKEN;
}

static void flush(struct net_port *p)
{
	struct ve1000e *n = p->owner;

	if (n->dirty)
		guest_call(n->g, 0, n->call);
	n->dirty = false;
}

static const struct net_port_ops port_ops = { .deliver = deliver, .flush = flush };

bool ve1000e_poll(void *arg, u64 now)
{
	const struct frame_record *r = NULL;
	struct ve1000e *n = arg;
	u32 left = POLL_FRAMES;

	(void)now;
	n->port.up = load_acquire(&n->live) != 0;
	while (left && (r = frame_ring_peek(&n->tx))) {
		struct net_piece piece = { .at = (const u8 *)(r + 1), .len = r->len };
		struct net_frame f = { .piece = &piece, .pieces = 1, .len = r->len, .offload = r->offload,
			.tagged = r->tagged, .vlan = r->vlan };

		switch_input(&n->port, &f);
		frame_ring_drop(&n->tx);
		left--;
	}
	if (left < POLL_FRAMES)
		switch_flush();
	/* Pairs with ve1000e_send(): also when there was no frame. */
	if (load_relaxed(&n->blocked) && exchange(&n->blocked, 0))
		guest_call(n->g, 0, n->call);
	return left < POLL_FRAMES;
}

/* The control core has put frames into rx, or taken some out of tx. */
static void called(struct guest *g, void *arg)
{
	struct ve1000e *n = arg;

	(void)g;
	ve1000e_receive(n);
	for (u32 q = 0; q < VE1000E_QUEUES; q++)
		ve1000e_send(n, q);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void describe(const void *device, char *to, size_t size)
{
	const struct ve1000e *n = device;
	const u8 *m = n->port.mac;

	fmt_print(to, size, "address %02x:%02x:%02x:%02x:%02x:%02x, %s: %lu frames sent, %lu received, %lu filtered out, "
		"%lu too long, %lu bad descriptors", m[0], m[1], m[2], m[3], m[4], m[5], load_relaxed(&n->live) ? "up" : "down",
		load_relaxed(&n->sent), load_relaxed(&n->received), load_relaxed(&n->filtered), load_relaxed(&n->refused),
		load_relaxed(&n->bad));
}

static const struct vpci_desc card_desc = {
	.name = "e1000e", .vendor = 0x8086, .device = 0x10d3, .subvendor = 0x1af4, .subdevice = 0x1100, .class_rev = 0x02000000,
	.msix_entries = VECTORS, .msix_bar = BAR_MSIX, .msi = true, .intx = true,
	.bar = {
		[BAR_REGISTERS] = { VE1000E_BAR_SIZE, VPCI_BAR_MEM32, false, registers_io },
		[BAR_IO] = { 32, VPCI_BAR_IO, false, ports_io },
		[BAR_MSIX] = { VPCI_MSIX_BAR_SIZE, VPCI_BAR_MEM32, false, NULL },
	},
	.describe = describe,
};

void ve1000e_power_on(struct ve1000e *n)
{
	ve1000e_phy_reset(n);
	card_reset(n);
	frame_ring_clear(&n->rx);
	n->io_address = 0;
	n->sent = n->received = n->filtered = n->refused = n->unknown = n->bad = 0;
}

int ve1000e_add(struct guest *g, struct ve1000e *n, const u8 mac[NET_MAC], void *rings, u8 slot)
{
	int call = guest_call_add(g, called, n), err;

	if (call < 0)
		return call;
	n->g = g;
	n->call = (u32)call;
	n->tx.bytes = rings;
	n->rx.bytes = (u8 *)rings + FRAME_RING_BYTES;
	n->port.ops = &port_ops;
	n->port.owner = n;
	memcpy(n->port.mac, mac, NET_MAC);
	ve1000e_nvm_fill(n, mac);
	err = vpci_add(g, &n->f, &card_desc, n, slot);
	if (!err)
		ve1000e_power_on(n);
	return err;
}
