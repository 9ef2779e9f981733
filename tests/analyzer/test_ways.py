# SPDX-License-Identifier: MIT
"""`vmascope replay --unmap --merge`, and what reports say of unmappings."""
import json
import os

from support import Case, case, main, run

NAMES = {"first_pgaddr": "pg_start", "last_pgaddr": "pg_end", "vma_min": "vma_start", "vma_max": "vma_end",
         "tree_max": "tree_end"}


class Ways(Case):
    def test_same(self):
        done = run("replay", case("small.jsonl"), "--unmap=both", "--merge=cases")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count(b"no divergence"), 2)

    def test_planted(self):
        done = run("replay", case("small.jsonl"), "--unmap=wrong-reset", "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        way = json.loads(done.stdout)["ways"][0]
        self.assertEqual(way["unmap"], "wrong-reset")
        self.assertIn("munmap", way["first_text"])
        self.assertIn("one too many", way["why"])

    def test_cases_are_counted(self):
        way = json.loads(run("replay", case("small.jsonl"), "--merge=cases", "--json").stdout)["ways"][0]
        self.assertEqual(sum(way["merge_cases"]), way["merges"])
        self.assertGreater(way["merges"], 0)

    def test_show(self):
        lines = [json.loads(line) for line in
                 run("replay", case("small.jsonl"), "--unmap=show", "--json").stdout.splitlines()]
        self.assertEqual([line["by"] for line in lines], ["vms_clear_ptes"] * (len(lines) - 1) + ["exit_mmap"])
        self.assertEqual((lines[0]["mas"], lines[0]["tree_reset"]), ("side-tree", "0x1"))
        for line in lines[:-1]:
            self.assertEqual(int(line["tree_max"], 0), line["vmas"])
        text = run("replay", case("small.jsonl"), "--unmap=show").stdout.decode()
        self.assertEqual(text.count("first_pgaddr"), len(lines))
        self.assertIn("munmap (call 4) by vms_clear_ptes", text)

    def test_usage(self):
        for options, part in ((["--unmap=other"], "no way of unmapping"), (["--merge=9"], "no way of merging"),
                              (["--unmap=both", "--kernel=6.1"], "keep to the trace's rules")):
            done = run("replay", case("small.jsonl"), *options)
            self.assertEqual(done.returncode, 2)
            self.one_line(done, part)


class Report(Case):
    def test_exit_mmap(self):
        report = json.loads(run("report", case("small.jsonl"), "--json").stdout)
        self.assertEqual(list(report)[-1], "unmaps")
        exit_mmap = report["unmaps"]["exit_mmap"]
        for first, merged in NAMES.items():
            self.assertEqual(exit_mmap[first], exit_mmap[merged])
        self.assertEqual((exit_mmap["by"], exit_mmap["call"], exit_mmap["mm_wr_locked"]), ("exit_mmap", None, False))
        self.assertEqual(exit_mmap["vma_max"], hex(2 ** 64 - 1))
        self.assertEqual(exit_mmap["zapped_pages"], exit_mmap["pages"])
        self.assertEqual(exit_mmap["vmas"], len(report["vmas"]))


class Tables(Case):
    """Page tables that a process's unmappings free, against VmPTE."""

    def record(self, *command):
        trace = self.path("t.vmt")
        done = run("record", "--tables=on", "-o", trace, "--", *command)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, json.loads(run("report", trace, "--json").stdout)["unmaps"]

    def test_known_pages(self):
        told, unmaps = self.record(os.environ["TABLES"])
        freed, seen = unmaps["page_tables_freed"], unmaps["page_tables_freed"]["observed"]
        self.assertEqual((seen["exact"], seen["wrong"], seen["disturbed"]), (seen["unmaps"], 0, 0), seen)
        self.assertGreaterEqual(seen["unmaps"], 4)
        self.assertEqual(seen["predicted_bytes"], seen["observed_bytes"])
        self.assertGreaterEqual(seen["observed_bytes"], int(told) * 4096)
        self.assertEqual((freed["known"]["pmd"], freed["known"]["pud"]), (2, 2))
        possible = unmaps["exit_mmap"]["page_tables"]["possible"]
        self.assertTrue(0 < unmaps["exit_mmap"]["page_table_bytes"] <= 4096 * sum(possible.values()))

    def test_other_rules_are_found(self):
        """What VmPTE showed is not copied: another number there is told as wrong."""
        self.record(os.environ["TABLES"])
        lines = [json.loads(line) for line in run("export", self.path("t.vmt"), "--format=jsonl").stdout.splitlines()]
        for line in lines:
            if line.get("before") and not line["only_ranges"] and not line["at_end"]:
                line["after"] = line["before"] + 4
        path = self.write_lines(lines)
        seen = json.loads(run("report", path, "--json").stdout)["unmaps"]["page_tables_freed"]["observed"]
        self.assertEqual(seen["wrong"], seen["unmaps"])
        self.assertIsNotNone(seen["first_wrong"])


if __name__ == "__main__":
    main()
