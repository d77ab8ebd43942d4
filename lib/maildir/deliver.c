/*
 * One message into one mailbox: see deliver.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/maildir/deliver.h"
#include "lib/maildir/durable.h"
#include "lib/maildir/list.h"
#include "lib/maildir/place.h"
#include "lib/maildir/repeat.h"
#include "lib/base/banned.h"

#define CHUNK 65536U

/* A file being written, and what its name has to tell. */
struct copy {
	int fd;
	struct buf b; /* not yet written */
	char last;    /* byte written */
	uint64_t size;
	uint64_t bare; /* LFs without a CR before them */
};

static enum rc
write_failed(struct why *why)
{
	const char *status = errno == ENOSPC   ? "4.3.1"
			     : errno == EDQUOT ? "4.2.2"
					       : "4.3.0";

	return why_sys(why, RC_TEMP, status, "write to the mailbox");
}

static enum rc
flush_buf(struct copy *c, struct why *why)
{
	const char *p = c->b.p;

	for (size_t i = 0; i < c->b.n; i++)
		c->bare += p[i] == '\n' && (i > 0 ? p[i - 1] : c->last) != '\r';
	if (c->b.n > 0)
		c->last = p[c->b.n - 1];
	c->size += c->b.n;
	if (!io_write_all(c->fd, p, c->b.n))
		return write_failed(why);
	buf_clear(&c->b);
	return RC_OK;
}

/* In place; returns how many bytes are left. A CR at the end stays. */
static size_t
crlf_to_lf(char *p, size_t n)
{
	size_t to = 0, i = 0;

	while (i < n) {
		const char *cr = memchr(p + i, '\r', n - i);
		size_t end = cr == NULL ? n : (size_t)(cr - p);

		memmove(p + to, p + i, end - i);
		to += end - i;
		i = end + 1;
		if (end < n && !(i < n && p[i] == '\n'))
			p[to++] = '\r';
	}
	return to;
}

static void
put_value(struct buf *b, struct span s)
{
	/* no value makes a line, whatever was said before */
	for (size_t i = 0; i < s.n; i++)
		buf_putc(b, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f
				? '?'
				: s.p[i]);
}

static void
put_head(struct buf *b, const struct maildir_deliver *d)
{
	buf_puts(b, "Return-Path: <");
	put_value(b, d->sender);
	buf_puts(b, ">\n");
	if (!span_starts(d->trace, SPAN_LIT("Delivered-To: "))) {
		buf_puts(b, "Delivered-To: ");
		put_value(b, d->account);
		buf_puts(b, "\n");
	}
	buf_put_span(b, d->trace);
	/* as it would come back from the queue's file */
	if (d->trace.n > 0 && d->trace.p[d->trace.n - 1] != '\n')
		buf_puts(b, "\n");
}

static enum rc
copy_body(struct copy *c, const struct maildir_deliver *d, struct why *why)
{
	uint64_t done = 0;
	size_t held = 0; /* a CR whose LF may come with the next chunk */
	enum rc rc = RC_OK;

	while (rc == RC_OK && done < d->size) {
		uint64_t left = d->size - done;
		size_t want = left < CHUNK ? (size_t)left : CHUNK, got;
		char *to = buf_reserve(&c->b, held + want);

		to[0] = '\r';
		if (!io_pread_all(d->file, to + held, want,
			(off_t)(d->offset + done), &got))
			return why_sys(why, RC_TEMP, "4.3.0", "read message");
		if (got != want)
			return why_set(why, RC_TEMP, "4.3.0",
			    "the message is shorter than was said");
		done += got;
		got += held;
		held = done < d->size && to[got - 1] == '\r';
		c->b.n += crlf_to_lf(to, got - held);
		rc = flush_buf(c, why);
	}
	return rc == RC_OK ? flush_buf(c, why) : rc;
}

static enum rc
write_message(struct copy *c, const struct maildir_deliver *d, struct why *why)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
	    {.tv_sec = (time_t)(d->arrived_us / 1000000),
		.tv_nsec = (long)(d->arrived_us % 1000000) * 1000}};
	size_t head = d->sender.n + d->account.n + d->trace.n + 64;
	enum rc rc;

	buf_init(&c->b, head + CHUNK + 1);
	put_head(&c->b, d);
	rc = copy_body(c, d, why);
	/* INTERNALDATE; and no later than the queue ID: maildir_file_torn() */
	if (rc == RC_OK && d->arrived_us != 0 && futimens(c->fd, times) < 0)
		rc = why_sys(why, RC_TEMP, "4.3.0", "time of the message");
	buf_fini(&c->b);
	return rc;
}

enum rc
maildir_deliver_text(const struct maildir_deliver *d, int fd, struct why *why)
{
	struct copy c = {.fd = fd};

	return write_message(&c, d, why);
}

/* A mailbox at work. */
struct deposit {
	const struct maildir_root *root;
	const struct maildir_deliver *d;
	struct maildir_folders folders; /* new/ alone, or all */
	struct durable durable;
	struct maildir_repeat repeat;
	bool later; /* asked for, and of the root's own file system */
};

/* Write and name it. *existed: something stands under the name already. */
static enum rc
attempt(struct deposit *p, unsigned number, struct maildir_delivered *out,
    bool *existed, struct why *why)
{
	struct copy c = {.fd = -1};
	struct durable_file f;
	char suffix[4] = "";
	enum rc rc;

	*existed = false;
	rc = durable_create(&p->durable, p->repeat.base, &f, why);
	if (rc != RC_OK)
		return rc;
	c.fd = f.fd;
	rc = write_message(&c, p->d, why);
	if (rc != RC_OK) {
		durable_abort(&p->durable, &f);
		return rc;
	}
	if (number > 0)
		(void)snprintf(suffix, sizeof(suffix), ".%u", number % 10);
	(void)snprintf(out->name, sizeof(out->name), "%s%s,S=%llu,W=%llu",
	    p->repeat.base, suffix, (unsigned long long)c.size,
	    (unsigned long long)(c.size + c.bare));
	out->size = c.size;
	if (p->later) {
		rc = durable_name(&p->durable, &f, out->name, existed, why);
		out->unflushed = rc == RC_OK && !*existed;
	} else {
		rc = durable_commit(&p->durable, &f, out->name, existed, why);
	}
	io_close(&f.fd);
	return rc;
}

/* The first number of which nothing is there. */
static unsigned
free_number(unsigned torn)
{
	unsigned n = 0;

	while (n <= MAILDIR_REPEAT_LAST && (torn & 1U << n) != 0)
		n++;
	return n;
}

static enum rc
open_folders(struct deposit *p, struct why *why)
{
	struct maildir_place place;
	enum rc rc;

	p->later = false; /* it may lie on another file system */
	maildir_place_close(&p->folders);
	if (p->d->maildir != NULL)
		rc = maildir_list_folders(p->d->maildir, &p->folders, why);
	else if (maildir_place_of(p->d->account, &place, why) != RC_OK)
		return RC_PERM;
	else
		rc = maildir_place_open(
		    p->root->fd, &place, true, &p->folders, why);
	if (rc == RC_OK)
		rc = durable_init(
		    &p->durable, p->folders.new, p->folders.tmp, why);
	return rc;
}

/* What the first attempt needs. */
static enum rc
open_for_first(struct deposit *p, struct why *why)
{
	struct maildir_place place;

	if (p->d->maildir == NULL && !p->d->again &&
	    maildir_place_of(p->d->account, &place, why) == RC_OK)
		p->folders.new = maildir_place_new(p->root, &place);
	if (p->folders.new < 0)
		return open_folders(p, why);
	p->durable = (struct durable){p->folders.new, -1, true};
	p->later = p->d->later;
	return RC_OK;
}

static enum rc
search_earlier(struct deposit *p, struct why *why)
{
	enum rc rc = RC_OK;

	if (p->folders.cur < 0)
		rc = open_folders(p, why);
	return rc == RC_OK ? maildir_repeat_find(
				 &p->repeat, &p->durable, &p->folders, why)
			   : rc;
}

static enum rc
deposit(struct deposit *p, struct maildir_delivered *out, struct why *why)
{
	bool search = p->d->again, existed;
	unsigned number = 0;
	enum rc rc;

	for (int i = 0; i < 2; i++) {
		if (search) {
			rc = search_earlier(p, why);
			if (rc != RC_OK)
				return rc;
			number = free_number(p->repeat.torn);
		}
		if (p->repeat.whole) {
			memcpy(out->name, p->repeat.name, sizeof(out->name));
			out->size = p->repeat.size;
			out->existed = true;
			return RC_OK;
		}
		if (number > MAILDIR_REPEAT_LAST)
			break;
		rc = attempt(p, number, out, &existed, why);
		/* what is there may be torn: look, whatever commit thinks */
		if (!existed)
			return rc;
		search = true;
	}
	return why_set(
	    why, RC_TEMP, "4.3.0", "all names of %s are taken", p->repeat.base);
}

enum rc
maildir_deliver(const struct maildir_root *root,
    const struct maildir_deliver *d, struct maildir_delivered *out,
    struct why *why)
{
	struct deposit p = {.root = root, .d = d, .folders = {-1, -1, -1, -1}};
	enum rc rc;

	*out = (struct maildir_delivered){0};
	rc = maildir_repeat_init(&p.repeat, d->qid, d->rcpt, why);
	if (rc == RC_OK &&
	    (d->size > INT64_MAX || d->offset > INT64_MAX - d->size))
		rc = why_set(why, RC_TEMP, "4.3.0", "impossible size");
	if (rc == RC_OK)
		rc = open_for_first(&p, why);
	if (rc == RC_OK)
		rc = deposit(&p, out, why);
	maildir_place_close(&p.folders);
	return rc;
}

int
maildir_deliver_before(const struct maildir_root *root)
{
	return root->by_name
		   ? openat(root->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		   : -1;
}

enum rc
maildir_deliver_flush(int fd, struct why *why)
{
	return durable_all(fd, why);
}

void
maildir_deliver_undo(const struct maildir_root *root,
    const struct maildir_deliver *d, const struct maildir_delivered *out)
{
	struct maildir_place place;
	struct why why;
	int dir;

	if (maildir_place_of(d->account, &place, &why) != RC_OK)
		return;
	dir = maildir_place_new(root, &place);
	if (dir >= 0)
		durable_unname(dir, out->name);
	io_close(&dir);
}
