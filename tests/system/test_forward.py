"""~/.forward: where it sends mail, as whom, and what holds mail up. Judged by
procmail, sh, Python's mailbox and email, and the kernel."""
import contextlib
import mailbox
import os
import re
import signal
import subprocess
import time

import pytest

from tests.lab.fake import Fake
from tests.system.suite import wait_for
from tests.system.users import UserSuite

pytestmark = [
    pytest.mark.usefixtures("netns"),
    pytest.mark.skipif(os.geteuid() != 0, reason="users are for root"),
]
URSULA, VERA = "ursula@example.org", "vera@example.org"
ALICE, FAR = "alice@example.org", "far@elsewhere.example"
UID = 20001
BODY = b"Subject: hello\r\n\r\nThe token is 4711."


class Host(UserSuite):
    """With two users, a far host, and what a user may write."""

    def __init__(self, tmpdir, bindir, yaml="", forward="", **more):
        self.far = Fake(more.pop("script", None))
        users = f"domains: [example.org], forward: {forward or 'all'}"
        super().__init__(
            tmpdir, bindir,
            f"relay: {{host: localhost, port: {self.far.port}, tls: none}}\n"
            + yaml, **more)
        self.write_conf(self.yaml_of_users(users))
        self.add_user("ursula", UID)
        self.add_user("vera", UID + 1)

    def yaml_of_users(self, users):
        return re.sub(r"users: \{[^}]*\}", f"users: {{{users}}}", self.yaml)

    def __exit__(self, *args):
        super().__exit__(*args)
        self.far.close()

    def says(self, text, name="ursula", uid=None, mode=0o644):
        """~/.forward, as an editor would write it."""
        path = f"{self.homes}/{name}/.forward"
        with open(f"{path}.new", "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        owner = os.stat(f"{self.homes}/{name}").st_uid if uid is None else uid
        os.chown(f"{path}.new", owner, owner)
        os.chmod(f"{path}.new", mode)
        os.rename(f"{path}.new", path)
        return path

    def send(self, to=URSULA, body=BODY, sender="x@elsewhere.example"):
        with contextlib.closing(self.connect().greet()) as wire:
            return wire.mail(to, body, sender)

    def settled(self):
        wait_for("an empty queue", lambda: not self.queue())

    def ctl(self, *words):
        return subprocess.run(
            [f"{self.bindir}/steadctl", "-c", self.conf, *words], text=True,
            capture_output=True, check=True).stdout

    def home(self, *path):
        return os.path.join(self.homes, "ursula", *path)


@pytest.fixture
def host(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        h.start()
        yield h


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def letter(host, account):
    path, = host.messages(account)
    with open(path, "rb") as f:
        return mailbox.MaildirMessage(f.read())


def test_instead_of_the_mailbox(host):
    host.says("# away\n" + ALICE + "\n")
    assert host.send()[0] == "250"
    wait_for("the letter", lambda: host.messages(ALICE))
    host.settled()
    assert host.messages("ursula") == []
    mail = letter(host, ALICE)
    assert mail["Return-Path"] == "<x@elsewhere.example>"
    assert mail.get_all("Delivered-To") == [ALICE, URSULA]
    assert mail.get_payload() == "The token is 4711.\n"
    # the same of what waits in the queue with others
    with contextlib.closing(host.connect().greet()) as wire:
        for word in ("MAIL FROM:<x@elsewhere.example>",
                     f"RCPT TO:<{URSULA}>", f"RCPT TO:<{VERA}>"):
            assert wire.say(word)[0] == "250"
        assert wire.say("DATA")[0] == "354"
        assert wire.say("Subject: two\r\n\r\nbody\r\n.")[0] == "250"
    wait_for("it", lambda: len(host.messages(ALICE)) == 2)
    assert len(host.messages("vera")) == 1
    host.settled()


@pytest.mark.parametrize("text,own,alice,far", [
    ("", 1, 0, 0),
    ("# nothing\n\n", 1, 0, 0),
    ("\\ursula\n", 1, 0, 0),
    ("Ursula@Example.org", 1, 0, 0),
    (f"\\ursula, {ALICE}", 1, 1, 0),
    (f"ursula\n{FAR},{ALICE},{FAR}\n", 1, 1, 1),
    ("alice", 0, 1, 0),
    ("ursula+more@example.org, team", 1, 1, 0),  # both lead back
    (f'"{ALICE}"'.replace('"', ""), 0, 1, 0),
])
def test_what_it_says(tmpdir, bindir, text, own, alice, far):
    with Host(tmpdir, bindir,
              aliases="team: ursula, alice\nlist: ursula\n") as host:
        host.start()
        host.says(text)
        for to in URSULA, "list@example.org", "ursula+x@example.org":
            assert host.send(to)[0] == "250"
        wait_for("them", lambda: len(host.messages("ursula")) == 3 * own and
                 len(host.messages(ALICE)) == 3 * alice and
                 len(host.far.bodies) == 3 * far)
        host.settled()
        assert not host.said("queue.bounced")


def test_to_another_host(host):
    host.says(f"{FAR}\n")
    with contextlib.closing(host.connect().greet()) as wire:
        for word in ("MAIL FROM:<x@elsewhere.example> RET=HDRS ENVID=e1",
                     f"RCPT TO:<{URSULA}> NOTIFY=SUCCESS,FAILURE "
                     "ORCPT=rfc822;u@x.example"):
            assert wire.say(word)[0] == "250"
        assert wire.say("DATA")[0] == "354"
        assert wire.say("Subject: far\r\n\r\nbody\r\n.")[0] == "250"
    wait_for("it, and a notice", lambda: len(host.far.bodies) == 2)
    body, notice = host.far.bodies
    assert body.startswith(b"Delivered-To: ursula@example.org\r\nReceived: ")
    assert b"MAIL FROM:<x@elsewhere.example>" in host.far.heard[1]
    # the other host knows no DSN: RFC 3461 5.2.2, told by the new message
    assert b"Original-Recipient: rfc822; u@x.example" in notice
    assert b"Action: relayed" in notice and FAR.encode() in notice
    host.settled()
    assert len(host.far.bodies) == 2


def test_several_are_told_as_an_alias(host):
    host.says(f"\\ursula, {FAR}\n")
    with contextlib.closing(host.connect().greet()) as wire:
        for word in ("MAIL FROM:<x@elsewhere.example>",
                     f"RCPT TO:<{URSULA}> NOTIFY=SUCCESS,FAILURE"):
            assert wire.say(word)[0] == "250"
        assert wire.say("DATA")[0] == "354"
        assert wire.say("Subject: far\r\n\r\nbody\r\n.")[0] == "250"
    wait_for("both", lambda: len(host.far.bodies) == 2)
    host.settled()
    notice, = [b for b in host.far.bodies if b"multipart/report" in b]
    assert re.findall(rb"\r\nAction: (\w+)", notice) == [b"delivered"]
    assert URSULA.encode() in notice and FAR.encode() not in notice
    assert len(host.messages("ursula")) == 1


def test_a_program_is_the_users(host):
    out = host.home("out")
    host.says('"|/bin/sh -c \'id >out; pwd >>out; env >>out; cat >mail; '
              'umask >>out\'"\n')
    assert host.send("ursula+more@example.org")[0] == "250"
    host.settled()
    said = read(out)
    assert said.startswith(f"uid={UID}(ursula) gid={UID}(ursula) "
                           f"groups={UID}(ursula)\n{host.home()}\n")
    env = dict(re.findall(r"^([A-Z]+)=(.*)$", said, re.M))
    assert (env["SENDER"], env["RECIPIENT"], env["LOCAL"], env["USER"],
            env["HOME"]) == (
        "x@elsewhere.example", "ursula+more@example.org", "ursula+more",
        "ursula", host.home())
    assert said.endswith("0077\n")
    assert os.stat(out).st_uid == UID
    mail = read(host.home("mail"))
    assert mail.startswith("From x@elsewhere.example ")
    assert "\nDelivered-To: ursula+more@example.org\n" in mail
    assert mail.endswith("\n\nThe token is 4711.\n")
    assert host.messages("ursula") == []


# as procmail(1) has it for sendmail and smrsh: a shell's doing
@pytest.mark.parametrize("line", [
    '"|IFS=\' \' && exec /usr/bin/procmail -f- || exit 75 #ursula"',
    '"|exec /usr/bin/procmail"',
    "|/usr/bin/procmail",
    '|"/usr/bin/procmail -a x"',
])
def test_procmail(host, line):
    with open(host.home(".procmailrc"), "w", encoding="ascii") as f:
        f.write("DEFAULT=$HOME/kept/\n")
    os.chown(host.home(".procmailrc"), UID, UID)
    host.says(line + "\n")
    assert host.send()[0] == "250"
    wait_for("it", lambda: os.path.isdir(host.home("kept/new")) and
             os.listdir(host.home("kept/new")))
    host.settled()
    mail, = mailbox.Maildir(host.home("kept"))
    assert mail["Delivered-To"] == URSULA
    assert os.stat(host.home("kept/new")).st_uid == UID


def test_files(host):
    mailbox.Maildir(host.home("box"))
    subprocess.run(["chown", "-R", f"{UID}:{UID}", host.home("box")],
                   check=True)
    host.says(f'{host.home("mbox")}, "{host.home("box")}/"\n')
    assert host.send()[0] == host.send()[0] == "250"
    host.settled()
    assert len(mailbox.mbox(host.home("mbox"))) == 2
    assert len(mailbox.Maildir(host.home("box"))) == 2
    assert os.stat(host.home("mbox")).st_uid == UID


def test_each_by_itself(host):
    """One of several fails and is tried again; the others are not repeated."""
    host.says('\\ursula, "|/bin/sh -c \'echo x >>count; cat >/dev/null\'", '
              '"|/bin/sh -c \'test -e fixed || exit 75\'", ' + ALICE)
    assert host.send()[0] == "250"
    wait_for("a failure", lambda: host.said("queue.deferred"))
    wait_for("alice", lambda: host.messages(ALICE))
    open(host.home("fixed"), "w", encoding="ascii").close()
    host.ctl("queue", "flush")
    host.settled()
    assert read(host.home("count")) == "x\n"
    assert len(host.messages("ursula")) == len(host.messages(ALICE)) == 1


def test_a_change_is_seen_at_once(host):
    for n in range(1, 4):
        host.says(f"{ALICE}\n")
        assert host.send()[0] == "250"
        os.unlink(host.home(".forward"))
        assert host.send()[0] == "250"
        host.settled()
        assert len(host.messages(ALICE)) == n
        assert len(host.messages("ursula")) == n


@pytest.mark.parametrize("text,why", [
    ("a b@example.org\n", "~/.forward of ursula: 1:"),
    (f"{ALICE}\n\n|\n", "~/.forward of ursula: 3:"),
    (":include:/etc/passwd\n", "~/.forward of ursula: 1:1: :include: is for"),
    ("nobody.here\n", "~/.forward of ursula: "),
    (f"{ALICE}, mail/box\n", "~/.forward of ursula: "),
    (b"|/bin/a\0b\n", "~/.forward of ursula: 1:"),
    (b"\xff\xfe\0a\0", "~/.forward of ursula: 1:"),
    ("#" * 16385, "~/.forward of ursula: more than 16384 bytes"),
    (",".join(f"a{i}@x.example" for i in range(201)),
     "~/.forward of ursula: more than 200 targets"),
])
def test_mistakes_wait(host, text, why):
    host.says(text)
    code, text = host.send()
    assert code == "451" and text.startswith("4.3.5 " + why), text
    assert host.messages("ursula") == host.queue() == []
    host.says(ALICE)
    assert host.send()[0] == "250"


def test_whom_it_belongs_to(host):
    path = host.says(f"{ALICE}\n", uid=UID + 1)
    code, text = host.send()
    assert code == "451" and "belongs to somebody else" in text
    host.says(f"{ALICE}\n", mode=0o646)
    assert "others may write to it" in host.send()[1]
    os.chmod(path, 0o664)  # its own group, as Debian makes users
    assert host.send()[0] == "250"
    os.chown(path, UID, UID + 1)
    assert "others may write to it" in host.send()[1]
    os.chown(path, 0, 0)
    os.chmod(path, 0o644)
    assert host.send()[0] == "250"
    os.chmod(path, 0o600)
    assert host.send()[0] == "451"  # root's alone
    os.unlink(path)
    os.mkfifo(path)
    os.chown(path, UID, UID)
    assert "not a regular file" in host.send()[1]
    os.unlink(path)
    os.mkdir(path)
    assert host.send()[0] == "451"
    os.rmdir(path)
    # the user's own link is followed, with the user's rights
    with open(host.home("dot"), "w", encoding="ascii") as f:
        f.write(f"{ALICE}\n")
    os.chown(host.home("dot"), UID, UID)
    os.symlink("dot", path)
    assert host.send()[0] == "250"
    os.unlink(host.home("dot"))
    assert host.send()[0] == "250"  # leads nowhere: no file
    host.settled()
    assert len(host.messages(ALICE)) == 3
    assert len(host.messages("ursula")) == 1


def test_around_in_a_circle(host):
    """Between two users; each is passed once, and the sender hears."""
    host.says(f"{VERA}\n")
    host.says(f"{URSULA}\n", name="vera")
    assert host.send()[0] == "250"
    wait_for("a notice", lambda: host.far.bodies)
    host.settled()
    notice, = host.far.bodies
    assert b"Status: 5.4.6" in notice and URSULA.encode() in notice
    assert host.messages("ursula") == host.messages("vera") == []
    assert len(host.events("queue.filed")) == 3  # two and the notice


def test_each_keeps_it_and_sends_it_to_the_other(host):
    host.says(f"\\ursula, {VERA}\n")
    host.says(f"\\vera, {URSULA}\n", name="vera")
    assert host.send()[0] == "250"
    wait_for("both", lambda: host.messages("ursula") and host.messages("vera"))
    host.settled()
    assert not host.far.bodies  # nobody is told of a failure
    assert len(host.messages("vera")) == 1


@pytest.mark.parametrize("forward,own,alice", [
    ("none", 2, 0), ("addresses", 0, 1)])
def test_what_is_allowed(tmpdir, bindir, forward, own, alice):
    with Host(tmpdir, bindir, forward=forward) as host:
        host.start()
        host.says(f"{ALICE}\n")
        assert host.send()[0] == "250"
        host.says("|/usr/bin/touch was-run\n")
        code, text = host.send()
        assert code == ("250" if forward == "none" else "451"), text
        assert forward == "none" or "users.forward" in text
        host.settled()
        assert len(host.messages("ursula")) == own
        assert len(host.messages(ALICE)) == alice
        assert not os.path.exists(host.home("was-run"))


def test_no_shell_no_programs(host):
    host.edit("passwd", lambda text: text.replace(
        f"{host.home()}:/bin/sh", f"{host.home()}:/usr/sbin/nologin"))
    host.says(f'"|/usr/bin/touch was-run", {host.home("mbox")}\n')
    assert host.send()[0] == "250"
    wait_for("the file", lambda: os.path.exists(host.home("mbox")))
    wait_for("a failure", lambda: host.said("queue.deferred"))
    assert "/etc/shells" in host.ctl("queue", "list")
    assert not os.path.exists(host.home("was-run"))


def test_what_was_taken_out_is_not_run(host):
    """It waits; the user thinks better of it. The mail is the user's still."""
    host.says("|exit 75\n")
    assert host.send()[0] == "250"
    wait_for("a failure", lambda: host.said("queue.deferred"))
    waiting, = [m for m in host.queue() if "-f0" in m]
    shown = host.ctl("queue", "show", os.path.basename(waiting).split(":")[0])
    assert URSULA in shown and "\\ursula|exit 75" in shown
    host.says(f"{ALICE}\n")
    host.ctl("queue", "flush")
    host.settled()
    assert len(host.messages("ursula")) == 1
    assert host.messages(ALICE) == []


def test_its_failure_comes_back(host):
    host.says('"|echo go away; exit 77"\n')
    assert host.send()[0] == "250"
    wait_for("a notice", lambda: host.far.bodies)
    host.settled()
    notice, = host.far.bodies
    assert b"exit status 77: go away" in notice
    assert b"Final-Recipient: rfc822; ursula@example.org" in notice


def test_it_is_seen(host):
    host.says(f"{FAR}, \"|/bin/false --mark\"\n")
    assert host.send()[0] == "250"
    wait_for("it", lambda: host.far.bodies)
    qid = host.events("smtp.accepted")[-1]["qid"]
    wait_for("the story", lambda: "sent on as" in host.ctl("trace", qid))
    child = re.search(r"sent on as (\S+)", host.ctl("trace", qid)).group(1)
    assert child.rstrip(".") == f"{qid}-f0"
    story = host.ctl("trace", f"{qid}-f0")
    assert f"sent on by ~/.forward: {qid}" in story
    assert FAR in story and "\\ursula|/bin/false --mark" in story
