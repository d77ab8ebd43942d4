/*
 * Connections of remote delivery: see relay_state.h. One serves the jobs of its
 * key, one after the other, and is kept for a while.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "delivery/relay_state.h"
#include "lib/base/mem.h"
#include "lib/conf/way.h"
#include "lib/base/banned.h"

/* ---- keys ---- */

static bool
key_eq(const struct relay_key *a, const struct relay_key *b)
{
	return a->mx == b->mx && a->lmtp == b->lmtp && a->port == b->port &&
	       a->tls == b->tls && a->required == b->required &&
	       span_eq_ci(span_of(a->next_hop), span_of(b->next_hop)) &&
	       strcmp(a->login, b->login) == 0 &&
	       strcmp(a->source, b->source) == 0 &&
	       secret_eq(span_make(a->password.p, a->password.n),
		   span_make(b->password.p, b->password.n));
}

static struct relay_key
key_copy(const struct relay_key *k)
{
	struct relay_key copy = *k;

	copy.next_hop = mem_dup(k->next_hop);
	copy.login = mem_dup(k->login);
	copy.source = mem_dup(k->source);
	copy.password = secret_of(span_make(k->password.p, k->password.n));
	return copy;
}

void
relay_key_fini(struct relay_key *k)
{
	free(k->next_hop);
	free(k->login);
	free(k->source);
	secret_fini(&k->password);
}

/* ---- connections ---- */

void
relay_conn_free(struct relay_conn *conn)
{
	struct relay_desk *desk = conn->desk;

	TAILQ_REMOVE(&desk->conns, conn, next);
	client_free(&conn->client);
	event_free(conn->timer);
	relay_key_fini(&conn->key);
	free(conn);
	relay_desk_pump(desk);
}

void
relay_conn_quit(struct relay_conn *conn)
{
	client_quit(&conn->client);
	relay_conn_free(conn);
}

static void
on_idle_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	relay_conn_quit(arg);
}

static void
conn_idle(struct relay_conn *conn)
{
	const struct relay_desk *desk = conn->desk;
	struct timeval tv = {(time_t)(desk->reuse_ms / 1000),
	    (int)(desk->reuse_ms % 1000) * 1000};

	conn->job = NULL;
	if (!client_reusable(conn->client) || desk->reuse_ms == 0 ||
	    desk->stopping) {
		relay_conn_quit(conn);
		return;
	}
	event_add(conn->timer, &tv);
	relay_desk_pump(conn->desk);
}

static void
on_client_end(void *ctx, enum client_end end, const struct why *why)
{
	struct relay_conn *conn = ctx;
	struct relay_job *j = conn->job;
	enum client_trouble trouble = client_trouble(conn->client);
	struct why copy = {0};

	if (why != NULL)
		copy = *why;
	if (j != NULL)
		j->conn = NULL;
	if (end == CLIENT_SENT)
		conn_idle(conn);
	else
		relay_conn_free(conn);
	if (j == NULL)
		return;
	switch (end) {
	case CLIENT_SENT:
		relay_job_end(j);
		break;
	case CLIENT_STALE:
		relay_job_go(j);
		break;
	case CLIENT_FAILED:
		relay_job_trouble(j, trouble, &copy);
		break;
	}
}

static const struct client_ops client_ops = {.on_end = on_client_end};

/* "mx.example[192.0.2.1]" */
static void
show(const struct relay_hop *hop, char *to, size_t room)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(hop->n == 4 ? AF_INET : AF_INET6, hop->address, text,
	    sizeof(text)); /* it is an address, and fits */
	if (hop->host[0] == '[')
		(void)snprintf(to, room, "[%s]", text); /* fits */
	else
		(void)snprintf(to, room, "%s[%s]", hop->host, text); /* fits */
}

/* That of the hop's family, if there is one; else 0. */
static socklen_t
source_address(
    const struct relay_key *key, bool six, struct sockaddr_storage *out)
{
	struct relay_hop from = {.n = six ? 16 : 4};
	struct span one;
	char text[64];

	if (!conf_way_source(span_of(key->source), six, &one) || one.n == 0 ||
	    !span_copy(one, text, sizeof(text)) ||
	    inet_pton(six ? AF_INET6 : AF_INET, text, from.address) != 1)
		return 0;
	return relay_hop_address(&from, 0, out);
}

bool
relay_conn_open(struct relay_job *j, struct why *why)
{
	const struct relay_hop *hop = &j->hops->v[j->at];
	struct relay_desk *desk = j->desk;
	struct relay_conn *conn = mem_alloc(sizeof(*conn));
	struct client_target target = {.lmtp = j->key.lmtp,
	    .trusted = !j->key.mx || j->hops->secure,
	    .require = j->key.required};

	if (!relay_tls_choose(j, conn, &target, why)) {
		free(conn);
		return false;
	}
	j->tries++;
	conn->desk = desk;
	conn->key = key_copy(&j->key);
	conn->job = j;
	conn->timer = evtimer_new(desk->env.base, on_idle_timer, conn);
	if (conn->timer == NULL)
		bug("evtimer_new");
	show(hop, conn->shown, sizeof(conn->shown));
	target.shown = conn->shown;
	target.login = conn->key.login;
	target.password = &conn->key.password;
	target.address_len =
	    relay_hop_address(hop, j->key.port, &target.address);
	target.source_len =
	    source_address(&conn->key, hop->n == 16, &target.source);
	TAILQ_INSERT_TAIL(&desk->conns, conn, next);
	conn->client = client_new(&desk->env, &target, &client_ops, conn);
	j->conn = conn;
	client_send(conn->client, &j->mail);
	return true;
}

struct relay_conn *
relay_conn_find(struct relay_desk *desk, const struct relay_key *key)
{
	struct relay_conn *conn;

	TAILQ_FOREACH (conn, &desk->conns, next)
		if (conn->job == NULL && client_reusable(conn->client) &&
		    key_eq(&conn->key, key))
			return conn;
	return NULL;
}

bool
relay_conn_room(const struct relay_job *j)
{
	struct relay_desk *desk = j->desk;
	const struct relay_conn *conn;
	const struct relay_job *other;
	uint64_t n = 0;

	TAILQ_FOREACH (conn, &desk->conns, next)
		n += key_eq(&conn->key, &j->key);
	TAILQ_FOREACH (other, &desk->jobs, next)
		n += other->ask != 0 && key_eq(&other->key, &j->key);
	return n < desk->per_hop || relay_conn_find(desk, &j->key) != NULL;
}
