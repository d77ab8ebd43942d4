/*
 * Passwords of users of the system: PAM is asked, in a process that the worker
 * `users` makes for one question. A few at a time; the others wait in line.
 */
#ifndef AUTHD_PAM_H
#define AUTHD_PAM_H

#include "authd/authd.h"

/* questions that wait beyond those under way */
#define PAM_WAITING_MAX 256

/* RC_OK: it is the user's, who may come in. RC_PERM: no. RC_TEMP: PAM cannot
 * say. The reason is for the log. */
typedef void pam_done(void *ctx, const struct why *why);

struct pam_question {
	struct span user;
	struct span service; /* "imap" */
	struct span client;  /* address */
	struct span password;
	pam_done *done;
	void *ctx;
};

/*
 * Ask; the question is copied. RC_WAIT: `done` runs later, once, unless the
 * conversation is cancelled first. RC_TEMP: too many wait, or there is no
 * worker to ask; *out is NULL.
 */
enum rc pam_ask(struct authd *a, const struct pam_question *q, struct pam **out,
    struct why *why);
/* Nobody waits for it any more; *p (may be NULL) becomes NULL. */
void pam_cancel(struct pam **p);

#endif
