"""The aliases file as hosts have it, and its mistakes: what is wrong holds
nobody else up, is told, and sends nobody's mail to somebody else. Judged by
swaks, steadctl, newaliases and the mailboxes."""
import json
import os
import shutil
import subprocess

import pytest

from tests.system.suite import Suite, wait_for
from tests.system.test_recipients import swaks, take

pytestmark = pytest.mark.usefixtures("netns")
ALIASES = """\
# as adduser and others have left it
mailer-daemon: postmaster
postmaster:\troot
root: \\alice
list: bob,
\t:include:{folder}/list

"ops team": alice
vacation: bob, "|/usr/bin/vacation bob"
alice: /dev/null
ring: ring2
ring2: ring
@example.org: bob
"""


@pytest.fixture
def host(tmpdir, bindir):
    with Suite(tmpdir, bindir, aliases=ALIASES.format(folder=tmpdir)) as h:
        write(h, "alice\n")
        shutil.copy(f"{bindir}/sendmail", f"{h.folder}/newaliases")
        yield h.start()


def write(host, text, mode=0o644):
    with open(f"{host.folder}/list", "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(f"{host.folder}/list", mode)


def newaliases(host):
    done = subprocess.run([f"{host.folder}/newaliases", "-C", host.conf],
                          check=True, capture_output=True, text=True,
                          timeout=60)
    return done.stderr


def ctl(host, *words):
    done = subprocess.run([host.steadctl, "-c", host.conf, *words],
                          check=False, capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_as_hosts_have_it(host):
    for to, accounts in (("root@example.org", ["alice"]),
                         ("MAILER-DAEMON@example.org", ["alice"]),
                         ("list@example.org", ["alice", "bob"]),
                         ("list+x@example.org", ["alice", "bob"]),
                         ('"ops team"@example.org', ["alice"]),
                         ("nobody@example.org", ["bob"])):
        assert swaks(host, to).startswith("250 2.0.0"), to
        for account in ("alice", "bob"):
            if account in accounts:
                take(host, f"{account}@example.org")
            else:
                assert host.messages(f"{account}@example.org") == []


def test_a_mistake_is_its_own(host):
    # not to bob in part, not to the catch-all, not for ever refused
    for to in ("vacation", "vacation+x", "ring", "ring2"):
        said = swaks(host, f"{to}@example.org")
        assert said.startswith("451 4.3.5") and said.endswith(
            "[directory-broken]"), said
    assert swaks(host, "bob@example.org").startswith("250 2.0.0")
    take(host, "bob@example.org")
    assert host.queue() == []
    # an account is before an alias of its name, broken or not
    assert swaks(host, "alice@example.org").startswith("250 2.0.0")
    lines = ["aliases:9:16: programs and files", "aliases:10:8: programs and",
             "aliases:11: ring: ", "aliases:12: ring2: "]
    log = [e["line"] for e in host.events("master.mistake")]
    status = json.loads(ctl(host, "--json", "status")[1])["mistakes"]
    code, out, err = ctl(host, "check")
    assert code == 1 and out == ""
    for told in (log, status, err.splitlines(), newaliases(host).splitlines()):
        assert len(told) == len(lines), told
        for line in lines:
            assert any(line in t for t in told), (line, told)
    assert all(line in ctl(host, "status")[1] for line in lines)
    code, out, _ = ctl(host, "explain", "directory-broken")
    assert code == 0 and "newaliases" in out


def test_mended(host):
    with open(host.texts["aliases"], "w", encoding="ascii") as f:
        f.write("vacation: bob\npostmaster: alice\n")
    assert swaks(host, "vacation@example.org").startswith("451")
    assert newaliases(host) == ""
    assert swaks(host, "vacation@example.org").startswith("250 2.0.0")
    assert swaks(host, "nobody@example.org").startswith("550 5.1.1")
    code, out, _ = ctl(host, "check")
    assert code == 0 and "ok" in out
    assert json.loads(ctl(host, "--json", "status")[1])["mistakes"] == []


def test_lists_of_others(host):
    """Only root and the file's owner may have had a say in it."""
    write(host, "alice, broken@\n")
    assert f"{host.folder}/list:1:8: domain expected" in newaliases(host)
    assert swaks(host, "list@example.org").startswith("451 4.3.5")
    write(host, "alice\n", 0o666)
    assert "may be written to by others" in newaliases(host)
    assert swaks(host, "list@example.org").startswith("451 4.3.5")
    os.unlink(f"{host.folder}/list")
    os.symlink("/etc/passwd", f"{host.folder}/list")
    assert "is no regular file" in newaliases(host)
    os.unlink(f"{host.folder}/list")
    write(host, "# new\n  alice ,\n")
    newaliases(host)
    assert swaks(host, "list@example.org").startswith("250 2.0.0")
    take(host, "alice@example.org")
    take(host, "bob@example.org")


def test_broken_account(tmpdir, bindir):
    """Its mail waits, whatever else there is of its name."""
    with Suite(tmpdir, bindir, aliases="alice: bob\n@example.org: bob\n") as h:
        path = f"{h.folder}/state/auth/accounts"
        with open(path, "a", encoding="ascii") as f:
            f.write("carl@example.org $y$secret sttae=off\n")
        h.start()
        said = swaks(h, "carl@example.org")
        assert said.startswith("451 4.3.5"), said
        assert swaks(h, "carl+x@example.org").startswith("451 4.3.5")
        assert swaks(h, "who@example.org").startswith("250 2.0.0")
        take(h, "bob@example.org")
        assert "accounts:3: unknown key" in h.text()
        # nor is what stands in the line shown
        assert "secret" not in h.text() + ctl(h, "check")[2]
        with open(path, "a", encoding="ascii") as f:
            f.write("who-knows\n")
        assert ctl(h, "reload")[0] == 0
        assert swaks(h, "who@example.org").startswith("451 4.3.5")
        assert swaks(h, "bob@example.org").startswith("250 2.0.0")
        wait_for("bob", lambda: h.messages("bob@example.org"))
