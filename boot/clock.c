/* SPDX-License-Identifier: Apache-2.0 */
/* The TSC's frequency, measured. HPET and PM timer run along while images load, so they cost at most 20 ms; the 8254
 * and firmware's Stall are asked only where those two are missing or disagree. Every wait is bounded. */

#include "boot.h"
#include "cpu.h"
#include "rate.h"

#define PM_HZ 3579545ull		/* ACPI 6.4 "Power Management Timer" (4.8.3.3) */
#define PIT_HZ 1193182ull
#define PIT_COUNT 11932u		/* 10 ms */
#define WINDOW_NS 20000000ull
#define HPET_PERIOD_MAX 100000000u	/* fs: IA-PC HPET 1.0a "General Capabilities and ID Register" (2.3.4) */
#define SPIN_TICKS 150000000ull		/* no wait is longer: 25 ms at 6 GHz, 75 ms at 2 GHz */

struct counter {
	bool present;
	uint64_t mask;			/* of its width */
	uint64_t last, last_tsc;	/* latest sample */
	uint64_t ticks, tsc;		/* since the start */
};

static struct {
	volatile uint8_t *hpet_registers;
	uint64_t hpet_period;		/* fs */
	bool hpet_wide, hpet_started;
	uint16_t pm_port;
	struct counter hpet, pm;
} clock;

static volatile uint32_t *hpet_register(unsigned int offset)
{
	return (volatile uint32_t *)(volatile void *)(clock.hpet_registers + offset);
}

static uint64_t read_hpet(void)
{
	if (clock.hpet_wide)
		return *(volatile uint64_t *)(volatile void *)(clock.hpet_registers + 0xf0);
	return *hpet_register(0xf0);
}

static uint64_t read_pm(void)
{
	return cpu_in32(clock.pm_port);
}

/* Counter and TSC at one moment: of several tries the one that was interrupted least. */
static void sample(uint64_t (*read)(void), uint64_t *value, uint64_t *tsc)
{
	uint64_t best = ~0ull;

	*value = *tsc = 0;
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t before = cpu_tsc(), v = read(), after = cpu_tsc();

		if (after - before >= best)
			continue;
		best = after - before;
		*value = v;
		*tsc = before + best / 2;
	}
}

static void counter_start(struct counter *c, uint64_t (*read)(void))
{
	c->ticks = 0;
	c->tsc = 0;
	sample(read, &c->last, &c->last_tsc);
}

static void counter_poll(struct counter *c, uint64_t (*read)(void))
{
	uint64_t value, tsc;

	if (!c->present)
		return;
	sample(read, &value, &tsc);
	c->ticks += (value - c->last) & c->mask;
	c->tsc += tsc - c->last_tsc;
	c->last = value;
	c->last_tsc = tsc;
}

static uint64_t hpet_ns(void)
{
	return clock.hpet.ticks * (clock.hpet_period / 1000) / 1000;
}

static uint64_t pm_ns(void)
{
	return clock.pm.ticks * 1000000000ull / PM_HZ;
}

static void find_hpet(uint64_t base)
{
	uint32_t capabilities;

	if (!base || base >> 32 || base % 8)
		return;
	clock.hpet_registers = (volatile uint8_t *)base;
	capabilities = *hpet_register(0);
	clock.hpet_period = *hpet_register(4);
	if (clock.hpet_period < 1000 || clock.hpet_period > HPET_PERIOD_MAX || capabilities == 0xffffffff)
		return;
	clock.hpet_wide = capabilities & 1u << 13;
	if (!(*hpet_register(0x10) & 1)) {
		*hpet_register(0x10) |= 1;
		clock.hpet_started = true;
	}
	clock.hpet.present = true;
	clock.hpet.mask = clock.hpet_wide ? ~0ull : 0xffffffff;
	counter_start(&clock.hpet, read_hpet);
}

void clock_start(const struct boot_acpi *acpi)
{
	find_hpet(acpi->hpet_base);
	if (!acpi->pm_timer || acpi->pm_timer > 0xfffc)
		return;
	clock.pm_port = (uint16_t)acpi->pm_timer;
	clock.pm.present = true;
	clock.pm.mask = acpi->pm_timer_32bit ? 0xffffffff : 0xffffff;
	counter_start(&clock.pm, read_pm);
}

void clock_poll(void)
{
	counter_poll(&clock.hpet, read_hpet);
	counter_poll(&clock.pm, read_pm);
}

/* Until both counters have seen the window, or one stands still. */
static void fill_window(void)
{
	uint64_t start = cpu_tsc();

	do {
		clock_poll();
		if ((!clock.hpet.present || hpet_ns() >= WINDOW_NS) && (!clock.pm.present || pm_ns() >= WINDOW_NS))
			return;
	} while (cpu_tsc() - start < SPIN_TICKS);
}

static uint64_t hpet_hz(void)
{
	return clock.hpet.present && hpet_ns() >= WINDOW_NS ? rate_from_ns(clock.hpet.tsc, hpet_ns()) : 0;
}

static uint64_t pm_hz(void)
{
	return clock.pm.present && pm_ns() >= WINDOW_NS ? rate_from_ns(clock.pm.tsc, pm_ns()) : 0;
}

/* Channel 2 counts down once, its output (port 61H bit 5) tells the end. One that is gated off never ends. */
static uint64_t measure_pit_once(void)
{
	uint8_t gate = cpu_in8(0x61);
	uint64_t start, before, after;

	cpu_out8(0x61, (uint8_t)((gate & ~2u) | 1));	/* gate on, loudspeaker off */
	cpu_out8(0x43, 0xb0);				/* channel 2, both bytes, mode 0, binary */
	cpu_out8(0x42, PIT_COUNT & 0xff);
	cpu_out8(0x42, PIT_COUNT >> 8);
	start = after = cpu_tsc();
	do {
		before = after;
		if (cpu_in8(0x61) & 0x20)
			break;
		after = cpu_tsc();
	} while (after - start < SPIN_TICKS);
	cpu_out8(0x61, gate);
	after = cpu_tsc();
	if (after - start >= SPIN_TICKS || after - before > (after - start) / 200)
		return 0;	/* no end, or we were interrupted when it came */
	return (before - start + (after - before) / 2) * PIT_HZ / PIT_COUNT;
}

static uint64_t measure_pit(void)
{
	uint64_t hz = 0;

	for (unsigned int i = 0; i < 2 && !hz; i++)
		hz = measure_pit_once();
	return hz >= 10000000 ? hz : 0;
}

static uint64_t measure_stall(void)
{
	uint64_t best = ~0ull;

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t start = cpu_tsc();

		if (fw.boot->Stall(10000) != EFI_SUCCESS)
			return 0;
		start = cpu_tsc() - start;
		best = start < best ? start : best;
	}
	return best * 100;
}

/* A load that stalled for longer than the PM timer's wrap spoils the long window: then a short one of its own. */
static void measure_again(void)
{
	if (clock.hpet.present)
		counter_start(&clock.hpet, read_hpet);
	if (clock.pm.present)
		counter_start(&clock.pm, read_pm);
	fill_window();
}

void clock_finish(struct boot_clock *out)
{
	struct rate_reading r[4] = { { "hpet", 0 }, { "pm", 0 }, { "pit", 0 }, { "stall", 0 } };

	fill_window();
	if (clock.hpet.present && clock.pm.present && !rate_agree(hpet_hz(), pm_hz()))
		measure_again();
	r[0].hz = hpet_hz();
	r[1].hz = pm_hz();
	if (!rate_agree(r[0].hz, r[1].hz)) {
		r[2].hz = measure_pit();
		r[3].hz = measure_stall();
	}
	if (clock.hpet_started)
		*hpet_register(0x10) &= ~1u;
	rate_choose(out, r, 4);
	console_print("  clock    TSC %lu kHz (%s)\n", out->tsc_hz / 1000, out->method);
}
