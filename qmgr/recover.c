/*
 * After a start: see recover.h. Only names are read here: whether a file is
 * whole is found when it is loaded, so that a large queue starts fast.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/recover.h"
#include "lib/base/banned.h"

#define NAMES_MAX (256U << 20)

struct recover {
	struct qmgr *q;
	int new;
	int cur;
	uint64_t start_ms;
	struct buf names; /* folder ('n' or 'c'), name, NUL */
	struct why why;
	enum rc rc;
};

static enum rc
list(struct recover *r, int folder, char mark)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (dir == NULL)
		return why_sys(&r->why, RC_TEMP, "4.3.0", "queue folder");
	while (errno = 0, (de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		buf_putc(&r->names, mark);
		buf_put(&r->names, de->d_name, strlen(de->d_name) + 1);
	}
	(void)closedir(dir); /* only read from */
	return errno == 0 && !r->names.over
		   ? RC_OK
		   : why_sys(&r->why, RC_TEMP, "4.3.0", "queue folder");
}

static void
work(void *arg)
{
	struct recover *r = arg;

	r->rc = list(r, r->new, 'n');
	if (r->rc == RC_OK)
		r->rc = list(r, r->cur, 'c');
}

static void
done(void *arg)
{
	struct recover *r = arg;
	struct span rest = buf_span(&r->names);
	uint64_t found = 0;

	/* without its list the queue would sleep: begin anew */
	if (r->rc != RC_OK)
		worker_fatal(r->q->w, &r->why);
	while (rest.n > 0) {
		struct span file = span_cut(&rest, '\0');
		bool in_cur = file.p[0] == 'c';
		char id[STORE_NAME_MAX + 1];
		struct message *m;

		file = span_from(file, 1);
		if (!store_name_id(file, id)) {
			LOG(QUEUE_DAMAGED, log_text(file),
			    log_str("not a name of a queue file"));
			continue;
		}
		/* what has been queued since the start, or stands twice */
		if (message_find(r->q, span_of(id)) != NULL ||
		    nameset_has(&r->q->ended, span_of(id)))
			continue;
		m = message_found(r->q, span_of(id), file.p, in_cur);
		found++;
		message_wake(m);
	}
	LOG(QUEUE_RECOVERED, log_num(found),
	    log_num(clock_mono_ms() - r->start_ms));
	r->q->recover = NULL;
	nameset_fini(&r->q->ended);
	buf_fini(&r->names);
	free(r);
}

void
recover_start(struct qmgr *q)
{
	struct recover *r = mem_alloc(sizeof(*r));

	r->q = q;
	r->new = q->store.new;
	r->cur = q->store.cur;
	r->start_ms = clock_mono_ms();
	buf_init(&r->names, NAMES_MAX);
	q->recover = r;
	nameset_init(&q->ended, NAMES_MAX);
	pool_submit(q->pool, work, done, r);
}
