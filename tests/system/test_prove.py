"""steadctl sandbox --prove: what each worker must not be able to do is tried
in its live confinement, and in a control that is not confined."""
import glob
import json
import os
import subprocess

import pytest

from tests.system.suite import Suite

pytestmark = pytest.mark.usefixtures("netns")
ROLES = {"qmgr", "smtpd", "local", "authd", "spawn", "pop3d", "session",
         "imapd", "watch",
         "resolver", "remote"}


class Host(Suite):
    def prove(self, *words, user=None):
        done = subprocess.run(
            [self.steadctl, "-c", self.conf, "sandbox",
             "--prove", *words], capture_output=True, text=True, timeout=100,
            check=False, user=user)
        return done.returncode, done.stdout, done.stderr

    def roles(self, *words, user=None):
        status, out, err = self.prove("--json", *words, user=user)
        told = json.loads(out)
        failed = {r["role"]: r["failed"] for r in told["roles"] if r["failed"]}
        assert failed == {} and status == 0, (failed, err)
        return {r["role"]: r for r in told["roles"]}, err


@pytest.fixture
def host(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        h.start()  # makes the folders
        yield h


def kernel():
    """The kernel's Landlock ABI; 0: none."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    return max(libc.syscall(444, None, ctypes.c_size_t(0), 1), 0)


@pytest.mark.parametrize("abi", [0, 2, 99])
def test_each_role(host, abi):
    told, _ = host.roles("--abi", str(abi))
    assert set(told) == ROLES
    for name, role in told.items():
        assert role["refused"] >= (30 if name == "spawn" else 36), role
    # another account's mail, under the same uid: Landlock's work alone
    reads = "read a file" in told["session"]["not_claimed"]
    assert reads == (min(abi, kernel()) < 2)
    if host.root:  # the network's processes have a root of their own
        for name in ("smtpd", "pop3d", "imapd"):
            assert "read a file" not in told[name]["not_claimed"]
    assert glob.glob("/var/tmp/steadctl-prove.*") == []
    assert glob.glob(f"{host.mail}/steadctl-prove.*") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="users are for root")
@pytest.mark.parametrize("abi", [0, 2, 99])
def test_users_of_the_system(tmpdir, bindir, abi):
    with Host(tmpdir, bindir, "users: {domains: [example.org]}\n") as h:
        h.start()
        told, _ = h.roles("--abi", str(abi))
    assert set(told) == ROLES | {"user-session", "user-delivery",
                                 "user-watch"}
    for name in ("user-session", "user-delivery", "user-watch"):
        assert told[name]["refused"] >= 36, told[name]
        # the uid alone keeps a user out of what is root's
        assert "open for writing" not in told[name]["not_claimed"]
    assert glob.glob("/var/tmp/steadctl-prove.*") == []


def test_in_words(host):
    status, out, err = host.prove("--verbose")
    assert (status, err if host.root else "") == (0, "")
    lines = [x for x in out.splitlines() if x and not x.startswith(" ")]
    assert {x.split(":")[0] for x in lines} == ROLES
    assert all(x.endswith(", 0 FAILED") for x in lines)
    assert "    refused: unlink" in out.splitlines()


def test_another_user(host):
    if not host.root:
        pytest.skip("another user is for root to become")
    # he has folders of his own: workers' are shut to him
    folder = f"{host.folder}/his"
    os.mkdir(folder)
    os.chown(folder, 65534, 65534)
    os.chmod(host.conf, 0o644)
    with open(host.conf, encoding="utf-8") as f:
        text = f.read().replace(f"{host.folder}/", f"{folder}/")
    host.conf = f"{folder}/conf"
    with open(host.conf, "w", encoding="utf-8") as f:
        f.write(text)
    status, out, err = host.prove(user=65534)
    # nothing is proven
    assert status == 1 and "when it starts" in out, (out, err)
    for name in ("spool", "mail", "state/auth", "state/qmgr", "state/index",
                 "run/net"):
        os.makedirs(f"{folder}/{name}")
        os.chown(f"{folder}/{name}", 65534, 65534)
    told, err = host.roles(user=65534)
    assert set(told) == ROLES and "not root" in err
    for role in told.values():
        assert role["refused"] >= 20


def test_usage(host):
    for words in (("--abi",), ("--abi", "100"), ("--abi", "x"), ("now",)):
        assert host.prove(*words)[0] == 64
