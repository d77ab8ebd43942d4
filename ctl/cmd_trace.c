/*
 * steadctl trace: asks qmgr what its history says, and puts it in plain words.
 * What comes is printed as it comes. What strangers wrote goes out without
 * control characters.
 */
#include "ctl/cmd.h"
#include "ctl/output.h"
#include "ctl/server.h"
#include "lib/addr/beyond.h"
#include "lib/base/clock.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define LIMIT 1000
#define TEXTS                                                                  \
	"event time id from client helo service proto tls login msgid to "     \
	"account host status text reply notice parent origin at sid priority " \
	"release need by"

struct printer {
	bool json;
	uint64_t rows;
	char id[128]; /* of the story that is being told */
	bool failed;  /* stdout takes no more */
};

/* " WORD value", unless there is none. */
static void
put(struct buf *b, const struct output_row *row, const char *words,
    const char *key)
{
	struct span value = output_get(row, key);

	if (value.n == 0)
		return;
	buf_puts(b, words);
	output_plain(b, value);
}

static void
put_address(struct buf *b, const struct output_row *row, const char *words,
    const char *key)
{
	buf_puts(b, words);
	buf_putc(b, '<');
	output_plain(b, output_get(row, key));
	buf_putc(b, '>');
}

static void
put_client(struct buf *b, const struct output_row *row)
{
	put(b, row, ", client ", "client");
	put(b, row, " that calls itself ", "helo");
	put(b, row, ", logged in as ", "login");
	put(b, row, ", service ", "service");
}

static void
say_received(struct buf *b, const struct output_row *row)
{
	if (output_get(row, "parent").n > 0) {
		put(b, row, "a notice about ", "parent");
	} else if (output_get(row, "origin").n > 0) {
		put(b, row, "sent on by ~/.forward: ", "origin");
	} else {
		put_address(b, row, "received from ", "from");
		put_client(b, row);
		put(b, row, ", by ", "proto");
		put(b, row, " with ", "tls");
		if (output_get(row, "tls").n == 0)
			buf_puts(b, " without TLS");
		put(b, row, ", priority ", "priority");
		put(b, row, ", not to be sent before ", "release");
		put(b, row, ", TLS further on ", "need");
		put(b, row, ", to be delivered by ", "by");
	}
	buf_putf(
	    b, ", %llu bytes", (unsigned long long)output_number(row, "size"));
	if (output_get(row, "msgid").n > 0)
		put_address(b, row, ", Message-ID ", "msgid");
}

static void
say_recipient(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "for ", "to");
	if (output_get(row, "account").n == 0)
		buf_puts(b, " at another host");
	else
		put(b, row, ", mailbox ", "account");
}

/* Who said what of it. */
static void
put_words(struct buf *b, const struct output_row *row)
{
	if (output_get(row, "reply").n > 0) {
		put(b, row, "; ", "host");
		put(b, row, " said: ", "reply");
		put(b, row, " (", "tls");
		if (output_get(row, "tls").n > 0)
			buf_puts(b, ")");
	} else {
		put(b, row, ": ", "status");
		put(b, row, " ", "text");
	}
}

static void
say_delivered(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "delivered for ", "to");
	put(b, row, " into mailbox ", "account");
}

static void
say_forwarded(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "for ", "to");
	put(b, row, ", by ~/.forward of ", "account");
	put(b, row, ": ", "text");
}

static void
say_sent(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "sent to ", "to");
	put_words(b, row);
}

static void
say_delayed(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "failed for now for ", "to");
	put_words(b, row);
}

static void
say_failed(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "failed for good for ", "to");
	put_words(b, row);
}

static void
say_waits(struct buf *b, const struct output_row *row)
{
	buf_putf(b, "deferred: attempt %llu is to follow in %llu s",
	    (unsigned long long)output_number(row, "attempts") + 1,
	    (unsigned long long)output_number(row, "seconds"));
}

static void
say_returned(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "given up for ", "to");
	put(b, row, "; the sender is told by notice ", "notice");
}

static void
say_told(struct buf *b, const struct output_row *row)
{
	put(b, row, "the sender is told by notice ", "notice");
	put(b, row, ": ", "text");
	put_address(b, row, ", ", "to");
}

static void
say_dropped(struct buf *b, const struct output_row *row)
{
	put_address(b, row, "given up for ", "to");
	put_words(b, row);
	buf_puts(b, "; there is no sender to tell");
}

static void
say_refused(struct buf *b, const struct output_row *row)
{
	put(b, row, "refused at ", "at");
	/* a message that was received has said the rest */
	if (output_get(row, "client").n > 0) {
		put_address(b, row, ": from ", "from");
		if (output_get(row, "to").n > 0)
			put_address(b, row, " to ", "to");
		put_client(b, row);
	}
	put(b, row, "; the client was told: ", "status");
	put(b, row,
	    output_get(row, "status").n > 0 ? " " : "; the client was told: ",
	    "reply");
}

static void
say_damaged(struct buf *b, const struct output_row *row)
{
	buf_puts(b, "its queue file is damaged, and has been put aside");
	put(b, row, ": ", "text");
}

static void
say_more(struct buf *b, const struct output_row *row)
{
	buf_putf(b, "%llu more attempts were refused, and only counted",
	    (unsigned long long)output_number(row, "refused"));
}

static void
say_gap(struct buf *b, const struct output_row *row)
{
	buf_putf(b, "%llu events before this could not be written",
	    (unsigned long long)output_number(row, "lost"));
}

/* An event's words: a function's, or always the same. */
static const struct event {
	const char *name;
	void (*say)(struct buf *b, const struct output_row *row);
	const char *words;
} events[] = {
    {"received", say_received, NULL},
    {"recipient", say_recipient, NULL},
    {"queued", NULL, "written to the queue, and taken"},
    {"delivered", say_delivered, NULL},
    {"forwarded", say_forwarded, NULL},
    {"sent", say_sent, NULL},
    {"delayed", say_delayed, NULL},
    {"failed", say_failed, NULL},
    {"waits", say_waits, NULL},
    {"returned", say_returned, NULL},
    {"told", say_told, NULL},
    {"dropped", say_dropped, NULL},
    {"done", NULL, "has left the queue"},
    {"held", NULL, "held by an administrator"},
    {"released", NULL, "released by an administrator"},
    {"deleted", NULL, "deleted by an administrator"},
    {"damaged", say_damaged, NULL},
    {"gone", NULL, "its queue file was gone: somebody has taken it away"},
    {"refused", say_refused, NULL},
    {"more", say_more, NULL},
    {"gap", say_gap, NULL},
};

static void
put_event(struct buf *b, const struct output_row *row)
{
	struct span name = output_get(row, "event");

	buf_puts(b, "  ");
	output_plain(b, output_get(row, "time"));
	buf_puts(b, "  ");
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (!span_eq(name, span_of(events[i].name)))
			continue;
		if (events[i].say != NULL)
			events[i].say(b, row);
		else
			buf_puts(b, events[i].words);
		buf_putc(b, '\n');
		return;
	}
	/* of a newer server */
	output_plain(b, name);
	buf_putc(b, '\n');
}

/* Stories are set apart, and headed by their IDs. */
static void
put_head(struct printer *p, struct buf *b, const struct output_row *row)
{
	struct span id = output_get(row, "id");

	if (p->rows > 0 && span_eq(id, span_of(p->id)))
		return;
	(void)span_copy(id, p->id, sizeof(p->id)); /* else each has a head */
	if (p->rows > 0)
		buf_putc(b, '\n');
	if (id.n > 0) {
		output_plain(b, id);
		buf_putc(b, '\n');
	}
}

static void
on_row(void *ctx, struct span text)
{
	struct printer *p = ctx;
	struct output_row row;
	struct buf b;

	output_parse(&row, text);
	buf_init(&b, 4 * IPC_FRAME_MAX);
	if (p->json) {
		buf_puts(&b, p->rows > 0 ? ",\n" : "\n");
		output_json_row(&b, &row, TEXTS);
	} else {
		put_head(p, &b, &row);
		put_event(&b, &row);
	}
	p->rows++;
	if (b.over || fwrite(b.p, 1, b.n, stdout) != b.n)
		p->failed = true;
	buf_fini(&b);
	output_fini(&row);
}

/* "2d" before now, or "2026-11-26", "2026-11-26T10:00" and so on (UTC). */
static bool
parse_since(struct span text, uint64_t *ms)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	uint64_t now = clock_real_us() / 1000, ago, us;
	bool ok = false;
	struct buf b;

	if (num_duration(text, &ago)) {
		*ms = ago < now ? now - ago : 0;
		return true;
	}
	buf_init(&b, sizeof(form));
	if (text.n >= 10 && text.n < sizeof(form)) {
		buf_put_span(&b, text);
		buf_puts(&b, form + text.n);
		ok = clock_get_rfc3339(buf_span(&b), &us);
	}
	buf_fini(&b);
	if (ok)
		*ms = us / 1000;
	return ok;
}

/* Options may stand before and behind; what is asked for is left. */
static bool
parse(const struct command_call *call, struct printer *p,
    struct msg_queue_trace *q)
{
	for (int i = 0; i < call->argc; i++) {
		struct span word = span_of(call->argv[i]);
		const char *next =
		    i + 1 < call->argc ? call->argv[i + 1] : NULL;

		if (span_eq(word, SPAN_LIT("--json"))) {
			p->json = true;
		} else if (span_eq(word, SPAN_LIT("--since")) && next != NULL) {
			if (!parse_since(span_of(next), &q->since))
				return false;
			i++;
		} else if (span_eq(word, SPAN_LIT("-n")) && next != NULL) {
			if (!num_u64(span_of(next), &q->limit))
				return false;
			i++;
		} else if (q->what.p == NULL && word.n > 0 &&
			   word.p[0] != '-') {
			q->what = word;
		} else {
			return false;
		}
	}
	return q->what.p != NULL;
}

static int
conclude(
    struct printer *p, struct server *s, bool answered, struct server_answer *a)
{
	/* half an array is left open: no JSON */
	if (p->json && answered && (a->rc == RC_OK || p->rows == 0) &&
	    fputs(p->rows > 0 ? "\n]\n" : "]\n", stdout) == EOF)
		p->failed = true;
	if (fflush(stdout) != 0)
		p->failed = true;
	if (!answered) {
		server_say_gone(s);
		return COMMAND_NO_SERVER;
	}
	if (a->text.n > 0)
		command_say("%s", buf_cstr(&a->text));
	if (p->failed)
		command_say("standard output takes no more");
	return a->rc == RC_OK && !p->failed ? COMMAND_OK : COMMAND_FAILED;
}

int
cmd_trace(const struct command_call *call)
{
	struct printer p = {.json = call->json};
	union ipc_msg msg = {.queue_trace = {.id = 1, .limit = LIMIT}};
	struct msg_queue_trace *q = &msg.queue_trace;
	struct server_answer a = {.on_row = on_row, .ctx = &p};
	struct server *s;
	struct buf what;
	bool answered;
	int status;

	if (!parse(call, &p, q)) {
		command_say("expected: trace [--since 2d|2026-11-26] [-n N] "
			    "ID|MESSAGE-ID|ADDRESS");
		return COMMAND_USAGE;
	}
	s = server_worker(call, ROLE_QMGR, &status);
	if (s == NULL)
		return status;
	if (p.json && fputs("[", stdout) == EOF)
		p.failed = true;
	buf_init(&what, IPC_FRAME_MAX);
	addr_beyond_written(q->what, &what);
	q->what = buf_span(&what);
	answered = server_ask(s, MSG_QUEUE_TRACE, &msg, &a);
	buf_fini(&what);
	status = conclude(&p, s, answered, &a);
	server_answer_fini(&a);
	server_close(&s);
	return status;
}
