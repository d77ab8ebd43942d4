"""master and its workers: separation, restart, reload, stop."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from tests.system.conftest import ROOT
from tests.system.suite import ROLES, UID_BASE, Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")


@pytest.fixture
def suite(tmpdir, bindir):
    with Suite(tmpdir, bindir) as s:
        yield s.start()


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)


def test_each_worker_is_separated(suite):
    for (role, _), pid in suite.workers().items():
        said = status_of(pid)
        assert said["NoNewPrivs"] == "1", role
        assert said["Seccomp"] == "2", role
        if not suite.root:
            continue
        step, in_net = ROLES[role]
        assert said["Uid"].split() == [str(UID_BASE + step)] * 4, role
        assert said["Gid"].split() == [str(UID_BASE + step)] * 4, role
        assert said["Groups"].split() == [], role
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(said[name], 16) == 0, (role, name)
        root = os.readlink(f"/proc/{pid}/root")
        assert root == (f"{suite.folder}/run/net" if in_net else "/"), role
    assert {role for role, _ in suite.workers()} == set(ROLES)


def test_each_worker_comes_back(suite):
    for (role, index), pid in sorted(suite.workers().items()):
        os.kill(pid, signal.SIGKILL)
        wait_for(f"a new {role}", lambda: suite.pid_of(role, index)
                 not in (None, pid))
    wire = suite.connect().greet()
    assert wire.mail("alice@example.org", b"Subject: x\r\n\r\nx")[0] == "250"
    assert len(suite.messages("alice@example.org")) == 1


def test_workers_do_not_outlive_master(suite):
    pids = suite.pids()
    suite.proc.kill()
    suite.proc.wait()
    wait_for("the end of all workers", lambda: not any(
        os.path.exists(f"/proc/{pid}") for pid in pids))
    suite.start()
    suite.connect().greet().close()


def test_one_master(suite):
    second = subprocess.run(
        [f"{suite.bindir}/mailstead-master", "-c", suite.conf, "-x",
         suite.libexec], capture_output=True, text=True, timeout=60,
        check=False)
    assert second.returncode != 0
    assert "running already" in second.stderr
    suite.connect().greet().close()


class Callers:
    """Connects all the time; each connection must get a greeting."""

    def __init__(self, address):
        self.address, self.end = address, threading.Event()
        self.greetings, self.broken, self.refused = [], [], 0
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]
        for t in self.threads:
            t.start()

    def run(self):
        while not self.end.is_set():
            try:
                sock = socket.create_connection(self.address, 1)
            except (ConnectionRefusedError, TimeoutError):
                self.refused += 1
                continue
            try:
                sock.settimeout(30)
                line = sock.makefile("rb").readline()
            except OSError as e:
                line = repr(e).encode()
            (self.greetings if line[:3] in (b"220", b"421")
             else self.broken).append(line)
            sock.close()

    def finish(self):
        self.end.set()
        for t in self.threads:
            t.join()


def test_reload_refuses_nobody(suite):
    callers = Callers(suite.address())
    before = suite.connect().greet()
    old = suite.workers()
    for n in range(3):
        suite.write_conf(hostname=f"new{n}.example.org")
        suite.proc.send_signal(signal.SIGHUP)
        wait_for("reload", lambda: len(
            suite.events("master.reload", result="done")) == n + 1)
    callers.finish()
    assert callers.broken == [] and callers.refused == 0
    assert len(callers.greetings) > 20

    def greeting():
        wire = suite.connect()
        line = wire.line()
        wire.close()
        return line
    # the old one may take one more while it is being told
    wait_for("the new name", lambda: "new2.example.org" in greeting())
    # one who was there before is served on, up to a new transaction
    assert before.say("NOOP")[0] == "250"
    assert before.say("MAIL FROM:<>")[0] == "421"
    before.close()
    new = suite.workers()
    assert new["qmgr", 0] == old["qmgr", 0]
    assert new["smtpd", 0] != old["smtpd", 0]
    wait_for("the end of the old smtpd",
             lambda: not os.path.exists(f"/proc/{old['smtpd', 0]}"))


def test_stop_breaks_no_connection(suite):
    callers = Callers(suite.address())
    time.sleep(0.3)
    assert suite.stop() == 0
    callers.finish()
    assert callers.broken == []
    assert len(callers.greetings) > 20


def test_bad_reload_changes_nothing(suite):
    pids = suite.workers()
    suite.write_conf(yaml="smtpd: {max_sessions: many}\n")
    suite.proc.send_signal(signal.SIGHUP)
    said = wait_for("the mistake", lambda: suite.events("master.config"))
    assert 'found \\"many\\"' in said[0]["mistake"]
    suite.connect().greet().close()
    assert suite.workers() == pids


def test_reload_that_does_not_come_up_keeps_the_old(suite):
    suite.write_conf(yaml='listen: {smtp: ["192.0.2.77:25"]}\n')
    suite.proc.send_signal(signal.SIGHUP)
    wait_for("the mistake", lambda: suite.events("master.config"))
    suite.connect().greet().close()


@pytest.mark.parametrize("yaml, said", [
    ("smtpd:\n  max_sessions: many\n",
     ':17:17: smtpd.max_sessions: expected a number from 1 to 100000, '
     'found "many"'),
    ("smtpd:\n  max_sesions: 7\n", 'did you mean "max_sessions"?'),
    ("smtpd: [\n", "mailstead.yaml:"),
])
def test_mistakes_start_nothing(tmpdir, bindir, yaml, said):
    suite = Suite(tmpdir, bindir, yaml=yaml)
    done = subprocess.run(
        [f"{bindir}/mailstead-master", "-c", suite.conf, "-x",
         suite.libexec], capture_output=True, text=True, timeout=60,
        check=False)
    assert done.returncode == 78
    assert said in done.stderr
    assert not os.path.exists(f"{tmpdir}/run")


def test_all_of_the_sample_can_be_uncommented(tmpdir, bindir):
    """What is proposed there is right, and goes together."""
    with open(f"{ROOT}/conf/mailstead.yaml", encoding="utf-8") as f:
        text = f.read()
    lines = re.findall(r"(?m)^#(?: {2,}\S|[a-z_]+:).*", text)
    assert len(lines) > 20
    with open(f"{tmpdir}/all.yaml", "w", encoding="utf-8") as f:
        f.write(re.sub(r"(?m)^#(?= {2,}\S|[a-z_]+:)", "", text))
    done = subprocess.run(
        [f"{bindir}/mailstead-master", "-c", f"{tmpdir}/all.yaml", "-n"],
        capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_that_keeps_dying_does_not_stop_the_rest(tmpdir, bindir):
    with Suite(tmpdir, bindir) as s:
        s.remove_worker("pop3d")
        s.start(wait=False)
        wait_for("worker.failing", lambda: s.said("worker.failing",
                                                  role="pop3d"))
        wire = wait_for("smtp", s.connect).greet()
        assert wire.mail("bob@example.org", b"Subject: x\r\n\r\nx")[0] == "250"
        wire.close()


def test_a_reload_waits_for_all_of_the_new(suite):
    """And its clients do not stand in the way of the next one."""
    suite.remove_worker("pop3d")
    suite.write_conf(hostname="new.example.org")
    before = len(suite.events("worker.ready", role="smtpd"))
    suite.proc.send_signal(signal.SIGHUP)
    wait_for("the new smtpds", lambda: len(
        suite.events("worker.ready", role="smtpd")) > before + 1)
    held = [suite.connect() for _ in range(20)]
    assert not suite.said("master.reload", result="failed")
    suite.add_worker("pop3d")
    wait_for("the reload", lambda: suite.said("master.reload", result="done"))
    for wire in held:
        wire.close()
    suite.proc.send_signal(signal.SIGHUP)
    wait_for("another", lambda: len(
        suite.events("master.reload", result="done")) == 2)


def test_reload_without_its_aliases_changes_nothing(suite):
    with open(suite.conf, encoding="ascii") as f:
        text = f.read()
    with open(suite.conf, "w", encoding="ascii") as f:
        f.write(text.replace(
            "paths:\n", f"paths:\n  aliases: {suite.folder}/aliases\n"))
    pids = suite.workers()
    suite.proc.send_signal(signal.SIGHUP)
    wait_for("its failure", lambda: suite.said("master.reload",
                                               result="failed"))
    assert suite.workers() == pids
    with open(f"{suite.folder}/aliases", "w", encoding="ascii") as f:
        f.write("team@example.org: alice@example.org\n")
    suite.proc.send_signal(signal.SIGHUP)
    wait_for("reload", lambda: suite.said("master.reload", result="done"))
    wire = suite.connect().greet()
    assert wire.mail("team@example.org", b"Subject: x\r\n")[0] == "250"


def test_strangers_do_not_lock_root_out(suite):
    if not suite.root:
        pytest.skip("needs root to be another user")
    code = ("import socket,time,sys\nheld=[]\n"
            "for n in range(100):\n"
            " s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
            " s.connect(sys.argv[1]); held.append(s)\n"
            "print('held', flush=True); time.sleep(60)\n")
    proc = subprocess.Popen(
        ["/usr/bin/python3", "-c", code, f"{suite.folder}/run/control"],
        stdout=subprocess.PIPE, user=65534, group=65534, extra_groups=[])
    try:
        assert proc.stdout.readline() == b"held\n"
        done = subprocess.run(
            [f"{suite.bindir}/steadctl", "-c", suite.conf, "status"],
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        proc.kill()
        proc.wait()


def test_a_fifo_for_the_accounts_hangs_nobody(tmpdir, bindir):
    suite = Suite(tmpdir, bindir)
    os.unlink(f"{tmpdir}/state/auth/accounts")
    os.mkfifo(f"{tmpdir}/state/auth/accounts")
    done = subprocess.run(
        [f"{bindir}/mailstead-master", "-c", suite.conf, "-x",
         suite.libexec], capture_output=True, text=True, timeout=60,
        check=False)
    assert done.returncode == 1
    assert "accounts" in done.stderr


def test_a_log_that_nobody_reads_does_not_stop_the_mail(tmpdir, bindir):
    suite = Suite(tmpdir, bindir)
    text = open(suite.conf, encoding="ascii").read().replace(
        'smtp: ["127.0.0.1:0"]', 'smtp: ["127.0.0.1:12399"]')
    with open(suite.conf, "w", encoding="ascii") as f:
        f.write(text)
    proc = subprocess.Popen(
        [f"{bindir}/mailstead-master", "-c", suite.conf, "-x",
         suite.libexec], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        def greeted():
            try:
                with socket.create_connection(("127.0.0.1", 12399), 5) as s:
                    s.settimeout(5)
                    return s.recv(99).startswith(b"220")
            except OSError:
                return False
        wait_for("smtp", greeted)
        for _ in range(1500):
            assert greeted()
    finally:
        proc.terminate()
        proc.communicate(timeout=60)


def test_stop_does_not_wait_for_a_client_in_auth(tmpdir, bindir):
    with Suite(tmpdir, bindir, yaml="auth: {allow_plaintext: true}\n") as s:
        s.start()
        wire = s.connect("submission").greet()
        assert wire.say("AUTH LOGIN")[0] == "334"
        assert s.stop() == 0
        assert wire.reply()[0] == "421"
        assert not s.said("worker.stuck")
