/*
 * One end of a conversation between two workers: whole messages over a
 * SOCK_SEQPACKET pair made by master, descriptors along with them. A bad
 * message closes this link and nothing else.
 */
#ifndef LIB_IPC_LINK_H
#define LIB_IPC_LINK_H

#include <event2/event.h>

#include "lib/base/why.h"
#include "lib/ipc/schema.h"

struct ipc_link;

/*
 * Called with a decoded message: text borrows until return; a descriptor is
 * taken by setting its field to -1, otherwise it is closed behind the call.
 * The handler may free the link.
 */
typedef void ipc_handler(void *ctx, struct ipc_link *link, union ipc_msg *msg);

/*
 * The link is finished: `why` is NULL when the other end closed it, else what
 * was wrong (a bad frame, a full queue). Called once, from the event loop or
 * from ipc_send's caller's next turn; the owner frees the link.
 */
typedef void ipc_closed(
    void *ctx, struct ipc_link *link, const struct why *why);

struct ipc_link_args {
	struct event_base *base;
	const struct ipc_schema *schema;
	ipc_handler *const *handlers; /* by row; NULL: not taken here */
	ipc_closed *on_closed;
	void *ctx;
	int fd;        /* taken */
	uint32_t self; /* role of this end */
	uint32_t peer; /* role the other end must have */
	enum ipc_phase phase;
	uint32_t tag; /* the owner's own number for it */
};

/* Never NULL; sends the hello at once. */
struct ipc_link *ipc_link_new(const struct ipc_link_args *args);
/* Closes; accepts NULL inside. Allowed in handlers. */
void ipc_link_free(struct ipc_link **link);

/*
 * Queue a message; text is copied and descriptors duplicated when it cannot
 * go out at once. A message that does not fit, or a peer that does not read
 * (more than IPC_QUEUE_MAX bytes waiting), closes the link. False when the
 * link is closed or closing; on_closed will run or has run.
 */
bool ipc_send(struct ipc_link *link, uint16_t type, const union ipc_msg *msg);

#define IPC_QUEUE_MAX (8U << 20)

void ipc_link_phase(struct ipc_link *link, enum ipc_phase phase);
/* Have all queued messages been given to the kernel? */
bool ipc_link_flushed(const struct ipc_link *link);
/* Stop and go on reading (back pressure). */
void ipc_link_pause(struct ipc_link *link, bool paused);
/* The handlers' ctx. */
void *ipc_link_ctx(struct ipc_link *link);
uint32_t ipc_link_peer(const struct ipc_link *link);
uint32_t ipc_link_tag(const struct ipc_link *link);

/*
 * Blocking: read and handle messages until `*done` (set by a handler) or the
 * link is closed; for set-up, before the event loop runs. False when closed.
 */
bool ipc_link_wait(struct ipc_link *link, const bool *done);

#endif
