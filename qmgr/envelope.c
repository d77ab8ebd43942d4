/*
 * The head of a queue file: see envelope.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "qmgr/envelope.h"
#include "lib/base/banned.h"

#define QUEUE_LINE                                              \
	"Mailstead-Queue: 1 offset=0000000000 size=0000000000 " \
	"crc32c=00000000 state=live\r\n"
#define AT_OFFSET 26
#define AT_SIZE   42
#define AT_CRC    60
#define AT_STATE  ENVELOPE_STATE_AT
#define TO_PREFIX "Mailstead-To: "

static const char *const words[] = {"todo", "late", "sent", "done", "fail"};
static const char *const needs[] = {"", "required", "optional"};

const char *
envelope_word_text(enum envelope_word word)
{
	return words[word];
}

const char *
envelope_need_text(enum queue_tls need)
{
	return needs[need];
}

struct envelope *
envelope_new(void)
{
	return mem_alloc(sizeof(struct envelope));
}

struct envelope *
envelope_new_own(uint64_t now_us)
{
	struct envelope *e = envelope_new();

	e->sender = mem_dup("");
	e->client = mem_dup("");
	e->protocol = mem_dup("notice");
	e->login = mem_dup("");
	/* as it will be read back: milliseconds */
	e->arrived_us = now_us / 1000 * 1000;
	return e;
}

void
envelope_free(struct envelope **envelope)
{
	struct envelope *e = *envelope;

	*envelope = NULL;
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->n_rcpts; i++) {
		free(e->rcpts[i].address);
		free(e->rcpts[i].account);
		free(e->rcpts[i].orcpt);
	}
	free(e->rcpts);
	free(e->sender);
	free(e->client);
	free(e->protocol);
	free(e->login);
	free(e->envid);
	free(e);
}

struct envelope_rcpt *
envelope_add(struct envelope *e, struct span address, struct span account)
{
	struct envelope_rcpt *r;

	/* room grows by doubling: at each power of two */
	if ((e->n_rcpts & (e->n_rcpts - 1)) == 0)
		e->rcpts = mem_grow(e->rcpts,
		    (e->n_rcpts == 0 ? 1 : e->n_rcpts * 2) * sizeof(*e->rcpts));
	r = &e->rcpts[e->n_rcpts++];
	*r = (struct envelope_rcpt){
	    .address = span_dup(address), .account = span_dup(account)};
	return r;
}

struct envelope *
envelope_heir(const struct envelope *e)
{
	struct envelope *c = envelope_new();

	c->arrived_us = e->arrived_us;
	c->sender = mem_dup(e->sender);
	c->client = mem_dup(e->client);
	c->protocol = mem_dup(e->protocol);
	c->login = mem_dup(e->login);
	c->ret = e->ret;
	c->envid = mem_dup(e->envid);
	c->utf8 = e->utf8;
	c->release_us = e->release_us;
	c->priority = e->priority;
	c->need = e->need;
	c->by = e->by;
	return c;
}

struct envelope *
envelope_copy(const struct envelope *e)
{
	struct envelope *c = envelope_heir(e);

	c->held = e->held;
	for (size_t i = 0; i < e->n_rcpts; i++) {
		const struct envelope_rcpt *from = &e->rcpts[i];
		struct envelope_rcpt *r = envelope_add(
		    c, span_of(from->address), span_of(from->account));

		r->word = from->word;
		r->notify = from->notify;
		r->orcpt = mem_dup(from->orcpt);
		r->expanded = from->expanded;
	}
	return c;
}

size_t
envelope_todo(const struct envelope *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_rcpts; i++)
		n += envelope_is_todo(&e->rcpts[i]);
	return n;
}

size_t
envelope_open(const struct envelope *e)
{
	size_t n = envelope_todo(e);

	for (size_t i = 0; i < e->n_rcpts; i++)
		n += e->rcpts[i].word == ENVELOPE_SENT;
	return n;
}

bool
envelope_owes(const struct envelope *e, const struct envelope_rcpt *r)
{
	/* RFC 3461 5.2: nobody is told of mail from <> */
	return (r->notify & ADDR_DSN_SUCCESS) != 0 && e->sender[0] != '\0';
}

bool
envelope_owes_any(const struct envelope *e)
{
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (envelope_owes(e, &e->rcpts[i]))
			return true;
	return false;
}

bool
envelope_has_remote(const struct envelope *e)
{
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (envelope_is_remote(&e->rcpts[i]))
			return true;
	return false;
}

static void
put_digits(struct buf *b, size_t at, uint64_t value)
{
	char text[16];

	(void)snprintf(
	    text, sizeof(text), "%010llu", (unsigned long long)value);
	memcpy(b->p + at, text, 10);
}

/* " key=value", encoded; nothing where there is no value */
static void
put_some(struct buf *b, const char *key, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	buf_putf(b, " %s=", key);
	enc_line(b, span_of(value));
}

static void
put_to(struct buf *b, struct envelope_rcpt *r)
{
	buf_puts(b, TO_PREFIX);
	r->word_at = b->n;
	buf_puts(b, words[r->word]);
	buf_puts(b, " <");
	enc_line(b, span_of(r->address));
	buf_puts(b, ">");
	put_some(b, "account", r->account);
	if (r->expanded)
		buf_puts(b, " expanded");
	if (r->notify != ADDR_DSN_UNSAID) {
		buf_puts(b, " notify=");
		addr_dsn_put_notify(b, r->notify);
	}
	put_some(b, "orcpt", r->orcpt);
	buf_puts(b, "\r\n");
}

bool
envelope_format(struct envelope *e, struct buf *b)
{
	buf_puts(b, QUEUE_LINE);
	buf_puts(b, "Mailstead-From: <");
	enc_line(b, span_of(e->sender));
	buf_puts(b, ">");
	put_some(b, "ret", addr_dsn_ret_text(e->ret));
	put_some(b, "envid", e->envid);
	if (e->utf8)
		buf_puts(b, " utf8");
	buf_puts(b, "\r\nMailstead-Arrived: ");
	clock_put_rfc3339(b, e->arrived_us);
	buf_puts(b, " client=");
	enc_line(b, span_of(e->client));
	buf_puts(b, " proto=");
	enc_line(b, span_of(e->protocol));
	buf_puts(b, " login=");
	enc_line(b, span_of(e->login));
	if (e->priority != 0)
		buf_putf(b, " priority=%d", e->priority);
	if (e->release_us != 0) {
		buf_puts(b, " release=");
		clock_put_rfc3339(b, e->release_us);
	}
	put_some(b, "tls", needs[e->need]);
	if (e->by.mode != ADDR_BY_NONE) {
		buf_puts(b, " by=");
		addr_by_put(b, &e->by);
	}
	buf_puts(b, "\r\n");
	for (size_t i = 0; i < e->n_rcpts; i++)
		put_to(b, &e->rcpts[i]);
	if (b->over || e->size > 9999999999U)
		return false;
	e->offset = b->n;
	put_digits(b, AT_OFFSET, e->offset);
	put_digits(b, AT_SIZE, e->size);
	if (e->held)
		memcpy(b->p + AT_STATE, envelope_state_text(true), 4);
	return true;
}

const char *
envelope_state_text(bool held)
{
	return held ? "hold" : "live";
}

bool
envelope_is_head(struct span text)
{
	return span_starts(text, SPAN_LIT("Mailstead-Queue: 1 offset=")) &&
	       span_eq(span_head(span_from(text, AT_STATE - 7), 7),
		   SPAN_LIT(" state=")) &&
	       text.n >= AT_STATE + ENVELOPE_WORD_LEN;
}

/* The sum of the head with every changeable word replaced by four dots. */
uint32_t
envelope_head_crc(struct span head)
{
	static const char dots[] = "........";
	struct span rest = head;
	uint32_t crc = 0;

	while (rest.n > 0) {
		size_t end = span_find(rest, '\n') + 1;
		struct span line = span_head(rest, end);
		size_t skip = 0, n = 4;

		if (rest.p == head.p && line.n > AT_STATE + 4) {
			crc = enc_crc32c(crc, line.p, AT_CRC);
			crc = enc_crc32c(crc, dots, 8);
			line = span_from(line, AT_CRC + 8);
			skip = AT_STATE - AT_CRC - 8;
		} else if (span_starts(line, SPAN_LIT(TO_PREFIX)) &&
			   line.n > sizeof(TO_PREFIX) - 1 + 4) {
			skip = sizeof(TO_PREFIX) - 1;
		} else {
			n = 0;
		}
		crc = enc_crc32c(crc, line.p, skip);
		crc = enc_crc32c(crc, dots, n);
		crc = enc_crc32c(crc, line.p + skip + n, line.n - skip - n);
		rest = span_from(rest, end);
	}
	return crc;
}

void
envelope_seal(const struct envelope *e, struct buf *b)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%08x", e->crc);
	memcpy(b->p + AT_CRC, text, 8);
}

static bool
take_lit(struct span *s, const char *text)
{
	struct span lit = span_of(text);

	if (!span_starts(*s, lit))
		return false;
	*s = (struct span){s->p + lit.n, s->n - lit.n};
	return true;
}

/* "key" then an encoded value up to `end`, a copy in *out */
static bool
take_value(struct span *s, const char *key, char end, char **out)
{
	struct span value;
	struct buf b;
	size_t n;
	bool ok;

	if (!take_lit(s, key))
		return false;
	n = span_find(*s, end);
	value = span_head(*s, n);
	*s = n < s->n ? (struct span){s->p + n + 1, s->n - n - 1}
		      : (struct span){s->p + n, 0};
	buf_init(&b, value.n);
	ok = enc_unline(&b, value);
	if (ok) {
		free(*out);
		*out = span_dup(buf_span(&b));
	}
	buf_fini(&b);
	return ok;
}

static bool
parse_queue_line(struct envelope *e, struct span line)
{
	uint64_t crc;

	if (line.n != sizeof(QUEUE_LINE) - 1 - 2 ||
	    !span_starts(line, SPAN_LIT("Mailstead-Queue: 1 offset=")) ||
	    !num_u64_padded(
		span_head(span_from(line, AT_OFFSET), 10), &e->offset) ||
	    !num_u64_padded(
		span_head(span_from(line, AT_SIZE), 10), &e->size) ||
	    !num_hex(span_head(span_from(line, AT_CRC), 8), &crc))
		return false;
	e->crc = (uint32_t)crc;
	/* anything but hold counts as live */
	e->held = span_eq(span_from(line, AT_STATE), SPAN_LIT("hold"));
	return true;
}

/* Words of RFC 3461, each as envelope_format() writes it. */
static bool
take_ret(struct span *line, uint8_t *ret)
{
	char *text = NULL;
	bool ok;

	if (!span_starts(*line, SPAN_LIT("ret=")))
		return true;
	ok = take_value(line, "ret=", ' ', &text) &&
	     addr_dsn_ret(span_of(text), ret);
	free(text);
	return ok;
}

static bool
take_notify(struct span *line, uint8_t *notify)
{
	char *text = NULL;
	bool ok;

	if (!span_starts(*line, SPAN_LIT("notify=")))
		return true;
	ok = take_value(line, "notify=", ' ', &text) &&
	     addr_dsn_notify(span_of(text), notify);
	free(text);
	return ok;
}

/* "key=value" if it comes next; of xtext the other function says so */
static bool
take_xtext(struct span *line, const char *key,
    bool (*check)(struct buf *b, struct span text), char **out)
{
	struct buf b;
	bool ok;

	if (!span_starts(*line, span_of(key)))
		return true;
	buf_init(&b, 1024);
	ok = take_value(line, key, ' ', out) && check(&b, span_of(*out)) &&
	     span_eq(buf_span(&b), span_of(*out));
	buf_fini(&b);
	return ok;
}

/* Is there nothing, or a space before what follows? It is taken. */
static bool
take_gap(struct span *line)
{
	return line->n == 0 || take_lit(line, " ");
}

static bool
parse_from(struct envelope *e, struct span line)
{
	bool ok = take_value(&line, "Mailstead-From: <", '>', &e->sender) &&
		  take_gap(&line) && take_ret(&line, &e->ret) &&
		  take_xtext(&line, "envid=", addr_dsn_envid, &e->envid);

	e->utf8 = ok && take_lit(&line, "utf8");
	return ok && line.n == 0;
}

static bool
take_priority(struct span *line, int *priority)
{
	struct span value;
	bool below;

	if (!take_lit(line, "priority="))
		return true;
	value = span_cut(line, ' ');
	below = span_at(value, 0) == '-';
	value = span_from(value, below ? 1 : 0);
	if (value.n != 1 || value.p[0] < '1' || value.p[0] > '9')
		return false;
	*priority = (value.p[0] - '0') * (below ? -1 : 1);
	return true;
}

static bool
take_need(struct span *line, enum queue_tls *need)
{
	struct span value;

	if (!take_lit(line, "tls="))
		return true;
	value = span_cut(line, ' ');
	for (int i = QUEUE_TLS_REQUIRED; i <= QUEUE_TLS_OPTIONAL; i++)
		if (span_eq(value, span_of(needs[i]))) {
			*need = (enum queue_tls)i;
			return true;
		}
	return false;
}

static bool
take_release(struct span *line, uint64_t *us)
{
	return !take_lit(line, "release=") ||
	       clock_get_rfc3339(span_cut(line, ' '), us);
}

static bool
take_by(struct span *line, struct addr_by *by)
{
	return !take_lit(line, "by=") || addr_by_get(span_cut(line, ' '), by);
}

static bool
parse_arrived(struct envelope *e, struct span line)
{
	struct span time;

	if (!take_lit(&line, "Mailstead-Arrived: "))
		return false;
	time = span_cut(&line, ' ');
	return clock_get_rfc3339(time, &e->arrived_us) &&
	       take_value(&line, "client=", ' ', &e->client) &&
	       take_value(&line, "proto=", ' ', &e->protocol) &&
	       take_value(&line, "login=", ' ', &e->login) &&
	       take_priority(&line, &e->priority) &&
	       take_release(&line, &e->release_us) &&
	       take_need(&line, &e->need) && take_by(&line, &e->by) &&
	       line.n == 0;
}

/* An unknown one counts as todo. */
static enum envelope_word
word_of(struct span text)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq(text, span_of(words[i])))
			return (enum envelope_word)i;
	return ENVELOPE_TODO;
}

static bool
take_account(struct span *line, struct envelope_rcpt *r)
{
	if (span_starts(*line, SPAN_LIT("account=")))
		return take_value(line, "account=", ' ', &r->account) &&
		       r->account[0] != '\0';
	if (!take_lit(line, "expanded"))
		return true;
	r->expanded = true;
	/* it is nobody's to deliver, whatever its word has become */
	if (envelope_is_todo(r))
		r->word = ENVELOPE_SENT;
	return take_gap(line);
}

static bool
parse_to(struct envelope *e, struct span line, uint64_t word_at)
{
	struct envelope_rcpt r = {.word_at = word_at}, *to;
	bool ok;

	if (e->n_rcpts == ENVELOPE_RCPTS_MAX || !take_lit(&line, TO_PREFIX))
		return false;
	r.word = word_of(span_head(line, ENVELOPE_WORD_LEN));
	line = span_from(line, ENVELOPE_WORD_LEN);
	ok = take_value(&line, " <", '>', &r.address) && take_gap(&line) &&
	     take_account(&line, &r) && take_notify(&line, &r.notify) &&
	     take_xtext(&line, "orcpt=", addr_dsn_orcpt, &r.orcpt) &&
	     line.n == 0;
	if (ok) {
		to = envelope_add(e, span_of(r.address), span_of(r.account));
		to->word = r.word;
		to->word_at = word_at;
		to->notify = r.notify;
		to->expanded = r.expanded;
		to->orcpt = r.orcpt;
		r.orcpt = NULL;
	}
	free(r.address);
	free(r.account);
	free(r.orcpt);
	return ok;
}

static bool
parse_line(struct envelope *e, size_t number, struct span line, size_t at)
{
	switch (number) {
	case 0:
		return parse_queue_line(e, line);
	case 1:
		return parse_from(e, line);
	case 2:
		return parse_arrived(e, line);
	default:
		return parse_to(e, line, at + sizeof(TO_PREFIX) - 1);
	}
}

enum rc
envelope_parse(struct span text, uint64_t file_size, struct envelope **out,
    struct why *why)
{
	struct envelope *e = envelope_new();
	size_t at = 0, number = 0;

	*out = NULL;
	e->offset = 1; /* until the first line says so */
	while (at < e->offset) {
		struct span rest = span_from(text, at);
		size_t end = span_find(rest, '\n');

		if (end == rest.n || span_at(rest, end - 1) != '\r' ||
		    !parse_line(e, number, span_head(rest, end - 1), at))
			goto bad;
		at += end + 1;
		number++;
	}
	if (at != e->offset || e->n_rcpts == 0 ||
	    file_size != e->offset + e->size)
		goto bad;
	*out = e;
	return RC_OK;
bad:
	envelope_free(&e);
	return why_set(why, RC_PERM, "5.3.0",
	    "not a whole queue file (line %zu of its envelope, %llu bytes)",
	    number + 1, (unsigned long long)file_size);
}
