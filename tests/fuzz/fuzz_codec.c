/* Any frame of any message: decoded whole and encoded back, or refused. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/ipc/codec.h"
#include "lib/proto/proto.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fds[IPC_FDS_MAX];
	struct ipc_packet packet = {span_make(data, n), 0, fds};
	struct ipc_frame f = {.n_fds = 0};
	union ipc_msg msg;
	uint16_t type;

	if (n < 4 || n > IPC_FRAME_MAX)
		return 0;
	/* numbers that are never used: as many as the frame claims */
	packet.n_fds = data[2] % (IPC_FDS_MAX + 1);
	for (size_t i = 0; i < packet.n_fds; i++)
		fds[i] = 1000 + (int)i;
	if (ipc_decode(proto_schema(), &packet, &type, &msg, NULL) != RC_OK)
		return 0;
	for (size_t i = 0; i < packet.n_fds; i++)
		if (fds[i] != -1)
			abort(); /* a descriptor was left over */
	buf_init(&f.bytes, IPC_FRAME_MAX);
	if (ipc_encode(proto_schema(), type, &msg, &f, NULL) != RC_OK ||
	    !span_eq(buf_span(&f.bytes), packet.bytes))
		abort();
	buf_fini(&f.bytes);
	return 0;
}
