/*
 * The Message-ID of a message: see msgid.h.
 */
#include "smtpd/msgid.h"
#include "lib/base/banned.h"

#define NAME "message-id:"

static void
start_value(struct msgid *m)
{
	m->n = 0;
	m->open = false;
	m->state = MSGID_VALUE;
}

/* A byte of a field's name; what does not fit is another's. */
static void
name_byte(struct msgid *m, char c)
{
	/* RFC 5322 4.5: there may be blanks before the colon */
	if ((c == ' ' || c == '\t') && m->n == sizeof(NAME) - 2)
		return;
	m->text[m->n++] = c;
	if (!span_starts_ci(SPAN_LIT(NAME), span_make(m->text, m->n))) {
		m->state = MSGID_SKIP;
		m->n = 0;
	} else if (m->n == sizeof(NAME) - 1) {
		start_value(m);
	}
}

static void
value_byte(struct msgid *m, char c)
{
	bool blank = c == ' ' || c == '\t';

	if (c == '<' && !m->open) {
		/* what stood before it was a comment, or worse */
		m->n = 0;
		m->open = true;
	} else if ((c == '>' && m->open) ||
		   (blank && !m->open && m->n > 0 && m->text[0] != '(')) {
		m->state = MSGID_DONE;
	} else if (c != '\r' && !blank && m->n < sizeof(m->text)) {
		m->text[m->n++] =
		    (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
	}
}

/* The first byte of a line. */
static void
start_byte(struct msgid *m, char c)
{
	bool blank = c == ' ' || c == '\t';

	if (m->state == MSGID_FOLD) {
		/* not folded: what it had is all */
		m->state = blank ? MSGID_VALUE : MSGID_DONE;
	} else if (c == '\r') {
		m->state = MSGID_DONE; /* the header's end, or no mail */
	} else {
		m->state = blank ? MSGID_SKIP : MSGID_NAME;
		m->n = 0;
		if (m->state == MSGID_NAME)
			name_byte(m, c);
	}
}

static void
line_end(struct msgid *m)
{
	if (m->state == MSGID_START)
		m->state = MSGID_DONE;
	else if (m->state == MSGID_VALUE || m->state == MSGID_FOLD)
		m->state = m->n > 0 && !m->open ? MSGID_DONE : MSGID_FOLD;
	else
		m->state = MSGID_START;
}

void
msgid_feed(struct msgid *m, struct span piece)
{
	for (size_t i = 0; i < piece.n && m->state != MSGID_DONE; i++) {
		char c = piece.p[i];

		/* a name that the header's end cuts off is no value */
		if (c == '\n' && m->state == MSGID_NAME)
			m->n = 0;
		if (c == '\n')
			line_end(m);
		else if (m->state == MSGID_START || m->state == MSGID_FOLD)
			start_byte(m, c);
		else if (m->state == MSGID_NAME)
			name_byte(m, c);
		else if (m->state == MSGID_VALUE)
			value_byte(m, c);
	}
}

struct span
msgid_text(const struct msgid *m)
{
	bool value = m->state == MSGID_VALUE || m->state == MSGID_FOLD ||
		     m->state == MSGID_DONE;

	return value ? span_make(m->text, m->n) : SPAN_NONE;
}
