# SPDX-License-Identifier: MIT
"""Traces of real programs by two implementations of the same rules: no divergence, and planted mistakes are found.

    ways.py COMMAND FOLDER NAME

COMMAND is vmascope, FOLDER has the test programs. Ends with 77 when the program is not installed here.
"""
import glob
import os
import subprocess
import sys
import tempfile

from programs import PROGRAMS, Program

BUFFERS = "x = [bytes(n << 18) for n in range(1, 60)]; del x[::2]; y = list(range(300000)); del y; x = None"

# A program, and the mistakes that its traces must show. A single VMA at a time shows no wrong-tree, and without a page table
# to free nobody sees floor and ceiling.
CASES = {
    "python3": (Program("python3", "-c", BUFFERS), {"wrong-ceiling", "wrong-floor", "wrong-reset", "wrong-lock"}),
    "gcc": (PROGRAMS["gcc"], {"wrong-reset", "wrong-lock"}),
    "redis": (PROGRAMS["redis"], {"wrong-reset", "wrong-lock"}),
    "dlopen": (PROGRAMS["dlopen"], {"wrong-tree", "wrong-reset", "wrong-lock"}),
}


def replay(command, trace, *options):
    done = subprocess.run([command, "replay", trace, *options], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    return done


def check(command, folder, name):
    program, mistakes = CASES[name]
    failed, found = False, set()
    with tempfile.TemporaryDirectory() as cwd:
        program.run((command, "record", "-o", os.path.join(cwd, "%e.%p.vmt"), "--"), folder, cwd)
        traces = sorted(glob.glob(os.path.join(cwd, "*.vmt")))
        for trace in traces:
            done = replay(command, trace, "--unmap=both", "--merge=cases")
            print(os.path.basename(trace), done.stdout, sep="\n")
            failed |= done.returncode != 0
            found |= {each for each in mistakes if replay(command, trace, "--unmap=" + each).returncode}
    for each in sorted(mistakes - found):
        print("the planted mistake %s is not found" % each)
    return traces and not failed and found == mistakes


def main():
    command, folder, name = sys.argv[1:]
    if not CASES[name][0].is_there(folder):
        return 77
    return 0 if check(command, folder, name) else 1


if __name__ == "__main__":
    sys.exit(main())
