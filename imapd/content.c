/*
 * One message's content: see content.h.
 */
#include <unistd.h>

#include "imapd/content.h"
#include "lib/base/io.h"
#include "lib/mime/envelope.h"
#include "lib/mime/structure.h"
#include "lib/base/banned.h"

#define ROOM_MAX ((size_t)32 << 20)

void
content_init(struct content *c)
{
	struct buf spec;

	*c = (struct content){.fd = -1};
	buf_init(&c->room, ROOM_MAX);
	buf_init(&spec, 4096);
	buf_puts(&spec, "HEADER.FIELDS (");
	for (size_t i = 0; i < cache_fields_n; i++) {
		buf_puts(&spec, i > 0 ? " " : "");
		buf_put_span(&spec, cache_fields[i]);
	}
	buf_putc(&spec, ')');
	/* it is right, as the tests of items show */
	(void)mime_section_parse(&c->fields, buf_span(&spec));
	buf_fini(&spec);
}

void
content_reset(struct content *c)
{
	if (c->parsed)
		mime_message_fini(&c->message);
	c->parsed = c->has_record = false;
	io_close(&c->fd);
	buf_clear(&c->room);
}

void
content_fini(struct content *c)
{
	content_reset(c);
	buf_fini(&c->room);
	mime_section_fini(&c->fields);
}

enum rc
content_open(struct content *c, struct maildir_mailbox *m,
    struct maildir_message *msg, struct why *why)
{
	enum rc rc;

	if (c->fd >= 0)
		return RC_OK;
	rc = maildir_mailbox_read(m, msg, &c->fd, why);
	if (rc == RC_OK)
		c->source = mime_source_fd(&c->fd);
	return rc;
}

enum rc
content_parse(struct content *c, struct maildir_mailbox *m,
    struct maildir_message *msg, struct why *why)
{
	enum rc rc;

	if (c->parsed)
		return RC_OK;
	rc = content_open(c, m, msg, why);
	if (rc != RC_OK)
		return rc;
	rc = mime_message_parse(&c->message, &c->source, msg->size, why);
	if (rc != RC_OK) {
		mime_message_fini(&c->message);
		return rc;
	}
	c->parsed = true;
	msg->wire = c->message.size;
	return RC_OK;
}

/* Append the fields that are kept; nothing of them on failure. */
static enum rc
put_fields(struct content *c, struct why *why)
{
	struct mime_ranges ranges;
	struct mime_reader reader;
	enum rc rc = mime_section_find(
	    &c->fields, &c->message, &c->source, &ranges, why);
	size_t got = 1;

	if (rc == RC_OK)
		mime_reader_init(
		    &reader, &c->source, &c->message.index, &ranges);
	while (rc == RC_OK && got > 0) {
		char *to = buf_reserve(&c->room, MIME_READER_CHUNK);

		if (to == NULL)
			return why_set(
			    why, RC_TEMP, "4.3.0", "the header is too large");
		rc =
		    mime_reader_read(&reader, to, MIME_READER_CHUNK, &got, why);
		if (rc == RC_OK)
			c->room.n += got;
	}
	mime_ranges_fini(&ranges);
	return rc;
}

static enum rc
make_record(struct content *c, struct why *why)
{
	size_t structure, header;
	enum rc rc;

	buf_clear(&c->room);
	mime_envelope_put(&c->room, &c->message, &c->message.parts[0]);
	structure = c->room.n;
	mime_structure_put(&c->room, &c->message, true);
	header = c->room.n;
	if (c->room.over)
		return why_set(
		    why, RC_TEMP, "4.3.0", "the message has too many parts");
	rc = put_fields(c, why);
	if (rc != RC_OK)
		return rc;
	c->record = (struct cache_record){
	    .envelope = span_head(buf_span(&c->room), structure),
	    .structure = span_make(c->room.p + structure, header - structure),
	    .header = span_make(c->room.p + header, c->room.n - header),
	    .wire = c->message.size};
	return RC_OK;
}

enum rc
content_record(struct content *c, struct cache *cache,
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why)
{
	enum rc rc;

	if (c->has_record)
		return RC_OK;
	if (cache_get(cache, m, msg, &c->room, &c->record)) {
		c->has_record = true;
		if (msg->wire == 0)
			msg->wire = c->record.wire;
		return RC_OK;
	}
	rc = content_parse(c, m, msg, why);
	if (rc == RC_OK)
		rc = make_record(c, why);
	if (rc != RC_OK)
		return rc;
	cache_put(cache, m, msg, &c->record);
	c->has_record = true;
	return RC_OK;
}
