#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`report --summary` and `merge`: what is counted, that grouping does not show, and what is refused."""
import itertools
import json
import unittest

from support import Case, case, run


class Merge(Case):
    def summaries(self, *labels):
        lines = []
        for label in labels:
            for name in "small.jsonl", "forms.jsonl":
                done = run("report", "--summary", f"--label={label}", case(name))
                self.assertEqual(done.returncode, 0, done.stderr)
                lines.append(done.stdout)
        return lines

    def merge(self, *texts, status=0):
        paths = [self.write(f"s{i}", text) for i, text in enumerate(texts)]
        done = run("merge", *paths)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if not status else done.stderr.decode()

    def test_one_line_each(self):
        done = run("report", "--summary", case("small.jsonl"), case("forms.jsonl"))
        self.assertEqual([json.loads(line)["traces"] for line in done.stdout.splitlines()], [1, 1])

    def test_counts_are_the_report(self):
        report = json.loads(run("report", "--json", case("forms.jsonl")).stdout)
        summary = json.loads(run("report", "--summary", case("forms.jsonl")).stdout)
        self.assertEqual(summary[report["verdict"]], 1)
        self.assertEqual(summary["calls"], report["capture"]["calls"])
        self.assertEqual(summary["failed"], report["capture"]["failed"])
        calls = {row["name"]: row["calls"] for row in summary["tables"]["syscalls"]["rows"]}
        self.assertEqual(calls, report["capture"]["by_call"])
        refused = {row["name"]: row["refused"] for row in summary["tables"]["refusals"]["rows"]}
        self.assertEqual(refused, {name: nr for name, nr in report["merges"]["refused"].items() if nr})

    def test_sums(self):
        one, two = self.summaries("a")
        merged = json.loads(self.merge(one, two))
        for key in "traces", "calls", "failed", "merges":
            self.assertEqual(merged[key], json.loads(one)[key] + json.loads(two)[key])
        twice = json.loads(self.merge(one, one))
        row = lambda summary, table: sorted(map(str, summary["tables"][table]["rows"]))
        self.assertEqual(len(row(twice, "sites")), len(row(json.loads(one), "sites")))
        self.assertEqual(sum(count for _, count in twice["peaks"]), 2)

    def test_grouping_does_not_show(self):
        lines = self.summaries("a", "b")
        whole = self.merge(*lines)
        for order in itertools.permutations(range(4)):
            a, b, c, d = (lines[i] for i in order)
            self.assertEqual(self.merge(self.merge(a, b), self.merge(c, d)), whole)
            self.assertEqual(self.merge(self.merge(self.merge(a, b), c), d), whole)
        self.assertEqual(self.merge(b"".join(lines)), whole)
        self.assertEqual(self.merge(whole, self.merge(b"")), whole)

    def many(self, begin, end):
        """A summary with names begin…end in each table."""
        summary = json.loads(self.summaries("a")[0])
        for table in summary["tables"].values():
            row = table["rows"][0] if table["rows"] else None
            table["rows"] = [dict(row, name=f"name {i}") for i in range(begin, end)] if row else []
        return json.dumps(summary)

    def test_too_many_names(self):
        parts = [self.many(i, i + 2000) for i in range(0, 10000, 2000)]
        left = parts[0]
        for part in parts[1:]:
            left = self.merge(left, part)
        right = parts[-1]
        for part in reversed(parts[:-1]):
            right = self.merge(part, right)
        self.assertEqual(left, right)
        sites = json.loads(left)["tables"]["sites"]
        self.assertTrue(sites["cut"])
        self.assertEqual(len(sites["rows"]), 4096)

    def test_full_counts_stay(self):
        one = json.loads(self.summaries("a")[0])
        one["calls"] = "0xfffffffffffffff0"
        merged = json.loads(self.merge(json.dumps(one), json.dumps(one), json.dumps(one)))
        self.assertEqual(merged["calls"], "0xffffffffffffffff")

    def test_refused(self):
        good = json.loads(self.summaries("a")[0])
        for change in (
            {"schema": "vmascope.summary/2"}, {"schema": None}, {"calls": -1}, {"calls": "x"}, {"calls": 1.5},
            {"peaks": [[1]]}, {"peaks": [[1, 1], [1, 1]]}, {"peaks": {}}, {"used": [[101, 1]]}, {"used": [["-1", 1]]},
            {"tables": {}}, {"tables": None}, {"nearest": [{}]}, {"nearest": {}}, {"first": None},
            {"nearest": [{"label": "", "program": "", "pid": 1, "started": 1, "peak": 1, "limit": 0}]},
            {"tables": dict(good["tables"], sites={"cut": False, "rows": [{"name": "a\\x00b", "traces": 1}]})},
            {"tables": dict(good["tables"], sites={"cut": 0, "rows": []})},
            {"tables": dict(good["tables"], kernels={"cut": False, "rows": [{"name": "a", "traces": 1}] * 4097})},
        ):
            said = self.merge(json.dumps(dict(good, **change)), status=2)
            self.assertIn("summary 1 is left out: ", said, change)
        for text in "{", "[]", "nonsense", '{"a":1,"a":2}':
            self.assertIn("summary 1 is", self.merge(text, status=2))
        left = json.loads(run("merge", self.write("a", json.dumps(good) + '{"schema":1}' + json.dumps(good))).stdout)
        self.assertEqual(left["traces"], 2)

    def test_text(self):
        done = run("merge", "--text", self.write("a", b"".join(self.summaries("some host"))))
        self.assertEqual(done.returncode, 0)
        for word in b"traces", b"some host", b"mmap":
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    unittest.main()
