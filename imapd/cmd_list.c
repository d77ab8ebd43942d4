/*
 * LIST, LSUB, STATUS (RFC 3501 6.3.8 to 6.3.10); \HasChildren (RFC 3348),
 * special uses (RFC 6154 section 2: LIST may return them unasked).
 */
#include <stdlib.h>

#include "imapd/command.h"
#include "imapd/name.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

/* A mailbox, or a level that exists only in the names of others. */
struct item {
	struct span folder; /* borrowed from the tree */
	bool implied;
};

struct items {
	struct item *v;
	size_t n;
	size_t cap;
};

static void
add(struct items *items, struct span folder, bool implied)
{
	if (items->n == items->cap) {
		items->cap = items->cap == 0 ? 32 : items->cap * 2;
		items->v = mem_grow(items->v, items->cap * sizeof(*items->v));
	}
	items->v[items->n++] = (struct item){folder, implied};
}

/* By name; of two the one that exists comes first. */
static int
compare(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;
	int by_name = span_cmp(a->folder, b->folder);

	return by_name != 0 ? by_name : a->implied - b->implied;
}

/* All of the tree, the inbox too if `inbox`, and the levels above. */
static void
gather(const struct maildir_tree *t, bool inbox, struct items *items)
{
	size_t kept = 0;

	*items = (struct items){0};
	if (inbox)
		add(items, SPAN_LIT(""), false);
	for (size_t i = 0; i < t->n; i++) {
		struct span folder = span_of(t->v[i]);

		add(items, folder, false);
		for (size_t k = 1; k < folder.n; k++)
			if (folder.p[k] == '.')
				add(items, span_head(folder, k), true);
	}
	if (items->n == 0)
		return;
	qsort(items->v, items->n, sizeof(*items->v), compare);
	for (size_t i = 1; i < items->n; i++)
		if (!span_eq(items->v[kept].folder, items->v[i].folder))
			items->v[++kept] = items->v[i];
	items->n = kept + 1;
}

/* Is there one whose name begins with `folder` and a separator? */
static bool
has_children(const struct items *items, struct span folder)
{
	size_t low = 0, high = items->n;
	struct buf below;
	bool has;

	buf_init(&below, COMMAND_FOLDER_MAX);
	/* the inbox has them where any other mailbox of its name would */
	buf_put_span(&below, folder.n == 0 ? SPAN_LIT(".INBOX") : folder);
	buf_putc(&below, '.');
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (span_cmp(items->v[mid].folder, buf_span(&below)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	has = low < items->n &&
	      span_starts(items->v[low].folder, buf_span(&below));
	buf_fini(&below);
	return has;
}

struct listing {
	struct session *s;
	const char *verb;
	struct span pattern;
	bool subscribed; /* LSUB */
};

static void
put_item(const struct listing *l, const struct items *items,
    const struct item *item, struct span name)
{
	struct buf *out = &l->s->out;
	const char *use = name_special_use(item->folder);

	buf_putf(out, "* %s (", l->verb);
	if (item->implied)
		buf_puts(out, "\\Noselect ");
	buf_puts(out, has_children(items, item->folder) ? "\\HasChildren"
							: "\\HasNoChildren");
	if (!l->subscribed && !item->implied && use[0] != '\0')
		buf_putf(out, " %s", use);
	buf_puts(out, ") \"/\" ");
	name_put(out, name);
	buf_puts(out, "\r\n");
}

static void
list(const struct listing *l, const struct items *items)
{
	struct buf name;

	buf_init(&name, NAME_MAX_BYTES);
	for (size_t i = 0; i < items->n; i++) {
		const struct item *item = &items->v[i];

		buf_clear(&name);
		/* LSUB tells levels above only where '%' asks for them */
		if (item->implied && l->subscribed &&
		    span_find(l->pattern, '%') == l->pattern.n)
			continue;
		if (name_from_folder(item->folder, &name) &&
		    name_matches(buf_span(&name), l->pattern))
			put_item(l, items, item, buf_span(&name));
	}
	buf_fini(&name);
}

/* INBOX in any case, where the pattern begins with it and nothing else. */
static void
put_pattern(struct buf *b, struct span reference, struct span pattern)
{
	static const struct span inbox = SPAN_LIT("INBOX");
	size_t from = b->n;

	buf_put_span(b, reference);
	buf_put_span(b, pattern);
	if (b->n - from >= inbox.n &&
	    span_starts_ci(span_from(buf_span(b), from), inbox) &&
	    (b->n - from == inbox.n || b->p[from + inbox.n] == '/'))
		memcpy(b->p + from, inbox.p, inbox.n);
}

static enum step
run(struct session *s, struct listing *l)
{
	int root = s->account->store.root;
	struct maildir_tree tree = {0};
	struct items items;
	struct why why;
	bool inbox;
	enum rc rc = l->subscribed ? maildir_tree_subscribed(root, &tree, &why)
				   : maildir_tree_list(root, &tree, &why);

	if (rc != RC_OK)
		return reply_why(s, &why);
	/* its "" comes first, if it is subscribed */
	inbox = !l->subscribed;
	gather(&tree, inbox, &items);
	list(l, &items);
	free(items.v);
	maildir_tree_fini(&tree);
	return reply(s, REPLY_DONE, l->subscribed ? "Lsub" : "List");
}

static enum step
parse_and_run(struct session *s, struct parse *p, bool subscribed)
{
	const char *syntax =
	    subscribed ? "LSUB reference pattern" : "LIST reference pattern";
	struct listing l = {.s = s,
	    .verb = subscribed ? "LSUB" : "LIST",
	    .subscribed = subscribed};
	struct span reference, pattern;
	struct buf whole;
	enum step step;

	if (!parse_astring(p, &reference) || !parse_char(p, ' ') ||
	    !parse_list_mailbox(p, &pattern) || !parse_end(p) ||
	    reference.n + pattern.n > NAME_MAX_BYTES)
		return command_syntax(s, syntax);
	if (pattern.n == 0 && !subscribed) {
		/* which separator is there? */
		buf_puts(&s->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return reply(s, REPLY_DONE, "List");
	}
	buf_init(&whole, NAME_MAX_BYTES);
	put_pattern(&whole, reference, pattern);
	l.pattern = buf_span(&whole);
	step = run(s, &l);
	buf_fini(&whole);
	return step;
}

enum step
cmd_list(struct session *s, struct parse *p)
{
	return parse_and_run(s, p, false);
}

enum step
cmd_lsub(struct session *s, struct parse *p)
{
	return parse_and_run(s, p, true);
}

/* ---- STATUS ---------------------------------------------------------------
 */

enum status_item {
	STATUS_MESSAGES,
	STATUS_RECENT,
	STATUS_UIDNEXT,
	STATUS_UIDVALIDITY,
	STATUS_UNSEEN,
	STATUS_ITEMS,
};

static const struct span status_names[STATUS_ITEMS] = {
    SPAN_LIT("MESSAGES"),
    SPAN_LIT("RECENT"),
    SPAN_LIT("UIDNEXT"),
    SPAN_LIT("UIDVALIDITY"),
    SPAN_LIT("UNSEEN"),
};

static bool
parse_items(struct parse *p, unsigned *items)
{
	*items = 0;
	if (!parse_char(p, '('))
		return false;
	do {
		unsigned i = 0;

		while (i < STATUS_ITEMS && !parse_word(p, status_names[i]))
			i++;
		if (i == STATUS_ITEMS)
			return false;
		*items |= 1U << i;
	} while (parse_char(p, ' '));
	return parse_char(p, ')') && parse_end(p);
}

static uint64_t
status_value(const struct maildir_mailbox *m, enum status_item item)
{
	uint64_t recent = 0, unseen = 0;

	for (size_t i = 0; i < m->n; i++) {
		recent += m->v[i].recent;
		unseen += (m->v[i].flags & MAILDIR_SEEN) == 0;
	}
	switch (item) {
	case STATUS_MESSAGES:
		return m->n;
	case STATUS_RECENT:
		return recent;
	case STATUS_UIDNEXT:
		return m->next;
	case STATUS_UIDVALIDITY:
		return m->state.uidvalidity;
	case STATUS_UNSEEN:
		return unseen;
	case STATUS_ITEMS:
		break;
	}
	return 0;
}

static void
put_status(struct buf *out, const struct maildir_mailbox *m, struct span folder,
    unsigned items)
{
	const char *space = "";
	struct buf name;

	buf_init(&name, NAME_MAX_BYTES);
	(void)name_from_folder(folder, &name); /* a client named it */
	buf_puts(out, "* STATUS ");
	name_put(out, buf_span(&name));
	buf_puts(out, " (");
	for (unsigned i = 0; i < STATUS_ITEMS; i++) {
		if ((items & 1U << i) == 0)
			continue;
		buf_puts(out, space);
		buf_put_span(out, status_names[i]);
		buf_putf(out, " %llu",
		    (unsigned long long)status_value(m, (enum status_item)i));
		space = " ";
	}
	buf_puts(out, ")\r\n");
	buf_fini(&name);
}

enum step
cmd_status(struct session *s, struct parse *p)
{
	static const char syntax[] = "STATUS mailbox (items)";
	struct store_box *box;
	struct buf folder;
	struct why why;
	unsigned items;
	enum step step;

	buf_init(&folder, COMMAND_FOLDER_MAX);
	if (!command_mailbox(s, p, &folder, syntax)) {
		step = STEP_DONE;
	} else if (!parse_char(p, ' ') || !parse_items(p, &items)) {
		step = command_syntax(s, syntax);
	} else if (store_acquire(&s->account->store, buf_span(&folder), &box,
		       &why) != RC_OK) {
		step = reply_why(s, &why);
	} else {
		put_status(&s->out, box->m, buf_span(&folder), items);
		store_release(&s->account->store, &box);
		step = reply(s, REPLY_DONE, "Status");
	}
	buf_fini(&folder);
	return step;
}
