/*
 * A message as programs hand it to sendmail: fields that may be missing, line
 * ends of any kind, an envelope in its header. Taken apart and put together
 * again for the server. Pure, fuzzed.
 */
#ifndef CTL_LETTER_H
#define CTL_LETTER_H

#include "lib/base/buf.h"

struct letter {
	struct span head; /* its fields, as they came */
	struct span body; /* without the empty line before it */
	bool resent;      /* a Resent- field: the message is sent on */
	bool has_from;
	bool has_date;
	bool has_id;
};

/* What the message is given where it has none; whole values, no line ends. */
struct letter_defaults {
	struct span from;
	struct span date;
	struct span id;
};

/* Without what stands behind a line of a single dot. */
struct span letter_cut_at_dot(struct span in);
/*
 * Take apart, borrowing from `in`. A line end is LF, CR LF or CR; a leading
 * "From " line of a mailbox file is left out. The header ends before the first
 * line that is no field: text without a header is all body.
 */
void letter_read(struct letter *l, struct span in);
/*
 * The recipients in the header (To, Cc, Bcc; of the Resent- ones when there
 * are such, RFC 5322 3.6.6), appended as letter_addresses() does.
 */
void letter_recipients(
    const struct letter *l, struct span domain, struct buf *out);
/*
 * Each address of a list, without names and comments, appended with an LF
 * behind it; one without '@' gets `domain`. What is no mailbox ("joe@") is
 * appended like the others: the server refuses it by name. Control characters
 * become '?', so that an address is one line.
 */
void letter_addresses(struct span list, struct span domain, struct buf *out);
/*
 * The message as it follows DATA (RFC 5321 4.5.2): CR LF, dots stuffed, the
 * line of a single dot at its end; appended. Bcc and Resent-Bcc are left out,
 * which is why they may be used; so is NUL, which no server takes. False when
 * it does not fit.
 */
bool letter_write(
    const struct letter *l, const struct letter_defaults *d, struct buf *out);

#endif
