# SPDX-License-Identifier: MIT
"""check, report and replay: the verdict, and who is named when something was falsified."""
import json

from support import Case, case, main, run, schema, validate


class Verdict(Case):
    def report(self, lines):
        done = run("check", "--json", self.write_lines(lines))
        return done.returncode, json.loads(done.stdout)

    def falsified(self, number, **keys):
        """Changes the keys of call @number; returns the lines."""
        lines = self.lines()
        calls = [line for line in lines if "call" in line and "vmas" not in line]
        calls[number - 1].update(keys)
        return lines

    def test_match(self):
        done = run("check", case("small.jsonl"))
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout)
        self.assertIn(b": match: 10 calls, 0 mispredicted, 0 outside", done.stdout)

    def test_json(self):
        status, report = self.report(self.lines())
        self.assertEqual(status, 0)
        rule = schema("report.schema.json")
        self.assertEqual(validate(report, rule, rule), [])
        self.assertEqual(report["verdict"], "match")
        self.assertEqual(report["capture"]["by_call"], {"mmap": 4, "mprotect": 2, "munmap": 2, "madvise": 1, "mlock": 1})
        self.assertEqual(report["capture"]["failed"], 1)
        self.assertEqual(report["process"]["argv"], ["small", "--odd\\xff", "\\x5cx41"])
        self.assertEqual([vma["start"] for vma in report["vmas"]],
                         [vma["start"] for vma in self.lines()[-2]["vmas"]])
        self.assertEqual(report["vmas"][1]["born"]["call"], 1)
        self.assertEqual(report["vmas"][1]["born"]["stack"][0], "/bin/small+0x123")
        self.assertEqual(report["vmas"][3]["path"], "/lib/libodd\\xfe.so")
        self.assertEqual(report["vmas"][2]["apart"], {"reason": "flags", "flags": ["dd"]})
        self.assertEqual(report["limits"]["now"], 7)

    def test_same_bytes_each_time(self):
        first, second = (run("check", "--json", case("small.jsonl")).stdout for _ in range(2))
        self.assertEqual(first, second)
        self.assertEqual(run("report", "--json", case("small.jsonl")).stdout, first)
        out = self.path("report.json")
        self.assertEqual(run("write-report", case("small.jsonl"), out).returncode, 0)
        with open(out, "rb") as written:
            self.assertEqual(written.read(), first)

    def test_write_report_removes_the_trace(self):
        self.trace()
        done = run("write-report", self.path("made.vmt"), self.path("r.json"), "--remove-trace")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(run("check", self.path("made.vmt")).returncode, 2)

    def test_argument_falsified(self):
        for number, keys in ((1, {"len": 0x4000}), (6, {"prot": ["r", "w"]}), (7, {"advice": "dontfork"}), (9, {"len": 8192}),
                             (10, {"len": 8192})):
            lines = self.falsified(number, **keys)
            done = run("check", self.write_lines(lines))
            self.assertEqual(done.returncode, 1, (number, keys, done.stdout))
            self.assertIn(b"call %d, " % number, done.stdout)
            status, report = self.report(lines)
            self.assertEqual((status, report["verdict"]), (1, "differ"))
            self.assertGreater(report["prediction"]["mispredicted"], 0)

    def test_result_falsified(self):
        for number, result in ((2, "-EACCES"), (8, "0x7f0000020000"), (9, "-EINVAL")):
            done = run("check", self.write_lines(self.falsified(number, result=result)))
            self.assertEqual(done.returncode, 1, (number, done.stdout))
            self.assertIn(b"first mispredicted: call %d, " % number, done.stdout)

    def test_less_captured_than_asked_for(self):
        """What changed without a recorded call was missed then, and excuses the rest; a wrong prediction alone is one."""
        for mode, verdict in (("full", "differ"), ("libc", "incomplete"), ("plt", "incomplete")):
            lines = self.lines()
            lines[0]["capture"]["mode"] = mode
            self.assertEqual(self.report(lines)[1]["verdict"], "match")
            lines[-2]["vmas"].insert(1, dict(lines[-2]["vmas"][1], start="0x600000", end="0x601000"))
            status, report = self.report(lines)
            self.assertEqual((status, report["verdict"], report["capture"]["outside"]), (1, verdict, 1), mode)
            self.assertEqual((report["incomplete"] or "").startswith("less was captured than asked for"), mode != "full")
            lines = self.falsified(2, result="-EACCES")
            lines[0]["capture"]["mode"] = mode
            self.assertEqual(self.report(lines)[1]["verdict"], "differ", mode)

    def test_snapshot_falsified(self):
        lines = self.lines()
        lines[-2]["vmas"][1]["end"] = "0x7f0000001000"
        status, report = self.report(lines)
        self.assertEqual((status, report["verdict"]), (1, "differ"))
        self.assertTrue(report["checkpoints"][-1]["differences"])
        for difference in report["checkpoints"][-1]["differences"]:
            self.assertTrue(difference["why"])
        rule = schema("report.schema.json")
        self.assertEqual(validate(report, rule, rule), [])

    def test_lost_calls(self):
        lines = self.lines()
        lines[-1]["lost"] = 3
        status, report = self.report(lines)
        self.assertEqual((status, report["verdict"]), (0, "incomplete"))

    def test_recording_stopped(self):
        lines = self.lines()
        lines[-1]["end"] = "stopped"
        status, report = self.report(lines)
        self.assertEqual((status, report["verdict"]), (0, "incomplete"))

    def test_every_form_of_call(self):
        done = run("check", "--json", case("forms.jsonl"))
        self.assertIn(done.returncode, (0, 1), done.stderr)
        rule = schema("report.schema.json")
        self.assertEqual(validate(json.loads(done.stdout), rule, rule), [])


class Commit(Case):
    """A call that is refused for memory: by which limit, if that can be known."""
    GIB = 1 << 30

    def refuse(self, length, flags=(), **limits):
        """What is said of an mmap of @length bytes that failed, after these limits were told."""
        lines = self.lines()[:1] + [
            {"define": "limits", "ipc_lock": False, **limits},
            {"call": "mmap", "addr": "0x100000000000", "len": length, "prot": ["r", "w"],
             "flags": ["private", "anonymous", "fixed", *flags],
             "fd": -1, "offset": 0, "file": None, "result": "-ENOMEM", "thread": 4242, "stack": 0, "time": 1},
            {"end": "exit", "status": 0}]
        report = json.loads(run("check", "--json", self.write_lines(lines)).stdout)
        rule = schema("report.schema.json")
        self.assertEqual(validate(report, rule, rule), [])
        self.assertEqual(report["prediction"]["mispredicted"], 0)
        hidden = [one["hidden"] for one in report["prediction"]["undetermined_calls"]]
        return hidden, report["failures"][0]

    def test_more_than_there_is(self):
        hidden, failure = self.refuse(9 * self.GIB, commit_most=8 * self.GIB)
        self.assertEqual((hidden, failure["cause"], failure["limit"]), ([], "overcommit", 8 * self.GIB))

    def test_less_than_there_is(self):
        for flags, length in ((), 7), (("noreserve",), 9):
            hidden, failure = self.refuse(length * self.GIB, flags, commit_most=8 * self.GIB)
            self.assertEqual((hidden, failure["cause"]), (["memory"], "memory"))

    def test_all_is_granted(self):
        hidden, failure = self.refuse(9 * self.GIB, overcommit=1, commit_most=8 * self.GIB)
        self.assertEqual((hidden, failure["cause"]), (["memory"], "memory"))

    def test_not_told(self):
        for mode in 0, 2:
            hidden, failure = self.refuse(9 * self.GIB, overcommit=mode)
            self.assertEqual((hidden, failure["cause"]), (["commit"], "overcommit"))

    def test_limit(self):
        limits = {"overcommit": 2, "commit_most": 8 * self.GIB, "commit_limit": 4 * self.GIB, "committed": 3 * self.GIB}
        for flags in (), ("noreserve",):
            hidden, failure = self.refuse(self.GIB, flags, **limits)
            self.assertEqual((hidden, failure["cause"], failure["used"], failure["limit"]),
                             ([], "overcommit", 3 * self.GIB, 4 * self.GIB))
        # So near to it that the kernel's own counter may have said otherwise.
        hidden, _ = self.refuse(self.GIB - (40 << 20), **limits)
        self.assertEqual(hidden, [])

    def test_far_from_the_limit(self):
        hidden, failure = self.refuse(self.GIB // 2, overcommit=2, commit_most=8 * self.GIB, commit_limit=4 * self.GIB,
                                      committed=3 * self.GIB)
        self.assertEqual((hidden, failure["cause"]), (["commit"], "overcommit"))


class HugePages(Case):
    def test_default_size(self):
        """MAP_HUGETLB that names no size: as large as the machine's default one is."""
        for told, size in (({}, 2 << 20), ({"huge_page_size": 1 << 30}, 1 << 30)):
            lines = self.lines()[:1] + [
                {"define": "limits", "ipc_lock": False, **told},
                {"call": "mmap", "addr": "0x100000000000", "len": 4096, "prot": ["r"], "fd": -1, "offset": 0, "file": None,
                 "flags": ["private", "anonymous", "fixed", "noreserve", "hugetlb"], "result": "0x100000000000",
                 "thread": 4242, "stack": 0, "time": 1},
                {"end": "exit", "status": 0}]
            report = json.loads(run("check", "--json", self.write_lines(lines)).stdout)
            ends = [int(vma["end"], 16) for vma in report["vmas"] if vma["start"] == "0x100000000000"]
            self.assertEqual(ends, [0x100000000000 + size])


class Text(Case):
    def test_report(self):
        done = run("report", case("small.jsonl"), case("small.jsonl"))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout.count(b"\nMATCH: "), 2)
        for part in (b"max_map_count is 65530", b"flags differ: VM_DONTDUMP", b"libodd\\xfe.so", b"small+0x123"):
            self.assertIn(part, done.stdout)

    def test_one_bad_among_good(self):
        done = run("report", self.path("gone"), case("small.jsonl"))
        self.assertEqual(done.returncode, 2)
        self.one_line(done, "gone")
        self.assertIn(b"MATCH", done.stdout)

    def test_no_control_characters(self):
        lines = self.lines()
        lines[0]["process"]["exe"] = "/bin/\u001b[31mred\n"
        done = run("report", self.write_lines(lines))
        self.assertNotIn(b"\x1b", done.stdout)


class Replay(Case):
    def test_side_by_side(self):
        done = run("replay", case("small.jsonl"), "--kernel=6.1,6.12,7.0")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        rows = done.stdout.decode().splitlines()[2:6]
        self.assertEqual([row.split()[-0 if row.startswith("the") else 0] for row in rows], ["the", "6.1", "6.12", "7.0"])
        self.assertTrue(rows[2].endswith("none"), rows[2])

    def test_merge_of_written_pages(self):
        """6.1 joins a mapping between two written ones with the upper, 6.12 with the lower."""
        header = self.lines()[0]
        header["vmas"], base = [], 0x7f0000000000
        lines = [header]
        for page in (0, 4, 2):
            lines.append({"call": "mmap", "addr": hex(base + page * 4096), "len": 8192, "prot": ["r", "w"],
                          "flags": ["private", "anonymous", "fixed"], "fd": -1, "result": hex(base + page * 4096)})
            lines.append({"touch": hex(base + page * 4096)})
        done = run("replay", self.write_lines(lines[:-1]), "--kernel=6.1,6.12")
        rows = done.stdout.decode().splitlines()[3:]
        self.assertIn("call 3 mmap", rows[0])
        self.assertTrue(rows[1].endswith("none"), rows[1])

    def test_no_release(self):
        for kernels in ("", "six", "6", "6.1,,6.2"):
            done = run("replay", case("small.jsonl"), "--kernel=" + kernels)
            self.assertEqual(done.returncode, 2, kernels)
            self.one_line(done, "no release")


class Without(Case):
    """The same trace without a kind of call."""
    BASE = 0x7f0000000000

    def race(self, calls, *wishes):
        header = self.lines()[0]
        header["vmas"] = []
        header["rules"] = sorted(set(header["rules"]) | {"anon-vma-name"})
        end = {"end": "exit", "status": 0, "calls": sum("call" in line for line in calls), "lost": 0, "why": ""}
        done = run("replay", "--json", *["--without=" + wish for wish in wishes], self.write_lines([header, *calls, end]))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return [(lane["vmas"], lane["peak"], lane["left_out"]) for lane in json.loads(done.stdout)["lanes"]]

    def call(self, name, page, pages, **more):
        return {"call": name, "addr": hex(self.BASE + page * 4096), "len": pages * 4096, "result": 0, **more}

    def mmap(self, page, pages, prot=("r", "w"), flags=("private", "anonymous", "fixed")):
        return self.call("mmap", page, pages, prot=list(prot), flags=list(flags), fd=-1,
                         result=hex(self.BASE + page * 4096))

    def test_names(self):
        name = {"call": "prctl", "op": "set_vma", "arg2": "0x0", "arg3": hex(self.BASE + 2 * 4096), "arg4": "0x2000",
                "arg5": "0x1234", "name": 1, "result": 0}
        calls = [self.mmap(0, 8), {"define": "name", "id": 1, "text": "block"}, name]
        self.assertEqual(self.race(calls, "names"), [(3, 3, 0), (1, 1, 1)])

    def test_kinds(self):
        area = self.mmap(0, 8)
        rows = {
            "dontdump": [area, self.call("madvise", 2, 2, advice="dontdump")],
            "hugepage": [area, self.call("madvise", 2, 2, advice="nohugepage")],
            "dontfork": [area, self.call("madvise", 2, 2, advice="dontfork")],
            "readahead": [area, self.call("madvise", 2, 2, advice="random")],
            "mlock": [area, self.call("mlock", 2, 2)],
            "mprotect": [area, self.call("mprotect", 2, 2, prot=["r"])],
            "guards": [area, self.call("mprotect", 2, 2, prot=[])],
            "decommit": [area, self.mmap(2, 2, (), ("private", "anonymous", "fixed", "noreserve"))],
            "mseal": [area, self.call("mseal", 2, 2, flags="0x0")],
        }
        for wish, calls in rows.items():
            with self.subTest(wish):
                self.assertEqual(self.race(calls, wish), [(3, 3, 0), (1, 1, 1)])

    def test_flag_of_mmap(self):
        locked = self.mmap(2, 2, flags=("private", "anonymous", "fixed", "locked"))
        self.assertEqual(self.race([self.mmap(0, 2), locked], "mlock"), [(2, 2, 0), (1, 1, 0)])

    def test_stack_reserved_then_opened(self):
        calls = [self.mmap(0, 8, ()), self.call("mprotect", 1, 7, prot=["r", "w"])]
        self.assertEqual(self.race(calls, "guards"), [(2, 2, 0), (1, 1, 0)])

    def test_a_large_inaccessible_range_is_no_guard(self):
        calls = [self.mmap(0, 64), self.call("mprotect", 8, 32, prot=[])]
        self.assertEqual(self.race(calls, "guards"), [(3, 3, 0), (3, 3, 0)])

    def test_others_stay(self):
        calls = [self.mmap(0, 8), self.call("madvise", 2, 2, advice="dontdump"), self.call("mlock", 5, 1)]
        self.assertEqual(self.race(calls, "dontdump", "mlock", "dontdump,mlock"),
                         [(5, 5, 0), (3, 3, 1), (3, 3, 1), (1, 1, 2)])

    def test_unknown(self):
        for wish in ("", "nonsense", "names,", "names,nonsense"):
            done = run("replay", case("small.jsonl"), "--without=" + wish)
            self.assertEqual(done.returncode, 2, wish)
            self.one_line(done, "--without=" + wish)


if __name__ == "__main__":
    main()
