"""kill -9 of every role while letters come in: nothing that was acknowledged
is lost. `make check-crash` does more of it, and cuts the power too."""
import os
import random
import signal
import time

import pytest

from tests.lab.far import Far
from tests.system.letters import (ACCOUNTS, ALIASES, Sender, digest, lost_of,
                                  to_far)
from tests.system.suite import ROLES, Suite, wait_for

pytestmark = [pytest.mark.usefixtures("netns"), pytest.mark.limit(300)]
SESSIONS = 8
KILLS_EACH = 2


@pytest.mark.parametrize("direct", [32, 0])
def test_nothing_acknowledged_is_lost(tmpdir, bindir, direct):
    seed = random.SystemRandom().randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    with Far(f"{tmpdir}/far", digest) as far, \
            Suite(tmpdir, bindir, accounts=ACCOUNTS, aliases=ALIASES,
                  yaml=f"queue: {{direct_recipients: {direct}, "
                  "retry_first: 1s, retry_max: 2s}\n" + to_far(far)) as s:
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
        lost, twice = lost_of(promised, s, far.seen())
        print(f"acknowledged {len(promised)}, kills {len(victims)}, "
              f"at the other host {len(far.got)}, bounced {far.bounces}, "
              f"duplicates {twice}, lost {len(lost)}")
        assert lost == []
        assert len(promised) > 50 and far.bounces == 0
        assert any(t in far.got for t in promised)
        assert os.listdir(f"{s.spool}/damaged") == []
