"""The servers that are compared: ours as it is installed, and Postfix with
what makes it faster. A server is a context manager; while it is entered it
serves. What a row wants of it is a Wants."""
import contextlib
import dataclasses
import glob
import os
import re
import shutil
import socket
import subprocess
import time

from tests.bench.machine import Group
from tests.lab import peers
from tests.system.suite import Suite, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
OUT = f"{ROOT}/{os.environ.get('BUILD', 'build/out')}"
DOMAIN = "example.org"
FAR = "far@elsewhere.example"
SINK_PORT, DOWN_PORT = 2525, 2526  # at the server's own loopback
PASSWORD = "of-the-bench"


@dataclasses.dataclass
class Wants:
    users: int = 100
    relay_port: int = SINK_PORT  # of the host that takes all other mail
    tls: tuple = ()  # files of certificate and key
    hash: str = ""  # of the users' password; "": nobody logs in
    remember: bool = True  # log-ins that were right
    idle: int = 0  # sessions that stay
    long_retry: bool = False


def greets(host):
    """Whether the server takes a transaction."""
    with contextlib.suppress(OSError), host.inside(), \
            socket.create_connection((host.ip, 25), 5) as s:
        file = s.makefile("rwb", buffering=0)
        for line in b"", b"EHLO x\r\n", b"MAIL FROM:<x@elsewhere.example>\r\n":
            file.write(line)
            while (reply := file.readline())[3:4] == b"-":
                pass
            if reply[:1] != b"2":
                return False
        return True
    return False


class Grouped:
    """A host of the Lab, and who is started there is in a group from the
    first: `ip netns exec` hides cgroups, so he goes in before it."""

    def __init__(self, host, group):
        self.host, self.group = host, group
        self.inside = host.inside

    def argv(self, argv):
        return self.group.argv(self.host.argv(argv))


class Ours:
    name = "mailstead"
    # on port 25 strangers' mail for others is refused: an alias sends it on
    far = f"far@{DOMAIN}"

    def __init__(self, host, disk, wants):
        self.host, self.wants = host, wants
        folder = f"{disk}/ours-{time.monotonic_ns()}"
        os.mkdir(folder, 0o755)
        self.group = Group("ours")
        # what is not named is as it is installed; the limits of one address
        # and one login are not for a client that stands for many
        yaml = ("limits: {smtp: 0, rate: 0, login_recipients: 1000000}\n"
                'listen: {smtp: ["*:25"], submission: ["*:587"]}\n'
                f"relay: {{host: localhost, port: {wants.relay_port}, "
                "tls: may}\n")
        if wants.tls:
            yaml += ("tls: {certificate: %s, key: %s}\n" % wants.tls)
        if not wants.remember:
            yaml += "auth: {remember: 0}\n"
        if wants.long_retry:
            yaml += "queue: {retry_first: 1d, retry_max: 1d}\n"
        accounts = [f"user{i}@{DOMAIN}" for i in range(wants.users)]
        self.suite = Suite(folder, f"{OUT}/bin", yaml=yaml, accounts=accounts,
                           host=Grouped(host, self.group),
                           aliases=f"{self.far}: {FAR}\n")
        if wants.hash:
            path = f"{folder}/state/auth/accounts"
            with open(path, "r+", encoding="ascii") as f:
                text = f.read().replace(" !", f" {wants.hash}")
                f.seek(0)
                f.write(text)

    def __enter__(self):
        self.start()
        return self

    def start(self):
        self.suite.start()

    def start_again(self):
        self.suite.start()

    def stop(self):
        status = self.suite.stop()
        assert status == 0, status

    def __exit__(self, *exc):
        if exc[0] is not None:
            print(self.suite.text()[-4000:])
        try:
            self.stop()
        finally:
            self.group.close()

    def maildirs(self):
        """By number of the user."""
        return {int(re.search(r"/user(\d+)/", path)[1]): path for path in
                glob.glob(f"{self.suite.mail}/{DOMAIN}/user*/Maildir")}

    def qmgr(self):
        return self.suite.pid_of("qmgr")

    def ctl(self, *words):
        return subprocess.run(
            [f"{OUT}/bin/steadctl", "-c", self.suite.conf, *words], text=True,
            check=True, stdin=subprocess.DEVNULL, capture_output=True).stdout

    def list_first(self):
        """The first page of the queue: lines."""
        return self.ctl("queue", "list").splitlines()

    def waiting(self):
        """Messages that are deferred; -1: some are on their way."""
        said = dict(re.findall(r"(messages|active)=(\d+)",
                               self.ctl("status")))
        return int(said["messages"]) if said["active"] == "0" else -1

    def queue_status(self):
        """What its qmgr says of the queue."""
        return dict(re.findall(r"(recover\w+|messages|active)=(\S+)",
                               self.ctl("status")))

    def forget_index(self):
        """Stopped: as after a crash, all that can be made again is gone."""
        for path in glob.glob(f"{self.suite.folder}/state/qmgr/queue.*"):
            shutil.rmtree(path)

    def queue_files(self):
        return [f"{self.suite.spool}/{folder}/{name}"
                for folder in ("new", "cur")
                for name in os.listdir(f"{self.suite.spool}/{folder}")]

    def configuration(self):
        with open(self.suite.conf, encoding="utf-8") as f:
            return re.sub(r"/\S+", "PATH", f.read())

    @staticmethod
    def version():
        return subprocess.run(
            ["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
            check=False, capture_output=True).stdout.strip() or "not in git"


POSTFIX = {
    # what makes it faster: no waiting, no limits in the way, no names asked
    "in_flow_delay": "0", "default_process_limit": "100",
    "default_destination_concurrency_limit": "50",
    "initial_destination_concurrency": "20",
    "qmgr_message_active_limit": "20000",
    "qmgr_message_recipient_limit": "20000",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_peername_lookup": "no", "smtp_dns_support_level": "disabled",
    "smtp_host_lookup": "native", "inet_protocols": "ipv4",
    "smtp_connection_cache_destinations": "127.0.0.1",
    "smtp_connection_reuse_time_limit": "300s",
    "smtp_tls_security_level": "none",
    "smtpd_recipient_restrictions": "",
    # its log goes to syslog, where nobody listens
    "maillog_file": "",
    # what it is to do
    "compatibility_level": "3.7",
    "alias_maps": "", "alias_database": "", "local_recipient_maps": "",
    "virtual_alias_maps": "",
    "virtual_mailbox_maps": "hash:/etc/postfix/users",
    "virtual_mailbox_limit": "0", "mailbox_size_limit": "0",
    "message_size_limit": "50000000", "smtpd_recipient_limit": "5000",
}


class Postfix(peers.Postfix):
    name = "postfix"
    far = FAR  # the client's address is in mynetworks

    def __init__(self, host, disk, wants):
        folder = f"{disk}/theirs-{time.monotonic_ns()}"
        binds = {}
        for inside in "/var/spool/postfix", "/srv", "/var/lib/postfix":
            binds[inside] = f"{folder}{inside}"
            os.makedirs(binds[inside])
        self.wants, self.boxes = wants, binds["/srv"]
        self.spool = binds["/var/spool/postfix"]
        self.group = Group("theirs")
        more = {"relayhost": f"[127.0.0.1]:{wants.relay_port}"}
        if wants.idle:
            more["default_process_limit"] = str(wants.idle + 200)
        if wants.long_retry:
            more.update(dict.fromkeys(
                ("minimal_backoff_time", "maximal_backoff_time",
                 "queue_run_delay"), "1d"))
        super().__init__(host, DOMAIN, binds=binds, **{
            **POSTFIX, **more, **self.tls()})

    def tls(self):
        if not self.wants.tls:
            return {}
        more = {"smtpd_tls_security_level": "may", "smtpd_tls_loglevel": "0",
                "smtpd_tls_cert_file": "/etc/postfix/cert.pem",
                "smtpd_tls_key_file": "/etc/postfix/key.pem"}
        if self.wants.hash:
            more.update({"smtpd_sasl_auth_enable": "yes",
                         "smtpd_sasl_path": "smtpd"})
        return more

    def up(self):
        users = [f"user{i}" for i in range(self.wants.users)]
        self.write("/etc/postfix/users", "".join(
            f"{user}@{DOMAIN} {user}/\n" for user in users))
        self.run("postmap", "hash:/etc/postfix/users")
        self.run("postconf", "-M",
                 "submission/inet=submission inet n - n - - smtpd")
        self.run("chown", "postfix", "/var/lib/postfix")
        for name, path in zip(("cert", "key"), self.wants.tls):
            with open(path, encoding="ascii") as f:
                self.write(f"/etc/postfix/{name}.pem", f.read())
        if self.wants.hash:
            self.verify_logins(users)
        self.start_again()

    def verify_logins(self, users):
        """By crypt(3) of the same hash: saslauthd, for a core each and some,
        asks shadow; with -c it remembers who was right, as ours does."""
        self.write("/etc/postfix/sasl/smtpd.conf",
                   "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
                   "saslauthd_path: /run/saslauthd/mux\n")
        for name, line in (
                ("passwd", "{}:x:5000:5000::/:/usr/sbin/nologin\n"),
                ("shadow", "{}:" + self.wants.hash + ":19000:0:99999:7:::\n")):
            self.write(f"/etc/{name}", self.read(f"/etc/{name}").decode() +
                       "".join(line.format(user) for user in users))
        self.run("mkdir", "/run/saslauthd")
        self.run("saslauthd", "-a", "shadow", "-n", "5", "-m",
                 "/run/saslauthd", *(["-c"] if self.wants.remember else []),
                 preexec_fn=self.group.enter)

    def start_again(self):
        self.run("postfix", "start", preexec_fn=self.group.enter)
        wait_for("port 25", lambda: ":25" in self.host.run(
            ["ss", "-Hltn"]).stdout)

    def stop(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.run("postfix", "stop")

    def __exit__(self, *exc):
        self.stop()
        super().__exit__(*exc)
        self.group.close()

    def maildirs(self):
        return {int(path.rpartition("user")[2]): path
                for path in glob.glob(f"{self.boxes}/user*")}

    def qmgr(self):
        for pid in self.group.pids():
            with contextlib.suppress(OSError), open(
                    f"/proc/{pid}/comm", encoding="ascii") as f:
                if f.read() == "qmgr\n":
                    return pid
        return None

    def list_first(self):
        """As many as ours shows."""
        return self.run("sh", "-c", "postqueue -j | head -n 1000"
                        ).stdout.splitlines()

    def waiting(self):
        count = {name: sum(len(names) for _, _, names in os.walk(
            f"{self.spool}/{name}"))
            for name in ("incoming", "active", "maildrop", "deferred")}
        deferred = count.pop("deferred")
        return -1 if any(count.values()) else deferred

    def queue_files(self):
        return [f"{folder}/{name}" for folder, _, names in
                os.walk(f"{self.spool}/deferred") for name in names]

    def configuration(self):
        return self.read("/etc/postfix/main.cf").decode() + self.read(
            "/etc/postfix/master.cf").decode()

    @staticmethod
    def version():
        with open(f"{ROOT}/build/peers/postfix/var/lib/dpkg/status",
                  encoding="utf-8") as f:
            return re.search(r"\nPackage: postfix\n(?:.+\n)*?Version: (\S+)",
                             f.read())[1]


KINDS = {kind.name: kind for kind in (Ours, Postfix)}
