# SPDX-License-Identifier: MIT
"""ruby's core tests, from the distribution's source package, run by the installed ruby."""
import os
import re
import shutil
import subprocess

import fetch
from suite import Suite, Unit

FILES = ("gc gc_compact fiber process signal thread thread_queue thread_cv continuation io io_buffer exception backtrace "
         "proc weakmap objectspace require sleep").split()
LEFT_OUT = "too_long_path"  # thousands of processes at once, for root
BEGUN = re.compile(r"^\[ *\d+/\d+\] (\w+#\S+)", re.MULTILINE)
NOT_OK = re.compile(r"^ +\d+\) (Failure|Error|Skipped):\n(\w+#[^\s:]+)", re.MULTILINE)


def results(stdout, _stderr, _status):
    """All that were begun, and of those that are listed at the end what became of them."""
    found = {test: "ok" for test in BEGUN.findall(stdout)}
    for kind, test in NOT_OK.findall(stdout):
        found[test] = kind.lower()
    return found


class Ruby(Suite):
    def prepare(self):
        self.ruby = shutil.which("ruby")
        if not self.ruby:
            raise fetch.Missing("ruby is not installed")
        version = subprocess.run([self.ruby, "-e", "print RUBY_VERSION[/\\d+\\.\\d+/]"], stdout=subprocess.PIPE, check=True)
        self.folder = fetch.source("ruby" + version.stdout.decode())
        self.file = "test/ruby/test_%s.rb" % self.name
        if not os.path.exists(os.path.join(self.folder, self.file)):
            raise fetch.Missing("this ruby has no such tests")

    def units(self):
        runner = [self.ruby, "-I%s/tool/lib" % self.folder, self.folder + "/test/runner.rb", "--ruby=" + self.ruby, "-v", "--show-skip",
                  "-s", "1", "-n", "!/%s/" % LEFT_OUT, os.path.join(self.folder, self.file)]
        return [Unit("", runner, results, merged=True)]
