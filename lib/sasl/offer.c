/*
 * See offer.h.
 */
#include "lib/sasl/offer.h"
#include "lib/base/banned.h"

#define LABEL "EXPORTER-Channel-Binding"

static const struct {
	struct span name;
	int from; /* conf_scram */
	bool plus;
} rows[SASL_OFFER_MAX] = {
    {SPAN_LIT("SCRAM-SHA-256-PLUS"), CONF_SCRAM_SHA_256, true},
    {SPAN_LIT("SCRAM-SHA-1-PLUS"), CONF_SCRAM_ALL, true},
    {SPAN_LIT("SCRAM-SHA-256"), CONF_SCRAM_SHA_256, false},
    {SPAN_LIT("SCRAM-SHA-1"), CONF_SCRAM_ALL, false},
};

static bool
can_bind(SSL *ssl)
{
	return ssl != NULL && SSL_version(ssl) >= TLS1_3_VERSION;
}

size_t
sasl_offer(const struct conf *conf, SSL *ssl, struct span names[SASL_OFFER_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < SASL_OFFER_MAX; i++)
		if (conf->auth.scram >= rows[i].from &&
		    (!rows[i].plus || can_bind(ssl)))
			names[n++] = rows[i].name;
	return n;
}

bool
sasl_is_offered(const struct conf *conf, SSL *ssl, struct span mechanism)
{
	struct span names[SASL_OFFER_MAX];
	size_t n = sasl_offer(conf, ssl, names);

	for (size_t i = 0; i < n; i++)
		if (span_eq_ci(names[i], mechanism))
			return true;
	return false;
}

bool
sasl_offers_plus(const struct conf *conf, SSL *ssl)
{
	return conf->auth.scram != CONF_SCRAM_NONE && can_bind(ssl);
}

void
sasl_offer_put(
    struct buf *b, const struct conf *conf, SSL *ssl, const char *before)
{
	struct span names[SASL_OFFER_MAX];
	size_t n = sasl_offer(conf, ssl, names);

	for (size_t i = 0; i < n; i++) {
		buf_puts(b, before);
		buf_put_span(b, names[i]);
	}
}

struct span
sasl_binding(SSL *ssl, unsigned char out[SASL_BINDING_SIZE])
{
	if (!can_bind(ssl) ||
	    SSL_export_keying_material(ssl, out, SASL_BINDING_SIZE, LABEL,
		sizeof(LABEL) - 1, NULL, 0, 0) != 1)
		return SPAN_NONE;
	return span_make(out, SASL_BINDING_SIZE);
}
