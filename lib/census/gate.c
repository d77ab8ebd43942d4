/*
 * The door: see gate.h.
 */
#include "lib/base/network.h"
#include "lib/base/clock.h"
#include "lib/census/gate.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

enum rc
gate_open(struct gate *g, int fd, struct why *why)
{
	struct census *c = census_open(fd, why);

	if (c == NULL)
		return why->rc;
	if (!census_join(c)) {
		census_close(&c);
		return why_set(why, RC_TEMP, "4.3.0",
		    "too many processes: this one's clients are not counted");
	}
	census_close(&g->census);
	g->census = c;
	return RC_OK;
}

void
gate_set(struct gate *g, const struct conf *conf, uint64_t sessions)
{
	g->conf = conf;
	g->limits.sessions = sessions;
	g->limits.rate = conf->limits.rate;
}

void
gate_take(struct gate *g, int fd, const struct conf *conf, uint64_t sessions,
    const char *who)
{
	struct why why;

	if (gate_open(g, fd, &why) != RC_OK)
		LOG(WORKER_ERROR, log_str(who), log_str(why.text));
	gate_set(g, conf, sessions);
}

static bool
is_exempt(const struct gate *g, struct span address)
{
	const struct conf_list *list = &g->conf->limits.exempt;
	uint8_t ip[16];

	return !network_address(address, ip) ||
	       network_any(list->v, list->n, ip);
}

enum census_answer
gate_enter(struct gate *g, struct span address, uint32_t *ticket)
{
	*ticket = 0;
	if (g->census == NULL || g->conf == NULL || is_exempt(g, address))
		return CENSUS_WELCOME;
	return census_enter(g->census, &g->limits,
	    &(struct census_who){CENSUS_ADDRESS, address}, clock_mono_ms(),
	    ticket);
}

enum census_answer
gate_login(
    struct gate *g, struct span address, struct span login, uint32_t *ticket)
{
	struct census_limits limits = {0};

	*ticket = 0;
	if (g->census == NULL || g->conf == NULL || is_exempt(g, address))
		return CENSUS_WELCOME;
	limits.sessions = g->conf->limits.login;
	return census_enter(g->census, &limits,
	    &(struct census_who){CENSUS_LOGIN, login}, clock_mono_ms(), ticket);
}

void
gate_leave(struct gate *g, uint32_t *ticket)
{
	if (g->census != NULL)
		census_leave(g->census, *ticket);
	*ticket = 0;
}
