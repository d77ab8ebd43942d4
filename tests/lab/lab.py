"""Hosts out of network namespaces, joined by a switch that is one too.

    with Lab("mail", "client") as lab:
        lab["mail"].popen(["build/out/bin/mailstead-master", ...])
        lab["client"].run(["swaks", "--server", lab["mail"].ip, ...])

Each Lab has its own namespaces, named by process and number, so labs never
meet: all use the same addresses (192.0.2.1, 2, ... and 2001:db8::1, 2, ...).
What was started in a host is dead, and the host gone, when the block is left;
what a killed process left behind is swept away by the next Lab. Only root.
"""
import itertools
import os
import re
import signal
import subprocess

from tests.lab.netns import inside

_count = itertools.count()


def ip(*args):
    return subprocess.run(["ip", *args], check=True, text=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout


class Host:
    """One namespace with loopback, an interface eth0 and its addresses."""

    def __init__(self, name, netns, number):
        self.name = name
        self.netns = netns
        self.ip = f"192.0.2.{number}"
        self.ip6 = f"2001:db8::{number:x}"
        self.started = []

    def argv(self, argv):
        """What runs argv in this host."""
        return ["ip", "netns", "exec", self.netns, *argv]

    def run(self, argv, **kwargs):
        """subprocess.run in this host: checked, output captured as text."""
        options = {"check": True, "capture_output": True, "text": True,
                   "stdin": subprocess.DEVNULL, "timeout": 60}
        if "input" in kwargs:
            del options["stdin"]
        return subprocess.run(self.argv(argv), **{**options, **kwargs})

    def popen(self, argv, **kwargs):
        """subprocess.Popen in this host; killed when the lab ends."""
        proc = subprocess.Popen(self.argv(argv), **kwargs)
        self.started.append(proc)
        return proc

    def inside(self):
        """With it this thread makes its sockets in this host."""
        return inside(f"/run/netns/{self.netns}")

    def kill_all(self):
        for proc in self.started:
            proc.kill()
        # and what they started: a namespace lives while one process is in it
        for pid in ip("netns", "pids", self.netns).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        for proc in self.started:
            proc.wait()


class Lab:
    """Context manager over hosts; lab[name] is one of them."""

    def __init__(self, *names):
        self.prefix = f"mailstead-{os.getpid()}-{next(_count)}-"
        self.switch = self.prefix + "switch"
        self.hosts = {}
        self.names = names

    def __getitem__(self, name):
        return self.hosts[name]

    def __enter__(self):
        sweep()
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")
        for number, name in enumerate(self.names, 1):
            host = Host(name, self.prefix + name, number)
            ip("netns", "add", host.netns)
            self.hosts[name] = host
            port = f"port{number}"
            ip("-n", self.switch, "link", "add", port, "type", "veth",
               "peer", "name", "eth0", "netns", host.netns)
            ip("-n", self.switch, "link", "set", port, "master", "br0", "up")
            ip("-n", host.netns, "link", "set", "lo", "up")
            ip("-n", host.netns, "link", "set", "eth0", "up")
            ip("-n", host.netns, "addr", "add", host.ip + "/24", "dev",
               "eth0")
            # nodad: usable at once; nobody else is here
            ip("-n", host.netns, "addr", "add", host.ip6 + "/64", "dev",
               "eth0", "nodad")

    def __exit__(self, *exc):
        for host in self.hosts.values():
            host.kill_all()
        for name in namespaces():
            if name.startswith(self.prefix):
                ip("netns", "del", name)
        self.hosts.clear()


def namespaces():
    return [line.split()[0] for line in ip("netns", "list").splitlines()]


def sweep():
    """Removes the namespaces of processes that are no more."""
    for name in namespaces():
        owner = re.match(r"mailstead-(\d+)-", name)
        if owner is None or os.path.exists(f"/proc/{owner[1]}"):
            continue
        try:
            Host(name, name, 0).kill_all()
            ip("netns", "del", name)
        except subprocess.CalledProcessError:
            pass  # another sweep was first
