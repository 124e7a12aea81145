/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware report: what this machine has, in plain words. */
#include "sinks.h"

#include <hv/control.h>
#include <hv/core.h>
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/machine.h>

typedef void line_fn(const char *text);

static void row(line_fn *line, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void row(line_fn *line, const char *name, const char *fmt, ...)
{
	char text[200], words[160];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(words, sizeof(words), fmt, ap);
	va_end(ap);
	fmt_print(text, sizeof(text), "  %-14s %s", name, words);
	line(text);
}

static void report_processor(line_fn *line)
{
	struct cpu_facts f;

	cpu_facts_read(&f);
	row(line, "processor", "%s", f.brand[0] ? f.brand : f.vendor);
	row(line, "", "%s, family %u, model %u, stepping %u", f.vendor, f.family, f.model, f.stepping);
	if (f.microcode)
		row(line, "microcode", "revision 0x%x", f.microcode);
	else
		row(line, "microcode", "revision not told");
	if (f.hypervisor)
		row(line, "nested", "this machine is itself a guest of another hypervisor");
}

static void report_cores(line_fn *line)
{
	static const char *const source[] = { "", "the ACPI tables", "the firmware's MP services",
		"the running core alone: neither ACPI tables nor MP services told of others" };
	u32 failed = 0, told = boot_info->core_source;

	for (u32 i = 0; i < core_count; i++)
		failed += load_acquire(&core_table[i].state) == CORE_FAILED;
	row(line, "cores", "%u, from %s", boot_info->core_count, told < ARRAY_COUNT(source) ? source[told] : "");
	if (failed)
		row(line, "", "%u of them did not start or lack virtualisation", failed);
}

static void report_memory(line_fn *line)
{
	char words[24];
	u64 ram = 0;

	for (u32 i = 0; i < MIN(boot_info->range_count, (u32)BOOT_RANGES_MAX); i++)
		ram += boot_info->ranges[i].kind == BOOT_RAM ? boot_info->ranges[i].size : 0;
	row(line, "memory", "%s free for guests", fmt_bytes(words, sizeof(words), ram));
	if (boot_info->range_lost)
		row(line, "", "%u ranges of the memory map did not fit and stay unused", boot_info->range_lost);
}

static void report_dma(line_fn *line, const struct boot_acpi *acpi)
{
	const struct host_dma *d = &host_dma;
	char words[24];
	u64 held = 0;

	for (u32 i = 0; i < MIN(acpi->held_count, (u32)BOOT_HELD_MAX); i++)
		held += acpi->held[i].size;
	if (!d->units)
		row(line, "IOMMU", "%s", acpi->has_dmar || acpi->has_ivrs ? "none: firmware's table of them is empty" :
		    "none described");
	else if (d->stubborn)
		row(line, "IOMMU", "%u described by firmware, %u cannot be switched off: FW-IOMMU-ON", d->units, d->stubborn);
	else
		row(line, "IOMMU", "%u described by firmware, not used; left on by firmware and now off: %u", d->units, d->taken);
	if (d->silent)
		row(line, "", "%u of them do not answer", d->silent);
	if (acpi->iommu_malformed)
		row(line, "", "firmware's table of them is malformed: some may be missing");
	if (held)
		row(line, "held memory", "%s that firmware's devices use for good: never given out%s",
		    fmt_bytes(words, sizeof(words), held), acpi->held_joined ? "; more than need be: too many ranges" : "");
	if (d->spared_count)
		row(line, "", "%u devices keep bus mastering for it", d->spared_count);
}

static void report_machine(line_fn *line)
{
	const struct boot_acpi *acpi = &boot_info->acpi;
	char words[96];

	row(line, "firmware", "%s", boot_info->firmware[0] ? boot_info->firmware : "unknown");
	row(line, "ACPI", "%s", acpi->rsdp ? "tables found" : "none: no power button, power-off may not work");
	row(line, "clock", "TSC %lu.%03lu MHz, by %s", boot_info->clock.tsc_hz / 1000000,
	    boot_info->clock.tsc_hz / 1000 % 1000, boot_info->clock.method);
	sinks_describe_serial(words, sizeof(words));
	row(line, "serial", "%s", words);
	sinks_describe_screen(words, sizeof(words));
	row(line, "screen", "%s", words);
	report_dma(line, acpi);
	row(line, "entropy", "%s", boot_info->entropy_bytes ? "from the firmware" : "not from the firmware");
}

static void report_feature(const struct virt_feature *f, line_fn *line)
{
	static const char *const state[] = { [FEATURE_PRESENT] = "present",
		[FEATURE_OFF_IN_FIRMWARE] = "switched off in firmware", [FEATURE_ABSENT] = "absent" };
	char text[240];

	fmt_print(text, sizeof(text), "  %-44s %s", f->name, state[f->state]);
	line(text);
	if (f->state == FEATURE_PRESENT)
		return;
	fmt_print(text, sizeof(text), "      %s%s%s%s", f->id ? "needed, " : "useful: ", f->id ? f->id : "",
		  f->id ? ": " : "", f->lost ? f->lost : "");
	line(text);
	if (f->state == FEATURE_OFF_IN_FIRMWARE)
		line("      Switch it on in the firmware's setup (often under \"CPU\", \"Advanced\" or \"Security\").");
}

void report_print(const struct virt_report *report, void (*line)(const char *text))
{
	line("Hardware report");
	report_processor(line);
	report_cores(line);
	report_memory(line);
	report_machine(line);
	if (!report || !report->vendor) {
		line("Virtualisation: this processor has neither VMX nor SVM. No guest can run here.");
		return;
	}
	row(line, "virtualisation", "%s", report->vendor);
	for (u32 i = 0; i < MIN(report->count, (u32)VIRT_FEATURES_MAX); i++)
		report_feature(&report->feature[i], line);
	line(report->usable ? "This machine can run guests." : "This machine cannot run guests: see what is needed above.");
}
