"""Network namespaces for tests, by system call: Python 3.11 has no unshare."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *args):
    if getattr(_libc, name)(*args) != 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{name}: {os.strerror(err)}")


def _write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def unshare():
    """Gives this process (it may have one thread only) an empty network of
    its own with loopback up. Needs root or user namespaces: OSError. Who is
    not root stays who he is and cannot change the network afterwards."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _call("unshare", CLONE_NEWNET)
    else:
        _call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    loopback_up()


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack(
            "16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS,
                    struct.pack("16sh14x", b"lo", flags | IFF_UP))


@contextlib.contextmanager
def inside(path):
    """This thread is in the namespace at the path; sockets that it makes
    there stay there."""
    with open("/proc/thread-self/ns/net", "rb") as home, \
            open(path, "rb") as there:
        _call("setns", there.fileno(), CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", home.fileno(), CLONE_NEWNET)


def in_container():
    """Whether something that has few rights and devices runs us."""
    if os.path.exists("/run/systemd/container"):
        return True
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return True
    try:
        with open("/proc/1/environ", "rb") as f:
            return b"\0container=" in b"\0" + f.read()
    except OSError:
        return False


def why_not(what):
    """The reason of a skip, as tests/skips knows it."""
    return ("in a container: " if in_container() else "") + what
