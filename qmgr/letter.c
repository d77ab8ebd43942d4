/*
 * Letters of our own: see letter.h.
 */
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/log/log.h"
#include "qmgr/heading.h"
#include "qmgr/history_event.h"
#include "qmgr/letter.h"
#include "qmgr/message.h"
#include "qmgr/recipients.h"
#include "lib/base/banned.h"

#define TEXT_MAX 65536

/* Lines end with CRLF in it. */
static void
put_text(struct buf *out, struct span text)
{
	while (text.n > 0) {
		heading_put_text(out, span_cut(&text, '\n'), true);
		buf_puts(out, "\r\n");
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
put_letter(struct buf *out, const struct qmgr *q, const struct letter *l,
    const struct id *id, uint64_t now_us)
{
	struct buf to;

	buf_init(&to, RECIPIENTS_BYTES);
	if (span_eq(span_of(l->to), SPAN_LIT("postmaster")))
		letter_put_postmaster(&to, q->w->conf);
	else
		buf_puts(&to, l->to);
	heading_put(out, &(struct heading){.hostname = q->w->conf->hostname,
			     .id = id->text,
			     .to = buf_cstr(&to),
			     .utf8 = true,
			     .subject = l->subject,
			     .now_us = now_us});
	buf_puts(out, "Content-Type: text/plain; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: 8bit\r\n\r\n");
	put_text(out, l->text);
	buf_fini(&to);
}

static struct envelope *
make_envelope(struct qmgr *q, const char *to, uint64_t now_us, struct why *why)
{
	struct envelope *e = envelope_new_own(now_us);
	struct buf list;
	enum rc rc = RC_OK;

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
		e->utf8 = !span_is_ascii(buf_span(&text));
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
