"""IMAP behind the log-in, judged by curl, imaplib and the bytes on the wire;
real mail programs are in test_imap_clients.py."""
import glob
import imaplib
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from tests.system.suite import Wire, wait_for
from tests.system.test_pop3 import ALICE, SECRET, Mail

pytestmark = pytest.mark.usefixtures("netns")
LETTER = (b"From: Joe <joe@example.net>\r\nTo: alice@example.org\r\n"
          b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= number %d\r\n"
          b"Date: Tue, 3 Feb 2026 10:00:00 +0900\r\n"
          b"Message-ID: <%d@example.net>\r\n\r\nBody of %d\r\n")
VIRTUAL = "state/index/example.org/alice"


@pytest.fixture
def suite(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(tls=False)


def connect(suite):
    host, port = suite.address("imap")
    imap = imaplib.IMAP4(host, port, timeout=60)
    imap.login(ALICE, SECRET)
    return imap


@pytest.fixture
def imap(suite):
    return connect(suite)


def append(imap, n, box="INBOX", flags=None):
    code, said = imap.append(box, flags, None, LETTER % (n, n, n))
    assert code == "OK", said
    return int(re.search(rb"APPENDUID \d+ (\d+)", said[0])[1])


def ok(result):
    code, data = result
    assert code == "OK", data
    return data


def flags_of(data):
    """{UID: set of flags} of a FETCH (UID FLAGS)."""
    found = {}
    for line in data:
        if b"UID" not in line:
            continue  # news of other sessions
        uid = int(re.search(rb"UID (\d+)", line)[1])
        found[uid] = set(re.search(rb"FLAGS \(([^)]*)\)",
                                   line)[1].decode().split())
    return found


class Raw:
    """Bytes on the wire, logged in."""

    def __init__(self, suite):
        self.wire = Wire(suite.address("imap"))
        self.wire.sock.settimeout(60)
        self.wire.line()
        self.say(f'l LOGIN {ALICE} "{SECRET}"')

    def say(self, text, data=b""):
        """All lines up to the tagged one."""
        tag = text.split()[0]
        self.wire.send(text.encode("latin-1") + data + b"\r\n")
        return self.until(tag)

    def until(self, tag):
        lines = []
        while not lines or not lines[-1].startswith(tag + " "):
            lines.append(self.wire.line())
            assert lines[-1] or len(lines) < 1000, lines
        return lines


@pytest.fixture
def raw(suite):
    return Raw(suite)


# ---- mailboxes and messages --------------------------------------------------

def test_curl_finds_what_came_by_smtp(suite):
    wire = Wire(suite.address()).greet()
    assert wire.mail(ALICE, (LETTER % (7, 7, 7))[:-2])[0] == "250"
    host, port = suite.address("imap")
    got = subprocess.run(
        ["curl", "-sS", "--user", f"{ALICE}:{SECRET}",
         f"imap://{host}:{port}/INBOX/;MAILINDEX=1"],
        capture_output=True, check=True, timeout=60).stdout
    assert got.endswith(LETTER % (7, 7, 7))
    assert got.startswith(b"Return-Path: <x@elsewhere.example>\r\n")


def test_uids_flags_and_bodies_stay(suite, imap):
    uids = [append(imap, n, flags="(\\Seen $Label1)" if n == 2 else None)
            for n in range(1, 4)]
    assert uids == [1, 2, 3]
    ok(imap.select())
    ok(imap.uid("STORE", "3", "+FLAGS.SILENT", "(\\Flagged kurz)"))
    ok(imap.uid("STORE", "1", "+FLAGS", "\\Deleted"))
    ok(imap.expunge())
    validity = imap.response("UIDVALIDITY")[1]
    imap.logout()
    wait_for("the session's end", lambda: suite.said("session.end"), 30)
    shutil.rmtree(f"{suite.folder}/{VIRTUAL}/imap.2")  # a cache, no more
    imap = connect(suite)
    ok(imap.select())
    assert imap.response("UIDVALIDITY")[1] == validity
    assert flags_of(ok(imap.fetch("1:*", "(UID FLAGS)"))) == {
        2: {"\\Seen", "$Label1"}, 3: {"\\Flagged", "kurz"}}
    assert append(imap, 4) == 4
    got = ok(imap.uid("FETCH", "2:3", "BODY.PEEK[]"))
    assert [part[1] for part in got if isinstance(part, tuple)] == [
        LETTER % (2, 2, 2), LETTER % (3, 3, 3)]


def test_the_index_is_used_and_never_believed(suite, imap):
    """The second answer is the first one's, also from an index that was there
    before; a message under another name is not taken for it."""
    append(imap, 1)
    ok(imap.select())
    items = "(ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
    first = ok(imap.fetch("1", items))
    assert ok(imap.fetch("1", items)) == first
    assert b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= number 1" in first[0][0]
    imap.logout()
    wait_for("the session's end", lambda: suite.said("session.end"), 30)
    assert os.path.exists(f"{suite.folder}/{VIRTUAL}/imap.2/mark")
    (path,) = glob.glob(f"{suite.maildir(ALICE)}/cur/*")
    text = (LETTER % (2, 2, 2)).replace(b"\r\n", b"\n")
    with open(path, "wb") as f:
        f.write(text)
    os.rename(path, re.sub(r"/cur/[^,]*", "/cur/other", path))
    imap = connect(suite)
    ok(imap.select())
    assert b"number 2" in ok(imap.fetch("1", "ENVELOPE"))[0]


def test_sections(imap):
    message = (b"Subject: m\r\nContent-Type: multipart/mixed; boundary=b\r\n"
               b"\r\npre\r\n--b\r\n\r\none\r\n--b\r\n"
               b"Content-Type: message/rfc822\r\n\r\n"
               b"Subject: inner\r\n\r\ninner body\r\n--b--\r\n")
    ok(imap.append("INBOX", None, None, message))
    ok(imap.select())

    def section(text):
        (got, _) = ok(imap.fetch("1", f"BODY.PEEK[{text}]"))
        return got[1]

    assert section("1") == b"one"
    assert section("2.HEADER") == b"Subject: inner\r\n\r\n"
    assert section("2.TEXT") == b"inner body"
    assert section("2.1") == b"inner body"
    assert section("1.MIME") == b"\r\n"
    assert section("HEADER.FIELDS.NOT (SUBJECT)").startswith(b"Content-Type")
    assert ok(imap.fetch("1", "BODY.PEEK[7]")) == [b"1 (BODY[7] NIL)"]
    (got, _) = ok(imap.fetch("1", "BODY[]<9.3>"))
    assert got == (b"1 (BODY[]<9> {3}", message[9:12])
    assert b"\\Seen" in ok(imap.fetch("1", "FLAGS"))[0]
    ok(imap.select("INBOX", readonly=True))


def test_read_only_changes_nothing(imap):
    append(imap, 1)
    ok(imap.select("INBOX", readonly=True))
    ok(imap.fetch("1", "BODY[]"))
    for command in (("STORE", "1", "+FLAGS", "\\Deleted"),
                    ("MOVE", "1", "Trash"), ("EXPUNGE", "1")):
        assert imap.uid(*command)[0] == "NO"
    assert b"\\Seen" not in ok(imap.fetch("1", "FLAGS"))[0]


def test_what_cannot_be_marked_as_seen_is_read(suite, imap):
    """Renaming in cur/ is forbidden, as on a read-only file system."""
    for n in 1, 2:
        append(imap, n)
    ok(imap.select())
    cur = f"{suite.maildir(ALICE)}/cur"
    os.chmod(cur, 0o500)
    got = ok(imap.fetch("1:2", "BODY[]"))
    os.chmod(cur, 0o700)
    assert [part[1] for part in got if isinstance(part, tuple)] == [
        LETTER % (1, 1, 1), LETTER % (2, 2, 2)]
    assert len(suite.events("session.error")) == 1
    assert b"\\Seen" not in ok(imap.fetch("1", "FLAGS"))[0]
    ok(imap.fetch("1", "BODY[]"))
    assert b"\\Seen" in ok(imap.fetch("1", "FLAGS"))[0]


def test_search(imap):
    for n in range(1, 4):
        append(imap, n, flags="\\Answered" if n == 2 else None)
    ok(imap.append("INBOX", None, '"03-Feb-2020 00:30:00 +0100"',
                   b"Subject: old\r\nX-Odd: wert\r\n\r\nQXV0bw==\r\n"))
    ok(imap.append("INBOX", None, None,
                   b"Content-Transfer-Encoding: base64\r\n"
                   b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n"
                   b"U3RyYd9lIPxi\r\n"))
    ok(imap.select())

    def search(*keys):
        return [int(n) for n in ok(imap.search(None, *keys))[0].split()]

    assert search("NOT", "ALL") == []
    assert search("ANSWERED") == [2]
    assert search("1:2", "UNANSWERED") == [1]
    assert search("OR", "2", "UID", "3") == [2, 3]
    assert search("NOT", "(1:2 UNANSWERED)") == [2, 3, 4, 5]
    assert search("FROM", "JOE@") == [1, 2, 3]
    assert search("SUBJECT", '"number 3"') == [3]
    assert search("SENTON", "3-Feb-2026") == [1, 2, 3]
    assert search("SENTBEFORE", "3-Feb-2026") == []
    assert search("ON", "2-Feb-2020") == [4]  # 23:30 of the day before, UTC
    assert search("BEFORE", "1-Jan-2021") == [4]
    assert search("HEADER", "x-odd", '""') == [4]
    assert search("HEADER", "x-odd", "WERT") == [4]
    assert search("BODY", '"body of 2"') == [2]
    assert search("TEXT", '"example.net"') == [1, 2, 3]
    assert search("LARGER", "100", "SMALLER", "1000", "1:3") == [1, 2, 3]
    assert search("NEW") == search("RECENT", "UNSEEN")
    code, said = imap.search("UTF-8", "TEXT", '"x"')
    assert code == "OK"
    code, said = imap.search("KOI8-R", "TEXT", '"x"')
    assert code == "NO" and b"[BADCHARSET" in said[0]


def test_search_beyond_ascii(raw, imap):
    append(imap, 1)
    ok(imap.append("INBOX", None, None,
                   b"Content-Transfer-Encoding: base64\r\n"
                   b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n"
                   b"U3RyYd9lIPxi\r\n"))
    raw.say("s SELECT INBOX")
    for word, found in (("GRÜß", "1"), ("ÜB", "2"), ("straße", "2")):
        text = word.encode()
        lines = raw.say(f"a SEARCH CHARSET UTF-8 TEXT {{{len(text)}+}}\r\n",
                        data=text)
        assert f"* SEARCH {found}" in lines, lines


# ---- several at a time --------------------------------------------------------

def test_two_sessions_and_sequence_numbers(suite, imap, raw):
    """RFC 3501 7.4.1: EXPUNGE is told, but not while FETCH, STORE or SEARCH
    are answered; until then the numbers mean what they meant."""
    for n in range(1, 5):
        append(imap, n)
    raw.say("s SELECT INBOX")
    ok(imap.select())
    ok(imap.store("2", "+FLAGS", "\\Deleted"))
    ok(imap.expunge())
    append(imap, 5)
    lines = raw.say("a FETCH 4 (UID)")
    assert "* 4 FETCH (UID 4)" in lines and "* 5 EXISTS" in lines
    assert not any("EXPUNGE" in line for line in lines[:-1])
    lines = raw.say("b FETCH 2 (UID)")  # it is gone, its number is not
    assert lines[-1].startswith("b OK [EXPUNGEISSUED]")
    assert raw.say("c STORE 3 +FLAGS (\\Flagged)")[0] == \
        "* 3 FETCH (FLAGS (\\Flagged))"
    assert raw.say("d NOOP")[0] == "* 2 EXPUNGE"
    assert "* 3 FETCH (UID 4)" in raw.say("e FETCH 3 (UID)")
    # and the first session hears of the flag
    ok(imap.noop())
    assert b"2 (FLAGS (\\Flagged" in imap.response("FETCH")[1][0]


def test_idle_is_told_of_mail_flags_and_removals(suite, imap, raw):
    append(imap, 1)
    raw.say("s SELECT INBOX")
    raw.wire.send(b"i IDLE\r\n")
    assert raw.wire.line() == "+ idling"
    # our own delivery
    smtp = Wire(suite.address()).greet()
    assert smtp.mail(ALICE, LETTER % (2, 2, 2))[0] == "250"
    assert raw.wire.line() == "* 2 EXISTS"
    assert raw.wire.line() == "* 1 RECENT"
    # another session
    ok(imap.select())
    ok(imap.store("1", "+FLAGS", "\\Flagged"))
    assert raw.wire.line() == "* 1 FETCH (FLAGS (\\Flagged))"
    # another program
    (path,) = [p for p in suite.messages(ALICE) if ",U=1." in p]
    os.unlink(path)
    assert raw.wire.line() == "* 1 EXPUNGE"
    raw.wire.send(b"DONE\r\n")
    assert raw.wire.line() == "i OK Idle completed"
    assert raw.say("b NOOP") == ["b OK Noop completed"]


def test_idle_without_watch(suite, imap, raw):
    """A session whose watch died is told all the same, later."""
    raw.say("s SELECT INBOX")
    raw.wire.send(b"i IDLE\r\n")
    assert raw.wire.line() == "+ idling"
    os.kill(suite.pid_of("watch"), signal.SIGKILL)
    smtp = Wire(suite.address()).greet()
    assert smtp.mail(ALICE, LETTER % (2, 2, 2))[0] == "250"
    assert raw.wire.line() == "* 1 EXISTS"


def test_a_storm_of_sessions_agrees(suite, imap):
    """Eight sessions set flags, add, copy and expunge; in the end all see the
    same, and every message that nobody removed is there."""
    kept = [append(imap, n) for n in range(1, 21)]
    failures = []

    def work(number):
        try:
            mine = connect(suite)
            ok(mine.select())
            for n in range(12):
                uid = append(mine, 100 * number + n)
                ok(mine.uid("STORE", str(kept[n]), "+FLAGS",
                            f"(k{number} \\Seen)"))
                ok(mine.uid("COPY", str(uid), "Archive"))
                ok(mine.uid("STORE", str(uid), "+FLAGS", "\\Deleted"))
                ok(mine.uid("EXPUNGE", str(uid)))
            mine.logout()
        except (AssertionError, imaplib.IMAP4.error, OSError) as e:
            failures.append((number, repr(e)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    ok(imap.select())
    flags = flags_of(ok(imap.fetch("1:*", "(UID FLAGS)")))
    assert sorted(flags) == kept
    words = {"\\Seen", *(f"k{n}" for n in range(8))}
    assert all(flags[uid] - {"\\Recent"} == words for uid in kept[:12])
    assert all(not flags[uid] - {"\\Recent"} for uid in kept[12:])
    ok(imap.select("Archive"))
    uids = [int(u) for u in ok(imap.uid("SEARCH", "ALL"))[0].split()]
    assert len(uids) == len(set(uids)) == 96
    assert uids == sorted(uids)


def test_two_processes_of_one_account(suite, imap, raw):
    """After a reload the old process serves on beside a new one: UIDs come
    from one sequence, and each sees what the other does."""
    assert append(imap, 1) == 1
    raw.say("s SELECT INBOX")
    subprocess.run([f"{suite.bindir}/steadctl", "-c", suite.conf, "reload"],
                   check=True, capture_output=True)
    other = connect(suite)
    pids = {e["pid"] for e in suite.events("session.start", service="imap")}
    assert len(pids) == 2
    for n in range(2, 10):
        assert append(imap if n % 2 else other, n) == n
    ok(other.select())
    ok(other.store("3", "+FLAGS", "(\\Flagged new)"))
    lines = raw.say("a NOOP")
    assert "* 9 EXISTS" in lines
    assert "* 3 FETCH (FLAGS (\\Flagged new))" in lines or \
        "new" in raw.say("b FETCH 3 (FLAGS)")[-2]
    ok(other.uid("STORE", "5", "+FLAGS", "\\Deleted"))
    ok(other.expunge())
    assert "* 5 EXPUNGE" in raw.say("c NOOP")
    ok(imap.select())
    got = ok(imap.fetch("1:*", "(UID ENVELOPE)"))
    assert [int(re.search(rb"UID (\d+)", g)[1]) for g in got] == \
        [1, 2, 3, 4, 6, 7, 8, 9]
    assert all(b"number %d" % int(re.search(rb"UID (\d+)", g)[1]) in g
               for g in got)


@pytest.mark.parametrize("abi", [0, 1, 2])
def test_older_kernels(tmpdir, bindir, abi):
    """What crosses folders (new to cur, COPY, MOVE, RENAME) under the Landlock
    that they have; 2 is the reference platform's."""
    uid = "" if os.geteuid() else "uid_base: 61200, "
    with Mail(tmpdir, bindir) as suite:
        suite.begin(tls=False, more=f"sandbox: {{{uid}landlock_abi: {abi}}}\n")
        smtp = Wire(suite.address()).greet()
        assert smtp.mail(ALICE, LETTER % (1, 1, 1))[0] == "250"
        imap = connect(suite)
        ok(imap.select())
        append(imap, 2, "Sent")
        ok(imap.copy("1", "Archive"))
        ok(imap.uid("MOVE", "1", "Trash"))
        ok(imap.create("a/b"))
        ok(imap.rename("a", "c"))
        ok(imap.delete("c/b"))
        for box in "Archive", "Trash", "Sent":
            ok(imap.select(box))
            assert b"ENVELOPE" in ok(imap.fetch("1", "ENVELOPE"))[0]
        imap.logout()
        assert not suite.said("session.error") and not suite.said("imap.index")


# ---- what must not be lost ------------------------------------------------------

def test_appended_mail_outlives_kill_9(suite, imap):
    """Whatever got its OK is there, under the UID that was told."""
    told = {}
    for n in range(30):
        try:
            told[append(imap, n)] = n
        except (imaplib.IMAP4.abort, OSError):
            imap = connect(suite)
        if n % 7 == 3:
            for line in suite.events("session.start", service="imap"):
                try:
                    os.kill(int(line["pid"]), signal.SIGKILL)
                except ProcessLookupError:
                    pass
    imap = connect(suite)
    ok(imap.select())
    for uid, n in told.items():
        got = ok(imap.uid("FETCH", str(uid), "BODY.PEEK[]"))
        assert got[0][1] == LETTER % (n, n, n)
    assert len(told) > 20


def test_uids_are_not_given_twice_after_kill_9(suite, imap):
    last = append(imap, 1)
    ok(imap.select())
    for n in range(2, 8):
        ok(imap.uid("STORE", str(last), "+FLAGS", "\\Deleted"))
        ok(imap.expunge())
        for line in suite.events("session.start", service="imap"):
            try:
                os.kill(int(line["pid"]), signal.SIGKILL)
            except ProcessLookupError:
                pass
        imap = connect(suite)
        uid = append(imap, n)
        assert uid > last
        last = uid
        ok(imap.select())


def test_the_disk_is_full(tmpdir, bindir):
    """A message that finds no room is refused, and nothing is left of it."""
    if os.geteuid() != 0:
        pytest.skip("a small file system is for root")
    small = f"{tmpdir}/small"
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs",
                    small], check=True)
    try:
        with Mail(tmpdir, bindir, store=small) as suite:
            imap = connect(suite.begin(tls=False))
            append(imap, 1)
            code, said = imap.append("INBOX", None, None, b"x\r\n" * 900000)
            assert code == "NO" and b"[OVERQUOTA]" in said[0], said
            ok(imap.select())
            assert ok(imap.search(None, "ALL")) == [b"1"]
            ok(imap.store("1", "+FLAGS", "\\Deleted"))
            ok(imap.expunge())
            assert append(imap, 2) == 2
            assert os.listdir(f"{suite.maildir(ALICE)}/tmp") == []
            imap.logout()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_copy_is_all_or_nothing(tmpdir, bindir):
    """RFC 3501 6.4.7, where there is room for seventy links more (tmpfs counts
    each as a file); of a move nothing is lost."""
    if os.geteuid() != 0:
        pytest.skip("a small file system is for root")
    small = f"{tmpdir}/small"
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m,mode=755", "tmpfs",
                    small], check=True)
    try:
        with Mail(tmpdir, bindir, store=small) as suite:
            imap = connect(suite.begin(tls=False))
            for n in range(100):
                append(imap, n)
            ok(imap.select())
            used = os.statvfs(small)
            files = used.f_files - used.f_ffree
            for room, code in (70, "NO"), (1000, "OK"):
                subprocess.run(["mount", "-o", f"remount,nr_inodes="
                                f"{files + room}", small], check=True)
                for command, box in ("COPY", "Archive"), ("MOVE", "Trash"):
                    assert imap.uid(command, "1:*", box)[0] == code
                    there = os.listdir(f"{suite.maildir(ALICE)}/.{box}/cur")
                    assert len(there) == (100 if code == "OK" else 0)
                    left = 0 if (command, code) == ("MOVE", "OK") else 100
                    assert len(suite.messages(ALICE)) == left
            imap.logout()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


# ---- what strangers and broken clients say -----------------------------------------

@pytest.mark.parametrize("line, start", [
    ("a", "* BAD "),
    ("", "* BAD "),
    ("a FOO", "a BAD "),
    ("a UID NOOP", "a BAD "),
    ("a FETCH 1 FLAGS", "a BAD "),  # nothing is selected
    ("a SELECT", "a BAD "),
    ("a SELECT nowhere", "a NO [NONEXISTENT] "),
    ("a SELECT ../../bob", "a NO [NONEXISTENT] "),
    ("a SELECT \"a\\\\b/\"", "a NO [CANNOT] "),
    ("a CREATE ../x", "a OK "),  # a name like others: &AC4-&AC4-/x
    ("a CREATE a//b", "a NO [CANNOT] "),
    ("a CREATE &AGE-", "a NO [CANNOT] "),
    ("a CREATE Sent", "a NO [ALREADYEXISTS] "),
    ("a DELETE nowhere", "a NO [NONEXISTENT] "),
    ("a RENAME Sent Sent/sub", "a NO [CANNOT] "),
    ("a APPEND nowhere {1+}\r\nx", "a NO [TRYCREATE] "),
    ("a APPEND INBOX {0+}\r\n", "a NO [CANNOT] "),
    ("a APPEND INBOX {3+}\r\na\0b", "a NO [CANNOT] "),
    ("a APPEND INBOX (\\Recent) {1+}\r\nx", "a BAD "),
    ("a APPEND INBOX {1+}\r\nx {1+}\r\ny", "a BAD "),
    ("a APPEND INBOX {1+}\r\nx {1}", "a BAD "),
    ("a APPEND INBOX {1+}\r\nx {9999999}", "a BAD "),
    ("a APPEND INBOX {1+}\r\nxb APPEND INBOX {1+}\r\ny", "a BAD "),
    ("a APPEND INBOX {1+}\r\nxb APPEND nowhere {1+}\r\ny", "a BAD "),
    ("a APPEND INBOX {1+}\r\nxLONG", "a BAD "),
    ("a APPEND INBOX {99999999}", "a NO [LIMIT] "),
    ("a LIST \"\"", "a BAD "),
    ("a STATUS INBOX (FOO)", "a BAD "),
    ("a LOGIN x y", "a BAD "),
    ("a STARTTLS", "a BAD "),
    ("a SELECT \"IN\rBOX\"", "a BAD "),
    ("a SELECT LONG", "a BAD "),
    ("a SELECT {300000+}\r\nLONG", "a BAD "),
])
def test_wrong_words(suite, raw, line, start):
    line = line.replace("LONG", "x" * 300000)
    raw.wire.send(line.encode("latin-1") + b"\r\n")
    tag = start.split()[0]
    assert raw.until(tag)[-1].startswith(start)
    assert raw.say("z NOOP")[-1] == "z OK Noop completed"
    assert suite.messages(ALICE) == []


@pytest.mark.parametrize("line", [
    "a FETCH 1", "a FETCH 1 FOO", "a FETCH 0 FLAGS", "a FETCH 99 FLAGS",
    "a FETCH 1 BODY[", "a FETCH 1 BODY[1.FOO]", "a FETCH 1 BODY[]<1>",
    "a FETCH 1 BODY[]<0.0>", "a FETCH 1 (FLAGS", "a FETCH 1 ()",
    "a STORE 1 FLAGS", "a STORE 1 FLAGS (\\Foo)", "a STORE 1 FLAGS (a]b)",
    "a SEARCH", "a SEARCH FOO", "a SEARCH OR ALL", "a SEARCH (ALL",
    "a SEARCH ON 31-Feb", "a SEARCH " + "NOT " * 200 + "ALL",
    "a SEARCH " + "(" * 200, "a COPY 1", "a EXPUNGE 1", "a UID EXPUNGE",
    "a FETCH " + ",".join("1" for _ in range(90)) + " BODY[x]",
])
def test_wrong_words_about_messages(imap, raw, line):
    append(imap, 1)
    raw.say("s SELECT INBOX")
    assert raw.say(line)[-1].startswith("a BAD "), line
    assert raw.say("b FETCH 1 (UID)")[0] == "* 1 FETCH (UID 1)"


def test_a_header_of_100000_lines(imap):
    text = b"".join(b"X-%d: y\r\n" % n for n in range(100000)) + \
        b"Subject: at last\r\n\r\nbody\r\n"
    imaplib._MAXLINE = 10 << 20
    ok(imap.append("INBOX", None, None, text))
    ok(imap.select())
    assert b"at last" in ok(imap.fetch("1", "(ENVELOPE BODYSTRUCTURE)"))[0]
    assert ok(imap.fetch("1", "BODY.PEEK[]"))[0][1] == text
    assert ok(imap.fetch("1", "BODY.PEEK[HEADER.FIELDS (X-99999)]")
              )[0][1] == b"X-99999: y\r\n\r\n"
    assert ok(imap.search(None, "HEADER", "X-50000", '"y"')) == [b"1"]


def test_a_thousand_silent_connections(suite, imap):
    quiet = [Wire(suite.address("imap")) for _ in range(990)]
    append(imap, 1)
    other = connect(suite)
    ok(other.select())
    for wire in quiet:
        wire.close()


def test_pipelined_commands_are_answered_in_order(raw):
    raw.wire.send(b"".join(b"p%d NOOP\r\n" % n for n in range(200)))
    for n in range(200):
        assert raw.wire.line() == f"p{n} OK Noop completed"


def test_a_client_that_does_not_read_holds_up_nobody(suite, imap, raw):
    ok(imap.append("INBOX", None, None, b"x" * 70 + b"\r\n" * 2))
    ok(imap.append("INBOX", None, None, (b"y" * 70 + b"\r\n") * 60000))
    raw.say("s SELECT INBOX")
    raw.wire.send(b"".join(b"f%d FETCH 2 BODY.PEEK[]\r\n" % n
                           for n in range(20)))
    time.sleep(0.5)
    ok(imap.select())
    ok(imap.fetch("1", "BODY.PEEK[]"))
    # and when it reads, it gets all of it
    total = 0
    while total < 20 * 4320000:
        total += len(raw.wire.sock.recv(1 << 20))
    assert total >= 20 * 4320000


def test_too_many_errors_end_it(raw):
    for n in range(30):
        raw.wire.send(b"a FOO\r\n")
    lines = []
    while True:
        line = raw.wire.line()
        if not line:
            break
        lines.append(line)
    assert len(lines) < 30 and lines[-1].startswith("* BYE ")


def test_cut_in_the_middle_of_a_message(suite, raw, imap):
    raw.wire.send(b"a APPEND INBOX {1000+}\r\nhalf of it")
    time.sleep(0.2)
    raw.wire.close()
    wait_for("its end", lambda: suite.said("imap.end"), 30)
    ok(imap.select())
    assert ok(imap.search(None, "ALL")) == [b""]
    assert suite.messages(ALICE) == []


def test_a_new_account_has_its_folders(imap):
    names = [line.split(b' "/" ') for line in ok(imap.list())]
    assert {n[1].strip(b'"'): n[0] for n in names} == {
        b"INBOX": b"(\\HasNoChildren)",
        b"Archive": b"(\\HasNoChildren \\Archive)",
        b"Drafts": b"(\\HasNoChildren \\Drafts)",
        b"Junk": b"(\\HasNoChildren \\Junk)",
        b"Sent": b"(\\HasNoChildren \\Sent)",
        b"Trash": b"(\\HasNoChildren \\Trash)"}
    assert len(ok(imap.lsub())) == 6


def test_trees_of_mailboxes(imap, raw):
    for name in ("Work/Reports/2026", "Work.x", "&APw-ber/Entw&APw-rfe"):
        ok(imap.create(name))
    append(imap, 1, "Work/Reports/2026")

    def names(pattern):
        return sorted(line.split('"/" ')[1].strip('"') for line in
                      raw.say(f'a LIST "" {pattern}')[:-1])

    assert names("Wo%") == ["Work", "Work.x"]
    assert names("Work/*") == ["Work/Reports", "Work/Reports/2026"]
    assert names("%/%") == ["&APw-ber/Entw&APw-rfe", "Work/Reports"]
    assert raw.say("b SELECT Work")[-1].startswith("b NO [NONEXISTENT]")
    ok(imap.rename("Work", "Old"))
    assert names("Old*") == ["Old", "Old/Reports", "Old/Reports/2026"]
    ok(imap.select("Old/Reports/2026"))
    assert len(ok(imap.fetch("1", "BODY.PEEK[]"))) == 2
    validity = imap.response("UIDVALIDITY")[1]
    ok(imap.delete("Old/Reports/2026"))
    ok(imap.create("Old/Reports/2026"))
    ok(imap.select("Old/Reports/2026"))
    assert imap.response("UIDVALIDITY")[1] != validity
    ok(imap.rename("INBOX", "Before"))
    append(imap, 2)
    ok(imap.select("Before"))


def test_a_mailbox_that_is_deleted_while_it_is_selected(suite, imap, raw):
    ok(imap.create("Gone"))
    append(imap, 1, "Gone")
    raw.say("s SELECT Gone")
    raw.wire.send(b"i IDLE\r\n")
    assert raw.wire.line() == "+ idling"
    ok(imap.select("Gone"))
    ok(imap.delete("Gone"))
    assert raw.wire.line().startswith("* BYE ")
    assert raw.wire.line() == ""
    with pytest.raises(imaplib.IMAP4.error, match="Select a mailbox"):
        imap.uid("FETCH", "1", "FLAGS")
    ok(imap.create("Gone"))
    ok(imap.select("Gone"))
    assert ok(imap.search(None, "ALL")) == [b""]
