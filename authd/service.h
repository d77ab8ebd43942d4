/*
 * The services that a login is for.
 */
#ifndef AUTHD_SERVICE_H
#define AUTHD_SERVICE_H

#include "lib/base/buf.h"

/* Each but "smtp" needs a session. */
enum service {
	SERVICE_SMTP,
	SERVICE_POP3,
	SERVICE_IMAP, /* its sessions are told of changes */
	SERVICE_NONE
};

/* By its name, as fronts say it; SERVICE_NONE: there is none of this name. */
enum service service_of(struct span name);
/* "?" of SERVICE_NONE. */
const char *service_name(enum service service);

/*
 * A set of them, bit 1 << service, from "imap,smtp". False: empty, or one that
 * there is not, or twice.
 */
bool service_set_parse(struct span text, unsigned *set);
/* Its inverse, appended. */
bool service_set_put(struct buf *out, unsigned set);

#endif
