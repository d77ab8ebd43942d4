"""A letter out, through the whole suite: submitted, queued, brought to another
host (a fake one, as smart host), and what comes back."""
import base64
import email
import json
import os
import signal
import subprocess

import pytest

from tests.lab.fake import CLOSE, Fake
from tests.system.suite import Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
ALICE = "alice@example.org"
FAR = "x@elsewhere.example"
SAYS_NO = b"550 5.1.1 no such user here"


class Host(Suite):
    def __init__(self, folder, bindir, port, more="", **other):
        self.relay = (f"relay: {{host: localhost, port: {port}, tls: may}}\n"
                      "auth: {allow_plaintext: true}\n" + more)
        super().__init__(folder, bindir, yaml=self.relay, **other)

    def ctl(self, *words, **more):
        return subprocess.run(
            [f"{self.bindir}/steadctl", "-c", self.conf, *words], text=True,
            capture_output=True, **more)

    def begin(self):
        self.start()
        self.ctl("account", "passwd", ALICE, input="of-this-test\n",
                 check=True)
        return self

    def submit(self, *rcpts, body="Subject: far\r\n\r\nbody"):
        wire = self.connect("submission").greet()
        secret = base64.b64encode(f"\0{ALICE}\0of-this-test".encode())
        assert wire.say("AUTH PLAIN " + secret.decode())[0] == "235"
        if wire.say(f"MAIL FROM:<{ALICE}>")[0] != "250":
            return False
        for rcpt in rcpts:
            assert wire.say(f"RCPT TO:<{rcpt}>")[0] == "250"
        assert wire.say("DATA")[0] == "354"
        return wire.say(body + "\r\n.")[0] == "250"

    def notice(self):
        wait_for("a notice", lambda: self.messages(ALICE))
        path, = self.messages(ALICE)
        with open(path, "rb") as f:
            return email.message_from_bytes(f.read())


def groups(notice):
    """The fields of each recipient, RFC 3464."""
    return notice.get_payload()[1].get_payload()[1:]


def test_out(tmpdir, bindir):
    with Fake() as fake, Host(tmpdir, bindir, fake.port) as s:
        assert s.begin().submit(FAR, "bob@example.org", "y@other.example")
        wait_for("an empty queue", lambda: not s.queue())
        body, = fake.bodies
        assert body.startswith(b"Received: from ")
        assert b"\nSubject: far\r\n" in body
        assert body.endswith(b"\r\n\r\nbody\r\n")
        assert b"Mailstead-" not in body
        # one transaction for both, since one host takes them
        assert [v for v in fake.verbs() if v in ("MAIL", "RCPT", "DATA")] == [
            "MAIL", "RCPT", "RCPT", "DATA"]
        assert len(s.messages("bob@example.org")) == 1
        status = json.loads(s.ctl("--json", "status", check=True).stdout)
        assert '"relayed": "2"' in json.dumps(status) or \
            '"relayed": 2' in json.dumps(status)


def test_letters_case_is_the_other_hosts(tmpdir, bindir):
    """RFC 5321 2.4: a local part goes on as it came, and is no other's."""
    with Fake() as fake, Host(tmpdir, bindir, fake.port) as s:
        assert s.begin().submit("Bob@Elsewhere.example",
                                "bob@elsewhere.example",
                                "Bob@elsewhere.example", "BOB@example.org",
                                "bob@example.org")
        wait_for("an empty queue", lambda: not s.queue())
        assert [line for line in fake.heard if line[:4] == b"RCPT"] == [
            b"RCPT TO:<Bob@elsewhere.example>",
            b"RCPT TO:<bob@elsewhere.example>"]
        assert len(s.messages("bob@example.org")) == 1


def test_refused_there_comes_back(tmpdir, bindir):
    with Fake({"RCPT": [b"250 ok", SAYS_NO]}) as fake, \
            Host(tmpdir, bindir, fake.port) as s:
        assert s.begin().submit("good@elsewhere.example", FAR)
        notice = s.notice()
        wait_for("an empty queue", lambda: not s.queue())
        assert len(fake.bodies) == 1
        assert notice["Return-Path"] == "<>"
        group, = groups(notice)
        assert group["Final-Recipient"] == f"rfc822; {FAR}"
        assert group["Action"] == "failed"
        assert group["Status"] == "5.1.1"
        assert group["Remote-MTA"] == "dns; localhost"
        assert group["Diagnostic-Code"] == "smtp; " + SAYS_NO.decode()
        assert SAYS_NO.decode() in notice.get_payload()[0].get_payload()


def test_down_then_up(tmpdir, bindir):
    with Fake({"BANNER": [CLOSE, CLOSE, CLOSE, CLOSE, b"220 up"]}) as fake, \
            Host(tmpdir, bindir, fake.port) as s:
        assert s.begin().submit(FAR)
        wait_for("a deferral", lambda: s.said("queue.deferred"))
        qid, = s.queue()
        out = s.ctl("queue", "show", qid, check=True).stdout
        assert f"<{FAR}> at another host" in out
        for _ in range(4):
            s.ctl("queue", "flush", check=True)
            if fake.bodies:
                break
            wait_for("an answer", lambda: not s.queue() or "deferred" in
                     s.ctl("queue", "list").stdout)
        wait_for("an empty queue", lambda: not s.queue())
        assert len(fake.bodies) == 1


def test_too_old(tmpdir, bindir):
    with Fake({"RCPT": b"452 4.2.2 mailbox full"}) as fake, \
            Host(tmpdir, bindir, fake.port,
                 "queue: {max_age: 1m, retry_first: 1s}\n") as s:
        assert s.begin().submit(FAR)
        wait_for("a deferral", lambda: s.said("queue.deferred"))
        assert s.messages(ALICE) == []


def test_strangers_send_nothing_out(tmpdir, bindir):
    with Fake() as fake, Host(tmpdir, bindir, fake.port) as s:
        s.begin()
        wire = s.connect().greet()
        assert wire.say("MAIL FROM:<a@stranger.example>")[0] == "250"
        assert wire.say(f"RCPT TO:<{FAR}>")[0] == "550"
        assert fake.accepted == 0


@pytest.mark.parametrize("role", ["qmgr", "remote"])
def test_killed_in_between(tmpdir, bindir, role):
    # with a message two workers may die in one round: then it waits
    with Fake() as fake, Host(
            tmpdir, bindir, fake.port,
            "queue: {retry_first: 1s, retry_max: 2s}\n") as s:
        s.begin()
        for n in range(20):
            # while there is no qmgr it is refused for now
            wait_for("a 250", lambda: s.submit(f"u{n}@elsewhere.example"))
            if n % 5 == 2:
                wait_for("its start", lambda: s.pid_of(role))
                os.kill(s.pid_of(role), signal.SIGKILL)
        wait_for("an empty queue", lambda: not s.queue())
        assert {v for v in fake.heard if v.startswith(b"RCPT")} == {
            b"RCPT TO:<u%d@elsewhere.example>" % n for n in range(20)}
