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
/* From the beginning, for another attempt. A read under way is forgotten. */
void client_body_rewind(struct client_body *b);
/*
 * Read the next piece; `on_piece` runs in a later turn of the loop. Nothing
 * happens while one is under way.
 */
void client_body_next(
    struct client_body *b, client_body_fn *on_piece, void *ctx);
/* Accepts NULL inside; on_piece does not run any more. */
void client_body_free(struct client_body **b);

#endif
