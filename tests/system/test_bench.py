"""The benchmark works on, and no rate comes of a run that lost a letter."""
import json
import os
import shutil
import subprocess
import types

import pytest

from tests.bench import work
from tests.bench.servers import Ours, Wants
from tests.lab.netns import why_not
from tests.system.conftest import ROOT

PARTS = ["X-Bench: %d\nSubject: x\n\n", work.LINE.decode() * 65]


def have(path, number, lines=65):
    with open(path, "w", encoding="ascii") as f:
        f.write(PARTS[0] % number + work.LINE.decode() * lines)


@pytest.fixture
def stored(tmpdir):
    """A server of 4 users that has taken messages 0 to 7; each fourth of them
    is at the sink."""
    paths = {}
    for user in range(4):
        paths[user] = f"{tmpdir}/{user}"
        for folder in "new", "cur":
            os.makedirs(f"{paths[user]}/{folder}")
    at_sink = [0, 4, 2 * work.WARM]
    for number in range(8):
        if number not in at_sink:
            have(f"{paths[number % 4]}/new/{number}", number)
    have(f"{paths[3]}/new/warm", work.WARM)
    return types.SimpleNamespace(
        name="x", maildirs=lambda: paths, at_sink=at_sink,
        numbers=lambda: at_sink, wants=Wants(users=4))


def lost(s):
    os.unlink(f"{s.maildirs()[1]}/new/5")


def doubled(s):
    shutil.copy(f"{s.maildirs()[1]}/new/5", f"{s.maildirs()[1]}/cur/5x")


def elsewhere(s):
    os.rename(f"{s.maildirs()[1]}/new/5", f"{s.maildirs()[2]}/new/5")


def to_a_second(s):
    shutil.copy(f"{s.maildirs()[1]}/new/5", f"{s.maildirs()[2]}/new/5")


def cut(s):
    have(f"{s.maildirs()[1]}/new/5", 5, 50)


def another_text(s):
    with open(f"{s.maildirs()[1]}/new/5", "a", encoding="ascii") as f:
        f.write("more\n")


def not_at_sink(s):
    s.at_sink.remove(4)


def twice_at_sink(s):
    s.at_sink.append(4)


def at_sink_too(s):
    s.at_sink.append(5)


@pytest.mark.parametrize("harm", [
    lost, doubled, elsewhere, to_a_second, cut, another_text, not_at_sink,
    twice_at_sink, at_sink_too])
def test_harm_is_seen(stored, harm):
    promised, load = set(range(8)), {"far": 4}
    work.judge(stored, stored, promised, load)
    harm(stored)
    with pytest.raises(work.Wrong):
        work.judge(stored, stored, promised, load)


@pytest.mark.parametrize("harm", [
    None, lambda p: os.unlink(p[3]), lambda p: p.append(p[3])])
def test_harm_to_a_queue_is_seen(tmpdir, harm):
    paths = [f"{tmpdir}/{n}" for n in range(5)]
    for n, path in enumerate(paths):
        have(path, 3 * work.WARM + n)
    if harm:
        harm(paths)
    server = types.SimpleNamespace(name="x", queue_files=lambda: filter(
        os.path.exists, paths))
    if harm is None:
        work.judge_queue(server, 5)
        return
    with pytest.raises(work.Wrong):
        work.judge_queue(server, 5)


@pytest.fixture
def machine(lab):
    """What a run needs besides root."""
    groups = "/sys/fs/cgroup"
    if os.path.isdir(f"{groups}/unified"):
        groups += "/unified"
    if not os.path.exists(f"{groups}/cgroup.procs"):
        pytest.skip(why_not("no machine: no cgroup2"))
    return lab


@pytest.mark.parametrize("harm", ["lost", "doubled"])
def test_harm_to_a_server_is_seen(machine, tmpdir, harm):
    """The letters are looked for in the mailboxes of the server that ran."""
    host = machine("bench")["bench"]

    class Thief(work.Bench):
        def load(self, *args, **kwargs):
            result = super().load(*args, **kwargs)
            folder = f"{self.server.maildirs()[3]}/new"
            name = f"{folder}/{max(os.listdir(folder))}"
            if harm == "lost":
                os.unlink(name)
            else:
                shutil.copy(name, f"{name}x")
            return result

    row = types.SimpleNamespace(load=lambda args: {"messages": 20})
    with Ours(host, tmpdir, Wants(users=10)) as server, \
            Thief(server, host, tmpdir, None) as bench, \
            pytest.raises(work.Wrong, match=f"mailboxes: {harm}" if harm ==
                          "lost" else "twice 1"):
        bench.rates(row, None)


def test_rows_run(machine, tmpdir):
    """Each kind of row, ours alone, a few messages: what does not work any
    more shows."""
    rows = ["mixed", "relay", "fanout", "deferred", "idle-tls", "submission"]
    done = subprocess.run(
        ["/usr/bin/python3", f"{ROOT}/tests/bench/smtp", "--rounds", "1",
         "--messages", "40", "--deferred", "20", "--only", "mailstead",
         "--disk", tmpdir, "--json", f"{tmpdir}/json", *rows],
        check=False, text=True, capture_output=True, timeout=110)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    with open(f"{tmpdir}/json", encoding="utf-8") as f:
        told = json.load(f)["rows"]
    assert list(told) == rows
    for name, row in told.items():
        median = row["medians"]["mailstead"]
        # of so few connections the memory is lost in what varies
        assert median["processes" if "idle" in name else "rate"] > 0, name
    assert told["submission"]["rounds"]["mailstead"][0]["tls"] == \
        "TLSv1.3 TLS_AES_256_GCM_SHA384"
