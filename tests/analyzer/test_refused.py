#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""JSON Lines that are refused: a line of each kind, each of its keys wrong once, and the sentence that says so."""
import json

from support import Case, main, run

TEXT = "x" * 70000
LINES = (
    # line, what is said of it
    ({"define": "nonsense"}, "defines nothing"),
    ({"define": 3}, "defines nothing"),
    ({"define": "string", "what": "nonsense"}, '"what" of a string'),
    ({"define": "string", "what": "comm", "text": 3}, "is no string"),
    ({"define": "string", "what": "argv", "text": ["a", 3]}, "no array of strings"),
    ({"define": "string", "what": "comm", "text": TEXT}, "is too long"),
    ({"define": "string", "what": "argv", "text": [TEXT]}, "is too long"),
    ({"define": "limits", "nonsense": 1}, "nonsense"),
    ({"define": "limits", "as": "much"}, "a limit is no number"),
    ({"define": "limits", "overcommit": 1 << 40}, "a limit is no number"),
    ({"define": "layout", "nonsense": 1}, "nonsense"),
    ({"define": "layout", "brk": []}, "no number"),
    ({"define": "file", "nonsense": 1}, "nonsense"),
    ({"define": "file", "id": 1, "kind": "nonsense"}, '"kind" of a file'),
    ({"define": "file", "id": 1, "kind": []}, '"kind" of a file'),
    ({"define": "file", "id": 1, "kind": 6}, '"kind" of a file'),
    ({"define": "file", "id": 0}, "a file needs an id"),
    ({"define": "file", "id": 1, "dev": "nonsense"}, "a file needs an id"),
    ({"define": "file", "id": 1, "inode": "many"}, "a file needs an id"),
    ({"define": "name", "id": 1, "nonsense": 1}, "nonsense"),
    ({"define": "name", "id": 0}, "a name needs an id"),
    ({"define": "name", "id": 1, "text": 3}, "is no string"),
    ({"define": "site", "nonsense": 1}, "nonsense"),
    ({"define": "site", "addr": "here"}, "of a site"),
    ({"define": "site", "addr": 1, "nr": 1 << 20}, "of a site"),
    ({"define": "own", "nonsense": 1}, "nonsense"),
    ({"define": "own", "start": 1}, "of an own range"),
    ({"define": "vma", "nonsense": 1}, "nonsense"),
    ({"define": "vma", "start": 0}, "a modelled VMA needs"),
    ({"define": "stack", "nonsense": 1}, "nonsense"),
    ({"define": "stack", "id": 0, "frames": []}, "a stack needs"),
    ({"define": "stack", "id": 9}, "a stack needs"),
    ({"define": "stack", "id": 9, "frames": ["here"]}, "a frame of a stack"),
    ({"define": "stack", "id": 9, "frames": [1] * 5000}, "a stack needs"),
    ({"mark": "x", "nonsense": 1}, "nonsense"),
    ({"mark": "x", "thread": "one"}, "of a mark"),
    ({"mark": "x", "time": "now"}, "of a mark"),
    ({"mark": 3}, "is no string"),
    ({"end": "exit", "nonsense": 1}, "nonsense"),
    ({"end": "nonsense"}, '"end" must be'),
    ({"end": "exit", "lost": "some"}, '"end" must be'),
    ({"vmas": 3}, "array of \"vmas\""),
    ({"vmas": [], "start": "here"}, "array of \"vmas\""),
    ({"vmas": [], "when": "never"}, '"when" of a snapshot'),
    ({"vmas": [], "listed": "some"}, '"listed" is no number'),
    ({"vmas": [{"start": "0x1000", "end": "0x2000", "perms": "r--p"}], "flags_known": True}, 'has no "flags"'),
    ({"tables": 3}, '"tables" is a list'),
    ({"tables": [[1]]}, '"tables" is a list'),
    ({"tables": [[1, "here"]]}, '"tables" is a list'),
    ({"tables": [], "before": "some"}, '"tables" is a list'),
    ({"tables": [], "threads": 1 << 40}, '"tables" is a list'),
    ({"tables": [[1, 2]] * 40000}, '"tables" is a list'),
    ({"tables": [], "nonsense": 1}, "nonsense"),
    ({"touch": "0x1000", "len": "long"}, "a touch needs"),
    ({"nothing": "known"}, "line 2"),
)

HEADERS = (
    ({"names": [{"id": 0}]}, "a name needs an id"),
    ({"own": 3}, '"own" is no array'),
    ({"stacks": [3]}, '"stacks" holds something else'),
    ({"layout": 3}, '"layout" is no object'),
    ({"limits": {"as": "much"}}, "a limit is no number"),
    ({"problems": [3]}, "is no string"),
    ({"modules": [3]}, "is no string"),
    ({"rules": [3]}, "no array of strings"),
    ({"kernel": 3}, ""),
)


class Refused(Case):
    def refused(self, lines, said):
        done = run("check", self.write_lines(lines))
        self.assertEqual((done.returncode, done.stdout), (2, b""), lines[1])
        self.one_line(done, said)

    def test_lines(self):
        lines = self.lines()
        for line, said in LINES:
            self.refused([lines[0], line], said)

    def test_headers(self):
        lines = self.lines()
        for keys, said in HEADERS:
            self.refused([dict(lines[0], **keys)] + lines[1:], said)

    def test_good_ones_beside_them(self):
        """The same kinds of lines, right: none of the refusals is a refusal of all."""
        good = [{"define": "string", "what": "problem", "text": "x"}, {"define": "limits", "as": "infinity"},
                {"define": "file", "id": 1, "kind": 1}, {"define": "name", "id": 1, "text": "x"},
                {"define": "site", "addr": 1, "nr": 9}, {"define": "own", "start": "0x1000", "end": "0x2000"},
                {"define": "stack", "id": 9, "frames": [1]}, {"mark": "x", "thread": 1, "time": 1},
                {"touch": "0x400000", "write": False}, {"tables": [["0x1000", "0x2000"]], "before": 1, "after": 1},
                {"vmas": [{"start": "0x400000", "end": "0x402000", "perms": "r-xp"}], "when": "request"},
                {"end": "exit", "status": 0}]
        done = run("export", self.write_lines([self.lines()[0], *good]), "--format=jsonl")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertGreater(len(done.stdout.splitlines()), len(good) - 2)


if __name__ == "__main__":
    main()
