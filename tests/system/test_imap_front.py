"""IMAP before log-in: TLS, who may say a password, and every kind of end."""
import imaplib
import os
import signal
import ssl
import subprocess
import time

import pytest

from tests.system.suite import Wire, wait_for
from tests.system.test_pop3 import ALICE, SECRET, Mail

pytestmark = pytest.mark.usefixtures("netns")
CLEAR = "* OK [CAPABILITY IMAP4rev1 LITERAL+ ID SASL-IR "


@pytest.fixture
def tls(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin()


@pytest.fixture
def clear(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(tls=False)


def wire_to(suite):
    wire = Wire(suite.address("imap"))
    wire.sock.settimeout(60)
    return wire, wire.line()


def ask(wire, text):
    wire.send(text.encode("latin-1") + b"\r\n")
    return wire.line()


def test_no_password_in_clear(tls):
    wire, hello = wire_to(tls)
    assert hello == CLEAR + "STARTTLS LOGINDISABLED] mail.example.org ready"
    for text in (f"a LOGIN {ALICE} {SECRET[:7]}", "a LOGIN {99}",
                 "a AUTHENTICATE PLAIN"):
        assert ask(wire, text).startswith("a NO [PRIVACYREQUIRED] ")
    assert ask(wire, "b LOGOUT") == "* BYE Bye"
    assert wire.line() == "b OK LOGOUT done"
    assert wire.line() == ""
    assert not tls.said("auth.failed")  # authd was not asked


def test_starttls_throws_away_what_was_said_in_clear(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        s.begin(more="auth: {allow_plaintext: true}\n")
        wire, hello = wire_to(s)
        assert "STARTTLS AUTH=PLAIN]" in hello
        wire.send(b"a STARTTLS\r\nb NOOP\r\nc LOGIN {3}\r\n")
        time.sleep(0.3)
        assert wire.sock.recv(1000) == b"a OK Begin TLS\r\n"
        sock = s.context().wrap_socket(wire.sock, server_hostname="localhost")
        sock.settimeout(60)
        # no answer to NOOP, and no literal is awaited
        sock.sendall(b"d NOOP\r\n")
        assert sock.recv(1000) == b"d OK NOOP done\r\n"
        sock.sendall(b"e STARTTLS\r\n")
        assert sock.recv(1000).startswith(b"e BAD")
        sock.sendall(b"f CAPABILITY\r\n")
        said = sock.recv(1000)
        assert b"AUTH=PLAIN\r\n" in said and b"STARTTLS" not in said
        sock.close()


@pytest.mark.parametrize("how", ["imap", "imaps"])
def test_wrong_passwords(tls, how):
    host, port = tls.address(how)
    if how == "imaps":
        imap = imaplib.IMAP4_SSL(host, port, ssl_context=tls.context())
    else:
        imap = imaplib.IMAP4(host, port)
        imap.starttls(tls.context())
    assert imap.welcome.startswith(b"* OK [CAPABILITY IMAP4rev1")
    assert "AUTH=PLAIN" in imap.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imap.login(ALICE, "wrong")
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imap.authenticate("PLAIN", lambda _: f"\0{ALICE}\0wrong".encode())
    assert imap.xatom("ID", "NIL")[0] == "OK"
    assert imap.noop()[0] == "OK"
    imap.shutdown()
    assert tls.said("auth.failed", login=ALICE, service="imap")
    assert "wrong" not in tls.text()


def test_a_certificate_is_asked_for(tls):
    host, port = tls.address("imaps")
    with pytest.raises(ssl.SSLError):
        imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context())
    imaplib.IMAP4_SSL(host, port, ssl_context=tls.context()).shutdown()


def test_sessions_limit_and_login_timeout(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        s.begin(tls=False,
                more="imap: {max_sessions: 1, login_timeout: 2s}\n")
        first, hello = wire_to(s)
        assert hello.startswith(CLEAR + "AUTH=PLAIN]")
        second, hello = wire_to(s)
        assert hello.startswith("* BYE [UNAVAILABLE] Too many connections")
        assert second.line() == ""
        assert first.line().startswith("* BYE Too long")
        assert first.line() == ""


def test_stop_says_so(clear):
    wire, _ = wire_to(clear)
    asked, _ = wire_to(clear)
    assert ask(asked, "a AUTHENTICATE PLAIN") == "+ "
    clear.stop()
    for w in (wire, asked):
        assert w.line().startswith("* BYE [UNAVAILABLE] The server is shutt")
        assert w.line() == ""


def test_without_authd(clear):
    wire, _ = wire_to(clear)
    os.kill(clear.pid_of("authd"), signal.SIGSTOP)
    wire.send(f'a LOGIN {ALICE} "{SECRET}"\r\n'.encode())
    time.sleep(0.3)
    os.kill(clear.pid_of("authd"), signal.SIGKILL)
    assert wire.line().startswith("a NO [UNAVAILABLE]")
    wait_for("authd again", lambda: len(
        clear.events("worker.ready", role="authd")) == 2)
    assert ask(wire, f'b LOGIN {ALICE} "wrong"').startswith(
        "b NO [AUTHENTICATIONFAILED]")


def test_odd_commands(clear):
    wire, _ = wire_to(clear)
    wire.send(b"a LOGIN " + b"x" * (5 << 20) + b"\r\n")
    assert wire.line() == "a BAD Command too long"
    assert ask(wire, "a NO\0OP").startswith("a BAD")
    assert ask(wire, "a LOGIN {4000000000}") == "a BAD Command too long"
    wire.send(b"b LOGIN {5000000+}\r\n" + b"y" * 5000000 + b"\r\n")
    assert wire.line() == "b BAD Command too long"
    assert ask(wire, "\xff\xfe").startswith("* BAD")
    assert ask(wire, "c NOOP") == "c OK NOOP done"


@pytest.mark.parametrize("service", ["imap", "pop3", "smtp"])
def test_the_kernel_asks_whether_the_client_is_there(clear, service):
    """One that idles for hours says nothing, and may have lost its network."""
    wire = Wire(clear.address(service))
    wire.line()
    port = clear.address(service)[1]
    said = subprocess.run(
        ["ss", "-tnoH", "state", "established", "sport", "=", f":{port}"],
        capture_output=True, text=True, check=True, timeout=60).stdout
    assert "timer:(keepalive," in said
