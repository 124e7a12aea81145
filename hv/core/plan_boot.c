/* SPDX-License-Identifier: Apache-2.0 */
/* boot = { ... } of a guest: what it starts from. */

#include <hv/boot_info.h>
#include <hv/lib.h>

#include "plan_schema.h"

/* A file of the plan's folder or below it: no way out of it, nothing that a FAT volume or a terminal would mind. */
static const char *path_fault(const char *s)
{
	const char *part = s;

	if (!*s)
		return "a file name, not empty text";
	if (strlen(s) >= PLAN_PATH_SIZE)
		return "a file name of at most 127 bytes";
	for (;; s++) {
		if (*s == '/' || !*s) {
			size_t length = (size_t)(s - part);

			if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && !strncmp(part, "..", 2)))
				return "a file in the folder of the plan, without leading '/', '.', '..' or '//'";
			if (!*s)
				return NULL;
			part = s + 1;
		} else if (*s < ' ' || *s > '~' || strchr("\\:*?\"<>|", *s)) {
			return "a file name in ASCII without \\ : * ? \" < > |";
		}
	}
}

bool plan_read_path(struct plan_reader *r, const struct toml_node *n, char path[PLAN_PATH_SIZE])
{
	const char *fault = path_fault(n->text);

	if (fault) {
		plan_bad(r, "PLAN-VALUE", n, "%s", fault);
		return false;
	}
	str_copy(path, PLAN_PATH_SIZE, n->text);
	return true;
}

static void read_kernel(struct plan_reader *r, void *object, const struct toml_node *n)
{
	plan_read_path(r, n, ((struct plan_boot *)object)->kernel);
}

static void read_initrd(struct plan_reader *r, void *object, const struct toml_node *n)
{
	plan_read_path(r, n, ((struct plan_boot *)object)->initrd);
}

static void read_cmdline(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_boot *boot = object;

	if (n->length >= PLAN_CMDLINE_SIZE) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d bytes, not %lu", PLAN_CMDLINE_SIZE - 1,
			 (unsigned long)n->length);
		return;
	}
	for (const char *s = n->text; *s; s++)
		if (*s < ' ' || *s > '~') {
			plan_bad(r, "PLAN-VALUE", n, "one line of printable ASCII");
			return;
		}
	str_copy(boot->cmdline, sizeof(boot->cmdline), n->text);
}

static void read_modules(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_boot *boot = object;

	if (n->count > PLAN_MODULES_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d modules, not %u", PLAN_MODULES_MAX, n->count);
		return;
	}
	for (const struct toml_node *m = n->first; m; m = m->next) {
		if (!plan_check_type(r, m, TYPE(STRING)) || !plan_read_path(r, m, boot->module[boot->module_count]))
			continue;
		boot->module_line[boot->module_count++] = m->line;
	}
}

static const struct plan_rule linux_rules[] = {
	{ "type",    TYPE(STRING), NULL,         PLAN_KEY_TYPE,    NULL },
	{ "kernel",  TYPE(STRING), read_kernel,  PLAN_KEY_KERNEL,  NULL },
	{ "initrd",  TYPE(STRING), read_initrd,  PLAN_KEY_INITRD,  NULL },
	{ "cmdline", TYPE(STRING), read_cmdline, PLAN_KEY_CMDLINE, NULL },
};

static const struct plan_rule elf_rules[] = {
	{ "type",    TYPE(STRING), NULL,         PLAN_KEY_TYPE,    NULL },
	{ "file",    TYPE(STRING), read_kernel,  PLAN_KEY_KERNEL,  NULL },
	{ "cmdline", TYPE(STRING), read_cmdline, PLAN_KEY_CMDLINE, NULL },
	{ "modules", TYPE(ARRAY),  read_modules, PLAN_KEY_MODULES, NULL },
};

static const struct plan_rule uefi_rules[] = {
	{ "type",     TYPE(STRING), NULL,        PLAN_KEY_TYPE,    NULL },
	{ "firmware", TYPE(STRING), read_kernel, PLAN_KEY_KERNEL,  NULL },
	{ "vars",     TYPE(STRING), read_initrd, PLAN_KEY_INITRD,  NULL },
};

/* What is not named is looked for under the names that Debian gives it; boot/ knows them too. */
static void default_path(char path[PLAN_PATH_SIZE], const char *name, u32 *line, enum plan_key key)
{
	if (line[key])
		return;
	str_copy(path, PLAN_PATH_SIZE, name);
	line[key] = line[PLAN_KEY_TYPE];
}

/* Some keys of what is there, whose type stays. */
static void change_boot(struct plan_reader *r, const struct toml_node *table, struct plan_boot *boot, u32 *line)
{
	static const struct { const struct plan_rule *rule; u32 count; } rules[] = {
		[BOOT_LINUX] = { linux_rules, ARRAY_COUNT(linux_rules) }, [BOOT_ELF] = { elf_rules, ARRAY_COUNT(elf_rules) },
		[BOOT_UEFI] = { uefi_rules, ARRAY_COUNT(uefi_rules) } };

	if (toml_get(table, "modules"))
		boot->module_count = 0;
	plan_read_table(r, table, rules[boot->type].rule, rules[boot->type].count, boot, line);
}

void plan_read_boot(struct plan_reader *r, const struct toml_node *table, struct plan_boot *boot, u32 *line)
{
	static const char *const types[] = { "linux", "elf", "uefi" };
	const struct toml_node *type = toml_get(table, "type");
	int found;

	if (r->change && !type) {
		change_boot(r, table, boot, line);
		return;
	}
	plan_require(r, table, "type", "\"linux\", \"elf\" or \"uefi\"");
	if (!type || !plan_check_type(r, type, TYPE(STRING)))
		return;
	found = plan_read_word(r, type, types, ARRAY_COUNT(types));
	if (found < 0)
		return;
	boot->type = (enum boot_type)found;

	switch (boot->type) {
	case BOOT_LINUX:
		plan_read_table(r, table, linux_rules, ARRAY_COUNT(linux_rules), boot, line);
		plan_require(r, table, "kernel", "the file name of a Linux kernel (bzImage)");
		break;
	case BOOT_ELF:
		plan_read_table(r, table, elf_rules, ARRAY_COUNT(elf_rules), boot, line);
		plan_require(r, table, "file", "the file name of an ELF (PVH or multiboot1)");
		break;
	case BOOT_UEFI:
		plan_read_table(r, table, uefi_rules, ARRAY_COUNT(uefi_rules), boot, line);
		default_path(boot->kernel, BOOT_UEFI_CODE_NAME, line, PLAN_KEY_KERNEL);
		default_path(boot->initrd, BOOT_UEFI_VARS_NAME, line, PLAN_KEY_INITRD);
		break;
	default:
		break;
	}
}
