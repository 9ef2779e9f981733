# SPDX-License-Identifier: MIT
"""top and record --snapshot-at: a program is watched while it runs."""
import json
import os
import re
import subprocess
import time

from support import VMASCOPE, Case, case, main, run
from test_answers import MAX_MAP_COUNT, SITUATIONS, Situation


class Top(Situation):
    def test_ended_program(self):
        trace = self.record("mlocks", "50")
        done = run("top", trace)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = done.stdout.decode()
        self.assertIn(", ended  calls 51 ", text)
        self.assertRegex(text, r"(?m)^ +99 +\+99  mlock  situations\+0x[0-9a-f]+ lock_page .*< mlocks < main$")
        self.assertEqual(text.count("held by"), 1)
        self.assertNotIn("\x1b", text)

    def test_running_program(self):
        """Frames come while it runs, and the counts grow."""
        trace = self.path("slow.vmt")
        child = subprocess.Popen([VMASCOPE, "record", "-o", trace, "--", SITUATIONS, "slowly", "60"])
        try:
            for _ in range(500):
                if os.path.exists(trace):
                    break
                time.sleep(0.01)
            done = run("top", "--interval=0.1", trace)
        finally:
            self.assertEqual(child.wait(60), 0)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        counts = [int(count) for count in re.findall(r"(?m)^VMAs (\d+) ", done.stdout.decode())]
        self.assertGreater(len(counts), 3)
        self.assertEqual(counts, sorted(counts))
        self.assertGreater(counts[-1], counts[0])
        self.assertRegex(done.stdout.decode().splitlines()[-1] + done.stdout.decode(), ", ended")

    def test_frames(self):
        done = run("top", "--frames=1", self.record("mlocks", "5"))
        self.assertEqual(done.stdout.count(b"held by"), 1)

    def test_refused(self):
        for args in ([], [self.path("gone")], [self.folder.name], ["--interval=0", "x"], ["--interval=soon", "x"],
                     [self.write("other", b"x" * 9000)]):
            done = run("top", *args)
            self.assertEqual(done.returncode, 2, args)
            self.one_line(done)


class SnapshotAt(Situation):
    def recorded(self, *args):
        done = subprocess.run([VMASCOPE, "record", *args], cwd=self.folder.name, capture_output=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        return sorted(os.listdir(self.folder.name))

    def report(self, name):
        with open(self.path(name)) as text:
            return json.load(text) if name.endswith(".json") else text.read()

    def test_many(self):
        share = 1 + 100 * 200 // MAX_MAP_COUNT
        files = self.recorded("-o", "t.vmt", "--snapshot-at=%d%%" % share, "--", SITUATIONS, "mlocks",
                              str(share * MAX_MAP_COUNT // 100))
        self.assertEqual(files, ["t.vmt", "t.vmt.many.json", "t.vmt.many.txt"])
        found = self.report("t.vmt.many.json")
        wanted = -(-share * MAX_MAP_COUNT // 100)
        self.assertIn(found["answer"]["vmas"] - wanted, (0, 1))
        self.assertEqual(found["verdict"], "incomplete")
        self.assertIn("lock_page", self.report("t.vmt.many.txt"))

    def test_enomem(self):
        files = self.recorded("-o", "t.vmt", "--snapshot-at=99%", "--", SITUATIONS, "hole")
        self.assertEqual(files, ["t.vmt", "t.vmt.enomem.json", "t.vmt.enomem.txt"])
        self.assertEqual([one["cause"] for one in self.report("t.vmt.enomem.json")["failures"]], ["unmapped"])

    def test_nothing_to_tell(self):
        self.assertEqual(self.recorded("-o", "t.vmt", "--snapshot-at=99", "--", SITUATIONS, "mlocks", "3"), ["t.vmt"])

    def test_while_it_runs(self):
        """The report is there before the program has ended."""
        child = subprocess.Popen([VMASCOPE, "record", "-o", "t.vmt", "--snapshot-at=1%", "--", SITUATIONS, "slowly", "40",
                                  str(MAX_MAP_COUNT // 100)], cwd=self.folder.name)
        try:
            for _ in range(1000):
                if os.path.exists(self.path("t.vmt.many.json")):
                    break
                time.sleep(0.01)
            self.assertIsNone(child.poll())
        finally:
            self.assertEqual(child.wait(60), 0)
        self.report("t.vmt.many.json")

    def test_without_a_trace(self):
        self.assertEqual(self.recorded("--report=r.json", "--snapshot-at=50%", "--", SITUATIONS, "hole"),
                         ["r.json", "r.json.enomem.json", "r.json.enomem.txt"])

    def test_refused(self):
        for share in ("0%", "101%", "", "many", "-5", "50%%"):
            done = run("record", "--snapshot-at=" + share, "--", "true")
            self.assertEqual(done.returncode, 125, share)
            self.one_line(done, "--snapshot-at")


if __name__ == "__main__":
    main()
