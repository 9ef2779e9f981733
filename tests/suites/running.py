# SPDX-License-Identifier: MIT
"""A suite is run: what its tests say, and what the reports of all its processes say."""
import collections
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds for writers of reports, when the suite has ended
COUNTS = {"capture": "calls outside lost unordered".split(), "prediction": "mispredicted undetermined".split()}


class Reports:
    """Sums over the reports of many processes."""

    def __init__(self):
        self.verdicts, self.sums, self.reasons = collections.Counter(), collections.Counter(), collections.Counter()
        self.odd = []  # copies of reports that say what no report should say

    def take_folder(self, folder):
        for name in glob.glob(folder + "/*"):
            if not name.endswith(".vmt"):
                self.take(name)

    def take(self, name):
        try:
            with open(name, encoding="utf-8") as file:
                report = json.load(file)
        except ValueError:
            self.verdicts["unreadable"] += 1
            self.keep(name)
            return
        self.verdicts[report["verdict"]] += 1
        for part, counts in COUNTS.items():
            for count in counts:
                self.sums[count] += report[part][count]
        if report["incomplete"]:
            self.reasons[re.sub(r"\d+", "N", report["incomplete"])] += 1
        if report["verdict"] == "differ" or report["capture"]["outside"]:
            self.keep(name)

    def keep(self, name):
        kept = os.path.join(tempfile.gettempdir(), "vmascope-" + os.path.basename(name))
        shutil.copy(name, kept)
        self.odd.append(kept)

    def add(self, other):
        for mine, theirs in (self.verdicts, other.verdicts), (self.sums, other.sums), (self.reasons, other.reasons):
            mine.update(theirs)
        self.odd += other.odd


def in_session(session):
    """Processes of the session that are left."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, encoding="latin-1") as file:
                words = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == session and words[0] not in "ZX":
            found.append(int(pid))
    return found


def wait_for(process, limit):
    """Its exit status, or "timeout". Afterwards nothing of its session is left: reports of processes that were killed
    meanwhile have been written, what hangs is ended."""
    try:
        status = process.wait(limit)
        patience = time.monotonic() + PATIENCE
    except subprocess.TimeoutExpired:
        status, patience = "timeout", 0
    while in_session(process.pid):
        if time.monotonic() > patience:
            for pid in in_session(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    process.wait()
    return status


def text(file):
    file.seek(0)
    return file.read().decode(errors="replace")


class Place:
    """Where a suite's units run one after the other: its files, and reports when it is traced."""

    def __init__(self, suite, environment):
        self.suite, self.environment = suite, environment
        self.folder = tempfile.mkdtemp(prefix="vmascope-suite.")
        if suite.tree():
            shutil.copytree(suite.tree(), self.folder + "/work", symlinks=True)
        else:
            os.mkdir(self.folder + "/work")

    def run(self, unit, reports):
        """({test: result}, all it wrote). The exit status is one of the results."""
        folder = tempfile.mkdtemp(prefix="reports.", dir=self.folder)
        environment = dict(os.environ, **unit.environment, **self.environment)
        if self.environment:
            environment["VMASCOPE_OUT"] = folder + "/%e.%p.json"
        with tempfile.TemporaryFile("a+b") as out, tempfile.TemporaryFile("a+b") as err:
            process = subprocess.Popen(unit.command, env=environment, cwd=os.path.join(self.folder, "work", unit.folder),
                                       stdin=subprocess.DEVNULL, stdout=out, start_new_session=True,
                                       stderr=out if unit.merged else err)
            status = wait_for(process, self.suite.arguments.timeout or self.suite.limit)
            stdout, stderr = text(out), text(err)
        reports.take_folder(folder)
        shutil.rmtree(folder, True)
        results = {("%s %s" % (unit.label, test)).strip(): result
                   for test, result in unit.results(stdout, stderr, status).items()}
        results[(unit.label + " exit status").strip()] = str(status)
        return results, "== %s\n%s%s" % (unit.label, stdout, stderr)

    def forget(self):
        shutil.rmtree(self.folder, True)
