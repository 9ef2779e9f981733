# SPDX-License-Identifier: MIT
"""What a suite is: units, each a command that runs some tests, and how their results are read."""
import re

PASSED = ("ok", "skipped", "expected failure")  # how results begin that are no failures


class Unit:
    """A command; `results` reads {test: result} from what it wrote to stdout and stderr and its exit status."""

    def __init__(self, label, command, results, folder="", merged=False, environment=None):
        self.label, self.command, self.results, self.folder = label, command, results, folder
        self.merged, self.environment = merged, environment or {}


class Suite:
    """Of a family (python, perl, …) the suite `name`."""
    limit = 1200  # seconds for a unit
    has_tests = True

    def __init__(self, name, arguments):
        self.name, self.arguments = name, arguments

    def prepare(self):
        """Raises fetch.Missing where it can't be run."""

    def tree(self):
        """A folder that is copied for each run, or None: an empty one."""
        return None

    def units(self):
        raise NotImplementedError


def no_results(_stdout, _stderr, _status):
    return {}


TAP = re.compile(r"^(not )?ok\b *(\d*)(.*)$")


def tap_results(stdout, _stderr, _status):
    """Test Anything Protocol. A number may come more than once: forked children count on."""
    results, times = {}, {}
    for line in stdout.split("\n"):
        match = TAP.match(line)
        if not match:
            continue
        number = match.group(2) or "-"
        times[number] = times.get(number, 0) + 1
        directive = re.search(r"# *(skip|todo)\b", match.group(3), re.IGNORECASE)
        result = "not ok" if match.group(1) else "ok"
        if directive:
            result = "skipped" if directive.group(1).lower() == "skip" else "todo " + result
        results["%s.%d" % (number, times[number]) if times[number] > 1 else number] = result
    return results
