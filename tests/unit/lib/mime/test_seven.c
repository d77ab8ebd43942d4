/* Messages in seven bits: what is encoded, and what stays as it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/mime/seven.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10

static const struct row {
	const char *name;
	const char *in;
	const char *out; /* NULL: it cannot be converted; "=": as it is */
} rows[] = {
    {"empty", "", "="},
    {"ASCII", "Subject: x\r\n\r\nx = y \r\n", "="},
    {"ASCII that says 8bit",
	"Content-Transfer-Encoding: 8bit\r\nSubject: x\r\n\r\nx\r\n", "="},
    {"text without MIME",
	"Subject: x\r\n\r\nin der K\xc3\xbc"
	"che\r\n",
	"Subject: x\r\nMIME-Version: 1.0\r\n"
	"Content-Type: text/plain; charset=unknown-8bit\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"in der K=C3=BCche\r\n"},
    {"text",
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	"content-transfer-encoding:\r\n 8bit\r\nSubject: x\r\n\r\n"
	"a\xc3\xbc = b, and more text \r\n.\r\n",
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	"Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	"a=C3=BC =3D b, and more text=20\r\n.\r\n"},
    {"header beyond ASCII stays", "Subject: \xc3\xbc\r\n\r\nx\r\n", "="},
    {"long lines are cut",
	"MIME-Version: 1\r\nContent-Type: text/a\r\n\r\n"
	"\xc3" X70 "yyyyy\r\n" X70 "yyyyy\r\n" X70 "yyyyyy\r\n",
	"MIME-Version: 1\r\nContent-Type: text/a\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"=C3" X70 "yy=\r\nyyy\r\n" X70 "yyyyy\r\n" X70 "yyyyy=\r\ny\r\n"},
    {"white space at a line's end",
	"Content-Type: text/a\r\nMIME-Version: 1"
	"\r\n\r\n\xc3 abcdefgh \t\r\n\t\r\n ",
	"Content-Type: text/a\r\nMIME-Version: 1\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"=C3 abcdefgh =09\r\n=09\r\n=20"},
    {"mostly beyond ASCII",
	"Content-Type: text/a\r\nMIME-Version: 1\r\n\r\n"
	"\xc3\xbc\xc3\xbc\r\n",
	"Content-Type: text/a\r\nMIME-Version: 1\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\nw7zDvA0K"},
    {"what might be a delimiter",
	"Content-Type: text/a\r\nMIME-Version: 1\r\n\r\n--a \xc3\r\n" X70
	"yyyyy--b\r\n",
	"Content-Type: text/a\r\nMIME-Version: 1\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"=2D-a =C3\r\n" X70 "yyyyy=\r\n=2D-b\r\n"},
    {"no text",
	"Content-Type: image/a\r\nMIME-Version: 1\r\n\r\n\xc3" X70 "\r\n",
	"Content-Type: image/a\r\nMIME-Version: 1\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\n"
	"w3h4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
	"eHh4eHh4\r\neHh4eHh4eHh4eHh4eHgNCg=="},
    {"parts",
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	"Content-Transfer-Encoding: 8bit\r\n\r\npr\xc3\xa9\r\n--b\r\n\r\n"
	"plain\r\n--b\r\nContent-Transfer-Encoding: 8BIT\r\n"
	"Content-Type: text/html\r\n\r\n<p>K\xc3\xbc"
	"che</p>\r\n--b--\r\n"
	"epi\xc3\r\n",
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	"\r\npr??\r\n--b\r\n\r\n"
	"plain\r\n--b\r\nContent-Type: text/html\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"<p>K=C3=BCche</p>\r\n--b--\r\nepi?\r\n"},
    {"parts that say 7bit keep it",
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	"Content-Transfer-Encoding: 7bit\r\n\r\n--b\r\n\r\n\xe9 and more\r\n"
	"--b--\r\n",
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	"Content-Transfer-Encoding: 7bit\r\n\r\n--b\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9 and more\r\n"
	"--b--\r\n"},
    {"a message in it",
	"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n"
	"Content-Transfer-Encoding: 8bit\r\n\r\nSubject: y\r\n\r\n"
	"\xe9 and more\r\n",
	"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: y\r\nMIME-Version: 1.0\r\n"
	"Content-Type: text/plain; charset=unknown-8bit\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"=E9 and more\r\n"},
    {"a message of RFC 6532 in it",
	"MIME-Version: 1.0\r\nContent-Type: message/global\r\n\r\n"
	"Subject: \xc3\xbc\r\n\r\n",
	"MIME-Version: 1.0\r\nContent-Type: message/global\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\n"
	"U3ViamVjdDogw7wNCg0K"},
    {"not quite quoted-printable",
	"Content-Transfer-Encoding: quoted-printable\r\n\r\na=20\xc3=\r\n"
	"=zz\r\n",
	"Content-Transfer-Encoding: quoted-printable\r\n\r\na=20=C3=\r\n"
	"=zz\r\n"},
    {"not quite base64",
	"Content-Transfer-Encoding: base64\r\n\r\nAA\xc3=="
	"\r\n",
	"Content-Transfer-Encoding: base64\r\n\r\nAA==\r\n"},
    {"an encoding that nobody knows",
	"Content-Transfer-Encoding: x-uu\r\n\r\n\xc3\r\n", NULL},
    {"the same, in ASCII", "Content-Transfer-Encoding: x-uu\r\n\r\na\r\n", "="},
    {"a part of a message", "Content-Type: message/partial\r\n\r\n\xc3\r\n",
	NULL},
    {"parts without a boundary",
	"Content-Type: multipart/mixed\r\n\r\n\xc3\r\n", NULL},
    {"a boundary beyond ASCII",
	"Content-Type: multipart/mixed; boundary=\xc3\r\n\r\n--\xc3\r\n\r\n"
	"a\r\n--\xc3--\r\n",
	NULL},
    {"no header at all", "\xc3 text without one\r\n",
	"MIME-Version: 1.0\r\n"
	"Content-Type: text/plain; charset=unknown-8bit\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"=C3 text without one\r\n"},
    {"a header that nothing ends", "Subject: \xc3", "="},
};

static bool
keep(void *ctx, struct span text)
{
	return buf_put_span(ctx, text);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	const char *wanted = row->out;
	struct span in = span_of(row->in);
	struct mime_source source = mime_source_span(&in);
	struct buf out;
	struct why why;
	enum rc rc;

	if (wanted != NULL && strcmp(wanted, "=") == 0)
		wanted = row->in;
	buf_init(&out, 10000);
	rc = mime_seven(&source, in.n, keep, &out, &why);
	assert_int_equal(rc, wanted == NULL ? RC_PERM : RC_OK);
	if (wanted != NULL)
		assert_string_equal(buf_cstr(&out), wanted);
	else
		assert_string_equal(why.status, "5.6.3");
	/* it can be too much for who takes it; and shorter than was said */
	if (wanted != NULL && in.n > 0) {
		out.max = out.n;
		assert_int_equal(
		    mime_seven(&source, in.n, keep, &out, &why), RC_TEMP);
	}
	assert_int_equal(
	    mime_seven(&source, in.n + 1, keep, &out, &why), RC_TEMP);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)
