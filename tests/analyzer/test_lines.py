# SPDX-License-Identifier: MIT
"""JSON Lines: what is written can be read, and what is read is looked at closely."""
import json

from support import Case, case, main, run, schema, validate


class RoundTrip(Case):
    def test_export_read_export(self):
        for name in ("small.jsonl", "forms.jsonl"):
            self.trace(name)
            first = run("export", self.path("made.vmt"), "--format=jsonl")
            self.assertEqual(first.returncode, 0, first.stderr)
            second = run("export", self.write("first.jsonl", first.stdout), "--format=jsonl")
            self.assertEqual(first.stdout, second.stdout)
            with open(case(name), "rb") as golden:
                self.assertEqual(golden.read(), first.stdout)

    def test_same_report(self):
        self.trace()
        of_trace = run("check", self.path("made.vmt"), "--json")
        of_lines = run("check", case("small.jsonl"), "--json")
        self.assertEqual(of_trace.stdout, of_lines.stdout)

    def test_output_file(self):
        out = self.path("out.jsonl")
        done = run("export", case("small.jsonl"), "--format=jsonl", "-o", out)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        with open(out, "rb") as written, open(case("small.jsonl"), "rb") as golden:
            self.assertEqual(written.read(), golden.read())

    def test_stdin(self):
        with open(case("small.jsonl"), "rb") as golden:
            done = run("export", "-", "--format=jsonl", stdin=golden)
        self.assertEqual(done.returncode, 0)

    def test_schema(self):
        rule = schema("calls.schema.json")
        for name in ("small.jsonl", "forms.jsonl"):
            lines = self.lines(name)
            self.assertEqual(validate(lines[0], rule["$defs"]["header"], rule), [])
            for line in lines:
                self.assertEqual(validate(line, rule, rule), [])

    def test_blank_lines_and_spaces(self):
        text = "\n  \n" + "\r\n\n".join(json.dumps(line, indent=None) for line in self.lines()) + "\n\n"
        done = run("export", self.write("spaced.jsonl", text), "--format=jsonl")
        with open(case("small.jsonl"), "rb") as golden:
            self.assertEqual(golden.read(), done.stdout)


class Refused(Case):
    def refused(self, lines, number, *parts):
        done = run("check", self.write_lines(lines) if isinstance(lines, list) else self.write("bad.jsonl", lines))
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertEqual(done.stdout, b"")
        self.one_line(done, "line %d: " % number, *parts)

    def changed(self, number, **keys):
        lines = self.lines()
        lines[number - 1].update(keys)
        return lines

    def test_no_json(self):
        self.refused('{"kernel": ', 1, "no JSON")
        self.refused(json.dumps(self.lines()[0]) + "\n[1]\n", 2, "no JSON object")
        self.refused(json.dumps(self.lines()[0]) + "\n{} {}\n", 2, "no JSON")
        self.refused(json.dumps(self.lines()[0]) + '\n{"touch":"0x0","touch":"0x1000"}\n', 2, "no JSON")
        self.refused(json.dumps(self.lines()[0]) + "\n" + "[" * 100000 + "\n", 2, "no JSON")

    def test_no_header(self):
        self.refused(self.lines()[1:], 1, "no header", "kernel")
        self.refused(self.changed(1, page_size=65536), 1, "page_size")
        self.refused(self.changed(1, vmascope="calls/2"), 1, "calls/2", "calls/1")
        self.refused(self.changed(1, nonsense=1), 1, "nonsense")
        self.refused(self.changed(1, files=3), 1, "files")
        self.refused(self.changed(1, files=[3]), 1, "files")
        self.refused(self.changed(1, limits=[]), 1, "limits")
        self.refused(self.changed(1, process={"pid": "many"}), 1, "process")

    def test_calls(self):
        self.refused(self.changed(3, call="nonsense"), 3, "names no system call", "nonsense")
        self.refused(self.changed(3, call="syscall_"), 3, "names no system call")
        self.refused(self.changed(3, call="syscall_99999"), 3, "names no system call")
        self.refused(self.changed(3, call=9), 3, "names no system call")
        self.refused(self.changed(3, result="-ENONSENSE"), 3, "mmap", "result")
        self.refused(self.changed(3, result=None), 3, "mmap", "result")
        self.refused(self.changed(3, length=4096), 3, 'mmap has no "length"')
        self.refused(self.changed(3, prot=["read"]), 3, "mmap", "prot")
        self.refused(self.changed(3, flags="private"), 3, "mmap", "flags")
        self.refused(self.changed(3, file=-1), 3, "file")
        self.refused(self.changed(3, file=1 << 32), 3, "file")
        self.refused(self.changed(3, thread="one"), 3, "thread")
        self.refused(self.changed(3, more=["0x1"]), 3, "more")
        lines = self.lines()
        del lines[2]["result"]
        self.refused(lines, 3, 'no "result"')

    def test_touches(self):
        self.refused(self.changed(4, touch="here"), 4, "touch")
        self.refused(self.changed(4, len=1 << 60), 4, "touch")
        self.refused(self.changed(4, what=1), 4, "what")

    def test_touches_in_all(self):
        # A short line must not stand for a megabyte of records again and again; single pages are as many as lines.
        lines = self.lines()[:1]
        self.refused(lines + [{"touch": "0x400000", "len": 65536 << 12}] * 6, 6, "262144 pages in all")
        lines += [{"touch": hex(page << 12), "len": 4096} for page in range(300000)]
        self.assertEqual(run("export", self.write_lines(lines), "--format=jsonl").stdout.count(b"touch"), 300000)

    def test_snapshots(self):
        number = next(i + 1 for i, line in enumerate(self.lines()) if line.get("when") == "exit")
        vmas = self.lines()[number - 1]["vmas"]
        self.refused(self.changed(number, vmas=vmas[::-1]), number, "not above")
        self.refused(self.changed(number, vmas=[3]), number, "VMA")
        self.refused(self.changed(number, vmas=[dict(vmas[0], end="0x400001")]), number, "pages")
        self.refused(self.changed(number, vmas=[dict(vmas[0], perms="rwxp")]), number, "contradict")
        self.refused(self.changed(number, vmas=[dict(vmas[0], flags=["zz"])]), number, "flags")
        self.refused(self.changed(number, vmas=[dict(vmas[0], dev="1")]), number, "VMA")
        self.refused(self.changed(number, when="never"), number, "when")
        self.refused(self.changed(number, vmas=[dict(vmas[0], path="x" * 70000)]), number, "too long")

    def test_definitions(self):
        self.refused(self.changed(2, define="nothing"), 2, "define")
        self.refused(self.changed(2, id=0), 2, "id")
        self.refused(self.changed(2, frames=["0x1"] * 129), 2, "128")
        self.refused(self.changed(2, frames=["here"]), 2, "frame")

    def test_after_the_end(self):
        lines = self.lines()
        self.refused(lines + [lines[2]], len(lines) + 1, "follows the end")

    def test_unknown_line(self):
        self.refused(self.lines()[:2] + [{"hello": 1}], 3, "none of")


if __name__ == "__main__":
    main()
