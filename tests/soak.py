# SPDX-License-Identifier: MIT
"""Loads side by side for a long time, all in full capture and compared after every call: tests/soak.sh."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

VMASCOPE = os.path.realpath(sys.argv[1])
SECONDS = float(sys.argv[2]) * 60
OWN_MOST = 64 << 20  # bytes that the recorder may have mapped in a process, beside the window on its trace
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


class Soak:
    def __init__(self):
        self.end = time.monotonic() + SECONDS
        self.bad, self.runs, self.reports, self.calls, self.own = [], {}, 0, 0, 0
        self.lock = threading.Lock()

    def left(self):
        return self.end - time.monotonic()

    def note(self, name, folder, done):
        """What the reports of one run say; those of killed processes are incomplete, and may be."""
        with self.lock:
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

    def record(self, name, *command):
        with tempfile.TemporaryDirectory(prefix="vmascope-soak-") as folder:
            done = subprocess.run([VMASCOPE, "record", "--check=call", "--report=" + folder + "/r.json", "--", *command],
                                  cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  check=False)
            self.note(name, folder, done)

    def stress(self):
        while shutil.which("stress-ng"):
            for name in STRESSORS:
                if self.left() < 10:
                    return
                self.record("stress-ng-" + name, "stress-ng", "--" + name, "2", "--timeout", "10s", "--oomable")

    def python(self):
        while self.left() > 0:
            self.record("python3", "/usr/bin/python3", "-c", PYTHON)

    def fuzz(self):
        seed = int(time.time())
        while self.left() > 0:
            done = subprocess.run([VMASCOPE, "fuzz", "--seed", str(seed), "--calls", "20000", "--shrink", "-o", "soak-fuzz"],
                                  capture_output=True, check=False)
            with self.lock:
                self.runs["fuzz"] = self.runs.get("fuzz", 0) + 1
                if done.returncode:
                    self.bad.append("fuzz --seed %d: %s" % (seed, done.stdout.decode()[-500:]))
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
    loads = [threading.Thread(target=load) for load in (soak.stress, soak.python, soak.fuzz, soak.redis)]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    if soak.own > OWN_MOST:
        soak.bad.append("the recorder had %d bytes mapped" % soak.own)
    print("runs: " + ", ".join("%s %d" % pair for pair in sorted(soak.runs.items())))
    print("%d reports, %d calls, each compared; at most %.1f MiB of the recorder's own in a process" %
          (soak.reports, soak.calls, soak.own / (1 << 20)))
    print("\n".join(soak.bad) if soak.bad else "no difference")
    return 1 if soak.bad or not soak.reports else 0


sys.exit(main())
