/* A hostile smtpd against the queue manager: what it commits, how it lies,
 * and what it does to the message behind its back. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/directory/compile.h"
#include "qmgr/history.h"
#include "qmgr/history_file.h"
#include "qmgr/intake.h"
#include "qmgr/schedule.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define BODY "Subject: x\r\n\r\nwhat was said\r\n"

static struct {
	struct worker w;
	struct qmgr q;
	char dir[64];
	struct ipc_link *smtpd; /* the hostile end */
	bool answered;
	unsigned busy; /* times it was told so */
	bool closed;
	enum rc rc;
	char status[16];
	int body; /* its own descriptor of the memfd */
} t;

static void
on_committed(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	t.answered = true;
	t.rc = (enum rc)msg->committed.rc;
	(void)span_copy(msg->committed.status, t.status, sizeof(t.status));
	if (strcmp(t.status, "4.3.2") != 0)
		return;
	/* the others' answers are yet to come */
	t.busy++;
	t.answered = false;
}

static void
on_state(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	(void)msg;
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)why;
	t.closed = true;
	ipc_link_free(&link);
	t.smtpd = NULL;
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_COMMITTED] = on_committed, [MSG_QUEUE_STATE] = on_state};

static void
open_directory(void)
{
	char domain[] = "example.org";
	char *names[] = {domain, NULL};
	struct conf_list domains = {names, 1};
	struct directory_source source = {.domains = &domains,
	    .postmaster = "",
	    .accounts = io_memfd("accounts"),
	    .senders = -1,
	    .aliases = -1};
	char path[96];
	struct why why;

	(void)snprintf(path, sizeof(path), "%s/d.mdb", t.dir);
	assert_true(io_write_all(source.accounts, "alice@example.org !\n", 20));
	assert_int_equal(directory_compile(&source, path, NULL, &why), RC_OK);
	assert_int_equal(directory_open(path, &t.q.directory, &why), RC_OK);
	io_close(&source.accounts);
}

static int
setup(void)
{
	static const struct worker_ops ops = {.role = ROLE_QMGR};
	static char hostname[] = "mail.example.org";
	static struct conf conf;
	struct why why;
	int fds[2];

	memset(&t, 0, sizeof(t));
	t.body = -1;
	conf.hostname = hostname;
	conf.smtpd.max_sessions = 1;
	conf.smtpd.max_message_size = conf.smtpd.max_memory = 1000;
	conf.queue.retry_first = conf.queue.retry_max = 60000;
	t.w.ops = &ops;
	t.w.conf = &conf;
	t.w.base = event_base_new();
	t.q.w = &t.w;
	TAILQ_INIT(&t.q.intakes);
	TAILQ_INIT(&t.q.agents);
	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		TAILQ_INIT(&t.q.buckets[i]);
	schedule_init(&t.q);
	t.q.pool = pool_new(t.w.base, 1);
	(void)snprintf(t.dir, sizeof(t.dir), "/var/tmp/intake.XXXXXX");
	if (mkdtemp(t.dir) == NULL ||
	    store_open(&t.q.store, t.dir, &why) != RC_OK ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) < 0)
		return -1;
	open_directory();
	intake_new(&t.q, fds[0]);
	t.smtpd = ipc_link_new(&(struct ipc_link_args){.base = t.w.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .fd = fds[1],
	    .self = ROLE_SMTPD,
	    .peer = ROLE_QMGR,
	    .phase = IPC_RUN});
	return 0;
}

static void
run(void)
{
	for (int i = 0; i < 20000 && !t.answered && !t.closed; i++) {
		(void)event_base_loop(t.w.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
}

static void
rcpt(struct span address)
{
	proto_send_commit_rcpt(
	    t.smtpd, &(struct msg_commit_rcpt){.txn = 1, .address = address});
}

static struct msg_commit
commit_of(int fd)
{
	return (struct msg_commit){.txn = 1,
	    .sender = SPAN_LIT("x@elsewhere.example"),
	    .helo = SPAN_LIT("client.example"),
	    .client = SPAN_LIT("[192.0.2.1]"),
	    .protocol = SPAN_LIT("ESMTP"),
	    .recipients = 1,
	    .size = sizeof(BODY) - 1,
	    .body = fd};
}

static int
body(void)
{
	t.body = io_memfd("message");
	assert_true(io_write_all(t.body, BODY, sizeof(BODY) - 1));
	return t.body;
}

static void
honest(void)
{
	struct msg_commit c = commit_of(body());

	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

/* What it still has open and mapped must not reach the accepted message. */
static void
changes_it_afterwards(void)
{
	void *page;

	honest();
	assert_int_equal(pwrite(t.body, "WHAT", 4, 14), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(t.body, 1), -1);
	assert_int_equal(ftruncate(t.body, 4096), -1);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, t.body, 0);
	assert_true(page == MAP_FAILED);
}

static void
keeps_it_mapped(void)
{
	void *page =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, body(), 0);
	struct msg_commit c = commit_of(t.body);

	assert_true(page != MAP_FAILED);
	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
	(void)munmap(page, 4096);
}

static void
gives_a_file(void)
{
	struct msg_commit c;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/file", t.dir);
	t.body = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(io_write_all(t.body, BODY, sizeof(BODY) - 1));
	c = commit_of(t.body);
	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

static void
gives_no_body(void)
{
	struct msg_commit c = commit_of(-1);

	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

static void
lies_about_size(void)
{
	struct msg_commit c = commit_of(body());

	c.size++;
	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

static void
lies_about_recipients(void)
{
	struct msg_commit c = commit_of(body());

	c.recipients = 2;
	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

static void
names_nobody_here(void)
{
	struct msg_commit c = commit_of(body());

	rcpt(SPAN_LIT("nobody@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

static void
relays(void)
{
	struct msg_commit c = commit_of(body());

	rcpt(SPAN_LIT("x@elsewhere.example"));
	proto_send_commit(t.smtpd, &c);
	run();
}

static void
sender_is_no_address(void)
{
	struct msg_commit c = commit_of(body());

	c.sender = SPAN_LIT("a> b=c <");
	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

static void
helo_ends_the_comment(void)
{
	struct msg_commit c = commit_of(body());

	c.helo = SPAN_LIT("x) by evil (");
	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
}

/* ---- lies to the history ---- */

static void
start_history(void)
{
	char folder[96];

	(void)snprintf(folder, sizeof(folder), "%s/text", t.dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	db_boot_read(&t.q.boot);
	history_start(&t.q, folder, t.dir, &t.q.boot);
}

/* All that it has written; and it is gone. */
static void
end_history(struct buf *text)
{
	char path[128];
	struct why why;
	int dir, fd;

	for (int i = 0; i < 5000 && !history_stopped(&t.q); i++) {
		(void)event_base_loop(t.w.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
	history_free(&t.q.history);
	(void)snprintf(path, sizeof(path), "%s/text", t.dir);
	dir = history_file_folder(path);
	fd = history_file_open(dir, history_file_day(clock_real_us()));
	assert_int_equal(io_read_file(fd, text, &why), RC_OK);
	io_close(&fd);
	assert_int_equal(
	    history_file_remove(dir, history_file_day(clock_real_us()), &why),
	    RC_OK);
	io_close(&dir);
	assert_int_equal(rmdir(path), 0);
	(void)snprintf(path, sizeof(path), "%s/history.2/index.mdb", t.dir);
	assert_int_equal(remove(path), 0);
	(void)snprintf(path, sizeof(path), "%s/history.2/mark", t.dir);
	assert_int_equal(remove(path), 0);
	(void)snprintf(path, sizeof(path), "%s/history.2", t.dir);
	assert_int_equal(rmdir(path), 0);
}

static void
flood(struct span lie, unsigned n)
{
	struct msg_refused r = {lie, lie, lie, lie, lie, lie, lie, lie, lie, 1};

	for (unsigned i = 0; i < n; i++) {
		assert_true(proto_send_refused(t.smtpd, &r));
		while (!ipc_link_flushed(t.smtpd))
			(void)event_base_loop(t.w.base, EVLOOP_ONCE);
	}
}

/* Each of its lines is one; how many of that event there are. */
static unsigned
count(struct span text, enum history_event event, struct span lie)
{
	struct history_line l;
	unsigned n = 0;

	while (text.n > 0) {
		struct span line = span_cut(&text, '\n');

		assert_true(history_line_parse(line, &l));
		n += l.event == event;
		assert_false(history_line_is(&l, "id", lie));
	}
	return n;
}

/* Long, full of what could end a field, and without end. */
static void
lies_to_the_history(void)
{
	static const char word[] = "\" id=forged = %0a%torn <> \xff ";
	struct msg_commit c = commit_of(body());
	struct buf lie, text;

	buf_init(&lie, 6000);
	while (lie.n + sizeof(word) < lie.max)
		buf_puts(&lie, word);
	buf_init(&text, 1 << 20);
	start_history();
	flood(buf_span(&lie), 2000);
	c.message_id = buf_span(&lie);
	rcpt(SPAN_LIT("alice@example.org"));
	proto_send_commit(t.smtpd, &c);
	run();
	end_history(&text);
	assert_false(text.over);
	/* in the second, or the two, that it took; the rest is a number */
	assert_in_range(
	    count(buf_span(&text), HISTORY_REFUSED, buf_span(&lie)), 10, 200);
	assert_int_equal(
	    count(buf_span(&text), HISTORY_RECEIVED, SPAN_LIT("forged")), 1);
	assert_int_equal(
	    count(buf_span(&text), HISTORY_QUEUED, SPAN_LIT("forged")), 1);
	buf_fini(&lie);
	buf_fini(&text);
}

static void
is_too_large(void)
{
	t.w.conf->smtpd.max_message_size = sizeof(BODY) - 2;
	honest();
	t.w.conf->smtpd.max_message_size = 1000;
}

/* All at once; each honest one has a session that waits for it. */
static void
floods(void)
{
	struct msg_commit c = commit_of(body());

	for (int i = 0; i < 20; i++) {
		rcpt(SPAN_LIT("alice@example.org"));
		proto_send_commit(t.smtpd, &c);
	}
	run();
	assert_int_equal(t.busy, 19);
}

static void
floods_with_bytes(void)
{
	t.w.conf->smtpd.max_sessions = 100;
	t.w.conf->smtpd.max_memory = sizeof(BODY);
	floods();
}

static const struct row {
	const char *name;
	void (*act)(void);
	enum rc rc;
	const char *status;
	bool filed;
} rows[] = {
    {"honest", honest, RC_OK, "2.0.0", true},
    {"changes it afterwards", changes_it_afterwards, RC_OK, "2.0.0", true},
    {"keeps it mapped", keeps_it_mapped, RC_TEMP, "4.3.0", false},
    {"gives a file", gives_a_file, RC_TEMP, "4.3.0", false},
    {"gives no body", gives_no_body, RC_TEMP, "4.3.0", false},
    {"lies about the size", lies_about_size, RC_TEMP, "4.3.0", false},
    {"lies about recipients", lies_about_recipients, RC_TEMP, "4.3.0", false},
    {"names nobody here", names_nobody_here, RC_PERM, "5.1.1", false},
    {"relays", relays, RC_PERM, "5.7.1", false},
    {"sender is no address", sender_is_no_address, RC_TEMP, "4.3.0", false},
    {"lies to the history", lies_to_the_history, RC_OK, "2.0.0", true},
    {"is too large", is_too_large, RC_PERM, "5.3.4", false},
    {"floods", floods, RC_OK, "2.0.0", true},
    {"floods with bytes", floods_with_bytes, RC_OK, "2.0.0", true},
    {"helo ends the comment", helo_ends_the_comment, RC_TEMP, "4.3.0", false},
};

/* Is there one queue file, and does it hold what was committed? */
static bool
filed(void)
{
	char command[512], text[4096] = "";
	size_t got = 0;
	struct message *m = NULL;

	for (size_t i = 0; i < QMGR_BUCKETS && m == NULL; i++)
		m = TAILQ_FIRST(&t.q.buckets[i]);
	if (m == NULL)
		return false;
	(void)snprintf(command, sizeof(command), "%s/new/%s", t.dir, m->file);
	assert_true(io_pread_all(
	    m->fd, text, sizeof(text) - 1, (off_t)m->offset, &got));
	assert_int_equal(access(command, F_OK), 0);
	assert_non_null(strstr(text, "\r\n" BODY));
	assert_int_equal(strlen(strstr(text, BODY)), sizeof(BODY) - 1);
	return true;
}

static void
remove_all(void)
{
	struct message *m;
	char path[256];

	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		while ((m = TAILQ_FIRST(&t.q.buckets[i])) != NULL) {
			(void)store_remove(
			    &t.q.store, m->file); /* it may not be there */
			message_free(m);
		}
	for (const char *const *f = (const char *const[]){"new", "cur", "tmp",
		 "damaged", "lock", "d.mdb", "file", NULL};
	     *f != NULL; f++) {
		(void)snprintf(path, sizeof(path), "%s/%s", t.dir, *f);
		(void)remove(path); /* not all are there in each row */
	}
	assert_int_equal(rmdir(t.dir), 0);
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	assert_int_equal(setup(), 0);
	row->act();
	assert_false(t.closed);
	assert_true(t.answered);
	assert_int_equal(t.rc, row->rc);
	assert_string_equal(t.status, row->status);
	assert_int_equal(filed(), row->filed);
	/* and it still serves */
	io_close(&t.body);
	t.answered = false;
	honest();
	assert_true(t.answered);
	assert_int_equal(t.rc, RC_OK);
	io_close(&t.body);
	remove_all();
	directory_close(&t.q.directory);
	ipc_link_free(&t.smtpd);
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(t.w.base, EVLOOP_NONBLOCK);
}

ROWS_MAIN(rows, check_row)
