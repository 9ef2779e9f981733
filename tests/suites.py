#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's tests, natively and under the recorder, compared test by test.

  tests/suites.py [--build build/release] [--python PYTHON] [--capture full] [--seconds N] [NAME…]

NAME is a module of CPython's test package (mmap, threading, …) or stress:STRESSOR (stress-ng's, where it is installed).
Without names all of the lists below. For each suite: tests that came out the same and those that did not, the verdicts of
all processes' reports, and every count in them that should be 0. Exit status 1 when a result differs, or a verdict is
"differ", or something happened outside of recorded calls; 77 when nothing could be tried."""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

PYTHON_TESTS = ("mmap ctypes threading signal threadsignals faulthandler gc os posix subprocess concurrent_futures "
                "multiprocessing_fork multiprocessing_spawn multiprocessing_forkserver").split()
STRESSORS = "vm mmap mremap madvise mprotect munmap brk stack fork mlock shm".split()
TEST = re.compile(r"^(\w+ \([\w.]+\))(.*)")
RESULT = re.compile(r"(?:^|\s)(ok|FAIL|ERROR|skipped|expected failure|unexpected success)(?: .*)?$")
# What a traced program can see, and why its test comes out otherwise.
KNOWN = {
    "test_pass_fds_redirected (test.test_subprocess.POSIXProcessTestCase.test_pass_fds_redirected)":
        "counts the descriptors of a traced child: six of them are the recorder's",
}
COUNTS = "outside lost unordered".split()
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(HERE, "build/release"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--capture", default="full")
    parser.add_argument("--seconds", type=int, default=60, help="for each stressor")
    parser.add_argument("--timeout", type=int, default=1200, help="for each suite")
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def suite_command(arguments, name):
    if name.startswith("stress:"):
        if not shutil.which("stress-ng"):
            return None
        return ["stress-ng", "--" + name[7:], "2", "--timeout", str(arguments.seconds), "--oom-avoid"]
    return [arguments.python, "-m", "test", "-v", "test_" + name]


class Outcome:
    """Results by test, and what the reports say."""

    def __init__(self, command, environment, timeout):
        self.folder = tempfile.mkdtemp(prefix="vmascope-suite.")
        os.mkdir(self.folder + "/work")
        os.mkdir(self.folder + "/reports")
        if environment:
            environment = dict(os.environ, VMASCOPE_OUT=self.folder + "/reports/%e.%p.json", **environment)
        try:
            done = subprocess.run(command, env=environment, cwd=self.folder + "/work", stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False)
            self.status, self.output = done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            self.status, self.output = "timeout", (late.stdout or b"").decode(errors="replace")
        self.results = {}
        self.take_results()
        self.verdicts, self.sums = collections.Counter(), collections.Counter()
        self.odd = []
        for name in glob.glob(self.folder + "/reports/*"):
            if not name.endswith(".vmt"):
                self.take_report(name)

    def take_results(self):
        """A test's result is on its line, or behind its output and its description some lines below."""
        test = None
        for line in self.output.split("\n"):
            head = TEST.match(line)
            if head:
                test, line = head.group(1), head.group(2)
            result = test and RESULT.search(line)
            if result and ("... " in line or not head):
                self.results[test] = result.group(1)
                test = None

    def take_report(self, name):
        try:
            with open(name, encoding="utf-8") as file:
                report = json.load(file)
        except ValueError:
            self.verdicts["unreadable"] += 1
            return
        verdict = report["verdict"]
        self.verdicts[verdict] += 1
        self.sums["calls"] += report["capture"]["calls"]
        for count in COUNTS:
            self.sums[count] += report["capture"][count]
        for count in "mispredicted", "undetermined":
            self.sums[count] += report["prediction"][count]
        if verdict == "differ" or report["capture"]["outside"]:
            kept = os.path.join(tempfile.gettempdir(), "vmascope-" + os.path.basename(name))
            shutil.copy(name, kept)
            self.odd.append(kept)

    def forget(self):
        shutil.rmtree(self.folder, True)


def compare(name, native, traced):
    differing = sorted(t for t in set(native.results) | set(traced.results)
                       if native.results.get(t) != traced.results.get(t))
    verdicts = " ".join("%s %d" % item for item in sorted(traced.verdicts.items()))
    sums = " ".join("%s %d" % item for item in traced.sums.items() if item[1])
    known = [t for t in differing if t in KNOWN]
    differing = [t for t in differing if t not in KNOWN]
    print("%-28s tests %4d, differing %d, status %s/%s; %s; %s" %
          (name, len(native.results), len(differing), native.status, traced.status, verdicts, sums), flush=True)
    for test in known:
        print("    known: %s: %s" % (test.split(" ")[0], KNOWN[test]))
    for test in differing:
        print("    %s: natively %s, traced %s" % (test, native.results.get(test), traced.results.get(test)))
    for kept in traced.odd[:5]:
        print("    report kept: " + kept)
    return not differing and (known or native.status == traced.status) and not traced.odd


def main():
    arguments = parse_arguments()
    library = os.path.join(os.path.abspath(arguments.build), "lib/vmascope/libvmascope.so")
    good, tried = True, 0
    for name in arguments.names or PYTHON_TESTS + ["stress:" + s for s in STRESSORS]:
        command = suite_command(arguments, name)
        if not command:
            print("%-28s not tried: stress-ng is not installed" % name)
            continue
        native = Outcome(command, None, arguments.timeout)
        if not native.results and not name.startswith("stress:"):
            print("%-28s not tried: this Python has no such tests" % name)
            continue
        tried += 1
        traced = Outcome(command, {"LD_PRELOAD": library, "VMASCOPE_CAPTURE": arguments.capture}, arguments.timeout)
        same = compare(name, native, traced)
        good = good and same
        for outcome, which in (native, "native"), (traced, "traced"):
            if not same:
                with open("/tmp/vmascope-suite.%s.%s" % (name.replace(":", "."), which), "w", encoding="utf-8") as file:
                    file.write(outcome.output)
            outcome.forget()
    return 77 if not tried else 0 if good else 1


sys.exit(main())
