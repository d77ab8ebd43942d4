"""SCRAM over SMTP, IMAP and POP3, judged by GNU SASL, and by mbsync with Cyrus
SASL; its last message and refusals raw."""
import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import ssl
import subprocess

import pytest

from tests.system.readers import mbsync
from tests.system.suite import wait_for
from tests.system.test_pop3 import ALICE, LISTEN, SECRET, Mail

pytestmark = pytest.mark.usefixtures("netns")
MORE = "auth: {scram: all}\n"
SUBMISSION = LISTEN.replace("submission: []", 'submission: ["127.0.0.1:0"]')


@pytest.fixture
def suite(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(more=MORE, listen=SUBMISSION)


def gsasl(suite, service, mechanism, *words, password=SECRET, login=ALICE):
    host, port = suite.address(
        "submission" if service == "smtp" else service)
    done = subprocess.run(
        ["gsasl", f"--{service}", "--connect", f"{host}:{port}",
         "--hostname", "localhost", "--starttls", "--x509-ca-file", suite.cert,
         "-m", mechanism, "-a", login, "-z", "", "-p", password, "--quiet",
         "--verbose", *words],
        input="", text=True, capture_output=True, timeout=60, check=False)
    print(done.stdout, done.stderr)
    return done.returncode


@pytest.mark.parametrize("service", ["smtp", "imap"])
@pytest.mark.parametrize("mechanism", [
    "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"])
def test_gsasl(suite, service, mechanism):
    words = [] if mechanism.endswith("PLUS") else ["--no-cb"]
    assert gsasl(suite, service, mechanism, *words) == 0
    assert gsasl(suite, service, mechanism, *words, password="wrong") != 0
    event, = suite.events("auth.ok")
    assert (event["login"], event["service"]) == (ALICE, service)
    event, = suite.events("auth.failed")
    assert (event["login"], event["service"]) == (ALICE, service)


def test_mbsync(suite):
    """Cyrus's own SCRAM, and the session behind it works."""
    suite.letter(1, b"Subject: 1\n\nbody\n")
    mbsync(suite.folder, ("localhost", suite.address("imap")[1]),
           (ALICE, SECRET), tls=suite.cert, mechanism="SCRAM-SHA-256")
    assert suite.events("auth.ok")[0]["login"] == ALICE
    assert len(os.listdir(f"{suite.folder}/local/INBOX/new")) == 1


class Pop3:
    def __init__(self, suite):
        context = ssl.create_default_context(cafile=suite.cert)
        self.sock = context.wrap_socket(
            socket.create_connection(suite.address("pop3s"), 20),
            server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        self.line()

    def line(self):
        return self.file.readline().decode().rstrip("\r\n")

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.line()

    def close(self):
        self.file.close()
        self.sock.close()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def proof(bare, challenge, password):
    """RFC 5802 section 3: the client's last message, and what it expects."""
    fields = dict(f.split("=", 1) for f in challenge.split(","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(fields["s"]),
        int(fields["i"]))

    def mac(key, text):
        return hmac.new(key, text.encode(), "sha256").digest()
    key = mac(salted, "Client Key")
    without = f"c=biws,r={fields['r']}"
    auth = f"{bare},{challenge},{without}"
    sign = mac(hashlib.sha256(key).digest(), auth)
    last = base64.b64encode(bytes(a ^ b for a, b in zip(key, sign))).decode()
    end = base64.b64encode(mac(mac(salted, "Server Key"), auth)).decode()
    return f"{without},p={last}", f"v={end}"


def begin(pop, login=ALICE, nonce="abc"):
    bare = f"n={login},r={nonce}"
    said = pop.say("AUTH SCRAM-SHA-256 " + b64(f"n,,{bare}"))
    assert said.startswith("+ ")
    return bare, base64.b64decode(said[2:]).decode()


def test_pop3(suite):
    pop = Pop3(suite)
    assert pop.say("CAPA").startswith("+OK")
    capa = []
    while (line := pop.line()) != ".":
        capa.append(line)
    assert ("SASL PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 "
            "SCRAM-SHA-1") in capa
    bare, challenge = begin(pop)
    last, end = proof(bare, challenge, SECRET)
    said = pop.say(b64(last))
    assert base64.b64decode(said[2:]).decode() == end
    assert pop.say("").startswith("+OK")
    assert pop.say("STAT").startswith("+OK 0")
    pop.close()


def test_given_up(suite):
    """It can begin again, in the midst of it and with another mechanism."""
    pop = Pop3(suite)
    begin(pop)
    assert pop.say("*").startswith("-ERR")
    begin(pop)
    assert pop.say("no base64!").startswith("-ERR")
    begin(pop)
    assert pop.say(b64("junk")).startswith("-ERR")
    bare, challenge = begin(pop)
    last, _ = proof(bare, challenge, SECRET)
    pop.say(b64(last))
    assert pop.say("*").startswith("-ERR")  # before its last word
    assert pop.say("STAT").startswith("-ERR")
    plain = b64(f"\0{ALICE}\0{SECRET}")
    assert pop.say(f"AUTH PLAIN {plain}").startswith("+OK")
    pop.close()
    # one that goes in the midst leaves nothing behind
    for _ in range(20):
        pop = Pop3(suite)
        begin(pop)
        pop.close()
    assert gsasl(suite, "imap", "SCRAM-SHA-256", "--no-cb") == 0


def test_authd_is_killed_in_the_midst(suite):
    pop = Pop3(suite)
    bare, challenge = begin(pop)
    os.kill(suite.pid_of("authd"), signal.SIGKILL)
    assert pop.line().startswith("-ERR [SYS/TEMP]")
    wait_for("another authd", lambda: len(
        [e for e in suite.events("worker.ready") if e["role"] == "authd"]) > 1)
    wait_for("a challenge", lambda: pop.say(
        "AUTH SCRAM-SHA-256 " + b64(f"n,,n={ALICE},r=x"))[:2] == "+ ")
    assert pop.say("*").startswith("-ERR")
    bare, challenge = begin(pop)
    last, _ = proof(bare, challenge, SECRET)
    assert pop.say(b64(last)).startswith("+ ")
    assert pop.say("").startswith("+OK")
    pop.close()


def test_downgrade(suite):
    """Who has seen no -PLUS, and could have used it, is not let in."""
    pop = Pop3(suite)
    said = pop.say("AUTH SCRAM-SHA-256 " + b64(f"y,,n={ALICE},r=x"))
    assert said.startswith("-ERR [AUTH]")
    pop.close()
    odd, = suite.events("auth.odd")
    assert (odd["login"], odd["service"]) == (ALICE, "pop3")
    assert "was offered" in odd["reason"]


def test_old_password(suite, tmpdir):
    """It was set before SCRAM was on: told, and PLAIN goes on."""
    listed = json.loads(subprocess.run(
        [f"{suite.bindir}/steadctl", "-c", suite.conf, "--json", "account",
         "list"], text=True, check=True, capture_output=True).stdout)
    assert {a["login"]: a["scram"] for a in listed}[ALICE] is True
    path = f"{suite.folder}/state/auth/accounts"
    with open(path, "r+", encoding="ascii") as f:
        lines = [line.split(" scram=")[0].rstrip("\n")
                 for line in f.readlines()]
        f.seek(0)
        f.write("\n".join(lines) + "\n")
        f.truncate()
    assert gsasl(suite, "imap", "SCRAM-SHA-256", "--no-cb") != 0
    assert gsasl(suite, "imap", "PLAIN") == 0
    assert suite.passwd() == 0
    assert gsasl(suite, "imap", "SCRAM-SHA-256", "--no-cb") == 0


def test_off(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        s.begin()
        pop = Pop3(s)
        assert pop.say("AUTH SCRAM-SHA-256 " + b64("n,,n=a,r=x")).startswith(
            "-ERR")
        assert pop.say("AUTH").startswith("+OK")
        assert [pop.line(), pop.line()] == ["PLAIN", "."]
        pop.close()
        with open(f"{s.folder}/state/auth/accounts", encoding="ascii") as f:
            assert "scram=" not in f.read()


def test_salt_stays_private(suite):
    key = os.stat(f"{suite.folder}/state/auth/salt.key")
    assert (key.st_mode & 0o7777, key.st_size) == (0o600, 32)
