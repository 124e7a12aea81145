/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: is this plan possible on this machine, and who gets what?
 * Cores and images here; RAM in admission_memory.c. */

#include <hv/lib.h>

#include "admission.h"

#define IMAGE_ROOM_LINUX (16 * MiB)	/* for a kernel to unpack and run in, beside its images */
#define IMAGE_ROOM_ELF (2 * MiB)

const char *admission_key(char *buf, size_t size, const struct plan_guest *g, const char *key)
{
	fmt_print(buf, size, "guest.%s.%s", g->name, key);
	return buf;
}

const struct resolved_guest *admission_kept(const struct admission *a, u32 guest)
{
	const char *name = a->plan->guest[guest].name;

	if (!a->now || (a->moved && !strcmp(a->moved, name)))
		return NULL;
	for (u32 i = 0; i < a->now->guest_count; i++)
		if (!strcmp(a->now->guest[i].plan->name, name))
			return &a->now->guest[i];
	return NULL;
}

/* Cores. */

static bool core_usable(const struct machine_facts *facts, u32 index)
{
	return index < facts->core_count && index < PLAN_CORES_MAX && facts->core_usable[index];
}

static u32 usable_count(const struct machine_facts *facts)
{
	u32 n = 0;

	for (u32 i = 0; i < facts->core_count; i++)
		n += core_usable(facts, i);
	return n;
}

/* In words, why core index cannot be had; null: it is a good one. */
static const char *core_fault(const struct admission *a, u32 index, char *buf, size_t size)
{
	if (index >= a->facts->core_count)
		fmt_print(buf, size, "this machine has cores 0 to %u, no core %u", a->facts->core_count - 1, index);
	else if (!core_usable(a->facts, index))
		fmt_print(buf, size, "core %u of this machine is not usable", index);
	else
		return NULL;
	return buf;
}

static bool admit_control(struct admission *a)
{
	const struct plan_machine *m = &a->plan->machine;
	u32 line = m->line[PLAN_KEY_CONTROL];
	char why[80];

	for (u32 i = 0; i < PLAN_CORES_MAX; i++)
		a->resolved->core_owner[i] = core_usable(a->facts, i) ? OWNER_FREE : OWNER_ABSENT;
	if (core_fault(a, m->control, why, sizeof(why))) {
		plan_error_add(a->errors, "PLAN-CORES", line, "machine.control", "a core that works: %s", why);
		return false;
	}
	a->resolved->control = m->control;
	a->resolved->core_owner[m->control] = OWNER_CONTROL;
	return true;
}

static void report_owned(struct admission *a, const struct plan_guest *g, u32 index)
{
	const struct plan_machine *m = &a->plan->machine;
	u32 line = g->line[PLAN_KEY_CORES], owner = a->resolved->core_owner[index];
	char key[64], other[64];

	admission_key(key, sizeof(key), g, "cores");
	if (owner != OWNER_CONTROL) {
		const struct plan_guest *o = &a->plan->guest[owner];

		plan_error_add(a->errors, "PLAN-OVERLAP", line, key,
			       "cores of its own: core %u is also in %s (line %u)", index,
			       admission_key(other, sizeof(other), o, "cores"), o->line[PLAN_KEY_CORES]);
	} else if (m->line[PLAN_KEY_CONTROL]) {
		plan_error_add(a->errors, "PLAN-OVERLAP", line, key,
			       "cores of its own: core %u is also machine.control (line %u)", index,
			       m->line[PLAN_KEY_CONTROL]);
	} else {
		plan_error_add(a->errors, "PLAN-OVERLAP", line, key,
			       "cores of its own: core %u is the control core (machine.control, by default)", index);
	}
}

static void give_core(struct admission *a, u32 guest, u32 index)
{
	struct resolved_guest *rg = &a->resolved->guest[guest];

	a->resolved->core_owner[index] = (u8)guest;
	rg->core[rg->core_count++] = (u16)index;
}

/* Cores that the plan names. */
static void admit_list(struct admission *a, u32 guest)
{
	const struct plan_guest *g = &a->plan->guest[guest];
	char key[64], why[80];

	for (u32 i = 0; i < g->cores.count; i++) {
		u32 index = g->cores.index[i];

		if (core_fault(a, index, why, sizeof(why)))
			plan_error_add(a->errors, "PLAN-CORES", g->line[PLAN_KEY_CORES],
				       admission_key(key, sizeof(key), g, "cores"), "cores that work: %s", why);
		else if (a->resolved->core_owner[index] != OWNER_FREE)
			report_owned(a, g, index);
		else
			give_core(a, guest, index);
	}
}

/* "web 2, db 2" */
static void list_wanted(const struct plan *plan, char *buf, size_t size)
{
	size_t used = 0;

	*buf = 0;
	for (u32 i = 0; i < plan->guest_count && used < size; i++)
		used += (size_t)fmt_print(buf + used, size - used, "%s%s %u", i ? ", " : "", plan->guest[i].name,
					  plan->guest[i].cores.count);
}

static bool enough_cores(struct admission *a)
{
	u32 wanted = 0, have = usable_count(a->facts) - 1;
	char key[64], list[100];

	for (u32 i = 0; i < a->plan->guest_count; i++)
		wanted += a->plan->guest[i].cores.count;
	if (wanted <= have)
		return true;
	for (u32 i = 0, sum = 0; i < a->plan->guest_count; i++) {
		const struct plan_guest *g = &a->plan->guest[i];

		sum += g->cores.count;
		if (sum <= have)
			continue;
		list_wanted(a->plan, list, sizeof(list));
		plan_error_add(a->errors, "PLAN-CORES", g->line[PLAN_KEY_CORES],
			       admission_key(key, sizeof(key), g, "cores"),
			       "the plan wants %u guest cores (%s); this machine has %u besides the control core",
			       wanted, list, have);
		break;
	}
	return false;
}

/* Cores that the plan counts: the lowest free ones. */
static void admit_count(struct admission *a, u32 guest)
{
	u32 index = 0;

	for (u32 i = 0; i < a->plan->guest[guest].cores.count; i++) {
		while (index < PLAN_CORES_MAX && a->resolved->core_owner[index] != OWNER_FREE)
			index++;
		assert(index < PLAN_CORES_MAX);	/* enough_cores() and disjoint lists */
		give_core(a, guest, index);
	}
}

static void keep_cores(struct admission *a)
{
	for (u32 i = 0; i < a->plan->guest_count; i++) {
		const struct resolved_guest *kept = admission_kept(a, i);

		for (u32 k = 0; kept && k < kept->core_count; k++)
			give_core(a, i, kept->core[k]);
	}
}

/* Lists choose before counts. */
static bool wants_cores(const struct admission *a, u32 guest, bool by_list)
{
	return a->plan->guest[guest].cores.is_list == by_list && !admission_kept(a, guest);
}

void admit_cores(struct admission *a)
{
	const struct plan_guest *first = &a->plan->guest[0];
	u32 errors = a->errors->count;
	char key[64];

	if (usable_count(a->facts) < 2 && a->plan->guest_count) {
		plan_error_add(a->errors, "MACHINE-ONE-CORE", first->line[PLAN_KEY_CORES],
			       admission_key(key, sizeof(key), first, "cores"),
			       "at least 2 cores in the machine: one for the hypervisor, one for a guest; it has %u",
			       usable_count(a->facts));
		return;
	}
	if (!admit_control(a))
		return;
	keep_cores(a);
	for (u32 i = 0; i < a->plan->guest_count; i++)
		if (wants_cores(a, i, true))
			admit_list(a, i);
	if (!enough_cores(a) || a->errors->count != errors)
		return;
	for (u32 i = 0; i < a->plan->guest_count; i++)
		if (wants_cores(a, i, false))
			admit_count(a, i);
}

/* Images. */

static const struct facts_image *image_find(const struct machine_facts *facts, const char *name)
{
	for (u32 i = 0; i < facts->image_count && i < FACTS_IMAGES_MAX; i++)
		if (strcmp(facts->image[i].name, name) == 0)
			return &facts->image[i];
	return NULL;
}

/* null: an error was added. key: whole, such as "machine.import". */
static const struct facts_image *admit_file(struct admission *a, const char *key, const char *name, u32 line)
{
	const struct facts_image *image = image_find(a->facts, name);

	if (!image || image->status == IMAGE_ABSENT) {
		plan_error_add(a->errors, "IMAGE-MISSING", line, key, "the file \"%s\" beside the plan", name);
		return NULL;
	}
	if (image->status != IMAGE_WHOLE) {
		plan_error_add(a->errors, "IMAGE-TRUNCATED", line, key,
			       "the whole of \"%s\"; it could not be read to its end", name);
		return NULL;
	}
	if (image->size == 0) {
		plan_error_add(a->errors, "IMAGE-TRUNCATED", line, key, "a file with contents; \"%s\" is empty", name);
		return NULL;
	}
	return image;
}

const struct facts_image *admit_image(struct admission *a, const struct plan_guest *g, const char *what,
				      const char *name, u32 line)
{
	char key[64];

	return admit_file(a, admission_key(key, sizeof(key), g, what), name, line);
}

/* What [machine] names, besides what guests do. */
static void admit_machine_files(struct admission *a)
{
	const struct plan_machine *m = &a->plan->machine;

	for (u32 i = 0; i < m->import_count; i++)
		admit_file(a, "machine.import", m->import[i], m->line[PLAN_KEY_IMPORT]);
	if (!*m->https.certificate)
		return;
	admit_file(a, "machine.https.certificate", m->https.certificate, m->https.line);
	admit_file(a, "machine.https.key", m->https.key, m->https.line);
}

static void check_format(struct admission *a, const struct plan_guest *g, enum boot_type type,
			 const struct facts_image *image, const char *what)
{
	static const char *const expected[] = { [BOOT_LINUX] = "a Linux bzImage", [BOOT_ELF] = "an ELF to boot",
		[BOOT_UEFI] = "UEFI firmware (OVMF's code)", [BOOT_UEFI_VARS] = "UEFI variables (OVMF's)" };
	u32 line = g->line[type == BOOT_UEFI_VARS ? PLAN_KEY_INITRD : PLAN_KEY_KERNEL];
	char key[64], why[120] = "";

	if (!a->facts->check_image || !a->facts->check_image(type, image->bytes, image->size, why, sizeof(why)))
		return;
	plan_error_add(a->errors, "IMAGE-FORMAT", line, admission_key(key, sizeof(key), g, what), "%s; \"%.40s\": %s",
		       expected[type], image->name, why);
}

/* All images of a guest and room to run must fit into its RAM. Sizes are below 2^63 each; the sum is checked. */
static void check_room(struct admission *a, const struct plan_guest *g, const struct resolved_guest *rg)
{
	u64 room = g->boot.type == BOOT_LINUX ? IMAGE_ROOM_LINUX : IMAGE_ROOM_ELF;
	u64 sizes[2 + PLAN_MODULES_MAX], left = g->memory, total = 0;
	char key[64], have[24];
	u32 count = 0;

	sizes[count++] = rg->kernel->size;
	sizes[count++] = rg->initrd ? rg->initrd->size : 0;
	for (u32 i = 0; i < rg->module_count; i++)
		sizes[count++] = rg->module[i]->size;
	left = left > room ? left - room : 0;
	for (u32 i = 0; i < count; i++) {
		if (sizes[i] <= left - total) {
			total += sizes[i];
			continue;
		}
		plan_error_add(a->errors, "IMAGE-TOO-BIG", g->line[PLAN_KEY_MEMORY],
			       admission_key(key, sizeof(key), g, "memory"),
			       "room for the guest's images and %lu MiB to run: they do not fit into %s", room / MiB,
			       plan_format_memory(have, sizeof(have), g->memory));
		return;
	}
}

static void admit_guest_images(struct admission *a, const struct plan_guest *g, struct resolved_guest *rg)
{
	static const char *const key[] = { [BOOT_LINUX] = "boot.kernel", [BOOT_ELF] = "boot.file",
		[BOOT_UEFI] = "boot.firmware" };
	const char *what = key[g->boot.type], *second = g->boot.type == BOOT_UEFI ? "boot.vars" : "boot.initrd";
	bool all = true;

	rg->kernel = admit_image(a, g, what, g->boot.kernel, g->line[PLAN_KEY_KERNEL]);
	if (rg->kernel)
		check_format(a, g, g->boot.type, rg->kernel, what);
	if (*g->boot.initrd) {
		rg->initrd = admit_image(a, g, second, g->boot.initrd, g->line[PLAN_KEY_INITRD]);
		all = rg->initrd;
	}
	if (g->boot.type == BOOT_UEFI) {
		if (rg->initrd)
			check_format(a, g, BOOT_UEFI_VARS, rg->initrd, second);
		return;		/* they go into flash, not into the guest's memory */
	}
	for (u32 i = 0; i < g->boot.module_count; i++) {
		rg->module[i] = admit_image(a, g, "boot.modules", g->boot.module[i], g->boot.module_line[i]);
		all = all && rg->module[i];
		rg->module_count++;
	}
	if (all && rg->kernel)
		check_room(a, g, rg);
}

void admit_images(struct admission *a)
{
	admit_machine_files(a);
	for (u32 i = 0; i < a->plan->guest_count; i++)
		admit_guest_images(a, &a->plan->guest[i], &a->resolved->guest[i]);
}

/* Who wants its cores' local APICs in any case. A CPUID with Hyper-V's leaves offers EOIs and timers of its own. */
static void admit_apics(struct admission *a)
{
	char key[64];

	for (u32 i = 0; i < a->plan->guest_count; i++) {
		const struct plan_guest *g = &a->plan->guest[i];

		if (g->apic != PLAN_APIC_OWNED || (a->facts->x2apic && !g->hyperv))
			continue;
		plan_error_add(a->errors, "PLAN-APIC", g->line[PLAN_KEY_APIC], admission_key(key, sizeof(key), g, "apic"),
			       "\"virtual\" or \"auto\": %s", g->hyperv ? "not together with hyperv = true" :
			       "this machine's cores do not run in x2APIC mode");
	}
}

/* All of it. */

static int admit_all(struct admission *a)
{
	const struct plan *plan = a->plan;
	const struct machine_facts *facts = a->facts;
	struct resolved_plan *resolved = a->resolved;
	struct plan_errors *errors = a->errors;
	u32 before = errors->count + errors->lost;
	char why[120];

	memset(resolved, 0, sizeof(*resolved));
	resolved->guest_count = plan->guest_count;
	for (u32 i = 0; i < plan->guest_count; i++)
		resolved->guest[i].plan = &plan->guest[i];

	admit_cores(a);
	admit_memory(a);
	admit_images(a);
	admit_disks(a);
	admit_nets(a);
	admit_apics(a);
	if (errors->count + errors->lost == before)
		admit_devices(a);
	if (errors->count + errors->lost == before &&
	    resolved_plan_verify(plan, facts, resolved, why, sizeof(why)) != 0)
		plan_error_add(errors, "PLAN-INVARIANT", 1, "-", "a machine whose facts agree: %s", why);
	if (errors->count + errors->lost == before)
		return 0;
	memset(resolved, 0, sizeof(*resolved));
	return -E_INVAL;
}

int plan_admit(const struct plan *plan, const struct machine_facts *facts, struct resolved_plan *resolved,
	       struct plan_errors *errors)
{
	struct admission a = { .plan = plan, .facts = facts, .resolved = resolved, .errors = errors };

	if (plan->guest_count)
		return admit_all(&a);
	memset(resolved, 0, sizeof(*resolved));
	plan_error_add(errors, "PLAN-NO-GUEST", 1, "guest", "at least one table [guest.NAME]");
	return -E_INVAL;
}

int plan_admit_beside(const struct plan *plan, const struct machine_facts *facts, const struct resolved_plan *now,
		      const char *moved, struct resolved_plan *resolved, struct plan_errors *errors)
{
	struct admission a = { .plan = plan, .facts = facts, .resolved = resolved, .errors = errors, .now = now,
			       .moved = moved };

	assert(now != resolved);
	return admit_all(&a);
}
