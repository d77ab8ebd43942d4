/*
 * Does a message answer a SEARCH: see match.h. What costs nothing is asked
 * first, what the cache has next, the file last.
 */
#include <stdlib.h>

#include "imapd/match.h"
#include "lib/base/mem.h"
#include "lib/mime/date.h"
#include "lib/mime/text.h"
#include "lib/mime/word.h"
#include "lib/base/banned.h"

#define RAW_MAX  ((size_t)8 << 20)  /* of one message's header */
#define TEXT_MAX ((size_t)32 << 20) /* the same, decoded and folded */
#define DAY      86400

void
match_init(struct match *m, const struct criteria *criteria,
    const struct view *view, struct cache *cache)
{
	*m = (struct match){.criteria = criteria, .view = view, .cache = cache};
	content_init(&m->content);
	buf_init(&m->text, TEXT_MAX);
	buf_init(&m->raw, RAW_MAX);
	m->sets = mem_array(criteria->n, sizeof(*m->sets));
	for (size_t i = 0; i < criteria->n; i++) {
		const struct key *key = &criteria->v[i];

		if (key->kind == KEY_SET)
			seqset_parse(&m->sets[i], key->name, (uint32_t)view->n);
		else if (key->kind == KEY_UID)
			seqset_parse(
			    &m->sets[i], key->name, view_last_uid(view));
	}
}

void
match_fini(struct match *m)
{
	for (size_t i = 0; i < m->criteria->n; i++)
		seqset_fini(&m->sets[i]);
	free(m->sets);
	content_fini(&m->content);
	buf_fini(&m->text);
	buf_fini(&m->raw);
}

/* ---- text
 * -------------------------------------------------------------------- */

static bool
holds(const struct buf *text, const struct buf *what)
{
	return what->n == 0 ||
	       (text->n >= what->n &&
		   memmem(text->p, text->n, what->p, what->n) != NULL);
}

/* A field's value, unfolded, decoded, folded: appended to m->text. */
static void
put_value(struct match *m, struct span value)
{
	struct buf unfolded, decoded;

	buf_init(&unfolded, RAW_MAX);
	buf_init(&decoded, TEXT_MAX);
	while (value.n > 0)
		buf_put_span(&unfolded, span_trim(span_cut(&value, '\n'))),
		    buf_putc(&unfolded, ' ');
	/* CRs before the line ends, which are gone */
	for (size_t i = 0; i < unfolded.n; i++)
		if (unfolded.p[i] == '\r')
			unfolded.p[i] = ' ';
	mime_word_decode(span_trim(buf_span(&unfolded)), &decoded);
	criteria_fold(&m->text, buf_span(&decoded));
	buf_putc(&m->text, '\n');
	buf_fini(&unfolded);
	buf_fini(&decoded);
}

/* The next field of a header with CRLF line ends: name and raw value. */
static bool
next_field(struct span *header, struct span *name, struct span *value)
{
	size_t end = 0;

	/* to a line end that no white space follows */
	while (end < header->n) {
		size_t lf = span_find(span_from(*header, end), '\n');

		end += lf + 1;
		if (span_at(*header, end) != ' ' &&
		    span_at(*header, end) != '\t')
			break;
	}
	if (header->n == 0)
		return false;
	*value = span_head(*header, end);
	*header = span_from(*header, end);
	*name = span_trim(span_cut(value, ':'));
	return true;
}

/* Fields of that name (n == 0: all) in a raw header, to m->text. */
static bool
put_fields(struct match *m, struct span header, struct span wanted)
{
	struct span name, value;
	bool any = false;

	while (next_field(&header, &name, &value)) {
		if (value.p == NULL ||
		    (wanted.n > 0 && !span_eq_ci(name, wanted)))
			continue;
		any = true;
		if (wanted.n == 0) {
			criteria_fold(&m->text, name);
			buf_puts(&m->text, ": ");
		}
		put_value(m, value);
	}
	return any;
}

/* A range of the view, to m->raw. */
static enum rc
read_range(struct match *m, uint64_t at, uint64_t n)
{
	struct content *c = &m->content;
	struct mime_range range = {at, n};
	struct mime_ranges ranges = {&range, n > 0, 1, n};
	struct mime_reader reader;
	size_t got = 1;
	enum rc rc = RC_OK;

	buf_clear(&m->raw);
	mime_reader_init(&reader, &c->source, &c->message.index, &ranges);
	while (rc == RC_OK && got > 0) {
		char *to = buf_reserve(&m->raw, MIME_READER_CHUNK);

		if (to == NULL)
			break; /* a header of megabytes: the rest is not */
		rc = mime_reader_read(
		    &reader, to, MIME_READER_CHUNK, &got, &m->why);
		m->raw.n += got;
	}
	return rc;
}

static bool
is_cached(struct span name)
{
	for (size_t i = 0; i < cache_fields_n; i++)
		if (span_eq_ci(cache_fields[i], name))
			return true;
	return false;
}

static enum rc
header_holds(struct match *m, const struct key *key,
    struct maildir_message *msg, bool *yes)
{
	struct maildir_mailbox *mailbox = m->view->box->m;
	struct content *c = &m->content;
	struct span header;
	enum rc rc;

	if (is_cached(key->name)) {
		rc = content_record(c, m->cache, mailbox, msg, &m->why);
		header = c->record.header;
	} else {
		rc = content_parse(c, mailbox, msg, &m->why);
		if (rc == RC_OK)
			rc = read_range(
			    m, 0, mime_part_header_size(&c->message.parts[0]));
		header = buf_span(&m->raw);
	}
	if (rc != RC_OK)
		return rc;
	buf_clear(&m->text);
	/* an empty string: is there such a field? */
	*yes = put_fields(m, header, key->name) && holds(&m->text, &key->text);
	return RC_OK;
}

/* A part's text, piece by piece; the end of one is kept for the next. */
static enum rc
part_holds(struct match *m, const struct mime_part *part, const struct key *key,
    bool *yes)
{
	struct content *c = &m->content;
	struct mime_text t;
	struct buf piece;
	enum rc rc = RC_OK;

	buf_init(&piece, MIME_TEXT_PIECE);
	buf_clear(&m->text);
	mime_text_init(&t, &c->message, part, &c->source);
	while (rc == RC_OK && !*yes && !t.done) {
		buf_clear(&piece);
		rc = mime_text_read(&t, &piece, &m->why);
		if (m->text.n >= key->text.n && key->text.n > 0)
			buf_drop(&m->text, m->text.n - (key->text.n - 1));
		criteria_fold(&m->text, buf_span(&piece));
		*yes = holds(&m->text, &key->text);
	}
	mime_text_fini(&t);
	buf_fini(&piece);
	return rc;
}

/* The header of a message, or of one inside it. */
static enum rc
part_header_holds(struct match *m, const struct mime_part *part,
    const struct key *key, bool *yes)
{
	enum rc rc =
	    read_range(m, part->header.view, mime_part_header_size(part));

	if (rc != RC_OK)
		return rc;
	buf_clear(&m->text);
	(void)put_fields(m, buf_span(&m->raw), SPAN_NONE); /* any or none */
	*yes = holds(&m->text, &key->text);
	return RC_OK;
}

static enum rc
text_holds(struct match *m, const struct key *key, struct maildir_message *msg,
    bool *yes)
{
	struct content *c = &m->content;
	enum rc rc = content_parse(c, m->view->box->m, msg, &m->why);

	*yes = false;
	if (rc == RC_OK && key->kind == KEY_TEXT)
		rc = part_header_holds(m, &c->message.parts[0], key, yes);
	for (uint32_t i = 0; i < c->message.n && rc == RC_OK && !*yes; i++) {
		const struct mime_part *part = &c->message.parts[i];

		if (part->nested)
			rc = part_header_holds(m, part, key, yes);
		if (rc == RC_OK && !*yes && mime_text_is(&c->message, part))
			rc = part_holds(m, part, key, yes);
	}
	return rc;
}

/* ---- the rest
 * ---------------------------------------------------------------- */

static bool
compare_day(enum key_kind kind, int64_t day, int64_t with)
{
	switch (kind) {
	case KEY_BEFORE:
	case KEY_SENTBEFORE:
		return day < with;
	case KEY_ON:
	case KEY_SENTON:
		return day == with;
	default:
		return day >= with;
	}
}

static int64_t
day_of(int64_t seconds)
{
	return seconds >= 0 ? seconds / DAY : -((DAY - 1 - seconds) / DAY);
}

/* RFC 3501 6.4.4: without regard to time and time zone */
static enum rc
sent(struct match *m, const struct key *key, struct maildir_message *msg,
    bool *yes)
{
	struct span name, value, header;
	struct mime_date date;
	enum rc rc = content_record(
	    &m->content, m->cache, m->view->box->m, msg, &m->why);

	*yes = false;
	header = m->content.record.header;
	while (rc == RC_OK && next_field(&header, &name, &value)) {
		if (!span_eq_ci(name, SPAN_LIT("Date")))
			continue;
		if (mime_date_parse(value, &date))
			*yes = compare_day(key->kind,
			    day_of((int64_t)date.time + date.zone * 60),
			    key->day);
		break;
	}
	return rc;
}

static enum rc
known(struct match *m, const struct key *key, uint32_t seq,
    struct maildir_message *msg, bool *yes)
{
	const struct view *v = m->view;
	struct maildir_mailbox *mailbox = v->box->m;
	size_t i = (size_t)(key - m->criteria->v);
	enum rc rc = RC_OK;
	uint32_t bit;

	switch (key->kind) {
	case KEY_ALL:
		*yes = true;
		break;
	case KEY_SET:
		*yes = seqset_has(&m->sets[i], seq);
		break;
	case KEY_UID:
		*yes = seqset_has(&m->sets[i], msg->uid);
		break;
	case KEY_FLAGS:
		*yes = ((msg->flags & key->bits) != 0) == key->want;
		break;
	case KEY_KEYWORD:
		rc = maildir_mailbox_keyword(
		    mailbox, key->name, false, &bit, &m->why);
		if (span_eq_ci(key->name, SPAN_LIT("$Forwarded")))
			bit |= MAILDIR_PASSED;
		*yes = ((msg->flags & bit) != 0) == key->want;
		break;
	case KEY_RECENT:
		*yes = v->recent[seq - 1] == key->want;
		break;
	case KEY_LARGER:
	case KEY_SMALLER:
		rc = maildir_mailbox_wire(mailbox, msg, &m->why);
		*yes = key->kind == KEY_LARGER ? msg->wire > key->size
					       : msg->wire < key->size;
		break;
	default:
		rc = maildir_mailbox_date(mailbox, msg, &m->why);
		*yes = compare_day(key->kind, day_of(msg->date), key->day);
		break;
	}
	return rc;
}

static enum rc check(struct match *m, size_t i, uint32_t seq,
    struct maildir_message *msg, bool *yes);

/* AND: until one does not match, OR: until one does; the cheap ones first. */
static enum rc
check_children(struct match *m, const struct key *key, uint32_t seq,
    struct maildir_message *msg, bool *yes)
{
	const struct key *v = m->criteria->v;
	bool all = key->kind == KEY_AND;
	enum rc rc = RC_OK;

	*yes = all;
	for (unsigned cost = 0; cost <= 2; cost++)
		for (size_t k = key->child; k != 0 && *yes == all;
		     k = v[k].next) {
			if (v[k].cost == cost)
				rc = check(m, k, seq, msg, yes);
			if (rc != RC_OK)
				return rc;
		}
	return RC_OK;
}

/* depth is bounded by the criteria's */
static enum rc
check(struct match *m, size_t i, uint32_t seq, struct maildir_message *msg,
    bool *yes)
{
	const struct key *key = &m->criteria->v[i];
	enum rc rc;

	*yes = false;
	switch (key->kind) {
	case KEY_AND:
	case KEY_OR:
		return check_children(m, key, seq, msg, yes);
	case KEY_NOT:
		rc = check(m, key->child, seq, msg, yes);
		*yes = !*yes;
		return rc;
	case KEY_HEADER:
		return header_holds(m, key, msg, yes);
	case KEY_BODY:
	case KEY_TEXT:
		return text_holds(m, key, msg, yes);
	case KEY_SENTBEFORE:
	case KEY_SENTON:
	case KEY_SENTSINCE:
		return sent(m, key, msg, yes);
	default:
		return known(m, key, seq, msg, yes);
	}
}

bool
match_message(struct match *m, uint32_t seq, struct maildir_message *msg)
{
	bool yes = false;
	enum rc rc;

	content_reset(&m->content);
	rc = check(m, 0, seq, msg, &yes);
	/* one that is gone matches nothing */
	m->failed = m->failed || rc == RC_TEMP;
	return rc == RC_OK && yes;
}
