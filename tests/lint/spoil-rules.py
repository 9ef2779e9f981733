#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is check-rules.py able to fail? On copies of the sources, each spoiled in one way, it must name the mistake.

    spoil-rules.py SOURCE_DIR"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NEEDED = ("include", "preload/model", "analyzer/experiments_call.c", "analyzer/experiments_merge.c", "analyzer/experiments_place.c",
          "tests/vectors", "tests/model", "docs/rules.md")

# What is spoiled: the file, a regular expression and what takes its first place's place, and what must be said then.
SPOILS = (
    ("a rule loses its proof", "docs/rules.md", r"\| [^|\n]* \|\n", "| |\n", "has no proof"),
    ("a mark without a reason", "docs/rules.md", r"unproved: [^|]*", "unproved: ", "does not say why"),
    ("a case is renamed", "tests/vectors/found.jsonl", "2 MiB without a hint", "2 MiB", "no case and no row"),
    ("a row is renamed", "tests/model/test_pgtable.c", "moved by whole tables: they go along", "moved", "no case and no row"),
    ("an experiment goes", "analyzer/experiments_call.c", r"\[VMSC_RULE_PT_RECLAIM\] = pt_reclaim,", "", "no experiment for pt-reclaim"),
    ("a release changes", "include/vmascope/kernel.h", r'"mseal", 6, 10', '"mseal", 6, 11', "mseal holds for 6.11–"),
    ("a difference is added", "include/vmascope/kernel.h", r'X\(MSEAL, ', 'X(NEW, "new-one", 7, 0, 0, 0) X(MSEAL, ',
     "no rule for the difference new-one"),
    ("a reason is added", "include/vmascope/model.h", r'X\(LIMIT, "limit"\)', 'X(LIMIT, "limit") X(MOON, "moon")',
     "no rule for the reason moon"),
    ("a flag is added", "include/vmascope/kernel.h", r'X\(SEALED, 42, "sl"\)', 'X(SEALED, 42, "sl") X(NEW, 43, "nw")',
     "no rule for the flag NEW"),
    ("an argument is added", "preload/model/internal.h", "MAP_SHARED_ = 0x01,", "MAP_SHARED_ = 0x01, MAP_NEW_ = 0x4000000,",
     "no rule for the argument MAP_NEW"),
    ("an advice is added", "preload/model/madvise.c", "ADV_NORMAL = 0,", "ADV_NORMAL = 0, ADV_NEW = 104,",
     "no rule for the argument MADV_NEW"),
    ("a call is added", "preload/model/step.c", r"\{ NR_MSEAL, ", "{ NR_CLONE3, false, false, vmsc_op_clone }, { NR_MSEAL, ",
     "no rule for the call clone3"),
    ("an errno is added", "preload/model/brk.c", "return mm->force;", "return -EXDEV;", "brk.c gives -EXDEV"),
    ("a case gives an error that no rule has", "tests/vectors/unmap.jsonl", r'"results":\[([^\]]*)"-EINVAL"',
     r'"results":[\1"-EXDEV"', "no rule for munmap -EXDEV"),
    ("a case no longer hangs on the rule that it shows", "tests/vectors/mmap.jsonl", r'"rules":\["droppable"\]', '"rules":[]',
     "none of its proofs shows droppable"),
    ("a rule of a reason has another reason's proofs", "docs/rules.md", r"(`policy`: [^|]*\|[^|]*\|[^|]*\|)[^|]*\|",
     r"\1 merge: a name keeps apart |", "none of its proofs shows policy"),
)


def main():
    bad = 0
    for name, path, pattern, into, said in SPOILS:
        with tempfile.TemporaryDirectory() as copy:
            for needed in NEEDED:
                source, target = os.path.join(sys.argv[1], needed), os.path.join(copy, needed)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, target)
            with open(os.path.join(copy, path), encoding="utf-8") as text:
                before = text.read()
            spoiled = re.sub(pattern, into, before, count=1)
            with open(os.path.join(copy, path), "w", encoding="utf-8") as text:
                text.write(spoiled)
            done = subprocess.run([sys.executable, os.path.join(HERE, "check-rules.py"), copy], capture_output=True, text=True,
                                  check=False)
            if spoiled == before:
                print("%s: nothing to spoil" % name)
                bad = 1
            elif done.returncode != 1 or said not in done.stderr:
                print("%s: status %d, not found: %s\n%s" % (name, done.returncode, said, done.stderr))
                bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
