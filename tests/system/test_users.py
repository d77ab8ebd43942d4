"""Users of the system: their mail is in ~/Maildir, PAM lets them in, and all
that is done for them is done with their own uid. Judged by curl, the kernel
and the files."""
import concurrent.futures
import glob
import os
import re
import signal
import subprocess

import pytest

from tests.system.suite import Wire, wait_for
from tests.system.users import UserSuite

pytestmark = [
    pytest.mark.usefixtures("netns"),
    pytest.mark.skipif(os.geteuid() != 0, reason="users are for root"),
]
UID = 20001
PLAINTEXT = "auth: {allow_plaintext: true}\n"
BODY = b"Subject: hello\r\n\r\nThe token is 4711.\r\n"


@pytest.fixture
def host(tmpdir, bindir):
    with UserSuite(tmpdir, bindir, PLAINTEXT) as h:
        h.add_user("ursula", UID)
        yield h


def curl(host, service, login, password="secret", path="", *more):
    """(exit status, output)"""
    address, port = host.address(service)
    done = subprocess.run(
        ["curl", "-sS", "-m", "60", "-u", f"{login}:{password}",
         f"{service}://{address}:{port}/{path}", *more],
        capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(re.findall(r"^(\w+):[ \t]*(.*?) *$", f.read(), re.M))


def children(host):
    """Those of the worker `users`: {pid: status}."""
    parent = host.pid_of("users")
    found = {}
    for pid in host.pids(parent) if parent else []:
        try:
            found[pid] = status(pid)
        except OSError:
            pass  # it has just ended
    return found


def deliver(host, to="ursula@example.org", body=BODY):
    reply = host.connect().greet().mail(to, body)
    assert reply[0] == "250", reply


def is_known(host, name):
    wire = host.connect().greet()
    assert wire.say("MAIL FROM:<>")[0] == "250"
    return wire.say(f"RCPT TO:<{name}@example.org>")[0] == "250"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def test_mail_arrives_as_the_users_own(host):
    host.start()
    os.umask(0o022)
    deliver(host)
    [path] = host.messages("ursula")
    assert host.queue() == []
    text = read(path)
    assert b"\nDelivered-To: ursula@example.org\n" in text
    assert text.endswith(BODY.replace(b"\r\n", b"\n") + b"\n")
    for where in (path, host.maildir("ursula"), os.path.dirname(path)):
        st = os.stat(where)
        assert (st.st_uid, st.st_gid, st.st_mode & 0o077) == (UID, UID, 0)
    # the account of the file is still served as before
    deliver(host, "alice@example.org")
    assert len(host.messages("alice@example.org")) == 1


@pytest.mark.parametrize("service", ["pop3", "imap"])
@pytest.mark.parametrize("login", ["ursula", "Ursula@Example.org"])
def test_log_in_and_read(host, service, login):
    host.start()
    deliver(host)
    path = {"pop3": "1", "imap": "INBOX;UID=1"}[service]
    done, out = curl(host, service, login, "secret", path)
    assert done == 0 and "The token is 4711." in out, out
    done, out = curl(host, service, login, "wrong", path)
    assert done == 67 and "4711" not in out  # login denied


def submit(host):
    address, port = host.address("submission")
    return subprocess.run(
        ["swaks", "--server", address, "--port", str(port), "--auth", "PLAIN",
         "--auth-user", "ursula", "--auth-password", "secret", "--from",
         "ursula@example.org", "--to", "alice@example.org"],
        capture_output=True, text=True, check=False)


def test_submission(host):
    host.start()
    done = submit(host)
    assert done.returncode == 0, done.stdout
    [path] = host.messages("alice@example.org")
    assert b"ESMTPA" in read(path)


def test_recipients_in_an_hour(host):
    """Whose login has no domain is told as well."""
    host.write_conf(host.yaml + "limits: {login_recipients: 1}\n")
    host.start()
    assert submit(host).returncode == 0
    assert submit(host).returncode != 0
    [path] = wait_for("the letter", lambda: host.messages("ursula"))
    assert b"\nTo: <ursula@example.org>\n" in read(path)


def test_sessions_have_the_users_rights_only(host):
    host.start()
    deliver(host)
    wire = host.connect("imap")
    assert wire.line().startswith("* OK")
    wire.send(b"a LOGIN ursula secret\r\nb SELECT INBOX\r\nc IDLE\r\n")
    while not wire.line().startswith("+"):
        pass
    # mailbox, watch, delivery
    found = wait_for("its processes",
                     lambda: len(children(host)) == 3 and children(host))
    for pid, words in found.items():
        assert words["Uid"].split() == [str(UID)] * 4
        assert words["Gid"].split() == [str(UID)] * 4
        assert words["Groups"] == ""
        assert all(int(words[f"Cap{x}"], 16) == 0
                   for x in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
        assert words["NoNewPrivs"] == "1" and words["Seccomp"] == "2"
        # nothing of the parent's: its log, and what it was given
        links = [os.readlink(x) for x in glob.glob(f"/proc/{pid}/fd/*")]
        files = [x for x in links if x.startswith("/") and
                 not x.startswith(("/dev/null", host.homes,
                                   f"{host.folder}/state/users/")) and
                 x != host.logfile]
        assert files == []
    index, = glob.glob(f"{host.folder}/state/users/*")
    assert os.stat(index).st_uid == UID and os.stat(index).st_mode & 0o77 == 0
    # and the user hears of new mail while idling
    deliver(host)
    assert wire.line() == "* 2 EXISTS"
    # one process serves until the last connection has ended
    wire.send(b"DONE\r\nd LOGOUT\r\n")
    wait_for("their end", lambda: not children(host))


def test_who_has_no_mailbox(host):
    """root, and everybody outside the range, whatever their password."""
    host.edit("shadow", lambda text: re.sub(
        r"^root:[^:]*", "root:" + re.search(
            r"^ursula:([^:]*)", text, re.M)[1].replace("\\", r"\\"), text,
        flags=re.M))
    host.add_user("low", 999)
    host.add_user("high", 60001)
    host.add_user("Capital", 20005)
    host.add_user("expired", 20006, expires="1")
    host.start()
    for name in ("root", "low", "high", "Capital", "nobody", "nosuch"):
        wire = host.connect().greet()
        assert wire.say("MAIL FROM:<>")[0] == "250"
        code, text = wire.say(f"RCPT TO:<{name}@example.org>")
        assert (code, text[:5]) == ("550", "5.1.1"), name
    # at once: failures are told the later the more there are
    names = ("root", "low", "high", "Capital", "expired", "nosuch")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = pool.map(lambda name: curl(host, "pop3", name)[0], names)
    assert dict(zip(names, done)) == dict.fromkeys(names, 67)
    assert curl(host, "pop3", "ursula")[0] == 0
    assert len(host.events("auth.failed")) == 6
    # other domains are not theirs
    assert curl(host, "pop3", "ursula@elsewhere.example")[0] == 67


def test_an_account_hides_the_user(host):
    """Whose line says that nobody logs in: PAM is not asked."""
    host.write_accounts(["ursula@example.org"])
    host.start()
    assert curl(host, "pop3", "ursula@example.org")[0] == 67
    assert curl(host, "pop3", "ursula")[0] == 67
    deliver(host)
    assert len(host.messages("ursula@example.org")) == 1
    assert host.messages("ursula") == []


def test_users_come_and_go(host):
    host.start()
    assert not is_known(host, "viktor")
    host.add_user("viktor", UID + 1)
    wait_for("viktor", lambda: is_known(host, "viktor"))
    host.edit("passwd", lambda text: re.sub(r"^viktor:.*\n", "", text,
                                            flags=re.M))
    wait_for("viktor's end", lambda: not is_known(host, "viktor"))


def test_a_name_given_anew(host):
    """While the one before still has a connection: nobody gets the other's
    mail, and the connection stays with whose it was."""
    host.start()
    deliver(host)
    old = host.connect("imap")
    old.line()
    old.send(b"a LOGIN ursula secret\r\n")
    assert old.line().startswith("a OK")
    host.edit("passwd", lambda text: re.sub(
        r"^ursula:.*\n", "", text, flags=re.M))
    wait_for("ursula's end", lambda: not is_known(host, "ursula"))
    os.rename(f"{host.homes}/ursula", f"{host.homes}/before")
    host.edit("shadow", lambda text: re.sub(
        r"^ursula:.*\n", "", text, flags=re.M))
    host.add_user("ursula", UID + 7, password="other")
    wait_for("the new one", lambda: is_known(host, "ursula"))
    assert curl(host, "imap", "ursula")[0] == 67
    done, out = curl(host, "imap", "ursula", "other", "",
                     "-X", "STATUS INBOX (MESSAGES)")
    assert done == 0 and "(MESSAGES 0)" in out, out
    deliver(host)
    [path] = host.messages("ursula")
    assert os.stat(path).st_uid == UID + 7
    done, out = curl(host, "imap", "ursula", "other", "INBOX;UID=1")
    assert done == 0 and "4711" in out, out
    assert len(glob.glob(f"{host.homes}/before/Maildir/*/*")) == 1


def test_maildir_is_replaced(host):
    """Between two letters of a busy moment."""
    host.start()
    for i in range(3):
        deliver(host)
        assert len(host.messages("ursula")) == 1
        os.rename(host.maildir("ursula"), f"{host.homes}/ursula/{i}")


def test_process_stands_still(host):
    """A user may stop what runs with his uid: his mail waits, others' does
    not."""
    host.start()
    deliver(host)
    stopped = list(children(host))
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(lambda: host.connect().greet().mail(
            "ursula@example.org", BODY)) for _ in range(20)]
        for _ in range(20):
            deliver(host, "alice@example.org")
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert {x.result()[0] for x in waiting} <= {"250", "451"}
    taken = sum(x.result()[0] == "250" for x in waiting)
    assert len(host.messages("alice@example.org")) == 20
    assert taken > 0
    assert len(host.messages("ursula")) == 1 + taken


def test_home_away(host):
    """A home that is not mounted: the mail waits, and nothing is made."""
    host.add_user("viktor", UID + 1, home=False)
    host.start()
    # not alone, so that it is queued
    deliver(host, ["viktor@example.org", "alice@example.org"])
    wait_for("a deferral", lambda: host.queue() and
             host.messages("alice@example.org"))
    code, text = host.connect().greet().mail("viktor@example.org", BODY)
    assert (code, text[:5]) == ("451", "4.3.0")
    assert not os.path.exists(f"{host.homes}/viktor")
    host.make_home("viktor", UID + 1)
    subprocess.run([host.steadctl, "-c", host.conf, "queue", "flush", "ALL"],
                   check=True, capture_output=True)
    wait_for("the letter", lambda: host.messages("viktor"))
    wait_for("an empty queue", lambda: not host.queue())


def test_links_of_the_user(host):
    """~/Maildir may be a link; what the user cannot reach stays out of
    reach."""
    os.mkdir(f"{host.folder}/big")
    os.chown(f"{host.folder}/big", UID, UID)
    os.symlink(f"{host.folder}/big", f"{host.homes}/ursula/Maildir")
    host.start()
    deliver(host)
    assert len(glob.glob(f"{host.folder}/big/new/*")) == 1
    host.add_user("viktor", UID + 1)
    os.symlink(f"{host.folder}/big", f"{host.homes}/viktor/Maildir")
    wait_for("viktor", lambda: is_known(host, "viktor"))
    wire = host.connect().greet()
    assert wire.mail("viktor@example.org", BODY)[0] == "451"
    assert len(glob.glob(f"{host.folder}/big/*/*")) == 1


@pytest.fixture
def aliased(tmpdir, bindir):
    with UserSuite(tmpdir, bindir, PLAINTEXT,
                   aliases="ursula: ursula, alice\nroot: ursula\n") as h:
        h.add_user("ursula", UID)
        yield h


def test_aliases(aliased):
    aliased.start()
    deliver(aliased)
    assert len(aliased.messages("ursula")) == 1
    assert len(aliased.messages("alice@example.org")) == 1
    deliver(aliased, "root@example.org")
    wait_for("root's mail", lambda: len(aliased.messages("ursula")) == 2)


def test_processes_are_killed(host):
    """Each letter that was acknowledged is there, once."""
    host.start()
    wire = host.connect().greet()
    taken = []
    for i in range(40):
        if wire.mail("ursula@example.org",
                     b"X-Number: %d\r\n\r\n" % i)[0] == "250":
            taken.append(i)
        if i % 4 == 0:
            for pid in children(host):
                os.kill(pid, signal.SIGKILL)
        if i % 10 == 9:
            wait_for("users", lambda: host.pid_of("users"))
            os.kill(host.pid_of("users"), signal.SIGKILL)
    numbers = [int(re.search(rb"X-Number: (\d+)", read(x))[1])
               for x in host.messages("ursula")]
    subprocess.run([host.steadctl, "-c", host.conf, "queue", "flush", "ALL"],
                   check=True, capture_output=True)

    def all_there():
        numbers[:] = [int(re.search(rb"X-Number: (\d+)", read(x))[1])
                      for x in host.messages("ursula")]
        return not host.queue()
    wait_for("an empty queue", all_there)
    assert len(taken) > 20 and len(numbers) == len(set(numbers))
    assert set(taken) <= set(numbers)


def test_without_the_worker(host):
    """Mail waits, log-ins are told to come later; others go on."""
    host.start()
    host.remove_worker("users")
    os.kill(host.pid_of("users"), signal.SIGKILL)
    assert host.connect().greet().mail("ursula@example.org",
                                       BODY)[0] == "451"
    deliver(host, "alice@example.org")
    assert len(host.messages("alice@example.org")) == 1
    deliver(host, ["ursula@example.org", "alice@example.org"])
    wire = host.connect("pop3")
    wire.line()
    wire.send(b"USER ursula\r\nPASS secret\r\n")
    wire.line()
    assert wire.line().startswith("-ERR [SYS/TEMP]")
    host.add_worker("users")
    wait_for("a log-in", lambda: curl(host, "pop3", "ursula")[0] == 0)
    subprocess.run([host.steadctl, "-c", host.conf, "queue", "flush", "ALL"],
                   check=True, capture_output=True)
    wait_for("the letter", lambda: host.messages("ursula"))


def test_many_wrong_passwords(host):
    """More than PAM is asked at a time: all get an answer, and then the
    right one comes in."""
    host.start()
    wires = []
    for _ in range(60):
        wire = host.connect("pop3")
        wire.line()
        wire.send(b"USER ursula\r\nPASS wrong\r\n")
        wires.append(wire)
    for wire in wires:
        assert wire.line().startswith("+OK")
        assert wire.line().startswith("-ERR [AUTH]")
    assert curl(host, "pop3", "ursula")[0] == 0


def test_reload_keeps_serving(host):
    host.start()
    wire = host.connect("imap")
    wire.line()
    wire.send(b"a LOGIN ursula secret\r\n")
    assert wire.line().startswith("a OK")
    subprocess.run([host.steadctl, "-c", host.conf, "reload"], check=True,
                   capture_output=True)
    deliver(host)
    assert len(host.messages("ursula")) == 1
    wire.send(b"b STATUS INBOX (MESSAGES)\r\n")
    assert wire.line() == '* STATUS "INBOX" (MESSAGES 1)'
    assert curl(host, "imap", "ursula")[0] == 0
