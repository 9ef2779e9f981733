# SPDX-License-Identifier: MIT
"""Manual pages and completion say what --help says; each page is clean to groff."""
import os
import re
import shutil
import subprocess
import unittest

from support import ROOT, VMASCOPE, Case, main, run

MAN = os.path.join(ROOT, "docs", "man")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?![\w])")


def commands():
    return re.findall(r"(?m)^  ([a-z][a-z-]*)  ", run("--help").stdout.decode())


def plain(text):
    return text.replace("\\-", "-").replace("\\&", "").replace("\\fR", "").replace("\\fB", "").replace("\\fI", "")


class Pages(Case):
    def pages(self):
        return sorted(name for name in os.listdir(MAN))

    def read(self, name):
        with open(os.path.join(MAN, name)) as page:
            return page.read()

    def test_a_page_for_each_command(self):
        wanted = sorted(["vmascope.1", "vmascope-trace.5"] + ["vmascope-%s.1" % command for command in commands()])
        self.assertEqual(self.pages(), wanted)

    @unittest.skipUnless(shutil.which("groff"), "no groff here")
    def test_clean(self):
        for name in self.pages():
            done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", os.path.join(MAN, name)], capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, b""), name)

    def test_ascii_and_sections(self):
        for name in self.pages():
            page = self.read(name)
            self.assertTrue(page.isascii(), name)
            for section in ("NAME", "DESCRIPTION", "SEE ALSO"):
                self.assertIn("\n.SH %s\n" % section, page, name)

    def test_options_are_the_same(self):
        for command in commands():
            says = run(command, "--help").stdout.decode()
            known = {option for option in OPTION.findall(says)} | {"--help"}
            page = plain(self.read("vmascope-%s.1" % command))
            told = set(re.findall(r'(?m)^\.B "(--?[a-z][a-z-]*)', page))
            listed = set(re.findall(r"(?m)^  (--?[a-z][a-z-]*)", says)) | {"--help"}
            self.assertEqual(told, listed, command)
            body = page.split(".SH EXAMPLES")[0]
            self.assertLessEqual(set(OPTION.findall(body.split(".SH OPTIONS")[1])) - known, set(), command)

    def test_other_pages_exist(self):
        for name in self.pages():
            for other, section in re.findall(r"(?m)^\.BR (vmascope\S*) \((\d)\)", self.read(name)):
                self.assertIn("%s.%s" % (other.replace("\\-", "-"), section), self.pages(), name)


class Completion(Case):
    def complete(self, *words):
        script = os.path.join(ROOT, "analyzer", "completion", "vmascope.bash")
        code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vmascope; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", code, "bash", script, VMASCOPE, *words], capture_output=True, cwd=self.folder.name)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode().split()

    def test_commands(self):
        self.assertEqual(sorted(self.complete("")), sorted(commands() + ["--help", "--version"]))
        self.assertEqual(sorted(self.complete("rep")), ["replay", "report"])

    def test_options(self):
        for command in commands():
            listed = set(re.findall(r"(?m)^  (--[a-z][a-z-]*)", run(command, "--help").stdout.decode()))
            self.assertLessEqual(listed, {word.rstrip("=") for word in self.complete(command, "--")}, command)

    def test_values(self):
        self.assertEqual(self.complete("export", "--format", "=", "s"), ["sqlite"])
        self.assertEqual(self.complete("export", "--of", "="), ["calls", "vmas", "bytes"])
        self.assertEqual(self.complete("record", "--check", "=", "o"), ["off"])

    def test_files(self):
        self.write("some.vmt", b"")
        self.assertEqual(self.complete("report", "so"), ["some.vmt"])
        self.assertEqual(self.complete("report", "--html", "=", "so"), ["some.vmt"])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh here")
    def test_zsh_reads_it(self):
        done = subprocess.run(["zsh", "-n", os.path.join(ROOT, "analyzer", "completion", "_vmascope")], capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    main()
