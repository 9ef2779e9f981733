#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's tests, natively and under the recorder, compared test by test.

  tests/suites.py [--build build/release] [--python PYTHON] [--capture full] [--seconds N] [NAME…]

NAME is FAMILY:SUITE, or FAMILY for all of them: python (CPython's own tests, by module), perl, ruby and bash (theirs, from
the distribution's source packages, fetched once to ~/.cache/vmascope-suites), sqlite, stress (stress-ng, --seconds each).
Without names all of them. What differs is run again, natively and traced: a test differs when it never came out the same,
and is unsteady when it did. Exit status 1 when a test differs, a verdict is "differ" or something happened outside of
recorded calls; 77 when nothing could be tried."""
import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "suites"))
import bash  # noqa: E402
import fetch  # noqa: E402
import perl  # noqa: E402
import python  # noqa: E402
import ruby  # noqa: E402
import sqlite  # noqa: E402
import stress  # noqa: E402
from running import Place, Reports  # noqa: E402
from suite import PASSED  # noqa: E402

FAMILIES = {"python": (python.Python, python.MODULES), "perl": (perl.Perl, perl.SUITES), "ruby": (ruby.Ruby, ruby.FILES),
            "bash": (bash.Bash, ["scripts"]), "sqlite": (sqlite.Sqlite, sqlite.SUITES),
            "stress": (stress.Stress, stress.STRESSORS)}
TRIES = 3
# What a traced program can see, and why its test comes out otherwise.
KNOWN = {
    "python:subprocess": {
        "test_pass_fds_redirected (test.test_subprocess.POSIXProcessTestCase.test_pass_fds_redirected)":
            "counts the descriptors of a traced child: six of them are the recorder's",
    },
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(HERE, "../build/release"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--capture", default="full")
    parser.add_argument("--seconds", type=int, default=60, help="for each stressor")
    parser.add_argument("--timeout", type=int, help="seconds for each command of a suite; the suite knows a fitting one")
    parser.add_argument("--only", default="", help="of a suite's commands those whose name contains this")
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def wanted(names):
    """(family, suite) for each name; a name without a family is a module of CPython's."""
    for name in names or FAMILIES:
        family, _, suite = name.partition(":")
        if suite:
            yield family, suite
        elif family in FAMILIES:
            yield from ((family, each) for each in FAMILIES[family][1])
        else:
            yield "python", name


class Comparison:
    """A suite's results, natively and traced: lists, as what differs is tried more than once."""

    def __init__(self, suite, library, capture):
        self.suite = suite
        self.native, self.traced, self.reports = {}, {}, Reports()
        self.output = {"native": "", "traced": ""}
        self.environment = {"LD_PRELOAD": library, "VMASCOPE_CAPTURE": capture}

    def run(self):
        native, traced = Place(self.suite, {}), Place(self.suite, self.environment)
        for unit in self.suite.units():
            if self.suite.arguments.only not in unit.label:
                continue
            tests = set()
            for _ in range(TRIES):
                tests |= self.once(native, unit, self.native, "native") | self.once(traced, unit, self.traced, "traced")
                if not any(self.differs(test) for test in tests):
                    break
        native.forget()
        traced.forget()

    def once(self, place, unit, lists, which):
        results, output = place.run(unit, self.reports)
        self.output[which] += output
        for test, result in results.items():
            lists.setdefault(test, []).append(result)
        return set(results)

    def differs(self, test):
        return not set(self.native.get(test, ["missing"])) & set(self.traced.get(test, ["missing"]))

    def differing(self):
        return sorted(test for test in set(self.native) | set(self.traced) if self.differs(test))

    def unsteady(self):
        return sorted(test for test in set(self.native) & set(self.traced)
                      if not self.differs(test) and len(set(self.native[test] + self.traced[test])) > 1)

    def tests(self):
        return [test for test in self.native if not test.endswith("exit status")]

    def passed(self):
        return sum(self.native[test][0].startswith(PASSED) for test in self.tests())


def told(counter):
    return " ".join("%s %d" % item for item in sorted(counter.items()) if item[1])


def show_tests(kind, comparison, tests):
    for test in tests[:20]:
        print("    %s: %s: natively %s, traced %s" % (kind, test, ", ".join(comparison.native.get(test, ["missing"])),
                                                      ", ".join(comparison.traced.get(test, ["missing"]))))
    if len(tests) > 20:
        print("    %s: %d more" % (kind, len(tests) - 20))


def show(name, comparison):
    """Whether all is the same."""
    reports, known = comparison.reports, KNOWN.get(name, {})
    differing = [test for test in comparison.differing() if test not in known]
    if known and differing == ["exit status"]:
        differing = []
    unsteady = comparison.unsteady()
    print("%-28s tests %d, passed %d, differing %d, unsteady %d; processes: %s; %s" %
          (name, len(comparison.tests()), comparison.passed(), len(differing), len(unsteady), told(reports.verdicts),
           told(reports.sums)))
    for test in comparison.differing():
        if test in known:
            print("    known: %s: %s" % (test.split(" ")[0], known[test]))
    show_tests("differs", comparison, differing)
    show_tests("unsteady", comparison, unsteady)
    for reason, times in reports.reasons.most_common(5):
        print("    incomplete, %d times: %s" % (times, reason))
    for kept in reports.odd[:5]:
        print("    report kept: " + kept)
    sys.stdout.flush()
    if comparison.suite.has_tests and not comparison.tests():
        print("    no results: its output is not understood")
        return False
    return not differing and not reports.odd


def keep_output(name, comparison):
    for which, output in comparison.output.items():
        path = os.path.join(tempfile.gettempdir(), "vmascope-suite.%s.%s" % (name.replace(":", "."), which))
        with open(path, "w", encoding="utf-8") as file:
            file.write(output)


def main():
    arguments = parse_arguments()
    library = os.path.join(os.path.abspath(arguments.build), "lib/vmascope/libvmascope.so")
    if not os.path.exists(library):
        sys.exit("suites.py: no " + library)
    good, tried = True, 0
    for family, name in wanted(arguments.names):
        suite, name = FAMILIES[family][0](name, arguments), family + ":" + name
        try:
            suite.prepare()
        except fetch.Missing as why:
            print("%-28s not tried: %s" % (name, why), flush=True)
            continue
        tried += 1
        comparison = Comparison(suite, library, arguments.capture)
        comparison.run()
        if not show(name, comparison):
            good = False
            keep_output(name, comparison)
    return 77 if not tried else 0 if good else 1


sys.exit(main())
