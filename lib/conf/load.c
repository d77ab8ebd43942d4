/*
 * A configuration from its file: see conf.h. First the pass of places.h, which
 * finds every mistake of structure; then libcyaml reads what is well formed,
 * with every scalar as text (it would take 12abc for 12, and 025 for 21); then
 * value.h makes of each text what its row asks for. An option with a mistake
 * is left out of the schema, so that the rest is checked in the same go.
 */
#include <cyaml/cyaml.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/conf/places.h"
#include "lib/conf/value.h"
#include "lib/base/banned.h"

#define TEXT_MAX 800

/* An option as it stands in the file. */
struct raw {
	char *text;
	char **items;
	uint32_t n;
};

struct schema {
	cyaml_schema_field_t top[CONF_ID_COUNT + CONF_SECTION_COUNT + 1];
	cyaml_schema_field_t in[CONF_SECTION_COUNT][CONF_ID_COUNT + 1];
	size_t n_top;
	size_t n_in[CONF_SECTION_COUNT];
	size_t first[CONF_SECTION_COUNT]; /* option read of each section */
	size_t last[CONF_SECTION_COUNT];
	cyaml_schema_value_t root;
};

struct load {
	struct conf *conf;
	struct conf_places places;
	struct conf_report report;
};

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

/* ---- the structure ---- */

/* realloc and free in one, as libcyaml asks for it */
static void *
memory(void *ctx, void *p, size_t n)
{
	(void)ctx; /* there is none */
	if (n == 0) {
		free(p);
		return NULL;
	}
	return mem_grow(p, n);
}

static const cyaml_config_t reader = {
    .mem_fn = memory,
    .flags = CYAML_CFG_NO_ALIAS | CYAML_CFG_IGNORE_UNKNOWN_KEYS,
};

static cyaml_schema_field_t
option_field(const struct conf_option *o, size_t at)
{
	cyaml_schema_field_t field = {.key = o->key};

	field.value = text_schema;
	field.value.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL;
	field.data_offset = (uint32_t)(at + offsetof(struct raw, text));
	if (!conf_option_is_list(o))
		return field;
	field.data_offset = (uint32_t)(at + offsetof(struct raw, items));
	field.count_offset = (uint32_t)(at + offsetof(struct raw, n));
	field.count_size = sizeof(uint32_t);
	field.value.type = CYAML_SEQUENCE;
	field.value.data_size = sizeof(char *);
	field.value.sequence.entry = &text_schema;
	field.value.sequence.min = 0;
	field.value.sequence.max = CONF_LIST_MAX;
	return field;
}

static void
add_option(struct schema *s, const struct conf_places *places, size_t i)
{
	const struct conf_option *o = &conf_option_table[i];
	enum conf_section in = o->section;
	size_t from = i;

	if (!places->options[i].seen || places->options[i].bad)
		return;
	if (in == CONF_SECTION_TOP) {
		s->top[s->n_top++] = option_field(o, i * sizeof(struct raw));
		return;
	}
	if (s->n_in[in] == 0)
		s->first[in] = i;
	s->last[in] = i;
	from -= s->first[in];
	s->in[in][s->n_in[in]++] = option_field(o, from * sizeof(struct raw));
}

/* What of the file is good enough to be read. */
static struct schema *
schema_new(const struct conf_places *places)
{
	struct schema *s = mem_alloc(sizeof(*s));

	for (size_t i = 0; i < CONF_ID_COUNT; i++)
		add_option(s, places, i);
	for (size_t k = 1; k < CONF_SECTION_COUNT; k++) {
		cyaml_schema_field_t f = {.key = conf_option_sections[k].name};

		if (s->n_in[k] == 0 || places->sections[k].omit)
			continue;
		f.data_offset = (uint32_t)(s->first[k] * sizeof(struct raw));
		f.value.type = CYAML_MAPPING;
		f.value.flags = CYAML_FLAG_OPTIONAL;
		f.value.data_size = (uint32_t)((s->last[k] + 1 - s->first[k]) *
					       sizeof(struct raw));
		f.value.mapping.fields = s->in[k];
		s->top[s->n_top++] = f;
	}
	s->root.type = CYAML_MAPPING;
	s->root.flags = CYAML_FLAG_POINTER;
	s->root.data_size = CONF_ID_COUNT * sizeof(struct raw);
	s->root.mapping.fields = s->top;
	return s;
}

/* ---- the values ---- */

static void
convert(struct load *l, size_t i, struct conf_place place, const char *text)
{
	const struct conf_option *o = &conf_option_table[i];
	struct buf b;

	if (conf_value_set(o, CONF_FORM_FILE, span_of(text), l->conf))
		return;
	l->places.options[i].bad = true;
	buf_init(&b, TEXT_MAX);
	conf_value_expected(o, span_of(text), &b);
	(void)buf_puts(&b, ", found \""); /* short, as all of it */
	conf_report_show(&b, span_of(text));
	(void)buf_putc(&b, '"'); /* as above */
	conf_report_add(
	    &l->report, place, "%s: expected %s", o->path, buf_cstr(&b));
	buf_fini(&b);
}

static void
convert_option(struct load *l, size_t i, const struct raw *raw)
{
	const struct conf_option *o = &conf_option_table[i];
	struct conf_places_option *at = &l->places.options[i];
	uint64_t least;

	if (at->bad || !at->seen)
		return;
	if (conf_option_is_list(o) ? raw->n != at->n_items
				   : raw->text == NULL) {
		/* never seen, but no reason to go down either */
		conf_report_add(&l->report, at->value,
		    "%s: cannot be read by both readers", o->path);
		return;
	}
	if (!conf_option_is_list(o)) {
		convert(l, i, at->value, raw->text);
		return;
	}
	for (size_t k = 0; k < raw->n; k++)
		convert(l, i, at->items[k], raw->items[k]);
	if (!num_u64(span_of(o->low), &least))
		bug("an option has bad bounds");
	if (raw->n >= least)
		return;
	at->bad = true;
	conf_report_add(&l->report, at->value,
	    "%s: expected at least one item, found an empty list", o->path);
}

static void
read_values(struct load *l, struct span text)
{
	struct schema *s = schema_new(&l->places);
	struct raw *raw = NULL;
	cyaml_err_t err = CYAML_OK;

	if (s->n_top > 0)
		err = cyaml_load_data((const uint8_t *)text.p, text.n, &reader,
		    &s->root, (cyaml_data_t **)&raw, NULL);
	if (err != CYAML_OK)
		conf_report_add(&l->report, (struct conf_place){0, 0},
		    "cannot be read: %s", cyaml_strerror(err));
	for (size_t i = 0; raw != NULL && i < CONF_ID_COUNT; i++)
		convert_option(l, i, &raw[i]);
	if (raw != NULL && cyaml_free(&reader, &s->root, raw, 0) != CYAML_OK)
		bug("the schema has changed");
	free(s);
}

static void
fill_presets(struct load *l)
{
	for (size_t i = 0; i < CONF_ID_COUNT; i++) {
		const struct conf_option *o = &conf_option_table[i];

		if (l->places.options[i].seen)
			continue;
		if (o->preset != NULL)
			conf_value_preset(o, l->conf);
		else
			conf_report_add(&l->report, (struct conf_place){0, 0},
			    "%s: not given, and it has no default", o->path);
	}
}

/* ---- what belongs together ---- */

static bool
is_good(const struct load *l, enum conf_id a, enum conf_id b)
{
	return !l->places.options[a].bad && !l->places.options[b].bad;
}

static void
check_tls(struct load *l)
{
	const struct conf_places_option *at = l->places.options;
	bool certificate, key;

	if (!is_good(l, CONF_ID_tls_certificate, CONF_ID_tls_key))
		return;
	certificate = l->conf->tls.certificate[0] != '\0';
	key = l->conf->tls.key[0] != '\0';
	if (certificate && !key)
		conf_report_add(&l->report, at[CONF_ID_tls_certificate].value,
		    "tls.certificate: needs tls.key as well");
	if (!l->places.options[CONF_ID_tls_more].bad &&
	    l->conf->tls.more.n > (certificate ? CONF_PAIRS_MAX : 0))
		conf_report_add(&l->report, at[CONF_ID_tls_more].value,
		    certificate ? "tls.more: more than 63 certificates"
				: "tls.more: needs tls.certificate and "
				  "tls.key as well");
	if (key && !certificate)
		conf_report_add(&l->report, at[CONF_ID_tls_key].value,
		    "tls.key: needs tls.certificate as well");
}

/* A service that is TLS from the first byte: refused, or left out. */
static void
check_tls_listener(struct load *l, enum conf_id id)
{
	const struct conf_option *o = &conf_option_table[id];
	const struct conf_places_option *at = &l->places.options[id];

	if (!is_good(l, id, CONF_ID_tls_certificate) ||
	    l->conf->tls.certificate[0] != '\0')
		return;
	if (!at->seen)
		conf_value_clear(o, l->conf);
	else if (conf_value_count(o, l->conf) > 0)
		conf_report_add(&l->report, at->value,
		    "%s: needs tls.certificate and tls.key", o->path);
}

static void
check_retry(struct load *l)
{
	const struct conf_places_option *at = l->places.options;
	const struct conf_places_option *first = &at[CONF_ID_queue_retry_first];

	if (is_good(l, CONF_ID_queue_retry_first, CONF_ID_queue_retry_max) &&
	    l->conf->queue.retry_first > l->conf->queue.retry_max)
		conf_report_add(&l->report,
		    first->seen ? first->value
				: at[CONF_ID_queue_retry_max].value,
		    "queue.retry_first: longer than queue.retry_max");
}

static bool
is_local(const struct conf *conf, struct span domain)
{
	for (size_t i = 0; i < conf->domains.n; i++)
		if (span_eq(domain, span_of(conf->domains.v[i])))
			return true;
	return false;
}

static void
check_users(struct load *l)
{
	const struct conf_places_option *at = l->places.options;
	const struct conf_list *domains = &l->conf->users.domains;

	if (is_good(l, CONF_ID_users_min_uid, CONF_ID_users_max_uid) &&
	    l->conf->users.min_uid > l->conf->users.max_uid)
		conf_report_add(&l->report,
		    at[CONF_ID_users_min_uid].seen
			? at[CONF_ID_users_min_uid].value
			: at[CONF_ID_users_max_uid].value,
		    "users.min_uid: above users.max_uid");
	if (!is_good(l, CONF_ID_domains, CONF_ID_users_domains))
		return;
	for (size_t i = 0; i < domains->n; i++)
		if (!is_local(l->conf, span_of(domains->v[i])))
			conf_report_add(&l->report,
			    at[CONF_ID_users_domains].value,
			    "users.domains: %s is not one of domains",
			    domains->v[i]);
}

/* Each stands for one domain that is local itself, so there are no loops. */
static void
check_alias_domains(struct load *l)
{
	const struct conf_places_option *at =
	    &l->places.options[CONF_ID_alias_domains];
	const struct conf_list *list = &l->conf->alias_domains;

	if (!is_good(l, CONF_ID_domains, CONF_ID_alias_domains))
		return;
	for (size_t i = 0; i < list->n; i++) {
		struct span target = span_of(list->v[i]);
		struct span alias = span_cut(&target, '=');
		bool twice = false;

		for (size_t k = 0; k < i && !twice; k++)
			twice = span_starts(span_of(list->v[k]),
			    span_make(alias.p, alias.n + 1));
		if (twice || is_local(l->conf, alias))
			conf_report_add(&l->report, at->items[i],
			    "alias_domains: " SPAN_FMT " is %s",
			    SPAN_ARG(alias),
			    twice ? "given twice" : "one of domains already");
		else if (!is_local(l->conf, target))
			conf_report_add(&l->report, at->items[i],
			    "alias_domains: " SPAN_FMT " is not one of domains",
			    SPAN_ARG(target));
	}
}

/* Is it the domain of one of the first n items? */
static bool
is_among(const struct conf_list *list, size_t n, struct span domain)
{
	for (size_t i = 0; i < n; i++) {
		struct span rest = span_of(list->v[i]);

		if (span_eq(span_cut(&rest, '='), domain))
			return true;
	}
	return false;
}

static void
check_relay_domains(struct load *l)
{
	const struct conf_places_option *at =
	    &l->places.options[CONF_ID_relay_domains];
	const struct conf_list *list = &l->conf->relay.domains;
	const struct conf_list *alias = &l->conf->alias_domains;

	if (!is_good(l, CONF_ID_domains, CONF_ID_relay_domains) ||
	    !is_good(l, CONF_ID_alias_domains, CONF_ID_alias_domains))
		return;
	for (size_t i = 0; i < list->n; i++) {
		struct span rest = span_of(list->v[i]);
		struct span domain = span_cut(&rest, '=');
		const char *what = NULL;

		if (is_local(l->conf, domain) ||
		    is_among(alias, alias->n, domain))
			what = "one of this host's already";
		else if (is_among(list, i, domain))
			what = "given twice";
		if (what != NULL)
			conf_report_add(&l->report, at->items[i],
			    "relay.domains: " SPAN_FMT " is %s",
			    SPAN_ARG(domain), what);
	}
}

/* Empty means postmaster at the first domain: nobody else has to know. */
static void
fill_postmaster(struct conf *conf)
{
	struct buf b;

	if (conf->postmaster[0] != '\0')
		return;
	buf_init(&b, TEXT_MAX);
	/* a domain is short */
	(void)buf_putf(&b, "postmaster@%s", conf->domains.v[0]);
	free(conf->postmaster);
	conf->postmaster = mem_dup(buf_cstr(&b));
	buf_fini(&b);
}

enum rc
conf_load_text(
    struct span text, const char *name, struct conf **out, struct buf *errors)
{
	struct load *l = mem_alloc(sizeof(*l));
	enum rc rc = RC_PERM;

	l->conf = mem_alloc(sizeof(*l->conf));
	l->conf->sections = CONF_ALL;
	if (text.n > CONF_FILE_MAX) {
		conf_report_add(&l->report, (struct conf_place){0, 0},
		    "larger than %d bytes", CONF_FILE_MAX);
		goto out;
	}
	/* the readers are told that it is UTF-8 and want no mark of it */
	if (span_starts(text, SPAN_LIT("\xef\xbb\xbf")))
		text = span_from(text, 3);
	conf_places_find(text, &l->places, &l->report);
	if (l->places.broken)
		goto out;
	if (l->places.mapping)
		read_values(l, text);
	fill_presets(l);
	check_tls(l);
	check_tls_listener(l, CONF_ID_listen_submissions);
	check_tls_listener(l, CONF_ID_listen_pop3s);
	check_tls_listener(l, CONF_ID_listen_imaps);
	check_retry(l);
	check_users(l);
	check_alias_domains(l);
	check_relay_domains(l);
	if (l->report.n > 0)
		goto out;
	fill_postmaster(l->conf);
	rc = RC_OK;
out:
	conf_report_write(&l->report, name, errors);
	if (rc != RC_OK)
		conf_free(&l->conf);
	*out = l->conf;
	conf_report_fini(&l->report);
	conf_places_fini(&l->places);
	free(l);
	return rc;
}

enum rc
conf_load(int fd, const char *name, struct conf **out, struct buf *errors)
{
	struct buf text;
	struct why why;
	enum rc rc;

	*out = NULL;
	/* one byte more shows that it is too large, and one that it ends */
	buf_init(&text, CONF_FILE_MAX + 2);
	rc = io_read_file(fd, &text, &why);
	if (rc == RC_OK || text.n > CONF_FILE_MAX)
		rc = conf_load_text(buf_span(&text), name, out, errors);
	else
		/* remembered in errors->over */
		(void)buf_putf(errors, "%s: %s\n", name, why.text);
	buf_fini(&text);
	return rc;
}
