/*
 * A mailbox while other programs change its files. Each row is a script; its
 * words:
 *
 *   new:NAME cur:NAME   a file of 6 bytes, 2 lines, comes
 *   mv:A:B rm:A         in cur/; A names a file by its beginning, B is what
 *                       stands behind ":2," from then on
 *   sync look           the latter believes the folders' times
 *   reopen              close and open it again, same boot
 *   boot                the same after a power cut that kept what was flushed
 *   lose                the mailbox's text file is removed
 *   old:A               that one was written when the ID 0123456789a says
 *   long:N:FLAGS        one in new/ whose name has N bytes
 *   miss:A              the next listing does not show A, as if it had been
 *                       renamed under the reader's hands
 *   busy arrive rest    until the last the folders' times change with each
 *                       look, or that of new/ alone
 *   mark read           how many listings there were since the former
 *   dovecot:0_x:1_y     Dovecot's file of keywords; its last line is cut
 *   unread readable     it cannot be read from now on; it can again. Between
 *                       them, no sync and no opening works, and the mailbox is
 *                       the same behind
 *   flag:UID:LETTERS  add:LETTERS  gone:UID  key:NAME
 *   show                "uid/flags " of each, then "next=N;"
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <limits.h>
#include <sys/syscall.h>

#include "lib/base/id.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/maildir/mailbox.h"
#include "lib/maildir/tree.h"
#include "tests/unit/lib/maildir/box.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT "a\nbcd\n"

static const struct row {
	const char *name;
	const char *script;
	const char *seen;
} rows[] = {
    {"an empty one", "sync show", "next=1;"},
    {"new mail gets UIDs and moves", "new:a new:b sync show", "1/ 2/ next=3;"},
    {"flags of names", "cur:a:2,FSb sync show", "1/FSb next=2;"},
    {"UIDs stay", "new:a new:b sync reopen sync show", "1/ 2/ next=3;"},
    {"UIDs stay over a boot", "new:a boot sync new:b sync boot sync show",
	"1001/ 1002/ next=2002;"},
    {"an expunged UID is not given again, same boot",
	"new:a new:b sync rm:b reopen sync new:c sync show", "1/ 3/ next=4;"},
    {"nor after a power cut", "new:a new:b sync rm:b boot sync new:c sync show",
	"1/ 1001/ next=1002;"},
    {"another program sets flags", "new:a sync mv:a:S sync show",
	"1/S next=2;"},
    {"another program removes", "new:a new:b sync rm:a sync show",
	"2/ next=3;"},
    {"another program takes the UID away", "new:a sync strip:a sync show",
	"2/ next=3;"},
    {"a UID of another mailbox is none", "cur:a,U=7.zzzz:2, sync show",
	"1/ next=2;"},
    {"two files with one UID", "new:a sync twin:a sync show", "1/ 2/ next=3;"},
    {"a UID that was not given yet", "new:a sync jump:a sync show",
	"2/ next=3;"},
    {"a message that comes back gets a new UID",
	"new:a new:b sync away:a sync back:a sync show", "2/ 3/ next=4;"},
    {"flags are set in the name", "new:a sync flag:1:DS reopen sync show",
	"1/DS next=2;"},
    {"flags are set where the name has changed",
	"new:a sync mv:a:F flag:1:S show sync show", "1/S next=2;1/S next=2;"},
    {"only what is asked for is changed there",
	"new:a sync flag:1:T mv:a:F more:1:S show sync show",
	"1/FS next=2;1/FS next=2;"},
    {"also when it is taken away",
	"new:a sync flag:1:DS mv:a:DFS less:1:S show", "1/DF next=2;"},
    {"strange letters stay", "cur:a:2,SX sync flag:1:F letters", "FX;"},
    {"no flags where it is gone", "new:a sync rm:a flag:1:S sync show",
	"gone;next=2;"},
    {"removed", "new:a new:b sync gone:1 sync show", "2/ next=3;"},
    {"removed, whose name has changed", "new:a sync mv:a:F gone:1 sync show",
	"next=2;"},
    {"added", "add:FS sync show reopen sync show", "1/FS next=2;1/FS next=2;"},
    {"our own changes are known without a look",
	"new:a sync wait look mark add:F look show flag:2:S look show copy:1 "
	"look show gone:1 look show same reopen sync show",
	"1/ 2/F next=3;1/ 2/S next=3;1/ 2/S 3/ next=4;2/S 3/ next=4;"
	"2/S 3/ next=4;"},
    {"and do not hide those of others",
	"new:a sync wait look mv:a:T add:F look show", "1/T 2/F next=3;"},
    {"added behind new mail", "new:a add: sync show", "1/ 2/ next=3;"},
    {"the text file is lost", "new:a sync lose reopen sync show", "2/ next=3;"},
    {"a letter that messages have is nobody's",
	"cur:a:2,ac sync key:x key:y key:z show", "b;d;e;1/ac next=2;"},
    {"the letters of Dovecot's names",
	"dovecot:0_x:3_y:1_two_words:7_X:26_z:4_cut lose reopen sync key:y "
	"key:X key:new key:7 show",
	"d;a;b;c;next=1;"},
    {"the text file cannot be read for a while",
	"new:a sync key:x unread readable new:b sync key:x show",
	"a;a;1/ 2/ next=3;"},
    {"keywords keep their letters", "key:x key:Y key:X reopen key:y show",
	"a;b;a;b;next=1;"},
    {"a torn delivery is not shown",
	"new:0123456789abcde.R1,S=99 sync show torn", "next=1;torn=1;"},
    {"nor one that another program has moved",
	"cur:0123456789abcde.R1,S=99:2,S old:0123 sync show torn",
	"next=1;torn=1;"},
    {"one that was shortened later is",
	"cur:0123456789abcde.R1,S=99:2,S sync show torn", "1/S next=2;torn=0;"},
    {"one that became longer too",
	"cur:0123456789abcde.R1,S=5:2,S old:0123 sync show torn",
	"1/S next=2;torn=0;"},
    {"and a name that is not ours",
	"cur:0123456789abcde.A,S=99:2,S old:0123 sync show torn",
	"1/S next=2;torn=0;"},
    {"copied", "cur:a:2,S sync copy:1 sync show", "1/S 2/S next=3;"},
    {"copied, whose name has changed", "new:a sync mv:a:F copy:1 sync show",
	"1/F 3/F next=4;"},
    {"missed by a listing in the tick of a change",
	"new:a new:b sync miss:a sync show", "1/ 2/ next=3;"},
    {"so when it is looked for again",
	"new:a sync wait mv:a:F miss:a flag:1:S show", "1/S next=2;"},
    {"so when it shall be copied",
	"new:a sync wait mv:a:F miss:a copy:1 sync show", "1/F 3/F next=4;"},
    {"missed by each of them: nobody says that it is gone",
	"new:a sync wait mv:a:F miss:a:999 temp:1:S show miss:a:0 sync "
	"show",
	"temp;1/ next=2;1/F next=2;"},
    {"many names that have changed are one listing",
	"new:a new:b new:c sync wait mv:a:F mv:b:F mv:c:F wait mark flag:1:S "
	"flag:2:S flag:3:S read show",
	"read=1;1/S 2/S 3/S next=4;"},
    {"a removal is seen while mail comes all the time",
	"new:a new:b sync rm:a wait arrive sync rest show", "2/ next=3;"},
    {"in a folder that never rests too",
	"new:a new:b sync wait mv:a:F mv:b:F mark busy flag:1:S flag:2:S rest "
	"read show",
	"read=1;1/S 2/S next=3;"},
    {"many that have gone too",
	"new:a new:b new:c sync wait rm:a rm:b rm:c wait mark flag:1:S none:2 "
	"none:3 read sync show",
	"gone;none;none;read=1;next=4;"},
    {"a name of 255 bytes",
	"long:255: sync flag:1:DFPRSTabcxyz reopen sync show",
	"1/DFPRSTabcxyz next=2;"},
    {"one of 200 bytes has no room for all flags",
	"long:200: sync flag:1:DFPRSTabcdefghijklmnopqrstuvwxyz reopen sync "
	"show",
	"1/DFPRSTabcdefghijklmnopqrstuvwxyz next=2;"},
    {"flags that fill the name",
	"long:3::2,"
	"SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
	"SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
	"SS"
	"SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
	"SS"
	"SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSX sync letters show",
	"SX;1/S next=2;"},
    {"hidden files and folders are none", "new:.x cur:.y sync show", "next=1;"},
};

/* What the next listings do not show. */
static struct {
	char begin[64];
	uint64_t times;
} missed;
static unsigned listings;

struct dirent *
readdir(DIR *dirp)
{
	struct dirent *(*real)(DIR *);
	struct dirent *e;

	*(void **)&real = dlsym(RTLD_NEXT, "readdir");
	e = real(dirp);
	listings += e != NULL && strcmp(e->d_name, ".") == 0;
	if (e == NULL || missed.times == 0 ||
	    strncmp(e->d_name, missed.begin, strlen(missed.begin)) != 0)
		return e;
	missed.times--;
	return readdir(dirp);
}

static struct {
	char top[64];
	int root;
	struct maildir_mailbox *m;
	char boot[16];
	unsigned pass;
	struct buf seen;
	struct why why;
} t;

static void
open_mailbox(void)
{
	assert_int_equal(
	    maildir_mailbox_open(t.root, "", t.boot, &t.m, &t.why), RC_OK);
}

static void
make_file(const char *folder, const char *name)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd =
	    openat(t.root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(io_write_all(fd, TEXT, sizeof(TEXT) - 1));
	io_close(&fd);
}

/* The file of cur/ that begins so; owned. */
static char *
found(const char *begin)
{
	int fd = openat(t.root, "cur", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	char *name = NULL;

	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' &&
		    strncmp(e->d_name, begin, strlen(begin)) == 0)
			name = mem_dup(e->d_name);
	(void)closedir(dir);
	assert_non_null(name);
	return name;
}

static void
in_cur(const char *from, const char *to)
{
	char a[512], b[512];

	(void)snprintf(a, sizeof(a), "cur/%s", from);
	(void)snprintf(b, sizeof(b), "%s", to);
	assert_int_equal(renameat(t.root, a, t.root, b), 0);
}

static void
rename_file(const char *what, const char *begin, struct span flags)
{
	char *old = found(begin), to[512];
	size_t base = maildir_name_base(span_of(old)).n;
	struct maildir_name n;

	maildir_name_parse(span_of(old), &n);
	if (strcmp(what, "mv") == 0)
		(void)snprintf(to, sizeof(to), "cur/%.*s:2," SPAN_FMT,
		    (int)span_find(span_of(old), ':'), old, SPAN_ARG(flags));
	else if (strcmp(what, "strip") == 0)
		(void)snprintf(to, sizeof(to), "cur/%.*s:2,", (int)base, old);
	else if (strcmp(what, "jump") == 0)
		(void)snprintf(
		    to, sizeof(to), "cur/j,U=4000000000.%s:2,", t.m->state.tag);
	else
		(void)snprintf(to, sizeof(to), "kept");
	in_cur(old, to);
	free(old);
}

static void
show(void)
{
	for (size_t i = 0; i < t.m->n; i++) {
		buf_putf(&t.seen, "%u/", t.m->v[i].uid);
		maildir_flags_put(&t.seen, t.m->v[i].flags, SPAN_NONE);
		buf_putc(&t.seen, ' ');
	}
	buf_putf(&t.seen, "next=%u;", t.m->next);
}

static void
reopen(bool boot)
{
	uint32_t validity = t.m->state.uidvalidity;

	maildir_mailbox_close(&t.m);
	if (boot)
		t.boot[0]++;
	open_mailbox();
	/* it ends only with the text file */
	if (faccessat(t.root, "kept-state", F_OK, 0) != 0)
		assert_int_equal(t.m->state.uidvalidity, validity);
	else
		assert_true(t.m->state.uidvalidity > validity);
}

static struct maildir_message *
message(struct span uid)
{
	uint64_t n;
	struct maildir_message *msg;

	assert_true(num_u64(uid, &n));
	msg = maildir_mailbox_find(t.m, (uint32_t)n);
	assert_non_null(msg);
	return msg;
}

static void
add(struct span letters)
{
	struct maildir_adding a;
	uint32_t uid;

	assert_int_equal(maildir_mailbox_add(t.m, &a, &t.why), RC_OK);
	assert_true(io_write_all(a.file.fd, TEXT, sizeof(TEXT) - 1));
	a.size = sizeof(TEXT) - 1;
	a.wire = a.size + 2;
	a.flags = maildir_flags_parse(letters);
	a.date = 1000000000;
	assert_int_equal(
	    maildir_mailbox_add_commit(t.m, &a, &uid, &t.why), RC_OK);
	assert_int_equal(maildir_mailbox_sync(t.m, &t.why), RC_OK);
	assert_non_null(maildir_mailbox_find(t.m, uid));
	assert_int_equal(
	    maildir_mailbox_date(t.m, maildir_mailbox_find(t.m, uid), &t.why),
	    RC_OK);
	assert_int_equal(maildir_mailbox_find(t.m, uid)->date, 1000000000);
}

static void
keyword(struct span name)
{
	uint32_t bit;
	struct buf b;

	buf_init(&b, 16);
	assert_int_equal(
	    maildir_mailbox_keyword(t.m, name, true, &bit, &t.why), RC_OK);
	maildir_flags_put(&b, bit, SPAN_NONE);
	buf_putf(&t.seen, "%s;", buf_cstr(&b));
	buf_fini(&b);
}

static void
lose(void)
{
	assert_int_equal(
	    renameat(t.root, "mailstead-mailbox", t.root, "kept-state"), 0);
}

/* A folder in its place fails in every user's hands. */
static void
unread(void)
{
	uint32_t validity = t.m->state.uidvalidity;
	struct maildir_mailbox *other;

	assert_int_equal(
	    renameat(t.root, "mailstead-mailbox", t.root, "state"), 0);
	assert_int_equal(mkdirat(t.root, "mailstead-mailbox", 0700), 0);
	maildir_mailbox_stale(t.m);
	assert_int_equal(maildir_mailbox_sync(t.m, &t.why), RC_TEMP);
	assert_int_equal(t.m->state.uidvalidity, validity);
	assert_string_equal(t.m->state.keywords[0], "x");
	assert_false(t.m->broken);
	assert_int_equal(
	    maildir_mailbox_open(t.root, "", t.boot, &other, &t.why), RC_TEMP);
}

static void
readable(void)
{
	assert_int_equal(
	    unlinkat(t.root, "mailstead-mailbox", AT_REMOVEDIR), 0);
	assert_int_equal(
	    renameat(t.root, "state", t.root, "mailstead-mailbox"), 0);
	reopen(false);
}

static void
letters(void)
{
	struct maildir_name n;

	maildir_name_parse(span_of(t.m->v[0].name), &n);
	buf_putf(&t.seen, SPAN_FMT ";", SPAN_ARG(n.flags));
}

static void
twin(const char *begin)
{
	char *old = found(begin), a[512], b[512];

	(void)snprintf(a, sizeof(a), "cur/%s", old);
	(void)snprintf(b, sizeof(b), "cur/z%s", old);
	assert_int_equal(linkat(t.root, a, t.root, b, 0), 0);
	free(old);
}

static void
remove_file(const char *begin)
{
	char *old = found(begin), a[512];

	(void)snprintf(a, sizeof(a), "cur/%s", old);
	assert_int_equal(unlinkat(t.root, a, 0), 0);
	free(old);
}

static void
make_old(const char *begin)
{
	uint64_t us = id_time_us(SPAN_LIT("0123456789abcde"));
	const struct timespec at[2] = {{.tv_nsec = UTIME_OMIT},
	    {.tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000}};
	char *name = found(begin), path[512];

	(void)snprintf(path, sizeof(path), "cur/%s", name);
	assert_int_equal(utimensat(t.root, path, at, 0), 0);
	free(name);
}

static void
make_dovecot(char *lines)
{
	int fd = openat(t.root, "dovecot-keywords",
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	for (char *p = lines; *p != '\0'; p++)
		if (*p == ':')
			*p = '\n';
		else if (*p == '_')
			*p = ' ';
	assert_true(fd >= 0 && io_write_all(fd, lines, strlen(lines)));
	io_close(&fd);
}

static char *away_name;

static void
make_long(const char *rest)
{
	struct span text = span_of(rest), n = span_cut(&text, ':');
	char name[NAME_MAX + 1] = "";
	uint64_t size;

	assert_true(num_range(n, 1, NAME_MAX, &size));
	memset(name, 'n', size);
	(void)snprintf(
	    name + size, sizeof(name) - size, SPAN_FMT, SPAN_ARG(text));
	make_file("new", name);
}

static void
word_on_files(struct span word, char *rest)
{
	char path[512];

	if (span_eq(word, SPAN_LIT("new")) || span_eq(word, SPAN_LIT("cur"))) {
		make_file(span_eq(word, SPAN_LIT("new")) ? "new" : "cur", rest);
	} else if (span_eq(word, SPAN_LIT("dovecot"))) {
		make_dovecot(rest);
	} else if (span_eq(word, SPAN_LIT("old"))) {
		make_old(rest);
	} else if (span_eq(word, SPAN_LIT("long"))) {
		make_long(rest);
	} else if (span_eq(word, SPAN_LIT("rm"))) {
		remove_file(rest);
	} else if (span_eq(word, SPAN_LIT("twin"))) {
		twin(rest);
	} else if (span_eq(word, SPAN_LIT("away"))) {
		away_name = found(rest);
		in_cur(away_name, "kept");
	} else if (span_eq(word, SPAN_LIT("back"))) {
		(void)snprintf(path, sizeof(path), "cur/%s", away_name);
		assert_int_equal(renameat(t.root, "kept", t.root, path), 0);
		free(away_name);
	} else {
		fail_msg("no such word: " SPAN_FMT, SPAN_ARG(word));
	}
}

static void
miss(struct span rest)
{
	struct span begin = span_cut(&rest, ':');

	missed.times = 1;
	if (rest.p != NULL)
		assert_true(num_u64(rest, &missed.times));
	assert_true(span_copy(begin, missed.begin, sizeof(missed.begin)));
}

/* The folders' times change as fast as they can. */
static bool restless;
static bool arriving; /* that of new/ alone */

int
fstat(int fd, struct stat *buf)
{
	static long tick;
	int r = (int)syscall(SYS_fstat, fd, buf);

	if ((restless && S_ISDIR(buf->st_mode)) ||
	    (arriving && fd == t.m->folders.new))
		buf->st_mtim.tv_nsec = ++tick;
	return r;
}

static void
word_on_mailbox(struct span word, struct span rest)
{
	struct span uid = span_cut(&rest, ':');
	uint32_t copied;

	if (span_eq(word, SPAN_LIT("none"))) {
		assert_null(
		    maildir_mailbox_find(t.m, (uint32_t)(uid.p[0] - '0')));
		buf_puts(&t.seen, "none;");
	} else if (span_eq(word, SPAN_LIT("flag"))) {
		if (maildir_mailbox_flag(t.m, message(uid), ~0U,
			maildir_flags_parse(rest), &t.why) == RC_PERM)
			buf_puts(&t.seen, "gone;");
	} else if (span_eq(word, SPAN_LIT("temp"))) {
		restless = true;
		assert_int_equal(maildir_mailbox_flag(t.m, message(uid), 0,
				     maildir_flags_parse(rest), &t.why),
		    RC_TEMP);
		restless = false;
		buf_puts(&t.seen, "temp;");
	} else if (span_eq(word, SPAN_LIT("more"))) {
		assert_int_equal(maildir_mailbox_flag(t.m, message(uid), 0,
				     maildir_flags_parse(rest), &t.why),
		    RC_OK);
	} else if (span_eq(word, SPAN_LIT("less"))) {
		assert_int_equal(maildir_mailbox_flag(t.m, message(uid),
				     maildir_flags_parse(rest), 0, &t.why),
		    RC_OK);
	} else if (span_eq(word, SPAN_LIT("gone"))) {
		assert_int_equal(
		    maildir_mailbox_remove(t.m, message(uid), &t.why), RC_OK);
	} else {
		assert_int_equal(maildir_mailbox_copy(
				     t.m, message(uid), t.m, &copied, &t.why),
		    RC_OK);
		assert_int_equal(
		    maildir_mailbox_copy_flush(t.m, &t.why), RC_OK);
	}
}

/* Other programs of a test are so fast that times do not tell of them. */
static void
sync_mailbox(bool stale)
{
	if (stale)
		maildir_mailbox_stale(t.m);
	assert_int_equal(maildir_mailbox_sync(t.m, &t.why), RC_OK);
}

static void
mark(void)
{
	t.pass = t.m->pass;
	listings = 0;
}

static void
run(struct span word)
{
	struct span rest = word, verb = span_cut(&rest, ':');
	char *text = span_dup(rest);

	if (span_eq(verb, SPAN_LIT("sync")))
		sync_mailbox(true);
	else if (span_eq(verb, SPAN_LIT("look")))
		sync_mailbox(false);
	else if (span_eq(verb, SPAN_LIT("mark")))
		mark();
	else if (span_eq(verb, SPAN_LIT("busy")))
		restless = true;
	else if (span_eq(verb, SPAN_LIT("arrive")))
		arriving = true;
	else if (span_eq(verb, SPAN_LIT("rest")))
		restless = arriving = false;
	else if (span_eq(verb, SPAN_LIT("read")))
		buf_putf(&t.seen, "read=%u;", listings);
	else if (span_eq(verb, SPAN_LIT("miss")))
		miss(rest);
	else if (span_eq(verb, SPAN_LIT("same")))
		assert_int_equal(t.m->pass, t.pass); /* not read since mark */
	else if (span_eq(verb, SPAN_LIT("wait")))
		usleep(50000);
	else if (span_eq(verb, SPAN_LIT("show")))
		show();
	else if (span_eq(verb, SPAN_LIT("reopen")))
		reopen(false);
	else if (span_eq(verb, SPAN_LIT("boot")))
		reopen(true);
	else if (span_eq(verb, SPAN_LIT("lose")))
		lose();
	else if (span_eq(verb, SPAN_LIT("unread")))
		unread();
	else if (span_eq(verb, SPAN_LIT("readable")))
		readable();
	else if (span_eq(verb, SPAN_LIT("letters")))
		letters();
	else if (span_eq(verb, SPAN_LIT("torn")))
		buf_putf(&t.seen, "torn=%zu;", t.m->torn);
	else if (span_eq(verb, SPAN_LIT("key")))
		keyword(rest);
	else if (span_eq(verb, SPAN_LIT("add")))
		add(rest);
	else if (span_eq(verb, SPAN_LIT("mv")))
		rename_file("mv", (text[span_find(rest, ':')] = '\0', text),
		    span_from(rest, span_find(rest, ':') + 1));
	else if (span_eq(verb, SPAN_LIT("strip")) ||
		 span_eq(verb, SPAN_LIT("jump")))
		rename_file(span_eq(verb, SPAN_LIT("jump")) ? "jump" : "strip",
		    text, SPAN_NONE);
	else if (span_eq(verb, SPAN_LIT("flag")) ||
		 span_eq(verb, SPAN_LIT("more")) ||
		 span_eq(verb, SPAN_LIT("temp")) ||
		 span_eq(verb, SPAN_LIT("none")) ||
		 span_eq(verb, SPAN_LIT("less")) ||
		 span_eq(verb, SPAN_LIT("gone")) ||
		 span_eq(verb, SPAN_LIT("copy")))
		word_on_mailbox(verb, rest);
	else
		word_on_files(verb, text);
	free(text);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span rest = span_of(row->script);

	missed.times = 0;
	box_make();
	t.root = box.mail;
	(void)snprintf(t.boot, sizeof(t.boot), "boot");
	assert_int_equal(mkdirat(t.root, "cur", 0700), 0);
	buf_init(&t.seen, 4096);
	open_mailbox();
	while (rest.n > 0)
		run(span_cut(&rest, ' '));
	assert_string_equal(buf_cstr(&t.seen), row->seen);
	maildir_mailbox_close(&t.m);
	buf_fini(&t.seen);
	box_remove();
}

ROWS_MAIN(rows, check_row)
