/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/admission_devices.c hv/core/resolved_plan.c hv/core/plan_show.c hv/core/plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_switch.c hv/core/plan_host.c hv/core/plan_https.c hv/core/plan_errors.c hv/core/plan_schema.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/string.c hv/lib/net_text.c hv/lib/format.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/plan.h>

#define ELF "boot = { type = \"elf\", file = \"k\" }\n"

static struct plan plan;
static struct plan_work work;
static struct plan_errors errors;
static struct machine_facts facts;
static struct resolved_plan resolved;
static char why[120];

static u64 random_state;

static u32 random_below(u32 n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (u32)(random_state >> 33) % n;
}

static void add_ram(u64 base, u64 size)
{
	facts.ram[facts.ram_count++] = (struct facts_ram){ HPA(base), size };
}

static void add_image(const char *name, enum image_status status, u64 size)
{
	facts.image[facts.image_count++] = (struct facts_image){ name, status, size, "bytes" };
}

/* cores cores, 8 GiB as PCs have them, the image k of 1 MiB */
static void make_machine(u32 cores)
{
	memset(&facts, 0, sizeof(facts));
	facts.core_count = cores;
	for (u32 i = 0; i < cores; i++)
		facts.core_usable[i] = true;
	add_ram(64 * MiB, 3 * GiB - 64 * MiB);
	add_ram(4 * GiB, 5 * GiB);
	add_image("k", IMAGE_WHOLE, MiB);
}

static void read_plan(const char *text)
{
	plan_errors_init(&errors, "p.toml");
	if (plan_read(&plan, text, strlen(text), &work, &errors))
		fail_msg("%s", errors.error[0].text);
}

static bool is_zero(const void *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((const u8 *)p)[i])
			return false;
	return true;
}

static int admit(void)
{
	int err;

	plan_errors_init(&errors, "p.toml");
	memset(&resolved, 0xa5, sizeof(resolved));
	err = plan_admit(&plan, &facts, &resolved, &errors);
	if (err) {
		assert_int_equal(err, -E_INVAL);
		assert_true(errors.count > 0);
		assert_true(is_zero(&resolved, sizeof(resolved)));
	} else {
		assert_int_equal(errors.count, 0);
		if (resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)))
			fail_msg("%s", why);
	}
	return err;
}

static void admit_text(const char *text)
{
	read_plan(text);
	if (admit())
		fail_msg("%s", errors.error[0].text);
}

static bool has_text(const char *s, const char *part)
{
	for (; *s; s++)
		if (strncmp(s, part, strlen(part)) == 0)
			return true;
	return false;
}

static void refuse_text(const char *text, const char *expected)
{
	read_plan(text);
	if (admit() == 0)
		fail_msg("admitted: %s", text);
	for (u32 i = 0; i < errors.count; i++)
		if (has_text(errors.error[i].text, expected))
			return;
	fail_msg("%s\nnot %s", errors.error[0].text, expected);
}

/* Cores. */

static void test_lists_first_then_lowest(void **state)
{
	(void)state;
	make_machine(8);
	facts.core_usable[3] = false;
	admit_text("[machine]\ncontrol = 1\n"
		   "[guest.a]\ncores = 2\nmemory = \"64MiB\"\n" ELF
		   "[guest.b]\ncores = [4, 0]\nmemory = \"64MiB\"\n" ELF
		   "[guest.c]\ncores = 1\nmemory = \"64MiB\"\n" ELF);
	assert_int_equal(resolved.control, 1);
	assert_int_equal(resolved.guest[0].core[0], 2);
	assert_int_equal(resolved.guest[0].core[1], 5);
	assert_int_equal(resolved.guest[1].core[0], 4);
	assert_int_equal(resolved.guest[1].core[1], 0);
	assert_int_equal(resolved.guest[2].core[0], 6);
	assert_int_equal(resolved.core_owner[1], OWNER_CONTROL);
	assert_int_equal(resolved.core_owner[3], OWNER_ABSENT);
	assert_int_equal(resolved.core_owner[4], 1);
	assert_int_equal(resolved.core_owner[7], OWNER_FREE);
	assert_int_equal(resolved.core_owner[8], OWNER_ABSENT);
}

static void test_core_refusals(void **state)
{
	static const char two[] = "[guest.web]\ncores = 2\nmemory = \"64MiB\"\n" ELF
				  "[guest.db]\ncores = 2\nmemory = \"64MiB\"\n" ELF;
	static const char same[] = "[guest.web]\ncores = [2, 1]\nmemory = \"64MiB\"\n" ELF
				   "[guest.db]\ncores = [3, 2]\nmemory = \"64MiB\"\n" ELF;

	(void)state;
	make_machine(4);
	refuse_text(two, "error PLAN-CORES: p.toml:6: guest.db.cores: the plan wants 4 guest cores (web 2, db 2); "
			 "this machine has 3 besides the control core");
	refuse_text(same, "error PLAN-OVERLAP: p.toml:6: guest.db.cores: cores of its own: core 2 is also in "
			  "guest.web.cores (line 2)");
	refuse_text("[guest.web]\ncores = [0]\nmemory = \"64MiB\"\n" ELF,
		    "error PLAN-OVERLAP: p.toml:2: guest.web.cores: cores of its own: core 0 is the control core");
	refuse_text("[machine]\ncontrol = 2\n[guest.web]\ncores = [1, 2]\nmemory = \"64MiB\"\n" ELF,
		    "error PLAN-OVERLAP: p.toml:4: guest.web.cores: cores of its own: core 2 is also machine.control "
		    "(line 2)");
	refuse_text("[machine]\ncontrol = 4\n[guest.web]\ncores = 1\nmemory = \"64MiB\"\n" ELF,
		    "error PLAN-CORES: p.toml:2: machine.control: a core that works: this machine has cores 0 to 3, no "
		    "core 4");
	refuse_text("[guest.web]\ncores = [1, 4]\nmemory = \"64MiB\"\n" ELF,
		    "error PLAN-CORES: p.toml:2: guest.web.cores: ");
	facts.core_usable[2] = false;
	refuse_text("[guest.web]\ncores = [2]\nmemory = \"64MiB\"\n" ELF, "core 2 of this machine is not usable");
	refuse_text("[machine]\ncontrol = 2\n[guest.web]\ncores = [1]\nmemory = \"64MiB\"\n" ELF, "not usable");
	refuse_text("[guest.web]\ncores = 3\nmemory = \"64MiB\"\n" ELF, "this machine has 2 besides the control core");
}

static void test_one_core(void **state)
{
	(void)state;
	make_machine(1);
	refuse_text("[guest.web]\ncores = 1\nmemory = \"64MiB\"\n" ELF,
		    "error MACHINE-ONE-CORE: p.toml:2: guest.web.cores: ");
	make_machine(4);
	facts.core_usable[1] = facts.core_usable[2] = facts.core_usable[3] = false;
	refuse_text("[guest.web]\ncores = 1\nmemory = \"64MiB\"\n" ELF, "it has 1");
	make_machine(0);
	refuse_text("[guest.web]\ncores = 1\nmemory = \"64MiB\"\n" ELF, "error MACHINE-ONE-CORE: ");
}

static void build_plan(u32 guests)
{
	memset(&plan, 0, sizeof(plan));
	plan.guest_count = guests;
	for (u32 i = 0; i < guests; i++) {
		plan.guest[i].memory = 64 * MiB;
		plan.guest[i].boot.type = BOOT_ELF;
		fmt_print(plan.guest[i].name, PLAN_NAME_SIZE, "g%u", i);
		str_copy(plan.guest[i].boot.kernel, PLAN_PATH_SIZE, "k");
	}
}

/* Every machine of up to 6 cores, every control core, every set of up to three counts: admitted exactly when they fit.
 */
static void test_counts_exhaustively(void **state)
{
	(void)state;
	for (u32 cores = 1; cores <= 6; cores++)
		for (u32 control = 0; control < 6; control++)
			for (u32 counts = 0; counts < 5 * 5 * 5; counts++) {
				u32 want[3] = { counts % 5, counts / 5 % 5, counts / 25 }, sum = 0, guests = 0;

				make_machine(cores);
				build_plan(3);
				for (u32 i = 0; i < 3; i++)
					if (want[i]) {
						plan.guest[guests++].cores.count = want[i];
						sum += want[i];
					}
				plan.guest_count = guests;
				plan.machine.control = control;
				assert_int_equal(admit() == 0,
						 guests && cores >= 2 && control < cores && sum <= cores - 1);
			}
}

/* Every pair of lists out of 4 cores, on every set of usable cores. */
static void test_lists_exhaustively(void **state)
{
	(void)state;
	for (u32 usable = 0; usable < 16; usable++)
		for (u32 a = 1; a < 16; a++)
			for (u32 b = 1; b < 16; b++) {
				u32 sets[2] = { a, b };

				make_machine(4);
				build_plan(2);
				for (u32 i = 0; i < 4; i++)
					facts.core_usable[i] = usable & BIT32(i);
				for (u32 g = 0; g < 2; g++) {
					plan.guest[g].cores.is_list = true;
					for (u16 i = 0; i < 4; i++)
						if (sets[g] & BIT32(i))
							plan.guest[g].cores.index[plan.guest[g].cores.count++] = i;
				}
				assert_int_equal(admit() == 0, (usable & 1) && !((a | b) & 1) && !(a & b) &&
							       !((a | b) & ~usable));
			}
}

/* RAM. */

static void test_layout_around_4_gib(void **state)
{
	const struct resolved_guest *g = &resolved.guest[0];

	(void)state;
	make_machine(2);
	admit_text("[guest.a]\ncores = 1\nmemory = \"4GiB\"\n" ELF);
	assert_int_equal(g->range_count, 2);
	assert_true(g->range[0].gpa == 0 && g->range[0].size == 3 * GiB && g->range[0].hpa.v == 4 * GiB);
	assert_true(g->range[1].gpa == 4 * GiB && g->range[1].size == GiB && IS_ALIGNED(g->range[1].hpa.v, GiB));
	admit_text("[guest.a]\ncores = 1\nmemory = \"3GiB\"\n" ELF);
	assert_int_equal(g->range_count, 1);
	admit_text("[guest.a]\ncores = 1\nmemory = \"3074MiB\"\n" ELF);
	assert_int_equal(g->range_count, 2);
	assert_true(g->range[1].gpa == 4 * GiB && g->range[1].size == 2 * MiB);
}

static void test_small_guests_leave_big_pages(void **state)
{
	(void)state;
	make_machine(4);
	admit_text("[guest.a]\ncores = 1\nmemory = \"256MiB\"\n" ELF "[guest.b]\ncores = 1\nmemory = \"5GiB\"\n" ELF);
	assert_true(resolved.guest[0].range[0].hpa.v == 64 * MiB);
	for (u32 i = 0; i < resolved.guest[1].range_count; i++)
		assert_true(IS_ALIGNED(resolved.guest[1].range[i].hpa.v, GiB));
}

static void test_whole_machine(void **state)
{
	(void)state;
	make_machine(2);
	build_plan(1);
	plan.guest[0].cores.count = 1;
	plan.guest[0].memory = 8 * GiB - 64 * MiB;
	assert_int_equal(admit(), 0);
	assert_int_equal(resolved.free_count, 0);
	plan.guest[0].memory += 2 * MiB;
	assert_int_equal(admit(), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-MEMORY");
}

static void test_memory_refusals(void **state)
{
	(void)state;
	make_machine(3);
	refuse_text("[guest.a]\ncores = 1\nmemory = \"6GiB\"\n" ELF "[guest.b]\ncores = 1\nmemory = \"4GiB\"\n" ELF,
		    "error PLAN-MEMORY: p.toml:7: guest.b.memory: the plan wants 10GiB (a 6GiB, b 4GiB); "
		    "this machine has 8128MiB for guests, the largest piece 5GiB");
	facts.ram_count = 0;
	refuse_text("[guest.a]\ncores = 1\nmemory = \"16MiB\"\n" ELF, "has 0MiB for guests, the largest piece 0MiB");
	for (u32 i = 0; i < 16; i++)
		add_ram(i * 8 * MiB, 2 * MiB);
	refuse_text("[guest.a]\ncores = 1\nmemory = \"18MiB\"\n" ELF,
		    "this machine has 32MiB for guests, the largest piece "
		    "2MiB, too scattered");
	admit_text("[guest.a]\ncores = 1\nmemory = \"16MiB\"\n" ELF);
	assert_int_equal(resolved.guest[0].range_count, 8);
}

/* 1 GiB pages would cost more pieces than there may be; small pages then do. */
static void test_few_pieces_before_big_pages(void **state)
{
	(void)state;
	make_machine(2);
	facts.ram_count = 0;
	add_ram(0x200000, 7 * GiB);		/* begins off a GiB: 6 whole ones in it */
	for (u64 i = 0; i < 8; i++)
		add_ram((16 + 2 * i) * GiB + 512 * MiB, GiB - 2 * MiB);
	admit_text("[guest.a]\ncores = 1\nmemory = \"7GiB\"\n" ELF);
	assert_true(resolved.guest[0].range_count <= 4);
}

static void test_ragged_ram(void **state)
{
	(void)state;
	make_machine(2);
	facts.ram_count = 0;
	add_ram(0x1000, 0x9f000);
	add_ram(3 * MiB, 16 * MiB);	/* whole blocks: 4 to 18 */
	add_ram(32 * MiB, 0);
	add_ram(33 * MiB, 1 * MiB);
	add_ram(34 * MiB, 3 * MiB);	/* one block */
	add_ram(64 * MiB + 4096, 3 * MiB);	/* none */
	admit_text("[guest.a]\ncores = 1\nmemory = \"16MiB\"\n" ELF);
	assert_int_equal(resolved.free_count, 0);
	assert_int_equal(resolved.guest[0].range_count, 2);
	refuse_text("[guest.a]\ncores = 1\nmemory = \"18MiB\"\n" ELF, "this machine has 16MiB for guests");
}

static void test_touching_ranges_are_one(void **state)
{
	(void)state;
	make_machine(2);
	facts.ram_count = 0;
	for (u64 i = 0; i < 64; i++)
		add_ram(GiB + i * 2 * MiB, 2 * MiB);
	admit_text("[guest.a]\ncores = 1\nmemory = \"128MiB\"\n" ELF);
	assert_int_equal(resolved.guest[0].range_count, 1);
}

static void test_facts_that_overlap(void **state)
{
	(void)state;
	make_machine(3);
	facts.ram_count = 0;
	add_ram(GiB, 64 * MiB);
	add_ram(GiB, 64 * MiB);
	refuse_text("[guest.a]\ncores = 1\nmemory = \"64MiB\"\n" ELF "[guest.b]\ncores = 1\nmemory = \"64MiB\"\n" ELF,
		    "error PLAN-INVARIANT: ");
	facts.ram_count = 0;
	add_ram(UINT64_MAX - 64 * MiB + 1, 128 * MiB);	/* wraps: ignored */
	refuse_text("[guest.a]\ncores = 1\nmemory = \"64MiB\"\n" ELF, "has 0MiB for guests");
}

/* Images. */

#define LINUX "[guest.a]\ncores = 1\nmemory = \"64MiB\"\nboot = { type = \"linux\", kernel = \"k\", initrd = \"i\" }\n"

static void test_image_refusals(void **state)
{
	(void)state;
	make_machine(2);
	refuse_text(LINUX, "error IMAGE-MISSING: p.toml:4: guest.a.boot.initrd: the file \"i\" beside the plan");
	add_image("i", IMAGE_ABSENT, 0);
	refuse_text(LINUX, "error IMAGE-MISSING: p.toml:4: guest.a.boot.initrd: ");
	facts.image[1].status = IMAGE_CUT;
	facts.image[1].size = 5;
	refuse_text(LINUX, "error IMAGE-TRUNCATED: p.toml:4: guest.a.boot.initrd: the whole of \"i\"");
	facts.image[1].status = IMAGE_WHOLE;
	facts.image[1].size = 0;
	refuse_text(LINUX, "error IMAGE-TRUNCATED: p.toml:4: guest.a.boot.initrd: a file with contents");
	facts.image[1].size = 47 * MiB;
	admit_text(LINUX);
	assert_ptr_equal(resolved.guest[0].kernel, &facts.image[0]);
	assert_ptr_equal(resolved.guest[0].initrd, &facts.image[1]);
	facts.image[1].size = 47 * MiB + 1;
	refuse_text(LINUX, "error IMAGE-TOO-BIG: p.toml:3: guest.a.memory: room for the guest's images and 16 MiB");
	facts.image[1].size = UINT64_MAX;
	refuse_text(LINUX, "error IMAGE-TOO-BIG: ");
	facts.image[0].size = UINT64_MAX;
	refuse_text(LINUX, "error IMAGE-TOO-BIG: ");
}

/* Files that no guest has. */
static void test_machine_files(void **state)
{
	static const char text[] = "[machine]\nimport = [\"k\", \"d\"]\nhttps = { certificate = \"c\", key = \"p\" }\n"
				   "[guest.a]\ncores = 1\nmemory = \"64MiB\"\n" ELF;

	(void)state;
	make_machine(2);
	refuse_text(text, "error IMAGE-MISSING: p.toml:2: machine.import: the file \"d\" beside the plan");
	refuse_text(text, "error IMAGE-MISSING: p.toml:3: machine.https.certificate: the file \"c\" beside the plan");
	refuse_text(text, "error IMAGE-MISSING: p.toml:3: machine.https.key: the file \"p\" beside the plan");
	add_image("d", IMAGE_CUT, 5);
	add_image("c", IMAGE_WHOLE, 0);
	add_image("p", IMAGE_WHOLE, 5);
	refuse_text(text, "error IMAGE-TRUNCATED: p.toml:2: machine.import: the whole of \"d\"");
	refuse_text(text, "error IMAGE-TRUNCATED: p.toml:3: machine.https.certificate: a file with contents");
	facts.image[1].status = IMAGE_WHOLE;
	facts.image[2].size = 1;
	admit_text(text);
}

static void test_modules(void **state)
{
	static const char text[] = "[guest.a]\ncores = 1\nmemory = \"16MiB\"\n"
				   "boot = { type = \"elf\", file = \"k\", modules = [\"m\",\n\"k\",\n\"n\"] }\n";

	(void)state;
	make_machine(2);
	add_image("m", IMAGE_WHOLE, 12 * MiB);
	refuse_text(text, "error IMAGE-MISSING: p.toml:6: guest.a.boot.modules: the file \"n\"");
	add_image("n", IMAGE_WHOLE, 1);
	refuse_text(text, "error IMAGE-TOO-BIG: ");
	facts.image[1].size = 12 * MiB - 1;
	admit_text(text);
	assert_int_equal(resolved.guest[0].module_count, 3);
	assert_ptr_equal(resolved.guest[0].module[1], resolved.guest[0].kernel);
	assert_null(resolved.guest[0].initrd);
}

/* Disks. */

#define DISKS(name, rest) "[guest." name "]\ncores = 1\nmemory = \"64MiB\"\n" ELF rest

static void test_disks(void **state)
{
	(void)state;
	make_machine(4);
	refuse_text(DISKS("a", "disk = [{ image = \"d\" }]"), "error IMAGE-MISSING: p.toml:5: guest.a.disk: the file \"d\"");
	add_image("d", IMAGE_WHOLE, 4096);
	add_image("e", IMAGE_WHOLE, 513);
	admit_text(DISKS("a", "disk = [{ image = \"d\" }]"));
	assert_ptr_equal(resolved.guest[0].disk[0], &facts.image[1]);
	assert_null(resolved.guest[0].cdrom);
	refuse_text(DISKS("a", "disk = [{ image = \"d\" },\n{ image = \"e\" }]"),
		    "error IMAGE-SECTORS: p.toml:6: guest.a.disk: a raw image, a multiple of 512 bytes; \"e\" has 513 bytes");
	refuse_text(DISKS("a", "cdrom = \"e\""), "error IMAGE-SECTORS: p.toml:5: guest.a.cdrom: ");
	admit_text(DISKS("a", "disk = [{ image = \"d\", readonly = true }]\ncdrom = \"d\"\n")
		   DISKS("b", "disk = [{ image = \"d\", readonly = true }]\n"));
	assert_ptr_equal(resolved.guest[0].cdrom, resolved.guest[1].disk[0]);
	facts.image[1].status = IMAGE_CUT;
	refuse_text(DISKS("a", "cdrom = \"d\""), "error IMAGE-TRUNCATED: p.toml:5: guest.a.cdrom: ");
}

static void test_shared_disks(void **state)
{
	(void)state;
	make_machine(4);
	add_image("d", IMAGE_WHOLE, 4096);
	refuse_text(DISKS("a", "disk = [{ image = \"d\" }]\n") DISKS("b", "disk = [{ image = \"d\", readonly = true }]\n"),
		    "error IMAGE-SHARED: p.toml:10: guest.b.disk: a file of its own, or readonly = true at both: \"d\" is "
		    "also in guest.a.disk (line 5)");
	refuse_text(DISKS("a", "disk = [{ image = \"d\", readonly = true }]\n") DISKS("b", "disk = [{ image = \"d\" }]\n"),
		    "error IMAGE-SHARED: p.toml:10: guest.b.disk: ");
	refuse_text(DISKS("a", "disk = [{ image = \"d\" }, { image = \"d\" }]\n"), "error IMAGE-SHARED: p.toml:5: ");
	refuse_text(DISKS("a", "disk = [{ image = \"d\" }]\ncdrom = \"d\"\n"), "error IMAGE-SHARED: p.toml:6: guest.a.cdrom: ");
	facts.image[0].size = 512;
	refuse_text(DISKS("a", "disk = [{ image = \"k\" }]\n"), "error IMAGE-SHARED: p.toml:5: guest.a.disk: ");
	refuse_text(DISKS("a", "") DISKS("b", "disk = [{ image = \"k\" }]\n"), "error IMAGE-SHARED: ");
}

static u32 checks;

static int check_image(enum boot_type type, const void *bytes, u64 size, char *text, size_t text_size)
{
	checks++;
	assert_string_equal(bytes, "bytes");
	if (type == BOOT_LINUX && size == MiB)
		return 0;
	fmt_print(text, text_size, "no magic\x1b at 0x%x", 514);
	return -E_INVAL;
}

static void test_image_check(void **state)
{
	(void)state;
	make_machine(2);
	facts.check_image = check_image;
	add_image("i", IMAGE_WHOLE, 7);
	checks = 0;
	admit_text(LINUX);
	assert_int_equal(checks, 1);
	refuse_text("[guest.a]\ncores = 1\nmemory = \"64MiB\"\n" ELF,
		    "error IMAGE-FORMAT: p.toml:4: guest.a.boot.file: an ELF to boot; \"k\": no magic? at 0x202");
}

static void test_all_errors_at_once(void **state)
{
	(void)state;
	make_machine(2);
	read_plan("[guest.a]\ncores = 2\nmemory = \"16GiB\"\nboot = { type = \"elf\", file = \"none\" }\n");
	assert_int_equal(admit(), -E_INVAL);
	assert_int_equal(errors.count, 3);
	assert_string_equal(errors.error[0].id, "PLAN-CORES");
	assert_string_equal(errors.error[1].id, "PLAN-MEMORY");
	assert_string_equal(errors.error[2].id, "IMAGE-MISSING");
}

static void test_no_guest(void **state)
{
	(void)state;
	make_machine(2);
	build_plan(0);
	assert_int_equal(admit(), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-NO-GUEST");
}

/* Random machines and plans. */

static void random_machine(void)
{
	u64 at = 0;

	make_machine(1 + random_below(12));
	for (u32 i = 0; i < facts.core_count; i++)
		facts.core_usable[i] = random_below(8) != 0;
	facts.ram_count = 0;
	for (u32 i = random_below(12); i > 0; i--) {
		at += random_below(3) ? random_below(600) * MiB : 0;
		add_ram(at, (u64)random_below(3000) * MiB / (1 + random_below(40)));
		at += facts.ram[facts.ram_count - 1].size;
	}
}

static void random_plan(void)
{
	build_plan(1 + random_below(4));
	plan.machine.control = random_below(3) ? 0 : random_below(4);
	for (u32 g = 0; g < plan.guest_count; g++) {
		struct plan_cores *cores = &plan.guest[g].cores;
		u16 first = (u16)random_below(8);

		cores->count = 1 + random_below(3);
		cores->is_list = random_below(4) == 0;
		for (u16 i = 0; cores->is_list && i < cores->count; i++)
			cores->index[i] = (u16)(first + i);
		plan.guest[g].memory =
			random_below(4) ? (8 + random_below(200)) * 2 * MiB : (1 + random_below(2500)) * 4 * MiB;
		if (plan.guest[g].memory < PLAN_MEMORY_MIN)
			plan.guest[g].memory = PLAN_MEMORY_MIN;
	}
}

static u64 free_ram(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < resolved.free_count; i++)
		sum += resolved.free[i].size;
	return sum;
}

/* admit() itself checks: admitted means verified, refused means all zero. Here: no block is lost, the same again gives
 * the same, and a refusal for memory alone happens only when memory is short or scattered. */
static void test_random(void **state)
{
	static struct resolved_plan first;
	u32 admitted = 0;

	(void)state;
	random_state = 20261120;
	for (u32 round = 0; round < 20000; round++) {
		u64 have = 0, want = 0;

		random_machine();
		random_plan();
		for (u32 i = 0; i < facts.ram_count; i++) {
			u64 end = ALIGN_DOWN(facts.ram[i].base.v + facts.ram[i].size, BLOCK_SIZE);
			u64 start = ALIGN_UP(facts.ram[i].base.v, BLOCK_SIZE);

			have += end > start ? end - start : 0;
		}
		for (u32 i = 0; i < plan.guest_count; i++)
			want += plan.guest[i].memory;
		if (admit())
			continue;
		admitted++;
		assert_true(want + free_ram() == have);
		first = resolved;
		assert_int_equal(admit(), 0);
		assert_memory_equal(&first, &resolved, sizeof(first));
	}
	assert_true(admitted > 1000);
	assert_true(admitted < 19000);
}

/* The verifier. */

static void good_plan(void)
{
	make_machine(8);
	admit_text("[guest.a]\ncores = 2\nmemory = \"4GiB\"\n" ELF
		   "[guest.b]\ncores = [6, 5]\nmemory = \"64MiB\"\n" ELF);
}

static void expect_broken(const char *words)
{
	if (resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)) != -E_INVAL)
		fail_msg("not seen: %s", words);
	if (!has_text(why, words))
		fail_msg("%s, not %s", why, words);
}

/* Break a good resolved plan by one statement and expect the verifier to say words. */
#define BREAK(statement, words) do { good_plan(); statement; expect_broken(words); } while (0)

static void test_verify_cores(void **state)
{
	(void)state;
	BREAK(resolved.guest[0].core[1] = resolved.guest[0].core[0], "more than one owner");
	BREAK(resolved.guest[0].core[0] = 6, "core 1 is entered for an owner who does not have it");
	BREAK(resolved.guest[0].core[0] = 0, "core 0 has more than one owner");
	BREAK(resolved.guest[0].core[0] = 200, "an owner who does not have it");
	BREAK((resolved.guest[0].core[0] = 200, resolved.core_owner[1] = OWNER_FREE), "core 200, which is not usable");
	BREAK(resolved.guest[0].core_count = 1, "guest a has 1 cores");
	BREAK(resolved.guest[1].core_count = 65, "guest b has 65 cores");
	BREAK(resolved.core_owner[5] = OWNER_FREE, "core 5 is entered for another owner");
	BREAK(resolved.core_owner[5] = 0, "core 5 is entered for another owner");
	BREAK(resolved.core_owner[7] = OWNER_ABSENT, "core 7 is entered as");
	BREAK(resolved.core_owner[8] = OWNER_FREE, "core 8 is entered as");
	BREAK(resolved.control = 7, "control core");
	BREAK(resolved.control = 300, "control core");
	BREAK(facts.core_usable[5] = false, "core 5");
	BREAK((resolved.guest[1].core[0] = 5, resolved.guest[1].core[1] = 6), "guest b has core 5, not 6");
	BREAK(resolved.guest_count = 1, "guests");
	BREAK(resolved.guest[1].plan = &plan.guest[0], "guest 1 is not the plan's");
}

static void test_verify_memory(void **state)
{
	(void)state;
	BREAK(resolved.guest[1].range[0].hpa.v = 4 * GiB, "more than one owner");
	BREAK(resolved.guest[1].range[0].hpa.v += 2 * MiB, "more than one owner");
	BREAK(resolved.guest[1].range[0].hpa.v += 4096, "whole blocks");
	BREAK(resolved.guest[1].range[0].size += 4096, "whole blocks");
	BREAK(resolved.guest[1].range[0].gpa += 2 * MiB, "not where it should be");
	BREAK(resolved.guest[1].range[0].size -= 2 * MiB, "bytes of RAM");
	BREAK(resolved.guest[1].range[0].size = 0, "whole blocks");
	BREAK(resolved.guest[1].range[0].hpa.v = 100 * GiB, "not there");
	BREAK(resolved.guest[1].range[0].hpa.v = 3 * GiB - 2 * MiB, "not there");
	BREAK(resolved.guest[1].range[0].hpa.v = UINT64_MAX - 2 * MiB + 1, "whole blocks");
	BREAK(resolved.guest[0].range[1].gpa = 3 * GiB, "not where it should be");
	BREAK(resolved.guest[0].range[0].size += 2 * MiB, "not where it should be");
	BREAK(resolved.guest[0].range_count = 1, "bytes of RAM");
	BREAK(resolved.guest[0].range_count = 9, "pieces of RAM");
	BREAK(resolved.free[0].base = resolved.guest[0].range[0].hpa, "more than one owner");
	BREAK(resolved.free[1] = resolved.free[0], "is not free");
	BREAK(resolved.free[0].base.v = 200 * GiB, "is not free");
	BREAK(resolved.free[0].size = 0, "is not free");
	BREAK(resolved.free_count = RESOLVED_FREE_MAX + 1, "free RAM");
	BREAK(facts.ram[1].size = 2 * MiB, "not there");
}

/* Writing out. */

static char shown[64 * KiB];

static void collect(void *context, const char *text)
{
	size_t *used = context;

	assert_true(*used + strlen(text) < sizeof(shown));
	str_copy(shown + *used, sizeof(shown) - *used, text);
	*used += strlen(text);
}

static void test_show_is_a_plan(void **state)
{
	static struct plan first;
	static struct resolved_plan first_resolved;
	static char text[8192], line[2040];
	size_t used = 0;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	make_machine(8);
	add_image("i", IMAGE_WHOLE, 7);
	fmt_print(text, sizeof(text), "[machine]\nname = \"R\"\ncontrol = 3\nserial = \"none\"\nserial_baud = 9600\n"
		  "screen = false\nlog = \"error\"\n[guest.a]\ncores = 2\nmemory = \"4GiB\"\nrestart = \"never\"\n"
		  "test_device = true\nautostart = false\nhyperv = true\nballoon = true\n"
		  "boot = { type = \"linux\", kernel = \"k\", initrd = \"i\", cmdline = '\"\\%s\\\"' }\n"
		  "[guest.b]\ncores = [5, 4]\nmemory = \"66MiB\"\ndisk = [{ volume = \"v\", iops = 7, weight = 9, optional = true }]\n"
		  "boot = { type = \"elf\", file = \"k\", modules = [\"i\", \"k\"] }\n", line);
	admit_text(text);
	first = plan;
	first_resolved = resolved;
	resolved_plan_show(&plan, &resolved, collect, &used);
	admit_text(shown);

	memcpy(first.machine.line, plan.machine.line, sizeof(plan.machine.line));
	for (u32 i = 0; i < 2; i++) {
		memcpy(first.guest[i].line, plan.guest[i].line, sizeof(plan.guest[i].line));
		memcpy(first.guest[i].boot.module_line, plan.guest[i].boot.module_line,
		       sizeof(plan.guest[i].boot.module_line));
	}
	first.guest[1].disk[0].line = plan.guest[1].disk[0].line;
	assert_true(plan.guest[1].disk[0].optional);
	assert_true(plan.guest[0].cores.is_list);
	first.guest[0].cores = plan.guest[0].cores;
	assert_memory_equal(&first, &plan, sizeof(plan));
	assert_memory_equal(&first_resolved, &resolved, sizeof(resolved));
}

/* Firmware: two files that become flash, a piece of RAM beside the guest's own. */

#define UEFI "boot = { type = \"uefi\" }\n"

static const char *broken_file;

static int check_named(enum boot_type type, const void *bytes, u64 size, char *to, size_t to_size)
{
	bool vars = type == BOOT_UEFI_VARS;

	assert_true(type == BOOT_UEFI || vars);
	fmt_print(to, to_size, "broken");
	return broken_file && !strcmp(broken_file, vars ? "vars" : "code") ? -E_INVAL : 0;
}

static void make_uefi_machine(void)
{
	make_machine(4);
	add_image("OVMF_CODE_4M.fd", IMAGE_WHOLE, 3653632);
	add_image("OVMF_VARS_4M.fd", IMAGE_WHOLE, 540672);
	facts.check_image = check_named;
	broken_file = NULL;
}

static void test_firmware(void **state)
{
	const char two[] = "[guest.a]\ncores = 1\nmemory = \"3GiB\"\n" UEFI "[guest.b]\ncores = 1\nmemory = \"16MiB\"\n" UEFI;
	const struct facts_ram *a, *b;

	(void)state;
	make_uefi_machine();
	admit_text(two);
	a = &resolved.guest[0].device[DEVICE_RAM_FLASH];
	b = &resolved.guest[1].device[DEVICE_RAM_FLASH];
	assert_true(a->size == 4 * MiB && b->size == 4 * MiB);
	assert_true(a->base.v + a->size <= b->base.v || b->base.v + b->size <= a->base.v);
	assert_int_equal(resolved.guest[0].device[DEVICE_RAM_SCREEN].size, 0);
	/* Firmware's own window begins at 2.75 GiB: RAM ends at 2 GiB there. */
	for (u32 i = 0; i < resolved.guest[0].range_count; i++) {
		const struct ram_range *r = &resolved.guest[0].range[i];

		assert_true(r->gpa + r->size <= 2 * GiB || r->gpa >= 4 * GiB);
	}
	((struct facts_ram *)a)->base = HPA(a->base.v + PAGE_SIZE);
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
	((struct facts_ram *)a)->base = b->base;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
	((struct facts_ram *)a)->size = 0;
	assert_int_equal(resolved_plan_verify(&plan, &facts, &resolved, why, sizeof(why)), -E_INVAL);
}

static void test_firmware_refusals(void **state)
{
	const char one[] = "[guest.a]\ncores = 1\nmemory = \"16MiB\"\n" UEFI;
	const char whole[] = "[guest.a]\ncores = 1\nmemory = \"64MiB\"\n" UEFI;

	(void)state;
	make_machine(4);
	refuse_text(one, "IMAGE-MISSING: p.toml:4: guest.a.boot.firmware: the file \"OVMF_CODE_4M.fd\"");
	refuse_text(one, "IMAGE-MISSING: p.toml:4: guest.a.boot.vars: the file \"OVMF_VARS_4M.fd\"");
	make_uefi_machine();
	broken_file = "code";
	refuse_text(one, "IMAGE-FORMAT: p.toml:4: guest.a.boot.firmware: UEFI firmware (OVMF's code); \"OVMF_CODE_4M.fd\": broken");
	broken_file = "vars";
	refuse_text(one, "IMAGE-FORMAT: p.toml:4: guest.a.boot.vars: UEFI variables (OVMF's); \"OVMF_VARS_4M.fd\": broken");
	make_uefi_machine();
	facts.ram_count = 0;
	add_ram(64 * MiB, 64 * MiB);
	refuse_text(whole, "PLAN-MEMORY: p.toml:3: guest.a.boot.firmware: 4MiB in one piece");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_first_then_lowest),
		cmocka_unit_test(test_core_refusals),
		cmocka_unit_test(test_one_core),
		cmocka_unit_test(test_counts_exhaustively),
		cmocka_unit_test(test_lists_exhaustively),
		cmocka_unit_test(test_layout_around_4_gib),
		cmocka_unit_test(test_small_guests_leave_big_pages),
		cmocka_unit_test(test_whole_machine),
		cmocka_unit_test(test_memory_refusals),
		cmocka_unit_test(test_few_pieces_before_big_pages),
		cmocka_unit_test(test_ragged_ram),
		cmocka_unit_test(test_touching_ranges_are_one),
		cmocka_unit_test(test_facts_that_overlap),
		cmocka_unit_test(test_image_refusals),
		cmocka_unit_test(test_machine_files),
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_shared_disks),
		cmocka_unit_test(test_image_check),
		cmocka_unit_test(test_all_errors_at_once),
		cmocka_unit_test(test_no_guest),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_verify_cores),
		cmocka_unit_test(test_verify_memory),
		cmocka_unit_test(test_show_is_a_plan),
		cmocka_unit_test(test_firmware),
		cmocka_unit_test(test_firmware_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
