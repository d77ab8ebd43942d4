"""mailstead-remote against servers that do as they should, and others. It is
driven as qmgr would; mailstead-resolver knows localhost: ::1 and 127.0.0.1,
tried in this order."""
import email
import socket
import subprocess
import time

import pytest

from tests.lab.drive import ENCRYPT, IMPLICIT, MAY, VERIFY, Drive
from tests.lab.fake import CLOSE, DEFAULT, HANG, SILENT, Fake

pytestmark = pytest.mark.usefixtures("netns")
PIPE = b"250-fake\r\n250-PIPELINING\r\n250 SIZE 100000000"
SAYS_LATER, SAYS_NO = b"452 4.2.2 full", b"550 5.1.1 nobody"
WITH_TLS = b"250-fake\r\n250 STARTTLS"
WITH_AUTH = b"250-fake\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN"


@pytest.fixture
def drive(tmpdir):
    with Drive(tmpdir, "smtp_client: {max_wait: 1s, connect_timeout: 5s}\n"
               ) as d:
        d.link()
        yield d


def send(drive, fake, rcpts=("x@b.example",), hop="[127.0.0.1]", **more):
    drive.relay(hop, list(rcpts), port=fake.port, **more)
    return drive.outcomes(len(rcpts))


# ---- what becomes of a message ----------------------------------------------

def test_a_letter(drive):
    body = b"Subject: x\r\n\r\n.\r\n..a\r\nend without its CRLF"
    with Fake() as fake:
        one, = send(drive, fake, body=body)
    assert (one.rc, one.status, one.reply, one.host, one.site) == (
        "ok", "2.0.0", "250 2.0.0 taken as 1", "[127.0.0.1]", False)
    assert fake.bodies == [b"Subject: x\r\n\r\n..\r\n...a\r\n"
                           b"end without its CRLF\r\n"]
    assert fake.heard[:3] == [
        b"EHLO mail.example.org", b"MAIL FROM:<a@example.org> BODY=8BITMIME",
        b"RCPT TO:<x@b.example>"]


SEVEN = b"250-fake\r\n250 SIZE 100000000"
PARTS = (
    "From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n--b\r\n"
    "Content-Type: application/x-y\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n{data}\r\n--b--\r\n")


@pytest.mark.parametrize("script", [
    {"EHLO": SEVEN}, {"EHLO": b"500 what?"}], ids=["ehlo", "helo"])
def test_seven_bits(drive, script):
    """RFC 6152 3, RFC 5321 2.4: who does not offer 8BITMIME gets none."""
    text = "In der K\u00fcche = hier .\r\n. \r\nund\t\r\n" + "lang " * 9999
    data = "\u20ac" * 99999
    body = PARTS.format(text=text, data=data).encode()
    with Fake(script) as fake:
        one, = send(drive, fake, body=body)
        assert (one.rc, one.status) == ("ok", "2.0.0")
        got, = fake.bodies
        mail = fake.heard[[v[:4] for v in fake.heard].index(b"MAIL")]
    assert got.isascii() and b"8bit" not in got
    assert max(len(line) for line in got.split(b"\r\n")) <= 80
    got = got.replace(b"\r\n..", b"\r\n.")
    if b"SIZE=" in mail:
        assert int(mail.split(b"SIZE=")[1].split()[0]) == len(got)
    message = email.message_from_bytes(got)
    first, second = message.get_payload()
    assert not message.defects and not first.defects and not second.defects
    assert first["Content-Transfer-Encoding"] == "quoted-printable"
    assert first.get_payload(decode=True).decode() == text
    assert second["Content-Transfer-Encoding"] == "base64"
    assert second.get_payload(decode=True).decode() == data


def test_seven_bits_of_ascii(drive):
    body = b"Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\na = b \r\n"
    with Fake({"EHLO": SEVEN}) as fake:
        one, = send(drive, fake, body=body)
        assert one.rc == "ok" and fake.bodies == [body]


def test_what_cannot_be_converted(drive):
    body = b"Content-Transfer-Encoding: x-uu\r\n\r\n\xfc\r\n"
    with Fake({"EHLO": SEVEN}) as fake:
        got = send(drive, fake, ["x@b.example", "y@b.example"], body=body)
        assert [(o.rc, o.status) for o in got] == [("perm", "5.6.3")] * 2
        assert not fake.bodies and b"MAIL" not in b"".join(fake.heard)
        # the connection is still good
        one, = send(drive, fake)
        assert one.rc == "ok" and fake.accepted == 1
    # and so is the message, for who takes it
    with Fake() as fake:
        one, = send(drive, fake, body=body)
        assert one.rc == "ok" and fake.bodies == [body]


DSN = b"250-fake\r\n250-DSN\r\n250 PIPELINING"
ASKED = ["x@b.example/3/rfc822;X+2B@a.example", "y@b.example/8/",
         "z@b.example"]


def test_what_is_asked_goes_on(drive):
    """RFC 3461 5.2.1: as it came, to who knows it, and to nobody else."""
    with Fake({"EHLO": DSN}) as fake:
        got = send(drive, fake, ASKED, ret=2, envid="QQ+2B1")
        assert [o.dsn for o in got] == [True] * 3
        assert fake.heard[1:5] == [
            b"MAIL FROM:<a@example.org> RET=HDRS ENVID=QQ+2B1",
            b"RCPT TO:<x@b.example> NOTIFY=SUCCESS,FAILURE "
            b"ORCPT=rfc822;X+2B@a.example",
            b"RCPT TO:<y@b.example> NOTIFY=NEVER", b"RCPT TO:<z@b.example>"]
    with Fake({"EHLO": PIPE}) as fake:
        got = send(drive, fake, ASKED, ret=2, envid="QQ+2B1")
        assert [(o.rc, o.dsn) for o in got] == [("ok", False)] * 3
        assert not any(b"=" in x.replace(b"SIZE=", b"") for x in fake.heard)
    with Fake({"EHLO": DSN, "DOT": b"554 5.6.0 no"}) as fake:
        assert not any(o.dsn for o in send(drive, fake, ASKED))


@pytest.mark.parametrize("ehlo", [DEFAULT["EHLO"], PIPE])
def test_each_recipient_has_its_own(drive, ehlo):
    script = {"EHLO": ehlo, "RCPT": [
        b"250 ok", b"550 5.1.1 no such user", b"450 4.2.1 busy",
        b"251 2.1.5 elsewhere", b"550-5.7.1 go\r\n550 5.7.1 away"]}
    with Fake(script) as fake:
        got = send(drive, fake, [f"r{n}@b.example" for n in range(5)],
                   sender="-")
    assert [(o.rcpt, o.rc, o.status, o.site) for o in got] == [
        (1, "ok", "2.0.0", False), (2, "perm", "5.1.1", False),
        (3, "temp", "4.2.1", False), (4, "ok", "2.0.0", False),
        (5, "perm", "5.7.1", False)]
    assert got[4].reply == "550 5.7.1 go 5.7.1 away"
    assert len(fake.bodies) == 1
    assert fake.heard[1].startswith(b"MAIL FROM:<>")


# at, reply, outcome
REFUSALS = [
    ("MAIL", b"451 4.3.0 later", "temp"), ("MAIL", b"550 5.7.1 no", "perm"),
    ("RCPT", b"451 later", "temp"), ("RCPT", b"553 5.1.3 no", "perm"),
    ("DATA", b"451 later", "temp"), ("DATA", b"554 5.5.1 no", "perm"),
    ("DOT", b"451 4.7.1 later", "temp"), ("DOT", b"554 5.6.0 no", "perm"),
    # no success, whatever they are to mean
    ("DATA", b"250 taken already", "temp"), ("DOT", b"251 strange", "temp"),
    ("DOT", b"354 more", "temp"), ("RCPT", b"354 go on", "temp"),
]


@pytest.mark.parametrize("ehlo", [DEFAULT["EHLO"], PIPE])
@pytest.mark.parametrize("at,reply,rc", REFUSALS)
def test_a_refusal_is_the_message_s(drive, at, reply, rc, ehlo):
    with Fake({at: reply, "EHLO": ehlo}) as fake:
        got = send(drive, fake, ["x@b.example", "y@b.example"])
        assert [o.rc for o in got] == [rc, rc]
        if at != "DATA" or reply[:1] != b"2":
            assert not any(o.site for o in got)
            # and the connection is still good
            fake.script[at] = [DEFAULT[at]]
            one, = send(drive, fake)
            assert (one.rc, fake.accepted) == ("ok", 1)


def test_too_many_recipients_go_again(drive):
    full = [b"250 ok", b"250 ok", b"452 4.5.3 too many", b"452 too many",
            b"250 ok", b"552 too many", b"250 ok"]
    with Fake({"RCPT": full, "EHLO": PIPE}) as fake:
        got = send(drive, fake, [f"r{n}@b.example" for n in range(4)])
    assert [o.rc for o in got] == ["ok"] * 4
    assert len(fake.bodies) == 3 and fake.accepted == 1
    # where nobody is taken there is no end in trying; a full mailbox is its
    # own
    with Fake({"RCPT": b"452 4.5.3 too many"}) as fake:
        assert [o.rc for o in send(drive, fake, ["a@b.c", "b@b.c"])] == [
            "temp"] * 2
    with Fake({"RCPT": [b"250 ok", b"552 5.2.2 full"]}) as fake:
        assert [o.rc for o in send(drive, fake, ["a@b.c", "b@b.c"])] == [
            "ok", "perm"]


def test_limits_that_are_said(drive):
    """RFC 9422: no more than the server says that it takes."""
    def limits(words):
        return b"250-fake\r\n250-PIPELINING\r\n250 LIMITS " + words

    to = ["a@b.example", "b@c.example", "c@B.example", "d@d.example",
          "e@b.example"]

    def by_mail(heard):
        """RCPTs behind each MAIL."""
        found = []
        for line in heard:
            if line.startswith(b"MAIL"):
                found.append("")
            elif line.startswith(b"RCPT"):
                found[-1] += chr(line[9])
        return found

    for words, expect in [(b"RCPTMAX=2", ["ab", "cd", "e"]),
                          (b"RCPTDOMAINMAX=1", ["ace", "b", "d"]),
                          (b"RCPTDOMAINMAX=2 RCPTMAX=3", ["abc", "de"]),
                          (b"RCPTMAX=0", ["abcde"])]:
        with Fake({"EHLO": limits(words)}) as fake:
            assert [o.rc for o in send(drive, fake, to)] == ["ok"] * 5
            assert by_mail(fake.heard) == expect, words
            assert len(fake.bodies) == len(expect)
    # of the rest nothing is lost: it is tried again
    with Fake({"EHLO": limits(b"RCPTMAX=2 MAILMAX=2")}) as fake:
        got = send(drive, fake, to)
        assert [o.rc for o in got] == ["ok"] * 4 + ["temp"]
        assert got[4].status == "4.5.3" and not got[4].site
        # and a further message has a further connection
        assert send(drive, fake)[0].rc == "ok"
        assert fake.accepted == 2


@pytest.mark.parametrize("reply, rc", [(b"451 4.3.0 not now", "temp"),
                                       (b"554 5.7.1 never", "perm")])
def test_who_was_put_off_is_not_forgotten_when_data_is_refused(
        drive, reply, rc):
    script = {"RCPT": [b"250 ok", b"452 4.5.3 too many", b"250 ok"],
              "DATA": [reply, DEFAULT["DATA"]], "EHLO": PIPE}
    with Fake(script) as fake:
        got = send(drive, fake, ["a@b.example", "b@b.example"])
    assert [o.rc for o in got] == [rc, "ok"]
    assert len(fake.bodies) == 1
    with Fake(script | {"RCPT": [b"250 ok", b"452 4.5.3 too many", b"250 ok"],
                        "DATA": reply}) as fake:
        got = send(drive, fake, ["a@b.example", "b@b.example"])
    assert [o.rc for o in got] == [rc] * 2 and fake.bodies == []


def test_size(drive):
    with Fake({"EHLO": b"250-fake\r\n250 SIZE 20"}) as fake:
        one, = send(drive, fake, body=b"a\r\n" * 7)
        assert (one.rc, one.status) == ("perm", "5.3.4")
        one, = send(drive, fake, body=b"a\r\n" * 6)
    assert one.rc == "ok" and any(
            x.endswith(b" SIZE=18") for x in fake.heard)


def test_a_large_one_is_never_whole_in_memory(drive, bindir):
    body = b"0123456789abcdef" * 4 + b"\r\n"
    body *= (64 << 20) // len(body)
    with Fake() as fake:
        one, = send(drive, fake, body=body)
    assert one.rc == "ok" and fake.bodies == [body]
    pid = drive.pid("/mailstead-remote")
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        peak = [x for x in f if x.startswith("VmHWM")][0].split()[1]
    if "san" not in bindir:
        assert int(peak) < 32 << 10


# ---- servers that break off, hang, lie --------------------------------------

BEFORE_DOT = ["BANNER", "EHLO", "MAIL", "RCPT", "DATA", "LINE"]


@pytest.mark.parametrize("how", [CLOSE, HANG, b"421 4.3.2 closing", b"huh?",
                                 b"250 a\nb", b"250 " + b"x" * 3000,
                                 b"250-a\r\n251 b", b"2\x000 x"])
@pytest.mark.parametrize("at", BEFORE_DOT)
def test_trouble_before_the_dot_is_the_host_s(drive, at, how):
    """The next address gets it; without one it is the site's, for now."""
    # more than sockets hold, where the dot is not to be on its way
    body = b"a\r\n" + (b"x" * 98 + b"\r\n") * (200000 if at == "LINE" else 1)
    script = {at: [how, SILENT] if at == "LINE" else how}
    with Fake(script, "::1") as first:
        one, = send(drive, first, hop="[IPv6:::1]", body=body)
        assert (one.rc, one.site, one.status[0]) == ("temp", True, "4")
    with Fake(script, "::1") as first, \
            Fake(address="127.0.0.1", port=first.port) as second:
        one, = send(drive, first, hop="localhost", body=body)
        assert one.rc == "ok" and one.host == "localhost[127.0.0.1]"
        assert second.bodies == [body] and first.bodies == []


@pytest.mark.parametrize("how", [CLOSE, HANG, b"huh?", b"250-a\r\n251 b"])
def test_trouble_behind_the_dot_may_double(drive, how):
    """Nobody knows whether it was taken: no other host gets it now."""
    with Fake({"DOT": how}, "::1") as first, \
            Fake(address="127.0.0.1", port=first.port) as second:
        one, = send(drive, first, hop="localhost")
        assert one.rc == "temp" and "may come twice" in one.text
        assert second.accepted == 0


def test_a_success_before_the_dot_is_none(drive):
    with Fake({"DATA": b"354 go on\r\n250 2.0.0 taken"}, "::1") as first, \
            Fake(address="127.0.0.1", port=first.port) as second:
        one, = send(drive, first, hop="localhost")
        assert one.rc == "ok" and one.host == "localhost[127.0.0.1]"
        assert len(second.bodies) == 1 and first.bodies == []
    # replies in advance to everything
    every = b"250 ok\r\n" * 3 + b"354 go\r\n250 ok\r\n250 ok"
    with Fake({"BANNER": b"220 hi\r\n" + every}) as fake:
        one, = send(drive, fake)
        assert one.rc == "temp"


@pytest.mark.parametrize("at,reply", [
    ("BANNER", b"554 5.7.1 you are listed"), ("BANNER", b"450 later"),
    ("EHLO", b"421 busy"), ("BANNER", b"250 hello?")])
def test_who_does_not_talk_to_us(drive, at, reply):
    """Never final: it says nothing about the message."""
    with Fake({at: reply}, "::1") as first:
        one, = send(drive, first, hop="[IPv6:::1]")
        assert (one.rc, one.site) == ("temp", True)
        assert reply[4:].decode() in one.text
        with Fake(address="127.0.0.1", port=first.port):
            one, = send(drive, first, hop="localhost")
            assert one.rc == "ok"


def test_nobody_listens(drive):
    drive.relay("[127.0.0.1]", ["a@b.c", "b@b.c"], port=1)
    assert [(o.rc, o.status, o.site) for o in drive.outcomes(2)] == [
        ("temp", "4.4.1", True)] * 2
    drive.relay("nowhere.invalid", ["a@b.c"], mx=1)
    one, = drive.outcomes()
    assert one.rc == "perm" and one.status == "5.1.2"
    # a host that the configuration names is not the sender's mistake
    drive.relay("nowhere.invalid", ["a@b.c"], port=25)
    one, = drive.outcomes()
    assert one.rc == "temp" and one.status == "4.1.2"


def test_helo(drive):
    with Fake({"EHLO": b"502 5.5.1 what?"}) as fake:
        one, = send(drive, fake)
    assert one.rc == "ok"
    assert fake.verbs()[:3] == ["EHLO", "HELO", "MAIL"]
    assert fake.heard[2] == b"MAIL FROM:<a@example.org>"


def test_a_file_that_is_shorter(drive):
    """Without its dot the server drops what it has of it."""
    with Fake() as fake:
        drive.relay("[127.0.0.1]", ["x@b.example"], port=fake.port,
                    missing=10)
        one, = drive.outcomes()
        assert (one.rc, one.status, one.site) == ("temp", "4.3.0", False)
        assert fake.bodies == []


# ---- TLS and login ----------------------------------------------------------

@pytest.fixture
def cert(tmpdir):
    """(certificate, key) of localhost, an authority by itself."""
    pem, key = f"{tmpdir}/cert.pem", f"{tmpdir}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=fake", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", key, "-out", pem,
         "-days", "2"], check=True, capture_output=True)
    return pem, key


@pytest.fixture
def trusting(tmpdir, cert):
    with Drive(tmpdir, "smtp_client: {max_wait: 1s, authorities: "
               f"{cert[0]}}}\n") as d:
        d.link()
        yield d


@pytest.mark.parametrize("tls", [MAY, ENCRYPT])
def test_any_certificate(drive, cert, tls):
    with Fake({"EHLO": [WITH_TLS, DEFAULT["EHLO"]]}, cert=cert) as fake:
        one, = send(drive, fake, tls=tls)
    assert one.rc == "ok"
    assert fake.verbs()[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]


@pytest.mark.parametrize("starttls", [b"220 now", b"454 4.7.0 no TLS"])
def test_tls_that_fails(drive, starttls):
    """MAY: anew, in clear. Else not at all."""
    script = {"EHLO": WITH_TLS, "STARTTLS": starttls}
    with Fake(script) as fake:
        one, = send(drive, fake)
        assert one.rc == "ok" and fake.accepted == 2
        assert one.tls.startswith("in clear: [127.0.0.1]")
    with Fake(script) as fake:
        one, = send(drive, fake, tls=ENCRYPT)
        assert (one.rc, one.site, fake.bodies) == ("temp", True, [])
    with Fake() as fake:
        one, = send(drive, fake, tls=ENCRYPT)
        assert (one.rc, one.status, fake.bodies) == ("temp", "4.7.4", [])


def test_the_certificate_counts(trusting, drive, cert):
    script = {"EHLO": WITH_TLS}
    with Fake(script, cert=cert) as fake:
        one, = send(trusting, fake, hop="localhost", tls=VERIFY)
        assert one.rc == "ok"
        # another name, and an authority that is not trusted
        for d, hop in (trusting, "[127.0.0.1]"), (drive, "localhost"):
            one, = send(d, fake, hop=hop, tls=VERIFY)
            assert (one.rc, one.site) == ("temp", True), one
        assert len(fake.bodies) == 1
    with Fake(cert=cert, implicit=True) as fake:
        one, = send(trusting, fake, hop="localhost", tls=IMPLICIT)
        assert one.rc == "ok"
        one, = send(drive, fake, hop="localhost", tls=IMPLICIT)
        assert one.rc == "temp" and len(fake.bodies) == 1


def test_what_was_said_in_clear_is_forgotten(drive, cert):
    """STARTTLS' reply with more behind it, put there by who is between."""
    class Injecting(Fake):
        def _tls(self, sock):
            sock.sendall(b"250-fake\r\n250 AUTH PLAIN\r\n")
            return super()._tls(sock)
    with Injecting({"EHLO": WITH_AUTH}, cert=cert) as fake:
        one, = send(drive, fake)
    # it is no TLS any more, or it is gone: never taken for the server's
    assert one.rc in ("ok", "temp")
    assert "AUTH" not in fake.verbs()


LOGIN = {"login": "me", "password": "secret", "tls": VERIFY,
         "hop": "localhost"}


def test_login(trusting, cert):
    with Fake({"EHLO": WITH_AUTH}, cert=cert) as fake:
        assert send(trusting, fake, **LOGIN)[0].rc == "ok"
    assert b"AUTH PLAIN AG1lAHNlY3JldA==" in fake.heard
    old = {"EHLO": b"250-fake\r\n250-STARTTLS\r\n250 AUTH LOGIN",
           "AUTH": b"334 VXNlcm5hbWU6", "AUTH2": b"334 UGFzc3dvcmQ6",
           "AUTH3": b"235 2.7.0 welcome"}
    with Fake(old, cert=cert) as fake:
        assert send(trusting, fake, **LOGIN)[0].rc == "ok"
    assert fake.heard[4:6] == [b"bWU=", b"c2VjcmV0"]


def test_a_refused_login_never_bounces(trusting, cert):
    with Fake({"EHLO": WITH_AUTH, "AUTH": b"535 5.7.8 wrong"}, "127.0.0.1",
              cert=cert) as fake:
        one, = send(trusting, fake, **LOGIN)
        assert (one.rc, one.site, one.status) == ("temp", True, "4.7.8")
        assert fake.bodies == [] and fake.verbs().count("AUTH") == 1


def test_no_password_in_clear(drive):
    with Fake({"EHLO": b"250-fake\r\n250 AUTH PLAIN"}) as fake:
        one, = send(drive, fake, login="me", password="secret", tls=MAY)
        assert (one.rc, one.site) == ("temp", True)
        assert "AUTH" not in fake.verbs() and fake.bodies == []


# ---- connections and links --------------------------------------------------

def test_a_connection_is_used_again(drive):
    with Fake() as fake:
        for _ in range(3):
            assert send(drive, fake)[0].rc == "ok"
        assert fake.accepted == 1
        assert fake.verbs().count("RSET") == 2
        assert fake.verbs().count("EHLO") == 1
        # another login or way to protect it is another connection
        send(drive, fake, tls=ENCRYPT)
        assert fake.accepted == 2


def test_a_connection_that_is_too_old(drive):
    with Fake({"RSET": CLOSE}) as fake:
        assert [send(drive, fake)[0].rc for _ in range(2)] == ["ok", "ok"]
        assert fake.accepted == 2


@pytest.mark.parametrize("how", [CLOSE, b"421 4.3.2 closing"])
def test_a_used_connection_that_fails(drive, how):
    """Behind RSET it is up, and then not: the message goes by another."""
    with Fake({"MAIL": [b"250 fine", how, b"250 fine"]}) as fake:
        for _ in range(2):
            one, = send(drive, fake)
            assert one.rc == "ok", one
        assert fake.accepted == 2 and len(fake.bodies) == 2


def test_a_used_connection_among_hosts(drive):
    """The first is down, the second has a connection that fails: what comes
    next is the second anew, not an address of the first with its port, nor
    with what is for it."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        down = s.getsockname()[1]
    with Fake({"MAIL": [b"250 fine", CLOSE, b"250 fine"]},
              address="127.0.0.2") as fake, \
            Fake(address="127.0.0.1", port=fake.port) as other:
        for _ in range(2):
            one, = send(drive, fake, hop=f"localhost:{down},[127.0.0.2]")
            assert one.rc == "ok", one
        assert (fake.accepted, other.accepted) == (2, 0)


def test_many_share_few_connections(tmpdir):
    with Drive(tmpdir, "smtp_client: {connections: 3}\n") as d, \
            Fake() as fake:
        d.link()
        for _ in range(40):
            d.relay("[127.0.0.1]", ["a@b.c"], port=fake.port)
        assert {o.rc for o in d.outcomes(40)} == {"ok"}
        assert len(fake.bodies) == 40 and fake.accepted <= 3


def test_outcomes_wait_for_the_next_qmgr(drive):
    with Fake({"DOT": [HANG, DEFAULT["DOT"]]}) as fake:
        drive.relay("[127.0.0.1]", ["a@b.c", "b@b.c"], port=fake.port)
        end = time.monotonic() + 30
        while not fake.bodies and time.monotonic() < end:
            time.sleep(0.01)
        assert drive.link() == ["underway q1 1", "underway q1 2"]
        # asked for once more all the same: one attempt answers both
        drive.relay("[127.0.0.1]", ["a@b.c"], port=fake.port, qid="q1")
        drive.say("cut")
        drive.say("status")  # answered when it is cut
        drive.until("status")
        drive.until("status")
        fake.release.set()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            drive.say("status")
            if "jobs=0" in drive.until("status")[0]:
                break
            drive.until("status")
        # both are named, then told, and not given out twice
        assert drive.link() == ["underway q1 1", "underway q1 2"]
        assert [o.rc for o in drive.outcomes(2)] == ["ok", "ok"]
        # and again, since nobody knows whether that qmgr lived to note it
        assert drive.link() == ["underway q1 1", "underway q1 2"]
        assert [o.rc for o in drive.outcomes(2)] == ["ok", "ok"]
        assert len(fake.bodies) == 1


def test_failures_are_told_once(drive):
    """Told again they would be taken for those of a later attempt."""
    with Fake({"RCPT": [b"250 ok", SAYS_LATER, SAYS_NO]}) as fake:
        got = send(drive, fake, ["a@b.c", "b@b.c", "c@b.c"])
        assert [o.rc for o in got] == ["ok", "temp", "perm"]
        assert drive.link() == ["underway q1 1"]
        assert drive.outcomes()[0].rc == "ok"


def test_a_job_of_no_sense_closes_the_link_only(drive):
    drive.say("junk")
    drive.until("closed")
    assert drive.link() == []
    with Fake() as fake:
        assert send(drive, fake)[0].rc == "ok"


def test_stop_ends_what_can_be_ended(tmpdir):
    with Drive(tmpdir) as d, Fake({"RCPT": HANG}) as fake:
        d.link()
        d.relay("[127.0.0.1]", ["a@b.c"], port=fake.port)
        end = time.monotonic() + 30
        while "RCPT" not in fake.verbs() and time.monotonic() < end:
            time.sleep(0.01)
        d.say("stop")
        one, = d.outcomes()
        assert (one.rc, one.site) == ("temp", False)
        d.say("cut")
        assert d.until("gone")[-1] == "gone remote 0"
        assert fake.bodies == []


def test_a_new_generation_waits_for_its_end(drive):
    with Fake({"DOT": HANG}) as fake:
        drive.relay("[127.0.0.1]", ["a@b.c"], port=fake.port)
        end = time.monotonic() + 30
        while not fake.bodies and time.monotonic() < end:
            time.sleep(0.01)
        drive.say("drain")
        fake.release.set()
        heard = drive.until("gone")
        assert heard[-1] == "gone remote 0"
        assert "retires" in heard
        assert any(" ok " in x for x in heard if x.startswith("relayed"))


def test_strangers_text_stays_text(drive):
    with Fake({"DOT": b"554 \x1b[31m \xff 5.0.0 relayed"}) as fake:
        one, = send(drive, fake)
        assert one.reply == "554 ?[31m ? 5.0.0 relayed"


def test_only_where_it_listens(drive):
    """A connection that is not taken up is no hang."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        class Port:
            port = full.getsockname()[1]
        one, = send(drive, Port)
        assert (one.rc, one.site) == ("temp", True)
