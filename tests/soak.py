# SPDX-License-Identifier: MIT
"""Loads side by side for a long time, all in full capture and compared after every call: tests/soak.sh."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

VMASCOPE = os.path.realpath(sys.argv[1])
SECONDS = float(sys.argv[2]) * 60
OWN_MOST = 64 << 20  # bytes that the recorder may have mapped in a process, beside the window on its trace
OWN_SLOTS = (0x3e0000000000, 0x3f0000000000)  # preload/arena.h
PERIOD = 2  # seconds between two looks at a process's memory
SAMPLES = 20  # fewer say nothing about growth
GROWTH, GROWTH_BYTES = 1.05, 512 << 10  # what the last fifth of a process's time may have more than the second
STATED = {"fuzz": 32 << 20}  # the fuzzer's tables are as large as the largest address space that a seed made
STRESSORS = ("vm", "mmap", "mremap", "madvise", "mprotect", "munmap", "brk", "stack", "fork", "mlock", "shm", "vma", "mmapfork",
             "shm-sysv", "mmapaddr", "mmapfixed", "mmapmany", "madvise", "memfd", "pkey", "remap", "userfaultfd", "zombie")
PYTHON = """
import mmap, multiprocessing, threading, ctypes, json, gc, sys
def work(n):
    keep = [bytearray(5000 * i) for i in range(n)]
    area = mmap.mmap(-1, 1 << 20); area[:4] = b'abcd'; area.resize(1 << 21); area.close()
    return sum(map(len, keep))
if __name__ == '__main__':
    for _ in range(10):
        threads = [threading.Thread(target=work, args=(60,)) for _ in range(6)]
        [t.start() for t in threads]; [t.join() for t in threads]; gc.collect()
    with multiprocessing.Pool(3) as pool: pool.map(work, range(40)); pool.close(); pool.join()
"""


# The same work all the time, in one process: what is remembered of it must not become more.
STEADY = """
import ctypes, mmap, sys, tempfile, threading, time
libc = ctypes.CDLL(None)
def work():
    keep = [bytearray(3000 * i) for i in range(1, 80)]
    area = mmap.mmap(-1, 1 << 18); area[:4] = b'abcd'; area.resize(1 << 19); area.close()
    libc.madvise(0, 0, 4)
    with tempfile.TemporaryFile() as file:
        file.truncate(1 << 16)
        for _ in range(20):
            mmap.mmap(-1, 4096).close()
            mmap.mmap(file.fileno(), 4096).close()
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]; [t.join() for t in threads]
    time.sleep(0.05)
"""


def children_of(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as text:
            return [int(word) for word in text.read().split()]
    except OSError:
        return []


def resident(pid):
    try:
        with open("/proc/%d/statm" % pid, encoding="ascii") as text:
            return int(text.read().split()[1]) * 4096
    except (OSError, IndexError):
        return 0


def waiting(pid):
    """The launcher while its program runs; then it reads the trace, as large as that is."""
    return resident(pid) if children_of(pid) else 0


def own_bytes(pid):
    """What the recorder has mapped in a process, as the kernel shows it."""
    total = 0
    try:
        with open("/proc/%d/maps" % pid, encoding="utf-8", errors="replace") as text:
            for line in text:
                start, end = (int(word, 16) for word in line.split()[0].split("-"))
                total += end - start if OWN_SLOTS[0] <= start < OWN_SLOTS[1] else 0
    except (OSError, ValueError):
        return 0
    return total


class Watch(threading.Thread):
    """Looks at memory as long as the process @pid is there; @measure tells it."""

    def __init__(self, pid, measure):
        super().__init__()
        self.pid, self.measure, self.seen = pid, measure, []
        self.start()

    def run(self):
        while (now := self.measure(self.pid)):
            self.seen.append(now)
            time.sleep(PERIOD)

    def verdict(self, stated=0):
        """In words, and whether it grew: is the least of the end more than that of the beginning, without the first fifth, and more
        than the @stated bytes?"""
        self.join()
        fifth = len(self.seen) // 5
        if len(self.seen) < SAMPLES:
            return None, False
        early, late = min(self.seen[fifth:2 * fifth]), min(self.seen[-fifth:])
        return "%.1f MiB, then %.1f MiB" % (early / (1 << 20), late / (1 << 20)), \
            late > max(early * GROWTH + GROWTH_BYTES, stated)


class Soak:
    def __init__(self):
        self.end = time.monotonic() + SECONDS
        self.bad, self.runs, self.reports, self.calls, self.own = [], {}, 0, 0, 0
        self.memory, self.interrupted = {}, []
        self.lock = threading.Lock()

    def left(self):
        return self.end - time.monotonic()

    def note(self, name, folder, done):
        """What the reports of one run say; those of killed processes are incomplete, and may be."""
        with self.lock:
            if b"unrecognized option" in done.stderr:  # of an older stress-ng
                return
            self.runs[name] = self.runs.get(name, 0) + 1
            if done.returncode not in (0, 2, 3):  # 2, 3: stress-ng has nothing to do here
                self.bad.append("%s: ended with %d: %s" % (name, done.returncode, done.stderr[-300:]))
            for path in glob.glob(folder + "/r.json*"):
                with open(path, encoding="utf-8") as text:
                    report = json.load(text)
                self.reports += 1
                self.calls += report["capture"]["calls"]
                self.own = max(self.own, report["capture"]["own"]["bytes"])
                if report["verdict"] == "differ":
                    shutil.copy(path, "soak-%s-%d.json" % (name, self.runs[name]))
                    self.bad.append("%s: %s differs; kept as soak-%s-%d.json" % (name, path, name, self.runs[name]))

    def watched(self, name, command, measures, **options):
        """Runs @command; what each of @measures saw goes into the table of memory."""
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **options) as process:
            time.sleep(1)
            traced = children_of(process.pid)
            watches = [(what, Watch(pid, measure)) for what, measure in measures
                       for pid in ([process.pid] if what != "recorder" else traced[:1])]
            out, err = process.communicate()
        for what, watch in watches:
            words, grew = watch.verdict(STATED.get(name, 0))
            with self.lock:
                if words:
                    self.memory[name + ", " + what] = words
                if grew:
                    self.bad.append("%s: the memory of %s grew: %s: %s" % (name, what, words, watch.seen[::len(watch.seen) // 20]))
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def record(self, name, *command):
        with tempfile.TemporaryDirectory(prefix="vmascope-soak-") as folder:
            whole = [VMASCOPE, "record", "--check=call", "--report=" + folder + "/r.json", "--", *command]
            done = self.watched(name, whole, (("recorder", own_bytes), ("launcher", waiting)), cwd=folder,
                                stdout=subprocess.DEVNULL)
            self.note(name, folder, done)

    def stress(self):
        while shutil.which("stress-ng"):
            for name in STRESSORS:
                if self.left() < 10:
                    return
                self.record("stress-ng-" + name, "stress-ng", "--" + name, "2", "--timeout", "10s", "--oomable")

    def steady(self):
        self.record("steady", "/usr/bin/python3", "-c", STEADY, str(self.left()))

    def python(self):
        while self.left() > 0:
            self.record("python3", "/usr/bin/python3", "-c", PYTHON)

    def fuzz(self):
        seed = int(time.time())
        while self.left() > 0:
            done = self.watched("fuzz", [VMASCOPE, "fuzz", "--seed", str(seed), "--calls", "10000", "--shrink", "-o",
                                         "soak-fuzz"], (("vmascope", resident),), stdout=subprocess.PIPE)
            with self.lock:
                self.runs["fuzz"] = self.runs.get("fuzz", 0) + 1
                # a seed that was made again since its process was killed: memory is short here
                self.interrupted += re.findall(r"fuzz: seed .*", done.stderr.decode())
                if done.returncode:
                    self.bad.append("fuzz --seed %d: %s" % (seed, (done.stdout + done.stderr).decode()[-700:]))
            seed += 1000

    def redis(self):
        if not shutil.which("redis-server"):
            return
        client = ("redis-cli", "-p", "17999")

        def load():
            while self.left() > 0:
                subprocess.run(["redis-benchmark", "-p", "17999", "-q", "-t", "set,get,lpush,zadd,mset", "-n", "20000", "-d",
                                "3000", "-r", "20000"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                subprocess.run([*client, "flushall"], stdout=subprocess.DEVNULL, check=False)
            subprocess.run([*client, "shutdown", "nosave"], stdout=subprocess.DEVNULL, check=False)
        clients = threading.Timer(3, load)
        clients.start()
        self.record("redis-server", "redis-server", "--port", "17999", "--save", "")
        clients.join()


def main():
    soak = Soak()
    loads = [threading.Thread(target=load) for load in (soak.stress, soak.python, soak.fuzz, soak.redis, soak.steady)]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    if soak.own > OWN_MOST:
        soak.bad.append("the recorder had %d bytes mapped" % soak.own)
    print("runs: " + ", ".join("%s %d" % pair for pair in sorted(soak.runs.items())))
    print("%d reports, %d calls, each compared; at most %.1f MiB of the recorder's own in a process" %
          (soak.reports, soak.calls, soak.own / (1 << 20)))
    for name, words in sorted(soak.memory.items()):
        print("memory of %s: %s" % (name, words))
    if soak.interrupted:
        print("%d times a process of the fuzzer was killed or had no time, and its calls were made again; the last: %s" %
              (len(soak.interrupted), soak.interrupted[-1]))
    print("\n".join(soak.bad) if soak.bad else "no difference")
    return 1 if soak.bad or not soak.reports else 0


sys.exit(main())
