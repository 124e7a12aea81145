/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A strict reader for a subset of TOML 1.0: tables [a.b], strings, integers, booleans, arrays, inline tables, comments.
 * No floats, dates, [[ ]], dotted keys, multi-line strings, NUL in strings. What it accepts, every TOML reader
 * accepts with equal values. Pure C without allocation: nodes and text go into arenas of the caller. Any core. */

#include <hv/types.h>

#define TOML_DEPTH_MAX 8	/* names in a header; arrays and inline tables inside each other */
#define TOML_FAULTS_MAX 64	/* after so many faults reading stops */

/* NOTHING: a value that could not be read, its fault is reported. */
enum toml_type { TOML_NOTHING, TOML_TABLE, TOML_ARRAY, TOML_STRING, TOML_INTEGER, TOML_BOOLEAN };

struct toml_node {
	const char *key;		/* its name in the table; "" for the root and for what stands in an array */
	struct toml_node *parent;	/* null: the root */
	struct toml_node *next;		/* next one of the same parent, in the order of the file */
	enum toml_type type;
	u32 line;			/* of the key, header or array element; from 1 */
	u32 count;			/* TABLE, ARRAY: children */
	u32 flags;			/* private to the reader */
	union {
		struct {
			struct toml_node *first, *last;		/* TABLE, ARRAY */
		};
		struct {
			const char *text;	/* STRING: UTF-8, ends with NUL, none inside */
			size_t length;
		};
		s64 integer;
		bool boolean;
	};
};

enum toml_fault {
	TOML_BAD_SYNTAX = 1,
	TOML_BAD_DUPLICATE,	/* a key or a table that is there already, at other_line */
	TOML_BAD_TEXT,		/* not UTF-8, or control characters: nothing was read */
	TOML_BAD_LIMIT,		/* too deep, or an arena is full */
};

struct toml_error {
	enum toml_fault fault;
	u32 line, other_line;		/* other_line 0: none */
	const struct toml_node *table;	/* where key stands; null: nowhere yet */
	const char *key;		/* "": not known */
	const char *words;		/* what was expected */
};

typedef void toml_error_fn(void *context, const struct toml_error *error);

struct toml {
	/* Given by the caller. As much text as the file has bytes is always enough. */
	struct toml_node *node;
	u32 node_max;
	char *text;
	size_t text_max;
	toml_error_fn *on_error;	/* called for every fault, in file order; may be null */
	void *context;

	/* The result. */
	struct toml_node *root;		/* null after TOML_BAD_TEXT */
	u32 faults;

	/* Private. */
	const u8 *at, *end;
	u32 line, node_used;
	size_t text_used;
	struct toml_node *table;	/* that the last header opened */
	const struct toml_node *where;
	const char *key;
	bool stop;
};

/* Read bytes. The tree points into the arenas, not into bytes. Goes on after a fault, so that all are reported.
 * Returns 0, or -E_INVAL when there was any fault (the tree then holds what was understood). */
int toml_read(struct toml *t, const void *bytes, size_t size);

/* The child of table named key; null: none, or table is not a table. */
const struct toml_node *toml_get(const struct toml_node *table, const char *key);

/* Write "guest.web.cores" for node into buf, then "." and key when key is not null or empty. Always ends with NUL. */
void toml_path(const struct toml_node *node, const char *key, char *buf, size_t size);

/* Where bytes stop being text (UTF-8 without control characters but tab and line ends): the word for what is wrong
 * there, *line set; null: all is well. */
const char *toml_check_text(const u8 *bytes, size_t size, u32 *line);
