"""IMAP on a Maildir that other programs work on as well."""
import glob
import imaplib
import os
import re
import subprocess
import time

import pytest

from tests.system.suite import Wire, wait_for
from tests.system.test_imap import (LETTER, Raw, append, connect, flags_of,
                                    ok)
from tests.system.test_pop3 import ALICE, Mail

pytestmark = pytest.mark.usefixtures("netns")


@pytest.fixture
def suite(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(tls=False)


@pytest.fixture
def imap(suite):
    return connect(suite)


@pytest.fixture
def raw(suite):
    return Raw(suite)


def test_other_programs_change_the_maildir(suite, imap):
    append(imap, 1)
    append(imap, 2)
    ok(imap.select())
    paths = {int(re.search(r",U=(\d+)\.", p)[1]): p
             for p in suite.messages(ALICE)}
    os.rename(paths[1], paths[1] + "FS")
    os.rename(paths[2], os.path.dirname(paths[2]) + "/2.moved.host:2,T")
    suite.put("1700000000.M1.host", b"Subject: new\n\nx\n")
    ok(imap.noop())
    # the older file first
    assert flags_of(ok(imap.fetch("1:*", "(UID FLAGS)"))) == {
        1: {"\\Flagged", "\\Seen"}, 3: {"\\Deleted"}, 4: {"\\Recent"}}


def test_keywords_of_dovecot(suite, imap):
    """Its letters keep their names, also where Maildir has a flag of its own;
    new keywords get other letters."""
    text = (LETTER % (1, 1, 1)).replace(b"\r\n", b"\n")
    ok(imap.create("Old"))
    top = f"{suite.maildir(ALICE)}/.Old"
    os.makedirs(f"{top}/cur", exist_ok=True)
    with open(f"{top}/dovecot-keywords", "wb") as f:
        f.write(b"0 $Label1\n1 $Forwarded\n")
    for name in "1.host:2,ab", "2.host:2,Pc", "3.host:2,":
        with open(f"{top}/cur/{name}", "wb") as f:
            f.write(text)
    for path in glob.glob(f"{top}/**", recursive=True):
        os.chown(path, *os.stat(suite.maildir(ALICE))[4:6])
    ok(imap.select("Old"))
    ok(imap.store("3", "+FLAGS", "(new)"))
    assert flags_of(ok(imap.fetch("1:3", "(UID FLAGS)"))) == {
        1: {"$Label1", "$Forwarded"}, 2: {"$Forwarded"}, 3: {"new"}}
    (path,) = glob.glob(f"{top}/cur/3.host*")
    assert path.endswith(":2,d")
    assert ok(imap.search(None, "KEYWORD", "$Forwarded")) == [b"1 2"]
    ok(imap.store("1:2", "-FLAGS", "($Forwarded)"))
    assert flags_of(ok(imap.fetch("1:3", "(UID FLAGS)"))) == {
        1: {"$Label1"}, 2: set(), 3: {"new"}}


def test_a_file_that_may_not_be_linked_is_copied(suite, imap):
    """Somebody else's, which the session may read (protected_hardlinks)."""
    if not suite.root:
        pytest.skip("another's file is made by root")
    path = suite.put("1.host:2,F", (LETTER % (1, 1, 1)).replace(
        b"\r\n", b"\n"), "cur")
    os.chown(path, 0, 0)
    os.chmod(path, 0o644)
    ok(imap.select())
    ok(imap.copy("1", "Archive"))
    ok(imap.uid("MOVE", "1", "Trash"))
    for box in "Archive", "Trash":
        ok(imap.select(box))
        got = ok(imap.fetch("1", "(FLAGS BODY.PEEK[])"))
        assert b"\\Flagged" in got[0][0] and got[0][1] == LETTER % (1, 1, 1)


def test_a_torn_delivery_that_another_program_moved(suite):
    """As a power cut leaves it, and mutt takes it: not shown, kept in tmp/.
    One that somebody has shortened is shown. Both by IMAP and by POP3."""
    smtp = Wire(suite.address()).greet()
    for n in 1, 2:
        assert smtp.mail(ALICE, LETTER % (n, n, n))[0] == "250"
    top = suite.maildir(ALICE)
    torn, edited = sorted(os.listdir(f"{top}/new"))
    times = os.stat(f"{top}/new/{torn}")
    # what is changed within a tick of the kernel's clock is not seen to be
    time.sleep(0.05)
    for name in torn, edited:
        os.truncate(f"{top}/new/{name}", 100)
        os.rename(f"{top}/new/{name}", f"{top}/cur/{name}:2,")
    os.utime(f"{top}/cur/{torn}:2,", ns=(times.st_atime_ns,
                                         times.st_mtime_ns))
    imap = connect(suite)
    ok(imap.select())
    (got, _) = ok(imap.fetch("1:*", "(BODY.PEEK[])"))
    assert len(got[1]) >= 100
    assert os.listdir(f"{top}/tmp") == [f"torn.{torn}:2,"]
    os.rename(f"{top}/tmp/torn.{torn}:2,", f"{top}/cur/{torn}:2,")
    pop = suite.login()
    assert pop.stat()[0] == 1
    pop.quit()
    assert os.listdir(f"{top}/tmp") == [f"torn.{torn}:2,"]


@pytest.mark.parametrize("lie", [-7, 7])
def test_a_size_in_a_name_that_is_a_lie(suite, lie):
    """Never a message that looks whole and is not: it is cut off, in plain
    sight, and right the next time."""
    text = (LETTER % (1, 1, 1)).replace(b"\r\n", b"\n")
    wire = len(LETTER % (1, 1, 1))
    suite.put(f"1.host,S={len(text)},W={wire + lie}", text)
    imap = connect(suite)
    ok(imap.select())
    with pytest.raises(imaplib.IMAP4.abort):
        imap.fetch("1", "BODY.PEEK[]")
    imap = connect(suite)
    ok(imap.select())
    assert ok(imap.fetch("1", "BODY.PEEK[]"))[0][1] == LETTER % (1, 1, 1)


def test_folders_that_another_program_moves(suite, imap, raw):
    """A name means the folder that has it now, not the one that had it when
    it was opened; who has that one selected is told."""
    for box in "A", "B":
        ok(imap.create(box))
        append(imap, 1, box)
    append(imap, 2, "B")
    validity = {}
    for box in "A", "B":
        ok(imap.select(box))
        validity[box] = imap.response("UIDVALIDITY")[1]
    ok(imap.unselect())
    raw.say("s SELECT A")
    top = suite.maildir(ALICE)
    os.rename(f"{top}/.A", f"{top}/.C")
    os.rename(f"{top}/.B", f"{top}/.A")
    ok(imap.select("A"))
    assert imap.response("UIDVALIDITY")[1] == validity["B"]
    assert ok(imap.search(None, "ALL")) == [b"1 2"]
    assert append(imap, 3, "A") == 3
    assert len(os.listdir(f"{top}/.A/cur")) == 3
    assert imap.select("B")[0] == "NO"
    ok(imap.select("C"))
    assert imap.response("UIDVALIDITY")[1] == validity["A"]
    assert raw.say("a NOOP")[0].startswith("* BYE ")
    # and our own renaming knows which one it was
    os.rename(f"{top}/.C", f"{top}/.D")
    ok(imap.rename("A", "C"))
    ok(imap.select("C"))
    assert imap.response("UIDVALIDITY")[1] == validity["B"]


def test_a_file_system_that_became_read_only(suite, imap):
    """Mail can be read there, by a new session too; nothing is promised."""
    if os.geteuid() != 0:
        pytest.skip("mounting is for root")
    for n in 1, 2:
        append(imap, n)
    imap.logout()
    wait_for("the session's end", lambda: suite.said("session.end"), 30)
    suite.put("3.host", (LETTER % (3, 3, 3)).replace(b"\r\n", b"\n"))
    top = suite.maildir(ALICE)

    def mount(*how):
        subprocess.run(["mount", *how, top], check=True)

    mount("--bind", top)
    try:
        mount("-o", "remount,bind,ro")
        imap = connect(suite)
        ok(imap.select())
        got = ok(imap.fetch("1:*", "BODY[]"))
        assert [part[1] for part in got if isinstance(part, tuple)] == [
            LETTER % (1, 1, 1), LETTER % (2, 2, 2)]
        assert imap.store("1", "+FLAGS", "\\Flagged")[0] == "NO"
        assert imap.copy("1", "Archive")[0] == "NO"
        assert imap.append("INBOX", None, None, b"x\r\n")[0] == "NO"
        mount("-o", "remount,bind,rw")
        os.utime(f"{top}/new")
        ok(imap.noop())
        got = ok(imap.fetch("3", "(UID BODY[])"))
        assert b"UID 3 " in got[0][0]
        assert got[0][1] == LETTER % (3, 3, 3)
        imap.logout()
    finally:
        subprocess.run(["umount", "-l", top], check=True)
