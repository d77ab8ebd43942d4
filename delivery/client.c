/*
 * The dialogue: see client.h. One state is one reply that is waited for; a
 * reply in any other is out of turn and ends the connection, since nobody
 * could say any more which command it answers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "delivery/client.h"
#include "delivery/client_reply.h"
#include "delivery/client_state.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define IN_MAX 8192

/* RFC 5321 4.5.3.2; the handshake and QUIT are ours */
static const uint64_t wait_ms[] = {
    [CLIENT_CONNECT] = 0, /* configured */
    [CLIENT_BANNER] = 300000,
    [CLIENT_EHLO] = 300000,
    [CLIENT_HELO] = 300000,
    [CLIENT_STARTTLS] = 120000,
    [CLIENT_HANDSHAKE] = 60000,
    [CLIENT_AUTH_PLAIN] = 300000,
    [CLIENT_AUTH_LOGIN] = 300000,
    [CLIENT_AUTH_USER] = 300000,
    [CLIENT_AUTH_PASSWORD] = 300000,
    [CLIENT_IDLE] = 0,     /* the owner's */
    [CLIENT_RSET] = 30000, /* of an idle one: rather connect anew */
    [CLIENT_LOOK] = 0,
    [CLIENT_MAIL] = 300000,
    [CLIENT_RCPT] = 300000,
    [CLIENT_DATA] = 120000,
    [CLIENT_BODY] = 180000,
    [CLIENT_DOT] = 600000,
    [CLIENT_CLEAN] = 30000,
    [CLIENT_QUIT] = 5000,
};

void
client_state_set(struct client *c, enum client_state state)
{
	uint64_t ms =
	    state == CLIENT_CONNECT ? c->env->connect_ms : wait_ms[state];

	c->state = state;
	if (ms > c->env->wait_max_ms && state != CLIENT_CONNECT)
		ms = c->env->wait_max_ms;
	stream_deadline(c->stream, ms);
}

void
client_state_say(struct client *c, enum client_state next, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, 8192);
	va_start(ap, fmt);
	(void)buf_vputf(&b, fmt, ap); /* checked below */
	va_end(ap);
	(void)buf_puts(&b, "\r\n");
	if (b.over)
		bug("a command that is too long");
	stream_write(c->stream, buf_span(&b));
	secret_wipe(b.p, b.n);
	buf_fini(&b);
	client_state_set(c, next);
}

/* Tell the owner of the end; the client may be gone behind it. */
static void
tell(struct client *c, enum client_end end, const struct why *why)
{
	c->mail = NULL;
	c->ops->on_end(c->ctx, end, why);
}

void
client_state_fail(struct client *c, const struct why *why)
{
	enum client_end end = CLIENT_FAILED;
	struct why copy = *why;

	if (c->state == CLIENT_RSET)
		end = CLIENT_STALE;
	if (c->state == CLIENT_QUIT) {
		client_free(&c);
		return;
	}
	client_state_abandon(c, &copy);
	c->state = CLIENT_OVER;
	stream_free(&c->stream);
	tell(c, end, &copy);
}

void
client_state_fail_text(struct client *c, const char *status, const char *text)
{
	struct why why;

	why_set(&why, RC_TEMP, status, "%s: %s", c->shown, text);
	client_state_fail(c, &why);
}

void
client_state_fail_reply(struct client *c, const char *what)
{
	char status[WHY_STATUS_MAX];
	struct why why;
	struct buf b;

	buf_init(&b, 2048);
	client_reply_put(&c->reply, &b);
	client_reply_status(&c->reply, status);
	/* one host's refusal to talk says nothing about the message: it is
	 * never final, whatever the code (Postfix: smtp_skip_5xx_greeting) */
	status[0] = '4';
	why_set(
	    &why, RC_TEMP, status, "%s %s: %s", c->shown, what, buf_cstr(&b));
	buf_fini(&b);
	client_state_fail(c, &why);
}

void
client_state_idle(struct client *c)
{
	client_state_set(c, CLIENT_IDLE);
	c->sent++;
	tell(c, CLIENT_SENT, NULL);
}

/* ---- before the first message ---- */

static void
hello(struct client *c)
{
	client_state_say(c, CLIENT_EHLO, "%s %s", c->lmtp ? "LHLO" : "EHLO",
	    c->env->hostname);
}

static void
log_in(struct client *c)
{
	struct buf b, out;

	if (stream_tls(c->stream) == NULL) {
		client_state_fail_text(
		    c, "4.7.0", "no TLS, without which no password is sent");
		return;
	}
	if (c->password->n == 0) {
		c->trouble = CLIENT_TROUBLE_LOGIN;
		client_state_fail_text(
		    c, "4.7.0", "no password to log in with there");
		return;
	}
	if (!c->offer.plain) {
		if (c->offer.login)
			client_state_say(c, CLIENT_AUTH_LOGIN, "AUTH LOGIN");
		else
			client_state_fail_text(
			    c, "4.7.0", "no way to log in that we know");
		return;
	}
	buf_init(&b, 4096);
	buf_init(&out, 8000);
	(void)buf_putc(&b, '\0');
	(void)buf_puts(&b, c->login);
	(void)buf_putc(&b, '\0');
	(void)buf_put(&b, c->password->p, c->password->n);
	(void)enc_base64(&out, buf_span(&b));
	if (b.over || out.over)
		client_state_fail_text(c, "4.7.0", "login is too long");
	else
		client_state_say(
		    c, CLIENT_AUTH_PLAIN, "AUTH PLAIN %s", buf_cstr(&out));
	secret_wipe(b.p, b.n);
	secret_wipe(out.p, out.n);
	buf_fini(&b);
	buf_fini(&out);
}

static void
say_base64(struct client *c, enum client_state next, struct span text)
{
	struct buf b;

	buf_init(&b, 8000);
	if (enc_base64(&b, text))
		client_state_say(c, next, "%s", buf_cstr(&b));
	else
		client_state_fail_text(c, "4.7.0", "login is too long");
	secret_wipe(b.p, b.n);
	buf_fini(&b);
}

static void
note_secured(struct client *c)
{
	SSL *ssl = stream_tls(c->stream);
	struct buf b;

	/* else the reason is there from the beginning */
	if (ssl == NULL && c->tls == RELAY_TLS_NONE)
		return;
	buf_init(&b, sizeof(c->secured));
	if (ssl == NULL)
		buf_puts(&b, "in clear: TLS is not offered");
	else
		tls_client_show(ssl, &b);
	(void)span_copy(
	    buf_span(&b), c->secured, sizeof(c->secured)); /* fits */
	buf_fini(&b);
}

/* Greeted, and protected as it ought to be. */
static void
ready(struct client *c)
{
	note_secured(c);
	if (c->require && !client_state_requires_tls(c)) {
		c->trouble = CLIENT_TROUBLE_NEED;
		client_state_fail_text(
		    c, "4.7.30", "it does not offer REQUIRETLS");
		return;
	}
	if (c->login[0] != '\0' && !c->logged_in)
		log_in(c);
	else
		client_state_mail(c);
}

static void
on_offer(struct client *c)
{
	bool tls = stream_tls(c->stream) != NULL;

	c->offer = client_reply_offer(&c->reply);
	if (tls || c->tls == RELAY_TLS_NONE) {
		ready(c);
		return;
	}
	if (c->offer.starttls) {
		client_state_say(c, CLIENT_STARTTLS, "STARTTLS");
		return;
	}
	if (c->tls == RELAY_TLS_MAY)
		ready(c);
	else {
		c->trouble = CLIENT_TROUBLE_TLS;
		client_state_fail_text(c, "4.7.4", "TLS is not offered");
	}
}

static void
on_hello_refused(struct client *c)
{
	unsigned class = c->reply.code / 100;

	if (c->state == CLIENT_EHLO && class == 5 && c->login[0] == '\0' &&
	    !c->lmtp &&
	    (c->tls <= RELAY_TLS_MAY || stream_tls(c->stream) != NULL))
		client_state_say(c, CLIENT_HELO, "HELO %s", c->env->hostname);
	else {
		if (c->state == CLIENT_EHLO && class == 5 &&
		    stream_tls(c->stream) == NULL)
			c->trouble = CLIENT_TROUBLE_TLS; /* HELO has none */
		client_state_fail_reply(c, "refused our greeting");
	}
}

static void
handshake(struct client *c)
{
	SSL *ssl = tls_client_connect(c->env->tls, &c->peer);

	client_state_set(c, CLIENT_HANDSHAKE);
	if (ssl != NULL) {
		stream_start_tls_client(c->stream, ssl);
		return;
	}
	c->trouble = CLIENT_TROUBLE_TLS;
	client_state_fail_text(
	    c, "4.7.5", "there is nothing to verify its certificate by");
}

static void
on_starttls(struct client *c)
{
	if (c->reply.code == 220) {
		handshake(c);
		return;
	}
	c->trouble = CLIENT_TROUBLE_TLS;
	client_state_fail_reply(c, "refused STARTTLS");
}

static void
on_auth(struct client *c)
{
	unsigned code = c->reply.code;

	if (code == 334 && c->state == CLIENT_AUTH_LOGIN)
		say_base64(c, CLIENT_AUTH_USER, span_of(c->login));
	else if (code == 334 && c->state == CLIENT_AUTH_USER)
		say_base64(c, CLIENT_AUTH_PASSWORD,
		    span_make(c->password->p, c->password->n));
	else if (code == 235) {
		c->logged_in = true;
		client_state_mail(c);
	} else {
		c->trouble = CLIENT_TROUBLE_LOGIN;
		client_state_fail_reply(c, "refused our log-in");
	}
}

/* ---- replies ---- */

static void
on_reply(struct client *c)
{
	unsigned code = c->reply.code, class = code / 100;

	switch (c->state) {
	case CLIENT_BANNER:
		if (code == 220)
			hello(c);
		else
			client_state_fail_reply(c, "refused to talk to us");
		break;
	case CLIENT_EHLO:
		if (code == 250)
			on_offer(c);
		else
			on_hello_refused(c);
		break;
	case CLIENT_HELO:
		if (code == 250) {
			c->offer = (struct client_offer){0};
			ready(c);
		} else
			on_hello_refused(c);
		break;
	case CLIENT_STARTTLS:
		on_starttls(c);
		break;
	case CLIENT_AUTH_PLAIN:
	case CLIENT_AUTH_LOGIN:
	case CLIENT_AUTH_USER:
	case CLIENT_AUTH_PASSWORD:
		on_auth(c);
		break;
	case CLIENT_RSET:
		if (class == 2)
			client_state_mail(c);
		else
			client_state_fail_reply(c, "refused RSET");
		break;
	case CLIENT_MAIL:
	case CLIENT_RCPT:
	case CLIENT_DATA:
	case CLIENT_BODY:
	case CLIENT_DOT:
	case CLIENT_CLEAN:
		client_state_reply(c);
		break;
	case CLIENT_CONNECT:
	case CLIENT_HANDSHAKE:
	case CLIENT_IDLE:
	case CLIENT_LOOK:
	case CLIENT_OVER:
		client_state_fail_reply(c, "spoke out of turn");
		break;
	case CLIENT_QUIT:
		client_free(&c);
		break;
	}
}

static void
on_input(void *ctx)
{
	struct client *c = ctx;
	enum client_reply_kind kind;
	size_t used;

	kind = client_reply_read(&c->reply, stream_input(c->stream), &used);
	stream_consume(c->stream, used);
	if (kind == CLIENT_REPLY_BAD)
		client_state_fail_text(c, "4.5.0", "its reply is none of SMTP");
	if (kind != CLIENT_REPLY_WHOLE)
		return;
	c->in_reply = true;
	on_reply(c);
	/* the stream comes again for what is left of the input */
}

/* A client that has gone clears its reply itself. */
static void
on_input_clear(void *ctx)
{
	struct client *c = ctx;

	if (c->in_reply) {
		c->in_reply = false;
		client_reply_clear(&c->reply);
	}
	on_input(c);
}

static void
on_connected(void *ctx)
{
	struct client *c = ctx;

	if (c->tls == RELAY_TLS_IMPLICIT)
		handshake(c);
	else
		client_state_set(c, CLIENT_BANNER);
}

static void
on_secured(void *ctx)
{
	struct client *c = ctx;

	if (c->tls == RELAY_TLS_IMPLICIT)
		client_state_set(c, CLIENT_BANNER);
	else
		hello(c);
}

static void
on_closed(void *ctx, const struct why *why)
{
	struct client *c = ctx;
	struct why text;

	if (c->state == CLIENT_HANDSHAKE)
		c->trouble = CLIENT_TROUBLE_TLS;
	why_set(&text, RC_TEMP, why == NULL ? "4.4.2" : why->status, "%s: %s",
	    c->shown, why == NULL ? "it closed the connection" : why->text);
	client_state_fail(c, &text);
}

static const struct stream_ops stream_ops = {
    .on_input = on_input_clear,
    .on_drained = client_state_drained,
    .on_secured = on_secured,
    .on_connected = on_connected,
    .on_closed = on_closed,
};

struct client *
client_new(const struct client_env *env, const struct client_target *target,
    const struct client_ops *ops, void *ctx)
{
	struct client *c = mem_alloc(sizeof(*c));
	struct stream_peer peer = {.address = (const void *)&target->address,
	    .len = target->address_len,
	    .source = (const void *)&target->source,
	    .source_len = target->source_len,
	    .in_max = IN_MAX};

	c->env = env;
	c->ops = ops;
	c->ctx = ctx;
	c->shown = mem_dup(target->shown);
	c->peer = target->peer;
	if (target->clear != NULL)
		(void)snprintf(c->secured, sizeof(c->secured), "in clear: %s",
		    target->clear); /* cut */
	c->login = mem_dup(target->login);
	c->password = target->password;
	c->tls = target->tls;
	c->lmtp = target->lmtp;
	c->trusted = target->trusted;
	c->require = target->require;
	client_reply_init(&c->reply);
	c->stream = stream_connect(env->base, &peer, &stream_ops, c);
	client_state_set(c, CLIENT_CONNECT);
	return c;
}

void
client_free(struct client **client)
{
	struct client *c = *client;

	*client = NULL;
	if (c == NULL)
		return;
	if (c->mail != NULL)
		client_body_rewind(c->mail->body);
	stream_free(&c->stream);
	client_reply_fini(&c->reply);
	free(c->shown);
	free(c->login);
	free(c->rcpt);
	free(c);
}

void
client_send(struct client *c, struct client_mail *m)
{
	c->mail = m;
	if (c->state == CLIENT_IDLE)
		client_state_say(c, CLIENT_RSET, "RSET");
}

bool
client_reusable(const struct client *c)
{
	return c->state == CLIENT_IDLE && c->sent < CLIENT_SENT_MAX &&
	       client_state_may_mail(c);
}

enum client_trouble
client_trouble(const struct client *c)
{
	return c->trouble;
}

bool
client_before_dot(const struct client *c)
{
	return !c->dotted;
}

void
client_quit(struct client **client)
{
	struct client *c = *client;

	*client = NULL;
	if (c->state == CLIENT_IDLE)
		client_state_say(c, CLIENT_QUIT, "QUIT");
	else
		client_free(&c);
}
