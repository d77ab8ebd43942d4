#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "qmgr/store.h"
#include "lib/base/banned.h"

#define NAME "00000000000aaaa"
#define BODY "Subject: x\r\n\r\nbody\r\n"

static struct store store;
static char dir[64];

static int
setup(void **state)
{
	struct why why;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/var/tmp/store.XXXXXX");
	return mkdtemp(dir) == NULL || store_open(&store, dir, &why) != RC_OK;
}

static int
teardown(void **state)
{
	static const char *const folders[] = {"new", "cur", "tmp", "damaged"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s/%s", dir, folders[i], NAME);
		(void)unlink(path); /* where it is */
		(void)snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		if (rmdir(path) < 0)
			return -1; /* something was left behind */
	}
	(void)snprintf(path, sizeof(path), "%s/lock", dir);
	(void)unlink(path);
	io_close(&store.lock);
	return rmdir(dir);
}

static enum rc
write_sample(struct store_write *w, struct why *why)
{
	struct envelope *e = envelope_new();
	enum rc rc;

	e->arrived_us = 1763751600123000;
	e->sender = span_dup(SPAN_LIT("a@example.org"));
	e->client = span_dup(SPAN_LIT("[192.0.2.1]"));
	e->protocol = span_dup(SPAN_LIT("ESMTP"));
	e->login = span_dup(SPAN_LIT(""));
	envelope_add(e, SPAN_LIT("b@example.org"), SPAN_LIT("b@example.org"));
	envelope_add(e, SPAN_LIT("c@example.org"), SPAN_LIT("c@example.org"));
	*w = (struct store_write){.name = NAME,
	    .envelope = e,
	    .trace = SPAN_LIT("Received: here\r\n"),
	    .body = io_memfd("test"),
	    .size = sizeof(BODY) - 1};
	assert_true(io_write_all(w->body, BODY, sizeof(BODY) - 1));
	if ((rc = store_write(&store, w, why)) != RC_OK)
		return rc;
	/* it goes to other workers; the rows write as somebody else would */
	assert_int_equal(pwrite(w->fd, "X", 1, 0), -1);
	io_close(&w->fd);
	w->fd = openat(store.new, NAME, O_RDWR | O_CLOEXEC);
	return rc;
}

static void
done(struct store_write *w)
{
	io_close(&w->body);
	io_close(&w->fd);
	envelope_free(&w->envelope);
}

static void
comes_back_whole(void **state)
{
	struct envelope *e = NULL;
	struct store_write w;
	struct why why;
	char text[256] = "";
	size_t got;
	int fd = -1;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	assert_int_equal(store_read(store.new, NAME, &e, &fd, &why), RC_OK);
	assert_int_equal(envelope_todo(e), 2);
	assert_true(
	    io_pread_all(fd, text, sizeof(text) - 1, (off_t)e->offset, &got));
	assert_string_equal(text, "Received: here\r\n" BODY);
	assert_int_equal(e->size, strlen(text));
	io_close(&fd);
	envelope_free(&e);
	done(&w);
}

static void
word_is_kept_and_sum_holds(void **state)
{
	struct envelope *e = NULL;
	struct store_write w;
	struct why why;
	int fd = -1;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	w.envelope->rcpts[1].word = ENVELOPE_DONE;
	assert_int_equal(
	    store_words(w.fd, &w.envelope->rcpts[1], 1, &why), RC_OK);
	assert_int_equal(store_read(store.new, NAME, &e, &fd, &why), RC_OK);
	assert_int_equal(e->rcpts[0].word, ENVELOPE_TODO);
	assert_int_equal(e->rcpts[1].word, ENVELOPE_DONE);
	io_close(&fd);
	envelope_free(&e);
	done(&w);
}

/* Naming never replaces: one queue ID, one message. */
static void
taken_name_is_refused(void **state)
{
	struct store_write w, again;
	struct why why;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	assert_int_equal(write_sample(&again, &why), RC_TEMP);
	assert_int_equal(again.fd, -1);
	done(&w);
	done(&again);
}

/* Every bit of the file counts, but the words'. */
static void
one_wrong_bit_is_seen(void **state)
{
	struct envelope *e = NULL;
	struct store_write w;
	struct stat st;
	struct why why;
	int fd = -1;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	assert_int_equal(fstat(w.fd, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		const struct envelope_rcpt *r = w.envelope->rcpts;
		char c;

		if (((uint64_t)at >= r[0].word_at &&
			(uint64_t)at < r[0].word_at + 4) ||
		    ((uint64_t)at >= r[1].word_at &&
			(uint64_t)at < r[1].word_at + 4) ||
		    (at >= 75 && at < 79))
			continue;
		assert_int_equal(pread(w.fd, &c, 1, at), 1);
		c ^= 1;
		assert_int_equal(pwrite(w.fd, &c, 1, at), 1);
		assert_int_equal(
		    store_read(store.new, NAME, &e, &fd, &why), RC_PERM);
		c ^= 1;
		assert_int_equal(pwrite(w.fd, &c, 1, at), 1);
	}
	assert_int_equal(store_read(store.new, NAME, &e, &fd, &why), RC_OK);
	io_close(&fd);
	envelope_free(&e);
	done(&w);
}

static void
damaged_is_kept(void **state)
{
	struct store_write w;
	struct stat st;
	struct why why;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	assert_int_equal(ftruncate(w.fd, 100), 0);
	assert_int_equal(store_damaged(&store, store.new, NAME, &why), RC_OK);
	assert_int_equal(fstatat(store.new, NAME, &st, 0), -1);
	assert_int_equal(fstatat(store.damaged, NAME, &st, 0), 0);
	assert_int_equal(st.st_size, 100);
	done(&w);
}

static void
hold_is_kept_and_sum_holds(void **state)
{
	struct envelope *e = NULL;
	struct store_write w;
	struct why why;
	int fd = -1;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	for (int held = 1; held >= 0; held--) {
		assert_int_equal(
		    store_hold(&store, store.new, NAME, held != 0, &why),
		    RC_OK);
		assert_int_equal(
		    store_read(store.new, NAME, &e, &fd, &why), RC_OK);
		assert_int_equal(e->held, held);
		io_close(&fd);
		envelope_free(&e);
	}
	/* a torn file, or another program's, is left as it is */
	assert_int_equal(ftruncate(w.fd, 70), 0);
	assert_int_equal(
	    store_hold(&store, store.new, NAME, true, &why), RC_PERM);
	assert_int_equal(lseek(w.fd, 0, SEEK_END), 70);
	done(&w);
}

/* Another program may rename a queue file at any time. */
static void
renamed_is_found(void **state)
{
	struct envelope *e = NULL;
	struct store_write w;
	struct why why;
	int fd = -1;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	assert_int_equal(renameat(store.new, NAME, store.cur, NAME ":2,S"), 0);
	assert_false(store_remove(&store, NAME));
	assert_int_equal(
	    store_hold(&store, store.new, NAME, true, &why), RC_OK);
	assert_int_equal(
	    store_read(store.cur, NAME ":2,S", &e, &fd, &why), RC_OK);
	assert_true(e->held);
	io_close(&fd);
	envelope_free(&e);
	assert_int_equal(store_delete(&store, store.new, NAME, &why), RC_OK);
	assert_true(store_gone(store.cur, NAME ":2,S"));
	/* nowhere: it is as it was meant */
	assert_int_equal(store_delete(&store, store.new, NAME, &why), RC_OK);
	assert_int_equal(
	    store_hold(&store, store.new, NAME, true, &why), RC_TEMP);
	done(&w);
}

static void
peek_needs_no_sum(void **state)
{
	struct envelope *e = NULL;
	struct store_write w;
	struct why why;
	int fd = -1;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	assert_int_equal(pwrite(w.fd, "X", 1, (off_t)w.envelope->offset), 1);
	assert_int_equal(store_read(store.new, NAME, &e, &fd, &why), RC_PERM);
	assert_int_equal(store_peek(store.new, NAME, &e, &fd, &why), RC_OK);
	assert_int_equal(e->n_rcpts, 2);
	io_close(&fd);
	envelope_free(&e);
	assert_false(store_gone(store.new, NAME));
	assert_int_equal(store_delete(&store, store.new, NAME, &why), RC_OK);
	assert_true(store_gone(store.new, NAME));
	done(&w);
}

static void
only_one_owner(void **state)
{
	struct store second;
	struct why why;

	(void)state;
	assert_int_equal(store_open(&second, dir, &why), RC_TEMP);
	io_close(&second.lock);
	io_close(&second.top);
}

static void
shorter_body_is_refused(void **state)
{
	struct store_write w;
	struct stat st;
	struct why why;

	(void)state;
	assert_int_equal(write_sample(&w, &why), RC_OK);
	assert_true(store_remove(&store, NAME));
	io_close(&w.fd);
	w.size += 1;
	assert_int_equal(store_write(&store, &w, &why), RC_TEMP);
	assert_int_equal(fstatat(store.new, NAME, &st, 0), -1);
	done(&w);
}

static void
names(void **state)
{
	char id[STORE_NAME_MAX + 1];

	(void)state;
	assert_true(store_name_id(SPAN_LIT(NAME ":2,S"), id));
	assert_string_equal(id, NAME);
	assert_false(store_name_id(SPAN_LIT(".hidden"), id));
	assert_false(store_name_id(SPAN_LIT("a b"), id));
	assert_false(store_name_id(SPAN_LIT("a/b"), id));
	assert_false(store_name_id(SPAN_LIT(":2,S"), id));
	assert_false(store_name_id(SPAN_LIT(""), id));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(comes_back_whole),
	    TEST(word_is_kept_and_sum_holds),
	    TEST(taken_name_is_refused),
	    TEST(one_wrong_bit_is_seen),
	    TEST(damaged_is_kept),
	    TEST(hold_is_kept_and_sum_holds),
	    TEST(renamed_is_found),
	    TEST(peek_needs_no_sum),
	    TEST(only_one_owner),
	    TEST(shorter_body_is_refused),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
