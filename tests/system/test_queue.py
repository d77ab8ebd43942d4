"""steadctl queue: what waits is listed and shown, held over a restart, let go,
attempted and deleted, by root only."""
import email
import json
import os
import pty
import re
import subprocess
import time

import pytest

from tests.system.suite import UID_BASE, Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
BODY = b"From: x\r\nSubject: hello\r\n\r\nline\r\n\xe4\x1b[2J\r\n"
ALICE, BOB = "alice@example.org", "bob@example.org"


class Host(Suite):
    def ctl(self, *words, **more):
        """(exit status, stdout, stderr); stdout is bytes with text=False"""
        more = {"text": True, "stdin": subprocess.DEVNULL, **more}
        done = subprocess.run(
            [self.steadctl, "--run", f"{self.folder}/run",
             *words], capture_output=True, timeout=60, check=False, **more)
        return done.returncode, done.stdout, done.stderr

    def begin(self, *more):
        """What runs without delivery is never all that there is to run."""
        self.start(wait=False)
        for role in ("smtpd", "qmgr", *more):
            wait_for(role, lambda: self.said("worker.ready", role=role))
        # and each smtpd knows of the queue
        wait_for("the links", lambda: all(
            w.get("qmgr") for w in json.loads(self.ctl("--json", "status")[1])[
                "workers"] if w["role"] == "smtpd"))
        return self

    def listed(self, *words):
        status, out, err = self.ctl("--json", "queue", "list", *words)
        assert status == 0, err
        return json.loads(out)

    def state(self, qid):
        return {m["id"]: m["state"] for m in self.listed()}.get(qid)

    def send(self, to=ALICE, body=BODY[:-2], **more):
        wire = self.connect().greet()
        code, text = wire.mail(to, body, **more)
        wire.close()
        assert code == "250", text
        return self.newest()

    def newest(self):
        return max(self.queue())

    def head(self, qid):
        with open(f"{self.spool}/new/{qid}", "rb") as f:
            return f.readline().decode("ascii").rstrip()


@pytest.fixture
def host(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        h.remove_worker("delivery")
        yield h.begin()


@pytest.fixture
def deferring(tmpdir, bindir):
    """Deliveries to alice fail for now: a file stands where her folder is to
    be made."""
    yaml = "queue: {direct_recipients: 0}\n"
    with Host(tmpdir, bindir, yaml=yaml) as h:
        os.makedirs(f"{h.mail}/example.org")
        with open(f"{h.mail}/example.org/alice", "wb"):
            pass
        if h.root:
            for path in (h.mail, f"{h.mail}/example.org",
                         f"{h.mail}/example.org/alice"):
                os.chown(path, UID_BASE + 2, UID_BASE + 2)
        os.chmod(h.mail, 0o700)
        yield h.begin("local")


def test_list(host):
    ids = [host.send(to, sender=sender) for to, sender in (
        (ALICE, "x@elsewhere.example"), ([ALICE, BOB], "y@elsewhere.example"),
        (BOB, "z@elsewhere.example"))]
    rows = host.listed()
    assert [r["id"] for r in rows] == ids == sorted(ids)
    assert [r["sender"][0] for r in rows] == ["x", "y", "z"]
    assert [r["recipients"] for r in rows] == [1, 2, 1]
    assert [r["todo"] for r in rows] == [1, 2, 1]
    assert {r["state"] for r in rows} == {"active"}
    assert {r["attempts"] for r in rows} == {0}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", r["arrived"])
               for r in rows)
    for r in rows:  # the message begins with our Received line
        assert len(BODY) < r["size"] < os.path.getsize(
            f"{host.spool}/new/{r['id']}")
    status, out, err = host.ctl("queue", "list")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[::2]] == ids
    assert "x@elsewhere.example" in out
    status, out, err = host.ctl("queue", "list", "--limit", "2")
    assert len(out.splitlines()) == 4 and "2 of 3 messages" in err
    assert host.ctl("queue", "list", "--limit", "x")[0] == 64
    assert host.ctl("queue", "lsit")[2].count("queue list") == 1


def test_show(host):
    qid = host.send([ALICE, BOB])
    status, out, err = host.ctl("queue", "show", qid, text=False)
    assert (status, err) == (0, b"")
    envelope, message = out.split(b"\n\n", 1)
    assert qid.encode() in envelope and b"todo <bob@example.org>" in envelope
    assert message.startswith(b"Received: from client.example")
    assert message.endswith(BODY)  # every octet
    status, out, err = host.ctl("queue", "show", "--headers", qid, text=False)
    assert out.endswith(b"Subject: hello\r\n\r\n") and b"line" not in out
    status, out, err = host.ctl("queue", "show", qid, "--json")
    told = json.loads(out)
    assert told["message"]["id"] == qid
    assert [(r["address"], r["word"], r["underway"])
            for r in told["recipients"]] == [
                (ALICE, "todo", False), (BOB, "todo", False)]


def test_show_to_a_terminal(host):
    qid = host.send()
    ours, theirs = pty.openpty()
    subprocess.run([host.steadctl, "--run", f"{host.folder}/run",
                    "queue", "show", qid], stdout=theirs, check=True)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65536):  # in pieces
            said += piece
    except OSError:
        pass  # EIO is a terminal's end
    os.close(ours)
    assert b"line" in said and b"\x1b" not in said


def test_a_large_message_is_shown_in_pieces(host):
    line = b"0123456789" * 7 + b"\r\n"
    body = b"Subject: large\r\n\r\n" + line * (5 * 1048576 // len(line))
    qid = host.send(body=body[:-2])
    status, out, _ = host.ctl("queue", "show", qid, text=False)
    assert status == 0 and out.endswith(body)


def test_hold_is_kept_over_a_restart(host):
    first, second = host.send(), host.send(BOB)
    assert host.ctl("queue", "hold", first) == (0, "", "")
    assert host.state(first) == "held" and host.state(second) == "active"
    assert host.head(first).endswith("state=hold")
    assert "held" in host.ctl("queue", "hold", first)[2]
    host.kill_all()
    host.add_worker("delivery")
    host.start()
    wait_for("the other letter", lambda: host.messages(BOB))
    wait_for("its file", lambda: host.queue() == [first])
    assert wait_for("state", lambda: host.state(first)) == "held"
    status, _, err = host.ctl("queue", "flush", first)
    assert status == 1 and "held" in err
    assert host.ctl("queue", "flush")[0] == 0
    time.sleep(0.5)
    assert host.messages(ALICE) == []
    assert host.ctl("queue", "release", first) == (0, "", "")
    wait_for("the letter", lambda: len(host.messages(ALICE)) == 1)
    wait_for("an empty queue", lambda: not host.queue())
    assert host.listed() == []


def test_all(host):
    ids = [host.send(to) for to in (ALICE, BOB) for _ in range(3)]
    assert host.ctl("queue", "hold", "ALL") == (0, "6 messages\n", "")
    assert {r["state"] for r in host.listed()} == {"held"}
    assert host.ctl("queue", "hold", "ALL") == (0, "0 messages\n", "")
    assert host.ctl("queue", "release", ids[0], ids[1])[0] == 0
    assert host.ctl("queue", "release", "ALL") == (0, "4 messages\n", "")
    assert all(host.head(i).endswith("state=live") for i in ids)
    assert host.ctl("queue", "delete", "ALL") == (0, "6 messages\n", "")
    assert host.queue() == [] and host.listed() == []
    assert len(host.events("queue.deleted")) == 6


def test_flush(deferring):
    host = deferring
    qid = host.send()
    row = wait_for("its first attempt", lambda: [
        r for r in host.listed() if r["state"] == "deferred"])[0]
    assert row["attempts"] == 1 and row["next_s"] > 60
    assert "alice" in row["reason"] or "example.org" in row["reason"]
    assert row["reason"].encode() in host.ctl("queue", "show", qid,
                                              text=False)[1]
    assert host.ctl("queue", "flush", qid)[0] == 0
    wait_for("the second", lambda: host.listed()[0]["attempts"] == 2)
    # it is idle: its envelope is read for the list
    assert host.listed()[0]["todo"] == 1
    os.unlink(f"{host.mail}/example.org/alice")
    assert host.ctl("queue", "flush") == (0, "1 message\n", "")
    wait_for("the letter", lambda: host.messages(ALICE))
    wait_for("an empty queue", lambda: not host.queue())


def test_delete(host):
    first, second = host.send(), host.send(BOB)
    status, _, err = host.ctl("queue", "delete", first, "00000000000aaaa")
    assert status == 1 and "no message 00000000000aaaa" in err
    assert host.queue() == [second]
    assert host.said("queue.deleted", qid=first)
    for verb in ("show", "hold", "release", "flush", "delete"):
        for name in (first, "../lock", "x" * 300, ""):
            status, _, err = host.ctl("queue", verb, name)
            assert status == 1 and "no message" in err, (verb, name)
    # on a terminal it asks
    for word, left in ((b"n\n", [second]), (b"y\n", [])):
        ours, theirs = pty.openpty()
        os.write(ours, word)
        done = subprocess.run(
            [host.steadctl, "--run", f"{host.folder}/run",
             "queue", "delete", second], stdin=theirs, check=False,
            capture_output=True)
        assert (done.returncode == 0) == (left == [])
        assert host.queue() == left
        os.close(theirs)
        os.close(ours)


def test_not_while_an_attempt_is_under_way(tmpdir, bindir):
    yaml = "queue: {direct_recipients: 0}\n"
    with Host(tmpdir, bindir, yaml=yaml) as host:
        host.begin("local")
        delivery = [pid for (role, _), pid in host.workers().items()
                    if role == "local"]
        for pid in delivery:
            os.kill(pid, 19)  # SIGSTOP: it takes the job and says nothing
        qid = host.send()
        status, _, err = host.ctl("queue", "delete", qid)
        assert status == 1 and "under way" in err
        # of many it is said as well, and is no success
        status, out, err = host.ctl("queue", "delete", "--to", ALICE)
        assert (status, out) == (1, "0 messages\n")
        assert "not 1: " in err and "under way" in err
        assert host.queue() == [qid]
        told = json.loads(host.ctl("--json", "queue", "show", qid)[1])
        assert told["recipients"][0]["underway"] is True
        assert host.ctl("queue", "hold", qid)[0] == 0
        for pid in delivery:
            os.kill(pid, 18)
        # what was under way ends by its outcome
        wait_for("the letter", lambda: host.messages(ALICE))
        wait_for("an empty queue", lambda: not host.queue())


def test_for_root_only(host):
    if not host.root:
        pytest.skip("another user is for root to become")
    qid = host.send()
    for words in (("list",), ("show", qid), ("hold", qid), ("delete", qid)):
        status, out, err = host.ctl("queue", *words, user=65534)
        assert (status, out) == (1, "") and "no right" in err
    assert host.state(qid) == "active"


def test_a_file_that_somebody_took_is_no_message(deferring):
    qid = deferring.send()
    wait_for("deferral", lambda: deferring.state(qid) == "deferred")
    os.unlink(f"{deferring.spool}/new/{qid}")
    assert deferring.ctl("queue", "flush", qid)[0] == 0
    wait_for("an empty list", lambda: deferring.listed() == [])


def test_filters(host):
    """What list means, count and the others mean as well."""
    big = BODY[:-2] + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 300
    one = host.send(ALICE, sender="x@a.example")
    two = host.send([ALICE, BOB], sender="y@b.example", body=big)
    three = host.send(BOB, sender="")
    assert host.ctl("queue", "hold", two)[0] == 0

    def ids(*words):
        return [r["id"] for r in host.listed(*words)]

    for words, meant in (
            (["--from", "x@a.example"], [one]), (["--from", "<>"], [three]),
            (["--from", "@B.example"], [two]), (["--to", ALICE], [one, two]),
            (["--to", "ALICE@example.org", "--state", "held"], [two]),
            (["--domain", "example.org"], [one, two, three]),
            (["--domain", "example.net"], []),
            (["--state", "active"], [one, three]),
            (["--larger", "20kB"], [two]), (["--smaller", "20kB"], [one, three]),
            (["--older", "1h"], []), (["--younger", "1h"], [one, two, three]),
            (["--reason", "greylisted"], []),
            (["--to", BOB, "--limit", "1"], [two])):
        assert ids(*words) == meant, words
    assert "--limit 0" in host.ctl("queue", "list", "--to", BOB, "--limit",
                                   "1")[2]
    assert host.ctl("queue", "list", "--to", BOB, "--limit", "2")[2] == ""
    assert {r["domains"] for r in host.listed()} == {"example.org"}
    assert host.ctl("queue", "count") == (
        0, "       3  example.org\n       3  messages in all\n", "")
    assert json.loads(host.ctl("--json", "queue", "count", "--by", "state",
                               "--to", ALICE)[1]) == [
        {"state": "active", "messages": 1}, {"state": "held", "messages": 1}]
    assert json.loads(host.ctl("queue", "count", "--json")[1]) == [
        {"domain": "example.org", "messages": 3}]
    assert host.ctl("queue", "count", "--by", "sender", "--from", "<>")[
        1].splitlines()[0] == "       1  <>"
    for words in (["--state", "old"], ["--older", "x"], ["--from"],
                  ["--from", "a@b", "--from", "c@d"], ["--larger", "0"],
                  ["--by", "day"], ["--to", ""]):
        status, _, err = host.ctl("queue", "count", *words)
        assert status == 64 and err, words
    # the same words for who acts
    assert host.ctl("queue", "hold", "--to", BOB, "--state", "active") == (
        0, "1 message\n", "")
    assert ids("--state", "held") == [two, three]
    assert host.ctl("queue", "release", "--from", "<>")[1] == "1 message\n"
    assert ids("--state", "held") == [two]
    for words in (["delete", "--from", "@none.example"], ["hold", one, "--to",
                                                          BOB]):
        before = host.queue()
        host.ctl("queue", *words)
        assert host.queue() == before and ids("--state", "held") == [two]
    assert host.ctl("queue", "delete", "--from", "@a.example")[1] == \
        "1 message\n"
    assert host.queue() == [two, three]


def bounced(host, qid):
    """The notice that bob gets."""
    wait_for("the notice", lambda: host.messages(BOB))
    path, = host.messages(BOB)
    with open(path, "rb") as f:
        notice = email.message_from_binary_file(f)
    os.unlink(path)
    report = notice.get_payload()[1].get_payload()
    assert report[0]["X-Mailstead-Queue-ID"] == qid
    assert report[1]["Action"] == "failed"
    assert report[1]["Status"] == "5.0.0"
    assert report[1]["Final-Recipient"] == f"rfc822; {ALICE}"
    return notice.get_payload()[0].get_payload()


@pytest.mark.parametrize("held", [False, True])
def test_bounce(deferring, held):
    host = deferring
    qid = host.send(sender=BOB)
    row, = wait_for("its first attempt", lambda: [
        r for r in host.listed() if r["state"] == "deferred"])
    if held:
        assert host.ctl("queue", "hold", qid)[0] == 0
    assert host.ctl("queue", "bounce", qid) == (0, "", "")
    text = bounced(host, qid)
    assert "given up by the administrator" in text
    assert row["reason"][:40] in text
    wait_for("an empty queue", lambda: not host.queue())
    assert host.said("queue.given_up", qid=qid)
    assert "given up by the administrator" in host.ctl("trace", qid)[1]
    assert host.ctl("queue", "bounce", qid)[0] == 1
    # also what nobody has tried to deliver since the start
    qid = host.send(sender=BOB)
    wait_for("its first attempt", lambda: [
        r for r in host.listed() if r["state"] == "deferred"])
    host.stop()
    host.begin("local")
    wait_for("it", lambda: host.listed())
    assert host.ctl("queue", "bounce", "--to", ALICE)[1] == "1 message\n"
    bounced(host, qid)
    wait_for("an empty queue", lambda: not host.queue())


@pytest.mark.limit(300)
def test_many(host):
    """Pages and batches; a reader who is slow, and one who goes."""
    count = 20000  # more than a page, and more rows than a link may hold
    sender = "%s@%s.example" % ("=" * 60, ".".join(["x" * 60] * 3))
    sample = host.send(sender=sender)
    with open(f"{host.spool}/new/{sample}", "rb") as f:
        text = f.read().replace(b"state=live", b"state=hold", 1)
    host.kill_all()
    # the sum covers neither the state nor the name
    names = [f"0{n:010d}aaaa" for n in range(count)]
    for name in names:
        with open(f"{host.spool}/new/{name}", "wb") as f:
            f.write(text)
        if host.root:
            os.chown(f"{host.spool}/new/{name}", UID_BASE, UID_BASE)
    host.begin()
    wait_for("all", lambda: host.said("queue.recovered"))
    rows = host.listed("--limit", "0")
    assert [r["id"] for r in rows] == names + [sample]
    assert rows[0]["sender"] == sender
    assert len(host.listed()) == 1000
    rows = host.listed("--limit", "8500")
    assert [r["id"] for r in rows] == names[:8500]
    # only what can be attempted stays in memory
    wait_for("rest", lambda: "active=1 " in status_of(host))
    argv = [host.steadctl, "--run", f"{host.folder}/run", "queue",
            "list", "--limit", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as slow:
        time.sleep(2)  # it reads nothing: nor does steadctl, and qmgr waits
        out, _ = slow.communicate()
    assert slow.returncode == 0 and out.count(b"\n") == 2 * (count + 1)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as gone:
        gone.stdout.read(1)
        gone.kill()
    assert host.listed("--limit", "1")[0]["id"] == names[0]
    assert host.ctl("queue", "delete", "ALL")[1] == f"{count + 1} messages\n"
    assert host.queue() == []


def status_of(host):
    return re.search(r"messages=\d+ active=\d+ ",
                     host.ctl("status")[1])[0]
