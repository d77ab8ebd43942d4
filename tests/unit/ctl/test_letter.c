#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctl/letter.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define ALL "From: f\r\nDate: d\r\nMessage-ID: i\r\n"

static void
written(const struct letter *l, struct buf *out)
{
	static const struct letter_defaults defaults = {
	    SPAN_LIT("f"), SPAN_LIT("d"), SPAN_LIT("i")};

	assert_true(letter_write(l, &defaults, out));
}

static void
recipients(const struct letter *l, struct buf *out)
{
	letter_recipients(l, SPAN_LIT("h.org"), out);
}

static void
cut(const struct letter *l, struct buf *out)
{
	buf_put_span(out, letter_cut_at_dot(l->body));
}

static const struct row {
	const char *name;
	void (*make)(const struct letter *l, struct buf *out);
	struct span in;
	const char *out;
} rows[] = {
    {"nothing", written, SPAN_LIT(""), ALL "\r\n.\r\n"},
    {"no header", written, SPAN_LIT("hello\n"), ALL "\r\nhello\r\n.\r\n"},
    {"no header, no line end", written, SPAN_LIT("a b: c"),
	ALL "\r\na b: c\r\n.\r\n"},
    {"all is there", written,
	SPAN_LIT("from: a\nDATE: b\nMessage-Id: c\n\nx\n"),
	"from: a\r\nDATE: b\r\nMessage-Id: c\r\n\r\nx\r\n.\r\n"},
    {"an empty line first", written, SPAN_LIT("\nTo: x\n"),
	ALL "\r\nTo: x\r\n.\r\n"},
    {"header without an empty line", written, SPAN_LIT("To: x\ntext\n"),
	"To: x\r\n" ALL "\r\ntext\r\n.\r\n"},
    {"header only", written, SPAN_LIT("To: x\n"), "To: x\r\n" ALL "\r\n.\r\n"},
    {"folded", written, SPAN_LIT("To: x,\n\ty\n\n"),
	"To: x,\r\n\ty\r\n" ALL "\r\n.\r\n"},
    {"folded first: no header", written, SPAN_LIT(" To: x\n"),
	ALL "\r\n To: x\r\n.\r\n"},
    {"of a mailbox file", written, SPAN_LIT("From me now\nTo: x\n\n"),
	"To: x\r\n" ALL "\r\n.\r\n"},
    {"Bcc is left out", written,
	SPAN_LIT("Bcc: s,\n t\nTo: x\nresent-bcc : u\nBccX: v\n\n"),
	"To: x\r\nBccX: v\r\n" ALL "\r\n.\r\n"},
    {"line ends of all kinds", written, SPAN_LIT("\na\rb\r\nc\r\r\nd\n\re"),
	ALL "\r\na\r\nb\r\nc\r\nd\r\n\r\ne\r\n.\r\n"},
    {"dots", written, SPAN_LIT("\n.\n..\n.x\nx.\n"),
	ALL "\r\n..\r\n...\r\n..x\r\nx.\r\n.\r\n"},
    {"a dot behind NUL", written, SPAN_LIT("\n\0.\n\0\0\na\0b\n"),
	ALL "\r\n..\r\n\r\nab\r\n.\r\n"},
    {"a dot that begins a field", written, SPAN_LIT(".a: x\n\n"),
	"..a: x\r\n" ALL "\r\n.\r\n"},
    {"recipients", recipients,
	SPAN_LIT("To: root, A B <c@D.e>\nSubject: To: z\ncc: (x) q@r\n"
		 "Bcc: y\n\nTo: body\n"),
	"root@h.org\nc@d.e\nq@r\ny@h.org\n"},
    {"recipients, folded", recipients, SPAN_LIT("To: a,\n b\n\n"),
	"a@h.org\nb@h.org\n"},
    {"a group", recipients, SPAN_LIT("To: g: a, b@c;, d\nCc: none:;\n\n"),
	"a@h.org\nb@c\nd@h.org\n"},
    {"sent on", recipients,
	SPAN_LIT("To: a\nResent-To: b\nResent-From: c\nResent-Bcc: d\n\n"),
	"b@h.org\nd@h.org\n"},
    {"a quoted one", recipients, SPAN_LIT("To: \"a b\"@c, \"d\"@e\n\n"),
	"\"a b\"@c\nd@e\n"},
    {"a domain that is missing", recipients,
	SPAN_LIT("To: a@, <b@>, c@@d, e (x@y), \"@\" <f>, g@ ;\n\n"),
	"a@\nb@\nc@\ne@h.org\nf@h.org\ng@\n"},
    {"nobody", recipients, SPAN_LIT("Subject: x\n\nTo: a\n"), ""},
    {"cut at a dot", cut, SPAN_LIT("\na\n.\nb\n"), "a\n"},
    {"cut at a dot with CR", cut, SPAN_LIT("\na\r\n.\r\nb\r\n"), "a\r\n"},
    {"no dot alone", cut, SPAN_LIT("\n..\na.\n"), "..\na.\n"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct letter l;
	struct buf b;

	buf_init(&b, 4096);
	letter_read(&l, row->in);
	row->make(&l, &b);
	assert_string_equal(buf_cstr(&b), row->out);
	buf_fini(&b);
}

ROWS_MAIN(rows, check_row)
