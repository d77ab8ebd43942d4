"""What the sender asks about when: FUTURERELEASE (RFC 4865), DELIVERBY (RFC
2852) and MT-PRIORITY (RFC 6710), asked by Python's smtplib."""
import datetime
import re
import smtplib
import time

import pytest

from tests.lab.fake import HANG, Fake
from tests.system.suite import wait_for
from tests.system.test_relay import ALICE, Host

pytestmark = pytest.mark.usefixtures("netns")
MAIL = b"Subject: x\r\n\r\nbody\r\n"
OFFERS = {"EHLO": b"250-fake\r\n250 MT-PRIORITY MIXER"}


@pytest.fixture
def host(tmpdir, bindir):
    with Fake(OFFERS) as fake, Host(
            tmpdir, bindir, fake.port, "smtpd: {max_hold: 2h}\n") as s:
        s.fake = fake
        yield s.begin()


def client(s, login=True):
    c = smtplib.SMTP(*s.address("submission" if login else "smtp"),
                     timeout=60)
    c.ehlo()
    if login:
        assert c.has_extn("futurerelease")  # few ask again behind it
        c.login(ALICE, "of-this-test")
    return c


def send(s, *options, to=("bob@example.org",), login=True):
    with client(s, login) as c:
        c.sendmail(ALICE, to, MAIL, mail_options=options)


def refused(s, *options, login=True):
    with client(s, login) as c:
        return c.docmd("MAIL", f"FROM:<{ALICE}> {' '.join(options)}")


def at(seconds):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=seconds)).isoformat(
        timespec="seconds")


def test_offered_to_users_only(host):
    with client(host) as c:
        interval, date = c.esmtp_features["futurerelease"].split()
        assert interval == "7200"
        assert abs(datetime.datetime.fromisoformat(
            date.replace("Z", "+00:00")).timestamp() -
            time.time() - 7200) < 60
        assert c.has_extn("mt-priority") and c.has_extn("deliverby")
    with client(host, login=False) as c:
        assert not c.has_extn("futurerelease")
        assert not c.has_extn("deliverby")
        assert c.docmd("MAIL", "FROM:<a@b> BY=600;R")[0] == 555
        assert c.docmd("MAIL", "FROM:<a@b> HOLDFOR=1")[0] == 555


@pytest.mark.parametrize("option", [
    "HOLDFOR=2", f"HOLDUNTIL={at(3)}"], ids=["for", "until"])
def test_held_until_then(host, option):
    """Neither a flush, nor a restart, nor a reload wakes it before."""
    if option.startswith("HOLDUNTIL"):
        option = f"HOLDUNTIL={at(3)}"
    begun = time.time()
    send(host, option, "ENVID=x", to=["bob@example.org", "y@far.example"])
    qid, = host.queue()
    host.ctl("queue", "flush", check=True)
    host.stop()
    host.start()
    assert "it is to be sent later" in host.ctl("queue", "list").stdout
    assert "not to be sent before" in host.ctl("trace", qid).stdout
    wait_for("the mail", lambda: host.messages("bob@example.org"))
    wait_for("an empty queue", lambda: not host.queue())
    assert time.time() - begun >= 2
    assert len(host.fake.bodies) == 1


def test_taken_back(host):
    send(host, "HOLDFOR=7000")
    qid, = host.queue()
    host.ctl("queue", "delete", qid, check=True)
    wait_for("an empty queue", lambda: not host.queue())
    assert not host.messages("bob@example.org")


def test_given_up(host):
    send(host, "HOLDFOR=7000")
    host.ctl("queue", "bounce", *host.queue(), check=True)
    assert host.notice()["Subject"] == "Your message could not be delivered"


def test_what_has_passed_is_now(host):
    send(host, f"HOLDUNTIL={at(-3600)}")
    wait_for("the mail", lambda: host.messages("bob@example.org"))


@pytest.mark.parametrize("options,code", [
    (["HOLDFOR=7201"], 501), (["HOLDFOR=0"], 501), (["HOLDFOR=-1"], 501),
    (["HOLDFOR="], 501), (["HOLDFOR=1x"], 501),
    (["HOLDFOR=9999999999"], 501), (["HOLDFOR=1", "HOLDFOR=1"], 501),
    (["HOLDFOR=1", "HOLDUNTIL=2026-11-30T08:00:00Z"], 501),
    (["HOLDUNTIL=tomorrow"], 501), (["HOLDUNTIL=9999-12-31T23:59:59Z"], 501),
    (["BY=0;R"], 501), (["BY=-1;R"], 501), (["BY=1"], 501),
    (["BY=1;X"], 501), (["BY=1000000000;N"], 501), (["BY="], 501),
    (["BY=1;N", "BY=1;N"], 501), (["BY=60;R", "HOLDFOR=60"], 501),
    (["HOLDFOR=60", "BY=59;N"], 501), (["HOLDFOR=60", "BY=61;N"], 250),
    (["MT-PRIORITY=10"], 501), (["MT-PRIORITY="], 501),
    (["MT-PRIORITY=--1"], 501), (["MT-PRIORITY=+1"], 501),
    (["MT-PRIORITY=1", "MT-PRIORITY=1"], 501)])
def test_nonsense(host, options, code):
    assert refused(host, *options)[0] == code


def test_priority_goes_on(host):
    send(host, "MT-PRIORITY=3", to=["x@far.example"])
    send(host, "MT-PRIORITY=-9", to=["y@far.example"])
    wait_for("an empty queue", lambda: not host.queue())
    mails = [x for x in host.fake.heard if x[:4] == b"MAIL"]
    assert [b"MT-PRIORITY=3" in x for x in mails] == [True, False]
    assert b"MT-PRIORITY=-9" in mails[1]
    assert re.search(rb"id \S+ PRIORITY 3;", host.fake.bodies[0])
    assert "priority 3" in host.ctl("trace", "x@far.example").stdout
    # who does not know it is not told
    host.fake.script["EHLO"] = [b"250 fake"]
    send(host, "MT-PRIORITY=2", to=["z@far.example"])
    wait_for("an empty queue", lambda: not host.queue())


@pytest.mark.parametrize("login,asked,got", [
    (True, 4, 4), (True, 5, 4), (True, 9, 4), (False, 1, 0), (False, -3, -3)])
def test_nobody_raises_himself(host, login, asked, got):
    with client(host, login) as c:
        code, text = c.docmd("MAIL", f"FROM:<{ALICE}> MT-PRIORITY={asked}")
        assert code == 250
        assert text.startswith(b"2.3.6 %d " % got) == (asked != got)
        c.rcpt("bob@example.org")
        c.data(MAIL)
    path, = host.messages("bob@example.org")
    with open(path, "rb") as f:
        head = f.read()
    assert (b" PRIORITY %d;\n" % got in head) == (got != 0), head


def test_the_urgent_one_first(tmpdir, bindir):
    """Whoever is on its way when they come: then the others by priority."""
    given = {"a": 0, "b": -5, "c": 4, "d": 1}
    with Fake({"BANNER": HANG}) as fake, Host(
            tmpdir, bindir, fake.port) as s:
        s.write_conf(yaml=s.relay.replace("tls: may", "tls: may, sessions: 1"))
        s.begin()
        for name, priority in given.items():
            send(s, f"MT-PRIORITY={priority}", to=[f"{name}@far.example"])
        wait_for("them to wait", lambda: "relay_waiting=3" in
                 s.ctl("status").stdout)
        fake.release.set()
        wait_for("an empty queue", lambda: not s.queue())
        order = [chr(x[9]) for x in fake.heard if x[:4] == b"RCPT"]
        assert sorted(order) == sorted(given)
        others = order[1:]
        assert others == sorted(others, key=lambda name: -given[name])


KNOWS = {"EHLO": b"250-fake\r\n250-DSN\r\n250 DELIVERBY 30"}


def action(host):
    """(Action, Status) of the one notice."""
    group = host.notice().get_payload()[1].get_payload()[1]
    return group["Action"], group["Status"]


@pytest.mark.parametrize("by,said", [
    ("BY=600;R", rb"59\d;R"), ("BY=600;N", rb"59\d;N"),
    ("BY=31;r", rb"30;R"), ("BY=5;N", rb"\d;N"), ("BY=-5;N", rb"-[5-9];N")])
def test_time_goes_on(host, by, said):
    host.fake.script.update({k: [v] for k, v in KNOWS.items()})
    time.sleep(0.01)  # some of the first second
    send(host, by, to=["x@far.example"])
    wait_for("an empty queue", lambda: not host.queue())
    mail, = [x for x in host.fake.heard if x[:4] == b"MAIL"]
    assert re.search(rb" BY=" + said + rb"(\r\n)?$", mail), mail
    assert not host.messages(ALICE)
    assert "to be delivered by 2" in host.ctl("trace", "x@far.example").stdout


@pytest.mark.parametrize("ehlo,by,said", [
    (b"250 fake", "BY=600;R", ("failed", "5.4.7")),
    (b"250 fake", "BY=600;N", ("relayed", "2.0.0")),
    (KNOWS["EHLO"], "BY=29;R", ("failed", "5.4.7")),
    (KNOWS["EHLO"], "BY=600;NT", ("relayed", "2.0.0")),
])
def test_who_does_not_know_the_time(host, ehlo, by, said):
    host.fake.script["EHLO"] = [ehlo]
    send(host, by, to=["x@far.example"])
    assert action(host) == said
    wait_for("an empty queue", lambda: not host.queue())
    assert len(host.fake.bodies) == (said[0] == "relayed")


@pytest.mark.parametrize("by,said", [
    ("BY=2;R", ("failed", "5.4.7")), ("BY=2;N", ("delayed", "4.2.2"))])
def test_not_in_time(host, by, said):
    host.fake.script.update({k: [v] for k, v in KNOWS.items()})
    host.fake.script["EHLO"] = [b"250-fake\r\n250 DELIVERBY"]
    host.fake.script["RCPT"] = [b"450 4.2.2 not now"]
    send(host, by, to=["x@far.example"])
    assert not host.messages(ALICE)
    assert action(host) == said
    notice = host.notice()
    assert notice.get_payload()[1].get_payload()[0]["Deliver-By-Date"]
    if said[0] == "failed":
        wait_for("an empty queue", lambda: not host.queue())
    else:
        qid, = host.queue()
        assert "to be delivered by 2" in host.ctl("queue", "show", qid).stdout


def test_in_time_here(host):
    send(host, "BY=1;R", to=["bob@example.org"])
    assert host.messages("bob@example.org")
    assert not host.messages(ALICE)
