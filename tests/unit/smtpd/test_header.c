/* A submitted message's header: what is added, what is left out, who it says
 * wrote it. Each row in one piece, and octet by octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "smtpd/header.h"
#include "lib/base/banned.h"

#define F    "From: <al@a.example>\r\n"
#define D    "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"
#define M    "Message-ID: <id0@mx.example>\r\n"
#define FDM  F D M
#define X16  "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16

static const struct row {
	const char *name;
	const char *in;
	const char *out;
	const char *author;
} rows[] = {
    {"nothing lacks",
	"From: a@b\r\nDate: x\r\nMessage-ID: <y>\r\n\r\nBcc: body\r\n",
	"From: a@b\r\nDate: x\r\nMessage-ID: <y>\r\n\r\nBcc: body\r\n",
	"\n a@b"},
    {"all lack", "Subject: s\r\n\r\nbody\r\n",
	"Subject: s\r\n" FDM "\r\nbody\r\n", ""},
    {"only Date", F M "\r\n", F M D "\r\n", "\n <al@a.example>"},
    {"names in any case", "FROM:a@b\r\ndate:x\r\nmessage-id:<y>\r\n\r\n",
	"FROM:a@b\r\ndate:x\r\nmessage-id:<y>\r\n\r\n", "\na@b"},
    {"a space before the colon", "From : a@b\r\nBcc\t : c@d\r\n\r\n",
	"From : a@b\r\n" D M "\r\n", "\n a@b"},
    {"Bcc", F "Bcc: x@y\r\n" D M "\r\nb\r\n", FDM "\r\nb\r\n",
	"\n <al@a.example>"},
    {"Bcc, folded, twice, in any case",
	"bcc: x@y,\r\n z@y\r\n\tw@y\r\n" FDM "BCC:\r\n\r\nb\r\n",
	FDM "\r\nb\r\n", "\n <al@a.example>"},
    {"Resent-Bcc", FDM "Resent-Bcc: x@y\r\nResent-To: r@y\r\n\r\n",
	FDM "Resent-To: r@y\r\n\r\n", "\n <al@a.example>"},
    {"what only looks like Bcc", FDM "X-Bcc: x\r\nBccc: y\r\n\r\n",
	FDM "X-Bcc: x\r\nBccc: y\r\n\r\n", "\n <al@a.example>"},
    {"From folded", "From: \"A\r\n B\" <a@b>\r\n" D M "\r\n",
	"From: \"A\r\n B\" <a@b>\r\n" D M "\r\n", "\n \"A B\" <a@b>"},
    {"From twice, and Sender",
	"From: a@b\r\nFrom: c@d\r\nSender: e@f\r\n" D M "\r\n",
	"From: a@b\r\nFrom: c@d\r\nSender: e@f\r\n" D M "\r\n",
	"\n a@b\n c@d\n e@f"},
    {"From of nobody", "From:\r\nSender:\r\n" D M "\r\n",
	"From:\r\nSender:\r\n" D M "\r\n", "\n\n"},
    {"folded fields that are not From", D " a@b\r\n" M F "\r\n",
	D " a@b\r\n" M F "\r\n", "\n <al@a.example>"},
    {"empty", "", FDM, ""},
    {"no header", "\r\nbody\r\n", FDM "\r\nbody\r\n", ""},
    {"text without a header", "Hello you\r\nBcc: x\r\n",
	FDM "\r\nHello you\r\nBcc: x\r\n", ""},
    {"one word", "Hello\r\n", FDM "\r\nHello\r\n", ""},
    {"text behind fields", F "Hello you\r\nDate: x\r\n",
	F D M "\r\nHello you\r\nDate: x\r\n", "\n <al@a.example>"},
    {"a mailbox file's line", "From al@a Thu Jan 1\r\nDate: x\r\n",
	FDM "\r\nFrom al@a Thu Jan 1\r\nDate: x\r\n", ""},
    {"a fold that continues nothing", " From: x\r\n\r\n",
	FDM "\r\n From: x\r\n\r\n", ""},
    {"a colon alone", F ": x\r\n", F D M "\r\n: x\r\n", "\n <al@a.example>"},
    {"8 bit is in no name", "Fr\xc3\xb6m: x\r\n", FDM "\r\nFr\xc3\xb6m: x\r\n",
	""},
    {"longest name", X256 ": x\r\n\r\n", X256 ": x\r\n" FDM "\r\n", ""},
    {"a longer one", X256 "x: x\r\n\r\n", FDM "\r\n" X256 "x: x\r\n\r\n", ""},
    {"fields alone", "From: a@b\r\n", "From: a@b\r\n" D M, "\n a@b"},
    {"ends in a field", "From: a@b", "From: a@b\r\n" D M, "\n a@b"},
    {"ends in Bcc", F "Bcc: a@b", FDM, "\n <al@a.example>"},
    {"ends in a name", F "Bcc", F D M "\r\nBcc", "\n <al@a.example>"},
    {"ends in a line end", F "\r", F D M "\r", "\n <al@a.example>"},
};

static void
feed(struct header *h, struct span in, size_t piece, struct buf *out)
{
	const struct header_defaults d = {.sender = SPAN_LIT("al@a.example"),
	    .id = SPAN_LIT("id0"),
	    .hostname = SPAN_LIT("mx.example")};

	for (size_t i = 0; i < in.n; i += piece) {
		struct span part = span_head(span_from(in, i), piece);
		char *copy = span_dup(part); /* an overrun is seen */

		header_feed(h, span_make(copy, part.n), &d, out);
		free(copy);
	}
	header_end(h, &d, out);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	const size_t pieces[] = {1, 2, 7, 4096};

	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct header h;
		struct buf out;

		header_init(&h);
		buf_init(&out, 8192);
		feed(&h, span_of(row->in), pieces[i], &out);
		assert_string_equal(buf_cstr(&out), row->out);
		assert_string_equal(buf_cstr(&h.author), row->author);
		assert_false(out.over);
		assert_false(h.author.over);
		assert_int_equal(h.state, HEADER_DONE);
		header_fini(&h);
		buf_fini(&out);
	}
}

static void
long_author(void **state)
{
	struct header h;
	struct buf in, out;

	(void)state;
	header_init(&h);
	buf_init(&in, 65536);
	buf_init(&out, 65536);
	buf_puts(&in, "From: ");
	while (in.n < HEADER_AUTHOR_MAX + 6)
		buf_putc(&in, 'x');
	feed(&h, buf_span(&in), 4096, &out);
	assert_true(h.author.over);
	/* the message has all of it */
	assert_true(span_starts(buf_span(&out), buf_span(&in)));
	header_fini(&h);
	buf_fini(&in);
	buf_fini(&out);
}

/* A null sender writes no From. */
static void
null_sender(void **state)
{
	struct header h;
	struct buf out;

	(void)state;
	header_init(&h);
	buf_init(&out, 8192);
	header_end(&h,
	    &(struct header_defaults){
		.id = SPAN_LIT("i"), .hostname = SPAN_LIT("h")},
	    &out);
	assert_true(span_starts(buf_span(&out), SPAN_LIT("Date: ")));
	header_fini(&h);
	buf_fini(&out);
}

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

int
main(void)
{
	struct CMUnitTest tests[N_ROWS + 2] = {
	    [N_ROWS] = cmocka_unit_test(long_author),
	    [N_ROWS + 1] = cmocka_unit_test(null_sender)};

	for (size_t i = 0; i < N_ROWS; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
