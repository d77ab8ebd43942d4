"""steadctl and authd: accounts made, changed and removed under a running
server, and who may log in to them."""
import base64
import json
import os
import pty
import re
import smtplib
import subprocess
import time

import pytest

from tests.system.suite import Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
YAML = "auth: {allow_plaintext: true}\n"


class Host(Suite):
    def ctl(self, *words, password=None, user=None):
        """(exit status, stdout, stderr)"""
        argv = [f"{self.bindir}/steadctl", "--run", f"{self.folder}/run"]
        done = subprocess.run(
            argv + list(words), capture_output=True, text=True, timeout=60,
            input="" if password is None else password + "\n", check=False,
            user=user)
        return done.returncode, done.stdout, done.stderr

    def login(self, login, password):
        wire = self.connect("submission").greet()
        plain = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        try:
            return wire.say(f"AUTH PLAIN {plain}")
        finally:
            wire.close()

    def takes(self, address):
        wire = self.connect().greet()
        assert wire.say("MAIL FROM:<>")[0] == "250"
        try:
            return wire.say(f"RCPT TO:<{address}>")[0] == "250"
        finally:
            wire.close()


@pytest.fixture
def host(tmpdir, bindir):
    # other workers may be missing: authd, smtpd and qmgr are enough
    with Host(tmpdir, bindir, yaml=YAML) as h:
        h.start(wait=False)
        for role in ("authd", "smtpd", "qmgr"):
            wait_for(role, lambda: h.said("worker.ready", role=role))
        yield h


def test_life_of_an_account(host):
    assert not host.takes("dora@example.org")
    assert host.ctl("account", "add", "dora@example.org", "--name", "Dora É",
                    password="first") == (0, "", "")
    assert host.takes("dora@example.org")  # at once
    assert host.login("DORA@example.org", "first")[0] == "235"
    assert host.login("dora@example.org", "first")[0] == "235"
    status, out, _ = host.ctl("--json", "account", "list")
    assert status == 0
    assert {"login": "dora@example.org", "name": "Dora É",
            "locked": False, "scram": False, "apps": 0} in json.loads(out)
    assert {"login": "bob@example.org", "name": "",
            "locked": True, "scram": False, "apps": 0} in json.loads(out)
    assert host.ctl("account", "passwd", "dora@example.org",
                    password="second")[0] == 0
    assert host.login("dora@example.org", "first")[0] == "535"
    assert host.login("dora@example.org", "second")[0] == "235"
    assert host.ctl("account", "remove", "dora@example.org")[0] == 0
    assert not host.takes("dora@example.org")
    assert host.login("dora@example.org", "second")[0] == "535"
    assert "second" not in host.text() and "$y$" not in host.text()


def test_failures_look_alike(host):
    host.ctl("account", "add", "dora@example.org", password="right")
    start = time.monotonic()
    said = {host.login(login, "wrong") for login in (
        "dora@example.org", "nobody@example.org", "bob@example.org")}
    assert said == {("535", "5.7.8 Authentication credentials invalid")}
    assert time.monotonic() - start >= 1 + 2 + 4
    assert host.login("dora@example.org", "right")[0] == "235"


def test_refusals_leave_the_file_as_it_is(host):
    path = f"{host.folder}/state/auth/accounts"

    def content():
        with open(path, encoding="ascii") as f:
            return f.read()

    before = content()
    for words, said in (
            (("account", "add", "alice@example.org"), "exists"),
            (("account", "add", "no-address"), "@"),
            (("account", "add", "dora@example.net"), "domain"),
            (("account", "add", "d@example.org", "--name", "x" * 201), "name"),
            (("account", "passwd", "nobody@example.org"), "no account"),
            (("account", "remove", "nobody@example.org"), "no account")):
        status, out, err = host.ctl(*words, password="x")
        assert (status, out) == (1, "") and said in err, words
    assert host.ctl("account", "add", "d@example.org")[0] == 1  # no password
    assert content() == before


def test_edited_by_hand(host):
    host.ctl("account", "add", "dora@example.org", password="pw")
    path = f"{host.folder}/state/auth/accounts"
    with open(path, "r+", encoding="ascii") as f:
        text = "# mine\nbroken\n" + f.read()
        f.seek(0)
        f.write(text)
    assert host.login("dora@example.org", "pw")[0] == "235"
    assert [e["line"] for e in host.events("account.bad_line")][0] == "2"
    assert host.ctl("account", "remove", "dora@example.org") == (0, "", "")
    # whoever the broken line is for, nobody is told that there is no mailbox
    wire = host.connect().greet()
    assert wire.say("MAIL FROM:<>")[0] == "250"
    assert wire.say("RCPT TO:<who@example.org>")[0] == "451"
    assert wire.say("RCPT TO:<bob@example.org>")[0] == "250"
    wire.close()
    with open(path, encoding="ascii") as f:
        assert f.read().startswith("# mine\nbroken\nalice@example.org !\n")


def test_status(host):
    status, out, err = host.ctl("--json", "status")
    said = json.loads(out)
    authd = [w for w in said["workers"] if w["role"] == "authd"][0]
    assert authd["state"] == "running" and authd["accounts"] == 2
    assert authd["pid"] == host.pid_of("authd")
    if host.root:
        assert authd["missing"] == "" and "seccomp" in authd["held_by"]
    assert status == (0 if all(w["state"] == "running" for w in
                               said["workers"]) else 1), err
    assert {"service": "smtp",
            "address": "%s:%d" % host.address()} in said["listeners"]
    assert "held by uid" in host.ctl("status")[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_who_has_no_right_is_told(host, tmpdir):
    ctl = f"{tmpdir}/steadctl"
    subprocess.run(["cp", f"{host.bindir}/steadctl", ctl], check=True)
    for words in (["status"], ["account", "list"], ["stop"],
                  ["account", "add", "eve@example.org"]):
        done = subprocess.run(
            [ctl, "--run", f"{host.folder}/run", *words], check=False,
            capture_output=True, text=True, input="pw\n", user=65534,
            timeout=60)
        assert done.returncode == 1 and "no right" in done.stderr, words
    assert host.proc.poll() is None


def test_stop_waits_and_then_nobody_is_there(host):
    assert host.ctl("stop") == (0, "", "")
    assert host.proc.wait(10) == 0
    status, _, err = host.ctl("status")
    assert status == 2
    assert f"mailstead is not running: {host.folder}/run/control" in err


def test_check_needs_no_server(tmpdir, bindir):
    h = Host(tmpdir, bindir)
    argv = [f"{bindir}/steadctl", "-c", h.conf, "check"]
    assert subprocess.run(argv, check=False).returncode == 0
    h.write_conf(yaml="smtpd: {max_sessions: many}\nlog: {level: x}\n")
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "max_sessions" in done.stderr and "log.level" in done.stderr


@pytest.mark.parametrize("words, said", [
    (["acount", "list"], 'did you mean "account list"'),
    (["statsu"], 'did you mean "status"'), ([], "usage:"),
    (["account", "add"], "ADDRESS [--name NAME]"), (["--nope"], "usage:")])
def test_usage(bindir, words, said):
    done = subprocess.run([f"{bindir}/steadctl", *words], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 64 and said in done.stderr


def test_refusals_are_explained(host):
    with smtplib.SMTP(*host.address()) as smtp:
        smtp.ehlo()
        smtp.mail("x@elsewhere.example")
        code, text = smtp.rcpt("bob@elsewhere.example")
    assert code == 550
    said = re.search(r"\[[a-z-]+\]$", text.decode())[0]
    status, out, err = host.ctl("explain", said)
    assert (status, err) == (0, "") and out.startswith("5.7.1  relay-denied")
    # no server is needed, codes come without brackets too, and by status
    base = [f"{host.bindir}/steadctl", "--json", "explain"]

    def rows(*words):
        done = subprocess.run(base + list(words), check=True,
                              capture_output=True)
        return json.loads(done.stdout)
    assert [r["code"] for r in rows("relay-denied")] == ["relay-denied"]
    assert {r["status"] for r in rows("5.7.1")} == {"5.7.1"}
    assert len(rows()) > 40
    status, out, err = host.ctl("explain", "no-such-code")
    assert (status, out) == (1, "") and "no-such-code" in err


def test_asked_twice_without_echo(host):
    master, slave = pty.openpty()
    proc = subprocess.Popen(
        [f"{host.bindir}/steadctl", "--run", f"{host.folder}/run", "account",
         "passwd", "alice@example.org"], stdin=slave, stdout=slave,
        stderr=slave)
    said = b""
    for prompt in (b"New password: ", b"Once more: "):
        while not said.endswith(prompt):
            said += os.read(master, 100)
        os.write(master, b"from-tty\n")
    assert proc.wait(10) == 0
    os.close(slave)
    os.close(master)
    assert b"from-tty" not in said
    assert host.login("alice@example.org", "from-tty")[0] == "235"
