/*
 * FETCH (RFC 3501 6.4.5, 7.4.2). Everything a message's answer needs is looked
 * for before its first byte is said, so that what is missing leaves no broken
 * answer; a body goes out in pieces as the client takes them.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "imapd/command.h"
#include "imapd/content.h"
#include "imapd/items.h"
#include "imapd/msgflags.h"
#include "imapd/seqset.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/mime/structure.h"
#include "lib/base/banned.h"

#define SLICE    ((size_t)256 << 10) /* said before the client takes it */
#define SLICE_MS 50 /* work before another connection has its turn */
#define PIECE    ((size_t)64 << 10)

static const char syntax[] = "FETCH set items";

struct fetch {
	struct seqset set;
	struct items items;
	uint32_t seq;   /* at hand */
	bool inside;    /* its answer has begun */
	size_t item;    /* of it, the next */
	bool put_flags; /* they were changed by this, and not asked for */
	struct content content;
	/* a section that is being said */
	bool streaming;
	bool whole; /* by a size that the name told */
	struct mime_ranges ranges;
	struct mime_reader reader;
	uint64_t left;
	/* the header from the cache as a message, for a section of it */
	struct span header;
	struct mime_source header_source;
	struct mime_message header_message;
	bool has_header;
	bool gone;
	bool failed;
	bool unseen; /* \Seen could not be set, and the log says so */
};

void
cmd_fetch_abandon(struct session *s)
{
	struct fetch *f = s->fetch;

	if (f == NULL)
		return;
	if (f->streaming)
		mime_ranges_fini(&f->ranges);
	if (f->has_header)
		mime_message_fini(&f->header_message);
	content_fini(&f->content);
	items_fini(&f->items);
	seqset_fini(&f->set);
	free(f);
	s->fetch = NULL;
}

/* ---- what an answer needs --------------------------------------------------
 */

static bool
is_whole(const struct item *item)
{
	return item->kind == ITEM_SECTION && item->section.path_n == 0 &&
	       item->section.what == MIME_SECTION_ALL;
}

static enum rc
prepare_item(struct session *s, const struct item *item,
    struct maildir_message *msg, struct why *why)
{
	struct content *c = &s->fetch->content;
	struct maildir_mailbox *m = s->view.box->m;
	struct cache *cache = s->account->store.cache;
	enum rc rc = RC_OK;

	switch (item->kind) {
	case ITEM_UID:
	case ITEM_FLAGS:
		break;
	case ITEM_INTERNALDATE:
		return maildir_mailbox_date(m, msg, why);
	case ITEM_SIZE:
		return maildir_mailbox_wire(m, msg, why);
	case ITEM_ENVELOPE:
	case ITEM_STRUCTURE:
		return content_record(c, cache, m, msg, why);
	case ITEM_BODY:
		return content_parse(c, m, msg, why);
	case ITEM_SECTION:
		if (item->cached)
			return content_record(c, cache, m, msg, why);
		if (!is_whole(item))
			return content_parse(c, m, msg, why);
		rc = content_open(c, m, msg, why);
		return rc == RC_OK ? maildir_mailbox_wire(m, msg, why) : rc;
	}
	return rc;
}

/*
 * A body that is read sets \Seen. Where that cannot be (a file system that is
 * full, or became read-only) the message can be read all the same. RC_PERM: it
 * is gone.
 */
static enum rc
set_seen(struct session *s, struct maildir_message *msg, struct why *why)
{
	struct fetch *f = s->fetch;
	bool reads = false;
	enum rc rc;

	for (size_t i = 0; i < f->items.n; i++)
		reads = reads || (f->items.v[i].kind == ITEM_SECTION &&
				     !f->items.v[i].peek);
	if (!reads || s->view.read_only || (msg->flags & MAILDIR_SEEN) != 0)
		return RC_OK;
	rc = maildir_mailbox_flag(s->view.box->m, msg, 0, MAILDIR_SEEN, why);
	if (rc == RC_TEMP) {
		if (!f->unseen)
			LOG(SESSION_ERROR, log_str(s->account->env.account),
			    log_str("imap"), log_str(why->text));
		f->unseen = true;
		return RC_OK;
	}
	f->put_flags = (f->items.kinds & 1U << ITEM_FLAGS) == 0;
	s->changed = true;
	return rc;
}

static enum rc
prepare(struct session *s, struct maildir_message *msg, struct why *why)
{
	struct fetch *f = s->fetch;
	enum rc rc = RC_OK;

	content_reset(&f->content);
	if (f->has_header)
		mime_message_fini(&f->header_message);
	f->has_header = f->put_flags = false;
	for (size_t i = 0; i < f->items.n && rc == RC_OK; i++)
		rc = prepare_item(s, &f->items.v[i], msg, why);
	return rc == RC_OK ? set_seen(s, msg, why) : rc;
}

/* ---- saying it
 * --------------------------------------------------------------- */

static void
put_date(struct buf *b, int64_t seconds)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year + 1900 < 1 ||
	    tm.tm_year + 1900 > 9999)
		tm = (struct tm){.tm_mday = 1, .tm_year = 70};
	buf_putf(b, "\"%2d-%.3s-%04d %02d:%02d:%02d +0000\"", tm.tm_mday,
	    months + 3 * (size_t)tm.tm_mon, tm.tm_year + 1900, tm.tm_hour,
	    tm.tm_min, tm.tm_sec);
}

static void
put_flags(struct session *s, uint32_t flags)
{
	uint32_t seq = s->fetch->seq;

	s->view.flags[seq - 1] = flags;
	buf_puts(&s->out, "FLAGS ");
	msgflags_put(&s->out, s->view.box->m, flags, s->view.recent[seq - 1]);
}

/* The header that the cache keeps, as a message of its own. */
static enum rc
header_message(struct fetch *f, struct why *why)
{
	if (f->has_header)
		return RC_OK;
	f->header = f->content.record.header;
	f->header_source = mime_source_span(&f->header);
	f->has_header = true;
	return mime_message_parse(
	    &f->header_message, &f->header_source, f->header.n, why);
}

/* Where the section is: f->ranges. RC_PERM: the message has none such. */
static enum rc
find_section(struct fetch *f, const struct item *item,
    const struct maildir_message *msg, struct why *why)
{
	const struct mime_message *message = &f->content.message;
	const struct mime_source *source = &f->content.source;
	enum rc rc = RC_OK;

	f->whole = false;
	if (item->cached) {
		rc = header_message(f, why);
		message = &f->header_message;
		source = &f->header_source;
	}
	if (rc != RC_OK)
		return rc;
	if (is_whole(item)) {
		f->ranges = (struct mime_ranges){.cap = 1};
		f->ranges.v = mem_alloc(sizeof(*f->ranges.v));
		f->ranges.n = msg->wire > 0;
		f->ranges.size = f->ranges.v[0].n = msg->wire;
		f->whole = !f->content.parsed && !item->partial;
	} else {
		rc = mime_section_find(
		    &item->section, message, source, &f->ranges, why);
	}
	if (item->partial && rc == RC_OK)
		mime_ranges_cut(&f->ranges, item->origin, item->n);
	mime_reader_init(&f->reader, source,
	    is_whole(item) && !f->content.parsed ? NULL : &message->index,
	    &f->ranges);
	if (rc != RC_OK)
		mime_ranges_fini(&f->ranges);
	return rc;
}

static enum step
put_section(struct session *s, const struct item *item,
    const struct maildir_message *msg, struct why *why)
{
	struct fetch *f = s->fetch;
	enum rc rc = find_section(f, item, msg, why);

	buf_put_span(&s->out, buf_span(&item->label));
	if (rc == RC_PERM) {
		buf_puts(&s->out, " NIL");
		return STEP_DONE;
	}
	if (rc != RC_OK)
		return STEP_CLOSE;
	buf_putf(&s->out, " {%llu}\r\n", (unsigned long long)f->ranges.size);
	f->left = f->ranges.size;
	f->streaming = true;
	return STEP_DONE;
}

/* Is what has been said all that the file has? */
static bool
at_end(const struct fetch *f)
{
	struct stat st;

	return fstat(f->content.fd, &st) == 0 &&
	       f->reader.file >= (uint64_t)st.st_size;
}

static enum step
stream_section(struct session *s, struct why *why)
{
	struct fetch *f = s->fetch;

	while (f->left > 0 && s->out.n < SLICE) {
		size_t want = f->left < PIECE ? (size_t)f->left : PIECE, got;
		char *to = buf_reserve(&s->out, want);

		if (to == NULL ||
		    mime_reader_read(&f->reader, to, want, &got, why) != RC_OK)
			return STEP_CLOSE;
		if (got == 0) {
			why_set(why, RC_TEMP, "4.3.0",
			    "a message is shorter than its name says");
			return STEP_CLOSE;
		}
		s->out.n += got;
		f->left -= got;
	}
	if (f->left > 0)
		return STEP_MORE;
	f->streaming = false;
	mime_ranges_fini(&f->ranges);
	if (!f->whole || at_end(f))
		return STEP_DONE;
	why_set(
	    why, RC_TEMP, "4.3.0", "a message is longer than its name says");
	return STEP_CLOSE;
}

static enum step
put_item(struct session *s, const struct item *item,
    const struct maildir_message *msg, struct why *why)
{
	const struct cache_record *r = &s->fetch->content.record;

	switch (item->kind) {
	case ITEM_UID:
		buf_putf(&s->out, "UID %u", msg->uid);
		break;
	case ITEM_FLAGS:
		put_flags(s, msg->flags);
		break;
	case ITEM_INTERNALDATE:
		buf_puts(&s->out, "INTERNALDATE ");
		put_date(&s->out, msg->date);
		break;
	case ITEM_SIZE:
		buf_putf(
		    &s->out, "RFC822.SIZE %llu", (unsigned long long)msg->wire);
		break;
	case ITEM_ENVELOPE:
		buf_puts(&s->out, "ENVELOPE ");
		buf_put_span(&s->out, r->envelope);
		break;
	case ITEM_STRUCTURE:
		buf_puts(&s->out, "BODYSTRUCTURE ");
		buf_put_span(&s->out, r->structure);
		break;
	case ITEM_BODY:
		buf_puts(&s->out, "BODY ");
		mime_structure_put(&s->out, &s->fetch->content.message, false);
		break;
	case ITEM_SECTION:
		return put_section(s, item, msg, why);
	}
	return STEP_DONE;
}

/* The rest of the answer that has begun. */
static enum step
put_rest(struct session *s, struct maildir_message *msg, struct why *why)
{
	struct fetch *f = s->fetch;
	enum step step = STEP_DONE;

	while (step == STEP_DONE) {
		if (f->streaming) {
			step = stream_section(s, why);
			continue;
		}
		if (f->item == f->items.n)
			break;
		/* taken away between two pieces: what it was is still known */
		if (f->item > 0)
			buf_putc(&s->out, ' ');
		step = put_item(s, &f->items.v[f->item++], msg, why);
	}
	if (step != STEP_DONE)
		return step;
	if (f->put_flags) {
		buf_putc(&s->out, ' ');
		put_flags(s, msg->flags);
	}
	buf_puts(&s->out, ")\r\n");
	f->inside = false;
	s->fetched++;
	return STEP_DONE;
}

/* One that cannot be read is left out, and the reply says so. */
static void
leave_out(struct session *s, enum rc rc, const struct why *why)
{
	struct fetch *f = s->fetch;

	if (rc == RC_PERM) {
		f->gone = true;
		return;
	}
	f->failed = true;
	LOG(SESSION_ERROR, log_str(s->account->env.account), log_str("imap"),
	    log_str(why->text));
}

static enum step
one(struct session *s, struct why *why)
{
	struct fetch *f = s->fetch;
	struct maildir_message *msg = view_message(&s->view, f->seq);
	/* for a body that goes on when its file has been removed */
	static const struct maildir_message none = {.date = 0};
	struct maildir_message copy = none;
	enum rc rc;

	if (!f->inside) {
		rc = msg == NULL ? RC_PERM : prepare(s, msg, why);
		if (rc != RC_OK) {
			leave_out(s, rc, why);
			return STEP_DONE;
		}
		f->inside = true;
		f->item = 0;
		buf_putf(&s->out, "* %u FETCH (", f->seq);
	}
	if (msg == NULL) {
		copy.uid = s->view.uids[f->seq - 1];
		copy.flags = s->view.flags[f->seq - 1];
		copy.wire = f->content.parsed ? f->content.message.size : 0;
		msg = &copy;
	}
	return put_rest(s, msg, why);
}

static enum step
end(struct session *s)
{
	bool failed = s->fetch->failed, gone = s->fetch->gone;

	cmd_fetch_abandon(s);
	if (failed)
		return reply(s, REPLY_UNAVAILABLE,
		    "Some of the messages cannot be read now");
	if (gone)
		return reply(s, s->uid ? REPLY_DONE : REPLY_SOME_GONE, "Fetch");
	return reply(s, REPLY_DONE, "Fetch");
}

/* Within an answer there is no way to say so but to end it. */
static void
cut_off(struct session *s, const struct why *why)
{
	struct maildir_message *msg = view_message(&s->view, s->fetch->seq);

	/* next time it is counted, whatever its name says */
	if (msg != NULL)
		msg->wire = 0;
	LOG(SESSION_ERROR, log_str(s->account->env.account), log_str("imap"),
	    log_str(why->text));
}

static enum step
fetch_more(struct session *s)
{
	struct fetch *f = s->fetch;
	uint64_t until = clock_mono_ms() + SLICE_MS;
	struct why why;

	while (f->seq != 0) {
		enum step step = one(s, &why);

		if (step == STEP_CLOSE) {
			cut_off(s, &why);
			return STEP_CLOSE;
		}
		if (step == STEP_MORE)
			return STEP_MORE;
		f->seq = seqset_next(&f->set, f->seq + 1);
		if (f->seq != 0 &&
		    (s->out.n >= SLICE || clock_mono_ms() >= until))
			return STEP_MORE;
	}
	return end(s);
}

enum step
cmd_fetch(struct session *s, struct parse *p)
{
	struct fetch *f = mem_alloc(sizeof(*f));

	s->fetch = f;
	content_init(&f->content);
	if (!command_set(s, p, &f->set, syntax)) {
		cmd_fetch_abandon(s);
		return STEP_DONE;
	}
	if (!parse_char(p, ' ') || !items_parse(&f->items, p)) {
		cmd_fetch_abandon(s);
		return command_syntax(s, syntax);
	}
	if (s->uid)
		items_add(&f->items, ITEM_UID);
	f->seq = seqset_next(&f->set, 1);
	s->more = fetch_more;
	return fetch_more(s);
}
