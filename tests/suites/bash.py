# SPDX-License-Identifier: MIT
"""bash's own tests, from the distribution's source package, with the installed bash. A test is a script of theirs; its
result is what it wrote beside what is expected."""
import glob
import hashlib
import os
import re
import shutil
import subprocess

import fetch
from suite import Suite, Unit

HELPERS = "recho zecho xcase printenv".split()  # small programs that the scripts call
HEADERS = {"config.h": "", "bashansi.h": "#include <stdlib.h>\n#include <string.h>\n"}  # all that these need of bash


def results(stdout, _stderr, _status):
    """stdout is the difference to what is expected. It need not be empty on every system: then it is the result, whatever
    number a process has."""
    stdout = re.sub(r"process group \(-?\d+\)", "process group", stdout)
    return {"": "ok" if not stdout.strip() else "differs as " + hashlib.sha256(stdout.encode()).hexdigest()[:12]}


def prepared():
    folder = os.path.join(fetch.cache_folder(), "bash")
    if os.path.isdir(folder):
        return folder
    source, new = fetch.source("bash"), folder + ".new"
    shutil.rmtree(new, True)
    shutil.copytree(source + "/tests", new + "/tests", symlinks=True)
    for name, content in HEADERS.items():
        with open("%s/%s" % (new, name), "w", encoding="ascii") as file:
            file.write(content)
    for name in HELPERS:
        subprocess.run(["cc", "-w", "-I", new, "-include", "unistd.h", "-DHAVE_CONFIG_H", "-o", "%s/tests/%s" % (new, name),
                        "%s/support/%s.c" % (source, name)], check=True)
    os.rename(new, folder)
    return folder


class Bash(Suite):
    limit = 1200  # run-ifs-posix makes 7,000 processes

    def prepare(self):
        self.bash = shutil.which("bash")
        try:
            self.folder = prepared()
        except (OSError, subprocess.CalledProcessError) as why:
            raise fetch.Missing("its helpers can't be compiled: %s" % why) from why

    def tree(self):
        return self.folder

    def units(self):
        scripts = sorted(os.path.basename(name) for name in glob.glob(self.folder + "/tests/run-*"))
        environment = {"THIS_SH": self.bash, "BUILD_DIR": "..", "BASH_TSTOUT": "../output", "PATH": ".:" + os.environ["PATH"]}
        return [Unit(script, ["sh", "./" + script], results, folder="tests", environment=environment)
                for script in scripts if script not in ("run-all", "run-minimal", "run-gprof")]
