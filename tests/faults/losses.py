# SPDX-License-Identifier: MIT
"""Nothing is lost without being counted, and the program is none the worse: kills at any instant, disks that are full,
files that vanish, processes by the thousand.

    losses.py CASE SPINNER VMASCOPE LIBRARY [NUMBER]
"""
import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "preload"))
from tracefile import Trace  # noqa: E402

CASE = sys.argv[1]
SPINNER, VMASCOPE, LIBRARY = (os.path.realpath(path) for path in sys.argv[2:5])
NUMBER = int(sys.argv[5]) if len(sys.argv) > 5 else 0
PLACE = 0x200000000000
WELL = b"all is well\n"


def need(good, what):
    if not good:
        raise AssertionError(what)


def environment(folder, trace="t.vmt", **more):
    return dict(os.environ, LD_PRELOAD=LIBRARY, VMASCOPE_OUT=folder + "/r.json", VMASCOPE_TRACE=os.path.join(folder, trace),
                **more)


def spin(folder, rounds, *how, preexec=None, **options):
    return subprocess.run([SPINNER, folder + "/progress", str(rounds), *how], env=environment(folder, **options),
                          capture_output=True, check=False, timeout=550, preexec_fn=preexec)


def is_well(done):
    need((done.returncode, done.stdout, done.stderr) == (4, WELL, b""), "the program noticed: %s" % done)


def progress(folder):
    with open(folder + "/progress", "rb") as file:
        return struct.unpack("4Q", file.read(32).ljust(32, b"\0"))


def recorded(trace, thread):
    """Calls on this thread's memory."""
    start = PLACE + (thread << 32)
    return sum(1 for record in trace.records if record.kind == "CALL" and record.name in ("mmap", "munmap")
               and start <= record.args[0] < start + (1 << 32))


def check(trace):
    """The verdict's words, and that the check itself went well."""
    done = subprocess.run([VMASCOPE, "check", trace], capture_output=True, check=False)
    need(done.returncode == 0, "check: %s" % done)
    return done.stdout.decode()


def is_begun(trace):
    if not os.path.exists(trace):
        return False
    with open(trace, "rb") as file:
        return file.read(8) == b"vmascope"


def case_kill(folder):
    """Killed at a random instant: every call that had returned is in the trace."""
    seed = random.randrange(1 << 30)
    draw, calls, read, trace = random.Random(seed), 0, 0, folder + "/t.vmt"
    for number in range(NUMBER or 40):
        for name in glob.glob(folder + "/*"):
            os.unlink(name)
        mode = draw.choice(("exit", "call"))
        with subprocess.Popen([SPINNER, folder + "/progress", "0"], env=environment(folder, VMASCOPE_CHECK=mode),
                              stdout=subprocess.DEVNULL) as process:
            if draw.random() < 0.7:  # once it runs; otherwise perhaps in the recorder's beginning
                while not os.path.exists(folder + "/progress") or not progress(folder)[0]:
                    time.sleep(0.002)
            time.sleep(draw.random() * 0.05)
            process.send_signal(signal.SIGKILL)
        where = "kill %d of seed %d" % (number, seed)
        if not is_begun(trace):
            need(not os.path.exists(folder + "/progress"), where + ": no trace of a program that ran")
            continue
        made = progress(folder) if os.path.exists(folder + "/progress") else (0, 0)
        seen = Trace(trace)
        for thread in (0, 1):
            got = recorded(seen, thread)
            # the last may be recorded and not yet counted
            need(made[thread] <= got <= made[thread] + 1, "%s: thread %d: %d calls made, %d recorded" %
                 (where, thread, made[thread], got))
            calls += got
        need(not seen.lost, where + ": lost %d" % seen.lost)
        check(trace)
        read += 1
    need(read > NUMBER // 2, "hardly a trace was begun")
    print("%d kills, %d traces, %d calls: none was lost" % (NUMBER or 40, read, calls))


def stopped(folder, trace, rounds, why):
    """The recording ended early: the reason and the number of lost calls are told."""
    seen = Trace(trace)
    need(seen.ended == "stopped" and why in seen.of("END")[0].why, "%s %s" % (seen.ended, seen.of("END")))
    got = recorded(seen, 0) + recorded(seen, 1)
    need(0 < got < 4 * rounds and got + seen.lost >= 4 * rounds, "%d recorded, %d lost of %d" % (got, seen.lost, 4 * rounds))
    check(trace)
    report = json.loads(subprocess.run([VMASCOPE, "report", "--json", trace], capture_output=True, check=True).stdout)
    need(report["verdict"] == "incomplete" and report["capture"]["lost"] == seen.lost, "%s" % report["capture"])
    text = subprocess.run([VMASCOPE, "report", trace], capture_output=True, check=True).stdout.decode()
    need(re.search(r"%d calls? .*lost|lost.* %d" % (seen.lost, seen.lost), text), text[:2000])
    print("%d recorded, %d lost, and told: %s" % (got, seen.lost, seen.of("END")[0].why))


def mounted(folder, *command):
    """A small file system at folder/disk, in a namespace of its own; the program's trace is written there."""
    os.mkdir(folder + "/disk")
    script = " && ".join(["mount --make-rprivate /", *command, 'exec "$@"'])
    return ["unshare", "-m", "sh", "-c", script, "sh"]


def on_small_disk(folder, *mount):
    rounds = 40000
    # the trace is copied out, because the mount ends with the namespace
    command = mounted(folder, *mount) + [
        "sh", "-c", '"$@"; status=$?; cp %s/disk/t.vmt %s/kept.vmt; exit $status' % (folder, folder), "sh",
        "env", *("%s=%s" % pair for pair in environment(folder, "disk/t.vmt").items() if pair[0].startswith(("VMASC", "LD_P"))),
        SPINNER, folder + "/progress", str(rounds)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=500)
    if done.returncode in (1, 32) and (b"mount" in done.stderr or b"unshare" in done.stderr):
        print("no mount here: %s" % done.stderr.decode())
        sys.exit(77)
    is_well(done)
    stopped(folder, folder + "/kept.vmt", rounds, "no space left")


def case_disk(folder):
    """A full disk (and a quota, which is the same answer)."""
    on_small_disk(folder, "mount -t tmpfs -o size=3m none %s/disk" % folder)


def case_sparse(folder):
    """A full disk that can't set space aside, as ext2 or NFS 3: a mapped page without a block would be SIGBUS."""
    if not shutil.which("mkfs.ext2"):
        sys.exit(77)
    with open(folder + "/image", "wb") as image:
        image.truncate(4 << 20)
    subprocess.run(["mkfs.ext2", "-q", "-F", folder + "/image"], check=True)
    on_small_disk(folder, "mount -o loop %s/image %s/disk" % (folder, folder))


def case_limit(folder):
    """RLIMIT_FSIZE: no SIGXFSZ either."""
    is_well(spin(folder, 40000, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))))
    stopped(folder, folder + "/t.vmt", 40000, "file size limit")


def case_most(folder):
    """A length that the user wants."""
    is_well(spin(folder, 40000, VMASCOPE_LIMIT="3"))
    stopped(folder, folder + "/t.vmt", 40000, "VMASCOPE_LIMIT")
    need(os.stat(folder + "/t.vmt").st_size <= (3 << 20) + 4096, "it is longer")


def case_gone(folder):
    """The trace's name is taken away, or given to another file, while it is written."""
    spare = folder + "/other"
    with open(spare, "wb") as out:
        out.write(b"not a trace")
    for how in ("unlinked", "replaced"):
        for name in glob.glob(folder + "/[tpr]*"):
            os.unlink(name)
        with subprocess.Popen([SPINNER, folder + "/progress", "20000"], env=environment(folder), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            while not os.path.exists(folder + "/progress"):
                time.sleep(0.002)
            if how == "unlinked":
                os.unlink(folder + "/t.vmt")
            else:
                shutil.copy(spare, folder + "/new")
                os.rename(folder + "/new", folder + "/t.vmt")
            out, err = process.communicate()
        is_well(subprocess.CompletedProcess([], process.returncode, out, err))
        need(not os.path.exists(folder + "/r.json"), how + ": a report of what is not there")
        if how == "replaced":
            with open(folder + "/t.vmt", "rb") as kept:
                need(kept.read() == b"not a trace", "another's file was written")
    print("unlinked and replaced: the program is well")


def case_shortened(folder):
    """Nobody but root can shorten a trace that is written, which would be SIGBUS in the program; afterwards its owner can."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    tools = [shutil.copy(path, folder) for path in (SPINNER, LIBRARY)]
    os.chmod(folder, 0o777)
    variables = dict(environment(folder), LD_PRELOAD=tools[1])
    for ending in signal.SIGKILL, None:
        trace = folder + "/%s.vmt" % ending
        variables["VMASCOPE_TRACE"] = trace
        with subprocess.Popen([tools[0], folder + "/progress%s" % ending, "0" if ending else "20000"], env=variables,
                              stdout=subprocess.PIPE, **user) as process:
            while not is_begun(trace):
                time.sleep(0.002)
            for script in (": > %s", "cp /etc/passwd %s", "truncate -s 4096 %s", "echo >> %s"):
                done = subprocess.run(["sh", "-c", script % trace], capture_output=True, check=False, **user)
                need(done.returncode and b"ermission denied" in done.stderr, "%s: %s" % (script, done))
            if ending:
                process.send_signal(ending)
            out, _ = process.communicate()
        need(process.returncode == (-ending if ending else 4) and (ending or out == WELL), "the program noticed")
        check(trace)
        need(os.stat(trace).st_mode & 0o777 == (0o400 if ending else 0o600), "mode %o" % os.stat(trace).st_mode)
    need(subprocess.run(["sh", "-c", ": > " + trace], check=False, **user).returncode == 0, "it is still not to be written")
    trace = folder + "/launched.vmt"
    done = subprocess.run([VMASCOPE, "record", "-o", trace, "--", "sh", "-c", "kill -9 $$"], check=False)
    need(done.returncode == -signal.SIGKILL and os.stat(trace).st_mode & 0o777 == 0o600, "%s %o" % (done, os.stat(trace).st_mode))
    print("a trace can't be shortened while it is written")


def case_replaced(folder):
    """By another trace: the report must not be about that one."""
    is_well(spin(folder, 10, trace="first.vmt"))
    os.unlink(folder + "/r.json")
    with subprocess.Popen([SPINNER, folder + "/progress", "20000"], env=environment(folder, "t.vmt"),
                          stdout=subprocess.DEVNULL) as process:
        os.unlink(folder + "/progress")
        while not os.path.exists(folder + "/progress"):
            time.sleep(0.002)
        os.rename(folder + "/first.vmt", folder + "/t.vmt")
        need(process.wait() == 4, "the program noticed")
    if os.path.exists(folder + "/r.json"):
        with open(folder + "/r.json", encoding="utf-8") as text:
            need(json.load(text)["process"]["pid"] == process.pid, "a report of another process")


def case_children(folder):
    """Short-lived processes, each with a trace."""
    number = NUMBER or 200
    is_well(spin(folder, number, "children", trace="%p.%n.vmt", VMASCOPE_LAUNCHER=str(os.getpid())))
    traces = glob.glob(folder + "/*.vmt*")
    need(len(traces) == number + 1, "%d traces" % len(traces))
    complete = 0
    for at in range(0, len(traces), 200):
        done = subprocess.run([VMASCOPE, "report", "--summary", *traces[at:at + 200]], capture_output=True, check=True)
        for line in done.stdout.decode().splitlines():
            one = json.loads(line)
            need(one["match"] == 1 and not one["lost"], line[:300])
            complete += 1
    need(complete == number + 1, "%d summaries" % complete)
    for path in random.sample(traces, 20):
        seen = Trace(path)
        need(seen.ended == "exit", path)
        need(recorded(seen, 2) == (0 if seen.of("SITE") else 2), "%s: %d calls" % (path, recorded(seen, 2)))
    print("%d processes, %d traces, all match" % (number + 1, complete))


def case_bomb(folder):
    """A fork bomb's first processes, by the hundred at a time, as `record` follows them: what is not recorded is counted."""
    number, told, differ = NUMBER or 1000, {"lost": 0, "match": 0, "incomplete": 0, "calls": 0}, []
    done = subprocess.run([VMASCOPE, "record", "-o", folder + "/%p.%n.vmt", "--", SPINNER, folder + "/progress", str(number),
                           "bomb"], capture_output=True, check=False, timeout=2400)
    is_well(done)
    traces = glob.glob(folder + "/*.vmt*")
    need(len(traces) == number + 1, "%d traces" % len(traces))
    for at in range(0, len(traces), 200):
        done = subprocess.run([VMASCOPE, "report", "--summary", *traces[at:at + 200]], capture_output=True, check=True)
        for line in done.stdout.decode().splitlines():
            one = json.loads(line)
            for key in told:
                told[key] += one[key]
            differ += [line[:300]] if one["differ"] else []
    made = progress(folder)[2]
    need(made == 4 * number + 2, "%d calls were made" % made)
    need(not differ, differ)
    need(told["match"] + told["incomplete"] == number + 1 and told["incomplete"] <= told["lost"], told)
    got = sum(recorded(Trace(path), 2) for path in traces)
    need(got <= made <= got + told["lost"], "%d calls made, %d recorded, %d counted as lost" % (made, got, told["lost"]))
    print("%d processes, %d traces, %d of %d calls recorded, %d lost" % (number + 1, len(traces), got, made, told["lost"]))


def case_exec(folder):
    """A chain of exec."""
    number = NUMBER or 50
    is_well(spin(folder, number, "exec", trace="%p.vmt"))
    traces = glob.glob(folder + "/*.vmt*")
    need(len(traces) == number + 1, "%d traces" % len(traces))
    for path in traces:
        need(recorded(Trace(path), 3) == 2, path)
        need("match" in check(path), path)
    print("%d images, each with its trace" % len(traces))


with tempfile.TemporaryDirectory(prefix="vmascope-losses.") as base:
    globals()["case_" + CASE](base)
