# SPDX-License-Identifier: MIT
"""What the tests of the command share: paths, running it, and a small JSON Schema validator."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

VMASCOPE = os.environ["VMASCOPE"]
MAKE_TRACE = os.environ.get("MAKE_TRACE", "")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEADER_SIZE = 4096


def case(name):
    return os.path.join(HERE, "cases", name)


def run(*args, **kwargs):
    """Runs vmascope; stdout and stderr as bytes."""
    return subprocess.run([VMASCOPE, *args], capture_output=True, timeout=60, **kwargs)


def schema(name):
    with open(os.path.join(ROOT, "docs", name)) as text:
        return json.load(text)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="vmascope test ")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as out:
            out.write(data.encode() if isinstance(data, str) else data)
        return self.path(name)

    def trace(self, name="small.jsonl"):
        """The trace as a recorder writes it, of a case kept as JSON Lines; its bytes."""
        out = self.path("made.vmt")
        subprocess.run([MAKE_TRACE, case(name), out], check=True)
        with open(out, "rb") as made:
            return bytearray(made.read())

    def lines(self, name="small.jsonl"):
        with open(case(name)) as text:
            return [json.loads(line) for line in text]

    def write_lines(self, lines, name="changed.jsonl"):
        return self.write(name, "".join(json.dumps(line) + "\n" for line in lines))

    def one_line(self, done, *parts):
        """stderr is one line of ours with all @parts."""
        text = done.stderr.decode()
        self.assertEqual(text.count("\n"), 1, text)
        self.assertTrue(text.startswith("vmascope: "), text)
        for part in parts:
            self.assertIn(part, text)


TYPES = {
    "object": dict, "array": list, "string": str, "null": type(None), "boolean": bool, "integer": int,
}


def is_type(value, name):
    if name == "integer" and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[name])


def validate(value, rule, root, where="$"):
    """The errors of @value by @rule, a JSON Schema in the subset that ours are written in."""
    known = {"$schema", "$id", "$ref", "$defs", "title", "description", "type", "required", "properties", "items",
             "enum", "pattern", "minimum", "anyOf", "additionalProperties"}
    if set(rule) - known:
        return ["schema itself: %s at %s" % (set(rule) - known, where)]
    if "$ref" in rule:
        target = root
        for part in rule["$ref"].lstrip("#/").split("/"):
            target = target[part]
        return validate(value, target, root, where)
    if "anyOf" in rule and all(validate(value, each, root, where) for each in rule["anyOf"]):
        return ["%s: fits none of the forms: %.100s" % (where, value)]
    if "enum" in rule and value not in rule["enum"]:
        return ["%s: %r is not one of %s" % (where, value, rule["enum"])]
    names = rule.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(is_type(value, name) for name in names):
        return ["%s: %.60r is no %s" % (where, value, names)]
    if isinstance(value, str) and "pattern" in rule and not re.search(rule["pattern"], value):
        return ["%s: %r does not match %s" % (where, value, rule["pattern"])]
    if is_type(value, "integer") and value < rule.get("minimum", value):
        return ["%s: %r is too small" % (where, value)]
    return validate_parts(value, rule, root, where)


def validate_parts(value, rule, root, where):
    errors = []
    if isinstance(value, dict):
        errors += ["%s: no %s" % (where, key) for key in rule.get("required", []) if key not in value]
        for key, part in value.items():
            inner = rule.get("properties", {}).get(key, rule.get("additionalProperties"))
            if isinstance(inner, dict):
                errors += validate(part, inner, root, "%s.%s" % (where, key))
    if isinstance(value, list) and "items" in rule:
        for number, part in enumerate(value):
            errors += validate(part, rule["items"], root, "%s[%d]" % (where, number))
    return errors


def main():
    if not os.access(VMASCOPE, os.X_OK):
        print("no command at", VMASCOPE)
        sys.exit(77)
    unittest.main()
