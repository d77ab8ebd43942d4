"""What senders ask about notices (RFC 3461), through the whole suite: asked by
Python's smtplib, raw, and a real Postfix; told to Python's email package."""
import email
import random
import re
import smtplib
import threading
import time

import pytest

from tests.lab.fake import Fake
from tests.system.suite import wait_for
from tests.system.test_out import ALICE, world  # a fixture
from tests.system.test_relay import Host, groups

assert world
FAR = "x@elsewhere.example"
ORCPT = "ORCPT=rfc822;Bob+2BX@example.com"


def ask(suite, to, options, mail=("RET=HDRS", "ENVID=QQ+2B1"),
        body=b"Subject: asked\r\n\r\nthe body\r\n"):
    """Submitted by smtplib, with parameters for each recipient."""
    with smtplib.SMTP(*suite.address("submission"), timeout=60) as c:
        c.ehlo()
        assert c.has_extn("DSN")
        c.login(ALICE, "of-this-test")
        c.sendmail(ALICE, to, body, mail_options=mail, rcpt_options=options)


def notices(suite, n=1):
    """The next n in the sender's mailbox, and an empty queue."""
    wait_for(f"{n} notices", lambda: len(suite.messages(ALICE)) >= n)
    wait_for("an empty queue", lambda: not suite.queue())
    found = []
    for path in suite.messages(ALICE):
        with open(path, "rb") as f:
            found.append(email.message_from_bytes(f.read()))
    assert len(found) == n, found
    for notice in found:
        assert notice["Return-Path"] == "<>" and not notice.defects
        assert notice.get_param("report-type") == "delivery-status"
    return found


def first_group(notice):
    """The fields of the message, RFC 3464."""
    return notice.get_payload()[1].get_payload()[0]


@pytest.fixture
def host(netns, tmpdir, bindir):
    with Fake() as fake, Host(tmpdir, bindir, fake.port) as s:
        s.fake = fake
        yield s.begin()


def test_delivered(host):
    ask(host, "bob@example.org", [ORCPT, "NOTIFY=SUCCESS,FAILURE"])
    notice, = notices(host)
    assert notice["Subject"] == "Your message has been delivered"
    assert first_group(notice)["Original-Envelope-Id"] == "QQ+1"
    one, = groups(notice)
    assert one["Original-Recipient"] == "rfc822; Bob+X@example.com"
    assert one["Final-Recipient"] == "rfc822; bob@example.org"
    assert (one["Action"], one["Status"]) == ("delivered", "2.0.0")
    header = notice.get_payload()[2]
    assert header.get_content_type() == "text/rfc822-headers"
    assert "Subject: asked" in header.get_payload()
    assert len(host.messages("bob@example.org")) == 1
    assert host.said("queue.told", action="delivered")
    # its story tells of it
    assert "the sender is told by notice" in host.ctl(
        "trace", "bob@example.org", check=True).stdout


@pytest.mark.parametrize("options", [
    (), ("NOTIFY=NEVER",), ("NOTIFY=FAILURE,DELAY",), (ORCPT,)])
def test_nobody_asked(host, options):
    ask(host, "bob@example.org", options)
    assert len(host.messages("bob@example.org")) == 1
    # in the mailbox with the 250, and never in the queue
    assert not host.said("queue.filed") and not host.messages(ALICE)


def test_relayed_and_failed(host):
    host.fake.script["RCPT"] = [b"250 ok", b"550 5.1.1 nobody"]
    ask(host, [FAR, "y@elsewhere.example"],
        [ORCPT, "NOTIFY=SUCCESS,FAILURE"], mail=["RET=FULL"])
    both = {n["Subject"]: n for n in notices(host, 2)}
    relayed, = groups(both["Your message has been delivered"])
    assert (relayed["Action"], relayed["Final-Recipient"]) == (
        "relayed", f"rfc822; {FAR}")
    assert relayed["Remote-MTA"].startswith("dns; localhost")
    assert relayed["Diagnostic-Code"] == "smtp; 250 2.0.0 taken as 1"
    failed, = groups(both["Your message could not be delivered"])
    assert failed["Action"] == "failed"
    assert "Original-Envelope-Id" not in first_group(
        both["Your message could not be delivered"])
    # RFC 3461 6.2
    whole = both["Your message could not be delivered"].get_payload()[2]
    assert whole.get_content_type() == "message/rfc822"
    assert whole.get_payload()[0].get_payload() == "the body\n"
    header = both["Your message has been delivered"].get_payload()[2]
    assert header.get_content_type() == "text/rfc822-headers"
    assert not any(b"NOTIFY" in x or b"RET=" in x for x in host.fake.heard)


def test_never(host):
    host.fake.script["RCPT"] = [b"550 5.1.1 nobody"]
    ask(host, FAR, ["NOTIFY=NEVER"])
    wait_for("the end of it", lambda: host.said("queue.dropped"))
    wait_for("an empty queue", lambda: not host.queue())
    assert not host.messages(ALICE)


def test_delayed(netns, tmpdir, bindir):
    more = "queue: {retry_first: 1s, delay_warning: 1s}\n"
    with Fake({"RCPT": b"450 4.2.1 busy"}) as fake, \
            Host(tmpdir, bindir, fake.port, more=more) as s:
        s.begin()
        ask(s, FAR, [ORCPT])
        wait_for("the warning", lambda: s.messages(ALICE))
        wait_for("more attempts", lambda: len(s.events("queue.deferred")) > 3)
        fake.script["RCPT"] = [b"250 ok"]
        notice, = notices(s)
        one, = groups(notice)
        assert (one["Action"], one["Status"]) == ("delayed", "4.2.1")
        assert one["Will-Retry-Until"]
        assert one["Original-Recipient"] == "rfc822; Bob+X@example.com"
        assert len(fake.bodies) == 1


MAIL = [
    "RET=HALF", "RET=", "RET", "RET=FULL RET=HDRS", "ENVID=", "ENVID",
    "ENVID=a=b", "ENVID=a+4", "ENVID=a+0A", "ENVID=a ENVID=b",
    "ENVID=" + "x" * 101, "ENVID=\xe4",
]
RCPT = [
    "NOTIFY=", "NOTIFY=NEVER,SUCCESS", "NOTIFY=ALWAYS", "NOTIFY=SUCCESS,",
    "NOTIFY=NEVER NOTIFY=NEVER", "ORCPT=a@b", "ORCPT=;a@b", "ORCPT=rfc822;",
    "ORCPT=rfc822;a ORCPT=rfc822;a", "ORCPT=rfc822;" + "x" * 494,
    "ORCPT=rfc822;a+0D",
]


def test_bounds(host):
    wire = host.connect().greet()
    for param in MAIL:
        assert wire.say(f"MAIL FROM:<x@y.example> {param}")[0] == "501", param
    for param in RCPT[:3]:
        # each is the other command's
        assert wire.say(f"MAIL FROM:<x@y.example> {param}")[0] == "555"
    wire.close()
    wire = host.connect().greet()
    assert wire.say("MAIL FROM:<x@y.example> RET=hdrs ENVID=" + "x" * 100 +
                    " SIZE=10")[0] == "250"
    for param in RCPT:
        assert wire.say(f"RCPT TO:<{ALICE}> {param}")[0] == "501", param
    assert wire.say(f"RCPT TO:<{ALICE}> RET=FULL")[0] == "555"
    # RFC 3461 5.4
    assert wire.say(f"RCPT TO:<{ALICE}> NOTIFY=delay,success,failure ORCPT="
                    "rfc822;" + "x" * 493)[0] == "250"
    wire.close()
    wire = host.connect()
    wire.reply()
    assert wire.say("HELO client.example")[0] == "250"
    assert wire.say("MAIL FROM:<x@y.example> RET=FULL")[0] == "555"
    wire.close()


@pytest.mark.limit(180)
def test_postfix_both_ways(world):
    """RFC 3461 5.2.1: a real one takes over what is asked, and asks us."""
    s = world()
    with s.host.inside():
        c = smtplib.SMTP("192.0.2.1", 587, timeout=60)
    with c:
        c.starttls()
        c.login(ALICE, "of-this-test")
        c.sendmail(ALICE, ["joe@example.net", "nobody@example.net"],
                   b"Subject: asked\r\n\r\nbody\r\n",
                   mail_options=["RET=HDRS", "ENVID=QQ+2B7"],
                   rcpt_options=["NOTIFY=SUCCESS,FAILURE", ORCPT])
    # Postfix's, of the one who was delivered to, and ours of whom it refused
    told = [email.message_from_bytes(x) for x in s.mail_of(ALICE, 2)]
    by = {groups(n)[0]["Action"]: n for n in told}
    assert set(by) == {"delivered", "failed"}
    for action, notice in by.items():
        assert first_group(notice)["Original-Envelope-Id"] == "QQ+7", action
        assert groups(notice)[0]["Original-Recipient"].replace(
            " ", "") == "rfc822;Bob+X@example.com"
    assert first_group(by["delivered"])["Reporting-MTA"] == \
        "dns; mail.example.net"
    assert first_group(by["failed"])["Reporting-MTA"] == \
        "dns; mail.example.org"
    s.empty()
    # and we for it
    s.postfix.run("sendmail", "-N", "success", "-V", "env-9", "-R", "hdrs",
                  "-f", "joe@example.net", ALICE,
                  input="Subject: near\n\nback\n")
    came = [email.message_from_bytes(x) for x in s.postfix.mails(2)]
    notice, = [m for m in came if m.get_content_type() == "multipart/report"]
    assert first_group(notice)["Original-Envelope-Id"] == "env-9"
    one, = groups(notice)
    assert (one["Action"], one["Original-Recipient"]) == (
        "delivered", f"rfc822; {ALICE}")


class Asker(threading.Thread):
    """Asks for news of success until it is told to end; keeps the ENVIDs that
    were promised."""

    def __init__(self, suite, first):
        super().__init__()
        self.suite, self.next, self.promised = suite, first, []
        self.end = threading.Event()

    def run(self):
        while not self.end.is_set():
            try:
                wire = self.suite.connect()
                wire.sock.settimeout(20)
                wire.reply()
                wire.say("EHLO x.example")
                while not self.end.is_set():
                    self.next += 1
                    words = [
                        f"MAIL FROM:<{FAR}> ENVID=e{self.next}",
                        "RCPT TO:<bob@example.org> NOTIFY=SUCCESS",
                        "DATA", f"Subject: e{self.next}e\r\n\r\nbody\r\n."]
                    if [wire.say(w)[0] for w in words] == [
                            "250", "250", "354", "250"]:
                        self.promised.append(self.next)
            except OSError:
                time.sleep(0.02)


@pytest.mark.limit(300)
def test_killed(netns, tmpdir, bindir):
    """kill -9 of all, again and again: of each letter that was taken, its
    sender hears, and the letter is there."""
    seed = random.randrange(1 << 32)
    rand = random.Random(seed)
    promised = []
    with Fake({"EHLO": b"250-fake\r\n250 PIPELINING"}) as fake, \
            Host(tmpdir, bindir, fake.port,
                 more="queue: {retry_first: 1s}\n") as s:
        for _ in range(5):
            s.start()
            asker = Asker(s, promised[-1] + 100 if promised else 0)
            asker.start()
            time.sleep(rand.uniform(0.1, 1.2))
            s.kill_all()
            asker.end.set()
            asker.join()
            promised += asker.promised
        s.start()
        wait_for("recovery", lambda: s.said("queue.recovered"))
        wait_for("an empty queue", lambda: not s.queue())
        told = b"".join(fake.bodies)
        letters = set()
        for path in s.messages("bob@example.org"):
            with open(path, "rb") as f:
                letters |= set(re.findall(rb"\nSubject: e(\d+)e\n", f.read()))
        assert len(promised) > 10, seed
        assert [n for n in promised if b"%d" % n not in letters] == [], seed
        assert [n for n in promised
                if b"Original-Envelope-Id: e%d\r\n" % n not in told] == [], \
            seed
