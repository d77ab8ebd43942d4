"""Programs and files behind aliases: what they are given, as whom, and what
becomes of what they say. Judged by procmail, sh, Python's mailbox and the
kernel."""
import contextlib
import email
import fcntl
import mailbox
import os
import re
import signal
import subprocess

import pytest

from tests.system.suite import wait_for
from tests.system.test_relay import ALICE, Host

pytestmark = [
    pytest.mark.usefixtures("netns"),
    pytest.mark.skipif(os.geteuid() != 0, reason="programs are root's to run"),
]
BODY = b"Subject: hello\r\n\r\nThe token is 4711.\r\nFrom here on"


def yaml(timeout="10m", more=""):
    return (f"delivery: {{program_user: nobody, program_timeout: {timeout}}}\n"
            + more)


@pytest.fixture
def box(tmpdir):
    """A folder where anybody may write."""
    path = f"{tmpdir}/box"
    os.mkdir(path)
    os.chmod(path, 0o777)
    os.chmod(tmpdir, 0o755)
    return path


def sh(script):
    """An alias's target."""
    return f'"|/bin/sh -c \'{script}\'"'


def start(tmpdir, bindir, aliases, more=""):
    return Host(tmpdir, bindir, 1, yaml() + more, aliases=aliases).begin()


def send(host, to, body=BODY, sender="x@elsewhere.example"):
    """(reply's code, text)"""
    wire = host.connect().greet()
    reply = wire.mail(to, body, sender)
    wire.close()
    return reply


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


# the queued path hands out what the queue file says
@pytest.mark.parametrize("direct", [32, 0])
def test_what_it_is_given(tmpdir, bindir, box, direct):
    script = f"env >{box}/env; id >{box}/id; umask >{box}/mask; pwd >{box}/pwd"
    aliases = (f"filter: |/usr/bin/procmail -m {tmpdir}/rc\n"
               f"look: {sh(script + f'; cat >{box}/mail')}\n"
               f'words: |"/bin/sh -c \'echo $0 $1 >{box}/words\' a b\\\\ c"\n')
    with open(f"{tmpdir}/rc", "w", encoding="ascii") as f:
        f.write(f"DEFAULT={box}/mbox\n:0\n* ^Subject: hello\n{box}/mbox\n")
    os.chmod(f"{tmpdir}/rc", 0o644)
    with start(tmpdir, bindir, aliases,
               f"queue: {{direct_recipients: {direct}}}\n") as host:
        for to in "filter@example.org", "look+more@example.org":
            assert send(host, to)[0] == "250"
        assert send(host, "words@example.org", sender="")[0] == "250"
        for name in "mbox", "mail", "words":
            wait_for(name, lambda n=name: os.path.exists(f"{box}/{n}"))
        wait_for("an empty queue", lambda: not host.queue())
        mail, = mailbox.mbox(f"{box}/mbox")
        assert mail.get_from().startswith("x@elsewhere.example ")
        assert mail["Return-Path"] == "<x@elsewhere.example>"
        assert mail["Delivered-To"] == "filter@example.org"
        assert "4711.\n>From here on\n" in mail.get_payload()
        text = read(f"{box}/mail")
        assert "\nDelivered-To: look+more@example.org\nReceived: " in text
        assert text.endswith("\n\nThe token is 4711.\nFrom here on\n")
        env = dict(x.split("=", 1) for x in read(f"{box}/env").splitlines())
        assert (env["SENDER"], env["RECIPIENT"], env["LOCAL"],
                env["DOMAIN"], env["USER"]) == (
            "x@elsewhere.example", "look+more@example.org", "look+more",
            "example.org", "nobody")
        assert set(env) - {"PWD", "OLDPWD", "SHLVL", "_"} == {
            "SENDER", "RECIPIENT", "LOCAL", "DOMAIN", "USER", "HOME",
            "LOGNAME", "PATH", "SHELL", "LANG"}
        assert re.fullmatch(r"uid=65534\(nobody\) gid=65534\(nogroup\) "
                            r"groups=65534\(nogroup\)\n", read(f"{box}/id"))
        assert read(f"{box}/mask") == "0077\n"
        assert read(f"{box}/pwd") == "/\n"
        assert read(f"{box}/words") == "a b c\n"


def test_what_is_open_in_it(tmpdir, bindir, box):
    script = (f"ls -l /proc/self/fd >{box}/fds; "
              f"grep -E \"Cap|NoNewPrivs|Sig(Blk|Ign)\" /proc/self/status "
              f">{box}/status").replace('"', '\\"')
    with start(tmpdir, bindir, f"look: {sh(script)}\n") as host:
        assert send(host, "look@example.org")[0] == "250"
        fds = re.findall(r" (\d+) -> (\S+)", read(f"{box}/fds"))
        assert [int(n) for n, _ in fds] == [0, 1, 2, 3], fds  # 3: of ls
        assert fds[0][1].startswith("/memfd:message")
        assert fds[3][1].startswith("/proc/")
        said = dict(x.split(":\t") for x in read(f"{box}/status").splitlines())
        glibc = 3 << 31  # posix_spawn's children ignore these two
        assert {int(said[k], 16) & ~glibc for k in said
                if k[:3] in ("Cap", "Sig")} == {0}, said


@pytest.mark.parametrize("script,code,text", [
    ("exit 0", "250", ""),
    ("exit 1", "550", "5.3.0 /bin/sh: exit status 1"),
    ("echo no such list; exit 67", "550",
     "5.1.1 /bin/sh: exit status 67: no such list"),
    ("echo 5.7.1 members only; exit 77", "550",
     "5.7.1 /bin/sh: exit status 77: members only"),
    ("echo 4.7.1 members only; exit 77", "550", "5.3.0"),
    ("echo later >&2; exit 75", "451",
     "4.3.0 /bin/sh: exit status 75: later"),
    ("kill -KILL $$", "451", "4.3.0 /bin/sh: ended by signal 9"),
    # nothing of it is read, too much is said, something stays behind
    ("head -c 300000 /dev/zero; exit 1", "550", "exit status 1"),
    ("sleep 1000 & exit 1", "550", "exit status 1"),
    ("yes & exit 1", "550", "exit status 1"),
], ids=["fine", "fails", "nobody", "status", "other status", "later", "signal",
        "zeros", "left behind", "left speaking"])
def test_how_it_ends(tmpdir, bindir, box, script, code, text):
    pid = f"{box}/pid"
    if "&" in script and ">&" not in script:
        script = script.replace("& ", f"& echo $! >{pid}; ")
    with start(tmpdir, bindir, f"it: {sh(script)}\n") as host:
        said = send(host, "it@example.org", BODY + b"\r\nx" * 100000)
        assert said[0] == code and text in said[1], said
        assert not host.queue()
        if os.path.exists(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(read(pid)), signal.SIGKILL)


def test_no_such_program(tmpdir, bindir, box):
    """It may come back: nothing is lost by its absence."""
    with start(tmpdir, bindir, f"it: |{box}/it -x\n") as host:
        code, text = send(host, "it@example.org")
        assert code == "451" and "No such file" in text, text


def test_beside_others(tmpdir, bindir, box):
    """One that fails holds up nobody, and its sender hears its words; a
    program that two aliases lead to gets a message once."""
    fails = sh("echo \\\"cannot count\\\"; exit 1")
    count = sh(f"echo x >>{box}/count")
    aliases = (f"list: bob, {count}, fail\ncount: {count}\nfail: {fails}\n")
    with start(tmpdir, bindir, aliases) as host:
        assert send(host, ["list@example.org", "count@example.org",
                           "bob@example.org"], sender=ALICE)[0] == "250"
        notice = host.notice()
        assert "exit status 1: cannot count" in str(notice)
        status = email.message_from_string(
            str(notice.get_payload()[1].get_payload()[1]))
        assert status["Final-Recipient"] == "rfc822; list@example.org"
        assert status["Status"] == "5.3.0"
        wait_for("an empty queue", lambda: not host.queue())
        assert read(f"{box}/count") == "x\n"
        assert len(host.messages("bob@example.org")) == 1


def test_file(tmpdir, bindir, box):
    """Beside other programs, which lock it, too."""
    with start(tmpdir, bindir,
               f"keep: {box}/mbox, alice\nkeep2: \"{box}/mbox\"\n") as host:
        assert send(host, "keep@example.org")[0] == "250"
        assert send(host, "keep2+x@example.org", sender="")[0] == "250"
        with open(f"{box}/mbox", "r+b") as f:
            fcntl.lockf(f, fcntl.LOCK_EX)
            wire = host.connect().greet()
            assert wire.say("MAIL FROM:<x@y.example>")[0] == "250"
            assert wire.say("RCPT TO:<keep@example.org>")[0] == "250"
            assert wire.say("DATA")[0] == "354"
            wire.send(b"Subject: third\r\n\r\n.\r\n")
            wait_for("alice's", lambda: len(host.messages(ALICE)) == 2)
            f.seek(0, os.SEEK_END)
            f.write(b"From z@z.example Sun Nov 29 06:30:05 2026\n\nx\n\n")
        assert wire.reply()[0] == "250"
        st = os.stat(f"{box}/mbox")
        assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (
            65534, 65534, 0o600)
        said = [(m.get_from().split(" ")[0], m["Delivered-To"])
                for m in mailbox.mbox(f"{box}/mbox")]
        assert said == [
            ("x@elsewhere.example", "keep@example.org"),
            ("MAILER-DAEMON", "keep2+x@example.org"), ("z@z.example", None),
            ("x@y.example", "keep@example.org")]


def test_file_that_cannot_be(tmpdir, bindir, box):
    full, null = f"{tmpdir}/full", "null: /dev/null\n"
    os.mkdir(full)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "full",
                    full], check=True)
    try:
        with start(tmpdir, bindir, f"full: {full}/mbox\nroots: {tmpdir}/x\n"
                   f"no: {box}/no/mbox\n{null}") as host:
            assert send(host, "null@example.org")[0] == "250"
            assert send(host, "full@example.org")[0] == "250"
            before = read(f"{full}/mbox")
            code, text = send(host, "full@example.org",
                              b"Subject: x\r\n\r\n" + 2000 * (60 * b"x" +
                                                              b"\r\n"))
            assert code == "452" and text.startswith("4.3.1"), text
            assert read(f"{full}/mbox") == before
            assert send(host, "full@example.org")[0] == "250"
            assert send(host, "roots@example.org")[0] == "451"
            assert send(host, "no@example.org")[0] == "451"
    finally:
        subprocess.run(["umount", full], check=True)


def test_maildir(tmpdir, bindir, box):
    for name in "cur", "new", "tmp":
        os.makedirs(f"{box}/m/{name}")
        os.chown(f"{box}/m/{name}", 65534, 65534)
    with start(tmpdir, bindir, f"keep: {box}/m/\nno: {box}/no/\n") as host:
        assert send(host, "keep@example.org")[0] == "250"
        message, = mailbox.Maildir(f"{box}/m")
        assert message["Delivered-To"] == "keep@example.org"
        assert send(host, "no@example.org")[0] == "451"


@pytest.mark.parametrize("script", [
    "while :; do sleep 1; done", "yes"], ids=["silent", "says on and on"])
def test_it_takes_too_long(tmpdir, bindir, box, script):
    """It is ended with all of its group, though it will not hear of it."""
    script = (f"trap \\\"echo x >>{box}/told\\\" TERM; echo $$ >{box}/pid; "
              f"{script}; while :; do sleep 1; done")
    aliases = f"it: {sh(script)}\n"
    with Host(tmpdir, bindir, 1, yaml("1s"), aliases=aliases).begin() as host:
        code, text = send(host, "it@example.org")
        assert code == "451" and "it takes too long" in text, text
        pid = int(read(f"{box}/pid"))
        assert read(f"{box}/told") and not os.path.exists(f"/proc/{pid}")


def test_a_stop_ends_it(tmpdir, bindir, box):
    """Nobody could be told of its end: it is run again."""
    script = f"echo $$ >>{box}/pids; [ -e {box}/go ] || sleep 1000"
    with start(tmpdir, bindir, f"it: {sh(script)}\n",
               "queue: {direct_recipients: 0}\n") as host:
        assert send(host, "it@example.org")[0] == "250"
        pid = int(wait_for("it", lambda: os.path.exists(f"{box}/pids")
                           and read(f"{box}/pids")))
        host.stop()
        wait_for("its end", lambda: not os.path.exists(f"/proc/{pid}"))
        # and none is begun while others finish
        wait_for("it to be told by who ran it and who asked for it",
                 lambda: len(host.events("delivery.failed")) == 2)
        assert not host.said("worker.stuck")
        with open(f"{box}/go", "w", encoding="ascii"):
            host.start()
        wait_for("an empty queue", lambda: not host.queue())
        assert len(read(f"{box}/pids").splitlines()) == 2


def test_only_what_an_alias_leads_to(tmpdir, bindir, box):
    """Neither what a client asks for, nor what an alias led to once."""
    target = sh(f"echo x >>{box}/run; exit 75")
    with start(tmpdir, bindir, f"it: {target}\nother: bob\n/odd: bob\n",
               "queue: {direct_recipients: 0}\nsmtpd: {expn: all, vrfy: all}\n") as host:
        wire = host.connect().greet()
        for address in f'"|/bin/sh -c id>{box}/run"@example.org', (
                "|/bin/date@example.org"):
            assert wire.say("MAIL FROM:<x@y.example>")[0] == "250"
            assert wire.say(f"RCPT TO:<{address}>")[0] == "550"
            assert wire.say("RSET")[0] == "250"
        assert wire.say("EXPN it") == ("250", "2.1.5 <it@example.org>")
        # who is called like a file is none
        assert wire.say("EXPN /odd") == ("250", "2.1.5 <bob@example.org>")
        assert wire.say("VRFY /odd") == ("250", "2.1.5 </odd@example.org>")
        assert send(host, "it@example.org")[0] == "250"
        wait_for("a run", lambda: os.path.exists(f"{box}/run"))
        wait_for("its end", lambda: host.said("session.end"))
        with open(host.texts["aliases"], "w", encoding="ascii") as f:
            f.write("other: bob\n")
        host.ctl("reload", check=True)
        host.ctl("queue", "flush", check=True)
        wait_for("a refusal", lambda: host.said(
            "session.error", reason='"no alias leads there"'))
        assert read(f"{box}/run") == "x\n" and len(host.queue()) == 1


def test_what_is_no_program(tmpdir, bindir):
    rows = {
        "|date": "absolute path", "|/bin/a | /bin/b": "without a shell",
        "|/bin/a $HOME": "without a shell", "|": "absolute path",
        "|/bin/echo 'a": "quote without an end",
        "|/bin/" + 500 * "x": "more than 500", ":include:|/bin/x": "absolute"}
    aliases = "".join(f"a{i}: {x}\n" for i, x in enumerate(rows)) + (
        "list: :include:" + f"{tmpdir}/list\n")
    with open(f"{tmpdir}/list", "w", encoding="ascii") as f:
        f.write("|/bin/date\n")
    with start(tmpdir, bindir, aliases) as host:
        said = host.ctl("check").stderr.splitlines()
        for i, text in enumerate(rows.values()):
            line, = [x for x in said if x.startswith(f"aliases:{i + 1}:")]
            assert text in line, line
        assert any("list:1:1: programs and files are for the aliases" in x
                   for x in said), said
        wire = host.connect().greet()
        assert wire.say("MAIL FROM:<x@y.example>")[0] == "250"
        assert wire.say("RCPT TO:<a0@example.org>")[0] == "451"


@pytest.mark.parametrize("user,text", [
    ("root", "is root"), ("no-such-user", "no such user"),
    ("mailstead-store", "the server's own")])
def test_as_whom(tmpdir, bindir, user, text):
    host = Host(tmpdir, bindir, 1, f"delivery: {{program_user: {user}}}\n",
                aliases="it: |/bin/true\n")
    said = host.ctl("check")
    assert said.returncode != 0 and text in said.stderr, said
    host.start(wait=False)
    assert host.proc.wait(60) != 0 and text in host.text()
    host.proc = None


def test_not_without_a_user(tmpdir, bindir):
    with Host(tmpdir, bindir, 1, aliases="it: |/bin/true\n") as host:
        assert "delivery.program_user" in host.ctl("check").stderr
        host.start()
        wire = host.connect().greet()
        assert wire.say("MAIL FROM:<x@y.example>")[0] == "250"
        assert wire.say("RCPT TO:<it@example.org>")[0] == "451"
