"""The project's own messages of each kind, by `make check-messages`."""
import os
import subprocess

import pytest

from tests.system.conftest import ROOT

FOLDER = f"{ROOT}/tests/data/messages"
REFUSED = {"bare-cr", "bare-cr-at-end", "cr-cr-lf", "nul"}


@pytest.mark.usefixtures("netns")
def test_each_comes_back_or_is_refused():
    names = set(os.listdir(FOLDER))
    assert REFUSED < names
    done = subprocess.run(
        [f"{ROOT}/tests/messages/run", FOLDER], capture_output=True,
        text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (f"{len(names - REFUSED)} came back byte for byte, "
            f"{len(REFUSED)} with bare CR or NUL refused, 0 wrong"
            ) in done.stdout


def test_no_messages_is_a_failure(tmpdir):
    done = subprocess.run(
        [f"{ROOT}/tests/messages/run", tmpdir], capture_output=True,
        text=True, timeout=100, check=False)
    assert done.returncode == 1
