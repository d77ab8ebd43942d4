/*
 * The bytes of a message for DATA, piece by piece from its file. What is in
 * memory is taken at once, which is nearly all: the file has just been written.
 * The rest is read in a thread: a slow disk holds up no other conversation, and
 * no message is in memory whole.
 */
#ifndef DELIVERY_CLIENT_BODY_H
#define DELIVERY_CLIENT_BODY_H

#include "lib/base/why.h"
#include "lib/ev/pool.h"
#include "lib/base/span.h"

#define CLIENT_BODY_PIECE 65536

struct client_body;

/*
 * A piece, dot-stuffed, borrowed until return; `last`: the dot is at its end.
 * why: the file could not be read to its promised size, then nothing of this
 * piece may be sent.
 */
typedef void client_body_fn(
    void *ctx, struct span piece, bool last, const struct why *why);

/* `size` bytes from `offset` on; fd is taken. */
struct client_body *client_body_new(
    struct pool *pool, int fd, uint64_t offset, uint64_t size);
/* What stands in a message, for a server that does not take everything. */
struct client_body_look {
	bool header; /* octets beyond ASCII in its header fields */
	bool body;   /* and behind them */
};

/* why: the file could not be read to its promised size. */
typedef void client_body_look_fn(
    void *ctx, const struct client_body_look *look, const struct why *why);

/* From the beginning, for another attempt. A read under way is forgotten. */
void client_body_rewind(struct client_body *b);
/*
 * Read the next piece; `on_piece` runs in a later turn of the loop. Nothing
 * happens while one is under way.
 */
void client_body_next(
    struct client_body *b, client_body_fn *on_piece, void *ctx);
/*
 * Look at all of it, in a thread, before the first piece; `on_look` runs in a
 * later turn. Nothing happens while something is under way.
 */
void client_body_look(
    struct client_body *b, client_body_look_fn *on_look, void *ctx);
/* Accepts NULL inside; none of these functions runs any more. */
void client_body_free(struct client_body **b);

#endif
