/*
 * The service manager's ear: see notify.h.
 */
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "master/notify.h"
#include "lib/base/banned.h"

void
notify_state(const struct master *m, const char *state)
{
	struct span path = span_of(getenv("NOTIFY_SOCKET"));
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t n;
	struct buf b;
	int fd;

	(void)m;
	if (path.n == 0 || path.n >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path.p, path.n);
	n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n);
	if (path.p[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	buf_init(&b, 512);
	/* a reload is matched to its answer by the monotonic clock */
	buf_putf(&b, "%s\nMONOTONIC_USEC=%llu\nMAINPID=%d\n", state,
	    (unsigned long long)clock_mono_ms() * 1000, (int)getpid());
	/* a manager that does not listen is no reason not to serve */
	(void)sendto(fd, b.p, b.n, MSG_NOSIGNAL, (void *)&a, n);
	buf_fini(&b);
	io_close(&fd);
}
