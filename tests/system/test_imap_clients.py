"""IMAP as mail programs speak it: mutt, mbsync, fetchmail."""
import glob
import os
import pty
import re
import select
import subprocess
import time

import pytest

from tests.system.suite import wait_for
from tests.system.test_imap import LETTER, append, connect, ok
from tests.system.test_pop3 import ALICE, SECRET, Mail

pytestmark = pytest.mark.usefixtures("netns")


@pytest.fixture
def suite(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(tls=False)


# ---- mbsync --------------------------------------------------------------------

def mbsync(suite, *options):
    host, port = suite.address("imap")
    rc, local = f"{suite.folder}/mbsyncrc", f"{suite.folder}/local"
    os.makedirs(local, exist_ok=True)
    with open(rc, "w", encoding="ascii") as f:
        f.write(f"""
IMAPAccount a
Host {host}
Port {port}
User {ALICE}
Pass "{SECRET}"
SSLType None
AuthMechs LOGIN

IMAPStore far
Account a

MaildirStore near
SubFolders Verbatim
Path {local}/
Inbox {local}/INBOX

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
""")
    done = subprocess.run(["mbsync", "-c", rc, "-V", *options, "-a"],
                          capture_output=True, text=True, timeout=100,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def local_files(suite):
    return {os.path.relpath(p, f"{suite.folder}/local"): open(p, "rb").read()
            for p in glob.glob(f"{suite.folder}/local/**/*", recursive=True)
            if re.search(r"/(cur|new)/", p)}


def test_mbsync_both_ways_and_twice(suite):
    imap = connect(suite)
    ok(imap.create("Work/Reports"))
    for n in range(1, 30):
        append(imap, n, "INBOX" if n % 3 else "Work/Reports",
               "\\Seen" if n % 2 else None)
    mbsync(suite)
    files = local_files(suite)
    assert len(files) == 29
    assert sum("Work/Reports/" in p for p in files) == 9
    bodies = {text.replace(b"\n", b"\r\n") for text in files.values()}
    for n in range(1, 30):
        assert any(b.endswith(b"Body of %d\r\n" % n) for b in bodies)
    before = suite.messages(ALICE)
    mbsync(suite)
    assert local_files(suite) == files  # nothing is to be done again
    assert suite.messages(ALICE) == before
    # changes on both sides
    ok(imap.select())
    ok(imap.store("1", "+FLAGS", "\\Flagged"))
    ok(imap.store("2", "+FLAGS", "\\Deleted"))
    ok(imap.expunge())
    append(imap, 30)
    (victim,) = [p for p in glob.glob(f"{suite.folder}/local/INBOX/*/*")
                 if open(p, "rb").read().endswith(b"Body of 5\n")]
    os.unlink(victim)
    with open(f"{suite.folder}/local/INBOX/new/1.local", "wb") as f:
        f.write((LETTER % (31, 31, 31)).replace(b"\r\n", b"\n"))
    mbsync(suite)
    subjects = {int(re.search(rb"number (\d+)", t)[1])
                for p, t in local_files(suite).items() if "INBOX/" in p}
    ok(imap.noop())
    ok(imap.select())
    got = ok(imap.fetch("1:*", "BODY.PEEK[]"))
    there = {int(re.search(rb"number (\d+)", part[1])[1])
             for part in got if isinstance(part, tuple)}
    assert there == subjects == \
        {n for n in range(1, 32) if n % 3} - {2, 5} | {30, 31}


# ---- mutt ------------------------------------------------------------------------

class Mutt:
    """mutt on a terminal of its own; keys in, the end awaited."""

    def __init__(self, suite, keys):
        host, port = suite.address("imap")
        rc = f"{suite.folder}/muttrc"
        with open(rc, "w", encoding="ascii") as f:
            f.write(f"""
set folder="imap://{host}:{port}/" spoolfile="imap://{host}:{port}/INBOX"
set imap_user="{ALICE}" imap_pass="{SECRET}" ssl_starttls=no ssl_force_tls=no
set imap_authenticators="login"
set confirmappend=no confirmcreate=no delete=yes move=no quit=yes
set wait_key=no mark_old=no resolve=no sleep_time=0 header_cache="" record=""
set realname="Alice" from="{ALICE}" postponed="=Drafts" timeout=5
push "{keys}"
""")
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", HOME=suite.folder, LC_ALL="C")
            os.execvp("mutt", ["mutt", "-n", "-F", rc])
        seen, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([fd], [], [], 1)
            if not ready:
                continue
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        else:
            os.kill(pid, 9)
        status = os.waitpid(pid, 0)[1]
        os.close(fd)
        self.seen = seen.decode(errors="replace")
        assert status == 0, (status, self.seen[-3000:])


def test_mutt_reads_moves_and_flags(suite, tmpdir):
    imap = connect(suite)
    for n in range(1, 4):
        append(imap, n)
    out = f"{tmpdir}/out"
    Mutt(suite, "<first-entry><copy-message>" + out + "<enter>"
         "<flag-message><next-entry>"
         "<save-message>=Archive<enter><sync-mailbox><quit>")
    with open(out, "rb") as f:
        assert b"Body of 1\n" in f.read()
    ok(imap.select())
    flags = ok(imap.fetch("1:*", "(UID FLAGS)"))
    assert len(flags) == 2
    assert b"\\Flagged" in flags[0]
    ok(imap.select("Archive"))
    assert b"Body of 2" in ok(imap.fetch("1", "BODY.PEEK[]"))[0][1]


def test_mutt_finds_and_deletes(suite):
    imap = connect(suite)
    for n in range(1, 6):
        append(imap, n)
    Mutt(suite, "<delete-pattern>=b\\\"body of 3\\\"<enter><sync-mailbox><quit>")
    ok(imap.select())
    left = [part[1] for part in ok(imap.fetch("1:*", "BODY.PEEK[TEXT]"))
            if isinstance(part, tuple)]
    assert left == [b"Body of %d\r\n" % n for n in (1, 2, 4, 5)]


# ---- fetchmail ---------------------------------------------------------------------

def test_fetchmail_takes_all_and_removes(suite, tmpdir):
    imap = connect(suite)
    for n in range(1, 4):
        append(imap, n)
    host, port = suite.address("imap")
    rc, out = f"{tmpdir}/fetchmailrc", f"{tmpdir}/fetched"
    with open(rc, "w", encoding="ascii") as f:
        f.write(f'poll {host} protocol IMAP port {port} auth password\n'
                f'user "{ALICE}" password "{SECRET}" sslproto "" fetchall\n'
                f'mda "cat >>{out}"\n')
    os.chmod(rc, 0o600)
    done = subprocess.run(
        ["fetchmail", "-f", rc, "--nosyslog", "--nodetach", "-i",
         f"{tmpdir}/ids", "--pidfile", f"{tmpdir}/pid"],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(out, "rb") as f:
        text = f.read()
    assert all(b"Body of %d\n" % n in text for n in (1, 2, 3))
    ok(imap.select())
    wait_for("an empty mailbox",
             lambda: ok(imap.search(None, "ALL")) == [b""] or imap.noop()[1] ==
             0, 10)
