# SPDX-License-Identifier: MIT
"""Situations that people brought, rebuilt as small programs: the report's first ten lines must have the answer."""
import json
import os
import re
import subprocess

from support import VMASCOPE, Case, main, run, schema, validate

SITUATIONS = os.environ["SITUATIONS"]
MIB = 1 << 20
MAX_MAP_COUNT = int(open("/proc/sys/vm/max_map_count").read())


def is_open_to_all(path):
    """Can any user come to the file? A checkout below /root is root's alone."""
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True


class Situation(Case):
    def record(self, *args, limits=(), user=None):
        """The trace of a situation, run with @limits in the words of prlimit(1), which the command itself is not to have."""
        os.chmod(self.folder.name, 0o777)
        trace = self.path(args[0] + ".vmt")
        pattern = self.path("%e.vmt") if limits else trace
        command = ["prlimit", *limits, SITUATIONS] if limits else [SITUATIONS]
        done = subprocess.run([VMASCOPE, "record", "-o", pattern, "--", *command, *args], cwd=self.folder.name,
                              user=user, capture_output=True, timeout=120)
        if done.returncode == 77:
            self.skipTest("not on this kernel")
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.path("situations.vmt") if limits else trace

    def report(self, *args, **kwargs):
        """The first ten lines, and the whole as an object."""
        trace = self.record(*args, **kwargs)
        text, data = run("report", trace), run("report", "--json", trace)
        self.assertEqual((text.returncode, text.stderr, data.returncode), (0, b"", 0))
        rule, found = schema("report.schema.json"), json.loads(data.stdout)
        self.assertEqual(validate(found, rule, rule), [])
        self.assertEqual(found["verdict"], "match", text.stdout.decode())
        lines = re.sub(r" \(situations\.c:\d+\)", "", text.stdout.decode()).splitlines()
        return "\n".join(lines[:10]), found

    def has(self, text, *parts):
        for part in parts:
            self.assertIn(part, text)


class Exhausted(Situation):
    """Programs that run into max_map_count."""

    def setUp(self):
        super().setUp()
        if MAX_MAP_COUNT > 70000:
            self.skipTest("max_map_count is raised")

    def test_heap_shredded_by_dontdump(self):
        text, found = self.report("dontdump", "40000")
        self.has(text, "%d at most" % MAX_MAP_COUNT, "100.0 %", "decommit < dontdump < main -EAGAIN",
                 "max_map_count: %d VMAs of %d" % (MAX_MAP_COUNT, MAX_MAP_COUNT),
                 "16 KiB rw-p + 16 KiB rw-p (dd), ", "neighbours are two, flags differ: VM_DONTDUMP")
        worst = found["answer"]["apart"][0]
        self.assertEqual((worst["reason"], worst["flags"]), ("flags", ["dd"]))
        self.assertGreater(worst["pairs"], MAX_MAP_COUNT - 200)
        self.assertLess(worst["vmas_without"], 200)
        self.assertEqual([(one["cause"], one["errno"]) for one in found["failures"]], [("max_map_count", "EAGAIN")])
        trace = self.path("dontdump.vmt")
        hint = re.search(r"vmascope why (\S.*\S) (0x[0-9a-f]+) (--at=\d+)\n", run("report", trace).stdout.decode())
        done = run("why", hint[1], hint[2], hint[3])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.decode(), r"split \d{5} times more from there")

    def test_guard_pages_of_fibers(self):
        text, found = self.report("fibers", "40000")
        self.has(text, "fiber_new < fibers < main -ENOMEM", "max_map_count: ", "60 KiB", "rw-p + 4 KiB ---p, 32",
                 "flags differ: VM_READ VM_WRITE")
        # one more is possible: mmap asks whether there are more than the limit before it adds its own
        self.assertIn(found["answer"]["vmas"], (MAX_MAP_COUNT, MAX_MAP_COUNT + 1))
        self.assertGreater(found["answer"]["patterns"][0]["times"], 32000)
        self.assertEqual(found["growth"][-1]["vmas"] > 60000, True)


class Repeats(Situation):
    def test_offsets_that_do_not_follow(self):
        text, found = self.report("pgoff", "3000")
        self.has(text, "by mmap  ", "map_chunk < pgoff < main", "4 KiB r--s /memfd:chunks (deleted), 3000 times",
                 "2999 neighbours are two, pgoff differs")
        self.assertEqual(found["answer"]["apart"][0]["pairs"], 2999)
        self.assertEqual(found["deleted"], [])

    def test_jemalloc_decommit(self):
        text, _ = self.report("jemalloc", "3000")
        self.has(text, "84 KiB rw-p + 8 KiB ---p, 3000 times: 6000 VMAs", "pages_decommit < jemalloc < main")

    def test_names(self):
        text, found = self.report("names", "500")
        self.has(text, "name differs", "name_block < names")
        self.assertLess(found["answer"]["apart"][0]["vmas_without"], 100)

    def test_every_other_page_locked(self):
        text, _ = self.report("mlocks", "300")
        self.has(text, "lock_page < mlocks < main", "flags differ: VM_LOCKED", "4 KiB rw-p (lo) + ")

    def test_huge_pages_here_and_there(self):
        text, _ = self.report("hugepage", "500")
        self.has(text, "no_huge < hugepage < main", "flags differ: VM_NOHUGEPAGE",
                 "64 KiB rw-p (nh) + 64 KiB rw-p, 500 times")

    def test_deleted_files(self):
        text, found = self.report("deleted", "30")
        row, = found["deleted"]
        self.assertEqual((row["vmas"], row["files"], row["bytes"]), (30, 30, 30 * 4096))
        self.assertTrue(row["name"].endswith("/segment-#.dvd (deleted)"), row)
        self.assertGreaterEqual(row["oldest"], row["newest"])
        self.has(text, "file differs", "open_segment < deleted < main")


class Refused(Situation):
    """Each limit is told from the others."""

    def refused(self, name, cause, errno, **kwargs):
        text, found = self.report(name, **kwargs)
        mine = [one for one in found["failures"] if "situations" in (one["site"]["caller"] or "")]
        self.assertEqual([(one["cause"], one["errno"], one["also"]) for one in mine], [(cause, errno, [])], found["failures"])
        return text, mine[0]

    def test_address_space_limit(self):
        text, one = self.refused("over_as", "RLIMIT_AS", "ENOMEM", limits=["--as=%d" % (1024 * MIB)])
        self.has(text, "RLIMIT_AS: ", "used of 1 GiB, 2 GiB more wanted")
        self.assertEqual((one["limit"], one["wanted"]), (1024 * MIB, 2048 * MIB))

    def test_limit_that_the_program_lowered(self):
        self.refused("over_own_limit", "RLIMIT_AS", "ENOMEM")

    def test_data_limit(self):
        text, _ = self.refused("over_data", "RLIMIT_DATA", "ENOMEM", limits=["--data=%d" % (64 * MIB)])
        self.has(text, "RLIMIT_DATA: ", "used of 64 MiB, 128 MiB more wanted")

    def test_locked_limit(self):
        user = 65534 if os.geteuid() == 0 else None
        if user and not is_open_to_all(os.path.realpath(VMASCOPE)):
            self.skipTest("the command lies where other users can't run it")
        text, _ = self.refused("over_memlock", "RLIMIT_MEMLOCK", "ENOMEM", limits=["--memlock=%d" % MIB],
                               user=user)
        self.has(text, "RLIMIT_MEMLOCK: 0 B used of 1 MiB, 2 MiB more wanted")

    def test_heap_limit(self):
        self.refused("over_heap", "RLIMIT_DATA", None, limits=["--data=%d" % (48 * MIB)])

    def test_both_limits(self):
        limits = ["--as=%d" % (128 * MIB), "--data=%d" % (64 * MIB)]
        _, found = self.report("over_data", limits=limits)
        one, = [one for one in found["failures"] if "situations" in (one["site"]["caller"] or "")]
        self.assertEqual((one["cause"], one["also"]), ("RLIMIT_AS", ["RLIMIT_DATA"]))

    def test_no_room(self):
        self.refused("over_space", "address-space", "ENOMEM")

    def test_overcommit(self):
        if open("/proc/sys/vm/overcommit_memory").read().strip() == "1":
            self.skipTest("everything is granted")
        self.refused("over_commit", "overcommit", "ENOMEM")

    def test_others(self):
        for name, cause, errno in (("misaligned", "alignment", "EINVAL"), ("hole", "unmapped", "ENOMEM"),
                                   ("occupied", "occupied", "EEXIST"),
                                   ("in_the_way", "occupied", "ENOMEM"),
                                   ("no_huge_pages", "huge-pages", "ENOMEM"),
                                   ("rights", "rights", "EACCES"),
                                   ("sealed", "sealed", "EPERM")):
            with self.subTest(name):
                self.refused(name, cause, errno)


class Diff(Situation):
    def setUp(self):
        super().setUp()
        self.before = self.record("mlocks", "50")
        os.rename(self.before, self.path("before.vmt"))
        self.after = self.record("mlocks", "80")
        self.other = self.record("hugepage", "50")

    def diff(self, *traces):
        text, data = run("diff", *traces), run("diff", "--json", *traces)
        self.assertEqual((text.returncode, text.stderr, data.returncode), (0, b"", 0))
        return text.stdout.decode(), json.loads(data.stdout)

    def row(self, found, table, *parts):
        """The counts of the one row with all @parts in its name."""
        row, = [row for row in found[table] if all(part in row["name"] for part in parts)]
        return row["first"], row["second"]

    def test_more_of_the_same(self):
        text, found = self.diff(self.path("before.vmt"), self.after)
        self.assertEqual(found["second"]["peak"] - found["first"]["peak"], 60)
        self.assertEqual(self.row(found, "sites", "mlock", "lock_page"), (99, 159))
        self.assertEqual(self.row(found, "reasons", "VM_LOCKED"), (99, 159))
        self.assertEqual(self.row(found, "callers", "mlock", "lock_page"), (50, 80))
        self.assertEqual(self.row(found, "calls", "mlock"), (50, 80))
        self.has(text, "99        159        +60  mlock  lock_page < mlocks < main")

    def test_something_else(self):
        _, found = self.diff(self.after, self.other)
        self.assertEqual(self.row(found, "sites", "mlock", "lock_page"), (159, 0))
        self.assertEqual(self.row(found, "sites", "madvise", "no_huge"), (0, 99))

    def test_the_same(self):
        text, found = self.diff(self.after, self.after)
        self.assertNotIn("change\n         ", text.split("merges")[1])
        self.assertTrue(all(row["first"] == row["second"] for row in found["sites"] + found["kinds"]))

    def test_refused(self):
        for traces in ([self.after], [self.after, self.path("gone")], [self.after] * 3):
            done = run("diff", *traces)
            self.assertEqual((done.returncode, done.stdout), (2, b""), traces)
            self.one_line(done)


class Tree(Situation):
    def test_several_processes(self):
        traces = [self.record("mlocks", "50"), self.record("hugepage", "50")]
        done = run("report", *traces)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.has(done.stdout.decode(), "2 processes\n", "lock_page", "no_huge")
        found = json.loads(run("report", "--json", *traces).stdout)
        self.assertEqual(found["schema"], "vmascope.reports/1")
        self.assertEqual(len(found["reports"]), 2)


if __name__ == "__main__":
    main()
