/*
 * Assembling commands: see input.h.
 */
#include "imapd/input.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define KEEP 4096

void
input_init(struct input *in, size_t max)
{
	*in = (struct input){.at = INPUT_AT_LINE};
	buf_init(&in->text, max);
}

void
input_fini(struct input *in)
{
	buf_fini(&in->text);
}

static void
restart(struct input *in)
{
	/* a long command's memory is not kept for a client that idles */
	if (in->text.cap > KEEP)
		buf_fini(&in->text);
	buf_clear(&in->text);
	in->at = INPUT_AT_LINE;
	in->discarding = in->told = in->cr = in->streamed = false;
	in->tail_n = 0;
}

/* Does the line end in "{123}" or "{123+}"? */
static bool
literal_head(struct span line, uint64_t *octets, bool *sync)
{
	size_t brace = span_rfind(line, '{');
	struct span inner;

	if (line.n == 0 || line.p[line.n - 1] != '}' || brace == line.n)
		return false;
	inner = span_from(span_head(line, line.n - 1), brace + 1);
	*sync = inner.n == 0 || inner.p[inner.n - 1] != '+';
	if (!*sync)
		inner = span_head(inner, inner.n - 1);
	return num_u64_padded(inner, octets);
}

/* The last bytes of the line, for a literal's head that stands there. */
static void
keep_tail(struct input *in, struct span bytes)
{
	size_t n = bytes.n < INPUT_TAIL ? bytes.n : INPUT_TAIL;
	size_t old = in->tail_n + n > INPUT_TAIL ? INPUT_TAIL - n : in->tail_n;

	memmove(in->tail, in->tail + in->tail_n - old, old);
	if (n > 0)
		memcpy(in->tail + old, bytes.p + bytes.n - n, n);
	in->tail_n = old + n;
}

static void
take(struct input *in, struct span bytes)
{
	keep_tail(in, bytes);
	if (in->discarding || bytes.n == 0)
		return;
	if (buf_put_span(&in->text, bytes))
		return;
	in->discarding = true;
	in->text.over = false;
	/* the tag, for whoever refuses it */
	if (in->text.n == 0)
		buf_put_span(&in->text, span_head(bytes, in->text.max));
}

static enum input_kind
end_of_command(struct input *in)
{
	bool told = in->told;

	in->at = INPUT_AT_END;
	if (!in->discarding)
		return INPUT_COMMAND;
	return told ? INPUT_NONE : INPUT_TOO_LONG;
}

/* The line's CRLF has come; it is in the text and the tail. */
static enum input_kind
end_of_line(struct input *in)
{
	struct span tail = span_make(in->tail, in->tail_n - 2);
	bool literal = literal_head(tail, &in->literal, &in->sync);

	in->tail_n = 0;
	in->cr = false;
	if (in->discarding && literal && !in->sync) {
		in->at = in->literal > 0 ? INPUT_AT_LITERAL : INPUT_AT_LINE;
		return INPUT_NONE;
	}
	if (!in->discarding && literal) {
		in->at = INPUT_AT_ANSWER;
		return INPUT_LITERAL;
	}
	if (!in->discarding)
		in->text.n -= 2;
	return end_of_command(in);
}

static enum input_kind
take_line(struct input *in, struct span bytes, size_t *used)
{
	size_t from = 0;

	while (from < bytes.n) {
		struct span rest = span_from(bytes, from);
		size_t lf = span_find(rest, '\n');
		bool cr = lf > 0 ? rest.p[lf - 1] == '\r' : in->cr;

		if (lf == rest.n) {
			in->cr = rest.p[rest.n - 1] == '\r';
			take(in, rest);
			break;
		}
		take(in, span_head(rest, lf + 1));
		from += lf + 1;
		in->cr = false;
		if (cr) {
			*used = from;
			return end_of_line(in);
		}
	}
	*used = bytes.n;
	return INPUT_NONE;
}

enum input_kind
input_next(struct input *in, struct span bytes, struct span *data, size_t *used)
{
	size_t n = bytes.n < in->literal ? bytes.n : (size_t)in->literal;
	enum input_kind kind = INPUT_NONE;

	*used = 0;
	*data = SPAN_NONE;
	switch (in->at) {
	case INPUT_AT_ANSWER:
		return INPUT_NONE;
	case INPUT_AT_LITERAL:
	case INPUT_AT_STREAM:
		in->literal -= n;
		*used = n;
		if (in->at == INPUT_AT_STREAM)
			*data = span_head(bytes, n);
		else if (!in->discarding)
			buf_put_span(&in->text, span_head(bytes, n));
		kind = data->n > 0 ? INPUT_DATA : INPUT_NONE;
		if (in->literal == 0)
			in->at = INPUT_AT_LINE;
		break;
	case INPUT_AT_END:
		restart(in);
		return take_line(in, bytes, used);
	case INPUT_AT_LINE:
		return take_line(in, bytes, used);
	}
	return kind;
}

bool
input_keep(struct input *in)
{
	/* what announced it is known to be small */
	if (in->literal > in->text.max - in->text.n)
		return false;
	in->at = in->literal > 0 ? INPUT_AT_LITERAL : INPUT_AT_LINE;
	return true;
}

void
input_stream(struct input *in)
{
	buf_clear(&in->text);
	in->streamed = true;
	in->at = in->literal > 0 ? INPUT_AT_STREAM : INPUT_AT_LINE;
}

void
input_refuse(struct input *in)
{
	if (in->sync && in->at == INPUT_AT_ANSWER) {
		/* the client, told so, sends nothing more of it */
		in->at = INPUT_AT_END;
		return;
	}
	in->discarding = in->told = true;
	if (in->at == INPUT_AT_ANSWER || in->at == INPUT_AT_STREAM)
		in->at = in->literal > 0 ? INPUT_AT_LITERAL : INPUT_AT_LINE;
}
