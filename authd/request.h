/*
 * AUTH, or an exchange of SASL: from the question to AUTH_RESULT, by way of the
 * memory and a hash, or of the exchange, and, for mailbox services, a session
 * of spawn's. Users of the system go by way of PAM and a session of users';
 * whoever has a line in the file of accounts is none of them.
 */
#ifndef AUTHD_REQUEST_H
#define AUTHD_REQUEST_H

#include "authd/authd.h"

/* ctx is the struct client. */
ipc_handler request_on_auth;
/* SASL_START, SASL_ANSWER, SASL_CANCEL: request_scram.c. */
ipc_handler request_on_sasl_start, request_on_sasl_answer,
    request_on_sasl_cancel;
/* The client is going: its questions are dropped when they are finished. */
void request_orphan(struct authd *a, const struct client *c);
/* spawn or users: its link (fd taken), which takes an earlier one's place. */
void request_parent(struct authd *a, enum role peer, int fd);
/* watch: its link, likewise. */
void request_watch(struct authd *a, int fd);

#endif
