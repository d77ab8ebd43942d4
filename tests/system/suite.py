"""The whole suite, started from the built programs in a folder of its own, on
ports that the kernel chooses. Drives and looks from outside; what it says is
judged by the tests and by programs we did not write."""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import time

UID_BASE = 61200
ROLES = {  # role: (uid step, confined to the network folder)
    "qmgr": (0, False), "smtpd": (1, True), "local": (2, False),
    "authd": (3, False), "spawn": (2, False), "pop3d": (4, True),
    "imapd": (4, True), "watch": (2, False),
    "resolver": (5, True), "remote": (6, True)}
PATIENCE = 60


def wait_for(what, condition, seconds=PATIENCE):
    """The condition's first true value; fails loudly, never quietly."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


class Suite:
    def __init__(self, folder, bindir, yaml="", hostname="mail.example.org",
                 accounts=("alice@example.org", "bob@example.org"),
                 store=None, host=None, aliases="", senders=""):
        """`store`: another folder for queue and mailboxes; `host`: one of a
        Lab, in which it runs and is connected to; `aliases`, `senders`: texts
        of the files."""
        self.host = host
        self.folder, self.bindir = folder, bindir
        self.conf = f"{folder}/mailstead.yaml"
        self.logfile = f"{folder}/log"
        self.libexec = f"{folder}/libexec"
        self.mail = f"{store or folder}/mail"
        self.spool = f"{store or folder}/spool"
        self.proc = None
        self.yaml, self.hostname = yaml, hostname
        self.root = os.geteuid() == 0
        os.makedirs(self.libexec, exist_ok=True)
        for path in glob.glob(f"{bindir}/mailstead-*"):
            os.symlink(path, f"{self.libexec}/{os.path.basename(path)}")
        # other users may not be able to go where the programs are
        self.steadctl = f"{folder}/steadctl"
        shutil.copy(f"{bindir}/steadctl", self.steadctl)
        self.texts = {}
        for key, text in ("aliases", aliases), ("senders", senders):
            if text:
                self.texts[key] = f"{folder}/{key}"
                with open(self.texts[key], "w", encoding="utf-8") as f:
                    f.write(text)
        self.write_conf()
        self.write_accounts(accounts)

    def write_conf(self, yaml=None, hostname=None):
        self.yaml = self.yaml if yaml is None else yaml
        self.hostname = hostname or self.hostname
        uid = f"uid_base: {UID_BASE}" if self.root else "uid_base: 0"
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"""\
hostname: {self.hostname}
domains: [example.org]
paths:
  spool: {self.spool}
  state: {self.folder}/state
  run: {self.folder}/run
  mail: {self.mail}
""" + "".join(f"  {key}: {path}\n" for key, path in self.texts.items()) +
    (self.yaml if "listen:" in self.yaml else """\
listen:
  smtp: ["127.0.0.1:0"]
  submission: ["127.0.0.1:0"]
  submissions: []
  pop3: ["127.0.0.1:0"]
  pop3s: []
  imap: ["127.0.0.1:0"]
  imaps: []
""" + self.yaml) + ("" if "sandbox:" in self.yaml
                    else f"sandbox: {{{uid}}}\n"))

    def write_accounts(self, accounts):
        """As `steadctl account add` would, without a password."""
        folder = f"{self.folder}/state/auth"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/accounts", "w", encoding="utf-8") as f:
            for login in accounts:
                f.write(f"{login} !\n")
        if self.root:
            for path in (folder, f"{folder}/accounts"):
                os.chown(path, UID_BASE + ROLES["authd"][0],
                         UID_BASE + ROLES["authd"][0])
        os.chmod(folder, 0o700)

    # ---- life ---------------------------------------------------------------

    def argv(self):
        return [f"{self.bindir}/mailstead-master", "-c", self.conf, "-x",
                self.libexec]

    def start(self, wait=True):
        self.log = open(self.logfile, "ab")
        self.log_from = os.path.getsize(self.logfile)
        argv = self.argv()
        self.proc = subprocess.Popen(
            self.host.argv(argv) if self.host else argv,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if wait:
            wait_for("master.ready", lambda: self.said("master.ready")
                     or self.proc.poll() is not None)
            assert self.proc.poll() is None, self.text()
        return self

    def stop(self):
        """As a service manager would; the exit status."""
        if self.proc is None:
            return None
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        try:
            status = self.proc.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise
        finally:
            self.log.close()
        self.proc = None
        return status

    def kill_all(self):
        """Power is cut to the processes, not to the disk."""
        pids = self.pids() + [self.proc.pid]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.proc.wait()
        wait_for("the end of all", lambda: not any(
            os.path.exists(f"/proc/{pid}") for pid in pids))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if self.proc is not None:
                self.stop()
        finally:
            if kind is not None:
                print(self.text()[-20000:])

    def remove_worker(self, name):
        os.unlink(f"{self.libexec}/mailstead-{name}")

    def add_worker(self, name):
        os.symlink(f"{self.bindir}/mailstead-{name}",
                   f"{self.libexec}/mailstead-{name}")

    # ---- what it says -------------------------------------------------------

    def text(self):
        with open(self.logfile, encoding="utf-8", errors="replace") as f:
            return f.read()

    def events(self, name, **keys):
        """Log lines of this start, as dictionaries."""
        found = []
        with open(self.logfile, encoding="utf-8", errors="replace") as f:
            f.seek(self.log_from)
            for line in f:
                words = re.search(rf" {re.escape(name)}((?: \S+=.*)?)$",
                                  line.rstrip("\n"))
                if not words:
                    continue
                pairs = dict(re.findall(r' (\w+)=("(?:\\.|[^"])*"|\S*)',
                                        words[1]))
                if all(pairs.get(k) == str(v) for k, v in keys.items()):
                    found.append(pairs)
        return found

    def said(self, name, **keys):
        return bool(self.events(name, **keys))

    def address(self, service="smtp"):
        said = [e for e in self.events("master.listen", service=service)
                if e["address"][0] != "/"]
        if not said:
            raise ConnectionRefusedError("it does not listen yet")
        host, port = said[-1]["address"].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def workers(self):
        """{(role, index): pid} of those that are ready now."""
        found = {}
        for e in self.events("worker.ready"):
            if os.path.exists(f"/proc/{e['pid']}"):
                found[e["role"], int(e["index"])] = int(e["pid"])
        return found

    def pids(self, parent=None):
        """All children of master, or of another process."""
        parent = parent or self.proc.pid
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path, encoding="ascii", errors="replace") as f:
                    text = f.read()
            except OSError:
                continue  # it has just ended
            # pid (name) state ppid: the name may hold anything
            if int(text.rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(path.split("/")[2]))
        return found

    def pid_of(self, role, index=0):
        return self.workers().get((role, index))

    # ---- mail ---------------------------------------------------------------

    def maildir(self, account):
        local, domain = account.rsplit("@", 1)
        # lib/maildir/place.h
        name = "".join(chr(c) if c < 0x7f else f"%{c:02x}"
                       for c in local.encode())
        return f"{self.mail}/{domain}/{name}/Maildir"

    def messages(self, account):
        """Paths of all messages of the account's inbox."""
        return sorted(glob.glob(f"{self.maildir(account)}/new/*") +
                      glob.glob(f"{self.maildir(account)}/cur/*"))

    def mail_of(self, account, n=1):
        """All messages of its inbox, when there are n."""
        wait_for(f"{n} mails", lambda: len(self.messages(account)) >= n)
        found = []
        for path in self.messages(account):
            with open(path, "rb") as f:
                found.append(f.read())
        return found

    def queue(self):
        return sorted(os.listdir(f"{self.spool}/new") +
                      os.listdir(f"{self.spool}/cur"))

    def connect(self, service="smtp"):
        if self.host is None:
            return Wire(self.address(service))
        with self.host.inside():
            return Wire(self.address(service))


class Wire:
    """A bare connection: says exactly the bytes it is told."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, PATIENCE)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data)

    def line(self):
        return self.file.readline().decode("latin-1").rstrip("\r\n")

    def reply(self):
        """(code, text of all lines); ("", "") at the end."""
        lines = []
        while True:
            line = self.line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return line[:3], "\n".join(lines)

    def say(self, text):
        self.send(text.encode("latin-1") + b"\r\n")
        return self.reply()

    def greet(self):
        assert self.reply()[0] == "220"
        assert self.say("EHLO client.example")[0] == "250"
        return self

    def mail(self, to, body, sender="x@elsewhere.example"):
        """One transaction; the reply behind the octets of `body`."""
        assert self.say(f"MAIL FROM:<{sender}>")[0] == "250"
        for address in [to] if isinstance(to, str) else to:
            code, text = self.say(f"RCPT TO:<{address}>")
            assert code == "250", (address, code, text)
        assert self.say("DATA")[0] == "354"
        self.send(body + b"\r\n.\r\n")
        return self.reply()

    def close(self):
        self.file.close()
        self.sock.close()


def rmtree(path):
    shutil.rmtree(path, ignore_errors=True)
