/*
 * The client side's TLS context: see client.h. The authorities are read at
 * once: a folder of them would be looked into at the handshake, where a
 * confined worker has no files.
 */
#include "lib/tls/client.h"
#include "lib/base/banned.h"

SSL_CTX *
tls_client_new(const char *authorities, struct why *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		why_set(why, RC_TEMP, "4.3.0", "TLS cannot be set up");
	else if (authorities[0] != '\0' &&
		 SSL_CTX_load_verify_file(ctx, authorities) != 1)
		why_set(why, RC_PERM, "5.3.5",
		    "%s: no PEM certificates of authorities", authorities);
	else {
		SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
					  SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		return ctx;
	}
	SSL_CTX_free(ctx);
	return NULL;
}
