/*
 * Letters of our own: see letter.h. What strangers said goes in as printable
 * ASCII, so that it makes no line.
 */
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/history_event.h"
#include "qmgr/letter.h"
#include "qmgr/message.h"
#include "qmgr/recipients.h"
#include "lib/base/banned.h"

#define TEXT_MAX 65536

/* Each line end as CRLF, and nothing else that is not printable. */
static void
put_text(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\n')
			buf_puts(out, "\r\n");
		else
			buf_putc(out, c < ' ' || c > '~' ? '?' : c);
	}
}

void
letter_put_postmaster(struct buf *out, const struct conf *conf)
{
	if (conf->postmaster[0] != '\0')
		buf_puts(out, conf->postmaster);
	else
		buf_putf(out, "postmaster@%s", conf->domains.v[0]);
}

static void
put_to(struct buf *out, const struct qmgr *q, const char *to)
{
	if (span_eq(span_of(to), SPAN_LIT("postmaster")))
		letter_put_postmaster(out, q->w->conf);
	else
		put_text(out, span_of(to));
}

static void
put_letter(struct buf *out, const struct qmgr *q, const struct letter *l,
    const struct id *id, uint64_t now_us)
{
	const char *hostname = q->w->conf->hostname;

	buf_putf(out, "Received: by %s id %s;\r\n\t", hostname, id->text);
	clock_put_rfc5322(out, now_us);
	buf_puts(out, "\r\nDate: ");
	clock_put_rfc5322(out, now_us);
	buf_putf(out,
	    "\r\nFrom: Mail Delivery System <MAILER-DAEMON@%s>\r\nTo: <",
	    hostname);
	put_to(out, q, l->to);
	buf_putf(out,
	    ">\r\nSubject: %s\r\n"
	    "Message-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\n" /* RFC 3834 5 */
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
	    l->subject, id->text, hostname);
	put_text(out, l->text);
}

static struct envelope *
make_envelope(struct qmgr *q, const char *to, uint64_t now_us, struct why *why)
{
	struct envelope *e = envelope_new();
	struct buf list;
	enum rc rc = RC_OK;

	e->sender = mem_dup("");
	e->client = mem_dup("");
	e->protocol = mem_dup("notice");
	e->login = mem_dup("");
	e->arrived_us = now_us / 1000 * 1000;
	buf_init(&list, RECIPIENTS_BYTES);
	recipients_put(
	    &list, &(struct recipients_asked){.address = span_of(to)});
	if (q->directory == NULL)
		rc = why_set(why, RC_TEMP, "4.3.0", "no directory");
	else
		rc = recipients_add(q, e, buf_span(&list), true, why);
	buf_fini(&list);
	if (rc != RC_OK)
		envelope_free(&e);
	return e;
}

void
letter_send(struct qmgr *q, const struct letter *l)
{
	struct id id = id_new();
	uint64_t now_us = clock_real_us();
	int fd = io_memfd("letter");
	struct why why = {.rc = RC_OK};
	struct envelope *e = NULL;
	struct message *m;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	put_letter(&text, q, l, &id, now_us);
	if (fd < 0 || text.over || !io_write_all(fd, text.p, text.n))
		why_set(&why, RC_TEMP, "4.3.0", "no room for a letter");
	else
		e = make_envelope(q, l->to, now_us, &why);
	if (e != NULL) {
		e->size = text.n;
		m = message_new(q, id_span(&id), e, fd, SPAN_NONE);
		fd = -1;
		history_event_notice(m, l->about);
		message_enqueue(m);
	} else {
		LOG(QUEUE_NO_LETTER, log_str(l->about), log_str(l->to),
		    log_str(why.text));
	}
	io_close(&fd);
	buf_fini(&text);
}
