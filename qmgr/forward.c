/*
 * Sending on by ~/.forward: see forward.h. A job owns all it touches; m stays,
 * since the attempt is under way until its outcome.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/users/user.h"
#include "qmgr/child.h"
#include "qmgr/forward.h"
#include "qmgr/history_event.h"
#include "qmgr/recipients.h"
#include "lib/base/banned.h"

/* what is looked at of a header: nobody writes that many lines by mistake */
#define HEADER_MAX (1U << 20)

struct forwarding {
	struct message *m;
	size_t rcpt;
	bool kept;
	bool round; /* it has been sent on before, and is not again */
	const struct store *store;
	char name[STORE_NAME_MAX + 1];
	struct envelope *env;
	char *address; /* who sends it on */
	struct buf trace;
	int body; /* of the message */
	uint64_t offset;
	uint64_t size;
	int fd; /* of the new one */
	struct why why;
	enum rc rc;
};

bool
forward_is_loop(struct span header, struct span address)
{
	while (header.n > 0) {
		struct span line = span_cut(&header, '\n');

		if (span_at(line, line.n - 1) == '\r')
			line.n--;
		if (line.n == 0)
			return false;
		if (span_starts_ci(line, SPAN_LIT("delivered-to:")) &&
		    span_eq_ci(span_trim(span_from(line, 13)), address))
			return true;
	}
	return false;
}

/* RC_PERM: it has been here. */
static enum rc
check_loop(struct forwarding *f)
{
	size_t max = f->size < HEADER_MAX ? (size_t)f->size : HEADER_MAX;
	char *head = mem_grow(NULL, max + 1);
	enum rc rc = RC_OK;
	size_t got;

	if (!io_pread_all(f->body, head, max, (off_t)f->offset, &got))
		rc = why_sys(&f->why, RC_TEMP, "4.3.0", "read");
	else if (forward_is_loop(span_make(head, got), span_of(f->address)))
		rc = why_set(&f->why, RC_PERM, "5.4.6",
		    "it has been sent on by %s before", f->address);
	free(head);
	return rc;
}

static void
work(void *arg)
{
	struct forwarding *f = arg;
	struct store_write w = {.name = f->name,
	    .trace = buf_span(&f->trace),
	    .body = f->body,
	    .body_at = f->offset,
	    .size = f->size,
	    .fd = -1};

	f->rc = check_loop(f);
	/* of users who send to each other and keep it, each has it now */
	f->round = f->rc == RC_PERM && f->kept;
	if (f->round)
		f->rc = RC_OK;
	else if (f->rc == RC_OK)
		f->rc = child_write(f->store, &w, &f->env, &f->fd, &f->why);
}

static void
forwarding_free(struct forwarding *f)
{
	envelope_free(&f->env);
	free(f->address);
	buf_fini(&f->trace);
	io_close(&f->body);
	io_close(&f->fd);
	free(f);
}

static void
done(void *arg)
{
	struct forwarding *f = arg;
	struct message *m = f->m, *child = NULL;
	struct qmgr *q = m->q;
	struct why why = f->why;
	size_t rcpt = f->rcpt;

	why.rc = f->rc;
	if (f->rc == RC_OK) {
		(void)why_set(&why, RC_OK, "2.0.0", "%s%s%s",
		    f->kept ? "kept, and " : "",
		    f->round ? "not sent on again" : "sent on as ",
		    f->round ? "" : f->name);
		/* unless there is a success here to be told of, too */
		m->attempts[rcpt].dsn = !f->kept;
	}
	if (f->rc == RC_OK && !f->round)
		child = child_take(q, f->name, &f->env, &f->fd);
	if (child != NULL)
		history_event_forward(child, m->name);
	forwarding_free(f);
	/* may release m */
	message_outcome(m, rcpt, &why);
	if (child != NULL)
		message_kick(child);
}

static void
make_name(struct forwarding *f)
{
	struct id id;
	int n =
	    snprintf(f->name, sizeof(f->name), "%s-f%zu", f->m->name, f->rcpt);

	if (n > 0 && (size_t)n < sizeof(f->name))
		return;
	/* sent on by many in turn */
	id = id_new();
	(void)span_copy(id_span(&id), f->name, sizeof(f->name)); /* fits */
}

/* Whom the new message is for. The worker is believed no further than a user's
 * file would be. */
static enum rc
address_it(struct forwarding *f, struct span targets)
{
	const struct envelope_rcpt *r = &f->m->env->rcpts[f->rcpt];
	struct recipients_forward to = {
	    .rcpt = r, .targets = targets, .kept = f->kept};
	struct qmgr *q = f->m->q;
	struct why why;

	if (!user_name_ok(span_of(r->account)))
		return why_set(&f->why, RC_TEMP, "4.3.0",
		    "sent on for somebody who has no ~/.forward");
	if (q->directory == NULL)
		return why_set(&f->why, RC_TEMP, "4.3.0", "no directory");
	f->env = envelope_heir(f->m->env);
	if (recipients_add_forward(q, f->env, &to, &why) == RC_OK &&
	    f->env->n_rcpts > 0)
		return RC_OK;
	return why_set(&f->why, RC_TEMP, "4.3.5", "~/.forward of %s: %s",
	    r->account, f->env->n_rcpts > 0 ? why.text : "leads nowhere");
}

void
forward_start(struct message *m, size_t rcpt, const struct msg_forward *said)
{
	struct forwarding *f = mem_alloc(sizeof(*f));

	f->m = m;
	f->rcpt = rcpt;
	f->kept = said->kept != 0;
	f->store = &m->q->store;
	f->body = f->fd = -1;
	f->offset = m->offset;
	f->size = m->size;
	f->address = mem_dup(m->env->rcpts[rcpt].address);
	buf_init(&f->trace, 16384);
	make_name(f);
	m->attempts[rcpt].agent = NULL;
	m->attempts[rcpt].filing = true;
	f->rc = address_it(f, said->targets);
	if (f->rc != RC_OK) {
		done(f);
		return;
	}
	/* m's own may be closed while the thread still reads */
	f->body = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	(void)buf_putf(&f->trace, "Delivered-To: %s\r\n", f->address);
	message_put_trace(m, &f->trace);
	pool_submit(m->q->pool, work, done, f);
}
