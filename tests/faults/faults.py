# SPDX-License-Identifier: MIT
"""Every system call of the recorder's own fails in turn: the program must not notice, and no report may be wrong.

    faults.py INJECT VICTIM VMASCOPE LIBRARY [--every=N] [--from=N] [--errno=NAME,…] [--check=exit|call]

With --errno=KILL the program is killed there instead: then what was recorded must be readable and not differ.
"""
import errno
import json
import os
import re
import subprocess
import sys
import tempfile

INJECT, VICTIM, VMASCOPE, LIBRARY = (os.path.realpath(path) for path in sys.argv[1:5])
OPTIONS = dict(word[2:].split("=", 1) for word in sys.argv[5:])
EVERY, FIRST = int(OPTIONS.get("every", 1)), int(OPTIONS.get("from", 1))
CHECK = OPTIONS.get("check", "exit")
KILL = 0
ERRORS = [KILL if name == "KILL" else getattr(errno, name) for name in OPTIONS.get("errno", "ENOMEM,EIO").split(",")]


# Functions through which the program's own calls go: it would be right to notice when they fail.
PASSING = ("vmsc_call_raw", "vmsc_sigsys_mask", "vmsc_sigsys_action", "vmsc_sigsys_pending")


def passed_on():
    """Offsets in the library where calls return to that are the program's own."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", LIBRARY], capture_output=True, check=True).stdout.decode()
    back = re.findall(r"call +[0-9a-f]+ <sys6>\n +([0-9a-f]+):", text)
    before = ["%x" % (int(at, 16) - 1) for at in back]
    told = subprocess.run(["addr2line", "-a", "-i", "-f", "-e", LIBRARY, *before], capture_output=True, check=True)
    passed, current = set(), 0
    for line in told.stdout.decode().splitlines():
        if line.startswith("0x"):
            current = int(line, 16) + 1
        elif line in PASSING:
            passed.add(current)
    if not passed or len(passed) == len(back):
        sys.exit("which calls are the program's own can't be told")
    return passed


def run(folder, number, error):
    """Returns what is wrong with this run, how many calls there were, and which was hit."""
    report, log = os.path.join(folder, "r.json"), os.path.join(folder, "log")
    for name in os.listdir(folder):
        if name != "passed":
            os.unlink(os.path.join(folder, name))
    environment = dict(os.environ, LD_PRELOAD=LIBRARY, VMASCOPE_OUT=report, VMASCOPE_TRACE=os.path.join(folder, "t.vmt"),
                       VMASCOPE_CHECK=CHECK)
    command = [INJECT, LIBRARY, os.path.join(folder, "passed"), str(number), str(error), "--", "env",
               *("%s=%s" % (key, environment[key]) for key in environment if key.startswith(("VMASCOPE", "LD_"))), VICTIM]
    with open(log, "wb") as out:
        os.dup2(out.fileno(), 9)
    try:
        done = subprocess.run(command, capture_output=True, pass_fds=[9], timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "it hangs", 0, None
    with open(log, "rb") as text:
        seen, call, site = text.read().decode().split()
    wrong = judge_killed(folder) if number and error == KILL else judge(folder, done)
    return wrong, int(seen), (int(call), site)


def judge_killed(folder):
    path = os.path.join(folder, "t.vmt")
    if not os.path.exists(path):
        return None
    checked = subprocess.run([VMASCOPE, "check", path], capture_output=True, check=False)
    with open(path, "rb") as trace:
        begun = trace.read(8) == b"vmascope"
    return None if checked.returncode == (0 if begun else 2) else \
        "check ends with %d: %s %s" % (checked.returncode, checked.stdout[:300], checked.stderr[:300])


def judge(folder, done):
    if done.returncode != 4 or done.stdout != b"all is well\n" or done.stderr:
        return "the program noticed: %s %s %s" % (done.returncode, done.stdout[:200], done.stderr[:200])
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith("r.json") and not name.endswith(".vmt"):
            with open(path, encoding="utf-8") as text:
                verdict = json.load(text)["verdict"]
            if verdict == "differ":
                return name + " says differ"
        if name.startswith("t.vmt"):
            checked = subprocess.run([VMASCOPE, "check", path], capture_output=True, check=False)
            missed = checked.returncode == 1 and b": incomplete: " in checked.stdout.split(b"\n")[0]
            if checked.returncode not in (0, 2) and not missed:
                return "%s: %s" % (name, checked.stdout.decode()[:600])
    return None


def main():
    bad, tried = [], 0
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "passed"), "w", encoding="ascii") as out:
            out.writelines("%x\n" % at for at in passed_on())
        wrong, total, _ = run(folder, 0, 0)
        if wrong or not total or not os.path.exists(os.path.join(folder, "r.json")):
            sys.exit("without a fault: %s" % (wrong or "nothing was recorded"))
        for number in range(FIRST, total + 1, EVERY):
            error = ERRORS[number // EVERY % len(ERRORS)]
            wrong, _, hit = run(folder, number, error)
            tried += 1
            if wrong:
                bad.append(number)
                print("call %d of ours (number %s at %s) with %s: %s" % (number, *(hit or ("?", "?")),
                                                                        errno.errorcode.get(error, "KILL"), wrong), flush=True)
    print("%d of %d own calls made to fail: %d with consequences" % (tried, total, len(bad)))
    return 1 if bad or not tried else 0


sys.exit(main())
