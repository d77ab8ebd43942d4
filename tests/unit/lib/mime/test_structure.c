#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/mime/envelope.h"
#include "lib/mime/structure.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define ASCII   "(\"charset\" \"us-ascii\")"
#define TAIL    " NIL NIL NIL NIL)"
#define PLAIN_  "(\"text\" \"plain\" " ASCII " NIL NIL \"7bit\" "
#define MIXED   "Content-Type: multipart/mixed; boundary=b\n\n"
#define ENV_NIL "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"

static const struct row {
	const char *name;
	const char *in;
	const char *body;
	bool extensible; /* BODYSTRUCTURE */
} rows[] = {
    {"empty", "", PLAIN_ "0 0)", false},
    {"header only", "A: b\n", PLAIN_ "0 0)", false},
    {"body", "A: b\n\nc\nd\n", PLAIN_ "6 2)", false},
    {"no line end at the end", "A: b\n\nc\nd", PLAIN_ "4 1)", false},
    {"CRLF", "A: b\r\n\r\nc\r\nd", PLAIN_ "4 1)", false},
    {"mixed line ends", "A: b\n\r\nc\r\nd\ne\rf\n", PLAIN_ "11 3)", false},
    {"two CR", "A: b\n\n\r\r\n\r", PLAIN_ "4 1)", false},
    {"no header", "just text\n\nA: b\n", PLAIN_ "19 3)", false},
    {"mbox line", "From a b\nContent-Type: text/x\n\nc",
	"(\"text\" \"x\" " ASCII " NIL NIL \"7bit\" 1 0)", false},
    {"white space is no empty line", "A: b\n \nContent-Type: text/x\n\nc",
	"(\"text\" \"x\" " ASCII " NIL NIL \"7bit\" 1 0)", false},

    {"type without slash", "Content-Type: text\n\nc", PLAIN_ "1 0)", false},
    {"type without subtype", "Content-Type: text/; charset=x\n\nc",
	PLAIN_ "1 0)", false},
    {"type twice", "Content-Type: a/b\nContent-Type: c/d\n\nc",
	"(\"a\" \"b\" NIL NIL NIL \"7bit\" 1)", false},
    {"folded, comments, odd parameters",
	"content-type : (x) text (y;z) /\n\thtml ; (;) charset = \"a\\\"b\" "
	"(c);x=d e (f);;=;y;z=1\n\nc",
	"(\"text\" \"html\" (\"charset\" \"a\\\"b\" \"x\" \"d e\" \"z\" \"1\") "
	"NIL NIL \"7bit\" 1 0)",
	false},
    {"RFC 2231 stays raw", "Content-Type: a/b; c*0*=utf-8''%41; c*1=d\n\nc",
	"(\"a\" \"b\" (\"c*0*\" \"utf-8''%41\" \"c*1\" \"d\") NIL NIL \"7bit\" "
	"1)",
	false},
    {"fields",
	"Content-Type: image/x\nContent-ID: <i@j>\nContent-Description: "
	"d\xc3\xa9\nContent-Transfer-Encoding: BASE64 (c)\n\nabcd\n",
	"(\"image\" \"x\" NIL \"<i@j>\" {3}\r\nd\xc3\xa9 \"BASE64\" 6)", false},
    {"extension data",
	"Content-Type: a/b\nContent-MD5: Q==\nContent-Disposition: inline; "
	"filename=\"a b\"\nContent-Language: en, de-AT\nContent-Location: "
	"http://x/\n\n",
	"(\"a\" \"b\" NIL NIL NIL \"7bit\" 0 \"Q==\" (\"inline\" (\"filename\" "
	"\"a b\")) (\"en\" \"de-AT\") \"http://x/\")",
	true},
    {"bad disposition", "Content-Disposition: ;x=y\n\n", PLAIN_ "0 0" TAIL,
	true},

    {"multipart", MIXED "pre\n--b\n\none\n--b\nA: b\n\ntwo\n\n--b--\nepi\n",
	"(" PLAIN_ "3 0)" PLAIN_ "5 1) \"mixed\")", false},
    {"multipart with extension data", MIXED "--b\n\none\n--b--",
	"(" PLAIN_ "3 0" TAIL " \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
	true},
    {"no close delimiter", MIXED "--b\n\none\n", "(" PLAIN_ "5 1) \"mixed\")",
	false},
    {"empty part", MIXED "--b\n\n--b--\n", "(" PLAIN_ "0 0) \"mixed\")", false},
    {"part of nothing", MIXED "--b\n--b\n\nc\n--b--\n",
	"(" PLAIN_ "0 0)" PLAIN_ "1 0) \"mixed\")", false},
    {"part without header", MIXED "--b\nc\n--b--\n",
	"(" PLAIN_ "1 0) \"mixed\")", false},
    {"header without end", MIXED "--b\nContent-Type: a/b\n--b--\n",
	"((\"a\" \"b\" NIL NIL NIL \"7bit\" 0) \"mixed\")", false},
    {"delimiter in the header",
	"Content-Type: multipart/mixed; boundary=b\n--b\n\nc\n--b--\n",
	"(" PLAIN_ "1 0) \"mixed\")", false},
    {"padding", MIXED "--b \t\n\none\n--b-- \n\n--b\n",
	"(" PLAIN_ "3 0) \"mixed\")", false},
    {"more than the boundary", MIXED "--b\n\n--bc\n--b-\n -- b\n--b--x\n--b--",
	"(" PLAIN_ "25 3) \"mixed\")", false},
    {"boundary ends with a space",
	"Content-Type: multipart/mixed; boundary=\"b \"\n\n--b\n\nc\n--b--",
	"(" PLAIN_ "1 0) \"mixed\")", false},
    {"boundary of RFC 2231",
	"Content-Type: multipart/mixed; boundary*1=c; boundary*0*=us-ascii''%62"
	"\n\n--bc\n\nd\n--bc--",
	"(" PLAIN_ "1 0) \"mixed\")", false},
    {"no boundary", "Content-Type: multipart/mixed\n\n--b\n\nc\n--b--\n",
	PLAIN_ "17 4)", false},
    {"boundary does not come", MIXED "c\n", PLAIN_ "3 1)", false},
    {"only the close delimiter", MIXED "c\n--b--\n", PLAIN_ "10 2)", false},

    {"boundary is another's prefix",
	"Content-Type: multipart/x; boundary=b\n\n--b\nContent-Type: "
	"multipart/y; boundary=bc\n\n--bc\n\n1\n--bc--\n--b\n\n2\n--b--",
	"((" PLAIN_ "1 0) \"y\")" PLAIN_ "1 0) \"x\")", false},
    {"outer boundary ends the inner parts",
	"Content-Type: multipart/x; boundary=bc\n\n--bc\nContent-Type: "
	"multipart/y; boundary=b\n\n--b\n\n1\n--bc\n\n2\n--b\n\n3\n--bc--\n",
	"((" PLAIN_ "1 0) \"y\")" PLAIN_ "11 3) \"x\")", false},
    {"same boundary twice: the inner one",
	MIXED "--b\nContent-Type: multipart/y; boundary=b\n\n--b\n\n1\n--b--\n"
	      "--b\n\n2\n--b--\n",
	"((" PLAIN_ "1 0) \"y\")" PLAIN_ "1 0) \"mixed\")", false},
    {"digest",
	"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n"
	"--b\nContent-Type: text/plain\n\nz\n--b--\n",
	"((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 15 (NIL \"x\" NIL NIL "
	"NIL NIL NIL NIL NIL NIL) " PLAIN_ "1 0) 2)" PLAIN_ "1 0) \"digest\")",
	false},
    {"message",
	"Content-Type: message/rfc822\n\nSubject: x\nContent-Type: message/"
	"rfc822\n\n\ny\n",
	"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 49 (NIL \"x\" NIL NIL "
	"NIL "
	"NIL NIL NIL NIL NIL) (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" "
	"5 " ENV_NIL " " PLAIN_ "3 1) 2) 5)",
	false},
    {"message of nothing", "Content-Type: message/rfc822\n",
	"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 " ENV_NIL " " PLAIN_
	"0 0) 0)",
	false},
    {"other messages are leaves", "Content-Type: message/partial\n\nA: b\n",
	"(\"message\" \"partial\" NIL NIL NIL \"7bit\" 6)", false},
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
	mime_structure_put(&out, &m, row->extensible);
	assert_string_equal(buf_cstr(&out), row->body);
	mime_message_fini(&m);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)
