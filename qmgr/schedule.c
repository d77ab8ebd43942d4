/*
 * Whose turn it is: see schedule.h. Nothing here waits by a timer: a message
 * comes back when it is due, which is not before its destination is tried
 * again.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/agent.h"
#include "qmgr/party.h"
#include "qmgr/route.h"
#include "qmgr/schedule.h"
#include "lib/base/banned.h"

#define LIMIT_FIRST   5 /* jobs at a time, before anything is known */
#define STRIKES       2 /* in a row: it is not one bad moment */
#define SWEEP_EVERY   1024
#define SITE_NAME_MAX 4096
#define SHARE         8 /* of the room at the workers, for one destination */

/* The recipients of one message at one site. */
struct visit {
	TAILQ_ENTRY(visit) next; /* at the site */
	TAILQ_ENTRY(visit) of_message;
	TAILQ_ENTRY(visit) of_party;
	struct message *m;
	struct site *site;
	struct party *party;
	uint64_t round; /* those with a lower one go before */
	size_t *rcpts;
	size_t n, at; /* those before `at` have been given out */
};

struct site {
	TAILQ_ENTRY(site) next; /* in its bucket */
	TAILQ_ENTRY(site) turn; /* in q->turns, when `ready` */
	bool ready;
	char *name;
	struct visit_list visits;
	size_t n_visits;
	uint64_t round;  /* of whatever went there last */
	size_t underway; /* jobs */
	size_t rcpts;    /* in them, without an outcome */
	uint64_t limit;
	unsigned strikes; /* jobs in trouble, one after the other */
	unsigned closes;  /* how often it was left alone, likewise */
	uint64_t until_ms;
	struct why why;   /* the last trouble */
	bool paced;       /* in q->paced, until... */
	uint64_t next_ms; /* ... the next message may go there; 0: at once */
	TAILQ_ENTRY(site) pace;
};

static struct site_list *
bucket(struct qmgr *q, struct span name)
{
	return &q->sites[enc_crc32c(0, name.p, name.n) % QMGR_SITES];
}

static bool
is_paced(const struct site *s)
{
	return s->next_ms > 0 && clock_mono_ms() < s->next_ms;
}

static void
unpace(struct qmgr *q, struct site *s)
{
	if (s->paced)
		TAILQ_REMOVE(&q->paced, s, pace);
	s->paced = false;
}

static void
forget(struct qmgr *q, struct site *s)
{
	unpace(q, s);
	TAILQ_REMOVE(bucket(q, span_of(s->name)), s, next);
	q->n_sites--;
	free(s->name);
	free(s);
}

/* Is there nothing to be remembered of it? */
static bool
is_idle(const struct qmgr *q, const struct site *s, uint64_t now)
{
	return s->n_visits == 0 && s->underway == 0 && !is_paced(s) &&
	       (s->strikes + s->closes == 0 ||
		   s->until_ms + q->w->conf->queue.retry_max < now);
}

static void
sweep(struct qmgr *q)
{
	uint64_t now = clock_mono_ms();
	struct site *s, *after;

	for (size_t i = 0; i < QMGR_SITES; i++)
		for (s = TAILQ_FIRST(&q->sites[i]); s != NULL; s = after) {
			after = TAILQ_NEXT(s, next);
			if (is_idle(q, s, now))
				forget(q, s);
		}
}

static struct site *
find(struct qmgr *q, struct span name)
{
	struct site *s;

	TAILQ_FOREACH (s, bucket(q, name), next)
		if (span_eq(span_of(s->name), name))
			return s;
	if (++q->sites_made % SWEEP_EVERY == 0)
		sweep(q);
	s = mem_alloc(sizeof(*s));
	s->name = span_dup(name);
	s->limit = LIMIT_FIRST;
	TAILQ_INIT(&s->visits);
	TAILQ_INSERT_TAIL(bucket(q, name), s, next);
	q->n_sites++;
	return s;
}

static bool
is_closed(const struct site *s)
{
	return s->closes > 0 && clock_mono_ms() < s->until_ms;
}

/* May another job go there now? One, to see whether it works again. */
static bool
may_go(const struct qmgr *q, const struct site *s)
{
	uint64_t limit = s->closes > 0 ? 1 : s->limit;

	if (limit > q->w->conf->relay.sessions)
		limit = q->w->conf->relay.sessions;
	return s->n_visits > 0 && s->underway < limit && !is_closed(s) &&
	       !is_paced(s);
}

static void on_pace(evutil_socket_t fd, short what, void *arg);

/* When the first of those may that wait for their pace. */
static void
arm(struct qmgr *q)
{
	uint64_t now = clock_mono_ms(), first = UINT64_MAX, ms;
	const struct site *s;
	struct timeval tv;

	TAILQ_FOREACH (s, &q->paced, pace)
		if (s->next_ms < first)
			first = s->next_ms;
	if (first == UINT64_MAX)
		return;
	if (q->pace_timer == NULL)
		q->pace_timer = evtimer_new(q->w->base, on_pace, q);
	if (q->pace_timer == NULL)
		bug("evtimer_new");
	ms = first > now ? first - now : 0;
	tv = (struct timeval){
	    (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
	event_add(q->pace_timer, &tv);
}

static void
set_ready(struct qmgr *q, struct site *s)
{
	bool ready = may_go(q, s);

	if (ready && !s->ready)
		TAILQ_INSERT_TAIL(&q->turns, s, turn);
	else if (!ready && s->ready)
		TAILQ_REMOVE(&q->turns, s, turn);
	s->ready = ready;
	if (s->n_visits == 0 || !is_paced(s)) {
		unpace(q, s);
	} else if (!s->paced) {
		TAILQ_INSERT_TAIL(&q->paced, s, pace);
		s->paced = true;
		arm(q);
	}
}

static void
on_pace(evutil_socket_t fd, short what, void *arg)
{
	struct qmgr *q = arg;
	struct site *s, *after;

	(void)fd;
	(void)what;
	for (s = TAILQ_FIRST(&q->paced); s != NULL; s = after) {
		after = TAILQ_NEXT(s, pace);
		set_ready(q, s);
	}
	arm(q);
	schedule_run(q);
}

static void
end_visit(struct visit *v)
{
	struct qmgr *q = v->m->q;

	for (size_t i = v->at; i < v->n; i++)
		v->m->attempts[v->rcpts[i]].queued = false;
	v->m->n_queued -= v->n - v->at;
	TAILQ_REMOVE(&v->site->visits, v, next);
	TAILQ_REMOVE(&v->m->visits, v, of_message);
	TAILQ_REMOVE(&v->party->visits, v, of_party);
	v->site->n_visits--;
	v->party->n_visits--;
	q->n_visits--;
	party_release(q, v->party);
	set_ready(q, v->site);
	free(v->rcpts);
	free(v);
}

/* A party's messages are of rounds that follow each other; who comes anew
 * begins with the one that is going on. */
static uint64_t
round_of(const struct site *s, const struct visit *v)
{
	const struct visit *last;

	TAILQ_FOREACH_REVERSE(last, &s->visits, visit_list, next)
	if (last->party == v->party &&
	    last->m->env->priority == v->m->env->priority)
		return last->round + 1;
	return s->round;
}

/* Does a go before b, though it comes later? RFC 6710 5, then by rounds. */
static bool
goes_before(const struct visit *a, const struct visit *b)
{
	int mine = a->m->env->priority, other = b->m->env->priority;

	return other < mine || (other == mine && a->round < b->round);
}

/* Behind all that it does not go before, mostly all of them. */
static void
queue_up(struct site *s, struct visit *v)
{
	struct visit *before = TAILQ_LAST(&s->visits, visit_list);

	v->round = round_of(s, v);
	while (before != NULL && goes_before(v, before))
		before = TAILQ_PREV(before, visit_list, next);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&s->visits, before, v, next);
	else
		TAILQ_INSERT_HEAD(&s->visits, v, next);
}

/* It loses its place, and waits without one. */
static void
displace(struct qmgr *q, struct visit *v)
{
	struct message *m = v->m;

	end_visit(v);
	if (!m->displaced)
		TAILQ_INSERT_TAIL(&q->displaced, m, of_displaced);
	m->displaced = true;
}

/* The newest message at s of the party with the most there, if that is clearly
 * more than p has; or NULL. */
static struct visit *
most_at(const struct site *s, const struct party *p)
{
	const struct party *most = p;
	struct visit *v;

	TAILQ_FOREACH (v, &s->visits, next)
		v->party->here = 0;
	TAILQ_FOREACH (v, &s->visits, next)
		if (++v->party->here > most->here)
			most = v->party;
	if (most->here <= p->here + 1)
		return NULL;
	TAILQ_FOREACH_REVERSE(v, &s->visits, visit_list, next)
	if (v->party == most)
		return v;
	return NULL;
}

/* The same of all destinations. */
static struct visit *
most_of_all(const struct qmgr *q, const struct party *p)
{
	const struct party *most = party_most(q);

	return most != NULL && most->n_visits > p->n_visits + 1
		   ? TAILQ_LAST(&most->visits, visit_list)
		   : NULL;
}

/* Is there room for one more of p's at s, perhaps another's? */
static bool
make_room(struct qmgr *q, struct site *s, struct party *p)
{
	struct visit *v;

	if (s->n_visits < SCHEDULE_WAITS && q->n_visits < SCHEDULE_ALL)
		return true;
	p->here = 0; /* if it has none there */
	v = s->n_visits == SCHEDULE_WAITS ? most_at(s, p) : most_of_all(q, p);
	if (v == NULL)
		return false;
	displace(q, v);
	return true;
}

/* m's visit at that site; NULL: no room. */
static struct visit *
visit(struct message *m, struct site *s)
{
	struct qmgr *q = m->q;
	struct party *p;
	struct visit *v;

	/* the last one is the likeliest: recipients come by domain */
	TAILQ_FOREACH_REVERSE(v, &m->visits, visit_list, of_message)
	if (v->site == s)
		return v;
	p = party_of(q, m->env);
	if (!make_room(q, s, p)) {
		party_release(q, p);
		return NULL;
	}
	v = mem_alloc(sizeof(*v));
	v->m = m;
	v->site = s;
	v->party = p;
	queue_up(s, v);
	TAILQ_INSERT_TAIL(&m->visits, v, of_message);
	TAILQ_INSERT_TAIL(&p->visits, v, of_party);
	s->n_visits++;
	p->n_visits++;
	q->n_visits++;
	return v;
}

static bool
route_of(const struct message *m, size_t i, struct route *route)
{
	return route_find(m->q->w->conf,
	    &(struct conf_way_mail){span_of(m->env->rcpts[i].address),
		span_of(m->env->sender), span_of(m->env->login)},
	    route);
}

static struct site *
site_of(struct qmgr *q, const struct route *route)
{
	struct site *s;
	struct buf name;

	buf_init(&name, SITE_NAME_MAX);
	route_name(route, &name);
	s = find(q, buf_span(&name));
	buf_fini(&name);
	return s;
}

static void
add(struct message *m, size_t i)
{
	struct route route;
	struct site *s;
	struct visit *v;

	if (!route_of(m, i, &route)) {
		message_skip(m, i,
		    &(struct why){RC_PERM, "5.1.3", "no domain in it"}, 0);
		return;
	}
	s = site_of(m->q, &route);
	if (is_closed(s)) {
		message_skip(m, i, &s->why, s->until_ms);
		return;
	}
	v = visit(m, s);
	if (v == NULL) {
		m->crowded = true;
		return;
	}
	/* room grows by doubling: at each power of two */
	if ((v->n & (v->n - 1)) == 0)
		v->rcpts = mem_grow(
		    v->rcpts, (v->n == 0 ? 1 : v->n * 2) * sizeof(*v->rcpts));
	v->rcpts[v->n++] = i;
	m->attempts[i].queued = true;
	m->n_queued++;
	set_ready(m->q, s);
}

/* What has lost its place looks for another, or leaves memory for a while. */
static void
replace(struct qmgr *q)
{
	struct message *m;

	if (q->replacing)
		return;
	q->replacing = true;
	while ((m = TAILQ_FIRST(&q->displaced)) != NULL) {
		TAILQ_REMOVE(&q->displaced, m, of_displaced);
		m->displaced = false;
		message_kick(m);
	}
	q->replacing = false;
}

void
schedule_add(struct message *m)
{
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		const struct attempt *a = &m->attempts[i];

		if (envelope_is_remote(&m->env->rcpts[i]) &&
		    envelope_is_todo(&m->env->rcpts[i]) && !a->tried &&
		    !a->queued && a->agent == NULL)
			add(m, i);
	}
	replace(m->q);
}

void
schedule_cancel(struct message *m)
{
	if (m->displaced)
		TAILQ_REMOVE(&m->q->displaced, m, of_displaced);
	m->displaced = false;
	while (!TAILQ_EMPTY(&m->visits))
		end_visit(TAILQ_FIRST(&m->visits));
}

/*
 * How many recipients of the next message there may go now: a destination has
 * an eighth of what the workers have room for besides, or one job. So slow ones
 * leave room to the others, the less the more of them there are, and the last
 * of it goes to those that have nothing under way. Only there a group is broken
 * up for it.
 */
static size_t
share(const struct qmgr *q, const struct site *s)
{
	struct agent_room room = agent_room(q, ROLE_REMOTE);
	const struct visit *v = TAILQ_FIRST(&s->visits);
	size_t want = v->n - v->at, most = room.rcpts / SHARE;

	if (want > SCHEDULE_GROUP)
		want = SCHEDULE_GROUP;
	if (room.rcpts == 0)
		return 0;
	if (s->underway > 0)
		return s->underway < room.jobs / SHARE &&
			       s->rcpts + want <= most
			   ? want
			   : 0;
	if (most == 0)
		return 1;
	return want < most ? want : most;
}

/* n recipients of the next message there. False: no worker takes them. */
static bool
give(struct site *s, size_t n)
{
	struct visit *v = TAILQ_FIRST(&s->visits);
	struct route route, other;

	/* a smart host may have come or gone since: then it goes there */
	if (!route_of(v->m, v->rcpts[v->at], &route))
		bug("a recipient has lost its domain");
	/* those of another way are not taken along, though the host be named
	 * alike, or the configuration have changed since they were put here */
	for (size_t i = 1; i < n; i++) {
		if (!route_of(v->m, v->rcpts[v->at + i], &other))
			bug("a recipient has lost its domain");
		if (!route_same(&route, &other))
			n = i;
	}
	if (!agent_relay(
		v->m, s, &route, &(struct agent_group){v->rcpts + v->at, n}))
		return false;
	if (route.gap_ms > 0)
		s->next_ms = clock_mono_ms() + route.gap_ms;
	for (size_t i = v->at; i < v->at + n; i++)
		v->m->attempts[v->rcpts[i]].queued = false;
	v->m->n_queued -= n;
	v->at += n;
	s->round = v->round;
	if (v->at == v->n) {
		end_visit(v);
	} else {
		/* the next message's turn */
		TAILQ_REMOVE(&s->visits, v, next);
		queue_up(s, v);
	}
	return true;
}

void
schedule_run(struct qmgr *q)
{
	struct site *s, *after;

	for (s = TAILQ_FIRST(&q->turns); s != NULL && !q->w->draining;
	     s = after) {
		size_t n;

		/* with more of its own it comes by again, at the end */
		after = TAILQ_NEXT(s, turn);
		if (!may_go(q, s)) {
			/* its time has passed, or the configuration changed */
			set_ready(q, s);
			continue;
		}
		n = share(q, s);
		/* it has its share; the others go on */
		if (n == 0)
			continue;
		if (!give(s, n))
			return;
		if (s->ready)
			TAILQ_REMOVE(&q->turns, s, turn);
		s->ready = false;
		set_ready(q, s);
		if (after == NULL)
			after = s->ready ? s : NULL;
	}
}

void
schedule_given(struct site *site, size_t n)
{
	site->underway++;
	site->rcpts += n;
}

void
schedule_heard(struct site *site, size_t n)
{
	site->rcpts -= n;
}

/* Left alone, and with it all that waits: nobody keeps a file open for it. */
static void
close_site(struct qmgr *q, struct site *s)
{
	uint64_t ms = q->w->conf->queue.retry_first;

	for (unsigned i = 0; i < s->closes && ms < q->w->conf->queue.retry_max;
	     i++)
		ms *= 2;
	if (ms > q->w->conf->queue.retry_max)
		ms = q->w->conf->queue.retry_max;
	s->closes++;
	s->until_ms = clock_mono_ms() + ms;
	LOG(QUEUE_SITE, log_str(s->name), log_num(ms / 1000),
	    log_str(s->why.text));
	set_ready(q, s);
	while (!TAILQ_EMPTY(&s->visits)) {
		struct visit *v = TAILQ_FIRST(&s->visits);
		struct message *m = v->m;

		for (size_t i = v->at; i < v->n; i++)
			message_skip(m, v->rcpts[i], &s->why, s->until_ms);
		end_visit(v);
		message_kick(m);
	}
}

void
schedule_ended(struct qmgr *q, struct site *s, enum schedule_verdict verdict,
    const struct why *why)
{
	s->underway--;
	switch (verdict) {
	case SCHEDULE_FINE:
		s->strikes = s->closes = 0;
		if (s->limit < q->w->conf->relay.sessions)
			s->limit++;
		break;
	case SCHEDULE_TROUBLE:
		s->strikes++;
		s->limit = s->limit > 1 ? s->limit / 2 : 1;
		s->why = *why;
		if (!is_closed(s))
			s->until_ms = clock_mono_ms(); /* remembered from */
		/* those that were under way when it was closed say nothing new
		 */
		if (!is_closed(s) && (s->strikes >= STRIKES || s->closes > 0))
			close_site(q, s);
		break;
	case SCHEDULE_UNKNOWN:
		break;
	}
	if (is_idle(q, s, clock_mono_ms()))
		forget(q, s);
	else
		set_ready(q, s);
	schedule_run(q);
}

void
schedule_init(struct qmgr *q)
{
	TAILQ_INIT(&q->turns);
	TAILQ_INIT(&q->paced);
	TAILQ_INIT(&q->displaced);
	party_init(q);
	for (size_t i = 0; i < QMGR_SITES; i++)
		TAILQ_INIT(&q->sites[i]);
}

void
schedule_forgive(struct qmgr *q)
{
	struct site *s;

	for (size_t i = 0; i < QMGR_SITES; i++)
		TAILQ_FOREACH (s, &q->sites[i], next) {
			s->strikes = s->closes = 0;
			set_ready(q, s);
		}
	schedule_run(q);
}

void
schedule_reloaded(struct qmgr *q)
{
	struct site *s;

	for (size_t i = 0; i < QMGR_SITES; i++)
		TAILQ_FOREACH (s, &q->sites[i], next) {
			s->next_ms = 0;
			set_ready(q, s);
		}
	schedule_run(q);
}

void
schedule_fini(struct qmgr *q)
{
	if (q->pace_timer != NULL)
		event_free(q->pace_timer);
	for (size_t i = 0; i < QMGR_SITES; i++)
		while (!TAILQ_EMPTY(&q->sites[i]))
			forget(q, TAILQ_FIRST(&q->sites[i]));
}

size_t
schedule_waiting(const struct qmgr *q)
{
	return q->n_visits;
}

void
schedule_put_trouble(const struct qmgr *q, struct buf *b)
{
	const struct site *s, *worst = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < QMGR_SITES; i++)
		TAILQ_FOREACH (s, &q->sites[i], next)
			if (s->strikes > most) {
				worst = s;
				most = s->strikes;
			}
	if (worst != NULL)
		buf_putf(b, "%s: %s", worst->name, worst->why.text);
}

size_t
schedule_left_alone(const struct qmgr *q)
{
	const struct site *s;
	size_t n = 0;

	for (size_t i = 0; i < QMGR_SITES; i++)
		TAILQ_FOREACH (s, &q->sites[i], next)
			n += is_closed(s);
	return n;
}
