# SPDX-License-Identifier: MIT
"""kernel: every rule has a finding and its evidence, the same each time."""
import json
import os

from support import Case, main, run


class Kernel(Case):
    def test_json(self):
        done = run("kernel", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        found = json.loads(done.stdout)
        self.assertEqual(found["schema"], "vmascope.kernel/1")
        self.assertEqual(found["kernel"], os.uname().release)
        names = [rule["name"] for rule in found["rules"]]
        self.assertEqual(len(names), len(set(names)))
        for rule in found["rules"]:
            self.assertIn(rule["source"], ("experiment", "release", "default"))
            self.assertTrue(rule["evidence"])
            if rule["source"] != "experiment":
                self.assertEqual(rule["holds"], rule["by_release"])

    def test_the_same_again(self):
        self.assertEqual(run("kernel", "--json").stdout, run("kernel", "--json").stdout)

    def test_text(self):
        done = run("kernel")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"mprotect-unaccount", done.stdout)

    def test_no_arguments(self):
        done = run("kernel", "6.12")
        self.assertEqual(done.returncode, 2)
        self.one_line(done, "no arguments")


if __name__ == "__main__":
    main()
