/*
 * Application passwords: see app.h.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

#include "authd/app.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

/* 32 of them, none that looks like another: 5 bits each */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* As it was made, from what somebody typed; false: it cannot be one. */
static bool
normalize(struct span typed, char secret[APP_SECRET])
{
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++) {
		char c = typed.p[i];

		if (c == ' ' || c == '-')
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == 'o')
			c = '0';
		if (c == 'i' || c == 'l')
			c = '1';
		if (c == '\0' || strchr(alphabet, c) == NULL || n == APP_SECRET)
			return false;
		secret[n++] = c;
	}
	return n == APP_SECRET;
}

static void
digest(const struct app *app, const char secret[APP_SECRET],
    unsigned char out[APP_DIGEST])
{
	unsigned size = APP_DIGEST;

	if (HMAC(EVP_sha256(), app->salt, APP_SALT,
		(const unsigned char *)secret, APP_SECRET, out, &size) == NULL)
		bug("application password");
}

static bool
name_ok(struct span name)
{
	bool ok = name.n > 0 && name.n <= APP_NAME_MAX;

	for (size_t i = 0; ok && i < name.n; i++)
		ok = (unsigned char)name.p[i] >= 0x20 && name.p[i] != 0x7f &&
		     name.p[i] != ':';
	return ok;
}

static void
show(const char secret[APP_SECRET], char shown[APP_SHOWN + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < APP_SECRET; i++) {
		if (i > 0 && i % 4 == 0)
			shown[n++] = '-';
		shown[n++] = secret[i];
	}
	shown[n] = '\0';
}

enum rc
app_make(struct app *app, struct span name, unsigned services,
    char shown[APP_SHOWN + 1], struct why *why)
{
	unsigned char noise[APP_SECRET];
	char secret[APP_SECRET];
	time_t now = time(NULL);
	struct tm tm;

	if (!name_ok(name) || !span_copy(name, app->name, sizeof(app->name)))
		return why_set(why, RC_PERM, "5.3.5",
		    "the name of an application password has 1 to %d bytes, "
		    "and no ':' and no control characters",
		    APP_NAME_MAX);
	app->services = services;
	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(app->made, sizeof(app->made), "%Y-%m-%d", &tm) != APP_MADE)
		return why_set(why, RC_TEMP, "4.3.5", "the clock is wrong");
	io_random(app->salt, sizeof(app->salt));
	io_random(noise, sizeof(noise));
	for (size_t i = 0; i < APP_SECRET; i++)
		secret[i] = alphabet[noise[i] % 32];
	digest(app, secret, app->digest);
	show(secret, shown);
	secret_wipe(noise, sizeof(noise));
	secret_wipe(secret, sizeof(secret));
	return RC_OK;
}

bool
app_fits(const struct app *app, struct span password)
{
	unsigned char made[APP_DIGEST];
	char secret[APP_SECRET];
	bool fits = false;

	if (normalize(password, secret)) {
		digest(app, secret, made);
		fits = secret_eq(span_make(made, sizeof(made)),
		    span_make(app->digest, sizeof(app->digest)));
	}
	secret_wipe(secret, sizeof(secret));
	return fits;
}

bool
app_put(struct buf *out, const struct app *app)
{
	return enc_line(out, span_of(app->name)) && buf_putc(out, ':') &&
	       service_set_put(out, app->services) &&
	       buf_putf(out, ":%s:", app->made) &&
	       enc_base64(out, span_make(app->salt, APP_SALT)) &&
	       buf_putc(out, ':') &&
	       enc_base64(out, span_make(app->digest, APP_DIGEST));
}

static bool
take_bytes(struct span text, unsigned char *to, size_t n)
{
	struct buf b;
	bool ok;

	buf_init(&b, n);
	ok = enc_unbase64(&b, text) && b.n == n;
	if (ok)
		memcpy(to, b.p, n);
	buf_fini(&b);
	return ok;
}

static bool
take_name(struct span text, struct app *app)
{
	struct buf b;
	bool ok;

	buf_init(&b, APP_NAME_MAX);
	ok = enc_unline(&b, text) && name_ok(buf_span(&b)) &&
	     span_copy(buf_span(&b), app->name, sizeof(app->name));
	buf_fini(&b);
	return ok;
}

static bool
take_made(struct span text, struct app *app)
{
	for (size_t i = 0; i < text.n; i++)
		if ((i == 4 || i == 7) != (text.p[i] == '-') ||
		    (text.p[i] != '-' && (text.p[i] < '0' || text.p[i] > '9')))
			return false;
	return text.n == APP_MADE &&
	       span_copy(text, app->made, sizeof(app->made));
}

bool
app_parse(struct span text, struct app *app)
{
	return take_name(span_cut(&text, ':'), app) &&
	       service_set_parse(span_cut(&text, ':'), &app->services) &&
	       take_made(span_cut(&text, ':'), app) &&
	       take_bytes(span_cut(&text, ':'), app->salt, APP_SALT) &&
	       take_bytes(text, app->digest, APP_DIGEST);
}
