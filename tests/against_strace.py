#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Are the recorded calls those that strace sees? Call by call, with arguments and results, thread by thread.

  tests/against_strace.py [--build build/dev] [--] COMMAND…

Runs COMMAND once, traced by both. Calls before the recorder is there, and the recorder's own, are left out of strace's list.
Exit status: 0 the same, 1 not, 77 strace is missing or may not trace."""
import argparse
import collections
import errno
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "preload"))
from tracefile import Trace  # noqa: E402

CALLS = "mmap munmap mprotect mremap madvise brk mlock munlock shmat shmdt".split()
LINE = re.compile(r"^(\d+) +(.*)$")
CALL = re.compile(r"^(\w+)\((.*)\) += (\S+)(?: (E\w+))?")
WORDS = {"mmap": 6, "munmap": 2, "mprotect": 3, "mremap": 5, "madvise": 3, "brk": 1, "mlock": 2, "munlock": 2, "shmat": 3,
         "shmdt": 1}
ARM = (0x3b, 1)  # of prctl: this thread's calls outside libc trap from here on


def number(word):
    return 0 if word == "NULL" else int(word.split("<")[0], 0) & 0xffffffffffffffff


def straced(path):
    """tid: [(name, arguments, result)], from where that thread's calls outside libc began to trap; threads that never did
    are left out."""
    lists, open_calls = {}, {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            tid, rest = LINE.match(line).groups()
            if rest.endswith("<unfinished ...>"):
                open_calls[tid] = rest[:-len("<unfinished ...>")].rstrip()
                continue
            resumed = re.match(r"^<\.\.\. \w+ resumed>(.*)$", rest)
            if resumed:
                rest = open_calls.pop(tid) + resumed.group(1)
            call = CALL.match(rest)
            if not call or call.group(3) == "?":
                continue
            name, words = call.group(1), [w for w in call.group(2).split(", ") if w]
            if name == "prctl" and words[0].isalnum() and number(words[0]) == ARM[0] and number(words[1]) == ARM[1]:
                lists[int(tid)] = []
            elif name in WORDS:
                arguments = [number(w) for w in words]
                result = -getattr(errno, call.group(4)) if call.group(4) else number(call.group(3))
                if int(tid) in lists:
                    lists[int(tid)].append((name, clean(name, arguments), result))
    return lists


def clean(name, arguments):
    """What the kernel looks at."""
    arguments = (list(arguments) + [0] * 6)[:WORDS[name]]
    if name == "mmap":
        arguments[4] = 0 if arguments[3] & 0x20 else arguments[4] & 0xffffffff
    if name == "mremap" and not arguments[3] & 6:
        arguments[4] = 0
    return tuple(arguments)


def recorded(trace):
    lists = collections.defaultdict(list)
    for call in trace.of("CALL"):
        if call.name in WORDS:
            result = call.result if call.result < 0 and call.result > -4096 else call.result & 0xffffffffffffffff
            lists[call.tid].append((call.name, clean(call.name, call.args), result))
    return lists


def is_own(call, ranges):
    """The recorder's memory is far from everything: its calls are known by their address."""
    return any(start <= word < end for start, end in ranges for word in (call[1][0], call[2]) if word > 0)


def show(call):
    return "%s(%s) = %#x" % (call[0], ", ".join("%#x" % a for a in call[1]), call[2])


def compare(trace, lists):
    ranges = [(own.start, own.end) for own in trace.of("OWN")]
    ours, wrong, nr = recorded(trace), 0, 0
    for tid, calls in ours.items():
        theirs = [call for call in lists.get(tid, []) if not is_own(call, ranges)]
        nr += len(theirs)
        for index in range(max(len(calls), len(theirs))):
            mine = calls[index] if index < len(calls) else None
            other = theirs[index] if index < len(theirs) else None
            if mine != other:
                print("thread %d, call %d: recorded %s, strace has %s" %
                      (tid, index + 1, mine and show(mine), other and show(other)), file=sys.stderr)
                wrong += 1
                break
    print("process %d: %d threads with calls, %d calls, %d threads differ" % (trace.pid, len(ours), nr, wrong))
    return wrong


def without_record(traces, lists):
    """Threads that strace has calls of, and no trace."""
    ranges = [(own.start, own.end) for trace in traces for own in trace.of("OWN")]
    seen = {call.tid for trace in traces for call in trace.of("CALL")}
    wrong = 0
    for tid in sorted(set(lists) - seen):
        missing = [call for call in lists[tid] if not is_own(call, ranges)]
        if missing:
            print("thread %d: %d calls, none recorded; the first %s" % (tid, len(missing), show(missing[0])), file=sys.stderr)
            wrong += 1
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(HERE, "../build/dev"))
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit(77)
    library = os.path.join(os.path.abspath(arguments.build), "lib/vmascope/libvmascope.so")
    with tempfile.TemporaryDirectory(prefix="vmascope-strace.") as folder:
        log = folder + "/strace"
        command = ["strace", "-f", "-X", "raw", "-e", "signal=none", "-e", "trace=prctl," + ",".join(CALLS), "-o", log,
                   "-E", "LD_PRELOAD=" + library, "-E", "VMASCOPE_OUT=%s/%%p.json" % folder,
                   "-E", "VMASCOPE_TRACE=%s/%%p.vmt" % folder, "-E", "VMASCOPE_CAPTURE=full"]
        done = subprocess.run(command + arguments.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False)
        if b"ptrace" in done.stderr:
            sys.exit(77)
        traces = [Trace(name) for name in glob.glob(folder + "/*.vmt")]  # last images: an exec begins strace's lists anew
        if not traces:
            sys.exit("nothing was recorded: %s" % done.stderr.decode())
        lists = straced(log)
        wrong = sum(compare(trace, lists) for trace in traces) + without_record(traces, lists)
    return 1 if wrong else 0


sys.exit(main())
