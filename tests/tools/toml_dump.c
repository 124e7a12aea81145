/* SPDX-License-Identifier: Apache-2.0 */
/* Our TOML reader as a filter, for tests/unit/hv/lib/toml_oracle.py: standard input is a row of texts, each behind its
 * length (32 bits, little endian); for each a line of JSON comes out: {"value": ...}, or {"faults": [[line,
 * words]...]}. Arenas and text are allocated to the byte, so that the sanitizers see every access outside. */

#include <stdio.h>
#include <stdlib.h>

#include <hv/lib.h>
#include <hv/toml.h>

#define NODES 2048

struct faults {
	u32 count;
	u32 line[TOML_FAULTS_MAX];
	const char *words[TOML_FAULTS_MAX];
};

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
	abort();
}

static void put_string(const char *s, size_t length)
{
	putchar('"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == '"' || c == '\\' || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_node(const struct toml_node *n)
{
	bool table = n->type == TOML_TABLE;

	switch (n->type) {
	case TOML_STRING:
		put_string(n->text, n->length);
		return;
	case TOML_INTEGER:
		printf("%ld", (long)n->integer);
		return;
	case TOML_BOOLEAN:
		fputs(n->boolean ? "true" : "false", stdout);
		return;
	case TOML_TABLE:
	case TOML_ARRAY:
		break;
	case TOML_NOTHING:
		abort();	/* only beside a fault, and then nothing is printed */
	}
	putchar(table ? '{' : '[');
	for (const struct toml_node *c = n->first; c; c = c->next) {
		if (table) {
			put_string(c->key, strlen(c->key));
			putchar(':');
		}
		put_node(c);
		if (c->next)
			putchar(',');
	}
	putchar(table ? '}' : ']');
}

static void on_error(void *context, const struct toml_error *e)
{
	struct faults *f = context;

	f->line[f->count] = e->line;
	f->words[f->count++] = e->words;
}

static void dump(const u8 *bytes, size_t size)
{
	struct faults faults = { 0 };
	struct toml t = { .node_max = NODES, .text_max = size, .on_error = on_error, .context = &faults };

	t.node = malloc(NODES * sizeof(*t.node));
	t.text = malloc(size ? size : 1);
	if (toml_read(&t, bytes, size) == 0) {
		fputs("{\"value\": ", stdout);
		put_node(t.root);
	} else {
		fputs("{\"faults\": [", stdout);
		for (u32 i = 0; i < faults.count; i++) {
			printf("%s[%u, ", i ? ", " : "", faults.line[i]);
			put_string(faults.words[i], strlen(faults.words[i]));
			putchar(']');
		}
		putchar(']');
	}
	puts("}");
	free(t.text);
	free(t.node);
}

int main(void)
{
	u32 size;

	while (fread(&size, sizeof(size), 1, stdin) == 1) {
		u8 *bytes = malloc(size ? size : 1);

		if (!bytes || fread(bytes, 1, size, stdin) != size)
			return 2;
		dump(bytes, size);
		free(bytes);
	}
	return 0;
}
