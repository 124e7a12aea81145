/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/lib.h>
#include <hv/pci.h>

/* PCI Code and ID Assignment 1.11 "Class Codes" (1). The first row that matches is taken: special ones stand first. */
static const struct {
	u32 code, mask;
	const char *words;
} class_word[] = {
	{ 0x010601, 0xffffff, "SATA controller (AHCI)" },
	{ 0x010802, 0xffffff, "NVMe controller" },
	{ 0x0c0300, 0xffffff, "USB controller (UHCI)" },
	{ 0x0c0310, 0xffffff, "USB controller (OHCI)" },
	{ 0x0c0320, 0xffffff, "USB controller (EHCI)" },
	{ 0x0c0330, 0xffffff, "USB controller (xHCI)" },
	{ 0x0c0340, 0xffffff, "USB controller (USB4)" },
	{ 0x010000, 0xffff00, "SCSI controller" },
	{ 0x010100, 0xffff00, "IDE controller" },
	{ 0x010400, 0xffff00, "RAID controller" },
	{ 0x010600, 0xffff00, "SATA controller" },
	{ 0x010700, 0xffff00, "SAS controller" },
	{ 0x010000, 0xff0000, "storage controller" },
	{ 0x020000, 0xffff00, "Ethernet controller" },
	{ 0x020700, 0xffff00, "InfiniBand controller" },
	{ 0x020000, 0xff0000, "network controller" },
	{ 0x030000, 0xffff00, "VGA display" },
	{ 0x030000, 0xff0000, "display controller" },
	{ 0x040300, 0xffff00, "HD audio" },
	{ 0x040000, 0xff0000, "multimedia device" },
	{ 0x050000, 0xff0000, "memory controller" },
	{ 0x060000, 0xffff00, "host bridge" },
	{ 0x060100, 0xffff00, "ISA bridge" },
	{ 0x060400, 0xffff00, "PCI bridge" },
	{ 0x060000, 0xff0000, "bridge" },
	{ 0x070000, 0xffff00, "serial port" },
	{ 0x070000, 0xff0000, "communication controller" },
	{ 0x080600, 0xffff00, "IOMMU" },
	{ 0x080000, 0xff0000, "system peripheral" },
	{ 0x090000, 0xff0000, "input device" },
	{ 0x0b0000, 0xff0000, "processor" },
	{ 0x0c0500, 0xffff00, "SMBus" },
	{ 0x0c0700, 0xffff00, "IPMI interface" },
	{ 0x0c0000, 0xff0000, "serial bus controller" },
	{ 0x0d0000, 0xff0000, "wireless controller" },
	{ 0x100000, 0xff0000, "encryption controller" },
	{ 0x110000, 0xff0000, "signal processing" },
	{ 0x120000, 0xff0000, "accelerator" },
	{ 0x130000, 0xff0000, "instrumentation" },
};

const char *pci_class_words(u32 class_rev)
{
	for (u32 i = 0; i < ARRAY_COUNT(class_word); i++)
		if ((class_rev >> 8 & class_word[i].mask) == class_word[i].code)
			return class_word[i].words;
	return "unclassified";
}
