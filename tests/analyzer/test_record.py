# SPDX-License-Identifier: MIT
"""record: the command's own way to end, what is left behind, and what is said when nothing could be recorded."""
import json
import os
import shutil
import signal
import stat
import subprocess
import sys

from support import VMASCOPE, Case, main, schema, validate

LIBRARY = os.path.join(os.path.dirname(os.path.dirname(VMASCOPE)), "lib", "vmascope", "libvmascope.so")


class Record(Case):
    def setUp(self):
        super().setUp()
        self.environment = dict(os.environ, XDG_CACHE_HOME=self.path("cache"), TMPDIR=self.path("tmp"))
        os.mkdir(self.path("tmp"))
        os.mkdir(self.path("cache"))

    def record(self, *args, **kwargs):
        kwargs.setdefault("cwd", self.folder.name)
        return subprocess.run([VMASCOPE, "record", *args], capture_output=True, timeout=60,
                              env=kwargs.pop("env", self.environment), **kwargs)

    def left(self):
        """Files in the folder, but for those that each test has."""
        return sorted(set(os.listdir(self.folder.name)) - {"cache", "tmp"})


class WithoutLibrary(Record):
    """The command alone, where no library is."""

    def setUp(self):
        super().setUp()
        self.alone = os.path.join(self.path("alone"), "bin")
        os.makedirs(self.alone)
        shutil.copy(VMASCOPE, self.alone)

    def test_says_so(self):
        done = subprocess.run([os.path.join(self.alone, "vmascope"), "record", "--", "true"], capture_output=True,
                              timeout=60, env=self.environment, cwd=self.folder.name)
        self.assertEqual(done.returncode, 125)
        self.one_line(done, "libvmascope.so", "install")
        self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_library_that_is_none(self):
        """ld.so passes over what it can't load: the program runs, and one line says that nothing was recorded."""
        place = os.path.join(self.path("alone"), "lib", "x86_64-linux-gnu", "vmascope")
        os.makedirs(place)
        with open(os.path.join(place, "libvmascope.so"), "wb"):
            pass
        shutil.rmtree(self.path("alone") + "x", ignore_errors=True)
        plain = "/tmp/vmascope-test-%d" % os.getpid()
        shutil.copytree(self.path("alone"), plain)
        self.addCleanup(shutil.rmtree, plain)
        done = subprocess.run([plain + "/bin/vmascope", "record", "--report=r.json", "--", "sh", "-c", "echo out; exit 7"],
                              capture_output=True, timeout=60, env=self.environment, cwd=self.folder.name)
        self.assertEqual((done.returncode, done.stdout), (7, b"out\n"))
        self.assertIn(b"vmascope: record: nothing was recorded", done.stderr)
        self.assertEqual(os.listdir(self.path("tmp")), [])
        self.assertNotIn("r.json", self.left())

    def test_blank_in_the_path(self):
        place = os.path.join(self.alone, "libvmascope.so")
        with open(place, "wb"):
            pass
        done = subprocess.run([os.path.join(self.alone, "vmascope"), "record", "true"], capture_output=True, timeout=60,
                              env=self.environment, cwd=self.folder.name)
        self.assertEqual(done.returncode, 125)
        self.one_line(done, "blank or colon")


class Usage(Record):
    def test_bad_options(self):
        for args in (["--check=always", "true"], ["--capture=all", "true"], ["--stacks=1", "true"],
                     ["--follow", "true"], ["--nonsense", "true"], ["-o", "", "true"], ["-o"], []):
            done = self.record(*args)
            self.assertEqual(done.returncode, 125, args)
            self.one_line(done, "record: ")
            self.assertEqual(self.left(), [])


class Run(Record):
    def setUp(self):
        super().setUp()
        if not os.path.exists(LIBRARY):
            self.skipTest("no library in this build")

    def test_status(self):
        for status in (0, 1, 42, 125, 255):
            self.assertEqual(self.record("--", "sh", "-c", "exit %d" % status).returncode, status)

    def test_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT):
            done = self.record("--", "sh", "-c", "kill -%d $$" % number)
            self.assertEqual(done.returncode, -number)

    def test_not_found(self):
        done = self.record("--", "no-such-command")
        self.assertEqual(done.returncode, 127)
        self.one_line(done, "no-such-command", "not found")
        self.assertEqual((self.left(), os.listdir(self.path("tmp"))), ([], []))

    def test_not_executable(self):
        done = self.record("--", self.write("plain", "text"))
        self.assertEqual(done.returncode, 126)
        self.one_line(done, "plain")

    def test_streams(self):
        done = self.record("--", "cat", input=b"\x00in\xff")
        self.assertEqual((done.stdout, done.stderr), (b"\x00in\xff", b""))
        done = self.record("--", "sh", "-c", "echo err >&2")
        self.assertEqual((done.stdout, done.stderr), (b"", b"err\n"))

    def test_report_alone_leaves_no_trace(self):
        done = self.record("--report=r.json", "--", "true")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual((self.left(), os.listdir(self.path("tmp"))), (["r.json"], []))
        with open(self.path("r.json")) as text:
            report = json.load(text)
        rule = schema("report.schema.json")
        self.assertEqual(validate(report, rule, rule), [])
        self.assertEqual(report["process"]["rules_source"], "experiment")
        self.assertEqual(report["process"]["ended"], "exit")

    def test_trace_and_report_say_the_same(self):
        self.record("-o", "t.vmt", "--report=r.json", "--", "ls", "/")
        self.assertEqual(self.left(), ["r.json", "t.vmt"])
        checked = subprocess.run([VMASCOPE, "check", "--json", self.path("t.vmt")], capture_output=True, timeout=60)
        with open(self.path("r.json"), "rb") as report:
            self.assertEqual(report.read(), checked.stdout)

    def test_default_name(self):
        self.record("--", "true")
        self.assertRegex(" ".join(self.left()), r"^vmascope\.true\.\d+\.vmt$")

    def test_earlier_files(self):
        self.write("t.vmt", "old")
        self.assertEqual(self.record("-o", "t.vmt", "--", "true").returncode, 0)
        with open(self.path("t.vmt"), "rb") as trace:
            self.assertEqual(trace.read(8), b"vmascope")

    def test_symlink_is_refused(self):
        victim = self.write("victim", "mine")
        os.symlink(victim, self.path("t.vmt"))
        done = self.record("-o", "t.vmt", "--", "true")
        self.assertEqual(done.returncode, 125)
        self.one_line(done, "t.vmt", "name another")
        with open(victim) as text:
            self.assertEqual(text.read(), "mine")

    def test_killed_command_has_a_report(self):
        done = self.record("--report=r.json", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
        self.assertEqual(done.returncode, -signal.SIGKILL)
        with open(self.path("r.json")) as text:
            self.assertIn(json.load(text)["verdict"], ("incomplete", "match"))

    def test_no_core_of_ours(self):
        done = self.record("--", "sh", "-c", "ulimit -c 0; kill -ABRT $$")
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertFalse([name for name in self.left() if name.startswith("core")])

    def test_term_is_passed_on(self):
        with subprocess.Popen([VMASCOPE, "record", "-o", "t.vmt", "--", "sh", "-c",
                               "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"],
                              stdout=subprocess.PIPE, env=self.environment, cwd=self.folder.name) as command:
            command.stdout.readline()
            command.send_signal(signal.SIGTERM)
            self.assertEqual(command.wait(timeout=30), 9)

    def test_interrupt_is_the_commands(self):
        with subprocess.Popen([VMASCOPE, "record", "-o", "t.vmt", "--", "sh", "-c",
                               "trap 'exit 8' INT; echo ready; while :; do sleep 0.05; done"],
                              stdout=subprocess.PIPE, env=self.environment, cwd=self.folder.name,
                              start_new_session=True) as command:
            command.stdout.readline()
            os.killpg(command.pid, signal.SIGINT)
            self.assertEqual(command.wait(timeout=30), 8)

    def test_other_preloads_stay(self):
        environment = dict(self.environment, LD_PRELOAD="/nonexistent/other.so")
        done = self.record("--", "sh", "-c", "echo $LD_PRELOAD", env=environment)
        self.assertTrue(done.stdout.decode().strip().endswith(":/nonexistent/other.so"), done.stdout)


class Cache(Record):
    def setUp(self):
        super().setUp()
        if not os.path.exists(LIBRARY):
            self.skipTest("no library in this build")
        self.rules()
        names = os.listdir(self.path("cache/vmascope"))
        self.assertEqual(len(names), 1)
        self.file = os.path.join(self.path("cache/vmascope"), names[0])

    def rules(self):
        done = self.record("-o", "t.vmt", "--", "sh", "-c", "echo $VMASCOPE_RULES")
        return done.stdout.decode().split()

    def test_kept_and_private(self):
        self.assertTrue(os.path.basename(self.file).startswith("rules-" + os.uname().release))
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        before = os.stat(self.file).st_mtime_ns
        self.assertTrue(self.rules())
        self.assertEqual(os.stat(self.file).st_mtime_ns, before)

    def test_hostile_cache_is_not_believed(self):
        right = self.rules()
        with open(self.file, "rb") as cache:
            good = cache.read()
        for bad in (b"", b"x" * 5000, good[:-1], good.replace(b"mseal", b"mseel"), good + b"x",
                    b"vmascope rules 1\n\n00000000\n", b"\0" * 100):
            with open(self.file, "wb") as cache:
                cache.write(bad)
            self.assertEqual(self.rules(), right, bad[:40])
            with open(self.file, "rb") as cache:
                self.assertEqual(cache.read(), good)

    def test_writable_by_others_is_not_believed(self):
        os.chmod(self.file, 0o666)
        self.rules()
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)

    def bare(self):
        """Where a program without the launcher has its rules from, and which they are."""
        environment = dict(self.environment, LD_PRELOAD=LIBRARY, VMASCOPE_OUT=self.path("bare.json"))
        subprocess.run(["/bin/true"], env=environment, cwd=self.folder.name, check=True)
        with open(self.path("bare.json"), encoding="utf-8") as report:
            process = json.load(report)["process"]
        os.unlink(self.path("bare.json"))
        return process["rules_source"], process["rules"]

    def test_without_the_launcher(self):
        self.assertEqual(self.bare(), ("experiment", self.rules()))
        with open(self.file, "rb+") as cache:
            cache.write(b"Vmascope")
        self.assertEqual(self.bare()[0], "release")
        self.rules()
        os.chmod(self.file, 0o666)
        self.assertEqual(self.bare()[0], "release")
        os.unlink(self.file)
        self.assertEqual(self.bare()[0], "release")

    def test_no_place_for_a_cache(self):
        environment = {key: value for key, value in self.environment.items() if key not in ("HOME", "XDG_CACHE_HOME")}
        self.assertEqual(self.record("-o", "t.vmt", "--", "true", env=environment).returncode, 0)


if __name__ == "__main__":
    main()
