"""make demo's proof: it holds when all is there, and fails when not."""
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from tests.system.conftest import ROOT

pytestmark = [pytest.mark.usefixtures("netns"), pytest.mark.limit(240)]
WORKERS = ("qmgr", "smtpd", "delivery", "authd", "spawn", "pop3d", "imapd",
           "watch", "resolver", "remote")


def demo(build, base, once="1", root=ROOT, **how):
    env = {**os.environ, "BUILD": build, "PORT_BASE": str(base), "ONCE": once}
    return subprocess.Popen(
        [f"{root}/tests/demo/run"], env=env, cwd=root, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)


def folders():
    return set(glob.glob("/var/tmp/mailstead-demo.*"))


def build_of(bindir):
    return os.path.relpath(os.path.dirname(bindir), ROOT)


def test_proof(bindir):
    run = demo(build_of(bindir), 12000)
    text, _ = run.communicate(timeout=120)
    assert run.returncode == 0, text
    token = re.search(r"with (token-\w+) went all the way", text)[1]
    assert text.count(token) == 5  # POP3 and IMAP twice, and the last line
    folder = re.search(r"Starting Mailstead in (\S+)", text)[1]
    assert not os.path.exists(folder)


def test_as_an_ordinary_user(bindir, tmpdir):
    if os.geteuid() != 0:
        pytest.skip("needs root to be another user")
    # where this checkout is, that user may not be able to go
    shutil.copytree(f"{ROOT}/tests/demo", f"{tmpdir}/tests/demo")
    shutil.copytree(bindir, f"{tmpdir}/out/bin")
    run = demo("out", 13000, root=tmpdir, user=65534, group=65534,
               extra_groups=[])
    text, _ = run.communicate(timeout=120)
    assert run.returncode == 0, text
    assert "Not running as root" in text


def without(bindir, folder, name, base):
    build = f"{folder}/{name}"
    os.makedirs(f"{build}/bin")
    for path in glob.glob(f"{bindir}/*"):
        if os.path.basename(path) != f"mailstead-{name}":
            os.symlink(path, f"{build}/bin/{os.path.basename(path)}")
    run = demo(os.path.relpath(build, ROOT), base)
    text, _ = run.communicate(timeout=200)
    return name, run.returncode, text


def test_fails_without_any_one_worker(bindir, tmpdir):
    with concurrent.futures.ThreadPoolExecutor(len(WORKERS)) as pool:
        results = list(pool.map(
            lambda n: without(bindir, tmpdir, n[1], 24000 + 1000 * n[0]),
            enumerate(WORKERS)))
    for name, status, text in results:
        assert status != 0, (name, text)
        assert "FAILED" in text, (name, text)
        assert "went all the way" not in text, (name, text)


def test_busy_port_is_named(bindir):
    with socket.create_server(("127.0.0.1", 21110)):
        run = demo(build_of(bindir), 21000)
        text, _ = run.communicate(timeout=120)
    assert run.returncode != 0
    assert "listen.pop3: port 21110 cannot be had" in text


def test_stays_up_until_told(bindir):
    before = folders()
    run = demo(build_of(bindir), 22000, once="", start_new_session=True)
    for line in run.stdout:
        if "Ctrl-C stops it" in line:
            break
    with socket.create_connection(("127.0.0.1", 22525), 10) as sock:
        assert sock.recv(100).startswith(b"220 ")
    time.sleep(0.2)
    os.killpg(run.pid, signal.SIGINT)  # as the terminal does
    run.communicate(timeout=60)
    assert folders() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 22525), 10)
