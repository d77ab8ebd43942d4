/*
 * Which messages an administrator means: all that he says has to hold. Pure.
 */
#ifndef QMGR_MANAGE_FILTER_H
#define QMGR_MANAGE_FILTER_H

#include "lib/proto/proto.h"
#include "qmgr/manage.h"

struct manage_filter {
	char *sender;    /* an address, "@domain" or "<>"; "": any */
	char *recipient; /* likewise, of those still to do */
	char *reason;    /* in the last failure's words; "": any */
	char *state;     /* as manage_view has it; "": any */
	uint64_t older_ms, younger_ms; /* 0: any */
	uint64_t larger, smaller;      /* bytes; 0: any */
};

/* Copied; manage_filter_fini() it. */
void manage_filter_init(
    struct manage_filter *f, const struct msg_queue_list *m);
void manage_filter_fini(struct manage_filter *f);
/* Does it ask for nothing in particular? */
bool manage_filter_is_open(const struct manage_filter *f);

/* What is written down, at a time in microseconds since 1970. */
bool manage_filter_envelope(
    const struct manage_filter *f, const struct envelope *e, uint64_t now_us);
/* What is known of its attempts. */
bool manage_filter_view(
    const struct manage_filter *f, const struct manage_view *v);

#endif
