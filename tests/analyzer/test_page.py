# SPDX-License-Identifier: MIT
"""report --html: the page is drawn, answers clicks, has no script error, and shows hostile names as text."""
import html
import json
import os
import re
import shutil
import subprocess
import sys

from support import VMASCOPE, Case, case, main, run
from test_answers import SITUATIONS, Situation

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Stands before the page's own script: errors are caught from the beginning.
BEFORE = """<script>window.errors = []; addEventListener("error", event => errors.push(event.message));
addEventListener("securitypolicyviolation", event => errors.push("policy: " + event.violatedDirective));
window.owned = false;</script>"""

# Behind it: a visitor. What was seen is left in the document.
AFTER = """<script>
const seen = {}, at = (canvas, type, x, y, more) => canvas.dispatchEvent(new (type === "wheel" ? WheelEvent : type === "click" ? MouseEvent : PointerEvent)(type,
	Object.assign({ bubbles: true, cancelable: true, clientX: canvas.getBoundingClientRect().left + 1 + x, clientY: canvas.getBoundingClientRect().top + 1 + y, pointerId: 1 }, more)));
HTMLElement.prototype.setPointerCapture = () => {};
const colours = canvas => new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
const show = id => byId(id).textContent;
const pressed = (canvas, x, to, y) => { at(canvas, "pointerdown", x, y); at(canvas, "pointerup", to, y); };
try {
	seen.title = show("title"); seen.answer = show("answer");
	seen.drawn = ["counts", "map", "flame"].map(id => colours(byId(id)));
	seen.whole = show("range");
	pressed(byId("counts"), 700, byId("counts").clientWidth - 2, 100);
	seen.zoomed = show("range");
	at(byId("counts"), "wheel", 1000, 100, { deltaY: -1 });
	seen.wheeled = show("range");
	byId("whole").click();
	seen.again = show("range");
	at(byId("counts"), "pointermove", 300, 100); seen.tip = show("tip");
	seen.step = show("step");
	byId("when").value = 0; byId("when").dispatchEvent(new Event("input"));
	seen.begin = show("step"); seen.vmasBegin = sorted.length;
	byId("when").value = byId("when").max; byId("when").dispatchEvent(new Event("input"));
	seen.end = show("step"); seen.vmasEnd = sorted.length;
	seen.sorted = sorted.every((vma, i) => !i || sorted[i - 1].start + sorted[i - 1].pages <= vma.start);
	at(byId("map"), "click", boxes[3].x + 1, boxes[3].y + 1); seen.picked = show("picked");
	seen.flameRoot = flame.name;
	const inner = frames.find(frame => frame.depth === 2);
	at(byId("flame"), "click", inner.x + 2, inner.depth * 17 + 5);
	seen.flameIn = flame.name; seen.flameInner = inner.node.name;
	document.querySelector("input[value=calls]").click(); seen.flameCalls = flame.count;
	byId("search").value = SEARCHED; byId("search").dispatchEvent(new Event("input"));
	seen.found = show("found");
	byId("search").value = hex(sorted[2].start); byId("search").dispatchEvent(new Event("input"));
	seen.foundAddress = show("found"); seen.pickedByAddress = show("picked");
	seen.rows = [...document.querySelectorAll("td")].map(cell => cell.textContent);
	seen.elements = document.querySelectorAll("img, b, iframe, object, link").length;
} catch (error) { errors.push(String(error.stack)); }
seen.errors = errors; seen.owned = window.owned;
const out = document.createElement("pre"); out.id = "seen"; out.textContent = "SEEN" + JSON.stringify(seen) + "NEES";
document.body.appendChild(out);
</script>"""


class Browser(Situation):
    def visit(self, trace, searched=""):
        """What a visitor sees."""
        page = self.path("page.html")
        done = run("report", "--html=" + page, trace)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        with open(page, encoding="utf-8") as text:
            text = text.read()
        own = re.sub(r'(?s)<script id="data".*?</script>', "", text)
        self.assertNotRegex(own, r"(?i)(src|href)\s*=|https?:|@import|@DATA@")
        text = text.replace("<title>", BEFORE + "<title>", 1).replace("</body>", AFTER + "</body>")
        text = text.replace("SEARCHED", json.dumps(searched), 1)
        self.write("visited.html", text)
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                               "--user-data-dir=" + self.path("profile"), "--window-size=1200,900", "--virtual-time-budget=20000",
                               "--dump-dom", "file://" + self.path("visited.html").replace(" ", "%20")],
                              capture_output=True, timeout=600)
        found = re.search(r"SEEN(\{.*\})NEES", done.stdout.decode(), re.S)
        self.assertTrue(found, done.stderr.decode()[-2000:])
        seen = json.loads(html.unescape(found[1]))
        self.assertEqual(seen["errors"], [])
        return seen

    def test_drawn_and_clicked(self):
        trace = self.record("mlocks", "300")
        seen = self.visit(trace, "lock_page")
        self.assertIn("situations, process ", seen["title"])
        self.assertIn("lock_page", seen["answer"])
        self.assertTrue(all(colours > 2 for colours in seen["drawn"]), seen["drawn"])
        self.assertEqual((seen["whole"], seen["again"]), ("calls 0 to 301", "calls 0 to 301"))
        self.assertNotIn(seen["zoomed"], (seen["whole"], seen["wheeled"]))
        self.assertRegex(seen["tip"], r"call \d+, [\d.]+ s: \d+ VMAs")
        report = json.loads(run("report", "--json", trace).stdout)
        self.assertEqual(seen["vmasEnd"], report["limits"]["now"])
        self.assertEqual(seen["vmasBegin"], report["growth"][0]["vmas"])
        self.assertTrue(seen["sorted"])
        self.assertRegex(seen["picked"], r"^0x[0-9a-f]+-0x[0-9a-f]+ [r-][w-][x-][ps]")
        self.assertEqual(seen["flameRoot"], "all")
        self.assertEqual(seen["flameIn"], seen["flameInner"])
        self.assertEqual(seen["flameCalls"], 301)
        self.assertRegex(seen["found"], r"^599 VMAs on the map, [1-9]\d* rows$")
        self.assertRegex(seen["foundAddress"], r"^1 VMAs on the map")
        self.assertIn(report["vmas"][2]["start"], seen["pickedByAddress"])

    def test_hostile_names(self):
        name = "</script><script>owned=true</script><img src=x onerror=owned=true><b>&amp;'\"`${owned=1}\\u003c\u2028"
        lines = self.lines()
        lines[0]["process"]["exe"] = "/bin/" + name
        for line in lines:
            if line.get("define") == "file":
                line["path"] = "/lib/" + name
        seen = self.visit(self.write_lines(lines))
        self.assertFalse(seen["owned"])
        self.assertEqual(seen["elements"], 0)
        self.assertIn("</script><script>owned=true</script><img src=x onerror=owned=true><b>", seen["title"])

    def test_nothing_recorded(self):
        lines = [line for line in self.lines() if "call" not in line and "touch" not in line]
        lines = lines[:1] + [{"end": "exit", "status": 0, "calls": 0, "lost": 0, "why": ""}]
        done = run("report", "--html=" + self.path("page.html"), self.write_lines(lines))
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_many_calls(self):
        """A quarter of a million of calls are drawn; the page stays small."""
        header, base = self.lines()[0], 0x7f0000000000
        header["vmas"], calls = [], 250000
        with open(self.path("many.jsonl"), "w") as out:
            out.write(json.dumps(header) + "\n" + json.dumps({"define": "stack", "id": 1, "frames": ["0x400123"]}) + "\n")
            for i in range(calls):
                page = base + (i // 2 % 5000) * 8192
                call = {"addr": hex(page), "len": 4096, "stack": 1, "time": i * 1000, "thread": 1}
                if i & 1 and i // 2 % 3:
                    call.update(call="munmap", result=0)
                else:
                    call.update(call="mmap", prot=["r"], flags=["private", "anonymous", "fixed"], fd=-1, result=hex(page))
                out.write(json.dumps(call) + "\n")
            out.write(json.dumps({"end": "exit", "status": 0, "calls": calls, "lost": 0, "why": ""}) + "\n")
        seen = self.visit(self.path("many.jsonl"))
        self.assertEqual(seen["whole"], "calls 0 to %d" % calls)
        self.assertLess(os.path.getsize(self.path("page.html")), 20 << 20)

    def test_refused(self):
        for args in ([case("small.jsonl"), case("small.jsonl")], ["--json", case("small.jsonl")], [self.path("gone")]):
            done = run("report", "--html=" + self.path("page.html"), *args)
            self.assertEqual((done.returncode, done.stdout), (2, b""), args)
            self.one_line(done)
        done = run("report", "--html=/nowhere/page.html", case("small.jsonl"))
        self.assertEqual(done.returncode, 2)
        self.one_line(done, "/nowhere/page.html")


if __name__ == "__main__":
    if not CHROMIUM:
        print("no chromium here")
        sys.exit(77)
    main()
