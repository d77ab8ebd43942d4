/* Whatever a line holds is read back, and whatever is read can be written. */
#include <stdint.h>
#include <stdlib.h>

#include "qmgr/history_line.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_one_line(const struct buf *b)
{
	if (b->over || b->n == 0 || span_find(buf_span(b), '\n') != b->n - 1)
		abort();
}

/* A stranger's bytes as a value: one line, one field, the same bytes. */
static void
write_and_read(struct span in)
{
	struct span kept = span_head(in, HISTORY_VALUE_MAX);
	struct history_line l;
	struct buf b;

	buf_init(&b, HISTORY_LINE_MAX);
	history_line_begin(&b, 1700000000000000, HISTORY_FAILED);
	history_line_text(&b, "text", in.p == NULL ? SPAN_LIT("") : in);
	history_line_number(&b, "n", in.n);
	history_line_end(&b);
	check_one_line(&b);
	if (!history_line_parse(span_head(buf_span(&b), b.n - 1), &l) ||
	    l.n != 2 || l.event != HISTORY_FAILED ||
	    !history_line_is(&l, "text", kept))
		abort();
	buf_fini(&b);
}

static void
read_and_write(struct span in)
{
	struct history_line l, again;
	struct buf b, value;

	if (!history_line_parse(in, &l))
		return;
	buf_init(&b, 4 * HISTORY_LINE_MAX);
	buf_init(&value, HISTORY_LINE_MAX);
	history_line_begin(&b, l.time_us, l.event);
	for (size_t i = 0; i < l.n; i++) {
		buf_clear(&value);
		history_line_value(&l.fields[i], &value);
		if (value.over)
			abort();
		buf_putc(&b, ' ');
		buf_put_span(&b, l.fields[i].key);
		buf_putc(&b, '=');
		buf_put_span(&b, l.fields[i].value);
	}
	if (!history_line_parse(buf_span(&b), &again) || again.n != l.n ||
	    again.time_us != l.time_us)
		abort();
	buf_fini(&b);
	buf_fini(&value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n);
	struct buf b;

	buf_init(&b, HISTORY_VALUE_MAX);
	history_line_address(in, &b);
	history_line_message_id(in, &b);
	buf_fini(&b);
	write_and_read(in);
	read_and_write(in);
	return 0;
}
