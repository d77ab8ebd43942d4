/*
 * Whose mail a login may send: RFC 6409 section 6.1, smtpd.sender_rights. A
 * session without a login is asked nothing here: on port 25 anybody's mail
 * comes for those who live here, and programs of this host send as they like.
 */
#ifndef SMTPD_RIGHTS_H
#define SMTPD_RIGHTS_H

#include "smtpd/txn.h"

/* May it send with this reverse-path ("" is always allowed)? False: it has been
 * told why not. */
bool rights_sender_ok(struct session *s, struct span sender);
/* The same for the authors in the header of s->txn, which is whole. */
bool rights_author_ok(struct session *s);

#endif
