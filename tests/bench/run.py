# SPDX-License-Identifier: MIT
"""What vmascope costs, as ratios measured in one run: native beside traced, interleaved, medians.

    run.py BUILD [--rounds=N] [--quick] [SECTION…]

Sections: calls programs start peers model scale long replay large memory bytes. `long` goes to 10 million calls, by its own name
to 100 million: a quarter of an hour, 7 GB for the trace and 6 GB for its report.

BUILD is a build folder of the preset release. Prints Markdown, the text of docs/performance.md's tables.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
VMASCOPE = os.path.join(BUILD, "bin/vmascope")
CALLS = os.path.join(BUILD, "tests/bench/calls")
STEP = os.path.join(BUILD, "tests/bench/step")
MADE = os.path.join(BUILD, "tests/bench/made")
WORDS = [word for word in sys.argv[2:] if not word.startswith("--")]
QUICK = "--quick" in sys.argv
ROUNDS = next((int(word[9:]) for word in sys.argv if word.startswith("--rounds=")), 1 if QUICK else 5)
SCALE = 10 if QUICK else 1
# Traces go to memory: what is measured is vmascope, not a disk.
FOLDER = tempfile.mkdtemp(prefix="vmascope-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def record(*options):
    return [VMASCOPE, "record", *options, "-o", os.path.join(FOLDER, "%p.vmt"), "--"]


MODES = {
    "native": [],
    "recorded": record(),
    "--stacks=off": record("--stacks=off"),
    "--check=off": record("--check=off"),
    "--check=call": record("--check=call"),
}


def clean():
    for name in os.listdir(FOLDER):
        path = os.path.join(FOLDER, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def run(before, command):
    """The last number that the command prints, or None when it can't run."""
    done = subprocess.run([*before, *command], capture_output=True, check=False, cwd=FOLDER)
    clean()
    numbers = re.findall(r"^([0-9.]+)$", done.stdout.decode(errors="replace"), re.M)
    return float(numbers[-1]) if numbers and not done.returncode else None


def seconds(before, command):
    begin = time.monotonic()
    done = subprocess.run([*before, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False, cwd=FOLDER)
    taken = time.monotonic() - begin
    clean()
    return None if done.returncode else taken


def interleaved(modes, measure, rounds=ROUNDS):
    """Medians of @measure(mode) by mode's name; None for what does not run."""
    found = {name: [] for name in modes}
    for _ in range(rounds):
        for name, before in modes.items():
            if None not in found[name]:
                found[name].append(measure(before))
    return {name: None if not values or None in values else statistics.median(values) for name, values in found.items()}


def ratio(value, native):
    return "-" if value is None or not native else "%.2f" % (value / native)


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(title, *cells):
    print("\n## %s\n" % title)
    row(*cells)
    row(*["---"] * len(cells))


def section_calls():
    head("One call, 20 frames deep", "what", "native, ns", *("%s / native" % name for name in MODES if name != "native"))
    for what, count in (("pair", 200000), ("protect", 100000), ("brk", 100000), ("touch", 100000), ("getppid", 1000000),
                        ("read", 1000000), ("futex", 1000000)):
        command = [CALLS, what, "--count=%d" % (count // SCALE)]
        found = interleaved(MODES, lambda before, command=command: run(before, command))
        row(what, "%.0f" % found["native"], *(ratio(found[name], found["native"]) for name in MODES if name != "native"))


def program_files():
    """A small file, and one that takes the compiler a second."""
    small = "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { printf(\"%d\\n\", rand()); return 0; }\n"
    body = "int f%d(const int *a, int n) { int s = %d; for (int i = 0; i < n; i++) s = s * 31 + (a[i] ^ s >> %d); return s; }\n"
    large = "".join(body % (i, i, i % 7 + 1) for i in range(1200))
    for name, text in ("small.c", small), ("large.c", large):
        with open(os.path.join(FOLDER, name), "w", encoding="ascii") as out:
            out.write(text)


def programs():
    loop = "import hashlib,json\nd=b''\nfor i in range(240000): d=hashlib.sha256(d).digest(); json.dumps({'a':[i]*9})"
    rows = "create table t(a,b);with recursive n(i) as (select 1 union all select i+1 from n where i<300000) " \
           "insert into t select i,hex(randomblob(8)) from n;select count(distinct b) from t;"
    blocks = "held = []\nfor i in range(2000):\n    held.append([bytes(140000 + i * 10) for k in range(20)])\n    held = held[-3:]"
    threads = "import threading\nfor i in range(8000):\n    t = threading.Thread(target=bytes, args=(200000,)); t.start(); t.join()"
    yield "python3, half a second of work", ["/usr/bin/python3", "-c", loop]
    yield "python3, 40,000 blocks mapped and unmapped", ["/usr/bin/env", "MALLOC_MMAP_THRESHOLD_=65536", "/usr/bin/python3", "-c",
                                                         blocks]
    yield "python3, 8,000 threads one after the other", ["/usr/bin/python3", "-c", threads]
    yield "sqlite3, 300,000 rows", ["/usr/bin/sqlite3", ":memory:", rows]
    yield "gcc -O2, 1,200 functions", ["/usr/bin/gcc", "-O2", "-c", "-o", "/dev/null", "large.c"]
    yield "gcc -O2, hello world: five processes", ["/usr/bin/gcc", "-O2", "-o", "/dev/null", "small.c"]


def program_seconds(before, command):
    program_files()
    return seconds(before, command)


def redis_seconds(before):
    """What redis-benchmark, as it is, takes against a server that is or is not recorded."""
    socket = os.path.join(FOLDER, "redis")
    with subprocess.Popen([*before, "/usr/bin/redis-server", "--port", "0", "--unixsocket", socket, "--save", ""],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=FOLDER) as server:
        while not os.path.exists(socket) and server.poll() is None:
            time.sleep(0.01)
        begin = time.monotonic()
        done = subprocess.run(["redis-benchmark", "-s", socket, "-n", str(100000 // SCALE), "-t", "set,get,lpush", "-q"],
                              capture_output=True, check=False)
        took = time.monotonic() - begin
        subprocess.run(["redis-cli", "-s", socket, "shutdown", "nosave"], capture_output=True, check=False)
    clean()
    return took if not done.returncode else None


def section_programs():
    modes = {name: MODES[name] for name in ("native", "recorded", "--check=call")}
    head("Programs", "program", "native, s", "recorded / native", "--check=call / native")
    measures = [(name, lambda before, command=command: program_seconds(before, command))
                for name, command in programs() if os.access(command[0], os.X_OK)]
    if shutil.which("redis-server"):
        measures.append(("redis-server, 300,000 requests of redis-benchmark", redis_seconds))
    for name, measure in measures:
        found = interleaved(modes, measure)
        row(name, "%.3f" % found["native"], ratio(found["recorded"], found["native"]),
            ratio(found["--check=call"], found["native"]))


def section_start():
    """Many times true: one alone is too short."""
    times = 40 // SCALE + 1
    modes = {"native": [], "recorded": record(), "recorded, bare": ["env", "LD_PRELOAD=%s/lib/vmascope/libvmascope.so" % BUILD],
             "strace": ["strace", "-f", "-o", "/dev/null"]}

    def measure(before):
        begin = time.monotonic()
        for _ in range(times):
            if seconds(before, ["/bin/true"]) is None:
                return None
        return (time.monotonic() - begin) / times
    found = interleaved(modes, measure)
    head("Start and end: `true`", "", "ms", "more than native, ms")
    for name, value in found.items():
        row(name, "-" if value is None else "%.2f" % (value * 1e3),
            "-" if value is None else "%.2f" % ((value - found["native"]) * 1e3))


def section_peers():
    events = "mmap,munmap"
    peers = {
        "native": ([], 200000),
        "vmascope record": (record(), 200000),
        "vmascope record --check=call": (record("--check=call"), 50000),
        "perf record -g (tracepoints)": (["perf", "record", "-q", "-o", "p.data", "-g", "-e",
                                          "syscalls:sys_enter_mmap,syscalls:sys_enter_munmap"], 20000),
        "perf trace": (["perf", "trace", "-o", "p.txt", "-e", events], 20000),
        "bpftrace, counting stacks": (["bpftrace", "-o", "b.txt", "-e",
                                       "tracepoint:syscalls:sys_enter_mmap,tracepoint:syscalls:sys_enter_munmap "
                                       "{ @[ustack] = count(); }", "-c"], 20000),
        "strace --seccomp-bpf": (["strace", "-f", "--seccomp-bpf", "-o", "s.txt", "-e", "trace=" + events], 10000),
        "strace": (["strace", "-f", "-o", "s.txt", "-e", "trace=" + events], 10000),
        "strace -k (stacks)": (["strace", "-f", "-k", "-o", "s.txt", "-e", "trace=" + events], 200),
        "ltrace": (["ltrace", "-o", "l.txt"], 1000),
        "uftrace": (["uftrace", "record", "-d", "uf", "--force", "--no-libcall"], 10000),
        "rr": (["rr", "record", "-o", "rr"], 10000),
        "valgrind --tool=none": (["valgrind", "--tool=none", "-q"], 20000),
    }

    def measure(name):
        before, count = peers[name]
        command = [CALLS, "pair", "--count=%d" % max(count // SCALE, 100)]
        if before and not shutil.which(before[0]):
            return None
        return run(before, [" ".join(command)] if "bpftrace" in name else command)
    found = interleaved({name: name for name in peers}, measure)
    ours = found["vmascope record"] - found["native"]
    head("Peers: a pair of mmap and munmap, 20 frames deep", "tool", "µs a pair", "/ native", "added, as a multiple of vmascope's")
    for name, value in found.items():
        if value is None:
            row(name, "not here, or does not run", "", "")
        else:
            added = "" if name == "native" else "%.1f" % ((value - found["native"]) / ours)
            row(name, "%.1f" % (value / 1e3), ratio(value, found["native"]), added)


def section_model():
    limit = int(open("/proc/sys/vm/max_map_count", encoding="ascii").read())
    head("One step of the model against the kernel's own time: mmap and munmap among N VMAs", "N", "kernel, ns", "model, ns",
         "model / kernel")
    for vmas in (100, 1000, 10000, 60000, 1000000):
        kernel = [CALLS, "pair", "--depth=0", "--count=%d" % (100000 // SCALE), "--vmas=%d" % vmas]
        model = [STEP, "--count=%d" % (300000 // SCALE), "--vmas=%d" % vmas]
        modes = {"model": model} if vmas + 1000 > limit else {"kernel": kernel, "model": model}
        found = interleaved(modes, lambda command: run([], command))
        row(vmas, "%.0f" % found["kernel"] if found.get("kernel") else "over max_map_count", "%.0f" % found["model"],
            ratio(found["model"], found.get("kernel")))


def section_scale():
    head("How the cost grows: mmap and munmap, recorded / native", "", "native, ns", "recorded", "--check=call")
    grid = [("VMAs %d" % n, ["--vmas=%d" % n]) for n in (100, 1000, 10000, 60000)] + \
           [("threads %d" % n, ["--threads=%d" % n]) for n in (1, 2, 8, 64)] + \
           [("frames %d" % n, ["--depth=%d" % n]) for n in (1, 20, 50, 100, 200)]
    modes = {name: MODES[name] for name in ("native", "recorded", "--check=call")}
    for name, options in grid:
        count = 30000 // SCALE // (8 if "64" in name else 1)
        command = [CALLS, "pair", "--count=%d" % count, *options]
        found = interleaved(modes, lambda before, command=command: run(before, command))
        row(name, "%.0f" % found["native"], ratio(found["recorded"], found["native"]),
            ratio(found["--check=call"], found["native"]))


def section_long():
    """All that may grow with the number of calls: their cost, the trace, what its report takes."""
    head("How the cost grows with the number of calls: mmap and munmap", "calls", "native, ns a pair", "recorded / native",
         "bytes of trace a call", "report, µs a call", "report, MiB", "report, bytes a call")
    for digits in range(3, 9 if "long" in WORDS else 8):
        calls = 10 ** digits // SCALE
        pair = [CALLS, "pair", "--count=%d" % (calls // 2)]
        modes = {name: MODES[name] for name in ("native", "recorded")}
        found = interleaved(modes, lambda before, pair=pair: run(before, pair), 1 if digits > 7 else ROUNDS)
        trace = keep_trace(calls // 2)
        took, most = costs([VMASCOPE, "report", trace])
        row("{:,}".format(calls), "%.0f" % found["native"], ratio(found["recorded"], found["native"]),
            "%.1f" % (os.path.getsize(trace) / calls), "%.2f" % (took * 1e6 / calls), "%.0f" % most,
            "%.0f" % (most * 2**20 / calls))
        clean()


def keep_trace(count, *options):
    trace = os.path.join(FOLDER, "kept.vmt")
    subprocess.run([VMASCOPE, "record", "-o", trace, "--", CALLS, "pair", "--count=%d" % count, *options],
                   stdout=subprocess.DEVNULL, check=True)
    return trace


def section_replay():
    head("Afterwards: `check` of a trace", "calls", "VMAs", "calls a second", "`report`, s")
    for pairs, vmas in ((500000 // SCALE, 100), (500000 // SCALE, 1000), (500000 // SCALE, 60000), (2000000 // SCALE, 1000000)):
        trace = make_trace(pairs, vmas) if vmas > 60000 else keep_trace(pairs, "--vmas=%d" % vmas)
        times, reports = [], []
        for _ in range(ROUNDS):
            for command, into in (("check", times), ("report", reports)):
                begin = time.monotonic()
                subprocess.run([VMASCOPE, command, trace], stdout=subprocess.DEVNULL, check=False)
                into.append(time.monotonic() - begin)
        done = subprocess.run([VMASCOPE, "check", trace], capture_output=True, check=False)
        calls = int(re.search(rb"([0-9]+) calls", done.stdout)[1])
        row(calls, vmas, "%.2f million" % (calls / statistics.median(times) / 1e6), "%.2f" % statistics.median(reports))
        clean()


def make_trace(pairs, vmas):
    trace = os.path.join(FOLDER, "made.vmt")
    subprocess.run([MADE, trace, "--vmas=%d" % vmas, "--count=%d" % pairs], check=True)
    return trace


def costs(command):
    """Seconds and MiB at most."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    used = os.wait4(child.pid, 0)[2]
    return time.monotonic() - begin, used.ru_maxrss / 1024


def section_large():
    head("A trace of 10 million calls, 1,000 VMAs", "", "s", "MiB")
    trace, page = keep_trace(4950000 // SCALE, "--vmas=1000"), os.path.join(FOLDER, "page.html")
    for name, command in (("check", ["check", trace]), ("report", ["report", trace]),
                          ("report --html", ["report", "--html", page, trace])):
        found = [costs([VMASCOPE, *command]) for _ in range(min(ROUNDS, 3))]
        row(name, *("%.1f" % statistics.median(one) if i == 0 else "%.0f" % max(one) for i, one in enumerate(zip(*found))))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + os.path.join(FOLDER, "b"),
                   "--dump-dom", "file://" + page]
        row("that page in Chromium, %.1f MB" % (os.path.getsize(page) / 1e6),
            "%.1f" % statistics.median(costs(command)[0] for _ in range(ROUNDS)), "")
    clean()


OWN = """import ctypes, re, sys
libc = ctypes.CDLL(None)
libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
count = int(sys.argv[1])
at = libc.mmap(None, (count + 2) * 8192, 0, 0x4022, -1, 0)
for i in range(0, count, 2):
    libc.mprotect(at + i * 8192, 4096, 1)
resident, ours = 0, False
for line in open("/proc/self/smaps"):
    found = re.match("([0-9a-f]+)-", line)
    if found:
        ours = 0x3e0000000000 <= int(found[1], 16) < 0x3f0000000000 or "libvmascope" in line
    elif ours and line.startswith("Rss:"):
        resident += int(line.split()[1])
print(resident)
"""


def section_memory():
    head("Memory of the recorder in the program", "VMAs", "KiB resident", "bytes a VMA more than none")
    script = os.path.join(FOLDER, "own.py")
    none = None
    for vmas in (0, 1000, 20000, 60000):
        with open(script, "w", encoding="ascii") as out:
            out.write(OWN)
        resident = run(record(), ["/usr/bin/python3", script, str(vmas)])
        none = resident if none is None else none
        row(vmas, "%.0f" % resident, "%.0f" % ((resident - none) * 1024 / vmas) if vmas else "")


def section_bytes():
    head("Bytes of trace a call, stacks included, steady state", "", "bytes")
    few, many = 20000, 120000
    sizes = []
    for pairs in (few, many):
        trace = keep_trace(pairs)
        size = os.path.getsize(trace)
        packed = None
        if shutil.which("zstd"):
            subprocess.run(["zstd", "-q", "-3", "-f", trace, "-o", trace + ".zst"], check=True)
            packed = os.path.getsize(trace + ".zst")
        sizes.append((size, packed))
        clean()
    calls = 2 * (many - few) * 1.01
    row("as written", "%.1f" % ((sizes[1][0] - sizes[0][0]) / calls))
    if sizes[0][1]:
        row("after zstd -3", "%.1f" % ((sizes[1][1] - sizes[0][1]) / calls))


def main():
    sections = {name[8:]: function for name, function in globals().items() if name.startswith("section_")}
    try:
        for name in WORDS or sections:
            sections[name]()
    finally:
        shutil.rmtree(FOLDER)


main()
