"""Senders of numbered letters, and what of them is in the mailboxes. The
senders' own list of 250s (of OKs, by IMAP) is the only truth about what was
promised."""
import hashlib
import imaplib
import os
import random
import re
import threading
import time

from tests.system.suite import Wire

# enough that a letter to all of them is made durable by one flush
ACCOUNTS = [f"user{n}@example.org" for n in range(12)]
# of the system, whom only root can serve: the mail is in the user's home
USER, USER_UID = "ulla", 20001
HAS_USER = os.geteuid() == 0
# the same, who keeps mail and sends it on by ~/.forward to where FAR leads
FORWARDER, FORWARDER_UID = "fay", 20002
FORWARD = f"\\{FORWARDER}, x@elsewhere.example\n"
# {address: whose mailbox}
BOXES = {a: a for a in ACCOUNTS}
if HAS_USER:
    BOXES[f"{USER}@example.org"] = USER
    BOXES[f"{FORWARDER}@example.org"] = FORWARDER
PASSWORD = "secret"
# leads to another host, of which Far plays the server (tests/lab/far.py)
FAR = "far@example.org"
ALIASES = FAR + ": x@elsewhere.example\n"


def to_far(far):
    """The options with which FAR's mail goes to it."""
    return (f"relay: {{host: localhost, port: {far.port}, tls: may}}\n")


class Writer(threading.Thread):
    """Writes numbered letters until told to end; keeps what was promised."""

    def __init__(self, suite, number, seed):
        super().__init__(daemon=True)  # not to outlive a failed test
        self.suite, self.number = suite, number
        self.random = random.Random(seed * 1000 + number)
        self.end = threading.Event()
        self.sent, self.promised = 0, {}  # token: (digest, addresses)

    def letter(self):
        self.sent += 1
        token = f"t{self.number}x{self.sent}e"
        size = self.random.choice((10, 100, 5000, 300000))
        body = (f"Subject: {token}\r\n\r\n" + "line of text\r\n" *
                (size // 14)).encode()
        return token, body

    def run(self):
        while not self.end.is_set():
            try:
                self.session()
            except (OSError, imaplib.IMAP4.error):
                time.sleep(0.01)


class Sender(Writer):
    """By SMTP, to some of all."""

    def recipients(self):
        count = self.random.choice((1, 1, 1, 2, len(BOXES)))
        to = self.random.sample(list(BOXES), count)
        if self.random.random() < 0.3:
            to[0] = FAR
            # one copy there, so that a second is seen to be one too many
            to = [a for a in to if a != f"{FORWARDER}@example.org"]
        return to

    def session(self):
        wire = Wire(self.suite.address())
        wire.sock.settimeout(20)
        try:
            if wire.reply()[0] != "220" or wire.say("EHLO x.example")[0] != "250":
                return
            for _ in range(self.random.randint(1, 10)):
                token, body = self.letter()
                to = self.recipients()
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


class SenderToAll(Sender):
    """Each letter to all accounts: those flushes that many share, and no
    others."""

    def recipients(self):
        return ACCOUNTS


class Appender(Writer):
    """By IMAP's APPEND, into a mailbox of its own login (any of BOXES)."""

    def __init__(self, suite, number, seed, address):
        super().__init__(suite, number, seed)
        self.address = address

    def session(self):
        with imaplib.IMAP4(*self.suite.address("imap"), timeout=20) as imap:
            imap.login(BOXES[self.address], PASSWORD)
            for _ in range(self.random.randint(1, 10)):
                token, body = self.letter()
                if imap.append("INBOX", None, None, body)[0] == "OK":
                    self.promised[token] = (digest(body), [self.address])


def digest(body):
    return hashlib.sha256(body.replace(b"\r\n", b"\n")).hexdigest()


def found_in(suite, address):
    """{token: [digest, ...]} of what is in the mailbox."""
    found = {}
    for path in suite.messages(BOXES[address]):
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


def places(to):
    """Where letters to these belong."""
    return {*to, FAR} if f"{FORWARDER}@example.org" in to else {*to}


def lost_of(promised, suite, far):
    """(lost, duplicates): promised letters that are not where they belong,
    and copies beyond the first; `far`: digests by token of what the other host
    has. A file that passes for whole by its name and is not counts as lost,
    promised or not."""
    boxes = {a: found_in(suite, a) for a in BOXES}
    boxes[FAR] = far
    spoilt = [("(spoilt)", path) for box in boxes.values()
              for path in box.pop("(spoilt)", [])]
    lost = [(t, a) for t, (d, to) in promised.items() for a in places(to)
            if d not in boxes[a].get(t, [])]
    return lost + spoilt, sum(len(copies) - 1 for box in boxes.values()
                     for copies in box.values())
