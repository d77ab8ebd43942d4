/*
 * The workers resolver and remote without the rest of the suite, each in its
 * sandbox, with this program as master, as qmgr and as who asks the resolver.
 *
 *   drive BINDIR MAILSTEAD.YAML CHROOT
 *
 * It reads commands, a line each, and says what it hears, a line each:
 *
 *   ask mx|host NAME        -> tlsa HOST BASE USAGE SELECTOR MATCHING HEX ...,
 *       address PREFERENCE HOST ADDRESS tlsa=N ..., end RC ...
 *   relay QID HOP MX LMTP PORT TLS FILE OFFSET SIZE SENDER LOGIN PASSWORD
 *       RET ENVID NEED RCPT...
 *                           ("-": empty)  -> relayed QID RCPT RC SITE ...
 *   link, cut               a new qmgr, none -> underway QID RCPT ..., known N
 *   junk                    a job that makes no sense -> closed
 *   drain, stop             -> gone STATUS when remote has ended
 *   status                  -> status remote TEXT
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/conf/conf.h"
#include "lib/proto/proto.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

struct child {
	enum role role;
	pid_t pid;
	struct ipc_link *master;
};

static struct {
	struct event_base *base;
	struct conf *conf;
	const char *bindir;
	const char *chroot;
	struct child resolver;
	struct child remote;
	struct ipc_link *asker;
	struct ipc_link *qmgr;
	uint64_t number;
	struct buf in;
} d;

static void
on_ready(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct child *c = ctx;

	(void)msg;
	ipc_link_phase(link, IPC_RUN);
	printf("ready %s\n", role_name(c->role));
}

static void
on_status(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct child *c = ctx;

	(void)link;
	printf("status %s " SPAN_FMT "\n", role_name(c->role),
	    SPAN_ARG(msg->status.text));
}

static void
on_bad_peer(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	printf("bad_peer " SPAN_FMT "\n", SPAN_ARG(msg->bad_peer.reason));
}

static void
on_tlsa(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_dns_tlsa *m = &msg->dns_tlsa;

	(void)ctx;
	(void)link;
	printf("tlsa " SPAN_FMT " " SPAN_FMT " %u %u %u ", SPAN_ARG(m->host),
	    SPAN_ARG(m->base), m->usage, m->selector, m->matching);
	for (size_t i = 0; i < m->data.n; i++)
		printf("%02x", (unsigned)span_at(m->data, i));
	printf("\n");
}

static void
on_address(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_dns_address *m = &msg->dns_address;
	char text[INET6_ADDRSTRLEN] = "-";

	(void)ctx;
	(void)link;
	if (m->address.n > 0 &&
	    inet_ntop(m->address.n == 4 ? AF_INET : AF_INET6, m->address.p,
		text, sizeof(text)) == NULL)
		exit(3);
	printf("address %u " SPAN_FMT " %s tlsa=%u\n", m->preference,
	    SPAN_ARG(m->host), text, m->tlsa);
}

static void
on_dns_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_dns_end *m = &msg->dns_end;

	(void)ctx;
	(void)link;
	printf("end %s " SPAN_FMT " secure=%u ttl=%u " SPAN_FMT "\n",
	    why_rc_name((enum rc)m->rc), SPAN_ARG(m->status), m->secure, m->ttl,
	    SPAN_ARG(m->text));
}

static void
on_relayed(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_relayed *m = &msg->relayed;

	(void)ctx;
	(void)link;
	printf("relayed " SPAN_FMT " %u %s site=%u dsn=%u " SPAN_FMT
	       "|" SPAN_FMT "|" SPAN_FMT "|" SPAN_FMT "|" SPAN_FMT "\n",
	    SPAN_ARG(m->qid), m->rcpt, why_rc_name((enum rc)m->rc), m->site,
	    m->dsn, SPAN_ARG(m->status), SPAN_ARG(m->host), SPAN_ARG(m->tls),
	    SPAN_ARG(m->reply), SPAN_ARG(m->text));
}

static void
on_underway(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	printf("underway " SPAN_FMT " %u\n", SPAN_ARG(msg->underway.qid),
	    msg->underway.rcpt);
}

static void
on_underway_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	printf("known %u\n", msg->underway_end.count);
}

static void
on_retire(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	(void)msg;
	printf("retires\n");
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_READY] = on_ready,
    [MSG_STATUS] = on_status,
    [MSG_BAD_PEER] = on_bad_peer,
    [MSG_DNS_TLSA] = on_tlsa,
    [MSG_DNS_ADDRESS] = on_address,
    [MSG_DNS_END] = on_dns_end,
    [MSG_RELAYED] = on_relayed,
    [MSG_UNDERWAY] = on_underway,
    [MSG_UNDERWAY_END] = on_underway_end,
    [MSG_RETIRE] = on_retire,
};

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct child *c = ctx;
	int status = -1;

	if (c == NULL) { /* a peer's link */
		printf("closed %s\n", why == NULL ? "" : why->text);
		if (link == d.qmgr)
			d.qmgr = NULL;
		ipc_link_free(&link);
		return;
	}
	if (waitpid(c->pid, &status, 0) < 0)
		status = -1;
	printf("gone %s %d\n", role_name(c->role), status);
	ipc_link_free(&c->master);
}

static void
pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		fatal("socketpair");
}

static struct ipc_link *
link_new(int fd, enum role self, enum role peer, struct child *c)
{
	return ipc_link_new(&(struct ipc_link_args){.base = d.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = c,
	    .fd = fd,
	    .self = self,
	    .peer = peer,
	    .phase = c == NULL ? IPC_RUN : IPC_SETUP});
}

/* Our end of a new channel from the child to one that we are. */
static struct ipc_link *
play(struct child *c, enum role self)
{
	int fds[2];

	pair(fds);
	proto_send_link(c->master, &(struct msg_link){self, 0, fds[1]});
	io_close(&fds[1]);
	return link_new(fds[0], self, c->role, NULL);
}

static const struct worker_row *
row_of(enum role role)
{
	for (size_t i = 0; i < workers_n; i++)
		if (workers[i].role == role)
			return &workers[i];
	fatal("no such worker");
}

static void
start(struct child *c, enum role role)
{
	const struct worker_row *row = row_of(role);
	uint32_t uid = (uint32_t)d.conf->sandbox.uid_base + row->uid_step;
	char path[512];
	struct buf text;
	int fds[2];

	c->role = role;
	(void)snprintf(path, sizeof(path), "%s/%s", d.bindir, row->program);
	pair(fds);
	(void)fflush(stdout);
	c->pid = fork();
	if (c->pid == 0) {
		int fd = fcntl(fds[1], F_DUPFD, 10);

		/* the search for leaks needs ptrace, which a worker lacks */
		if (fd >= 0 && dup2(fd, 3) == 3 && close(fd) == 0 &&
		    setenv("ASAN_OPTIONS", "detect_leaks=0", 1) == 0)
			execl(path, path, "--worker", (char *)NULL);
		_exit(127);
	}
	io_close(&fds[1]);
	c->master = link_new(fds[0], ROLE_MASTER, role, c);
	buf_init(&text, 60000);
	if (!conf_encode(d.conf, row->sections, &text))
		fatal("configuration is too long");
	proto_send_setup(c->master,
	    &(struct msg_setup){.generation = 1,
		.set_ids = geteuid() == 0,
		.uid = uid,
		.gid = uid,
		.chroot = geteuid() == 0 ? span_of(d.chroot) : SPAN_NONE,
		.landlock_abi = 99});
	proto_send_conf(c->master, &(struct msg_conf){buf_span(&text)});
	proto_send_start(c->master, &(struct msg_start){0});
	buf_fini(&text);
}

static struct span
word(struct span *line)
{
	struct span w = span_cut(line, ' ');

	return span_eq(w, SPAN_LIT("-")) ? SPAN_LIT("") : w;
}

static uint64_t
number(struct span *line)
{
	uint64_t v = 0;

	if (!num_u64(span_cut(line, ' '), &v))
		fatal("a number was expected");
	return v;
}

static void
cmd_relay(struct span line)
{
	struct msg_relay m = {.job = ++d.number, .file = -1};
	char path[512];
	struct buf hosts;

	buf_init(&hosts, 4096);
	m.qid = word(&line);
	buf_put_span(&hosts, word(&line));
	m.mx = (uint8_t)number(&line);
	m.lmtp = (uint8_t)number(&line);
	/* the last one's port */
	if (m.mx == 0)
		buf_putf(&hosts, ":%u", (unsigned)number(&line));
	else
		(void)number(&line);
	m.hosts = buf_span(&hosts);
	m.tls = (uint8_t)number(&line);
	if (!span_copy(word(&line), path, sizeof(path)))
		fatal("path");
	m.file = open(path, O_RDONLY | O_CLOEXEC);
	m.offset = number(&line);
	m.size = number(&line);
	m.sender = word(&line);
	m.login = word(&line);
	m.passwords = word(&line);
	m.ret = (uint8_t)number(&line);
	m.envid = word(&line);
	m.need = (uint8_t)number(&line);
	while (line.n > 0) {
		struct span rcpt = word(&line);
		struct msg_relay_rcpt r = {
		    .job = m.job, .rcpt = ++m.recipients};

		/* "ADDRESS", or "ADDRESS/NOTIFY/ORCPT" */
		r.address = span_cut(&rcpt, '/');
		if (rcpt.n > 0)
			r.notify = (uint8_t)(span_cut(&rcpt, '/').p[0] - '0');
		r.orcpt = rcpt;
		proto_send_relay_rcpt(d.qmgr, &r);
	}
	proto_send_relay(d.qmgr, &m);
	io_close(&m.file);
	buf_fini(&hosts);
}

static void
command(struct span line)
{
	struct span what = span_cut(&line, ' ');

	if (span_eq(what, SPAN_LIT("ask"))) {
		bool mx = span_eq(span_cut(&line, ' '), SPAN_LIT("mx"));

		proto_send_dns_ask(
		    d.asker, &(struct msg_dns_ask){.id = ++d.number,
				 .kind = mx ? DNS_KIND_MX : DNS_KIND_HOST,
				 .tlsa = 25,
				 .name = line});
	} else if (span_eq(what, SPAN_LIT("relay")))
		cmd_relay(line);
	else if (span_eq(what, SPAN_LIT("link"))) {
		ipc_link_free(&d.qmgr);
		d.qmgr = play(&d.remote, ROLE_QMGR);
	} else if (span_eq(what, SPAN_LIT("junk")))
		proto_send_relay(
		    d.qmgr, &(struct msg_relay){.recipients = 5, .file = -1});
	else if (span_eq(what, SPAN_LIT("cut")))
		ipc_link_free(&d.qmgr);
	else if (span_eq(what, SPAN_LIT("status"))) {
		proto_send_status_ask(
		    d.remote.master, &(struct msg_status_ask){1});
		proto_send_status_ask(
		    d.resolver.master, &(struct msg_status_ask){1});
	} else
		proto_send_drain(d.remote.master,
		    &(struct msg_drain){span_eq(what, SPAN_LIT("stop"))});
}

static void
on_stdin(evutil_socket_t fd, short what, void *arg)
{
	char *to = buf_reserve(&d.in, 4096);
	ssize_t r = to == NULL ? 0 : read((int)fd, to, 4096);
	size_t end;

	(void)what;
	(void)arg;
	if (r <= 0) {
		event_base_loopbreak(d.base);
		return;
	}
	d.in.n += (size_t)r;
	while ((end = span_find(buf_span(&d.in), '\n')) < d.in.n) {
		command(span_head(buf_span(&d.in), end));
		buf_drop(&d.in, end + 1);
	}
}

int
main(int argc, char **argv)
{
	struct event *in;
	struct buf errors;
	int fds[2], fd;

	if (argc != 4)
		fatal("drive BINDIR MAILSTEAD.YAML CHROOT");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	d.bindir = argv[1];
	d.chroot = argv[3];
	buf_init(&errors, 60000);
	buf_init(&d.in, 1 << 20);
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (conf_load(fd, argv[2], &d.conf, &errors) != RC_OK)
		fatal("%s", buf_cstr(&errors));
	d.base = event_base_new();
	start(&d.resolver, ROLE_RESOLVER);
	start(&d.remote, ROLE_REMOTE);
	d.asker = play(&d.resolver, ROLE_REMOTE);
	pair(fds);
	proto_send_link(
	    d.resolver.master, &(struct msg_link){ROLE_REMOTE, 0, fds[0]});
	proto_send_link(
	    d.remote.master, &(struct msg_link){ROLE_RESOLVER, 0, fds[1]});
	io_close(&fds[0]);
	io_close(&fds[1]);
	in = event_new(d.base, 0, EV_READ | EV_PERSIST, on_stdin, NULL);
	event_add(in, NULL);
	event_base_dispatch(d.base);
	return 0;
}
