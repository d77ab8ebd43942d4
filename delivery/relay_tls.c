/*
 * TLS with a hop: see relay_state.h. DANE (RFC 7672) holds where the DNS
 * vouches for all of the way from the domain to the certificate; elsewhere a
 * hop is as well protected as it offers.
 */
#include "delivery/relay_state.h"
#include "lib/base/banned.h"

static const struct relay_hop *
hop_of(const struct relay_job *j)
{
	return &j->hops->v[j->at];
}

static bool
is_by_dane(const struct relay_job *j)
{
	return j->key.tls == RELAY_TLS_DANE ||
	       j->key.tls == RELAY_TLS_DANE_ONLY;
}

/* Where the sender requires TLS, and the configuration does not say by what a
 * host is to be verified. */
static bool
is_either(const struct relay_job *j)
{
	return j->key.required && j->key.tls <= RELAY_TLS_ENCRYPT;
}

bool
relay_tls_wants_tlsa(const struct relay_job *j)
{
	return is_by_dane(j) || is_either(j);
}

bool
relay_tls_may_fail(const struct relay_job *j)
{
	return !j->clear && !j->key.required &&
	       (j->key.tls == RELAY_TLS_MAY ||
		   (j->key.tls == RELAY_TLS_DANE &&
		       hop_of(j)->tlsa == DNS_TLSA_NONE));
}

/* RFC 7672 2.2: who cannot ask does not go there; who is told that there are
 * records does not go there in clear. */
static bool
choose_dane(const struct relay_job *j, struct relay_conn *conn,
    struct client_target *target, struct why *why)
{
	const struct relay_hop *hop = hop_of(j);

	switch (hop->tlsa) {
	case DNS_TLSA_FAILED:
		why_set(why, RC_TEMP, "4.7.5",
		    "the TLSA records of %s cannot be found at present",
		    hop->host);
		return false;
	case DNS_TLSA_FOUND:
		target->tls = RELAY_TLS_ENCRYPT;
		target->peer.n = relay_hop_tlsa(
		    j->hops, hop, conn->tlsa, &target->peer.host);
		target->peer.tlsa = conn->tlsa;
		target->peer.verify = j->key.tls == RELAY_TLS_DANE_ONLY;
		/* 3.2.2: that it is the domain's host was validated */
		target->peer.also = j->key.mx ? j->key.next_hop : NULL;
		break;
	case DNS_TLSA_NONE:
		target->tls = RELAY_TLS_MAY;
		break;
	}
	if (j->key.tls != RELAY_TLS_DANE_ONLY || target->peer.n > 0)
		return true;
	why_set(why, RC_TEMP, "4.7.5",
	    "%s has no TLSA records of use that DNSSEC vouches for", hop->host);
	return false;
}

/* RFC 8689 4.2.1: the name of the host comes from who can be believed, and it
 * is verified, whatever the configuration is content with. */
static bool
choose_required(
    const struct relay_job *j, struct client_target *target, struct why *why)
{
	const struct relay_hop *hop = hop_of(j);

	if (!target->trusted) {
		why_set(why, RC_PERM, "5.7.10",
		    "TLS is required, and DNSSEC does not vouch for %s as "
		    "host of %s",
		    hop->host, j->key.next_hop);
		return false;
	}
	target->peer.verify = true;
	if (target->tls < RELAY_TLS_ENCRYPT)
		target->tls = RELAY_TLS_ENCRYPT;
	return true;
}

bool
relay_tls_choose(const struct relay_job *j, struct relay_conn *conn,
    struct client_target *target, struct why *why)
{
	const struct relay_hop *hop = hop_of(j);
	bool fine = true;

	target->tls = j->key.tls;
	target->peer = (struct tls_client_peer){
	    .host = hop->host[0] == '[' ? NULL : hop->host,
	    .verify = j->key.tls >= RELAY_TLS_VERIFY};
	if (is_by_dane(j) || (is_either(j) && hop->tlsa == DNS_TLSA_FOUND))
		fine = choose_dane(j, conn, target, why);
	if (fine && j->key.required)
		fine = choose_required(j, target, why);
	if (target->tls == RELAY_TLS_NONE)
		target->clear = "as configured";
	if (j->clear) {
		target->tls = RELAY_TLS_NONE;
		target->clear = j->last.text;
	}
	return fine;
}
