"""DANE for mail to other hosts (RFC 7672): a signed DNS (nsd, ldns) says which
certificate a host has, and a real Postfix has it, or another. ldns-dane makes
the records."""
import os
import subprocess

import pytest

from tests.lab.drive import (DANE, DANE_ONLY, MAY, NONE, OPTIONAL, REQUIRED,
                             UNSAID)
from tests.lab.zones import NET

SIGNED = (".", "net", "example.net")
WRONG = "ab" * 32
BY_DANE, UNVERIFIED = "verified by DANE", "not verified"


def openssl(folder, *argv):
    subprocess.run(["openssl", *argv], check=True, capture_output=True,
                   cwd=folder)


@pytest.fixture
def certs(tmpdir):
    """An authority, and of it a certificate for mx, next and pkix.example.net,
    in one file with its authority."""
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(tmpdir, "req", "-x509", *new, "-subj", "/CN=authority", "-keyout",
            "ca.key", "-out", "ca.pem", "-days", "2")
    openssl(tmpdir, "req", *new, "-subj", "/CN=x", "-keyout", "key.pem",
            "-out", "request")
    with open(f"{tmpdir}/names", "w", encoding="ascii") as f:
        f.write("subjectAltName=DNS:mx.example.net,DNS:next.example.net,"
                "DNS:pkix.example.net\n")
    openssl(tmpdir, "x509", "-req", "-in", "request", "-CA", "ca.pem",
            "-CAkey", "ca.key", "-extfile", "names", "-out", "leaf.pem",
            "-days", "2")
    with open(f"{tmpdir}/cert.pem", "w", encoding="ascii") as f:
        for name in "leaf", "ca":
            with open(f"{tmpdir}/{name}.pem", encoding="ascii") as one:
                f.write(one.read())
    return tmpdir


def tlsa(certs, cert, usage, selector, matching):
    """What such a record says, as ldns makes it."""
    with open(f"{certs}/{cert}.pem", encoding="ascii") as f:
        pem = f.read()
    lower = "build/peers/nsd"
    out = subprocess.run(
        ["unshare", "--mount", "sh", "-c",
         f"mount -t tmpfs none {lower}/mnt && cat >{lower}/mnt/pem && "
         f"chroot {lower} ldns-dane -n -c /mnt/pem create x.example 25 "
         f"{usage} {selector} {matching}"],
        input=pem, check=True, capture_output=True, text=True).stdout
    fields = out.split()
    assert fields[3:7] == ["TLSA", str(usage), str(selector), str(matching)]
    return " ".join(fields[4:])


def zone(hosts):
    """Each a host at 192.0.2.3, with its TLSA, and the one MX of NAME.m."""
    text = ""
    for name, records in hosts.items():
        text += f"{name} A 192.0.2.3\n{name}.m MX 10 {name}\n" + "".join(
            f"_25._tcp.{name} TLSA {record}\n" for record in records)
    return text


def hosts_of(certs):
    """{host: (its TLSA, what becomes of mail where TLS is offered)}"""
    ee, full = (tlsa(certs, "leaf", 3, *kind) for kind in ((1, 1), (0, 0)))
    sha512, ta = tlsa(certs, "leaf", 3, 1, 2), tlsa(certs, "ca", 2, 0, 1)
    return {
        "ee": ([ee], BY_DANE), "full": ([full], BY_DANE),
        "sha512": ([sha512], BY_DANE),
        "two": ([f"3 1 1 {WRONG}", ee], BY_DANE),
        # an authority's counts for the host's name only
        "mx": ([ta], BY_DANE), "other": ([ta], None),
        "wrong": ([f"3 1 1 {WRONG}"], None),
        "wrongca": ([f"2 0 1 {WRONG}"], None),
        # usages of PKIX, and one that nobody knows: encryption will do
        "pkix": ([f"1 1 1 {WRONG}"], UNVERIFIED),
        "unknown": ([f"3 1 9 {WRONG}", f"3 1 1 {WRONG[2:]}"], UNVERIFIED),
        "bogus": ([f"3 1 1 {'cd' * 32}"], None),
        "absent": ([], UNVERIFIED)}


UNSIGNED = ("@ A 192.0.2.9\na A 192.0.2.3\nm MX 5 a\n"
            f"_25._tcp.a TLSA 3 1 1 {WRONG}\n"
            "c CNAME wrong.example.net.\nd MX 10 wrong.example.net.\n"
            "p MX 10 pkix.example.net.\n")
MORE = """
next MX 10 nexthost
nexthost A 192.0.2.3
alias CNAME ee
aliased MX 10 alias
insecure MX 10 a.open.net.
crossed MX 10 c.open.net.
loose A 192.0.2.3
_25._tcp.loose CNAME _25._tcp.a.open.net.
"""


def start(dns, certs, **more):
    hosts = hosts_of(certs)
    text = zone({name: records for name, (records, _) in hosts.items()})
    ta = tlsa(certs, "ca", 2, 0, 1)
    # the authority is trusted: DANE does not ask for it
    return dns(signed=SIGNED, client="smtp_client: {connect_timeout: 2s, "
               f"authorities: {certs}/ca.pem}}\n",
               forged={"cd" * 32: "ce" * 32},
               **{"example.net": text + MORE + f"_25._tcp.nexthost TLSA {ta}\n",
                  "net": NET + "open NS ns.root.\n", "open.net": UNSIGNED,
                  **more})


def send(d, domain, tls=DANE, need=UNSAID):
    d.relay(domain, [f"x@{domain}"], mx=1, tls=tls, need=need)
    one, = d.outcomes()
    return one


def test_what_the_resolver_tells(dns, certs):
    d = start(dns, certs)
    found, records, _ = d.ask_tlsa("mx", "two.m.example.net")
    assert found == [("10", "two.example.net", "192.0.2.3", "tlsa=1")]
    assert [r[:5] for r in records] == [
        ("two.example.net", "two.example.net", "3", "1", "1")] * 2
    assert WRONG in [r[5] for r in records]
    # at the name behind an alias; of usages that SMTP does not know none
    _, records, _ = d.ask_tlsa("host", "alias.example.net")
    assert [r[:2] for r in records] == [("alias.example.net",
                                         "ee.example.net")]
    found, records, _ = d.ask_tlsa("mx", "pkix.m.example.net")
    assert (found[0][3], records) == ("tlsa=1", [])
    for name, tlsa_state in {"absent.m.example.net": "tlsa=0",
                             "bogus.m.example.net": "tlsa=2", "m.open.net":
                             "tlsa=0", "insecure.example.net": "tlsa=0"
                             }.items():
        found, records, end = d.ask_tlsa("mx", name)
        assert (found[0][3], records, end[0]) == (tlsa_state, [], "ok"), name


def test_certificates(dns, peers, certs):
    d = start(dns, certs)
    cert = f"{certs}/cert.pem", f"{certs}/key.pem"
    with peers.Postfix(d.hosts["other"], "example.net", cert=cert,
                       virtual_mailbox_domains="regexp:/etc/postfix/boxes",
                       ) as postfix:
        sent = 0
        expect = {f"{name}.m.example.net": tls
                  for name, (_, tls) in hosts_of(certs).items()}
        # the domain's name will do as well, if it was led from by DNSSEC
        expect |= {"next.example.net": BY_DANE, "aliased.example.net": BY_DANE,
                   # somebody on the way is not vouched for
                   "m.open.net": UNVERIFIED, "insecure.example.net": UNVERIFIED,
                   "crossed.example.net": UNVERIFIED, "d.open.net": UNVERIFIED,
                   "loose.example.net": UNVERIFIED}
        for domain, tls in expect.items():
            one = send(d, domain)
            if tls is None:
                assert (one.rc, one.status, one.site) == (
                    "temp", "4.7.5", True), one
            else:
                assert one.rc == "ok", one
                assert one.tls.startswith("TLSv1.3 TLS_AES_"), one
                assert one.tls.endswith(f" {tls}"), one
                sent += 1
        assert len(postfix.mails(sent)) == sent
        # nothing of what was refused came in clear
        assert postfix.log().count("TLS connection established") == sent
        assert send(d, "wrong.m.example.net", tls=MAY).rc == "ok"
        assert send(d, "ee.m.example.net", tls=DANE_ONLY).tls.endswith(BY_DANE)
        for name in "absent", "pkix", "unknown":
            one = send(d, f"{name}.m.example.net", tls=DANE_ONLY)
            assert (one.rc, one.status) == ("temp", "4.7.5")
        one = send(d, "wrong.m.example.net", tls=NONE)
        assert (one.rc, one.tls) == ("ok", "in clear: as configured")
        assert postfix.log().count("TLS connection established") == sent + 2


def test_no_tls_there(dns, peers, certs):
    """Who says that there is TLS is not sent to without."""
    d = start(dns, certs)
    with peers.Postfix(d.hosts["other"], "example.net",
                       virtual_mailbox_domains="regexp:/etc/postfix/boxes",
                       ) as postfix:
        for domain in "ee", "pkix", "bogus", "wrong":
            one = send(d, f"{domain}.m.example.net")
            assert (one.rc, one.site) == ("temp", True), one
        for domain in "absent.m.example.net", "m.open.net":
            one = send(d, domain)
            assert (one.rc, one.tls) == ("ok", "in clear: TLS is not offered")
        assert len(postfix.mails(2)) == 2


def test_other_hosts_of_the_domain(dns, peers, certs):
    """One whose certificate is wrong is passed over, as one that is down."""
    d = start(dns, certs, **{"example.net": (
        f"@ MX 10 wrong\n@ MX 20 right\nwrong A 192.0.2.3\nright A 192.0.2.3\n"
        f"_25._tcp.wrong TLSA 3 1 1 {WRONG}\n"
        f"_25._tcp.right TLSA {tlsa(certs, 'leaf', 3, 1, 1)}\n")})
    with peers.Postfix(d.hosts["other"], "example.net", cert=(
            f"{certs}/cert.pem", f"{certs}/key.pem")):
        one = send(d, "example.net")
    assert (one.rc, one.host) == ("ok", "right.example.net[192.0.2.3]")
    assert one.tls.endswith(BY_DANE)


def test_what_the_sender_says_of_tls(dns, peers, certs):
    """RFC 8689: Postfix has TLS, and does not offer REQUIRETLS."""
    d = start(dns, certs)
    cert = f"{certs}/cert.pem", f"{certs}/key.pem"
    with peers.Postfix(d.hosts["other"], "example.net", cert=cert,
                       virtual_mailbox_domains="regexp:/etc/postfix/boxes",
                       ) as postfix:
        for domain, tls, status in (
                ("ee.m.example.net", DANE, "5.7.30"),
                ("ee.m.example.net", MAY, "5.7.30"),
                ("ee.m.example.net", NONE, "5.7.30"),
                # by the authority, for want of TLSA of use; then not even so
                ("pkix.m.example.net", DANE, "5.7.30"),
                ("unknown.m.example.net", DANE, "5.7.10"),
                ("absent.m.example.net", DANE, "5.7.10"),
                ("wrong.m.example.net", DANE, "5.7.10"),
                ("wrong.m.example.net", MAY, "5.7.10"),
                # DNSSEC does not vouch for the host, though an authority does
                ("p.open.net", DANE, "5.7.10"),
                ("p.open.net", NONE, "5.7.10"),
                ("m.open.net", DANE, "5.7.10"),
                ("d.open.net", MAY, "5.7.10")):
            one = send(d, domain, tls, REQUIRED)
            assert (one.rc, one.status, one.site) == (
                "perm", status, False), (domain, one)
        one = send(d, "bogus.m.example.net", DANE, REQUIRED)
        assert (one.rc, one.site) == ("temp", True), one
        # what the domain asks for is not to keep that one
        for domain in "wrong", "bogus", "other":
            one = send(d, f"{domain}.m.example.net", DANE, OPTIONAL)
            assert one.rc == "ok" and one.tls.endswith(UNVERIFIED), one
        # but what the operator asks for is
        assert send(d, "wrong.m.example.net", DANE_ONLY,
                    OPTIONAL).rc == "temp"
        assert len(postfix.mails(3)) == 3
