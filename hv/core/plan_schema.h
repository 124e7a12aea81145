/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Tables of keys: how one object of the plan is read. Between plan*.c only. */

#include <hv/plan.h>

struct plan_reader {
	struct plan_errors *errors;
	bool broken;			/* the text had faults: a key that is missing may just be unread */
	bool change;			/* some keys of what is there already: none must be there */
};

typedef void plan_key_fn(struct plan_reader *r, void *object, const struct toml_node *n);

#define TYPE(t) BIT32(TOML_##t)

struct plan_rule {
	const char *name;
	u32 types;			/* TYPE() bits that the value may have */
	plan_key_fn *read;		/* called with a value of a right type; null: nothing to keep */
	u8 key;				/* enum plan_key whose line is kept; 0: none */
	const char *part;		/* the part that is not there yet, in words; null: it is */
};

/* Read every key of table by its rule. object goes to the rules' functions; line[] may be null. */
void plan_read_table(struct plan_reader *r, const struct toml_node *table, const struct plan_rule *rule, u32 count,
		     void *object, u32 *line);

/* Report n, with its full name as the key. */
#define plan_bad(r, id, n, ...) plan_bad_key(r, id, n, NULL, __VA_ARGS__)

/* Report key inside of n. */
void plan_bad_key(struct plan_reader *r, const char *id, const struct toml_node *n, const char *key, const char *fmt,
		  ...) PRINTF_LIKE(5, 6);

/* "must be there" for table's key; quiet when it is, or when the text had faults. */
void plan_require(struct plan_reader *r, const struct toml_node *table, const char *key, const char *words);

/* Is n of one of types? Else reported. */
bool plan_check_type(struct plan_reader *r, const struct toml_node *n, u32 types);

/* The position of n's text in words[count]; an error and -1 when it is none of them. */
int plan_read_word(struct plan_reader *r, const struct toml_node *n, const char *const *words, u32 count);

/* A file name into path. false: reported. */
bool plan_read_path(struct plan_reader *r, const struct toml_node *n, char path[PLAN_PATH_SIZE]);

/* "512MiB" to bytes; 0: not of this form, or too large for any machine (52 address bits). */
u64 plan_parse_size(const char *s);

/* Keys of a guest: disk, a list of tables; cdrom, a file; virtio_console, a boolean or a table. */
void plan_read_disks(struct plan_reader *r, void *guest, const struct toml_node *n);
void plan_read_cdrom(struct plan_reader *r, void *guest, const struct toml_node *n);
void plan_read_virtio_console(struct plan_reader *r, void *guest, const struct toml_node *n);

/* net of a guest, a list of tables; all of [switch.NAME]. */
void plan_read_nets(struct plan_reader *r, void *guest, const struct toml_node *n);
void plan_read_switches(struct plan_reader *r, void *plan, const struct toml_node *n);

/* The guest's boot table into boot and line. */
void plan_read_boot(struct plan_reader *r, const struct toml_node *table, struct plan_boot *boot, u32 *line);

/* [guest.NAME] into g, which is all zero. */
void plan_read_guest_table(struct plan_reader *r, struct plan_guest *g, const struct toml_node *n);

/* on_error of the reader: faults of the text as errors of the plan. context: struct plan_reader. */
void plan_report_toml(void *context, const struct toml_error *e);

/* The machine's key net, a table. */
void plan_read_host_net(struct plan_reader *r, void *machine, const struct toml_node *n);

/* ... https, a table. */
void plan_read_https(struct plan_reader *r, void *machine, const struct toml_node *n);
