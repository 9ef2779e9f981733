# SPDX-License-Identifier: MIT
"""export: each form is read back by a reader of its own, and says what the report says."""
import csv
import io
import json
import os
import re
import sqlite3

from support import Case, case, main, run, schema, validate
from test_answers import Situation


class Small(Case):
    def export(self, *args):
        done = run("export", case("small.jsonl"), *args)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def test_chrome(self):
        text = self.export("--format=chrome")
        trace, rule = json.loads(text), schema("chrome.schema.json")
        self.assertEqual(validate(trace, rule, rule), [])
        events = trace["traceEvents"]
        calls = [event for event in events if event["ph"] == "i"]
        self.assertEqual([event["name"] for event in calls][:4], ["mmap", "mprotect", "mprotect", "munmap"])
        self.assertEqual(len(calls), 10)
        self.assertEqual(calls[0]["args"]["result"], "0x7f0000000000")
        self.assertEqual(calls[7]["cat"], "failed")
        self.assertEqual([event["args"]["VMAs"] for event in events if event["ph"] == "C"][-1],
                         json.loads(run("report", "--json", case("small.jsonl")).stdout)["limits"]["now"])
        stamps = [event["ts"] for event in events]
        self.assertEqual(stamps, sorted(stamps))
        for number in re.findall(r"[-\d.]+", text):
            if number.strip("-.").isdigit():
                self.assertLess(float(number), 2 ** 53, number)

    def test_folded(self):
        for args, total in (((), 10), (("--of=vmas",), 7)):
            counts = [re.fullmatch(r"(\S.*\S) (\d+)", line) for line in
                      self.export("--format=folded", *args).splitlines()]
            self.assertTrue(all(counts))
            self.assertEqual(sum(int(count[2]) for count in counts), total)
        self.assertIn("small+0x456;small+0x123;mmap 3\n", self.export("--format=folded"))

    def test_csv(self):
        calls = list(csv.DictReader(io.StringIO(self.export("--format=csv"), newline="")))
        self.assertEqual([row["name"] for row in calls][:3], ["mmap", "mprotect", "mprotect"])
        self.assertEqual(calls[0]["text"], "mmap(0x0, 12288, r|w, private|anonymous, -1, 0)")
        self.assertEqual((calls[7]["result"], calls[0]["arg1"]), ("-EINVAL", "0x3000"))
        vmas = list(csv.DictReader(io.StringIO(self.export("--format=csv", "--of=vmas"), newline="")))
        self.assertEqual(vmas[2]["apart"], "flags differ: VM_DONTDUMP")
        self.assertEqual(vmas[2]["apart_since"], "7")
        self.assertEqual({len(row) for row in vmas}, {12})

    def test_output_file(self):
        for name in ("jsonl", "chrome", "folded", "csv"):
            out = self.path("out")
            self.assertEqual(self.export("--format=" + name, "-o", out), "")
            with open(out, newline="") as written:
                self.assertEqual(written.read(), self.export("--format=" + name))

    def test_sqlite(self):
        out = self.path("it's; a \"file\".db")
        for _ in range(2):  # again over the old one
            self.assertEqual(self.export("--format=sqlite", "-o", out), "")
        self.assertEqual(os.listdir(self.folder.name), [os.path.basename(out)])
        db = sqlite3.connect(out)
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertEqual(db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()[0], "vmascope.sqlite/1")
        tables = json.loads(json.dumps({name: [column[1] for column in db.execute("PRAGMA table_info(%s)" % name)]
                                        for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}))
        self.assertEqual(tables, schema("sqlite.tables.json"))
        self.assertEqual(db.execute("SELECT count(*), sum(failed) FROM calls").fetchone(), (10, 1))
        self.assertEqual(db.execute("SELECT name, addr, result FROM calls WHERE call = 1").fetchone(),
                         ("mmap", "0x7f0000000000", "0x7f0000000000"))
        self.assertEqual(db.execute("SELECT count(*) FROM vmas JOIN sites USING (site)").fetchone(), (7,))
        self.assertEqual(db.execute("SELECT cause, errno FROM failures").fetchall(), [("argument", "EINVAL")])
        self.assertEqual(db.execute("SELECT depth, module, offset FROM frames WHERE stack = 1 ORDER BY 1").fetchall(),
                         [(0, "/bin/small", "0x123"), (1, "/bin/small", "0x456")])
        db.close()

    def test_refused(self):
        for args in (["--format=sqlite"], ["--format=sqlite", "-o", "/dev/null/x"], ["--format=csv", "--of=nothing"],
                     ["--format=csv", "-o", self.folder.name]):
            done = run("export", case("small.jsonl"), *args)
            self.assertEqual(done.returncode, 2, args)
            self.one_line(done)


class Recorded(Situation):
    def test_names_of_functions(self):
        trace = self.record("mlocks", "50")
        folded = run("export", "--format=folded", "--of=vmas", trace).stdout.decode()
        self.assertRegex(folded, r"(?m)^_start;.*main;mlocks;lock_page;mlock 99$")
        out = self.path("out.db")
        self.assertEqual(run("export", "--format=sqlite", "-o", out, trace).returncode, 0)
        db = sqlite3.connect(out)
        self.assertEqual(db.execute("SELECT s.vmas FROM sites s WHERE text LIKE '%lock_page%'").fetchall(), [(99,)])
        self.assertIn(("lock_page",), db.execute("SELECT DISTINCT function FROM frames").fetchall())
        db.close()


if __name__ == "__main__":
    main()
