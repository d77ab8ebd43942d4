/*
 * sd_notify(3)'s protocol: state lines to the socket named in NOTIFY_SOCKET.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include "master/master.h"

/* Without a service manager nothing happens. */
void notify_state(const struct master *m, const char *state);

#endif
