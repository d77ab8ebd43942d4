"""Letters from all sides at a suite that has all its roles, and kills of each
of them: for the kill test of `make check` and for `make check-crash`."""
import os
import signal
import subprocess

from tests.system.letters import (ACCOUNTS, ALIASES, BOXES, FORWARD,
                                  FORWARDER, FORWARDER_UID, HAS_USER, PASSWORD,
                                  USER, USER_UID, Appender, Sender,
                                  SenderToAll, to_far)
from tests.system.suite import ROLES, Suite, wait_for
from tests.system.users import UserSuite

# A session is a child of spawn; a user's child delivers, or is a session.
CHILDREN = {"session": "spawn"}
VICTIMS = [*ROLES, "session", "master"]
if HAS_USER:
    CHILDREN["user's"] = "users"
    VICTIMS += ["users", "user's"]


class StormSuite(UserSuite if HAS_USER else Suite):
    """Mail for accounts, for another host, and as root for users of the
    system, one of whom sends it on to that host as well."""

    def __init__(self, folder, bindir, far, direct, store=None):
        super().__init__(
            folder, bindir, f"queue: {{direct_recipients: {direct}, "
            "retry_first: 1s, retry_max: 2s}\n"
            "auth: {allow_plaintext: true}\n" + to_far(far),
            accounts=ACCOUNTS, aliases=ALIASES, store=store)
        if HAS_USER:
            self.add_user(USER, USER_UID, PASSWORD)
            self.add_user(FORWARDER, FORWARDER_UID, PASSWORD)
            with open(f"{self.homes}/{FORWARDER}/.forward", "w",
                      encoding="ascii") as f:
                f.write(FORWARD)

    def writers_to_all(self, senders, seed):
        """Threads that have begun."""
        made = [SenderToAll(self, n, seed) for n in range(senders)]
        for writer in made:
            writer.start()
        return made

    def writers(self, senders, seed):
        """The same, from all sides and to some of all."""
        subprocess.run(
            [self.steadctl, "--run", f"{self.folder}/run", "account",
             "passwd", ACCOUNTS[0]], input=PASSWORD + "\n", text=True,
            timeout=60, check=True)
        made = [Sender(self, n, seed) for n in range(senders)]
        for address, box in BOXES.items():
            if box in (ACCOUNTS[0], USER):
                made.append(Appender(self, len(made), seed, address))
        for writer in made:
            writer.start()
        return made

    def pids_of(self, victim):
        """The processes that are one of VICTIMS, now."""
        if victim in CHILDREN:
            parent = self.pid_of(CHILDREN[victim])
            return self.pids(parent) if parent else []
        return [pid for (role, _), pid in self.workers().items()
                if role == victim]

    def kill(self, victim, rng):
        """One of them; master with all others, and the suite starts anew."""
        if victim == "master":
            self.kill_all()
            self.start()
            return
        gone = True
        while gone:
            pid = rng.choice(wait_for(victim, lambda: self.pids_of(victim)))
            try:
                os.kill(pid, signal.SIGKILL)
                gone = False
            except ProcessLookupError:
                pass  # it has just ended: another


def end(writers):
    """{token: (digest, addresses)} of all that they were promised."""
    for writer in writers:
        writer.end.set()
    for writer in writers:
        writer.join()
    return promised_by(writers)


def promised_by(writers):
    return {t: p for w in writers for t, p in list(w.promised.items())}
