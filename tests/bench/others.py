"""Further peers, for those who ask (--also): Exim, with what makes it faster.
Each has only the rows that it can be asked fairly. OpenSMTPD is not among
them: it listens with a backlog of 5, in which sessions that connect at once get
lost, and its 250 is not durable."""
import glob
import os
import re
import time

from tests.bench.machine import Group
from tests.bench.servers import DOMAIN, FAR, ROOT
from tests.lab import peers

USER = "bench:x:5000:5000::/nonexistent:/usr/sbin/nologin\n"


class Other(peers.Peer):
    far = FAR
    name = package = spool = ""
    # files of the tree, {port} the sink's; what starts it
    files, command = {}, ()

    def __init__(self, host, disk, wants):
        folder = f"{disk}/{self.name}-{time.monotonic_ns()}"
        binds = {}
        for inside in self.spool, "/srv":
            binds[inside] = f"{folder}{inside}"
            os.makedirs(binds[inside])
        self.wants, self.boxes = wants, binds["/srv"]
        self.group = Group(self.name)
        super().__init__(host, self.name, binds)

    def start(self):
        users = [f"user{i}" for i in range(self.wants.users)]
        self.write("/etc/passwd", self.read("/etc/passwd").decode() + USER)
        for path, text in self.files.items():
            self.write(path, text.replace("{port}", str(
                self.wants.relay_port)))
        self.write("/etc/users", "".join(
            f"{user}@{DOMAIN} bench\n" for user in users))
        self.write("/etc/boxes", "".join(
            f"{user}: {user}\n" for user in users))
        self.run("chown", "5000:5000", "/srv")
        self.prepare()
        self.run(*self.command, preexec_fn=self.group.enter)
        peers.wait_for("port 25", lambda: ":25" in self.host.run(
            ["ss", "-Hltn"]).stdout)

    def prepare(self):
        """What else it needs of its folders."""

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.group.close()

    def maildirs(self):
        return {int(path.rpartition("user")[2]): path
                for path in glob.glob(f"{self.boxes}/user*")}

    def configuration(self):
        return "".join(self.files.values())

    @classmethod
    def version(cls):
        with open(f"{ROOT}/build/peers/{cls.name}/var/lib/dpkg/status",
                  encoding="utf-8") as f:
            return re.search(rf"\nPackage: {cls.package}\n(?:.+\n)*?"
                             r"Version: (\S+)", f.read())[1]


class Exim(Other):
    name, package, spool = "exim", "exim4-daemon-light", "/var/spool/exim4"
    rows = ("local", "mixed", "local-1-session", "local-64-sessions",
            "local-1MB", "persistent", "relay", "fanout", "idle")
    command = ("exim4", "-bd", "-q30m")
    files = {"/etc/exim4/exim4.conf": f"""\
primary_hostname = mail.{DOMAIN}
log_file_path = /var/spool/exim4/%slog
log_selector = -all
acl_smtp_rcpt = take
host_lookup =
rfc1413_hosts =
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1024
smtp_enforce_sync = false
recipients_max = 50000
message_size_limit = 60M
split_spool_directory = true
remote_max_parallel = 10
queue_run_max = 10
disable_ipv6 = true
never_users =
keep_environment =
tls_advertise_hosts =
begin acl
take:
  accept
begin routers
here:
  driver = accept
  domains = {DOMAIN}
  local_parts = lsearch;/etc/boxes
  transport = box
far:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
box:
  driver = appendfile
  directory = /srv/${{local_part_data}}
  maildir_format
  envelope_to_add
  return_path_add
  user = 5000
  group = 5000
out:
  driver = smtp
  port = {{port}}
  hosts_avoid_tls = *
  connection_max_messages = 1000
  allow_localhost
begin retry
* * F,2h,15m
"""}

    def prepare(self):
        self.run("chown", "-R", "Debian-exim:Debian-exim", self.spool)


OTHERS = {kind.name: kind for kind in (Exim,)}
