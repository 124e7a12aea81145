/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_switch.c hv/core/plan_host.c hv/core/plan_https.c hv/core/plan_errors.c hv/core/plan_schema.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/string.c hv/lib/net_text.c hv/lib/format.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/plan.h>

#define BOOT "boot = { type = \"elf\", file = \"k\" }\n"
#define GUEST(name) "[guest." name "]\ncores = 1\nmemory = \"64MiB\"\n" BOOT

static struct plan plan;
static struct plan_work work;
static struct plan_errors errors;

static int read_plan(const char *text)
{
	plan_errors_init(&errors, "bulkhead.toml");
	memset(&plan, 0xa5, sizeof(plan));
	return plan_read(&plan, text, strlen(text), &work, &errors);
}

static void read_good(const char *text)
{
	if (read_plan(text))
		fail_msg("%s", errors.error[0].text);
	assert_int_equal(errors.count, 0);
}

static bool has_text(const char *s, const char *part)
{
	for (; *s; s++)
		if (strncmp(s, part, strlen(part)) == 0)
			return true;
	return false;
}

static bool is_zero(const void *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((const u8 *)p)[i])
			return false;
	return true;
}

static void test_everything_live(void **state)
{
	const struct plan_guest *g;

	(void)state;
	read_good(
		"[machine]\nname = \"Rack-7.a\"\ncontrol = 3\nserial = \"com2\"\nserial_baud = 57600\nscreen = false\n"
		"log = \"debug\"\n[guest.web]\ncores = [2, 1]\nmemory = \"4GiB\"\n"
		"boot = { type = \"linux\", kernel = \"img/vmlinuz-6.1\", initrd = \"initrd.img\", cmdline = \"a b\" "
		"}\n"
		"autostart = false\nrestart = \"always\"\ntest_device = true\napic = \"virtual\"\n"
		"[guest.db.boot]\ntype = \"elf\"\nfile = \"k.elf\"\nmodules = [\"a\",\n \"b\"]\n"
		"[guest.db]\ncores = 64\nmemory = \"16MiB\"\nhyperv = true\n");
	assert_string_equal(plan.file, "bulkhead.toml");
	assert_string_equal(plan.machine.name, "Rack-7.a");
	assert_int_equal(plan.machine.control, 3);
	assert_int_equal(plan.machine.serial, PLAN_SERIAL_COM2);
	assert_int_equal(plan.machine.serial_baud, 57600);
	assert_false(plan.machine.screen);
	assert_int_equal(plan.machine.log, LOG_DEBUG);
	assert_int_equal(plan.machine.line[PLAN_KEY_CONTROL], 3);
	assert_int_equal(plan.guest_count, 2);
	g = &plan.guest[0];
	assert_string_equal(g->name, "web");
	assert_true(g->cores.is_list);
	assert_int_equal(g->cores.count, 2);
	assert_int_equal(g->cores.index[0], 2);
	assert_int_equal(g->cores.index[1], 1);
	assert_true(g->memory == 4 * GiB);
	assert_int_equal(g->boot.type, BOOT_LINUX);
	assert_string_equal(g->boot.kernel, "img/vmlinuz-6.1");
	assert_string_equal(g->boot.initrd, "initrd.img");
	assert_string_equal(g->boot.cmdline, "a b");
	assert_false(g->autostart);
	assert_int_equal(g->restart, PLAN_RESTART_ALWAYS);
	assert_true(g->test_device);
	assert_false(g->hyperv);
	assert_int_equal(g->apic, PLAN_APIC_VIRTUAL);
	assert_int_equal(g->line[PLAN_KEY_SELF], 8);
	assert_int_equal(g->line[PLAN_KEY_CORES], 9);
	assert_int_equal(g->line[PLAN_KEY_KERNEL], 11);
	g = &plan.guest[1];
	assert_int_equal(g->boot.type, BOOT_ELF);
	assert_int_equal(g->cores.count, 64);
	assert_true(g->hyperv);
	assert_int_equal(g->boot.module_count, 2);
	assert_string_equal(g->boot.module[1], "b");
	assert_int_equal(g->boot.module_line[1], 20);
}

static void test_defaults(void **state)
{
	const struct plan_guest *g = &plan.guest[0];

	(void)state;
	read_good(GUEST("a") "display = true\nballoon = true");
	assert_true(plan.guest[0].display && plan.guest[0].balloon);
	read_good(GUEST("a"));
	assert_false(plan.guest[0].display || plan.guest[0].balloon);
	assert_false(g->virtio_console);
	read_good(GUEST("a") "virtio_console = { ports = [\"log\", \"agent.0\"] }");
	assert_true(g->virtio_console);
	assert_int_equal(g->port_count, 2);
	assert_string_equal(g->port[1], "agent.0");
	read_good(GUEST("a") "virtio_console = { }");
	assert_true(g->virtio_console && !g->port_count);
	read_good(GUEST("a") "virtio_console = true");
	assert_true(g->virtio_console && !g->port_count);
	read_good(GUEST("a"));
	assert_string_equal(plan.machine.name, "");
	assert_int_equal(plan.machine.control, 0);
	assert_int_equal(plan.machine.serial, PLAN_SERIAL_AUTO);
	assert_int_equal(plan.machine.serial_baud, 115200);
	assert_true(plan.machine.screen);
	assert_int_equal(plan.machine.log, LOG_INFO);
	assert_true(g->autostart);
	assert_int_equal(g->restart, PLAN_RESTART_ON_FAILURE);
	assert_false(g->test_device);
	assert_false(g->hyperv);
	assert_int_equal(g->apic, PLAN_APIC_AUTO);
	assert_false(g->cores.is_list);
	assert_string_equal(g->boot.initrd, "");
	assert_string_equal(g->boot.cmdline, "");
}

/* One fault each; the line is that of the last "error" text. */
static const struct {
	const char *text, *start, *words;
} bad[] = {
	{ "", "error PLAN-NO-GUEST: bulkhead.toml:1: guest: ", "at least one" },
	{ "[machine]\n", "error PLAN-NO-GUEST: bulkhead.toml:1: guest: ", "at least one" },
	{ "[guest]\n", "error PLAN-NO-GUEST: bulkhead.toml:1: guest: ", "at least one" },
	{ "guest = 1", "error PLAN-TYPE: bulkhead.toml:1: guest: ", "a table, not a number" },
	{ "[guest]\na = 1", "error PLAN-TYPE: bulkhead.toml:2: guest.a: ", "a table, not a number" },
	{ "[gest.a]\n" GUEST("a"), "error PLAN-UNKNOWN-KEY: bulkhead.toml:1: gest: ", "did you mean guest?" },
	{ "x = 1\n" GUEST("a"), "error PLAN-UNKNOWN-KEY: bulkhead.toml:1: x: ", "one of machine, guest, switch" },
	{ GUEST("a") "mmeory = 1",
	  "error PLAN-UNKNOWN-KEY: bulkhead.toml:5: guest.a.mmeory: ", "did you mean memory?" },
	{ GUEST("a") "qqqqqq = 1",
	  "error PLAN-UNKNOWN-KEY: bulkhead.toml:5: guest.a.qqqqqq: ", "one of cores, memory" },
	{ GUEST("A"), "error PLAN-VALUE: bulkhead.toml:1: guest.A: ", "a-z" },
	{ GUEST("\"\""), "error PLAN-VALUE: bulkhead.toml:1: guest: ", "a-z" },
	{ GUEST("a123456789012345678901234567890x"), "error PLAN-VALUE: bulkhead.toml:1: guest.a123", "1 to 31" },
	{ "[guest.a]\ncores = 1\nmemory = \"64MiB\"\n",
	  "error PLAN-MISSING-KEY: bulkhead.toml:1: guest.a.boot: ", "what to" },
	{ "[guest.a]\ncores = 1\n" BOOT, "error PLAN-MISSING-KEY: bulkhead.toml:1: guest.a.memory: ", "512MiB" },
	{ "[guest.a]\nmemory = \"64MiB\"\n" BOOT,
	  "error PLAN-MISSING-KEY: bulkhead.toml:1: guest.a.cores: ", "number" },
	{ GUEST("a") "cores = 2", "error PLAN-DUPLICATE: bulkhead.toml:5: guest.a.cores: ", "line 2 already" },
	{ GUEST("a") GUEST("a"), "error PLAN-DUPLICATE: bulkhead.toml:5: guest.a: ", "line 1 already" },
	{ GUEST("a") "f = 1.5", "error PLAN-SYNTAX: bulkhead.toml:5: guest.a.f: ", "floats" },
	{ GUEST("a") "\x01", "error PLAN-TEXT: bulkhead.toml:5: -: ", "control characters" },
	{ GUEST("a") "\xff", "error PLAN-TEXT: bulkhead.toml:5: -: ", "UTF-8" },
	{ GUEST("a") "x = [[[[[[[[[1]]]]]]]]]", "error PLAN-LIMIT: bulkhead.toml:5: guest.a.x: ", "at most 8" },
	{ GUEST("a") "apic = \"x2\"", "error PLAN-VALUE: bulkhead.toml:5: guest.a.apic: ", "\"auto\", \"owned\", \"virtual\"" },
	{ GUEST("a") "locked = 1", "error PLAN-TYPE: bulkhead.toml:5: guest.a.locked: ", "true or false" },
	{ GUEST("a") "display = 1",
	  "error PLAN-TYPE: bulkhead.toml:5: guest.a.display: ", "true or false, not a number" },
	{ GUEST("a") "cdrom = \"../x\"", "error PLAN-VALUE: bulkhead.toml:5: guest.a.cdrom: ", "folder" },
	{ GUEST("a") "disk = [\"x\"]", "error PLAN-TYPE: bulkhead.toml:5: guest.a.disk: ", "table" },
	{ GUEST("a") "disk = [{}]", "error PLAN-MISSING-KEY: bulkhead.toml:5: guest.a.disk.image: ", "disk image" },
	{ GUEST("a") "disk = [{ image = \"\" }]", "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.image: ",
	  "not empty" },
	{ GUEST("a") "disk = [{ image = \"x\", ring = \"round\" }]",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.ring: ", "split" },
	{ GUEST("a") "disk = [{ volume = \"\" }]", "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.volume: ", "partition" },
	{ GUEST("a") "disk = [{ volume = \"x\", image = \"y\" }]", "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.image: ",
	  "either" },
	{ GUEST("a") "disk = [{ image = \"x\", iops = 5 }]", "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.iops: ", "volume" },
	{ GUEST("a") "disk = [{ image = \"x\", optional = true }]", "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.optional: ",
	  "volume" },
	{ GUEST("a") "disk = [{ volume = \"x\", optional = 1 }]", "error PLAN-TYPE: bulkhead.toml:5: guest.a.disk.optional: ", "true" },
	{ GUEST("a") "disk = [{ volume = \"x\", iops = 0 }]", "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.iops: ",
	  "requests a second" },
	{ GUEST("a") "disk = [{ volume = \"x\", bandwidth = \"fast\" }]",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.bandwidth: ", "bytes a second" },
	{ GUEST("a") "disk = [{ volume = \"x\", weight = 1001 }]", "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk.weight: ",
	  "1 to 1000" },
	{ "[machine]\ndisks = \"some\"\n" GUEST("a"), "error PLAN-VALUE: bulkhead.toml:2: machine.disks: ", "all" },
	{ "[machine]\ndisks = [1]\n" GUEST("a"), "error PLAN-TYPE: bulkhead.toml:2: machine.disks: ", "text" },
	{ "[machine]\ndisks = [\"\"]\n" GUEST("a"), "error PLAN-VALUE: bulkhead.toml:2: machine.disks: ", "serial" },
	{ GUEST("a") "disk = [{ image = \"x\", write = true }]",
	  "error PLAN-UNKNOWN-KEY: bulkhead.toml:5: guest.a.disk.write: ", "image, readonly" },
	{ GUEST("a") "disk = [{image=\"1\"}, {image=\"2\"}, {image=\"3\"}, {image=\"4\"}, {image=\"5\"}]",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.disk: ", "at most 4" },
	{ GUEST("a") "virtio_console = 2", "error PLAN-TYPE: bulkhead.toml:5: guest.a.virtio_console: ", "table" },
	{ GUEST("a") "virtio_console = { port = [\"a\"] }",
	  "error PLAN-UNKNOWN-KEY: bulkhead.toml:5: guest.a.virtio_console.port: ", "ports" },
	{ GUEST("a") "virtio_console = { ports = \"a\" }", "error PLAN-TYPE: bulkhead.toml:5: guest.a.virtio_console.ports: ", "list" },
	{ GUEST("a") "virtio_console = { ports = [1] }", "error PLAN-TYPE: bulkhead.toml:5: guest.a.virtio_console.ports: ", "text" },
	{ GUEST("a") "virtio_console = { ports = [\"\"] }",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.virtio_console.ports: ", "1 to 31" },
	{ GUEST("a") "virtio_console = { ports = [\"0a\"] }",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.virtio_console.ports: ", "begin with a letter" },
	{ GUEST("a") "virtio_console = { ports = [\"a/b\"] }",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.virtio_console.ports: ", "a-z 0-9" },
	{ GUEST("a") "virtio_console = { ports = [\"a\", \"a\"] }",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.virtio_console.ports: ", "once" },
	{ GUEST("a") "virtio_console = { ports = [\"a\", \"b\", \"c\", \"d\", \"e\"] }",
	  "error PLAN-VALUE: bulkhead.toml:5: guest.a.virtio_console.ports: ", "at most 4" },
	{ GUEST("a") "net = [{}]", "error PLAN-MISSING-KEY: bulkhead.toml:5: guest.a.net.switch: ", "name of a switch" },
	{ GUEST("a") "net = [1]", "error PLAN-TYPE: bulkhead.toml:5: guest.a.net: ", "a table, not a number" },
	{ GUEST("a") "[switch.lan]\nnta = true",
	  "error PLAN-UNKNOWN-KEY: bulkhead.toml:6: switch.lan.nta: ", "mean nat?" },
	{ GUEST("a") "restart = \"no\"", "error PLAN-VALUE: bulkhead.toml:5: guest.a.restart: ", "\"on-failure\"" },
	{ GUEST("a") "autostart = \"yes\"", "error PLAN-TYPE: bulkhead.toml:5: guest.a.autostart: ", "not text" },
	{ "[machine]\ncontrol = 256\n" GUEST("a"), "error PLAN-VALUE: bulkhead.toml:2: machine.control: ", "0 to 255" },
	{ "[machine]\ncontrol = -1\n" GUEST("a"), "error PLAN-VALUE: bulkhead.toml:2: machine.control: ", "0 to 255" },
	{ "[machine]\nserial = \"com3\"\n" GUEST("a"),
	  "error PLAN-VALUE: bulkhead.toml:2: machine.serial: ", "\"com3\"" },
	{ "[machine]\nserial_baud = 1000\n" GUEST("a"),
	  "error PLAN-VALUE: bulkhead.toml:2: machine.serial_baud: ", "9600" },
	{ "[machine]\nserial_baud = 0\n" GUEST("a"),
	  "error PLAN-VALUE: bulkhead.toml:2: machine.serial_baud: ", "9600" },
	{ "[machine]\nlog = \"all\"\n" GUEST("a"), "error PLAN-VALUE: bulkhead.toml:2: machine.log: ", "notice" },
	{ "[machine]\nname = \"a b\"\n" GUEST("a"), "error PLAN-VALUE: bulkhead.toml:2: machine.name: ", "letters" },
	{ "[machine]\nscreen = 1\n" GUEST("a"), "error PLAN-TYPE: bulkhead.toml:2: machine.screen: ", "true or false" },
};

static void check_refused(const char *text, const char *start, const char *words)
{
	if (read_plan(text) != -E_INVAL)
		fail_msg("accepted: %s", text);
	if (strncmp(errors.error[0].text, start, strlen(start)) != 0 || !has_text(errors.error[0].text, words))
		fail_msg("%s\n has %s\n wanted %s...%s", text, errors.error[0].text, start, words);
	assert_true(is_zero(&plan, sizeof(plan)));
}

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		check_refused(bad[i].text, bad[i].start, bad[i].words);
}

static void check_key(const char *key, const char *value, const char *id)
{
	static const char *const lines[][2] = {
		{ "cores", "1" }, { "memory", "\"64MiB\"" }, { "boot", "{ type = \"elf\", file = \"k\" }" },
	};
	char text[4096];
	int used = fmt_print(text, sizeof(text), "[guest.a]\n");

	for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
		used += fmt_print(text + used, sizeof(text) - (size_t)used, "%s = %s\n", lines[i][0],
				  strcmp(lines[i][0], key) == 0 ? value : lines[i][1]);
	if (!id) {
		read_good(text);
		return;
	}
	if (read_plan(text) == 0)
		fail_msg("accepted: %s", text);
	if (errors.count != 1 || strcmp(errors.error[0].id, id) != 0)
		fail_msg("%s\n has %u errors, %s", text, errors.count, errors.error[0].text);
}

static void test_memory(void **state)
{
	static const char *const wrong[] = {
		"\"\"",
		"\"0MiB\"",
		"\"0GiB\"",
		"\"MiB\"",
		"\"64\"",
		"\"64MB\"",
		"\"64 MiB\"",
		"\" 64MiB\"",
		"\"64MiB \"",
		"\"+64MiB\"",
		"\"-64MiB\"",
		"\"064MiB\"",
		"\"64mib\"",
		"\"63MiB\"",
		"\"14MiB\"",
		"\"2MiB\"",
		"\"1_024MiB\"",
		"\"0x40MiB\"",
		"\"4194304GiB\"",
		"\"4294967296MiB\"",
		"\"17179869185GiB\"",
		"\"99999999999999999999999999GiB\"",
		"\"18446744073709551616MiB\"",
		"\"1.5GiB\"",
		"\"64KiB\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		check_key("memory", wrong[i], "PLAN-VALUE");
	check_key("memory", "64", "PLAN-TYPE");
	check_key("memory", "\"16MiB\"", NULL);
	assert_true(plan.guest[0].memory == 16 * MiB);
	check_key("memory", "\"4194303GiB\"", NULL);
	assert_true(plan.guest[0].memory == 4194303 * GiB);
	check_key("memory", "\"3074MiB\"", NULL);
	assert_true(plan.guest[0].memory == 3074 * MiB);
}

static void test_cores(void **state)
{
	(void)state;
	check_key("cores", "0", "PLAN-VALUE");
	check_key("cores", "-1", "PLAN-VALUE");
	check_key("cores", "65", "PLAN-VALUE");
	check_key("cores", "9223372036854775807", "PLAN-VALUE");
	check_key("cores", "[]", "PLAN-VALUE");
	check_key("cores", "[1, 1]", "PLAN-VALUE");
	check_key("cores", "[256]", "PLAN-VALUE");
	check_key("cores", "[-1]", "PLAN-VALUE");
	check_key("cores", "[\"1\"]", "PLAN-TYPE");
	check_key("cores", "true", "PLAN-TYPE");
	check_key("cores", "64", NULL);
	check_key("cores", "[255, 0]", NULL);
	assert_int_equal(plan.guest[0].cores.index[0], 255);
}

static void check_boot(const char *boot, const char *id)
{
	check_key("boot", boot, id);
}

static void test_boot(void **state)
{
	(void)state;
	check_boot("{}", "PLAN-MISSING-KEY");
	check_boot("{ type = 1 }", "PLAN-TYPE");
	check_boot("{ type = \"bios\" }", "PLAN-VALUE");
	check_boot("{ type = \"uefi\" }", NULL);
	assert_string_equal(plan.guest[0].boot.kernel, "OVMF_CODE_4M.fd");
	assert_string_equal(plan.guest[0].boot.initrd, "OVMF_VARS_4M.fd");
	check_boot("{ type = \"uefi\", firmware = \"a.fd\", vars = \"b.fd\" }", NULL);
	assert_string_equal(plan.guest[0].boot.kernel, "a.fd");
	assert_string_equal(plan.guest[0].boot.initrd, "b.fd");
	check_boot("{ type = \"uefi\", firmware = \"\" }", "PLAN-VALUE");
	check_boot("{ type = \"uefi\", kernel = \"k\" }", "PLAN-UNKNOWN-KEY");
	check_boot("{ type = \"linux\" }", "PLAN-MISSING-KEY");
	check_boot("{ type = \"elf\" }", "PLAN-MISSING-KEY");
	check_boot("{ type = \"linux\", kernel = \"k\", file = \"f\" }", "PLAN-UNKNOWN-KEY");
	check_boot("{ type = \"elf\", file = \"k\", initrd = \"i\" }", "PLAN-UNKNOWN-KEY");
	check_boot("{ type = \"elf\", file = \"k\", modules = [1] }", "PLAN-TYPE");
	check_boot(
		"{ type = \"elf\", file = \"k\", modules = [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\"] }",
		NULL);
	assert_int_equal(plan.guest[0].boot.module_count, 8);
	check_boot("{ type = \"elf\", file = \"k\", modules = [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", "
		   "\"9\"] }",
		   "PLAN-VALUE");
	check_boot("{ type = \"elf\", file = \"k\", cmdline = \"a\\nb\" }", "PLAN-VALUE");
	check_boot("{ type = \"elf\", file = \"k\", cmdline = \"\\u00e9\" }", "PLAN-VALUE");
	check_boot("\"linux\"", "PLAN-TYPE");
}

static void test_paths(void **state)
{
	static const char *const wrong[] = { "",     "/k", "../k",   "a/../k", "a/..", "..",      ".",     "./k",
					     "a//k", "a/", "a\\\\k", "a:k",    "k?",   "\\u00e9", "a\\tb", "a*" };
	static const char *const right[] = { "k", "a/b/c.img", "..k", "k..", "a b", "...", "vmlinuz-6.1.0+1~x" };
	char text[200], name[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		fmt_print(text, sizeof(text), "{ type = \"elf\", file = \"%s\" }", wrong[i]);
		check_boot(text, "PLAN-VALUE");
	}
	for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
		fmt_print(text, sizeof(text), "{ type = \"elf\", file = \"%s\" }", right[i]);
		check_boot(text, NULL);
		assert_string_equal(plan.guest[0].boot.kernel, right[i]);
	}
	memset(name, 'k', sizeof(name));
	name[127] = 0;
	fmt_print(text, sizeof(text), "{ type = \"elf\", file = \"%s\" }", name);
	check_boot(text, NULL);
	name[127] = 'k';
	name[128] = 0;
	fmt_print(text, sizeof(text), "{ type = \"elf\", file = \"%s\" }", name);
	check_boot(text, "PLAN-VALUE");
}

static void test_cmdline_length(void **state)
{
	char text[2300], line[2100];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[2047] = 0;
	fmt_print(text, sizeof(text), "{ type = \"elf\", file = \"k\", cmdline = \"%s\" }", line);
	check_boot(text, NULL);
	assert_int_equal(strlen(plan.guest[0].boot.cmdline), 2047);
	line[2047] = 'x';
	line[2048] = 0;
	fmt_print(text, sizeof(text), "{ type = \"elf\", file = \"k\", cmdline = \"%s\" }", line);
	check_boot(text, "PLAN-VALUE");
}

static void test_guest_count(void **state)
{
	static char text[8192];
	int used = 0;

	(void)state;
	for (int i = 0; i < 16; i++)
		used += fmt_print(text + used, sizeof(text) - (size_t)used,
				  "[guest.g%d]\ncores = 1\nmemory = \"64MiB\"\n" BOOT, i);
	read_good(text);
	assert_int_equal(plan.guest_count, 16);
	fmt_print(text + used, sizeof(text) - (size_t)used, "%s", GUEST("last"));
	check_refused(text, "error PLAN-LIMIT: bulkhead.toml:65: guest.last: ", "at most 16");
}

static void test_all_errors_are_reported(void **state)
{
	static const char *const ids[] = { "PLAN-SYNTAX", "PLAN-UNKNOWN-KEY", "PLAN-VALUE", "PLAN-TYPE",
					   "PLAN-TYPE" };

	(void)state;
	read_plan("[machine]\nnmae = \"x\"\n[guest.a]\ncores = 0\nmemory = 5\nlocked = 7\nx = 1.5\n" BOOT);
	assert_int_equal(errors.count, 6);	/* x is also unknown */
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
		assert_string_equal(errors.error[i].id, ids[i]);
}

static void test_errors_are_bounded(void **state)
{
	static char text[64 * 1024];
	int used = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		used += fmt_print(text + used, sizeof(text) - (size_t)used, "unknown%d = 1\n", i);
	assert_int_equal(read_plan(text), -E_INVAL);
	assert_int_equal(errors.count, PLAN_ERRORS_MAX);
	assert_int_equal(errors.lost, 1000 - PLAN_ERRORS_MAX);
}

static void test_texts_do_not_steer_a_terminal(void **state)
{
	(void)state;
	read_plan("\"\\u001b[2J\\n\" = 1\n[machine]\nlog = \"\\u001b]0;x\\u0007\\u00e9\"\n" GUEST("a"));
	assert_int_equal(errors.count, 2);
	for (u32 i = 0; i < errors.count; i++)
		for (const char *s = errors.error[i].text; *s; s++)
			assert_true(*s >= ' ' && *s <= '~');
}

static void test_long_names_are_cut(void **state)
{
	static char text[9000];

	(void)state;
	memset(text, 'k', 8000);
	memcpy(text + 8000, " = 1\n", 6);
	assert_int_equal(read_plan(text), -E_INVAL);
	assert_true(strlen(errors.error[0].text) < sizeof(errors.error[0].text));
}

static void test_size(void **state)
{
	char *text = malloc(PLAN_FILE_SIZE_MAX + 1);

	(void)state;
	memset(text, '\n', PLAN_FILE_SIZE_MAX + 1);
	memcpy(text, GUEST("a"), strlen(GUEST("a")));
	plan_errors_init(&errors, "p");
	assert_int_equal(plan_read(&plan, text, PLAN_FILE_SIZE_MAX, &work, &errors), 0);
	assert_int_equal(plan_read(&plan, text, PLAN_FILE_SIZE_MAX + 1, &work, &errors), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-TEXT");
	free(text);
}

static void collect(void *context, const char *name)
{
	char *out = context;

	fmt_print(out + strlen(out), 100 - strlen(out), "%s ", name);
}

static void test_each_image(void **state)
{
	char names[100] = "";

	(void)state;
	read_good("[guest.a]\ncores = 1\nmemory = \"64MiB\"\nboot = { type = \"linux\", kernel = \"k\", initrd = \"i\" "
		  "}\n"
		  "[guest.b]\ncores = 1\nmemory = \"64MiB\"\nboot = { type = \"elf\", file = \"k\", modules = [\"m\", "
		  "\"n\"] }\n");
	plan_each_image(&plan, collect, names);
	assert_string_equal(names, "k i k m n ");
}

/* One guest alone, and changes of one: what `create` and `set` are made of. */

static struct plan_table_work table_work;
static struct plan_guest one;

static int read_one(const char *text)
{
	plan_errors_init(&errors, "create");
	memset(&one, 0xa5, sizeof(one));
	return plan_read_guest(&one, text, strlen(text), &table_work, &errors);
}

static void refuse_one(const char *text, const char *expected)
{
	assert_int_equal(read_one(text), -E_INVAL);
	assert_true(is_zero(&one, sizeof(one)));
	for (u32 i = 0; i < errors.count; i++)
		if (has_text(errors.error[i].text, expected))
			return;
	fail_msg("%s: %s", text, errors.error[0].text);
}

static void test_one_guest(void **state)
{
	(void)state;
	assert_int_equal(read_one(GUEST("web") "[guest.web.boot2]\n"), -E_INVAL);
	assert_int_equal(read_one(GUEST("web")), 0);
	assert_string_equal(one.name, "web");
	assert_true(one.autostart);
	assert_int_equal(one.memory, 64 * MiB);
	refuse_one("", "one table [guest.NAME], and nothing besides");
	refuse_one(GUEST("a") GUEST("b"), "one table [guest.NAME]");
	refuse_one("[machine]\nname = \"x\"\n" GUEST("a"), "one table [guest.NAME]");
	refuse_one("guest = 5\n", "one table [guest.NAME]");
	refuse_one("[guest]\nweb = 5\n", "one table [guest.NAME]");
	refuse_one("[guest.Web]\ncores = 1\n", "a guest name of 1 to 31");
	refuse_one("[guest.web]\ncores = 1\n", "error PLAN-MISSING-KEY: create:1: guest.web.memory");
	refuse_one("[guest.web]\ncores = ", "PLAN-SYNTAX");
	refuse_one("[guest.web]\nmemory = \"1MiB\"\n", "create:2: guest.web.memory: a multiple of 2MiB");
}

static void test_one_guest_is_bounded(void **state)
{
	static char text[PLAN_TABLE_SIZE_MAX + 2];

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	assert_int_equal(read_one(text), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-TEXT");
	memcpy(text, "[guest.a]\nx=[", 13);
	for (u32 i = 13; i < PLAN_TABLE_SIZE_MAX - 1; i += 2)
		memcpy(text + i, "1,", 2);
	text[PLAN_TABLE_SIZE_MAX - 1] = 0;
	assert_int_equal(read_one(text), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-LIMIT");
}

static int change(const char *text)
{
	plan_errors_init(&errors, "set");
	return plan_change_guest(&one, text, strlen(text), &table_work, &errors);
}

static void test_changes(void **state)
{
	struct plan_guest was;

	(void)state;
	assert_int_equal(read_one("[guest.web]\ncores = [3, 4]\nmemory = \"64MiB\"\nautostart = false\n"
		"boot = { type = \"elf\", file = \"k\", cmdline = \"a\", modules = [\"m\", \"n\"] }\n"
		"disk = [{ image = \"d\" }, { image = \"e\" }]\nnet = [{ switch = \"lan\", vlan = 7 }]\n"), 0);
	was = one;
	assert_int_equal(change("[guest.web]\nmemory = \"1GiB\"\n"), 0);
	assert_int_equal(one.memory, GiB);
	assert_false(one.autostart);
	assert_int_equal(one.cores.count, 2);
	assert_int_equal(change("[guest.web]\ncores = [5]\ndisk = []\nnet = [{ switch = \"lan\" }, { switch = \"lan\" }]\n"), 0);
	assert_int_equal(one.cores.count, 1);
	assert_int_equal(one.cores.index[0], 5);
	assert_int_equal(one.disk_count, 0);
	assert_int_equal(one.net_count, 2);
	assert_int_equal(one.net[0].vlan, 0);
	/* Of boot one by one; with its type all of it. */
	assert_int_equal(change("[guest.web.boot]\nmodules = [\"o\"]\n"), 0);
	assert_string_equal(one.boot.kernel, "k");
	assert_string_equal(one.boot.cmdline, "a");
	assert_int_equal(one.boot.module_count, 1);
	assert_string_equal(one.boot.module[0], "o");
	assert_int_equal(change("[guest.web]\nboot = { type = \"linux\", kernel = \"z\" }\n"), 0);
	assert_string_equal(one.boot.cmdline, "");
	assert_int_equal(one.boot.module_count, 0);
	assert_int_equal(change("[guest.web]\nboot = { type = \"uefi\" }\n"), 0);
	assert_string_equal(one.boot.initrd, "OVMF_VARS_4M.fd");
	/* What is wrong changes nothing; the name stays. */
	one = was;
	assert_int_equal(change("[guest.web]\ncores = 1\nmemory = \"3MiB\"\n"), -E_INVAL);
	assert_memory_equal(&one, &was, sizeof(one));
	assert_int_equal(change("[guest.web.boot]\nkernel = \"z\"\n"), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-UNKNOWN-KEY");
	assert_int_equal(change("[guest.other]\ncores = 1\n"), 0);
	assert_string_equal(one.name, "web");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_live),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cores),
		cmocka_unit_test(test_boot),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_cmdline_length),
		cmocka_unit_test(test_guest_count),
		cmocka_unit_test(test_all_errors_are_reported),
		cmocka_unit_test(test_errors_are_bounded),
		cmocka_unit_test(test_texts_do_not_steer_a_terminal),
		cmocka_unit_test(test_long_names_are_cut),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_each_image),
		cmocka_unit_test(test_one_guest),
		cmocka_unit_test(test_one_guest_is_bounded),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
