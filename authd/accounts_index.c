/*
 * The index of the accounts' file: see accounts_index.h.
 */
#include <stdlib.h>

#include "authd/accounts_index.h"
#include "authd/hash.h"
#include "lib/addr/beyond.h"
#include "lib/addr/path.h"
#include "lib/base/mem.h"
#include "lib/directory/account.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

/* no login is longer, also when case makes its letters larger */
#define KEY_MAX 2048
#define BAD_MAX 20 /* broken lines logged of one reading */

static void
entry_fini(struct accounts_entry *e)
{
	free(e->login);
	free(e->key);
	free(e->name);
}

void
accounts_index_clear(struct accounts_index *x)
{
	for (size_t i = 0; i < x->n; i++)
		entry_fini(&x->v[i]);
	x->n = 0;
}

void
accounts_index_fini(struct accounts_index *x)
{
	accounts_index_clear(x);
	free(x->v);
	*x = (struct accounts_index){0};
}

char *
accounts_key(struct span login)
{
	struct span whole = login, local, domain;
	struct buf box, key;
	char *text;

	buf_init(&box, KEY_MAX);
	buf_init(&key, KEY_MAX);
	/* a domain beyond ASCII is A-labels in the file */
	if (!span_is_ascii(login) && addr_mailbox(login, &box, NULL) == RC_OK)
		whole = buf_span(&box);
	if (!addr_split(whole, &local, &domain))
		local = whole;
	(void)addr_beyond_fold(local, &key); /* over: nobody's */
	(void)addr_beyond_fold(span_from(whole, local.n), &key);
	text = span_dup(key.over ? SPAN_NONE : buf_span(&key));
	buf_fini(&box);
	buf_fini(&key);
	return text;
}

static void
keep(struct accounts_index *x, const struct account *from, struct span line,
    const char *text, size_t number)
{
	struct accounts_entry *e;

	if (x->n == x->cap) {
		x->cap = x->cap == 0 ? 64 : x->cap * 2;
		x->v = mem_grow(x->v, x->cap * sizeof(*x->v));
	}
	e = &x->v[x->n++];
	*e = (struct accounts_entry){.login = span_dup(buf_span(&from->login)),
	    .key = accounts_key(buf_span(&from->login)),
	    .name = span_dup(buf_span(&from->name)),
	    .secret.hash = from->hash,
	    .secret.n_scram = from->n_scram,
	    .line = number,
	    .at = (size_t)(line.p - text),
	    .n = line.n};
	memcpy(e->secret.scram, from->scram, sizeof(from->scram));
}

static int
by_key(const void *p, const void *q)
{
	const struct accounts_entry *a = p, *b = q;
	int c = span_cmp(span_of(a->key), span_of(b->key));

	if (c != 0)
		return c;
	return a->line < b->line ? -1 : a->line > b->line;
}

/* The first line of a login counts. Returns how many were left out. */
static size_t
drop_doubles(struct accounts_index *x, size_t bad)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++) {
		if (n == 0 ||
		    !span_eq(span_of(x->v[n - 1].key), span_of(x->v[i].key))) {
			x->v[n++] = x->v[i];
			continue;
		}
		if (bad++ < BAD_MAX)
			LOG(ACCOUNT_BAD_LINE, log_num(x->v[i].line),
			    log_str("this login has a line above"));
		entry_fini(&x->v[i]);
	}
	x->n = n;
	return bad;
}

void
accounts_index_fill(struct accounts_index *x, struct span text)
{
	struct span rest = text;
	struct account account;
	size_t number = 0, bad = 0;
	struct why why;

	account_init(&account);
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		number++;
		if (account_is_comment(line))
			continue;
		if (account_parse(line, &account, &why) == RC_OK)
			keep(x, &account, line, text.p, number);
		else if (bad++ < BAD_MAX)
			LOG(ACCOUNT_BAD_LINE, log_num(number),
			    log_str(why.text));
	}
	account_fini(&account);
	if (x->n > 0)
		qsort(x->v, x->n, sizeof(*x->v), by_key);
	bad = drop_doubles(x, bad);
	/* a young file is read twice */
	if (x->n != x->told || bad != x->told_bad)
		LOG(ACCOUNT_FILE, log_num(x->n), log_num(bad));
	x->told = x->n;
	x->told_bad = bad;
}

/* How many keys are before `key`; with `past`, not behind it. */
static size_t
place(const struct accounts_index *x, struct span key, bool past)
{
	size_t low = 0, high = x->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = span_cmp(span_of(x->v[mid].key), key);

		if (c < 0 || (past && c == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct accounts_entry *
accounts_index_find(const struct accounts_index *x, struct span login)
{
	char *key = accounts_key(login);
	size_t i = place(x, span_make(key, login.n), false);
	bool found =
	    i < x->n && span_eq(span_of(x->v[i].key), span_make(key, login.n));

	free(key);
	return found ? &x->v[i] : NULL;
}

const struct accounts_entry *
accounts_index_after(const struct accounts_index *x, struct span key)
{
	size_t i = place(x, key, true);

	return i < x->n ? &x->v[i] : NULL;
}

struct span
accounts_index_decoy(const struct accounts_index *x, uint64_t n)
{
	/* one that is locked has none: try its neighbours, not all of them */
	for (size_t i = 0; i < 16 && i < x->n; i++) {
		struct span hash = x->v[(n + i) % x->n].secret.hash;

		if (hash_usable(hash))
			return hash;
	}
	return SPAN_NONE;
}
