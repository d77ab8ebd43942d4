/*
 * One value from text and back: see value.h. The bounds in the table are text
 * too and are read by the same functions, so that a report shows them as
 * options.def has them.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "lib/addr/beyond.h"
#include "lib/base/network.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/conf/endpoint.h"
#include "lib/conf/name.h"
#include "lib/conf/value.h"
#include "lib/conf/way.h"
#include "lib/base/banned.h"

#define HOST_MAX       253 /* RFC 1035 3.1, without the root's dot */
#define PATH_BYTES_MAX 1024
#define TEXT_BYTES_MAX 255
#define WAY_BYTES_MAX  2048

struct unit {
	const char *name;
	uint64_t factor;
};

/* largest first; the same as num_duration and num_size take */
static const struct unit times[] = {
    {"d", 86400000},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
    {"ms", 1},
};
static const struct unit sizes[] = {
    {"GB", 1073741824},
    {"MB", 1048576},
    {"kB", 1024},
    {"", 1},
};

/* ---- characters ---- */

/* Length of the UTF-8 character that s begins with and its value; 0: none. */
static size_t
utf8_next(struct span s, uint32_t *out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	int c = span_at(s, 0);
	size_t n = c < 0x80   ? 1
		   : c < 0xc2 ? 0
		   : c < 0xe0 ? 2
		   : c < 0xf0 ? 3
			      : 4;
	uint32_t v;

	if (n == 0 || n > s.n || c > 0xf4)
		return 0;
	v = (uint32_t)c & (n == 1 ? 0x7fU : 0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((span_at(s, i) & 0xc0) != 0x80)
			return 0;
		v = v << 6 | ((uint32_t)span_at(s, i) & 0x3f);
	}
	*out = v;
	return v < least[n] || v > 0x10ffff ? 0 : n;
}

bool
conf_value_clean(struct span s)
{
	uint32_t v = 0;

	while (s.n > 0) {
		size_t n = utf8_next(s, &v);

		if (n == 0 || v < 0x20 || (v >= 0x7f && v < 0xa0))
			return false;
		/* line separators, surrogates, byte order mark, no character */
		if (v == 0x2028 || v == 0x2029 || (v >= 0xd800 && v < 0xe000) ||
		    v == 0xfeff || (v & 0xfffe) == 0xfffe)
			return false;
		s = span_from(s, n);
	}
	return true;
}

/* ---- from text ---- */

static bool
server_ok(struct span s)
{
	struct conf_endpoint e;

	return conf_endpoint_parse(s, &e) && e.host[0] != '\0' && e.port != 0;
}

static bool
stub_ok(struct span s)
{
	size_t sign = span_find(s, '=');

	return conf_name_host(span_head(s, sign)) &&
	       server_ok(span_from(s, sign + 1));
}

/* Each once: what is written twice was meant otherwise. */
static bool
delimiters_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (span_find(SPAN_LIT(CONF_DELIMITERS), s.p[i]) ==
			sizeof(CONF_DELIMITERS) - 1 ||
		    span_find(s, s.p[i]) != i)
			return false;
	return true;
}

static bool
alias_domain_ok(struct span s)
{
	size_t sign = span_find(s, '=');

	return conf_name_host(span_head(s, sign)) &&
	       conf_name_host(span_from(s, sign + 1));
}

static bool
route_ok(struct span s)
{
	size_t sign = span_find(s, '=');
	struct span host = span_from(s, sign + 1);
	size_t colon = span_rfind(host, ':');
	uint64_t port;

	if (!conf_name_host(span_head(s, sign)))
		return false;
	if (sign == s.n)
		return true;
	/* one in brackets is a literal's */
	if (host.n > 0 && host.p[host.n - 1] != ']' && colon < host.n) {
		if (!num_range(
			span_from(host, colon + 1), 1, UINT16_MAX, &port))
			return false;
		host = span_head(host, colon);
	}
	return conf_name_host(host) || conf_name_literal(host);
}

/* "/certificate=/key" */
static bool
pair_ok(struct span s)
{
	struct span key = s, certificate = span_cut(&key, '=');

	return span_at(certificate, 0) == '/' && span_at(key, 0) == '/' &&
	       span_find(key, '=') == key.n &&
	       certificate.n <= PATH_BYTES_MAX && key.n <= PATH_BYTES_MAX;
}

static bool
text_ok(const struct conf_option *o, struct span s)
{
	struct conf_endpoint scratch;
	struct network network;
	struct conf_way way;

	/* empty: off */
	if (o->type == CONF_TYPE_DELIMITERS)
		return delimiters_ok(s);
	/* empty where the default is */
	if (s.n == 0)
		return conf_option_is_text(o) && o->preset != NULL &&
		       o->preset[0] == '\0';
	if (!conf_value_clean(s))
		return false;
	switch (o->type) {
	case CONF_TYPE_HOST:
	case CONF_TYPE_DOMAINS:
		return conf_name_host(s);
	case CONF_TYPE_ADDRESS:
		return conf_name_address(s);
	case CONF_TYPE_TEXT:
		return s.n <= TEXT_BYTES_MAX;
	case CONF_TYPE_PATH:
		return s.p[0] == '/' && s.n <= PATH_BYTES_MAX;
	case CONF_TYPE_ENDPOINTS:
		return conf_endpoint_parse(s, &scratch);
	case CONF_TYPE_SERVERS:
		return server_ok(s);
	case CONF_TYPE_STUBS:
		return stub_ok(s);
	case CONF_TYPE_NETWORKS:
		return network_parse(s, &network);
	case CONF_TYPE_ALIAS_DOMAINS:
		return alias_domain_ok(s);
	case CONF_TYPE_ROUTES:
		return route_ok(s);
	case CONF_TYPE_PAIRS:
		return pair_ok(s);
	case CONF_TYPE_WAYS:
		return s.n <= WAY_BYTES_MAX && conf_way_parse(s, &way);
	case CONF_TYPE_DELIMITERS:
	case CONF_TYPE_NUMBER:
	case CONF_TYPE_SIZE:
	case CONF_TYPE_DURATION:
	case CONF_TYPE_BOOL:
	case CONF_TYPE_CHOICE:
		break;
	}
	return false;
}

/* Of those whose names may be written beyond ASCII. */
static bool
is_of_names(enum conf_type type)
{
	return type == CONF_TYPE_HOST || type == CONF_TYPE_DOMAINS ||
	       type == CONF_TYPE_ADDRESS || type == CONF_TYPE_ALIAS_DOMAINS ||
	       type == CONF_TYPE_ROUTES || type == CONF_TYPE_WAYS;
}

/* A copy with the domain in lower case. */
static char *
text_dup(const struct conf_option *o, struct span s)
{
	char *copy = span_dup(s);
	size_t from = o->type == CONF_TYPE_ADDRESS ? span_rfind(s, '@') : 0;

	if (o->type == CONF_TYPE_PATH || o->type == CONF_TYPE_TEXT ||
	    o->type == CONF_TYPE_PAIRS || o->type == CONF_TYPE_WAYS)
		return copy;
	for (size_t i = from; i < s.n; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] - 'A' + 'a');
	return copy;
}

static bool
number_of(enum conf_type type, struct span s, uint64_t *out)
{
	if (type == CONF_TYPE_DURATION)
		return num_duration(s, out);
	return type == CONF_TYPE_SIZE ? num_size(s, out) : num_u64(s, out);
}

static bool
set_number(const struct conf_option *o, enum conf_form form, struct span s,
    uint64_t *out)
{
	uint64_t low, high, v;

	if (!number_of(o->type, span_of(o->low), &low) ||
	    !number_of(o->type, span_of(o->high), &high))
		bug("an option has bad bounds");
	if (!(form == CONF_FORM_WIRE ? num_u64(s, &v)
				     : number_of(o->type, s, &v)) ||
	    v < low || v > high)
		return false;
	*out = v;
	return true;
}

static bool
set_bool(struct span s, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"true", true}, {"false", false}, {"yes", true},
	    {"no", false}, {"on", true}, {"off", false}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq(s, span_of(words[i].word))) {
			*out = words[i].value;
			return true;
		}
	return false;
}

/* Word i of a CHOICE; n 0 behind the last. */
static struct span
choice_word(const struct conf_option *o, int i)
{
	struct span words = span_of(o->low);

	for (; i > 0 && words.p != NULL; i--)
		(void)span_cut(&words, ' '); /* not yet the one asked for */
	return span_cut(&words, ' ');
}

static bool
set_choice(const struct conf_option *o, struct span s, int *out)
{
	struct span word;

	for (int i = 0; (word = choice_word(o, i)).n > 0; i++)
		if (span_eq(s, word)) {
			*out = i;
			return true;
		}
	return false;
}

/*
 * "bücher.example" as "xn--bcher-kva.example": each name between separators,
 * of an address the one behind '@'. What is no such name stays, to be refused;
 * so does a login at another host, which is as that host says.
 */
static void
put_ascii(const struct conf_option *o, struct span s, struct buf *out)
{
	const char *separators = o->type == CONF_TYPE_WAYS ? " =,:" : "=:";
	struct span before = SPAN_NONE;

	while (s.n > 0) {
		size_t n = 0;
		struct span word;
		bool login;

		while (n < s.n && strchr(separators, s.p[n]) == NULL)
			n++;
		word = span_head(s, n);
		login = span_eq(before, SPAN_LIT("as"));
		/* over is seen in the end */
		if (!login && span_find(word, '@') < word.n)
			addr_beyond_written(word, out);
		else if (login || !addr_beyond_domain(word, out))
			(void)buf_put_span(out, word);
		(void)buf_put_span(out, span_head(span_from(s, n), 1));
		before = word;
		s = span_from(s, n + 1);
	}
}

/* As it is kept; NULL: not what the row asks for. */
static char *
text_of(const struct conf_option *o, struct span s)
{
	struct buf ascii;
	char *text = NULL;

	if (span_is_ascii(s) || !is_of_names(o->type))
		return text_ok(o, s) ? text_dup(o, s) : NULL;
	buf_init(&ascii, 2 * (s.n + HOST_MAX));
	put_ascii(o, s, &ascii);
	if (!ascii.over && text_ok(o, buf_span(&ascii)))
		text = text_dup(o, buf_span(&ascii));
	buf_fini(&ascii);
	return text;
}

static bool
set_text(const struct conf_option *o, struct span s, char **field)
{
	char *text = text_of(o, s);

	if (text == NULL)
		return false;
	free(*field);
	*field = text;
	return true;
}

static bool
add_item(const struct conf_option *o, struct span s, struct conf_list *list)
{
	char *text = list->n == CONF_LIST_MAX ? NULL : text_of(o, s);

	if (text == NULL)
		return false;
	list->v = mem_grow(list->v, (list->n + 2) * sizeof(*list->v));
	list->v[list->n++] = text;
	list->v[list->n] = NULL;
	return true;
}

bool
conf_value_set(const struct conf_option *o, enum conf_form form, struct span s,
    struct conf *conf)
{
	void *field = conf_option_field(o, conf);

	switch (o->type) {
	case CONF_TYPE_NUMBER:
	case CONF_TYPE_SIZE:
	case CONF_TYPE_DURATION:
		return set_number(o, form, s, field);
	case CONF_TYPE_BOOL:
		return set_bool(s, field);
	case CONF_TYPE_CHOICE:
		return set_choice(o, s, field);
	case CONF_TYPE_HOST:
	case CONF_TYPE_ADDRESS:
	case CONF_TYPE_TEXT:
	case CONF_TYPE_PATH:
	case CONF_TYPE_DELIMITERS:
		return set_text(o, s, field);
	case CONF_TYPE_DOMAINS:
	case CONF_TYPE_ENDPOINTS:
	case CONF_TYPE_SERVERS:
	case CONF_TYPE_STUBS:
	case CONF_TYPE_NETWORKS:
	case CONF_TYPE_ALIAS_DOMAINS:
	case CONF_TYPE_ROUTES:
	case CONF_TYPE_PAIRS:
	case CONF_TYPE_WAYS:
		return add_item(o, s, field);
	}
	return false;
}

void
conf_value_preset(const struct conf_option *o, struct conf *conf)
{
	struct span s = span_of(o->preset);
	bool ok = true;

	if (!conf_option_is_list(o))
		ok = conf_value_set(o, CONF_FORM_FILE, s, conf);
	while (conf_option_is_list(o) && ok && s.n > 0)
		ok = conf_value_set(o, CONF_FORM_FILE, span_cut(&s, ' '), conf);
	if (!ok)
		bug("an option has a bad default");
}

void
conf_value_clear(const struct conf_option *o, struct conf *conf)
{
	void *field = conf_option_field(o, conf);

	if (conf_option_is_text(o)) {
		char **text = field;

		free(*text);
		*text = NULL;
	} else if (conf_option_is_list(o)) {
		struct conf_list *list = field;

		for (size_t i = 0; i < list->n; i++)
			free(list->v[i]);
		free(list->v);
		*list = (struct conf_list){.n = 0};
	}
}

/* ---- to text ---- */

static void
expected_words(const struct conf_option *o, struct buf *out)
{
	struct span word;

	for (int i = 0; (word = choice_word(o, i)).n > 0; i++) {
		/* all of these are short, and out is large enough or over */
		(void)buf_puts(out, i == 0 ? "one of " : ", ");
		(void)buf_put_span(out, word);
	}
}

static void
expected_name(const char *what, struct span found, struct buf *out)
{
	/* as above */
	(void)buf_putf(out, "%s%s", what,
	    span_is_ascii(found) ? "" : " (beyond ASCII by IDNA2008)");
}

/* Each is short, and out is large enough or over. */
static void
say(struct buf *out, const char *text)
{
	(void)buf_puts(out, text);
}

void
conf_value_expected(
    const struct conf_option *o, struct span found, struct buf *out)
{
	const char *what = "a number";

	switch (o->type) {
	case CONF_TYPE_DURATION:
		what = "a duration";
		break;
	case CONF_TYPE_SIZE:
		what = "a size";
		break;
	case CONF_TYPE_NUMBER:
		break;
	case CONF_TYPE_BOOL:
		say(out, "true or false");
		return;
	case CONF_TYPE_CHOICE:
		expected_words(o, out);
		return;
	case CONF_TYPE_HOST:
		expected_name("a host name", found, out);
		return;
	case CONF_TYPE_ADDRESS:
		expected_name("an address like user@example.org", found, out);
		return;
	case CONF_TYPE_TEXT:
		(void)buf_putf(
		    out, "a text of at most %d bytes", TEXT_BYTES_MAX);
		return;
	case CONF_TYPE_PATH:
		say(out, "an absolute path");
		return;
	case CONF_TYPE_DOMAINS:
		expected_name("a domain name", found, out);
		return;
	case CONF_TYPE_ENDPOINTS:
		say(out, "an IP address (or *) and port like "
			 "\"*:25\" or \"[::1]:25\", or "
			 "\"unix:\" and an absolute path");
		return;
	case CONF_TYPE_SERVERS:
		say(out, "an IP address and port like "
			 "\"192.0.2.53:53\"");
		return;
	case CONF_TYPE_STUBS:
		say(out, "a domain, its server and port like "
			 "\"corp.example=192.0.2.53:53\"");
		return;
	case CONF_TYPE_NETWORKS:
		say(out, "an IP address or network like "
			 "\"192.0.2.0/24\"");
		return;
	case CONF_TYPE_DELIMITERS:
		say(out,
		    "characters of " CONF_DELIMITERS ", each once, or nothing");
		return;
	case CONF_TYPE_ALIAS_DOMAINS:
		say(out, "two domains like "
			 "\"example.net=example.org\"");
		return;
	case CONF_TYPE_ROUTES:
		say(out, "a domain, or one with its host like "
			 "\"example.net=mx.example.net:25\"");
		return;
	case CONF_TYPE_PAIRS:
		say(out, "a certificate's file and its key's like "
			 "\"/etc/ssl/b.pem=/etc/ssl/b.key\"");
		return;
	case CONF_TYPE_WAYS:
		say(out, "words of to=, from=, login=, via=, tls=, as=, "
			 "source= and rate= "
			 "like \"from=@example.org via=smtp.example.net:587\"");
		return;
	}
	/* as above */
	(void)buf_putf(out, "%s from %s to %s", what, o->low, o->high);
}

void
conf_value_expected_list(const struct conf_option *o, struct buf *out)
{
	/* see expected_words */
	(void)buf_puts(out,
	    o->type == CONF_TYPE_DOMAINS     ? "a list of domain names"
	    : o->type == CONF_TYPE_ENDPOINTS ? "a list like [\"*:25\"]"
	    : o->type == CONF_TYPE_SERVERS   ? "a list like [\"192.0.2.53:53\"]"
	    : o->type == CONF_TYPE_STUBS
		? "a list like [\"corp.example=192.0.2.53:53\"]"
	    : o->type == CONF_TYPE_ALIAS_DOMAINS
		? "a list like [\"example.net=example.org\"]"
	    : o->type == CONF_TYPE_ROUTES
		? "a list like [\"example.net=mx.example.net:25\"]"
	    : o->type == CONF_TYPE_PAIRS
		? "a list like [\"/etc/ssl/b.pem=/etc/ssl/b.key\"]"
	    : o->type == CONF_TYPE_WAYS
		? "a list like [\"from=@example.org via=smtp.example.net\"]"
		: "a list like [\"192.0.2.0/24\"]");
}

static bool
put_with_unit(uint64_t v, const struct unit *u, struct buf *out)
{
	if (v == 0)
		return buf_putc(out, '0');
	/* the last unit is 1 */
	while (v % u->factor != 0)
		u++;
	return buf_putf(
	    out, "%llu%s", (unsigned long long)(v / u->factor), u->name);
}

static bool
put_number(const struct conf_option *o, enum conf_form form, uint64_t v,
    struct buf *out)
{
	if (form == CONF_FORM_FILE && o->type == CONF_TYPE_DURATION)
		return put_with_unit(v, times, out);
	if (form == CONF_FORM_FILE && o->type == CONF_TYPE_SIZE)
		return put_with_unit(v, sizes, out);
	return buf_putf(out, "%llu", (unsigned long long)v);
}

/* In the file text stands in double quotes. */
static bool
put_text(enum conf_form form, const char *s, struct buf *out)
{
	bool fits;

	if (form == CONF_FORM_WIRE)
		return enc_line(out, span_of(s));
	fits = buf_putc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			fits = buf_putc(out, '\\') && fits;
		fits = buf_putc(out, *s) && fits;
	}
	return buf_putc(out, '"') && fits;
}

bool
conf_value_put(const struct conf_option *o, enum conf_form form,
    const struct conf *conf, size_t i, struct buf *out)
{
	const void *field = conf_option_peek(o, conf);

	switch (o->type) {
	case CONF_TYPE_NUMBER:
	case CONF_TYPE_SIZE:
	case CONF_TYPE_DURATION:
		return put_number(o, form, *(const uint64_t *)field, out);
	case CONF_TYPE_BOOL:
		return buf_puts(out, *(const bool *)field ? "true" : "false");
	case CONF_TYPE_CHOICE:
		return buf_put_span(out, choice_word(o, *(const int *)field));
	case CONF_TYPE_HOST:
	case CONF_TYPE_ADDRESS:
	case CONF_TYPE_TEXT:
	case CONF_TYPE_PATH:
	case CONF_TYPE_DELIMITERS:
		return put_text(form, *(char *const *)field, out);
	case CONF_TYPE_DOMAINS:
	case CONF_TYPE_ENDPOINTS:
	case CONF_TYPE_SERVERS:
	case CONF_TYPE_STUBS:
	case CONF_TYPE_NETWORKS:
	case CONF_TYPE_ALIAS_DOMAINS:
	case CONF_TYPE_ROUTES:
	case CONF_TYPE_PAIRS:
	case CONF_TYPE_WAYS:
		return put_text(
		    form, ((const struct conf_list *)field)->v[i], out);
	}
	return false;
}

size_t
conf_value_count(const struct conf_option *o, const struct conf *conf)
{
	const struct conf_list *list = conf_option_peek(o, conf);

	return conf_option_is_list(o) ? list->n : 1;
}
