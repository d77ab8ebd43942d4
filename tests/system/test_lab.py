"""The ground that system tests stand on holds."""
import os
import socket
import subprocess

import pytest

from tests.lab.lab import Lab, namespaces, sweep
from tests.system.suite import wait_for


def test_own_network(netns):
    with open("/proc/net/dev", encoding="ascii") as f:
        names = [line.split(":")[0].strip() for line in f if ":" in line]
    assert "eth0" not in names
    # a fixed port is free and reached: nobody else is here
    with socket.create_server(("127.0.0.1", 25)) as server:
        socket.create_connection(server.getsockname(), 5).close()


SERVE = """
import socket
s = socket.create_server(("::", 25), family=socket.AF_INET6,
                         dualstack_ipv6=True)
print("ready", flush=True)
while True:
    s.accept()[0].sendall(b"220 here\\r\\n")
"""


def test_hosts_reach_each_other(lab):
    hosts = lab("mail", "client")
    server = hosts["mail"].popen(["/usr/bin/python3", "-c", SERVE],
                                 stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"
    for address in hosts["mail"].ip, hosts["mail"].ip6:
        ask = f"import socket; print(socket.create_connection(" \
              f"('{address}', 25), 5).recv(99))"
        out = hosts["client"].run(["/usr/bin/python3", "-c", ask]).stdout
        assert "220 here" in out
    # the same addresses in another lab are other hosts
    other = lab("mail", "client")
    assert other["mail"].ip == hosts["mail"].ip
    with pytest.raises(subprocess.CalledProcessError):
        other["client"].run(["/usr/bin/python3", "-c", ask])


@pytest.mark.skipif(os.geteuid() != 0, reason="for root")
def test_lab_leaves_nothing(netns):
    with pytest.raises(ZeroDivisionError):
        with Lab("a", "b") as lab:
            prefix = lab.prefix
            sleeper = lab["a"].popen(["sleep", "1000"])
            raise ZeroDivisionError
    assert sleeper.poll() is not None
    assert not [n for n in namespaces() if n.startswith(prefix)]


@pytest.mark.skipif(os.geteuid() != 0, reason="for root")
def test_sweep_removes_what_a_dead_process_left(netns):
    proc = subprocess.Popen(["true"])
    proc.wait()
    name = f"mailstead-{proc.pid}-0-left"
    subprocess.run(["ip", "netns", "add", name], check=True)
    sleeper = subprocess.Popen(
        ["ip", "netns", "exec", name, "sleep", "1000"])

    def inside():
        with open(f"/proc/{sleeper.pid}/comm", encoding="ascii") as f:
            return f.read() == "sleep\n"

    wait_for("sleep in its namespace", inside)
    sweep()
    assert name not in namespaces()
    assert sleeper.wait(5) == -9


def test_loopfs_is_ext4_with_a_journal(loopfs):
    device = subprocess.run(
        ["findmnt", "-no", "SOURCE,FSTYPE", loopfs], check=True,
        capture_output=True, text=True).stdout.split()
    assert device[1] == "ext4"
    features = subprocess.run(["dumpe2fs", "-h", device[0]], check=True,
                              capture_output=True, text=True).stdout
    assert "has_journal" in features
