/*
 * Assembles commands out of the client's bytes: lines that end in CRLF and in
 * nothing else, and the literals inside them (RFC 3501 4.3, LITERAL+ of RFC
 * 7888). A command that is too long is thrown away to its end, however long
 * that is, and told once. Pure, fuzzed.
 *
 * A command with its literals is one text: `a LOGIN {3}\r\nbob "x"`. A literal
 * that the caller streams is not kept: its bytes come as INPUT_DATA, and the
 * text begins anew behind it.
 */
#ifndef IMAPD_INPUT_H
#define IMAPD_INPUT_H

#include "lib/base/buf.h"

#define INPUT_TAIL 32 /* bytes of a line's end that can announce a literal */

struct input {
	struct buf text;  /* of the command so far, without its last CRLF */
	uint64_t literal; /* octets that are announced, or still to come */
	bool sync;        /* the client waits for `+` before it sends them */
	bool streamed; /* the text stands behind a literal that was streamed */
	/* private: */
	enum {
		INPUT_AT_LINE,
		INPUT_AT_ANSWER, /* the caller has to say what to do */
		INPUT_AT_LITERAL,
		INPUT_AT_STREAM,
		INPUT_AT_END, /* of a command, which is cleared next time */
	} at;
	bool discarding; /* this command is being thrown away */
	bool told;       /* it was refused already: its end is not told */
	bool cr;         /* the last byte of the line was one */
	char tail[INPUT_TAIL];
	size_t tail_n;
};

enum input_kind {
	INPUT_NONE,    /* more bytes are needed */
	INPUT_COMMAND, /* `text` is one, until the next call */
	/* `text` ends in a literal's head: input_keep, _stream or _refuse */
	INPUT_LITERAL,
	INPUT_DATA,     /* *data: the next bytes of the streamed literal */
	INPUT_TOO_LONG, /* one has ended, `text` is its beginning */
};

/* `max`: bytes of a command with the literals that are kept in it. */
void input_init(struct input *in, size_t max);
void input_fini(struct input *in);

/*
 * Look at the bytes `bytes`. *used says how many to take away, *data borrows
 * from them.
 */
enum input_kind input_next(
    struct input *in, struct span bytes, struct span *data, size_t *used);

/*
 * After INPUT_LITERAL. Keep it in the text; false, and it is to be refused,
 * when it does not fit.
 */
bool input_keep(struct input *in);
/* Give its bytes out; forgets the text. */
void input_stream(struct input *in);
/* The command has been refused: what still comes of it is thrown away. */
void input_refuse(struct input *in);

#endif
