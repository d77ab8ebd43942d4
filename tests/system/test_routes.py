"""Ways of its own for some mail (relay.routes): by recipient, sender, login;
hosts tried in turn, with logins, by LMTP. Through the whole suite, to hosts
that do as they are told."""
import base64
import json
import os
import smtplib
import socket

import pytest

from tests.lab.fake import CLOSE, DEFAULT, Fake
from tests.system.suite import wait_for
from tests.system.test_out import certificate
from tests.system.test_relay import ALICE, Host

pytestmark = pytest.mark.usefixtures("netns")
# before and behind STARTTLS, connection after connection
AUTH = {"EHLO": [b"250-fake\r\n250 STARTTLS",
                 b"250-fake\r\n250 AUTH PLAIN"] * 9}
MAIL = b"Subject: x\r\n\r\nbody\r\n"


def secret(name, password):
    return b"AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode())


class Routed(Host):
    """`routes`: items, in which {0} is the port of a Fake and so on."""

    def __init__(self, folder, bindir, fakes, routes, passwords="", more=""):
        self.passwords = f"{folder}/passwords"
        with open(self.passwords, "w", encoding="utf-8") as f:
            f.write(passwords)
        ports = [f.port for f in fakes]
        items = "".join(f"    - {r.format(*ports)}\n" for r in routes)
        self.ways = (f"relay:\n  host: localhost\n  port: {ports[0]}\n"
                     f"  tls: may\n  passwords: {self.passwords}\n"
                     "  routes:\n" + items +
                     "auth: {allow_plaintext: true}\n" + more)
        super().__init__(folder, bindir, ports[0])
        self.write_conf(yaml=self.ways)

    def send(self, *rcpts, sender=ALICE):
        with smtplib.SMTP(*self.address("submission"), timeout=60) as c:
            c.login(ALICE, "of-this-test")
            c.sendmail(sender, rcpts, MAIL)

    def empty(self):
        wait_for("an empty queue", lambda: not self.queue())


def closed():
    """A port where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def rcpts(fake):
    return [x[9:].split(b">")[0].decode() for x in fake.heard
            if x[:4] == b"RCPT"]


def test_whose_mail(tmpdir, bindir):
    with Fake() as a, Fake() as b, Fake() as c, Fake() as d, Routed(
            tmpdir, bindir, [a, b, c, d], [
                "to=far.example via=[127.0.0.1]:{1}",
                "to=.far.example from=@example.org via=localhost:{2}",
                "login=bob@example.org via=localhost:{3}",
                "from=<> via=localhost:{3}"]) as s:
        s.begin().send("x@far.example", "y@sub.far.example", "z@other.example",
                       "w@far.example.net")
        s.empty()
        assert rcpts(b) == ["x@far.example"]
        assert rcpts(c) == ["y@sub.far.example"]
        assert rcpts(a) == ["z@other.example", "w@far.example.net"]
        s.ctl("account", "passwd", "bob@example.org", input="of-bob\n",
              check=True)
        with smtplib.SMTP(*s.address("submission"), timeout=60) as client:
            client.login("bob@example.org", "of-bob")
            client.sendmail("bob@example.org", ["v@other.example"], MAIL)
        s.empty()
        assert rcpts(d) == ["v@other.example"]


def test_hosts_in_turn(tmpdir, bindir):
    """One is down, one closes, one is not known to the DNS."""
    with Fake({"BANNER": CLOSE}) as a, Fake() as b, Routed(
            tmpdir, bindir, [a, b], [
                f"to=.example via=localhost:{closed()},nobody.invalid:25,"
                "[127.0.0.1]:{0},[127.0.0.1]:{1}"],
            more="resolver: {timeout: 2s}\n") as s:
        s.begin().send("x@far.example")
        s.empty()
        assert rcpts(b) == ["x@far.example"] and a.accepted == 1


def test_from_where(tmpdir, bindir):
    """The address that a route names, of the family it is of; no connection is
    shared by mail of another."""
    with Fake() as four, Fake(address="::1") as six, Routed(
            tmpdir, bindir, [four, six], [
                "to=a.example via=[127.0.0.1]:{0} source=::1,127.0.0.7",
                "to=b.example via=[127.0.0.1]:{0} source=127.0.0.8",
                "to=c.example via=[IPv6:::1]:{1} source=127.0.0.8",
                "to=d.example via=[IPv6:::1]:{1} source=127.0.0.8,::1",
                "to=e.example via=[127.0.0.1]:{0} source=192.0.2.200"]) as s:
        s.begin()
        for name in "abcd":
            s.send(f"x@{name}.example")
            s.empty()
        assert four.peers == ["127.0.0.7", "127.0.0.8"]
        assert six.peers == ["::1"] * 2
        s.send("x@e.example")
        wait_for("an attempt", lambda: s.said("queue.deferred"))
        assert "source address: Cannot assign requested address" in s.ctl(
            "queue", "list").stdout
        assert four.accepted == 2


def test_refused_is_refused(tmpdir, bindir):
    """What a host says of a recipient is not asked of the next one."""
    with Fake({"RCPT": b"550 5.1.1 nobody"}) as a, Fake() as b, Routed(
            tmpdir, bindir, [a, b],
            ["to=.example via=[127.0.0.1]:{0},[127.0.0.1]:{1}"]) as s:
        s.begin().send("x@far.example")
        assert s.notice()["Subject"] == "Your message could not be delivered"
        s.empty()
        assert not b.heard


def test_logins(tmpdir, bindir):
    """Of each host its own password, and no host gets another's."""
    cert = certificate(tmpdir, "localhost")
    no = {**AUTH, "AUTH": b"535 5.7.8 who are you?"}
    with Fake(no, cert=cert) as a, Fake(AUTH, cert=cert) as b, Routed(
            tmpdir, bindir, [a, b], [
                "from=@example.org via=localhost:{0},[127.0.0.1]:{1} "
                "tls=encrypt as=Shop"],
            "localhost Shop pass one\n[127.0.0.1] Shop pass two\n") as s:
        s.begin().send("x@far.example")
        s.empty()
        assert secret("Shop", "pass one") in a.heard
        assert secret("Shop", "pass two") in b.heard
        assert not any(secret("Shop", "pass two") in x for x in a.heard)
        assert len(b.bodies) == 1 and not a.bodies


def test_a_refused_login_waits(tmpdir, bindir):
    """It is the administrator's to mend: never a bounce."""
    cert = certificate(tmpdir, "localhost")
    with Fake({**AUTH, "AUTH": b"535 5.7.8 no"}, cert=cert) as a, Fake(
            ) as b, Fake(AUTH, cert=cert) as c, Routed(
                tmpdir, bindir, [a, b, c], [
                "to=far.example via=localhost:{0} tls=encrypt as=Shop",
                "to=none.example via=localhost:{2} tls=encrypt as=Nobody",
                "to=.example via=localhost:{1}"],
            "localhost Shop wrong\n") as s:
        s.begin().send("x@far.example", "y@none.example", "z@good.example")
        wait_for("deferrals", lambda: s.said("queue.deferred"))
        wait_for("the others", lambda: b.bodies)
        out = s.ctl("trace", *s.queue()).stdout
        assert "refused our log-in: 535 5.7.8 no" in out
        assert "no password to log in with there" in out
        assert " as Shop: " in s.ctl("status").stdout or \
            " as Nobody: " in s.ctl("status").stdout
        assert not s.messages(ALICE)
        # mended: it goes at once
        a.script["AUTH"] = [DEFAULT["AUTH"]]
        with open(s.passwords, "a", encoding="utf-8") as f:
            f.write("localhost Nobody right\n")
        s.ctl("reload", check=True)
        s.ctl("queue", "flush", check=True)
        s.empty()
        assert secret("Nobody", "right") in c.heard


def test_never_without_tls(tmpdir, bindir):
    """as= means verify: a certificate that nobody signed is not enough."""
    cert = certificate(tmpdir, "localhost")
    with Fake(AUTH, cert=cert) as a, Routed(
            tmpdir, bindir, [a], ["to=.example via=localhost:{0} as=Shop"],
            "localhost Shop secret\n") as s:
        s.begin().send("x@far.example")
        wait_for("a deferral", lambda: s.said("queue.deferred"))
        assert not any(x.startswith(b"AUTH") for x in a.heard)


def test_a_changed_route(tmpdir, bindir):
    """What is queued goes the new way."""
    with Fake() as a, Routed(tmpdir, bindir, [a], [
            f"to=.example via=localhost:{closed()}"]) as s:
        s.begin().send("x@far.example")
        wait_for("a deferral", lambda: s.said("queue.deferred"))
        s.write_conf(yaml=s.ways.split("  routes:")[0] +
                     "auth: {allow_plaintext: true}\n")
        s.ctl("reload", check=True)
        s.ctl("queue", "flush", check=True)
        s.empty()
        assert rcpts(a) == ["x@far.example"]


def test_lmtp(tmpdir, bindir):
    """RFC 2033 4.2: a reply for each recipient that was taken."""
    with Fake({"LHLO": DEFAULT["EHLO"],
               "RCPT": [b"250 ok", b"550 5.1.1 no", b"250 ok", b"250 ok"],
               "DOT": b"250 2.1.5 one\r\n552 5.2.2 full\r\n250 2.1.5 three"}
              ) as a, Routed(tmpdir, bindir, [a], [
                  "to=.example via=lmtp:[127.0.0.1]:{0}"]) as s:
        s.begin().send(*(f"r{n}@in.example" for n in range(4)))
        notice = s.notice()
        s.empty()
        assert a.verbs()[0] == "LHLO" and len(a.bodies) == 1
        groups = notice.get_payload()[1].get_payload()[1:]
        assert [(g["Final-Recipient"], g["Status"]) for g in groups] == [
            ("rfc822; r1@in.example", "5.1.1"),
            ("rfc822; r2@in.example", "5.2.2")]


def test_lmtp_cut_off(tmpdir, bindir):
    """Who has no reply yet is tried again, and nobody else."""
    with Fake({"LHLO": DEFAULT["EHLO"],
               "DOT": [b"250 2.1.5 one", b"250 2.1.5 two"],
               "RSET": CLOSE}) as a, Routed(tmpdir, bindir, [a], [
                   "to=.example via=lmtp:[127.0.0.1]:{0}"],
               more="smtp_client: {max_wait: 1s}\n") as s:
        s.begin().send("r0@in.example", "r1@in.example")
        wait_for("a deferral", lambda: s.said("queue.deferred"))
        out = s.ctl("queue", "show", *s.queue()).stdout
        assert "r1@in.example" in out and "done" in out
        s.ctl("queue", "flush", check=True)
        s.empty()
        assert rcpts(a) == ["r0@in.example", "r1@in.example", "r1@in.example"]


def test_a_rate(tmpdir, bindir):
    """Each destination has its own; what waits is not deferred."""
    with Fake() as a, Fake() as b, Routed(tmpdir, bindir, [a, b], [
            "to=slow.example via=[127.0.0.1]:{1} rate=1/h"]) as s:
        s.begin()
        for n in range(3):
            s.send(f"r{n}@slow.example", f"r{n}@other.example")
        wait_for("the others", lambda: len(rcpts(a)) == 3)
        wait_for("one", lambda: b.bodies)
        assert rcpts(b) == ["r0@slow.example"] and len(s.queue()) == 2
        assert not s.said("queue.deferred")
        # a faster one is in use at once
        s.write_conf(yaml=s.ways.replace("rate=1/h", "rate=600/m"))
        s.ctl("reload", check=True)
        s.empty()
        assert len(rcpts(b)) == 3


@pytest.mark.parametrize("route", [
    "to=far.example", "via=a as=x tls=may", "via=mx as=x", "via=a:0",
    "to=b via=a of=c"])
def test_mistakes(tmpdir, bindir, route):
    with Fake() as a, Routed(tmpdir, bindir, [a], [route]) as s:
        done = s.ctl("check")
        assert done.returncode != 0
        assert "relay.routes: expected words of to=" in done.stderr + \
            done.stdout
        assert json.dumps(route)[1:-1] in done.stderr + done.stdout


def test_passwords_that_are_not_there(tmpdir, bindir):
    """Mail for those hosts waits, all other mail goes on."""
    with Fake() as a, Fake() as b, Routed(tmpdir, bindir, [a, b], [
            "to=far.example via=localhost:{1} tls=encrypt as=x"]) as s:
        os.remove(s.passwords)
        s.begin().send("x@other.example", "y@far.example")
        wait_for("the other mail", lambda: a.bodies)
        assert "relay.passwords: " in str(s.events("master.error"))
        assert s.queue() and not b.bodies
        with open(s.passwords, "w", encoding="utf-8"):
            pass
        s.ctl("reload", check=True)


def test_passwords_taken_away(tmpdir, bindir):
    """A file that is no longer named is forgotten with the reload."""
    cert = certificate(tmpdir, "localhost")
    with Fake(AUTH, cert=cert) as a, Routed(
            tmpdir, bindir, [a],
            ["to=.example via=localhost:{0} tls=encrypt as=Shop"],
            "localhost Shop secret\n") as s:
        s.begin().send("x@far.example")
        s.empty()
        assert secret("Shop", "secret") in a.heard
        s.write_conf(yaml=s.ways.replace(f"  passwords: {s.passwords}\n", ""))
        s.ctl("reload", check=True)
        del a.heard[:]
        s.send("y@far.example")
        wait_for("a deferral", lambda: s.said("queue.deferred"))
        assert not any(x.startswith(b"AUTH") for x in a.heard)
        assert len(a.bodies) == 1
