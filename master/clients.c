/*
 * Counts of clients: see clients.h. One for each service, for as long as
 * master lives: two generations count together.
 */
#include <errno.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/census/census.h"
#include "lib/log/log.h"
#include "lib/worker/workers.h"
#include "master/clients.h"
#include "lib/base/banned.h"

static struct shared {
	int fd;
	struct census *map; /* NULL: not made yet */
} shared[ROLE_COUNT];

static bool
make(struct shared *s, struct why *why)
{
	int map;

	if (s->map != NULL)
		return true;
	s->fd = census_make();
	map = s->fd < 0 ? -1 : dup(s->fd);
	if (map < 0)
		why_sys(why, RC_TEMP, "4.3.0", "the memory of a census");
	else
		s->map = census_open(map, why);
	if (s->map == NULL)
		io_close(&s->fd);
	return s->map != NULL;
}

void
clients_send(struct proc *p)
{
	struct shared *s = &shared[p->row->role];
	struct why why;

	if (p->row->services == NULL)
		return;
	if (make(s, &why))
		proto_send_file(p->link,
		    &(struct msg_file){SPAN_LIT(WORKER_CENSUS), s->fd});
	else
		LOG(MASTER_ERROR, log_str(role_name(p->row->role)),
		    log_str(why.text));
}

void
clients_bury(const struct proc *p)
{
	const struct shared *s = &shared[p->row->role];

	if (s->map != NULL)
		census_bury(s->map, p->pid);
}
