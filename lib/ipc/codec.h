/*
 * Rows to structs and descriptions, and messages to bytes and back. Decoding
 * is total: every length checked, nothing left over, no descriptor left over.
 * Pure, fuzzed.
 */
#ifndef LIB_IPC_CODEC_H
#define LIB_IPC_CODEC_H

#include "lib/base/buf.h"
#include "lib/base/why.h"
#include "lib/ipc/schema.h"

/* clang-format off: these are pieces of declarations */
#define IPC_MEMBER(type, name) ipc_c_##type name;
#define IPC_STRUCT(NAME, name, ...)    \
	struct msg_##name {            \
		MSG_##NAME(IPC_MEMBER) \
	};
/* clang-format on */

/* A frame's head: row number, count of descriptors. Host byte order. */
struct ipc_head {
	uint16_t type;
	uint16_t n_fds;
};

/* One message on its way: its bytes, and its descriptors, borrowed. */
struct ipc_frame {
	struct buf bytes;
	size_t n_fds;
	int fds[IPC_FDS_MAX];
};

/* One message as it came; descriptors are owned by who received them. */
struct ipc_packet {
	struct span bytes;
	size_t n_fds;
	int *fds;
};

/*
 * Append head and fields of *msg to f->bytes, and list the descriptors (those
 * >= 0). RC_PERM when the frame would be larger than f->bytes allows or a str
 * holds a forbidden byte: f->bytes is then as before.
 */
enum rc ipc_encode(const struct ipc_schema *schema, uint16_t type,
    const union ipc_msg *msg, struct ipc_frame *f, struct why *why);

/*
 * Read one frame. On RC_OK *type is its row and *msg is filled: text borrows
 * from the packet, descriptors are moved out of it (they become -1 there). On
 * RC_PERM *msg is unspecified and the packet untouched.
 */
enum rc ipc_decode(const struct ipc_schema *schema,
    const struct ipc_packet *packet, uint16_t *type, union ipc_msg *msg,
    struct why *why);

/* Close what descriptors a decoded message still owns. */
void ipc_msg_close(
    const struct ipc_schema *schema, uint16_t type, union ipc_msg *msg);

#endif
