/*
 * Those who ask: a link to an smtpd, a pop3d, an imapd or a steadctl.
 */
#ifndef AUTHD_CLIENT_H
#define AUTHD_CLIENT_H

#include "authd/authd.h"

/* fd is taken; `peer` is SMTPD, POP3D, IMAPD or CTL. */
void client_new(struct authd *a, enum role peer, int fd);
/* One more question, until discharged; false: answer it with RC_TEMP, as this
 * link has enough of them under way. */
bool client_charge(struct client *c);
/*
 * A question under way waits for the client's client, which may take its time:
 * it counts apart, so that it keeps nobody from logging in. False: too many of
 * them; else until client_waited(), behind which it is charged again.
 */
bool client_wait(struct client *c);
void client_waited(struct client *c);
/* One less. The link may be gone already: NULL. */
void client_discharge(struct client *c);

#endif
