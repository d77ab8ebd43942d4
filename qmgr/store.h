/*
 * The queue on disk: a Maildir of queue files. All functions but
 * store_open block and run in threads; they share nothing but the folders'
 * descriptors.
 */
#ifndef QMGR_STORE_H
#define QMGR_STORE_H

#include "lib/maildir/durable.h"
#include "qmgr/envelope.h"

#define STORE_NAME_MAX 64
#define STORE_FILE_MAX 200

struct store {
	int top;
	int tmp;
	int new;
	int cur;
	int damaged;
	int lock;
	struct durable durable; /* into new/ */
};

/* Make what is missing, and lock: RC_TEMP when another qmgr has the spool. */
enum rc store_open(struct store *s, const char *path, struct why *why);

/*
 * Write a queue file: the envelope, then `trace` (CRLF line ends), then `size`
 * bytes of `body` from `body_at` on. e->size, e->offset and e->crc are set.
 * RC_OK: it is durable as new/`name`, and *fd (the caller's to close) is open
 * for reading: it goes to other workers. Else nothing is left.
 */
struct store_write {
	const char *name;
	struct envelope *envelope;
	struct span trace;
	int body;
	uint64_t body_at;
	uint64_t size;
	int fd;       /* result */
	bool existed; /* likewise: there is a file of that name */
};
enum rc store_write(
    const struct store *s, struct store_write *w, struct why *why);

/*
 * Open and check one file of new/ or cur/ (`folder`). RC_PERM: it is not
 * whole, or its sum is wrong. *fd as above.
 */
enum rc store_read(int folder, const char *name, struct envelope **e, int *fd,
    struct why *why);

/*
 * The same of the head only, for those who show it: the sum is not compared,
 * and *fd is for reading.
 */
enum rc store_peek(int folder, const char *name, struct envelope **e, int *fd,
    struct why *why);
/* Has the file's name gone? */
bool store_gone(int folder, const char *name);

/*
 * Overwrite the state, or take the file away for good; not flushed. One that
 * another program has renamed is looked for by its queue ID.
 */
enum rc store_hold(const struct store *s, int folder, const char *name,
    bool held, struct why *why);
/* RC_OK also when it is nowhere: somebody has taken it away. */
enum rc store_delete(
    const struct store *s, int folder, const char *name, struct why *why);

/*
 * Overwrite n recipients' words, by a descriptor of its own; not flushed.
 * RC_TEMP: not all of them.
 */
enum rc store_words(
    int fd, const struct envelope_rcpt *r, size_t n, struct why *why);

/* Nothing is to do any more: remove the file; not flushed. False: it has
 * another name now, or it cannot be removed. */
bool store_remove(const struct store *s, const char *name);

/* Move a file that is not whole to damaged/, where it stays. */
enum rc store_damaged(
    const struct store *s, int folder, const char *name, struct why *why);

/* May a file of this name be a queue file? Its queue ID into id. */
bool store_name_id(struct span name, char id[STORE_NAME_MAX + 1]);

/* Is there room for more mail (space, inodes)? RC_TEMP says what lacks. */
enum rc store_room(const struct store *s, struct why *why);

#endif
