#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a victim under the recorder and looks at the trace: check_preload.py CASE LIBRARY VICTIMS.

Exit status: 0 right, 1 wrong (said on stderr), 77 can't be tried here."""
import atexit
import ctypes
import glob
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tracefile import Trace, UNORDERED  # noqa: E402

LIBRARY, VICTIMS = sys.argv[2], sys.argv[3]


def need(condition, what):
    if not condition:
        raise AssertionError(what)


class Run:
    """One program under the recorder, with its traces by pid (those of images before an exec left out)."""

    def __init__(self, *command, **variables):
        self.folder = tempfile.mkdtemp(prefix="vmascope-test.")
        atexit.register(shutil.rmtree, self.folder, True)
        trace = variables.pop("trace", "%e.%p.vmt")
        session = variables.pop("session", "")
        preexec = variables.pop("preexec", None)
        if session:
            variables["VMASCOPE_SESSION"] = self.folder + "/" + session
            with open(variables["VMASCOPE_SESSION"], "w", encoding="utf-8"):
                pass
        variables.setdefault("LD_PRELOAD", LIBRARY)
        environment = dict(os.environ, VMASCOPE_OUT=self.folder + "/%e.%p.json",
                           VMASCOPE_TRACE=self.folder + "/" + trace, **variables)
        if "/" not in command[0]:
            command = (os.path.join(VICTIMS, command[0]),) + command[1:]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=100, check=False, preexec_fn=preexec)
        self.status, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()
        if self.status == 77:
            sys.exit(77)
        self.files = sorted(glob.glob(self.folder + "/*.vmt*"))
        self.traces = [Trace(name) for name in self.files]
        need(self.err == "", "stderr: " + self.err)

    def only(self):
        need(len(self.traces) == 1, "traces: %s" % self.files)
        return self.traces[0]


def near(trace, name, base, span=1 << 36):
    return [c for c in trace.of("CALL", name=name) if c.args and base <= c.args[0] < base + span]


def check_counts(run, trace, exact=False):
    """The victim printed calls and their least numbers."""
    need(run.status == 0, "status %d" % run.status)
    for line in run.out.split("\n"):
        if line:
            name, nr = line.split()
            found = len(trace.of("CALL", name=name))
            need(found == int(nr) if exact else found >= int(nr), "%s: %d recorded" % (line, found))
    check_sane(trace)


def check_sane(trace, ended="exit"):
    need(trace.ended == ended, "ended " + trace.ended)
    need(trace.lost == 0, "lost %d" % trace.lost)
    need(len(trace.of("CALL")) == trace.calls, "calls: header says %d" % trace.calls)
    need(not trace.strings("problem"), "problems: %s" % trace.strings("problem"))
    need(trace.snapshot("attach") or trace.snapshot("fork"), "no first snapshot")
    need(all(s.patched for s in trace.of("SITE")), "unpatched sites")
    known = {f.id for f in trace.of("FILE")}
    need(all(e.file in known for e in trace.of("EXTRA") if e.file), "a file was not told")
    known = {s.id for s in trace.of("STACK")}
    need(all(c.stack in known for c in trace.of("CALL") if c.stack), "a stack was not told")


def case_threads():
    run = Run("victim_threads")
    trace = run.only()
    check_counts(run, trace)
    need(len({c.tid for c in trace.of("CALL")}) == 65, "threads")
    need(all(c.stack for c in trace.of("CALL") if not c.flags & UNORDERED), "a call without a stack")


def case_ended():
    """Of threads that ended nothing of ours is left: not the cache that the unwinder makes for a thread, either."""
    owned = {}
    for number in (0, 1, 40):
        run = Run("victim_ended", str(number))
        told = report(run, run.files[0])
        need(told["verdict"] == "match", told["verdict"])
        owned[number] = told["capture"]["own"]["vmas"]
    need(owned[0] == owned[1] == owned[40], "VMAs of ours: %s" % owned)


def case_dlopen():
    run = Run("victim_dlopen")
    check_counts(run, run.only())


def case_fork():
    run = Run("victim_fork")
    need(run.status == 3, "status %d" % run.status)
    need(len(run.traces) == 3, "traces: %s" % run.files)
    child = int(run.out)
    for trace in run.traces:
        check_sane(trace)
        mapped = [len(near(trace, "mmap", base)) for base in (0x220000000000, 0x200000000000, 0x210000000000,
                                                              0x230000000000)]
        is_root = bool(trace.of("SITE"))
        want = [10, 0, 30, 0] if is_root else [0, 20, 0, 0] if trace.pid == child else [0, 0, 0, 5]
        need(mapped == want, "pid %d mapped %s, not %s" % (trace.pid, mapped, want))
        if not is_root and trace.check_mode:
            need(trace.of("VMA"), "no VMA records in a forked child")


def case_spawn():
    run = Run("victim_spawn")
    need(run.status == 0, "status %d" % run.status)
    roots = [t for t in run.traces if t.strings("comm") == ["victim_spawn"]]
    need(len(roots) == 1, "traces: %s" % run.files)
    check_counts(run, roots[0])
    trues = [t for t in run.traces if t.strings("comm") == ["true"]]
    need(len(trues) == 6, "traces: %s" % run.files)
    for trace in trues:
        check_sane(trace)


def case_exec():
    for pattern in "%p.vmt", "t.vmt":
        for session in "", "session":
            exec_chain(pattern, session)


def exec_chain(pattern, session):
    """Bare and as a launcher's child, with and without %p in the name."""
    run = Run("victim_exec", "3", trace=pattern, session=session)
    need(run.status == 0 and run.out == "mmap 1\n", "status %d %s" % (run.status, run.out))
    names = [os.path.basename(name).split(".vmt")[1] for name in run.files]
    stem = "" if "%p" in pattern else ".%d" % run.traces[0].pid
    need(names == [""] + ["%s.exec%d" % (stem, i) for i in (1, 2, 3)], "names: %s" % run.files)
    if session:
        with open(run.folder + "/session", encoding="utf-8") as file:
            told = {line.split("\t")[1] for line in file}
        need(told == set(run.files), "session: %s" % told)
    for index, trace in enumerate(run.traces):
        check_sane(trace, "exec" if index else "exit")
        need(len(near(trace, "mmap", 0x200000000000)) == 1, "its own mmap")


def ends(how, status, ended, exit_status):
    run = Run("victim_ends", how)
    need(run.status == status, "status %d" % run.status)
    trace = run.only()
    check_sane(trace, ended)
    need(trace.exit_status == exit_status, "exit status %d" % trace.exit_status)
    need(len(near(trace, "mmap", 0x200000000000)) == 1, "its own mmap")
    if ended != "not":
        need(trace.snapshot(ended), "no last snapshot")
        need(trace.of("END"), "no END")


def case_end_return():
    ends("return", 3, "exit", 3)


def case_end_exit():
    ends("exit", 4, "exit", 4)


def case_end_quick():
    ends("_exit", 5, "exit", 5)


def case_end_thread():
    ends("thread", 6, "exit", 6)


def case_end_syscall():
    ends("syscall", 7, "exit", 7)


def case_end_busy():
    for _ in range(10):
        ends("busy", 8, "exit", 8)


def case_end_abort():
    ends("abort", -signal.SIGABRT, "signal", signal.SIGABRT)


def case_end_raise():
    ends("raise", -signal.SIGTERM, "signal", signal.SIGTERM)


def case_end_kill():
    ends("kill", -signal.SIGKILL, "signal", signal.SIGKILL)


def case_end_segv():
    ends("segv", -signal.SIGSEGV, "not", 0)


def storm(*how):
    run = Run("victim_signals", *how)
    need(run.status == 0, "status %d" % run.status)
    trace = run.only()
    need(trace.ended == "exit" and trace.lost == 0, "ended %s, lost %d" % (trace.ended, trace.lost))
    return int(run.out), trace


def case_storm():
    ran, trace = storm()
    need(ran > 50, "the handler ran %d times" % ran)
    need(len(near(trace, "mmap", 0x210000000000)) == ran, "mmaps of the handler")
    need(len(near(trace, "mmap", 0x200000000000)) == 30000, "mmaps of the program")


def case_storm_altstack():
    ran, trace = storm("altstack")
    need(len(near(trace, "mmap", 0x210000000000)) == ran, "mmaps of the handler")


def case_storm_within():
    """What is interrupted lies below the handler's frames: stacks that differ only there are two."""
    for mode in "libc", "full":
        run = Run("victim_within", VMASCOPE_CAPTURE=mode)
        trace = run.only()
        check_counts(run, trace)
        stacks = [c.stack for c in near(trace, "mmap", 0x200000000000)]
        need(len(stacks) == 40 and len(set(stacks)) == 2 and len(set(stacks[::2])) == 1, "%s: %s" % (mode, stacks))


def case_storm_jump():
    storm("jump")


def case_failing():
    run = Run("victim_failing")
    need(run.status == 0, "status")
    trace = run.only()
    check_sane(trace)
    failed = ["%s %d" % (c.name, c.result) for c in trace.of("CALL") if c.result < 0]
    need(failed == run.out.split("\n")[:-1], "recorded: %s" % failed)


def case_files():
    run = Run("victim_files")
    need(run.status == 0, "status %d" % run.status)
    trace = run.only()
    check_sane(trace)
    ids, extra = [], None
    for record in trace.records:
        if record.kind == "EXTRA":
            extra = record
        elif record.kind == "CALL" and record.args and 0x200000000000 <= record.args[0] < 0x201000000000:
            ids.append(extra.file)
    order = sorted(set(ids), key=ids.index)
    need(" ".join(str(order.index(i)) for i in ids) + "\n" == run.out, "file ids: %s" % ids)
    paths = {f.id: f.path for f in trace.of("FILE")}
    need(paths[ids[-1]] == "/etc/passwd" and paths[ids[0]].endswith("victim_files"), "paths: %s" % paths)


def case_mremap():
    run = Run("victim_mremap")
    check_counts(run, run.only())


def case_brk():
    run = Run("victim_brk")
    check_counts(run, run.only())


def case_slot():
    """Where the program has something in the recorder's slot of addresses, it is the program's."""
    run = Run("victim_slot")
    check_counts(run, run.only())


def case_race():
    """A first page that another thread writes while a call is made does not make the rules wrong."""
    run = Run("victim_race")
    check_counts(run, run.only())
    check_reports(run, "full")


def case_rights():
    """Rights to lock memory that go while it runs, and those of a user namespace, which count for nothing."""
    for how in "capset", "setuid", "thread", "namespace":
        run = Run("victim_rights", how)
        need(run.status == 0, "%s: status %d" % (how, run.status))
        check_reports(run, "full")
        limits = [limit.ipc_lock for limit in run.only().of("LIMITS")]
        need(limits[0] == 1 and 0 in limits, "%s: %s" % (how, limits))


def case_fds():
    run = Run("victim_fds")
    check_counts(run, run.only())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    few = Run("victim_fds", "count", preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (8, hard)))
    need(few.out == "5\n", "of 8 descriptors the program has " + few.out)
    check_sane(few.only())
    for hard in 4, 8, 31:
        none = Run("victim_fds", "count", preexec=lambda most=hard: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
        need(none.out == "%d\n" % (hard - 3), "of %d descriptors the program has %s" % (hard, none.out))
        if none.files:
            told = report(none, none.files[0])
            need(told["verdict"] == "incomplete" and "stopped" in told["incomplete"], "%d: %s" % (hard, told["incomplete"]))
        need(none.files or hard == 4, "%d: no trace" % hard)


def case_api():
    run = Run("victim_api")
    need(run.status == 0 and run.out == "0 0 0 0\n", run.out)
    trace = run.only()
    check_sane(trace)
    mapped = [len(near(trace, "mmap", base)) for base in (0x200000000000, 0x210000000000, 0x220000000000)]
    need(mapped == [1, 0, 1], "mapped: %s" % mapped)
    need([m.text for m in trace.of("MARK")] == ["before the pause"], "marks")
    need(any(s.start == 0x210000000000 for s in trace.snapshot("resume")), "resume snapshot")
    need(trace.snapshot("request"), "request snapshot")


def case_untouched():
    """Output and status of ordinary programs, natively and under the recorder."""
    for command in (["/bin/sh", "-c", "ls /; echo err >&2; exit 7"], ["/bin/cat", "/etc/passwd"],
                    ["/bin/sh", "-c", "kill -9 $$"], ["/bin/bash", "-c", "for i in 1 2 3; do (echo $i); done | sort -r"]):
        native = subprocess.run(command, capture_output=True, check=False)
        with tempfile.TemporaryDirectory() as folder:
            traced = subprocess.run(command, capture_output=True, check=False, env=dict(
                os.environ, LD_PRELOAD=LIBRARY, VMASCOPE_TRACE=folder + "/%p.vmt", VMASCOPE_OUT=folder + "/%p.json"))
        for what in ("stdout", "stderr", "returncode"):
            need(getattr(native, what) == getattr(traced, what), "%s: %s %s" % (command, what, traced))


def case_no_follow():
    run = Run("/bin/sh", "-c", "env; /bin/true; (exit 0); echo ${LD_PRELOAD-gone}", VMASCOPE_FOLLOW="0")
    need("VMASCOPE_" not in run.out and run.out.endswith("gone\n"), run.out)
    check_sane(run.only())


def case_same_name():
    """A name without %p: children get theirs with .PID."""
    run = Run("victim_fork", trace="t.vmt")
    need(run.status == 3 and len(run.files) == 3, "traces: %s" % run.files)
    for name, trace in zip(run.files, run.traces):
        want = "t.vmt" if trace.of("SITE") else "t.vmt.%d" % trace.pid
        need(os.path.basename(name) == want, name)


def case_plt():
    run = Run("victim_mremap", VMASCOPE_CAPTURE="plt")
    trace = run.only()
    check_counts(run, trace)
    need(trace.capture_mode == 1, "capture mode")


def case_bss():
    """The library brings no anonymous mapping of its own, which could merge with the program's: what is in memory is in the file."""
    with open(LIBRARY, "rb") as file:
        data = file.read()
    first, size, number = struct.unpack_from("<Q", data, 32) + struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, first + i * size) for i in range(number)]
    loads = [(at + in_file, at + in_memory) for kind, _, _, at, _, in_file, in_memory, _ in segments if kind == 1]
    need(len(loads) > 2, "%d segments" % len(loads))
    for end_of_file, end in loads:
        need(end <= (end_of_file + 4095) // 4096 * 4096, "a segment of %x in the file ends at %x" % (end_of_file, end))


def case_no_space():
    """The file size limit ends the recording, not the program."""
    library, victim = LIBRARY, os.path.join(VICTIMS, "victim_signals")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["/bin/bash", "-c", "ulimit -f 2100; LD_PRELOAD=%s exec %s" % (library, victim)], check=False,
            capture_output=True, env=dict(os.environ, VMASCOPE_TRACE=folder + "/t.vmt", VMASCOPE_OUT=folder + "/r"))
        need(done.returncode == 0 and not done.stderr, "%s" % done)
        trace = Trace(folder + "/t.vmt")
        need(trace.ended == "stopped" and trace.of("END")[0].why, "ended " + trace.ended)


def report(run, name):
    """The whole report of one trace, by the analyzer."""
    command = os.path.join(os.path.dirname(LIBRARY), "../../bin/vmascope")
    if not os.access(command, os.X_OK):
        sys.exit(77)
    done = subprocess.run([command, "report", "--json", name], capture_output=True, check=False)
    need(done.returncode == 0, "report: %s" % done.stderr.decode())
    return json.loads(done.stdout)


def check_reports(run, mode, nr=1):
    """All that happened in @nr processes was seen, and is as the rules say."""
    need(len(run.files) == nr, "traces: %s" % run.files)
    for name in run.files:
        told = report(run, name)
        capture = told["capture"]
        need(capture["mode"] == mode, "mode %s" % capture["mode"])
        need(told["verdict"] == "match", "%s: verdict %s" % (name, told["verdict"]))
        need(capture["outside"] == capture["lost"] == 0 and not capture["problems"], "%s" % capture)


def raw(how, calls, *more, nr=1, **variables):
    """A victim that calls by its own instructions, seen in full and not seen in libc mode."""
    run = Run("victim_raw", how, *more, VMASCOPE_CAPTURE="full", **variables)
    need(run.status == 0, "status %d" % run.status)
    check_reports(run, "full", nr)
    rounds = int(run.out)
    seen = max(len(t.of("CALL")) - len(near(t, "mmap", 0x7f0000000000)) for t in run.traces)
    need(seen >= rounds * calls, "%d calls of %d" % (seen, rounds * calls))
    run = Run("victim_raw", how, *more, VMASCOPE_CAPTURE="libc", **variables)
    outside = [report(run, name)["capture"]["outside"] for name in run.files]
    need(all(outside), "not seen, and not noticed: outside %s" % outside)


def case_raw_plain():
    raw("plain", 8)


def case_raw_threads():
    raw("threads", 8)


def case_raw_handler():
    raw("handler", 8)
    raw("altstack", 8)


def case_raw_generated():
    raw("generated", 8)


def case_raw_library():
    raw("library", 8, os.path.join(VICTIMS, "library_raw.so"))


def case_raw_brk():
    raw("brk", 1)


def case_raw_fork():
    raw("fork", 8, nr=2)


def case_raw_trap_all():
    """As where libc's text has no room for the door: also its own calls trap."""
    for how in "plain", "threads", "handler", "fork":
        run = Run("victim_raw", how, VMASCOPE_CAPTURE="full", VMASCOPE_TEST_TRAP_ALL="1")
        need(run.status == 0, "%s: status %d" % (how, run.status))
        for name in run.files:
            told = report(run, name)
            need(told["verdict"] == "match" and len(told["capture"]["problems"]) == 1, "%s: %s" % (how, told["verdict"]))


def case_raw_children():
    for how, nr in ("vfork", 1), ("clone", 1), ("process", 1), ("clone3", 2):
        run = Run("victim_rawchild", how, VMASCOPE_CAPTURE="full")
        need(run.status == 0, "%s: status %d" % (how, run.status))
        check_reports(run, "full", nr)


def case_sigsys_trap_all():
    """The same where calls of libc's, and so the unwinder's in a trap, trap too."""
    for how in "mask", "waits", "restorer", "edits", "storm", "sent_storm":
        run = Run("victim_sigsys", how, VMASCOPE_CAPTURE="full", VMASCOPE_TEST_TRAP_ALL="1")
        need(run.status == 0, "%s: line %d" % (how, run.status - 1))
        told = report(run, run.files[0])
        need(told["verdict"] == "match", "%s: %s" % (how, told["verdict"]))


def case_forking():
    """Children of a fork in the midst of other threads' unwinding: with stacks of their own, and none hangs."""
    run = Run("victim_forking", "60")
    need(run.status == 0, "status %d" % run.status)
    need(len(run.traces) == 61, "%d traces" % len(run.traces))
    for trace in run.traces:
        check_sane(trace)
        need(any(c.stack for c in trace.of("CALL", name="mmap")), "no stacks")


def case_mix():
    run = Run("victim_mix", "1", VMASCOPE_CAPTURE="full", VMASCOPE_FOLLOW="0")
    need(run.status == 0, "status %d" % run.status)
    check_reports(run, "full")
    run = Run("victim_mix", "1", VMASCOPE_CAPTURE="full")
    need(run.status == 0, "status %d" % run.status)
    check_reports(run, "full", len(run.files))


def case_intrude():
    """A program takes the memory that we work with: it gets it, and the report says that recording stopped."""
    ways = ["unmap", "unmap_trace", "map_state", "protect", "empty"]
    for how in ways + [what + way for what in ("library_", "unwinder_") for way in ("unmap", "map", "protect", "empty", "move")]:
        for more in ("libc",), ("raw",):
            run = Run("victim_intrude", how, *more)
            need(run.status == 0, "%s: status %d" % (how, run.status))
            told = report(run, run.files[0])
            need(told["verdict"] == "incomplete" and "stopped" in told["incomplete"], "%s: %s" % (how, told["incomplete"]))


def case_blocked():
    """A call that waits for another thread keeps none from going on; what is then uncertain is said."""
    for how, check in ((), "exit"), (("populate",), "exit"), (("advise",), "exit"), (("advise",), "call"):
        run = Run("victim_blocked", *how, VMASCOPE_CHECK=check)
        trace = run.only()
        check_counts(run, trace)
        told = report(run, run.files[0])
        need(told["verdict"] == "match", "%s %s: %s %s" % (how, check, told["verdict"], told["prediction"]))


def case_fuse():
    """The same where FUSE's server is waited for, the program itself; no look of ours at its files waits for it."""
    for how in "thread", "process":
        run = Run("victim_fuse", how)
        trace = next(t for t in run.traces if t.of("SITE"))
        check_counts(run, trace)
        for name in run.files:
            told = report(run, name)
            need(told["verdict"] == "match" and not told["capture"]["lost"], "%s: %s" % (how, told["verdict"]))
    run = Run("victim_fuse", "exit")
    need(run.status == 0, "exit: status %d" % run.status)
    check_reports(run, "full")


def copy_into(root, program):
    """@program, and what it loads, at the same places below @root."""
    listed = subprocess.run(["ldd", program], capture_output=True, check=True).stdout.decode()
    paths = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
    for path in paths + [program]:
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)


def case_chroot():
    """In another root there is no library for images that are exec'ed and no place for children's traces: said, not shown."""
    with tempfile.TemporaryDirectory() as root:
        victim = os.path.join(VICTIMS, "victim_chroot")
        copy_into(root, victim)
        for how, said in (("nothing", None), ("fork", "children"), ("exec", "an image"), ("spawn", "an image"),
                          ("fork_exec", "children"), ("failing", None)):
            run = Run("victim_chroot", root, how, victim)
            need(run.status == 0, "%s: status %d" % (how, run.status))
            told = report(run, run.only() and run.files[0])
            problems = told["capture"]["problems"]
            need(told["verdict"] == ("incomplete" if said else "match"), "%s: %s" % (how, told["verdict"]))
            need(problems if said else not problems, "%s: %s" % (how, problems))
            need(all(text.startswith("not recorded: " + said) for text in problems), "%s: %s" % (how, problems))


# What must not be missed: changes of the address space, limits, masks and actions of signals, waits with a mask.
NEEDED = {9, 10, 11, 12, 25, 28, 30, 67, 149, 150, 151, 152, 206, 207, 216, 237, 329, 330, 331, 325, 440, 135, 323, 160, 302,
          13, 14, 127, 130, 271, 270, 281, 441, 333, 426, 450, 453, 462}


def disassembled(name):
    """Addresses of the system-call instructions in file @name, each with the number where that is loaded right before."""
    if not shutil.which("objdump"):
        sys.exit(77)
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", name], capture_output=True, check=True).stdout.decode()
    found, before = {}, ""
    for line in text.splitlines():
        address, _, what = line.partition(":\t")
        what = what.strip()
        if what == "syscall":
            loaded = re.match(r"mov +\$0x([0-9a-f]+),%[er]ax$", before)
            found[int(address, 16)] = int(loaded[1], 16) if loaded else None
        before = what
    return found


def case_sites():
    """Every system-call instruction in libc is patched, or none of its numbers matters. Elsewhere they trap."""
    run = Run("victim_brk", VMASCOPE_CAPTURE="full")
    trace = run.only()
    paths = {os.path.basename(s.name).split(".so")[0]: s.name for s in trace.snapshot("attach") if ".so" in (s.name or "")}
    base = min(s.start for s in trace.snapshot("attach") if s.name == paths["libc"])
    patched = [s.addr - base for s in trace.of("SITE") if s.patched]
    for library in "libc", "ld-linux-x86-64", "libpthread", "librt":
        name = paths.get(library, "/usr/lib/x86_64-linux-gnu/%s.so.0" % library)
        if not os.path.exists(name):
            continue
        told = subprocess.run([os.path.join(VICTIMS, "test_sites"), name], capture_output=True, check=True).stdout.decode()
        numbers = {int(line.split()[0], 16): line.split()[1:] for line in told.splitlines()}
        seen = disassembled(name)
        need(set(numbers) == set(seen), "%s: %s" % (name, set(numbers) ^ set(seen)))
        for address, number in seen.items():
            known = numbers[address]
            need(number is None or known in (["?"], [str(number)]), "%s %x: %s" % (name, address, known))
            matters = known == ["?"] and number is None or {int(n) for n in known if n != "?"} & NEEDED or number in NEEDED
            if library == "libc" and matters and number != 15:
                need(any(0 <= address - site <= 32 for site in patched), "%s %x: not patched" % (name, address))


def tampered_libc(folder, code):
    """A copy of libc in which munmap() begins with other instructions, of five bytes, for mov $11,%eax."""
    libc = next(line.split()[2] for line in subprocess.run(["ldd", os.path.join(VICTIMS, "victim_brk")], capture_output=True, check=True)
                .stdout.decode().splitlines() if "libc.so.6" in line)
    with open(libc, "rb") as file:
        data = file.read()
    usual = bytes.fromhex("b80b000000 0f05 483d01f0ffff")
    if data.count(usual) != 1:
        sys.exit(77)
    with open(folder + "/libc.so.6", "wb") as file:
        file.write(data.replace(usual, bytes.fromhex(code) + usual[5:]))


def case_unusual_libc():
    """Another libc's munmap() loads its number in a way that we do not know: caught when it is called, or all traps, or said."""
    for code, mode, verdict, nr_problems in (("31c083c80b", "full", "match", 0), ("31c083c80b", "libc", "match", 0),
                                             ("6a0b589090", "full", "match", 3), ("6a0b589090", "libc", "differ", 2)):
        with tempfile.TemporaryDirectory() as folder:
            tampered_libc(folder, code)
            run = Run("victim_threads", VMASCOPE_CAPTURE=mode, LD_LIBRARY_PATH=folder)
            told = report(run, run.only() and run.files[0])
            need(run.status == 0 and told["verdict"] == verdict, "%s %s: %s" % (code, mode, told["verdict"]))
            need(len(told["capture"]["problems"]) == nr_problems, "%s %s: %s" % (code, mode, told["capture"]["problems"]))
            missed = told["incomplete"] is not None
            need(missed == (verdict != "match"), "%s %s: %s" % (code, mode, told["incomplete"]))
            if verdict == "match":
                need(told["capture"]["by_call"]["munmap"] > 100, "%s %s: munmap" % (code, mode))


POOL = "/proc/sys/vm/nr_hugepages"


def set_pool(pages):
    with open(POOL, "w", encoding="ascii") as file:
        file.write(pages)


def case_huge():
    """Huge pages, where the pool is empty as nearly everywhere, and where there are some."""
    with open(POOL, encoding="ascii") as file:
        before = file.read()
    pools = [before]
    if not os.geteuid() and int(before) == 0:
        atexit.register(set_pool, before)
        pools.append("6")
    for pool in pools:
        if pool != before:
            set_pool(pool)
        for seed in range(1, 9):
            run = Run("victim_huge", str(seed), VMASCOPE_CHECK="call")
            need(run.status == 0, "status %d" % run.status)
            check_reports(run, "full", 2)


def case_advised():
    """process_madvise() on oneself and on others, READ_IMPLIES_EXEC."""
    for check in "exit", "call":
        run = Run("victim_advised", VMASCOPE_CAPTURE="full", VMASCOPE_FOLLOW="0", VMASCOPE_CHECK=check)
        check_counts(run, run.only())
        check_reports(run, "full")
        told = report(run, run.files[0])["prediction"]
        need(told["mispredicted"] == told["undetermined"] == 0, "%s" % told)


def case_secret():
    """Memory of memfd_secret(), whose mmap hook is known."""
    for check in "exit", "call":
        run = Run("victim_secret", VMASCOPE_CAPTURE="full", VMASCOPE_CHECK=check)
        need(run.status == 0, "status %d" % run.status)
        check_reports(run, "full", 2)


def case_old_kernel():
    """Without Syscall User Dispatch: libc mode, and it is said."""
    run = Run("victim_oldkernel", LIBRARY, os.path.join(VICTIMS, "victim_raw"), "plain", VMASCOPE_CAPTURE="full",
              LD_PRELOAD="")
    need(run.status == 0, "status %d" % run.status)
    capture = report(run, run.files[0])["capture"]
    need(capture["mode"] == "libc" and capture["requested"] == "full", "%s" % capture)
    need("Syscall User Dispatch" in capture["problems"][0] and capture["outside"] > 0, "%s" % capture)


def case_cancel():
    for mode in "libc", "full":
        run = Run("victim_cancel", VMASCOPE_CAPTURE=mode)
        need(run.status == 0, "%s: status %d" % (mode, run.status))
        check_reports(run, mode)


class Vma:
    def __init__(self, line):
        fields = line.split(None, 5)
        self.start, self.end = (int(word, 16) for word in fields[0].split("-"))
        self.what = fields[1:2] + fields[5:]

    def __repr__(self):
        return "%#x-%#x %s" % (self.start, self.end, self.what)


NO_RANDOMIZE = 0x40000


def not_random():
    ctypes.CDLL(None).personality(NO_RANDOMIZE)


def beside(text, trace):
    """The mappings of @text that are not the recorder's."""
    own = [(r.start, r.end) for r in trace.of("OWN")]
    return [v for v in map(Vma, text.splitlines()) if not any(start <= v.start < end for start, end in own)]


def case_layout():
    """Without address randomisation the program's mappings lie, and merge, as they would without us: docs/internals.md."""
    victim = os.path.join(VICTIMS, "victim_layout")
    for libraries in (), ("libm.so.6", "libresolv.so.2", "libnss_files.so.2", "libz.so.1", "libutil.so.1", "libanl.so.1"):
        native = subprocess.run([victim, *libraries], preexec_fn=not_random, capture_output=True, check=True)
        for mode in "libc", "full":
            run = Run("victim_layout", *libraries, VMASCOPE_CAPTURE=mode, preexec=not_random)
            compare_layouts([Vma(line) for line in native.stdout.decode().splitlines()], beside(run.out, run.only()))


def watched(output, pids=None):
    """What victim_watch tells: maps by the processes' names; where @pids are given, only of those."""
    found = {}
    for part in output.split("== ")[1:]:
        head, _, text = part.partition("\n")
        name, pid = head.split()
        if pids is None or int(pid) in pids:
            found[name] = (int(pid), text)
    return found


def case_layout_gcc():
    """The same for gcc and the processes that it starts, as they are when they end."""
    if not shutil.which("gcc"):
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/hello.c", "w", encoding="ascii") as file:
            file.write("#include <stdio.h>\n#include <stdlib.h>\nint main(void) { return puts(\"hello\") < 0; }\n")
        command = [os.path.join(VICTIMS, "victim_watch"), "gcc", "-O2", "-o", folder + "/hello", folder + "/hello.c"]
        names = {"TMPDIR": folder}
        native = subprocess.run(command, preexec_fn=not_random, capture_output=True, check=True, env=dict(os.environ, **names))
        run = Run(*command, VMASCOPE_CAPTURE="full", preexec=not_random, **names)
        native = watched(native.stdout.decode())
        traced = watched(run.out, {t.pid for t in run.traces if t.strings("comm") != ["victim_watch"]})
        need({"gcc", "cc1", "as", "ld"} <= set(native) and set(native) == set(traced), "%s %s" % (set(native), set(traced)))
        for name, (_, text) in native.items():
            pid, other = traced[name]
            trace = next(t for t in run.traces if t.pid == pid and t.strings("comm") == [name])
            one, other = [Vma(line) for line in text.splitlines()], beside(other, trace)
            compare_files(one, other)
            if not any(is_aligned(v) for v in one):
                compare_places(one, other)


def is_aligned(vma):
    """What has a huge page's size lies at a huge page's place, which is not moved as what lies beside it is."""
    return vma.start >> 44 == 7 and vma.start % (1 << 21) == 0 and vma.end - vma.start >= 1 << 21


def of_files(vmas):
    return [v for v in vmas if v.what[1:] and v.what[1].startswith("/")]


def compare_files(native, traced):
    """The same files' parts, of the same lengths, and as much other memory, but for the loader's and ours in its data."""
    def parts(vmas):
        return sorted((v.what, v.end - v.start) for v in of_files(vmas))

    def other(vmas):
        return sum(v.end - v.start for v in vmas if not v.what[1:])

    need(parts(native) == parts(traced), "%s\n%s" % (parts(native), parts(traced)))
    need(abs(other(traced) - other(native)) <= 32768, "%d %d" % (other(native), other(traced)))


def compare_places(native, traced):
    """The loader's bookkeeping, two pages at a time, may come between other libraries: but for that distances are the same."""
    def below_libc(vmas):
        files = of_files(vmas)
        libc = [v.start for v in files if v.what[1].endswith("libc.so.6")][0]
        return [(v.what, libc - v.start) for v in files if v.start >> 44 == 7 and v.start <= libc]

    for (what, distance), (other_what, other_distance) in zip(below_libc(native), below_libc(traced)):
        need(what == other_what and abs(other_distance - distance) <= 32768, "%s %x, %s %x" %
             (what, distance, other_what, other_distance))


def case_layout_python():
    """The same for a program with some hundreds of allocations and libraries that are loaded late."""
    no_randomize = ctypes.CDLL(None).personality
    script = "import ctypes, json, sqlite3, threading\nt = threading.Thread(target=len, args=([],))\nt.start()\nt.join()\n" \
             "print(open('/proc/self/maps').read(), end='')"
    command = ["/usr/bin/python3", "-S", "-E", "-c", script]
    if not os.access(command[0], os.X_OK):
        sys.exit(77)
    native = subprocess.run(command, preexec_fn=lambda: no_randomize(0x40000), capture_output=True, check=True)
    native = [Vma(line) for line in native.stdout.decode().splitlines()]
    run = Run(*command, VMASCOPE_CAPTURE="full", preexec=lambda: no_randomize(0x40000))
    own = [(r.start, r.end) for r in run.only().of("OWN")]
    theirs = [v for v in map(Vma, run.out.splitlines()) if not any(start <= v.start < end for start, end in own)]
    compare_layouts(native, theirs)


def compare_layouts(native, traced):
    """Up to libc's data all is the same, but for one distance and the length of the heap; above it lies our library."""
    def split(vmas):
        heap = [v for v in vmas if v.what[1:] == ["[heap]"]]
        libc = [index for index, v in enumerate(vmas) if v.what[1:] and v.what[1].endswith("libc.so.6")]
        below = vmas[:libc[-1] + 1]
        return heap[0], below, vmas[libc[0]].start

    heap, below, base = split(native)
    other_heap, other_below, other_base = split(traced)
    need(other_heap.start == heap.start and 0 <= other_heap.end - heap.end <= 16384, "%s %s" % (heap, other_heap))
    need(len(below) == len(other_below), "%s\n%s" % (below, other_below))
    shift, longer = base - other_base, 0
    for one, other in reversed(list(zip(below, other_below))):
        need(one.what == other.what, "%s %s" % (one, other))
        if one.end == base and len(one.what) == 1:
            longer = other.end - other.start - (one.end - one.start)  # the main thread's data, and ours among them
            need(0 <= longer <= 16384, "%s %s" % (one, other))
            other.start += longer
        by = shift if one.start > heap.end else 0
        if one.start % (1 << 26) == 0 or one.end % (1 << 26) == 0:
            by = 0  # malloc's arenas go by 64 MiB
        if one is not heap:
            need((one.start, one.end) == (other.start + by, other.end + by), "%s %s" % (one, other))
        if one.end == base and len(one.what) == 1:
            shift += longer


def case_restrict():
    """The program runs as it must, and the report says what was not seen."""
    for how, verdict, why in (("seccomp", "incomplete", "seccomp"), ("dispatch", "incomplete", "Syscall User Dispatch"),
                              ("old", "match", "int $0x80"), ("tls", "differ", "thread data")):
        run = Run("victim_restrict", how, VMASCOPE_CAPTURE="full")
        need(run.status == 0, "%s: status %d" % (how, run.status))
        trace, told = run.only(), report(run, run.files[0])
        need(told["verdict"] == verdict, "%s: verdict %s" % (how, told["verdict"]))
        said = trace.strings("problem") + [e.why for e in trace.of("END") if e.why]
        need(any(why in text for text in said), "%s: said %s" % (how, said))
        need(verdict != "incomplete" or why in told["incomplete"], "%s: told %s" % (how, told["incomplete"]))


def case_restrict_not():
    """Probes change nothing; a child of one whose trace is full begins anew."""
    full = "recording stopped before the process ended: the trace reached VMASCOPE_LIMIT"
    for how, limit, expected in (("probes", "9", [(None, "match"), (None, "match")]),
                                 ("behind", "2", [(None, "match"), (full, "incomplete")])):
        run = Run("victim_restrict", how, VMASCOPE_CAPTURE="full", VMASCOPE_LIMIT=limit)
        reports = [report(run, name) for name in run.files]
        told = sorted(((one["incomplete"], one["verdict"]) for one in reports), key=lambda one: one[1], reverse=True)
        need(run.status == 0 and told == expected, "%s: status %d, %s" % (how, run.status, told))


def case_sigsys():
    for how in ("action", "mask", "waits", "jumps", "restorer", "edits", "edits_own", "contexts", "context", "context_libc",
                "storm", "sent_storm", "slow_clock", "no_counter"):
        run = Run("victim_sigsys", how, VMASCOPE_CAPTURE="full")
        need(run.status == 0, "%s: line %d" % (how, run.status - 1))
        check_reports(run, "full")
    run = Run("victim_sigsys", "inherit", VMASCOPE_CAPTURE="full")
    need(run.status == 0, "inherit: line %d" % (run.status - 1))
    for variables in {}, {"VMASCOPE_TEST_TRAP_ALL": "1"}:
        run = Run("victim_sigsys", "sent_before", VMASCOPE_CAPTURE="full", **variables)
        need(run.status == 0, "sent_before %s: line %d" % (variables, run.status - 1))
    run = Run("victim_sigsys", "default", VMASCOPE_CAPTURE="full")
    need(run.status == -signal.SIGSYS and run.only().ended == "signal", "default: status %d" % run.status)


def case_passing():
    """Files, names and policies that come and go leave nothing behind, in the process and in its child."""
    for check in "exit", "call":
        run = Run("victim_passing", "40000" if check == "exit" else "4000", VMASCOPE_CHECK=check, VMASCOPE_CAPTURE="full")
        need(run.status == 0, "status %d" % run.status)
        check_reports(run, "full", 2)
        own = [int(line) for line in run.out.split()]
        need(len(own) == 2 and max(own) < 10 << 20, "bytes of the recorder's own: %s" % own)
        for trace in run.traces:
            told, used = {}, 0
            for record in trace.records:
                if record.kind == "FILE":
                    told[record.id] = record
                elif record.kind == "EXTRA" and record.file:
                    need(record.file in told, "file %d is not known here" % record.file)
                    used += 1
                elif record.kind == "FORGET":
                    for gone in record.ids:
                        need(told.pop(gone, None), "file %d was not known" % gone)
            need(used > 1000 and (check == "call" or len(told) < 6000), "%d used, %d left" % (used, len(told)))
            need(trace.unwound < trace.calls // 20, "%d stacks of %d calls, all from the same places, were unwound" %
                 (trace.unwound, trace.calls))


def case_stacks():
    """More stacks than are remembered: each is told before a call that names it, and the memory has a bound."""
    run = Run("victim_passing", "100000", "stacks", VMASCOPE_CAPTURE="full")
    need(run.status == 0, "status %d" % run.status)
    check_reports(run, "full")
    trace = run.only()
    check_sane(trace)
    stacks = trace.of("STACK")
    need(len(stacks) >= 100000 and len(stacks) == len({s.id for s in stacks}), "%d stacks" % len(stacks))
    different = len({s.frames for s in stacks})
    need(99000 <= different < 99100, "%d different stacks" % different)
    need(int(run.out) < 14 << 20, "%s bytes of the recorder's own" % run.out)


def case_frames():
    """A stack that is remembered is the stack: whose frames move, and whose frame pointer is a variable."""
    run = Run("victim_frames", "20000")
    need(run.status == 0, "status %d" % run.status)
    trace, places = run.only(), [int(word) for word in run.out.split()]
    check_sane(trace)
    frames = {stack.id: stack.frames for stack in trace.of("STACK")}
    calls = near(trace, "mmap", 0x200000000000) + near(trace, "munmap", 0x200000000000)
    need(len(calls) == 40000, "%d calls" % len(calls))
    for call in calls:
        which = call.args[1] // 4096 - 1
        need(places[which] in frames[call.stack] and places[1 - which] not in frames[call.stack],
             "%s is said to come from the other place" % call)
    need(trace.unwound < trace.calls // 4, "%d stacks of %d calls were unwound" % (trace.unwound, trace.calls))


def case_bad_options():
    run = Run("victim_brk", VMASCOPE_CHECK="sometimes", VMASCOPE_STACKS="2", VMASCOPE_CAPTURE="all")
    need(run.status == 0 and len(run.only().strings("problem")) == 1, "problems: %s" % run.only().strings("problem"))


def main():
    try:
        globals()["case_" + sys.argv[1]]()
    except AssertionError as err:
        sys.exit("%s: %s" % (sys.argv[1], err))


main()
