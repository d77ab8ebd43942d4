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

/*
 * Append head and fields of *msg. Descriptors (those >= 0) are listed in
 * fds[IPC_FDS_MAX], *n_fds; borrowed. RC_PERM when the frame would be larger
 * than b allows or a str holds a forbidden byte: b is then as before.
 */
enum rc ipc_encode(const struct ipc_schema *schema, uint16_t type,
    const union ipc_msg *msg, struct buf *b, int *fds, size_t *n_fds,
    struct why *why);

/*
 * Read one frame. On RC_OK *type is its row and *msg is filled: text borrows
 * from `frame`, descriptors are moved out of fds[] (which become -1). On
 * RC_PERM *msg is unspecified, fds[] is untouched.
 */
enum rc ipc_decode(const struct ipc_schema *schema, struct span frame, int *fds,
    size_t n_fds, uint16_t *type, union ipc_msg *msg, struct why *why);

/* Close what descriptors a decoded message still owns. */
void ipc_msg_close(
    const struct ipc_schema *schema, uint16_t type, union ipc_msg *msg);

#endif
