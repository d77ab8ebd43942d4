/*
 * Acts on sockets: see probe.h. Where the socket itself is what a worker
 * cannot have, another row hands it one, so that each call is tried.
 */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/sandbox/probe.h"
#include "lib/base/banned.h"

static int
bound(int family, int type, const struct sandbox_address *at)
{
	struct sockaddr_storage a = {0};
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	memcpy(&a, at->bytes, at->len);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, at->len) < 0)
		io_close(&fd);
	return fd;
}

static struct sandbox_address
loopback(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sandbox_address a = {.len = sizeof(in)};

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(a.bytes, &in, sizeof(in));
	return a;
}

static int
call_connect(int fd, const struct sandbox_address *to)
{
	struct sockaddr_storage a = {0};

	memcpy(&a, to->bytes, to->len);
	return connect(fd, (struct sockaddr *)&a, to->len);
}

/* A listener on some loopback port, and a socket not yet connected to it. */
static int
arrange_tcp(struct sandbox_probe *probe)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof(struct sockaddr_in);
	int fd;

	probe->to = loopback();
	fd = bound(AF_INET, SOCK_STREAM, &probe->to);
	if (fd < 0 || listen(fd, 4) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	memcpy(probe->to.bytes, &a, len);
	probe->pid = fd;
	probe->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return probe->fd;
}

/* The listener, with a caller waiting. */
static int
arrange_accept(struct sandbox_probe *probe)
{
	if (arrange_tcp(probe) < 0)
		return -1;
	return call_connect(probe->fd, &probe->to);
}

static int
arrange_unix(struct sandbox_probe *probe)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	(void)unlinkat(probe->dir, "socket", 0); /* may not exist */
	if (snprintf(un.sun_path, sizeof(un.sun_path), "%s/socket",
		probe->outside) >= (int)sizeof(un.sun_path))
		return -1;
	probe->to.len = sizeof(un);
	memcpy(probe->to.bytes, &un, sizeof(un));
	fd = bound(AF_UNIX, SOCK_STREAM, &probe->to);
	if (fd < 0 || fchmodat(probe->dir, "socket", 0666, 0) < 0 ||
	    listen(fd, 4) < 0)
		return -1;
	probe->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return probe->fd;
}

/* An abstract name has no file that a uid or a folder could guard. */
static int
arrange_abstract(struct sandbox_probe *probe)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1,
	    "sandbox-probe-%d", (int)getpid());

	probe->to.len =
	    (unsigned)offsetof(struct sockaddr_un, sun_path) + 1 + (unsigned)n;
	memcpy(probe->to.bytes, &un, probe->to.len);
	if (bound(AF_UNIX, SOCK_DGRAM, &probe->to) < 0)
		return -1;
	probe->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return probe->fd;
}

static int
try_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : close(fd);
}

static int
try_tcp(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return try_socket(AF_INET, SOCK_STREAM);
}

static int
try_udp(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return try_socket(AF_INET6, SOCK_DGRAM);
}

static int
try_unix(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return try_socket(AF_UNIX, SOCK_STREAM);
}

static int
try_netlink(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return try_socket(AF_NETLINK, SOCK_RAW);
}

static int
try_pair(struct sandbox_probe *probe)
{
	int fd[2];

	(void)probe; /* nothing arranged */
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
}

static int
try_connect(struct sandbox_probe *probe)
{
	return call_connect(probe->fd, &probe->to);
}

static int
call_bind(int fd, uint16_t port)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_port = htons(port)};

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(fd, (struct sockaddr *)&in, sizeof(in));
}

static int
try_bind(struct sandbox_probe *probe)
{
	return call_bind(probe->fd, 0);
}

static int
try_bind_port(struct sandbox_probe *probe)
{
	return call_bind(probe->fd, 47110);
}

static int
try_listen(struct sandbox_probe *probe)
{
	return listen(probe->fd, 4);
}

static int
try_accept(struct sandbox_probe *probe)
{
	int fd = accept4(probe->pid, NULL, NULL, SOCK_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int
try_sendto(struct sandbox_probe *probe)
{
	struct sockaddr_storage a = {0};

	memcpy(&a, probe->to.bytes, probe->to.len);
	return sendto(probe->fd, "x", 1, 0, (struct sockaddr *)&a,
		   probe->to.len) == 1
		   ? 0
		   : -1;
}

/* A packet filter is a program in the kernel, as far as attacks go. */
static int
try_attach(struct sandbox_probe *probe)
{
	struct sock_filter all = {.code = BPF_RET | BPF_K, .k = 0xffff};
	struct sock_fprog prog = {.len = 1, .filter = &all};

	return setsockopt(
	    probe->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int
try_ioctl(struct sandbox_probe *probe)
{
	int on = 1;

	return ioctl(probe->fd, FIOASYNC, &on);
}

#define ALL     SANDBOX_CONFINED
#define CALLERS SANDBOX_CALLERS
#define ASKER   SANDBOX_OF(RESOLVER)

const struct sandbox_act sandbox_probe_net[] = {
    {"make a TCP socket", NULL, try_tcp, ALL & ~CALLERS, 0},
    {"make a UDP socket", NULL, try_udp, ALL & ~ASKER, 0},
    {"make a Unix socket", NULL, try_unix, ALL, 0},
    {"make a netlink socket", NULL, try_netlink, ALL, 0},
    {"make a socket pair", NULL, try_pair,
	ALL & ~(SANDBOX_OF(POP3D) | SANDBOX_OF(IMAPD) | SANDBOX_OF(AUTHD) |
		  SANDBOX_OF(SPAWN) | SANDBOX_OF(LOCAL)),
	0},
    {"connect by TCP", arrange_tcp, try_connect, ALL & ~CALLERS, 0},
    {"connect to a Unix socket", arrange_unix, try_connect, ALL & ~CALLERS,
	SANDBOX_BY_CHROOT},
    {"connect to an abstract socket", arrange_abstract, try_connect,
	ALL & ~CALLERS, SANDBOX_BY_LANDLOCK6},
    {"bind", arrange_tcp, try_bind, ALL & ~CALLERS, 0},
    {"bind to a port", arrange_tcp, try_bind_port, ALL & ~CALLERS,
	SANDBOX_BY_LANDLOCK4},
    {"listen", arrange_tcp, try_listen, ALL, 0},
    {"accept", arrange_accept, try_accept, ALL & ~SANDBOX_FRONTS, 0},
    {"send to an abstract socket", arrange_abstract, try_sendto, 0,
	SANDBOX_BY_LANDLOCK6},
    {"attach a packet filter", arrange_tcp, try_attach, ALL,
	SANDBOX_NEEDS_ROOT},
    {"set a socket's owner signal", arrange_tcp, try_ioctl, ALL, 0},
    {.name = NULL},
};
