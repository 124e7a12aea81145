/* SPDX-License-Identifier: Apache-2.0 */
/* vblkbench: what a request to a virtio disk costs. mode=none|one|batch on the command line, split for a split ring. Measures
 * from the notification to the end of the interrupt that it brings, in ticks of the TSC, less what taking an interrupt costs the
 * guest itself; in emulators where a tick is an instruction that is the hypervisor's part. Prints "VBLK median mean min max n=".
 * With `all`, the rounds that took longer, too.
 * A driver as Linux': chains of three, notifications by port, MSI-X, end of interrupt by KVM's word in memory. VIRTIO 1.2; KVM "PV EOI". */

#include "lib/lib.h"

const char test_name[] = "vblkbench";

#define SLOT 8u			/* of the first disk */
#define RING 128u
#define CHAIN 3u		/* descriptors: header, data, status */
#define BATCH 32u
#define VECTOR 0x50
#define SECTOR 512u
#define ROUNDS 1000u
#define MSR_PV_EOI 0x4b564d04u
enum { WRITE = 2, NEXT = 1 };

struct desc { u64 addr; u32 len; u16 a, b; };
struct request { struct { u32 type, reserved; u64 sector; } head; u8 status; } __attribute__((aligned(64)));

static struct desc ring[RING] __attribute__((aligned(4096)));
static struct { u16 flags, index, entry[RING], event; } driver_area __attribute__((aligned(4096)));
static struct { u16 flags, index; struct { u32 id, len; } entry[RING]; u16 event; } device_area __attribute__((aligned(4096)));
static struct request request[BATCH];
static u8 data[BATCH][SECTOR] __attribute__((aligned(4096)));
static volatile u32 eoi_word __attribute__((aligned(64)));
static volatile u8 *bar, *table;
static volatile u32 interrupts;
static bool split, wrap = true;
static u16 next, taken, port;

static u32 config(u32 off)
{
	outl(0xcf8, 0x80000000u | SLOT << 11 | (off & ~3u));
	return inl(0xcfc);
}

static void config_set(u32 off, u32 val)
{
	outl(0xcf8, 0x80000000u | SLOT << 11 | (off & ~3u));
	outl(0xcfc, val);
}

static void put(u32 off, u32 size, u64 val)
{
	if (size == 1)
		bar[off] = (u8)val;
	else if (size == 2)
		*(volatile u16 *)(bar + off) = (u16)val;
	else
		*(volatile u32 *)(bar + off) = (u32)val;
}

/* As Linux' kvm_guest_apic_eoi_write(): the bit says that nobody needs to know. */
static void on_interrupt(struct trap *t)
{
	u8 was;

	(void)t;
	interrupts++;
	__asm__ volatile("btrl $0, %0; setc %1" : "+m"(eoi_word), "=q"(was) :: "cc");
	if (!was)
		apic_eoi();
}

static void msix_on(void)
{
	u32 at = config(0x34) & 0xff;

	while (at && (config(at) & 0xff) != 0x11)
		at = config(at) >> 8 & 0xff;
	check(at, "MSI-X capability at %x", at);
	*(volatile u32 *)(table + 0) = 0xfee00000u | apic_id() << 12;
	*(volatile u32 *)(table + 4) = 0;
	*(volatile u32 *)(table + 8) = VECTOR;
	*(volatile u32 *)(table + 12) = 0;
	config_set(at, config(at) | 0x80000000u);
}

static void queue_area(u32 off, const void *at)
{
	put(off, 4, (u32)(u64)at);
	put(off + 4, 4, 0);
}

static void device_on(void)
{
	u32 features[2] = { 0, 1u | (split ? 0 : 4) };	/* VERSION_1, RING_PACKED */

	bar = window_map(config(0x20) & ~15u);
	table = bar + ((config(0x14) & ~15u) - (config(0x20) & ~15u));
	port = (u16)(config(0x18) & ~3u);
	config_set(0x04, 7);
	msix_on();
	put(0x14, 1, 0);
	put(0x14, 1, 3);
	for (u32 i = 0; i < 2; i++) {
		put(0x08, 4, i);
		put(0x0c, 4, features[i]);
	}
	put(0x14, 1, 11);
	put(0x16, 2, 0);
	put(0x18, 2, RING);
	put(0x1a, 2, 0);
	queue_area(0x20, ring);
	queue_area(0x28, &driver_area);
	queue_area(0x30, &device_area);
	put(0x1c, 2, 1);
	put(0x14, 1, 15);
	check(bar[0x14] == 15, "the disk's driver runs: %x", bar[0x14]);
}

/* The first descriptor's flags of a packed ring last: with them the device has them all. */
static void chain_packed(u32 i, const struct desc *d, const u16 *flags)
{
	u16 first = next, first_flags = 0;

	for (u32 k = 0; k < CHAIN; k++) {
		u16 f = (u16)(flags[k] | (wrap ? 0x80 : 0x8000));

		ring[next] = (struct desc){ d[k].addr, d[k].len, (u16)i, k ? f : ring[next].b };
		if (!k)
			first_flags = f;
		if (++next == RING) {
			next = 0;
			wrap = !wrap;
		}
	}
	__asm__ volatile("" ::: "memory");
	*(volatile u16 *)&ring[first].b = first_flags;
}

static void chain_split(u32 i, const struct desc *d, const u16 *flags)
{
	u16 head = (u16)(i * CHAIN);

	for (u32 k = 0; k < CHAIN; k++)
		ring[head + k] = (struct desc){ d[k].addr, d[k].len, flags[k], (u16)(head + k + 1) };
	driver_area.entry[next % RING] = head;
	__asm__ volatile("" ::: "memory");
	*(volatile u16 *)&driver_area.index = ++next;
}

static void request_add(u32 type, u32 i, u64 sector)
{
	struct request *r = &request[i];
	const struct desc d[CHAIN] = { { (u64)&r->head, 16, 0, 0 }, { (u64)data[i], SECTOR, 0, 0 }, { (u64)&r->status, 1, 0, 0 } };
	const u16 flags[CHAIN] = { NEXT, type ? NEXT : NEXT | WRITE, WRITE };

	r->head.type = type;
	r->head.sector = sector;
	r->status = 0xff;
	if (split)
		chain_split(i, d, flags);
	else
		chain_packed(i, d, flags);
}

static bool request_done(u32 count)
{
	bool ok = true;

	for (u32 i = 0; i < count; i++)
		ok = ok && *(volatile u8 *)&request[i].status == 0;
	taken = (u16)(taken + count);
	return ok && (!split || *(volatile u16 *)&device_area.index == taken);
}

/* Ticks from the notification to the end of the interrupt. Interrupts are on here only. */
static u64 kick(void)
{
	u32 before = interrupts;
	u64 start, end;

	sti();
	start = rdtsc();
	__asm__ volatile("outw %w1, %w0" :: "d"(port), "a"(0) : "memory");
	end = rdtsc();
	while (interrupts == before)
		end = rdtsc();
	cli();
	return end - start;
}

/* The guest's own part of that: the same interrupt, asked for by an instruction, with nothing to tell anybody. */
static u64 own_part(void)
{
	u64 least = ~0ul;

	for (u32 i = 0; i < 20; i++) {
		u64 start, took;

		eoi_word = 1;
		start = rdtsc();
		__asm__ volatile("nop" :: "d"(port), "a"(0) : "memory");
		__asm__ volatile("int %0" :: "i"(VECTOR) : "memory");
		took = rdtsc() - start;
		least = took < least ? took : least;
	}
	eoi_word = 0;
	return least;
}

static void data_checked(void)
{
	bool same = true;

	for (u32 i = 0; i < SECTOR; i++)
		data[0][i] = (u8)(i * 7 + 3);
	request_add(1, 0, 5);
	kick();
	check(request_done(1), "a sector is written");
	__builtin_memset(data[0], 0, SECTOR);
	request_add(0, 0, 5);
	kick();
	check(request_done(1), "and read");
	for (u32 i = 0; i < SECTOR; i++)
		same = same && data[0][i] == (u8)(i * 7 + 3);
	check(same, "it is the same");
}

static u64 sample[ROUNDS];

static u64 median(u32 count)
{
	for (u32 i = 1; i < count; i++) {
		u64 x = sample[i];
		u32 k = i;

		for (; k && sample[k - 1] > x; k--)
			sample[k] = sample[k - 1];
		sample[k] = x;
	}
	return sample[count / 2];
}

static void measure(u32 batch, u32 rounds, u64 own)
{
	u64 sum = 0, least = ~0ul, most = 0;
	bool ok = true;

	for (u32 n = 0; n < rounds; n++) {
		u64 took;

		for (u32 i = 0; i < batch; i++)
			request_add(0, i, n % 64 + i);
		took = kick() - own;
		ok = ok && request_done(batch);
		sample[n] = took;
		sum += took;
		least = took < least ? took : least;
		most = took > most ? took : most;
	}
	check(ok, "%u requests of %u rounds", rounds * batch, rounds);
	for (u32 i = 0; boot_word("all") && i < rounds; i++)
		if (sample[i] > least + least / 8)
			print("VBLK round %u took %lu\n", i, sample[i]);
	print("VBLK %lu %lu %lu %lu n=%u own=%lu\n", median(rounds) / batch, sum / (rounds * batch), least / batch, most / batch,
	      rounds * batch, own);
}

void test_main(void)
{
	u32 r[4];
	u64 own;

	split = boot_word("split");
	apic_enable();
	trap_set(VECTOR, on_interrupt);
	own = own_part();
	cpuid(0x40000001, 0, r);
	check(r[0] >> 6 & 1, "KVM's word for the end of interrupts is offered");
	wrmsr(MSR_PV_EOI, (u64)&eoi_word | 1);
	device_on();
	data_checked();
	if (boot_word("mode=one"))
		measure(1, ROUNDS, own);
	else if (boot_word("mode=batch"))
		measure(BATCH, 100, own);
	else
		print("VBLK 0 0 0 0 n=0 own=%lu\n", own);
}
