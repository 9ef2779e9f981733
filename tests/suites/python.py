# SPDX-License-Identifier: MIT
"""CPython's regression tests: those of the interpreter, or of the distribution's package for it."""
import os
import re
import shutil
import subprocess

import fetch
from suite import Suite, Unit

MODULES = ("mmap ctypes threading threadsignals signal faulthandler gc os posix subprocess tracemalloc capi io socket "
           "concurrent_futures asyncio multiprocessing_fork multiprocessing_spawn multiprocessing_forkserver").split()
TEST = re.compile(r"^(\w+ \([\w.]+\))(.*)")
RESULT = re.compile(r"(?:^|\s)(ok|FAIL|ERROR|skipped|expected failure|unexpected success)(?: .*)?$")


def results(stdout, _stderr, _status):
    """A test's result is on its line, or behind its output and its description some lines below."""
    found, test = {}, None
    for line in stdout.split("\n"):
        head = TEST.match(line)
        if head:
            test, line = head.group(1), head.group(2)
        result = test and RESULT.search(line)
        if result and ("... " in line or not head):
            found[test] = result.group(1)
            test = None
    return found


def asked(python, expression):
    done = subprocess.run([python, "-c", "import sys, sysconfig; print(%s)" % expression], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode().strip()


def can_import(python, module):
    return subprocess.run([python, "-I", "-c", "import " + module], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def with_package(python):
    """The interpreter in an environment of its own, where the tests of the distribution's package lie over its library:
    also for the interpreters that tests start without environment variables."""
    version = asked(python, "'%d.%d' % sys.version_info[:2]")
    folder = os.path.join(fetch.cache_folder(), "python" + version)
    if not os.path.isdir(folder):
        library = asked(python, "sysconfig.get_path('stdlib')")
        files = fetch.package("libpython%s-testsuite" % version) + "/usr/lib/python" + version
        shutil.rmtree(folder + ".new", True)
        for part in "test", "ctypes":
            for place in library, files:
                shutil.copytree("%s/%s" % (place, part), "%s.new/tests/%s" % (folder, part), dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("__pycache__"))
        os.rename(folder + ".new", folder)
    if not os.path.exists(folder + "/bin/python3"):
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
        with open(asked(folder + "/bin/python3", "sysconfig.get_path('purelib')") + "/tests.pth", "w", encoding="ascii") as file:
            file.write("import sys; sys.path.insert(0, %r)\n" % (folder + "/tests"))
    return folder + "/bin/python3"


class Python(Suite):
    def prepare(self):
        self.python = shutil.which(self.arguments.python)
        if not self.python:
            raise fetch.Missing("no " + self.arguments.python)
        if not can_import(self.python, "test.test_mmap"):
            self.python = with_package(self.python)
        if not can_import(self.python, "test.test_" + self.name):
            raise fetch.Missing("this Python has no such tests")

    def units(self):
        command = [self.python, "-m", "test", "-v", "test_" + self.name]
        if self.name == "socket":  # in a virtual machine these connect to its host, and wait
            command += ["--ignore", "*VSOCK*"]
        return [Unit("", command, results, merged=True)]
