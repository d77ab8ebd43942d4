"""How much one client may have, counted over all processes of a service."""
import base64
import os
import signal
import ssl
import subprocess

import pytest

from tests.system.suite import Suite, Wire, wait_for

pytestmark = pytest.mark.usefixtures("netns")
YAML = """\
smtpd: {processes: 3}
pop3: {processes: 2}
imap: {processes: 2}
limits: {smtp: 4, pop3: 2, imap: 3, rate: 1000, exempt: []}
"""


@pytest.fixture
def suite(tmpdir, bindir):
    with Suite(tmpdir, bindir, YAML) as s:
        yield s


def open_all(suite, service, n):
    """n connections that were greeted."""
    wires = [suite.connect(service) for _ in range(n)]
    for wire in wires:
        assert wire.line().startswith(("220 ", "+OK ", "* OK "))
    return wires


def turned_away(suite, service):
    wire = suite.connect(service)
    line = wire.line()
    if line.startswith(("220 ", "+OK ", "* OK ")):
        return None
    assert wire.line() == ""  # the connection is closed
    return line


@pytest.mark.parametrize("service, most, words", [
    ("smtp", 4, "421 4.7.0 Too many connections from your address, try again "
     "later [client-connections]"),
    ("pop3", 2, "-ERR [SYS/TEMP] Too many connections from your address, try "
     "later"),
    ("imap", 3, "* BYE [LIMIT] Too many connections from your address, try "
     "later"),
])
def test_connections(suite, service, most, words):
    suite.start()
    wires = open_all(suite, service, most)
    # often, so that every process is asked
    assert {turned_away(suite, service) for _ in range(20)} == {words}
    assert suite.events(f"{service}.refused")
    wires.pop().close()
    wait_for("room", lambda: turned_away(suite, service) is None)


def test_services_count_apart(suite):
    """All of SMTP's ports are one, mailboxes are another."""
    suite.start()
    wires = open_all(suite, "smtp", 2) + open_all(suite, "submission", 2)
    assert turned_away(suite, "submission") == turned_away(suite, "smtp")
    assert turned_away(suite, "smtp").startswith("421 4.7.0")
    wires += open_all(suite, "imap", 3)
    assert suite.said("smtp.refused")


def test_clients_count_apart(suite):
    """127.0.0.2 is somebody else than 127.0.0.1."""
    suite.start()
    wires = open_all(suite, "smtp", 4)
    assert turned_away(suite, "smtp")
    done = subprocess.run(
        ["curl", "-sS", "-m", "30", "--interface", "127.0.0.2",
         "--mail-from", "a@elsewhere.example", "--mail-rcpt",
         "alice@example.org", "-T", "-",
         "smtp://{}:{}".format(*suite.address("smtp"))],
        input=b"Subject: x\r\n\r\nx\r\n", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(suite.messages("alice@example.org")) == 1
    assert len(wires) == 4


def test_processes_die(suite):
    """Their connections are over, and are counted no more."""
    suite.start()
    wires = open_all(suite, "smtp", 4)
    assert turned_away(suite, "smtp")
    for index in range(3):
        os.kill(suite.pid_of("smtpd", index), signal.SIGKILL)
    for wire in wires:
        assert wire.line() == ""
    # all four, though the server may not have seen yet that some have gone
    def greeted():
        wires[:] = [suite.connect("smtp") for _ in range(4)]
        return all(w.line().startswith("220 ") for w in wires)
    wait_for("four greetings", greeted)
    # and what the new ones have counts again
    assert turned_away(suite, "smtp")


def test_reload(suite):
    """The sessions that the old processes still have count; the limits are
    those of the new configuration."""
    suite.start()
    wires = open_all(suite, "smtp", 4)
    suite.write_conf(YAML.replace("smtp: 4", "smtp: 5"))
    subprocess.run([suite.steadctl, "-c", suite.conf, "reload"], check=True,
                   capture_output=True)
    wires += open_all(suite, "smtp", 1)
    assert turned_away(suite, "smtp")
    wires.pop(0).close()
    wait_for("room", lambda: turned_away(suite, "smtp") is None)


def test_rate(tmpdir, bindir):
    with Suite(tmpdir, bindir, "limits: {rate: 10, exempt: [\"::1\"]}\n"
               "smtpd: {processes: 2}\n") as suite:
        suite.start()
        said = [turned_away(suite, "smtp") for _ in range(40)]
        assert said[:10] == [None] * 10
        # unless the test was so slow that the minute went by
        assert "421 4.7.0 Your address connects too often, try again later " \
            "[client-rate]" in said
        assert len(suite.events("smtp.refused", code="421")) >= 1


def test_exempt(tmpdir, bindir):
    """This host is, unless it is told otherwise."""
    with Suite(tmpdir, bindir, "limits: {smtp: 1, rate: 1}\n") as suite:
        suite.start()
        open_all(suite, "smtp", 20)


def test_implicit_tls(tmpdir, bindir):
    """No handshake for who is turned away, and no word in clear."""
    key, certificate = f"{tmpdir}/key.pem", f"{tmpdir}/cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
         "/CN=mail.example.org", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    yaml = f"""\
listen:
  smtp: []
  submission: []
  submissions: ["127.0.0.1:0"]
  pop3: []
  pop3s: ["127.0.0.1:0"]
  imap: []
  imaps: ["127.0.0.1:0"]
tls: {{certificate: {certificate}, key: {key}}}
limits: {{smtp: 1, pop3: 1, imap: 1, exempt: []}}
"""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    with Suite(tmpdir, bindir, yaml) as suite:
        suite.start()
        for service in ("submissions", "pop3s", "imaps"):
            address = suite.address(service)
            first = context.wrap_socket(Wire(address).sock)
            assert first.recv(4)  # the greeting: it is counted by now
            assert Wire(address).line() == ""
            first.close()


LOGINS = """\
smtpd: {processes: 2}
imap: {processes: 2}
pop3: {processes: 2}
auth: {allow_plaintext: true}
"""


def log_in(suite, service, login):
    """(connection, what it was told)"""
    wire = suite.connect(service)
    wire.line()
    secret = base64.b64encode(f"\0{login}\0of-this-test".encode()).decode()
    if service == "submission":
        assert wire.say("EHLO x")[0] == "250"
    wire.send({"submission": f"AUTH PLAIN {secret}\r\n",
               "imap": f"a AUTHENTICATE PLAIN {secret}\r\n",
               "pop3": f"AUTH PLAIN {secret}\r\n"}[service].encode())
    line = wire.line()
    return wire, line if line[0] != "*" else wire.line()


@pytest.mark.parametrize("service, most, welcome, words", [
    ("submission", 3, "235 ", "454 4.7.0 Too many connections of this login, "
     "try again later [login-connections]"),
    ("imap", 3, "a OK", "a NO [UNAVAILABLE] Too many connections of this login, "
     "try later"),
    ("pop3", 1, "+OK", "-ERR [SYS/TEMP] Too many connections of this login, "
     "try later"),  # before the mailbox is said to be in use
])
def test_connections_of_a_login(tmpdir, bindir, service, most, welcome, words):
    yaml = f"{LOGINS}limits: {{login: {most}, rate: 0, exempt: []}}\n"
    with Suite(tmpdir, bindir, yaml) as s:
        s.start()
        for login in "alice@example.org", "bob@example.org":
            subprocess.run(
                [f"{bindir}/steadctl", "-c", s.conf, "account", "passwd",
                 login], text=True, input="of-this-test\n", check=True,
                capture_output=True)
        wires = [log_in(s, service, "alice@example.org") for _ in range(most)]
        assert all(line.startswith(welcome) for _, line in wires), wires
        for _ in range(8):  # every process is asked
            wire, line = log_in(s, service, "Alice@example.org")
            assert line == words
            # which is no end of the connection, nor a wrong password
            wire.send(b"a NOOP\r\n" if service == "imap" else b"NOOP\r\n")
            assert wire.line() != ""
            wire.close()
        assert log_in(s, service, "bob@example.org")[1].startswith(welcome)
        wires.pop()[0].close()
        wait_for("room", lambda: log_in(
            s, service, "alice@example.org")[1].startswith(welcome))
