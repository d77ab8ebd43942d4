/*
 * The workers' conversation: every message is one row of a table in
 * lib/proto/<link>.def. From the row come `struct msg_x`, `MSG_x`,
 * `proto_send_x()` and its place in `union ipc_msg`.
 */
#ifndef LIB_PROTO_PROTO_H
#define LIB_PROTO_PROTO_H

#include "lib/ipc/codec.h"
#include "lib/ipc/link.h"
#include "lib/proto/role.h"

#include "lib/proto/auth.def"
#include "lib/proto/ctl.def"
#include "lib/proto/deliver.def"
#include "lib/proto/dns.def"
#include "lib/proto/master.def"
#include "lib/proto/queue.def"
#include "lib/proto/queue_ctl.def"
#include "lib/proto/remote.def"
#include "lib/proto/watch.def"

/* clang-format off */
#define PROTO_MESSAGES(M) \
	MESSAGES_MASTER(M) \
	MESSAGES_CTL(M) \
	MESSAGES_QUEUE(M) \
	MESSAGES_QUEUE_CTL(M) \
	MESSAGES_DELIVER(M) \
	MESSAGES_REMOTE(M) \
	MESSAGES_DNS(M) \
	MESSAGES_AUTH(M) \
	MESSAGES_WATCH(M)

PROTO_MESSAGES(IPC_STRUCT)

#define PROTO_ENUM(NAME, name, from, to, phase) MSG_##NAME,
enum proto_type { PROTO_MESSAGES(PROTO_ENUM) MSG_COUNT };

#define PROTO_UNION(NAME, name, from, to, phase) struct msg_##name name;
union ipc_msg { PROTO_MESSAGES(PROTO_UNION) };

/* proto_send_x(link, &(struct msg_x){...}): see ipc_send() */
#define PROTO_SEND(NAME, name, from, to, phase) \
	static inline bool \
	proto_send_##name(struct ipc_link *link, const struct msg_##name *m) \
	{ \
		return ipc_send(link, MSG_##NAME, (const void *)m); \
	}
PROTO_MESSAGES(PROTO_SEND)
/* clang-format on */

/* RFC 6710's priorities, -9 to 9, travel in a byte. */
static inline int
proto_priority(uint8_t sent)
{
	return sent < 128 ? sent : sent - 256;
}

/* Rows, rights and hash; static. */
const struct ipc_schema *proto_schema(void);

#endif
