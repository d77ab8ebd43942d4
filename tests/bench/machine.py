"""What the machine tells of a run: CPU, flushes, memory, system calls."""
import collections
import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time

DISK_MB = 8192
FILE_KB = 8  # what a waiting message takes, its inode and name included
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def sh(*argv):
    subprocess.run(argv, check=True)


class Group:
    """A cgroup: who is put into it, and all that come from him."""

    def __init__(self, name):
        top = "/sys/fs/cgroup"
        if os.path.isdir(f"{top}/unified"):
            top += "/unified"
        # what perf calls it
        self.name = f"mailstead-bench-{os.getpid()}-{name}"
        self.path = f"{top}/{self.name}"
        os.mkdir(self.path)

    def enter(self):
        """For preexec_fn."""
        with open(f"{self.path}/cgroup.procs", "w", encoding="ascii") as f:
            f.write("0")

    def argv(self, argv):
        """What runs argv in it."""
        return ["sh", "-c", 'echo 0 >"$0" && exec "$@"',
                f"{self.path}/cgroup.procs", *argv]

    def cpu_ms(self):
        """User's and system's, of ended processes as well."""
        with open(f"{self.path}/cpu.stat", encoding="ascii") as f:
            return int(re.search(r"usage_usec (\d+)", f.read())[1]) / 1000

    def pids(self):
        with open(f"{self.path}/cgroup.procs", encoding="ascii") as f:
            return [int(pid) for pid in f.read().split()]

    def memory_kb(self):
        """(private, PSS) of all that are in it."""
        private = pss = 0
        for pid in self.pids():
            with contextlib.suppress(OSError), open(
                    f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                text = f.read()
                private += sum(map(int, re.findall(r"Private_\w+:\s+(\d+)",
                                                   text)))
                pss += int(re.search(r"\nPss:\s+(\d+)", text)[1])
        return private, pss

    def close(self):
        end = time.monotonic() + 30
        while True:
            try:
                os.rmdir(self.path)
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)


def private_kb(pid):
    """A process's own memory, the pages of mapped cache files apart."""
    total, counts = 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
        for line in f:
            mapping = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)",
                               line)
            if mapping:
                counts = not mapping[1].endswith(".mdb")
            elif counts and line.startswith("Private_"):
                total += int(line.split()[1])
    return total


def busy_ms():
    """CPU time of the whole machine that was not idle."""
    with open("/proc/stat", encoding="ascii") as f:
        n = [int(x) for x in f.readline().split()[1:9]]
    return (sum(n) - n[3] - n[4]) * TICK_MS  # idle, iowait


def flushes(device):
    """Those that reached the block device; None: it is not ours alone."""
    if device is None:
        return 0
    with open(f"/sys/block/{device}/stat", encoding="ascii") as f:
        return int(f.read().split()[15])


@contextlib.contextmanager
def journalled(files=0):
    """A folder on an ext4 with a journal, and the name of its device; with
    room for so many small files besides."""
    top = tempfile.mkdtemp(prefix="mailstead-bench-", dir="/var/tmp")
    os.chmod(top, 0o755)
    image, where = f"{top}/disk.img", f"{top}/disk"
    with open(image, "wb") as f:
        f.truncate((DISK_MB << 20) + (files * FILE_KB << 10))
    # inodes for all that S5 keeps
    sh("mkfs.ext4", "-q", "-i", "8192", image)
    os.mkdir(where)
    sh("mount", "-o", "loop", image, where)
    try:
        os.chmod(where, 0o755)
        device = subprocess.run(
            ["findmnt", "-no", "SOURCE", where], check=True, text=True,
            capture_output=True).stdout.strip()
        yield where, os.path.basename(device)
    finally:
        if subprocess.run(["umount", where], check=False).returncode != 0:
            sh("umount", "-l", where)
        sh("rm", "-rf", top)


class Arrivals:
    """Counts names that come to be in folders, without looking into them: what
    looks costs CPU that the servers need."""
    CREATE, MOVED_TO, OVERFLOW = 0x100, 0x80, 0x4000

    def __init__(self, folders):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.seen = 0
        for folder in folders:
            if self.libc.inotify_add_watch(
                    self.fd, folder.encode(), self.CREATE | self.MOVED_TO) < 0:
                raise OSError(ctypes.get_errno(), folder)

    def count(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                data, at = os.read(self.fd, 1 << 20), 0
                while at < len(data):
                    _, mask, _, n = struct.unpack_from("iIII", data, at)
                    if mask & self.OVERFLOW:
                        raise SystemExit("too many arrivals at a time")
                    self.seen += 1
                    at += 16 + n
        return self.seen

    def close(self):
        os.close(self.fd)


class Counts:
    """System calls by process and name, and context switches, of a group, by
    the kernel's own tracepoints (perf): a tracer that stops processes would
    change what they do. The rates of such a run are not told all the same."""
    CALL, SWITCH = "raw_syscalls:sys_enter", "context-switches"

    def __init__(self, group):
        self.dir = tempfile.mkdtemp(prefix="mailstead-bench-", dir="/var/tmp")
        for name in "control", "ack":
            os.mkfifo(f"{self.dir}/{name}")
        events = []
        for event in self.CALL, self.SWITCH:
            events += ["-e", event, "-G", group.name]
        try:
            self.proc = subprocess.Popen(
                ["perf", "record", "-q", "-a", "-c", "1", "-m", "32M",
                 "-D", "-1", f"--control=fifo:{self.dir}/control,"
                 f"{self.dir}/ack", "-o", f"{self.dir}/data", *events],
                stdout=subprocess.DEVNULL)
        except FileNotFoundError:
            raise SystemExit("--counts: there is no perf") from None
        self.tell("enable")

    def tell(self, word):
        with open(f"{self.dir}/control", "w", encoding="ascii") as f:
            f.write(word + "\n")
        with open(f"{self.dir}/ack", "rb") as f:
            f.read(5)

    def end(self, n):
        """Per message; n messages were sent meanwhile."""
        self.tell("disable")
        self.proc.send_signal(signal.SIGINT)
        self.proc.wait()
        out = subprocess.run(
            ["perf", "script", "-i", f"{self.dir}/data", "-F",
             "comm,event,trace", "--show-lost-events"],
            check=True, text=True, capture_output=True).stdout
        shutil.rmtree(self.dir)
        if "LOST" in out:
            raise SystemExit("--counts: perf could not keep up")
        names, calls = syscall_names(), collections.Counter()
        switches = collections.Counter()
        for line in out.splitlines():
            comm, _, event = line.partition(f" {self.CALL}: ")
            if event:
                number = int(event.split()[1])
                calls[comm.strip(), names.get(number, str(number))] += 1
            elif f" {self.SWITCH}:" in line:
                switches[line.rpartition(f" {self.SWITCH}")[0].strip()] += 1
        by_name = collections.Counter()
        for (_, name), count in calls.items():
            by_name[name] += count
        processes = {}
        for comm in sorted({c for c, _ in calls} | set(switches)):
            processes[comm] = {"switches": switches[comm] / n, "calls": {
                name: count / n for (who, name), count
                in calls.most_common() if who == comm}}
        return {"syscalls": sum(calls.values()) / n,
                "switches": sum(switches.values()) / n,
                "forks": sum(by_name[x] for x in (
                    "fork", "vfork", "clone", "clone3")) / n,
                "calls": {k: v / n for k, v in by_name.most_common()},
                "processes": processes}


def syscall_names():
    for path in glob.glob("/usr/include/*/asm/unistd_64.h"):
        with open(path, encoding="ascii") as f:
            return {int(n): name for name, n in re.findall(
                r"#define __NR_(\w+) (\d+)", f.read())}
    return {}
