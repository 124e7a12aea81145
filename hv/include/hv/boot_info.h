/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What boot/ tells the hypervisor: the only thing that the two parts of bulkhead.efi share.
 * Filled under firmware, handed to hv_main() by address, copied there before boot's memory is reused.
 * All addresses are physical. Absent facts are 0. */

#include <stdint.h>

#define BOOT_INFO_MAGIC 0x31444145484b4c42ull	/* "BLKHEAD1" */
#define BOOT_CORES_MAX 256
#define BOOT_RANGES_MAX 512
#define BOOT_FILES_MAX 64
#define BOOT_UARTS_MAX 4
#define BOOT_IOAPICS_MAX 32
#define BOOT_TEXT_MAX 128

/* Files that are loaded although a plan need not name them: with the text "uefi" anywhere in it. */
#define BOOT_UEFI_WORD "uefi"
#define BOOT_UEFI_CODE_NAME "OVMF_CODE_4M.fd"
#define BOOT_UEFI_VARS_NAME "OVMF_VARS_4M.fd"

enum boot_range_kind {
	BOOT_RAM = 1,		/* free for guests and for the hypervisor after the hand-over */
	BOOT_RESERVED,		/* firmware's, devices', unknown: never touched */
	BOOT_ACPI,		/* ACPI tables and NVS */
	BOOT_RUNTIME_CODE,	/* UEFI runtime services */
	BOOT_RUNTIME_DATA,
	BOOT_MMIO,
	BOOT_HYPERVISOR,	/* image and pool of the hypervisor */
	BOOT_FILE,		/* a file of files[]: kept, read-only, for every start of its guest */
};

struct boot_range {
	uint64_t base, size;	/* bytes, page aligned; sorted by base, disjoint */
	uint32_t kind;		/* enum boot_range_kind */
	uint32_t efi_type;	/* EFI_MEMORY_TYPE it came from */
	uint64_t efi_attr;	/* EFI_MEMORY_* bits; for runtime ranges */
};

struct boot_core {
	uint32_t apic_id;
	uint32_t package;	/* socket, where known */
};

enum boot_core_source { BOOT_CORES_MADT = 1, BOOT_CORES_MP, BOOT_CORES_SELF };

struct boot_file {
	char name[BOOT_TEXT_MAX];	/* as the plan spells it */
	uint64_t base, size;		/* size 0 with status: could not be read */
	uint64_t status;		/* EFI_STATUS of the reading; 0 = whole */
};

enum boot_pixel { BOOT_PIXEL_BGRX = 1, BOOT_PIXEL_RGBX };

struct boot_screen {
	uint64_t base, size;		/* 0: no linear framebuffer */
	uint32_t width, height;		/* pixels */
	uint32_t pitch;			/* bytes a line */
	uint32_t pixel;			/* enum boot_pixel */
};

enum boot_uart_source { BOOT_UART_SPCR = 1, BOOT_UART_DBG2, BOOT_UART_PCI, BOOT_UART_LEGACY };

struct boot_uart {
	uint64_t base;			/* port number, or address when mmio */
	uint8_t mmio;
	uint8_t stride;			/* bytes between registers */
	uint8_t source;			/* enum boot_uart_source */
	uint8_t reserved;
	uint32_t baud;			/* as firmware left it; 0 unknown */
};

/* A generic address as ACPI gives it: space 0 memory, 1 port, 2 PCI configuration. */
struct boot_gas {
	uint64_t address;
	uint8_t space, width, offset, access;
	uint32_t reserved;
};

struct boot_acpi {
	uint64_t rsdp;			/* 0: the machine has no ACPI tables */
	uint64_t facs_lock;
	struct boot_gas reset_reg;	/* space/address 0/0: none */
	uint8_t reset_value;
	uint8_t hw_reduced;
	uint8_t s5_valid;		/* _S5_ found in the DSDT */
	uint8_t slp_typa, slp_typb;
	uint8_t acpi_enable;		/* value for smi_cmd; 0: already on */
	uint16_t sci;
	uint32_t smi_cmd;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt;	/* ports; 0 none */
	uint32_t pm1_evt_len;
	uint32_t pm_timer;		/* port; 0 none */
	uint32_t pm_timer_32bit;
	uint64_t mcfg_base;		/* PCI ECAM of segment 0; 0 none */
	uint32_t mcfg_bus_start, mcfg_bus_end;
	uint64_t hpet_base;
	uint32_t has_dmar, has_ivrs;	/* an IOMMU is described */
	uint32_t dmar_flags;		/* bit 1: x2APIC opt-out */
	uint32_t ioapic_count;
	uint32_t ioapics[BOOT_IOAPICS_MAX];	/* addresses; more are left as firmware left them */
};

struct boot_clock {
	uint64_t tsc_hz;		/* measured; two clocks agreed, or method says which one alone */
	char method[32];		/* "hpet+pm", "pit", ... in words for the operator */
	uint64_t wall_seconds;		/* UTC since 1970 at wall_tsc; 0 unknown */
	uint64_t wall_tsc;
};

struct boot_info {
	uint64_t magic;			/* BOOT_INFO_MAGIC */
	uint32_t size;			/* sizeof(struct boot_info) */
	uint32_t reserved;

	uint64_t image_base, image_size;	/* the hypervisor's ELF segments as placed, 2 MiB aligned, contiguous */
	uint64_t pool_base, pool_size;		/* free memory for the hypervisor, 2 MiB aligned, contiguous, not zeroed */
	uint64_t trampoline;			/* one page below 1 MiB for starting cores */
	uint64_t tsc_at_entry;			/* TSC when firmware started us */
	uint64_t tsc_at_exit;			/* TSC at ExitBootServices */

	struct boot_clock clock;
	struct boot_screen screen;
	struct boot_acpi acpi;

	uint64_t runtime_services;		/* EFI_RUNTIME_SERVICES */
	uint64_t memory_attributes;		/* EFI_MEMORY_ATTRIBUTES_TABLE; 0 none */
	char firmware[64];			/* vendor and revision in words */
	uint64_t smbios;			/* SMBIOS entry point; 0 none */

	uint8_t entropy[64];
	uint32_t entropy_bytes;			/* from EFI_RNG_PROTOCOL; 0 none */

	uint32_t uart_count;
	struct boot_uart uarts[BOOT_UARTS_MAX];	/* candidates, best first; none is probed yet */

	uint32_t core_source;			/* enum boot_core_source */
	uint32_t core_count;
	struct boot_core cores[BOOT_CORES_MAX];	/* cores[0] is the core that runs hv_main */

	uint32_t range_count;
	uint32_t range_lost;			/* ranges that did not fit: counted, treated as reserved */
	struct boot_range ranges[BOOT_RANGES_MAX];

	char options[BOOT_TEXT_MAX];		/* the load option, ASCII: "check", a plan's name, ... */
	uint32_t file_count;
	uint32_t file_lost;
	struct boot_file files[BOOT_FILES_MAX];	/* files[0] is the plan itself, when one was found */
};
