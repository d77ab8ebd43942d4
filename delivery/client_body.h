/*
 * The bytes of a message for DATA, piece by piece from its file. What is in
 * memory is taken at once, which is nearly all: the file has just been written.
 * The rest is read in a thread: a slow disk holds up no other conversation, and
 * no message is in memory whole.
 */
#ifndef DELIVERY_CLIENT_BODY_H
#define DELIVERY_CLIENT_BODY_H

#include "delivery/client_look.h"
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
/* In bytes. */
uint64_t client_body_size(const struct client_body *b);
/* From the beginning, for another attempt. What is under way is forgotten. */
void client_body_rewind(struct client_body *b);
/* Look at it, before the first piece; `seven`: and convert it. */
void client_body_look(
    struct client_body *b, bool seven, client_look_fn *on_look, void *ctx);
/* From the beginning of what a look has made of it (taken), -1: of it again. */
void client_body_use(struct client_body *b, int seven, uint64_t size);
/*
 * Read the next piece; `on_piece` runs in a later turn of the loop. Nothing
 * happens while one is under way.
 */
void client_body_next(
    struct client_body *b, client_body_fn *on_piece, void *ctx);
/* Accepts NULL inside; neither function runs any more. */
void client_body_free(struct client_body **b);

#endif
