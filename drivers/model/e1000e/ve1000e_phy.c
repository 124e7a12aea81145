/* SPDX-License-Identifier: Apache-2.0 */
/* The PHY as drivers see it through MDIC: always one gigabit, full duplex, negotiated. And the NVM: address and checksum.
 * IEEE 802.3 "Management functions"; 82574 Datasheet "PHY Registers", "Non-Volatile Memory Map". */
#include "ve1000e.h"

enum phy_reg { PHY_CONTROL = 0, PHY_STATUS = 1, PHY_ID1 = 2, PHY_ID2 = 3, PHY_ADVERTISE = 4, PHY_PARTNER = 5, PHY_EXPANSION = 6,
	PHY_1000_CONTROL = 9, PHY_1000_STATUS = 10, PHY_EXTENDED = 15, PHY_SPEC_CONTROL = 16, PHY_SPEC_STATUS = 17 };

#define CONTROL_SELF_CLEARING 0x8200u	/* reset, restart of the negotiation */
#define MDIC_READY BIT32(28)
#define MDIC_INTERRUPT BIT32(29)
#define MDIC_ERROR BIT32(30)
#define MDIC_OP_WRITE 1u
#define MDIC_OP_READ 2u
#define PHY_ADDRESS 1u
#define EERD_START 1u
#define EERD_DONE 2u
#define NVM_SUM 0xbabau

static const u16 phy_initial[VE1000E_PHY_REGS] = {
	[PHY_CONTROL] = 0x1140,			/* negotiation on, full duplex, 1000 */
	[PHY_STATUS] = 0x796d,			/* all speeds, negotiation complete, link up */
	[PHY_ID1] = 0x0141, [PHY_ID2] = 0x0cb1,	/* of the PHY inside of an 82574 */
	[PHY_ADVERTISE] = 0x0de1, [PHY_PARTNER] = 0x4de1, [PHY_EXPANSION] = 0x000f,
	[PHY_1000_CONTROL] = 0x0e00, [PHY_1000_STATUS] = 0x3c00, [PHY_EXTENDED] = 0x3000,
	[PHY_SPEC_CONTROL] = 0x0078, [PHY_SPEC_STATUS] = 0xac08,
};

/* What the driver cannot change. */
static bool is_fixed(u32 reg)
{
	return reg == PHY_STATUS || reg == PHY_ID1 || reg == PHY_ID2 || reg == PHY_PARTNER || reg == PHY_EXPANSION ||
		reg == PHY_1000_STATUS || reg == PHY_EXTENDED || reg == PHY_SPEC_STATUS;
}

void ve1000e_phy_reset(struct ve1000e *n)
{
	for (u32 i = 0; i < VE1000E_PHY_REGS; i++)
		n->phy[i] = phy_initial[i];
}

void ve1000e_mdic_write(struct ve1000e *n, u32 val)
{
	u32 reg = val >> 16 & 31, phy = val >> 21 & 31, op = val >> 26 & 3;
	u32 answer = (val & ~(MDIC_READY | MDIC_ERROR)) | MDIC_READY;

	if (phy != PHY_ADDRESS || (op != MDIC_OP_READ && op != MDIC_OP_WRITE))
		answer |= MDIC_ERROR;
	else if (op == MDIC_OP_READ)
		answer = (answer & ~0xffffu) | n->phy[reg];
	else if (!is_fixed(reg))
		n->phy[reg] = (u16)(reg == PHY_CONTROL ? val & ~CONTROL_SELF_CLEARING : val);
	*ve1000e_reg(n, E_MDIC) = answer;
	if (val & MDIC_INTERRUPT)
		ve1000e_cause(n, CAUSE_MDAC);
}

void ve1000e_nvm_fill(struct ve1000e *n, const u8 mac[NET_MAC])
{
	static const struct {
		u8 at;
		u16 val;
	} words[] = { { 0x03, 0x0420 }, { 0x05, 0x2010 }, { 0x08, 0xffff }, { 0x09, 0xffff }, { 0x0a, 0x026b }, { 0x0b, 0x1100 },
		{ 0x0c, 0x1af4 }, { 0x0d, 0x10d3 }, { 0x0e, 0x8086 }, { 0x0f, 0x0000 } };
	u16 sum = 0;

	for (u32 i = 0; i < 3; i++)
		n->nvm[i] = (u16)(mac[2 * i] | mac[2 * i + 1] << 8);
	for (u32 i = 0; i < ARRAY_COUNT(words); i++)
		n->nvm[words[i].at] = words[i].val;
	for (u32 i = 0; i < VE1000E_NVM_WORDS - 1; i++)
		sum = (u16)(sum + n->nvm[i]);
	n->nvm[VE1000E_NVM_WORDS - 1] = (u16)(NVM_SUM - sum);
}

void ve1000e_eerd_write(struct ve1000e *n, u32 val)
{
	u32 word = val >> 2 & 0x3fff;

	if (val & EERD_START)
		*ve1000e_reg(n, E_EERD) = (u32)(word < VE1000E_NVM_WORDS ? n->nvm[word] : 0xffffu) << 16 | word << 2 | EERD_DONE;
}
