"""What a sender says of TLS (RFC 8689), from Python's smtplib to the next
host; the hosts in signed zones are in test_dane.py."""
import email
import json
import os
import smtplib
import ssl

import pytest

from tests.lab.drive import (ENCRYPT, IMPLICIT, MAY, NONE, OPTIONAL, REQUIRED,
                             VERIFY, Drive)
from tests.lab.fake import CLOSE, Fake
from tests.system.suite import wait_for
from tests.system.test_out import certificate
from tests.system.test_relay import ALICE, Host

pytestmark = pytest.mark.usefixtures("netns")
MAIL = b"Subject: x\r\n\r\nbody\r\n"
CLEAR = b"250-fake\r\n250-DSN\r\n250 STARTTLS"
NO_TLS = b"250-fake\r\n250 DSN"
BY_TLS = b"250-fake\r\n250-DSN\r\n250 REQUIRETLS"
OFFERS = {"EHLO": [CLEAR, BY_TLS]}


@pytest.fixture
def cert(tmpdir):
    """(certificate, key) of localhost, an authority by itself."""
    return certificate(tmpdir, "localhost")


class Both:
    """That server at both of localhost's addresses."""

    def __init__(self, script, cert, implicit=False):
        self.four = Fake(script, cert=cert, implicit=implicit)
        self.six = Fake(script, "::1", self.four.port, cert, implicit)
        self.port = self.four.port

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.four.close()
        self.six.close()

    def mails(self):
        return [x for fake in (self.six, self.four) for x in fake.heard
                if x[:4] == b"MAIL"]

    def bodies(self):
        return self.six.bodies + self.four.bodies


@pytest.fixture
def drive(tmpdir, cert):
    with Drive(tmpdir, "smtp_client: {max_wait: 1s, connect_timeout: 5s, "
               f"authorities: {cert[0]}}}\n") as d:
        d.link()
        yield d


def send(d, fake, need=REQUIRED, hop="localhost", **more):
    d.relay(hop, ["x@far.example"], port=fake.port, need=need, **more)
    one, = d.outcomes()
    return one


@pytest.mark.parametrize("tls", [NONE, MAY, ENCRYPT, VERIFY])
def test_it_goes_on(drive, cert, tls):
    with Both(OFFERS, cert) as fake:
        one = send(drive, fake, tls=tls)
        assert one.rc == "ok" and one.tls.endswith(" verified"), one
        assert fake.mails() == [b"MAIL FROM:<a@example.org> REQUIRETLS"]
    with Both({"EHLO": BY_TLS}, cert, implicit=True) as fake:
        assert send(drive, fake, tls=IMPLICIT).rc == "ok"
        assert fake.mails() == [b"MAIL FROM:<a@example.org> REQUIRETLS"]


@pytest.mark.parametrize("script,status", [
    ({"EHLO": [CLEAR, CLEAR]}, "5.7.30"),
    # what was said in clear counts for nothing
    ({"EHLO": [BY_TLS + b"\r\n250 STARTTLS", CLEAR]}, "5.7.10"),
    ({"EHLO": [b"250-fake\r\n250-REQUIRETLS\r\n250 STARTTLS", CLEAR]},
     "5.7.30"),
    ({"EHLO": [CLEAR, b"502 no"]}, "5.7.30"),
    ({"EHLO": BY_TLS}, "5.7.10"), ({"EHLO": b"502 no"}, "5.7.10"),
    ({**OFFERS, "STARTTLS": b"454 4.7.0 no"}, "5.7.10"),
    ({**OFFERS, "STARTTLS": b"220 now"}, "5.7.10")],
    ids=["unknown", "clear", "said in clear", "helo", "no tls", "old",
         "refused", "lie"])
def test_it_goes_back(drive, cert, script, status):
    with Both({k: list(v) if isinstance(v, list) else v
               for k, v in script.items()}, cert) as fake:
        one = send(drive, fake)
    assert (one.rc, one.status, one.site) == ("perm", status, False), one
    assert fake.mails() == []


def test_the_certificate_counts(drive, cert, tmpdir):
    with Both(OFFERS, cert) as fake:
        one = send(drive, fake, hop="[127.0.0.1]")
        assert (one.rc, one.status, fake.mails()) == ("perm", "5.7.10", [])
    other = f"{tmpdir}/other"
    os.mkdir(other)
    with Both(OFFERS, cert) as fake, Drive(other, "smtp_client: {max_wait: "
                                           "1s}\n") as stranger:
        stranger.link()
        one = send(stranger, fake)
        assert (one.rc, one.status, fake.mails()) == ("perm", "5.7.10", [])


def test_what_may_pass_is_waited_for(drive, cert):
    """An address that is down is as its host is; a host that is down may be up
    later."""
    with Fake({"EHLO": NO_TLS}) as fake:
        one = send(drive, fake)
        assert (one.rc, one.status) == ("perm", "5.7.10")
    with Fake({"EHLO": NO_TLS}) as fake:
        one = send(drive, fake, hop=f"localhost:{fake.port},[127.0.0.1]")
        assert (one.rc, one.status) == ("perm", "5.7.10")
    with Fake({"EHLO": NO_TLS}) as fake:
        one = send(drive, fake, hop="localhost:1,[127.0.0.1]")
        assert (one.rc, one.site, fake.bodies) == (
            "temp", True, [])
    for script in {"BANNER": b"554 no"}, {"BANNER": CLOSE}:
        with Both(script, cert) as fake:
            assert send(drive, fake).rc == "temp"


def test_never_by_a_connection_of_others(drive, cert):
    """One that is in use for mail that asks for nothing is not verified."""
    with Both({"EHLO": [CLEAR, BY_TLS]}, cert) as fake:
        assert send(drive, fake, 0).rc == "ok"
        assert send(drive, fake).rc == "ok"
        assert send(drive, fake).rc == "ok"
        assert [b"REQUIRETLS" in x for x in fake.mails()] == [
            False, True, True]
        assert fake.six.accepted == 2


def test_a_notice_goes_on(drive, cert):
    """RFC 8689 5: and says so where it can."""
    with Both(OFFERS, cert) as fake:
        one = send(drive, fake, sender="", tls=VERIFY)
        assert one.rc == "ok"
        assert fake.mails() == [b"MAIL FROM:<> REQUIRETLS"]
    with Fake() as fake:
        assert send(drive, fake, sender="").rc == "ok"


def test_optional_takes_what_comes(drive, cert):
    with Both({"EHLO": CLEAR, "STARTTLS": b"454 no"}, cert) as fake:
        assert send(drive, fake, OPTIONAL).rc == "ok"
        assert fake.mails() == [b"MAIL FROM:<a@example.org>"]


# ---- from the sender on -----------------------------------------------------

def own(cert):
    return f"tls: {{certificate: {cert[0]}, key: {cert[1]}}}\n"


@pytest.fixture
def host(tmpdir, bindir, cert):
    with Both(OFFERS, cert) as fake, Host(
            tmpdir, bindir, fake.port, own(cert) +
            f"smtp_client: {{authorities: {cert[0]}}}\n") as s:
        s.fake = fake
        yield s.begin()


def client(s, service="submission", tls=True):
    c = smtplib.SMTP(*s.address(service), timeout=60)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c.starttls(context=context)
    c.ehlo()
    if service == "submission":
        c.login(ALICE, "of-this-test")
    return c


def submit(s, *options, mail=MAIL, to=("x@far.example",)):
    with client(s) as c:
        c.sendmail(ALICE, to, mail, mail_options=options)


def test_offered_by_tls_only(host):
    for service in "smtp", "submission":
        with client(host, service) as c:
            assert c.has_extn("requiretls")
            assert c.docmd("MAIL", f"FROM:<{ALICE}> REQUIRETLS=x")[0] == 555
            assert c.docmd("MAIL", f"FROM:<{ALICE}> REQUIRETLS")[0] == 250
        with client(host, service, tls=False) as c:
            assert not c.has_extn("requiretls")
            assert c.docmd("MAIL", f"FROM:<{ALICE}> REQUIRETLS")[0] == 555


def test_through(host):
    submit(host, "REQUIRETLS", to=["x@far.example", "bob@example.org"])
    wait_for("an empty queue", lambda: not host.queue())
    assert host.fake.mails() == [f"MAIL FROM:<{ALICE}> REQUIRETLS".encode()]
    assert len(host.messages("bob@example.org")) == 1
    # the header's word counts for less
    submit(host, "REQUIRETLS", mail=b"TLS-Required: No\r\n" + MAIL)
    wait_for("an empty queue", lambda: not host.queue())
    assert b"REQUIRETLS" in host.fake.mails()[1]


def test_it_is_kept_in_the_queue(host):
    """Over a restart; and what comes back has the header alone."""
    host.fake.six.script["BANNER"] = host.fake.four.script["BANNER"] = [
        b"421 later"]
    submit(host, "REQUIRETLS", "RET=FULL")
    wait_for("an attempt", lambda: host.fake.six.accepted)
    host.stop()
    for fake in host.fake.six, host.fake.four:
        fake.script["BANNER"] = [b"220 fake"]
        fake.script["EHLO"] = [CLEAR]
    host.start()
    host.ctl("queue", "flush", check=True)
    notice = host.notice()
    assert "5.7.30" in str(notice) and host.fake.mails() == []
    report, status, returned = notice.get_payload()
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "body" not in returned.get_payload()
    assert report and email.message_from_string(str(status))


def test_a_notice_asks_for_it_too(tmpdir, bindir, cert):
    """That to a stranger, on its way to other hosts: the queue shows it."""
    script = {**OFFERS, "RCPT": [b"550 5.1.1 no", b"450 4.2.0 later"]}
    with Fake(script, "::1", cert=cert) as fake, Host(
            tmpdir, bindir, fake.port, own(cert) +
            f"smtp_client: {{authorities: {cert[0]}}}\n",
            aliases="gone@example.org: x@far.example\n") as s:
        s.start()
        with client(s, "smtp") as c:
            c.sendmail("y@strange.example", ["gone@example.org"], MAIL,
                       mail_options=["REQUIRETLS"])
        wait_for("the notice", lambda: fake.verbs().count("RCPT") == 2)
        name, = s.queue()
        shown = json.loads(s.ctl("queue", "show", name, "--json",
                                 check=True).stdout)["message"]
        assert (shown["sender"], shown["need"]) == ("", "required")


def test_optional_by_its_header(tmpdir, bindir, cert):
    """With DANE wanted the header is what qmgr reads: what it makes of it
    stands in the queue file."""
    with Both({"BANNER": b"421 later"}, cert) as fake, Host(
            tmpdir, bindir, fake.port, own(cert)) as s:
        s.begin()
        for mail, word in ((b"TLS-Required: No\r\n" + MAIL, "optional"),
                           (b"TLS-Required: Maybe\r\n" + MAIL, None)):
            submit(s, mail=mail)
            wait_for("an attempt", s.queue)
            name, = s.queue()
            shown = json.loads(s.ctl("queue", "show", name, "--json",
                                     check=True).stdout)
            assert shown["message"].get("need") == word
            for command in ("queue", "show"), ("trace",):
                assert (f"TLS further on {word}" in s.ctl(
                    *command, name, check=True).stdout) == (word is not None)
            s.ctl("queue", "delete", name, check=True)
