"""sendmail, mailq, newaliases: what cron and scripts of this host rely on. Who
sent a message is what the kernel says, whatever its fields claim."""
import os
import re
import shutil
import socket
import subprocess

import pytest

from tests.system.suite import Suite, Wire, wait_for

pytestmark = pytest.mark.usefixtures("netns")
ALICE, BOB = "alice@example.org", "bob@example.org"
NOBODY = 65534


class Host(Suite):
    def __init__(self, folder, bindir, **more):
        self.alias_file = f"{folder}/aliases"
        self.write_aliases("root: alice\n")
        super().__init__(
            folder, bindir, **more)
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text.replace("paths:\n", "paths:\n"
                                 f"  aliases: {self.alias_file}\n"))
        shutil.copy(f"{bindir}/sendmail", f"{folder}/sendmail")
        for name in ("mailq", "newaliases"):
            os.symlink("sendmail", f"{folder}/{name}")

    def write_aliases(self, text):
        with open(self.alias_file, "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, *words, text=b"", uid=None, name="sendmail"):
        """(exit status, stderr)"""
        who = {} if uid is None or not self.root else {
            "user": uid, "group": uid, "extra_groups": []}
        done = subprocess.run(
            [f"{self.folder}/{name}", "-C", self.conf, *words], input=text,
            capture_output=True, timeout=60, check=False, **who)
        return done.returncode, done.stderr.decode()

    def last(self, account=ALICE):
        """The one message there is."""
        paths = self.messages(account)
        assert len(paths) == 1, paths
        with open(paths[0], "rb") as f:
            return f.read()


@pytest.fixture
def host(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        yield h.start()


def test_asks_for_notices(host):
    """-N, -R and -V, RFC 3461; in the mailbox of who asked."""
    status, said = host.run("-f", ALICE, "-N", "success,failure", "-R", "hdrs",
                            "-V", "no +1", BOB, text=b"Subject: s\n\nbody\n")
    assert (status, said) == (0, "")
    wait_for("the notice", lambda: host.messages(ALICE))
    notice = host.last()
    assert b"\nOriginal-Envelope-Id: no +1\n" in notice
    assert b"\nAction: delivered\n" in notice
    assert len(host.messages(BOB)) == 1
    for wrong in (("-N", "always"), ("-N", "never,delay"), ("-R", "half"),
                  ("-V", ""), ("-V", "a\nb"), ("-V", "x" * 101),
                  ("-V", "\xe4")):
        status, said = host.run(*wrong, BOB, text=b"Subject: s\n\nbody\n")
        assert status == 64 and said.startswith(f"sendmail: {wrong[0]}"), wrong
    assert len(host.messages(BOB)) == 1


def test_a_line_of_cron(host):
    """No domain, no date, no dot that ends it; and it is said who it was."""
    status, said = host.run(
        "-i", "-FCronDaemon", "-oem", "-B8BITMIME", "root", uid=NOBODY,
        text=b"From: root (Cron Daemon)\nTo: root\nSubject: Cron\n\n"
             b"one\r50%\r100%\n.\nlast \xc3\xa4\n")
    assert (status, said) == (0, "")
    letter = host.last()
    assert letter.endswith(b"\n\none\n50%\n100%\n.\nlast \xc3\xa4\n")
    assert letter.count(b"\nFrom: ") == 1
    assert re.search(rb"\nDate: \w{3}, .*\nMessage-ID: <\w+@mail\.example\.org>"
                     rb"\n\n", letter)
    uid = NOBODY if host.root else os.geteuid()
    assert f"Received: from mail.example.org (uid:{uid})\n".encode() in letter
    assert host.said("smtp.connect", client=f"uid:{uid}", service="local")


def test_recipients_of_the_header(host):
    """-t: Bcc gets it, and nobody sees that."""
    status, said = host.run("-t", text=b"To: Alice <alice@example.org>\n"
                            b"Bcc: bob\nSubject: x\n\nhello\n")
    assert (status, said) == (0, "")
    for account in (ALICE, BOB):
        letter = host.last(account)
        assert b"\nTo: Alice <alice@example.org>\n" in letter
        assert b"Bcc" not in letter and b"bob" not in letter.split(
            b"\nTo: ")[1]


def test_bare_text(host):
    """A dot ends it; From is the caller, named in full by -F, or -f."""
    status, said = host.run("-F", "A \"B\" \xe4", "-f", "me", "alice",
                            text=b"text: not\nthe end\n.\nbehind\n")
    assert (status, said) == (0, "")
    letter = host.last()
    assert letter.startswith(b"Return-Path: <me@example.org>\n")
    assert b"\nFrom: =?UTF-8?B?QSAiQiIgw6Q=?= <me@example.org>\n" in letter
    assert letter.endswith(b"\n\nthe end\n")


def test_null_sender(host):
    assert host.run("-f", "<>", "alice", text=b"x\n") == (0, "")
    assert host.last().startswith(b"Return-Path: <>\n")


def test_what_is_wrong_is_said(host):
    status, said = host.run("nobody", text=b"x")
    assert status == 67 and "nobody@example.org: 550 5.1.1" in said
    status, said = host.run(text=b"x")
    assert status == 64 and "no recipients" in said
    status, said = host.run("-bd")
    assert status == 64 and "service" in said
    status, said = host.run("-f", "a, b", "alice", text=b"x")
    assert status == 64 and "-f" in said
    status, said = host.run("alice", text=b"x" * (26 << 20))
    assert status == 69 and "larger than" in said
    assert host.messages(ALICE) == []


def test_to_another_host(tmpdir, bindir):
    """Every user of the host may; from the network nobody without a log-in."""
    with Host(tmpdir, bindir) as h:
        h.remove_worker("remote")
        h.start(wait=False)
        for role in ("smtpd", "qmgr"):
            wait_for(role, lambda: h.said("worker.ready", role=role))
        assert h.run("x@elsewhere.example", text=b"x") == (0, "")
        with open(f"{h.spool}/new/{h.queue()[0]}", "rb") as f:
            head = f.read()
        assert b" client=uid:" in head, head
        assert b"Mailstead-To: todo <x@elsewhere.example>" in head
        wire = h.connect().greet()
        assert wire.say("MAIL FROM:<alice@example.org>")[0] == "250"
        assert wire.say("RCPT TO:<x@elsewhere.example>")[0] == "550"
        wire.close()


def test_others_have_it(host):
    """One unknown for good: the rest is sent, once, and it is said."""
    status, said = host.run("alice", "nobody", text=b"x")
    assert status == 67 and "sent to the other recipients" in said
    host.last()


def test_nobody_listens(host):
    host.stop()
    status, said = host.run("alice", text=b"x")
    assert status == 75 and "not running" in said
    host.start()
    assert host.run("alice", text=b"x") == (0, "")


def test_queue_down(tmpdir, bindir):
    """Refused for now is 75, so that the caller keeps it."""
    with Host(tmpdir, bindir) as h:
        h.remove_worker("qmgr")
        h.start(wait=False)
        wait_for("smtpd", lambda: h.said("worker.ready", role="smtpd"))
        status, said = h.run("alice", text=b"x")
        assert status == 75 and "451 4.3.0" in said


def test_reload_keeps_the_socket(host):
    done = subprocess.run([host.steadctl, "-c", host.conf, "reload"],
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    assert host.run("alice", text=b"x") == (0, "")
    host.last()


def local(host):
    wire = Wire.__new__(Wire)
    wire.sock = socket.socket(socket.AF_UNIX)
    wire.sock.settimeout(60)
    wire.sock.connect(f"{host.folder}/run/submit")
    wire.file = wire.sock.makefile("rb")
    return wire


def look_at_the_socket(host):
    assert os.stat(f"{host.folder}/run/submit").st_mode & 0o777 == 0o666
    wire = local(host)
    assert wire.reply()[0] == "220"
    said = wire.say("EHLO x")[1]
    assert "STARTTLS" not in said and "AUTH" not in said
    assert wire.say("STARTTLS")[0] == "502"
    assert wire.say("AUTH PLAIN AGEAYg==")[0] == "502"
    wire.close()


def test_the_socket(tmpdir, bindir):
    """Open to all users of the host; nothing is offered that is not there."""
    key, certificate = f"{tmpdir}/key.pem", f"{tmpdir}/cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "2", "-subj", "/CN=mail.example.org", "-keyout", key, "-out",
         certificate], check=True, capture_output=True)
    yaml = f"tls: {{certificate: {certificate}, key: {key}}}\n"
    with Host(tmpdir, bindir, yaml=yaml) as host:
        look_at_the_socket(host.start())


def test_one_user_does_not_take_all(tmpdir, bindir):
    with Host(tmpdir, bindir, yaml="smtpd: {processes: 1}\n") as h:
        h.start()
        wires = [local(h) for _ in range(101)]
        codes = [w.reply()[0] for w in wires]
        assert codes == ["220"] * 100 + ["421"]
        status, said = h.run("alice", text=b"x")
        assert status == 75 and "421" in said
        if h.root:
            assert h.run("alice", text=b"x", uid=NOBODY) == (0, "")
        for wire in wires:
            wire.close()


def test_mailq(tmpdir, bindir):
    with Host(tmpdir, bindir, yaml="queue: {direct_recipients: 0}\n") as h:
        h.remove_worker("delivery")
        h.start(wait=False)
        for role in ("smtpd", "qmgr"):
            wait_for(role, lambda: h.said("worker.ready", role=role))
        assert h.run("alice", text=b"x") == (0, "")
        for words, name in (((), "mailq"), (("-bp",), "sendmail")):
            done = subprocess.run(
                [f"{h.folder}/{name}", "-C", h.conf, *words],
                capture_output=True, timeout=60, check=False)
            assert done.returncode == 0 and b"1 of 1 to do" in done.stdout
        if h.root:
            status, said = h.run(name="mailq", uid=NOBODY)
            assert status == 69 and "no right" in said


def test_newaliases(host):
    assert host.run("postbox", text=b"x")[0] == 67
    host.write_aliases("postbox: alice\n")
    if host.root:
        status, said = host.run(name="newaliases", uid=NOBODY)
        assert status == 69 and "no right" in said
        assert host.run("postbox", text=b"x")[0] == 67
    assert host.run(name="newaliases") == (0, "")
    assert host.run("postbox", text=b"x") == (0, "")
    host.last()
    # what is wrong is told, and the rest is served
    host.write_aliases("postbox: alice\nbroken\nnew: bob\n")
    status, said = host.run(name="newaliases")
    assert status == 0 and "aliases:2:1: colon expected" in said
    assert host.run("-bi") == (0, said.replace("newaliases", "sendmail"))
    assert host.run("postbox", text=b"x") == (0, "")
    assert host.run("new", text=b"x") == (0, "")
    os.unlink(host.alias_file)
    status, said = host.run(name="newaliases")
    assert status == 69 and "old one is in use" in said
    assert host.run("new", text=b"x") == (0, "")
