# SPDX-License-Identifier: MIT
"""Runtimes of other languages and other people's allocators, natively and recorded: runtimes.py COMMAND NAME…

Each program is built if it has to be, run natively and under vmascope; output and status must be the same, and the report of
each process a match with nothing outside. Exit status 0 right, 1 wrong, 77 when the only program asked for can't be
built or run here."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")


class Skip(Exception):
    pass


def library(name):
    for folder in LIBRARIES:
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise Skip(name)


class Runtime:
    """@build: commands, {src} the sources' folder, {out} where to build. @kernel_made: the kernel changes mappings by itself."""

    def __init__(self, run, *build, needs=(), preload=None, also=(), verdict="match", why=None):
        self.run, self.build, self.needs, self.preload, self.also = run, build, needs, preload, also
        self.verdict, self.why = verdict, why

    def words(self, command, out):
        return [word.format(src=HERE, out=out) for word in command.split()]

    def prepare(self, out):
        for need in self.needs:
            if not shutil.which(need) and not glob.glob(need):
                raise Skip(need)
        if self.preload:
            library(self.preload)
        for command in self.build:
            words = self.words(command, out)
            if not shutil.which(words[0]):
                raise Skip(words[0])
            env = dict(os.environ, GOCACHE=out + "/cache", GO111MODULE="off")
            done = subprocess.run(words, cwd=out, env=env, capture_output=True, check=False)
            if done.returncode:
                raise Skip("%s: %s" % (command, done.stderr.decode()[-400:]))

    def outcome(self, out, before=()):
        env = dict(os.environ, HOME=out)
        if self.preload:
            env["LD_PRELOAD"] = library(self.preload)
        done = subprocess.run([*before, *self.words(self.run, out)], env=env, cwd=out, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=100, check=False)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


CC = "cc -O1 -g -D_GNU_SOURCE -I{src} "
RUNTIMES = {
    "exceptions": Runtime("{out}/signals", "c++ -O1 -g -fnon-call-exceptions {src}/signals.cpp -o {out}/signals"),
    "throwing": Runtime("{out}/throwing", "c++ -O1 -fPIC -shared {src}/throwing.cpp -o {out}/throwing.so",
                        "c++ -O1 -DPROGRAM {src}/throwing.cpp -o {out}/throwing -ldl"),
    "unwinds": Runtime("{out}/unwinds", CC + "{src}/unwinds.c -o {out}/unwinds -lunwind -ljansson"),
    "openmp": Runtime("{out}/parallel", CC + "-fopenmp {src}/parallel.c -o {out}/parallel"),
    "ada": Runtime("{out}/tasks", "gnatmake -q -O1 {src}/tasks.adb -o {out}/tasks -D {out}"),
    "rust": Runtime("{out}/threads", "rustc -O {src}/threads.rs -o {out}/threads"),
    "cgo": Runtime("{out}/cgoes", "go build -o {out}/cgoes {src}/goes.go {src}/c.go"),
    "luajit": Runtime("luajit {src}/jit.lua", needs=("luajit",)),
    "sbcl": Runtime("sbcl --noinform --no-sysinit --no-userinit --non-interactive --load {src}/conses.lisp", needs=("sbcl",)),
    "ocaml": Runtime("{out}/lists", "cp {src}/lists.ml {out}", "ocamlopt {out}/lists.ml -o {out}/lists"),
    "ocaml-bytes": Runtime("ocaml {src}/lists.ml", needs=("ocaml",)),
    "mono": Runtime("mono {out}/threads.exe", "mcs -out:{out}/threads.exe {src}/threads.cs", needs=("mono",)),
    "qemu-user": Runtime("qemu-x86_64 {out}/parallel", CC + "-fopenmp {src}/parallel.c -o {out}/parallel",
                         needs=("qemu-x86_64",)),
    "asan": Runtime("{out}/allocates", CC + "-DALONE -fsanitize=address {src}/allocates.c -o {out}/allocates -lpthread"),
    "tsan": Runtime("{out}/allocates", CC + "-DALONE -fsanitize=thread {src}/allocates.c -o {out}/allocates -lpthread"),
    "msan": Runtime("{out}/allocates", "clang -O1 -g -D_GNU_SOURCE -DALONE -fsanitize=memory {src}/allocates.c "
                    "-o {out}/allocates -lpthread"),
    "valgrind": Runtime("valgrind -q {out}/allocates", CC + "{src}/allocates.c -o {out}/allocates -lpthread"),
    "collector": Runtime("{out}/collected", CC + "{src}/collected.c -o {out}/collected -lgc -lpthread"),
    "collector-faults": Runtime("{out}/collected faults", CC + "{src}/collected.c -o {out}/collected -lgc -lpthread"),
    "io_uring": Runtime("{out}/rings", CC + "{src}/rings.c -o {out}/rings -luring -lpthread", why="io_uring"),
    "io_uring-madvise": Runtime("{out}/rings madvise", CC + "{src}/rings.c -o {out}/rings -luring -lpthread",
                                why="io_uring", verdict="differ"),
}
for name, soname, link in (("tcmalloc", "libtcmalloc.so.4", "-ltcmalloc"), ("jemalloc", "libjemalloc.so.2", "-ljemalloc"),
                           ("mimalloc", "libmimalloc.so.2", "-lmimalloc")):
    build = CC + "{src}/allocates.c -o {out}/allocates -lpthread "
    RUNTIMES[name] = Runtime("{out}/allocates", build + "-Wl,--no-as-needed " + link)
    RUNTIMES[name + "-preloaded"] = Runtime("{out}/allocates", build, preload=soname)


def reports(folder):
    for name in sorted(glob.glob(folder + "/*.json")):
        with open(name, encoding="utf-8") as file:
            yield json.load(file)


def wrong_in(runtime, told):
    """What is wrong in one process's report."""
    capture = told["capture"]
    wrong = ["%s %s" % (key, capture[key]) for key in ("outside", "lost") if capture[key]]
    wrong += ["problem: " + text for text in capture["problems"] if not runtime.why or runtime.why not in text]
    if told["verdict"] not in (runtime.verdict, "match"):
        wrong.append("verdict %s" % told["verdict"])
    return ["%s: %s" % (told["process"]["argv"][:3], text) for text in wrong]


def compare(runtime, command, out):
    """Returns: what differs, as sentences."""
    runtime.prepare(out)
    native = runtime.outcome(out)
    reports_at = out + "/reports"
    os.mkdir(reports_at)
    traced = runtime.outcome(out, [command, "record", "--report=" + reports_at + "/%p.%n.json", "--"])
    wrong = ["%s natively, %s recorded" % pair for pair in zip(map(repr, native), map(repr, traced)) if pair[0] != pair[1]]
    told = list(reports(reports_at))
    if not told:
        wrong.append("no report")
    for each in told:
        wrong += wrong_in(runtime, each)
    calls = sum(each["capture"]["calls"] for each in told)
    return wrong, "%d processes, %d calls, undetermined %d" % (
        len(told), calls, sum(each["prediction"]["undetermined"] for each in told))


def main():
    command, names = os.path.abspath(sys.argv[1]), sys.argv[2:] or list(RUNTIMES)
    failed = False
    for name in names:
        with tempfile.TemporaryDirectory(prefix="vmascope-test.") as out:
            try:
                wrong, said = compare(RUNTIMES[name], command, out)
            except Skip as why:
                print("%s: not tried, %s" % (name, why))
                if len(names) == 1:
                    sys.exit(77)
                continue
            except subprocess.TimeoutExpired as late:
                wrong, said = [str(late)], ""
            print("%s: %s" % (name, "; ".join(wrong)[:3000] or "as natively, " + said), flush=True)
            failed = failed or bool(wrong)
    sys.exit(failed)


main()
