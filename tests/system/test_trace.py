"""steadctl trace: what happened to a letter, by its ID, its Message-ID and all
its addresses; what was refused; over crashes, a lost index and a full disk;
and no stranger forges a line of it."""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from tests.lab.fake import Fake
from tests.system.suite import UID_BASE, Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
ALICE, BOB = "alice@example.org", "bob@example.org"
FAR = "x@elsewhere.example"


class Host(Suite):
    def trace(self, *words, **more):
        """(exit status, stdout, stderr)"""
        done = subprocess.run(
            [self.steadctl, "--run", f"{self.folder}/run", "trace", *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=60, check=False, **more)
        return done.returncode, done.stdout, done.stderr

    def told(self, *words):
        status, out, err = self.trace("--json", *words)
        assert status == 0, err
        return json.loads(out)

    def events_of(self, *words):
        return [e["event"] for e in self.told(*words)]

    def ctl(self, *words):
        return subprocess.run(
            [self.steadctl, "--run", f"{self.folder}/run", *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False)

    def send(self, to, body=b"Subject: x\r\n\r\nx", **more):
        wire = self.connect().greet()
        code, text = wire.mail(to, body, **more)
        wire.close()
        return code, text

    def files(self):
        return sorted(glob.glob(f"{self.folder}/state/history/*"))

    def lines(self):
        text = b""
        for path in self.files():
            with open(path, "rb") as f:
                text += f.read()
        return text.split(b"\n")[:-1]


@pytest.fixture
def host(tmpdir, bindir):
    with Host(tmpdir, bindir, aliases=f"sales@example.org: {ALICE}\n") as h:
        yield h.start()


@contextlib.contextmanager
def relaying(tmpdir, bindir, answers, more=""):
    with Fake(answers) as fake, Host(
            tmpdir, bindir, yaml=f"relay: {{host: localhost, port: {fake.port}"
            f", tls: may}}\n{more}",
            aliases=f"out@example.org: {FAR}\n") as h:
        yield h.start()


def test_a_letter(host):
    done = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port",
         str(host.address()[1]), "--from", "Carol@Elsewhere.example", "--to",
         f"sales@example.org,{BOB}", "--helo", "client.example", "--header",
         "Message-Id: <token.1@elsewhere.example>"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    qid = re.search(r"250 2\.0\.0 Ok: (\S+)", done.stdout)[1]
    told = host.told(qid)
    assert [e["event"] for e in told] == [
        "received", "recipient", "recipient", "delivered", "delivered"]
    first = told[0]
    assert first["from"].lower() == "carol@elsewhere.example"
    assert first["client"] == "[127.0.0.1]" and first["helo"] == \
        "client.example" and first["service"] == "smtp"
    assert first["msgid"] == "token.1@elsewhere.example"
    assert first["recipients"] == 2 and first["size"] > 100
    assert "tls" not in first
    assert [(e["to"], e["account"]) for e in told[1:3]] == [
        ("sales@example.org", ALICE), (BOB, BOB)]
    assert [e["time"] for e in told] == sorted(e["time"] for e in told)
    for word in ("127.0.0.1", "[127.0.0.1]"):
        assert host.told(word) == told, word
    # by all its names; a recipient does not hear of the others
    for word in ("<token.1@elsewhere.example>", "token.1@elsewhere.example",
                 "carol@ELSEWHERE.example", "<CAROL@elsewhere.example>"):
        assert host.told(word) == told, word
    for word in ("sales@example.org", ALICE, "Alice@Example.org"):
        assert {e.get("to") for e in host.told(word)} == {
            None, "sales@example.org"}, word
    assert {e.get("to") for e in host.told(BOB)} == {None, BOB}
    status, out, err = host.trace(BOB)
    assert (status, err) == (0, "")
    assert out.startswith(f"{qid}\n")
    assert "received from <" in out and "client [127.0.0.1]" in out
    assert f"delivered for <{BOB}> into mailbox {BOB}" in out
    assert "without TLS" in out
    # no one else may read it
    assert os.stat(f"{host.folder}/state/history").st_mode & 0o777 == 0o700
    assert {os.stat(p).st_mode & 0o777 for p in host.files()} == {0o600}


def test_a_submitted_letter(tmpdir, bindir):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
         "-keyout", f"{tmpdir}/key.pem", "-out", f"{tmpdir}/cert.pem"],
        check=True, capture_output=True)
    yaml = (f"tls: {{certificate: {tmpdir}/cert.pem, "
            f"key: {tmpdir}/key.pem}}\n")
    with Host(tmpdir, bindir, yaml=yaml,
              senders="other@example.org: alice\n") as host:
        host.start()
        subprocess.run([host.steadctl, "--run", f"{host.folder}/run",
                        "account", "passwd", ALICE], input="of-this-test\n",
                       text=True, check=True)
        done = subprocess.run(
            ["swaks", "--server", "127.0.0.1", "--port",
             str(host.address("submission")[1]), "--tls", "--auth", "PLAIN",
             "--auth-user", ALICE, "--auth-password", "of-this-test",
             "--from", "other@example.org", "--to", BOB],
            capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        # found by the log-in, which the sender's address does not tell
        first = host.told(ALICE)[0]
        assert first["login"] == ALICE and first["service"] == "submission"
        assert first["tls"].startswith("TLSv1.") and first["proto"] == \
            "ESMTPSA"
        out = host.trace(ALICE)[1]
        assert f"logged in as {ALICE}" in out and "with TLSv1." in out
        assert f"delivered for <{BOB}>" in out


def test_nothing_is_known(host):
    for word in ("nobody@example.org", "0000000000aaaaa", "../x", "x" * 3000,
                 "\x01\xff", "%", "\n"):
        status, out, err = host.trace(word)
        assert (status, out) == (1, ""), word
        assert "nothing is known" in err
    status, out, err = host.trace("--json", "nobody@example.org")
    assert status == 1 and json.loads(out) == []
    for words in ((), ("--since", "x", ALICE), ("-n", "x", ALICE),
                  ("-n", "1"), (ALICE, BOB)):
        assert host.trace(*words)[0] == 64, words


def test_limits(host):
    for n in range(7):
        assert host.send(ALICE, sender=f"s{n}@elsewhere.example")[0] == "250"
    senders = [f"s{n}@elsewhere.example" for n in range(7)]

    def of(*words):
        return [e["from"] for e in host.told(*words, ALICE)
                if e["event"] == "received"]
    assert of() == of("-n", "0") == of("-n", "7") == of("-n", "8") == senders
    assert of("-n", "3") == senders[-3:]
    status, _, err = host.trace("-n", "3", ALICE)
    assert status == 0 and "the newest 3" in err
    assert of("--since", "1h") == of("--since", "2026-01-01") == senders
    status, _, err = host.trace("--since", "2099-01-01", ALICE)
    assert status == 1 and "since then" in err
    time.sleep(1.1)
    assert host.send(ALICE, sender="late@elsewhere.example")[0] == "250"
    assert of("--since", "1s") == ["late@elsewhere.example"]


def test_refused(tmpdir, bindir):
    yaml = "smtpd: {max_message_size: 2kB}\n"
    with Host(tmpdir, bindir, yaml=yaml) as host:
        host.start()
        wire = host.connect().greet()
        assert wire.say("MAIL FROM:<Spam@bad.example>")[0] == "250"
        assert wire.say("RCPT TO:<Nobody@example.org>")[0] == "550"
        assert wire.say(f"RCPT TO:<{FAR}>")[0] == "550"
        assert wire.say(f"RCPT TO:<{ALICE}>")[0] == "250"
        assert wire.say("DATA")[0] == "354"
        wire.send(b"x\nforged\r\n.\r\n")
        assert wire.reply()[0] == "554"
        code, _ = wire.mail(BOB, b"x" * 3000, sender="spam@bad.example")
        assert code == "552"
        wire.close()
        wire = host.connect("submission").greet()
        assert wire.say("MAIL FROM:<me@example.org>")[0] == "530"
        wire.close()
        told = host.told("spam@bad.example")
        assert [(e["event"], e["at"], e["to"]) for e in told] == [
            ("refused", "RCPT", "Nobody@example.org"),
            ("refused", "RCPT", FAR), ("refused", "DATA", ALICE),
            ("refused", "DATA", BOB)]
        assert [e["reply"][:3] for e in told] == ["550", "550", "554", "552"]
        assert "relay-denied" in told[1]["reply"]
        assert {e["client"] for e in told} == {"[127.0.0.1]"}
        assert {e["from"].lower() for e in told} == {"spam@bad.example"}
        assert host.events_of("nobody@example.org") == ["refused"]
        need, = host.told("me@example.org")
        assert need["at"] == "MAIL" and need["reply"].startswith("530")
        assert need["service"] == "submission"
        status, out, _ = host.trace(FAR)
        assert status == 0 and "refused at RCPT" in out
        assert "relay-denied" in out and "client [127.0.0.1]" in out


@pytest.mark.parametrize("stopped", [False, True])
def test_a_flood_of_refusals_is_counted(tmpdir, bindir, stopped):
    """However many there are, the disk holds a few a second and the sum; also
    of those that came while the queue manager did not listen."""
    yaml = "smtpd: {processes: 1, max_errors: 1000}\n"
    with Host(tmpdir, bindir, yaml=yaml) as host:
        host.start()
        before = time.monotonic()
        if stopped:
            os.kill(host.pid_of("qmgr"), signal.SIGSTOP)
        for _ in range(3):
            wire = host.connect().greet()
            wire.say("MAIL FROM:<spam@bad.example>")
            for n in range(900):
                assert wire.say(f"RCPT TO:<n{n}@example.org>")[0] == "550"
            wire.close()
        if stopped:
            os.kill(host.pid_of("qmgr"), signal.SIGCONT)
        took = time.monotonic() - before
        wait_for("all of it", lambda: sum(
            int(x.rsplit(b"=", 1)[1]) if b" more " in x else b" refused " in x
            for x in host.lines()) == 2700)
        assert any(b" more " in x for x in host.lines())
        one_by_one = sum(b" refused " in x for x in host.lines())
        assert 10 <= one_by_one <= (int(took) + 2) * 10
        status, _, err = host.trace("spam@bad.example")
        assert status == 0 and "only counted" in err
        assert host.events_of("more")


def test_deferred_and_returned(tmpdir, bindir):
    answers = {"RCPT": [b"451 4.2.0 come later", b"550 5.1.1 no such user"]}
    with relaying(tmpdir, bindir, answers) as host:
        code, text = host.send("out@example.org", sender=ALICE)
        assert code == "250"
        qid = text.split()[-1]
        wait_for("a deferral", lambda: host.said("queue.deferred"))
        told = host.told(qid)
        assert [e["event"] for e in told] == [
            "received", "recipient", "queued", "delayed", "waits"]
        assert told[1]["to"] == FAR and "account" not in told[1]
        assert "4.2.0 come later" in told[3]["reply"]
        assert told[3]["host"].startswith("localhost[")
        assert told[4]["seconds"] > 60
        assert host.ctl("queue", "hold", qid).returncode == 0
        assert host.ctl("queue", "release", qid).returncode == 0
        wait_for("a notice", lambda: host.messages(ALICE))
        wait_for("an empty queue", lambda: not host.queue())
        told = host.told(qid)[5:]
        assert [e["event"] for e in told] == [
            "held", "released", "failed", "returned", "done"]
        assert "no such user" in told[2]["reply"]
        assert told[2]["tls"] == "in clear: TLS is not offered"
        notice = host.told(told[3]["notice"])
        assert [e["event"] for e in notice] == [
            "received", "recipient", "delivered", "done"]
        assert notice[0]["parent"] == qid and notice[0]["from"] == ""
        assert notice[2]["to"] == ALICE
        # Alice is told of both: what she sent, and what came back
        assert len({e["id"] for e in host.told(ALICE)}) == 2
        with open(host.messages(ALICE)[0], "rb") as f:
            msgid = re.search(rb"^Message-ID: <(.*)>", f.read(), re.M)[1]
        assert host.told(msgid.decode()) == notice
        out = host.trace(qid)[1]
        for words in ("failed for now", "deferred: attempt 2", "held by",
                      "failed for good", "said: 550 5.1.1 no such user",
                      "(in clear: TLS is not offered)",
                      f"notice {told[3]['notice']}", "has left the queue"):
            assert words in out, words


def test_deleted(tmpdir, bindir):
    with relaying(tmpdir, bindir, {"RCPT": b"451 4.2.0 later"}) as host:
        qid = host.send("out@example.org")[1].split()[-1]
        wait_for("a deferral", lambda: host.said("queue.deferred"))
        assert host.ctl("queue", "delete", "--yes", qid).returncode == 0
        assert host.events_of(qid)[-1] == "deleted"
        assert "deleted by an administrator" in host.trace(FAR)[1]


def test_strangers_forge_nothing(host):
    """Whatever is in addresses, Message-ID or HELO: one line an event."""
    victim = host.send(ALICE)[1].split()[-1]
    forged = f"2026-11-26T00:00:00.000Z deleted id={victim}"
    body = (f"Message-ID: <a\x01 {forged}\r\n\t{forged}>\r\n"
            f"Subject: x\r\n\r\nx").encode()
    assert host.send(
        BOB, body, sender=f'"x {forged}"@elsewhere.example')[0] == "250"
    assert host.send(BOB, b"Message-ID: " + b"<" * 5000 + b"\xff" * 5000)[
        0] == "250"
    wire = host.connect().greet()
    assert wire.say('MAIL FROM:<"a\\" id=' + victim + '"@bad.example>')[
        0] == "250"
    for rcpt in (f'"{forged}"@example.org', "\xff\x80\x1b[2J@example.org",
                 f"x@example.org> id={victim} <", "a" * 3000,
                 '"%0a%torn"@example.org', ""):
        assert wire.say(f"RCPT TO:<{rcpt}>")[0][0] == "5"
    wire.close()
    assert host.events_of(victim) == ["received", "recipient", "delivered"]
    wait_for("all", lambda: sum(b" refused " in x for x in host.lines()) == 6)
    form = re.compile(
        rb'20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ [a-z]+'
        rb'( [a-z]+=("([ !#$&-;?-~]|%[0-9a-f]{2})*"|([!#$&-;?-~]|'
        rb'%[0-9a-f]{2})*))*')
    for line in host.lines():
        assert form.fullmatch(line) and len(line) < 8192, line
        assert line.count(b" id=") <= 1
    out = host.trace("-n", "0", BOB)[1]
    assert "\x1b" not in out and "\x01" not in out


def test_the_index_is_a_cache(host):
    """Deleted, or lost in a crash: the answers are the same."""
    for n in range(300):
        assert host.send([ALICE, BOB], sender=f"s{n % 7}@elsewhere.example")[
            0] == "250"
    words = (ALICE, "s3@elsewhere.example")
    before = [host.told("-n", "0", word) for word in words]
    assert len(before[0]) == 900
    host.stop()
    shutil.rmtree(f"{host.folder}/state/qmgr/history.2")
    host.start()

    def whole():
        status, _, err = host.trace("-n", "0", ALICE)
        return status == 0 and err == ""
    wait_for("the index", whole)
    assert [host.told("-n", "0", word) for word in words] == before
    pid = host.pid_of("qmgr")
    os.kill(pid, signal.SIGKILL)
    wait_for("another", lambda: host.pid_of("qmgr") not in (None, pid))
    wait_for("the index", whole)
    assert [host.told("-n", "0", word) for word in words] == before
    # and it goes on
    wait_for("a 250", lambda: host.send(ALICE, sender="s3@elsewhere.example")[
        0] == "250")
    assert len(host.told("-n", "0", ALICE)) == 903
    # a torn line is none, and the next begins a new one
    host.kill_all()
    with open(host.files()[-1], "ab") as f:
        f.write(f"2026-11-26T10:00:00.000Z deleted id=x to={ALICE}".encode())
    host.start()
    assert host.send(ALICE)[0] == "250"
    wait_for("the index", whole)
    assert len(host.told("-n", "0", ALICE)) == 906
    assert any(x.endswith(b"%torn") for x in host.lines())


def test_old_days_go(tmpdir, bindir):
    with Host(tmpdir, bindir, yaml="history: {keep: 2d}\n") as host:
        host.start()
        assert host.send(ALICE)[0] == "250"
        host.told(ALICE)
        host.stop()
        folder = f"{host.folder}/state/history"
        for name in ("2026-01-01.txt", "2026-01-02.txt.gz", "notes",
                     "2099-01-01.txt"):
            with open(f"{folder}/{name}", "w", encoding="ascii") as f:
                f.write("2026-01-01T00:00:00.000Z done id=old\n")
        host.start()
        wait_for("its end", lambda: not os.path.exists(
            f"{folder}/2026-01-01.txt"))
        names = set(os.listdir(folder))
        assert {"2026-01-02.txt.gz", "notes", "2099-01-01.txt"} < names
        assert len(host.told(ALICE)) == 3


@pytest.mark.limit(300)
def test_a_full_disk(tmpdir, bindir):
    """Mail goes on; what could not be written is counted and told."""
    if os.geteuid() != 0:
        pytest.skip("mounting is for root")
    host = Host(tmpdir, bindir)
    folder = f"{host.folder}/state/history"
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o",
                    f"size=8m,mode=700,uid={UID_BASE},gid={UID_BASE}",
                    "none", folder], check=True)
    try:
        with host:
            fill_and_empty(host.start(), f"{folder}/filler")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill_and_empty(host, filler):
    def waiting():
        return int(re.search(r"history_waiting=(\d+)",
                             host.ctl("status").stdout)[1])

    assert host.send(ALICE)[0] == "250"
    assert len(host.told(ALICE)) == 3
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(fd, b"x" * 512)
    os.close(fd)
    # a line has three bytes for each of these
    body = b"Message-ID: <%s>\r\n\r\nx" % (b"\xff" * 490)
    wire = host.connect().greet()
    sent = 1

    def send(count):
        for _ in range(count):
            assert wire.mail(ALICE, body)[0] == "250"
        return sent + count
    while waiting() < (4 << 20) - 3000:
        sent = send(100)
    sent = send(100)
    wire.close()
    assert len(host.messages(ALICE)) == sent
    assert len(host.events("history.error")) == 1
    assert "history=failing" in host.ctl("status").stdout
    status, _, err = host.trace(ALICE)
    assert status == 0 and "not yet written" in err
    os.unlink(filler)
    back = wait_for("it goes on", lambda: host.events("history.back"))
    lost = int(back[0]["lost"])
    assert lost >= 200
    gap, = wait_for("the gap", lambda: host.told("gap"))
    assert gap["event"] == "gap" and gap["lost"] == lost
    # three lines a letter: none is torn, none comes twice
    assert sum(b" gap " not in x for x in host.lines()) == 3 * sent - lost
    status, out, err = host.trace(ALICE)
    assert status == 0 and "steadctl trace gap" in err
    assert "could not be written" in host.trace("gap")[1]
    assert len(host.events("history.error")) == 1


def test_for_root_only(host):
    if not host.root:
        pytest.skip("another user is for root to become")
    assert host.send(ALICE)[0] == "250"
    status, out, err = host.trace(ALICE, user=65534)
    assert (status, out) == (1, "") and "no right" in err
