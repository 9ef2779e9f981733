# SPDX-License-Identifier: MIT
"""why: what happened to the memory at an address, and why VMAs are two."""
import json

from support import Case, case, main, run

BASE = 0x7f0000000000
RW = ["r", "w"]


def mmap(page, pages, prot=RW, **more):
    return {"call": "mmap", "addr": hex(BASE + page * 4096), "len": pages * 4096, "prot": prot,
            "flags": ["private", "anonymous", "fixed"], "fd": -1, "result": hex(BASE + page * 4096), "stack": 1, **more}


def ranged(call, page, pages, **more):
    return {"call": call, "addr": hex(BASE + page * 4096), "len": pages * 4096, "result": 0, "stack": 1, **more}


def touch(page, pages=1):
    return {"touch": hex(BASE + page * 4096), "len": pages * 4096, "write": True}


class Why(Case):
    def ask(self, calls, page, *args):
        header = self.lines()[0]
        header["vmas"] = []
        lines = [header, {"define": "stack", "id": 1, "frames": ["0x400123"]}] + calls
        lines.append({"end": "exit", "status": 0, "calls": sum("call" in line for line in calls), "lost": 0, "why": ""})
        address = "%x" % (BASE + page * 4096)
        path = self.write_lines(lines)
        text, data = run("why", path, address, *args), run("why", "--json", path, address, *args)
        self.assertEqual((text.returncode, text.stderr, data.returncode), (0, b"", 0), text.stdout)
        return text.stdout.decode(), json.loads(data.stdout)

    def events(self, found):
        return [(event["event"], event["call"]) for event in found["addresses"][0]["history"]]


class Story(Why):
    # what it shows: calls, page asked for, events
    ROWS = {
        "born": ([mmap(0, 4)], 1, [("mapped", 1)]),
        "split by mprotect, and the other half": ([mmap(0, 4), ranged("mprotect", 2, 2, prot=["r"])], 1,
                                                  [("mapped", 1), ("split", 2)]),
        "protected itself": ([mmap(0, 4), ranged("mprotect", 0, 4, prot=["r"])], 1, [("mapped", 1), ("protected", 2)]),
        "protected back: merges": ([mmap(0, 4), ranged("mprotect", 2, 2, prot=["r"]), ranged("mprotect", 2, 2, prot=RW)], 0,
                                   [("mapped", 1), ("split", 2), ("merged", 3)]),
        "a new mapping joins": ([mmap(0, 2), mmap(2, 2)], 0, [("mapped", 1), ("grew", 2)]),
        "the gap between two is filled": ([mmap(0, 2), mmap(4, 2), mmap(2, 2)], 0, [("mapped", 1), ("grew", 3)]),
        "part unmapped": ([mmap(0, 4), ranged("munmap", 2, 2)], 0, [("mapped", 1), ("cut", 2)]),
        "another flag": ([mmap(0, 4), ranged("madvise", 0, 4, advice="dontdump")], 0, [("mapped", 1), ("changed", 2)]),
        "touched": ([mmap(0, 4), touch(1), ranged("mprotect", 0, 4, prot=["r"])], 0,
                    [("mapped", 1), ("touched", 1), ("protected", 2)]),
        "mapped over": ([mmap(0, 4), mmap(0, 4, ["r"])], 0, [("mapped", 1), ("mapped", 2)]),
    }

    def test_events(self):
        for name, (calls, page, events) in self.ROWS.items():
            with self.subTest(name):
                self.assertEqual(self.events(self.ask(calls, page)[1]), events)

    def test_unmapped_is_told_as_it_was(self):
        text, found = self.ask([mmap(0, 4), ranged("mprotect", 0, 4, prot=["r"]), ranged("munmap", 0, 4)], 1)
        self.assertEqual(found["unmapped_by"], 3)
        self.assertEqual(self.events(found), [("mapped", 1), ("protected", 2)])
        self.assertIn("as it was before call 3 unmapped it", text)

    def test_at_a_call(self):
        calls = [mmap(0, 4), ranged("mprotect", 0, 4, prot=["r"])]
        self.assertEqual(self.events(self.ask(calls, 1, "--at=1")[1]), [("mapped", 1)])

    def test_the_same_again_is_counted(self):
        calls = [mmap(0, 40)] + [ranged("madvise", page, 1, advice="dontdump") for page in range(38, 2, -2)]
        text, found = self.ask(calls, 0)
        self.assertEqual(len(found["addresses"][0]["history"]), 19)
        self.assertIn("  split 17 times more from there, up to\n", text)
        self.assertEqual(text.count("  split: "), 2)

    def test_never_mapped(self):
        self.assertIn("never mapped", self.ask([mmap(0, 4)], 9)[0])


class Reason(Why):
    # what it shows: calls, the page of the upper VMA, reason, words, the call that set them apart
    ROWS = {
        "access": ([mmap(0, 4), ranged("mprotect", 2, 2, prot=["r"])], 2, "flags", "VM_WRITE", 2),
        "dump": ([mmap(0, 4), ranged("madvise", 2, 2, advice="dontdump")], 2, "flags", "VM_DONTDUMP", 2),
        "reason changed later": ([mmap(0, 4), ranged("madvise", 2, 2, advice="dontdump"),
                                  ranged("mprotect", 2, 2, prot=["r"])], 2, "flags", "VM_WRITE", 3),
        "both written, then moved together": ([mmap(0, 2), touch(0, 2), mmap(4, 2), touch(4, 2), mmap(2, 2), touch(2, 2)], 4,
                                              "anon_vma", "both had anonymous pages", 3),
    }

    def test_reasons(self):
        for name, (calls, page, reason, words, call) in self.ROWS.items():
            with self.subTest(name):
                text, found = self.ask(calls, page)
                lower = [one for one in found["borders"] if one["upper"]["start"] == hex(BASE + page * 4096)]
                self.assertEqual([one["reason"] for one in lower], [reason], found["borders"])
                self.assertIn(words, lower[0]["why"])
                self.assertIn(words, text)
                self.assertEqual(lower[0]["set_apart_by"]["call"], call)

    def test_two_addresses(self):
        calls = [mmap(0, 6), ranged("mprotect", 2, 2, prot=["r"])]
        text, found = self.ask(calls, 0, "%x" % (BASE + 5 * 4096))
        self.assertIn("2 borders between", text)
        self.assertEqual(len(found["borders"]), 2)
        self.assertIn("both addresses are in one VMA", self.ask(calls, 0, "%x" % (BASE + 4096))[0])

    def test_hole(self):
        text, _ = self.ask([mmap(0, 1), mmap(2, 1)], 0, "%x" % (BASE + 2 * 4096))
        self.assertIn("a hole of 4096 bytes is between", text)

    def test_members_of_a_merged_vma(self):
        text, _ = self.ask([mmap(0, 1), mmap(1, 1), mmap(2, 1)], 0)
        self.assertIn("         3     12 KiB  mmap", text)


class Usage(Case):
    def test_refused(self):
        for args in ([], ["trace"], ["trace", "1000", "2000", "3000"], ["trace", "xyz"], ["trace", "-5"],
                     ["trace", "1000", "--at=soon"]):
            done = run("why", *args)
            self.assertEqual(done.returncode, 2, args)
            self.one_line(done)
        self.assertEqual(run("why", case("small.jsonl"), "7f0000000000-7f0000002000").returncode, 0)


if __name__ == "__main__":
    main()
