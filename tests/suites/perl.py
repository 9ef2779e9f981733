# SPDX-License-Identifier: MIT
"""perl's core tests, from the distribution's source package, run by the installed perl with the installed modules."""
import glob
import os
import re
import shutil
import subprocess

import fetch
from suite import Suite, Unit, tap_results

# Suites: where the tests lie in the source.
PLACES = {
    "base": ["t/base", "t/cmd", "t/comp"],
    "op": ["t/op"],
    "io": ["t/io"],
    "re": ["t/re"],
    "mro": ["t/mro"],
    "lib": ["t/lib", "t/run", "t/uni"],
    "threads": ["dist/threads/t", "dist/threads-shared/t", "dist/Thread-Queue/t", "dist/Thread-Semaphore/t"],
    "ext": ["ext/POSIX/t", "ext/IPC-Open3/t", "ext/PerlIO-mmap/t", "ext/PerlIO-scalar/t", "ext/PerlIO-via/t",
            "ext/DynaLoader/t", "ext/Hash-Util/t", "ext/SDBM_File/t", "ext/B/t", "dist/Storable/t", "dist/IO/t",
            "dist/Time-HiRes/t"],
}
SUITES = list(PLACES)
# Longer than all others together, and nothing of theirs concerns memory: tables of Unicode, and generated regressions.
LEFT_OUT = re.compile(r"/(uniprops\d*|reg_fold|fold_grind\w*|charset|reg_mesg_heavy|bigfastmath)\.t$")


def installed_library():
    """The installed perl's own modules, where a perl that was built here would have lib."""
    words = "join ' ', @Config{qw(privlibexp archlibexp)}"
    done = subprocess.run(["perl", "-MConfig", "-e", "print " + words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()


def prepared():
    """The source with the installed perl and its modules in it."""
    folder = os.path.join(fetch.cache_folder(), "perl")
    if os.path.isdir(folder):
        return folder
    source, new = fetch.source("perl"), folder + ".new"
    shutil.rmtree(new, True)
    for part in "t", "ext", "dist":
        shutil.copytree(source + "/" + part, new + "/" + part, symlinks=True)
    for library in [source + "/lib"] + installed_library():
        shutil.copytree(library, new + "/lib", dirs_exist_ok=True)
    for name in "perl", "t/perl":
        os.symlink(shutil.which("perl"), new + "/" + name)
    shutil.copy(source + "/MANIFEST", new)
    os.rename(new, folder)
    return folder


def switches(path):
    """As t/TEST does: what stands behind perl in the first line."""
    with open(path, encoding="latin-1") as file:
        return re.findall(r"\s(-[a-zA-Z]\w*)", file.readline())


class Perl(Suite):
    limit = 300

    def prepare(self):
        if not shutil.which("perl"):
            raise fetch.Missing("perl is not installed")
        self.folder = prepared()

    def tree(self):
        return self.folder

    def units(self):
        """Tests of t/ are begun in t, those of a module in its folder."""
        units = []
        for place in PLACES[self.name]:
            for path in sorted(glob.glob("%s/%s/*.t" % (self.folder, place))):
                if LEFT_OUT.search(path):
                    continue
                name = os.path.relpath(path, self.folder)
                start = "t" if name.startswith("t/") else os.path.dirname(os.path.dirname(name))
                file = os.path.relpath(name, start)
                environment = {"PERL_CORE": "1"} if start == "t" else {}
                units.append(Unit(name, ["perl"] + switches(path) + [file], tap_results, folder=start,
                                  environment=environment))
        return units
