"""tests/run must not take a failure for a pass: each way to go wrong."""
import os
import shlex
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CASES = f"{ROOT}/{os.environ.get('BUILD', 'build/out')}/tests/runner/cases"


def count(*args):
    """(exit status, last line, output) of tests/run."""
    env = {k: v for k, v in os.environ.items() if k != "MAILSTEAD_REPORT"}
    done = subprocess.run(
        ["/usr/bin/python3", f"{ROOT}/tests/run", "-t", "3", *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
        check=False)
    return done.returncode, done.stdout.splitlines()[-1], done.stdout


def script(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def unit(tmp_path, what):
    return script(tmp_path, "test_cases",
                  f"#!/bin/sh\nexec {shlex.quote(CASES)} {what}\n")


@pytest.mark.parametrize("what, status, last, says", [
    ("pass", 0, "3 passed, 0 failed", "test_cases: 3 passed"),
    ("fail", 1, "2 passed, 1 failed", "0x1 != 0x2"),
    ("abort", 1, "1 passed, 1 failed", "died by SIGABRT, 1 of 3 tests"),
    ("exit", 1, "1 passed, 1 failed", "exit status 0, 1 of 3 tests"),
    ("hang", 1, "1 passed, 1 failed", "killed after 3 s, 1 of 3 tests"),
    ("empty", 1, "0 passed, 1 failed", "holds no test"),
])
def test_unit(tmp_path, what, status, last, says):
    got = count(unit(tmp_path, what))
    assert got[:2] == (status, last)
    assert says in got[2]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's skips are judged")
def test_skip_of_root_is_a_failure_unless_listed(tmp_path):
    binary = unit(tmp_path, "skip")
    assert count(binary)[:2] == (1, "2 passed, 1 failed")
    skips = script(tmp_path, "skips", f"# why\n{tmp_path}/*: skip*\n")
    assert count("--skips", skips, binary)[:2] == (
        0, "2 passed, 0 failed, 1 skipped")


def test_no_test_at_all_is_a_failure(tmp_path):
    assert count()[:2] == (1, "0 passed, 1 failed")
    assert count("-T", "other", unit(tmp_path, "pass"))[0] == 1


@pytest.mark.parametrize("text, last", [
    ("def test_a(): pass\ndef test_b(): pass\n", "2 passed, 0 failed"),
    ("def test_a(): pass\ndef test_b(): assert 0\n", "1 passed, 1 failed"),
    ("import nonsuch\ndef test_a(): pass\n", "0 passed, 1 failed"),
    ("def test_a(): pass\ndef test_b():\n import os\n os._exit(0)\n",
     "1 passed, 1 failed"),
    ("def test_a(): pass\ndef test_b():\n import time\n time.sleep(99)\n",
     "1 passed, 1 failed"),
    ("", "0 passed, 1 failed"),
    ("import pytest\n@pytest.fixture\ndef f():\n yield\n assert 0\n"
     "def test_a(f): pass\n", "1 passed, 1 failed"),
], ids=["pass", "fail", "import", "exit", "hang", "empty", "teardown"])
def test_pytest(tmp_path, text, last):
    got = count(script(tmp_path, "test_it.py", text))
    assert got[:2] == (0 if ", 0 failed" in last else 1, last)


def test_what_failed_is_named_at_the_end(tmp_path):
    bad = script(tmp_path, "test_bad.py", "def test_a():\n    assert 1 == 2\n")
    lines = count(bad, unit(tmp_path, "pass"))[2].splitlines()
    end = lines[lines.index(f"FAILED: {bad}::test_a"):]
    assert any("1 == 2" in line for line in end)
    assert end[-1] == "3 passed, 1 failed" and len(end) < 8
    lines = count(unit(tmp_path, "fail"))[2].splitlines()
    assert any("0x1 != 0x2" in line for line in lines[-6:])


def test_fuzz(tmp_path):
    corpus = f"{ROOT}/tests/fuzz/corpus"
    fine = script(tmp_path, "fuzz_nonsuch", "#!/bin/sh\n")
    assert "no tests/fuzz/corpus/nonsuch" in count(fine)[2]
    if not os.path.isdir(corpus) or not os.listdir(corpus):
        return
    name = sorted(os.listdir(corpus))[0]
    n = len(os.listdir(f"{corpus}/{name}"))
    body = '#!/bin/sh\nfor i; do echo "input $i"; done\n'
    fine = script(tmp_path, f"fuzz_{name}", f"{body}echo inputs $#\n")
    assert count(fine)[:2] == (0, "1 passed, 0 failed")
    assert f"{n} inputs" in count(fine)[2]
    # an input that makes the target leave early
    assert count(script(tmp_path, f"fuzz_{name}", body))[0] == 1
    assert count(script(tmp_path, f"fuzz_{name}", f"{body}kill -SEGV $$"))[
        :2] == (1, "0 passed, 1 failed")
