"""Fixtures of tests against the built programs. tests/run gives each file a
process of its own; that process gets a network of its own here, so ports and
addresses never meet those of another run."""
import contextlib
import os
import shutil
import subprocess
import tempfile

import pytest

from tests.lab import netns as ns

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
_no_network = None


def pytest_configure():
    global _no_network
    try:
        ns.unshare()
    except OSError as e:
        _no_network = ns.why_not(f"no namespace: {e}")


@pytest.fixture(scope="session")
def netns():
    """The test has an empty network of its own, loopback up."""
    if _no_network:
        pytest.skip(_no_network)


@pytest.fixture
def lab(netns):
    """Lab(name, ...): see tests/lab/lab.py; only for root."""
    if os.geteuid() != 0:
        pytest.skip("hosts out of namespaces are for root")
    from tests.lab.lab import Lab
    with contextlib.ExitStack() as stack:
        yield lambda *names: stack.enter_context(Lab(*names))


@pytest.fixture
def peers(lab):
    """The module tests/lab/peers.py, where its trees are."""
    from tests.lab import peers as module
    if not os.path.isdir(f"{ROOT}/build/peers/postfix"):
        pytest.skip(ns.why_not("no peers: make could not make their trees"))
    return module


@pytest.fixture
def dns(lab, peers, tmpdir):
    """start(signed=, yaml=, client=, forged=, **zones): a Drive whose resolver asks an
    nsd that is the whole DNS; zones are those of tests/lab/zones.py and what
    is said, those in `signed` are."""
    from tests.lab import zones as lab_zones
    from tests.lab.drive import Drive
    hosts = lab("mail", "dns", "other")
    if not os.path.isdir("build/peers/nsd"):
        pytest.skip("no peer: nsd")

    def start(signed=(), yaml="", client="", forged=None, **zones):
        zones = {**lab_zones.ALL, **zones}
        nsd = peers.Nsd(hosts["dns"], zones, signed, forged)
        nsd.__enter__()
        stack.append(nsd)
        with open(f"{tmpdir}/hints", "w", encoding="ascii") as f:
            f.write(nsd.hints())
        with open(f"{tmpdir}/anchor", "w", encoding="ascii") as f:
            f.write(nsd.anchor or "")
        drive = Drive(
            tmpdir, f"resolver:\n  root_hints: {tmpdir}/hints\n"
            f"  trust_anchor: {tmpdir}/anchor\n  dnssec: "
            f"{'true' if nsd.anchor else 'false'}\n{yaml}{client}",
            argv=hosts["mail"].argv)
        drive.__enter__()
        stack.append(drive)
        drive.nsd, drive.hosts = nsd, hosts
        drive.link()
        return drive

    stack = []
    yield start
    for one in reversed(stack):
        one.__exit__(None, None, None)


@pytest.fixture(scope="session")
def bindir():
    """Where the built programs are."""
    return os.path.join(ROOT, os.environ.get("BUILD", "build/out"), "bin")


@pytest.fixture
def tmpdir():
    """A folder that every user may pass, on a disk: /tmp may be memory."""
    path = tempfile.mkdtemp(prefix="mailstead-", dir="/var/tmp")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def loopfs(tmpdir):
    """A folder that is a small journalled ext4 of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting is for root")
    image, where = f"{tmpdir}/image", f"{tmpdir}/fs"
    os.mkdir(where)
    with open(image, "wb") as f:
        f.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    done = subprocess.run(["mount", "-o", "loop", image, where], check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.splitlines()[0]
        pytest.skip(ns.why_not(f"no loop device: {said}"))
    yield where
    # a process that dies may hold it a little longer: never leave a mount
    if subprocess.run(["umount", where], check=False).returncode != 0:
        subprocess.run(["umount", "-l", where], check=True)
