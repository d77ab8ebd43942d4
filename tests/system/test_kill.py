"""kill -9 of every role while letters come in: nothing that was acknowledged
is lost. The senders' own list of 250s is the only truth."""
import hashlib
import os
import random
import re
import signal
import socket
import threading
import time

import pytest

from tests.system.suite import ROLES, Suite, Wire, wait_for

pytestmark = [pytest.mark.usefixtures("netns"), pytest.mark.limit(300)]
SESSIONS = 8
KILLS_EACH = 2
ACCOUNTS = [f"user{n}@example.org" for n in range(6)]


class Sender(threading.Thread):
    """Sends numbered letters until told to end; keeps what was promised."""

    def __init__(self, suite, number, seed):
        super().__init__()
        self.suite, self.number = suite, number
        self.random = random.Random(seed * 1000 + number)
        self.end = threading.Event()
        self.sent, self.promised = 0, {}  # token: (digest, accounts)

    def letter(self):
        self.sent += 1
        token = f"t{self.number}x{self.sent}e"
        size = self.random.choice((10, 100, 5000, 300000))
        body = (f"Subject: {token}\r\n\r\n" + "line of text\r\n" *
                (size // 14)).encode()
        count = self.random.choice((1, 1, 1, 2, 6))
        return token, body, self.random.sample(ACCOUNTS, count)

    def session(self):
        wire = Wire(self.suite.address())
        wire.sock.settimeout(20)
        try:
            if wire.reply()[0] != "220" or wire.say("EHLO x.example")[0] != "250":
                return
            for _ in range(self.random.randint(1, 10)):
                token, body, to = self.letter()
                if wire.say("MAIL FROM:<x@elsewhere.example>")[0] != "250":
                    return
                if any(wire.say(f"RCPT TO:<{a}>")[0] != "250" for a in to):
                    return
                if wire.say("DATA")[0] != "354":
                    return
                wire.send(body + b".\r\n")
                if wire.reply()[0] == "250":
                    self.promised[token] = (digest(body), to)
        finally:
            wire.close()

    def run(self):
        while not self.end.is_set():
            try:
                self.session()
            except (OSError, socket.timeout):
                time.sleep(0.01)


def digest(body):
    return hashlib.sha256(body.replace(b"\r\n", b"\n")).hexdigest()


def found_in(suite, account):
    """{token: [digest, ...]} of what is in the mailbox."""
    found = {}
    for path in suite.messages(account):
        with open(path, "rb") as f:
            text = f.read()
        size = int(re.search(r",S=(\d+)", path)[1])
        if size != len(text):
            continue  # torn, and not promised
        body = text[text.index(b"Subject: "):]
        token = body.split(b"\n", 1)[0][9:].decode()
        found.setdefault(token, []).append(digest(body))
    return found


@pytest.mark.parametrize("direct", [32, 0])
def test_nothing_acknowledged_is_lost(tmpdir, bindir, direct):
    seed = random.SystemRandom().randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    with Suite(tmpdir, bindir, accounts=ACCOUNTS,
               yaml=f"queue: {{direct_recipients: {direct}, "
                    "retry_first: 1s}\n") as s:
        s.start()
        senders = [Sender(s, n, seed) for n in range(SESSIONS)]
        for sender in senders:
            sender.start()
        victims = [*ROLES, "master"] * KILLS_EACH
        rng.shuffle(victims)
        for role in victims:
            time.sleep(rng.uniform(0.05, 0.4))
            if role == "master":
                s.kill_all()
                s.start()
                continue
            index = rng.choice([i for r, i in s.workers() if r == role]
                               or [0])
            pid = wait_for(role, lambda: s.pid_of(role, index))
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        for sender in senders:
            sender.end.set()
        for sender in senders:
            sender.join()
        wait_for("an empty queue", lambda: not s.queue(), 100)
        promised = {t: p for sender in senders
                    for t, p in sender.promised.items()}
        mailboxes = {a: found_in(s, a) for a in ACCOUNTS}
        lost = [(t, a) for t, (d, to) in promised.items() for a in to
                if d not in mailboxes[a].get(t, [])]
        twice = sum(len(copies) - 1 for box in mailboxes.values()
                    for copies in box.values())
        print(f"acknowledged {len(promised)}, kills {len(victims)}, "
              f"duplicates {twice}, lost {len(lost)}")
        assert lost == []
        assert len(promised) > 50
        assert os.listdir(f"{s.spool}/damaged") == []
