/*
 * Any bytes as a path and as a mailbox. What is taken has to be printable,
 * within the bounds, and its own canonical form.
 */
#include "lib/addr/beyond.h"
#include "lib/addr/detail.h"
#include "lib/addr/path.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_text(struct span s)
{
	must(s.n <= 254 && addr_beyond_ok(s));
	for (size_t i = 0; i < s.n; i++)
		must(span_at(s, i) >= 0x20 && s.p[i] != 0x7f);
}

/* Each base is a local part, shorter than the one before, and its detail is
 * found again; not so with one that has no delimiter. */
static void
check_bases(struct span box, struct span local)
{
	size_t at = SIZE_MAX, last = SIZE_MAX;
	struct buf base, again;

	buf_init(&base, 254);
	buf_init(&again, 1000);
	while (addr_detail_base(local, "+-", &at, &base)) {
		must(at < last && at < local.n && base.n > 0);
		last = at;
		buf_clear(&again);
		must(addr_detail_of(box, buf_span(&base), "+-", &again));
		must(span_eq(buf_span(&again), box));
		buf_clear(&again);
		must(buf_put_span(&again, buf_span(&base)) &&
		     buf_puts(&again, "@x"));
		must(addr_mailbox(buf_span(&again), &again, NULL) == RC_OK);
		must(again.n == 2 * (base.n + 2));
	}
	buf_fini(&base);
	buf_fini(&again);
}

/* One key, whatever is folded again. */
static void
check_fold(struct span local)
{
	struct buf once, twice;

	buf_init(&once, 2048);
	buf_init(&twice, 2048);
	must(addr_beyond_fold(local, &once));
	must(addr_beyond_fold(buf_span(&once), &twice));
	must(span_eq(buf_span(&once), buf_span(&twice)));
	buf_fini(&once);
	buf_fini(&twice);
}

static void
check_mailbox(struct span box)
{
	struct span local, domain;
	struct buf again;

	check_text(box);
	buf_init(&again, 1000);
	must(addr_mailbox(box, &again, NULL) == RC_OK);
	must(span_eq(buf_span(&again), box));
	must(addr_split(box, &local, &domain));
	must(local.n >= 1 && local.n <= 64);
	must(span_is_ascii(domain));
	check_fold(local);
	must(domain.n >= 1 && local.n + 1 + domain.n == box.n);
	check_bases(box, local);
	buf_clear(&again);
	must(buf_puts(&again, "a@") && buf_put_span(&again, domain));
	if (again.n <= 254)
		must(addr_mailbox(buf_span(&again), &again, NULL) == RC_OK);
	buf_fini(&again);
}

static void
path(struct span text, enum addr_form form)
{
	struct span in = text, local, domain;
	struct buf out, again;

	buf_init(&out, 1000);
	buf_init(&again, 1000);
	if (addr_path(&in, form, &out, NULL) == RC_OK) {
		must(in.n < text.n);
		must(text.p[text.n - in.n - 1] == '>');
		must(buf_putc(&again, '<'));
		must(buf_put_span(&again, buf_span(&out)));
		must(buf_putc(&again, '>'));
		in = buf_span(&again);
		must(addr_path(&in, form, &again, NULL) == RC_OK);
		must(in.n == 0);
		must(span_eq(
		    span_from(buf_span(&again), out.n + 2), buf_span(&out)));
		if (addr_split(buf_span(&out), &local, &domain))
			check_mailbox(buf_span(&out));
		else
			must(out.n == 0 ||
			     span_eq(buf_span(&out), SPAN_LIT("postmaster")));
	} else {
		must(out.n == 0 && !out.over);
		must(in.p == text.p && in.n == text.n);
	}
	buf_fini(&again);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span text = span_make(p, n), local, domain;
	struct buf out;

	path(text, ADDR_REVERSE);
	path(text, ADDR_FORWARD);
	buf_init(&out, 1000);
	if (addr_mailbox(text, &out, NULL) == RC_OK)
		check_mailbox(buf_span(&out));
	buf_fini(&out);
	if (addr_split(text, &local, &domain))
		must(local.n + 1 + domain.n == n);
	return 0;
}
