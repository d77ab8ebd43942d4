"""What nobody should send: a clear reply or an end, nothing lost, and
everything still serving."""
import os
import re
import resource
import socket
import subprocess
import threading

import pytest

from tests.system.suite import Suite, Wire, wait_for

pytestmark = pytest.mark.usefixtures("netns")
TLS = """\
listen:
  smtp: ["127.0.0.1:0"]
  submission: ["127.0.0.1:0"]
  submissions: ["127.0.0.1:0"]
  pop3: ["127.0.0.1:0"]
  pop3s: ["127.0.0.1:0"]
  imap: ["127.0.0.1:0"]
  imaps: ["127.0.0.1:0"]
"""


@pytest.fixture
def suite(tmpdir, bindir):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
         f"{tmpdir}/key.pem", "-out", f"{tmpdir}/cert.pem", "-days", "2",
         "-subj", "/CN=localhost"], check=True, capture_output=True)
    with Suite(tmpdir, bindir, yaml=TLS + (
            f"tls: {{certificate: {tmpdir}/cert.pem, "
            f"key: {tmpdir}/key.pem}}\n")) as s:
        yield s.start()


def serves(suite):
    wire = suite.connect().greet()
    before = len(suite.messages("bob@example.org"))
    assert wire.mail("bob@example.org", b"Subject: x\r\n\r\nx")[0] == "250"
    assert len(suite.messages("bob@example.org")) == before + 1
    wire.close()
    pop = suite.connect("pop3")
    assert pop.line().startswith("+OK")
    pop.close()


def test_a_thousand_that_say_nothing(suite):
    workers = suite.workers()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        silent = [socket.create_connection(suite.address(s), 30)
                  for s in ("smtp", "submissions", "pop3", "pop3s", "imap",
                            "imaps")
                  for _ in range(250)]
        serves(suite)
        for sock in silent:
            sock.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    serves(suite)
    assert suite.workers() == workers


@pytest.mark.parametrize("service", ["submissions", "pop3s", "imaps"])
@pytest.mark.parametrize("octets", [
    b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 20,
    b"\x16\x03\x01\xff\xff" + b"\xff" * 70000, b"EHLO x\r\nQUIT\r\n",
    b"\x80\x2e\x01\x00\x02", os.urandom(5000)],
    ids=["nothing", "cut", "no-end", "too-long", "clear", "ssl2", "chance"])
def test_no_real_client_hello(suite, service, octets):
    workers = suite.workers()
    for how in (socket.SHUT_WR, socket.SHUT_RDWR):
        sock = socket.create_connection(suite.address(service), 30)
        try:
            sock.sendall(octets)
            sock.shutdown(how)
            while how == socket.SHUT_WR and sock.recv(4096):
                pass
        except OSError:
            pass  # it may end the connection before it has all
        sock.close()
    serves(suite)
    assert suite.workers() == workers


def test_a_hundred_thousand_header_lines(suite):
    wire = suite.connect().greet()
    body = b"".join(b"X-Line-%d: x\r\n" % n for n in range(100000)) + \
        b"\r\nbody"
    assert wire.mail("alice@example.org", body)[0] == "250"
    path, = suite.messages("alice@example.org")
    with open(path, "rb") as f:
        assert f.read().endswith((body + b"\r\n").replace(b"\r\n", b"\n"))
    serves(suite)


def test_one_octet_at_a_time(suite):
    wire = suite.connect()
    assert wire.reply()[0] == "220"
    for part, codes in (
            (b"EHLO x\r\n", ["250"]),
            (b"MAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.org>\r\n"
             b"DATA\r\n", ["250", "250", "354"]),
            (b"hi\r\n.\r\nQUIT\r\n", ["250", "221"])):
        for octet in part:
            wire.send(bytes([octet]))
        assert [wire.reply()[0] for _ in codes] == codes
    assert len(suite.messages("alice@example.org")) == 1


def test_client_that_leaves_in_the_middle(suite):
    for cut in (b"EHLO x\r\nMAIL", b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n"
                b"RCPT TO:<alice@example.org>\r\nDATA\r\nhalf a letter\r\n."):
        wire = suite.connect()
        wire.send(cut)
        wire.close()
    serves(suite)
    wait_for("their ends", lambda: len(suite.events("smtp.close")) >= 3)
    assert suite.messages("alice@example.org") == []
    assert suite.queue() == []


def test_recipients_without_end(suite):
    wire = suite.connect().greet()
    wire.say("MAIL FROM:<a@b.example>")
    wire.send(b"".join(b"RCPT TO:<alice+%d@example.org>\r\n" % n
                       for n in range(1005)))
    codes = [wire.reply()[0] for _ in range(1005)]
    assert codes[:1000] == ["250"] * 1000
    assert set(codes[1000:]) == {"452"}
    assert wire.say("DATA")[0] == "354"
    wire.send(b"x\r\n.\r\n")
    assert wire.reply()[0] == "250"
    # one mailbox, one copy
    wait_for("an empty queue", lambda: not suite.queue())
    assert len(suite.messages("alice@example.org")) == 1


@pytest.fixture
def smalldisk(tmpdir, bindir):
    """A suite whose spool and mailboxes are on a disk of 24 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting is for root")
    os.mkdir(f"{tmpdir}/small")
    os.chmod(f"{tmpdir}/small", 0o755)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs",
         f"{tmpdir}/small"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no mount: {done.stderr.splitlines()[0]}")
    try:
        with Suite(f"{tmpdir}/small", bindir,
                   yaml="queue: {retry_first: 1s}\n") as s:
            yield s.start()
    finally:
        subprocess.run(["umount", "-l", f"{tmpdir}/small"], check=True)


def test_full_disk(smalldisk):
    s = smalldisk
    body = b"Subject: %d\r\n\r\n" + b"x" * 70 + b"\r\n"
    filler = b"y" * 70 + b"\r\n"
    accepted, refused = [], []
    for n in range(60):
        wire = s.connect()
        if wire.reply()[0] != "220":
            continue
        wire.say("EHLO x")
        code, _ = wire.say("MAIL FROM:<x@elsewhere.example>")
        if code == "250":
            wire.say("RCPT TO:<alice@example.org>")
            wire.say("DATA")
            wire.send(body % n + filler * 14000 + b".\r\n")
            code, _ = wire.reply()
        (accepted if code == "250" else refused).append((n, code))
        wire.close()
    assert 5 < len(accepted) < 40
    assert {code for _, code in refused} <= {"452", "451"}, refused
    found = []
    for path in s.messages("alice@example.org"):
        with open(path, "rb") as f:
            text = f.read()
        assert len(text) == int(re.search(r",S=(\d+)", path)[1])
        found.append(int(re.search(rb"Subject: (\d+)", text)[1]))
    wait_for("an empty queue", lambda: not s.queue())
    assert {n for n, _ in accepted} <= set(found)
    # room again: it comes back by itself
    for path in s.messages("alice@example.org"):
        os.unlink(path)

    def taken():
        wire = s.connect().greet()
        try:
            if wire.say("MAIL FROM:<x@elsewhere.example>")[0] != "250":
                return False
            wire.say("RCPT TO:<alice@example.org>")
            wire.say("DATA")
            wire.send(body % 99 + b".\r\n")
            return wire.reply()[0] == "250"
        finally:
            wire.close()
    wait_for("mail to be taken again", taken)


def test_bytes_of_all_kinds_come_through(suite):
    """Every octet but NUL, bare CR and bare LF, in lines of all lengths."""
    wire = suite.connect().greet()
    octets = bytes(b for b in range(1, 256) if b not in (10, 13))
    lines = [octets, b"." * 70, b"", b".", b"..", b"x" * 998, b"y" * 100000,
             b"From here", b">From there"]
    body = b"Subject: x\r\n\r\n" + b"\r\n".join(lines)
    assert wire.mail("alice@example.org",
                     body.replace(b"\r\n.", b"\r\n.."))[0] == "250"
    path, = suite.messages("alice@example.org")
    with open(path, "rb") as f:
        assert f.read().endswith(b"\n".join(
            (body + b"\r\n").split(b"\r\n")))


def test_many_at_once(suite):
    """More sessions than workers, each with several letters."""
    failures = []

    def one(n):
        try:
            wire = Wire(suite.address()).greet()
            for k in range(5):
                assert wire.mail("alice@example.org", b"Subject: %d.%d\r\n" % (
                    n, k))[0] == "250"
            wire.close()
        except Exception as e:  # told by the main thread
            failures.append(e)
    threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert len(suite.messages("alice@example.org")) == 200
