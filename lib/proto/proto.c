/*
 * The tables behind proto.h: field lists and rights, generated from the rows.
 */
#include "lib/proto/proto.h"
#include "lib/base/banned.h"

#define R(NAME) (1U << ROLE_##NAME)
#define WORKERS (((1U << ROLE_COUNT) - 1) & ~(R(MASTER) | R(CTL) | R(SESSION)))

/* clang-format off */
#define FIELD(t, n) {#n, IPC_##t, offsetof(PROTO_THIS, n)},
#define FIELDS(NAME, name, from, to, phase) \
	static const struct ipc_field *fields_##name(size_t *n) \
	{ \
		typedef struct msg_##name this_msg; \
		static const struct ipc_field list[] = { MSG_##NAME(FIELD) }; \
		*n = sizeof(list) / sizeof(list[0]); \
		return list; \
	}
#define PROTO_THIS this_msg
PROTO_MESSAGES(FIELDS)

const struct ipc_schema *
proto_schema(void)
{
	static struct ipc_row rows[] = {
#define ROW(NAME, name, from, to, phase) \
		{#name, NULL, 0, from, to, IPC_##phase},
		PROTO_MESSAGES(ROW)
	};
	static struct ipc_schema schema;

	if (schema.rows != NULL)
		return &schema;
#define FILL(NAME, name, from, to, phase) \
	rows[MSG_##NAME].fields = fields_##name(&rows[MSG_##NAME].n_fields);
	PROTO_MESSAGES(FILL)
	schema = (struct ipc_schema){rows, MSG_COUNT, sizeof(union ipc_msg)};
	return &schema;
}
/* clang-format on */
