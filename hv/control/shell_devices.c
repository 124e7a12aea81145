/* SPDX-License-Identifier: Apache-2.0 */
/* `devices` without a guest: what the machine has, and who drives it. */
#include "shell.h"
#include "sinks.h"

#include <hv/host.h>
#include <hv/keys.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/pci.h>

static bool function_more(u64 *cursor)
{
	const struct host_pci *p;
	char state[192] = "";

	if (*cursor >= pci_count()) {
		if (pci_lost())
			shell_print("  and %u functions for which the list has no room\n", pci_lost());
		shell_line("`devices GUEST` shows those of a guest");
		return false;
	}
	p = pci_at((u32)(*cursor)++);
	if (p->driver && p->driver->describe)
		p->driver->describe(p, state, sizeof(state));
	else
		str_copy(state, sizeof(state), p->why);
	shell_print("  %02x:%02x.%u  %04x:%04x  %-26s %s%s%s\n", p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7, p->vendor,
		    p->device, pci_class_words(p->class_rev), p->driver ? p->driver->name : "no driver",
		    state[0] ? ": " : "", state);
	return true;
}

void shell_devices_host(void)
{
	char words[80];

	sinks_describe_serial(words, sizeof(words));
	shell_print("host\n  serial         %s\n", words);
	sinks_describe_screen(words, sizeof(words));
	shell_print("  screen         %s\n", words);
	ps2_describe(words, sizeof(words));
	shell_print("  keyboard       %s\n", words);
	shell_print("  power button   %s\n", boot_info->acpi.pm1a_evt ? "polled" : "none");
	shell_print("  IOMMU          %u, all off%s\n", host_dma.units, host_dma.stubborn ? " but those of FW-IOMMU-ON" : "");
	for (u32 i = 0; i < MIN(host_dma.spared_count, (u32)HOST_SPARED_MAX); i++)
		shell_print("  firmware's     %02x:%02x.%u keeps bus mastering\n", host_dma.spared[i] >> 8,
			    host_dma.spared[i] >> 3 & 31, host_dma.spared[i] & 7);
	pci_describe(words, sizeof(words));
	shell_print("  PCI            %s, %u functions\n", words, pci_count());
	shell_stream(function_more, 0);
}
