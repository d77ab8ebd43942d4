"""The channels between workers: one that breaks while both sides live leaves
nobody deaf, and ends nobody who is trusted more than the other."""
import ctypes
import os
import socket

import pytest

from tests.system.suite import Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")

PIDFD_GETFD = 438  # on all architectures
# whom each talks to that is trusted more
ABOVE = {"smtpd": ["qmgr", "authd"], "local": ["qmgr"], "remote": ["qmgr"],
         "resolver": ["remote"], "pop3d": ["authd"], "imapd": ["authd"],
         "watch": ["authd"], "authd": ["spawn"]}


@pytest.fixture
def suite(tmpdir, bindir):
    if os.geteuid() != 0:
        pytest.skip("needs root to take a worker's descriptors")
    with Suite(tmpdir, bindir, yaml="smtpd: {processes: 1}\n") as s:
        yield s.start()


def channels(pid):
    """A copy of each channel to another worker that the process holds."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        # 3 leads to master
        if name == "3" or not os.readlink(
                f"/proc/{pid}/fd/{name}").startswith("socket:"):
            continue
        fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
        assert fd >= 0, os.strerror(ctypes.get_errno())
        sock = socket.socket(fileno=fd)
        if sock.type == socket.SOCK_SEQPACKET:
            found.append(sock)
        else:
            sock.close()
    os.close(pidfd)
    return found


def speak_nonsense(pid):
    """In the name of that worker, to all that it talks to."""
    socks = channels(pid)
    assert socks
    for sock in socks:
        try:
            sock.send(b"nonsense")
        except OSError:
            pass  # that one had enough already
        sock.close()


def all_serve(suite):
    wire = suite.connect().greet()
    said = wire.mail("alice@example.org", b"Subject: x\r\n\r\nx")
    wire.close()
    return said[0] == "250"


@pytest.mark.parametrize("role", ABOVE)
def test_who_speaks_nonsense_is_ended(suite, role):
    before = suite.workers()
    speak_nonsense(before[role, 0])
    wait_for(f"another {role}",
             lambda: suite.pid_of(role) not in (None, before[role, 0]))
    wait_for("mail", lambda: all_serve(suite))
    after = suite.workers()
    for above in ABOVE[role]:
        assert after[above, 0] == before[above, 0]
    assert suite.said("worker.cut", role=role)


def test_so_is_who_hears_it_of_one_trusted_more(suite):
    """Nonsense of qmgr's is its own mistake; but without it they are deaf."""
    before = suite.workers()
    speak_nonsense(before["qmgr", 0])
    for role in ("smtpd", "local", "remote"):
        wait_for(f"another {role}",
                 lambda: suite.pid_of(role) not in (None, before[role, 0]))
    wait_for("mail", lambda: all_serve(suite))
    after = suite.workers()
    for role in ("qmgr", "authd", "spawn"):
        assert after[role, 0] == before[role, 0]
    assert not suite.said("worker.cut", role="qmgr")
