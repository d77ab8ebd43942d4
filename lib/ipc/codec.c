/*
 * Messages to bytes and back: see codec.h. Numbers in host order: both ends
 * are on one host and were compiled from one schema (its hash is compared).
 */
#include <stdint.h>

#include "lib/base/io.h"
#include "lib/ipc/codec.h"
#include "lib/base/banned.h"

#define FD_NONE  0
#define FD_GIVEN 1

static bool
line_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool
put_text(struct buf *b, struct span s)
{
	uint32_t n = (uint32_t)s.n;

	return s.n <= IPC_FRAME_MAX && buf_put(b, &n, sizeof(n)) &&
	       buf_put_span(b, s);
}

static bool
put_fd(struct ipc_frame *f, int fd)
{
	uint8_t given = fd >= 0 ? FD_GIVEN : FD_NONE;

	if (given && f->n_fds == IPC_FDS_MAX)
		return false;
	if (given)
		f->fds[f->n_fds++] = fd;
	return buf_put(&f->bytes, &given, sizeof(given));
}

static bool
put_field(struct ipc_frame *f, enum ipc_type type, const char *at)
{
	const struct span *text = (const void *)at;
	const int *fd = (const void *)at;

	switch (type) {
	case IPC_u8:
		return buf_put(&f->bytes, at, sizeof(uint8_t));
	case IPC_u32:
		return buf_put(&f->bytes, at, sizeof(uint32_t));
	case IPC_u64:
		return buf_put(&f->bytes, at, sizeof(uint64_t));
	case IPC_str:
		return line_ok(*text) && put_text(&f->bytes, *text);
	case IPC_bytes:
		return put_text(&f->bytes, *text);
	case IPC_fd:
		return put_fd(f, *fd);
	}
	return false;
}

enum rc
ipc_encode(const struct ipc_schema *schema, uint16_t type,
    const union ipc_msg *msg, struct ipc_frame *f, struct why *why)
{
	const struct ipc_row *row = &schema->rows[type];
	struct ipc_head head = {.type = type};
	size_t before = f->bytes.n;

	f->n_fds = 0;
	if (!buf_put(&f->bytes, &head, sizeof(head)))
		goto too_large;
	for (size_t i = 0; i < row->n_fields; i++) {
		const struct ipc_field *field = &row->fields[i];

		if (!put_field(
			f, field->type, (const char *)msg + field->offset))
			goto too_large;
	}
	head.n_fds = (uint16_t)f->n_fds;
	memcpy(f->bytes.p + before, &head, sizeof(head));
	return RC_OK;

too_large:
	f->bytes.n = before;
	return why_set(why, RC_PERM, "5.3.0",
	    "message %s does not fit its frame", row->name);
}

static bool
take(struct span *in, void *to, size_t n)
{
	if (in->n < n)
		return false;
	memcpy(to, in->p, n);
	*in = (struct span){in->p + n, in->n - n};
	return true;
}

static bool
take_text(struct span *in, struct span *to)
{
	uint32_t n;

	if (!take(in, &n, sizeof(n)) || in->n < n)
		return false;
	*to = span_head(*in, n);
	*in = (struct span){in->p + n, in->n - n};
	return true;
}

/* fd fields get the index of their descriptor; they are filled at the end */
static bool
take_field(struct span *in, const struct ipc_field *f, char *at, size_t *n_fds)
{
	struct span *text = (void *)at;
	int *fd = (void *)at;
	uint8_t given;

	switch (f->type) {
	case IPC_u8:
		return take(in, at, sizeof(uint8_t));
	case IPC_u32:
		return take(in, at, sizeof(uint32_t));
	case IPC_u64:
		return take(in, at, sizeof(uint64_t));
	case IPC_str:
		return take_text(in, text) && line_ok(*text);
	case IPC_bytes:
		return take_text(in, text);
	case IPC_fd:
		if (!take(in, &given, sizeof(given)) || given > FD_GIVEN)
			return false;
		*fd = given ? (int)(*n_fds)++ : -1;
		return true;
	}
	return false;
}

/* the indexes in msg's fd fields become the packet's descriptors */
static void
move_fds(const struct ipc_row *row, union ipc_msg *msg,
    const struct ipc_packet *packet)
{
	for (size_t i = 0; i < row->n_fields; i++) {
		int *fd = (void *)((char *)msg + row->fields[i].offset);
		int at;

		if (row->fields[i].type != IPC_fd || *fd < 0)
			continue;
		at = *fd;
		*fd = packet->fds[at];
		packet->fds[at] = -1;
	}
}

enum rc
ipc_decode(const struct ipc_schema *schema, const struct ipc_packet *packet,
    uint16_t *type, union ipc_msg *msg, struct why *why)
{
	struct span rest = packet->bytes;
	const struct ipc_row *row;
	struct ipc_head head;
	size_t seen = 0;

	if (!take(&rest, &head, sizeof(head)) || head.type >= schema->n_rows)
		return why_set(why, RC_PERM, "5.3.0", "unknown message");
	row = &schema->rows[head.type];
	memset(msg, 0, schema->msg_size);
	for (size_t i = 0; i < row->n_fields; i++) {
		const struct ipc_field *f = &row->fields[i];

		if (!take_field(&rest, f, (char *)msg + f->offset, &seen))
			return why_set(why, RC_PERM, "5.3.0",
			    "message %s: bad field %s", row->name, f->name);
	}
	if (rest.n != 0)
		return why_set(why, RC_PERM, "5.3.0",
		    "message %s: %zu bytes too many", row->name, rest.n);
	if (seen != packet->n_fds || head.n_fds != packet->n_fds)
		return why_set(why, RC_PERM, "5.3.0",
		    "message %s: %zu descriptors where %zu belong", row->name,
		    packet->n_fds, seen);
	move_fds(row, msg, packet);
	*type = head.type;
	return RC_OK;
}

void
ipc_msg_close(
    const struct ipc_schema *schema, uint16_t type, union ipc_msg *msg)
{
	const struct ipc_row *row = &schema->rows[type];

	for (size_t i = 0; i < row->n_fields; i++)
		if (row->fields[i].type == IPC_fd)
			io_close((void *)((char *)msg + row->fields[i].offset));
}

static uint64_t
fnv(uint64_t h, unsigned char c)
{
	return (h ^ c) * 1099511628211U;
}

static uint64_t
fnv_text(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = fnv(h, (unsigned char)*s);
	return fnv(h, 0);
}

static uint64_t
fnv_number(uint64_t h, uint32_t n)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		h = fnv(h, (unsigned char)(n >> shift));
	return h;
}

uint64_t
ipc_schema_hash(const struct ipc_schema *schema)
{
	uint64_t h = 14695981039346656037U;

	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct ipc_row *row = &schema->rows[i];

		h = fnv_text(h, row->name);
		h = fnv_number(h, row->from);
		h = fnv_number(h, row->to);
		h = fnv_number(h, row->phase);
		for (size_t j = 0; j < row->n_fields; j++) {
			h = fnv_number(h, row->fields[j].type);
			h = fnv_text(h, row->fields[j].name);
		}
	}
	return h;
}
