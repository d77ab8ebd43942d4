"""kill -9 of every role while letters come in: nothing that was acknowledged
is lost. `make check-crash` does more of it, and cuts the power too."""
import os
import random
import time

import pytest

from tests.lab.far import Far
from tests.system.letters import BOXES, digest, found_in, lost_of
from tests.system.storm import VICTIMS, StormSuite, end
from tests.system.suite import wait_for

pytestmark = [pytest.mark.usefixtures("netns"), pytest.mark.limit(300)]
SESSIONS = 8
KILLS_EACH = 2


@pytest.mark.parametrize("direct", [32, 0])
def test_nothing_acknowledged_is_lost(tmpdir, bindir, direct):
    seed = random.SystemRandom().randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    with Far(f"{tmpdir}/far", digest) as far, \
            StormSuite(tmpdir, bindir, far, direct) as s:
        s.start()
        writers = s.writers(SESSIONS, seed)
        victims = VICTIMS * KILLS_EACH
        rng.shuffle(victims)
        for victim in victims:
            time.sleep(rng.uniform(0.05, 0.4))
            s.kill(victim, rng)
        time.sleep(0.5)
        promised = end(writers)
        wait_for("an empty queue", lambda: not s.queue(), 100)
        lost, twice = lost_of(promised, s, far.seen())
        print(f"acknowledged {len(promised)}, kills {len(victims)}, "
              f"at the other host {len(far.got)}, bounced {far.bounces}, "
              f"duplicates {twice}, lost {len(lost)}")
        assert lost == []
        assert len(promised) > 50 and far.bounces == 0
        assert any(t in far.got for t in promised)
        for writer in writers[SESSIONS:]:
            assert writer.promised, "no APPEND came through"
        for address in BOXES:
            assert found_in(s, address), address
        assert os.listdir(f"{s.spool}/damaged") == []
