"""POP3: log-in at the front, the mailbox in a session of its own, judged by
curl, poplib and the files that are left."""
import hashlib
import os
import poplib
import signal
import socket
import ssl
import subprocess
import time

import pytest

from tests.system.suite import ROLES, UID_BASE, Suite, Wire, wait_for

pytestmark = pytest.mark.usefixtures("netns")
ALICE, SECRET = "alice@example.org", "correct horse: battery"
BASE = "1l5nca91{:06}j.R0"  # as our deliveries name them
LISTEN = """\
listen:
  smtp: ["127.0.0.1:0"]
  submission: []
  submissions: []
  pop3: ["127.0.0.1:0"]
  pop3s: {pop3s}
  imap: ["127.0.0.1:0"]
  imaps: {pop3s}
"""


class Mail(Suite):
    """The suite with an account that has a password, and a mailbox."""

    def begin(self, tls=True, more="", listen=LISTEN):
        pop3s = '["127.0.0.1:0"]' if tls else "[]"
        yaml = listen.format(pop3s=pop3s) + more
        if tls:
            self.cert = f"{self.folder}/cert.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                 "/CN=localhost", "-addext",
                 "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out",
                 self.cert, "-keyout", f"{self.folder}/key.pem"],
                check=True, capture_output=True)
            yaml += (f"tls: {{certificate: {self.cert}, "
                     f"key: {self.folder}/key.pem}}\n")
        else:
            yaml += "auth: {allow_plaintext: true}\n"
        self.write_conf(yaml)
        self.start(wait=False)
        wait_for("the workers", lambda: all(
            self.said("worker.ready", role=r)
            for r in ("authd", "spawn", "pop3d", "imapd", "watch", "smtpd")))
        wait_for("steadctl", lambda: self.passwd() == 0, 10)
        return self

    def passwd(self, password=SECRET):
        return subprocess.run(
            [f"{self.bindir}/steadctl", "-c", self.conf, "account", "passwd",
             ALICE], input=password + "\n", text=True, check=False,
            capture_output=True).returncode

    def put(self, name, text, folder="new"):
        """As a delivery or another program would leave it."""
        top = self.maildir(ALICE)
        uid = UID_BASE + ROLES["local"][0] if self.root else -1
        path = self.mail
        for part in [""] + os.path.relpath(top, self.mail).split("/"):
            path = os.path.join(path, part)
            os.makedirs(path, exist_ok=True)
            os.chown(path, uid, uid)
        for part in ("tmp", "new", "cur"):
            os.makedirs(f"{top}/{part}", exist_ok=True)
            os.chown(f"{top}/{part}", uid, uid)
        with open(f"{top}/{folder}/{name}", "wb") as f:
            f.write(text)
        os.chown(f"{top}/{folder}/{name}", uid, uid)
        return f"{top}/{folder}/{name}"

    def letter(self, n, text):
        wire = len(text) + text.count(b"\n") - text.count(b"\r\n")
        return self.put(BASE.format(n) + f",S={len(text)},W={wire}", text)

    def pop(self, tls=False):
        host, port = self.address("pop3s" if tls else "pop3")
        if tls:
            return poplib.POP3_SSL(host, port, context=self.context())
        return poplib.POP3(host, port, timeout=60)

    def context(self):
        return ssl.create_default_context(cafile=self.cert)

    def login(self):
        pop = self.pop()
        pop.user(ALICE)
        pop.pass_(SECRET)
        return pop

    def wire(self):
        wire = Wire(self.address("pop3"))
        wire.sock.settimeout(60)
        assert wire.line().startswith("+OK")
        return wire

    def files(self):
        return sorted(os.path.basename(p) for p in self.messages(ALICE))


def ask(wire, text):
    wire.send(text.encode("latin-1") + b"\r\n")
    return wire.line()


def until_dot(wire):
    lines = []
    while (line := wire.file.readline()) not in (b".\r\n", b""):
        lines.append(line)
    return lines


@pytest.fixture
def tls(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin()


@pytest.fixture
def clear(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(tls=False)


DOTS = b"Subject: dots\n\n.\n..x\n.y\nend\n"


@pytest.mark.parametrize("how", ["pop3", "pop3s", "auth"])
def test_curl(tls, how):
    tls.letter(1, DOTS)
    host, port = tls.address("pop3s" if how == "pop3s" else "pop3")
    argv = ["curl", "-sS", "--cacert", tls.cert, "--ssl-reqd", "-u",
            f"{ALICE}:{SECRET}"]
    if how == "auth":
        argv += ["--login-options", "AUTH=PLAIN"]
    scheme = "pop3s" if how == "pop3s" else "pop3"
    url = f"{scheme}://{host}:{port}/"
    got = subprocess.run(argv + [url + "1"], check=True, timeout=60,
                         capture_output=True).stdout
    assert got == DOTS.replace(b"\n", b"\r\n")
    got = subprocess.run(argv + [url], check=True, timeout=60,
                         capture_output=True).stdout
    assert got == b"1 %d\r\n" % len(DOTS.replace(b"\n", b"\r\n"))
    # nobody said DELE
    assert len(tls.files()) == 1
    assert tls.said("pop3.login", login=ALICE)
    assert SECRET not in tls.text()


def test_curl_with_a_wrong_password(tls):
    host, port = tls.address("pop3")
    done = subprocess.run(
        ["curl", "-sS", "--cacert", tls.cert, "--ssl-reqd", "-u",
         f"{ALICE}:wrong", f"pop3://{host}:{port}/"], check=False, timeout=60,
        capture_output=True)
    assert done.returncode == 67  # log-in denied


def test_poplib(tls):
    letters = [b"Subject: %d\n\n%s\n" % (n, b"line\n" * n) for n in range(5)]
    for n, text in enumerate(letters):
        tls.letter(n, text)
    crlf = [t.replace(b"\n", b"\r\n") for t in letters]
    pop = tls.pop(tls=True)
    assert "STLS" not in pop.capa()
    pop.user(ALICE)
    pop.pass_(SECRET)
    assert pop.stat() == (5, sum(map(len, crlf)))
    assert pop.list()[1] == [b"%d %d" % (n + 1, len(t))
                             for n, t in enumerate(crlf)]
    assert pop.uidl()[1] == [b"%d %s" % (n + 1, BASE.format(n).encode())
                             for n in range(5)]
    for n, text in enumerate(crlf):
        assert b"\r\n".join(pop.retr(n + 1)[1]) + b"\r\n" == text
    assert pop.top(4, 1)[1] == [b"Subject: 3", b"", b"line"]
    assert pop.top(4, 0)[1] == [b"Subject: 3", b""]
    pop.dele(2)
    assert pop.stat()[0] == 4
    with pytest.raises(poplib.error_proto):
        pop.retr(2)
    pop.rset()
    assert pop.stat()[0] == 5
    pop.dele(1)
    pop.dele(5)
    assert pop.quit().startswith(b"+OK")
    assert [f.split(",")[0] for f in tls.files()] == [
        BASE.format(n) for n in (1, 2, 3)]


@pytest.mark.parametrize("how", ["close", "kill", "stop"])
def test_only_quit_removes(clear, how):
    clear.letter(1, DOTS)
    pop = clear.login()
    pop.dele(1)
    assert pop.stat()[0] == 0
    if how == "close":
        pop.close()
    elif how == "kill":
        os.kill(clear.pid_of("pop3d"), signal.SIGKILL)
    else:
        clear.stop()
    wait_for("the session's end", lambda: clear.said("pop3.end"))
    assert len(clear.files()) == 1


def test_stls_throws_away_what_was_said_in_clear(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        check_injection(s.begin(more="auth: {allow_plaintext: true}\n"))


def check_injection(tls):
    wire = tls.wire()
    wire.send(b"STLS\r\nUSER " + ALICE.encode() + b"\r\n")
    time.sleep(0.3)
    assert wire.sock.recv(1000) == b"+OK Begin TLS\r\n"
    context = tls.context()
    sock = context.wrap_socket(wire.sock, server_hostname="localhost")
    sock.settimeout(60)
    sock.sendall(b"PASS x\r\n")
    # no answer to USER, and no name for the password
    assert sock.recv(1000) == b"-ERR Not now\r\n"
    sock.sendall(b"STLS\r\n")
    assert sock.recv(1000).startswith(b"-ERR")
    sock.sendall(b"CAPA\r\n")
    said = sock.recv(1000)
    assert b"SASL PLAIN\r\n" in said and b"STLS" not in said
    sock.close()


def test_no_password_in_clear(tls):
    wire = tls.wire()
    wire.send(b"CAPA\r\n")
    capa = b"".join(until_dot(wire))
    assert b"STLS\r\n" in capa and b"USER" not in capa and b"SASL" not in capa
    for text in (f"USER {ALICE}", "PASS x", "AUTH PLAIN"):
        assert ask(wire, text).startswith("-ERR Passwords are taken under")
    assert ask(wire, "QUIT").startswith("+OK")
    assert wire.line() == ""


def test_auth_plain_dialogue(clear):
    import base64
    good = base64.b64encode(f"\0{ALICE}\0{SECRET}".encode()).decode()
    wire = clear.wire()
    assert ask(wire, "AUTH PLAIN") == "+ "
    assert ask(wire, "*").startswith("-ERR Cancelled")
    assert ask(wire, "AUTH PLAIN") == "+ "
    assert ask(wire, "%%%").startswith("-ERR Not base64")
    assert ask(wire, "AUTH PLAIN =").startswith("-ERR")
    assert ask(wire, "AUTH CRAM-MD5").startswith("-ERR SASL mechanism")
    assert ask(wire, "AUTH PLAIN " + "A" * 20000) == "-ERR Line too long"
    assert ask(wire, "AUTH PLAIN") == "+ "
    assert ask(wire, "A" * 20000) == "-ERR Line too long"
    assert ask(wire, "AUTH PLAIN") == "+ "
    assert ask(wire, good).startswith("+OK 0 messages")
    assert ask(wire, "STAT") == "+OK 0 0"
    assert ask(wire, "AUTH PLAIN").startswith("-ERR")


def test_odd_lines_before_and_behind_the_login(clear):
    wire = clear.wire()
    for _ in range(2):
        assert ask(wire, "NO\nOP").startswith("-ERR Bare")
        assert ask(wire, "NO\0OP").startswith("-ERR Bare")
        wire.send(b"x" * (5 << 20) + b"\r\n")
        assert wire.line() == "-ERR Line too long"
        assert ask(wire, "XYZZY").startswith("-ERR Command not")
        if _ == 0:
            assert ask(wire, "STAT").startswith("-ERR")
            assert ask(wire, "PASS x") == "-ERR Not now"
            assert ask(wire, f"USER {ALICE}").startswith("+OK")
            assert ask(wire, f"PASS {SECRET}").startswith("+OK 0")
    for text in ("LIST 1", "LIST 0", "RETR 1", "DELE 99999999999999999999",
                 "RETR", "TOP 1", "UIDL x", "STAT 1", "LIST 1 1"):
        assert ask(wire, text).startswith("-ERR"), text
    assert ask(wire, "NOOP").startswith("+OK")


def test_commands_behind_the_password_reach_the_session(clear):
    clear.letter(1, DOTS)
    wire = clear.wire()
    wire.send(f"USER {ALICE}\r\nPASS {SECRET}\r\nSTAT\r\nRETR 1\r\nLIST\r\n"
              "DELE 1\r\nQUIT\r\n".encode())
    said = wire.file.read().split(b"\r\n")
    assert [line[:3] for line in said[:4]] == [b"+OK"] * 4
    assert said[4:10] == [b"Subject: dots", b"", b"..", b"...x", b"..y",
                          b"end"]
    assert said[12:14] == [b"1 34", b"."]
    assert said[15:] == [b"+OK Bye", b""]
    assert clear.files() == []
    wire.close()


def test_one_session_at_a_time(clear):
    clear.letter(1, DOTS)
    first = clear.login()
    with pytest.raises(poplib.error_proto, match=r"-ERR \[IN-USE\]"):
        clear.login()
    first.quit()
    clear.login().quit()


def test_another_process_with_the_lock(clear):
    """As the session of an earlier generation would hold it."""
    import fcntl
    clear.letter(1, DOTS)
    clear.login().quit()
    with open(f"{clear.maildir(ALICE)}/mailstead-pop3.lock", "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        with pytest.raises(poplib.error_proto, match=r"-ERR \[IN-USE\]"):
            clear.login()
    clear.login().quit()


def test_wrong_passwords(clear):
    wire = clear.wire()
    for _ in range(5):
        assert ask(wire, f"USER {ALICE}").startswith("+OK")
        assert ask(wire, "PASS wrong").startswith("-ERR [AUTH]")
    assert wire.line() == ""
    assert ask(clear.wire(), "PASS").startswith("-ERR")


def test_torn_file_is_not_shown(clear):
    clear.letter(1, DOTS)
    name = BASE.format(2) + ",S=5000,W=5100"
    clear.put(name, b"Subject: half of\n")
    pop = clear.login()
    assert pop.stat()[0] == 1
    pop.quit()
    assert clear.files() == [os.path.basename(clear.letter(1, DOTS))]
    assert os.listdir(f"{clear.maildir(ALICE)}/tmp") == ["torn." + name]


def test_foreign_names(clear):
    """Without sizes, with wrong ones, too long for UIDL, CRLF on disk."""
    clear.put("1700000000.M1P2.host:2,S", b"Subject: a\r\n\r\nb", "cur")
    clear.put("1700000001.M1P2.host,S=1,W=1:2,", b"Subject: c\n\nd\n", "cur")
    clear.put("x" * 100, b"Subject: e\n\n", "new")
    clear.put("s\xe4tze", b"", "new")
    clear.put(".hidden", b"x", "new")
    pop = clear.login()
    assert pop.list()[1] == [b"1 15", b"2 17", b"3 0", b"4 14"]
    uidls = [line.split()[1] for line in pop.uidl()[1]]
    assert uidls[0] == b"1700000000.M1P2.host"
    digest = hashlib.sha256("s\xe4tze".encode()).hexdigest()
    assert uidls[2] == digest[:40].encode()
    assert len(set(uidls)) == 4 and all(len(u) <= 70 for u in uidls)
    assert b"\r\n".join(pop.retr(1)[1]) == b"Subject: a\r\n\r\nb"
    assert pop.retr(3)[1] == []
    pop.quit()


def test_files_move_under_the_session(clear):
    path = clear.letter(1, DOTS)
    other = clear.letter(2, b"gone\n")
    third = clear.letter(3, b"third\n")
    pop = clear.login()
    top = clear.maildir(ALICE)
    moved = f"{top}/cur/{os.path.basename(path)}:2,S"
    os.rename(path, moved)
    os.rename(third, f"{top}/cur/{os.path.basename(third)}:2,")
    os.unlink(other)
    assert pop.retr(1)[1][0] == b"Subject: dots"
    with pytest.raises(poplib.error_proto, match="not there any more"):
        pop.retr(2)
    os.rename(moved, moved + "T")
    pop.dele(1)
    pop.dele(2)
    pop.dele(3)
    assert pop.quit().startswith(b"+OK")
    assert clear.files() == []


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return [int(line.split()[1]) for line in f
                if line.startswith(("RssAnon", "VmHWM"))]


def test_large_message_costs_little_memory(clear):
    clear.letter(1, b"Subject: big\n\n" + (b".line of 64 octets" + b"x" * 45
                                          + b"\n") * (100 * 16384))
    pop = clear.login()
    pid = int(clear.events("session.start")[-1]["pid"])
    front = clear.pid_of("pop3d")
    pop._putcmd("RETR 1")
    time.sleep(1)  # a client that does not read
    digest, size = hashlib.sha256(), 0
    line = pop.file.readline()
    assert line.startswith(b"+OK"), line
    while (line := pop.file.readline()) != b".\r\n":
        assert line
        line = line[1:] if line.startswith(b"..") else line
        digest.update(line)
        size += len(line)
    want = b"Subject: big\r\n\r\n" + (b".line of 64 octets" + b"x" * 45
                                      + b"\r\n") * (100 * 16384)
    assert size == len(want) == pop.stat()[1]
    assert digest.digest() == hashlib.sha256(want).digest()
    if not os.environ.get("BUILD", "").endswith("undefined"):
        assert max(memory(pid)) < 20000 and max(memory(front)) < 20000
    pop.quit()


def test_many_messages(clear):
    for n in range(20000):
        clear.put(BASE.format(n) + ",S=2,W=3", b"x\n")
    pop = clear.login()
    assert pop.stat() == (20000, 60000)
    assert len(pop.list()[1]) == 20000
    assert pop.uidl()[1][19999] == b"20000 " + BASE.format(19999).encode()
    for n in range(1, 20001, 2):
        pop._putcmd(f"DELE {n}")
    for n in range(1, 20001, 2):
        assert pop._getresp().startswith(b"+OK")
    pop.quit()
    assert len(clear.files()) == 10000


def test_sessions_limit_and_login_timeout(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        s.begin(tls=False,
                more="pop3: {max_sessions: 2, login_timeout: 1s}\n")
        a, b = s.wire(), s.login()
        third = Wire(s.address("pop3"))
        assert third.line().startswith("-ERR [SYS/TEMP] Too many")
        assert third.line() == ""
        # silence ends the one that is not logged in, and only that
        assert a.line() == ""
        assert b.noop().startswith(b"+OK")


def test_reload_keeps_stop_ends(clear):
    clear.letter(1, DOTS)
    pop = clear.login()
    before = clear.pid_of("pop3d")
    subprocess.run([f"{clear.bindir}/steadctl", "-c", clear.conf, "reload"],
                   check=True, capture_output=True)
    wait_for("a new front", lambda: len(
        clear.events("worker.ready", role="pop3d")) == 2)
    assert pop.stat()[0] == 1
    assert os.path.exists(f"/proc/{before}")
    with pytest.raises(poplib.error_proto, match="IN-USE"):
        clear.login()
    pop.quit()
    wait_for("the old front's end",
             lambda: not os.path.exists(f"/proc/{before}"))
    pop = clear.login()
    waiting = clear.wire()
    clear.stop()
    assert waiting.line().startswith("-ERR [SYS/TEMP] The server is shutting")
    assert pop.file.readline() == b""


def test_without_authd(clear):
    wire = clear.wire()
    os.kill(clear.pid_of("authd"), signal.SIGSTOP)
    assert ask(wire, f"USER {ALICE}").startswith("+OK")
    wire.send(f"PASS {SECRET}\r\n".encode())
    time.sleep(0.3)
    os.kill(clear.pid_of("authd"), signal.SIGKILL)
    assert wire.line().startswith("-ERR [SYS/TEMP]")
    wait_for("authd again", lambda: len(
        clear.events("worker.ready", role="authd")) == 2)
    assert ask(wire, f"USER {ALICE}").startswith("+OK")
    assert ask(wire, f"PASS {SECRET}").startswith("+OK 0")


def test_sessions_end_by_themselves(clear):
    clear.login().quit()
    wait_for("the process's end", lambda: clear.said("session.end"), 20)
    end = clear.events("session.end")[-1]
    assert (end["how"], end["code"]) == ("exit", "0")
