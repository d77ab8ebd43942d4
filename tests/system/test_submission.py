"""What a login may send, and what is done to its header (RFC 6409), by swaks
and Python's smtplib; judged by Python's email package and curl."""
import datetime
import email
import email.utils
import os
import re
import smtplib
import subprocess

import pytest

from tests.system.suite import Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
ALICE, BOB = "alice@example.org", "bob@example.org"
PASSWORD = "of-this-test"
ALIASES = """\
a.smith@example.org: alice
both@example.org: alice, bob
"""
SENDERS = """\
info@example.org: alice
@news.example: both@example.org
"""


class Host(Suite):
    def begin(self):
        self.start()
        self.ctl("account", "passwd", ALICE, text=PASSWORD + "\n")
        return self

    def ctl(self, *words, text=""):
        return subprocess.run(
            [self.steadctl, "--run", f"{self.folder}/run", *words], input=text,
            capture_output=True, text=True, timeout=60, check=True).stdout

    def newest(self, account=BOB):
        """The only message there, taken away."""
        path, = wait_for("a message", lambda: self.messages(account))
        with open(path, "rb") as f:
            raw = f.read()
        os.unlink(path)
        return email.message_from_bytes(raw)


@pytest.fixture
def host(tmpdir, bindir):
    with Host(tmpdir, bindir, "auth: {allow_plaintext: true}\n",
              aliases=ALIASES, senders=SENDERS) as s:
        yield s.begin()


def swaks(host, sender, author, login=ALICE):
    """The reply that decided."""
    address, port = host.address("submission")
    done = subprocess.run(
        ["swaks", "--server", address, "--port", str(port), "--from", sender,
         "--h-From", author, "--to", BOB, "--auth", "PLAIN", "--auth-user",
         login, "--auth-password", PASSWORD], check=False, timeout=60,
        capture_output=True, text=True)
    said = re.findall(r"^<(?:-|\*\*) +(\d\d\d.*)$", done.stdout, re.M)
    return said[-2]


@pytest.mark.parametrize("sender, author, code", [
    (ALICE, ALICE, "250"),
    (ALICE.upper(), "Alice A. <Alice@Example.ORG>", "250"),
    ("alice+x@example.org", "a.smith@example.org", "250"),
    ("<>", ALICE, "250"),
    ("info@example.org", "=?utf-8?q?caf=C3=A9?= <info+x@example.org>", "250"),
    ("x@news.example", ALICE, "250"),
    (ALICE, f"Jörg Ä. <{ALICE}>", "250"),  # as octets
    (ALICE, f"{ALICE} (Al; B, C: <x@y>)", "250"),
    (BOB, ALICE, "sender-foreign"),
    ("both@example.org", ALICE, "sender-foreign"),
    ("alice@elsewhere.example", ALICE, "sender-foreign"),
    ("nobody@example.org", ALICE, "sender-foreign"),
    (ALICE, BOB, "author-foreign"),
    (ALICE, f"{ALICE}, {BOB}", "author-foreign"),
    (ALICE, f'"{ALICE}" <{BOB}>', "author-foreign"),
    (ALICE, f"({ALICE}) {BOB}", "author-foreign"),
    (ALICE, f"Us: {ALICE}, {BOB};", "author-foreign"),
    (ALICE, f"{ALICE} <{BOB}>", "author-foreign"),
    (ALICE, f'{ALICE} " <{BOB}>', "author-unreadable"),
    (ALICE, f"{ALICE} ( <{BOB}>", "author-unreadable"),
    (ALICE, f"{ALICE} ) <{ALICE}>", "author-unreadable"),
    (ALICE, f"<{ALICE} {BOB}>", "author-unreadable"),
    (ALICE, f"<{ALICE}", "author-unreadable"),
    (ALICE, f"{ALICE} <{ALICE}>", "250"),
    (ALICE, "root", "author-unreadable"),
    (ALICE, "undisclosed:;", "author-unreadable"),
    (ALICE, f"{BOB} <{ALICE}>", "250"),  # a display name is no address
])
def test_rights(host, sender, author, code):
    said = swaks(host, sender, author)
    assert said.startswith("250") if code == "250" else \
        said.endswith(f"[{code}]"), said
    if code == "250":
        host.newest()
    else:
        assert host.ctl("explain", code)
        assert not host.messages(BOB)


@pytest.mark.parametrize("rights, sender, author", [
    ("envelope", (BOB, "sender-foreign"), (BOB, "250")),
    ("none", (BOB, "250"), ("root", "250")),
])
def test_rights_are_a_setting(tmpdir, bindir, rights, sender, author):
    with Host(tmpdir, bindir, "auth: {allow_plaintext: true}\n"
              f"smtpd: {{sender_rights: {rights}}}\n") as host:
        host.begin()
        assert sender[1] in swaks(host, sender[0], ALICE)
        assert author[1] in swaks(host, ALICE, author[0])


def test_a_right_comes_and_goes(host):
    with open(host.texts["senders"], "a", encoding="utf-8") as f:
        f.write("press@example.org: alice\n")
    host.ctl("reload")
    wait_for("the right", lambda: swaks(
        host, "press@example.org", ALICE).startswith("250"))
    with open(host.texts["senders"], "w", encoding="utf-8") as f:
        f.write("press@example.org: bob\n")
    host.ctl("reload")
    wait_for("its end", lambda: "sender-foreign" in swaks(
        host, "press@example.org", ALICE))


def test_a_wrong_line_is_told(host):
    with open(host.texts["senders"], "a", encoding="utf-8") as f:
        f.write("press@example.org: a b\n")
    done = subprocess.run([host.steadctl, "-c", host.conf, "check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "senders:3:20: " in done.stderr, done


def submit(host, data, chunks=False):
    with smtplib.SMTP(*host.address("submission"), timeout=60) as c:
        c.ehlo()
        c.login(ALICE, PASSWORD)
        if not chunks:
            c.sendmail(ALICE, [BOB], data)
            return
        assert c.mail(ALICE)[0] == 250 and c.rcpt(BOB)[0] == 250
        for n, byte in enumerate(data):
            last = " LAST" if n + 1 == len(data) else ""
            c.send(f"BDAT 1{last}\r\n".encode() + bytes([byte]))
            assert c.getreply()[0] == 250


@pytest.mark.parametrize("chunks", [False, True])
def test_header_is_completed(host, chunks):
    submit(host, b"Subject: s\r\nBcc: carl@elsewhere.example,\r\n dora@x.example"
           b"\r\nTo: bob@example.org\r\n\r\nBcc: the body\r\n", chunks)
    found = host.newest()
    assert not found.defects and found.get_payload() == "Bcc: the body\n"
    assert found["Bcc"] is None and found["To"] == BOB
    assert found["From"] == f"<{ALICE}>"
    assert re.fullmatch(r"<[0-9a-v]{15}@mail\.example\.org>",
                        found["Message-ID"])
    age = datetime.datetime.now(datetime.timezone.utc) - \
        email.utils.parsedate_to_datetime(found["Date"])
    assert abs(age) < datetime.timedelta(hours=1)
    # the history knows it by the ID that it was given
    assert BOB in host.ctl("trace", found["Message-ID"])


def test_header_that_is_whole_stays(host):
    data = (f"From: {ALICE}\r\nDate: Fri, 27 Nov 2026 01:02:03 +0100\r\n"
            "Message-ID: <mine@alice.example>\r\nX-Odd: y\r\n\r\nbody\r\n")
    submit(host, data.encode())
    found = host.newest()
    assert found.as_bytes().endswith(
        data.replace("\r\n", "\n").encode()), found.as_bytes()


def test_text_without_a_header_gets_one(host):
    submit(host, b"Hello you, this is: no header\r\n\r\nBcc: x\r\n")
    found = host.newest()
    assert found["From"] and found["Date"] and found["Message-ID"]
    assert found.get_payload() == "Hello you, this is: no header\n\nBcc: x\n"


def test_mail_of_others_is_not_touched(host):
    """Only a login's own mail: what comes on port 25 is its sender's."""
    with smtplib.SMTP(*host.address(), timeout=60) as c:
        c.sendmail(BOB, [BOB], b"Subject: s\r\nBcc: x@y.example\r\n\r\nb\r\n")
    found = host.newest()
    assert found["Bcc"] == "x@y.example" and found["Date"] is None
    assert found["From"] is None and found["Message-ID"] is None


@pytest.mark.parametrize("fields", [
    f'From: " <{BOB}>\r\nFrom: " <{ALICE}>', f"From: {ALICE}\r\nFrom: {BOB}",
    f"From: {ALICE}\r\nSender: {BOB}", f"From: (\r\nSender: ) {ALICE}",
    "From:", f"From: {ALICE}\r\nFrom: "])
def test_each_field_by_itself(host, fields):
    """What one leaves open hides nothing of the other."""
    with pytest.raises(smtplib.SMTPDataError) as e:
        submit(host, f"{fields}\r\n\r\nbody\r\n".encode())
    assert e.value.smtp_code == 550 and b"[author-" in e.value.smtp_error


def test_a_long_from_is_refused(host):
    from_ = ", ".join([ALICE] * 1200)
    with pytest.raises(smtplib.SMTPDataError) as e:
        submit(host, f"From: {from_}\r\n\r\nbody\r\n".encode())
    assert e.value.smtp_code == 550 and b"author-unreadable" in \
        e.value.smtp_error


def send(host, rcpts, login=True):
    """smtplib's word: the refusal, or None."""
    with smtplib.SMTP(*host.address("submission" if login else "smtp"),
                      timeout=60) as smtp:
        if login:
            smtp.login(ALICE, PASSWORD)
        try:
            smtp.sendmail(ALICE if login else "x@elsewhere.example", rcpts,
                          b"Subject: offer\r\n\r\nbuy\r\n")
        except smtplib.SMTPDataError as refused:
            return refused.smtp_code, refused.smtp_error.decode()
    return None


def test_recipients_in_an_hour(tmpdir, bindir):
    bobs = [f"bob+{n}@example.org" for n in range(10)]
    with Host(tmpdir, bindir, "auth: {allow_plaintext: true}\n"
              "limits: {login_recipients: 5}\n", aliases=ALIASES) as host:
        host.begin()
        assert send(host, bobs[:3]) is None
        code, text = send(host, bobs[3:6])
        assert code == 451 and text.startswith("4.7.1 ") and "hour" in text
        # what was refused counts for nothing, and sessions make no difference
        assert send(host, bobs[3:5]) is None
        assert send(host, bobs[5:6])[0] == 451
        code, text = send(host, bobs[:6])
        assert code == 550 and text.startswith("5.7.1 "), (code, text)
        # strangers have other limits
        assert send(host, bobs, login=False) is None
        # of all this the account and postmaster hear once
        letter = host.newest(ALICE)
        assert letter["Auto-Submitted"] == "auto-generated"
        assert letter["To"] == f"<{ALICE}>"
        assert ALICE in letter.get_payload()
        said = host.events("queue.limit")
        assert len(said) == 1 and said[0]["login"] == ALICE
        post = host.newest("postmaster@example.org")
        assert post["To"] == "<postmaster@example.org>"
        assert post.get_payload().replace("postmaster", "") == \
            letter.get_payload().replace("postmaster", "")
        assert email.utils.parsedate_to_datetime(post["Date"])
        # neither letter is from anybody who could be answered
        assert post["Return-Path"] == "<>"
        refused = [line for line in host.ctl("trace", ALICE).splitlines()
                   if "4.7.1" in line or "5.7.1" in line]
        assert len(refused) == 3
        # more of them, by a reload that keeps the count
        host.write_conf("auth: {allow_plaintext: true}\n"
                        "limits: {login_recipients: 6}\n")
        host.ctl("reload")
        assert send(host, bobs[:2])[0] == 451
        assert send(host, bobs[:1]) is None
        assert not host.messages(ALICE)


def asked(host, verb, name, login):
    """smtplib's reply to VRFY or EXPN."""
    with smtplib.SMTP(*host.address("submission" if login else "smtp"),
                      timeout=60) as smtp:
        smtp.ehlo()
        if login:
            smtp.login(ALICE, PASSWORD)
        return smtp.docmd(verb, name)


@pytest.mark.parametrize("login", [True, False])
@pytest.mark.parametrize("vrfy, expn", [
    (None, None), ("none", "users"), ("all", "all")])
def test_who_may_ask(tmpdir, bindir, login, vrfy, expn):
    more = "" if vrfy is None else f"smtpd: {{vrfy: {vrfy}, expn: {expn}}}\n"
    with Host(tmpdir, bindir, "auth: {allow_plaintext: true}\n" + more,
              aliases=ALIASES) as host:
        host.begin()
        knows = {None: login, "none": False, "all": True}[vrfy]
        for name, answer in (
                ("alice", (250, b"2.1.5 <alice@example.org>")),
                (f"<{BOB}>", (250, b"2.1.5 <bob@example.org>")),
                ("Both@EXAMPLE.org", (250, b"2.1.5 <Both@example.org>")),
                ("bob+x", (250, b"2.1.5 <bob+x@example.org>")),
                ("x@elsewhere.example", None), ("nobody", 550),
                ("a b", 501), ("@", 501)):
            said = asked(host, "VRFY", name, login)
            if not knows or answer is None:
                assert said[0] == 252, name
            else:
                assert said == answer or said[0] == answer, name
        assert asked(host, "VRFY", "", login)[0] == 501
        knows = {None: False, "users": login, "all": True}[expn]
        for name, answer in (
                ("both", b"2.1.5 <alice@example.org>\n"
                         b"2.1.5 <bob@example.org>"),
                ("alice", b"2.1.5 <alice@example.org>"), ("nobody", None)):
            code, text = asked(host, "EXPN", name, login)
            if not knows:
                assert code == 502
            elif answer is None:
                assert code == 550
            else:
                assert (code, text) == (250, answer)
