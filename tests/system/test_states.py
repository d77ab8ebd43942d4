"""The legal states on disk (docs/design.md, "Queue on disk"): each is made by
hand, the suite is started, and the right-hand column is expected."""
import email
import os
import re

import pytest

from tests.system.suite import UID_BASE, Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
QID = "1j0q2o8mjcbn8d7"
MESSAGE = (b"Received: from x (x)\r\n\tby mail.example.org with ESMTP id " +
           QID.encode() + b";\r\n\tSat, 21 Nov 2026 19:00:00 +0000\r\n"
           b"Subject: by hand\r\n\r\nbody\r\n")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def queue_file(words=("todo",), message=MESSAGE,
               accounts=("alice@example.org", "bob@example.org"),
               sender=b"x@elsewhere.example", asked=b""):
    """As docs/design.md says it, written here a second time."""
    def head(offset, crc, state=b"live", shown=words):
        return (b"Mailstead-Queue: 1 offset=%010d size=%010d crc32c=%s "
                b"state=%s\r\nMailstead-From: <%s>\r\n"
                b"Mailstead-Arrived: 2026-11-21T19:00:00.000Z "
                b"client=[192.0.2.1] proto=ESMTP login=\r\n" % (
                    offset, len(message), crc, state, sender) +
                b"".join(b"Mailstead-To: %s <%s> account=%s%s\r\n" % (
                    w.encode(), a.encode(), a.encode(), asked)
                    for w, a in zip(shown, accounts)))
    offset = len(head(0, b"0" * 8))
    masked = head(offset, b"." * 8, b"....", ["...."] * len(words))
    return head(offset, b"%08x" % crc32c(masked + message)) + message


class Box:
    """A suite whose spool and mailboxes are filled before it starts."""

    def __init__(self, folder, bindir):
        self.suite = Suite(folder, bindir, yaml="queue: {retry_first: 1s}\n")
        self.made = []

    def put(self, path, data, owner):
        full = f"{self.suite.folder}/{path}"
        folder = os.path.dirname(full)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)
        while self.suite.root and full != self.suite.folder:
            os.chown(full, UID_BASE + owner, UID_BASE + owner)
            full = os.path.dirname(full)

    def queue(self, data, name=QID, folder="new"):
        self.put(f"spool/{folder}/{name}", data, 0)

    def mail(self, name, data, folder="new", account="alice"):
        for sub in ("tmp", "new", "cur"):
            self.put(f"mail/example.org/{account}/Maildir/{sub}/.x", b"", 2)
            os.unlink(f"{self.suite.mail}/example.org/{account}/Maildir/"
                      f"{sub}/.x")
        self.put(f"mail/example.org/{account}/Maildir/{folder}/{name}", data,
                 2)

    def settle(self):
        s = self.suite
        s.start()
        wait_for("recovery", lambda: s.said("queue.recovered"))
        wait_for("an empty queue", lambda: not s.queue())
        return s


@pytest.fixture
def box(tmpdir, bindir):
    made = Box(tmpdir, bindir)
    with made.suite:
        yield made


def read(path):
    with open(path, "rb") as f:
        return f.read()


DELIVERED = (b"Return-Path: <x@elsewhere.example>\n"
             b"Delivered-To: alice@example.org\n" +
             MESSAGE.replace(b"\r\n", b"\n"))
SIZES = f",S={len(DELIVERED)},W={len(DELIVERED) + DELIVERED.count(10)}"


@pytest.mark.parametrize("name, folder", [
    (QID, "new"), (QID, "cur"), (QID + ":2,S", "cur"), (QID + ":2,", "new"),
    ("copied.by-hand", "new")])
def test_whole_with_todo_is_delivered(box, name, folder):
    box.queue(queue_file(), name, folder)
    s = box.settle()
    path, = s.messages("alice@example.org")
    assert read(path) == DELIVERED
    assert os.path.basename(path).startswith(name.split(":")[0] + ".R0,")
    assert s.messages("bob@example.org") == []


def test_only_those_to_do(box):
    box.queue(queue_file(("done", "todo")))
    s = box.settle()
    assert s.messages("alice@example.org") == []
    assert len(s.messages("bob@example.org")) == 1


def test_unknown_word_is_todo(box):
    box.queue(queue_file(("t\0do", "done")))
    s = box.settle()
    assert len(s.messages("alice@example.org")) == 1
    assert s.messages("bob@example.org") == []


def test_no_todo_is_removed(box):
    box.queue(queue_file(("done", "done")))
    s = box.settle()
    assert s.messages("alice@example.org") == []
    assert not s.said("queue.damaged")


@pytest.mark.parametrize("folder, name", [
    ("new", f"{QID}.R0{SIZES}"), ("cur", f"{QID}.R0{SIZES},U=5.tag:2,S")])
def test_delivered_already_is_done(box, folder, name):
    box.queue(queue_file())
    box.mail(name, DELIVERED, folder)
    s = box.settle()
    path, = s.messages("alice@example.org")
    assert os.path.basename(path) == name


def test_torn_in_the_mailbox_does_not_count(box):
    box.queue(queue_file())
    box.mail(f"{QID}.R0{SIZES}", DELIVERED[:100])
    s = box.settle()
    whole = [p for p in s.messages("alice@example.org")
             if read(p) == DELIVERED]
    assert len(whole) == 1


@pytest.mark.parametrize("damage", [
    lambda f: f[:-1],
    lambda f: f + b"x",
    lambda f: f[:40],
    lambda f: b"",
    lambda f: f.replace(b"body", b"bodY"),
    lambda f: f.replace(b"<alice@", b"<alicf@"),
    lambda f: b"\0" * len(f),
    lambda f: b"From: somebody\n\na letter that is no queue file\n",
])
def test_not_whole_is_kept_and_never_sent(box, damage):
    data = damage(queue_file())
    box.queue(data)
    s = box.settle()
    assert s.messages("alice@example.org") == []
    assert read(f"{s.spool}/damaged/{QID}") == data
    said, = s.events("queue.damaged")
    assert said["qid"] == QID


def test_left_over_in_tmp_is_no_message(box):
    box.queue(queue_file(), folder="tmp")
    s = box.settle()
    assert s.messages("alice@example.org") == []


def test_in_the_mailbox_only(box):
    box.mail(f"{QID}.R0{SIZES}", DELIVERED)
    s = box.settle()
    path, = s.messages("alice@example.org")
    assert read(path) == DELIVERED


def test_many(box):
    for n in range(300):
        box.queue(queue_file(), f"{QID}x{n}")
    s = box.settle()
    names = [os.path.basename(p) for p in s.messages("alice@example.org")]
    assert len(names) == 300
    assert len({re.match(r"[^,]*", n)[0] for n in names}) == 300


# no mailbox can have this name: it fails for good
NOWHERE = "ghost@"
NOTICE = f"{QID}-b0-{crc32c(bytes(8)):08x}"


def test_failed_for_good_comes_back(box):
    box.queue(queue_file(accounts=(NOWHERE,), sender=b"alice@example.org"))
    s = box.settle()
    path, = s.messages("alice@example.org")
    assert os.path.basename(path).startswith(NOTICE + ".R0,")
    notice = email.message_from_bytes(read(path))
    assert notice["Return-Path"] == "<>"
    assert notice["To"] == "<alice@example.org>"
    assert notice["Auto-Submitted"] == "auto-replied"
    assert notice.get_content_type() == "multipart/report"
    assert notice.get_param("report-type") == "delivery-status"
    assert not notice.defects
    words, status, header = notice.get_payload()
    assert words.get_content_type() == "text/plain"
    assert f"<{NOWHERE}>" in words.get_payload()
    # RFC 3464: groups of fields, which Python reads as messages
    message, recipient = status.get_payload()
    assert message["Reporting-MTA"] == f"dns; {s.hostname}"
    assert message["Arrival-Date"].startswith("Sat, 21 Nov 2026")
    assert recipient["Final-Recipient"] == f"rfc822; {NOWHERE}"
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "5.1.1"
    assert recipient["Diagnostic-Code"].startswith("x-mailstead; ")
    assert header.get_content_type() == "text/rfc822-headers"
    assert "Subject: by hand" in header.get_payload()
    assert "body" not in header.get_payload()
    said, = s.events("queue.bounced")
    assert said["qid"] == QID and said["notice"] == NOTICE


def test_notice_is_there_already(box):
    """A crash fell between it and the recipient's word."""
    box.queue(queue_file(accounts=(NOWHERE,), sender=b"alice@example.org"))
    box.queue(queue_file(accounts=("alice@example.org",), sender=b""), NOTICE)
    s = box.settle()
    path, = s.messages("alice@example.org")
    assert b"Subject: by hand" in read(path)


def test_damaged_notice_is_made_anew(box):
    box.queue(queue_file(accounts=(NOWHERE,), sender=b"alice@example.org"))
    box.queue(b"torn", NOTICE)
    s = box.settle()
    path, = s.messages("alice@example.org")
    assert b"multipart/report" in read(path)
    assert read(f"{s.spool}/damaged/{NOTICE}") == b"torn"


def test_fail_has_had_its_notice(box):
    box.queue(queue_file(("fail", "todo"), sender=b"alice@example.org",
                         accounts=(NOWHERE, "bob@example.org")))
    s = box.settle()
    assert s.messages("alice@example.org") == []
    assert len(s.messages("bob@example.org")) == 1


def test_warned_is_todo(box):
    box.queue(queue_file(("late", "done")))
    s = box.settle()
    assert len(s.messages("alice@example.org")) == 1


def test_sent_is_told_and_not_sent_again(box):
    """A crash fell between a delivery and its notice (RFC 3461)."""
    box.queue(queue_file(("sent", "done"), sender=b"bob@example.org",
                         asked=b" notify=SUCCESS orcpt=rfc822;A+2Bb@c"))
    s = box.settle()
    assert s.messages("alice@example.org") == []
    path, = s.messages("bob@example.org")
    fields = email.message_from_bytes(read(path)).get_payload()[1]
    one = fields.get_payload()[1]
    assert (one["Action"], one["Original-Recipient"]) == (
        "delivered", "rfc822; A+b@c")


@pytest.mark.parametrize("sender", [b"", b"nobody@example.org"])
def test_nobody_to_tell(box, sender):
    box.queue(queue_file(accounts=(NOWHERE,), sender=sender))
    s = box.settle()
    said, = s.events("queue.dropped")
    assert said["qid"] == QID and said["status"] == "5.1.1"
