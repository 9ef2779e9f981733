#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs racing.c with the recorder under ThreadSanitizer: check_races.py CASE LIBRARY PROGRAM [SECONDS].

Exit status: 0 no race seen, 1 one was (reported on stderr), 77 can't be tried here."""
import ctypes
import glob
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile

# Roles of racing.c, and settings of the recorder.
CASES = {
    "calls": ("map lock others alternate",),
    "threads": ("map start load",),
    "files": ("map files take",),
    "forks": ("map fork ask files",),
    "execs": ("map exec ask",),
    "launched": ("map exec files", "SESSION"),
    "waits": ("map wait lock",),
    "clock": ("map clock ask",),
    "checks": ("map lock files", "TABLES=1", "CHECK=call"),
    "limit": ("map start others", "LIMIT=1"),
    "ends": ("map restrict fork",),
    "traps": ("map raw others alternate", "CAPTURE=full"),
    "trapped_forks": ("raw fork_raw files", "CAPTURE=full"),
    "signals": ("raw signals", "CAPTURE=full"),
}
NO_RANDOM = 0x0040000  # ADDR_NO_RANDOMIZE: with much randomness ThreadSanitizer's own memory finds no place
LEAST = 200  # calls that must have been recorded
FRAME = re.compile(r"<null> <null> \((\S+)\+(0x[0-9a-f]+)\)")


def resolve(text, files):
    """ThreadSanitizer's own symbolizer maps memory, which the recorder would record, in the midst of a report."""
    known = {}
    for name, file in files.items():
        offsets = sorted({at for module, at in FRAME.findall(text) if module == name})
        if offsets:
            done = subprocess.run(["addr2line", "-fpse", file] + offsets, capture_output=True, text=True, check=False)
            known.update(zip(((name, at) for at in offsets), done.stdout.splitlines()))
    return FRAME.sub(lambda frame: known.get(frame.groups(), frame.group(0)), text)


def settings(case, folder, library):
    values = dict(setting.split("=") for setting in CASES[case][1:] if "=" in setting)
    if "SESSION" in CASES[case]:
        values["SESSION"] = folder + "/session"
        with open(values["SESSION"], "w", encoding="utf-8"):
            pass
    values.setdefault("CAPTURE", "libc")
    values.update(OUT=folder + "/%e.%p.json", TRACE=folder + "/%e.%p.vmt")
    return dict(os.environ, LD_PRELOAD=library, TSAN_OPTIONS="symbolize=0 report_thread_leaks=0 history_size=4",
                **{"VMASCOPE_" + name: value for name, value in values.items()})


def run(command, environment):
    """Status, stderr. What it leaves behind, as children in the midst of something, ends with it."""
    with tempfile.TemporaryFile("w+", errors="replace") as err:
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=err, start_new_session=True,
                                 preexec_fn=lambda: ctypes.CDLL(None).personality(NO_RANDOM))
        try:
            status = child.wait(100)
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        err.seek(0)
        return status, err.read()


def count_calls(trace):
    with open(trace, "rb") as file:
        header = file.read(104)
    return struct.unpack_from("<Q", header, 96)[0] if len(header) == 104 else 0


def main():
    case, library, program = sys.argv[1:4]
    with tempfile.TemporaryDirectory(prefix="vmascope-races.") as folder:
        command = [program, sys.argv[4] if len(sys.argv) > 4 else "2"] + CASES[case][0].split()
        status, text = run(command, settings(case, folder, library))
        calls = sum(count_calls(name) for name in glob.glob(folder + "/racing.*.vmt*"))
    if status == 77 or "unexpected memory mapping" in text:
        return 77
    sys.stderr.write(resolve(text, {os.path.basename(library): library, os.path.basename(program): program}))
    if calls < LEAST:
        sys.stderr.write("%d calls recorded\n" % calls)
    if status:
        sys.stderr.write("the program ended with %d\n" % status)
    return int(status != 0 or text != "" or calls < LEAST)


if __name__ == "__main__":
    sys.exit(main())
