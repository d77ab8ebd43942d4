"""The workers resolver and remote alone, driven by tests/lab/drive.c, whose
head says what can be said."""
import os
import queue
import subprocess
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
UID_BASE = 61300
# enum relay_tls
NONE, MAY, DANE, ENCRYPT, DANE_ONLY, VERIFY, IMPLICIT = range(7)
# enum queue_tls
UNSAID, REQUIRED, OPTIONAL = range(3)
PATIENCE = 60


class Drive:
    def __init__(self, folder, yaml="", argv=lambda a: a,
                 hostname="mail.example.org"):
        build = os.path.join(ROOT, os.environ.get("BUILD", "build/out"))
        self.folder = folder
        os.makedirs(f"{folder}/net", exist_ok=True)
        conf = f"{folder}/drive.yaml"
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"hostname: {hostname}\ndomains: [example.org]\n"
                    f"sandbox: {{uid_base: {UID_BASE}}}\n{yaml}")
        self.log = open(f"{folder}/drive.log", "ab")
        self.proc = subprocess.Popen(
            argv([f"{build}/tests/lab/drive", f"{build}/bin", conf,
                  f"{folder}/net"]), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.jobs = 0

    def _read(self):
        for line in self.proc.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def __enter__(self):
        self.until("ready")
        self.until("ready")
        return self

    def __exit__(self, kind, value, trace):
        self.proc.stdin.close()
        self.proc.wait(PATIENCE)
        self.log.close()
        if kind is not None:
            with open(f"{self.folder}/drive.log", encoding="utf-8",
                      errors="replace") as f:
                print(f.read()[-20000:])

    def pid(self, program):
        """Of its worker of that name."""
        me = self.proc.pid
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as f:
            pids = f.read().split()
        for pid in pids:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().split(b"\0")[0].endswith(program.encode()):
                    return int(pid)
        raise AssertionError(f"no {program} among {pids}")

    def say(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()

    def line(self):
        line = self.lines.get(timeout=PATIENCE)
        assert line is not None, "drive has ended"
        return line

    def until(self, word):
        """Lines up to the first that begins with the word, which is last."""
        heard = []
        while not heard or heard[-1].split(" ")[0] != word:
            heard.append(self.line())
        return heard

    def ask(self, kind, name):
        """([(preference, host, address)], [rc, status, ...])"""
        found, _, end = self.ask_tlsa(kind, name)
        return [x[:3] for x in found], end

    def ask_tlsa(self, kind, name):
        """([(preference, host, address, tlsa=N)],
        [(host, base, usage, selector, matching, hex)], [rc, status, ...])"""
        self.say(f"ask {kind} {name}")
        *found, end = self.until("end")
        rows = [[tuple(x.split(" ")[1:]) for x in found if x.startswith(kind)]
                for kind in ("address ", "tlsa ")]
        return *rows, end.split(" ", 5)[1:]

    def link(self):
        """As a new qmgr; what is under way."""
        self.say("link")
        return [x for x in self.until("known") if x.startswith("underway")]

    def relay(self, hop, rcpts, body=b"Subject: x\r\n\r\nhello\r\n", *, mx=0,
              lmtp=0, port=25, tls=MAY, sender="a@example.org", login="-",
              password="-", missing=0, qid=None, ret=0, envid="-",
              need=0):
        """Gives a job; its queue ID."""
        self.jobs += 1
        path = f"{self.folder}/letter{self.jobs}"
        with open(path, "wb") as f:
            f.write(b"envelope\r\n" + body)
        qid = qid or f"q{self.jobs}"
        self.say(f"relay {qid} {hop} {mx} {lmtp} {port} {tls} {path} 10 "
                 f"{len(body) + missing} "
                 f"{sender or '-'} {login} {password} {ret} {envid} {need} "
                 f"{' '.join(rcpts)}")
        return qid

    def outcomes(self, n=1):
        """The next n of them: [Outcome]."""
        heard = []
        while len(heard) < n:
            line = self.until("relayed")[-1]
            heard.append(Outcome(line))
        return heard


class Outcome:
    def __init__(self, line):
        head, self.host, self.tls, self.reply, self.text = line.split("|", 4)
        _, self.qid, rcpt, self.rc, site, dsn, self.status = head.split(" ")
        self.rcpt, self.site = int(rcpt), site == "site=1"
        self.dsn = dsn == "dsn=1"
        self.line = line

    def __repr__(self):
        return self.line
