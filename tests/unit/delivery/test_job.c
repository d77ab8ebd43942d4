/*
 * Jobs and links, without mailboxes: what qmgr is told, whatever order things
 * happen in. A row's script:
 *
 *   link   a new qmgr is there      cut   it has gone
 *   s1 q1 f1   deliver, to recipient 1: slowly, quickly, in vain
 *   S1     the same attempt as s1, given again
 *   *q1    with `batch`          end    the batch's end
 *   *x1    whose flush fails
 *   open   what is slow goes on
 *   wait   until something is heard    hurry  the worker is to finish
 *
 * and what the qmgrs heard: [ a link begins, u under way, ] end of those, d
 * delivered, f failed, | the word `|`. Also, behind the rest of a word's: ! a
 * flush of many, - one taken back. Between words everything settles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delivery/job.h"
#include "lib/base/io.h"
#include "lib/log/log.h"
#include "lib/maildir/deliver.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

struct row {
	const char *name;
	const char *script;
	const char *heard;
	unsigned delivered;
	unsigned failed;
	unsigned ends; /* times that on_end was called */
};

static const struct row rows[] = {
    {"nothing", "link", "[]", 0, 0, 0},
    {"one", "link q1", "[]d1", 1, 0, 1},
    {"in vain", "link f1", "[]f1", 0, 1, 1},
    {"a slow one holds up no other", "link s1 q2 f3 open", "[]d2f3d1", 2, 1, 3},
    {"qmgr comes back", "link s1 cut link open", "[][u1]d1", 1, 0, 1},
    {"newest link hears of all", "link s1 link q2 open", "[][u1]d2d1", 2, 0, 2},
    {"two under way", "link s1 s2 cut link open", "[][u1u2]d1d2", 2, 0, 2},
    {"outcome without a link is dropped", "link s1 cut open link", "[][]", 1, 0,
	1},
    {"the same attempt given twice runs once", "link s1 S1 open", "[]d1", 1, 0,
	1},
    {"given again by the new qmgr", "link s1 cut link S1 open", "[][u1]d1", 1,
	0, 1},
    {"after its end it may be given again", "link q1 q1", "[]d1d1", 2, 0, 2},
    {"a user's, where none are served", "link u1", "[]f1", 0, 1, 1},
    {"a program's, where none are run", "link p1", "[]f1", 0, 1, 1},
    {"which shares no flush", "link *p1 *q2 end", "[]f1d2!", 1, 1, 2},
    {"a batch waits for its end", "link *q1 *q2 | end", "[]|d1d2!", 2, 0, 2},
    {"and for what is slow", "link *q1 *s2 end | open", "[]|d1d2!", 2, 0, 2},
    {"in vain within a batch", "link *q1 *f2 | end", "[]f2|d1!", 1, 1, 2},
    {"all in vain", "link *f1 *f2 end", "[]f1f2", 0, 2, 2},
    {"beside a batch", "link *q1 q2 | end", "[]d2|d1!", 2, 0, 2},
    {"the end of no batch", "link end q1", "[]d1", 1, 0, 1},
    {"more after the end", "link *q1 *s2 end *q3 open | end", "[]|d1d3d2!", 3,
	0, 3},
    {"another batch", "link *q1 end *q2 end", "[]d1!d2!", 2, 0, 2},
    {"not flushed", "link *q1 *x2 *q3 end", "[]f1f2f3!---", 0, 3, 3},
    {"not flushed, beside it", "link *x1 q2 end q3", "[]d2f1!-d3", 2, 1, 3},
    {"a batch whose qmgr goes", "link *q1 cut link", "[]![]", 1, 0, 1},
    {"the next qmgr's end", "link *s1 *q2 cut link *q3 | end open",
	"[][u1u2]|d2d3d1!", 3, 0, 3},
    {"a batch waits for ever for none", "link *s1 *q2 wait | end open",
	"[]d2!|d1!", 2, 0, 2},
    {"nor for its end", "link *q1 wait end", "[]d1!", 1, 0, 1},
    {"the worker is to finish", "link *q1 hurry *q2", "[]d1!d2!", 2, 0, 2},
};

static struct {
	struct event_base *base;
	struct job_desk desk;
	struct ipc_link *qmgr; /* their end */
	sem_t gate;
	unsigned slow;
	unsigned ends;
	_Atomic unsigned flushes;
	_Atomic unsigned undone;
	_Atomic bool flush_fails;
	char heard[256];
} t;

/* Stands for lib/maildir's. */
enum rc
maildir_deliver(const struct maildir_root *root,
    const struct maildir_deliver *d, struct maildir_delivered *out,
    struct why *why)
{
	char c = d->account.p[0], got = 0;
	size_t n;

	*out = (struct maildir_delivered){.name = "file"};
	if (root->fd != 42 || !io_pread_all(d->file, &got, 1, 0, &n) ||
	    got != c || !span_eq(d->trace, SPAN_LIT("T\n")) ||
	    d->arrived_us != 5)
		return why_set(why, RC_PERM, "5.0.0", "not as it was sent");
	if (c == 's')
		while (sem_wait(&t.gate) < 0)
			continue;
	out->unflushed = d->later && c != 'f';
	if (c == 'x')
		t.flush_fails = true;
	return c == 'f' ? why_set(why, RC_TEMP, "4.3.0", "in vain") : RC_OK;
}

int
maildir_deliver_before(const struct maildir_root *root)
{
	return root->fd == 42 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0) : -1;
}

enum rc
maildir_deliver_flush(int fd, struct why *why)
{
	bool fails = t.flush_fails;

	t.flushes++;
	t.flush_fails = false;
	if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
		(void)why_set(why, RC_TEMP, "4.3.0", "what descriptor is it?");
	else if (fails)
		(void)why_set(why, RC_TEMP, "4.3.0", "in vain");
	else
		return RC_OK;
	return RC_TEMP;
}

void
maildir_deliver_undo(const struct maildir_root *root,
    const struct maildir_deliver *d, const struct maildir_delivered *out)
{
	t.undone += root->fd == 42 && d->later && out->unflushed;
}

static void
hear(const char *what, uint32_t rcpt)
{
	size_t n = strlen(t.heard);

	if (rcpt == 0)
		(void)snprintf(t.heard + n, sizeof(t.heard) - n, "%s", what);
	else
		(void)snprintf(
		    t.heard + n, sizeof(t.heard) - n, "%s%u", what, rcpt);
}

static void
on_deliver(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	job_start(&t.desk, link, &msg->deliver);
}

static void
on_batch_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	job_batch_end(&t.desk, msg->batch_end.qid);
}

static void
on_underway(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	assert_true(span_eq(msg->underway.qid, SPAN_LIT("qid")));
	hear("u", msg->underway.rcpt);
}

static void
on_underway_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	(void)msg;
	hear("]", 0);
}

static void
on_delivered(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_delivered *d = &msg->delivered;

	(void)ctx;
	(void)link;
	assert_true(span_eq(d->qid, SPAN_LIT("qid")));
	assert_true(span_eq(
	    d->status, d->rc == RC_OK ? SPAN_LIT("2.0.0") : SPAN_LIT("4.3.0")));
	assert_true(d->rc == RC_OK
			? span_eq(d->text, SPAN_LIT("file"))
			: span_eq(d->text, SPAN_LIT("in vain")) ||
			      span_eq(d->text,
				  SPAN_LIT("neither users of the system nor "
					   "programs and files are served")));
	hear(d->rc == RC_OK ? "d" : "f", d->rcpt);
}

static ipc_handler *const our_handlers[MSG_COUNT] = {
    [MSG_DELIVER] = on_deliver, [MSG_BATCH_END] = on_batch_end};
static ipc_handler *const their_handlers[MSG_COUNT] = {
    [MSG_UNDERWAY] = on_underway,
    [MSG_UNDERWAY_END] = on_underway_end,
    [MSG_DELIVERED] = on_delivered};

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	assert_null(why);
	job_desk_left(&t.desk, link);
	if (t.desk.qmgr == link)
		t.desk.qmgr = NULL;
	ipc_link_free(&link);
}

static void
on_end(void *ctx)
{
	(void)ctx;
	t.ends++;
}

/* Turn until only what is slow is left, and then some. */
static void
settle(void)
{
	for (int i = 0; i < 5 || pool_pending(t.desk.pool) > t.slow; i++) {
		event_base_loop(t.base, EVLOOP_NONBLOCK);
		(void)usleep(500);
	}
}

static struct ipc_link *
end_of(int fd, bool ours)
{
	return ipc_link_new(&(struct ipc_link_args){.base = t.base,
	    .schema = proto_schema(),
	    .handlers = ours ? our_handlers : their_handlers,
	    .on_closed = on_closed,
	    .fd = fd,
	    .self = ours ? ROLE_LOCAL : ROLE_QMGR,
	    .peer = ours ? ROLE_QMGR : ROLE_LOCAL,
	    .phase = IPC_RUN});
}

static void
new_link(void)
{
	int fds[2];

	hear("[", 0);
	ipc_link_free(&t.qmgr);
	job_desk_left(&t.desk, t.desk.qmgr);
	ipc_link_free(&t.desk.qmgr);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	t.qmgr = end_of(fds[0], false);
	job_desk_greet(&t.desk, end_of(fds[1], true));
}

static void
deliver(char kind, uint32_t rcpt, bool batch)
{
	const char account[] = {kind == 'p' ? '|' : kind, '@', 'x'};
	struct msg_deliver m = {.qid = SPAN_LIT("qid"),
	    .rcpt = rcpt,
	    .batch = batch,
	    .trace = SPAN_LIT("T\n"),
	    .arrived = 5,
	    /* without '@': a user of the system */
	    .account = span_make(account, kind == 'u' ? 1 : 3),
	    .file = io_memfd("message")};

	t.slow += kind == 's';
	assert_true(io_write_all(m.file, &kind, 1));
	assert_true(proto_send_deliver(t.qmgr, &m));
	io_close(&m.file);
}

static void
step(struct span word)
{
	if (span_eq(word, SPAN_LIT("link"))) {
		new_link();
	} else if (span_eq(word, SPAN_LIT("cut"))) {
		ipc_link_free(&t.qmgr);
	} else if (span_eq(word, SPAN_LIT("open"))) {
		for (; t.slow > 0; t.slow--) {
			assert_int_equal(sem_post(&t.gate), 0);
			settle();
		}
	} else if (span_eq(word, SPAN_LIT("end"))) {
		assert_true(proto_send_batch_end(
		    t.qmgr, &(struct msg_batch_end){SPAN_LIT("qid")}));
	} else if (span_eq(word, SPAN_LIT("hurry"))) {
		job_desk_hurry(&t.desk);
	} else if (span_eq(word, SPAN_LIT("wait"))) {
		for (size_t n = strlen(t.heard); strlen(t.heard) == n;)
			settle();
	} else if (span_eq(word, SPAN_LIT("|"))) {
		hear("|", 0);
	} else {
		bool batch = word.p[0] == '*';

		deliver(
		    word.p[batch], (uint32_t)(word.p[batch + 1] - '0'), batch);
	}
	settle();
	for (; t.flushes > 0; t.flushes--)
		hear("!", 0);
	for (; t.undone > 0; t.undone--)
		hear("-", 0);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span script = span_of(row->script);

	if (t.base == NULL) {
		log_open(STDERR_FILENO, "test", LOG_ERROR, false);
		t.base = event_base_new();
		job_desk_init(&t.desk);
		t.desk.base = t.base;
		t.desk.pool = pool_new(t.base, 3);
		t.desk.on_end = on_end;
		t.desk.mail.fd = 42;
		assert_int_equal(sem_init(&t.gate, 0, 0), 0);
	}
	t.heard[0] = '\0';
	t.desk.hurry = false;
	t.desk.patience_ms = strstr(row->script, "wait") != NULL ? 200 : 60000;
	t.desk.delivered = t.desk.failed = t.ends = 0;
	while (script.p != NULL)
		step(span_cut(&script, ' '));
	assert_string_equal(t.heard, row->heard);
	assert_int_equal(t.desk.delivered, row->delivered);
	assert_int_equal(t.desk.failed, row->failed);
	assert_int_equal(t.ends, row->ends);
	assert_true(TAILQ_EMPTY(&t.desk.jobs));
	assert_true(TAILQ_EMPTY(&t.desk.batches));
	ipc_link_free(&t.qmgr);
	ipc_link_free(&t.desk.qmgr);
}

ROWS_MAIN(rows, check_row)
