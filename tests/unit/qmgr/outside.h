/* A queue manager between an smtpd, a local and a remote delivery worker that
 * do as they are told. */
#ifndef TESTS_UNIT_QMGR_OUTSIDE_H
#define TESTS_UNIT_QMGR_OUTSIDE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/directory/compile.h"
#include "qmgr/agent.h"
#include "qmgr/idle.h"
#include "qmgr/intake.h"
#include "qmgr/recover.h"
#include "qmgr/schedule.h"

/* no test needs all of it */
#pragma GCC diagnostic ignored "-Wunused-function"

#define BODY "Received: from a\r\nSubject: sub\xc3\xa4ject\r\n\r\nbody\r\n"

/* a job as the worker got it */
struct job {
	uint64_t id;
	char qid[80];
	uint32_t n;
	uint32_t rcpts[64];
	char to[64][64];
	char sender[64];
	char next_hop[64];
	char login[64];
	char password[64];
	bool mx, lmtp;
	uint64_t port;
	unsigned tls;
	char start[32]; /* of the message */
	/* what the sender asked, of RFC 3461 */
	unsigned ret;
	char envid[64];
	unsigned notify[64];
	char orcpt[64][64];
	struct addr_by by; /* and RFC 2852 */
	bool answered;
};

static struct {
	struct worker w;
	struct qmgr q;
	struct conf conf;
	char dir[64];
	struct ipc_link *smtpd, *remote, *local;
	size_t answers;
	enum rc rc;
	char status[16];
	struct job jobs[1024];
	size_t n_jobs;
	size_t n_local;
	size_t n_batch;     /* of them with `batch` */
	size_t ends;        /* of batches */
	bool local_is_slow; /* it delivers only when local_delivers() */
	char slow[1024][80];
	size_t n_slow;
	const char *forward; /* what it says of users of the system; or NULL */
	bool kept;
	/* what the next commits ask, of RFC 3461 */
	uint8_t notify, ret;
	const char *orcpt, *envid;
	const char *by; /* and RFC 2852, as addr_by_put() has it */
	bool knows_by;  /* the remote worker's hosts do */
	bool dsn;       /* the remote worker's hosts have taken it over */
	uint32_t pending_n;
	uint32_t pending_rcpts[64];
	char pending_to[64][64];
	unsigned pending_notify[64];
	char pending_orcpt[64][64];
} t;

static void
on_committed(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	t.answers++;
	t.rc = (enum rc)msg->committed.rc;
	(void)span_copy(msg->committed.status, t.status, sizeof(t.status));
}

static void
on_ignored(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	(void)msg;
}

static void
on_relay_rcpt(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	assert_true(t.pending_n < 64);
	t.pending_rcpts[t.pending_n] = msg->relay_rcpt.rcpt;
	t.pending_notify[t.pending_n] = msg->relay_rcpt.notify;
	assert_true(
	    span_copy(msg->relay_rcpt.orcpt, t.pending_orcpt[t.pending_n], 64));
	assert_true(span_copy(
	    msg->relay_rcpt.address, t.pending_to[t.pending_n++], 64));
}

/* Nobody else can change what was accepted: it is sealed, or open to read. */
static void
check_not_writable(int fd)
{
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
}

static void
on_relay(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_relay *r = &msg->relay;
	struct job *j = &t.jobs[t.n_jobs++];
	struct span hosts = r->hosts;
	size_t got, colon = span_rfind(hosts, ':');

	(void)ctx;
	(void)link;
	assert_true(t.n_jobs < 1024);
	assert_int_equal(r->recipients, t.pending_n);
	*j = (struct job){.id = r->job, .n = t.pending_n, .mx = r->mx};
	j->port = 25;
	/* of several hosts the last one's */
	if (!j->mx) {
		assert_true(num_u64(span_from(hosts, colon + 1), &j->port));
		hosts = span_head(hosts, colon);
	}
	j->tls = r->tls;
	j->lmtp = r->lmtp;
	memcpy(j->rcpts, t.pending_rcpts, sizeof(j->rcpts));
	memcpy(j->to, t.pending_to, sizeof(j->to));
	memcpy(j->notify, t.pending_notify, sizeof(j->notify));
	memcpy(j->orcpt, t.pending_orcpt, sizeof(j->orcpt));
	j->ret = r->ret;
	assert_true(span_copy(r->envid, j->envid, sizeof(j->envid)));
	assert_true(r->by.n == 0 || addr_by_get(r->by, &j->by));
	t.pending_n = 0;
	assert_true(span_copy(r->qid, j->qid, sizeof(j->qid)) &&
		    span_copy(r->sender, j->sender, 64) &&
		    span_copy(hosts, j->next_hop, 64) &&
		    span_copy(r->login, j->login, 64) &&
		    span_copy(r->passwords, j->password, 64));
	check_not_writable(r->file);
	assert_true(io_pread_all(
	    r->file, j->start, sizeof(j->start) - 1, (off_t)r->offset, &got));
}

static void
delivered(struct ipc_link *link, struct span qid, uint32_t rcpt)
{
	proto_send_delivered(link, &(struct msg_delivered){qid, rcpt, RC_OK,
				       SPAN_LIT("2.0.0"), SPAN_LIT("")});
}

static void
sent_on(struct ipc_link *link, struct span qid, uint32_t rcpt)
{
	proto_send_forward(
	    link, &(struct msg_forward){qid, rcpt, t.kept, span_of(t.forward)});
}

/* the local worker delivers whatever comes; when it is slow, one recipient */
static void
on_deliver(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	t.n_local++;
	t.n_batch += msg->deliver.batch;
	check_not_writable(msg->deliver.file);
	if (t.forward != NULL && !t.local_is_slow) {
		sent_on(link, msg->deliver.qid, msg->deliver.rcpt);
		return;
	}
	if (!t.local_is_slow) {
		delivered(link, msg->deliver.qid, msg->deliver.rcpt);
		return;
	}
	assert_int_equal(msg->deliver.rcpt, 0);
	assert_true(t.n_slow < 1024);
	assert_true(span_copy(msg->deliver.qid, t.slow[t.n_slow++], 80));
}

static void
on_batch_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	assert_non_null(message_find(&t.q, msg->batch_end.qid));
	assert_int_equal(t.n_batch, t.n_local); /* behind all of it */
	t.ends++;
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct ipc_link **mine = ctx;

	(void)why;
	assert_true(*mine == link);
	ipc_link_free(mine);
}

static ipc_handler *const handlers[MSG_COUNT] = {[MSG_COMMITTED] = on_committed,
    [MSG_QUEUE_STATE] = on_ignored,
    [MSG_RELAY_RCPT] = on_relay_rcpt,
    [MSG_RELAY] = on_relay,
    [MSG_DELIVER] = on_deliver,
    [MSG_BATCH_END] = on_batch_end};

static struct ipc_link *
connect_as(enum role role, struct ipc_link **link)
{
	int fds[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	if (role == ROLE_SMTPD)
		intake_new(&t.q, fds[0]);
	else
		agent_new(&t.q, role, fds[0]);
	*link = ipc_link_new(&(struct ipc_link_args){.base = t.w.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = link,
	    .fd = fds[1],
	    .self = role,
	    .peer = ROLE_QMGR,
	    .phase = IPC_RUN});
	return *link;
}

static void
open_directory(const char *postmaster)
{
	static const char accounts[] =
	    "alice@example.org !\n"
	    "a1@example.org !\na2@example.org !\na3@example.org !\n"
	    "a4@example.org !\na5@example.org !\na6@example.org !\n"
	    "a7@example.org !\na8@example.org !\n";
	static const char aliases[] =
	    "away@example.org: far@elsewhere.example, alice@example.org\n"
	    "gone@example.org: far@elsewhere.example\n"
	    "back@example.org: joe, alice\n";
	char domain[] = "example.org";
	char *names[] = {domain, NULL};
	struct conf_list domains = {names, 1};
	struct directory_source source = {.domains = &domains,
	    .postmaster = postmaster,
	    .accounts = io_memfd("accounts"),
	    .user_domains = &domains,
	    .users = SPAN_LIT("joe\n"),
	    .senders = -1,
	    .aliases = io_memfd("aliases")};
	char path[96];
	struct why why;

	(void)snprintf(path, sizeof(path), "%s/d.mdb", t.dir);
	assert_true(
	    io_write_all(source.accounts, accounts, sizeof(accounts) - 1) &&
	    io_write_all(source.aliases, aliases, sizeof(aliases) - 1));
	assert_int_equal(directory_compile(&source, path, NULL, &why), RC_OK);
	assert_int_equal(directory_open(path, &t.q.directory, &why), RC_OK);
	io_close(&source.accounts);
	io_close(&source.aliases);
}

static void
setup(void)
{
	static const struct worker_ops ops = {.role = ROLE_QMGR};
	static char hostname[] = "mail.example.org", none[] = "";
	static char domain[] = "example.org", *domains[] = {domain, NULL};
	struct why why;

	memset(&t, 0, sizeof(t));
	t.conf.hostname = hostname;
	t.conf.smtpd.max_sessions = 10000;
	t.conf.smtpd.max_message_size = t.conf.smtpd.max_memory = 1 << 20;
	t.conf.queue.retry_first = t.conf.queue.retry_max = 60000;
	t.conf.queue.max_age = 86400000;
	t.conf.queue.direct_recipients = 32;
	t.conf.queue.direct_patience = 60000;
	t.conf.queue.double_bounces = true;
	t.conf.postmaster = none;
	t.conf.domains = (struct conf_list){domains, 1};
	t.conf.relay.host = t.conf.relay.login = none;
	t.conf.relay.sessions = 20;
	t.w.ops = &ops;
	t.w.conf = &t.conf;
	t.w.base = event_base_new();
	t.q.w = &t.w;
	TAILQ_INIT(&t.q.intakes);
	TAILQ_INIT(&t.q.agents);
	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		TAILQ_INIT(&t.q.buckets[i]);
	schedule_init(&t.q);
	t.q.pool = pool_new(t.w.base, 2);
	(void)snprintf(t.dir, sizeof(t.dir), "/var/tmp/relay.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	assert_int_equal(store_open(&t.q.store, t.dir, &why), RC_OK);
	open_directory("");
	connect_as(ROLE_SMTPD, &t.smtpd);
	proto_send_underway_end(
	    connect_as(ROLE_LOCAL, &t.local), &(struct msg_underway_end){0});
}

/* Let all that can happen now happen: nothing here waits for time. */
static void
settle(void)
{
	for (int quiet = 0; quiet < 20; quiet++) {
		size_t before = t.n_jobs + t.answers + t.n_local;

		(void)event_base_loop(t.w.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
		if (pool_pending(t.q.pool) > 0 ||
		    before != t.n_jobs + t.answers + t.n_local)
			quiet = 0;
	}
}

/* Until then messages wait in memory. */
static void
start_index(void)
{
	db_boot_read(&t.q.boot);
	idle_start(&t.q, t.dir, &t.q.boot);
	settle();
	assert_null(t.q.recover);
}

static void
stop_index(void)
{
	if (t.q.idle == NULL)
		return;
	while (!idle_stopped(&t.q))
		settle();
	settle();
	idle_free(&t.q.idle);
}

static void
start_remote(void)
{
	proto_send_underway_end(
	    connect_as(ROLE_REMOTE, &t.remote), &(struct msg_underway_end){0});
	settle();
}

static void
stop_remote(void)
{
	ipc_link_free(&t.remote);
	settle();
}

/* The slow one has done all that it had. */
static void
local_delivers(void)
{
	t.local_is_slow = false;
	for (size_t i = 0; i < t.n_slow; i++)
		if (t.forward != NULL)
			sent_on(t.local, span_of(t.slow[i]), 0);
		else
			delivered(t.local, span_of(t.slow[i]), 0);
	t.n_slow = 0;
	settle();
}

/* Recipients with LF between them. */
static void
send_commit(
    const char *sender, const char *login, const char *rcpts, const char *text)
{
	static uint64_t last;
	uint64_t txn = ++last;
	struct span rest = span_of(rcpts);
	struct msg_commit c = {.txn = txn,
	    .sender = span_of(sender),
	    .ret = t.ret,
	    .envid = span_of(t.envid),
	    .by = span_of(t.by),
	    .helo = SPAN_LIT("client.example"),
	    .client = SPAN_LIT("[192.0.2.1]"),
	    .protocol = SPAN_LIT("ESMTP"),
	    .login = span_of(login),
	    .size = strlen(text),
	    .body = io_memfd("message")};

	t.rc = RC_WAIT;
	assert_true(io_write_all(c.body, text, strlen(text)));
	while (rest.n > 0) {
		c.recipients++;
		proto_send_commit_rcpt(
		    t.smtpd, &(struct msg_commit_rcpt){.txn = txn,
				 .address = span_cut(&rest, '\n'),
				 .notify = t.notify,
				 .orcpt = span_of(t.orcpt)});
	}
	proto_send_commit(t.smtpd, &c);
	io_close(&c.body);
}

static void
commit(
    const char *sender, const char *login, const char *rcpts, const char *text)
{
	send_commit(sender, login, rcpts, text);
	settle();
}

static void
submit(const char *rcpts)
{
	commit("alice@example.org", "alice@example.org", rcpts, BODY);
	assert_int_equal(t.rc, RC_OK);
}

enum say {
	GOOD,
	LATER,
	NEVER,
	DOWN
};

static void
answer_rcpt(const struct job *j, uint32_t rcpt, enum say say)
{
	static const struct msg_relayed said[] = {
	    [GOOD] = {.rc = RC_OK},
	    [LATER] = {.rc = RC_TEMP,
		.status = {"4.2.2", 5},
		.text = {"mailbox full", 12},
		.host = {"mx.elsewhere.example[192.0.2.9]", 31},
		.reply = {"452 4.2.2 mailbox full", 22}},
	    [NEVER] = {.rc = RC_PERM,
		.status = {"5.1.1", 5},
		.text = {"no such user", 12},
		.host = {"mx.elsewhere.example[192.0.2.9]", 31},
		.reply = {"550 5.1.1 no such \xc3\xbcser", 23}},
	    [DOWN] = {.rc = RC_TEMP,
		.site = 1,
		.status = {"4.4.1", 5},
		.text = {"no answer from host", 19}},
	};
	struct msg_relayed r = said[say];

	r.job = j->id;
	r.qid = span_of(j->qid);
	r.rcpt = rcpt;
	r.dsn = t.dsn;
	r.by = t.knows_by;
	proto_send_relayed(t.remote, &r);
}

static void
answer(struct job *j, enum say say)
{
	j->answered = true;
	for (uint32_t i = 0; i < j->n; i++)
		answer_rcpt(j, j->rcpts[i], say);
	settle();
}

/* Files in a folder, and the text of one whose name has `part` in it. */
static size_t
files_in(const char *folder, const char *part, char *text, size_t size)
{
	char path[512];
	struct dirent *de;
	size_t n = 0, got = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/%s", t.dir, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((de = readdir(dir)) != NULL) {
		int fd;

		if (de->d_name[0] == '.' ||
		    (part != NULL && strstr(de->d_name, part) == NULL))
			continue;
		n++;
		if (text == NULL)
			continue;
		(void)snprintf(
		    path, sizeof(path), "%s/%s/%s", t.dir, folder, de->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(io_pread_all(fd, text, size - 1, 0, &got));
		text[got] = '\0';
		io_close(&fd);
	}
	(void)closedir(dir);
	return n;
}

static size_t
files(const char *part, char *text, size_t size)
{
	return files_in("new", part, text, size);
}

static struct message *
first(void)
{
	struct message *m = NULL;

	for (size_t i = 0; i < QMGR_BUCKETS && m == NULL; i++)
		m = TAILQ_FIRST(&t.q.buckets[i]);
	return m;
}

static void
remove_files(const char *folder)
{
	char path[512];
	struct dirent *de;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/%s", t.dir, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((de = readdir(dir)) != NULL) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s/%s", t.dir, folder, de->d_name);
		(void)unlink(path); /* "." and ".." stay */
	}
	(void)closedir(dir);
	(void)snprintf(path, sizeof(path), "%s/%s", t.dir, folder);
	assert_int_equal(rmdir(path), 0);
}

static bool
access_index(void)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/queue.1", t.dir);
	return access(path, F_OK) == 0;
}

static void
teardown(void)
{
	struct message *m;
	char path[128];

	ipc_link_free(&t.smtpd);
	ipc_link_free(&t.remote);
	ipc_link_free(&t.local);
	settle();
	stop_index();
	while ((m = first()) != NULL)
		message_free(m);
	schedule_fini(&t.q);
	remove_files("new");
	remove_files("cur");
	remove_files("tmp");
	remove_files("damaged");
	if (access_index())
		remove_files("queue.1");
	(void)snprintf(path, sizeof(path), "%s/d.mdb", t.dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/lock", t.dir);
	(void)unlink(path);
	io_close(&t.q.store.lock);
	assert_int_equal(rmdir(t.dir), 0);
	directory_close(&t.q.directory);
}

/* A row of most tests: what happens, in a queue manager of its own. */
struct act {
	const char *name;
	void (*act)(void);
};

static void
check_act(void **state)
{
	const struct act *row = *state;

	setup();
	row->act();
	settle();
	teardown();
}

#endif
