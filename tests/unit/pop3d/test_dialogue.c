/* Each row one conversation: the tables of front and session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/maildir/list.h"
#include "tests/unit/pop3d/drive.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define HELLO  "+OK h POP3 server ready\r\n"
#define OPENED "+OK 2 messages (20 octets)\r\n"
#define ONE    "1 1700000000.M1P2.host\r\n"
#define TWO    "2 1l5nca91000001j.R0\r\n"

static const struct row {
	const char *name;
	bool session;
	const char *in;
	const char *out;
	unsigned left; /* files, of two */
} rows[] = {
    {"front: quit", false, "quit\r\n", HELLO "+OK Bye\r\n", 2},
    {"front: not before log-in", false, "STAT\r\nPASS x\r\nQUIT\r\n",
	HELLO "-ERR Command not recognized, or not before log-in\r\n"
	      "-ERR Not now\r\n+OK Bye\r\n",
	2},
    {"front: no certificate", false, "STLS\r\nQUIT\r\n",
	HELLO "-ERR TLS is not available\r\n+OK Bye\r\n", 2},
    {"front: capabilities", false, "CAPA\r\nQUIT\r\n",
	HELLO "+OK Capabilities\r\nTOP\r\nUIDL\r\nRESP-CODES\r\n"
	      "AUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nUSER\r\n"
	      "SASL PLAIN\r\n.\r\n+OK Bye\r\n",
	2},
    {"front: no authd", false, "USER a\r\nPASS b\r\nPASS b\r\nQUIT\r\n",
	HELLO "+OK Send the password\r\n"
	      "-ERR [SYS/TEMP] Log-in is not possible now, try later\r\n"
	      "-ERR Not now\r\n+OK Bye\r\n",
	2},
    {"front: arguments", false, "USER\r\nQUIT now\r\nAUTH\r\nQUIT\r\n",
	HELLO "-ERR Syntax: USER name\r\n-ERR Syntax: QUIT\r\n"
	      "+OK SASL mechanisms\r\nPLAIN\r\n.\r\n+OK Bye\r\n",
	2},
    {"front: cancelled", false, "AUTH PLAIN\r\n*\r\nQUIT\r\n",
	HELLO "+ \r\n-ERR Cancelled\r\n+OK Bye\r\n", 2},
    {"front: no two NULs", false, "AUTH PLAIN YWJj\r\nQUIT\r\n",
	HELLO "-ERR Syntax: [authzid] NUL login NUL password, in base64\r\n"
	      "+OK Bye\r\n",
	2},
    {"front: LF alone", false, "CAPA\nQUIT\r\nQUIT\r\n",
	HELLO "-ERR Bare CR, bare LF or NUL in a command\r\n+OK Bye\r\n", 2},
    {"sizes", true, "STAT\r\nLIST\r\nLIST 2\r\nQUIT\r\n",
	OPENED "+OK 2 20\r\n+OK Number and octets of each message\r\n"
	       "1 8\r\n2 12\r\n.\r\n+OK 2 12\r\n+OK Bye\r\n",
	2},
    {"unique names", true, "UIDL\r\nUIDL 1\r\nQUIT\r\n",
	OPENED "+OK Number and unique name of each message\r\n" ONE TWO
	       ".\r\n+OK " ONE "+OK Bye\r\n",
	2},
    {"a message, stuffed and ended", true, "RETR 2\r\nTOP 2 1\r\nQUIT\r\n",
	OPENED "+OK 12 octets\r\na: 1\r\n\r\n..x\r\ny\r\n.\r\n"
	       "+OK \r\na: 1\r\n\r\n..x\r\n.\r\n+OK Bye\r\n",
	2},
    {"QUIT removes", true, "DELE 1\r\nQUIT\r\n",
	OPENED "+OK Marked to be deleted\r\n+OK Bye\r\n", 1},
    {"the end does not", true, "DELE 1\r\n",
	OPENED "+OK Marked to be deleted\r\n", 2},
    {"RSET takes it back", true, "DELE 1\r\nDELE 2\r\nRSET\r\nQUIT\r\n",
	OPENED "+OK Marked to be deleted\r\n+OK Marked to be deleted\r\n"
	       "+OK No message is marked\r\n+OK Bye\r\n",
	2},
    {"a deleted one cannot be named", true,
	"DELE 1\r\nRETR 1\r\nDELE 1\r\nLIST 1\r\nUIDL\r\nRSET\r\nQUIT\r\n",
	OPENED "+OK Marked to be deleted\r\n-ERR No such message\r\n"
	       "-ERR No such message\r\n-ERR No such message\r\n"
	       "+OK Number and unique name of each message\r\n" TWO ".\r\n"
	       "+OK No message is marked\r\n+OK Bye\r\n",
	2},
    {"numbers", true, "RETR 0\r\nRETR 3\r\nRETR -1\r\nTOP 1\r\nQUIT\r\n",
	OPENED "-ERR No such message\r\n-ERR No such message\r\n"
	       "-ERR Syntax: RETR number\r\n-ERR Syntax: TOP number lines\r\n"
	       "+OK Bye\r\n",
	2},
    {"log-in commands are over", true, "USER a\r\nSTLS\r\nQUIT\r\n",
	OPENED "-ERR Command not recognized\r\n"
	       "-ERR Command not recognized\r\n+OK Bye\r\n",
	2},
};

static unsigned
count_files(const struct drive *d)
{
	struct maildir_folders f;
	struct maildir_list list;
	struct why why;
	unsigned n;

	assert_int_equal(maildir_list_folders(d->maildir, &f, &why), RC_OK);
	assert_int_equal(maildir_list_scan(&f, &list, &why), RC_OK);
	n = (unsigned)list.n;
	maildir_list_free(&list);
	maildir_place_close(&f);
	return n;
}

static void
check_row(void **state)
{
	static struct drive d;
	const struct row *row = *state;
	struct buf out;

	if (d.base == NULL)
		drive_init(&d);
	drive_fill(&d);
	buf_init(&out, 65536);
	drive_say(&d, row->session, span_of(row->in), &out);
	assert_string_equal(buf_cstr(&out), row->out);
	assert_int_equal(count_files(&d), row->left);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)
