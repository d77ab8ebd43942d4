/*
 * Who may send as an address: see directory.h.
 */
#include "lib/directory/directory.h"
#include "lib/base/banned.h"

#define LOGINS_MAX ((size_t)DIRECTORY_EXPAND_MAX * 1024)
#define GRANTS_MAX (64U << 20)

/* Lines of directory_expand(): how many, and is the login among them? */
static size_t
count(struct span accounts, struct span login, bool *among)
{
	size_t n = 0;

	*among = false;
	while (accounts.n > 0) {
		struct span line = span_cut(&accounts, '\n');

		*among = *among || span_eq_ci(span_cut(&line, '\t'), login);
		n++;
	}
	return n;
}

/* Does it lead to the login; to it alone, if `alone`? RC_PERM: no. */
static enum rc
leads(const struct directory *d, struct span address, struct span login,
    bool alone)
{
	struct buf accounts, elsewhere;
	bool among = false;
	struct why why;
	enum rc rc;

	buf_init(&accounts, LOGINS_MAX);
	buf_init(&elsewhere, LOGINS_MAX);
	rc = directory_expand(d, address, &accounts, &elsewhere, &why);
	if (rc == RC_OK) {
		size_t n = count(buf_span(&accounts), login, &among);

		rc = among && (n == 1 || !alone) ? RC_OK : RC_PERM;
	}
	buf_fini(&accounts);
	buf_fini(&elsewhere);
	return rc;
}

static enum directory_right
given(const struct directory *d, struct span login, struct span address)
{
	enum directory_right right = DIRECTORY_FOREIGN;
	struct buf grants;
	struct span rest;

	buf_init(&grants, GRANTS_MAX);
	if (directory_find_grants(d, address, &grants) == DIRECTORY_ERROR)
		right = DIRECTORY_NOT_KNOWN;
	rest = buf_span(&grants);
	while (rest.n > 0 && right != DIRECTORY_GIVEN) {
		enum rc rc = leads(d, span_cut(&rest, '\n'), login, false);

		if (rc != RC_PERM)
			right =
			    rc == RC_OK ? DIRECTORY_GIVEN : DIRECTORY_NOT_KNOWN;
	}
	buf_fini(&grants);
	return right;
}

enum directory_right
directory_may_send(
    const struct directory *d, struct span login, struct span address)
{
	enum directory_right right;
	enum rc rc = leads(d, address, login, true);

	if (rc == RC_OK)
		return DIRECTORY_OWN;
	right = given(d, login, address);
	/* its own line may be the wrong one */
	return rc == RC_TEMP && right == DIRECTORY_FOREIGN ? DIRECTORY_NOT_KNOWN
							   : right;
}
