#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/mime/envelope.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define FROM(s) "(NIL NIL (" s ") (" s ") (" s ") NIL NIL NIL NIL NIL)"
#define TO(s)   "(NIL NIL NIL NIL NIL (" s ") NIL NIL NIL NIL)"
#define A_B     "(NIL NIL \"a\" \"b\")"
#define C_D     "(NIL NIL \"c\" \"d\")"
#define END     "(NIL NIL NIL NIL)"

static const struct row {
	const char *name;
	const char *in;
	const char *envelope;
} rows[] = {
    {"nothing", "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"all",
	"Date: d\nSubject: s\nFrom: a@b\nSender: c@d\nReply-To: e@f\nTo: g@h\n"
	"Cc: i@j\nBcc: k@l\nIn-Reply-To: <m>\nMessage-ID: <n>\n",
	"(\"d\" \"s\" (" A_B ") (" C_D ") ((NIL NIL \"e\" \"f\")) "
	"((NIL NIL \"g\" \"h\")) ((NIL NIL \"i\" \"j\")) "
	"((NIL NIL \"k\" \"l\")) \"<m>\" \"<n>\")"},
    {"empty text is not NIL", "Subject:\nDate: \nMessage-Id:\nFrom:\nTo: \n",
	"(\"\" \"\" NIL NIL NIL NIL NIL NIL NIL \"\")"},
    {"sender and reply-to are from", "From: a@b\nSender: \nReply-To: ,\n",
	FROM(A_B)},
    {"unfolded", "Subject: a\n\tb \r\n c\n",
	"(NIL \"a\tb  c\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"first subject", "Subject: a\nSUBJECT: b\n",
	"(NIL \"a\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"quoted", "Subject: \"a\\b\n",
	"(NIL \"\\\"a\\\\b\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"8-bit is a literal", "Subject: \xc3\xa9\n",
	"(NIL {2}\r\n\xc3\xa9 NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"CR is a literal", "Subject: a\rb\n",
	"(NIL {3}\r\na\rb NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"body is no header", "A: b\n\nSubject: a\n",
	"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"encoded word stays", "To: =?utf-8?Q?x?= <a@b>\n",
	TO("(\"=?utf-8?Q?x?=\" NIL \"a\" \"b\")")},

    {"list", "To: a@b, c@d\n", TO(A_B C_D)},
    {"list in two fields", "To: a@b\nTo: c@d\n", TO(A_B C_D)},
    {"empty members", "To: ,, a@b,\n ,c@d,\n", TO(A_B C_D)},
    {"phrase", "To: John Q. Public <a@b>\n",
	TO("(\"John Q. Public\" NIL \"a\" \"b\")")},
    {"quoted phrase", "To: \"Doe, \\\"J\\\"\" X<a@b>\n",
	TO("(\"Doe, \\\"J\\\" X\" NIL \"a\" \"b\")")},
    {"comment is the name", "To: a@b (X (Y) \\) Z), (W) c@d\n",
	TO("(\"X (Y) ) Z\" NIL \"a\" \"b\")(\"W\" NIL \"c\" \"d\")")},
    {"comment behind brackets", "To: <a@b> (X)\n",
	TO("(\"X\" NIL \"a\" \"b\")")},
    {"phrase before comment", "To: P <a@b> (X)\n",
	TO("(\"P\" NIL \"a\" \"b\")")},
    {"route", "To: P <@x,@y.z:a@b>\n", TO("(\"P\" \"@x,@y.z\" \"a\" \"b\")")},
    {"quoting taken off", "To: \"a b\"@c, <\"d\\e\".f@g>\n",
	TO("(NIL NIL \"a b\" \"c\")(NIL NIL \"de.f\" \"g\")")},
    {"spaces around dots", "To: a . b @ c (x) . d\n",
	TO("(\"x\" NIL \"a.b\" \"c.d\")")},
    {"literal", "To: a@[1.2.3.4]\n", TO("(NIL NIL \"a\" \"[1.2.3.4]\")")},

    {"group", "To: G H: a@b, P <c@d>;\n",
	TO("(NIL NIL \"G H\" NIL)" A_B "(\"P\" NIL \"c\" \"d\")" END)},
    {"empty group", "To: undisclosed-recipients:;\n",
	TO("(NIL NIL \"undisclosed-recipients\" NIL)" END)},
    {"group between", "To: a@b, G:; c@d\n",
	TO(A_B "(NIL NIL \"G\" NIL)" END C_D)},
    {"group not closed", "To: G: a@b\n", TO("(NIL NIL \"G\" NIL)" A_B END)},
    {"group in a group", "To: G: H: a@b;\n",
	TO("(NIL NIL \"G\" NIL)(NIL NIL \"H\" \"\")" A_B END)},

    {"bare word", "To: root, a@b\n", TO("(NIL NIL \"root\" \"\")" A_B)},
    {"empty brackets", "To: X <>, a@b\n", TO("(\"X\" NIL \"\" \"\")" A_B)},
    {"address for a name", "To: a@b <a@b>\n", TO("(\"a@b\" NIL \"a\" \"b\")")},
    {"no comma", "To: a@b c@d\n", TO(A_B C_D)},
    {"no comma behind brackets", "To: <a@b> X <c@d>\n",
	TO(A_B "(\"X\" NIL \"c\" \"d\")")},
    {"rest behind brackets", "To: <a@b> x \",\" y, c@d\n", TO(A_B C_D)},
    {"bracket not closed", "To: X <a@b, c@d\n",
	TO("(\"X\" NIL \"a\" \"b\")" C_D)},
    {"bracket not opened", "To: a@b>, c@d\n", TO(A_B C_D)},
    {"semicolons", "To: a@b; c@d\n", TO(A_B C_D)},
    {"quote not closed", "To: a@b, \"x, c@d\n",
	TO(A_B "(NIL NIL \"x, c@d\" \"\")")},
    {"comment not closed", "To: a@b, c@d (x, y\n",
	TO(A_B "(\"x, y\" NIL \"c\" \"d\")")},
    {"two ats", "To: a@@b, c@d\n", TO("(NIL NIL \"a\" \"\")" C_D)},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span in = span_of(row->in);
	struct mime_source source = mime_source_span(&in);
	struct mime_message m;
	struct buf out;

	buf_init(&out, 65536);
	assert_int_equal(mime_message_parse(&m, &source, in.n, NULL), RC_OK);
	mime_envelope_put(&out, &m, &m.parts[0]);
	assert_string_equal(buf_cstr(&out), row->envelope);
	mime_message_fini(&m);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)
