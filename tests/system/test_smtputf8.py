"""Addresses and header fields beyond ASCII (RFC 6531, 6532, 6533), through
the whole suite. Judged by Python's smtplib, email and poplib, by curl, and by
a real Postfix."""
import base64
import email
import email.message
import email.policy
import smtplib
import subprocess

import pytest

from tests.lab.fake import DEFAULT, Fake
from tests.system.suite import wait_for
from tests.system.test_out import world  # a fixture
from tests.system.test_relay import ALICE, Host, groups

assert world
JUERGEN, SECRET = "jürgen@example.org", "geheim-für-jürgen"
FAR = "dømi@elsewhere.example"
DOMAIN = "alias_domains: [Bücher.example=example.org]\n"
TAKES = {"EHLO": b"250-fake\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8"}


class Utf8(Host):
    """With an account beyond ASCII, under a domain that is."""

    def begin(self):
        super().begin()
        for login, secret in (JUERGEN, SECRET), ("müller@Bücher.example", "x"):
            # an address belongs to the domain that has the accounts
            done = self.ctl("account", "add", login, input=secret + "\n")
            assert (done.returncode == 0) == (login == JUERGEN), done.stderr
        return self

    def send(self, to, sender=JUERGEN, subject="Grüße", options=(), rcpt=()):
        message = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
        message["From"], message["Subject"] = sender, subject
        message["To"] = to
        message.set_content("body\n")
        with smtplib.SMTP(*self.address("submission"), timeout=60) as c:
            c.ehlo()
            assert c.has_extn("SMTPUTF8") and c.has_extn("8BITMIME")
            # smtplib's own login knows ASCII only
            words = base64.b64encode(f"\0{JUERGEN}\0{SECRET}".encode())
            assert c.docmd("AUTH", "PLAIN " + words.decode())[0] == 235
            c.sendmail(sender, [to], message.as_bytes(),
                       mail_options=["SMTPUTF8", "BODY=8BITMIME", *options],
                       rcpt_options=rcpt)


@pytest.fixture
def host(netns, tmpdir, bindir):
    with Fake(TAKES) as fake, Utf8(tmpdir, bindir, fake.port, DOMAIN) as s:
        s.fake = fake
        yield s.begin()


def test_only_where_it_was_said(host):
    w = host.connect().greet()

    def say(text):
        w.send(text.encode() + b"\r\n")
        return w.reply()

    def refused(text):
        answer = say(text)
        return answer[0] == "553" and "[need-smtputf8]" in str(answer)

    assert refused("MAIL FROM:<ü@elsewhere.example>")
    assert refused("MAIL FROM:<a@bücher.example>")
    assert say("MAIL FROM:<a@b> SMTPUTF8=1")[0] == "555"
    assert say("MAIL FROM:<a@b>")[0] == "250"
    assert refused(f"RCPT TO:<{JUERGEN}>")
    assert refused("RCPT TO:<alice@bücher.example>")
    assert refused(f"RCPT TO:<{ALICE}> ORCPT=utf-8;ü@x")
    assert say("RSET")[0] == "250"
    assert say("MAIL FROM:<ü@bücher.example> SMTPUTF8")[0] == "250"
    assert say(f"RCPT TO:<{JUERGEN}> ORCPT=utf-8;ü@x")[0] == "250"
    assert say("RCPT TO:<JÜRGEN@Bücher.example>")[0] == "250"
    assert say("RCPT TO:<alice@XN--BCHER-KVA.example>")[0] == "250"
    assert say("RCPT TO:<jurgen@bücher.example>")[0] == "550"
    for odd in b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc2\x85":
        w.send(b"RCPT TO:<a" + odd + b"@example.org>\r\n")
        assert w.reply()[0] == "501"
    assert say("DATA")[0] == "354"
    assert say("Subject: x\r\n\r\nx\r\n.")[0] == "250"
    # one mailbox, however it is written
    mail, = host.mail_of(JUERGEN)
    assert f"Delivered-To: {JUERGEN}\n".encode() in mail
    assert "Return-Path: <ü@xn--bcher-kva.example>\n".encode() in mail
    assert b"with UTF8SMTP id" in mail
    assert len(host.messages(ALICE)) == 1
    # a transaction is one, what follows it another
    assert say("MAIL FROM:<a@b>")[0] == "250"
    assert say(f"RCPT TO:<{ALICE}>")[0] == "250"
    assert say("DATA")[0] == "354"
    assert say("Subject: x\r\n\r\nx\r\n.")[0] == "250"
    assert b"with ESMTP id" in b"".join(host.mail_of(ALICE, 2))


def test_read_and_log_in(host):
    host.send("Jürgen@bücher.example".replace("bücher", "xn--bcher-kva"),
              sender="JÜRGEN@example.org")
    mail, = host.mail_of(JUERGEN)
    assert b"with UTF8SMTPA id" in mail
    message = email.message_from_bytes(mail, policy=email.policy.SMTPUTF8)
    assert message["Subject"] == "Grüße" and not message.defects
    # by another spelling of the login, decomposed and in capitals
    for login in JUERGEN, "JU\u0308RGEN@example.org":
        for url in (f"imap://{host.address('imap')[0]}:"
                    f"{host.address('imap')[1]}/INBOX;MAILINDEX=1",
                    f"pop3://{host.address('pop3')[0]}:"
                    f"{host.address('pop3')[1]}/1"):
            done = subprocess.run(
                ["curl", "-sS", "--login-options", "AUTH=PLAIN", "--user",
                 f"{login}:{SECRET}", url], capture_output=True)
            assert "Subject: Grüße".encode() in done.stdout, done.stderr


def test_foreign_sender_is_refused(host):
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        host.send(ALICE, sender="jurgen@example.org")
    assert refused.value.smtp_code == 553


def test_out(host):
    host.send(FAR, options=["RET=HDRS"],
              rcpt=["ORCPT=utf-8;dømi@ἑλλάς.example", "NOTIFY=FAILURE"])
    wait_for("an empty queue", lambda: not host.queue())
    mail, = [line for line in host.fake.heard if line[:4] == b"MAIL"]
    assert mail.startswith(f"MAIL FROM:<{JUERGEN}> ".encode())
    assert b" SMTPUTF8" in mail and b" BODY=8BITMIME" in mail
    rcpt, = [line for line in host.fake.heard if line[:4] == b"RCPT"]
    assert rcpt == (f"RCPT TO:<{FAR}> NOTIFY=FAILURE ORCPT=utf-8;d\\x{{F8}}mi@"
                    "\\x{1F11}\\x{3BB}\\x{3BB}\\x{3AC}\\x{3C2}.example"
                    ).encode()
    body, = host.fake.bodies
    assert "Subject: Grüße".encode() in body
    # found by the address as people write it
    for what in FAR, "JÜRGEN@example.org", "dømi@elsewhere.example":
        out = host.ctl("trace", what).stdout
        assert "elsewhere.example" in out, (what, out)


@pytest.mark.parametrize("to", [FAR, "x@elsewhere.example"])
def test_who_knows_ascii_only(host, to):
    """A recipient that cannot be told of, a header that cannot be sent."""
    host.fake.script["EHLO"] = [DEFAULT["EHLO"]]
    host.send(to, rcpt=["ORCPT=utf-8;y\\x{E9}@z"])
    text, = host.mail_of(JUERGEN)
    wait_for("an empty queue", lambda: not host.queue())
    assert not host.fake.bodies
    notice = email.message_from_bytes(text, policy=email.policy.SMTPUTF8)
    assert not notice.defects
    assert notice.get_param("report-type") == "delivery-status"
    words, status, header = notice.iter_parts()
    assert status.get_content_type() == "message/global-delivery-status"
    assert header.get_content_type() == "message/global-headers"
    assert f"<{to}>" in words.get_content()
    assert "SMTPUTF8" in words.get_content()
    text = status.get_payload(decode=True) or status.as_bytes()
    fields = email.message_from_bytes(
        text.split(b"\r\n\r\n", 1)[-1] if b"Final" not in text else
        text[text.index(b"Original-Recip"):], policy=email.policy.SMTPUTF8)
    assert fields["Original-Recipient"] == "utf-8; yé@z"
    kind = "utf-8" if to == FAR else "rfc822"
    assert fields["Final-Recipient"] == f"{kind}; {to}"
    assert fields["Status"] == "5.6.7" and fields["Action"] == "failed"
    assert "Subject: Grüße".encode() in header.as_bytes()


def test_what_needs_nothing_goes(host):
    """RFC 6531 3.2: it was said, and nothing in the message needs it."""
    host.fake.script["EHLO"] = [DEFAULT["EHLO"]]
    with smtplib.SMTP(*host.address("submission"), timeout=60) as c:
        c.ehlo()
        c.login(ALICE, "of-this-test")
        c.sendmail(ALICE, ["x@elsewhere.example"],
                   "Subject: plain\r\n\r\nGrüße\r\n".encode(),
                   mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    wait_for("an empty queue", lambda: not host.queue())
    assert "Grüße".encode() in host.fake.bodies[0]
    assert not any(b"SMTPUTF8" in line for line in host.fake.heard)


def test_alias_beyond_ascii_of_plain_mail(netns, tmpdir, bindir):
    """The next recipient needs it, the sender has not heard of it: the notice
    is of ASCII."""
    with Fake() as fake, Host(tmpdir, bindir, fake.port) as s:
        with open(f"{tmpdir}/aliases", "w", encoding="utf-8") as f:
            f.write(f"far@example.org: {FAR}\nbüro@example.org: {ALICE}\n")
        s.texts["aliases"] = f"{tmpdir}/aliases"
        s.write_conf()
        s.begin()
        assert s.submit("far@example.org")
        notice = s.notice()
        group, = groups(notice)
        assert group["Final-Recipient"] == \
            "utf-8; d\\x{F8}mi@elsewhere.example"
        assert group["Status"] == "5.6.7"
        assert notice.as_bytes().isascii()


def test_vrfy_and_expn(netns, tmpdir, bindir):
    more = "smtpd: {vrfy: all, expn: all}\n"
    with Fake() as fake, Utf8(tmpdir, bindir, fake.port, more) as s:
        with open(f"{tmpdir}/aliases", "w", encoding="utf-8") as f:
            f.write(f"list: {JUERGEN}, {FAR}\n")
        s.texts["aliases"] = f"{tmpdir}/aliases"
        s.write_conf()
        s.begin()
        w = s.connect().greet()

        def say(text):
            w.send(text.encode() + b"\r\n")
            code, lines = w.reply()
            return code, str(lines)

        assert say("VRFY jürgen")[0] == "553"
        assert say("VRFY jürgen SMTPUTF8")[0] == "250"
        assert say("EXPN list")[0] == "553"
        code, lines = say("EXPN list SMTPUTF8")
        assert code == "250" and lines.count("2.1.5 <") == 2
        assert say("VRFY alice SMTPUTF8")[0] == "250"
        # a user of that name, who is not there
        assert say("VRFY SMTPUTF8")[0] == "550"


def test_sendmail(host):
    """Programs of this host: said where an address needs it."""
    done = subprocess.run(
        [f"{host.bindir}/sendmail", "-C", host.conf, "-f", JUERGEN, FAR],
        input="Subject: x\n\nx\n".encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
    wait_for("an empty queue", lambda: not host.queue())
    assert any(b"SMTPUTF8" in line for line in host.fake.heard)


@pytest.mark.limit(180)
def test_postfix_both_ways(world):
    s = world()
    s.ctl("account", "add", JUERGEN, input=SECRET + "\n")
    with open(f"{s.folder}/letter", "wb") as f:
        f.write("Subject: Grüße\r\n\r\nbody\r\n".encode())
    done = s.host.run(
        ["curl", "-sS", "--ssl-reqd", "-k", "--login-options", "AUTH=PLAIN",
         "--user", f"{JUERGEN}:{SECRET}", "--mail-from", JUERGEN,
         "--mail-rcpt", "dømi@example.net", "-T", f"{s.folder}/letter",
         "smtp://192.0.2.1:587/mail.example.org"])
    s.empty()
    mail, = s.postfix.mails()
    assert "Delivered-To: dømi@example.net".encode() in mail, done
    assert "Subject: Grüße".encode() in mail
    assert f"from=<{JUERGEN}>" in s.postfix.log()
    s.postfix.run("sendmail", "-f", "dømi@example.net", JUERGEN,
                  input="Subject: zurück\n\nbody\n")
    back, = s.mail_of(JUERGEN)
    assert "Return-Path: <dømi@example.net>".encode() in back
    assert b"with UTF8SMTP" in back and "zurück".encode() in back
