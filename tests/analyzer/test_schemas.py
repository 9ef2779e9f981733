# SPDX-License-Identifier: MIT
"""What the commands answer with --json is what docs/*.schema.json say, and nothing that they don't tell of."""
import json

from support import Case, case, main, run, schema, validate


def undescribed(value, rule, root, where="$"):
    """Keys that no description names."""
    while "$ref" in rule:
        target = root
        for part in rule["$ref"].lstrip("#/").split("/"):
            target = target[part]
        rule = target
    if "anyOf" in rule:
        return min((undescribed(value, each, root, where) for each in rule["anyOf"] if not validate(value, each, root)), key=len)
    found = []
    if isinstance(value, dict):
        for key, part in value.items():
            inner = rule.get("properties", {}).get(key, rule.get("additionalProperties"))
            found += ["%s.%s" % (where, key)] if inner is None else undescribed(part, inner, root, "%s.%s" % (where, key))
    if isinstance(value, list):
        for part in value:
            found += undescribed(part, rule["items"], root, where + "[]") if "items" in rule else []
    return found


class Answers(Case):
    def setUp(self):
        super().setUp()
        self.traces = [case("small.jsonl"), case("forms.jsonl"), self.path("recorded.vmt")]
        done = run("record", "-o", self.traces[2], "--follow=off", "--", "/bin/sh", "-c", "ls /")
        self.assertEqual(done.returncode, 0, done)

    def answers(self, name, *command):
        done = run(*command)
        self.assertIn(done.returncode, (0, 1), done)
        rule = schema(name + ".schema.json")
        for line in done.stdout.splitlines() if name == "summary" else [done.stdout]:
            value = json.loads(line)
            self.assertEqual(validate(value, rule, rule), [], command)
            self.assertEqual(undescribed(value, rule, rule), [], command)
        return value

    def test_report(self):
        for trace in self.traces:
            self.answers("report", "report", trace, "--json")

    def test_why(self):
        events = set()
        for trace in self.traces:
            vmas = json.loads(run("report", trace, "--json").stdout)["vmas"]
            for vma in vmas[:12]:
                answer = self.answers("why", "why", trace, vma["start"], "--json")
                events |= {event["event"] for one in answer["addresses"] for event in one["history"]}
            self.answers("why", "why", trace, vmas[0]["start"], vmas[-1]["start"], "--json")
            self.answers("why", "why", trace, "0x1000", "--json")
        self.assertLessEqual({"mapped", "seen"}, events)

    def test_replay(self):
        for trace in self.traces:
            answer = self.answers("replay", "replay", trace, "--kernel=6.1,6.18", "--json")
            self.assertEqual(len(answer["lanes"]), 3)
            self.answers("replay", "replay", trace, "--without=guards", "--json")
            self.answers("ways", "replay", trace, "--unmap=both", "--json")
            self.answers("ways", "replay", trace, "--merge=cases", "--json")

    def test_diff(self):
        answer = self.answers("diff", "diff", self.traces[0], self.traces[2], "--json")
        self.assertTrue(answer["kinds"] and answer["calls"])

    def test_summary(self):
        self.answers("summary", "report", "--summary", *self.traces)
        lines = self.write("lines", run("report", "--summary", *self.traces).stdout)
        self.assertEqual(self.answers("summary", "merge", lines)["traces"], 3)
        self.assertEqual(self.answers("summary", "merge", self.write("none", ""))["traces"], 0)

    def test_kernel(self):
        self.assertTrue(self.answers("kernel", "kernel", "--json")["rules"])

    def test_a_wrong_answer_is_found(self):
        rule = schema("diff.schema.json")
        value = json.loads(run("diff", self.traces[0], self.traces[0], "--json").stdout)
        self.assertEqual(undescribed(dict(value, more=1), rule, rule), ["$.more"])
        self.assertTrue(validate(dict(value, sites=[{"name": "x", "first": -1, "second": 0}]), rule, rule))
        del value["first"]["peak"]
        self.assertTrue(validate(value, rule, rule))


if __name__ == "__main__":
    main()
