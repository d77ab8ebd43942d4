/*
 * A message's part of the dialogue: MAIL to the reply behind the dot. See
 * client.h for the promise. With PIPELINING (RFC 2920) MAIL and RCPTs go out
 * together, DATA by itself: a server that has refused all recipients may take
 * an empty message else.
 */
#include <stdio.h>
#include <stdlib.h>

#include "delivery/client_state.h"
#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

/* RCPTs that may be unanswered */
#define WINDOW 100

void
client_rcpt_fini(struct client_rcpt *r)
{
	free(r->address);
	free(r->orcpt);
}

void
client_mail_end(
    struct client_mail *m, const struct why *why, bool site, const char *host)
{
	for (size_t i = 0; i < m->n; i++) {
		struct client_rcpt *r = &m->v[i];

		if (r->state == CLIENT_RCPT_DONE)
			continue;
		r->state = CLIENT_RCPT_DONE;
		r->rc = why->rc;
		r->site = site;
		/* each is cut to its room */
		(void)snprintf(r->status, sizeof(r->status), "%s", why->status);
		(void)snprintf(r->text, sizeof(r->text), "%s", why->text);
		(void)snprintf(r->host, sizeof(r->host), "%s", host);
		r->tls[0] = r->reply[0] = '\0';
	}
}

bool
client_mail_done(const struct client_mail *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].state != CLIENT_RCPT_DONE)
			return false;
	return true;
}

/*
 * The reply is the recipient's outcome; `text` says to what it was one. It is
 * a failure whatever its code: see on_dot for the one that is none.
 */
static void
outcome(struct client *c, struct client_rcpt *r, const char *text)
{
	struct buf b;

	buf_init(&b, 2048);
	client_reply_put(&c->reply, &b);
	client_reply_status(&c->reply, r->status);
	r->rc = c->reply.code / 100 == 5 ? RC_PERM : RC_TEMP;
	if (r->rc == RC_TEMP)
		r->status[0] = '4';
	r->site = false;
	r->state = CLIENT_RCPT_DONE;
	/* each is cut to its room */
	(void)snprintf(r->text, sizeof(r->text), "%s", text);
	(void)snprintf(r->host, sizeof(r->host), "%s", c->shown);
	(void)snprintf(r->tls, sizeof(r->tls), "%s", c->secured);
	(void)snprintf(r->reply, sizeof(r->reply), "%s", buf_cstr(&b));
	buf_fini(&b);
}

/* The same for all that are in `state`. */
static void
outcome_all(struct client *c, enum client_rcpt_state state, const char *text)
{
	for (size_t i = 0; i < c->n_rcpt; i++) {
		struct client_rcpt *r = &c->mail->v[c->rcpt[i]];

		if (r->state == state)
			outcome(c, r, text);
	}
}

/* Does the message, or that recipient, need SMTPUTF8? RFC 6531 3.2 */
static bool
needs_utf8(const struct client_mail *m, const struct client_rcpt *r)
{
	return !span_is_ascii(span_of(m->sender)) ||
	       !span_is_ascii(span_of(r->address)) ||
	       (m->utf8 && m->looked && m->eight_header);
}

/* Recipients that this server cannot be told of. */
static void
refuse_others(struct client *c)
{
	struct client_mail *m = c->mail;
	struct why why;

	for (size_t i = 0; i < m->n && !c->offer.utf8; i++) {
		struct client_mail one = {.n = 1, .v = &m->v[i]};

		if (m->v[i].state == CLIENT_RCPT_DONE ||
		    !needs_utf8(m, &m->v[i]))
			continue;
		why_set(&why, RC_PERM, "5.6.7",
		    "%s takes no addresses or header fields beyond ASCII "
		    "(SMTPUTF8)",
		    c->shown);
		client_mail_end(&one, &why, false, c->shown);
	}
}

/* RFC 3461 5.2.1: as they came, to a server that knows them; only then. */
static void
say_rcpt(struct client *c, const struct client_rcpt *r)
{
	struct buf b;

	buf_init(&b, 1024);
	if (c->offer.dsn && r->notify != ADDR_DSN_UNSAID) {
		buf_puts(&b, " NOTIFY=");
		addr_dsn_put_notify(&b, r->notify);
	}
	if (c->offer.dsn && r->orcpt != NULL)
		buf_putf(&b, " ORCPT=%s", r->orcpt);
	client_state_say(
	    c, c->state, "RCPT TO:<%s>%s", r->address, buf_cstr(&b));
	buf_fini(&b);
}

bool
client_state_may_mail(const struct client *c)
{
	return c->offer.mail_max == 0 || c->mails < c->offer.mail_max;
}

bool
client_state_requires_tls(const struct client *c)
{
	const SSL *ssl = stream_tls(c->stream);

	return c->trusted && c->offer.require_tls && ssl != NULL &&
	       tls_client_verified(ssl);
}

/* One that has come with it goes on with it, whatever stands in it. */
static bool
says_utf8(const struct client *c)
{
	const struct client_mail *m = c->mail;
	bool says = m->utf8;

	for (size_t i = 0; !says && i < c->n_rcpt; i++)
		says = needs_utf8(m, &m->v[c->rcpt[i]]);
	return says;
}

static void
say_mail(struct client *c)
{
	const struct client_mail *m = c->mail;
	struct buf b;

	buf_init(&b, 1024);
	if (c->offer.size)
		buf_putf(&b, " SIZE=%llu", (unsigned long long)m->size);
	if (c->offer.eightbit)
		buf_puts(&b, " BODY=8BITMIME");
	if (c->offer.utf8 && says_utf8(c))
		buf_puts(&b, " SMTPUTF8");
	if (c->offer.priority && m->priority != 0)
		buf_putf(&b, " MT-PRIORITY=%d", m->priority);
	if (m->require_tls && client_state_requires_tls(c))
		buf_puts(&b, " REQUIRETLS");
	if (c->offer.by && m->by.mode != ADDR_BY_NONE) {
		buf_puts(&b, " BY=");
		addr_by_say(&b, &m->by, clock_real_us());
	}
	if (c->offer.dsn && m->ret != ADDR_DSN_RET_UNSAID)
		buf_putf(&b, " RET=%s", addr_dsn_ret_text(m->ret));
	if (c->offer.dsn && m->envid != NULL)
		buf_putf(&b, " ENVID=%s", m->envid);
	c->mails++;
	client_state_say(
	    c, CLIENT_MAIL, "MAIL FROM:<%s>%s", m->sender, buf_cstr(&b));
	buf_fini(&b);
}

static void
say_rcpts(struct client *c)
{
	size_t window = c->offer.pipelining ? WINDOW : 1;

	while (c->asked < c->n_rcpt && c->asked - c->answered < window)
		say_rcpt(c, &c->mail->v[c->rcpt[c->asked++]]);
}

/* Nothing can be sent of it: all have their outcome. */
static bool
too_large(struct client *c)
{
	struct why why;

	if (!c->offer.size || c->offer.size_max == 0 ||
	    c->mail->size <= c->offer.size_max)
		return false;
	why_set(&why, RC_PERM, "5.3.4",
	    "the message has %llu bytes, %s takes %llu",
	    (unsigned long long)c->mail->size, c->shown,
	    (unsigned long long)c->offer.size_max);
	client_mail_end(c->mail, &why, false, c->shown);
	return true;
}

/* RFC 2852: what is to be back in time goes only to who sees to that. */
static bool
too_late(struct client *c)
{
	const struct client_mail *m = c->mail;
	int64_t left = addr_by_left(&m->by, clock_real_us());
	struct why why;

	if (m->by.mode != ADDR_BY_RETURN)
		return false;
	if (c->offer.by && left > 0 && left >= (int64_t)c->offer.by_min)
		return false;
	why_set(&why, RC_PERM, "5.4.7",
	    left <= 0 ? "the time to deliver it is over, before %s had it"
	    : !c->offer.by
		? "%s does not see to it that mail is delivered in time "
		  "(DELIVERBY)"
		: "%s needs more time to deliver than is left",
	    c->shown);
	client_mail_end(c->mail, &why, false, c->shown);
	return true;
}

static struct span
domain_of(const char *address)
{
	struct span s = span_of(address);

	return span_from(s, span_rfind(s, '@') + 1);
}

/* Is its domain none of those of the transaction so far? */
static bool
is_new_domain(const struct client *c, const struct client_rcpt *r)
{
	struct span domain = domain_of(r->address);

	for (size_t i = 0; i < c->n_rcpt; i++)
		if (span_eq_ci(
			domain_of(c->mail->v[c->rcpt[i]].address), domain))
			return false;
	return true;
}

/*
 * Who is in this transaction: as many as the server says that it takes (RFC
 * 9422), the others in the next one.
 */
static void
choose_rcpts(struct client *c)
{
	struct client_mail *m = c->mail;
	uint64_t domains = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct client_rcpt *r = &m->v[i];
		bool other;

		if (r->state == CLIENT_RCPT_DONE)
			continue;
		other = c->offer.domain_max > 0 && is_new_domain(c, r);
		if ((c->offer.rcpt_max > 0 && c->n_rcpt >= c->offer.rcpt_max) ||
		    (other && domains >= c->offer.domain_max)) {
			r->state = CLIENT_RCPT_LATER;
			continue;
		}
		domains += other;
		r->state = CLIENT_RCPT_TODO;
		c->rcpt[c->n_rcpt++] = i;
	}
}

static void
begin(struct client *c)
{
	struct client_mail *m = c->mail;

	refuse_others(c);
	if (client_mail_done(m) || too_large(c) || too_late(c)) {
		client_state_idle(c);
		return;
	}
	free(c->rcpt);
	c->rcpt = mem_array(m->n, sizeof(*c->rcpt));
	choose_rcpts(c);
	say_mail(c);
	if (c->offer.pipelining)
		say_rcpts(c);
}

static void
on_look(void *ctx, struct client_look *look, const struct why *why)
{
	struct client *c = ctx;
	struct client_mail *m = c->mail;

	if (why != NULL) {
		client_mail_end(m, why, false, "");
		client_state_fail(c, why);
		return;
	}
	m->eight_header = look->header;
	m->eight_body = look->body;
	m->looked = true;
	if (look->seven >= 0) {
		client_body_use(m->body, look->seven, look->size);
		m->size = look->size;
		look->seven = -1;
	} else if (!c->offer.eightbit && look->body) {
		client_mail_end(m, &look->why, false, c->shown);
	}
	begin(c);
}

/* RFC 6531 3.2, RFC 6152 3: does it depend on what stands in the message? */
static bool
is_to_be_looked_at(const struct client *c)
{
	const struct client_mail *m = c->mail;

	if (!c->offer.eightbit)
		return !m->looked || m->eight_body;
	return m->utf8 && !c->offer.utf8 && !m->looked;
}

void
client_state_mail(struct client *c)
{
	struct client_mail *m = c->mail;

	c->n_rcpt = c->asked = c->answered = c->accepted = 0;
	c->refused = false;
	c->dotted = false;
	if (m == NULL) {
		client_state_set(c, CLIENT_IDLE);
		return;
	}
	/* what another server was to get of it is not this one's */
	client_body_use(m->body, -1, 0);
	m->size = client_body_size(m->body);
	if (is_to_be_looked_at(c)) {
		client_state_set(c, CLIENT_LOOK);
		client_body_look(m->body, !c->offer.eightbit, on_look, c);
		return;
	}
	begin(c);
}

/* No recipient is left for DATA. */
static void
clean(struct client *c)
{
	client_state_say(c, CLIENT_CLEAN, "RSET");
}

static void
after_rcpts(struct client *c)
{
	if (c->accepted > 0)
		client_state_say(c, CLIENT_DATA, "DATA");
	else
		clean(c);
}

/*
 * "Too many recipients" (RFC 5321 4.5.3.1.10; 552 is its old code): if others
 * were taken, this one goes into the next transaction.
 */
static bool
is_later(const struct client *c)
{
	char status[WHY_STATUS_MAX];

	if (c->accepted == 0 || (c->reply.code != 452 && c->reply.code != 552))
		return false;
	client_reply_status(&c->reply, status);
	return strcmp(status + 1, ".5.3") == 0 ||
	       strcmp(status + 1, ".0.0") == 0;
}

static void
on_rcpt(struct client *c)
{
	struct client_rcpt *r = &c->mail->v[c->rcpt[c->answered++]];
	unsigned class = c->reply.code / 100;

	if (!c->refused) {
		if (class == 2) {
			r->state = CLIENT_RCPT_ACCEPTED;
			c->accepted++;
		} else if (is_later(c))
			r->state = CLIENT_RCPT_LATER;
		else
			outcome(c, r, "the recipient was refused");
	}
	if (c->answered < c->asked) {
		client_state_set(c, CLIENT_RCPT);
		if (!c->refused)
			say_rcpts(c);
	} else if (c->refused)
		clean(c);
	else if (c->asked < c->n_rcpt)
		say_rcpts(c);
	else
		after_rcpts(c);
}

static void
on_mail(struct client *c)
{
	if (c->reply.code / 100 != 2) {
		outcome_all(c, CLIENT_RCPT_TODO, "the sender was refused");
		c->refused = true;
	}
	client_state_set(c, CLIENT_RCPT);
	if (c->refused && c->asked == 0)
		clean(c);
	else if (!c->refused)
		say_rcpts(c);
}

static void
on_piece(void *ctx, struct span piece, bool last, const struct why *why)
{
	struct client *c = ctx;

	if (why != NULL) {
		/* without its dot the server drops what it has of it */
		client_mail_end(c->mail, why, false, "");
		client_state_fail(c, why);
		return;
	}
	if (last) {
		c->dotted = true;
		client_state_set(c, CLIENT_DOT);
	} else
		client_state_set(c, CLIENT_BODY);
	stream_write(c->stream, piece);
}

/* One piece waits at a time: the server takes it as fast as it can. */
void
client_state_drained(void *ctx)
{
	struct client *c = ctx;

	if (c->state != CLIENT_BODY)
		return;
	/* reading is not the server's time */
	stream_deadline(c->stream, 0);
	client_body_next(c->mail->body, on_piece, c);
}

static void
on_data(struct client *c)
{
	if (c->reply.code == 354) {
		c->state = CLIENT_BODY;
		client_state_drained(c);
		return;
	}
	outcome_all(
	    c, CLIENT_RCPT_ACCEPTED, "the message was refused before it came");
	if (c->reply.code / 100 < 4) {
		client_state_fail_reply(c, "answered DATA strangely");
		return;
	}
	clean(c);
}

static bool
any_later(const struct client *c)
{
	for (size_t i = 0; i < c->mail->n; i++)
		if (c->mail->v[i].state == CLIENT_RCPT_LATER)
			return true;
	return false;
}

/* The transaction is over; each ends at least one recipient. */
static void
next(struct client *c)
{
	static const struct why enough = {RC_TEMP, "4.5.3",
	    "the host takes no more recipients on one connection"};

	if (any_later(c) && !client_state_may_mail(c))
		client_mail_end(c->mail, &enough, false, c->shown);
	if (any_later(c))
		client_state_mail(c);
	else
		client_state_idle(c);
}

static void
on_dot(struct client *c)
{
	/* of all codes this one counts: a reply that has got out of step
	 * would lose the message */
	bool sent = c->reply.code == 250;
	bool told = false;

	for (size_t i = 0; i < c->n_rcpt; i++) {
		struct client_rcpt *r = &c->mail->v[c->rcpt[i]];

		if (r->state != CLIENT_RCPT_ACCEPTED)
			continue;
		/* RFC 2033 4.2: each recipient has a reply of its own */
		if (c->lmtp && told) {
			client_state_set(c, CLIENT_DOT);
			return;
		}
		told = true;
		outcome(c, r, sent ? "sent" : "the message was refused");
		if (!sent)
			continue;
		r->rc = RC_OK;
		r->dsn = c->offer.dsn;
		r->by = c->offer.by;
		r->status[0] = '2';
	}
	c->dotted = false;
	next(c);
}

/* A reply before the dot: the server has had enough. */
static void
on_early(struct client *c)
{
	if (c->reply.code / 100 >= 4)
		outcome_all(c, CLIENT_RCPT_ACCEPTED,
		    "the message was refused while it came");
	client_state_fail_reply(c, "spoke out of turn");
}

void
client_state_reply(struct client *c)
{
	/* RFC 5321 3.8: it closes the connection */
	if (c->reply.code == 421 && c->state != CLIENT_DOT) {
		client_state_fail_reply(c, "is closing");
		return;
	}
	switch (c->state) {
	case CLIENT_MAIL:
		on_mail(c);
		break;
	case CLIENT_RCPT:
		on_rcpt(c);
		break;
	case CLIENT_DATA:
		on_data(c);
		break;
	case CLIENT_BODY:
		on_early(c);
		break;
	case CLIENT_DOT:
		on_dot(c);
		break;
	default:
		/* CLIENT_CLEAN: whatever it says, nothing is under way */
		next(c);
		break;
	}
}

void
client_state_abandon(struct client *c, const struct why *why)
{
	struct why lost;

	if (c->mail == NULL)
		return;
	client_body_rewind(c->mail->body);
	if (c->dotted) {
		why_set(&lost, RC_TEMP, "4.4.2",
		    "%s; it may have taken the message: it may come twice",
		    why->text);
		for (size_t i = 0; i < c->n_rcpt; i++) {
			struct client_rcpt *r = &c->mail->v[c->rcpt[i]];
			struct client_mail one = {.n = 1, .v = r};

			if (r->state == CLIENT_RCPT_ACCEPTED)
				client_mail_end(&one, &lost, true, c->shown);
		}
	}
	for (size_t i = 0; i < c->mail->n; i++)
		if (c->mail->v[i].state != CLIENT_RCPT_DONE)
			c->mail->v[i].state = CLIENT_RCPT_TODO;
}
