"""What is done with one server in one round, and whether all of it arrived.

Every letter has a number (X-Bench). What was acknowledged has to be in each of
its mailboxes, or at the sink, once and whole: a rate with a loss is none."""
import collections
import contextlib
import glob
import hashlib
import json
import os
import re
import statistics
import subprocess
import tempfile
import time

from tests.bench.machine import (Arrivals, Counts, Group, busy_ms, flushes,
                                 private_kb)
from tests.bench.servers import DOMAIN, OUT, PASSWORD, SINK_PORT, greets
from tests.system.suite import wait_for

WARM = 10 ** 9  # numbers of what is sent before the clock runs, and above
LINE = b"0123456789 abcdefghijklmnopqrstuvwxyz the quick brown fox\n"
SINK_LINE = 11  # octets in the sink's log


class Wrong(Exception):
    """The server lost a message, or doubled one, or spoilt it."""


class Sink:
    """Where relayed mail ends."""

    def __init__(self, host, folder):
        self.log = f"{folder}/sink-{time.monotonic_ns()}"
        with open(self.log, "wb"):
            pass
        self.group = Group("sink")
        self.proc = host.popen(
            [f"{OUT}/tests/bench/smtpsink", "127.0.0.1", str(SINK_PORT),
             self.log], preexec_fn=self.group.enter)

    def count(self):
        return os.path.getsize(self.log) // SINK_LINE

    def numbers(self):
        with open(self.log, encoding="ascii") as f:
            return [int(line) for line in f]

    def close(self):
        self.proc.kill()
        self.proc.wait()
        self.group.close()


def letters(server):
    """(user, number, octets of the body) of all that is in mailboxes."""
    for user, path in server.maildirs().items():
        for folder in "new", "cur":
            with os.scandir(f"{path}/{folder}") as names:
                for name in names:
                    with open(name.path, "rb") as f:
                        yield user, *letter(name.path, f.read())


def letter(path, text):
    head, _, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    number = re.search(rb"^X-Bench: (\d+)$", head, re.M)
    lines = len(body) // len(LINE)
    if number is None or body != LINE * lines:
        raise Wrong(f"{path}: not as it was sent")
    return int(number[1]), lines * (len(LINE) + 1)


def is_far(number, load):
    return load.get("far") and number % load["far"] == 0


def expected(promised, load, users):
    """Copies that there have to be: of mailboxes, and of the sink."""
    boxes = collections.Counter(
        ((n + i) % users, n) for n in promised if not is_far(n, load)
        for i in range(load.get("rcpts", 1)))
    return boxes, collections.Counter(n for n in promised if is_far(n, load))


def judge(server, sink, promised, load):
    """Ends the run unless what was promised is there, once and whole."""
    boxes, far = expected(promised, load, server.wants.users)
    found, least = collections.Counter(), load.get("size", 4096) - 512
    for user, number, octets in letters(server):
        if number < WARM:
            found[user, number] += 1
            if octets < least:
                raise Wrong(f"{server.name}: {number} is cut")
    at_sink = collections.Counter(n for n in sink.numbers() if n < WARM)
    wrong = []
    for what, want, have in ("mailboxes", boxes, found), (
            "sink", far, at_sink):
        # what was not acknowledged may be there, since it was sent
        lost, twice = want - have, [x for x, n in have.items() if n > 1]
        if lost or twice or set(have) - set(want):
            wrong.append(f"{what}: lost {len(lost)}, twice {len(twice)}, "
                         f"unasked {len(set(have) - set(want))}")
    if wrong:
        raise Wrong(f"{server.name}: {'; '.join(wrong)}")


def judge_queue(server, many):
    """The same of what waits: numbers from 3 * WARM on."""
    found = collections.Counter()
    for path in server.queue_files():
        with open(path, "rb") as f:
            found.update(map(int, re.findall(rb"X-Bench: (\d+)", f.read())))
    if found != collections.Counter(range(3 * WARM, 3 * WARM + many)):
        raise Wrong(f"{server.name}: of {many} {len(found)} wait, "
                    f"{sum(found.values()) - len(found)} twice")


def plant(path, many):
    """So many queue files like that one, by names of the same kind."""
    with open(path, "rb") as f:
        text = f.read()
    owner = os.stat(path)
    folder, name = os.path.split(path)
    digits = "0123456789abcdefghijklmnopqrstuv"
    at = int(name[:11], 32)
    for i in range(1, many):
        at, rest, made = at + 1, at + 1, ""
        while rest:
            made, rest = digits[rest % 32] + made, rest // 32
        fd = os.open(f"{folder}/{made}{name[11:15]}",
                     os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, text)
        os.fchown(fd, owner.st_uid, owner.st_gid)
        os.close(fd)
    os.sync()


class Bench:
    """One server, its host, and the files of one round."""

    def __init__(self, server, host, disk, device):
        self.server, self.host = server, host
        self.disk, self.device = disk, device
        self.sink = None

    def __enter__(self):
        self.sink = Sink(self.host, self.disk)
        return self

    def __exit__(self, *exc):
        self.sink.close()

    def client(self, port=25, **load):
        load = {"domain": DOMAIN, "users": self.server.wants.users,
                "far_to": self.server.far, **load}
        return [f"{OUT}/tests/bench/smtpload", self.host.ip, str(port),
                *(f"{k}={v}" for k, v in load.items())]

    def warm_up(self, load):
        """What a server does once is not a message's: it makes every mailbox,
        starts its processes, and has a connection to the sink."""
        users = self.server.wants.users
        many = {"rcpts": users, "messages": 1} if "rcpts" in load else {
            "messages": users}
        more = {k: load[k] for k in ("port", "tls", "password") if k in load}
        self.host.run(self.client(**many, **more, first=WARM))
        if load.get("far"):
            self.host.run(self.client(messages=100, far=1, first=2 * WARM))
        wait_for("a start", lambda: len(self.server.maildirs()) == users
                 and (not load.get("far") or self.sink.count() == 100))
        wait_for("the first letters", lambda: sum(
            len(glob.glob(f"{path}/new/*"))
            for path in self.server.maildirs().values()) == users)

    def load(self, load, counted=False, first=0):
        """Sends, waits until all is where it belongs, and judges that; call
        warm_up() before."""
        with tempfile.NamedTemporaryFile(prefix="mailstead-bench-") as log:
            argv = self.client(**load, first=first, log=log.name)
            arrivals = Arrivals(f"{path}/new" for path in
                                self.server.maildirs().values())
            counts = Counts(self.server.group) if counted else None
            try:
                result, said = self.timed(argv, load, arrivals)
                if counts:
                    result = counts.end(said["accepted"])
            finally:
                arrivals.close()
            if said["refused"] or said["broken"]:
                raise Wrong(f"{self.server.name}: {said}")
            promised = {int(line) for line in log}
        if len(promised) != load["messages"]:
            raise Wrong(f"{self.server.name}: {said}")
        return result, promised

    def timed(self, argv, load, arrivals):
        group, sink = self.server.group, self.sink
        boxes, far = expected(range(load["messages"]), load,
                              self.server.wants.users)
        boxes, far = sum(boxes.values()), sum(far.values()) + sink.count()
        os.sync()  # what the start has left is no message's
        cpu, flushed, busy, sunk = (group.cpu_ms(), flushes(self.device),
                                    busy_ms(), sink.group.cpu_ms())
        began = time.monotonic()
        client = subprocess.Popen(self.host.argv(argv), text=True,
                                  stdout=subprocess.PIPE)
        while arrivals.count() < boxes or sink.count() < far:
            time.sleep(0.002)
            if client.poll():
                raise Wrong(f"{self.server.name}: the client gave up")
            if time.monotonic() > began + 900:
                client.kill()
                raise Wrong(f"{self.server.name}: {arrivals.seen} of {boxes}, "
                            f"{sink.count()} of {far} after 900 s")
        arrived = time.monotonic() - began
        said = json.loads(client.communicate()[0])
        busy, took = busy_ms() - busy, time.monotonic() - began
        used = group.cpu_ms() - cpu
        sunk = sink.group.cpu_ms() - sunk
        # what it does for a message when all have arrived is a message's too
        time.sleep(0.5)
        n = said["accepted"] or 1
        others = busy - used - sunk - said["client_cpu_ms"]
        return {
            "rate": n / arrived, "seconds": arrived,
            "accepted": n / said["ms"] * 1000,
            "cpu_ms": (group.cpu_ms() - cpu) / n,
            "flushes": (flushes(self.device) - flushed) / n,
            "p50_ms": said["p50_ms"], "p99_ms": said["p99_ms"],
            "client_ms": said["client_cpu_ms"] / n, "sink_ms": sunk / n,
            "others": max(0, others) / (took * 1000 * os.cpu_count()),
            "tls": said["tls"]}, said

    def digest(self):
        return hashlib.sha256(
            self.server.configuration().encode()).hexdigest()[:12]

    # ---- rows ---------------------------------------------------------------

    def rates(self, row, args):
        load = row.load(args)
        self.warm_up(load)
        result, promised = self.load(load)
        judge(self.server, self.sink, promised, load)
        return result

    def counts(self, row, args):
        load = row.load(args)
        self.warm_up(load)
        result, promised = self.load(load, counted=True)
        judge(self.server, self.sink, promised, load)
        return result

    def deferred(self, row, args):
        """The same letters beside an empty queue and beside a full one; what
        that costs; how long the server is away when it is restarted."""
        load, server = row.load(args), self.server
        self.warm_up(load)
        empty, all_of_it = [], set()
        for i in range(args.rounds):
            result, promised = self.load(load, first=i * load["messages"])
            empty.append(result)
            all_of_it |= promised
        before = private_kb(server.qmgr())
        self.host.run(self.client(messages=args.deferred, far=1, each=10 ** 6,
                                  first=3 * WARM), timeout=3600)
        wait_for("the queue to rest",
                 lambda: time.sleep(1) or server.waiting() == args.deferred,
                 1800)
        full = []
        for i in range(args.rounds, 2 * args.rounds):
            result, promised = self.load(load, first=i * load["messages"])
            full.append(result)
            all_of_it |= promised
        lists = []
        for _ in range(5):
            began = time.monotonic()
            lines = server.list_first()
            lists.append((time.monotonic() - began) * 1000)
            assert len(lines) >= min(1000, args.deferred), len(lines)
        kb = private_kb(server.qmgr())
        server.stop()
        began = time.monotonic()
        server.start_again()
        wait_for("its return", lambda: greets(self.host))
        ready = time.monotonic() - began
        wait_for("all of the queue",
                 lambda: server.waiting() == args.deferred, 120)
        judge(server, self.sink, all_of_it, load)
        judge_queue(server, args.deferred)

        def median(results, key):
            return statistics.median(r[key] for r in results)
        return {
            "rate": median(full, "rate"), "empty_rate": median(empty, "rate"),
            "slower": median(empty, "rate") / median(full, "rate"),
            "p50_ms": median(full, "p50_ms"),
            "empty_p50_ms": median(empty, "p50_ms"),
            "cpu_ms": median(full, "cpu_ms"),
            "empty_cpu_ms": median(empty, "cpu_ms"),
            "list_ms": statistics.median(lists), "qmgr_kb": kb,
            "empty_qmgr_kb": before, "ready_s": ready,
            "others": median(full, "others")}

    def template(self):
        """The queue file of a letter that waits, and its name."""
        server = self.server
        self.host.run(self.client(messages=1, far=1, first=3 * WARM))
        wait_for("a letter that waits",
                 lambda: time.sleep(1) or server.waiting() == 1, 60)
        path, = server.queue_files()
        return path

    def recovery(self, row, args):
        """A queue whose index is lost: how long until all of it is known
        again; letters meanwhile, and while what is due is tried."""
        server, each = self.server, 100
        load = {"messages": each, "sessions": 1}
        self.warm_up(load)
        before = private_kb(server.qmgr())
        alone, promised = self.load(load)
        path = self.template()
        server.stop()
        plant(path, args.deferred)
        server.forget_index()
        began, results = time.monotonic(), []
        server.start_again()
        wait_for("its return", lambda: greets(self.host))
        ready, kb = time.monotonic() - began, 0
        found = None
        while found is None or len(results) < 20:
            said = server.queue_status()
            now = time.monotonic() - began
            print(f"{now:.1f} s: {said}", flush=True)
            if found is None and said["recovering"] == "no":
                found = now
            more, these = self.load(load, first=each * (len(results) + 1))
            results.append(more)
            promised |= these
            kb = max(kb, private_kb(server.qmgr()))
        judge(server, self.sink, promised, load)
        names = {os.path.basename(p).split(":")[0]
                 for p in server.queue_files()}
        if len(names) != args.deferred:
            raise Wrong(f"of {args.deferred} {len(names)} wait")
        return {
            "rate": statistics.median(r["rate"] for r in results),
            "empty_rate": alone["rate"],
            "p50_ms": statistics.median(r["p50_ms"] for r in results),
            "p99_ms": max(r["p99_ms"] for r in results),
            "empty_p50_ms": alone["p50_ms"], "qmgr_kb": kb,
            "empty_qmgr_kb": before, "ready_s": ready, "found_s": found}

    def idle(self, row, args):
        """Sessions that have greeted, and say nothing."""
        load, group = row.load(args), self.server.group
        count = load.pop("idle")
        self.warm_up({})
        time.sleep(1)
        private, pss = group.memory_kb()
        began = time.monotonic()
        client = subprocess.Popen(
            self.host.argv(self.client(messages=count, sessions=count, hold=1,
                                       **load)), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            said = json.loads(client.stdout.readline())
            took = time.monotonic() - began
            assert said["held"] == count, said
            time.sleep(3)  # idle is what they are after a while
            private2, pss2 = group.memory_kb()
            processes = len(group.pids())
            # and it still serves
            result, promised = self.load({"messages": 1})
            assert client.poll() is None
        finally:
            client.kill()
            client.communicate()
        judge(self.server, self.sink, promised, {})
        return {"private_kb": (private2 - private) / count,
                "pss_kb": (pss2 - pss) / count, "processes": processes,
                "total_pss_kb": pss2, "greeted_s": took,
                "fresh_ms": result["p50_ms"], "tls": said["tls"]}


def floor(kind, disk, device, load):
    """What the flushes and copies alone cost."""
    folder = f"{disk}/floor-{time.monotonic_ns()}"
    os.mkdir(folder)
    flushed = flushes(device)
    said = json.loads(subprocess.run(
        [f"{OUT}/tests/bench/floor", kind, folder,
         f"messages={load['messages']}",
         f"threads={load.get('sessions', 16)}",
         f"size={load.get('size', 4096)}"],
        check=True, text=True, capture_output=True).stdout)
    return {"rate": load["messages"] / said["ms"] * 1000,
            "cpu_ms": said["cpu_ms"] / load["messages"],
            "flushes": (flushes(device) - flushed) / load["messages"]}


@contextlib.contextmanager
def certificate(folder):
    """RSA of 2048 bits, as Debian's ssl-cert makes it: (cert, key)."""
    cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "3650", "-subj", f"/CN=mail.{DOMAIN}", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    yield cert, key


def hashed(scheme):
    """crypt(3) of the users' password."""
    return subprocess.run(
        ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", PASSWORD, scheme],
        check=True, text=True, capture_output=True).stdout
