/*
 * How a cache was left: see mark.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/db/mark.h"
#include "lib/base/banned.h"

#define TEXT_MAX 256

static const char *const words[] = {
    [DB_MARK_NONE] = "",
    [DB_MARK_OPEN] = "open",
    [DB_MARK_CLOSED] = "closed",
    [DB_MARK_CLEAN] = "clean",
};

void
db_boot_read(struct db_boot *boot)
{
	int fd = io_open_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
	char text[DB_BOOT_MAX];
	size_t got = 0;

	*boot = (struct db_boot){""};
	if (fd >= 0 && io_pread_all(fd, text, sizeof(text) - 1, 0, &got)) {
		struct span id = span_trim(span_head(span_make(text, got),
		    span_find(span_make(text, got), '\n')));

		/* does not fit: "", not known */
		(void)span_copy(id, boot->id, sizeof(boot->id));
	}
	io_close(&fd);
}

enum db_mark
db_mark_parse(struct span text, const char *format, const struct db_boot *boot)
{
	struct span line = span_cut(&text, '\n'), id;
	enum db_mark mark = DB_MARK_NONE;

	if (text.p == NULL || text.n > 0 ||
	    !span_eq(span_cut(&line, ' '), SPAN_LIT("mailstead-cache")) ||
	    !span_eq(span_cut(&line, ' '), span_of(format)))
		return DB_MARK_NONE;
	id = span_cut(&line, ' ');
	for (unsigned i = DB_MARK_OPEN; i <= DB_MARK_CLEAN; i++)
		if (span_eq(line, span_of(words[i])))
			mark = (enum db_mark)i;
	if (mark == DB_MARK_CLOSED &&
	    (id.n == 0 || !span_eq(id, span_of(boot->id))))
		return DB_MARK_NONE;
	return mark;
}

enum db_mark
db_mark_read(int fd, const char *format, const struct db_boot *boot)
{
	char text[TEXT_MAX];
	size_t got;

	if (!io_pread_all(fd, text, sizeof(text), 0, &got))
		return DB_MARK_NONE;
	return db_mark_parse(span_make(text, got), format, boot);
}

enum rc
db_mark_write(int fd, const char *format, const struct db_boot *boot,
    enum db_mark mark, struct why *why)
{
	enum rc rc = RC_OK;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	buf_putf(
	    &b, "mailstead-cache %s %s %s\n", format, boot->id, words[mark]);
	if (b.over)
		rc = why_set(why, RC_PERM, "5.3.5", "format name too long");
	/* cut first: a longer old text must not go on behind the new one */
	else if (ftruncate(fd, 0) < 0 ||
		 pwrite(fd, b.p, b.n, 0) != (ssize_t)b.n)
		rc = why_sys(why, RC_TEMP,
		    errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.0",
		    "mark of a cache");
	buf_fini(&b);
	return rc;
}
