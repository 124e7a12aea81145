/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_switch.c hv/core/plan_host.c hv/core/plan_https.c hv/core/plan_errors.c hv/core/plan_schema.c hv/core/plan_show.c hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_devices.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/resolved_plan.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/net_text.c hv/lib/format.c hv/lib/string.c */
/* net = { ... } of [machine]: what it may say, what the resolved plan makes of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <hv/lib.h>
#include <hv/plan.h>

#define GUEST "[guest.g]\ncores = 1\nmemory = \"64MiB\"\nboot = { type = \"elf\", file = \"a.elf\" }\n"

static struct plan plan;
static struct plan_work work;
static struct plan_errors errors;
static struct machine_facts facts;
static struct resolved_plan resolved;

static int read_text(const char *text)
{
	plan_errors_init(&errors, "p.toml");
	return plan_read(&plan, text, strlen(text), &work, &errors);
}

static int admit_text(const char *text)
{
	assert_int_equal(read_text(text), 0);
	memset(&facts, 0, sizeof(facts));
	facts.core_count = 4;
	for (u32 i = 0; i < 4; i++)
		facts.core_usable[i] = true;
	facts.ram_count = 1;
	facts.ram[0] = (struct facts_ram){ HPA(GiB), 4 * GiB };
	facts.image_count = 3;
	facts.image[0] = (struct facts_image){ .name = "a.elf", .status = IMAGE_WHOLE, .size = 100, .bytes = "x" };
	facts.image[1] = (struct facts_image){ .name = "tls.pem", .status = IMAGE_WHOLE, .size = 100, .bytes = "x" };
	facts.image[2] = (struct facts_image){ .name = "tls.key", .status = IMAGE_WHOLE, .size = 100, .bytes = "x" };
	facts.card_count = 1;
	facts.card[0] = (struct facts_card){ .name = "net0", .mac = { 2, 0, 0, 0, 0, 1 }, .vendor = 0x8086, .device = 0x10d3, .mtu_max = 1500 };
	return plan_admit(&plan, &facts, &resolved, &errors);
}

static void refused(const char *net, const char *id, const char *words)
{
	char text[600];

	snprintf(text, sizeof(text), "[machine]\nnet = { %s }\n" GUEST, net);
	assert_int_equal(read_text(text), -E_INVAL);
	assert_string_equal(errors.error[0].id, id);
	if (!strstr(errors.error[0].text, words) || errors.error[0].line != 2)
		fail_msg("%s: %s", net, errors.error[0].text);
}

static void test_defaults(void **state)
{
	assert_int_equal(admit_text(GUEST), 0);
	assert_int_equal(plan.machine.net.how, HOST_NET_DHCP);
	assert_int_equal(plan.machine.net.ipv6, HOST_IPV6_AUTO);
	assert_int_equal(resolved.host, resolved.outside);
	assert_int_not_equal(resolved.host, NO_CARD);
}

static void test_all_keys(void **state)
{
	const struct plan_host_net *h = &plan.machine.net;

	assert_int_equal(admit_text("[machine]\nnet = { switch = \"lan\", vlan = 7, address = \"192.0.2.5/24\", gateway = \"192.0.2.1\", "
				    "dns = [\"192.0.2.2\", \"2001:db8::2\"], ipv6 = \"2001:db8::5/64\", ntp = [\"time.example\"], "
				    "syslog = \"tcp:[2001:db8::9]:601\", syslog_consoles = true }\n"
				    "[switch.lan]\nuplink = \"8086:10d3\"\n" GUEST), 0);
	assert_string_equal(h->sw, "lan");
	assert_int_equal(h->vlan, 7);
	assert_int_equal(h->how, HOST_NET_STATIC);
	assert_int_equal(h->address, 0xc0000205);
	assert_int_equal(h->prefix, 24);
	assert_int_equal(h->gateway, 0xc0000201);
	assert_int_equal(h->dns_count, 2);
	assert_true(h->dns[1].v6);
	assert_int_equal(h->ipv6, HOST_IPV6_STATIC);
	assert_string_equal(h->ntp[0], "time.example");
	assert_true(h->syslog_tcp && h->syslog.v6 && h->syslog_consoles);
	assert_int_equal(h->syslog_port, 601);
	assert_int_equal(resolved.host, 0);
}

static void test_syslog_forms(void **state)
{
	assert_int_equal(read_text("[machine]\nnet = { syslog = \"udp:192.0.2.9\" }\n" GUEST), 0);
	assert_int_equal(plan.machine.net.syslog_port, 514);
	assert_int_equal(plan.machine.net.syslog.ip4, 0xc0000209);
	refused("syslog = \"udp:\"", "PLAN-VALUE", "udp:192.0.2.9:514");
	refused("syslog = \"u\"", "PLAN-VALUE", "udp:192.0.2.9:514");
	refused("syslog = \"\"", "PLAN-VALUE", "udp:192.0.2.9:514");
	refused("syslog = \"udp:192.0.2.9:0\"", "PLAN-VALUE", "udp:");
	refused("syslog = \"udp:192.0.2.9:65536\"", "PLAN-VALUE", "udp:");
	refused("syslog = \"udp:192.0.2.9:5x\"", "PLAN-VALUE", "udp:");
	refused("syslog = \"tcp:[2001:db8::9\"", "PLAN-VALUE", "udp:");
	refused("syslog = \"tcp:[192.0.2.9]:5\"", "PLAN-VALUE", "udp:");
	refused("syslog = \"tcp:host.example:514\"", "PLAN-VALUE", "udp:");
	refused("syslog_consoles = true", "PLAN-VALUE", "where they are to be sent");
}

static void test_refused(void **state)
{
	refused("address = \"192.0.2.5\"", "PLAN-VALUE", "\"192.0.2.5/24\"");
	refused("address = \"192.0.2.0/24\"", "PLAN-VALUE", "not \"192.0.2.0/24\"");
	refused("address = \"192.0.2.255/24\"", "PLAN-VALUE", "not \"192.0.2.255/24\"");
	refused("address = \"127.0.0.1/8\"", "PLAN-VALUE", "not");
	refused("address = \"239.0.0.1/8\"", "PLAN-VALUE", "not");
	refused("gateway = \"192.0.2.1\"", "PLAN-VALUE", "network of `address`");
	refused("address = \"192.0.2.5/24\", gateway = \"192.0.3.1\"", "PLAN-VALUE", "network of `address`");
	refused("address = \"192.0.2.5/24\", gateway = \"192.0.2.5\"", "PLAN-VALUE", "network of `address`");
	refused("vlan = 0", "PLAN-VALUE", "1 to 4094");
	refused("vlan = 4095", "PLAN-VALUE", "1 to 4094");
	refused("dns = [\"a\"]", "PLAN-VALUE", "IPv4 or IPv6 address");
	refused("dns = [\"1.1.1.1\", \"1.1.1.2\", \"1.1.1.3\", \"1.1.1.4\"]", "PLAN-VALUE", "at most 3");
	refused("ntp = [\"a b\"]", "PLAN-VALUE", "time server");
	refused("ipv6 = \"2001:db8::5/48\"", "PLAN-VALUE", "prefix of 64");
	refused("adress = \"dhcp\"", "PLAN-UNKNOWN-KEY", "did you mean address?");
}

static void test_switch(void **state)
{
	assert_int_equal(admit_text("[machine]\nnet = { switch = \"lan\" }\n" GUEST), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-SWITCH");
	assert_int_equal(errors.error[0].line, 2);
	assert_int_equal(admit_text("[machine]\nnet = { switch = \"nat\" }\n[switch.nat]\nnat = true\n" GUEST), -E_INVAL);
	assert_non_null(strstr(errors.error[0].text, "gateway already"));
	assert_int_equal(admit_text("[machine]\nnet = { address = \"off\" }\n" GUEST), 0);
	assert_int_equal(resolved.host, NO_CARD);
}

static char shown[8192];

static void keep(void *context, const char *text)
{
	strcat(shown, text);
}

/* What is written is the same plan again. */
static void test_shown(void **state)
{
	static struct plan_host_net before;

	test_all_keys(state);
	before = plan.machine.net;
	shown[0] = 0;
	resolved_plan_show(&plan, &resolved, keep, NULL);
	assert_int_equal(read_text(shown), 0);
	plan.machine.net.line = before.line;
	plan.machine.net.line_gateway = before.line_gateway;
	assert_memory_equal(&plan.machine.net, &before, sizeof(before));
}

static void https_refused(const char *keys, const char *id, const char *words)
{
	char text[400];

	snprintf(text, sizeof(text), "[machine]\nhttps = { %s }\n" GUEST, keys);
	assert_int_equal(read_text(text), -E_INVAL);
	assert_string_equal(errors.error[0].id, id);
	if (!strstr(errors.error[0].text, words) || errors.error[0].line != 2)
		fail_msg("%s: %s", keys, errors.error[0].text);
}

static void add_name(void *context, const char *name)
{
	strcat(context, name);
	strcat(context, " ");
}

/* On without a word of the plan; its files are loaded. */
static void test_https(void **state)
{
	char names[200] = "";

	assert_int_equal(read_text(GUEST), 0);
	assert_int_equal(plan.machine.https.port, 443);
	assert_int_equal(read_text("[machine]\nhttps = { port = 0 }\n" GUEST), 0);
	assert_int_equal(plan.machine.https.port, 0);
	assert_int_equal(admit_text("[machine.https]\nport = 8443\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n" GUEST), 0);
	plan_each_image(&plan, add_name, names);
	assert_string_equal(names, "tls.pem tls.key a.elf ");
	shown[0] = 0;
	resolved_plan_show(&plan, &resolved, keep, NULL);
	assert_int_equal(read_text(shown), 0);
	assert_int_equal(plan.machine.https.port, 8443);
	assert_string_equal(plan.machine.https.certificate, "tls.pem");
	assert_string_equal(plan.machine.https.key, "tls.key");
	https_refused("port = 65536", "PLAN-VALUE", "a port");
	https_refused("port = -1", "PLAN-VALUE", "a port");
	https_refused("certificate = \"a\"", "PLAN-MISSING-KEY", "private key");
	https_refused("key = \"a\"", "PLAN-MISSING-KEY", "certificate");
	https_refused("certificate = \"../a\", key = \"b\"", "PLAN-VALUE", "");
	https_refused("prt = 1", "PLAN-UNKNOWN-KEY", "port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_all_keys), cmocka_unit_test(test_syslog_forms),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_switch), cmocka_unit_test(test_shown),
		cmocka_unit_test(test_https),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
