"""Who is behind an address: details, domains that stand for others,
catch-alls, postmaster. Judged by swaks and by what is in the mailboxes."""
import os
import re
import subprocess

import pytest

from tests.lab.fake import Fake
from tests.system.suite import Suite, wait_for
from tests.system.users import UserSuite

pytestmark = pytest.mark.usefixtures("netns")
YAML = """\
alias_domains: [example.net=example.org]
"""
ALIASES = """\
team: alice+team, bob
own@example.net: bob
alice+own: bob
@example.org: alice+rest
"""


def swaks(host, to, sender="x@elsewhere.example"):
    """The reply to RCPT, or to the message."""
    address, port = host.address()
    done = subprocess.run(
        ["swaks", "--server", address, "--port", str(port), "--from", sender,
         "--to", to, "--body", "token-4711"], check=False, timeout=60,
        capture_output=True, text=True)
    said = re.findall(r"^<(?:-|\*\*) +(\d\d\d.*)$", done.stdout, re.M)
    return said[-2]


def take(host, account, count=1):
    """Delivered-To of the account's messages, which are removed."""
    paths = wait_for(account, lambda: (lambda p: len(p) >= count and p)(
        host.messages(account)))
    said = []
    for path in paths:
        with open(path, encoding="ascii") as f:
            text = f.read()
        assert "token-4711" in text
        head = text.partition("\n\n")[0]
        said += re.findall(r"^Delivered-To: (.*)$", head, re.M)
        os.unlink(path)
    assert len(said) == len(paths), said
    return sorted(said)


# the queued path makes its own field of what the queue file says
@pytest.mark.parametrize("direct", [32, 0])
def test_who_gets_it(tmpdir, bindir, direct):
    yaml = YAML + f"queue: {{direct_recipients: {direct}}}\n"
    with Suite(tmpdir, bindir, yaml, aliases=ALIASES) as host:
        host.start()
        for to, account, said in (
                ("alice@example.org", "alice@example.org",
                 "alice@example.org"),
                ("Alice+News.x@example.org", "alice@example.org",
                 "Alice+News.x@example.org"),
                ("bob@example.net", "bob@example.org", "bob@example.org"),
                ("bob+a+b@example.net", "bob@example.org",
                 "bob+a+b@example.org"),
                ("own@example.net", "bob@example.org", "bob@example.org"),
                ("alice+own@example.org", "bob@example.org",
                 "bob@example.org"),
                ("who.ever@example.net", "alice@example.org",
                 "alice+rest@example.org")):
            assert swaks(host, to).startswith("250 2.0.0"), to
            assert take(host, account) == [said], to
        assert swaks(host, "team@example.org").startswith("250 2.0.0")
        assert take(host, "alice@example.org") == ["alice+team@example.org"]
        assert take(host, "bob@example.org") == ["bob@example.org"]
        wait_for("an empty queue", lambda: host.queue() == [])


def test_delimiters(tmpdir, bindir):
    yaml = "recipient_delimiter: '-_'\n"
    with Suite(tmpdir, bindir, yaml, accounts=(
            "ann@example.org", "ann-marie@example.org")) as host:
        host.start()
        for to, account in (("ann-x@example.org", "ann@example.org"),
                            ("ann-marie-x_y@example.org",
                             "ann-marie@example.org")):
            assert swaks(host, to).startswith("250 2.0.0")
            assert take(host, account) == [to]
        assert swaks(host, "ann+x@example.org").startswith("550 5.1.1")
        host.write_conf(yaml="recipient_delimiter: ''\n")
        subprocess.run([host.steadctl, "-c", host.conf, "reload"], check=True,
                       timeout=60, capture_output=True)
        assert swaks(host, "ann-x@example.org").startswith("550 5.1.1")


@pytest.mark.parametrize("to", [
    "<Postmaster>", "<POSTMASTER@example.org>", "<postmaster@example.net>"])
def test_postmaster_whom_nobody_has_named(tmpdir, bindir, to):
    """RFC 5321 4.5.1: taken, and there when somebody asks for it."""
    with Suite(tmpdir, bindir, YAML + "auth: {allow_plaintext: true}\n") as h:
        h.start()
        wire = h.connect().greet()
        assert wire.say("MAIL FROM:<>")[0] == "250"
        assert wire.say(f"RCPT TO:{to}")[0] == "250"
        assert wire.say("DATA")[0] == "354"
        wire.send(b"Subject: s\r\n\r\ntoken-4711\r\n.\r\n")
        assert wire.reply()[0] == "250"
        assert h.queue() == []
        subprocess.run([h.steadctl, "--run", f"{h.folder}/run", "account",
                        "add", "postmaster@example.org"], input="pw\n",
                       text=True, check=True, timeout=60)
        address, port = h.address("imap")
        done = subprocess.run(
            ["curl", "-sS", "-m", "60", "-u", "postmaster@example.org:pw",
             f"imap://{address}:{port}/INBOX;UID=1"], check=True,
            capture_output=True, text=True)
        assert "token-4711" in done.stdout


def test_relay_domains(tmpdir, bindir):
    """Taken on 25 from anybody, for those who are there, and sent on to the
    host that is named for the domain; the smart host gets the other mail."""
    recipients = f"{tmpdir}/recipients"
    with open(recipients, "w", encoding="ascii") as f:
        f.write("# of the branch\njim@branch.example\n@all.example\n")
    aliases = ("both: jim@branch.example, y@elsewhere.example, "
               "z@all.example, jim@mx.example\n")
    with Fake() as branch, Fake() as smart:
        yaml = (f"relay:\n  host: localhost\n  port: {smart.port}\n"
                "  tls: may\n  domains:\n"
                f"    - branch.example=localhost:{branch.port}\n"
                f"    - all.example=[127.0.0.1]:{branch.port}\n"
                "    - mx.example\n"
                f"  recipients: {recipients}\n")
        with Suite(tmpdir, bindir, yaml, aliases=aliases) as host:
            host.start()
            assert swaks(host, "joe@branch.example").startswith("550 5.1.1")
            said = swaks(host, "jim@sub.branch.example")
            assert said.startswith("550 5.7.1") and "relay-denied" in said
            assert swaks(host, "y@elsewhere.example").startswith("550 5.7.1")
            for to in ("jim+x@branch.example", "postmaster@branch.example",
                       "any@all.example"):
                assert swaks(host, to).startswith("250 2.0.0"), to
                wait_for(to, lambda to=to: [r for r in told(branch)
                                            if to in r])
            # one message, ways of its own
            with open(recipients, "a", encoding="ascii") as f:
                f.write("jim@mx.example\n")
            subprocess.run([host.steadctl, "-c", host.conf, "reload"],
                           check=True, timeout=60, capture_output=True)
            assert swaks(host, "both@example.org").startswith("250 2.0.0")
            wait_for("an empty queue", lambda: not host.queue())
            assert sorted(told(smart)) == [
                "RCPT TO:<jim@mx.example>", "RCPT TO:<y@elsewhere.example>"]
            assert sorted(told(branch))[-3:] == [
                "RCPT TO:<jim@branch.example>",
                "RCPT TO:<postmaster@branch.example>",
                "RCPT TO:<z@all.example>"]


def told(fake):
    return [line.decode("ascii") for line in fake.heard
            if line.startswith(b"RCPT")]


@pytest.mark.skipif(os.geteuid() != 0, reason="users are for root")
def test_users_of_the_system(tmpdir, bindir):
    aliases = "staff: ursula+staff\npostmaster: ursula\n"
    with UserSuite(tmpdir, bindir, YAML, aliases=aliases) as host:
        host.add_user("ursula", 20001)
        host.start()
        for to, said in (
                ("ursula@example.net", "ursula@example.org"),
                ("ursula+x@example.org", "ursula+x@example.org"),
                ("URSULA+x@example.net", "URSULA+x@example.net"),
                ("staff@example.net", "ursula+staff@example.org"),
                ("postmaster@example.net", "ursula@example.org")):
            assert swaks(host, to).startswith("250 2.0.0"), to
            assert take(host, "ursula") == [said], to
