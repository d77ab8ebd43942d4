/*
 * Answers of the DNS: see packet.h. libunbound has checked where an answer
 * comes from, not that every byte of it makes sense. A compressed name may
 * point backwards only, so that reading one ends.
 */
#include "resolver/packet.h"
#include "lib/base/banned.h"

#define HEAD       12
#define QR         0x80U
#define LABEL_MAX  63
#define WIRE_MAX   255 /* RFC 1035 3.1 */
#define CHAIN_MAX  16  /* aliases of aliases */
#define ANSWER_MAX 512 /* records looked at in a section */

/* One resource record, where its parts are. */
struct record {
	char owner[PACKET_NAME_MAX];
	bool owner_ok;
	unsigned type;
	unsigned class;
	uint32_t ttl;
	size_t data;
	size_t size;
};

/* The whole answer and where reading it is. */
struct cursor {
	struct span all;
	size_t at;
};

static bool
is_host_char(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
packet_name_ok(struct span name)
{
	struct span label;
	bool digits = true;

	if (name.n == 0 || name.n >= PACKET_NAME_MAX)
		return false;
	while (name.p != NULL) {
		label = span_cut(&name, '.');
		if (label.n == 0 || label.n > LABEL_MAX)
			return false;
		digits = true;
		for (size_t i = 0; i < label.n; i++) {
			if (!is_host_char(span_at(label, i)))
				return false;
			digits &= label.p[i] >= '0' && label.p[i] <= '9';
		}
	}
	/* else an IPv4 address would be a name */
	return !digits;
}

static bool
take(struct cursor *c, size_t bytes, uint32_t *out)
{
	uint32_t v = 0;

	if (c->at > c->all.n || c->all.n - c->at < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | (uint32_t)span_at(c->all, c->at + i);
	c->at += bytes;
	*out = v;
	return true;
}

/*
 * A name, perhaps compressed (RFC 1035 4.1.4). False: it is cut or malformed.
 * *ok: it is one that a host can have, in `text`; else `text` is "".
 */
static bool
take_name(struct cursor *c, char text[PACKET_NAME_MAX], bool *ok)
{
	size_t at = c->at, before = c->at, n = 0, wire = 1;
	bool jumped = false;

	*ok = true;
	for (;;) {
		int len = span_at(c->all, at);

		if (len < 0)
			return false;
		if ((len & 0xc0) == 0xc0) {
			int low = span_at(c->all, at + 1);
			size_t to = (size_t)(len & 0x3f) << 8 | (size_t)low;

			if (low < 0 || to >= before)
				return false;
			if (!jumped)
				c->at = at + 2;
			jumped = true;
			at = before = to;
			continue;
		}
		wire += (size_t)len + 1;
		if (len > LABEL_MAX || wire > WIRE_MAX + 1)
			return false;
		if (len == 0)
			break;
		if (span_at(c->all, at + (size_t)len) < 0)
			return false;
		if (n > 0)
			text[n++] = '.';
		/* fits: a wire name of 255 bytes is one of 253 as text */
		for (size_t i = 0; i < (size_t)len; i++) {
			char b = c->all.p[at + 1 + i];

			*ok = *ok && is_host_char((unsigned char)b);
			text[n++] = lower(b);
		}
		at += (size_t)len + 1;
	}
	if (!jumped)
		c->at = at + 1;
	text[*ok ? n : 0] = '\0';
	return true;
}

static bool
take_record(struct cursor *c, struct record *r)
{
	uint32_t type, class, ttl, size;

	if (!take_name(c, r->owner, &r->owner_ok) || !take(c, 2, &type) ||
	    !take(c, 2, &class) || !take(c, 4, &ttl) || !take(c, 2, &size) ||
	    c->all.n - c->at < size)
		return false;
	r->type = type;
	r->class = class;
	/* RFC 2181 8: with the highest bit set it counts as 0 */
	r->ttl = ttl > INT32_MAX ? 0 : ttl;
	r->data = c->at;
	r->size = size;
	c->at += size;
	return true;
}

/* What is wanted of an answer's records, one reading of them at a time. */
struct search {
	struct cursor head; /* where the answer section begins */
	uint32_t answers;
	uint32_t others; /* authority */
	char name[PACKET_NAME_MAX];
	enum packet_type type;
	struct packet *out;
};

static void
least_ttl(struct search *s, const struct record *r)
{
	if (s->out->ttl == 0 || r->ttl < s->out->ttl)
		s->out->ttl = r->ttl;
}

static bool
fill_mx(struct search *s, const struct record *r, struct packet_record *to)
{
	struct cursor c = {s->head.all, r->data};
	uint32_t preference;
	bool ok;

	if (r->size < 3 || !take(&c, 2, &preference) ||
	    !take_name(&c, to->host, &ok) || c.at != r->data + r->size || !ok)
		return false;
	to->preference = (uint16_t)preference;
	return to->host[0] == '\0' || packet_name_ok(span_of(to->host));
}

/* RFC 6698 2.1 */
static bool
fill_tlsa(struct search *s, const struct record *r, struct packet_record *to)
{
	struct span data = span_make(s->head.all.p + r->data, r->size);

	if (data.n < 4)
		return false;
	to->usage = (uint8_t)span_at(data, 0);
	to->selector = (uint8_t)span_at(data, 1);
	to->matching = (uint8_t)span_at(data, 2);
	to->data = span_from(data, 3);
	return true;
}

static bool
fill(struct search *s, const struct record *r, struct packet_record *to)
{
	if (s->type == PACKET_MX)
		return fill_mx(s, r, to);
	if (s->type == PACKET_TLSA)
		return fill_tlsa(s, r, to);
	if (r->size != (s->type == PACKET_A ? 4U : 16U))
		return false;
	memcpy(to->address, s->head.all.p + r->data, r->size);
	return true;
}

static void
keep(struct search *s, const struct record *r)
{
	struct packet *out = s->out;

	least_ttl(s, r);
	if (out->n < PACKET_RECORDS_MAX && fill(s, r, &out->v[out->n]))
		out->n++;
}

/*
 * Read the answer section once: records of the type are kept, an alias becomes
 * the name. False when it is malformed.
 */
static bool
pass(struct search *s, bool *alias)
{
	struct cursor c = s->head;
	struct record r = {.type = 0};
	char target[PACKET_NAME_MAX];
	bool ok;

	*alias = false;
	for (uint32_t i = 0; i < s->answers; i++) {
		if (!take_record(&c, &r))
			return false;
		if (r.class != 1 || !r.owner_ok ||
		    strcmp(r.owner, s->name) != 0)
			continue;
		if (r.type == (unsigned)s->type)
			keep(s, &r);
		if (r.type != PACKET_CNAME || *alias)
			continue;
		c.at = r.data;
		if (!take_name(&c, target, &ok) || c.at != r.data + r.size)
			return false;
		least_ttl(s, &r);
		*alias = ok && target[0] != '\0';
	}
	if (*alias)
		memcpy(s->name, target, sizeof(target));
	/* who gives nothing says for how long (RFC 2308 5) */
	for (uint32_t i = 0; i < s->others; i++) {
		if (!take_record(&c, &r))
			return false;
		if (r.type == PACKET_SOA && s->out->n == 0 && !*alias)
			least_ttl(s, &r);
	}
	return true;
}

bool
packet_read(struct span bytes, struct span name, enum packet_type type,
    struct packet *out)
{
	struct search s = {.head = {bytes, 4}, .type = type, .out = out};
	char skipped[PACKET_NAME_MAX];
	uint32_t questions, waste;
	bool alias = true, ok;

	out->rcode = 0;
	out->ttl = 0;
	out->n = 0;
	if (bytes.n < HEAD || (span_at(bytes, 2) & (int)QR) == 0 ||
	    !span_copy(name, s.name, sizeof(s.name)))
		return false;
	out->rcode = (unsigned)span_at(bytes, 3) & 15U;
	if (!take(&s.head, 2, &questions) || !take(&s.head, 2, &s.answers) ||
	    !take(&s.head, 2, &s.others) || !take(&s.head, 2, &waste) ||
	    questions > 1 || s.answers > ANSWER_MAX || s.others > ANSWER_MAX)
		return false;
	if (questions == 1 &&
	    (!take_name(&s.head, skipped, &ok) || !take(&s.head, 4, &waste)))
		return false;
	for (size_t i = 0; s.name[i] != '\0'; i++)
		s.name[i] = lower(s.name[i]);
	for (int i = 0; alias && out->n == 0; i++)
		if (i == CHAIN_MAX || !pass(&s, &alias))
			return false;
	memcpy(out->name, s.name, sizeof(out->name));
	return true;
}
