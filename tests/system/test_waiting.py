"""What waits is on disk and in the index: a large queue costs no memory, does
not hold up a letter, and is known again after a restart."""
import os
import re
import shutil
import time

import pytest

from tests.system.suite import UID_BASE, wait_for
from tests.system.test_queue import ALICE, BOB, Host

pytestmark = pytest.mark.usefixtures("netns")
MANY, FEW = 20000, 1000
# a message in memory is 336 bytes, its envelope and what the allocator adds:
# 19,000 of them would be over 10 MB; freed memory, threads' arenas and the
# like are 3 MB, on a busy machine 4
MORE_KB = 8192
WORDS = ("state", "attempts", "reason")


class Waiting(Host):
    """Deliveries to alice fail for now: a file stands where her folder is to
    be made."""

    def __init__(self, tmpdir, bindir):
        super().__init__(tmpdir, bindir,
                         yaml="queue: {direct_recipients: 0}\n")
        self.block()

    def block(self):
        os.makedirs(f"{self.mail}/example.org")
        with open(f"{self.mail}/example.org/alice", "wb"):
            pass
        for path in (self.mail, f"{self.mail}/example.org",
                     f"{self.mail}/example.org/alice"):
            if self.root:
                os.chown(path, UID_BASE + 2, UID_BASE + 2)
        os.chmod(self.mail, 0o700)

    def begin(self, *more):
        super().begin(*more)

        def takes_mail():
            wire = self.connect().greet()
            code = wire.say("MAIL FROM:<>")[0]
            wire.close()
            return code == "250"
        wait_for("the queue", takes_mail)
        return self

    def deferred(self):
        return sum(r["state"] == "deferred"
                   for r in self.listed("--limit", "0"))

    def fill(self, count):
        """Stopped, with that many files like the one that was sent."""
        sample = self.newest()
        self.stop()
        with open(f"{self.spool}/new/{sample}", "rb") as f:
            text = f.read()
        for n in range(count - 1):
            path = f"{self.spool}/new/0{n:010d}aaaa"
            with open(path, "wb") as f:
                f.write(text)
            if self.root:
                os.chown(path, UID_BASE, UID_BASE)

    def memory(self):
        """kB that are the queue manager's own."""
        pid = [p for (role, _), p in self.workers().items()
               if role == "qmgr"][0]
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])

    def all_deferred(self, count):
        def rest():
            time.sleep(0.5)
            return re.search(rf"messages={count} active=0 ",
                             self.ctl("status")[1]) and all(
                r["attempts"] for r in self.listed("--limit", "0"))
        wait_for("all attempts", rest, 300)
        assert self.deferred() == count


@pytest.fixture
def waiting(tmpdir, bindir):
    with Waiting(tmpdir, bindir) as host:
        host.begin("local").send()
        wait_for("deferral", lambda: host.deferred() == 1)
        yield host


def by_id(rows):
    return {r["id"]: [r[w] for w in WORDS] for r in rows}


def test_a_restart_remembers(waiting):
    host = waiting
    qid = host.send()
    wait_for("deferral", lambda: host.deferred() == 2)
    assert host.ctl("queue", "flush", qid)[0] == 0
    wait_for("another", lambda: by_id(host.listed())[qid][1] == 2)
    wait_for("deferral", lambda: host.deferred() == 2)
    before = host.listed()
    host.stop()
    host.begin("local")
    wait_for("the list", lambda: len(host.listed()) == 2)
    assert by_id(host.listed()) == by_id(before)
    assert 100 < host.listed()[0]["next_s"] <= before[0]["next_s"]
    assert host.said("queue.recovered", messages="2", added="0")
    assert not host.said("queue.outcome")
    # the file's name may change, and files may come and go, meanwhile
    host.stop()
    os.rename(f"{host.spool}/new/{qid}", f"{host.spool}/cur/{qid}:2,S")
    os.unlink(f"{host.spool}/new/{before[0]['id']}")
    host.begin("local")
    wait_for("recovery", lambda: host.said("queue.recovered"))
    wait_for("one", lambda: list(by_id(host.listed())) == [qid])
    assert by_id(host.listed())[qid][1] == 2
    os.unlink(f"{host.mail}/example.org/alice")
    assert host.ctl("queue", "flush", qid)[0] == 0
    wait_for("the letter", lambda: host.messages(ALICE))
    wait_for("an empty list", lambda: host.listed() == [])
    assert os.listdir(f"{host.spool}/cur") == []


@pytest.mark.parametrize("how", ["killed", "deleted", "torn"])
def test_without_its_index(waiting, how):
    """It is made anew from the files, and all is attempted at once."""
    host = waiting
    index = f"{host.folder}/state/qmgr/queue.1"
    assert os.path.exists(index)
    if how == "killed":
        host.kill_all()
    else:
        host.stop()
    if how == "deleted":
        shutil.rmtree(index)
    if how == "torn":
        os.truncate(f"{index}/index.mdb", 5000)
    host.begin("local")
    wait_for("recovery", lambda: host.said("queue.recovered", added="1"))
    wait_for("an attempt", lambda: host.said("queue.outcome"))
    wait_for("deferral", lambda: host.deferred() == 1)
    # and while it is used
    shutil.rmtree(index)
    os.unlink(f"{host.mail}/example.org/alice")
    host.ctl("queue", "flush")
    wait_for("the letter", lambda: (host.ctl("queue", "flush"),
                                    host.messages(ALICE))[1], 60)
    wait_for("an empty queue", lambda: not host.queue())


@pytest.mark.limit(600)
def test_many_cost_no_memory(waiting):
    host = waiting
    kb, letters = {}, 0
    for count in (FEW, MANY):
        host.fill(count)
        host.begin("local")
        # new mail does not wait for them
        host.send(BOB)
        letters += 1
        wait_for("a letter meanwhile",
                 lambda: len(host.messages(BOB)) == letters)
        if count == MANY:
            assert len(host.events("queue.deferred")) < MANY / 2
        assert len(host.listed("--limit", "100")) == 100
        host.all_deferred(count)
        kb[count] = host.memory()
        print(f"{count} messages: {kb[count]} kB")
    assert kb[MANY] < kb[FEW] + MORE_KB
    # a restart reads no file of them
    host.stop()
    begun = time.monotonic()
    host.begin("local")
    assert len(host.listed("--limit", "10")) == 10
    print(f"list after {time.monotonic() - begun:.1f} s")
    wait_for("recovery", lambda: host.said("queue.recovered", added="0"))
    assert {r["attempts"] for r in host.listed("--limit", "0")} <= {1, 2}
    assert not host.said("queue.outcome")
    assert host.ctl("queue", "hold", "ALL")[1] == f"{MANY} messages\n"
    assert {r["state"] for r in host.listed()} == {"held"}
    assert host.ctl("queue", "release", "ALL")[1] == f"{MANY} messages\n"
    host.stop()
