/*
 * Items of relay.routes: see way.h.
 */
#include "lib/base/network.h"
#include "lib/base/num.h"
#include "lib/conf/conf.h"
#include "lib/conf/name.h"
#include "lib/conf/way.h"
#include "lib/base/banned.h"

#define RATE_MAX 1000000

/* An address, "@domain", ".domain", a domain. */
static bool
pattern_ok(struct span s)
{
	if (s.p[0] == '@' || s.p[0] == '.')
		return conf_name_host(span_from(s, 1));
	if (span_find(s, '@') == s.n)
		return conf_name_host(s);
	return conf_name_host(span_from(s, span_rfind(s, '@') + 1));
}

static bool
take_pattern(struct span *to, struct span value, bool null_too)
{
	bool null = null_too && span_eq(value, SPAN_LIT("<>"));

	if (to->n > 0 || (!null && !pattern_ok(value)))
		return false;
	*to = value;
	return true;
}

static bool
take_host(struct conf_way *w, struct span s)
{
	size_t colon = span_rfind(s, ':');
	uint64_t port = 0;

	if (w->n == CONF_WAY_HOSTS_MAX || s.n == 0)
		return false;
	if (s.p[s.n - 1] != ']' && colon < s.n) {
		if (!num_range(span_from(s, colon + 1), 1, UINT16_MAX, &port))
			return false;
		s = span_head(s, colon);
	}
	if (!conf_name_host(s) && !conf_name_literal(s))
		return false;
	w->via[w->n++] = (struct conf_way_host){s, (uint16_t)port};
	return true;
}

static bool
take_via(struct conf_way *w, struct span value)
{
	if (w->n > 0 || w->mx)
		return false;
	w->mx = span_eq(value, SPAN_LIT("mx"));
	if (w->mx)
		return true;
	w->lmtp = span_starts(value, SPAN_LIT("lmtp:"));
	if (w->lmtp)
		value = span_from(value, 5);
	while (value.p != NULL)
		if (!take_host(w, span_cut(&value, ',')))
			return false;
	return true;
}

static bool
take_tls(struct conf_way *w, struct span value)
{
#define WORD(NAME, word) word,
	static const char *const words[] = {CONF_RELAY_TLS(WORD)};
#undef WORD

	if (w->tls >= 0)
		return false;
	for (int i = 0; i < (int)(sizeof(words) / sizeof(words[0])); i++)
		if (span_eq(value, span_of(words[i])))
			w->tls = i;
	return w->tls >= 0;
}

/* "20/m" */
static bool
take_rate(struct conf_way *w, struct span value)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {
	    {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	struct span unit = value, number = span_cut(&unit, '/');
	uint64_t n;

	if (w->gap_ms > 0 || !num_range(number, 1, RATE_MAX, &n))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (span_eq(unit, span_of(units[i].unit)))
			w->gap_ms = units[i].ms / n;
	return w->gap_ms > 0;
}

bool
conf_way_source(struct span source, bool six, struct span *one)
{
	struct span found[2] = {SPAN_NONE, SPAN_NONE};
	uint8_t octets[16];

	while (source.n > 0) {
		struct span address = span_cut(&source, ',');
		bool is_six = span_find(address, ':') < address.n;

		if (!network_address(address, octets) || found[is_six].n > 0)
			return false;
		found[is_six] = address;
	}
	*one = found[six];
	return true;
}

static bool
take_source(struct conf_way *w, struct span value)
{
	struct span one;

	if (w->source.n > 0 || span_at(value, value.n - 1) == ',' ||
	    !conf_way_source(value, false, &one))
		return false;
	w->source = value;
	return true;
}

static bool
take_word(struct conf_way *w, struct span word)
{
	struct span value = word, key = span_cut(&value, '=');

	if (value.n == 0)
		return false;
	if (span_eq(key, SPAN_LIT("to")))
		return take_pattern(&w->to, value, false);
	if (span_eq(key, SPAN_LIT("from")))
		return take_pattern(&w->from, value, true);
	if (span_eq(key, SPAN_LIT("login")))
		return take_pattern(&w->login, value, false);
	if (span_eq(key, SPAN_LIT("via")))
		return take_via(w, value);
	if (span_eq(key, SPAN_LIT("tls")))
		return take_tls(w, value);
	if (span_eq(key, SPAN_LIT("rate")))
		return take_rate(w, value);
	if (span_eq(key, SPAN_LIT("source")))
		return take_source(w, value);
	if (!span_eq(key, SPAN_LIT("as")) || w->as.n > 0)
		return false;
	w->as = value;
	return true;
}

bool
conf_way_parse(struct span text, struct conf_way *out)
{
	struct conf_way w = {.tls = -1};

	while (text.p != NULL) {
		struct span word = span_cut(&text, ' ');

		if (word.n > 0 && !take_word(&w, word))
			return false;
	}
	/* a password goes to hosts that are named, and never in clear */
	if ((w.n == 0 && !w.mx) ||
	    (w.as.n > 0 && (w.mx || w.lmtp ||
			       (w.tls >= 0 && w.tls < CONF_RELAY_TLS_ENCRYPT))))
		return false;
	*out = w;
	return true;
}

static bool
fits(struct span pattern, struct span address)
{
	size_t at = span_rfind(address, '@');
	/* a user of the system has none */
	struct span domain =
	    at < address.n ? span_from(address, at + 1) : address;
	int first = span_at(pattern, 0);

	if (pattern.n == 0)
		return true;
	if (span_eq(pattern, SPAN_LIT("<>")))
		return address.n == 0;
	if (first == '.')
		return domain.n > pattern.n &&
		       span_eq_ci(
			   span_from(domain, domain.n - pattern.n), pattern);
	if (first == '@')
		return span_eq_ci(domain, span_from(pattern, 1));
	return span_eq_ci(
	    span_find(pattern, '@') < pattern.n ? address : domain, pattern);
}

bool
conf_way_fits(const struct conf_way *w, const struct conf_way_mail *mail)
{
	return fits(w->to, mail->to) && fits(w->from, mail->sender) &&
	       fits(w->login, mail->login);
}
