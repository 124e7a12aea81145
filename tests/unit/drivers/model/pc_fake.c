/* SPDX-License-Identifier: Apache-2.0 */
#include "pc_fake.h"

#include "../../../../drivers/model/acpi.h"

#include <hv/gmem.h>
#include <hv/storage.h>
#include <hv/window.h>

/* Where a test links the real one, that is taken. */
#define WEAK __attribute__((weak))

struct fake fake;
struct timebase timebase;
struct core core_private;
u32 control_core;

static struct vcpu vcpus[FAKE_VCPUS];
static u64 noise_state;

void assert_failed(const char *what, const char *file, int line_nr)
{
	fprintf(stderr, "assertion %s in %s:%d\n", what, file, line_nr);
	abort();
}

u64 pc_now(void)
{
	return fake.now;
}

u64 vlapic_now(void)
{
	return fake.now;
}

void vcpu_request(struct guest *g, u32 vcpu, u32 requests)
{
	assert_true(vcpu < g->vcpu_count);
	fetch_or(&g->vcpu[vcpu].requests, requests);
	fake.requests[vcpu]++;
	if (fake.requested)
		fake.requested(vcpu);
}

void vcpu_request_start(struct guest *g, u32 vcpu, int page)
{
	vcpu_request(g, vcpu, page < 0 ? REQ_INIT : REQ_SIPI | (u32)page << 24);
}

WEAK void core_idle(u64 deadline)
{
}

WEAK void core_take_interrupts(void)
{
}

void core_ring_doorbell(u32 index)
{
	assert_int_equal(index, control_core);
	fake.rings++;
}

void guest_end(struct guest *g, struct vcpu *v, enum guest_end end, u32 result)
{
	assert_ptr_equal(v, &core_private.vcpu);
	fake.ends++;
	fake.end = end;
	fake.result = result;
}

void guest_panicked(struct guest *g, struct vcpu *v, u32 events)
{
	assert_ptr_equal(v, &core_private.vcpu);
	assert_ptr_equal(v->guest, g);
	fake.panics++;
	fake.panic_events = events;
}

const struct device_ram *guest_device_ram(const struct guest *g, enum device_ram_kind kind)
{
	return &g->device_ram[kind];
}

WEAK int guest_volume_attach(struct guest *g, struct block_store *s, const struct plan_disk *plan, const char *serial)
{
	return -E_NOMEM;
}

WEAK bool gmem_read(const struct guest *g, gpa_t gpa, void *to, u64 len)
{
	void *p = gmem_ptr(g, gpa, len);

	return p && memcpy(to, p, len);
}

WEAK bool gmem_write(const struct guest *g, gpa_t gpa, const void *from, u64 len)
{
	void *p = gmem_ptr(g, gpa, len);

	return p && memcpy(p, from, len);
}

WEAK bool gmem_zero(const struct guest *g, gpa_t gpa, u64 len)
{
	void *p = gmem_ptr(g, gpa, len);

	return p && memset(p, 0, len);
}

WEAK void acpi_build_file(const struct guest *g, u8 *to, size_t size, struct acpi_places *p)
{
	memset(to, 0, size);
}

WEAK u32 acpi_file_pointers(const struct acpi_places *p, struct acpi_patch patch[ACPI_PATCHES_MAX])
{
	return 0;
}

WEAK u32 acpi_file_sums(const struct acpi_places *p, struct acpi_sum sum[ACPI_SUMS_MAX])
{
	return 0;
}

WEAK int acpi_build(struct guest *g, gpa_t *rsdp)
{
	*rsdp = GPA(0xe0000);
	return 0;
}

/* RAM that a test has put there; without it nothing is RAM. */
void *gmem_ptr(const struct guest *g, gpa_t gpa, u64 len)
{
	if (!g->ram || !len || gpa.v >= g->ram_low || len > g->ram_low - gpa.v)
		return NULL;
	return g->ram + gpa.v;
}

void random_seed(struct random *r, u64 who)
{
	r->uses = who;
}

void random_fill(struct random *r, void *to, size_t n)
{
	r->uses++;
	memset(to, 0x5a, n);
}

struct vcpu *fake_vcpu(u32 index)
{
	return &vcpus[index];
}

struct guest *fake_guest_new(void)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct plan_guest *plan = calloc(1, sizeof(*plan));

	fake = (struct fake){ .now = 5 * FAKE_TSC_HZ };
	timebase = (struct timebase){ .tsc_hz = FAKE_TSC_HZ, .wall_seconds = FAKE_WALL };
	memset(&core_private, 0, sizeof(core_private));
	noise_state = 88172645463325252ul;
	plan->test_device = true;
	g->plan = plan;
	g->name = "fake";
	g->vcpu_count = FAKE_VCPUS;
	g->ram_low = 3 * GiB;
	g->ram_high = 5 * GiB;
	g->console = calloc(1, sizeof(*g->console));
	g->input = calloc(1, sizeof(*g->input));
	bus_init(&g->bus);
	assert_int_equal(pc_build(g, calloc(1, pc_size())), 0);
	pc_reset(g);
	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		vcpus[i] = (struct vcpu){ .guest = g, .index = i, .pub = &g->vcpu[i], .deadline = UINT64_MAX };
		vlapic_reset(&vcpus[i], false);
	}
	core_private.vcpu.guest = g;
	core_private.vcpu.deadline = UINT64_MAX;
	memset(fake.requests, 0, sizeof(fake.requests));
	return g;
}

void fake_guest_free(struct guest *g)
{
	free((void *)(uintptr_t)g->plan);
	free(g->console);
	free(g->input);
	free(g->pc);
	free(g);
}

int fake_setup(void **state)
{
	*state = fake_guest_new();
	return 0;
}

int fake_teardown(void **state)
{
	fake_guest_free(*state);
	return 0;
}

u32 in(struct guest *g, u32 port, u8 size)
{
	struct io io = { .size = size, .val = 0x5a5a5a5a };

	bus_access(&g->bus, BUS_PORT, port, &io);
	return size == 4 ? (u32)io.val : (u32)io.val & ((1u << size * 8) - 1);
}

void out(struct guest *g, u32 port, u32 val, u8 size)
{
	struct io io = { .size = size, .val = val, .write = true };

	bus_access(&g->bus, BUS_PORT, port, &io);
}

bool line(const struct guest *g, u32 nr)
{
	return g->pc->lines >> nr & 1;
}

void run_until(struct guest *g, u64 until)
{
	fake.now = g->device_deadline < until ? g->device_deadline : until;
	pc_run(g, fake.now);
}

u32 noise(void)
{
	noise_state ^= noise_state << 13;
	noise_state ^= noise_state >> 7;
	noise_state ^= noise_state << 17;
	return (u32)(noise_state >> 16);
}

/* The control core: a test that has one brings it. */
WEAK void *window_ptr(const struct guest *g, gpa_t gpa, u64 len)
{
	return gmem_ptr(g, gpa, len);
}

WEAK int control_work_add(const struct control_work *w)
{
	return 0;
}

WEAK void control_work_ring(void)
{
}

WEAK void control_work_call(u32 id)
{
}

WEAK void control_work_wake(u32 id)
{
}

WEAK void control_work_stay(u32 id, u64 tsc)
{
}

WEAK void control_work_linger(u64 tsc)
{
}

WEAK void control_work_by(u64 tsc)
{
}

WEAK int guest_call_add(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg)
{
	return 0;
}

WEAK void guest_call(struct guest *g, u32 vcpu, u32 id)
{
}

WEAK int guest_lender_add(struct guest *g, bool (*let_go)(struct guest *g, void *arg), void *arg)
{
	return 0;
}

/* Network devices have their own tests. */
WEAK int net_set_build(struct guest *g)
{
	(void)g;
	return 0;
}

WEAK void net_set_reset(struct guest *g)
{
	(void)g;
}
