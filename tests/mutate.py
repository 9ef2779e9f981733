#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation testing of the model: changes one operator, condition, constant or statement at a time, runs the model's tests,
and lists the changes that no test notices.

  tests/mutate.py [--jobs N] [--show ID] [FILE]…     default: merge.c and unmap.c of preload/model

A mutant that compiles to the same code is none. One that is explained in tests/mutants.txt is counted apart; an explanation
that explains nothing any more is an error. Exit status: 0 no survivor without an explanation, 1 some, 2 trouble."""
import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(ROOT, "preload", "model")
TABLES = ("merge", "split", "protect", "mremap", "mmap", "unmap", "brk", "stack", "attributes")
FLAGS = ["-std=gnu11", "-O1", "-fPIC", "-w", "-D_GNU_SOURCE", '-DVMSC_VERSION="mutant"', "-I" + os.path.join(ROOT, "include"), "-I" + MODEL,
         "-I" + os.path.join(ROOT, "tests", "model"), "-I" + os.path.join(ROOT, "tests", "trace")]
EXPLAINED = os.path.join(ROOT, "tests", "mutants.txt")

# What stands alone as an operator: with a blank on both sides, as the format of these sources has it.
SWAPS = {
    "==": ["!="], "!=": ["=="], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
    "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "&": ["|"], "|": ["&"], "^": ["|"], "<<": [">>"], ">>": ["<<"],
    "+=": ["-="], "-=": ["+="], "|=": ["&=", "="], "&=": ["|=", "="],
}
OPERATOR = re.compile(r"(?<= )(" + "|".join(sorted(map(re.escape, SWAPS), key=len, reverse=True)) + r")(?= |$)", re.M)
NUMBER = re.compile(r"(?<![\w.])(0x[0-9a-fA-F]+|\d+)(?![\w.])")
TRUTH = re.compile(r"\b(true|false)\b")
NOT = re.compile(r"(?<![\w)])!(?=[\w(*])")
CONDITION = re.compile(r"\b(?:if|while) \(")
STATEMENT = re.compile(r"^\t+(?!return|break|continue|goto|case|default|for|if|while|do|else|static|const|struct|enum|"
                       r"uint\d+_t|int|bool|size_t|unsigned)[^\n{}]*?[);\w\]]+;$", re.M)
SIDES = re.compile(r"\b(LEFT|RIGHT|prev|next)\b")


def blank_comments(text):
    """The same length, with comments, strings and preprocessor lines blanked."""
    pattern = re.compile(r"/\*[\s\S]*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def closing(text, start):
    depth = 0
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at
    return len(text)


def changes(text):
    """(start, end, instead) of every change."""
    code = blank_comments(text)
    for found in OPERATOR.finditer(code):
        if found[0] in "&-+" and code[found.end():found.end() + 1] != " ":
            continue
        for instead in SWAPS[found[0]]:
            yield found.start(), found.end(), instead
    for found in NUMBER.finditer(code):
        yield found.start(), found.end(), str(int(found[0], 0) + 1)
        if int(found[0], 0):
            yield found.start(), found.end(), str(int(found[0], 0) - 1)
    for found in TRUTH.finditer(code):
        yield found.start(), found.end(), "false" if found[0] == "true" else "true"
    for found in NOT.finditer(code):
        yield found.start(), found.end(), ""
    for found in CONDITION.finditer(code):
        end = closing(code, found.end() - 1)
        for instead in ("1", "0") if found[0].startswith("if") else ("0",):
            yield found.end(), end, instead
    for found in STATEMENT.finditer(code):
        yield found.start() + len(found[0]) - len(found[0].lstrip()), found.end(), ";"
    for found in SIDES.finditer(code):
        other = {"LEFT": "RIGHT", "RIGHT": "LEFT", "prev": "next", "next": "prev"}[found[0]]
        yield found.start(), found.end(), other


class Mutant:
    def __init__(self, path, text, start, end, instead):
        self.path, self.changed = path, text[:start] + instead + text[end:]
        self.line = text.count("\n", 0, start) + 1
        self.before = text.splitlines()[self.line - 1].strip()
        first = text.rfind("\n", 0, start) + 1
        last = self.changed.find("\n", start + len(instead))
        self.after = " ".join(self.changed[first:last].split())
        # survives lines added above it; of equal lines the first, second, … are told apart
        key = f"{os.path.basename(path)}\n{self.before}\n{self.after}\n{start - first}\n{text[:first].count(self.before)}"
        self.id = hashlib.sha1(key.encode()).hexdigest()[:8]


def compile(source, to, *flags):
    """In the source's folder, so that the object does not tell it."""
    folder, name = os.path.split(source)
    done = subprocess.run(["cc", *FLAGS, *flags, "-c", name, "-o", to], cwd=folder, capture_output=True, text=True)
    return done.returncode == 0


class Bench:
    """The model as a shared library, and the tests' programs that load it."""

    def __init__(self, folder):
        self.folder, self.objects = folder, {}
        for path in sorted(glob.glob(MODEL + "/*.c")):
            self.objects[path] = self.build(path)
        self.library(self.objects.values(), os.path.join(folder, "libmodel.so"))
        tests = os.path.join(ROOT, "tests", "model")
        listed = re.search(r"add_library\(vmsc_layout STATIC([^)]*)\)", open(tests + "/CMakeLists.txt").read())[1]
        layout = [self.build(os.path.join(tests, name)) for name in listed.split()]
        self.tests = []
        for table in TABLES:
            self.program(table, layout + [self.build(f"{tests}/test_{table}.c")])
            self.tests.append([table, "model"])
        self.program("pgtable", [self.build(f"{tests}/{name}.c") for name in ("test_pgtable", "pgtable")])
        self.tests.append(["pgtable", "model"])
        told = [self.build(path) for path in (f"{tests}/told.c", f"{tests}/told_read.c", f"{ROOT}/analyzer/heap.c")]
        for table in ("told", "asks"):
            self.program(table, told + [self.build(f"{tests}/test_{table}.c")])
            self.tests.append([table])
        rest = glob.glob(os.path.join(ROOT, "preload", "replay", "*.c")) + glob.glob(os.path.join(ROOT, "preload", "trace", "*.c"))
        rest = [self.build(path) for path in rest]
        replay = [self.build(path) for path in glob.glob(ROOT + "/tests/trace/*replay*.c")]
        self.program("replay", replay + rest + layout)
        self.tests.append(["replay"])
        self.tests += [[table, "oom"] for table in TABLES]
        helpers = [self.build(os.path.join(ROOT, "analyzer", name)) for name in ("names.c", "unmaplog.c", "say.c", "value.c")]
        ways = [self.build(f"{tests}/{name}.c") for name in ("test_ways", "differ_calls")] + helpers
        self.program("ways", ways + layout)
        self.tests.append(["ways"])

    def build(self, source):
        to = os.path.join(self.folder, hashlib.sha1(source.encode()).hexdigest()[:12] + ".o")
        if not compile(source, to, "-I" + os.path.join(ROOT, "analyzer")):
            sys.exit(f"mutate.py: {source} does not compile")
        return to

    @staticmethod
    def library(objects, to):
        subprocess.run(["cc", "-shared", "-o", to, *objects], check=True)

    def program(self, name, objects):
        to = os.path.join(self.folder, name)
        subprocess.run(["cc", "-o", to, *objects, "-L" + self.folder, "-lmodel", "-ljansson"], check=True)

    def first_failure(self, folder):
        """The test that notices what is wrong with the library in @folder."""
        env = dict(os.environ, LD_LIBRARY_PATH=folder)
        for test in self.tests:
            try:
                done = subprocess.run([os.path.join(self.folder, test[0]), *test[1:]], env=env, timeout=30,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      cwd=os.path.join(ROOT, "tests", "trace"))
            except subprocess.TimeoutExpired:
                return " ".join(test) + " (endless)"
            if done.returncode:
                return " ".join(test)
        return None

    def try_mutant(self, mutant):
        """killed-by, "same code", "no C" or None: survived."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            source, object = os.path.join(folder, os.path.basename(mutant.path)), os.path.join(folder, "mutant.o")
            with open(source, "w") as out:
                out.write(mutant.changed)
            if not compile(source, object):
                return "no C"
            if open(object, "rb").read() == open(self.objects[mutant.path], "rb").read():
                return "same code"
            self.library([object] + [other for path, other in self.objects.items() if path != mutant.path],
                         os.path.join(folder, "libmodel.so"))
            return self.first_failure(folder)


def explanations():
    """id: sentence; a line of tests/mutants.txt each, # a comment."""
    known = {}
    if os.path.exists(EXPLAINED):
        for line in open(EXPLAINED):
            if line.strip() and not line.startswith("#"):
                key, _, why = line.strip().partition(" ")
                known[key] = why.strip()
    return known


def mutants_of(path):
    text = open(path).read()
    seen = {}
    for start, end, instead in changes(text):
        mutant = Mutant(path, text, start, end, instead)
        seen.setdefault(mutant.changed, mutant)
    return sorted(seen.values(), key=lambda mutant: mutant.line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--show", metavar="ID")
    parser.add_argument("files", nargs="*", default=[os.path.join(MODEL, name) for name in ("merge.c", "unmap.c")])
    options = parser.parse_args()
    mutants = [mutant for path in options.files for mutant in mutants_of(os.path.abspath(path))]
    if options.show:
        mutants = [mutant for mutant in mutants if mutant.id == options.show]
    known, counts, survivors = explanations(), {}, []
    with tempfile.TemporaryDirectory(prefix="mutate.") as folder:
        bench = Bench(folder)
        if bench.first_failure(folder):
            sys.exit("mutate.py: the tests fail without a mutant")
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for mutant, killer in zip(mutants, pool.map(bench.try_mutant, mutants)):
                counts[killer or "survived"] = counts.get(killer or "survived", 0) + 1
                if options.show:
                    print(mutant.before, "->", mutant.after, ":", killer)
                if not killer:
                    survivors.append(mutant)
    unexplained = [mutant for mutant in survivors if mutant.id not in known]
    for mutant in unexplained:
        print(f"{mutant.id} {os.path.relpath(mutant.path, ROOT)}:{mutant.line}\n    - {mutant.before}\n    + {mutant.after}")
    stale = [] if options.show or len(options.files) != 2 else set(known) - {mutant.id for mutant in survivors}
    for key in stale:
        print(f"{key} in tests/mutants.txt explains nothing: {known[key]}")
    real = len(mutants) - counts.get("no C", 0) - counts.get("same code", 0)
    print(f"{len(mutants)} changes: {counts.get('no C', 0)} no C, {counts.get('same code', 0)} the same code, {real} mutants; "
          f"{real - len(survivors)} killed, {len(survivors) - len(unexplained)} explained, {len(unexplained)} survive")
    return 1 if unexplained or stale else 0


sys.exit(main())
