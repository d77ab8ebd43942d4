/*
 * The other end: see peer.h.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "lib/base/buf.h"
#include "lib/ev/peer.h"
#include "lib/base/banned.h"

char *
peer_address(int fd)
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_storage ss;
	const struct sockaddr_in *in = (const void *)&ss;
	const struct sockaddr_in6 *in6 = (const void *)&ss;
	socklen_t n = sizeof(ss);
	struct buf b;
	char *text;

	memset(&ss, 0, sizeof(ss));
	buf_init(&b, INET6_ADDRSTRLEN + 8);
	if (getpeername(fd, (void *)&ss, &n) < 0 ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6))
		buf_puts(&b, "unknown");
	else if (ss.ss_family == AF_INET)
		buf_puts(
		    &b, inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)));
	else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		buf_puts(&b, inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12],
				 host, sizeof(host)));
	else
		buf_puts(&b,
		    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)));
	text = span_dup(buf_span(&b));
	buf_fini(&b);
	return text;
}

void
peer_listen(int fd)
{
	static const struct {
		int level;
		int name;
		int value;
	} options[] = {
	    {IPPROTO_TCP, TCP_KEEPIDLE, 600},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 60},
	    {IPPROTO_TCP, TCP_KEEPCNT, 5},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	};

	/* without them deadlines end it, later */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
		    &options[i].value, sizeof(options[i].value));
}

uint32_t
peer_uid(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return UINT32_MAX;
	return cred.uid;
}
