#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/mime/text.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define E_ACUTE "\xc3\xa9"
#define QP      "Content-Transfer-Encoding: quoted-printable\n"

static const struct row {
	const char *name;
	const char *in;
	const char *out; /* NULL: no text */
} rows[] = {
    {"plain", "A: b\n\nc\nd", "c\r\nd"},
    {"latin 1", "Content-Type: text/x; charset=ISO-8859-1\n" QP "\n=E9=\nb\n",
	E_ACUTE "b\r\n"},
    {"by iconv", "Content-Type: text/x; charset*=''koi8-r\n\n\xf0\n",
	"\xd0\x9f\r\n"},
    {"base64", "Content-Transfer-Encoding: base64\n\nw\n6k=\n", E_ACUTE},
    {"bad UTF-8", "A: b\n\n\xc3", "\xef\xbf\xbd"},
    {"image", "Content-Type: image/x\n\na", NULL},
    {"multipart of one",
	"Content-Type: multipart/x; boundary=b\n\n--b\n\na\n--b--\n", NULL},
    {"multipart that is none", "Content-Type: multipart/x\n" QP "\n=41", "A"},
    {"empty", "", ""},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span in = span_of(row->in);
	struct mime_source source = mime_source_span(&in);
	struct mime_message m;
	struct mime_text t;
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(mime_message_parse(&m, &source, in.n, NULL), RC_OK);
	assert_int_equal(mime_text_is(&m, &m.parts[0]), row->out != NULL);
	mime_text_init(&t, &m, &m.parts[0], &source);
	while (!t.done)
		assert_int_equal(mime_text_read(&t, &out, NULL), RC_OK);
	if (row->out != NULL)
		assert_string_equal(buf_cstr(&out), row->out);
	mime_text_fini(&t);
	mime_message_fini(&m);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)
