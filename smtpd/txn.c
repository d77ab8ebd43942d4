/*
 * One mail transaction: see txn.h. Owns the envelope and the memfd, so that a
 * client that goes away leaves nothing behind.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "smtpd/txn.h"
#include "lib/base/banned.h"

#define PENDING_MAX 131072
#define WRITE_FROM  65536

void
txn_mail_fini(struct txn_mail *mail)
{
	free(mail->sender);
	free(mail->envid);
	*mail = (struct txn_mail){0};
}

void
txn_rcpt_fini(struct txn_rcpt *rcpt)
{
	free(rcpt->address);
	free(rcpt->orcpt);
	*rcpt = (struct txn_rcpt){0};
}

/* A login's own mail: RFC 6409 section 8. */
static void
begin_header(struct txn *t, const struct session *s)
{
	t->header = mem_alloc(sizeof(*t->header));
	header_init(t->header);
	t->new_id = id_new();
	t->defaults =
	    (struct header_defaults){.sender = span_of(t->mail.sender),
		.id = id_span(&t->new_id),
		.hostname = span_of(s->server->w->conf->hostname),
		.now_us = clock_real_us()};
}

struct txn *
txn_new(struct session *s, struct txn_mail *mail)
{
	struct txn *t = mem_alloc(sizeof(*t));

	t->id = ++s->server->next_id;
	t->mail = *mail;
	*mail = (struct txn_mail){0};
	t->fd = -1;
	t->in_memory = &s->server->in_memory;
	t->memory_max = s->server->w->conf->smtpd.max_memory;
	t->size_max = s->server->w->conf->smtpd.max_message_size;
	buf_init(&t->pending, PENDING_MAX);
	if (s->login != NULL)
		begin_header(t, s);
	return t;
}

void
txn_free(struct txn **txn)
{
	struct txn *t = *txn;

	*txn = NULL;
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_rcpts; i++)
		txn_rcpt_fini(&t->rcpts[i]);
	free(t->rcpts);
	txn_mail_fini(&t->mail);
	io_close(&t->fd);
	*t->in_memory -= t->kept;
	buf_fini(&t->pending);
	if (t->header != NULL)
		header_fini(t->header);
	free(t->header);
	free(t);
}

void
txn_add(struct txn *t, struct txn_rcpt *rcpt)
{
	/* said twice: one copy, as if said once. The letters' case of a local
	 * part is its own host's affair (RFC 5321 2.4): qmgr knows ours */
	for (size_t i = 0; i < t->n_rcpts; i++)
		if (span_eq(
			span_of(t->rcpts[i].address), span_of(rcpt->address)))
			return;
	t->rcpts = mem_grow(t->rcpts, (t->n_rcpts + 1) * sizeof(*t->rcpts));
	t->rcpts[t->n_rcpts++] = *rcpt;
	*rcpt = (struct txn_rcpt){0};
}

bool
txn_open(struct txn *t)
{
	t->fd = io_memfd("message");
	return t->fd >= 0;
}

/*
 * A message that is refused anyway is read but not kept: who sends one without
 * end takes no room from others.
 */
static void
drop(struct txn *t)
{
	io_close(&t->fd);
	*t->in_memory -= t->kept;
	t->kept = 0;
}

static void
write_out(struct txn *t, struct span text)
{
	uint64_t n = text.n;

	t->size += n;
	msgid_feed(&t->msgid, text);
	/* all sessions together may not fill the host's memory */
	if (*t->in_memory + n > t->memory_max)
		t->no_room = true;
	if (t->size > t->size_max)
		t->too_big = true;
	if (!t->too_big && !t->no_room && t->dots.faults == 0) {
		t->kept += n;
		*t->in_memory += n;
		t->no_room = !io_write_all(t->fd, text.p, n);
	}
	if (t->too_big || t->no_room || t->dots.faults != 0)
		drop(t);
}

static void
write_pending(struct txn *t)
{
	bool end = t->dots.state == DOTSTREAM_DONE;
	struct buf out;

	if (t->header == NULL || t->header->state == HEADER_DONE) {
		write_out(t, buf_span(&t->pending));
	} else {
		buf_init(
		    &out, t->pending.n + HEADER_NAME_MAX + HEADER_ADDED_MAX);
		header_feed(
		    t->header, buf_span(&t->pending), &t->defaults, &out);
		if (end)
			header_end(t->header, &t->defaults, &out);
		write_out(t, buf_span(&out));
		buf_fini(&out);
	}
	buf_clear(&t->pending);
}

size_t
txn_feed(struct txn *t, struct span in)
{
	size_t used = 0;

	while (used < in.n && t->dots.state != DOTSTREAM_DONE) {
		struct span part = span_head(
		    span_from(in, used), PENDING_MAX - WRITE_FROM - 2);

		used += dotstream_feed(&t->dots, part, &t->pending);
		if (t->pending.n >= WRITE_FROM)
			write_pending(t);
	}
	if (t->dots.state == DOTSTREAM_DONE) {
		write_pending(t);
		buf_fini(&t->pending);
	}
	return used;
}

void
txn_feed_chunk(struct txn *t, struct span in)
{
	while (in.n > 0) {
		struct span part = span_head(in, PENDING_MAX - WRITE_FROM - 2);

		dotstream_chunk(&t->dots, part, &t->pending);
		if (t->pending.n >= WRITE_FROM)
			write_pending(t);
		in = span_from(in, part.n);
	}
	/* a chunk is answered, also when its end is not written yet */
	if (t->size + t->pending.n > t->size_max)
		t->too_big = true;
}

void
txn_end_chunks(struct txn *t)
{
	dotstream_end(&t->dots, &t->pending);
	write_pending(t);
	buf_fini(&t->pending);
}

bool
txn_commit(struct txn *t, const struct session *s)
{
	struct ipc_link *qmgr = s->server->qmgr;
	SSL *ssl = stream_tls(s->stream);
	struct buf client, tls, by;
	bool sent = qmgr != NULL;

	for (size_t i = 0; sent && i < t->n_rcpts; i++)
		sent = proto_send_commit_rcpt(
		    qmgr, &(struct msg_commit_rcpt){.txn = t->id,
			      .address = span_of(t->rcpts[i].address),
			      .notify = t->rcpts[i].notify,
			      .orcpt = span_of(t->rcpts[i].orcpt)});
	if (!sent)
		return false;
	buf_init(&client, 128);
	session_put_client(s, &client);
	buf_init(&by, 64);
	addr_by_put(&by, &t->mail.by);
	buf_init(&tls, 128);
	if (ssl != NULL)
		buf_putf(&tls, "%s %s", SSL_get_version(ssl),
		    SSL_get_cipher_name(ssl));
	sent = proto_send_commit(
	    qmgr, &(struct msg_commit){.txn = t->id,
		      .sender = span_of(t->mail.sender),
		      .ret = t->mail.ret,
		      .envid = span_of(t->mail.envid),
		      .utf8 = t->mail.utf8,
		      .release = t->mail.release_us,
		      .priority = (uint8_t)t->mail.priority,
		      .need = t->mail.require_tls ? QUEUE_TLS_REQUIRED
						  : QUEUE_TLS_UNSAID,
		      .by = buf_span(&by),
		      .helo = span_of(s->helo),
		      .client = buf_span(&client),
		      .protocol = span_of(session_protocol(s)),
		      .tls = buf_span(&tls),
		      .login = span_of(s->login),
		      .local = s->service == SERVICE_LOCAL,
		      .service = span_of(session_service(s)),
		      .message_id = msgid_text(&t->msgid),
		      .recipients = (uint32_t)t->n_rcpts,
		      .size = t->size,
		      .body = t->fd});
	buf_fini(&client);
	buf_fini(&tls);
	buf_fini(&by);
	/* from here on it is qmgr's alone, sealed by it */
	io_close(&t->fd);
	return sent;
}
