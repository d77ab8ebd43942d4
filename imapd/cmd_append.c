/*
 * APPEND (RFC 3501 6.3.11) with APPENDUID (RFC 4315). The message is never
 * held whole: it goes from the client into a file without a name, piece by
 * piece, and gets its name, durably, before the OK.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "imapd/command.h"
#include "imapd/msgflags.h"
#include "imapd/name.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

static const char syntax[] = "APPEND mailbox [(flags)] [date-time] literal";

struct append {
	struct store_box *box;
	struct maildir_adding adding;
	struct buf lf;  /* a piece with LF line ends */
	bool held;      /* a CR that may be part of a line end */
	char last;      /* byte written */
	bool nul;       /* there was one: RFC 3501 has no such literal */
	struct why why; /* rc is not RC_OK: it could not be written */
};

/* What stands between APPEND and the literal. */
struct arguments {
	struct span mailbox;
	struct msgflags flags;
	bool has_date;
	int64_t date;
};

static bool
parse_arguments(struct parse *p, struct arguments *a)
{
	*a = (struct arguments){0};
	if (!parse_char(p, ' ') || !parse_astring(p, &a->mailbox) ||
	    !parse_char(p, ' '))
		return false;
	if (parse_peek(p) == '(' &&
	    (!msgflags_parse(p, false, &a->flags) || !parse_char(p, ' ')))
		return false;
	if (parse_peek(p) == '"') {
		a->has_date = true;
		if (!parse_date_time(p, &a->date) || !parse_char(p, ' '))
			return false;
	}
	return true;
}

bool
cmd_append_is_message(struct parse *p)
{
	struct span name;

	/* where the name itself is a literal, it has come already */
	return parse_char(p, ' ') && parse_astring(p, &name) &&
	       parse_char(p, ' ');
}

void
cmd_append_abandon(struct session *s)
{
	struct append *a = s->append;

	if (a == NULL)
		return;
	maildir_mailbox_add_abort(a->box->m, &a->adding);
	store_release(&s->account->store, &a->box);
	buf_fini(&a->lf);
	free(a);
	s->append = NULL;
}

static enum step
open_file(struct session *s, const struct arguments *args, struct span folder)
{
	struct append *a = mem_alloc(sizeof(*a));
	struct why why;
	enum rc rc;

	a->adding.file.fd = -1;
	buf_init(&a->lf, s->chunk.max + 1);
	rc = store_acquire(&s->account->store, folder, &a->box, &why);
	if (rc == RC_OK)
		rc = maildir_mailbox_add(a->box->m, &a->adding, &why);
	if (rc == RC_OK)
		rc = msgflags_bits(
		    &args->flags, a->box->m, true, &a->adding.flags, &why);
	a->adding.date =
	    args->has_date ? args->date : (int64_t)(clock_real_us() / 1000000);
	if (rc == RC_OK) {
		s->append = a;
		return STEP_DONE;
	}
	if (a->box != NULL)
		maildir_mailbox_add_abort(a->box->m, &a->adding);
	store_release(&s->account->store, &a->box);
	buf_fini(&a->lf);
	free(a);
	/* RFC 3501 6.3.11: not made by itself, but the client is told to */
	if (rc == RC_PERM && span_eq(span_of(why.status), SPAN_LIT("5.1.1")))
		return reply(s, REPLY_TRYCREATE, "");
	return reply_why(s, &why);
}

static enum step
begin(struct session *s, struct parse *p)
{
	uint64_t max = s->account->env.conf->imap.max_append;
	struct arguments args;
	struct buf folder;
	enum step step;

	if (!parse_arguments(p, &args) || parse_peek(p) != '{')
		return command_syntax(s, syntax);
	if (s->input.literal > max) {
		char text[32];

		(void)snprintf(
		    text, sizeof(text), "%llu", (unsigned long long)max);
		return reply(s, REPLY_TOO_BIG, text);
	}
	if (s->input.literal == 0)
		return reply(s, REPLY_CANNOT, "An empty message");
	buf_init(&folder, COMMAND_FOLDER_MAX);
	step = name_to_folder(args.mailbox, &folder)
		   ? open_file(s, &args, buf_span(&folder))
		   : reply(s, REPLY_BAD_NAME, "");
	buf_fini(&folder);
	return step;
}

enum step
cmd_append_begin(struct session *s)
{
	struct span tag;
	struct parse p;
	enum step step;

	s->tell = VIEW_EXPUNGE;
	parse_init(&p, buf_span(&s->input.text));
	/* the loop has looked: it is an APPEND */
	(void)parse_tag(&p, &tag);
	(void)span_copy(tag, s->tag, sizeof(s->tag));
	(void)parse_char(&p, ' ');
	(void)parse_word(&p, SPAN_LIT("APPEND"));
	step = begin(s, &p);
	parse_fini(&p);
	/* refused: that is its end */
	return s->append == NULL ? command_finish(s) : step;
}

/* CRLF becomes LF; any other CR stays. */
static void
to_lf(struct append *a, struct span in)
{
	buf_clear(&a->lf);
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		a->nul = a->nul || c == '\0';
		if (a->held && c != '\n')
			buf_putc(&a->lf, '\r');
		a->held = c == '\r';
		if (!a->held)
			buf_putc(&a->lf, c);
	}
}

static void
write_lf(struct append *a)
{
	struct span text = buf_span(&a->lf);
	const char *status;

	for (size_t i = 0; i < text.n; i++) {
		a->adding.wire += text.p[i] == '\n' && a->last != '\r' ? 2 : 1;
		a->last = text.p[i];
	}
	a->adding.size += text.n;
	if (a->why.rc != RC_OK ||
	    io_write_all(a->adding.file.fd, text.p, text.n))
		return;
	status = errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.0";
	why_sys(&a->why, RC_TEMP, status, "write to the mailbox");
}

enum step
cmd_append_data(struct session *s)
{
	to_lf(s->append, buf_span(&s->chunk));
	write_lf(s->append);
	return STEP_DONE;
}

static enum step
commit(struct session *s)
{
	struct append *a = s->append;
	struct maildir_mailbox *m = a->box->m;
	char code[32];
	uint32_t uid;

	if (a->held) {
		buf_clear(&a->lf);
		buf_putc(&a->lf, '\r');
		write_lf(a);
	}
	if (s->input.text.n > 0)
		return command_syntax(s, syntax);
	if (a->nul)
		return reply(s, REPLY_BAD_MESSAGE, "");
	if (a->why.rc != RC_OK)
		return reply_why(s, &a->why);
	if (maildir_mailbox_add_commit(m, &a->adding, &uid, &a->why) != RC_OK)
		return reply_why(s, &a->why);
	s->changed = true;
	(void)snprintf(code, sizeof(code), "%u %u", m->state.uidvalidity, uid);
	return reply(s, REPLY_APPENDED, code);
}

enum step
cmd_append_end(struct session *s)
{
	(void)commit(s);
	cmd_append_abandon(s);
	return command_finish(s);
}

/* What follows its message is no end of an APPEND. */
enum step
cmd_append_refuse(struct session *s)
{
	(void)command_syntax(s, syntax);
	cmd_append_abandon(s);
	return command_finish(s);
}
