/*
 * Listening sockets: see listen.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/conf/endpoint.h"
#include "lib/ev/peer.h"
#include "lib/log/log.h"
#include "lib/worker/workers.h"
#include "master/listen.h"
#include "lib/base/banned.h"

#define BACKLOG 1024

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t
fill_address(const struct conf_endpoint *e, int family, union address *a)
{
	memset(a, 0, sizeof(*a));
	a->any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		a->in.sin_port = htons(e->port);
		if (e->host[0] != '\0')
			(void)inet_pton(AF_INET, e->host, &a->in.sin_addr);
		return sizeof(a->in);
	}
	a->in6.sin6_port = htons(e->port);
	a->in6.sin6_addr = in6addr_any;
	if (e->host[0] != '\0')
		(void)inet_pton(AF_INET6, e->host, &a->in6.sin6_addr);
	return sizeof(a->in6);
}

static int
bind_family(const struct conf_endpoint *e, int family)
{
	int on = 1, off = 0, fd;
	union address a;
	socklen_t n = fill_address(e, family, &a);

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* only bind and listen decide whether the port can be had */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
		    e->family == AF_UNSPEC ? &off : &on, sizeof(on));
	peer_listen(fd);
	if (bind(fd, &a.any, n) < 0 || listen(fd, BACKLOG) < 0) {
		io_close(&fd);
		return -1;
	}
	return fd;
}

/* Everybody may connect: the folder says who comes so far. */
static int
bind_unix(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	if (!span_copy(span_of(path), a.sun_path, sizeof(a.sun_path))) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* left by a master that was killed; anything else is not ours */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (bind(fd, (void *)&a, sizeof(a)) < 0 ||
			   chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0))
		io_close(&fd);
	return fd;
}

/* `*` is one socket for both families where the host has IPv6. */
static int
bind_endpoint(const struct conf_endpoint *e)
{
	int fd;

	if (e->family == AF_UNIX)
		return bind_unix(e->path);
	if (e->family != AF_UNSPEC)
		return bind_family(e, e->family);
	fd = bind_family(e, AF_INET6);
	return fd >= 0 || errno == EADDRINUSE || errno == EACCES
		   ? fd
		   : bind_family(e, AF_INET);
}

static char *
bound_address(int fd)
{
	char host[INET6_ADDRSTRLEN] = "";
	union address a;
	socklen_t n = sizeof(a);
	uint16_t port = 0;
	struct buf b;
	char *text;

	buf_init(&b, 128);
	memset(&a, 0, sizeof(a));
	if (getsockname(fd, &a.any, &n) == 0 && a.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof(host));
		port = ntohs(a.in.sin_port);
		buf_putf(&b, "%s:%u", host, port);
	} else {
		(void)inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
		port = ntohs(a.in6.sin6_port);
		buf_putf(&b, "[%s]:%u", host, port);
	}
	text = span_dup(buf_span(&b));
	buf_fini(&b);
	return text;
}

static struct listener *
find(struct master *m, const char *service, const char *configured)
{
	struct listener *l;

	TAILQ_FOREACH (l, &m->listeners, next)
		if (span_eq(span_of(l->service), span_of(service)) &&
		    span_eq(span_of(l->configured), span_of(configured)))
			return l;
	return NULL;
}

static bool
is_unix(const struct listener *l)
{
	return l->address[0] == '/';
}

static void
close_one(struct master *m, struct listener *l)
{
	/* it may have gone: it is not needed any more */
	if (is_unix(l) && !l->keep)
		(void)unlink(l->address);
	TAILQ_REMOVE(&m->listeners, l, next);
	io_close(&l->fd);
	free(l->configured);
	free(l->address);
	free(l);
}

static void
add_one(struct master *m, const char *service, const char *configured,
    char *address, int fd)
{
	struct listener *l = mem_alloc(sizeof(*l));

	*l = (struct listener){.service = service,
	    .configured = mem_dup(configured),
	    .address = address,
	    .fd = fd,
	    .keep = true};
	TAILQ_INSERT_TAIL(&m->listeners, l, next);
	LOG(MASTER_LISTEN, log_str(service), log_str(l->address));
}

static enum rc
open_one(struct master *m, const char *service, const char *configured,
    struct why *why)
{
	struct listener *l = find(m, service, configured);
	struct conf_endpoint e;
	int fd;

	if (l != NULL) {
		l->keep = true;
		return RC_OK;
	}
	if (!conf_endpoint_parse(span_of(configured), &e))
		return why_set(why, RC_PERM, "5.3.5", "listen.%s: bad \"%s\"",
		    service, configured);
	fd = bind_endpoint(&e);
	if (fd < 0 && e.family == AF_UNIX)
		return why_sys(why, RC_PERM, "5.3.5",
		    "listen.%s: %s cannot be had", service, e.path);
	if (fd < 0)
		return why_sys(why, RC_PERM, "5.3.5",
		    "listen.%s: port %u cannot be had (%s)", service, e.port,
		    configured);
	add_one(m, service, configured,
	    e.family == AF_UNIX ? mem_dup(e.path) : bound_address(fd), fd);
	return RC_OK;
}

/* paths.run never changes while master lives, so this socket does not */
static enum rc
open_local(struct master *m, const struct conf *conf, struct why *why)
{
	struct listener *l = find(m, WORKER_LOCAL_SERVICE, "");
	enum rc rc = RC_OK;
	struct buf path;
	int fd;

	if (l != NULL) {
		l->keep = true;
		return RC_OK;
	}
	buf_init(&path, 8192);
	buf_putf(&path, "%s/" WORKER_LOCAL_SOCKET, conf->paths.run);
	fd = bind_unix(buf_cstr(&path));
	if (fd < 0)
		rc = why_sys(why, RC_PERM, "5.3.5", "%s", buf_cstr(&path));
	else
		add_one(
		    m, WORKER_LOCAL_SERVICE, "", span_dup(buf_span(&path)), fd);
	buf_fini(&path);
	return rc;
}

static enum rc
open_list(struct master *m, const char *service, const struct conf_list *list,
    struct why *why)
{
	for (size_t i = 0; i < list->n; i++)
		if (open_one(m, service, list->v[i], why) != RC_OK)
			return RC_PERM;
	return RC_OK;
}

enum rc
listen_open(struct master *m, const struct conf *conf, struct why *why)
{
	struct listener *l, *last = TAILQ_LAST(&m->listeners, listener_list);

	TAILQ_FOREACH (l, &m->listeners, next)
		l->keep = false;
	if (open_list(m, "smtp", &conf->listen.smtp, why) == RC_OK &&
	    open_list(m, "submission", &conf->listen.submission, why) ==
		RC_OK &&
	    open_list(m, "submissions", &conf->listen.submissions, why) ==
		RC_OK &&
	    open_list(m, "lmtp", &conf->listen.lmtp, why) == RC_OK &&
	    open_list(m, "pop3", &conf->listen.pop3, why) == RC_OK &&
	    open_list(m, "pop3s", &conf->listen.pop3s, why) == RC_OK &&
	    open_list(m, "imap", &conf->listen.imap, why) == RC_OK &&
	    open_list(m, "imaps", &conf->listen.imaps, why) == RC_OK &&
	    open_local(m, conf, why) == RC_OK)
		return RC_OK;
	while ((l = TAILQ_LAST(&m->listeners, listener_list)) != last)
		close_one(m, l);
	TAILQ_FOREACH (l, &m->listeners, next)
		l->keep = true;
	return RC_PERM;
}

void
listen_close_unused(struct master *m)
{
	struct listener *l, *after;

	for (l = TAILQ_FIRST(&m->listeners); l != NULL; l = after) {
		after = TAILQ_NEXT(l, next);
		if (!l->keep)
			close_one(m, l);
	}
}

void
listen_stop(struct master *m)
{
	/* a filter on a listening socket sees each segment from its TCP head:
	 * those with SYN but no ACK are dropped, all others pass */
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, 0xffff),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};
	struct listener *l;

	TAILQ_FOREACH (l, &m->listeners, next) {
		/* without its name nobody comes any more, which is all */
		if (is_unix(l))
			(void)unlink(l->address);
		else
			/* without it a connection in this moment may be reset
			 */
			(void)setsockopt(l->fd, SOL_SOCKET, SO_ATTACH_FILTER,
			    &prog, sizeof(prog));
	}
}

void
listen_close_all(struct master *m)
{
	struct listener *l;

	while ((l = TAILQ_FIRST(&m->listeners)) != NULL)
		close_one(m, l);
}
