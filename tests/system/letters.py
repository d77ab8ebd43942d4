"""Senders of numbered letters, and what of them is in the mailboxes. The
senders' own list of 250s is the only truth about what was promised."""
import hashlib
import random
import re
import threading
import time

from tests.system.suite import Wire

ACCOUNTS = [f"user{n}@example.org" for n in range(6)]
# leads to another host, of which Far plays the server (tests/lab/far.py)
FAR = "far@example.org"
ALIASES = FAR + ": x@elsewhere.example\n"


def to_far(far):
    """The options with which FAR's mail goes to it."""
    return (f"relay: {{host: localhost, port: {far.port}, tls: may}}\n")


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
        to = self.random.sample(ACCOUNTS, count)
        if self.random.random() < 0.3:
            to[0] = FAR
        return token, body, to

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
            except OSError:
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
        at = text.find(b"Subject: ")
        body = text[at:] if at >= 0 else b""
        token = body.split(b"\n", 1)[0][9:].decode(errors="replace")
        if not token or b"\0" in text:
            # the right size and not the content: the worst there is
            found.setdefault("(spoilt)", []).append(path)
            continue
        found.setdefault(token, []).append(digest(body))
    return found


def lost_of(promised, suite, far):
    """(lost, duplicates): promised letters that are not where they belong,
    and copies beyond the first; `far`: digests by token of what the other host
    has. A file that passes for whole by its name and is not counts as lost,
    promised or not."""
    boxes = {a: found_in(suite, a) for a in ACCOUNTS}
    boxes[FAR] = far
    spoilt = [("(spoilt)", path) for box in boxes.values()
              for path in box.pop("(spoilt)", [])]
    lost = [(t, a) for t, (d, to) in promised.items() for a in to
            if d not in boxes[a].get(t, [])]
    return lost + spoilt, sum(len(copies) - 1 for box in boxes.values()
                     for copies in box.values())
