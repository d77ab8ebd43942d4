#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/addr/dsn.h"
#include "qmgr/envelope.h"
#include "lib/base/banned.h"

#define SIZE 1000

static struct envelope *
sample(void)
{
	struct envelope *e = envelope_new();

	e->size = SIZE;
	e->arrived_us = 1763751600123000;
	e->sender = span_dup(SPAN_LIT("\"a> b\r\nX: y\"@example.org"));
	e->client = span_dup(SPAN_LIT("[192.0.2.1]"));
	e->protocol = span_dup(SPAN_LIT("ESMTP"));
	e->login = span_dup(SPAN_LIT(""));
	envelope_add(e, SPAN_LIT("x%=@example.org"), SPAN_LIT("b@example.org"));
	envelope_add(e, SPAN_LIT("c@example.org"), SPAN_LIT("c@example.org"));
	envelope_add(e, SPAN_LIT("d@example.net"), SPAN_NONE);
	e->rcpts[1].word = ENVELOPE_DONE;
	return e;
}

/* The same, and its sender asks for notices. */
static struct envelope *
asking(void)
{
	struct envelope *e = sample();
	struct envelope_rcpt *r;

	e->ret = ADDR_DSN_RET_HDRS;
	e->envid = span_dup(SPAN_LIT("QQ+2B31%4159"));
	e->utf8 = true;
	e->priority = -9;
	e->release_us = 1763751600456000;
	e->need = QUEUE_TLS_REQUIRED;
	e->by = (struct addr_by){ADDR_BY_NOTIFY, true, 1763755200789000};
	e->rcpts[0].notify = ADDR_DSN_NEVER;
	e->rcpts[2].notify = ADDR_DSN_SUCCESS | ADDR_DSN_DELAY;
	e->rcpts[2].orcpt = span_dup(SPAN_LIT("rfc822;+3D@b"));
	e->rcpts[2].word = ENVELOPE_LATE;
	r = envelope_add(e, SPAN_LIT("all@example.org"), SPAN_NONE);
	r->notify = ADDR_DSN_SUCCESS;
	r->expanded = true;
	r->word = ENVELOPE_SENT;
	return e;
}

static void
format(struct envelope *e, struct buf *b)
{
	buf_init(b, 65536);
	assert_true(envelope_format(e, b));
	e->crc = 0x9b1f0c22;
	envelope_seal(e, b);
}

static void
reads_what_it_writes(void **state)
{
	struct envelope *e = sample(), *r = NULL;
	struct why why;
	struct buf b;

	(void)state;
	format(e, &b);
	assert_int_equal(
	    envelope_parse(buf_span(&b), b.n + SIZE, &r, &why), RC_OK);
	assert_string_equal(r->sender, e->sender);
	assert_string_equal(r->client, e->client);
	assert_string_equal(r->protocol, "ESMTP");
	assert_string_equal(r->login, "");
	assert_int_equal(r->arrived_us, e->arrived_us);
	assert_int_equal(r->offset, b.n);
	assert_int_equal(r->size, SIZE);
	assert_int_equal(r->crc, 0x9b1f0c22);
	assert_false(r->held);
	assert_int_equal(r->n_rcpts, 3);
	assert_string_equal(r->rcpts[0].address, e->rcpts[0].address);
	assert_int_equal(r->rcpts[0].word, ENVELOPE_TODO);
	assert_int_equal(r->rcpts[1].word, ENVELOPE_DONE);
	assert_int_equal(envelope_todo(r), 2);
	assert_false(envelope_is_remote(&r->rcpts[0]));
	assert_true(envelope_is_remote(&r->rcpts[2]));
	assert_true(envelope_has_remote(r));
	assert_memory_equal(b.p + r->rcpts[1].word_at, "done", 4);
	envelope_free(&e);
	envelope_free(&r);
	buf_fini(&b);
}

static void
reads_what_was_asked(void **state)
{
	struct envelope *e = asking(), *c = envelope_copy(e), *r = NULL;
	struct why why;
	struct buf b;

	(void)state;
	c->size = SIZE;
	format(c, &b);
	envelope_free(&c);
	assert_int_equal(
	    envelope_parse(buf_span(&b), b.n + SIZE, &r, &why), RC_OK);
	assert_int_equal(r->ret, ADDR_DSN_RET_HDRS);
	assert_string_equal(r->envid, e->envid);
	assert_true(r->utf8);
	assert_int_equal(r->priority, -9);
	assert_int_equal(r->release_us, e->release_us);
	assert_int_equal(r->need, QUEUE_TLS_REQUIRED);
	assert_int_equal(r->by.mode, ADDR_BY_NOTIFY);
	assert_true(r->by.trace);
	assert_int_equal(r->by.until_us, e->by.until_us);
	assert_int_equal(r->rcpts[0].notify, ADDR_DSN_NEVER);
	assert_null(r->rcpts[0].orcpt);
	assert_string_equal(r->rcpts[0].account, e->rcpts[0].account);
	assert_int_equal(r->rcpts[2].notify, e->rcpts[2].notify);
	assert_string_equal(r->rcpts[2].orcpt, e->rcpts[2].orcpt);
	assert_int_equal(r->rcpts[2].word, ENVELOPE_LATE);
	assert_true(envelope_is_todo(&r->rcpts[2]));
	assert_true(envelope_owes(r, &r->rcpts[2]));
	assert_true(r->rcpts[3].expanded);
	assert_int_equal(r->rcpts[3].word, ENVELOPE_SENT);
	assert_false(envelope_is_remote(&r->rcpts[3]));
	assert_int_equal(envelope_todo(r), 2);
	assert_int_equal(envelope_open(r), 3);
	envelope_free(&r);
	/* whatever becomes of its word, an alias is nobody to deliver to */
	memcpy(strstr(buf_cstr(&b), "sent <all@"), "xxxx", 4);
	assert_int_equal(
	    envelope_parse(buf_span(&b), b.n + SIZE, &r, &why), RC_OK);
	assert_int_equal(r->rcpts[3].word, ENVELOPE_SENT);
	envelope_free(&e);
	envelope_free(&r);
	buf_fini(&b);
}

/* What is not exactly of that form is not taken for less than it says. */
static void
refuses_other_words(void **state)
{
	static const char *const wrong[][2] = {
	    {" ret=HDRS", " ret=HALF"},
	    {" envid=QQ", " envid=\xff"},
	    {" utf8", " utf9"},
	    {" priority=-9", " priority=-0"},
	    {" priority=-9", " priority=+9"},
	    {"456Z ", "45xZ "},
	    {" tls=required", " tls=requires"},
	    {" tls=required", " xls=required"},
	    {" tls=required by", " tls=requiredXby"},
	    {"789Z;NT", "789Z;NX"},
	    {"789Z;NT", "78xZ;NT"},
	    {"notify=NEVER", "notify=SOMEX"},
	    {" expanded", " expandee"},
	    {"orcpt=rfc822;", "orcpt=rfc822:"},
	    {" notify=SUCCESS,DELAY orcpt", " orcpt=a;b notify=SUCCE orcpt"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct envelope *e = asking(), *r = NULL;
		size_t n = strlen(wrong[i][1]);
		struct why why;
		struct buf b;
		char *at;

		format(e, &b);
		at = strstr(buf_cstr(&b), wrong[i][0]);
		assert_non_null(at);
		memcpy(at, wrong[i][1], n);
		assert_int_equal(
		    envelope_parse(buf_span(&b), b.n + SIZE, &r, &why),
		    RC_PERM);
		envelope_free(&e);
		buf_fini(&b);
	}
}

/* RFC 5322: no value may begin a line of its own */
static void
no_address_makes_a_line(void **state)
{
	struct envelope *e = asking();
	struct buf b;
	struct span rest;
	size_t lines = 0;

	(void)state;
	format(e, &b);
	rest = buf_span(&b);
	while (rest.n > 0) {
		assert_true(span_starts(rest, SPAN_LIT("Mailstead-")));
		(void)span_cut(&rest, '\n');
		lines++;
	}
	assert_int_equal(lines, 7);
	envelope_free(&e);
	buf_fini(&b);
}

static void
words_are_outside_the_sum(void **state)
{
	struct envelope *e = sample();
	struct buf b;
	uint32_t crc;

	(void)state;
	format(e, &b);
	crc = envelope_head_crc(buf_span(&b));
	memcpy(b.p + e->rcpts[0].word_at, "fail", 4);
	assert_int_equal(envelope_head_crc(buf_span(&b)), crc);
	/* the letter behind the word is inside */
	b.p[e->rcpts[0].word_at + 6] ^= 1;
	assert_int_not_equal(envelope_head_crc(buf_span(&b)), crc);
	envelope_free(&e);
	buf_fini(&b);
}

static void
unknown_word_is_todo(void **state)
{
	struct envelope *e = sample(), *r = NULL;
	struct why why;
	struct buf b;

	(void)state;
	format(e, &b);
	memcpy(b.p + e->rcpts[1].word_at, "do\0e", 4);
	assert_int_equal(
	    envelope_parse(buf_span(&b), b.n + SIZE, &r, &why), RC_OK);
	assert_int_equal(r->rcpts[1].word, ENVELOPE_TODO);
	envelope_free(&e);
	envelope_free(&r);
	buf_fini(&b);
}

/* A file that was not flushed can be cut or have holes anywhere. */
static void
refuses_every_cut(void **state)
{
	struct envelope *e = asking(), *r = NULL;
	struct why why;
	struct buf b;

	(void)state;
	format(e, &b);
	for (size_t n = 0; n < b.n; n++) {
		assert_int_equal(envelope_parse(span_head(buf_span(&b), n),
				     n + SIZE, &r, &why),
		    RC_PERM);
		assert_null(r);
	}
	assert_int_equal(
	    envelope_parse(buf_span(&b), b.n + SIZE - 1, &r, &why), RC_PERM);
	assert_int_equal(
	    envelope_parse(buf_span(&b), b.n + SIZE + 1, &r, &why), RC_PERM);
	envelope_free(&e);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_it_writes),
	    cmocka_unit_test(reads_what_was_asked),
	    cmocka_unit_test(refuses_other_words),
	    cmocka_unit_test(no_address_makes_a_line),
	    cmocka_unit_test(words_are_outside_the_sum),
	    cmocka_unit_test(unknown_word_is_todo),
	    cmocka_unit_test(refuses_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
