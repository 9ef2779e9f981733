#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Traces made to cost time: six times as much of one thing must not take much more than six times as long, in any command."""
import json
import os
import resource
import subprocess
import sys
import tempfile

VMASCOPE = os.environ["VMASCOPE"]
BASE = 0x200000000000
FEW, MANY = 10000, 60000
SLACK = 0.5  # seconds of CPU
COMMANDS = (["report"], ["report", "--html=OUT"], ["why", hex(BASE)], ["export", "--format=csv"], ["export", "--format=folded"],
            ["replay", "--kernel=6.1"])


def mapped(page, **more):
    return dict({"call": "mmap", "addr": hex(BASE + page * 4096), "len": 4096, "prot": ["r", "w"], "fd": -1, "file": None,
                 "flags": ["private", "fixed", "anonymous", "noreserve"], "offset": 0, "result": hex(BASE + page * 4096),
                 "thread": 1}, **more)


def kind_vmas(number):
    return [mapped(2 * i) for i in range(number)]


def kind_stacks(number):
    for i in range(number):
        yield {"define": "stack", "id": i + 1, "frames": [hex(0x400000 + i * 64 + j) for j in range(4)]}
        yield mapped(2 * i % 2000, stack=i + 1)


def kind_failures(number):
    for i in range(number):
        yield {"define": "stack", "id": i + 1, "frames": [hex(0x400000 + i * 64 + j) for j in range(4)]}
        yield mapped(2 * i % 2000, stack=i + 1, result="-ENOMEM")


def kind_files(number):
    for i in range(number):
        yield {"define": "file", "id": i + 1, "kind": "plain", "mode": 3, "dev": "08:01", "inode": i + 1, "path": f"/f/{i}"}
        yield mapped(i, file=i + 1, fd=3, flags=["private", "fixed"])


def kind_seen(number):
    flags = ["rd", "wr", "mr", "mw", "me", "nr"]
    yield {"when": "request", "vmas": [
        {"start": hex(BASE + i * 8192), "end": hex(BASE + i * 8192 + 4096), "perms": "rw-p", "offset": "0x0", "dev": "00:00",
         "inode": i % 7, "path": f"/p{i}", "flags": flags} for i in range(number)]}
    yield mapped(0)


def kind_threads(number):
    return [mapped(2 * i % 2000, thread=i + 1) for i in range(number)]


def write(path, lines):
    with open(path, "w", encoding="ascii") as out:
        for line in ({"vmascope": "calls/1", "kernel": "6.18.0", "page_size": 4096, "vmas": []}, *lines,
                     {"end": "exit", "status": 0}):
            out.write(json.dumps(line) + "\n")


def cost(folder, command, trace):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [word.replace("OUT", folder + "/page.html") for word in command]
    done = subprocess.run([VMASCOPE, command[0], trace, *command[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          check=False)
    assert done.returncode in (0, 1), (command, done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    bad = []
    with tempfile.TemporaryDirectory(prefix="vmascope-hostile.") as folder:
        for name in sorted(name for name in globals() if name.startswith("kind_")):
            few, many = folder + "/few.jsonl", folder + "/many.jsonl"
            write(few, globals()[name](FEW))
            write(many, globals()[name](MANY))
            for command in COMMANDS:
                less, more = cost(folder, command, few), cost(folder, command, many)
                if more > 2 * MANY / FEW * less + SLACK:
                    bad.append("%s, %s: %.2f s, then %.2f s" % (name, " ".join(command), less, more))
    print("\n".join(bad) or "all in proportion")
    return 1 if bad else 0


sys.exit(main())
