"""IMAP as mail programs speak it: mutt, mbsync, fetchmail."""
import glob
import os
import re

import pytest

from tests.system.readers import Mutt, fetchmail, mbsync
from tests.system.suite import wait_for
from tests.system.test_imap import LETTER, append, connect, ok
from tests.system.test_pop3 import ALICE, SECRET, Mail

LOGIN = ALICE, SECRET
pytestmark = pytest.mark.usefixtures("netns")


@pytest.fixture
def suite(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(tls=False)


# ---- mbsync --------------------------------------------------------------------

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
    mbsync(suite.folder, suite.address("imap"), LOGIN)
    files = local_files(suite)
    assert len(files) == 29
    assert sum("Work/Reports/" in p for p in files) == 9
    bodies = {text.replace(b"\n", b"\r\n") for text in files.values()}
    for n in range(1, 30):
        assert any(b.endswith(b"Body of %d\r\n" % n) for b in bodies)
    before = suite.messages(ALICE)
    mbsync(suite.folder, suite.address("imap"), LOGIN)
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
    mbsync(suite.folder, suite.address("imap"), LOGIN)
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

def test_mutt_reads_moves_and_flags(suite, tmpdir):
    imap = connect(suite)
    for n in range(1, 4):
        append(imap, n)
    out = f"{tmpdir}/out"
    Mutt(suite.folder, suite.address("imap"), LOGIN,
         "<first-entry><copy-message>" + out + "<enter>"
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
    Mutt(suite.folder, suite.address("imap"), LOGIN,
         "<delete-pattern>=b\\\"body of 3\\\"<enter><sync-mailbox><quit>")
    ok(imap.select())
    left = [part[1] for part in ok(imap.fetch("1:*", "BODY.PEEK[TEXT]"))
            if isinstance(part, tuple)]
    assert left == [b"Body of %d\r\n" % n for n in (1, 2, 4, 5)]


# ---- fetchmail ---------------------------------------------------------------------

def test_fetchmail_takes_all_and_removes(suite, tmpdir):
    imap = connect(suite)
    for n in range(1, 4):
        append(imap, n)
    text = fetchmail(tmpdir, suite.address("imap"), LOGIN, "IMAP")
    assert all(b"Body of %d\n" % n in text for n in (1, 2, 3))
    ok(imap.select())
    wait_for("an empty mailbox",
             lambda: ok(imap.search(None, "ALL")) == [b""] or imap.noop()[1] ==
             0, 10)
