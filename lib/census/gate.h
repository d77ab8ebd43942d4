/*
 * The door of a service: who may come in, by the section `limits` of the
 * configuration and the census that its processes share.
 */
#ifndef LIB_CENSUS_GATE_H
#define LIB_CENSUS_GATE_H

#include "lib/census/census.h"
#include "lib/conf/conf.h"

/* One process's; embedded in its owner, zero before gate_open(). */
struct gate {
	struct census *census; /* NULL: nobody is counted */
	struct census_limits limits;
	const struct conf *conf;
};

/*
 * What a worker does with master's descriptor (taken): both of the next two.
 * Where it cannot be counted, that is logged for the worker `who`: to serve
 * without counting is better than not to serve.
 */
void gate_take(struct gate *g, int fd, const struct conf *conf,
    uint64_t sessions, const char *who);

/* Take master's descriptor (it is taken); RC_TEMP, RC_PERM: see census_open.*/
enum rc gate_open(struct gate *g, int fd, struct why *why);

/* `sessions`: limits.smtp or its like. conf is borrowed, with CONF_LIMITS. */
void gate_set(struct gate *g, const struct conf *conf, uint64_t sessions);

/* As census_enter(); whoever is exempt is welcome and not counted. */
enum census_answer gate_enter(
    struct gate *g, struct span address, uint32_t *ticket);
/*
 * The same of a login from there, against limits.login; each connection of a
 * login has a ticket of its own besides that of its address.
 */
enum census_answer gate_login(
    struct gate *g, struct span address, struct span login, uint32_t *ticket);
/* With *ticket, which is 0 then: also when it is. */
void gate_leave(struct gate *g, uint32_t *ticket);

#endif
