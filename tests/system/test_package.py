"""The package in a Debian that was booted: installed, used, reloaded, stopped,
removed, installed again, purged. make has built package and tree before; the
machine is systemd-nspawn's, with a layer of its own over the tree and an empty
network, so nothing can be fetched or reach anybody."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from tests.lab.netns import in_container, why_not

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
TREE = f"{ROOT}/build/peers/host"
ALICE, POSTMASTER = "alice@example.org", "postmaster@example.org"
STATE, SPOOL = "/var/lib/mailstead", "/var/spool/mailstead"
DIRECTORY = "/etc/mailstead"

# which nspawn's own filter would refuse
LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
# A cgroup of its own, so that the machine's systemd never sees the host's.
BOOT = """
set -eu
echo $$ >"$1/cgroup.procs"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$3/upper,workdir=$3/work" \
    "$3/root"
exec systemd-nspawn --quiet --keep-unit --register=no --boot \
    --directory="$3/root" --machine="$4" --private-network \
    --link-journal=no --system-call-filter="$5" --console=pipe
"""


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


class Machine:
    def __init__(self, debs):
        groups = "/sys/fs/cgroup"
        if os.path.isdir(f"{groups}/unified"):
            groups += "/unified"
        if not os.path.exists(f"{groups}/cgroup.procs"):
            pytest.skip(why_not("no machine: no cgroup2"))
        self.dir = tempfile.mkdtemp(prefix="mailstead-", dir="/var/tmp")
        # a host name: no underscore
        self.name = os.path.basename(self.dir).replace("_", "x")
        self.group = f"{groups}/{self.name}"
        for name in ("upper/root", "upper/etc", "work", "root"):
            os.makedirs(f"{self.dir}/{name}")
        os.chmod(f"{self.dir}/upper", 0o755)
        for deb in debs:
            shutil.copy(deb, f"{self.dir}/upper/root")
        for name, text in (("mailname", "example.org"),
                           ("hostname", "mail.example.org")):
            with open(f"{self.dir}/upper/etc/{name}", "w",
                      encoding="ascii") as f:
                f.write(text + "\n")
        os.mkdir(self.group)
        self.log = open(f"{self.dir}/log", "wb")
        self.proc = subprocess.Popen(
            ["unshare", "-m", "bash", "-c", BOOT, "boot", self.group, TREE,
             self.dir, self.name, LANDLOCK], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, env={**os.environ,
                                  "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        self.pid = None

    def init(self):
        """The machine's process 1, when it is there."""
        assert self.proc.poll() is None, self.said()
        try:
            with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children",
                      encoding="ascii") as f:
                for pid in f.read().split():
                    with open(f"/proc/{pid}/comm", encoding="ascii") as name:
                        if name.read().strip() == "systemd":
                            return int(pid)
        except OSError:
            pass  # it has just become another
        return None

    def said(self):
        with open(f"{self.dir}/log", "rb") as f:
            return f.read().decode(errors="replace")

    def boot(self):
        try:
            self.pid = wait_for("the machine", self.init)
        except AssertionError as e:
            if in_container() and "not permitted" in str(e):
                pytest.skip(why_not(f"no machine: {e}"))
            raise
        wait_for("its services", lambda: self.sh(
            "systemctl is-system-running || :").strip() in (
                "running", "degraded"))
        return self

    def sh(self, command, text="", user=None, status=0):
        """stdout of a command in the machine, which ends with `status`."""
        words = ["sh", "-c", command]
        if user:
            words = ["runuser", "-u", user, "--"] + words
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-a", "--", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
             "DEBIAN_FRONTEND=noninteractive"] + words, input=text, text=True,
            capture_output=True, timeout=120, check=False)
        if status is not None:
            assert done.returncode == status, (command, done)
        return done.stdout + done.stderr

    def has(self, path):
        return self.sh(f"test -e {path} && echo yes || :") == "yes\n"

    def close(self):
        if self.pid:
            # systemd's own signal to power off
            subprocess.run(["kill", "-38", str(self.pid)], check=False)
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            with open(f"{self.group}/cgroup.kill", "w", encoding="ascii") as f:
                f.write("1")
            self.proc.wait(20)
        self.log.close()
        for folder, _, _ in os.walk(self.group, topdown=False):
            wait_for("the end of its processes", lambda: not rmdir(folder))
        shutil.rmtree(self.dir, ignore_errors=True)


def rmdir(folder):
    try:
        os.rmdir(folder)
    except OSError as e:
        return e
    return None


@pytest.fixture
def machine():
    if os.geteuid() != 0:
        pytest.skip("booting a machine is for root")
    debs = glob.glob(f"{ROOT}/build/deb/mailstead_*.deb")
    assert len(debs) == 1, debs
    m = Machine(debs)
    try:
        yield m.boot()
    finally:
        m.close()


def install(m):
    said = m.sh("dpkg -i /root/mailstead_*.deb")
    assert m.sh("systemctl is-active mailstead") == "active\n", m.sh(
        "journalctl -u mailstead --no-pager")
    return said


def fetch(m, url, account=ALICE, password="secret"):
    return m.sh(f"curl -sSk --ssl-reqd --user {account}:{password} '{url}'")


def check_running(m):
    status = m.sh("steadctl status")
    for service in ("smtp", "submission", "submissions", "pop3", "pop3s",
                    "imap", "imaps", "local"):
        assert f"\n{service} " in status, (service, status)
    # the service's own confinement takes nothing from that of the workers
    held = re.findall(r" held by .*", status)
    assert held and all("landlock" in h and h.endswith("missing: nothing")
                        for h in held), status
    failed = m.sh("journalctl -u mailstead -p warning -o cat --no-pager")
    assert "worker.fatal" not in failed and "worker.exit" not in failed, failed


def check_configuration(m):
    """Made from this host's names, readable by all, and nothing secret."""
    text = m.sh(f"cat {DIRECTORY}/mailstead.yaml", user="nobody")
    assert "\nhostname: mail.example.org\n" in text
    assert "\n  - example.org\n" in text
    assert m.sh(f"stat -c %a:%U {STATE}/auth {STATE}/auth/accounts") == (
        "700:mailstead-auth\n600:mailstead-auth\n")
    for page in ("steadctl.8", "mailstead-master.8", "sendmail.8",
                 "mailstead.yaml.5"):
        assert m.has(f"/usr/share/man/man{page[-1]}/{page}.gz") or not m.has(
            "/usr/share/man/man8"), page


def check_mail(m):
    """From a program without a name here, to people and to root."""
    m.sh(f"steadctl account add {ALICE}", text="secret\n")
    m.sh("steadctl account add x@example.org", text="x\n", user="nobody",
         status=1)
    m.sh("/usr/lib/sendmail -i -t", user="nobody",
         text=f"To: {ALICE}\nSubject: token-one\n\nhello\n")
    assert "Subject: token-one" in fetch(m, "pop3://localhost/1")
    assert "Subject: token-one" in fetch(m, "imaps://localhost/INBOX;UID=1")
    m.sh("/usr/sbin/sendmail -FCronDaemon -i -B8BITMIME -oem root",
         user="nobody", text="From: root\nTo: root\nSubject: cron\n\nhello\n")
    m.sh(f"steadctl account passwd {POSTMASTER}", text="secret\n")
    assert "Subject: cron" in fetch(m, "pop3s://localhost/1", POSTMASTER)
    m.sh("sendmail nobody-here", text="x", user="nobody", status=67)


def check_service(m):
    """systemctl reload is the server's own, and tells of mistakes."""
    m.sh("systemctl reload mailstead")
    assert "generation=2" in m.sh(
        "journalctl -u mailstead -o cat --no-pager | grep master.reload")
    m.sh(f"cp {DIRECTORY}/mailstead.yaml /root/good; "
         f"echo nonsense: 1 >>{DIRECTORY}/mailstead.yaml")
    m.sh("systemctl reload mailstead", status=1)
    assert m.sh("systemctl is-active mailstead") == "active\n"
    m.sh(f"cp /root/good {DIRECTORY}/mailstead.yaml; "
         "systemctl reload mailstead")
    m.sh("mailq")
    m.sh("mailq", user="nobody", status=69)
    # RFC 5321 4.5.1: each domain has somebody for it
    m.sh(f"sed -i 's/^  - example.org/&\\n  - example.net/' "
         f"{DIRECTORY}/mailstead.yaml; systemctl reload mailstead")
    m.sh("sendmail postmaster@example.net", text="Subject: you\n\nx\n",
         user="nobody")
    assert "you" in fetch(m, "pop3s://localhost/2", POSTMASTER)
    m.sh(f"echo team: alice >>{DIRECTORY}/aliases; newaliases")
    m.sh("sendmail team", text="Subject: token-two\n\nx\n", user="nobody")
    assert "token-two" in fetch(m, "pop3://localhost/2")
    m.sh("systemctl stop mailstead")
    assert m.sh("systemctl show -p Result mailstead") == "Result=success\n"
    assert not m.has("/sys/fs/cgroup/system.slice/mailstead.service")
    m.sh("sendmail alice", text="x", user="nobody", status=75)


def check_users(m):
    """A user of the system, whom the host's own tools make, by its PAM."""
    m.sh("systemctl start mailstead; useradd -m -s /bin/bash uwe; "
         "echo uwe:geheim | chpasswd")
    m.sh("sendmail uwe", text="x", user="nobody", status=67)
    m.sh(f"printf 'users:\\n  domains: [example.org]\\n' "
         f">>{DIRECTORY}/mailstead.yaml; systemctl reload mailstead")
    m.sh("sendmail uwe", text="Subject: for-uwe\n\nx\n", user="nobody")
    assert m.sh("stat -c %U:%a /home/uwe/Maildir/new/*") == "uwe:600\n"
    for login in ("uwe", "uwe@example.org"):
        assert "for-uwe" in fetch(m, "pop3s://localhost/1", login, "geheim")
        assert "for-uwe" in fetch(m, "imaps://localhost/INBOX;UID=1", login,
                                  "geheim")
    m.sh("curl -sSk --user uwe:falsch pop3s://localhost/1", status=67)
    m.sh("echo root:geheim | chpasswd")
    m.sh("curl -sSk --user root:geheim pop3s://localhost/1", status=67)
    # a password that is changed is changed at once, an expired user is out
    m.sh("echo uwe:anders | chpasswd")
    m.sh("curl -sSk --user uwe:geheim pop3s://localhost/1", status=67)
    assert "for-uwe" in fetch(m, "pop3s://localhost/1", "uwe", "anders")
    m.sh("usermod -e 1 uwe")
    m.sh("curl -sSk --user uwe:anders pop3s://localhost/1", status=67)
    assert "held as their users" in m.sh("steadctl status")


def check_queue(m):
    """A message for a host that nobody can ask for: it waits."""
    m.sh("sendmail somebody@elsewhere.example", text="x", user="nobody")
    assert "somebody@elsewhere.example" in m.sh(
        "steadctl queue show $(mailq | cut -d' ' -f1 | head -n 1)")


def check_removal(m):
    m.sh("apt-get remove -y mailstead")
    assert not m.has("/usr/sbin/sendmail")
    assert m.sh("systemctl is-active mailstead || :").strip() != "active"
    assert m.has(f"{DIRECTORY}/mailstead.yaml")
    m.sh(f"echo '# mine' >>{DIRECTORY}/mailstead.yaml")
    install(m)
    assert "# mine" in m.sh(f"cat {DIRECTORY}/mailstead.yaml")
    assert "token-two" in fetch(m, "pop3://localhost/2")


def check_purge(m):
    """Configuration goes; mail stays as long as there is any, and whose it is.
    """
    said = m.sh("apt-get purge -y mailstead")
    assert f"not removed, in {SPOOL} {STATE}" in said
    assert not m.has(DIRECTORY) and not m.has(f"{STATE}/index")
    assert not m.has(f"{STATE}/qmgr") and not m.has("/run/mailstead")
    install(m)
    assert "token-two" in fetch(m, "pop3://localhost/2")
    assert "elsewhere.example" in m.sh(
        "steadctl queue show $(mailq | cut -d' ' -f1 | head -n 1)")
    m.sh("steadctl queue delete --yes ALL; systemctl stop mailstead")
    m.sh(f"find {STATE}/mail -path '*/new/*' -delete; "
         f"find {STATE}/mail -path '*/cur/*' -delete")
    m.sh("apt-get purge -y mailstead")
    for path in (STATE, SPOOL, DIRECTORY, "/run/mailstead"):
        assert not m.has(path), path


@pytest.mark.limit(300)
def test_life(machine):
    said = install(machine)
    assert "steadctl account passwd" in said
    check_running(machine)
    check_configuration(machine)
    check_mail(machine)
    check_service(machine)
    check_users(machine)
    check_queue(machine)
    check_removal(machine)
    check_purge(machine)
