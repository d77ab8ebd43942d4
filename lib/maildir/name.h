/*
 * What a message's file name says. Nothing here is trusted: sizes are checked
 * against the file by who uses them. Pure, fuzzed.
 */
#ifndef LIB_MAILDIR_NAME_H
#define LIB_MAILDIR_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"

/* `<base>,S=4321,W=4400,U=57.k3f9:2,FS` */
struct maildir_name {
	struct span base;   /* up to the first ',' or ':'; stays for life */
	struct span fields; /* from there to the ':', with the first ',' */
	struct span flags;  /* behind ":2," */
	bool has_size;
	bool has_wire;
	uint64_t size;   /* S=: on disk */
	uint64_t wire;   /* W=: with CRLF line ends */
	uint32_t uid;    /* U=; 0: none */
	struct span tag; /* behind it: the mailbox that gave it */
};

/* Spans borrow from `file`. A field that is no number counts as missing. */
void maildir_name_parse(struct span file, struct maildir_name *n);

/*
 * Append the name that *n describes: base, S=, W= and U= as far as there are,
 * fields of others as they stand in n->fields, and ":2," with the flags.
 */
void maildir_name_put(struct buf *b, const struct maildir_name *n);

/* Up to the first ',' or ':'. */
struct span maildir_name_base(struct span file);

/*
 * Has the base the form that our deliveries give (lib/maildir/deliver.h): a
 * queue ID, ".R", the recipient's number, and "." and a digit if repeated?
 */
bool maildir_name_ours(struct span base);

#endif
