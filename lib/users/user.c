/*
 * Users of the system: see user.h. What NSS says is the administrator's; a
 * name or home that could mean something else in a path is left out.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/users/user.h"
#include "lib/base/banned.h"

/* of getpwnam_r: a record with a long list of nothing much is no user */
#define RECORD_MAX 65536

bool
user_any(const struct conf *conf)
{
	return conf->users.domains.n > 0;
}

bool
user_needed(const struct conf *conf)
{
	return user_any(conf) || conf->delivery.program_user[0] != '\0';
}

static bool
is_first(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_';
}

bool
user_name_ok(struct span name)
{
	if (name.n == 0 || name.n > USER_NAME_MAX || !is_first(name.p[0]))
		return false;
	for (size_t i = 1; i < name.n; i++) {
		char c = name.p[i];

		if (!is_first(c) && !(c >= '0' && c <= '9') && c != '-' &&
		    c != '.')
			return false;
	}
	return true;
}

bool
user_is(struct span account)
{
	return span_find(account, '@') == account.n;
}

struct span
user_of_login(const struct conf *conf, struct span login)
{
	size_t at = span_rfind(login, '@');
	struct span name = span_head(login, at);
	bool here = at == login.n && user_any(conf);

	for (size_t i = 0; !here && i < conf->users.domains.n; i++)
		here = span_eq(span_from(login, at + 1),
		    span_of(conf->users.domains.v[i]));
	return here && user_name_ok(name) ? name : SPAN_NONE;
}

static bool
is_served(const struct conf *conf, const struct passwd *pw)
{
	return pw->pw_uid != 0 && pw->pw_gid != 0 &&
	       pw->pw_uid >= conf->users.min_uid &&
	       pw->pw_uid <= conf->users.max_uid &&
	       user_name_ok(span_of(pw->pw_name)) && pw->pw_dir != NULL &&
	       pw->pw_dir[0] == '/';
}

/* Found or not, RC_OK; what is found is in `room`. */
static enum rc
look_up(const char *name, struct passwd *pw, char *room, struct passwd **found,
    struct why *why)
{
	int e = getpwnam_r(name, pw, room, RECORD_MAX, found);

	/* some modules say so when there is none (getpwnam(3)) */
	if (*found != NULL || e == 0 || e == ENOENT || e == ESRCH ||
	    e == EBADF || e == EPERM)
		return RC_OK;
	errno = e;
	return why_sys(why, RC_TEMP, "4.3.0", "user %s", name);
}

static struct user
user_of(const struct passwd *pw)
{
	/* an empty field is this one, passwd(5) */
	bool none = pw->pw_shell == NULL || pw->pw_shell[0] == '\0';

	return (struct user){.name = mem_dup(pw->pw_name),
	    .home = mem_dup(pw->pw_dir),
	    .shell = mem_dup(none ? "/bin/sh" : pw->pw_shell),
	    .uid = pw->pw_uid,
	    .gid = pw->pw_gid};
}

bool
user_has_shell(const struct user *u)
{
	const char *shell;
	bool has = false;

	setusershell();
	while (!has && (shell = getusershell()) != NULL)
		has = strcmp(shell, u->shell) == 0;
	endusershell();
	return has;
}

enum rc
user_find(const struct conf *conf, struct span name, struct user *out,
    struct why *why)
{
	struct passwd pw, *found = NULL;
	char text[USER_NAME_MAX + 1], *room;
	enum rc rc;

	*out = (struct user){0};
	if (!user_any(conf) || !user_name_ok(name) ||
	    !span_copy(name, text, sizeof(text)))
		return why_set(why, RC_PERM, "5.1.1",
		    "no user of the system with a mailbox");
	room = mem_array(RECORD_MAX, 1);
	rc = look_up(text, &pw, room, &found, why);
	if (rc == RC_OK && (found == NULL || !is_served(conf, found)))
		rc = why_set(why, RC_PERM, "5.1.1",
		    "no user of the system with a mailbox");
	if (rc == RC_OK)
		*out = user_of(found);
	free(room);
	return rc;
}

enum rc
user_of_programs(const struct conf *conf, struct user *out, struct why *why)
{
	const char *name = conf->delivery.program_user;
	struct passwd pw, *found = NULL;
	char *room;
	enum rc rc;

	*out = (struct user){0};
	if (span_starts(span_of(name), SPAN_LIT("mailstead")))
		return why_set(why, RC_PERM, "5.3.5",
		    "delivery.program_user: %s: is the server's own", name);
	room = mem_array(RECORD_MAX, 1);
	rc = look_up(name, &pw, room, &found, why);
	if (rc == RC_OK && (found == NULL || found->pw_dir == NULL))
		rc = why_set(why, RC_PERM, "5.3.5",
		    "delivery.program_user: %s: no such user", name);
	if (rc == RC_OK && (found->pw_uid == 0 || found->pw_gid == 0))
		rc = why_set(
		    why, RC_PERM, "5.3.5", "delivery.program_user: is root");
	if (rc == RC_OK)
		*out = user_of(found);
	free(room);
	return rc;
}

void
user_fini(struct user *u)
{
	free(u->name);
	free(u->home);
	free(u->shell);
	*u = (struct user){0};
}

enum rc
user_each(
    const struct conf *conf, user_each_fn *each, void *ctx, struct why *why)
{
	struct passwd pw = {0}, *found;
	char *room;
	int e;

	if (!user_any(conf))
		return RC_OK;
	room = mem_array(RECORD_MAX, 1);
	setpwent();
	/* one list a process: the caller is a short-lived one */
	while ((e = getpwent_r(&pw, room, RECORD_MAX, &found)) == 0)
		if (is_served(conf, found))
			each(ctx, span_of(found->pw_name));
	endpwent();
	free(room);
	if (e == ENOENT)
		return RC_OK;
	errno = e;
	return why_sys(why, RC_TEMP, "4.3.0", "users of the system");
}
