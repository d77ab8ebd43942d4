/*
 * Inside of client.c and client_state.c: the connection, its states, and the
 * part of the dialogue that a message takes.
 */
#ifndef DELIVERY_CLIENT_STATE_H
#define DELIVERY_CLIENT_STATE_H

#include "delivery/client.h"
#include "delivery/client_reply.h"
#include "lib/ev/stream.h"

/* messages on one connection */
#define CLIENT_SENT_MAX 100

/* What is waited for. */
enum client_state {
	CLIENT_CONNECT,
	CLIENT_BANNER,
	CLIENT_EHLO,
	CLIENT_HELO,
	CLIENT_STARTTLS,
	CLIENT_HANDSHAKE,
	CLIENT_AUTH_PLAIN,
	CLIENT_AUTH_LOGIN,
	CLIENT_AUTH_USER,
	CLIENT_AUTH_PASSWORD,
	CLIENT_IDLE, /* nothing: between messages */
	CLIENT_RSET,
	CLIENT_LOOK, /* nothing: the message is looked at */
	CLIENT_MAIL,
	CLIENT_RCPT,
	CLIENT_DATA,
	CLIENT_BODY, /* nothing: the message is on its way */
	CLIENT_DOT,
	CLIENT_CLEAN, /* RSET behind a transaction without recipients */
	CLIENT_QUIT,
	CLIENT_OVER,
};

struct client {
	const struct client_env *env;
	const struct client_ops *ops;
	void *ctx;
	struct stream *stream;
	enum client_state state;
	struct client_reply reply;
	bool in_reply; /* it has been handled */
	char *shown;
	struct tls_client_peer peer;
	char *login;
	const struct secret *password;
	enum relay_tls tls;
	bool lmtp;
	bool trusted;
	bool require;
	enum client_trouble trouble;
	char secured[CLIENT_TLS_MAX]; /* how it is protected, in words */
	bool logged_in;
	struct client_offer offer;
	unsigned sent;  /* messages */
	uint64_t mails; /* MAIL commands */
	/* the message under way */
	struct client_mail *mail;
	size_t *rcpt; /* the transaction's recipients: indexes of mail->v */
	size_t n_rcpt;
	size_t asked;    /* so many RCPTs are said */
	size_t answered; /* and so many of them answered */
	size_t accepted;
	bool refused; /* MAIL was: answers to RCPTs do not count */
	bool dotted;  /* the dot may be on its way */
};

/* Wait for what comes next, as long as that may take. */
void client_state_set(struct client *c, enum client_state state);
/* Say one command line, then the same. */
void client_state_say(struct client *c, enum client_state next, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* The connection is over. The client may be gone behind these. */
void client_state_fail(struct client *c, const struct why *why);
void client_state_fail_text(
    struct client *c, const char *status, const char *text);
void client_state_fail_reply(struct client *c, const char *what);
/* Does the server say that it takes another MAIL? RFC 9422 */
bool client_state_may_mail(const struct client *c);
/* May MAIL say REQUIRETLS here? RFC 8689 2 */
bool client_state_requires_tls(const struct client *c);
/* The message is through: tell, and wait for another. Gone, perhaps. */
void client_state_idle(struct client *c);

/* client_state.c: begin a transaction; a reply in one; room for more of it */
void client_state_mail(struct client *c);
void client_state_reply(struct client *c);
void client_state_drained(void *ctx);
/* The connection is lost: what that means for the message. */
void client_state_abandon(struct client *c, const struct why *why);

#endif
