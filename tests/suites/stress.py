# SPDX-License-Identifier: MIT
"""stress-ng's stressors: no tests with names, but an exit status, and a lot of calls."""
import shutil

import fetch
from suite import Suite, Unit, no_results

STRESSORS = "vm mmap mremap madvise mprotect munmap brk stack fork mlock shm".split()


class Stress(Suite):
    has_tests = False

    def prepare(self):
        if not shutil.which("stress-ng"):
            raise fetch.Missing("stress-ng is not installed")

    def units(self):
        return [Unit("", ["stress-ng", "--" + self.name, "2", "--timeout", str(self.arguments.seconds), "--oom-avoid"],
                     no_results, merged=True)]
