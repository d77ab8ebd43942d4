/*
 * Exchanges of several messages: SCRAM, see scram.h. What an account that does
 * not exist, is locked, or has no verifier is answered looks like that of
 * another: a salt of its own, the same each time, and a proof that never fits.
 */
#include <stdlib.h>

#include "authd/request_state.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define ANSWER_MS   60000 /* for the client to go on */
#define NONCE_BYTES 18    /* 24 characters */

/* What the configuration offers, whatever the front says. */
static bool
offered(const struct authd *a, enum scram_hash hash)
{
	int scram = a->w->conf->auth.scram;

	return hash == SCRAM_SHA_256 ? scram != CONF_SCRAM_NONE
				     : scram == CONF_SCRAM_ALL;
}

/* The account's verifier of this hash, as text; or empty. */
static struct span
verifier(const struct request *r, enum scram_hash hash)
{
	const struct accounts_entry *e =
	    accounts_find(r->a->accounts, span_of(r->login));
	struct scram_verifier v;

	/* a lock is for all mechanisms */
	if (e == NULL || !hash_usable(e->secret.hash))
		return SPAN_NONE;
	for (size_t i = 0; i < e->secret.n_scram; i++)
		if (scram_verifier_parse(e->secret.scram[i], hash, &v))
			return e->secret.scram[i];
	return SPAN_NONE;
}

static void
choose(struct request *r, struct scram_verifier *v)
{
	struct span text = verifier(r, r->scram->hash);
	struct digest salt = digest_of(&r->a->salt_key,
	    (const struct span[]){span_of(r->login),
		span_make(&r->scram->hash, sizeof(r->scram->hash))},
	    2);

	scram_verifier_none(span_make(salt.bytes, SCRAM_SALT), v);
	if (text.n > 0 &&
	    request_is_own(
		r, span_make(r->scram->authzid, r->scram->authzid_n)) &&
	    scram_verifier_parse(text, r->scram->hash, v))
		r->stored = span_dup(text);
}

/* It is the client's turn. */
static void
challenge(struct request *r, struct span data)
{
	if (r->client == NULL || !client_wait(r->client)) {
		request_temp(r, "too many exchanges of one link wait");
		return;
	}
	r->waiting = true;
	/* a closed link needs no answer: on_closed comes */
	(void)proto_send_sasl_challenge(
	    r->client->link, &(struct msg_sasl_challenge){r->id, data});
	request_timer(r, ANSWER_MS);
}

/* The exchange is over, however it went. */
static void
end_exchange(struct request *r)
{
	scram_fini(r->scram);
	free(r->scram);
	r->scram = NULL;
}

static void
refuse(struct request *r)
{
	end_exchange(r);
	request_fail(r);
}

static void
first(struct request *r, const struct msg_sasl_start *m,
    const struct scram_channel *channel, enum scram_hash hash)
{
	unsigned char noise[NONCE_BYTES];
	struct scram_verifier v;
	struct buf out, nonce;
	struct why why;
	bool ok;

	if (scram_first(r->scram, hash, channel, m->data, &why) != RC_OK) {
		/* somebody may be between: the administrator should know */
		LOG(AUTH_ODD, log_str(r->scram->login), log_str(r->peer),
		    log_text(m->service), log_str(why.text));
		refuse(r);
		return;
	}
	request_login(r, span_make(r->scram->login, r->scram->login_n));
	choose(r, &v);
	io_random(noise, sizeof(noise));
	buf_init(&nonce, 64);
	buf_init(&out, IPC_FRAME_MAX / 2);
	enc_base64(&nonce, span_make(noise, sizeof(noise)));
	ok = scram_challenge(r->scram, &v, buf_span(&nonce), &out);
	secret_wipe(&v, sizeof(v));
	if (ok)
		challenge(r, buf_span(&out));
	else
		refuse(r);
	buf_fini(&nonce);
	buf_fini(&out);
}

void
request_on_sasl_start(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct msg_sasl_start *m = &msg->sasl_start;
	struct scram_channel channel = {
	    .plus_offered = m->plus != 0, .binding = m->binding};
	struct request *r = request_new(ctx, &(struct request_ask){.id = m->id,
						 .service = m->service,
						 .client = m->client,
						 .session = m->session});
	enum scram_hash hash;

	(void)link;
	m->session = -1;
	if (r == NULL)
		return;
	if (!scram_mechanism(m->mechanism, &hash, &channel.plus) ||
	    !offered(r->a, hash)) {
		request_fail(r);
		return;
	}
	r->scram = mem_alloc(sizeof(*r->scram));
	first(r, m, &channel, hash);
}

/* Its second message, and the account is still what it was. */
static void
second(struct request *r, struct span data)
{
	struct buf out;
	bool ok;

	buf_init(&out, 256);
	ok = scram_final(r->scram, data, &out) && r->stored != NULL &&
	     span_eq(verifier(r, r->scram->hash), span_of(r->stored));
	r->proven = ok;
	if (ok)
		challenge(r, buf_span(&out));
	else
		refuse(r);
	buf_fini(&out);
}

/* RFC 5802 5: it has seen that we know it, too, and says nothing more. */
static void
third(struct request *r, struct span data)
{
	const struct accounts_entry *e =
	    accounts_find(r->a->accounts, span_of(r->login));

	if (data.n > 0 || e == NULL) {
		refuse(r);
		return;
	}
	request_login_exact(r, span_of(e->login));
	end_exchange(r);
	request_succeed(r, "scram");
}

static struct request *
find(const struct client *c, uint64_t id)
{
	struct request *r;

	TAILQ_FOREACH (r, &c->a->requests, next)
		if (r->client == c && r->id == id && r->waiting)
			return r;
	return NULL;
}

void
request_on_sasl_answer(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct client *c = ctx;
	struct request *r = find(c, msg->sasl_answer.id);
	struct why why;

	if (r == NULL) {
		/* it was too late, and the front waits again */
		(void)proto_send_auth_result(
		    link, &(struct msg_auth_result){.id = msg->sasl_answer.id,
			      .rc = RC_TEMP,
			      .login = SPAN_LIT(""),
			      .status = SPAN_LIT("4.7.0"),
			      .text = SPAN_LIT("Too late for this answer")});
		return;
	}
	client_waited(c);
	r->waiting = false;
	evtimer_del(r->timer);
	if (!client_charge(c))
		request_temp(r, "too many logins of one link wait");
	else if (accounts_refresh(c->a->accounts, &why) != RC_OK)
		request_temp(r, why.text);
	else if (r->proven)
		third(r, msg->sasl_answer.data);
	else
		second(r, msg->sasl_answer.data);
}

void
request_on_sasl_cancel(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct request *r = find(ctx, msg->sasl_cancel.id);

	(void)link;
	if (r != NULL)
		request_free(r);
}

void
request_scram_late(struct request *r)
{
	end_exchange(r);
	request_temp(r, "the client does not go on with SASL");
}
