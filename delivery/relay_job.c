/*
 * One job of remote delivery, from host to host until each recipient has its
 * outcome: see relay_state.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "delivery/relay_state.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

/* addresses tried for one job */
#define TRIES_MAX 10

/* ---- jobs ---- */

static void
drop_hops(struct relay_job *j)
{
	relay_hop_clear(j->hops);
	free(j->hops);
	j->hops = NULL;
}

void
relay_job_free(struct relay_job *j)
{
	for (size_t i = 0; i < j->mail.n; i++)
		client_rcpt_fini(&j->mail.v[i]);
	free(j->mail.v);
	client_body_free(&j->mail.body);
	relay_key_fini(&j->key);
	free(j->hosts);
	secret_fini(&j->passwords);
	if (j->timer != NULL)
		event_free(j->timer);
	drop_hops(j);
	free(j->qid);
	free(j->sender);
	free(j->envid);
	free(j);
}

static void
log_rcpt(const struct relay_job *j, const struct client_rcpt *r)
{
	LOG(RELAY_OUTCOME, log_str(j->qid), log_num(r->number),
	    log_str(r->address), log_str(why_rc_name(r->rc)),
	    log_str(r->status), log_str(r->text), log_str(r->host),
	    log_str(r->tls), log_str(r->reply),
	    log_num(clock_mono_ms() - j->start_ms));
}

bool
relay_job_tell(const struct relay_job *j)
{
	bool told = j->desk->qmgr != NULL;

	for (size_t i = 0; told && i < j->mail.n; i++) {
		const struct client_rcpt *r = &j->mail.v[i];

		told = proto_send_relayed(
		    j->desk->qmgr, &(struct msg_relayed){.job = j->number,
				       .qid = span_of(j->qid),
				       .rcpt = r->number,
				       .rc = (uint8_t)r->rc,
				       .site = r->site,
				       .dsn = r->dsn,
				       .by = r->by,
				       .status = span_of(r->status),
				       .text = span_of(r->text),
				       .host = span_of(r->host),
				       .tls = span_of(r->tls),
				       .reply = span_of(r->reply)});
	}
	return told;
}

void
relay_job_keep(struct relay_job *j)
{
	struct relay_desk *desk = j->desk;
	struct client_mail *m = &j->mail;
	size_t n = 0;

	/* another outcome is over with the attempt: told again it would be
	 * taken for that of a later one */
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].rc == RC_OK)
			m->v[n++] = m->v[i];
		else
			client_rcpt_fini(&m->v[i]);
	}
	m->n = n;
	if (n == 0) {
		relay_job_free(j);
		return;
	}
	client_body_free(&m->body);
	secret_fini(&j->passwords);
	relay_key_fini(&j->key);
	j->key = (struct relay_key){0};
	TAILQ_INSERT_TAIL(&desk->told, j, next);
	desk->n_told += n;
	while (desk->n_told > RELAY_AGAIN_MAX) {
		j = TAILQ_FIRST(&desk->told);
		TAILQ_REMOVE(&desk->told, j, next);
		desk->n_told -= j->mail.n;
		relay_job_free(j);
	}
}

void
relay_job_end(struct relay_job *j)
{
	static const struct why none = {RC_TEMP, "4.3.0", "no outcome"};
	struct relay_desk *desk = j->desk;

	/* sent is only what somebody has said so of */
	client_mail_end(&j->mail, &none, false, "");
	for (size_t i = 0; i < j->mail.n; i++) {
		log_rcpt(j, &j->mail.v[i]);
		if (j->mail.v[i].rc == RC_OK)
			desk->sent++;
		else
			desk->failed++;
	}
	TAILQ_REMOVE(&desk->jobs, j, next);
	/* it may be ended while it asks */
	j->ask = 0;
	if (j->timer != NULL)
		event_del(j->timer);
	if (relay_job_tell(j))
		relay_job_keep(j);
	else
		TAILQ_INSERT_TAIL(&desk->ended, j, next);
	desk->on_end(desk->ctx);
}

void
relay_job_fail(struct relay_job *j, const struct why *why, bool site)
{
	client_mail_end(&j->mail, why, site, "");
	relay_job_end(j);
}

/*
 * "a.example:25,[192.0.2.1]:25": the first one is cut off, and is the one that
 * is tried. A domain has no port.
 */
static bool
cut_host(struct relay_job *j)
{
	struct span rest = span_of(j->hosts), one = span_cut(&rest, ',');
	size_t colon = j->key.mx ? one.n : span_rfind(one, ':');
	struct span host = span_head(one, colon);
	uint64_t port = 25;
	char *left;

	if (host.n == 0 || host.n >= RELAY_HOST_MAX ||
	    (!j->key.mx &&
		!num_range(span_from(one, colon + 1), 1, UINT16_MAX, &port)))
		return false;
	free(j->key.next_hop);
	j->key.next_hop = span_dup(host);
	j->key.port = (uint16_t)port;
	left = span_dup(rest);
	free(j->hosts);
	j->hosts = left;
	return true;
}

static void
cut_password(struct relay_job *j)
{
	struct span rest = span_make(j->passwords.p, j->passwords.n);
	struct span one = span_cut(&rest, '\n');
	struct secret left = secret_of(rest);

	secret_fini(&j->key.password);
	j->key.password = secret_of(one);
	secret_fini(&j->passwords);
	j->passwords = left;
}

bool
relay_job_turn(struct relay_job *j)
{
	if (j->desk->stopping || !cut_host(j))
		return false;
	cut_password(j);
	/* those of another host are not this one's: its password is for it */
	drop_hops(j);
	j->at = 0;
	j->clear = false;
	j->waiting = true;
	relay_desk_pump(j->desk);
	return true;
}

/*
 * What kept us from the hosts: that they are not what the sender requires, or
 * else? What one address of a host is not, the others are not either, though
 * they are not to be reached.
 */
static void
sum_up(struct relay_job *j)
{
	const struct relay_hops *hops = j->hops;

	if (hops == NULL || hops->n == 0)
		j->soft = true;
	for (size_t i = 0; hops != NULL && i < hops->n; i++) {
		bool unmet = false;

		for (size_t k = 0; k < hops->n && !unmet; k++)
			unmet = hops->v[k].unmet &&
				strcmp(hops->v[k].host, hops->v[i].host) == 0;
		j->unmet |= unmet;
		j->soft |= !unmet;
	}
}

/* Nothing came of the host in use. */
static void
host_failed(struct relay_job *j, const struct why *why)
{
	struct why last = *why;

	sum_up(j);
	/* a host that the configuration names may come back, and is not the
	 * sender's mistake */
	if (!j->key.mx)
		last.rc = RC_TEMP;
	if (!j->key.mx && last.status[0] == '5')
		last.status[0] = '4';
	/* RFC 8689 4.2.1: it goes back, unless some host may be up later */
	if (j->unmet && !j->soft) {
		last = j->need;
		last.rc = RC_PERM;
		(void)snprintf(last.status, sizeof(last.status), "%s",
		    strcmp(last.status, "4.7.30") == 0 ? "5.7.30" : "5.7.10");
	}
	if (!relay_job_turn(j))
		relay_job_fail(j, &last, last.rc == RC_TEMP);
}

/* Is that why nothing came of the hop in use? */
static void
note_unmet(struct relay_job *j, bool unmet)
{
	if (!unmet || !j->key.required || j->hops == NULL ||
	    j->at >= j->hops->n)
		return;
	j->hops->v[j->at].unmet = true;
	j->need = j->last;
}

/* To the hop in use, or those behind it, or the end. */
static void
go_on(struct relay_job *j)
{
	while (
	    j->at < j->hops->n && j->tries < TRIES_MAX && !j->desk->stopping) {
		if (relay_conn_open(j, &j->last))
			return;
		note_unmet(j, j->last.rc == RC_PERM);
		j->at++;
		j->clear = false;
	}
	host_failed(j, &j->last);
}

/* ---- the end of an attempt ---- */

void
relay_job_trouble(
    struct relay_job *j, enum client_trouble trouble, const struct why *why)
{
	j->last = *why;
	note_unmet(
	    j, trouble == CLIENT_TROUBLE_TLS || trouble == CLIENT_TROUBLE_NEED);
	if (client_mail_done(&j->mail))
		relay_job_end(j);
	else if (trouble == CLIENT_TROUBLE_LOGIN || j->desk->stopping)
		host_failed(j, why);
	else if (j->hops == NULL)
		/* it was to go by a used connection: nobody has looked for the
		 * host yet */
		relay_job_go(j);
	else {
		/* without TLS anew, where that may be: nobody knows what the
		 * broken connection is in the midst of */
		j->clear =
		    trouble == CLIENT_TROUBLE_TLS && relay_tls_may_fail(j);
		if (!j->clear)
			j->at++;
		go_on(j);
	}
}

/* ---- finding hosts ---- */

static void
resolved(struct relay_job *j)
{
	const char *self = j->key.mx ? j->desk->env.hostname : "";
	uint32_t seed;
	struct why why;
	enum rc rc;

	io_random(&seed, sizeof(seed));
	rc = relay_hop_order(j->hops, self, seed, &why);
	if (rc != RC_OK) {
		host_failed(j, &why);
		return;
	}
	j->at = 0;
	j->tries = 0;
	go_on(j);
}

static void
on_ask_timer(evutil_socket_t fd, short what, void *arg)
{
	struct relay_job *j = arg;
	struct why why;

	(void)fd;
	(void)what;
	j->ask = 0;
	why_set(&why, RC_TEMP, "4.4.3", "the DNS resolver does not answer");
	host_failed(j, &why);
}

void
relay_job_ask(struct relay_job *j)
{
	struct relay_desk *desk = j->desk;

	relay_hop_clear(j->hops);
	/* without a resolver: when it comes, see relay_desk_resolver() */
	if (desk->resolver != NULL)
		(void)proto_send_dns_ask(desk->resolver,
		    &(struct msg_dns_ask){.id = j->ask,
			.kind = j->key.mx ? DNS_KIND_MX : DNS_KIND_HOST,
			.tlsa = relay_tls_wants_tlsa(j) ? j->key.port : 0,
			.name = span_of(j->key.next_hop)});
}

static void
ask(struct relay_job *j)
{
	struct relay_desk *desk = j->desk;
	struct timeval tv = {(time_t)(desk->resolve_ms / 1000),
	    (int)(desk->resolve_ms % 1000) * 1000};

	j->ask = ++desk->next_id;
	if (j->timer == NULL)
		j->timer = evtimer_new(desk->env.base, on_ask_timer, j);
	if (j->timer == NULL || event_add(j->timer, &tv) < 0)
		bug("evtimer_new");
	relay_job_ask(j);
}

static struct relay_job *
asking(struct relay_desk *desk, uint64_t id)
{
	struct relay_job *j;

	TAILQ_FOREACH (j, &desk->jobs, next)
		if (id != 0 && j->ask == id)
			return j;
	return NULL;
}

void
relay_on_address(struct relay_desk *desk, const struct msg_dns_address *m)
{
	struct relay_job *j = asking(desk, m->id);
	struct msg_dns_address one = *m;

	if (j == NULL)
		return;
	if (j->key.mx && relay_hop_inward(one.address))
		one.address = SPAN_NONE;
	relay_hop_add(j->hops, &one);
}

void
relay_on_tlsa(struct relay_desk *desk, const struct msg_dns_tlsa *m)
{
	struct relay_job *j = asking(desk, m->id);

	if (j != NULL)
		relay_hop_add_tlsa(j->hops, m);
}

void
relay_on_dns_end(struct relay_desk *desk, const struct msg_dns_end *m)
{
	struct relay_job *j = asking(desk, m->id);
	char status[WHY_STATUS_MAX] = "4.4.3";
	struct why why;

	if (j == NULL)
		return;
	j->ask = 0;
	event_del(j->timer);
	if (m->rc == RC_OK) {
		j->hops->secure = m->secure != 0;
		resolved(j);
		return;
	}
	if (m->rc == RC_PERM && !span_copy(m->status, status, sizeof(status)))
		(void)snprintf(status, sizeof(status), "5.1.2");
	why_set(&why, m->rc == RC_PERM ? RC_PERM : RC_TEMP, status, SPAN_FMT,
	    SPAN_ARG(m->text));
	host_failed(j, &why);
}

void
relay_job_go(struct relay_job *j)
{
	struct relay_conn *conn = relay_conn_find(j->desk, &j->key);

	if (conn != NULL) {
		event_del(conn->timer);
		conn->job = j;
		j->conn = conn;
		client_send(conn->client, &j->mail);
		return;
	}
	if (j->hops == NULL)
		j->hops = mem_alloc(sizeof(*j->hops));
	if (relay_hop_literal(j->hops, span_of(j->key.next_hop)))
		resolved(j);
	else
		ask(j);
}
