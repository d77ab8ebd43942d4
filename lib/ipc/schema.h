/*
 * The shape of messages between workers. A row of lib/proto's tables becomes
 * a struct, an enumerator and this description; encoder, decoder and log name
 * all come from it.
 */
#ifndef LIB_IPC_SCHEMA_H
#define LIB_IPC_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/span.h"

enum ipc_type {
	IPC_u8,
	IPC_u32,
	IPC_u64,
	IPC_str,   /* text of one line: no byte below 0x20, no 0x7f */
	IPC_bytes, /* anything */
	IPC_fd,    /* a descriptor, or -1 */
};

/* The C type of each. */
typedef uint8_t ipc_c_u8;
typedef uint32_t ipc_c_u32;
typedef uint64_t ipc_c_u64;
typedef struct span ipc_c_str;
typedef struct span ipc_c_bytes;
typedef int ipc_c_fd;

struct ipc_field {
	const char *name;
	enum ipc_type type;
	size_t offset;
};

/* When a message may come; a link is in one phase at a time. */
enum ipc_phase {
	IPC_SETUP = 1, /* between fork and ready */
	IPC_RUN = 2,
	IPC_ANY = 3,
};

struct ipc_row {
	const char *name;
	const struct ipc_field *fields;
	size_t n_fields;
	uint32_t from; /* bit set of roles */
	uint32_t to;
	enum ipc_phase phase;
};

struct ipc_schema {
	const struct ipc_row *rows;
	size_t n_rows;
	size_t msg_size; /* of union ipc_msg */
};

/* Defined by lib/proto: one member per row, named as the row. */
union ipc_msg;

/* Descriptors in one message, and bytes in one frame, at most. */
#define IPC_FDS_MAX   4
#define IPC_FRAME_MAX 65536

/* FNV-1a over every name, type, right and phase: goes into the hello. */
uint64_t ipc_schema_hash(const struct ipc_schema *schema);

#endif
