"""Real servers to talk to. Each is a Debian tree that make puts under
build/peers, never installed on the host; a Peer is one life of it: the tree
with a layer of its own to write on, own processes and mounts, in the network
of a Lab's host. When the Peer ends all of it is gone. Only root.

    with Lab("mailstead", "other") as lab, \\
            Postfix(lab["other"], "example.net") as other:
        ...
        assert b"Subject: hello" in other.mails(1)[0]
"""
import os
import shutil
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def wait_for(what, true, seconds=30):
    """Asks until the answer is not false; returns it."""
    end = time.monotonic() + seconds
    while True:
        answer = true()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


# A process of its own PID space holds the mounts; its end ends all.
HOLD = """
set -eu
cd "$1"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" \
    root
cd root
shift 2
while [ $# -gt 0 ]; do mount --bind "$1" ".$2"; shift 2; done
mount --rbind /dev dev
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mkdir run/lock
pivot_root . mnt
umount -l /mnt
echo ready
exec sleep infinity
"""


class Peer:
    """A tree that lives in a host. `binds`: folders outside by those in it
    that they take the place of."""

    def __init__(self, host, name, binds=()):
        self.binds = dict(binds)
        self.host = host
        self.lower = f"{ROOT}/build/peers/{name}"
        self.holder = None
        self.dir = None
        self.pid = None

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="mailstead-peer-", dir="/var/tmp")
        os.chmod(self.dir, 0o755)
        for name in "upper", "work", "root":
            os.mkdir(f"{self.dir}/{name}")
        self.holder = self.host.popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             "sh", "-c", HOLD, "hold", self.dir, self.lower,
             *(x for inside, outside in self.binds.items()
               for x in (outside, inside))],
            stdout=subprocess.PIPE, text=True)
        holder = self.holder
        try:
            if holder.stdout.readline() != "ready\n":
                raise OSError(f"{self.lower}: no peer without overlayfs")
            with open(f"/proc/{holder.pid}/task/{holder.pid}/children",
                      encoding="ascii") as f:
                self.pid = f.read().split()[0]
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        # the kernel lets go of the layer when the last of them has ended
        wait_for("end of peer", lambda: self.pid is None or
                 not os.path.exists(f"/proc/{self.pid}"))
        shutil.rmtree(self.dir)

    def start(self):
        """What a kind of peer does when its tree is there."""

    def run(self, *argv, **kwargs):
        """subprocess.run in the tree: checked, output captured as text."""
        options = {"check": True, "capture_output": True, "text": True,
                   "timeout": 60}
        if "input" not in kwargs:
            options["stdin"] = subprocess.DEVNULL
        return subprocess.run(
            ["nsenter", "-t", self.pid, "-m", "-p", "-n", "-r/proc/" +
             self.pid + "/root", "-w/proc/" + self.pid + "/root", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv],
            **{**options, **kwargs})

    def write(self, path, text):
        """A file of the tree (absolute path as seen inside)."""
        with open(f"/proc/{self.pid}/root{path}", "w", encoding="utf-8") as f:
            f.write(text)

    def read(self, path):
        with open(f"/proc/{self.pid}/root{path}", "rb") as f:
            return f.read()


class Postfix(Peer):
    """Takes mail for every address of its domain but nobody@ into one
    Maildir, and relays for whoever shares its network. With `cert` (files of
    certificate and key) it offers STARTTLS, with `logins` (passwords by name)
    AUTH behind it, and then relays for who has logged in only."""

    def __init__(self, host, domain, cert=None, logins=None, binds=(),
                 **settings):
        super().__init__(host, "postfix", binds)
        self.cert, self.logins, self.domain = cert, logins or {}, domain
        self.settings = {
            "myhostname": f"mail.{domain}",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8 192.0.2.0/24 [2001:db8::]/32",
            "inet_interfaces": "all",
            "maillog_file": "/var/log/mail.log",
            "virtual_mailbox_domains": domain,
            "virtual_mailbox_base": "/srv",
            "virtual_mailbox_maps": "regexp:/etc/postfix/boxes",
            "virtual_uid_maps": "static:5000",
            "virtual_gid_maps": "static:5000",
            "compatibility_level": "3.6",
            **settings,
        }

    def _offer_tls(self):
        for name, path in zip(("cert", "key"), self.cert):
            with open(path, encoding="ascii") as f:
                self.write(f"/etc/postfix/{name}.pem", f.read())
        self.settings = {
            "smtpd_tls_security_level": "may", "smtpd_tls_loglevel": "1",
            "smtpd_tls_cert_file": "/etc/postfix/cert.pem",
            "smtpd_tls_key_file": "/etc/postfix/key.pem", **self.settings}

    def _ask_logins(self):
        self.settings = {
            "smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "yes",
            "smtpd_recipient_restrictions": "permit_sasl_authenticated, "
            "reject", **self.settings}
        self.write("/etc/postfix/sasl/smtpd.conf",
                   "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
                   "mech_list: PLAIN LOGIN\n")
        for name, password in self.logins.items():
            self.run("saslpasswd2", "-c", "-p", "-u",
                     self.settings["myhostname"], name, input=password)
        self.run("chown", "postfix", "/etc/sasldb2")

    def start(self):
        self.write("/etc/postfix/boxes", "!/^nobody@/ all/\n")
        if self.cert:
            self._offer_tls()
        if self.logins:
            self._ask_logins()
        self.write("/etc/postfix/main.cf", "".join(
            f"{name} = {value}\n" for name, value in self.settings.items()))
        # Debian's services run in a folder without the users' passwords
        self.run("postconf", "-F", "*/*/chroot=n")
        self.run("chown", "5000:5000", "/srv")
        self.up()

    def up(self):
        self.run("postfix", "start")
        wait_for("port 25", lambda: ":25" in self.host.run(
            ["ss", "-Hltn"]).stdout)

    def down(self):
        self.run("postfix", "stop")

    def log(self):
        return self.read("/var/log/mail.log").decode()

    def mails(self, least=1, seconds=30):
        """The messages that came, when there are `least`."""
        new = f"/proc/{self.pid}/root/srv/all/new"

        def arrived():
            names = sorted(os.listdir(new)) if os.path.isdir(new) else []
            return names if len(names) >= least else None

        names = wait_for(f"{least} mails", arrived, seconds)
        return [self.read(f"/srv/all/new/{name}") for name in names]


class Nsd(Peer):
    """The whole DNS in one host: zones by name ("." too), each the text of a
    zone file without SOA and NS, which are made; {ip} in it is the host's
    address. What is in `signed` is signed, by keys of its own; then a text
    that is a key of `forged` becomes its value, and the signature a lie."""

    def __init__(self, host, zones, signed=(), forged=None):
        super().__init__(host, "nsd")
        self.zones, self.signed, self.forged = zones, signed, forged or {}
        self.anchor = None  # DS and DNSKEY lines of the root, when signed

    def hints(self):
        """The root's servers, as resolver.root_hints wants them."""
        return (". 3600000 IN NS ns.root.\n"
                f"ns.root. 3600000 IN A {self.host.ip}\n")

    def start(self):
        conf = ["server:", " ip-address: 0.0.0.0@53", " username: root",
                " zonesdir: /etc/nsd", " verbosity: 1",
                ' logfile: "/var/log/nsd.log"', " server-count: 1",
                "remote-control:", " control-enable: no"]
        # children first: their DS goes into the parent's zone
        extra = {}
        for zone in sorted(self.zones, key=lambda z: -len(z)):
            name = "root" if zone == "." else zone
            origin = zone if zone == "." else zone + "."
            self.write(f"/etc/nsd/{name}", (
                f"$ORIGIN {origin}\n$TTL 300\n"
                f"@ SOA ns.root. x.root. 1 300 300 300000 60\n"
                f"@ NS ns.root.\n"
                + self.zones[zone].format(ip=self.host.ip)
                + extra.get(zone, "")))
            if zone in self.signed:
                name = self._sign(name, origin, extra)
            conf += ["zone:", f' name: "{origin}"', f' zonefile: "{name}"']
        self.write("/etc/nsd/nsd.conf", "\n".join(conf) + "\n")
        self.run("nsd", "-c", "/etc/nsd/nsd.conf")
        wait_for("port 53", lambda: ":53" in self.host.run(
            ["ss", "-Hlun"]).stdout)

    def _sign(self, name, origin, extra):
        root = f"/proc/{self.pid}/root/etc/nsd"
        key = self.run("sh", "-c", "cd /etc/nsd && ldns-keygen -r /dev/urandom"
                       f" -k -a ECDSAP256SHA256 {origin}").stdout.strip()
        self.run("sh", "-c", f"cd /etc/nsd && ldns-signzone -o {origin} "
                 f"-f {name}.signed {name} {key}")
        with open(f"{root}/{name}.signed", encoding="ascii") as f:
            text = f.read()
        for true, false in self.forged.items():
            text = text.replace(true, false)
        self.write(f"/etc/nsd/{name}.signed", text)
        with open(f"{root}/{key}.ds", encoding="ascii") as f:
            ds = f.read()
        if origin == ".":
            self.anchor = ds
        else:
            parent = origin.rstrip(".").partition(".")[2] or "."
            if parent not in self.zones:
                parent = "."
            extra[parent] = extra.get(parent, "") + ds
        return f"{name}.signed"
