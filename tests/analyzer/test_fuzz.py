# SPDX-License-Identifier: MIT
"""conform and fuzz: calls made for real, against the model with the right rules and with wrong ones."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from support import VMASCOPE, Case, main, run, schema, validate

BASE = 0x580000000000
HEADER = {"vmascope": "calls/1", "kernel": "any", "page_size": 4096, "vmas": []}


def page(number):
    return "0x%x" % (BASE + number * 4096)


def mmap(first, pages, prot="rw", result=None, **more):
    return {"call": "mmap", "addr": page(first), "len": pages * 4096, "prot": list(prot),
            "flags": ["private", "fixed", "anonymous", "noreserve"], "fd": -1, "offset": 0, "file": None,
            "result": result or page(first), **more}


def on_range(name, first, pages, **more):
    return {"call": name, "addr": page(first), "len": pages * 4096, "result": 0, **more}


def write(number, **more):
    return {"touch": page(number), "len": 1, "write": True, "force": False, "result": 0, **more}


def rules():
    """Those of the running kernel."""
    return {each["name"] for each in json.loads(run("kernel", "--json").stdout)["rules"] if each["holds"]}


class Conform(Case):
    def conform(self, lines, *options):
        return run("conform", self.write_lines([HEADER, *lines]), *options)

    def test_same(self):
        done = self.conform([mmap(0, 3), write(1), on_range("mprotect", 1, 1, prot=["r"]), on_range("munmap", 0, 1)])
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"same: 4 steps, 2 VMAs", done.stdout)

    def test_errors_are_results(self):
        done = self.conform([on_range("mprotect", 5, 1, prot=["r"], result="-ENOMEM"), on_range("munmap", 0, 0),
                             on_range("mlock", 3, 2), on_range("madvise", 0, 1, advice="0x4d")])
        self.assertEqual(done.returncode, 0, done)

    def test_threads_forks_and_limits(self):
        done = self.conform([mmap(0, 4), write(0), mmap(4, 2, thread=1), {"fork": 1},
                             on_range("munmap", 1, 1, process=1), write(2, process=1), on_range("mprotect", 0, 1, prot=[]),
                             {"define": "limits", "max_map_count": 3}, on_range("munmap", 2, 1),
                             {"define": "limits", "memlock": 4096, "ipc_lock": False}])
        self.assertEqual(done.returncode, 0, done)

    def test_first_difference_is_named(self):
        mine = rules()
        lines = [mmap(0, 2), write(0), mmap(4, 2), write(4), mmap(2, 2)]
        wrong = mine ^ {"new-merge-prev-first"}
        done = self.conform(lines, "--rules=" + " ".join(wrong))
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"line 6, step 5: mmap(", done.stdout)
        self.assertEqual(self.conform(lines, "--rules=" + " ".join(mine)).returncode, 0)

    def test_what_was_recorded(self):
        out = self.path("true.vmt")
        self.assertEqual(run("record", "-o", out, "--", "/bin/true").returncode, 0)
        lines = self.path("true.jsonl")
        self.assertEqual(run("export", out, "--format=jsonl", "-o", lines).returncode, 0)
        done = run("conform", lines)
        self.assertEqual(done.returncode, 0, done)

    def test_bad_input(self):
        for text, part in (("", "line 1"), ("{}\n", "first line"), ("[1]\n", "no JSON object"),
                           (json.dumps(HEADER) + "\n{\"call\":\"mmapp\"}\n", "line 2"),
                           (json.dumps(HEADER) + "\n{\"touch\":\"zero\"}\n", "line 2"),
                           (json.dumps(HEADER) + 2 * "\n{\"touch\":4096,\"len\":200000000}", "line 3: touches"),
                           (json.dumps(HEADER) + "\n{\"fork\":9}\n", "line 2")):
            done = run("conform", self.write("bad.jsonl", text))
            self.assertEqual(done.returncode, 2, (text, done))
            self.one_line(done, part)
        self.one_line(run("conform", self.path("nowhere")), "can't open")
        self.assertEqual(run("conform").returncode, 2)

    def test_a_process_that_is_not_there(self):
        done = self.conform([mmap(0, 1, process=2)])
        self.assertEqual(done.returncode, 2, done)
        self.one_line(done, "process")


def kill_a_child(pid):
    """One of the processes that @pid has made; 0: there was none."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as text:
            os.kill(int(text.read().split()[-1]), signal.SIGKILL)  # the first is what others are copied from
        return 1
    except (OSError, IndexError):
        return 0


class Fuzz(Case):
    # Each as if one release had it otherwise; and the calls at most that show it.
    WRONG = (("new-merge-prev-first", 8), ("mprotect-unaccount", 3), ("map-stack-nohugepage", 2), ("anon-vma-merge-fix", 6))

    def test_a_wrong_rule_is_found_and_shrunk(self):
        mine = rules()
        for rule, most in self.WRONG:
            prefix = self.path(rule)
            wrong = "--rules=" + " ".join(sorted(mine ^ {rule}))
            done = run("fuzz", "--seed", "1", "--calls", "60000", "--most", "1", "--shrink", "-o", prefix, wrong)
            self.assertEqual(done.returncode, 1, (rule, done))
            found = [name for name in os.listdir(self.folder.name) if name.startswith(rule + "-")]
            self.assertEqual(len(found), 2, (rule, done))
            stem = os.path.join(self.folder.name, found[0].rsplit(".", 1)[0])
            self.check_lines(stem + ".jsonl", most, wrong)
            self.check_program(stem + ".c")

    def check_lines(self, path, most, wrong):
        with open(path) as text:
            lines = [json.loads(line) for line in text]
        self.assertLessEqual(len(lines) - 1, most, lines)
        rule = schema("calls.schema.json")
        for line in lines:
            self.assertEqual(validate(line, rule, rule), [], line)
        self.assertEqual(run("conform", path, wrong).returncode, 1)
        self.assertEqual(run("conform", path).returncode, 0)

    def check_program(self, path):
        compiler = shutil.which("cc")
        if not compiler:
            return
        program = path[:-2]
        subprocess.run([compiler, "-Wall", "-Werror", "-o", program, path], check=True)
        done = subprocess.run([program], capture_output=True, timeout=20, check=True)
        self.assertIn(b"VmFlags:", done.stdout)
        self.assertNotIn(b"not so", done.stdout)

    def test_a_process_that_is_killed_is_no_difference(self):
        # As a machine without memory does it.
        with subprocess.Popen([VMASCOPE, "fuzz", "--seed", "50", "--calls", "100000", "--most", "1"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as hunt:
            killed = 0
            while killed < 12 and hunt.poll() is None:
                time.sleep(0.2)
                killed += kill_a_child(hunt.pid)
            out, said = hunt.communicate()
        self.assertIn(b" 0 differences", out)
        self.assertRegex(out, rb"\n?fuzz: [0-9]+ times a process was killed or had no time")
        self.assertIn(b"out of memory?", said)

    def test_the_same_seed_is_the_same(self):
        one, two = (run("fuzz", "--seed", "3", "--calls", "500") for _ in range(2))
        self.assertEqual(one.stdout, two.stdout)

    def test_jobs(self):
        done = run("fuzz", "--seed", "7", "--calls", "2000", "--jobs", "3")
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, rb"^fuzz: seeds 7 to [0-9]+, [0-9]+ steps, [0-9]+ calls, 0 differences;")
        # One wrong rule, and each that finds it tells so by itself.
        wrong = "--rules=" + " ".join(sorted(rules() ^ {"mprotect-unaccount"}))
        done = run("fuzz", "--calls", "1000000", "--jobs", "3", "--most", "3", "-o", self.path("found"), wrong)
        self.assertEqual(done.returncode, 1, done)
        seeds = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(b"seed ")]
        self.assertGreaterEqual(len(seeds), 3, done)
        self.assertEqual(len(seeds), len(set(seeds)))

    def test_what_is_touched_is_asked(self):
        done = run("fuzz", "--ask", "--calls", "4000")
        self.assertEqual(done.returncode, 0, done)
        said = re.search(rb"^fuzz: ([0-9]+) questions; ([0-9]+) calls hung", done.stdout, re.M)
        self.assertGreater(int(said[1]), 100)
        self.assertLessEqual(int(said[2]), 1)
        # A mapping over the end of one and the beginning of another: both had to be asked.
        for seed in ("1191", "1257"):
            done = run("fuzz", "--ask", "--seed", seed, "--calls", "1")
            self.assertEqual(done.returncode, 0, done)

    def test_options(self):
        self.assertEqual(run("fuzz", "--help").returncode, 0)
        for options in (["--seed", "x"], ["--jobs", "many"], ["--calls"], ["--rules=no-such-rule"], ["more"]):
            done = run("fuzz", *options)
            self.assertEqual(done.returncode, 2)
            self.one_line(done)


if __name__ == "__main__":
    probe = run("fuzz", "--calls", "1")
    if probe.returncode == 2:
        print(probe.stderr.decode())
        sys.exit(77)
    main()
