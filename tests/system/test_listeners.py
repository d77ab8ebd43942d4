"""What comes before SMTP, IMAP and POP3: PROXY headers and XCLIENT; and LMTP.
By swaks, which speaks all three, curl and raw connections."""
import os
import re
import socket
import ssl
import stat
import struct
import subprocess

import pytest

from tests.system.suite import Suite, Wire, wait_for
from tests.system.test_tls import make

pytestmark = pytest.mark.usefixtures("netns")
ALICE, BOB = "alice@example.org", "bob@example.org"
PASSWORD = "of-this-test"
LISTEN = """\
listen:
  smtp: ["127.0.0.1:0"]
  submission: ["127.0.0.1:0"]
  submissions: ["127.0.0.1:0"]
  pop3: ["127.0.0.1:0"]
  pop3s: []
  imap: ["127.0.0.1:0"]
  imaps: ["127.0.0.1:0"]
  lmtp: ["127.0.0.1:0", "unix:{folder}/lmtp"]
auth: {{allow_plaintext: true}}
"""
CLIENT = "203.0.113.7"
V1 = b"PROXY TCP4 203.0.113.7 127.0.0.1 4660 25\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(address, command=0x21):
    """Version 2 for that client, with a TLV."""
    pack = socket.inet_pton(
        socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    body = pack * 2 + struct.pack(">HH", 4660, 25) + b"\x04\x00\x01x"
    return SIGNATURE + struct.pack(
        ">BBH", command, 0x21 if ":" in address else 0x11, len(body)) + body


class Host(Suite):
    def begin(self, more=""):
        make(self.folder, "host", "mail.example.org")
        self.write_conf(
            LISTEN.format(folder=self.folder) + more +
            f"tls: {{certificate: {self.folder}/host.pem, "
            f"key: {self.folder}/host.key}}\n")
        self.start()
        subprocess.run(
            [self.steadctl, "--run", f"{self.folder}/run", "account", "passwd",
             ALICE], input=PASSWORD + "\n", text=True, check=True, timeout=60)
        return self

    def swaks(self, service, *words, to=BOB, sender="x@elsewhere.example"):
        host, port = self.address(service)
        done = subprocess.run(
            ["swaks", "--server", host, "--port", str(port), "--from", sender,
             "--to", to, *words], text=True, check=False, timeout=60,
            capture_output=True)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def proxied(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        yield h.begin("proxies: [127.0.0.1]\n"
                      "limits: {smtp: 2, exempt: [198.51.100.0/24]}\n")


PROXY = ["--proxy-protocol", "TCP", "--proxy-family", "TCP4",
         "--proxy-source", CLIENT, "--proxy-source-port", "4660",
         "--proxy-dest", "127.0.0.1", "--proxy-dest-port", "25"]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("service", ["smtp", "submissions"])
def test_swaks_through_a_proxy(proxied, version, service):
    words = [] if service == "smtp" else [
        "--tlsc", "--auth", "PLAIN", "--auth-user", ALICE, "--auth-password",
        PASSWORD]
    if version == "2":
        proxy = ["--proxy-version", "2", "--proxy-family", "AF_INET",
                 "--proxy-protocol", "STREAM"] + PROXY[4:]
    else:
        proxy = PROXY[2:]
    status, said = proxied.swaks(service, *proxy, *words, sender=ALICE)
    assert status == 0, said
    path, = wait_for("the letter", lambda: proxied.messages(BOB))
    with open(path, "rb") as f:
        assert b" ([203.0.113.7])" in f.read()
    assert proxied.said("smtp.connect", client=CLIENT, service=service)
    if service == "submissions":
        assert proxied.said("auth.ok", client=CLIENT)


def through(host, service, header):
    wire = Wire(host.address(service))
    wire.send(header)
    return wire


@pytest.mark.parametrize("header, client", [
    (V1, CLIENT), (v2(CLIENT), CLIENT), (v2("2001:db8::7"), "2001:db8::7"),
    (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (v2(CLIENT, 0x20), "127.0.0.1")])
def test_who_it_is(proxied, header, client):
    for service, greeting in (("smtp", "220 "), ("imap", "* OK "),
                              ("pop3", "+OK ")):
        wire = through(proxied, service, header)
        assert wire.line().startswith(greeting)
        wire.close()
        assert proxied.said(f"{service}.connect", client=client)


def test_in_pieces_and_before_tls(proxied):
    """Octet by octet, and with the TLS handshake in the same segment."""
    wire = Wire(proxied.address("smtp"))
    for octet in V1:
        wire.send(bytes([octet]))
    assert wire.line().startswith("220 ")
    wire.close()
    raw, peer = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_bio(raw, peer)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with socket.create_connection(proxied.address("imaps"), 60) as s:
        s.sendall(V1 + peer.read())
        while True:
            raw.write(s.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
        s.sendall(peer.read())
        while True:
            raw.write(s.recv(65536))
            try:
                assert tls.read(100).startswith(b"* OK ")
                break
            except ssl.SSLWantReadError:
                pass


@pytest.mark.parametrize("said", [
    b"EHLO x\r\n", b"PROXY TCP4 x 127.0.0.1 1 2\r\n", b"PROXY TCP4 1.2.3.4\r\n",
    SIGNATURE + b"\x21\x11\x00\x01x", b"PROXY " + b"x" * 200])
def test_without_a_header_nobody_is_served(proxied, said):
    for service in ("smtp", "imap", "pop3"):
        wire = through(proxied, service, said)
        try:
            assert wire.line() == ""
        except ConnectionResetError:
            pass  # there was more to read
        wire.close()
    assert len(proxied.events("proxy.refused")) == 3
    assert not proxied.said("smtp.connect")


def test_one_that_says_nothing(proxied):
    """It is waited for, and not longer than that; others are served."""
    wire = Wire(proxied.address("smtp"))
    wire.send(V1[:20])
    other = through(proxied, "smtp", V1)
    assert other.line().startswith("220 ")
    other.close()
    assert wire.line() == ""
    assert "in time" in proxied.events("proxy.refused")[0]["reason"]


def test_limits_are_the_clients(proxied):
    first = [through(proxied, "smtp", v2(CLIENT)) for _ in range(2)]
    assert all(w.line().startswith("220 ") for w in first)
    more = through(proxied, "smtp", v2(CLIENT))
    assert more.line().startswith("421 ")
    another = through(proxied, "smtp", v2("203.0.113.8"))
    assert another.line().startswith("220 ")
    for wire in [*first, more, another]:
        wire.close()


def test_strangers_have_no_say(tmpdir, bindir):
    """Who is none of the proxies is no proxy."""
    with Host(tmpdir, bindir) as host:
        host.begin("proxies: [192.0.2.1]\nsmtpd: {xclient: [192.0.2.1]}\n")
        wire = host.connect()
        assert wire.line().startswith("220 ")
        wire.send(V1)
        assert wire.line().startswith("500 ")
        assert "XCLIENT" not in wire.say("EHLO x")[1]
        assert "xclient-denied" in wire.say("XCLIENT ADDR=203.0.113.7")[1]
        wire.close()


@pytest.fixture
def believing(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        yield h.begin("smtpd: {xclient: [127.0.0.1]}\n"
                      "limits: {smtp: 1, exempt: [127.0.0.1]}\n")


def test_xclient(believing):
    status, said = believing.swaks("smtp", "--xclient-addr", CLIENT,
                                   "--xclient-name", "mx.example",
                                   "--xclient-helo", "mx.example")
    assert status == 0, said
    path, = wait_for("the letter", lambda: believing.messages(BOB))
    with open(path, "rb") as f:
        assert b" ([203.0.113.7])" in f.read()
    # no log-in, no relaying; and a stranger's limits are the stranger's
    status, said = believing.swaks("smtp", "--xclient-addr", CLIENT,
                                   to="x@elsewhere.example")
    assert status != 0 and "relay-denied" in said
    wire = believing.connect().greet()
    wire.send(b"XCLIENT ADDR=203.0.113.7\r\n")
    assert wire.line().startswith("220 ")
    assert wire.say("MAIL FROM:<>")[0] == "503"  # all begins anew
    other = believing.connect().greet()
    assert "client-connections" in other.say("XCLIENT ADDR=203.0.113.7")[1]
    wire.close()
    other.close()


def test_xclient_login(believing):
    status, said = believing.swaks(
        "submission", "--xclient-addr", CLIENT, "--xclient-login", ALICE,
        sender=ALICE)
    assert status == 0, said
    path, = wait_for("the letter", lambda: believing.messages(BOB))
    with open(path, "rb") as f:
        assert b" with ESMTPA " in f.read()
    # as that login, and as nobody else
    status, said = believing.swaks("submission", "--xclient-login", ALICE,
                                   sender=BOB)
    assert status != 0 and "sender-foreign" in said
    wire = believing.connect("submission").greet()
    wire.send(f"XCLIENT LOGIN={ALICE}\r\n".encode())
    assert wire.line().startswith("220 ")
    assert wire.say("EHLO x")[0] == "250"
    assert wire.say(f"MAIL FROM:<{ALICE}>")[0] == "250"
    wire.close()


def test_a_client_says_nothing_of_itself(believing):
    """Behind the proxy's XCLIENT it is the client who speaks."""
    wire = believing.connect("submission").greet()
    wire.send(f"XCLIENT ADDR={CLIENT}\r\n".encode())
    assert wire.line().startswith("220 ")
    assert "xclient-denied" in wire.say(f"XCLIENT LOGIN={ALICE}")[1]
    assert "XCLIENT" not in wire.say("EHLO x")[1]
    assert wire.say(f"MAIL FROM:<{ALICE}>")[0] == "530"
    for said in (f"LOGIN={ALICE}", "ADDR=127.0.0.1"):
        assert "xclient-denied" in wire.say(f"XCLIENT {said}")[1]
    assert wire.say(f"MAIL FROM:<{ALICE}>")[0] == "530"
    wire.close()


@pytest.mark.parametrize("args", [
    "", "ADDR", "ADDR=", "ADDR=localhost", "ADDR=2001:db8::1", "FOO=bar",
    "ADDR=192.0.2.1 ADDR=192.0.2.2", "LOGIN=no+20address", "ADDR=IPV6:1.2.3.4",
    "LOGIN=a@b\x01"])
def test_bad_xclient_changes_nothing(believing, args):
    wire = believing.connect("submission").greet()
    assert wire.say(f"XCLIENT {args}".strip())[0] in ("500", "501")
    assert wire.say("NOOP")[0] == "250"
    wire.close()
    assert not believing.said("smtp.xclient")


@pytest.fixture
def lmtp(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        yield h.begin()


@pytest.mark.parametrize("where", ["tcp", "unix"])
def test_lmtp(lmtp, where):
    server = (["--socket", f"{lmtp.folder}/lmtp"] if where == "unix" else
              ["--server", "%s:%d" % lmtp.address("lmtp")])
    done = subprocess.run(
        ["swaks", *server, "--protocol", "LMTP", "--from",
         "x@elsewhere.example", "--to", f"{ALICE},{BOB},nobody@example.org"],
        text=True, check=False, timeout=60, capture_output=True)
    said = re.findall(r"^<(?:-|~|\*\*) +(.*)$", done.stdout, re.M)
    assert said[0].startswith("220 mail.example.org LMTP")
    # one reply for each that was taken
    assert len([s for s in said if "2.0.0 Ok: " in s]) == 2, done.stdout
    for account in (ALICE, BOB):
        path, = wait_for("the letter", lambda a=account: lmtp.messages(a))
        with open(path, "rb") as f:
            assert (b" with LMTP " if where == "tcp" else
                    b"(uid:%d)" % os.getuid()) in f.read()


def test_lmtp_dialogue(lmtp):
    wire = Wire(lmtp.address("lmtp"))
    assert wire.line().startswith("220 ")
    for verb in ("EHLO x", "HELO x"):
        assert wire.say(verb)[0] == "500"
    code, said = wire.say("LHLO x")
    assert code == "250" and "PIPELINING" in said and "AUTH" not in said
    assert wire.say("MAIL FROM:<>")[0] == "250"
    assert wire.say("RCPT TO:<x@elsewhere.example>")[0] == "550"
    assert wire.say("DATA")[0] == "503"
    for to in (ALICE, BOB, BOB):
        assert wire.say(f"RCPT TO:<{to}>")[0] == "250"
    assert wire.say("DATA")[0] == "354"
    wire.send(b"Subject: x\r\n\r\nbare \n LF\r\n.\r\n")
    assert [wire.reply()[0] for _ in range(3)] == ["554"] * 3
    # and again, in chunks
    wire.say("MAIL FROM:<>")
    for to in (ALICE, BOB, BOB):
        wire.say(f"RCPT TO:<{to}>")
    wire.send(b"BDAT 14\r\nSubject: x\r\n\r\n")
    assert wire.reply()[0] == "250"
    wire.send(b"BDAT 6 LAST\r\nbody\r\n")
    assert [wire.reply()[0] for _ in range(3)] == ["250"] * 3
    assert wire.say("NOOP")[0] == "250"
    wire.close()
    wait_for("it", lambda: len(lmtp.messages(BOB)) == 1)
    # SMTP has no LHLO
    wire = lmtp.connect()
    wire.line()
    assert wire.say("LHLO x")[0] == "500"
    wire.close()


def test_unix_sockets_come_and_go(lmtp):
    path = f"{lmtp.folder}/lmtp"
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    lmtp.kill_all()
    assert os.path.exists(path)  # what a dead one leaves is in nobody's way
    lmtp.start()
    lmtp.write_conf(lmtp.yaml.replace("unix:" + path, "unix:" + path + "2"))
    subprocess.run([lmtp.steadctl, "--run", f"{lmtp.folder}/run", "reload"],
                   check=True, timeout=60)
    assert not os.path.exists(path) and os.path.exists(path + "2")
    lmtp.stop()
    assert not os.path.exists(path + "2")
    # a file that is no socket is not ours
    with open(path, "w", encoding="ascii") as f:
        f.write("precious")
    lmtp.write_conf(lmtp.yaml.replace(path + "2", path))
    done = subprocess.run(lmtp.argv(), capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode != 0 and path in done.stderr
    with open(path, encoding="ascii") as f:
        assert f.read() == "precious"
