"""A letter out and in, the whole suite in the lab: its DNS is nsd from the
root on, its peers are real Postfixes. Judged by Postfix, swaks, curl, Python's
email package and the files."""
import email
import glob
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest

from tests.system.readers import Mutt, fetchmail, mbsync
from tests.system.suite import Suite, wait_for

pytestmark = pytest.mark.limit(180)
ALICE, SECRET = "alice@example.org", "of-this-test"
SMART = "mail.smart.example.net"
ROOT = "ns.root. A {ip}\nnet. NS ns.root.\n"
NET = "example NS ns.root.\n"
EXAMPLE = """
@ MX 10 mx
mx A 192.0.2.3
mx AAAA 2001:db8::3
two MX 20 mx
two MX 10 down
down A 192.0.2.77
six MX 10 six6
six6 AAAA 2001:db8::3
null MX 0 .
mail.smart A 192.0.2.4
"""
DOMAINS = "example.net two.example.net six.example.net"


class Out(Suite):
    """The suite on the lab's host "mail"."""

    def ctl(self, *words, **more):
        return subprocess.run(
            [self.steadctl, "-c", self.conf, *words], text=True, check=True,
            capture_output=True, **more).stdout

    def begin(self):
        self.start()
        self.ctl("account", "passwd", ALICE, input=SECRET + "\n")
        return self

    def submit(self, *rcpts, body=b"Subject: far\r\n\r\nbody\r\n", **more):
        """By swaks, over TLS and with log-in; its output."""
        with open(f"{self.folder}/body", "wb") as f:
            # swaks sends its file as it is: the client's part is done here
            f.write(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        done = self.host.run(
            ["swaks", "--server", "192.0.2.1:587", "-tls", "-a", "PLAIN",
             "-au", ALICE, "-ap", SECRET, "-f", ALICE, "-t", ",".join(rcpts),
             "--data", f"@{self.folder}/body", "--no-data-fixup"],
            errors="replace", **more)
        return done.stdout

    def empty(self, seconds=60):
        wait_for("an empty queue", lambda: not self.queue(), seconds)

    def notice(self):
        """That of a failure, as its reader gets it by POP3 with curl."""
        self.mail_of(ALICE)
        text = self.host.run(
            ["curl", "-sS", "--ssl-reqd", "-k", "--user", f"{ALICE}:{SECRET}",
             "pop3://192.0.2.1/1"], text=False).stdout
        return email.message_from_bytes(text)


def certificate(folder, name):
    files = f"{folder}/{name}.crt", f"{folder}/{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-days", "30", "-keyout",
         files[1], "-out", files[0]], check=True, capture_output=True)
    return files


@pytest.fixture
def world(lab, peers, tmpdir, bindir):
    """start(yaml): the suite, with nsd; .hosts, .postfix (of example.net) and
    .cert(name) in it."""
    if not os.path.isdir("build/peers/nsd"):
        pytest.skip("no peer: nsd")
    hosts = lab("mail", "dns", "other", "smart")
    certs = {}
    stack = []

    def enter(what):
        stack.append(what)
        return what.__enter__()

    def start(yaml="", aliases="", **settings):
        nsd = enter(peers.Nsd(hosts["dns"], {
            ".": ROOT, "net": NET, "example.net": EXAMPLE}))
        for name in "mail.example.org", "mx.example.net", SMART:
            certs[name] = certificate(tmpdir, name)
        with open(f"{tmpdir}/hints", "w", encoding="ascii") as f:
            f.write(nsd.hints())
        postfix = enter(peers.Postfix(
            hosts["other"], "example.net", cert=certs["mx.example.net"],
            virtual_mailbox_domains=DOMAINS, relayhost="[192.0.2.1]",
            **settings))
        cert, key = certs["mail.example.org"]
        suite = enter(Out(tmpdir, bindir, host=hosts["mail"], aliases=aliases,
                          yaml=f"""\
tls: {{certificate: {cert}, key: {key}}}
listen:
  smtp: ["192.0.2.1:25"]
  submission: ["192.0.2.1:587"]
  submissions: []
  pop3: ["192.0.2.1:110"]
  pop3s: []
  imap: ["192.0.2.1:143"]
  imaps: []
resolver:
  root_hints: {tmpdir}/hints
  dnssec: false
{yaml}"""))
        suite.begin()
        suite.hosts, suite.postfix, suite.certs = hosts, postfix, certs
        suite.enter = enter
        return suite

    try:
        yield start
    finally:
        for what in reversed(stack):
            what.__exit__(None, None, None)


def test_both_ways(world):
    s = world(aliases="far@example.org: joe@example.net\n")
    # out, over TLS, to where the MX says
    said = s.submit("joe@example.net", "ann@example.net")
    assert "250 2.0.0" in said
    s.empty()
    mail = s.postfix.mails(2)[0].decode()
    ours, rest = re.search(
        r"\nReceived: from (\S+ \(.*?\n\tby mail\.example\.org .*?)\n(?!\t)"
        r"(.*)", mail, re.S).groups()
    assert "with ESMTPSA" in ours and rest.startswith("Subject: far\nFrom: ")
    assert rest.endswith("\n\nbody\n")
    assert "Return-Path: <alice@example.org>" in mail
    # who else gets it, and how its sender logs in, is for nobody
    assert ("ann@" in mail) != ("joe@" in mail)
    assert SECRET not in mail and "Mailstead-" not in mail
    log = s.postfix.log()
    assert "TLS connection established from mail.example.org[" in log \
        or re.search(r"TLS connection established from \S*\[192.0.2.1\]|"
                     r"TLS connection established from \S*\[2001:db8::1\]",
                     log)
    # in, by Postfix's own client
    s.postfix.run("sendmail", "-f", "joe@example.net", ALICE,
                  input="Subject: near\n\nback\n")
    mail, = s.mail_of(ALICE)
    assert b"\nSubject: near\n" in mail and mail.endswith(b"\n\nback\n")
    assert b"from mail.example.net (" in mail
    # and in by an alias, that leads out again
    s.postfix.run("sendmail", "-f", "x@stranger.test", "far@example.org",
                  input="Subject: by alias\n\nround\n")
    mail = [x for x in s.postfix.mails(3) if b"by alias" in x]
    assert len(mail) == 1 and b"<x@stranger.test>" in mail[0]
    # but strangers may not send anywhere
    done = s.hosts["smart"].run(
        ["swaks", "--server", "192.0.2.1", "-f", "x@stranger.test", "-t",
         "joe@example.net"], check=False)
    assert "<** 550 5.7.1" in done.stdout, done.stdout


def test_read_by_all(world, tmpdir):
    """From the submission into a mailbox, and out of it by POP3 and IMAP, each
    over TLS, with the certificate checked and from another host."""
    s = world()
    where = s.hosts["smart"].argv
    # by its name, which the readers want in the certificate
    with open("/etc/hosts", encoding="ascii") as f:
        hosts = f.read() + "192.0.2.1 mail.example.org\n"
    with open(f"{tmpdir}/hosts", "w", encoding="ascii") as f:
        f.write(hosts)

    def away(words):
        return where(["unshare", "-m", "sh", "-c",
                      f'mount --bind {tmpdir}/hosts /etc/hosts && exec "$@"',
                      "sh", *words])
    login, cert = (ALICE, SECRET), s.certs["mail.example.org"][0]
    token = f"token-{random.getrandbits(64):x}"
    s.submit(ALICE, body=b"Subject: all\r\n\r\n%s\r\n" % token.encode())
    s.mail_of(ALICE)
    for url in "pop3://mail.example.org/1", \
            "imap://mail.example.org/INBOX;MAILINDEX=1":
        done = subprocess.run(
            away(["curl", "-sS", "--ssl-reqd", "--cacert", cert, "--user",
                  f"{ALICE}:{SECRET}", url]), capture_output=True, text=True,
            check=False)
        assert token in done.stdout, done.stderr
    imap = "mail.example.org", 143
    Mutt(tmpdir, imap, login, f"<first-entry><copy-message>{tmpdir}/copy"
         "<enter><quit>", cert, away)
    with open(f"{tmpdir}/copy", encoding="ascii") as f:
        assert token in f.read()
    mbsync(tmpdir, imap, login, cert, away)
    found = [open(x, encoding="ascii").read()
             for x in glob.glob(f"{tmpdir}/local/INBOX/*/*")]
    assert len(found) == 1 and token in found[0]
    assert token.encode() in fetchmail(
        tmpdir, ("mail.example.org", 110), login, "POP3", cert, away)
    wait_for("an empty mailbox", lambda: not s.messages(ALICE))


def test_octets_arrive_as_they_were(world):
    s = world()
    body = (b"Subject: octets\r\nFrom: alice@example.org\r\n"
            b"Date: Fri, 27 Nov 2026 01:02:03 +0100\r\n"
            b"Message-ID: <octets@example.org>\r\n\r\n.\r\n..\r\n.dot\r\n" +
            bytes(range(128, 256)) + b"\r\n" + b"x" * 998 + b"\r\n" +
            b" trailing \t\r\n\r\n\r\n" + b"0123456789\r\n" * 20000 +
            b"last line\r\n")
    s.submit("joe@example.net", body=body)
    s.empty()
    mail, = s.postfix.mails(1)
    got = mail[mail.index(b"Subject: octets"):]
    assert hashlib.sha256(got).digest() == hashlib.sha256(
        body.replace(b"\r\n", b"\n")).digest()


def test_hosts_in_turn(world):
    s = world("smtp_client: {connect_timeout: 2s}\n")
    s.submit("joe@two.example.net", "joe@six.example.net")
    s.empty()
    log = "".join(x.decode() for x in s.postfix.mails(2))
    assert "X-Original-To: joe@two.example.net" in log
    assert "X-Original-To: joe@six.example.net" in log
    # the IPv6-only one has nothing but IPv6
    assert re.search(r"connect from \S*\[2001:db8::1\]", s.postfix.log())


def test_down_then_up(world):
    s = world("smtp_client: {connect_timeout: 2s}\n")
    s.postfix.down()
    s.submit("joe@example.net")
    wait_for("a deferral", lambda: s.said("queue.deferred"))
    qid, = s.queue()
    listed = s.ctl("queue", "list")
    assert qid in listed and ALICE in listed
    assert "mx.example.net" in s.ctl("queue", "show", qid)
    assert not s.messages(ALICE)
    s.postfix.up()
    s.ctl("queue", "flush")
    s.empty()
    assert len(s.postfix.mails(1)) == 1


def notice_of(s, rcpt):
    """Status and Diagnostic-Code of that recipient."""
    notice = s.notice()
    assert notice.get_content_type() == "multipart/report"
    assert notice.get_param("report-type") == "delivery-status"
    assert notice["Return-Path"] == "<>"
    assert notice["To"] in (ALICE, f"<{ALICE}>")
    _, status, letter = notice.get_payload()
    assert status.get_content_type() == "message/delivery-status"
    of_message, *groups = status.get_payload()
    assert of_message["Reporting-MTA"] == "dns; mail.example.org"
    assert "Subject: far" in str(letter)
    group, = [g for g in groups if rcpt in g["Final-Recipient"]]
    assert group["Action"] == "failed"
    return group["Status"], " ".join((group["Diagnostic-Code"] or "").split())


def test_nobody_there(world):
    s = world()
    s.submit("nobody@example.net", "joe@example.net")
    status, words = notice_of(s, "nobody@example.net")
    assert status == "5.1.1"
    assert words == ("smtp; 550 5.1.1 <nobody@example.net>: Recipient address "
                     "rejected: User unknown in virtual mailbox table")
    s.empty()
    assert len(s.postfix.mails(1)) == 1


@pytest.mark.parametrize("rcpt,status", [
    ("joe@null.example.net", "5.1.10"), ("joe@missing.example.net", "5.1.2")])
def test_no_such_domain(world, rcpt, status):
    s = world()
    s.submit(rcpt)
    assert notice_of(s, rcpt)[0] == status
    s.empty()


# ---- a smart host -----------------------------------------------------------

def smart(world, peers, tmpdir, login="mailstead"):
    """The suite with it, and a Postfix that lets nobody in without log-in."""
    with open(f"{tmpdir}/password", "w", encoding="ascii") as f:
        f.write("far-away\n")
    os.chmod(f"{tmpdir}/password", 0o600)
    s = world(f"relay: {{host: {SMART}, port: 25, login: {login}, "
              f"password_file: {tmpdir}/password}}\n"
              f"smtp_client: {{authorities: {tmpdir}/{SMART}.crt}}\n")
    s.smart = s.enter(peers.Postfix(
        s.hosts["smart"], "smart.example.net", cert=s.certs[SMART],
        logins={"mailstead": "far-away", "other": "new-one"},
        relayhost="[192.0.2.3]"))
    return s


def test_smart_host(world, peers, tmpdir):
    s = smart(world, peers, tmpdir, f"mailstead@{SMART}")
    s.submit("joe@example.net")
    s.empty()
    mail, = s.postfix.mails(1)
    assert b"by mail.smart.example.net" in mail and b"far-away" not in mail
    assert f"sasl_username=mailstead@{SMART}" in s.smart.log()
    assert "far-away" not in s.text()


def test_smart_host_wrong_password(world, peers, tmpdir):
    s = smart(world, peers, tmpdir, f"other@{SMART}")
    s.submit("joe@example.net")
    wait_for("a deferral", lambda: s.said("queue.deferred"))
    qid, = s.queue()
    shown = s.ctl("queue", "show", qid)
    assert "535" in shown, shown
    assert not s.messages(ALICE) and not s.said("queue.bounced")
    # made right, and read anew
    with open(f"{tmpdir}/password", "w", encoding="ascii") as f:
        f.write("new-one\r\n")
    s.ctl("reload")
    s.ctl("queue", "flush")
    s.empty()
    assert len(s.postfix.mails(1)) == 1
    assert f"sasl_username=other@{SMART}" in s.smart.log()


# ---- kill, reload, stop -----------------------------------------------------

class Flood(threading.Thread):
    """Submits letters f0, f1, ... of its own; those that got a 250."""

    def __init__(self, s, count):
        super().__init__()
        self.s, self.count = s, count
        self.promised = []
        self.asked = 0

    def one(self, token):
        wire = None
        try:
            wire = self.s.connect().greet()
            # strangers may write to the alias, which leads out
            return wire.mail("far@example.org", f"Subject: {token}\r\n\r\n".
                             encode() + b"line of text\r\n" * 2000)[0] == "250"
        except (OSError, AssertionError):
            return False
        finally:
            if wire is not None:
                wire.close()

    def run(self):
        end = time.monotonic() + 100
        while self.asked < self.count and time.monotonic() < end:
            token = f"f{self.asked}"
            if self.one(token):
                self.promised.append(token)
                self.asked += 1
            else:
                # perhaps it came: another name
                self.asked += 1
                self.count += 1
                time.sleep(0.05)


def judge(s, flood):
    """Every promised letter is at Postfix; how many came twice."""
    flood.join()
    # there may be no qmgr yet
    wait_for("a flush", lambda: subprocess.run(
        [s.steadctl, "-c", s.conf, "queue", "flush"], check=False).returncode
             == 0)
    s.empty(100)
    wait_for("Postfix's queue", lambda: "empty" in s.postfix.run(
        "mailq").stdout)
    mails = [re.search(rb"Subject: (\S+)", m)[1].decode()
             for m in s.postfix.mails(len(set(flood.promised)))]
    lost = set(flood.promised) - set(mails)
    twice = len(mails) - len(set(mails))
    print(f"acknowledged {len(flood.promised)}, arrived {len(set(mails))}, "
          f"twice {twice}, lost {len(lost)}")
    assert not lost and len(flood.promised) >= 30
    return twice


ALIAS = "far@example.org: joe@example.net\n"
QUICK = "queue: {retry_first: 1s, retry_max: 2s}\n"


@pytest.mark.parametrize("role", ["resolver", "remote", "qmgr"])
def test_killed_on_the_way(world, role):
    s = world(QUICK, ALIAS)
    flood = Flood(s, 30)
    flood.start()
    for _ in range(4):
        time.sleep(random.uniform(0.1, 0.4))
        pid = wait_for(role, lambda: s.pid_of(role))
        os.kill(pid, signal.SIGKILL)
        wait_for("its end", lambda: s.pid_of(role) != pid)
    judge(s, flood)


def test_reloaded_and_stopped_on_the_way(world):
    s = world(QUICK, ALIAS)
    flood = Flood(s, 40)
    flood.start()
    time.sleep(0.3)
    s.ctl("reload")
    time.sleep(0.5)
    assert s.stop() == 0
    s.start()
    # nothing was killed: nothing comes twice
    assert judge(s, flood) == 0


def test_status_knows(world):
    s = world()
    s.submit("joe@example.net")
    s.empty()
    status = json.loads(s.ctl("--json", "status"))
    assert '"relayed"' in json.dumps(status)
