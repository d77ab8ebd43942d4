/*
 * mailstead-authd: accounts and passwords. Owns the one struct authd. Fronts
 * ask it, spawn opens sessions for it, steadctl changes accounts; it has the
 * folder of the accounts and no other file.
 */
#include <fcntl.h>

#include "authd/authd.h"
#include "authd/client.h"
#include "authd/manage.h"
#include "authd/request.h"
#include "lib/base/io.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

static struct authd authd = {.dirfd = -1};

/* A folder cannot be opened inside the sandbox; and OpenSSL reads its
 * configuration at first use. */
static void
on_open(struct worker *w)
{
	struct digest_key key;
	struct why why;

	authd.w = w;
	authd.dirfd = open(worker_path(w, "accounts"),
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (authd.dirfd < 0) {
		why_sys(
		    &why, RC_PERM, "5.3.5", "%s", worker_path(w, "accounts"));
		worker_fatal(w, &why);
	}
	digest_key_new(&key);
	(void)digest_of(&key, NULL, 0); /* only for what it loads */
}

static void
on_start(struct worker *w)
{
	struct why why;

	authd_start(&authd);
	/* tried again at each login: it need not keep the others waiting */
	if (accounts_refresh(authd.accounts, &why) != RC_OK)
		LOG(WORKER_ERROR, log_str(role_name(w->ops->role)),
		    log_str(why.text));
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	authd.w = w; /* links come before on_open */
	if (peer == ROLE_SPAWN || peer == ROLE_USERS)
		request_parent(&authd, peer, fd);
	else if (peer == ROLE_WATCH)
		request_watch(&authd, fd);
	else if (peer == ROLE_SMTPD || peer == ROLE_POP3D ||
		 peer == ROLE_IMAPD || peer == ROLE_CTL)
		client_new(&authd, peer, fd);
	else
		io_close(&fd);
}

static void
on_directory_done(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx; /* the worker's */
	(void)link;
	manage_on_directory(&authd, &msg->directory_done);
}

static void
on_drain(struct worker *w)
{
	(void)w;
	authd_settle(&authd);
}

static void
on_status(struct worker *w, struct buf *b)
{
	(void)w;
	buf_putf(b,
	    "accounts=%zu waiting=%zu ok=%llu failed=%llu "
	    "remembered=%zu",
	    accounts_count(authd.accounts), hash_waiting(authd.hasher),
	    (unsigned long long)authd.ok, (unsigned long long)authd.failed,
	    memory_count(authd.memory));
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DIRECTORY_DONE] = on_directory_done,
};

int
main(int argc, char **argv)
{
	static const struct worker_ops ops = {.role = ROLE_AUTHD,
	    .on_open = on_open,
	    .on_start = on_start,
	    .on_link = on_link,
	    .on_drain = on_drain,
	    .on_status = on_status,
	    .handlers = handlers};

	authd_init(&authd);
	return worker_main(&ops, argc, argv);
}
