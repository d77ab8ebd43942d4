/*
 * Taking up a changed configuration: the next generation is started beside
 * the serving one, and only when all of it serves is the old one drained. If
 * it does not come up, it is ended and everything is as before.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include "master/master.h"

/* Called once at the end; rc RC_OK, or RC_PERM with the mistakes as text. */
typedef void reload_done(void *ctx, enum rc rc, struct span text);

/* Read m->conf_path and begin. RC_WAIT: done will run; else it has run. */
enum rc reload_start(struct master *m, reload_done *done, void *ctx);
/* The asker is gone; the reload itself goes on. */
void reload_forget(struct master *m, const void *ctx);
/* The directory has been compiled, or could not be. */
void reload_compiled(struct master *m, bool ok);
/* A worker has become ready. */
void reload_progress(struct master *m);
/* The suite stops: an unfinished reload is dropped. */
void reload_drop(struct master *m);

#endif
