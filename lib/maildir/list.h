/*
 * The messages of a mailbox as they lie in new/ and cur/, while other programs
 * move them there: what is known of each, opening, removing. A message is its
 * base name; folder, flags and sizes in the name may change at any time, and
 * are then looked for again. Blocking: runs in threads. No link is followed.
 */
#ifndef LIB_MAILDIR_LIST_H
#define LIB_MAILDIR_LIST_H

#include "lib/maildir/name.h"
#include "lib/maildir/place.h"

struct maildir_entry {
	char *name; /* of the file, as seen last */
	bool in_new;
	uint64_t size; /* on disk */
};

struct maildir_list {
	struct maildir_entry *v; /* sorted by base name, each once */
	size_t n;
	size_t torn; /* moved aside by this scan */
};

/*
 * Open the folders of the Maildir at `path`. RC_TEMP: nothing stays open. The
 * caller closes them with maildir_place_close().
 */
enum rc maildir_list_folders(
    const char *path, struct maildir_folders *f, struct why *why);

/*
 * Read both folders. A file that was torn by a crash before it was promised
 * (file.h) is not listed, and moved to tmp/torn.<name>. Two files of one base
 * name are listed once. On RC_TEMP the list is empty, else maildir_list_free()
 * is the caller's.
 */
enum rc maildir_list_scan(const struct maildir_folders *f,
    struct maildir_list *list, struct why *why);
void maildir_list_free(struct maildir_list *list);

/* Open for reading; -1 with errno (ENOENT: it is gone for good). */
int maildir_list_open(const struct maildir_folders *f, struct maildir_entry *e);

/*
 * Octets of the message with CRLF line ends: W= where S= is the file's size,
 * else counted. RC_TEMP when the file cannot be read.
 */
enum rc maildir_list_wire(const struct maildir_folders *f,
    struct maildir_entry *e, uint64_t *octets, struct why *why);

/*
 * Remove the file; RC_OK as well when somebody else has. It is not flushed:
 * after a power cut the message may be there again.
 */
enum rc maildir_list_remove(
    const struct maildir_folders *f, struct maildir_entry *e, struct why *why);

#endif
