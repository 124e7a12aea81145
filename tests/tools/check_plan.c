/* SPDX-License-Identifier: Apache-2.0 */
/* check-plan FOLDER [--cores N] [--memory SIZE] [--show] [--images]: would this folder's plan be admitted?
 * Runs the reader and the admission of the hypervisor itself on an imagined machine. Prints each error in the form
 * that the console has and returns 1, or a summary and returns 0; 2: called wrongly.
 * --show writes the resolved plan as a plan; --images only lists the files that the plan names, one a line; --lasting the disks
 * that are Bulkhead's ("disk NAME") and the volumes of its guests ("volume NAME"). */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <hv/gmem.h>
#include <hv/lib.h>
#include <hv/load.h>
#include <hv/plan.h>

#define HYPERVISOR_SHARE (64 * MiB)	/* what firmware and hypervisor keep of a machine, on the safe side */

struct options {
	const char *folder;
	u32 cores;
	u64 memory;
	bool show, images, lasting;
};

static struct plan plan;
static struct plan_work work;
static struct plan_errors errors;
static struct machine_facts facts;
static struct resolved_plan resolved;

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
	abort();
}

/* The loaders' headers are checked here, nothing is loaded: there is no guest. */
bool gmem_write(const struct guest *g, gpa_t gpa, const void *from, u64 len)
{
	(void)g, (void)gpa, (void)from, (void)len;
	abort();
}

/* The whole of folder/name, or null. *size is what the file system says, also when reading failed. */
static void *file_read(const char *folder, const char *name, u64 *size, enum image_status *status)
{
	char path[4096];
	struct stat st;
	void *bytes;
	FILE *f;

	*size = 0;
	*status = IMAGE_ABSENT;
	fmt_print(path, sizeof(path), "%s/%s", folder, name);
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	*size = (u64)st.st_size;
	*status = IMAGE_CUT;
	f = fopen(path, "rb");
	bytes = malloc(*size + 1);
	if (f && bytes && fread(bytes, 1, *size, f) == *size)
		*status = IMAGE_WHOLE;
	if (f)
		fclose(f);
	return bytes;
}

static void load_image(void *context, const char *name)
{
	const struct options *o = context;
	struct facts_image *image = &facts.image[facts.image_count];

	for (u32 i = 0; i < facts.image_count; i++)
		if (strcmp(facts.image[i].name, name) == 0)
			return;
	if (facts.image_count == FACTS_IMAGES_MAX)
		return;
	image->name = name;
	image->bytes = file_read(o->folder, name, &image->size, &image->status);
	facts.image_count++;
}

static void print_name(void *context, const char *name)
{
	(void)context;
	printf("%s\n", name);
}

static void print_lasting(void)
{
	for (u32 i = 0; i < plan.machine.disk_count; i++)
		printf("disk %s\n", plan.machine.disk[i]);
	for (u32 g = 0; g < plan.guest_count; g++)
		for (u32 d = 0; d < plan.guest[g].disk_count; d++)
			if (*plan.guest[g].disk[d].volume)
				printf("volume %s\n", plan.guest[g].disk[d].volume);
}

static void print_text(void *context, const char *text)
{
	(void)context;
	fputs(text, stdout);
}

/* A PC's usual layout: RAM to 3 GiB, the rest from 4 GiB. */
static void imagine_machine(const struct options *o)
{
	u64 low = MIN(o->memory, 3 * GiB);

	facts.check_image = load_check;
	facts.any_card = true;
	facts.x2apic = true;
	facts.core_count = o->cores;
	for (u32 i = 0; i < o->cores; i++)
		facts.core_usable[i] = true;
	if (low > HYPERVISOR_SHARE)
		facts.ram[facts.ram_count++] = (struct facts_ram){ HPA(HYPERVISOR_SHARE), low - HYPERVISOR_SHARE };
	if (o->memory > low)
		facts.ram[facts.ram_count++] = (struct facts_ram){ HPA(4 * GiB), o->memory - low };
}

static u64 parse_size(const char *s)
{
	char *end;
	u64 n = strtoull(s, &end, 10), unit = strcmp(end, "GiB") == 0 ? GiB : strcmp(end, "MiB") == 0 ? MiB : 0;

	return n < BIT(52) / GiB ? n * unit : 0;
}

static u32 parse_cores(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	return *end || n > PLAN_CORES_MAX ? 0 : (u32)n;
}

/* What is wrong with an option, besides the usage. */
static bool is_wrong(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "check-plan: %s: %s, not \"%s\"\n", option, expected, value);
	return false;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--cores") == 0) {
			o->cores = parse_cores(next);
			if (!o->cores)
				return is_wrong(argv[i], next, "1 to 256 cores");
			i++;
		} else if (strcmp(argv[i], "--memory") == 0) {
			o->memory = parse_size(next);
			if (!o->memory)
				return is_wrong(argv[i], next, "a size such as 512MiB or 8GiB");
			i++;
		} else if (strcmp(argv[i], "--show") == 0) {
			o->show = true;
		} else if (strcmp(argv[i], "--images") == 0) {
			o->images = true;
		} else if (strcmp(argv[i], "--lasting") == 0) {
			o->lasting = true;
		} else if (argv[i][0] != '-' && !o->folder) {
			o->folder = argv[i];
		} else {
			fprintf(stderr, "check-plan: %s: an option of these was expected\n", argv[i]);
			return false;
		}
	}
	return o->folder;
}

static int fail(void)
{
	for (u32 i = 0; i < errors.count; i++)
		printf("%s\n", errors.error[i].text);
	if (errors.lost)
		printf("and %u more errors\n", errors.lost);
	return 1;
}

static void print_summary(const struct options *o)
{
	char memory[24];

	printf("%-20s %-6s %-8s %-6s %-24s %s\n", "guest", "boot", "memory", "pieces", "cores", "files");
	for (u32 i = 0; i < resolved.guest_count; i++) {
		const struct resolved_guest *g = &resolved.guest[i];
		char cores[200];
		int used = 0;

		for (u32 c = 0; c < g->core_count && used < (int)sizeof(cores); c++)
			used += fmt_print(cores + used, sizeof(cores) - (size_t)used, "%s%u", c ? "," : "", g->core[c]);
		printf("%-20s %-6s %-8s %-6u %-24s %s", g->plan->name,
		       g->plan->boot.type == BOOT_LINUX ? "linux" : g->plan->boot.type == BOOT_ELF ? "elf" : "uefi",
		       plan_format_memory(memory, sizeof(memory), g->plan->memory), g->range_count, cores,
		       g->kernel->name);
		if (g->initrd)
			printf(" %s", g->initrd->name);
		for (u32 m = 0; m < g->module_count; m++)
			printf(" %s", g->module[m]->name);
		printf("\n");
	}
	printf("the plan holds on a machine with %u cores and %s, control core %u\n", o->cores,
	       plan_format_memory(memory, sizeof(memory), o->memory), resolved.control);
}

int main(int argc, char **argv)
{
	struct options o = { .cores = PLAN_CORES_MAX, .memory = 1024 * GiB };
	enum image_status status;
	void *bytes;
	u64 size;

	if (!parse_options(argc, argv, &o)) {
		fprintf(stderr, "usage: %s FOLDER [--cores 1..256] [--memory 8GiB] [--show] [--images] [--lasting]\n", argv[0]);
		return 2;
	}
	plan_errors_init(&errors, "bulkhead.toml");
	bytes = file_read(o.folder, "bulkhead.toml", &size, &status);
	if (status != IMAGE_WHOLE) {
		plan_error_add(&errors, "PLAN-MISSING", 0, "-", "a file bulkhead.toml that can be read in %s",
			       o.folder);
		return fail();
	}
	if (plan_read(&plan, bytes, size, &work, &errors) != 0)
		return fail();
	if (o.images) {
		plan_each_image(&plan, print_name, NULL);
		return 0;
	}
	if (o.lasting) {
		print_lasting();
		return 0;
	}
	plan_each_image(&plan, load_image, &o);
	imagine_machine(&o);
	if (plan_admit(&plan, &facts, &resolved, &errors) != 0)
		return fail();
	if (o.show)
		resolved_plan_show(&plan, &resolved, print_text, NULL);
	else
		print_summary(&o);
	return 0;
}
