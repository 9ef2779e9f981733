# SPDX-License-Identifier: MIT
"""Input that can't be read: exit status 2 and one line that says what, where and what to do."""
import os
import resource
import struct
import subprocess

from support import HEADER_SIZE, MAKE_TRACE, VMASCOPE, Case, case, main, run

VERSION_AT = 8


class Unreadable(Case):
    def refused(self, path, *parts):
        for command in (["check"], ["report"], ["report", "--json"], ["export", "--format=jsonl"], ["replay"]):
            done = run(*command, path)
            self.assertEqual(done.returncode, 2, command)
            self.assertEqual(done.stdout, b"", command)
            self.one_line(done, os.path.basename(path), *parts)

    def test_missing(self):
        self.refused(self.path("gone.vmt"), "No such file")

    def test_folder(self):
        self.refused(self.folder.name, "directory")

    def test_empty(self):
        self.refused(self.write("empty.vmt", b""), "is empty", "record again")

    def test_something_else(self):
        self.refused(self.write("text", b"#!/bin/sh\necho hello\n"), "is not a trace")
        self.refused(self.write("elf", b"\x7fELF" + bytes(9000)), "is not a trace")
        self.refused(self.write("zeros", bytes(9000)), "is not a trace")

    def test_cut_inside_the_header(self):
        self.refused(self.write("cut.vmt", self.trace()[:1000]), "cut off inside its header", "1000 of 4096")

    def test_newer_version(self):
        data = self.trace()
        struct.pack_into("<I", data, VERSION_AT, 99)
        self.refused(self.write("newer.vmt", data), "format version 99", "reads up to 3", "newer vmascope")

    def test_other_byte_order(self):
        data = self.trace()
        data[16:24] = data[16:24][::-1]
        self.refused(self.write("big.vmt", data), "header")

    def test_header_damaged(self):
        data = self.trace()
        data[60] ^= 0xff
        self.refused(self.write("damaged.vmt", data), "header")

    def test_name_with_control_characters_stays_one_line(self):
        done = run("check", self.path("new\nline\x1b[31m"))
        self.assertEqual(done.returncode, 2)
        self.one_line(done)
        self.assertNotIn(b"\x1b", done.stderr)


class Large(Case):
    """A file is read in parts, what is no trace's file as a whole: what is said of them is the same."""
    CALLS = 450000  # more than the parts that are in memory at a time hold; as JSON Lines more than is kept in memory

    def large(self):
        lines = self.lines("forms.jsonl")
        calls = [line for line in lines if "call" in line and "vmas" not in line]
        self.assertTrue(calls)
        grown = lines + calls * (self.CALLS // len(calls))
        path = self.path("large.vmt")
        subprocess.run([MAKE_TRACE, self.write_lines(grown, "large.jsonl"), path], check=True)
        self.assertGreater(os.path.getsize(path), 10 << 20)
        self.assertGreater(os.path.getsize(self.path("large.jsonl")), 64 << 20)
        return path

    def spooled(self, folder, limit=resource.RLIM_INFINITY):
        """A check of the JSON Lines with that folder for temporary files."""
        done = subprocess.run([VMASCOPE, "check", self.path("large.jsonl")], capture_output=True, check=False,
                              env=dict(os.environ, TMPDIR=folder),
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        return done.returncode, done.stdout, done.stderr

    def test_spooled(self):
        """The same wherever that is, and nothing is left there; where there is no room it says so."""
        self.large()
        folder = self.path("spool")
        os.mkdir(folder)
        said = self.spooled(folder)
        self.assertEqual(said, self.spooled(self.path("nowhere")))
        self.assertEqual(said[2], b"")
        status, text, complaint = self.spooled(folder, 1 << 20)
        self.assertEqual((status, text), (2, b""))
        self.assertRegex(complaint, rb"^vmascope: .*: no room for \d+ MiB of what is read: .*; set TMPDIR to a folder with more\n$")
        self.assertEqual(os.listdir(folder), [])

    def test_same_as_a_pipe(self):
        path = self.large()
        for command in (["check", "--json"], ["report", "--json"], ["report"], ["replay", "--maps"],
                        ["export", "--format=jsonl"], ["export", "--format=csv"], ["export", "--format=folded"]):
            with self.subTest(command[-1]), open(path, "rb") as trace:
                piped = run(*command, "-", input=trace.read())
                read = run(*command, path)
                self.assertEqual(read.returncode, piped.returncode)
                self.assertEqual(read.stdout.replace(path.encode(), b"-"), piped.stdout)


class CutOff(Case):
    """What a killed process leaves is readable."""

    def test_no_end(self):
        lines = [line for line in self.lines() if "end" not in line or "vmas" in line]
        lines = [line for line in lines if line.get("when") != "exit"]
        lines[0]["recorded"]["ended"] = "not"
        done = run("check", self.write_lines(lines))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"")
        self.assertIn(b"incomplete", done.stdout)

    def test_cut_in_the_middle_of_a_block(self):
        data = self.trace()
        for size in (HEADER_SIZE + 40, HEADER_SIZE + 41, HEADER_SIZE + 999, HEADER_SIZE + 3001):
            done = run("check", self.write("cut.vmt", data[:size]))
            self.assertIn(done.returncode, (0, 2), (size, done.stderr))
            self.assertLessEqual(done.stderr.count(b"\n"), 1)
            self.assertNotIn(b"Sanitizer", done.stderr)

    def test_bytes_changed_anywhere(self):
        good = self.trace()
        for at in range(HEADER_SIZE, len(good), 11):
            data = bytearray(good)
            data[at] ^= 0xff
            done = run("check", self.write("changed.vmt", data))
            self.assertIn(done.returncode, (0, 1, 2), (at, done.stderr))
            self.assertLessEqual(done.stderr.count(b"\n"), 1, (at, done.stderr))


class Usage(Case):
    def test_no_command(self):
        self.assertEqual(run().returncode, 2)

    def test_unknown_command(self):
        for name in ("nonsense", "wh", ""):
            done = run(name)
            self.assertEqual(done.returncode, 2)
            self.one_line(done, "unknown command")

    def test_unknown_option(self):
        for command in ("check", "report", "export", "replay", "kernel"):
            done = run(command, "--nonsense")
            self.assertEqual(done.returncode, 2)
            self.one_line(done, "--nonsense")

    def test_unknown_format(self):
        for name in ("xml", "pprof", ""):
            done = run("export", case("small.jsonl"), "--format=" + name)
            self.assertEqual(done.returncode, 2)
            self.one_line(done, name)

    def test_help_and_version(self):
        self.assertIn(b"vmascope ", run("--version").stdout)
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for command in ("record", "check", "report", "replay", "export", "kernel"):
            self.assertIn(command.encode(), done.stdout)
            one = run(command, "--help")
            self.assertEqual(one.returncode, 0)
            self.assertIn(b"Usage: vmascope " + command.encode(), one.stdout)
            self.assertEqual(one.stderr, b"")

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            for args in (["--help"], ["export", case("small.jsonl"), "--format=jsonl"], ["report", case("small.jsonl")]):
                import subprocess
                from support import VMASCOPE
                done = subprocess.run([VMASCOPE, *args], stdout=full, stderr=subprocess.PIPE, timeout=60)
                self.assertEqual(done.returncode, 2)
                self.one_line(done, "can't write")


if __name__ == "__main__":
    main()
